"""Tests marked ``once``, in sessions of their own: skipped on further Pythons, and not traced where coverage is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coverage import CoverageData

from tests.test_skips import session

SETTINGS = "[run]\nbranch = true\nparallel = true\npatch = subprocess\n"
LIBRARY = "def spared():\n    return 1\n\n\ndef traced():\n    return 2\n"
TESTS = """import subprocess, sys
import library

@pytest.mark.once
def test_spared():
    library.spared()
    subprocess.run([sys.executable, "-c", "import library; library.spared()"], check=True)

def test_traced():
    library.traced()
"""


def said(folder: Path, by: Sequence[str] = (), **told: str) -> str:
    """What a session of both tests says; it passes."""
    (folder / "library.py").write_text(LIBRARY)
    (folder / ".coveragerc").write_text(SETTINGS)
    done = session(folder, TESTS, "-rs", by=by, markers="once: on one Python", PYTHONPATH=str(folder), **told)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_further_python_skips_them(tmp_path: Path) -> None:
    told = said(tmp_path, KENSHIN_ELSEWHERE="1")
    assert "run on the first Python already" in told
    assert "1 passed, 1 skipped" in told


def test_coverage_passes_them_over_with_what_they_start(tmp_path: Path) -> None:
    assert "2 passed" in said(tmp_path, ("-m", "coverage", "run"))
    lines: set[int] = set()
    for path in tmp_path.glob(".coverage.*"):
        data = CoverageData(str(path))
        data.read()
        lines |= set(data.lines(str(tmp_path / "library.py")) or ())
    assert 6 in lines, "of the other test"
    assert 2 not in lines, "of the one that is marked, or of its process"
