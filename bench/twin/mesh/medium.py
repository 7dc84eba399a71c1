"""The air: who hears whom, how long a frame lasts, what gets lost.

One channel. A frame takes its air time at 100 kbit/s (domain.md 5.1) and reaches the nodes that a link connects to its
sender at its end, unless the receiver was off or sending meanwhile, another audible frame overlapped it (the stronger
by 10 dB survives: capture effect), or the link's loss hits it. Sniffers hear the nodes that the plan names, by the same
rules save the loss. Stamps given to sniffers: start of preamble and end of FCS.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from bench.twin.kernel import Kernel
from bench.twin.mesh.plan import LinkPlan, SnifferPlan

BIT_NS: Final = 10_000
PHY_OVERHEAD_OCTETS: Final = 8 + 2 + 2 + 4
"""Preamble, SFD, PHR and FCS of 2-FSK at 100 kbit/s."""
CAPTURE_DB: Final = 10


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

    __slots__ = ("aborted", "cache", "end_ns", "overlaps", "psdu", "sender", "start_ns")

    def __init__(self, sender: str, psdu: bytes, start_ns: int, end_ns: int) -> None:
        self.sender, self.psdu, self.start_ns, self.end_ns = sender, psdu, start_ns, end_ns
        self.overlaps: list[OnAir] = []
        self.aborted = False
        self.cache: dict[object, object] = {}


CaptureSink = Callable[[str, int, int, bytes, int, int], None]


class Medium:
    """The one channel that all nodes share."""

    def __init__(
        self,
        kernel: Kernel,
        rng: random.Random,
        links: Iterable[LinkPlan],
        sniffers: Iterable[SnifferPlan],
        sink: CaptureSink,
        channel: int,
    ) -> None:
        self._kernel, self._rng, self._sink, self._channel = kernel, rng, sink, channel
        self._sniffers = tuple(sniffers)
        self._links: dict[str, dict[str, tuple[int, float]]] = {}
        for link in links:
            self._links.setdefault(link.a, {})[link.b] = (link.rssi_dbm, link.loss)
            self._links.setdefault(link.b, {})[link.a] = (link.rssi_dbm, link.loss)
        self._receivers: dict[str, Receiver] = {}
        self._active: list[OnAir] = []
        self.frames = 0

    def attach(self, name: str, receiver: Receiver) -> None:
        self._receivers[name] = receiver

    def busy(self, name: str) -> bool:
        """Carrier sense at that node: a neighbour (or itself) is sending."""
        near = self._links.get(name, {})
        return any(frame.sender == name or frame.sender in near for frame in self._active)

    def transmit(self, name: str, psdu: bytes) -> int:
        """Put a frame on the air now; returns its end (ns)."""
        now = self._kernel.now_ns
        frame = OnAir(name, psdu, now, now + air_time_ns(len(psdu)))
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
            level = sniffer.hears.get(frame.sender)
            if level is not None and not _drowned(frame, level, sniffer.hears):
                self._sink(sniffer.name, frame.start_ns, frame.end_ns, frame.psdu, level, self._channel)
        for name, (rssi, loss) in self._links.get(frame.sender, {}).items():
            receiver = self._receivers.get(name)
            since = receiver.listening_since_ns() if receiver is not None else None
            if receiver is None or since is None or since > frame.start_ns:
                continue
            lost = loss > 0.0 and self._rng.random() < loss
            if not lost and not self._collided(frame, name, rssi):
                receiver.on_air(frame, rssi)

    def _collided(self, frame: OnAir, name: str, rssi: int) -> bool:
        if not frame.overlaps:
            return False
        if any(other.sender == name for other in frame.overlaps):
            return True  # half duplex
        return _drowned(frame, rssi, {near: level for near, (level, _) in self._links[name].items()})


def _drowned(frame: OnAir, level: int, heard: dict[str, int]) -> bool:
    """Another frame that is heard at the same place overlaps and is not at least 10 dB weaker."""
    return any(heard[other.sender] > level - CAPTURE_DB for other in frame.overlaps if other.sender in heard)
