"""The guideline as data, and a whole synthetic run judged by the plan."""

from __future__ import annotations

import functools
import re
import shutil
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.timeline import Recorder
from bench.judge.decide import Comparison, RuleKind
from bench.judge.verdicts import verdicts_json
from bench.measurands.judged.registry import ADDED, REGISTRY
from bench.plan.catalogue import Plan
from bench.plan.schema import (
    AGREEMENT,
    DECLARATION,
    GUIDELINE,
    PROFILES,
    load_agreement,
    load_declaration,
    load_guideline,
    load_profile,
)
from bench.records import Obligation, Observation, Outcome, Verdict
from bench.rooms import PLAN
from tests.plan.every_verdict import assess_all

RECOGNISED = {
    "【目標事項】": Obligation.TARGET,
    "【必須事項】": Obligation.MANDATORY,
    "【推奨事項】": Obligation.RECOMMENDED,
}


@functools.cache
def plan() -> Plan:
    return Plan(load_guideline(), load_declaration(), load_agreement(), load_profile("smoke"))


def changed(tmp_path: Path, source: Path, old: str, new: str) -> Path:
    text = source.read_text(encoding="utf-8")
    assert text.count(old) >= 1, "the test changes what is there"
    target = tmp_path / source.name
    target.write_text(text.replace(old, new, 1), encoding="utf-8")
    return target


def line_of(path: Path, words: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if words in line)


def test_obligations_follow_the_guidelines_own_labels() -> None:
    labelled = [row for row in plan().guideline.requirements if row.label]
    assert len(labelled) == 6, "2-1 carries six labelled figures"
    for row in labelled:
        assert row.clause == "2-1"
        assert row.obligation is RECOGNISED[row.label]


def test_every_requirement_is_judged_or_says_why_not() -> None:
    judged = set(plan().judged())
    not_judged = {row.requirement for row in plan().not_judged()}
    assert set(plan().measured(judged)) == {
        "join-time", "roundtrip-time", "upload-daily", "values-hourly", "storage-terminal", "alarm-normal",
        "collection-rate", "alarm-outage", "hour-mark-error", "radio-method", "radio-air-rules",
        "reading-function", "control-function", "control-success-rate", "store-type-server", "storage-server",
        "gap-filling", "security-cut-off", "outage-backup", "outage-backup-concentrator", "transparent-type",
        "manual-collection", "alarm-mdms",
    }  # fmt: skip
    assert judged - set(plan().measured(judged)) == {
        "service-level", "responsibility-boundary", "radio-standards", "radio-ubus-air", "radio-wi-sun",
        "security-measures", "security-connection-guideline", "security-risk-assessment", "security-vulnerability",
        "security-incident-report", "security-cut-off-agreement", "security-responsibility",
    }  # fmt: skip
    assert judged | not_judged == {row.id for row in plan().guideline.requirements}
    assert not judged & not_judged
    clauses = {row.clause for row in plan().guideline.requirements}
    assert clauses == {"1-4", "1-5", "2-1", "2-2", "4-1", "6"}


def test_every_judged_requirement_has_one_test_and_every_test_its_row() -> None:
    """Where a run's own guideline lacks a row, its test is left out: so a misspelt id must be found here."""
    tests = [
        name
        for path in PLAN.glob("test_*.py")
        for name in re.findall(r'^@requirement\("([^"]*)"\)', path.read_text("utf-8"), re.M)
    ]
    assert sorted(tests) == sorted(plan().judged())


def test_official_words_hold_no_interpretation() -> None:
    join = plan().row("join-time")
    assert "1分半程度" in join.official
    assert "90" not in join.official
    asked = plan().requirement("join-time")
    assert (asked.limit, asked.unit, asked.obligation) == (90.0, "s", Obligation.TARGET)
    assert plan().requirement("storage-terminal").comparison is Comparison.AT_LEAST


