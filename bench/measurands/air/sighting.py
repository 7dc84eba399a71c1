"""Frames boiled down to what the measurands of this room ask: one small record a frame, and which frames arrived.

A `Frame` holds every octet and every header; a day of frames does not fit into memory as such. A `Sighting` keeps
addresses, times and the one thing that the frame said (an echo, a DAO, a step of authentication). This is also the only
module here that knows how frames and packets are built, so the measurands read as their definitions do.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import attrs

from bench.air import dhcpv6, icmpv6, ipv6, nd, rpl, wisun
from bench.air.errors import Malformed
from bench.air.frame import Frame
from bench.air.udp import Udp
from bench.measurands.air.acks import Ledger
from bench.measurands.air.stamps import start_ns
from bench.records import NS_PER_S

PLAN_BY_ID: Final = 2
"""Channel plan form of US-IE that names domain and channel plan id (0: domain and operating class, 1: explicit)."""
HOST_CLOCK_WINDOW_NS: Final = 86_400 * NS_PER_S
"""A time in an echo payload that is further from the capture's own time than a day is no time."""


@attrs.frozen(slots=True)
class PanNotice:
    """PA, PAS, PC, PCS and their LFN forms: the routing cost to the border router, and the network's name."""

    routing_cost: int | None
    network: str | None


@attrs.frozen(slots=True)
class AuthenticationStep:
    """One EAPOL frame on the supplicant's own link. ``step``: "request", "1/4" ... "group 2/2" of the key handshakes,
    or "eap request", "eap response", "eap success", "eap failure", or "other". ``supplicant`` sent or received it."""

    step: str
    supplicant: bytes
    authenticator: bytes


@attrs.frozen(slots=True)
class Echo:
    """An ICMPv6 echo. ``octets`` of data; ``host_ns``: the time that ping put into them (Unix ns), if it did."""

    request: bool
    identifier: int
    sequence: int
    octets: int
    host_ns: int | None


@attrs.frozen(slots=True)
class Advertised:
    """A DAO: per target its parent (None: no path any more, or storing mode), and the sequence number."""

    sequence: int
    routes: tuple[tuple[bytes, bytes | None], ...]
    withdrawn: tuple[bytes, ...]


@attrs.frozen(slots=True)
class Acknowledged:
    """A DAO-ACK; ``accepted`` unless it rejects the route (RFC 6550 6.5.3)."""

    sequence: int
    accepted: bool


@attrs.frozen(slots=True)
class Rank:
    """A DIO. ``root``: its sender is the root (its rank is MinHopRankIncrease); None where it cannot be told.
    ``step``: that MinHopRankIncrease, where the DIO holds it."""

    dodag_id: bytes
    root: bool | None
    instance: int
    version: int
    rank: int
    step: int | None


@attrs.frozen(slots=True)
class AddressRequest:
    """A DHCPv6 solicit, from the client itself."""


@attrs.frozen(slots=True)
class RouteRequest:
    """A DIS."""


@attrs.frozen(slots=True)
class AddressOwner:
    """A node says, or is told, that an address is its own (DHCPv6 reply, address registration)."""

    address: bytes
    eui64: bytes


Message: TypeAlias = Echo | Advertised | Acknowledged | Rank | AddressRequest | RouteRequest | AddressOwner


@attrs.frozen(slots=True)
class Datagram:
    """The innermost IPv6 packet of a frame. ``dst`` is its final destination; ``ahead`` the source-routed addresses
    from the one that this frame goes to, on to the last. ``first_ns``: start of its first fragment, or of the frame.
    ``identity``: a hash of what no hop changes (end points, protocol, payload with its checksum)."""

    src: bytes
    dst: bytes
    ahead: tuple[bytes, ...]
    first_ns: int
    message: Message | None
    identity: int

    @property
    def local(self) -> bool:
        """Link-local: such a packet is never forwarded, so the frame's addresses are its end points."""
        return self.src[:8] == ipv6.LINK_LOCAL_PREFIX or self.dst[:8] == ipv6.LINK_LOCAL_PREFIX

    @property
    def end_to_end(self) -> bool:
        """Carries an application's data (or an echo) between two nodes, beyond the neighbour if need be."""
        return not self.local and not self.multicast and (self.message is None or isinstance(self.message, Echo))

    @property
    def multicast(self) -> bool:
        """Goes to a group."""
        return self.dst[0] == 0xFF


