"""How a sniffer's stamps stand to the time at which its frames come in: what tells its clock on a real rig.

No frame comes in before it was heard. So the most by which a stamp is ahead of its arrival says how far the sniffer's
clock leads the bench's, but for the time that the quickest frame was under way. One such pair a minute is recorded
(``clock.sniffer``); what follows from it is for whoever judges (`bench.evidence.sniffer_clock`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import attrs

from bench.air.capture.pcapng import PcapngStream
from bench.errors import InputError
from bench.records import NS_PER_S

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 1
PACKET: Final = 6
EVERY_NS: Final = 60 * NS_PER_S
FIRST_NS: Final = 10 * NS_PER_S
"""Time after the first frame until the first pair is told."""
_ENDIAN: Final[dict[str, Literal["little", "big"]]] = {"<": "little", ">": "big"}
JUMP_NS: Final = NS_PER_S
"""A frame that is ahead of all before it by more was stamped by a clock that was set meanwhile, or came at once after
others had waited."""


class Stamps:
    """Stamps (Unix ns) of a stream's packet blocks, as its interfaces tell them; those of other blocks are not told."""

    def __init__(self) -> None:
        self._interfaces = PcapngStream()

    def of(self, kind: int, order: str, block: bytes) -> int | None:
        """The stamp of one whole block; None where it is no enhanced packet block, or cannot be understood."""
        if kind == PACKET:
            interface = int.from_bytes(block[8:12], _ENDIAN[order])
            high, low = (int.from_bytes(block[at : at + 4], _ENDIAN[order]) for at in (12, 16))
            described = self._interfaces.interfaces
            return described[interface].stamp_ns(high << 32 | low) if interface < len(described) else None
        if kind in (SECTION, INTERFACE):
            try:
                self._interfaces.feed(block)
            except InputError:  # whoever reads the capture says so
                self._interfaces = PcapngStream()
        return None


@attrs.frozen(slots=True)
class Pair:
    """A stamp (``stamp_ns``, the sniffer's clock) and when it came in (``received_ns``, rig time): of all frames since
    the pair before, up to number ``frame`` of the capture, the one that is farthest ahead."""

    frame: int
    stamp_ns: int
    received_ns: int

    @property
    def lead_ns(self) -> int:
        return self.stamp_ns - self.received_ns


class Leads:
    """Finds one `Pair` a minute and gives it to ``tell``; a clock that was set ahead gets one of its own before.

    ``most_ns``: the most that any frame was ahead of its arrival, None before the first."""

    def __init__(self, tell: Callable[[Pair], None]) -> None:
        self.most_ns: int | None = None
        self._tell = tell
        self._best: Pair | None = None
        self._least_ns = 0
        self._due_ns: int | None = None

    def heard(self, frame: int, stamps_ns: list[int], now_ns: int) -> None:
        """Frames came in together, now; the last of them is number ``frame`` of the capture."""
        if not stamps_ns:
            return
        newest = Pair(frame, max(stamps_ns), now_ns)
        self.most_ns = newest.lead_ns if self.most_ns is None else max(self.most_ns, newest.lead_ns)
        best = self._best
        # Frames that had waited are unlike each other, those of a clock that was wrong are alike.
        if best is not None and newest.lead_ns - best.lead_ns > JUMP_NS and best.lead_ns - self._least_ns <= JUMP_NS:
            self._tell(best)
            best = None
        least_ns = min(stamps_ns) - now_ns
        self._least_ns = least_ns if best is None else min(self._least_ns, least_ns)
        kept = best if best is not None and best.lead_ns >= newest.lead_ns else newest
        self._best = attrs.evolve(kept, frame=frame)
        if self._due_ns is None:
            self._due_ns = now_ns + FIRST_NS
        if now_ns >= self._due_ns:
            self._tell(self._best)
            self._best, self._due_ns = None, now_ns + EVERY_NS
