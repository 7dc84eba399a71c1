"""Which cases run which line of the code, and how long each takes: asked of one run of them under coverage.

A mutant is shown those alone that run its line, the quick ones first. A constant of a module is run by none when it is
imported; it is shown all that run anything of its module.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from tests.places import ROOT

TESTS: Final = ("tests/judge", "tests/measurands", "tests/corpus", "tests/evidence/test_golden_runs.py")
_SETTINGS: Final = """\
[run]
source = {rooms}
relative_files = true
"""


@attrs.frozen(slots=True)
class Selection:
    """Ids of cases (``tests/judge/test_judge.py::test_x[1]``) by file and line, and their processor seconds."""

    by_line: Mapping[str, Mapping[int, Sequence[str]]]
    seconds: Mapping[str, float]
    failing: Sequence[str] = ()
    """Those that fail without any mutant: they are shown none."""

    def of(self, path: Path, line: int, function: str) -> list[str]:
        """Those that could notice a change there, the quickest first."""
        lines = self.by_line.get(path.as_posix(), {})
        found = set(lines.get(line, ()))
        if not function:
            found = {test for tests in lines.values() for test in tests}
        return sorted(found, key=lambda test: (self.seconds.get(test, 0.0), test))


def measured(rooms: Sequence[str], folder: Path) -> Selection:
    """Run the tests once and ask. RuntimeError where they could not be run."""
    known = folder / "selection.json"
    digest = _digest(rooms)
    if known.exists() and (told := json.loads(known.read_text(encoding="utf-8")))["digest"] == digest:
        return _read(told)
    found = _asked(rooms, folder)
    known.write_text(json.dumps({"digest": digest, **_plain(found)}), encoding="utf-8")
    return found


def _plain(selection: Selection) -> dict[str, Any]:
    """As JSON: a line names its cases by their numbers, for most run many lines."""
    tests = sorted(selection.seconds)
    number = {test: place for place, test in enumerate(tests)}
    lines = {
        path: {line: [number[test] for test in found] for line, found in by.items()}
        for path, by in selection.by_line.items()
    }
    return {
        "tests": tests,
        "by_line": lines,
        "seconds": [selection.seconds[test] for test in tests],
        "failing": list(selection.failing),
    }


def _read(told: Mapping[str, Any]) -> Selection:
    tests = told["tests"]
    lines = {
        path: {int(line): [tests[place] for place in found] for line, found in by.items()}
        for path, by in told["by_line"].items()
    }
    return Selection(lines, dict(zip(tests, told["seconds"], strict=True)), told["failing"])


def _digest(rooms: Sequence[str]) -> str:
    """Of the code, its tests and how they are asked: while these stand, the same tests run the same lines."""
    places = (*rooms, *TESTS, "tests/mutation")
    found = (ROOT / place for place in (*places, "tests/data/corpus"))
    files = sorted(path for place in found for path in ([place] if place.is_file() else place.rglob("*.*")))
    files = [path for path in files if path.suffix in (".py", ".xz")]
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()


def _asked(rooms: Sequence[str], folder: Path) -> Selection:
    settings, data, times = folder / "coveragerc", folder / "coverage", folder / "seconds.json"
    settings.write_text(_SETTINGS.format(rooms=",".join(rooms)), encoding="utf-8")
    given = ["--rcfile", str(settings), "--data-file", str(data)]
    command = [sys.executable, "-m", "coverage", "run", *given, "-m", "tests.mutation.timed", str(times), *TESTS]
    ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode not in (0, 1):
        raise RuntimeError(f"the tests cannot be run:\n{ran.stdout[-2000:]}")
    told = json.loads(times.read_text(encoding="utf-8"))
    failing = set(told["failing"])
    seconds = {test: s for test, s in told["seconds"].items() if test not in failing}
    lines = {
        path: {line: [test for test in tests if test in seconds] for line, tests in by.items()}
        for path, by in _by_line(data).items()
    }
    return Selection(lines, seconds, sorted(failing))


def _by_line(data: Path) -> dict[str, dict[int, list[str]]]:
    from coverage import CoverageData

    known = CoverageData(str(data))
    known.read()
    found: dict[str, dict[int, list[str]]] = {}
    for file in known.measured_files():
        path = Path(file)
        name = (path.relative_to(ROOT) if path.is_absolute() else path).as_posix()
        contexts = known.contexts_by_lineno(file)
        found[name] = {line: sorted({one for one in ones if one}) for line, ones in contexts.items()}
    return found
