"""A router's place in the DODAG: what its DIOs say, when they leave, and the rank arithmetic."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from bench.air.ip import packet as ipv6
from bench.air.ip.packet import ALL_RPL_NODES, Packet
from bench.air.rpl import messages as rpl
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.ip_layer import IpLayer
from bench.twin.mesh.timers import SETTLED
from bench.twin.mesh.trickle import Trickle

INSTANCE: Final = 0
DODAG_VERSION: Final = 240
MIN_HOP_RANK_INCREASE: Final = 128
ROOT_RANK: Final = MIN_HOP_RANK_INCREASE
INFINITE_RANK: Final = 0xFFFF


class Dodag:
    """Sends DIOs: multicast by trickle, unicast as the answer to a DIS. ``rank()`` is None while there is none."""

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        ip: IpLayer,
        eui64: bytes,
        rank: Callable[[], int | None],
        address: Callable[[], bytes | None],
        dodag_id: Callable[[], bytes | None],
    ) -> None:
        self._ip, self._eui64 = ip, eui64
        self._rank, self._address, self._dodag_id = rank, address, dodag_id
        self._known_id: bytes | None = None
        self._trickle = Trickle(agenda, rng, SETTLED.dio_min_ns, SETTLED.dio_max_ns, self._multicast)

    def start(self, *, settled: bool) -> None:
        if settled:
            self._trickle.start_settled()
        else:
            self._trickle.start()

    def stop(self) -> None:
        self._trickle.stop()

    def answer(self, neighbour: bytes) -> None:
        """Unicast DIO to the sender of a unicast DIS."""
        rank = self._rank()
        if rank is not None:
            self._send(rank, ipv6.link_local(neighbour), neighbour)

    def moved(self) -> None:
        """Another parent: an inconsistency, so DIOs leave in short intervals again (RFC 6550, 8.3)."""
        self._trickle.reset()

    def poison(self) -> None:
        """The way to the root is lost: say so to all children (RFC 6550 section 8.2.2.5)."""
        self.stop()
        self._send(INFINITE_RANK, ALL_RPL_NODES, None)

    def refuse(self, neighbour: bytes) -> None:
        """The same to one child that still takes this node for its parent."""
        self._send(INFINITE_RANK, ipv6.link_local(neighbour), neighbour)

    def _multicast(self) -> None:
        rank = self._rank()
        if rank is not None:
            self._send(rank, ALL_RPL_NODES, None)

    def _send(self, rank: int, dst: bytes, neighbour: bytes | None) -> None:
        self._known_id = self._dodag_id() or self._known_id
        if self._known_id is None:
            return
        dio = rpl.Dio(INSTANCE, DODAG_VERSION, rank, self._known_id, options=self._options())
        hops = 1 if neighbour is None else 64
        self._ip.send(Packet(ipv6.link_local(self._eui64), dst, dio, hops), neighbour)

    def _options(self) -> tuple[rpl.Option, ...]:
        """Configuration, and the sender's own address while it has one."""
        configuration = rpl.Configuration(
            interval_min=SETTLED.dio_interval_min,
            doublings=SETTLED.dio_doublings,
            min_hop_rank_increase=MIN_HOP_RANK_INCREASE,
            default_lifetime=SETTLED.route_lifetime_units,
            lifetime_unit_s=SETTLED.lifetime_unit_s,
        )
        address = self._address()
        return (configuration,) if address is None else (configuration, rpl.PrefixInformation(address))
