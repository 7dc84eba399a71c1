"""The guides' examples run, and print what the guides say that they print."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.guides import examples, run
from tests.places import ROOT
from tests.skips import BY_NIGHT

GUIDES = ROOT / "docs" / "guides"


@pytest.mark.parametrize("name", ["measurand", "fault", "field"])
def test_examples_run_and_print_what_is_shown(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = [(example, said) for example, said in run(GUIDES / f"{name}.md") if example.prints is not None]
    assert told, "a guide that shows nothing proves nothing"
    for example, said in told:
        assert said == example.prints, f"{name}.md:{example.line}"


@pytest.mark.slow
@pytest.mark.parametrize("part", [pytest.param((), marks=BY_NIGHT), ("values-hourly", "upload-daily")])
def test_the_fault_of_the_guide_turns_its_row_red_and_no_other(tmp_path: Path, part: tuple[str, ...]) -> None:
    """The command of the guide, run as it stands beside the guide's own file; or for a part of the plan."""
    guide = GUIDES / "fault.md"
    (tmp_path / "stuck_hour.py").write_text(next(examples(guide)).code, "utf-8")
    [command] = re.findall(r"^```sh\n(.*?)\n```$", guide.read_text("utf-8"), re.MULTILINE)
    word, program, *rest = command.split()
    assert (word, program) == ("PYTHONPATH=.", "kenshin")
    ended = subprocess.run(
        [sys.executable, "-m", "bench.cli", *rest, *(f"--requirement={name}" for name in part)],
        cwd=tmp_path,
        env={"PYTHONPATH": f".:{ROOT}", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert ended.returncode == 1, ended.stdout[-2000:] + ended.stderr[-2000:]
    failed = [
        (verdict["requirement"], verdict["subject"])
        for verdict in json.loads((tmp_path / "run" / "verdicts.json").read_text("utf-8"))["verdicts"]
        if verdict["outcome"] not in ("PASS", "NOT APPLICABLE")
    ]
    assert failed == [("values-hourly", "t1")]
