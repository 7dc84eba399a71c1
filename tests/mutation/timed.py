"""``pytest`` that writes how long each test function took, all its cases together, and which failed; started by
`selection`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest


class Timed:
    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.failing: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid.partition("[")[0]
        self.seconds[test] += report.duration  # type: ignore[assignment]
        if report.failed:
            self.failing.add(test)


if __name__ == "__main__":
    timed = Timed()
    code = pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[2:]], plugins=[timed])
    Path(sys.argv[1]).write_text(
        json.dumps({"seconds": timed.seconds, "failing": sorted(timed.failing)}), encoding="utf-8"
    )
    sys.exit(code)
