"""Networks on paper (`tests.measurands.air.radio`) for what no capture of ours shows: restarts, parents that change,
fall silent or make a circle, withdrawn and poisoned routes, pings that wait and that fail, a datagram in fragments, an
LFN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from bench.air.frame.decoder import Frame
from bench.air.ip import icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.keys.eapol import EapCode
from bench.air.rpl import messages as rpl
from tests.measurands.air.radio import SECOND, T0, Radio, address, eui, ping_data


def _began() -> Radio:
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.dio(0.5, 0, 128)
    radio.join(10, (1, 0))
    radio.dio(22, 1, 256)
    return radio


def _joins() -> Radio:
    """Cold joins over one hop and two, a failed one, reconnects, a key that is renewed, DAO-ACKs that do not arrive."""
    radio = _began()
    radio.authenticate(24, 3, 0, outcome=EapCode.FAILURE)
    radio.join(30, (2, 1, 0))
    radio.pa(42, 1, 128)
    radio.pas(44, 3)
    radio.authenticate(45, 3, 0, outcome=EapCode.FAILURE)
    radio.pas(50, 2)
    radio.pcs(50.1, 2)
    radio.pc(50.5, 1)
    radio.route(51, (2, 1, 0))
    radio.authenticate(60, 1, 0)
    radio.pcs(70, 1)
    radio.pc(70.5, 0)
    radio.solicit_route(71, 1)
    radio.dao(74, (1, 0), 241)
    radio.dao_ack(75, (1, 0), 241, acked=False)
    radio.dao(78, (1, 0), 241)
    radio.dao_ack(79, (1, 0), 241, attempts=3)
    radio.join(90, (3, 0))
    radio.pa(110, 3, 128)
    radio.dao(120, (3, 0), 242)
    return radio


def _routes() -> Radio:
    """Three nodes in a line, each with its rank; then parents change, a circle, a withdrawal, poison, silence."""
    radio = _began()
    for at, path in ((25, (2, 1, 0)), (30, (3, 2, 1, 0))):
        radio.dao(at, path)
        radio.dio(at + 2, path[0], 128 * len(path))
    radio.dao(40, (2, 0), 241)
    radio.dao(50, (1, 3, 2, 0), 241)
    radio.dao(60, (2, 1, 3, 2), 242)
    radio.dao(70, (2, 0), 243)
    gone = rpl.Dao(0, 244, options=(rpl.Target(address(1)), rpl.Transit(address(3), path_lifetime=0)))
    radio.packet(80, ipv6.Packet(address(1), address(0), gone), 1, 3)
    radio.dao(90, (1, 0), 245)
    radio.dio(95, 2, 0xFFFF)
    radio.dio(100, 2, 300)
    up = ipv6.Packet(address(3), address(0), b"reading", next_header=253)
    radio.packet(105, up, 3, 2, acked=False, attempts=4)
    radio.packet(110, up, 3, 2, acked=False, attempts=3)
    radio.packet(115, up, 3, 2)
    version = rpl.Dio(0, 2, 128, address(0), options=(rpl.Configuration(),))
    radio.packet(120, ipv6.Packet(ipv6.link_local(eui(0)), ipv6.ALL_RPL_NODES, version), 0, None)
    radio.dao_ack(125, (3, 2, 0), 246)
    return radio


def _pings() -> Radio:
    """Series by size and by host clock; answers that are lost, on the way, or all that is seen; a group; fragments."""
    radio = _began()
    radio.dao(25, (2, 1, 0))
    for n, wait_s in enumerate((0.005, 0.1, 0.2), 1):
        data = ping_data(T0 + (30 + 2 * n) * SECOND)
        radio.echo(30 + 2 * n + wait_s, (0, 1), icmpv6.EchoRequest(7, n, data))
        radio.echo(30 + 2 * n + wait_s + 0.1, (1, 0), icmpv6.EchoReply(7, n, data))
    for n in range(1, 5):
        radio.echo(40 + 2 * n, (0, 1, 2), icmpv6.EchoRequest(8, n, b"x" * 20))
        if n != 2:
            radio.echo(40.3 + 2 * n, (2, 1, 0) if n != 3 else (2, 1), icmpv6.EchoReply(8, n, b"x" * 20))
    long = b"y" * 400
    radio.fragments(55, ipv6.Packet(address(0), address(1), icmpv6.EchoRequest(9, 1, long)), 0, 1, tag=5)
    radio.fragments(56, ipv6.Packet(address(1), address(0), icmpv6.EchoReply(9, 1, long)), 1, 0, tag=6)
    group = bytes.fromhex("ff030000000000000000000000000001")
    for n in (1, 2):
        radio.packet(60 + 3 * n, ipv6.Packet(address(0), group, icmpv6.EchoRequest(10, n, b"z" * 16)), 0, None)
        for node in (1, 2):
            path = (2, 1, 0) if node == 2 else (1, 0)
            radio.echo(60.5 + 3 * n + node / 2, path, icmpv6.EchoReply(10, n, b"z" * 16))
    outside = bytes.fromhex("20010db8000000000000000000000001")
    radio.packet(70, ipv6.Packet(outside, address(1), icmpv6.EchoRequest(11, 1, b"w" * 16)), 0, 1)
    radio.packet(70.2, ipv6.Packet(address(1), outside, icmpv6.EchoReply(11, 1, b"w" * 16)), 1, 0)
    radio.echo(75, (2, 1), icmpv6.EchoRequest(12, 1, b"v" * 8))
    radio.echo(75.2, (1, 2), icmpv6.EchoReply(12, 1, b"v" * 8))
    return radio


def _leaf() -> Radio:
    """A node that registers an address with its parent and is told that it holds; the first time it is refused."""
    radio = _began()
    radio.pas(30, 2)
    radio.authenticate(31, 2, 1)
    radio.pcs(32, 2)
    radio.pc(33, 1)
    for at, status in ((35, 1), (37, 0), (45, 0)):
        radio.register(at, 2, 1)
        earo = nd.AddressRegistration(eui(2), 40, status)
        tell = nd.NeighborAdvertisement(address(2), options=(earo,))
        radio.packet(at + 0.5, ipv6.Packet(ipv6.link_local(eui(1)), address(2), tell), 1, 2)
    up = ipv6.Packet(address(2), address(0), b"reading", next_header=253)
    radio.packet(50, up, 2, 1)
    radio.packet(50.2, up, 1, 0)
    radio.packet(55, up, 2, 1)
    radio.packet(55.1, up, 2, 1)
    radio.packet(55.3, up, 1, 0)
    return radio


_NETWORKS: Final[Mapping[str, Callable[[], Radio]]] = {
    "paper-joins": _joins,
    "paper-routes": _routes,
    "paper-pings": _pings,
    "paper-leaf": _leaf,
}
PAPER: Final = tuple(_NETWORKS)


def paper(name: str) -> list[Frame]:
    """The frames of a network on paper. That of a leaf solicits, and is answered, as LFNs do once the router is in."""
    frames = _NETWORKS[name]().frames()
    if name != "paper-leaf":
        return frames
    late = T0 + 25 * SECOND
    return [
        attrs.evolve(one, kind=f"L{one.kind}") if one.time_ns > late and one.kind in ("PAS", "PCS", "PC") else one
        for one in frames
    ]