def test_every_measurand_is_used_and_known() -> None:
    used = {row.interpretation.measurand for row in plan().guideline.requirements if row.interpretation}
    first = {name for name, measurand in REGISTRY.items() if ".judged.first." in measurand.__module__}
    assert used == (set(REGISTRY) - first) | set(ADDED), "what is no first edition, kept for stored runs, is asked for"


def test_limits_from_the_agreement(tmp_path: Path) -> None:
    assert plan().requirement("alarm-normal").limit == load_agreement().alarm_delay_s
    open_limit = load_agreement(changed(tmp_path, AGREEMENT, "alarm_delay_s: 90\n", ""))
    silent = Plan(plan().guideline, plan().declaration, open_limit, load_profile("smoke"))
    assert silent.requirement("alarm-normal").limit is None


def test_the_agreement_overrides_the_profile_and_the_profile_the_guideline(tmp_path: Path) -> None:
    own = "interpretation: {join-time: {unit: s, limit: %d, statistic: median}}\nname:"
    profile = load_profile(changed(tmp_path, PROFILES / "smoke.yaml", "name:", own % 120))
    only = Plan(plan().guideline, plan().declaration, load_agreement(), profile)
    assert (only.requirement("join-time").limit, only.requirement("join-time").statistic) == (120.0, "median")
    agreement = load_agreement(changed(tmp_path, AGREEMENT, "name:", own % 60))
    both = Plan(plan().guideline, plan().declaration, agreement, profile)
    assert both.requirement("join-time").limit == 60.0


def test_decision_rule_of_the_agreement(tmp_path: Path) -> None:
    guarded = load_agreement(changed(tmp_path, AGREEMENT, "rule: simple acceptance", "rule: guard band w = U"))
    assert guarded.rule().kind is RuleKind.GUARD_BAND
    assert load_agreement().rule(strict_targets=True).strict_targets


def test_limit_without_unit_names_the_line(tmp_path: Path) -> None:
    path = changed(tmp_path, GUIDELINE, "      unit: s\n      limit: 90\n", "      limit: 90\n")
    with pytest.raises(InputError, match=rf":{line_of(path, 'limit: 90')}: limit 90 without unit; expected 'unit'"):
        load_guideline(path)


