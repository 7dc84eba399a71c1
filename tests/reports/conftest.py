"""The sample run for every test of the reports."""

from __future__ import annotations

import pytest
from report_sample import report

from reports.model import RunReport


@pytest.fixture
def sample() -> RunReport:
    return report()
