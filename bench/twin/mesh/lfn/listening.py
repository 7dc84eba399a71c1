"""When the radio of an LFN listens: in short windows, and for a moment after each frame that it has to do with.

An LFN's windows begin each ``interval`` from an anchor of its own. It tells them by LUS-IE (interval) and LUTT-IE (slot
and offset at that moment) and keeps to what it told: a new schedule holds when a frame that tells it was acknowledged,
and until then it listens by both. Nothing is planned ahead, so weeks of windows cost nothing: whether it listened when
a frame began follows from that moment alone.
"""

from __future__ import annotations

from typing import Final

import attrs

from bench.air.mac.frame import MacFrame
from bench.air.wisun import frames as wisun
from bench.air.wisun.lfn_frames import CURRENT_PLAN
from bench.records import NS_PER_S
from bench.twin.mesh.lfn.timing import AWAKE_NS, QUICK_NS, WINDOW_NS
from bench.twin.mesh.timers import MS
from bench.twin.mesh.tuning import Way

ASLEEP: Final = -1
"""No channel."""
FORGET_NS: Final = NS_PER_S


@attrs.frozen(slots=True)
class Windows:
    """Windows that begin each ``interval_ns`` from ``anchor_ns`` on, in both directions of time."""

    anchor_ns: int
    interval_ns: int

    def place(self, t_ns: int) -> tuple[int, int]:
        """Slot (16 bit), and ns since it began."""
        slot, since_ns = divmod(t_ns - self.anchor_ns, self.interval_ns)
        return slot & 0xFFFF, since_ns

    def open_at(self, t_ns: int) -> bool:
        """Whether a window is open."""
        return self.place(t_ns)[1] < WINDOW_NS

    def next_ns(self, t_ns: int) -> int:
        """When the next window begins, at ``t_ns`` or later."""
        return t_ns + (self.anchor_ns - t_ns) % self.interval_ns


class Listening:
    """The `tuning.Tuning` of an LFN on one channel."""

    hops = False

    def __init__(self, channel: int) -> None:
        self._channel, self._way = channel, Way((channel,))
        self.begin(0)

    def begin(self, began_ns: int) -> None:
        self._told = self._wanted = Windows(began_ns, QUICK_NS)
        self.broadcast: Windows | None = None
        """The parent's, in which it listens, too."""
        self._stays: list[tuple[int, int]] = []

    def restart(self) -> None:
        """It looks for a parent: nobody knows its windows, which come each second."""
        self.begin(self._wanted.anchor_ns)

    def want(self, interval_ns: int, offset_ns: int = 0) -> None:
        """From the next frame on it says that it listens so often, so much later than it has told."""
        self._wanted = Windows(self._told.anchor_ns + offset_ns, interval_ns)

    def told(self, wanted: Windows) -> None:
        """The parent has heard of these windows."""
        self._told = wanted

    @property
    def wanted(self) -> Windows:
        """What its frames tell."""
        return self._wanted

    def listen(self, from_ns: int, until_ns: int) -> None:
        """Listen without a break. What is over longer than a frame lasts is forgotten."""
        self._stays = [stay for stay in self._stays if stay[1] > from_ns - FORGET_NS]
        self._stays.append((from_ns, until_ns))

    def lutt(self, kind: int, t_ns: int) -> wisun.Lutt:
        """LUTT-IE of a frame that begins then."""
        slot, since_ns = self._wanted.place(t_ns)
        return wisun.Lutt(kind, slot, since_ns // MS)

    @property
    def lus(self) -> wisun.Lus:
        """LUS-IE of its frames; the channel is the one that LPAS told."""
        return wisun.Lus(self._wanted.interval_ns // MS, CURRENT_PLAN)

    def listening_on(self, t_ns: int) -> int:
        awake = (
            any(first <= t_ns < last for first, last in self._stays)
            or self._told.open_at(t_ns)
            or self._wanted.open_at(t_ns)
            or (self.broadcast is not None and self.broadcast.open_at(t_ns))
        )
        return self._channel if awake else ASLEEP

    def way(self, frame: MacFrame, t_ns: int) -> Way | None:
        return self._way

    def stay(self, channel: int, until_ns: int) -> None:
        self.listen(until_ns - AWAKE_NS, until_ns)

    def heard(self, frame: MacFrame, start_ns: int) -> None:
        if frame.dst is not None:
            self.listen(start_ns, start_ns + AWAKE_NS)
