"""Nothing hides: what agreement, profile or declaration make milder stands beside the guideline's reading."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from bench.evidence.evidence import Evidence
from bench.judge.decide import Comparison, exit_code
from bench.judge.verdicts import verdicts_from_json, verdicts_json
from bench.measurands.judged.registry import FIGURES, REGISTRY
from bench.plan.catalogue import Plan
from bench.plan.readings import asks_less
from bench.plan.schema import (
    AppliesTo,
    Override,
    load_agreement,
    load_declaration,
    load_guideline,
    load_profile,
)
from bench.records import Obligation, Outcome, Reading, Verdict
from tests.places import RUNS

RUN = RUNS / "2"
WRONG = {"t1": 1, "t3": 190}


def plan(**changes: Any) -> Plan:
    """The plan of a golden run, of which agreement, profile or declaration say something else."""
    inputs = Evidence.open(RUN).folder.inputs()
    for where, said in changes.items():
        inputs = {**inputs, where: {**inputs[where], **said}}
    return Plan.from_inputs(inputs)


def override(requirement: str, **said: Any) -> dict[str, Any]:
    return {"interpretation": {requirement: {"unit": "", "limit": None, "statistic": "", "note": "", **said}}}


def assessed(judged_by: Plan, requirement: str) -> list[Verdict]:
    return judged_by.assess(requirement, Evidence.open(RUN))


def with_wrong_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurand finds wrong values, as in a terminal that delivers nonsense."""
    name = plan().requirement("values-hourly").measurand

    def wrong(*arguments: Any) -> Any:
        return [attrs.evolve(m, value=float(WRONG[m.subject]), gate="") for m in REGISTRY[name](*arguments)]

    monkeypatch.setattr("bench.plan.catalogue.REGISTRY", {**REGISTRY, name: wrong})


def test_an_agreement_cannot_loosen_what_is_mandatory(monkeypatch: pytest.MonkeyPatch) -> None:
    with_wrong_values(monkeypatch)
    loose = plan(agreement=override("values-hourly", limit=100000, unit="1"))
    verdicts = assessed(loose, "values-hourly")
    assert {verdict.outcome for verdict in verdicts} == {Outcome.FAIL}
    assert exit_code(verdict.outcome for verdict in verdicts) == 1
    for verdict in verdicts:
        assert verdict.limit == 0
        assert verdict.deviation is not None
        assert (verdict.deviation.reading, verdict.deviation.outcome) == (Reading.AGREED, Outcome.PASS)
        assert verdict.deviation.what == "limit 100000 1 in place of 0 1"
        assert verdict.deviation.by.startswith("agreement '")
        assert verdict.deviation.reason == f"{WRONG[verdict.subject]} <= 100000"


def test_nor_can_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    with_wrong_values(monkeypatch)
    (verdict, _) = assessed(plan(profile=override("values-hourly", limit=5, unit="1")), "values-hourly")
    assert (verdict.outcome, verdict.deviation is not None) == (Outcome.FAIL, True)
    assert verdict.deviation is not None
    assert (verdict.deviation.reading, verdict.deviation.by) == (Reading.PROFILE, f"profile '{plan().profile.name}'")


def test_a_stricter_agreement_decides_and_is_no_deviation() -> None:
    strict = plan(agreement=override("join-time", limit=10, unit="s"))
    verdicts = assessed(strict, "join-time")
    assert {(verdict.limit, verdict.deviation) for verdict in verdicts} == {(10.0, None)}


@pytest.mark.parametrize("requirement", ["upload-daily", "values-hourly"])
def test_a_declaration_cannot_waive_what_is_mandatory(requirement: str) -> None:
    waived = plan(declaration={"functions": []})
    assert waived.judged_from([requirement]), "its episodes are driven"
    before = {verdict.subject: verdict.outcome for verdict in assessed(plan(), requirement)}
    for verdict in assessed(waived, requirement):
        assert verdict.outcome is before[verdict.subject]
        assert verdict.outcome is not Outcome.NOT_APPLICABLE
        assert verdict.deviation is not None
        assert verdict.deviation.reading is Reading.DECLARED
        assert verdict.deviation.outcome is Outcome.NOT_APPLICABLE
        assert verdict.deviation.what == "the terminal does not declare periodic-reading"