@pytest.mark.parametrize(
    ("source", "old", "new", "said"),
    [
        (GUIDELINE, "      statistic: maximum", "      statistics: maximum", "unknown key 'statistics'"),
        (GUIDELINE, "      statistic: maximum", "      statistic: mean", "'mean' is unknown; expected one of maximum"),
        (GUIDELINE, "limit_from: alarm_delay_s", "limit_from: alarm_delay", "'alarm_delay' is unknown"),
        (GUIDELINE, "obligation: target", "obligation: goal", 'obligation: "goal" is wrong; expected'),
        (AGREEMENT, 'upload_deadline: "06:00"', 'upload_deadline: "6 a.m."', "no time of day; expected JST hh:mm"),
        (AGREEMENT, "storage_at: server", "storage_at: cloud", "expected one of server, mdms"),
        (AGREEMENT, "alarm_delay_s: 90", "alarm_delay_s: soon", "alarm_delay_s"),
        (DECLARATION, "type: store", "type: mesh", "expected one of store, transparent"),
        (DECLARATION, "power: yes", "power: maybe", "expected 'yes', 'no' or 'modified sample'"),
        (PROFILES / "smoke.yaml", "joins: 5", "joins: 0", "joins: 0 is wrong"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, source: Path, old: str, new: str, said: str) -> None:
    path = changed(tmp_path, source, old, new)
    loaders = {
        GUIDELINE: load_guideline, AGREEMENT: load_agreement, DECLARATION: load_declaration,
    }  # fmt: skip
    with pytest.raises(InputError) as error:
        loaders.get(source, load_profile)(path)
    message = str(error.value)
    assert said in message
    assert message.startswith(f"{path}:{line_of(path, new.strip().splitlines()[0])}: ")


def test_an_unknown_measurand_is_wrong_input(tmp_path: Path) -> None:
    guideline = load_guideline(changed(tmp_path, GUIDELINE, "measurand: join.onsite.2", "measurand: join.offsite"))
    with pytest.raises(
        InputError, match=r"unknown measurand 'join\.offsite'; expected one of air\.rules, alarm\.mdms, "
    ):
        Plan(guideline, load_declaration(), load_agreement(), load_profile())


def test_the_declaration_decides_what_applies(tmp_path: Path) -> None:
    transparent = load_declaration(changed(tmp_path, DECLARATION, "type: store", "type: transparent"))
    asked = Plan(plan().guideline, transparent, load_agreement(), load_profile()).requirement("storage-terminal")
    assert "not applicable to the transparent type" in asked.not_applicable
    silent = load_declaration(changed(tmp_path, DECLARATION, ", alarms]", "]"))
    asked = Plan(plan().guideline, silent, load_agreement(), load_profile()).requirement("alarm-outage")
    assert asked.not_applicable == "the terminal does not declare alarms"


def test_plan_comes_back_from_run_yaml(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", {**plan().inputs(), "seed": 1})
    assert Plan.from_inputs(folder.inputs()) == plan()
    with pytest.raises(InputError, match="missing key 'guideline'"):
        Plan.from_inputs({})


def test_nothing_driven_is_inconclusive_and_a_broken_bench_an_error(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", plan().inputs())
    recorder = Recorder(folder.timeline)
    recorder.commit()
    verdicts = measured_ones(Evidence.open(folder.path))
    beside = {v.requirement for v in verdicts if v.outcome is Outcome.NOT_APPLICABLE}
    assert beside == {"transparent-type"}, "the terminals are of the store type"
    assert {v.outcome for v in verdicts if v.requirement not in beside} == {Outcome.INCONCLUSIVE}
    assert len(verdicts) == len(measured_names()) * 2, (
        "each requirement that is measured on terminals, for each of them"
    )
    recorder.observe(Observation(1, "bench", "", "bench.lost_port", {"port": "server", "reason": "gone"}))
    recorder.close()
    verdicts = measured_ones(Evidence.open(folder.path))
    assert {v.outcome for v in verdicts if v.requirement not in beside} == {Outcome.ERROR}


def measured_names() -> set[str]:
    return set(plan().measured(plan().judged())) - {"collection-rate"}  # by a log, for which no margin is agreed


def measured_ones(evidence: Evidence) -> list[Verdict]:
    return [verdict for name in sorted(measured_names()) for verdict in plan().assess(name, evidence)]


def test_judging_a_copy_elsewhere_gives_the_same_octets(tmp_path: Path) -> None:
    """A stored run can be judged by someone else: no path, no wall time enters a verdict."""
    folder = RunFolder.create(tmp_path / "run", plan().inputs())
    with Recorder(folder.timeline) as recorder:
        for t_ns, kind, data in [
            (1, "episode.begin", {"name": "join"}),
            (2, "episode.milestone", {"name": "attempt", "terminal": "t1", "n": 1}),
            (9, "episode.end", {"name": "join"}),
        ]:
            recorder.observe(Observation(t_ns, "bench", "join", kind, data))  # type: ignore[arg-type]
    texts = []
    for place in (folder.path, tmp_path / "elsewhere" / "copy"):
        if place != folder.path:
            shutil.copytree(folder.path, place)
        evidence = Evidence.open(place)
        own = Plan.from_inputs(evidence.folder.inputs())
        texts.append(verdicts_json(assess_all(own, evidence), own.not_judged()))
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]


def test_what_counts_besides_is_driven_for_nobody() -> None:
    rows = [row for row in plan().guideline.requirements if row.interpretation and row.interpretation.also]
    assert [row.id for row in rows] == ["alarm-mdms", "upload-daily"]
    row = rows[1]
    assert plan().judged_from([row.id]) == ["steady"]
    assert plan().counted_from([row.id]) == ["mdms", "roundtrip"]
    assert plan().requirement(row.id).also == ("mdms", "roundtrip")
    assert set(plan().counted_from([row.id])) <= set(plan().judged_from(plan().judged())), (
        "each is an episode of the plan"
    )
