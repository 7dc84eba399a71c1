"""A stored run judged otherwise: which verdicts change, and which input did it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from bench.evidence.evidence import Evidence
from bench.plan.catalogue import Plan
from bench.plan.changes import Judged, changes
from bench.records import Outcome
from tests.places import RUNS
from tests.plan.every_verdict import assess_all

RUN = RUNS / "2"


def plan(**changed: Any) -> Plan:
    inputs = Evidence.open(RUN).folder.inputs()
    return Plan.from_inputs({**inputs, **{key: {**inputs[key], **said} for key, said in changed.items()}})


@pytest.fixture(scope="module")
def own() -> Judged:
    return Judged(plan(), "bench A", assess_all(plan(), Evidence.open(RUN)))


def judged(by: Plan, code: str = "bench A") -> Judged:
    return Judged(by, code, assess_all(by, Evidence.open(RUN)))


def test_the_same_by_the_same_changes_nothing(own: Judged) -> None:
    assert changes(own, judged(plan())) == []
    assert changes(own, judged(plan(), "bench B")) == [], "another bench that judges alike"


def test_an_agreed_limit_is_named_with_both_values(own: Judged) -> None:
    lines = changes(own, judged(plan(agreement={"alarm_delay_s": 0.5})))
    assert lines == [
        "CHANGED: alarm-normal t1: PASS (limit 90 s) -> FAIL (limit 0.5 s): agreement alarm_delay_s 90.0 -> 0.5",
        "CHANGED: alarm-normal t3: PASS (limit 90 s) -> FAIL (limit 0.5 s): agreement alarm_delay_s 90.0 -> 0.5",
    ]


def test_an_override_is_named_and_only_where_it_counts(own: Judged) -> None:
    said = {"interpretation": {"join-time": {"unit": "s", "limit": 1000.0, "statistic": "", "note": ""}}}
    lines = changes(own, judged(plan(agreement=said)))
    assert [line.split()[1] for line in lines] == ["join-time", "join-time"]
    assert all("agreement limit none -> 1000.0" in line for line in lines)


def test_a_row_that_is_asked_no_longer_is_told(own: Judged) -> None:
    whole = plan()
    rows = tuple(row for row in whole.guideline.requirements if row.id != "join-time")
    guideline = whole.guideline.model_copy(update={"requirements": rows})
    asked = Plan(guideline, whole.declaration, whole.agreement, whole.profile)
    less = Judged(asked, "bench A", [v for v in own.verdicts if v.requirement != "join-time"])
    lines = changes(own, less)
    assert len(lines) == 2
    assert all("-> not asked: guideline row there -> none" in line for line in lines)


def test_what_was_not_selected_is_no_change(own: Judged) -> None:
    some = Judged(plan(), "bench A", [v for v in own.verdicts if v.requirement == "join-time"])
    assert changes(own, some) == []


def test_what_the_run_had_not_selected_is_no_other_evidence(own: Judged) -> None:
    some = Judged(plan(), "bench A", [v for v in own.verdicts if v.requirement != "join-time"])
    lines = changes(some, own)
    assert lines
    assert all("join-time" in line and line.endswith(": the run was of a selection that had it not") for line in lines)


def test_another_bench_is_the_reason_where_no_input_differs(own: Judged) -> None:

    other = [attrs.evolve(v, outcome=Outcome.FAIL) if v.requirement == "upload-daily" else v for v in own.verdicts]
    assert all(line.endswith(": bench bench A -> bench B") for line in changes(own, Judged(plan(), "bench B", other)))
    alike = changes(own, Judged(plan(), "bench A", other))
    assert alike
    assert all("the evidence is another one" in line for line in alike)
    assert all("or the stored verdict is not what was judged (verdicts.json was edited)" in line for line in alike)
