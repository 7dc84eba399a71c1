"""When something happened, how long it took, and the uncertainty budget of that.

Two kinds of not knowing are kept apart. *Limits* (`bench.evidence.limits`) hold for sure as far as clocks go: a command
took effect between its intent and its answer, a server stamped an event between its cause and its arrival, a clock
counts whole seconds, an oscillator is off by so much. In a budget they are rectangles that are taken for correlated, so
that U covers their worst case, and they stand in ``Measurement.bounds``, which no value outweighs. *Jitter* of stamps
made on arrival is random and enters as a standard uncertainty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from bench import kinds
from bench.evidence.clocks import Clocks
from bench.evidence.evidence import Evidence
from bench.evidence.limits import Limits
from bench.evidence.timeline import CitedObservation
from bench.judge.uncertainty import combined, within
from bench.measurands.judged.common import statistic_of
from bench.records import NS_PER_S, Contribution, Distribution, Json

CLOCKS: Final = "clocks"
"""Group of what clocks leave open: taken for correlated."""

INTENT_OF: Final[Mapping[str, tuple[str, ...]]] = {
    kinds.PANEL_PRESS: (kinds.INTENT_PRESS,),
    kinds.SUPPLY_OUTPUT: (kinds.INTENT_FEED, kinds.INTENT_MAINS),
    kinds.METER_ALARM: (kinds.INTENT_ALARM,),
    kinds.METER_INDEX: (kinds.INTENT_INDEX,),
}
"""Which intent, on disk before its command, a stimulus follows from."""


@attrs.frozen(slots=True)
class Placed:
    """An event in rig time: limits for sure, and the jitter of its stamp. ``what`` names it in a budget."""

    what: str
    limits: Limits
    u_ns: int = 0

    @classmethod
    def on_arrival(cls, event: CitedObservation) -> Placed:
        """Stamped by the bench when it came in."""
        return cls(event.kind, Limits(event.t_ns, event.t_ns), event.u_ns)

    @classmethod
    def by_people(cls, event: CitedObservation) -> Placed:
        """Confirmed by a person: within the reaction that the rig file declares, and nothing else is known of it."""
        half_ns = round(math.sqrt(3) * event.u_ns)
        return cls(event.kind, Limits(event.t_ns - half_ns, event.t_ns + half_ns, "reaction of the operator"))


@attrs.frozen(slots=True)
class Took:
    """An interval in seconds, with what its uncertainty is made of. ``bounds`` None: nothing is open."""

    value: float
    budget: tuple[Contribution, ...]
    bounds: tuple[float, float] | None = None
    doubt: str = ""


def caused(evidence: Evidence, event: CitedObservation) -> Placed:
    """A stimulus of the bench: it took effect between its intent and the answer, which a slow device gives late."""
    placed = as_told(evidence, event)
    if placed.limits.width:
        return placed
    if evidence.clocks.exact:
        return placed
    intents = [
        row
        for kind in INTENT_OF.get(event.kind, ())
        for row in evidence.events(kind, subject=event.subject, until_ns=event.t_ns)
        if row.row < event.row
    ]
    if not intents:
        return placed
    intent = max(intents, key=lambda row: row.row)
    between = evidence.events(event.kind, subject=event.subject, since_ns=intent.t_ns, until_ns=event.t_ns)
    if any(intent.row < row.row < event.row and row.data.get("on") == event.data.get("on") for row in between):
        return placed  # told again later: no answer to that command
    limits = Limits(intent.t_ns, event.t_ns, "between command and answer")
    return attrs.evolve(placed, limits=limits)


def as_told(evidence: Evidence, event: CitedObservation) -> Placed:
    """What was told on arrival: by a device, or by a person."""
    people = {asked.source for asked in evidence.events(kinds.OPERATOR_ASKED)}
    return Placed.by_people(event) if event.source in people else Placed.on_arrival(event)


def heard(evidence: Evidence, event: CitedObservation, after: Placed) -> Placed:
    """An event of the server's, caused by ``after``."""
    limits = evidence.clocks.heard(event, after.limits.low)
    return Placed(event.kind, limits, event.u_ns if evidence.clocks.exact else 0)


def took(clocks: Clocks, start: Placed, stop: Placed) -> Took:
    """From one event to another, never less than nothing."""
    apart = stop.limits.less(start.limits)
    value = apart.best / NS_PER_S
    parts = [(f"{placed.what}: {placed.limits.why}", placed.limits.half) for placed in (start, stop)]
    jitter = [_jitter(placed.what, placed.u_ns) for placed in (start, stop) if placed.u_ns]
    until_ns = max(stop.limits.high, start.limits.high)
    rate_ns = abs(value) * NS_PER_S * clocks.rate_ppm(start.limits.low, until_ns) * 1e-6
    return _of(value, apart.wider(rate_ns), [*parts, ("rate of the host's clock", rate_ns)], jitter)


