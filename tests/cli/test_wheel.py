"""The wheel, installed outside the checkout: one name on the path, and every command works in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from bench.identity import identity
from tests.places import CAPTURES, ROOT
from tests.skips import BY_NIGHT

pytestmark = pytest.mark.slow

PROFILE = """\
name: small
purpose: as little as can be driven
joins: 1
round_trips: 1
alarms: 1
steady_days: 1
outage_days: 1
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built as `.ci/run` builds it."""
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(out),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    [built] = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment with the wheel, and of the development environment its dependencies alone.

    A path file gives it those packages, as a package index would; what makes the development environment see the
    checkout is a path file of that environment, which path files found in this way are not read for.
    """
    home = tmp_path_factory.mktemp("env")
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    site = sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)})
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder that holds what would be in the way: names of our rooms, and settings for pytest."""
    for name in ("bench", "fixtures", "reports"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('the working directory is not the bench')\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --an-option-of-somebody-else\n")
    return tmp_path


def kenshin(installed: Path, folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "LG_", "PYTHON"))}
    command = [str(word) for word in (installed / "kenshin", *words)]
    return subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, timeout=240, check=False)


def test_bench_is_the_only_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"bench", "kenshin_bench"}
    assert not [name for name in names if "__pycache__" in name or name.startswith("bench/_rooms/tests")]


def test_data_files_are_all_there(wheel: Path) -> None:
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True).stdout.split()
    rooms = ("devices/", "fixtures/", "reports/", "testplans/")
    expected = {f"bench/_rooms/{name}" for name in tracked if name.startswith(rooms)}
    expected |= {name for name in tracked if name.startswith("bench/")}
    with zipfile.ZipFile(wheel) as archive:
        assert expected - set(archive.namelist()) == set()


def test_the_version_tells_the_commit_that_was_built(installed: Path, empty: Path) -> None:
    said = kenshin(installed, empty, "--version")
    assert (said.returncode, said.stdout) == (0, f"kenshin {identity()}\n")


@BY_NIGHT  # `.ci/run` does it with a wheel, too, in an environment of another Python
def test_a_plan_is_run_and_judged_again(installed: Path, empty: Path) -> None:
    (empty / "small.yaml").write_text(PROFILE)
    only = ("--requirement", "join-time", "--requirement", "roundtrip-time")
    run = kenshin(installed, empty, "run", "--profile", "small.yaml", "--out", "run", "--seed", "3", *only)
    assert run.returncode == 4, run.stdout + run.stderr  # a part of the plan is no whole answer
    again = kenshin(installed, empty, "judge", "run", "--out", "again", *only)
    assert again.returncode == 4, again.stdout + again.stderr
    verdicts = (empty / "run" / "verdicts.json").read_bytes()
    assert (empty / "again" / "verdicts.json").read_bytes() == verdicts
    document = json.loads(verdicts)
    assert document["judged_by"] == identity().plain()
    outcomes = {(row["requirement"], row["outcome"]) for row in document["verdicts"]}
    assert ("join-time", "PASS") in outcomes
    assert not [row for row in outcomes if row[1] in ("ERROR", "FAIL")]
    assert (empty / "run" / "report.html").stat().st_size > 0


def test_captures_are_decoded_and_measured(installed: Path, empty: Path) -> None:
    words = (CAPTURES / "line2.pcapng", "--keys", CAPTURES / "line2.ieee802154_keys")
    lines = kenshin(installed, empty, "decode", *words, "--format", "jsonl").stdout.splitlines()
    assert len(lines) == 478
    figures = kenshin(installed, empty, "measure", *words, "--format", "json")
    assert figures.returncode == 0, figures.stderr
    assert json.loads(figures.stdout)["format"] == 2


def test_the_plan_is_found_by_pytest_alone(installed: Path, empty: Path) -> None:
    (empty / "pytest.ini").write_text("[pytest]\n")
    ask = [str(installed / "python"), "-P", "-c", "from bench.rooms import PLAN; print(PLAN)"]
    plan = subprocess.run(ask, cwd=empty, capture_output=True, text=True, check=True).stdout.strip()
    assert plan.startswith(str(installed.parent))
    command = [
        str(installed / "python"),
        "-P",
        "-m",
        "pytest",
        "-q",
        "-c",
        "pytest.ini",
        "-p",
        "no:cacheprovider",
        plan,
    ]
    done = subprocess.run(command, cwd=empty, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 4
    assert "the plan needs a rig" in done.stdout + done.stderr
