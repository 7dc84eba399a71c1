"""On which channel a node listens and sends: always the same one, or hopping by DH1CF (domain.md 5.3).

A hopping node listens on the channel of its own unicast slot, and in the broadcast dwell of each interval on the PAN's
broadcast channel. It reaches a neighbour on the channel on which that one listens, which the UFSI of any of the
neighbour's frames and its US-IE foretell (`wisun.channels.Listener`); nothing else is known of it. Asynchronous frames
(PA, PAS, PC, PCS) go out on every channel in turn, other frames for all in the broadcast dwell.
"""

from __future__ import annotations

from typing import Final, Protocol

import attrs

from bench.air.errors import Malformed
from bench.air.mac.frame import MacFrame
from bench.air.wisun import frames as wisun
from bench.air.wisun.channels import SLOTS_DH1CF, Listener, channel_of, channels_of

MS: Final = 1_000_000
GUARD_NS: Final = 2 * MS
"""So long before its neighbour goes elsewhere a node begins no frame to it."""


@attrs.frozen(slots=True)
class Way:
    """How a frame leaves: on these channels, one after another, and not for ``wait_ns`` yet."""

    channels: tuple[int, ...]
    wait_ns: int = 0


class Tuning(Protocol):
    """Where one node listens and sends. Times are those of the kernel, ns."""

    hops: bool
    """It has a sequence of slots, which begins anew when the node boots."""

    def listening_on(self, t_ns: int) -> int:
        """The channel on which the node listens at a time."""

    def way(self, frame: MacFrame, t_ns: int) -> Way | None:
        """How a frame can leave; None where nothing is known of its addressee."""

    def stay(self, channel: int, until_ns: int) -> None:
        """Listen on one channel until then: an answer is to come there."""

    def heard(self, frame: MacFrame, start_ns: int) -> None:
        """A frame of a neighbour, in clear text, which began then: its timing and its schedules."""

    def begin(self, began_ns: int) -> None:
        """Boot: RAM is empty, the sequence of slots began then."""


class Fixed:
    """One channel for all."""

    hops = False

    def __init__(self, channel: int) -> None:
        self._channel, self._way = channel, Way((channel,))

    def listening_on(self, t_ns: int) -> int:
        return self._channel

    def way(self, frame: MacFrame, t_ns: int) -> Way | None:
        return self._way

    def stay(self, channel: int, until_ns: int) -> None:
        """It listens nowhere else."""

    def heard(self, frame: MacFrame, start_ns: int) -> None:
        """All are where it is."""

    def begin(self, began_ns: int) -> None:
        """It knows nothing that it could forget."""


@attrs.frozen(slots=True)
class _Broadcast:
    """The PAN's broadcast schedule; slot 0 began at ``zero_ns``."""

    bs: wisun.Bs
    zero_ns: int

    def place(self, t_ns: int) -> tuple[int, int]:
        """Slot (16 bit) and ns since it began."""
        slot, since_ns = divmod(t_ns - self.zero_ns, self.bs.interval_ms * MS)
        return slot & 0xFFFF, since_ns

    def channel(self, t_ns: int) -> int | None:
        """The broadcast channel, None outside of the dwell."""
        slot, since_ns = self.place(t_ns)
        return channel_of(self.bs.schedule, slot, self.bs.bsi) if since_ns < self.bs.dwell_ms * MS else None


class Hopping:
    """DH1CF by the node's own schedule ``us``; ``began_ns`` is when its sequence of unicast slots began."""

    hops = True

    def __init__(self, eui64: bytes, us: wisun.Us) -> None:
        self._eui64, self._us = eui64, us
        self._everywhere = Way(channels_of(us.schedule))
        self.begin(0)

    def begin(self, began_ns: int) -> None:
        self.began_ns = began_ns
        self._neighbours: dict[bytes, Listener] = {}
        self._broadcast: _Broadcast | None = None
        self._stays: tuple[int, int] = (0, 0)

    def follow(self, bs: wisun.Bs, zero_ns: int) -> None:
        """Keep the PAN's broadcast schedule: a border router makes it, all others hear it in a PC."""
        self._broadcast = _Broadcast(bs, zero_ns)

    def know(self, other: Hopping) -> None:
        """A neighbour's schedule, as if it had been heard of long ago."""
        self._neighbours[other._eui64] = Listener(other._eui64, other._us, 0, other.began_ns)

    def listening_on(self, t_ns: int) -> int:
        channel, until_ns = self._stays
        if t_ns < until_ns:
            return channel
        shared = self._broadcast.channel(t_ns) if self._broadcast is not None else None
        return self._own(t_ns) if shared is None else shared

    def _own(self, t_ns: int) -> int:
        slot = (t_ns - self.began_ns) // (self._us.dwell_ms * MS) % SLOTS_DH1CF
        return channel_of(self._us.schedule, slot, self._eui64)

    def way(self, frame: MacFrame, t_ns: int) -> Way | None:
        if frame.dst is None:
            return self._everywhere if frame.sequence is None else self._to_all(t_ns)
        neighbour = self._neighbours.get(frame.dst)
        if neighbour is None:
            return None
        wait_ns = self._until_unicast(t_ns)
        return Way((neighbour.channel_at(t_ns),), wait_ns)

    def _to_all(self, t_ns: int) -> Way | None:
        """In the broadcast dwell, but not at its very beginning: neighbours keep time to a millisecond."""
        if self._broadcast is None:
            return None
        bs = self._broadcast.bs
        _, since_ns = self._broadcast.place(t_ns)
        if GUARD_NS <= since_ns < bs.dwell_ms * MS // 2:
            return Way((channel_of(bs.schedule, self._broadcast.place(t_ns)[0], bs.bsi),))
        wait_ns = GUARD_NS - since_ns
        return Way((), wait_ns if wait_ns > 0 else wait_ns + bs.interval_ms * MS)

    def _until_unicast(self, t_ns: int) -> int:
        """ns until neighbours listen on their own channels again; 0 where they do."""
        if self._broadcast is None:
            return 0
        bs = self._broadcast.bs
        _, since_ns = self._broadcast.place(t_ns + GUARD_NS)
        return max(0, bs.dwell_ms * MS + 2 * GUARD_NS - since_ns) if since_ns < bs.dwell_ms * MS + 2 * GUARD_NS else 0

    def stay(self, channel: int, until_ns: int) -> None:
        self._stays = (channel, until_ns)

    def heard(self, frame: MacFrame, start_ns: int) -> None:
        try:
            self._heard(frame, start_ns)
        except (Malformed, ValueError):  # ValueError: a channel plan that nobody knows
            return

    def _heard(self, frame: MacFrame, start_ns: int) -> None:
        timing = wisun.utt(frame)
        if timing is None or frame.src is None:
            return
        us = wisun.element(frame, wisun.Us)
        before = self._neighbours.get(frame.src)
        if us is None and before is not None:
            us = before.us
        if us is not None:
            channels_of(us.schedule)
            self._neighbours[frame.src] = Listener(frame.src, us, timing.ufsi, start_ns)
        if frame.security is not None:  # anybody could have sent it otherwise
            bt, bs = wisun.element(frame, wisun.Bt), wisun.element(frame, wisun.Bs)
            if bt is not None and bs is not None:
                channels_of(bs.schedule)
                self.follow(bs, start_ns - (bt.slot * bs.interval_ms + bt.offset_ms) * MS)
