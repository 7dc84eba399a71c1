"""Which alarm at the server belongs to which stimulus, over a whole run, and which to none.

Told by meter, code and time of occurrence, never by comparing the server's stamp with the bench's. An arrival that no
stimulus is left for was not asked for: a second one of the same occurrence is *doubled*, one of a meter that does not
hang on the terminal is of a *foreign meter*, any other was *invented*. A stimulus whose command was announced and never
confirmed (a killed bench) may have happened: it explains an arrival and is judged by nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from bench import kinds
from bench.evidence.evidence import Evidence
from bench.evidence.limits import Limits
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.placing import caused
from bench.measurands.judged.setup import TerminalSetup
from bench.records import NS_PER_S, Json


@attrs.frozen(slots=True)
class Unasked:
    """An alarm at the server that nobody raised; ``why``: doubled, invented, or of a foreign meter."""

    arrival: CitedObservation
    why: str


@attrs.frozen(slots=True)
class Arrivals:
    """A terminal's alarms over the whole run: ``of`` each stimulus (by its row) its arrival, and the others."""

    of: dict[int, CitedObservation]
    unasked: tuple[Unasked, ...]


def arrivals(evidence: Evidence, terminal: TerminalSetup, tolerance_ns: int) -> Arrivals:
    """Every alarm that the server has of the terminal; ``tolerance_ns``: what still is the same time of occurrence."""
    stimuli = [event for event in evidence.events(kinds.METER_ALARM) if event.subject in terminal.meters]
    come = evidence.events(kinds.SERVER_ALARM, subject=terminal.id)
    perhaps = _unconfirmed(evidence, terminal)
    found = matched(evidence, sorted([*stimuli, *perhaps], key=lambda one: one.row), come)
    taken = {arrival.row for arrival in found.values()}
    unasked = [
        Unasked(arrival, _why(evidence, terminal, arrival, stimuli, tolerance_ns))
        for arrival in come
        if arrival.row not in taken
    ]
    confirmed = {stimulus.row for stimulus in stimuli}
    return Arrivals({row: arrival for row, arrival in found.items() if row in confirmed}, tuple(unasked))


def matched(
    evidence: Evidence, stimuli: Sequence[CitedObservation], come: Sequence[CitedObservation]
) -> dict[int, CitedObservation]:
    """For each stimulus (by its row) the first arrival of that meter and code that is nearest to it.

    Two stimuli of one meter and code are told apart by the time of occurrence: an arrival that is nearer to a later
    stimulus is left to that one, so that one lost alarm does not make the next ones look late. The time of occurrence
    is UTC: where UTC leaves several stimuli open, it is the latest of them that has no arrival, for alarms arrive soon.
    """
    found: dict[int, CitedObservation] = {}
    for arrival in come:
        if alike := [one for one in stimuli if _may_be(evidence, one, arrival)]:
            nearest = _nearest(evidence, arrival, alike)
            its = next((one for one in nearest if one.row not in found), nearest[0])
            found.setdefault(its.row, arrival)
    return found


def key(stimulus: CitedObservation) -> tuple[Json, Json]:
    """Meter and code of a stimulus, or of its intent."""
    return stimulus.subject, stimulus.data.get("code")


def intended(evidence: Evidence, stimulus: CitedObservation) -> int:
    """The row from which on the stimulus may have had an effect: its intent's, or its own where it has none."""
    intents = evidence.events(kinds.INTENT_ALARM, subject=stimulus.subject, until_ns=stimulus.t_ns)
    return max((row.row for row in intents if row.row < stimulus.row), default=stimulus.row)


def off(evidence: Evidence, stimulus: CitedObservation, occurred_ns: int) -> Limits:
    """How far a time of occurrence (UTC) lies from that of the stimulus, ns, without sign."""
    raised, clocks = caused(evidence, stimulus).limits, evidence.clocks
    utc = clocks.utc(raised.low).join(clocks.utc(raised.high))
    ends = (utc.low - occurred_ns, utc.high - occurred_ns)
    return Limits(max(0, ends[0], -ends[1]), max(abs(ends[0]), abs(ends[1])), utc.why)


def time_kept(
    evidence: Evidence, stimulus: CitedObservation, arrival: CitedObservation, tolerance_ns: int
) -> bool | None:
    """Whether the time of occurrence is that of the stimulus; None where the host's UTC does not tell."""
    apart = off(evidence, stimulus, _occurred_ns(arrival))
    if apart.high <= tolerance_ns:
        return True
    return False if apart.low > tolerance_ns else None


def _occurred_ns(arrival: CitedObservation) -> int:
    """The time of occurrence (UTC) that came with an alarm: each has one, the recorder takes none without."""
    return int(str(arrival.data["occurred_ns"]))


def _key_of(arrival: CitedObservation) -> tuple[Json, Json]:
    return arrival.data.get("meter"), arrival.data.get("code")


def _may_be(evidence: Evidence, stimulus: CitedObservation, arrival: CitedObservation) -> bool:
    """Whether an arrival is of the stimulus' meter and code, and came after it."""
    return key(stimulus) == _key_of(arrival) and intended(evidence, stimulus) < arrival.row


def _nearest(
    evidence: Evidence, arrival: CitedObservation, alike: Sequence[CitedObservation]
) -> list[CitedObservation]:
    """Those of the stimuli that it may be of that its time of occurrence is nearest to, the latest first: one, or all
    that UTC, where it is not known well, does not tell from that one."""
    apart = {stimulus.row: off(evidence, stimulus, _occurred_ns(arrival)) for stimulus in alike}
    within = min(apart.values(), key=lambda one: one.low).high
    return [stimulus for stimulus in reversed(alike) if apart[stimulus.row].low <= within]


def _unconfirmed(evidence: Evidence, terminal: TerminalSetup) -> list[CitedObservation]:
    """Intents to raise an alarm that no confirmation follows: they may have been carried out. A confirmation is that of
    the newest one: a bench that goes on raises the alarm again, and the one of the killed bench stays unconfirmed."""
    rows = [*evidence.events(kinds.INTENT_ALARM), *evidence.events(kinds.METER_ALARM)]
    waiting: list[CitedObservation] = []
    for row in sorted(rows, key=lambda event: event.row):
        if row.subject not in terminal.meters:
            continue
        if row.kind == kinds.INTENT_ALARM:
            waiting.append(row)
            continue
        newest = next((one for one in reversed(waiting) if key(one) == key(row)), None)
        if newest is not None:
            waiting.remove(newest)
    return waiting


def _why(
    evidence: Evidence,
    terminal: TerminalSetup,
    arrival: CitedObservation,
    stimuli: Sequence[CitedObservation],
    tolerance_ns: int,
) -> str:
    if arrival.data.get("meter") not in terminal.meters:
        return "of a foreign meter"
    occurred_ns = _occurred_ns(arrival)
    alike = [one for one in stimuli if _may_be(evidence, one, arrival)]
    if any(off(evidence, one, occurred_ns).low <= tolerance_ns for one in alike):
        return "doubled"
    return "invented"


def tolerance(alarm_time_tolerance_s: float) -> int:
    """The agreed tolerance of times of occurrence, ns."""
    return round(alarm_time_tolerance_s * NS_PER_S)
