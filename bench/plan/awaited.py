"""What a server's log still has to say: verdicts that wait for it, and until when.

Where a server is known by its log alone (``evidence.deferred``), what its terminals did is not known before every day
of an episode has been added. Until then nothing is judged by it: what is missing may stand in the next file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Evidence
from bench.judge.decide import DecisionRule, Requirement, judge
from bench.measurands.judged.collection_rate import NO_LOG
from bench.measurands.judged.common import NOT_DRIVEN
from bench.measurands.judged.registry import ADDED
from bench.records import JST_OFFSET_NS, NS_PER_DAY, NS_PER_S, Measurement, Outcome, Verdict

DECIDED: Final = (Outcome.NOT_APPLICABLE, Outcome.ERROR)
"""What no log changes."""


def still_to_come(verdicts: Sequence[Verdict], episodes: Collection[str], evidence: Evidence) -> list[Verdict]:
    """The verdicts, those that hang on days of these episodes that are missing as PENDING EVIDENCE."""
    days = awaited(evidence, episodes)
    if not days:
        return list(verdicts)
    more = f" and of {len(days) - 1} more" if len(days) > 1 else ""
    why = f"the server's log of {days[0]}{more} is still to come"
    return [v if v.outcome in DECIDED or _never(v) else _pending(v, why) for v in verdicts]


def _pending(verdict: Verdict, why: str) -> Verdict:
    """No figure stands beside it: what half a log shows is none."""
    told = verdict.measurement
    nothing = None if told is None else Measurement(told.measurand, told.subject, None, told.unit, gate=why)
    return attrs.evolve(
        verdict, outcome=Outcome.PENDING_EVIDENCE, reason=why, measurement=nothing, expanded_u=None, claim=""
    )


def not_added(measured: Measurement, asked: Requirement, rule: DecisionRule) -> Verdict:
    """The verdict by a log that is to be added: pending until it is there, where the parties have agreed on a limit."""
    verdict = judge(measured, asked, rule)
    if measured.gate != NO_LOG:
        return verdict
    if asked.limit is None:
        why = "no margin is agreed, and no log was added"
        return attrs.evolve(verdict, outcome=Outcome.NOT_APPLICABLE, reason=why)
    return attrs.evolve(verdict, outcome=Outcome.PENDING_EVIDENCE, reason=NO_LOG)


def foreseen(asked: Requirement) -> tuple[Outcome, str] | None:
    """What will be of a requirement that is judged by a log, before one was added; None for any other."""
    if asked.measurand not in ADDED:
        return None
    return (
        (Outcome.NOT_APPLICABLE, "no margin is agreed") if asked.limit is None else (Outcome.PENDING_EVIDENCE, NO_LOG)
    )


def awaited(evidence: Evidence, episodes: Collection[str] | None = None) -> list[str]:
    """Days in Japan of these episodes (None: of all) whose log is missing; none where the server was heard at once."""
    if not evidence.events(kinds.EVIDENCE_DEFERRED):
        return []
    there = {event.data.get("day") for event in evidence.events(kinds.EVIDENCE_LOG)}
    driven = [evidence.episode(name) for name in evidence.episodes() if episodes is None or name in episodes]
    clocks = evidence.clocks
    spans = [(clocks.utc(one.t0_ns).low, clocks.utc(one.t1_ns).high) for one in driven]
    return sorted({day for since, until in spans for day in _days(since, until)} - there)


def _days(since_ns: int, until_ns: int) -> set[str]:
    return {
        datetime.fromtimestamp((t_ns + JST_OFFSET_NS) // NS_PER_S, UTC).date().isoformat()
        for t_ns in (*range(since_ns, until_ns, NS_PER_DAY), until_ns)
    }


def _never(verdict: Verdict) -> bool:
    """Whether a step was not driven for want of means: no log makes up for that."""
    return verdict.measurement is not None and verdict.measurement.gate.startswith(NOT_DRIVEN)
