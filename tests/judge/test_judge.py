"""Decision rules, obligations, gates, combination and exit codes."""

from __future__ import annotations

import json
import math
from typing import Any

import attrs
import pytest

from bench.errors import InputError
from bench.judge.decide import (
    Comparison,
    DecisionRule,
    NotJudged,
    Requirement,
    RuleKind,
    combine,
    conformance_probability,
    exit_code,
    judge,
)
from bench.judge.verdicts import verdicts_from_json, verdicts_json
from bench.records import Contribution, Deviation, Measurement, Obligation, Outcome, Reading

GUARDED = DecisionRule(RuleKind.GUARD_BAND)
LIMIT_90_S = Requirement("r", "2-1", Obligation.MANDATORY, "m", ("e",), 90.0, "s")


def measured(value: float | None, u: float | None = None, **changes: Any) -> Measurement:
    return attrs.evolve(Measurement("m", "t1", value, "s", u=u), **changes)


@pytest.mark.parametrize(
    ("value", "simple", "guarded"),
    [
        (85.0, Outcome.PASS, Outcome.PASS),
        (86.0, Outcome.PASS, Outcome.PASS),  # exactly on the acceptance limit 90 - U
        (86.1, Outcome.PASS, Outcome.CONDITIONAL_PASS),
        (90.0, Outcome.PASS, Outcome.CONDITIONAL_PASS),  # the limit itself conforms
        (90.1, Outcome.FAIL, Outcome.CONDITIONAL_FAIL),
        (94.0, Outcome.FAIL, Outcome.CONDITIONAL_FAIL),
        (94.1, Outcome.FAIL, Outcome.FAIL),
    ],
)
def test_upper_limit_with_u_2_s(value: float, simple: Outcome, guarded: Outcome) -> None:
    assert judge(measured(value, 2.0), LIMIT_90_S).outcome is simple
    verdict = judge(measured(value, 2.0), LIMIT_90_S, GUARDED)
    assert verdict.outcome is guarded
    assert verdict.expanded_u == 4.0


@pytest.mark.parametrize(
    ("value", "guarded"),
    [
        (94.0, Outcome.PASS),
        (91.0, Outcome.CONDITIONAL_PASS),
        (90.0, Outcome.CONDITIONAL_PASS),
        (89.0, Outcome.CONDITIONAL_FAIL),
        (85.9, Outcome.FAIL),
    ],
)
def test_lower_limit_with_u_2_s(value: float, guarded: Outcome) -> None:
    at_least = attrs.evolve(LIMIT_90_S, comparison=Comparison.AT_LEAST)
    assert judge(measured(value, 2.0), at_least).outcome is (Outcome.PASS if value >= 90.0 else Outcome.FAIL)
    assert judge(measured(value, 2.0), at_least, GUARDED).outcome is guarded


def test_zener_diode_of_jcgm_106() -> None:
    """JCGM 106:2012 7.3.3: limit -5.40 V, measured -5.47 V, u = 0.05 V conforms with 92 % only: not a guarded PASS."""
    zener = Requirement("z", "", Obligation.MANDATORY, "m", (), -5.40, "V")
    value = attrs.evolve(measured(-5.47, 0.05), unit="V")
    assert judge(value, zener).outcome is Outcome.PASS
    assert judge(value, zener, GUARDED).outcome is Outcome.CONDITIONAL_PASS
    # A guard band of 1.4 u is the most that still accepts: the margin is 0.07 V.
    assert judge(value, zener, DecisionRule(RuleKind.GUARD_BAND, k=1.39)).outcome is Outcome.PASS
    assert judge(value, zener, DecisionRule(RuleKind.GUARD_BAND, k=1.41)).outcome is Outcome.CONDITIONAL_PASS


def test_guard_band_needs_an_uncertainty() -> None:
    assert judge(measured(1.0), LIMIT_90_S, GUARDED).outcome is Outcome.INCONCLUSIVE
    assert judge(measured(1.0), LIMIT_90_S).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("obligation", "missed"),
    [
        (Obligation.MANDATORY, Outcome.FAIL),
        (Obligation.AGREEMENT, Outcome.FAIL),
        (Obligation.TARGET, Outcome.TARGET_MISSED),
        (Obligation.RECOMMENDED, Outcome.NOT_FOLLOWED),
    ],
)
@pytest.mark.parametrize("value", [110.0, None])
def test_what_a_miss_means(obligation: Obligation, missed: Outcome, value: float | None) -> None:
    asked = attrs.evolve(LIMIT_90_S, obligation=obligation)
    assert judge(measured(value), asked).outcome is missed
    assert judge(measured(value), asked, DecisionRule(strict_targets=True)).outcome is Outcome.FAIL
    assert judge(measured(20.0), asked).outcome is Outcome.PASS


