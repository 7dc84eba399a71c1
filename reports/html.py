"""The pieces of ``report.html``: clause table, list of what was not judged, facts of the run, and their style.

Pure functions from :class:`reports.model.RunReport` to HTML text; every value is escaped here and nowhere else.
``reports.plugin`` hands them to pytest-html.
"""

from __future__ import annotations

from bench.records import Verdict
from reports.model import RunReport


def summary(report: RunReport) -> str:
    """The whole top of the report: style, verdict in one line, clause table, not judged, facts."""
    raise NotImplementedError


def clause_table(report: RunReport) -> str:
    """One block per judged requirement, in catalogue order; within it one row per verdict."""
    raise NotImplementedError


def verdict_cell(verdicts: tuple[Verdict, ...]) -> str:
    """The cell of pytest-html's result table: the worst verdict word of one test, coloured."""
    raise NotImplementedError
