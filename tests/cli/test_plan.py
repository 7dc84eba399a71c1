"""``kenshin plan``: what can be judged with what is there, why not, and what it takes; checks like ``kenshin run``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.run.bench_process import TOPOLOGY, VIRTUAL_RIG, kenshin
from tests.places import ROOT

DECLARATION = ROOT / "testplans" / "declarations" / "virtual-terminal.yaml"


def rig_without(folder: Path, *patterns: str) -> Path:
    text = VIRTUAL_RIG.read_text(encoding="utf-8").replace("../topologies/default.yaml", str(TOPOLOGY))
    for pattern in patterns:
        text, found = re.subn(pattern, "", text)
        assert found
    path = folder / "rig.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def foreseen(*arguments: str | Path) -> Any:
    ended = kenshin("plan", *arguments, "--format", "json")
    assert ended.code == 0, ended.said
    return json.loads(ended.stdout)


def test_with_everything_there_everything_is_judged() -> None:
    told = foreseen()
    measured = {row["requirement"]: row for row in told["requirements"] if row["measurand"] != "by document"}
    assert measured.pop("collection-rate")["outcome"] == "NOT APPLICABLE", "no margin is agreed"
    assert measured.pop("transparent-type")["why"].startswith("not applicable to the store type")
    assert {row["outcome"] for row in measured.values()} == {"judged"}
    papers = {row["requirement"]: row for row in told["requirements"] if row["measurand"] == "by document"}
    assert papers.pop("radio-ubus-air")["outcome"] == "NOT APPLICABLE"
    assert {row["outcome"] for row in papers.values()} == {"by document"}
    assert "(made up)" in papers["service-level"]["why"]
    assert told["episodes"] == [
        "join",
        "control",
        "cut-off",
        "mdms",
        "roundtrip",
        "steady",
        "alarm",
        "backup",
        "outage",
    ]
    assert told["forecast"]["key_presses"] == 20
    assert [row["requirement"] for row in told["not_judged"]] == ["store-type-collection"]
    assert all(row["why"] for row in told["not_judged"])


def test_what_is_missing_is_said_with_its_reason_and_costs_nothing(tmp_path: Path) -> None:
    whole = foreseen()["forecast"]["lab_hours"]
    told = foreseen("--rig", rig_without(tmp_path, r"\n    mains: .*"))
    lost = {row["requirement"]: row for row in told["requirements"] if row["outcome"] == "INCONCLUSIVE"}
    assert set(lost) == {
        "alarm-outage", "alarm-mdms", "manual-collection", "outage-backup", "storage-server", "storage-terminal",
    }  # fmt: skip
    assert lost["storage-terminal"]["why"].startswith("nobody may cut the mesh")
    assert lost["storage-terminal"]["evidence"]["mesh cut"] == "missing"
    assert told["forecast"]["lab_hours"] == pytest.approx(whole - 10 * 24), "an outage that is not made takes no time"


def test_terminals_with_other_means_have_a_row_of_their_own(tmp_path: Path) -> None:
    told = foreseen("--rig", rig_without(tmp_path, r"\n        panel: panel.t3"))
    joins = {tuple(row["terminals"]): row for row in told["requirements"] if row["requirement"] == "join-time"}
    assert joins[("t1",)]["outcome"] == "judged"
    assert joins[("t3",)]["why"] == "nobody presses its installation key"


def test_what_does_not_apply_is_said(tmp_path: Path) -> None:
    told = (
        DECLARATION.read_text(encoding="utf-8")
        .replace(", alarms]", "]")
        .replace("control, ", "")
        .replace("history", "control")
    )
    (tmp_path / "terminal.yaml").write_text(told, encoding="utf-8")
    rows = {row["requirement"]: row for row in foreseen("--terminal", tmp_path / "terminal.yaml")["requirements"]}
    assert rows["alarm-normal"]["outcome"] == "NOT APPLICABLE"
    assert rows["storage-terminal"]["why"] == "it does not declare 'history': nothing is asked of its store"


def test_the_table_and_a_selection(tmp_path: Path) -> None:
    rig = rig_without(tmp_path, r"\n        meters: .*")
    ended = kenshin("plan", "--rig", rig, "--requirement", "values-hourly", "--requirement", "join-time")
    assert ended.code == 0
    lines = ended.stdout.splitlines()
    assert re.match(r"2-1 +join-time +t1, t3 .*● .*judged", next(line for line in lines if "join-time" in line))
    assert re.search(r"×.*INCONCLUSIVE", next(line for line in lines if "values-hourly" in line))
    assert "INCONCLUSIVE: values-hourly t1, t3: no meter port: what its meters hold is not known to the bench" in lines
    assert "Order of episodes: join, steady, outage" in lines
    assert any("h of rig time" in line for line in lines)


def test_the_same_checks_as_a_run(tmp_path: Path) -> None:
    wrong = tmp_path / "terminal.yaml"
    wrong.write_text(DECLARATION.read_text(encoding="utf-8").replace("00:02:01", "00:02:0f"), encoding="utf-8")
    ended = kenshin("plan", "--terminal", wrong)
    assert ended.code == 2
    assert re.search(r"terminal\.yaml:\d+: eui64 \S+; \S+virtual\.yaml:\d+ says", ended.stderr)
    lab = kenshin("plan", "--rig", ROOT / "fixtures" / "rigs" / "lab-thirty.yaml")
    assert (lab.code, lab.stdout) == (2, "")
    assert "clock: wall without --terminal" in lab.stderr
