"""Runs that every version of the bench must judge as they were judged: one a format of the run record."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.formats import RUN_RECORD
from bench.identity import identity
from bench.judge.verdicts import verdicts_json
from bench.plan.answered import MEASURAND
from bench.plan.catalogue import Plan
from bench.records import Verdict
from tests.places import RUNS
from tests.skips import ONCE

GOLDEN = sorted(RUNS.glob("[0-9]*"))
ABOUT_THE_CODE = re.compile(r'^ "format": \d+,\n(?: "judged_by": \{\n(?:  .*\n)*? \},\n)?', re.M)
"""What may differ: which code judged, and in which format it writes. The rest of the octets may not."""


REQUIREMENTS = [
    (run, name)
    for run in GOLDEN
    for name in sorted(
        {one["requirement"] for one in json.loads((run / "verdicts.json").read_text("utf-8"))["verdicts"]}
    )
]


@cache
def judged(run: Path, requirement: str) -> tuple[Verdict, ...]:
    """Judged once a process, each requirement from the run opened anew."""
    evidence = Evidence.open(run)
    return tuple(Plan.from_inputs(evidence.folder.inputs()).assess(requirement, evidence))


def judged_again(run: Path) -> str:
    plan = Plan.from_inputs(RunFolder.open(run).inputs())
    return verdicts_json([one for name in plan.judged() for one in judged(run, name)], plan.not_judged())


@ONCE
@pytest.mark.parametrize(("run", "requirement"), REQUIREMENTS, ids=lambda value: getattr(value, "name", value))
def test_each_verdict_is_the_same(run: Path, requirement: str) -> None:
    stored = json.loads((run / "verdicts.json").read_text("utf-8"))["verdicts"]
    again = json.loads(verdicts_json(judged(run, requirement), ()))["verdicts"]
    assert again == [one for one in stored if one["requirement"] == requirement]


def test_there_is_one_of_each_version_that_is_read() -> None:
    assert tuple(int(run.name) for run in GOLDEN) == RUN_RECORD.reads


@pytest.mark.parametrize(
    "run", [GOLDEN[0], *(pytest.param(run, marks=ONCE) for run in GOLDEN[1:])], ids=lambda run: run.name
)
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
