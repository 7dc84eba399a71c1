"""pytest plugin that turns a run into ``report.html`` and fills ``junit.xml``: load it with ``-p reports.plugin``.

The plan's fixtures fill two stashes, this module only reads them::

    config.stash[VERDICTS_KEY] = RunReport(...)         # any time before pytest's session finish
    item.stash[ITEM_VERDICTS_KEY] = [verdict, ...]      # in the test's call phase

pytest-html asks for the summary in a ``sessionfinish`` that is ``trylast``, so filling the stash in any ordinary
``sessionfinish`` is in time. Without ``--html`` only the JUnit properties are written.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from time import time_ns
from typing import Any

import attrs
import pytest

from bench.judge.findings import MISSED, explained
from bench.records import Verdict
from bench.streams import readable
from reports import figures, html
from reports.glossary import term
from reports.model import RunReport
from reports.plots import plot_for

VERDICTS_KEY: pytest.StashKey[RunReport] = pytest.StashKey()
"""On ``config.stash``: what the top of the report shows."""

ITEM_VERDICTS_KEY: pytest.StashKey[list[Verdict]] = pytest.StashKey()
"""On ``item.stash``: the verdicts that this test gave."""

_DRAWN: pytest.StashKey[dict[int, tuple[Verdict, str | None]]] = pytest.StashKey()
"""On ``config.stash``: plots by identity of their verdict, which is kept alive with them."""


def junit_properties(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """``<property>`` pairs of one test: ``("verdict.join-time.t1", "PASS; 34.21 s ± 0.58 s (k = 2); limit 90 s")``."""
    pairs = []
    for verdict in verdicts:
        figure = f"{figures.verdict_value(verdict)} {figures.uncertainty(verdict)}".rstrip()
        parts = [verdict.outcome.value, figure]
        if verdict.limit is not None:
            parts.append(f"limit {figures.verdict_limit(verdict)}")
        if verdict.outcome in MISSED or figures.is_by_document(verdict):
            parts.append(explained(verdict))
        if verdict.deviation is not None:
            parts.append(f"DEVIATION {verdict.deviation}")
        pairs.append((f"verdict.{verdict.requirement}.{verdict.subject}", "; ".join(parts)))
    return pairs


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Give the call report its verdicts: JUnit properties, plots as extras, and the list for the result table."""
    if call.when == "call":
        item.user_properties += junit_properties(_verdicts(item))
    report: Any = yield
    if report.when == "call":
        verdicts = _verdicts(item)
        report.verdict_cell = html.verdict_cell(verdicts)
        report.extras = [*getattr(report, "extras", []), *_plot_extras(item.config, verdicts)]
        if report.skipped and verdicts:  # JUnit shows where: the test, and no folder of a machine
            file, line, _name = item.location
            report.longrepr = (file, (line or 0) + 1, report.longrepr[2])
    return report


def _verdicts(item: pytest.Item) -> list[Verdict]:
    empty: list[Verdict] = []
    return item.stash.get(ITEM_VERDICTS_KEY, empty)


def _plot_extras(config: pytest.Config, verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    if not config.getoption("htmlpath", None):
        return []
    from pytest_html import extras

    figures_of = ((verdict, _draw(config, verdict)) for verdict in verdicts)
    return [extras.html(html.figure(verdict, svg)) for verdict, svg in figures_of if svg]


def _draw(config: pytest.Config, verdict: Verdict) -> str | None:
    """The plot of a verdict, drawn once although it stands at its requirement and at its test."""
    drawn = config.stash.setdefault(_DRAWN, {})
    if id(verdict) not in drawn:
        drawn[id(verdict)] = (verdict, plot_for(verdict))
    return drawn[id(verdict)][1]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Before pytest-html fills its page in: see `_Page`."""
    for one in session.config.pluginmanager.get_plugins():
        if type(one).__module__.startswith("pytest_html") and hasattr(one, "_template"):
            one._template = _Page(one._template)


@attrs.frozen(slots=True)
class _Page:
    """Pytest-html's template. It tells the date by the zone of the session, which it does not name, where all else in
    the report is JST; and a file in UTF-8 takes no name that is none."""

    template: Any

    def render(self, **values: Any) -> str:
        date, time = figures.jst(time_ns()).split(" ", 1)
        return readable(self.template.render(**{**values, "date": date, "time": time}))


@pytest.hookimpl(optionalhook=True)
def pytest_html_report_title(report: Any) -> None:
    """共同検針 ... instead of the file's name."""
    report.title = f"共同検針 {term('report').ja} · Joint meter reading: {term('report').en.lower()}"


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(
    prefix: list[str], summary: list[str], postfix: list[str], session: pytest.Session
) -> None:
    """Put the clause table on top."""
    if report := session.config.stash.get(VERDICTS_KEY, None):
        summary.append(html.summary(report, lambda verdict: _draw(session.config, verdict)))


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_header(cells: list[str]) -> None:
    """A sortable Verdict column after Result (the same number of cells in header and row)."""
    cells.insert(1, f'<th class="sortable" data-column-type="verdict">{term("verdict")}</th>')


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_row(report: Any, cells: list[str]) -> None:
    """The worst verdict of the test; an empty cell for set-up, tear-down and tests that judge nothing."""
    cells.insert(1, getattr(report, "verdict_cell", html.verdict_cell([])))
