"""The sample run for every test of the reports."""

from __future__ import annotations

import pytest

from reports.model import RunReport
from tests.reports.report_sample import report


@pytest.fixture
def sample() -> RunReport:
    return report()
