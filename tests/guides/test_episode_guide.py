"""docs/guides/episode.md works as it is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.guides.guide import blocks, register, run, write_files
from tests.places import ROOT

PAGE = "episode.md"


@pytest.mark.slow
def test_the_guides_episode_is_driven_alone_and_judged(tmp_path: Path) -> None:
    made = {str(path.relative_to(tmp_path)) for path in write_files(PAGE, tmp_path)}
    assert made == {"ours/double.py", "test_double.py"}
    register(tmp_path, "ours", "kenshin.episodes", double="ours.double:EPISODE")
    catalogue = (ROOT / "testplans" / "guideline-1.1.yaml").read_text(encoding="utf-8")
    (tmp_path / "guideline.yaml").write_text(catalogue + blocks(PAGE)["add to guideline.yaml"], encoding="utf-8")
    selection = ("--guideline", "guideline.yaml", "--requirement", "double-read", "--out", "run")
    done = run(tmp_path, "-m", "bench.cli", "run", *selection, "test_double.py")
    assert done.returncode == 4, done.stdout + done.stderr
    assert re.search(r"PARTIAL: 1 of \d+ requirements judged; left out: .*join-time", done.stdout)
    assert "double reads" in done.stdout, "its share of the forecast"

    verdicts = json.loads((tmp_path / "run" / "verdicts.json").read_text(encoding="utf-8"))["verdicts"]
    assert {(v["requirement"], v["subject"], v["outcome"]) for v in verdicts} == {
        ("double-read", "t1", "PASS"),
        ("double-read", "t3", "PASS"),
    }
    assert {v["measurement"]["conditions"]["n"] for v in verdicts} == {2}
    rows = [json.loads(line) for line in run(tmp_path, "-m", "bench.cli", "timeline", "run").stdout.splitlines()]
    assert [row["data"]["name"] for row in rows if row["kind"] == "episode.begin"] == ["double"]