Content: TypeAlias = PanNotice | AuthenticationStep | Datagram


@attrs.frozen(slots=True)
class Sighting:
    """One frame on the air. ``ordinal`` counts in the order given; ``number`` is the frame's own in its capture, and
    frames of several sniffers may share one. ``start_ns`` is the capture's stamp unless it holds a start of its own;
    ``air_ns`` its duration where the capture says. ``src`` and ``dst`` are EUI-64s; ``octets`` the PSDU with FCS.

    ``asks``: for an acknowledgement. ``key_index`` and ``counter``: of a secured frame. ``body``: a checksum of its
    clear payload, which attempts have in common; None where it was not read. ``rssi_dbm``: at the sniffer; ``rsl_dbm``:
    what an acknowledgement says of the frame it answers, at its receiver.
    """

    ordinal: int
    number: int
    start_ns: int
    air_ns: int | None
    src: bytes | None
    dst: bytes | None
    seq: int | None
    pan: int | None
    kind: str
    octets: int
    plan: tuple[int, int] | None
    content: Content | None
    asks: bool = False
    key_index: int | None = None
    counter: int | None = None
    body: int | None = None
    rssi_dbm: float | None = None
    rsl_dbm: int | None = None

    @property
    def is_ack(self) -> bool:
        """An immediate acknowledgement, Wi-SUN's or the MAC's own."""
        return self.kind in ("ACK", "ack")


@attrs.frozen(slots=True)
class Digest:
    """All sightings of a capture and what the acknowledgements say about them.

    By ordinal: ``acked`` holds acknowledged frames; ``failed`` attempts that were repeated, or were the last of
    several, without an acknowledgement from a node whose acknowledgements this capture does hear.
    ``ack_delays``: (octets of the frame, ns from its start to the start of its acknowledgement); ``senders``: who sent
    an acknowledgement that does not say so itself; ``lone_acks``: acknowledgements of frames that were not captured.
    """

    sightings: tuple[Sighting, ...]
    acked: frozenset[int]
    failed: frozenset[int]
    ack_delays: tuple[tuple[int, int], ...]
    senders: dict[int, bytes]
    lone_acks: frozenset[int]

    def arrived(self, sighting: Sighting) -> bool:
        """Whether the frame reached its receiver, as far as the capture tells: not known to have failed."""
        return sighting.ordinal not in self.failed


def digest(frames: Iterable[Frame]) -> Digest:
    """Boils frames down, in one pass and in linear memory."""
    return settle(_sightings(frames))


def settle(sightings: Iterable[Sighting]) -> Digest:
    """Sightings with their acknowledgements matched: by addresses where the acknowledgement has them, else by sequence
    number and time."""
    kept = tuple(sightings)
    ledger = Ledger()
    for sighting in kept:
        ledger.enter(sighting)
    return Digest(
        kept,
        frozenset(ledger.acked),
        frozenset(ledger.failed()),
        tuple(ledger.delays),
        ledger.senders,
        frozenset(ledger.lone),
    )


