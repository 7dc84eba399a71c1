"""The entry point that pytest loads in every project: nothing of ours where no plan is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli.pytest_plugin import PLUGINS, load_plan_plugins
from tests.places import ROOT
from tests.skips import slow_but

OTHERS = """
import sys

def pytest_addoption(parser):
    for name in ("--rig", "--profile", "--seed", "--out", "--judge"):
        parser.addoption(name, help="another project has options of these names")

def pytest_report_header(config):
    ours = ("fixtures", "reports", "devices", "testplans", "bench.evidence", "bench.plan", "pydantic", "ruamel")
    loaded = [name for name in sys.modules if name.startswith(ours)]
    return f"loaded: {loaded}; path: {[p for p in sys.path if p.endswith('_rooms')]}"
"""


def in_project(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Somebody else's tests, which have fixtures and modules of our names."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(OTHERS)
    (tmp_path / "reports.py").write_text("WHOSE = 'theirs'\n")
    (tmp_path / "test_theirs.py").write_text(
        "import pytest\nimport reports\n\n"
        "@pytest.fixture\ndef run():\n    return 1\n\n"
        "def test_it(run, pytestconfig):\n"
        "    assert (run, reports.WHOSE, pytestconfig.option.seed) == (1, 'theirs', '5')\n"
    )
    return tmp_path


@pytest.mark.parametrize("words", [(), ("test_theirs.py",), ("test_theirs.py::test_it",)])
def test_other_peoples_tests_are_left_alone(project: Path, words: tuple[str, ...]) -> None:
    done = in_project(project, "-p", "no:labgrid", "--seed", "5", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "loaded: []; path: []" in done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    "words", slow_but([("testplans",)], [("testplans",), ("testplans/test_2_1_performance.py::test_join_time",)])
)
def test_a_plan_gets_its_options(words: tuple[str, ...]) -> None:
    done = in_project(ROOT, "-q", *words)
    assert done.returncode == 4
    assert "the plan needs a rig: --lg-env FILE" in done.stdout + done.stderr
    helped = in_project(ROOT, "--help", *words)
    assert "--judge=RUN" in helped.stdout


def test_the_plan_is_found_from_inside() -> None:
    done = in_project(ROOT / "testplans", "-q")
    assert "the plan needs a rig: --lg-env FILE" in done.stdout + done.stderr


def test_each_plugin_is_loaded_once() -> None:
    manager = pytest.PytestPluginManager()
    for _ in range(2):
        load_plan_plugins(manager)
    names = [name for name, plugin in manager.list_name_plugin() if plugin is not None]
    assert [names.count(name) for name in PLUGINS] == [1, 1]
