"""Whether an answer is fresh whose register a person turned just before the request (milestones with ``turned``).

A device turns the register after the request; a person, who would come too late, before it: turned, tapped, and the
request leaves (`fixtures.run.fresh`). An answer with that index was read after the register was turned, so it is no
older than from then to its request: the reaction before a tap, and the way of the tap. Up to `FRESH_NS` counts as
fresh, since nobody reads a meter that often on his own account; the age stands in the conditions.
"""

from __future__ import annotations

from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Evidence
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import Trouble
from bench.measurands.judged.register import half_ns, tells_nothing
from bench.records import NS_PER_S

FRESH_NS: Final = 5 * NS_PER_S
BEFORE: Final = "before"


@attrs.frozen(slots=True)
class Turned:
    """A register that a person turned to ``reading``, ``age_ns`` at most before the request."""

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
    age_ns = asked.t_ns - reading.t_ns + half_ns(reading)
    if age_ns > FRESH_NS:
        why = f"not proved fresh: the register was turned up to {age_ns / NS_PER_S:.1f} s before the request"
        return Trouble(why, False, rows)
    if any(row.data.get("index") == reading.data.get("index") for row in before[:-1]):
        return Trouble("not proved fresh: the register's new index was an old one", False, rows)
    doubt = next((row for row in _doubts(evidence, meter) if row.row > reading.row), None)
    later = next((row for row in history if row.row > asked.row), None)
    if doubt is not None and (later is None or doubt.row < later.row):
        why = f"the register was not turned as it was asked for: {doubt.data.get('why', doubt.kind)}"
        return Trouble(why, False, (*rows, doubt.citation))
    return Turned(reading, age_ns)


def _doubts(evidence: Evidence, meter: str) -> list[CitedObservation]:
    """What says that nobody knows what the register shows, in order of arrival."""
    found = [
        row
        for kind in (kinds.OPERATOR_CANNOT, kinds.OPERATOR_UNDONE)
        for row in evidence.events(kind, subject=meter)
        if tells_nothing(row)
    ]
    return sorted(found, key=lambda row: row.row)