def _sightings(frames: Iterable[Frame]) -> Iterator[Sighting]:
    fragments: dict[tuple[bytes | None, bytes | None], int] = {}
    # few addresses, many frames: each address is kept once
    pool: dict[bytes | None, bytes | None] = {}
    for ordinal, frame in enumerate(frames):
        start = start_ns(frame)
        first = start
        if "frag1" in frame.layers:
            fragments[frame.src, frame.dst] = start
        elif "fragn" in frame.layers:
            first = fragments.get((frame.src, frame.dst), start)
        yield Sighting(
            ordinal=ordinal,
            number=frame.number,
            start_ns=start,
            air_ns=_air_ns(frame),
            src=pool.setdefault(src := _eui64(frame.src), src),
            dst=pool.setdefault(dst := _eui64(frame.dst), dst),
            seq=frame.seq,
            pan=frame.pan,
            kind=frame.kind,
            octets=frame.length_octets,
            plan=_plan(frame),
            content=_content(frame, first),
            asks=frame.mac is not None and frame.mac.ack_request,
            key_index=frame.key_index,
            counter=frame.frame_counter if frame.secured else None,
            body=_body(frame),
            rssi_dbm=frame.rssi_dbm,
            rsl_dbm=_rsl_dbm(frame),
        )


def _eui64(address: bytes | None) -> bytes | None:
    return address if address and len(address) == 8 else None


def _air_ns(frame: Frame) -> int | None:
    if frame.start_ns is None or frame.end_ns is None or frame.end_ns <= frame.start_ns:
        return None
    return frame.end_ns - frame.start_ns


def _body(frame: Frame) -> int | None:
    """CRC-32 of the clear payload IEs and payload."""
    mac = frame.mac
    if mac is None or frame.mic in ("bad", "no key"):
        return None
    check = 0
    for ie in mac.payload_ies:
        check = zlib.crc32(ie.content, check)
    return zlib.crc32(mac.payload, check)


def _rsl_dbm(frame: Frame) -> int | None:
    rsl = frame.ie(wisun.Rsl) if frame.kind == "ACK" else None
    return rsl.dbm if rsl is not None else None


def _plan(frame: Frame) -> tuple[int, int] | None:
    """Regulatory domain and channel plan of the sender's unicast schedule."""
    us = frame.ie(wisun.Us)
    return (us.schedule.domain, us.schedule.plan_id) if us is not None and us.schedule.plan == PLAN_BY_ID else None


def _content(frame: Frame, first_ns: int) -> Content | None:
    if frame.packet is not None:
        return _datagram(frame.packet, first_ns)
    if frame.eapol is not None:
        return _authentication(frame)
    if frame.kind in ("PA", "PAS", "PC", "PCS", "LPA", "LPAS", "LPC", "LPCS"):
        pan, name = frame.ie(wisun.Pan), frame.ie(wisun.NetName)
        return PanNotice(pan.routing_cost if pan else None, name.name if name else None)
    return None


_STEPS: Final = {1: "eap request", 2: "eap response", 3: "eap success", 4: "eap failure"}
_FROM_SUPPLICANT: Final = frozenset(("request", "2/4", "4/4", "group 2/2", "eap response"))


def _authentication(frame: Frame) -> AuthenticationStep | None:
    """The step, and who of the two is the supplicant: that follows from the message, never from earlier frames."""
    src, dst, eapol = _eui64(frame.src), _eui64(frame.dst), frame.eapol
    if frame.relay is not None or eapol is None or src is None or dst is None:
        return None
    if eapol.key is not None:
        step = eapol.key.message
    elif eapol.eap is not None:
        step = _STEPS.get(eapol.eap.code, "other")
    else:
        return None
    supplicant, authenticator = (src, dst) if step in _FROM_SUPPLICANT else (dst, src)
    return AuthenticationStep(step, supplicant, authenticator)


def _datagram(packet: ipv6.Packet, first_ns: int) -> Datagram:
    layers = tuple(ipv6.chain(packet))
    inner = layers[-1]
    ahead: tuple[bytes, ...] = ()
    for layer in layers:
        route = layer.source_route
        if route is not None and route.segments_left:
            ahead = (layer.dst, *route.addresses[len(route.addresses) - route.segments_left :])
            break
    ends = b"".join((inner.src, inner.final_dst, bytes((inner.next_header,)), inner.payload))
    identity = int.from_bytes(hashlib.blake2b(ends, digest_size=8).digest(), "big")
    return Datagram(inner.src, inner.final_dst, ahead, first_ns, _message(inner, first_ns), identity)