def test_order_of_reasons() -> None:
    broken = measured(None, gate="the server went away", bench_error=True)
    assert judge(broken, LIMIT_90_S).outcome is Outcome.ERROR
    assert judge(broken, LIMIT_90_S).reason == "the server went away"
    assert judge(measured(None, bench_error=True), LIMIT_90_S).reason == "the bench failed"
    assert judge(measured(None, gate="no truth"), LIMIT_90_S).outcome is Outcome.INCONCLUSIVE
    assert judge(measured(5.0, gate="no truth"), LIMIT_90_S).outcome is Outcome.INCONCLUSIVE, "never by value"
    declared = attrs.evolve(LIMIT_90_S, not_applicable="no alarms declared")
    assert judge(broken, declared).outcome is Outcome.NOT_APPLICABLE


def test_without_an_agreed_limit_a_figure_is_reported_and_silence_is_a_miss() -> None:
    open_limit = attrs.evolve(LIMIT_90_S, limit=None, obligation=Obligation.AGREEMENT)
    verdict = judge(measured(12.0), open_limit)
    assert verdict.outcome is Outcome.NOT_APPLICABLE
    assert "12 s: reported only" in verdict.reason
    assert judge(measured(None, detail={"never": "1 of 1 alarms never arrived"}), open_limit).outcome is Outcome.FAIL


def test_units_are_never_mixed() -> None:
    assert judge(attrs.evolve(measured(1.0), unit="ms"), LIMIT_90_S).outcome is Outcome.ERROR


def test_the_claim_counts_trials_against_the_limit() -> None:
    detail = {"trials": [{"value": 20.0}] * 58 + [{"value": 91.0}], "trial_noun": "joins"}
    claim = judge(measured(91.0, detail=detail), LIMIT_90_S).claim
    assert claim == "at least 92.2 % of joins within 90 s, 95 % confidence, n = 59, 1 not"
    days = {"trials": [{"ok": True}] * 21, "trial_noun": "daily uploads", "trial_condition": "complete"}
    assert judge(measured(0.0, detail=days), LIMIT_90_S).claim.startswith("at least 86.7 % of daily uploads complete")
    assert judge(measured(0.0, detail=days, gate="no"), LIMIT_90_S).claim == "", "no claim without a decision"


def test_a_trial_counts_where_it_conforms_for_sure() -> None:
    trials: list[Any] = [{"value": 20.0}, {"value": None}, {"value": 85.0, "bounds": [80.0, 91.0]}, "none at all"]
    claim = judge(measured(85.0, detail={"trials": trials}), LIMIT_90_S).claim
    assert claim.endswith("of trials within 90 s, 95 % confidence, n = 4, 3 not")
    silent = attrs.evolve(LIMIT_90_S, limit=None)
    claim = judge(measured(None, detail={"trials": [{"value": 1e9}, {"value": None}]}), silent).claim
    assert claim.endswith("of trials arrived, 95 % confidence, n = 2, 1 not")


def test_combined_verdicts_only_get_worse() -> None:
    order = list(Outcome)
    for rank, worst in enumerate(order):
        assert combine(order[: rank + 1]) is worst
    assert combine([Outcome.TARGET_MISSED, Outcome.PASS]) is Outcome.TARGET_MISSED
    assert combine([]) is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 0),
        ([Outcome.PASS, Outcome.TARGET_MISSED, Outcome.NOT_FOLLOWED, Outcome.CONDITIONAL_PASS], 0),
        ([Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE], 1),
        ([Outcome.CONDITIONAL_FAIL], 1),
        ([Outcome.ERROR, Outcome.INCONCLUSIVE], 3),
        ([Outcome.PASS, Outcome.PENDING_EVIDENCE], 4),
        ([Outcome.INCONCLUSIVE], 4),
    ],
)
def test_exit_codes(outcomes: list[Outcome], code: int) -> None:
    assert exit_code(outcomes) == code


def test_verdicts_survive_json_and_are_canonical() -> None:
    verdicts = [
        judge(measured(41.5, 0.1, cited=("timeline#1",), detail={"語": [1, None]}), LIMIT_90_S),
        judge(measured(None, gate="no truth", subject="t3"), LIMIT_90_S),
    ]
    rest = [NotJudged("storage-server", "2-1", "no episode yet")]
    text = verdicts_json(verdicts, rest)
    assert list(json.loads(text)) == ["format", "judged_by", "not_judged", "verdicts"], "in order"
    assert "語" in text
    assert '\n "verdicts": [\n  {\n   "claim": ' in text
    assert verdicts_json(reversed(verdicts), rest) == text
    back, not_judged = verdicts_from_json(text)
    assert back == verdicts
    assert not_judged == rest
    assert verdicts_json(back, not_judged) == text


