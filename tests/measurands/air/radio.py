"""A network on paper: real frames, made by the codecs and put on a timeline, for cases that no capture shows.

Frames are in clear (a capture whose frames were decrypted), 100 kbit/s, acknowledgements 1 ms after their frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from bench.air.capture.capture import Record
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.ip import dhcpv6, icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import source_route
from bench.air.ip.udp import Udp
from bench.air.keys.eapol import (
    MESSAGE_1,
    MESSAGE_2,
    MESSAGE_3,
    MESSAGE_4,
    REQUEST,
    Eap,
    EapCode,
    Eapol,
    EapolType,
    KeyFrame,
    KeyInfo,
    encode_eapol,
)
from bench.air.lowpan.datagram import compress
from bench.air.lowpan.fragment import fragment
from bench.air.mac.frame import MacFrame, encode_mac
from bench.air.rpl import messages as rpl
from bench.air.wisun import frames as wisun

SECOND = 1_000_000_000
T0 = 1_775_000_000 * SECOND
OCTET_NS = 80_000
OVERHEAD = 12
PREFIX = bytes.fromhex("fd004b4200000000")
NETWORK = "paper"
PAN = 0x4B42


def eui(n: int) -> bytes:
    """Node n; 0 is the border router."""
    return bytes.fromhex("024b42fffe00") + n.to_bytes(2, "big")


def address(n: int) -> bytes:
    return ipv6.address_from_eui64(PREFIX, eui(n))


class Radio:
    """Nodes are numbers. Every method puts frames at ``at`` seconds and returns the end of the last one, in ns."""

    def __init__(self) -> None:
        self._records: list[tuple[int, bytes]] = []
        self._seq: dict[int, int] = {}

    def records(self) -> list[Record]:
        """All frames in order of time, as a sniffer has them."""
        ordered = sorted(self._records, key=lambda record: record[0])
        return [Record(i, t, 230, octets, original_length=len(octets)) for i, (t, octets) in enumerate(ordered, 1)]

    def frames(self, keep: Iterable[int] | None = None) -> list[Frame]:
        """All frames in order of time, or those whose numbers are in ``keep``."""
        wanted = None if keep is None else set(keep)
        return list(decode_frames(r for r in self.records() if wanted is None or r.number in wanted))

    def put(self, at: float, mac: MacFrame, *, acked: bool = True) -> int:
        """One frame and, where it asks for one, its acknowledgement."""
        octets = encode_mac(mac)
        start = T0 + round(at * SECOND)
        self._records.append((start, octets))
        end = start + (OVERHEAD + len(octets) + 4) * OCTET_NS
        if acked and mac.ack_request and mac.dst is not None:
            self._records.append((end + 1_000_000, encode_mac(wisun.ack(mac, mac.dst))))
        return end

    def packet(
        self, at: float, packet: ipv6.Packet, src: int, dst: int | None, *, acked: bool = True, attempts: int = 1
    ) -> int:
        """One hop of a packet; all but the last of several attempts are not acknowledged."""
        to = None if dst is None else eui(dst)
        lowpan = compress(ipv6.build(packet), eui(src), to)
        mac = wisun.data(eui(src), to, lowpan, self._next(src), pan_id=PAN if dst is None else None)
        for attempt in range(attempts - 1):
            self.put(at + attempt * 0.05, mac, acked=False)
        return self.put(at + (attempts - 1) * 0.05, mac, acked=acked)

    def _next(self, src: int) -> int:
        self._seq[src] = (self._seq.get(src, 0) + 1) % 256
        return self._seq[src]

    def pa(self, at: float, n: int, cost: int) -> int:
        return self.put(at, wisun.pa(eui(n), PAN, NETWORK, wisun.Pan(size=2, routing_cost=cost)))

    def pas(self, at: float, n: int) -> int:
        return self.put(at, wisun.pas(eui(n), NETWORK))

    def pcs(self, at: float, n: int) -> int:
        return self.put(at, wisun.pcs(eui(n), PAN, NETWORK))

    def pc(self, at: float, n: int) -> int:
        hashes = wisun.GtkHash((bytes(8), bytes(8), bytes(8), bytes(8)))
        return self.put(at, wisun.pc(eui(n), PAN, 1, hashes, bt=wisun.Bt(0, 0)))

    def authenticate(self, at: float, n: int, parent: int, *, outcome: EapCode = EapCode.SUCCESS) -> int:
        """Key request, identity, outcome; on success the 4-way handshake. 100 ms a message."""
        steps: list[tuple[int, int, Eapol]] = [
            (n, parent, _key(REQUEST)),
            (parent, n, Eapol(3, EapolType.EAP, eap=Eap(EapCode.REQUEST, 1, 1))),
            (n, parent, Eapol(3, EapolType.EAP, eap=Eap(EapCode.RESPONSE, 1, 1, b"meter"))),
            (parent, n, Eapol(3, EapolType.EAP, eap=Eap(outcome, 2))),
        ]
        if outcome is EapCode.SUCCESS:
            steps += [
                (parent, n, _key(MESSAGE_1)),
                (n, parent, _key(MESSAGE_2)),
                (parent, n, _key(MESSAGE_3)),
                (n, parent, _key(MESSAGE_4)),
            ]
        end = 0
        for index, (src, dst, pdu) in enumerate(steps):
            mac = wisun.eapol(eui(src), eui(dst), 1, encode_eapol(pdu), self._next(src))
            end = self.put(at + index * 0.1, mac)
        return end

    def solicit_route(self, at: float, n: int) -> int:
        """DIS to all RPL nodes."""
        return self.packet(at, ipv6.Packet(ipv6.link_local(eui(n)), ipv6.ALL_RPL_NODES, rpl.Dis()), n, None)

    def dio(self, at: float, n: int, rank: int) -> int:
        dio = rpl.Dio(0, 1, rank, address(0), options=(rpl.Configuration(),))
        return self.packet(at, ipv6.Packet(ipv6.link_local(eui(n)), ipv6.ALL_RPL_NODES, dio), n, None)

    def lease(self, at: float, n: int, parent: int) -> int:
        """DHCPv6 solicit and reply, between the node and its parent."""
        client = dhcpv6.ClientId(dhcpv6.duid_of(eui(n)))
        ask = dhcpv6.Message(dhcpv6.MessageType.SOLICIT, 1, (client, dhcpv6.IaNa(1)))
        given = dhcpv6.IaNa(1, options=(dhcpv6.IaAddress(address(n)),))
        tell = dhcpv6.Message(dhcpv6.MessageType.REPLY, 1, (client, given))
        here, there = ipv6.link_local(eui(n)), ipv6.link_local(eui(parent))
        self.packet(at, ipv6.Packet(here, there, Udp(546, 547, dhcpv6.build(ask))), n, parent)
        return self.packet(at + 0.1, ipv6.Packet(there, here, Udp(547, 546, dhcpv6.build(tell))), parent, n)

    def register(self, at: float, n: int, parent: int) -> int:
        ask = nd.NeighborSolicitation(ipv6.link_local(eui(parent)), (nd.AddressRegistration(eui(n), 40),))
        return self.packet(at, ipv6.Packet(address(n), ipv6.link_local(eui(parent)), ask), n, parent)

    def dao(self, at: float, path: tuple[int, ...], sequence: int = 240, *, acked: bool = True) -> int:
        """From ``path[0]`` over its parent ``path[1]`` up to the border router."""
        n, parent = path[:2]
        options = (rpl.Target(address(n)), rpl.Transit(address(parent)))
        packet = ipv6.Packet(address(n), address(0), rpl.Dao(0, sequence, options=options))
        return self._along(at, packet, path, acked=acked)

    def dao_ack(
        self, at: float, path: tuple[int, ...], sequence: int = 240, *, acked: bool = True, attempts: int = 1
    ) -> int:
        """From the border router down ``path`` (which begins with the node); end of the last hop."""
        down = path[::-1]
        inner = ipv6.Packet(address(0), address(path[0]), rpl.DaoAck(0, sequence))
        for index, (src, dst) in enumerate(pairwise(down[:-1])):
            first, route = source_route([address(hop) for hop in down[index + 1 :]])
            self.packet(at + index * 0.1, ipv6.Packet(address(0), first, inner, headers=(route,)), src, dst)
        return self.packet(at + 0.1 * len(down), inner, down[-2], down[-1], acked=acked, attempts=attempts)

    def echo(self, at: float, path: tuple[int, ...], echo: icmpv6.EchoRequest | icmpv6.EchoReply) -> int:
        """An echo over ``path``, 50 ms a hop."""
        return self._along(at, ipv6.Packet(address(path[0]), address(path[-1]), echo), path)

    def fragments(self, at: float, packet: ipv6.Packet, src: int, dst: int, tag: int) -> int:
        """One hop of a packet in fragments of 100 octets, 40 ms each."""
        end = 0
        for index, payload in enumerate(fragment(ipv6.build(packet), 96, tag, eui(src), eui(dst))):
            end = self.put(at + index * 0.04, wisun.data(eui(src), eui(dst), payload, self._next(src)))
        return end

    def join(self, at: float, path: tuple[int, ...]) -> int:
        """A whole cold join of ``path[0]`` over 10 s; returns the end of the DAO-ACK."""
        n, parent = path[:2]
        self.pas(at, n)
        self.pa(at + 0.5, parent, 0 if parent == 0 else 128)
        self.authenticate(at + 1, n, parent)
        self.pcs(at + 3, n)
        self.pc(at + 3.5, parent)
        return self.route(at + 4, path)

    def route(self, at: float, path: tuple[int, ...]) -> int:
        """Join state 4: DIS, lease, registration, DAO, DAO-ACK; 6 s."""
        self.solicit_route(at, path[0])
        self.lease(at + 1, path[0], path[1])
        self.register(at + 2, path[0], path[1])
        self.dao(at + 4, path)
        return self.dao_ack(at + 5, path)

    def _along(self, at: float, packet: ipv6.Packet, path: tuple[int, ...], *, acked: bool = True) -> int:
        end = 0
        for index, (src, dst) in enumerate(pairwise(path)):
            end = self.packet(at + index * 0.05, packet, src, dst, acked=acked)
        return end


def _key(information: KeyInfo) -> Eapol:
    return Eapol(3, EapolType.KEY, key=KeyFrame(information))


def ping_data(host_ns: int, octets: int = 16) -> bytes:
    """What the common ping sends at ``host_ns``: its time, then filler."""
    return timeval(host_ns).ljust(octets, b"\xff")


def timeval(ns: int) -> bytes:
    """Seconds and microseconds, 64-bit little-endian each."""
    return (ns // SECOND).to_bytes(8, "little") + (ns % SECOND // 1000).to_bytes(8, "little")
