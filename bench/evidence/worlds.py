"""Where a simulated world ended and another one took its place: a virtual run that went on with a new twin.

A new twin has new terminals and a new server. They begin their frame counters, request ids and stores anew, under the
same keys and names, and none of them is to blame for that. On a physical rig nothing of the kind exists: the bench was
started again, and the terminals went on.

Told by what the run recorded: its inputs hold a topology, the row ``bench.resumed`` (not in time) or
``bench.extended`` was written, and the events of the server are numbered anew behind it. A twin that a resumed bench
found again goes on with its numbers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import attrs

from bench import kinds
from bench.evidence.evidence import Evidence

IN_TIME = "in time"


@attrs.frozen(slots=True)
class Worlds:
    """The worlds of a run: ``rows`` at which a new one began, and ``ends_ns``, the last rig time of each before."""

    rows: tuple[int, ...] = ()
    ends_ns: tuple[int, ...] = ()

    @classmethod
    def of(cls, evidence: Evidence) -> Worlds:
        """One world more than there are seams; a physical rig is one world."""
        if evidence.folder.inputs().get("topology") is None:
            return cls()
        events = sorted(evidence.events(), key=lambda event: event.row)
        numbers = [
            (event.row, number)
            for event in events
            if event.source == "server" and isinstance(number := event.data.get("id"), int)
        ]
        rows, ends = [0], list[int]()
        for event in events:
            gone = event.kind == kinds.BENCH_EXTENDED
            gone = gone or (event.kind == kinds.BENCH_RESUMED and event.data.get("takeover") != IN_TIME)
            if gone and _anew(numbers, rows[-1], event.row):
                ends.append(max((one.t_ns for one in events if rows[-1] <= one.row < event.row), default=event.t_ns))
                rows.append(event.row)
        return cls(tuple(rows[1:]), tuple(ends))

    def of_row(self, row: int) -> int:
        """Number of the world that a row of the timeline was written in, from 0."""
        return bisect_left(self.rows, row + 1)

    def at(self, t_ns: int) -> int:
        """Number of the world in which something was at this rig time (all clocks are one on a virtual rig)."""
        return bisect_left(self.ends_ns, t_ns)


def _anew(numbers: Sequence[tuple[int, int]], since: int, row: int) -> bool:
    """Whether the server's events behind ``row`` are not numbered on from those between ``since`` and it."""
    before = max((number for at, number in numbers if since <= at < row), default=0)
    after = next((number for at, number in numbers if at > row), 0)
    return not before or after <= before