def took_at_server(
    clocks: Clocks, first: CitedObservation, second: CitedObservation, sure: Limits, *, signed: bool = False
) -> Took:
    """From one event of the server to another, by its own stamps; ``sure`` (ns) holds without any clock.

    ``signed``: the second may have been first, and the figure is negative then; else never less than nothing.
    """
    apart = clocks.server_apart(first, second, sure)
    jitter = [_jitter(event.kind, event.u_ns) for event in (first, second) if clocks.exact and event.u_ns]
    return _of(apart.best / NS_PER_S, apart, [(apart.why, apart.half)], jitter, signed=signed)


def _jitter(what: str, u_ns: int) -> Contribution:
    return Contribution(f"{what}: stamp", u_ns / NS_PER_S, "s", Distribution.NORMAL)


def _of(
    value: float,
    apart: Limits,
    parts: Sequence[tuple[str, float]],
    jitter: Sequence[Contribution],
    *,
    signed: bool = False,
) -> Took:
    least = -math.inf if signed else 0.0
    open_parts = [(source.removesuffix(": "), half) for source, half in parts if half > 0]
    budget = [within(source, half / NS_PER_S, "s", group=CLOCKS) for source, half in open_parts]
    bounds = (max(least, apart.low / NS_PER_S), max(least, apart.high / NS_PER_S)) if open_parts else None
    doubt, _ = max(open_parts, key=lambda part: part[1]) if open_parts else ("", None)
    return Took(max(least, value), (*budget, *jitter), bounds, doubt)


def figure(tooks: Sequence[Took | None], statistic: str, clocks: Clocks) -> dict[str, Any]:
    """``value``, ``u``, ``budget``, ``dof``, ``bounds`` and ``doubt`` of a measurement over several intervals.

    None (it never ended) counts as endless. The budget is that of the least known interval: a statistic knows its
    figure no better than that one. Nothing is said of uncertainty where nothing is known of the clocks.
    """
    value = statistic_of([None if one is None else one.value for one in tooks], statistic)
    known = [one for one in tooks if one is not None]
    if not known or not clocks.known:
        return {"value": value}
    worst = max(known, key=lambda one: combined(one.budget).u)
    total = combined(worst.budget)
    found: dict[str, Any] = {"value": value, "u": total.u, "budget": worst.budget, "dof": total.dof}
    if value is not None and any(one.bounds is not None for one in known):
        ends = [None if one is None else one.bounds or (one.value, one.value) for one in tooks]
        low, high = (statistic_of([end and end[side] for end in ends], statistic) for side in (0, 1))
        found |= {"bounds": (low, high), "doubt": max(known, key=_width).doubt}
    return found


def utc_conditions(clocks: Clocks) -> dict[str, Json]:
    """What must stand beside a figure that hangs on UTC; nothing where UTC is known."""
    found: dict[str, Json] = {}
    if not clocks.host_disciplined:
        found["utc"] = "the host's clock was not disciplined; taken as it stood"
    if clocks.steps:
        found["utc_steps"] = list(clocks.steps)
    return found


def _width(one: Took) -> float:
    return 0.0 if one.bounds is None else one.bounds[1] - one.bounds[0]


def trial(one: Took | None) -> dict[str, Any]:
    """One interval among a measurement's trials, for the claim: it succeeded where even its bounds conform."""
    if one is None or one.bounds is None:
        return {"value": None if one is None else one.value}
    return {"value": one.value, "bounds": list(one.bounds)}


def dated_otherwise(
    evidence: Evidence, told_ns: Json, asked_ns: int, came_ns: int, tolerance_ns: int, what: str = "read"
) -> str:
    """What is wrong with the time (UTC, ns) at which an answer says that something was done: before it was asked for or
    after it came, rig time, whatever UTC was then. Empty where nothing is, or where it says none."""
    if not isinstance(told_ns, int):
        return ""
    early_ns = evidence.clocks.utc(asked_ns).low - tolerance_ns - told_ns
    late_ns = told_ns - evidence.clocks.utc(came_ns).high - tolerance_ns
    if early_ns > 0:
        return f"says that it was {what} {(early_ns + tolerance_ns) / NS_PER_S:.0f} s before it was asked for"
    return f"says that it was {what} {(late_ns + tolerance_ns) / NS_PER_S:.0f} s after it came" if late_ns > 0 else ""
