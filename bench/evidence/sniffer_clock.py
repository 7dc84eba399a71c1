"""A sniffer's clock against UTC, and its frames set right by it: from when its frames came in (``clock.sniffer``).

A frame that was stamped later than it came in was stamped by a clock that is ahead, for sure, by that at least. One
that was stamped earlier may have waited in a buffer: a capture bridge hands on in batches, `LATE_NS` apart at most
where the rig file says nothing (``clocks: NAME: late_s:``), so only what is farther behind than that is the clock.
Frames are set right by what the quickest frame of their minute shows, so what is left is the time that one was under
way. Who was behind by less keeps its stamps, which are early by no more than `LATE_NS`.

Without such rows (a virtual rig, whose clocks are one, or a run by an earlier bench) a sniffer is taken to stamp UTC.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from bench.records import NS_PER_S

if TYPE_CHECKING:
    from bench.air.capture.link import Record
    from bench.evidence.clocks import Clocks
    from bench.evidence.timeline import CitedObservation

LATE_NS: Final = 60 * NS_PER_S


@attrs.frozen(slots=True)
class SnifferClock:
    """How far the stamps of one capture are from UTC: up to frame ``frames[i]``, ``ahead_ns[i]`` (negative: behind);
    0 where they may be right. ``frames`` rise."""

    frames: tuple[int, ...] = ()
    ahead_ns: tuple[int, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[CitedObservation], clocks: Clocks, late_ns: int = LATE_NS) -> SnifferClock:
        """From the ``clock.sniffer`` rows of one capture, in order of time."""
        found: dict[int, int] = {}
        for row in rows:
            frame, stamp_ns, received_ns = (row.data[key] for key in ("frame", "stamp_ns", "received_ns"))
            assert isinstance(frame, int)
            assert isinstance(stamp_ns, int)
            assert isinstance(received_ns, int)
            utc = clocks.utc(received_ns)
            right = utc.low - late_ns <= stamp_ns <= utc.high
            found[frame] = 0 if right else stamp_ns - utc.best
        frames = tuple(sorted(found))
        return cls(frames, tuple(found[frame] for frame in frames))

    @property
    def right(self) -> bool:
        """Whether no stamp has to be moved."""
        return not any(self.ahead_ns)

    @property
    def words(self) -> str:
        """What people are told of it, "" where it is right."""
        wrong = [ahead for ahead in self.ahead_ns if ahead]
        if not wrong:
            return ""
        least, most = min(wrong) / NS_PER_S, max(wrong) / NS_PER_S
        span = f"{least:+.1f} s" if most - least < 1 else f"{least:+.1f} to {most:+.1f} s"
        return f"its clock stood {span} from the bench's; its frames are placed by when they came in"

    def at(self, frame: int) -> int:
        """How far frame number ``frame`` of the capture is ahead of UTC; after the last row as that one has it."""
        if not self.frames:
            return 0
        return self.ahead_ns[min(bisect_left(self.frames, frame), len(self.frames) - 1)]

    def set_right(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records, stamped in UTC as far as is known."""
        for record in records:
            ahead_ns = self.at(record.number)
            yield record if not ahead_ns else _earlier(record, ahead_ns)


def sniffer_clocks(
    rows: Sequence[CitedObservation], clocks: Clocks, late_ns: Mapping[str, int]
) -> Mapping[str, SnifferClock]:
    """The clock of each capture that ``clock.sniffer`` rows tell of, by the capture's name; ``late_ns`` by port."""
    by_capture: dict[str, list[CitedObservation]] = {}
    for row in rows:
        by_capture.setdefault(str(row.data["capture"]), []).append(row)
    return {
        name: SnifferClock.of(told, clocks, late_ns.get(told[0].subject, LATE_NS)) for name, told in by_capture.items()
    }


def _earlier(record: Record, by_ns: int) -> Record:
    start_ns, end_ns = (None if at is None else at - by_ns for at in (record.start_ns, record.end_ns))
    return attrs.evolve(record, time_ns=record.time_ns - by_ns, start_ns=start_ns, end_ns=end_ns)
