"""``kenshin add-evidence --collection-log``: pending where a margin is agreed, judged when the log is there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench.evidence.collection import Of
from bench.plan.schema import GUIDELINE
from tests.fixtures.run.bench_process import kenshin
from tests.measurands.judged.test_collection_rate import drawn, text
from tests.places import ROOT, RUNS

AGREEMENT = ROOT / "testplans" / "agreements" / "default.yaml"


def verdict(path: Path) -> tuple[str, str]:
    told = json.loads((path / "verdicts.json").read_text("utf-8"))["verdicts"]
    (one,) = [one for one in told if one["requirement"] == "collection-rate"]
    assert one["subject"] == "system"
    return one["outcome"], one["reason"]


@pytest.mark.slow
def test_a_margin_asks_for_a_log_and_the_log_answers(tmp_path: Path) -> None:
    run = shutil.copytree(RUNS / "3", tmp_path / "run")
    agreed = tmp_path / "agreement.yaml"
    margin = 'interpretation: {collection-rate: {unit: "%", limit: 2}}\nname:'
    agreed.write_text(AGREEMENT.read_text("utf-8").replace("name:", margin, 1), "utf-8")
    files = ("--agreement", agreed, "--guideline", GUIDELINE)
    chosen = ("--requirement", "collection-rate")
    assert kenshin("judge", run, "--guideline", GUIDELINE, *chosen, "--out", tmp_path / "none").code == 4  # PARTIAL
    assert verdict(tmp_path / "none")[0] == "NOT APPLICABLE"
    assert kenshin("judge", run, *files, *chosen, "--out", tmp_path / "before").code == 4
    assert verdict(tmp_path / "before") == ("PENDING EVIDENCE", "the operator's log of collection is still to come")
    log = tmp_path / "april.csv"
    log.write_text(text(drawn(Of.METER, 100, 0.98, 1) + drawn(Of.TERMINAL, 40, 0.98, 1)), "utf-8")
    ended = kenshin("add-evidence", run, log, "--collection-log", "--who", "A. Tester")
    assert f"{log}: added, evidence#1" in ended.stdout
    assert kenshin("judge", run, *files, *chosen, "--out", tmp_path / "after").code == 4
    outcome, reason = verdict(tmp_path / "after")
    assert outcome == "PASS", reason
    assert reason.endswith("<= 2 %")
    log.write_text(log.read_text("utf-8").replace("end,", "and,"), "utf-8")
    ended = kenshin("add-evidence", run, log, "--collection-log")
    assert (ended.code, "no end after" in ended.stderr) == (2, True)
