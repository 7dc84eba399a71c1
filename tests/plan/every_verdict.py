"""Every verdict of a plan at once, as no run gives them: a run judges test by test."""

from __future__ import annotations

from bench.evidence.evidence import Evidence
from bench.plan.catalogue import Plan
from bench.records import Verdict


def assess_all(plan: Plan, evidence: Evidence) -> list[Verdict]:
    """The verdicts of every requirement that has a measurand."""
    return [verdict for name in plan.judged() for verdict in plan.assess(name, evidence)]
