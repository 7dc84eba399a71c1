"""A meter's register over time, as the bench set and read it back: the truth that delivered values are held to.

Marks are UTC: where the bench does not know UTC well enough to tell two indexes apart, either may be the true one.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.clocks import Clocks
from bench.evidence.evidence import Evidence
from bench.evidence.limits import Limits
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import Span, Trouble, blind_spans, first_span_over
from bench.records import NS_PER_HOUR, NS_PER_S, Json

FRESH_NS: Final = 5 * NS_PER_S
BEFORE: Final = "before"
TOLD_NEAR_NS: Final = 300 * NS_PER_S
"""How far from a mark a telegram that a tap heard may lie and still tell what the register stood at for it."""


@attrs.frozen(slots=True)
class Register:
    """A meter's register over rig time as the bench read it back.

    ``since``: when each step may have been made at the earliest, its intent; ``times``: when it was read back.
    """

    readings: tuple[CitedObservation, ...]
    since: tuple[int, ...]
    times: tuple[int, ...]
    blind: tuple[Span, ...]
    clocks: Clocks

    @classmethod
    def of(cls, evidence: Evidence, meter: str) -> Register:
        told = evidence.events(kinds.METER_TOLD, subject=meter)
        if told:
            return Tapped(tuple(told), (), tuple(event.t_ns for event in told), _blind(evidence), evidence.clocks)
        unknown = _unknown(evidence, meter, kinds.OPERATOR_TIMEOUT, kinds.OPERATOR_CANNOT, kinds.OPERATOR_UNDONE)
        unknown += evidence.events(kinds.METER_UNKNOWN, subject=meter)
        readings = tuple(sorted([*evidence.events(kinds.METER_INDEX, subject=meter), *unknown], key=lambda e: e.row))
        times = tuple(event.t_ns + (0 if _tells_nothing(event) else _half_ns(event)) for event in readings)
        intents = [] if evidence.clocks.exact else evidence.events(kinds.INTENT_INDEX, subject=meter)
        since = tuple(_since(readings, intents)) if intents else tuple(e.t_ns - _half_ns(e) for e in readings)
        return cls(readings, since, times, _blind(evidence), evidence.clocks)

    def at(self, mark_ns: int) -> list[CitedObservation]:
        """The readings that may have stood at the UTC of a mark, oldest first; none before the first."""
        rig = self.clocks.rig(mark_ns)
        first, last = bisect_right(self.times, rig.low), bisect_right(self.since, rig.high)
        return list(self.readings[first - 1 : max(first, last)]) if first else []

    def near(self, mark_ns: int, by_ns: int) -> list[CitedObservation]:
        """The readings that may have stood within ``by_ns`` of a mark, oldest first."""
        early, late = self.clocks.rig(mark_ns - by_ns), self.clocks.rig(mark_ns + by_ns)
        first, last = bisect_right(self.times, early.low), bisect_right(self.since, late.high)
        return list(self.readings[max(0, first - 1) : max(first, last)])

    def indexes(self, mark_ns: int, by_ns: int = 0) -> set[Json]:
        """What the register may have stood at within ``by_ns`` of a mark."""
        return {reading.data.get("index") for reading in self.near(mark_ns, by_ns)}

    def steps(self, since_ns: int, until_ns: int) -> list[tuple[CitedObservation, CitedObservation, Limits]]:
        """Steps whose reading stands in the interval of rig time: before, after, and when it was made."""
        found = []
        pairs = zip(self.readings, self.readings[1:], self.since[1:], self.times[1:], strict=False)
        for before, after, early, late in pairs:
            if since_ns <= after.t_ns <= until_ns and before.data.get("index") != after.data.get("index"):
                found.append((before, after, Limits(early, late)))
        return found

    def stepped(self, mark_ns: int, by_ns: int = 0) -> bool:
        """Whether the mark has a known index other than the mark before; ``by_ns``: how far from it it may be read."""
        now, before = self.indexes(mark_ns, by_ns), self.indexes(mark_ns - NS_PER_HOUR, by_ns)
        return len(now) == 1 and bool(before) and not now & before

    def known(self, mark_ns: int, by_ns: int = 0) -> bool:
        """Whether the bench watched the hour before the mark, and ``by_ns`` behind it."""
        hour = self.clocks.rig(mark_ns - NS_PER_HOUR).low, self.clocks.rig(mark_ns + by_ns).high
        found = self.at(mark_ns)
        return (
            bool(found) and all("index" in reading.data for reading in found) and not first_span_over(self.blind, *hour)
        )


@attrs.frozen(slots=True)
class Tapped(Register):
    """A real meter's register, known where a tap heard it told: at these times, and at no other.

    What the meter told its terminal within ``TOLD_NEAR_NS`` of a mark is what it stood at for that mark; where several
    telegrams lie there and differ, any of them may be. A mark without one is not known.
    """

    def at(self, mark_ns: int) -> list[CitedObservation]:
        return self.near(mark_ns, TOLD_NEAR_NS)

    def near(self, mark_ns: int, by_ns: int) -> list[CitedObservation]:
        by_ns = max(by_ns, TOLD_NEAR_NS)
        early, late = self.clocks.rig(mark_ns - by_ns), self.clocks.rig(mark_ns + by_ns)
        return list(self.readings[bisect_left(self.times, early.low) : bisect_right(self.times, late.high)])

    def steps(self, since_ns: int, until_ns: int) -> list[tuple[CitedObservation, CitedObservation, Limits]]:
        """Made at some time between two telegrams."""
        return [
            (before, after, Limits(before.t_ns, after.t_ns))
            for before, after in itertools.pairwise(self.readings)
            if since_ns <= after.t_ns <= until_ns and before.data.get("index") != after.data.get("index")
        ]


@attrs.frozen(slots=True)
class Turned:
    """A register that a person turned to ``reading``, ``age_ns`` at most before the request.

    A device turns the register after the request; a person, who would come too late, before it: turned, tapped, and
    the request leaves (`fixtures.episodes.fresh`; milestones with ``turned``). An answer with that index was read after
    the register was turned, so it is no older than from then to its request: the reaction before a tap, and the way of
    the tap. Up to `FRESH_NS` counts as fresh, since nobody reads a meter that often on his own account.
    """

    reading: CitedObservation
    age_ns: int

    @property
    def age_s(self) -> float:
        return round(self.age_ns / NS_PER_S, 3)


def turned_before(evidence: Evidence, meter: str, mark: CitedObservation, asked: CitedObservation) -> Turned | Trouble:
    """How the register was turned for the request of ``mark``, which the bench meant to make at ``asked``; or why that
    proves nothing: not turned, too early, to an index that it had before, or to another one than was to be."""
    history = evidence.events(kinds.METER_INDEX, subject=meter)
    before = [row for row in history if row.row < asked.row]
    if not before:
        return Trouble("not proved fresh: the register was not turned for the request", False, (mark.citation,))
    reading = before[-1]
    rows = (reading.citation, mark.citation)
    age_ns = asked.t_ns - reading.t_ns + _half_ns(reading)
    if age_ns > FRESH_NS:
        why = f"not proved fresh: the register was turned up to {age_ns / NS_PER_S:.1f} s before the request"
        return Trouble(why, False, rows)
    if any(row.data.get("index") == reading.data.get("index") for row in before[:-1]):
        return Trouble("not proved fresh: the register's new index was an old one", False, rows)
    doubts = _unknown(evidence, meter, kinds.OPERATOR_CANNOT, kinds.OPERATOR_UNDONE)
    doubt = min((row for row in doubts if row.row > reading.row), key=lambda row: row.row, default=None)
    later = next((row for row in history if row.row > asked.row), None)
    if doubt is not None and (later is None or doubt.row < later.row):
        why = f"the register was not turned as it was asked for: {doubt.data.get('why', doubt.kind)}"
        return Trouble(why, False, (*rows, doubt.citation))
    return Turned(reading, age_ns)


def _unknown(evidence: Evidence, meter: str, *unanswered: kinds.Kind) -> list[CitedObservation]:
    """What of these kinds says that nobody knows what the register shows."""
    return [row for kind in unanswered for row in evidence.events(kind, subject=meter) if _tells_nothing(row)]


def _blind(evidence: Evidence) -> tuple[Span, ...]:
    return tuple(blind_spans(evidence))


def _tells_nothing(event: CitedObservation) -> bool:
    """Whether it says that nobody knows what a person set the register to."""
    undone = event.kind == kinds.OPERATOR_UNDONE and event.data.get("do") == "read"
    return undone or event.data.get("do") in ("set", "again", "turn")


def _half_ns(event: CitedObservation) -> int:
    """How far off the stamp may be: a register that a person turned was turned some time between question and answer
    (`devices.operator.driver`); one that nobody confirmed, at some time since the question."""
    if _tells_nothing(event):
        return round(float(str(event.data["after_s"])) * NS_PER_S)
    return round(math.sqrt(3) * event.u_ns)


def _since(readings: Sequence[CitedObservation], intents: Sequence[CitedObservation]) -> Iterator[int]:
    """For each reading the time of the intent that it is the first answer to, its own where it is none."""
    waiting = sorted(intents, key=lambda intent: intent.row)
    place = 0
    for reading in sorted(readings, key=lambda event: event.row):
        since_ns = reading.t_ns
        while place < len(waiting) and waiting[place].row < reading.row:
            since_ns, place = min(reading.t_ns, waiting[place].t_ns), place + 1
        yield since_ns
