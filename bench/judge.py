"""Verdicts: a pure function of measurement, requirement and decision rule.

Decision rules are those of JCGM 106:2012 clause 8: simple acceptance (the measured value alone decides) and guarded
acceptance with a guard band w = U. Words are those of ILAC-G8:09/2019 section 4.2.3 (non-binary statement with guard
band). What a miss means follows from the obligation: a target is TARGET MISSED, a recommendation NOT FOLLOWED, neither
is a FAIL unless the acceptance contract is strict (``strict_targets``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import attrs

from bench.records import Measurement, Obligation, Outcome, Verdict


class Comparison(StrEnum):
    """On which side of the limit a value conforms; the limit itself always conforms."""

    AT_MOST = "<="
    AT_LEAST = ">="


class RuleKind(StrEnum):
    SIMPLE = "simple acceptance"
    GUARD_BAND = "guard band w = U"


@attrs.frozen(slots=True)
class DecisionRule:
    """How value and uncertainty are turned into a word. ``k``: coverage factor of U = k*u (2: about 95 %)."""

    kind: RuleKind = RuleKind.SIMPLE
    k: float = 2.0
    strict_targets: bool = False


@attrs.frozen(slots=True)
class Requirement:
    """What is asked of a measurement, with every override already applied (``testplans.schema`` makes it).

    ``limit`` None: reported only, no limit was agreed. ``not_applicable``: why the declaration takes it out of scope.
    """

    id: str
    clause: str
    obligation: Obligation
    measurand: str
    episode: str
    limit: float | None
    unit: str
    comparison: Comparison = Comparison.AT_MOST
    statistic: str = "maximum"
    not_applicable: str = ""
    claim_share: str = ""


@attrs.frozen(slots=True)
class NotJudged:
    """A requirement of the catalogue without a verdict, and why."""

    requirement: str
    clause: str
    why: str


def judge(measurement: Measurement, requirement: Requirement, rule: DecisionRule | None = None) -> Verdict:
    """The verdict of one measurement."""
    raise NotImplementedError


def combine(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of them; NOT APPLICABLE of none."""
    raise NotImplementedError


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """Exit code of a run (contract, design section 10)."""
    raise NotImplementedError


def verdicts_json(verdicts: Iterable[Verdict], not_judged: Iterable[NotJudged]) -> str:
    """Canonical JSON text of a run's verdicts: no wall time, no paths, sorted keys; ends with a line feed."""
    raise NotImplementedError


def verdicts_from_json(text: str, source: str = "verdicts.json") -> tuple[list[Verdict], list[NotJudged]]:
    """Inverse of ``verdicts_json``; InputError when ``text`` is none."""
    raise NotImplementedError
