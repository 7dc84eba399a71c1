"""Runs that every version of the bench must judge as they were judged: one a format of the run record."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.evidence.evidence import Evidence
from bench.formats import RUN_RECORD
from bench.identity import identity
from bench.judge.verdicts import verdicts_json
from bench.plan.answered import MEASURAND
from bench.plan.catalogue import Plan
from tests.places import RUNS
from tests.plan.every_verdict import assess_all

GOLDEN = sorted(RUNS.glob("[0-9]*"))
ABOUT_THE_CODE = re.compile(r'^ "format": \d+,\n(?: "judged_by": \{\n(?:  .*\n)*? \},\n)?', re.M)
"""What may differ: which code judged, and in which format it writes. The rest of the octets may not."""


def judged_again(run: Path) -> str:
    evidence = Evidence.open(run)
    plan = Plan.from_inputs(evidence.folder.inputs())
    return verdicts_json(assess_all(plan, evidence), plan.not_judged())


def test_there_is_one_of_each_version_that_is_read() -> None:
    assert tuple(int(run.name) for run in GOLDEN) == RUN_RECORD.reads


@pytest.mark.parametrize("run", GOLDEN, ids=lambda run: run.name)
def test_the_verdicts_are_the_same_octets(run: Path) -> None:
    stored, again = (run / "verdicts.json").read_text("utf-8"), judged_again(run)
    assert ABOUT_THE_CODE.sub("", again) == ABOUT_THE_CODE.sub("", stored)
    measured = [one for one in json.loads(again)["verdicts"] if one["measurement"]["measurand"] != MEASURAND]
    assert len(measured) == {4: 20, 5: 35, 6: 43}.get(int(run.name), 14)


def test_the_code_that_judged_is_told() -> None:
    assert json.loads(judged_again(GOLDEN[0]))["judged_by"] == identity().plain()


@pytest.mark.parametrize("run", GOLDEN, ids=lambda run: run.name)
def test_they_hold_more_than_one_outcome(run: Path) -> None:
    verdicts = json.loads((run / "verdicts.json").read_text("utf-8"))["verdicts"]
    assert {verdict["outcome"] for verdict in verdicts} >= {"PASS", "TARGET MISSED", "INCONCLUSIVE"}
