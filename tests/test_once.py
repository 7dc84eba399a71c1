"""Tests marked ``once``, in sessions of their own: skipped on further Pythons, and not traced where coverage is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from coverage import CoverageData

from tests.places import ROOT

CONFTEST = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.conftest import pytest_configure\n"
SETTINGS = """[tool:pytest]
markers = once: on one Python
[coverage:run]
branch = true
parallel = true
patch = subprocess
"""
LIBRARY = "def spared():\n    return 1\n\n\ndef traced():\n    return 2\n"
TESTS = """import subprocess, sys
import pytest
import library

@pytest.mark.once
def test_spared():
    library.spared()
    subprocess.run([sys.executable, "-c", "import library; library.spared()"], check=True)

def test_traced():
    library.traced()
"""


def session(folder: Path, *command: str, **told: str) -> str:
    (folder / "setup.cfg").write_text(SETTINGS)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "library.py").write_text(LIBRARY)
    (folder / "test_some.py").write_text(TESTS)
    own = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COVERAGE_", "KENSHIN_"))}
    pytest = [*command, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "setup.cfg", "-rs"]
    done = subprocess.run(
        [sys.executable, *pytest], cwd=folder, env=own | {"CI": "true", "PYTHONPATH": str(folder)} | told,
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_further_python_skips_them(tmp_path: Path) -> None:
    said = session(tmp_path, KENSHIN_ELSEWHERE="1")
    assert "run on the first Python already" in said
    assert "1 passed, 1 skipped" in said


def test_coverage_passes_them_over_with_what_they_start(tmp_path: Path) -> None:
    assert "2 passed" in session(tmp_path, "-m", "coverage", "run", "--rcfile=setup.cfg")
    lines: set[int] = set()
    for path in tmp_path.glob(".coverage.*"):
        data = CoverageData(str(path))
        data.read()
        lines |= set(data.lines(str(tmp_path / "library.py")) or ())
    assert 6 in lines, "of the other test"
    assert 2 not in lines, "of the one that is marked, or of its process"
