"""Channels of the IoT route: each is a `Medium` of the mesh's kind, made when somebody first uses it.

A radio is on one channel at a time; a scan walks through them. Sniffers stay where the topology puts them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from bench.twin.core.kernel import Kernel
from bench.twin.mesh.interference import Interferer
from bench.twin.mesh.medium import CaptureSink, Medium, OnAir
from bench.twin.mesh.plan import LinkPlan, SnifferPlan, interferers_of
from bench.twin.topology import Topology

Hear = Callable[[OnAir, int], None]


class Air:
    """All channels. ``links`` hold on each of them."""

    def __init__(
        self,
        kernel: Kernel,
        rng: random.Random,
        links: Iterable[LinkPlan],
        sniffers: dict[int, list[SnifferPlan]],
        sink: CaptureSink,
        interferers: Iterable[Interferer] = (),
    ) -> None:
        self._kernel, self._rng, self._sink = kernel, rng, sink
        self._interferers = tuple(interferers)
        self._links, self._sniffers = tuple(links), sniffers
        self._channels: dict[int, Medium] = {}
        self._radios: dict[str, Tuner] = {}

    @classmethod
    def of(cls, kernel: Kernel, topology: Topology, rng: random.Random, sink: CaptureSink) -> Air:
        """The air of a topology's IoT route."""
        sniffers: dict[int, list[SnifferPlan]] = {}
        for sniffer in topology.sniffers:
            if sniffer.channel not in (None, topology.network.channel):
                sniffers.setdefault(sniffer.channel, []).append(SnifferPlan(sniffer.id, dict(sniffer.hears)))
        links = [LinkPlan(*link.between, link.rssi_dbm, link.loss) for link in topology.links_of_all()]
        interferers = [Interferer(one, topology.seed) for one in interferers_of(topology)]
        return cls(kernel, rng, links, sniffers, sink, interferers)

    def join(self, name: str, radio: Tuner) -> None:
        """A radio of that node."""
        self._radios[name] = radio
        for number, medium in self._channels.items():
            medium.attach(name, _Ear(radio, number))

    def channel(self, number: int) -> Medium:
        """The medium of a channel."""
        medium = self._channels.get(number)
        if medium is None:
            here = self._sniffers.get(number, ())
            medium = self._channels[number] = Medium(
                self._kernel, self._rng, self._links, here, self._sink, number, self._interferers
            )
            for name, radio in self._radios.items():
                medium.attach(name, _Ear(radio, number))
        return medium


class Tuner:
    """One radio's receiver: on which channel, and since when without a break.

    It listens while there is a reason to: ``idle`` (it never sleeps), ``answer``, ``window``. With the last reason gone
    it is deaf.
    """

    def __init__(self, now_ns: Callable[[], int], hear: Hear) -> None:
        self._now_ns, self.hear = now_ns, hear
        self.channel: int | None = None
        self._since_ns: int | None = None
        self._reasons: set[str] = set()

    def tune(self, channel: int) -> None:
        """From now on this channel."""
        if channel != self.channel:
            self.channel = channel
            self._since_ns = self._now_ns() if self._reasons else None

    def listen(self, why: str) -> None:
        """A reason to listen."""
        if not self._reasons:
            self._since_ns = self._now_ns()
        self._reasons.add(why)

    def rest(self, why: str) -> None:
        """That reason is gone."""
        self._reasons.discard(why)
        if not self._reasons:
            self._since_ns = None

    def off(self) -> None:
        """No supply."""
        self._reasons.clear()
        self._since_ns = None

    @property
    def awake(self) -> bool:
        """It listens."""
        return self._since_ns is not None

    def since_on(self, channel: int) -> int | None:
        """Since when it listens on that channel, None where it does not."""
        return self._since_ns if channel == self.channel else None


class _Ear:
    """A radio as one channel's medium sees it."""

    def __init__(self, radio: Tuner, channel: int) -> None:
        self._radio, self._channel = radio, channel

    def listening_since_ns(self) -> int | None:
        return self._radio.since_on(self._channel)

    def on_air(self, frame: OnAir, rssi_dbm: int) -> None:
        self._radio.hear(frame, rssi_dbm)
