"""pytest plugin that turns a run into ``report.html`` and fills ``junit.xml``: load it with ``-p reports.plugin``.

The plan's fixtures fill two stashes, this module only reads them::

    config.stash[VERDICTS_KEY] = RunReport(...)         # any time before the session ends
    item.stash[ITEM_VERDICTS_KEY] = [verdict, ...]      # in the test's call phase
"""

from __future__ import annotations

import pytest

from bench.records import Verdict
from reports.model import RunReport

VERDICTS_KEY: pytest.StashKey[RunReport] = pytest.StashKey()
"""On ``config.stash``: what the top of the report shows."""

ITEM_VERDICTS_KEY: pytest.StashKey[list[Verdict]] = pytest.StashKey()
"""On ``item.stash``: the verdicts that this test gave."""
