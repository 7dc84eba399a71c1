"""Names of files are octets: whatever they are, a line and a report show them so that a person can read them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.streams import ESCAPING, readable
from tests.places import ROOT, RUNS

NAMES = {
    "plain": "plain",
    "検針": "検針",
    os.fsencode("検針").decode("ascii", "surrogateescape"): "検針",  # as a session without a locale reads it
    "run\udcff": r"run\xff",
    "検\udcff針": r"検\xff針",
    "\ud800": r"\ud800",
}


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_a_name_in_a_file_is_what_it_is_or_escaped(name: str, shown: str) -> None:
    assert readable(name) == shown


def test_a_stream_that_lacks_our_characters_escapes_them_and_shows_the_names_of_files() -> None:
    name = os.fsencode("検針").decode("ascii", "surrogateescape")
    assert f"± {name}".encode("ascii", ESCAPING) == b"\\xb1 " + "検針".encode()


WITHOUT = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "America/New_York"}


@pytest.mark.parametrize(("name", "env", "shown"), [(b"run\xff", {}, r"run\xff"), ("検針".encode(), WITHOUT, "検針")])
def test_a_run_of_any_name_gets_its_report(tmp_path: Path, name: bytes, env: dict[str, str], shown: str) -> None:
    """And the report tells its own date in the zone of all else in it, whatever zone the session is in."""
    run = tmp_path / os.fsdecode(name)
    shutil.copytree(RUNS / "2", run)
    command = [sys.executable, "-m", "bench.cli", "judge", str(run), "--requirement", "join-time"]
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, check=False)
    assert ended.returncode in (0, 4), ended.stderr
    page = (run / "judged" / "1" / "report.html").read_text(encoding="utf-8")
    assert shown in page
    assert f"{shown}/judged/1/report.html" in ended.stdout.decode()
    assert " JST by <a" in page.split("Report generated on ")[1][:60]