def _message(packet: ipv6.Packet, at_ns: int) -> Message | None:
    upper = packet.upper
    match upper:
        case icmpv6.EchoRequest() | icmpv6.EchoReply():
            request = isinstance(upper, icmpv6.EchoRequest)
            return Echo(request, upper.identifier, upper.sequence, len(upper.data), host_time_ns(upper.data, at_ns))
        case rpl.Dao():
            return _advertised(upper)
        case rpl.DaoAck():
            return Acknowledged(upper.sequence, upper.status < 128)
        case rpl.Dio():
            return _rank(upper)
        case rpl.Dis():
            return RouteRequest()
        case nd.NeighborSolicitation():
            owners = [o.owner for o in upper.options if isinstance(o, nd.AddressRegistration)]
            if owners and len(owners[0]) == 8 and any(packet.src):
                return AddressOwner(packet.src, owners[0])
        case Udp():
            return _lease(upper)
    return None


def _advertised(dao: rpl.Dao) -> Advertised:
    """RFC 6550 6.7.8: a group of targets is followed by the transit information that holds for all of them. Of several
    parents the one whose path control bits are highest is the preferred one."""
    routes: dict[bytes, tuple[int, bytes | None]] = {}
    withdrawn: list[bytes] = []
    group: list[bytes] = []
    in_transit = False
    for option in dao.options:
        if isinstance(option, rpl.Target):
            if in_transit:
                group, in_transit = [], False
            if option.prefix_length == 128:
                group.append(option.address)
        elif isinstance(option, rpl.Transit):
            in_transit = True
            for target in group:
                if option.path_lifetime == 0:
                    withdrawn.append(target)
                elif target not in routes or option.path_control > routes[target][0]:
                    routes[target] = (option.path_control, option.parent)
    found = tuple((target, parent) for target, (_, parent) in routes.items())
    return Advertised(dao.sequence, found, tuple(target for target in withdrawn if target not in routes))


def _rank(dio: rpl.Dio) -> Rank:
    """RFC 6550 8.2.2.2 and 17: the root's rank is MinHopRankIncrease."""
    found = next((o for o in dio.options if isinstance(o, rpl.Configuration)), None)
    step = None if found is None else found.min_hop_rank_increase
    root = None if step is None else dio.rank == step
    return Rank(dio.dodag_id, root, dio.instance, dio.version, dio.rank, step)


def _lease(udp: Udp) -> Message | None:
    try:
        outer = dhcpv6.of(udp)
    except Malformed:
        return None
    if not isinstance(outer, dhcpv6.Message):
        return None
    if outer.type == dhcpv6.MessageType.SOLICIT:
        return AddressRequest()
    if outer.type != dhcpv6.MessageType.REPLY:
        return None
    clients = [dhcpv6.eui64_of(o.duid) for o in outer.options if isinstance(o, dhcpv6.ClientId)]
    leases = [
        address.address
        for association in outer.options
        if isinstance(association, dhcpv6.IaNa)
        for address in association.options
        if isinstance(address, dhcpv6.IaAddress)
    ]
    return AddressOwner(leases[0], clients[0]) if leases and clients and clients[0] else None


def host_time_ns(data: bytes, near_ns: int) -> int | None:
    """The sending time that the common `ping` puts first into its data, as Unix ns: a timeval of two 64-bit or 32-bit
    numbers, seconds and microseconds, little-endian. None unless it lies within a day of ``near_ns``.
    """
    for width in (8, 4):
        if len(data) < 2 * width:
            continue
        seconds = int.from_bytes(data[:width], "little")
        micros = int.from_bytes(data[width : 2 * width], "little")
        at_ns = seconds * NS_PER_S + micros * 1000
        # The upper half of 64-bit seconds is zero and would pass for the microseconds of a 32-bit timeval.
        if micros < 1_000_000 and (micros or width == 8) and abs(at_ns - near_ns) < HOST_CLOCK_WINDOW_NS:
            return at_ns
    return None