def test_a_target_is_judged_as_agreed_and_the_guidelines_reading_stands_beside() -> None:
    loose = plan(agreement=override("join-time", limit=1000, unit="s"))
    missed = next(v for v in assessed(plan(), "join-time") if v.outcome is Outcome.TARGET_MISSED)
    verdict = next(v for v in assessed(loose, "join-time") if v.subject == missed.subject)
    assert (verdict.outcome, verdict.limit) == (Outcome.PASS, 1000.0)
    assert verdict.deviation is not None
    assert (verdict.deviation.reading, verdict.deviation.outcome) == (Reading.GUIDELINE, Outcome.TARGET_MISSED)
    assert verdict.deviation.reason == missed.reason


def test_a_milder_statistic_is_a_deviation() -> None:
    for verdict in assessed(plan(agreement=override("roundtrip-time", statistic="median")), "roundtrip-time"):
        assert verdict.deviation is not None
        assert verdict.deviation.what == "statistic median in place of maximum"


def test_a_milder_recommendation_is_a_deviation() -> None:
    for verdict in assessed(plan(profile=override("storage-terminal", limit=1, unit="h")), "storage-terminal"):
        assert verdict.deviation is not None
        assert verdict.deviation.what == "limit 1 h in place of 168 h"


def test_a_target_that_the_terminal_does_not_declare_is_not_applicable_and_marked() -> None:
    for verdict in assessed(plan(declaration={"functions": ["periodic-reading"]}), "roundtrip-time"):
        assert verdict.outcome is Outcome.NOT_APPLICABLE
        assert verdict.deviation is not None
        assert verdict.deviation.outcome is None


def test_what_the_guideline_leaves_to_the_parties_is_theirs_and_not_a_profiles() -> None:
    agreed = plan(agreement={**override("alarm-normal", limit=900, unit="s")})
    assert {v.deviation for v in assessed(agreed, "alarm-normal")} == {None}
    mild = assessed(plan(profile=override("alarm-normal", limit=900, unit="s")), "alarm-normal")
    assert {(v.limit, v.deviation is None) for v in mild} == {(90.0, False)}
    silent = assessed(plan(declaration={"functions": ["periodic-reading"]}), "alarm-normal")
    assert {(v.outcome, v.deviation) for v in silent} == {(Outcome.NOT_APPLICABLE, None)}


def test_a_deviation_stands_in_json_and_comes_back() -> None:
    verdicts = assessed(plan(agreement=override("join-time", limit=1000, unit="s")), "join-time")
    text = verdicts_json(verdicts, [])
    assert {one["deviation"]["what"] for one in json.loads(text)["verdicts"]} == {"limit 1000 s in place of 90 s"}
    assert [one.deviation for one in verdicts_from_json(text)[0]] == [one.deviation for one in verdicts]
    plain = verdicts_json(assessed(plan(), "join-time"), [])
    assert all("deviation" not in one for one in json.loads(plain)["verdicts"])


def test_a_catalogue_of_the_same_edition_that_asks_less_is_told() -> None:
    own = load_guideline()
    assert Plan(own, load_declaration(), load_agreement(), load_profile()).catalogue_deviations() == []
    rows = [row for row in own.requirements if row.id != "join-time"]
    place = next(number for number, row in enumerate(rows) if row.id == "values-hourly")
    reading = rows[place].interpretation
    assert reading is not None
    changed = {"interpretation": reading.model_copy(update={"limit": 100000.0}), "obligation": Obligation.TARGET}
    rows[place] = rows[place].model_copy(update=changed)
    other = own.model_copy(update={"requirements": tuple(rows)})
    assert Plan(other, load_declaration(), load_agreement(), load_profile()).catalogue_deviations() == [
        "guideline file: join-time: has no such row",
        "guideline file: values-hourly: limit 100000 1 in place of 0 1",
        "guideline file: values-hourly: target in place of mandatory",
    ]
    elsewhere = other.model_copy(update={"edition": "第2版"})
    assert Plan(elsewhere, load_declaration(), load_agreement(), load_profile()).catalogue_deviations() == []


@pytest.mark.parametrize("statistic", ["p95", "median", "minimum"])
def test_a_statistic_that_is_not_shown_to_be_stricter_is_a_deviation(statistic: str) -> None:
    """``retest``, join-time's own, stands in no order with the 95th percentile: which is milder hangs on how many."""
    own = {v.subject: v for v in assessed(plan(guideline=retested()), "join-time")}
    for where in ("agreement", "profile"):
        loose = plan(guideline=retested(), **{where: override("join-time", statistic=statistic)})
        for verdict in assessed(loose, "join-time"):
            assert verdict.deviation is not None
            assert verdict.deviation.what == f"statistic {statistic} in place of retest"
            assert verdict.deviation.reason == own[verdict.subject].reason
    strict = plan(guideline=retested(), agreement=override("join-time", statistic="maximum"))
    assert not strict.readings("join-time").deviates


