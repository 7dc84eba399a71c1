"""Verdicts: a pure function of measurement, requirement and decision rule.

Decision rules are those of JCGM 106:2012 clause 8: simple acceptance (the measured value alone decides) and guarded
acceptance with a guard band w = U. Words are those of ILAC-G8:09/2019 4.2.3 (non-binary statement with guard band).
What a miss means follows from the obligation: a missed target is TARGET MISSED, a recommendation NOT FOLLOWED; neither
is a FAIL unless the acceptance contract is strict (``strict_targets``).

Before any rule comes what is not known: where clocks leave a figure open between bounds, and the limit lies between
them, no value decides. Simple acceptance shares a statistical risk; it must not decide by a clock that is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import attrs

from bench.judge.statistics import CONFIDENCE, claim
from bench.judge.uncertainty import coverage_factor
from bench.records import Measurement, Obligation, Outcome, Verdict


class Comparison(StrEnum):
    """On which side of the limit a value conforms; the limit itself always conforms."""

    AT_MOST = "<="
    AT_LEAST = ">="


class RuleKind(StrEnum):
    """How uncertainty enters a decision."""

    SIMPLE = "simple acceptance"
    GUARD_BAND = "guard band w = U"


@attrs.frozen(slots=True)
class DecisionRule:
    """How value and uncertainty are turned into a word. ``k``: coverage factor of U = k*u (2: about 95 %)."""

    kind: RuleKind = RuleKind.SIMPLE
    k: float = 2.0
    strict_targets: bool = False
    confidence: float = CONFIDENCE

    def __str__(self) -> str:
        return f"{self.kind}, k = {self.k:g}" + (", targets strict" if self.strict_targets else "")


@attrs.frozen(slots=True)
class Requirement:
    """What is asked of a measurement, with every override already applied (``bench.plan.catalogue`` makes it).

    ``limit`` None: reported only, no limit was agreed. ``not_applicable``: why the declaration takes it out of scope.
    ``also``: episodes that it is judged from besides ``episodes`` where the run holds them. ``confidence``: of the
    bounds that decide, where bounds do.
    """

    id: str
    clause: str
    obligation: Obligation
    measurand: str
    episodes: tuple[str, ...]
    limit: float | None
    unit: str
    comparison: Comparison = Comparison.AT_MOST
    statistic: str = "maximum"
    not_applicable: str = ""
    also: tuple[str, ...] = ()
    confidence: float = CONFIDENCE


@attrs.frozen(slots=True)
class NotJudged:
    """A requirement of the catalogue without a verdict, and why."""

    requirement: str
    clause: str
    why: str


MISS: Final = {Obligation.TARGET: Outcome.TARGET_MISSED, Obligation.RECOMMENDED: Outcome.NOT_FOLLOWED}
"""What missing the limit means where it is no FAIL."""


def judge(measurement: Measurement, requirement: Requirement, rule: DecisionRule | None = None) -> Verdict:
    """The verdict of one measurement."""
    rule = rule if rule is not None else DecisionRule()
    outcome, reason = _decide(measurement, requirement, rule)
    k = coverage_factor(rule.k, measurement.dof)
    decided = outcome not in (Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE, Outcome.ERROR)
    return Verdict(
        requirement=requirement.id,
        subject=measurement.subject,
        outcome=outcome,
        reason=reason,
        measurement=measurement,
        limit=requirement.limit,
        unit=requirement.unit,
        expanded_u=None if measurement.u is None else k * measurement.u,
        coverage_factor=None if measurement.u is None or k == rule.k else k,
        decision_rule=str(rule),
        claim=_claim(measurement, requirement, rule) if decided else "",
    )


def conforms(value: float | None, requirement: Requirement) -> bool:
    """Whether a single value lies on the right side of the limit; None (it never happened) never does."""
    if value is None:
        return False
    if requirement.limit is None:
        return True
    return value <= requirement.limit if requirement.comparison is Comparison.AT_MOST else value >= requirement.limit


def conformance_probability(measurement: Measurement, requirement: Requirement) -> float | None:
    """How probable it is that the true value lies on the right side of the limit (JCGM 106:2012, 7.3, normal).

    None where value, uncertainty or limit are not known.
    """
    if measurement.value is None or measurement.u is None or requirement.limit is None:
        return None
    if measurement.u == 0.0:
        return float(conforms(measurement.value, requirement))
    sign = 1 if requirement.comparison is Comparison.AT_MOST else -1
    z = sign * (requirement.limit - measurement.value) / measurement.u
    return 0.5 * (1.0 + math.erf(z / math.sqrt(2.0)))


def combine(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of them (order of ``Outcome``); NOT APPLICABLE of none."""
    severity = {outcome: rank for rank, outcome in enumerate(Outcome)}
    return max(outcomes, key=severity.__getitem__, default=Outcome.NOT_APPLICABLE)


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """Exit code of a run (contract, design section 10): 1 failed, 3 bench error, 4 not decided, else 0.

    A failed requirement comes first although ERROR is the worse word: it is a finding about the terminal that no
    repair of the bench takes back, and a script that looks for failures must see it. Missed targets and
    recommendations not followed end with 0.
    """
    seen = set(outcomes)
    if seen & {Outcome.FAIL, Outcome.CONDITIONAL_FAIL}:
        return 1
    if Outcome.ERROR in seen:
        return 3
    if seen & {Outcome.INCONCLUSIVE, Outcome.PENDING_EVIDENCE}:
        return 4
    return 0