def test_no_number_is_written_that_json_does_not_know() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        verdicts_json([judge(measured(math.nan), LIMIT_90_S)], [])


def test_another_format_is_refused_whatever_it_holds() -> None:
    text = verdicts_json([], [])
    newer = json.dumps({**json.loads(text), "format": json.loads(text)["format"] + 1})
    with pytest.raises(InputError, match=r"^verdicts\.json: "):
        verdicts_from_json(newer)


@pytest.mark.parametrize("outcome", [None, Outcome.FAIL])
def test_a_deviation_is_read_back(outcome: Outcome | None) -> None:
    deviation = Deviation("agreement 'x'", "limit 120 s", Reading.GUIDELINE, outcome, "100 s > 90 s")
    verdict = attrs.evolve(judge(measured(80.0), LIMIT_90_S), deviation=deviation)
    assert verdicts_from_json(verdicts_json([verdict], []))[0] == [verdict]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1, "verdicts": [{}], "not_judged": []}', '{"format": 9}'])
def test_what_holds_no_verdicts_is_said(text: str) -> None:
    with pytest.raises(InputError, match=r"^verdicts\.json: "):
        verdicts_from_json(text)


@pytest.mark.parametrize("rule", RuleKind)
@pytest.mark.parametrize(
    ("value", "bounds", "outcome"),
    [
        (89.9, (89.4, 90.0), Outcome.PASS),  # the limit itself conforms
        (89.9, (89.4, 90.4), Outcome.INCONCLUSIVE),
        (90.3, (89.8, 90.8), Outcome.INCONCLUSIVE),
        (90.6, (90.1, 91.1), Outcome.FAIL),
    ],
)
def test_a_limit_within_what_clocks_leave_open_is_not_decided(
    rule: RuleKind, value: float, bounds: tuple[float, float], outcome: Outcome
) -> None:
    figure = measured(value, 0.0, bounds=bounds, doubt="the server's stamps are whole seconds")
    verdict = judge(figure, LIMIT_90_S, DecisionRule(rule))
    assert verdict.outcome is outcome
    assert ("whole seconds" in verdict.reason) is (outcome is Outcome.INCONCLUSIVE)


def test_few_degrees_of_freedom_widen_u() -> None:
    verdict = judge(measured(80.0, 1.0, dof=2.0), LIMIT_90_S)
    assert verdict.expanded_u == pytest.approx(4.53, abs=0.005)  # JCGM 100, table G.2
    assert verdict.coverage_factor == pytest.approx(4.53, abs=0.005)


def test_budget_and_bounds_are_read_back() -> None:
    budget = (Contribution("resolution", 0.29, "s", group="clocks"), Contribution("jitter", 1e-3, "s", dof=9.0))
    verdict = judge(measured(80.0, 0.3, budget=budget, bounds=(79.5, 80.5)), LIMIT_90_S)
    assert verdicts_from_json(verdicts_json([verdict], []))[0] == [verdict]


def test_a_verdict_without_a_budget_is_written_as_ever() -> None:
    """Golden runs, and whoever compares octets, see no field that says nothing."""
    text = verdicts_json([judge(measured(80.0, 0.0), LIMIT_90_S)], [])
    for word in ("budget", "dof", "bounds", "doubt", "coverage_factor"):
        assert word not in text


def test_a_published_conformance_probability() -> None:
    """JCGM 106:2012, 7.3.2, example: a Zener diode's breakdown voltage, -5.47 V with u = 0.05 V, at most -5.40 V."""
    zener = Requirement("r", "", Obligation.MANDATORY, "m", ("e",), -5.40, "V")
    figure = Measurement("m", "d", -5.47, "V", u=0.05)
    assert conformance_probability(figure, zener) == pytest.approx(0.92, abs=0.005)
    assert judge(figure, zener).outcome is Outcome.PASS
    guarded = judge(figure, zener, GUARDED)
    assert guarded.outcome is Outcome.CONDITIONAL_PASS
    assert guarded.reason.endswith("it conforms with a probability of 92 %")


def test_a_value_that_is_exact_conforms_or_not() -> None:
    assert conformance_probability(measured(90.0, 0.0), LIMIT_90_S) == 1.0
    assert conformance_probability(measured(90.1, 0.0), LIMIT_90_S) == 0.0
    assert conformance_probability(measured(90.1), LIMIT_90_S) is None


def test_above_a_lower_limit_it_conforms_more_likely_than_not() -> None:
    at_least = attrs.evolve(LIMIT_90_S, comparison=Comparison.AT_LEAST)
    assert conformance_probability(measured(91.0, 1.0), at_least) == pytest.approx(0.8413, abs=1e-4)
    assert conformance_probability(measured(91.0, 1.0), LIMIT_90_S) == pytest.approx(0.1587, abs=1e-4)
