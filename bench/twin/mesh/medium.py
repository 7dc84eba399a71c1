"""The air: who hears whom, how long a frame lasts, what gets lost.

A frame on a channel takes its air time at 100 kbit/s (domain.md 5.1) and reaches the nodes that a link connects to its
sender at its end, unless the receiver was off, elsewhere when it began, or sending meanwhile, another audible frame
overlapped it on the same channel (the stronger by 10 dB survives: capture effect), or the link's loss hits it. The
bursts of others on the air overlap frames, and make the channel busy, where they are heard (`interference`). Sniffers
hear the nodes that the plan names, on all channels or on one, by the same rules save the loss. Stamps given to
sniffers: start of preamble and end of FCS.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from bench.twin.core.kernel import Kernel
from bench.twin.mesh.interference import CAPTURE_DB, Interferer
from bench.twin.mesh.plan import LinkPlan, SnifferPlan

BIT_NS: Final = 10_000
PHY_OVERHEAD_OCTETS: Final = 8 + 2 + 2 + 4
"""Preamble, SFD, PHR and FCS of 2-FSK at 100 kbit/s."""


def air_time_ns(psdu_octets: int) -> int:
    """Duration of a frame whose PSDU without FCS has this many octets (20 octets: 2.88 ms)."""
    return (PHY_OVERHEAD_OCTETS + psdu_octets) * 8 * BIT_NS


class Receiver(Protocol):
    """A node's radio as the medium sees it."""

    def listening_since_ns(self) -> int | None:
        """Since when the receiver has been on without a break, None while it is off."""

    def on_air(self, frame: OnAir, rssi_dbm: int) -> None:
        """A frame arrived whole."""


class OnAir:
    """One transmission. ``cache`` lets receivers share what they computed from the same octets with the same key."""

    __slots__ = ("aborted", "cache", "channel", "end_ns", "overlaps", "psdu", "sender", "start_ns")

    def __init__(self, sender: str, psdu: bytes, start_ns: int, end_ns: int, channel: int) -> None:
        self.sender, self.psdu, self.start_ns, self.end_ns = sender, psdu, start_ns, end_ns
        self.channel = channel
        self.overlaps: list[OnAir] = []
        self.aborted = False
        self.cache: dict[object, object] = {}


CaptureSink = Callable[[str, int, int, bytes, int, int], None]


class Medium:
    """The air that all nodes share; ``channel`` is the one of frames and receivers that name none."""

    def __init__(
        self,
        kernel: Kernel,
        rng: random.Random,
        links: Iterable[LinkPlan],
        sniffers: Iterable[SnifferPlan],
        sink: CaptureSink,
        channel: int,
        interferers: Iterable[Interferer] = (),
    ) -> None:
        self._kernel, self._rng, self._sink, self.channel = kernel, rng, sink, channel
        self._interferers = tuple(interferers)
        self._sniffers = tuple(sniffers)
        self._links: dict[str, dict[str, tuple[int, float]]] = {}
        for link in links:
            self._links.setdefault(link.a, {})[link.b] = (link.rssi_dbm, link.loss)
            self._links.setdefault(link.b, {})[link.a] = (link.rssi_dbm, link.loss)
        self._receivers: dict[str, Receiver] = {}
        self._tuned: dict[str, Callable[[int], int]] = {}
        self._active: list[OnAir] = []
        self.frames = 0

    def attach(self, name: str, receiver: Receiver, listening_on: Callable[[int], int] | None = None) -> None:
        """``listening_on(t_ns)`` is the channel on which the receiver listens at a time; left out: always the same."""
        self._receivers[name] = receiver
        if listening_on is not None:
            self._tuned[name] = listening_on

    def busy(self, name: str, channel: int | None = None) -> bool:
        """Carrier sense at that node: it is sending, or a neighbour on that channel, or interference is heard there."""
        near, on = self._links.get(name, {}), self.channel if channel is None else channel
        if any(f.sender == name or (f.channel == on and f.sender in near) for f in self._active):
            return True
        now = self._kernel.now_ns
        return any(one.channel == on and name in one.hears and one.sends(now, now + 1) for one in self._interferers)

    def transmit(self, name: str, psdu: bytes, channel: int | None = None) -> int:
        """Put a frame on the air now; returns its end (ns)."""
        now = self._kernel.now_ns
        frame = OnAir(name, psdu, now, now + air_time_ns(len(psdu)), self.channel if channel is None else channel)
        for other in self._active:
            other.overlaps.append(frame)
            frame.overlaps.append(other)
        self._active.append(frame)
        self.frames += 1
        self._kernel.at(frame.end_ns, lambda: self._end(frame))
        return frame.end_ns

    def abort(self, name: str) -> None:
        """The sender went dark: whatever it was sending arrives nowhere."""
        for frame in self._active:
            if frame.sender == name:
                frame.aborted = True

    def _end(self, frame: OnAir) -> None:
        self._active.remove(frame)
        if frame.aborted:
            return
        for sniffer in self._sniffers:
            level = sniffer.hears.get(frame.sender) if sniffer.channel in (None, frame.channel) else None
            if level is None or self._jammed(frame, sniffer.name, level):
                continue
            if not _drowned(frame, level, sniffer.hears):
                self._sink(sniffer.name, frame.start_ns, frame.end_ns, frame.psdu, level, frame.channel)
        for name, (rssi, loss) in self._links.get(frame.sender, {}).items():
            receiver = self._receivers.get(name)
            since = receiver.listening_since_ns() if receiver is not None else None
            if receiver is None or since is None or since > frame.start_ns:
                continue
            tuned = self._tuned.get(name)
            if frame.channel != (self.channel if tuned is None else tuned(frame.start_ns)):
                continue
            lost = loss > 0.0 and self._rng.random() < loss
            if not lost and not self._collided(frame, name, rssi) and not self._jammed(frame, name, rssi):
                receiver.on_air(frame, rssi)

    def _jammed(self, frame: OnAir, where: str, level_dbm: int) -> bool:
        return any(one.drowns(frame, where, level_dbm) for one in self._interferers)

    def _collided(self, frame: OnAir, name: str, rssi: int) -> bool:
        if not frame.overlaps:
            return False
        if any(other.sender == name for other in frame.overlaps):
            return True  # half duplex
        return _drowned(frame, rssi, {near: level for near, (level, _) in self._links[name].items()})


def _drowned(frame: OnAir, level: int, heard: dict[str, int]) -> bool:
    """Another frame of the channel that is heard at the same place overlaps and is not at least 10 dB weaker."""
    others = (other for other in frame.overlaps if other.channel == frame.channel and other.sender in heard)
    return any(heard[other.sender] > level - CAPTURE_DB for other in others)