def _decide(measurement: Measurement, requirement: Requirement, rule: DecisionRule) -> tuple[Outcome, str]:
    """Outcome and its reason, in the order: out of scope, bench, evidence, value."""
    if requirement.not_applicable:
        return Outcome.NOT_APPLICABLE, requirement.not_applicable
    if measurement.bench_error:
        return Outcome.ERROR, measurement.gate or "the bench failed"
    if measurement.gate:
        return Outcome.INCONCLUSIVE, measurement.gate
    if measurement.value is None:
        why = str(measurement.detail.get("never", "it never happened"))
        return _missed(Outcome.FAIL, requirement, rule), why
    if requirement.limit is None:
        said = f"{_figure(measurement.value, measurement.unit)}: reported only, no limit is agreed"
        return Outcome.NOT_APPLICABLE, said
    if measurement.unit != requirement.unit:
        said = f"measured in {measurement.unit}, limit in {requirement.unit}: not comparable"
        return Outcome.ERROR, said
    return _by_value(measurement, measurement.value, requirement.limit, requirement, rule)


def _by_value(
    measurement: Measurement, value: float, limit: float, requirement: Requirement, rule: DecisionRule
) -> tuple[Outcome, str]:
    inside = conforms(value, requirement)
    signs = ("<=", ">") if requirement.comparison is Comparison.AT_MOST else (">=", "<")
    said = f"{_figure(value, measurement.unit)} {signs[not inside]} {_figure(limit, requirement.unit)}"
    if measurement.bounds is not None and len({conforms(end, requirement) for end in measurement.bounds}) == 2:
        low, high = (_figure(end, measurement.unit) for end in measurement.bounds)
        return Outcome.INCONCLUSIVE, f"{said}, but it may be {low} to {high}: {measurement.doubt}"
    if rule.kind is RuleKind.SIMPLE:
        return (Outcome.PASS, said) if inside else (_missed(Outcome.FAIL, requirement, rule), said)
    if measurement.u is None:
        return Outcome.INCONCLUSIVE, f"{said}, but its uncertainty is not known and the decision rule needs it"
    band = coverage_factor(rule.k, measurement.dof) * measurement.u
    margin = limit - value if requirement.comparison is Comparison.AT_MOST else value - limit
    said = f"{said}, U = {band:.3g} {measurement.unit}"
    if margin >= band:
        return Outcome.PASS, said
    probability = conformance_probability(measurement, requirement)
    likely = "" if probability is None else f"; it conforms with a probability of {100 * probability:.2g} %"
    if margin >= 0:
        return Outcome.CONDITIONAL_PASS, f"{said}: inside the guard band{likely}"
    if margin >= -band:
        why = f"{said}: outside, but within the guard band{likely}"
        return _missed(Outcome.CONDITIONAL_FAIL, requirement, rule), why
    return _missed(Outcome.FAIL, requirement, rule), said


def _figure(value: float, unit: str) -> str:
    """Value and unit as people write them; the unit one is not written (ISO 80000-1)."""
    return f"{value:.6g}" if unit in ("", "1") else f"{value:.6g} {unit}"


def _missed(word: Outcome, requirement: Requirement, rule: DecisionRule) -> Outcome:
    """FAIL or CONDITIONAL FAIL, unless the obligation makes it milder and the contract is not strict."""
    if rule.strict_targets:
        return word
    return MISS.get(requirement.obligation, word)


def _claim(measurement: Measurement, requirement: Requirement, rule: DecisionRule) -> str:
    """What the number of independent trials supports: from ``detail`` "trials", a list of {value} or {ok}."""
    trials = measurement.detail.get("trials")
    if not isinstance(trials, Sequence) or isinstance(trials, str) or not trials:
        return ""
    good = [trial for trial in trials if _succeeded(trial, requirement)]
    what = str(measurement.detail.get("trial_noun", "trials"))
    condition = str(measurement.detail.get("trial_condition", ""))
    if not condition:
        bound = "within" if requirement.comparison is Comparison.AT_MOST else "of at least"
        condition = f"{bound} {requirement.limit:g} {requirement.unit}" if requirement.limit is not None else "arrived"
    return claim(len(good), len(trials), what, condition, rule.confidence)


def _succeeded(trial: object, requirement: Requirement) -> bool:
    if not isinstance(trial, dict):
        return False
    if "ok" in trial:
        return bool(trial["ok"])
    bounds = trial.get("bounds") or [trial.get("value")]
    return all(conforms(end, requirement) for end in bounds)