def retested() -> dict[str, Any]:
    """The guideline of a golden run with the join-time row of today."""
    today = next(row for row in load_guideline().requirements if row.id == "join-time").model_dump(mode="json")
    rows = plan().guideline.model_dump(mode="json")["requirements"]
    return {"requirements": [today if row["id"] == "join-time" else row for row in rows]}


def test_each_statistic_of_a_measurand_is_the_guidelines_a_stricter_one_or_a_deviation() -> None:
    """None may be read as another without a word because nobody has said which of the two is stricter."""
    for row in load_guideline().requirements:
        if row.interpretation is None or row.obligation is Obligation.AGREEMENT:
            continue
        today = Plan(load_guideline(), load_declaration(), load_agreement(), load_profile())
        asked = today.requirement(row.id)
        for statistic in FIGURES[row.interpretation.measurand].statistics:
            known = statistic == asked.statistic or statistic in STRICTER[row.interpretation.statistic]
            assert (list(asks_less(asked, attrs.evolve(asked, statistic=statistic))) == []) is known


STRICTER: dict[str, set[str]] = {"retest": {"maximum"}, "maximum": set(), "minimum": set(), "count": set()}


def test_what_cannot_be_compared_asks_less() -> None:
    asked = plan().requirement("join-time")
    for other, said in {
        attrs.evolve(asked, limit=None): "no limit in place of 90 s",
        attrs.evolve(asked, unit="min", limit=1.0): "limit 1 min in place of 90 s",
        attrs.evolve(asked, comparison=Comparison.AT_LEAST): ">= in place of <=",
        attrs.evolve(asked, confidence=0.5): "confidence 0.5 in place of 0.95",
    }.items():
        assert list(asks_less(asked, other)) == [said]


def test_an_agreement_is_no_cover_for_a_profile_that_asks_less() -> None:
    both = plan(
        agreement=override("alarm-normal", limit=900, unit="s"), profile=override("alarm-normal", statistic="minimum")
    )
    read = both.readings("alarm-normal")
    assert (read.decisive.limit, read.decisive.statistic) == (900, "maximum")
    assert (read.by, read.what) == (f"profile '{plan().profile.name}'", "statistic minimum in place of maximum")


def test_bounds_of_another_confidence_than_the_guidelines_reading_are_a_deviation() -> None:
    margin = load_agreement().model_copy(update={"interpretation": {"collection-rate": Override(unit="%", limit=1.0)}})
    bold = load_profile().model_copy(update={"confidence": 0.5})
    read = Plan(load_guideline(), load_declaration(), margin, bold).readings("collection-rate")
    assert (read.decisive.confidence, read.what) == (0.95, "confidence 0.5 in place of 0.95")
    assert not Plan(load_guideline(), load_declaration(), margin, load_profile()).readings("collection-rate").deviates
    assert not Plan(load_guideline(), load_declaration(), load_agreement(), bold).readings("join-time").deviates


def test_a_catalogue_that_answers_by_paper_or_from_less_is_told() -> None:
    own = load_guideline()
    paper = next(row.by_document for row in own.requirements if row.by_document is not None)
    changes: dict[str, dict[str, Any]] = {
        "values-hourly": {"interpretation": None, "by_document": paper},
        "upload-daily": {"interpretation": {"applies_to": AppliesTo(types=("transparent",))}},
        "join-time": {"interpretation": {"statistic": "minimum", "limit": None}},
        "roundtrip-time": {"interpretation": {"measurand": "gap.filling", "episodes": ("join",)}},
    }
    rows = []
    for row in own.requirements:
        change = dict(changes.get(row.id, {}))
        if (read := change.get("interpretation")) is not None and row.interpretation is not None:
            change["interpretation"] = row.interpretation.model_copy(update=read)
        rows.append(row.model_copy(update=change))
    other = own.model_copy(update={"requirements": tuple(rows)})
    assert Plan(other, load_declaration(), load_agreement(), load_profile()).catalogue_deviations() == [
        "guideline file: roundtrip-time: measurand gap.filling in place of roundtrip.server.2",
        "guideline file: roundtrip-time: judged without roundtrip",
        "guideline file: join-time: no limit in place of 90 s",
        "guideline file: join-time: statistic minimum in place of retest",
        "guideline file: upload-daily: not applicable to the store type: every terminal",
        "guideline file: values-hourly: answered by a paper in place of measured",
    ]
