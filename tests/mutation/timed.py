"""``pytest`` that tells coverage which case of which test runs, and writes how many processor seconds each took, and
which failed; started by `selection`.

Coverage could find the test by itself, but takes what hypothesis calls for one, and knows neither classes nor cases.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest


class Timed:
    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.failing: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if (measuring := coverage.Coverage.current()) is not None:
            measuring.switch_context(item.nodeid)
        began_s = time.process_time()
        result = yield
        self.seconds[item.nodeid] += time.process_time() - began_s  # type: ignore[assignment]
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failing.add(report.nodeid)


if __name__ == "__main__":
    timed = Timed()
    code = pytest.main(["-q", *sys.argv[2:]], plugins=[timed])
    Path(sys.argv[1]).write_text(
        json.dumps({"seconds": timed.seconds, "failing": sorted(timed.failing)}), encoding="utf-8"
    )
    sys.exit(code)
