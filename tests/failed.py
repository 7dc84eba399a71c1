"""Which tests failed, one id a line, so that ``.ci/run`` can run those again alone: ``pytest @FILE``.

Many tests watch wall time and signals, and beside others on two cores one may miss its moment; alone it must pass. The
file is named by ``KENSHIN_FAILED``; it is written anew by each session, and empty where nothing failed.
"""

from __future__ import annotations

from pathlib import Path

import pytest


class Failed:
    """Keeps the ids of what failed, in the order in which it did, and writes them to ``path`` at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._ids[report.nodeid] = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._ids[report.nodeid] = None

    def pytest_sessionfinish(self) -> None:
        self._path.write_text("".join(f"{one}\n" for one in self._ids), encoding="utf-8")
