"""In CI a test that skips has failed, unless its reason is one that a machine may have.

A skip for lack of data or of an oracle would let a clone look green that has proved nothing; ``.ci/run`` installs what
can be installed. Loaded by ``tests/conftest.py``; does something only where ``CI`` is set. The mark of what takes
minutes, and so is left to ``make matrix``, is told here as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final, TypeVar

import pytest

T = TypeVar("T")

_BY_NIGHT: Final = "asked for by KENSHIN_MATRIX"
BY_NIGHT: Final = pytest.mark.skipif("KENSHIN_MATRIX" not in os.environ, reason=_BY_NIGHT)
"""Whole plans and long waits of which `.ci/run` sees a smaller one, too: `make matrix` (docs/guides/night.md)."""
ELSEWHERE: Final = "run on the first Python already"
ONCE: Final = pytest.mark.once
"""Whole runs and captures judged anew, twins and waits for wall time, comparisons with tshark: `.ci/run` has them on
one Python, and measures no coverage of them (`tests.once`). What they rest on has tests that each Python runs."""

ALLOWED: Final = (
    r"no Python 3\.1\d here",
    r"(no|the system has no) /dev/full.*",
    r"no build of a real stack here.*",
    r"no file system can be mounted here",
    _BY_NIGHT,
    ELSEWHERE,
)
"""Reasons, as whole regular expressions: what no package of the system brings."""


def slow_but(quick: Iterable[T], values: Iterable[T]) -> list[T | pytest.ParameterSet]:
    """The values of a test's parameter, of which all but the ``quick`` ones are left out by `make test`."""
    at_once = list(quick)
    return [value if value in at_once else pytest.param(value, marks=pytest.mark.slow) for value in values]


class NoSilentSkips:
    """Collects skips that are not allowed, and ends the session with 1 where there were any."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._look(report.nodeid, report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look(report.nodeid, report)

    def _look(self, nodeid: str, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if not any(re.fullmatch(allowed, reason) for allowed in ALLOWED):
            self.found.append(f"{nodeid}: {reason}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.found and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.found:
            terminalreporter.section("skips that CI does not allow (tests/skips.py)")
            for line in self.found:
                terminalreporter.write_line(line)
