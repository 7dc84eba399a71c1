"""The guard against silent skips, in sessions of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.skips import slow_but

CONFTEST = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.conftest import pytest_configure\n"


def session(
    folder: Path, tests: str, *options: str, ci: str = "true", by: Sequence[str] = (), markers: str = "", **told: str
) -> subprocess.CompletedProcess[str]:
    """Pytest in ``folder`` with the conftest of these tests; ``by``: what runs it, e.g. ``-m coverage run``."""
    (folder / "pytest.ini").write_text(f"[pytest]\nmarkers = {markers}\n")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_some.py").write_text(f"import pytest\n\n{tests}\n")
    outer = ("PYTEST_", "COVERAGE_", "KENSHIN_")
    own = {key: value for key, value in os.environ.items() if not key.startswith(outer)} | {"CI": ci} | told
    command = [sys.executable, "-P", *by, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, timeout=500, check=False)


@pytest.mark.parametrize("options", slow_but([()], [(), ("-n", "2")]))
@pytest.mark.parametrize(
    "tests",
    [
        "def test_it():\n    pytest.skip('capture line2 is not here')",
        "@pytest.mark.skipif(True, reason='tshark is not installed')\ndef test_it():\n    pass",
        "pytest.skip('no data', allow_module_level=True)",
    ],
)
def test_in_ci_a_skip_for_lack_of_data_fails(tmp_path: Path, tests: str, options: tuple[str, ...]) -> None:
    done = session(tmp_path, tests, *options)
    assert "skips that CI does not allow" in done.stdout
    assert done.returncode != 0, done.stdout


@pytest.mark.parametrize(
    ("tests", "ci"),
    [
        ("def test_it():\n    pytest.skip('no Python 3.13 here')", "true"),
        ("@pytest.mark.xfail\ndef test_it():\n    assert False", "true"),
        ("def test_it():\n    pytest.skip('capture line2 is not here')", ""),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, tests: str, ci: str) -> None:
    done = session(tmp_path, tests, ci=ci)
    assert done.returncode == 0, done.stdout
    assert "skips that CI" not in done.stdout
