"""Frames boiled down to sightings: the only module of this room that knows how frames and packets are built.

So the measurands read as their definitions do.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from bench.air.app import u_bus_standin
from bench.air.errors import Malformed
from bench.air.frame.decoder import Frame
from bench.air.ip import dhcpv6, icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.udp import Udp
from bench.air.rpl import messages as rpl
from bench.air.wisun import frames as wisun
from bench.measurands.air.sightings.sighting import (
    Acknowledged,
    AddressOwner,
    AddressRequest,
    Advertised,
    AuthenticationStep,
    Carried,
    Content,
    Datagram,
    Echo,
    Message,
    PanNotice,
    Rank,
    Registered,
    RouteRequest,
    Sighting,
)
from bench.measurands.air.sightings.stamps import ONE_CLOCK_NS, start_ns
from bench.records import NS_PER_S

PLAN_BY_ID: Final = 2
"""Channel plan form of US-IE that names domain and channel plan id (0: domain and operating class, 1: explicit)."""
NOTICES: Final = frozenset(("PA", "PAS", "PC", "PCS", "LPA", "LPAS", "LPC", "LPCS"))
"""Kinds of frames that tell of a PAN, read or not."""
HOST_CLOCK_WINDOW_NS: Final = 86_400 * NS_PER_S
"""A time in an echo payload that is further from the capture's own time than a day is no time."""


class Reader:
    """Frames to sightings, in order of the capture. What it keeps: by link, the first fragment of a datagram."""

    def __init__(self) -> None:
        self._fragments: dict[tuple[bytes | None, bytes | None], tuple[int, int]] = {}

    def read(self, frame: Frame, ordinal: int = 0) -> Sighting:
        """The sighting of one frame; a row (`spool`) has no ``ordinal``. A damaged one says nothing but when it was
        there, and how long (`is_damaged`). Where a right MIC shows that a broken list of elements was sent so, its
        header counts and nothing behind it."""
        if is_damaged(frame):
            frame = _unread(frame)
        elif frame.mac is not None and frame.mac.broken:
            frame = _headed(frame)
        start = start_ns(frame)
        first = start, frame.length_octets
        part_of_datagram = not _payload_damaged(frame)
        if part_of_datagram and "frag1" in frame.layers:
            self._fragments[frame.src, frame.dst] = first
        elif part_of_datagram and "fragn" in frame.layers:
            first = self._fragments.get((frame.src, frame.dst), first)
        return Sighting(
            ordinal=ordinal,
            number=frame.number,
            start_ns=start,
            air_ns=air_of(frame.start_ns, frame.end_ns),
            src=_eui64(frame.src),
            dst=_eui64(frame.dst),
            seq=frame.seq,
            pan=frame.pan,
            kind=frame.kind,
            octets=frame.length_octets,
            plan=plan_of(frame.ie(wisun.Us)),
            asks=frame.mac is not None and frame.mac.ack_request,
            key_index=frame.key_index,
            counter=frame.frame_counter if frame.secured else None,
            body=_body(frame),
            rssi_dbm=frame.rssi_dbm,
            rsl_dbm=_rsl_dbm(frame),
            mic=frame.mic,
            key=frame.key,
            content=_content(frame, first),
        )


def is_damaged(frame: Frame) -> bool:
    """Whether no figure stands on a frame: what can still be read of it is for people."""
    return frame.fcs_ok is False or frame.mac is None or (bool(frame.mac.broken) and frame.mic != "ok")


def _headed(frame: Frame) -> Frame:
    """A frame without what its payload IEs say."""
    ahead = tuple(
        element
        for element in frame.typed_ies
        if (element.form if isinstance(element, wisun.Opaque) else element.FORM) == "header"
    )
    return attrs.evolve(frame, typed_ies=ahead, layers=(), packet=None, eapol=None, content=None)


def _unread(frame: Frame) -> Frame:
    return Frame(
        number=frame.number,
        time_ns=frame.time_ns,
        start_ns=frame.start_ns,
        end_ns=frame.end_ns,
        rssi_dbm=frame.rssi_dbm,
        channel=frame.channel,
        length_octets=frame.length_octets,
    )


def sightings(frames: Iterable[Frame]) -> Iterator[Sighting]:
    """Frames boiled down, one at a time."""
    read = Reader().read
    return (read(frame, ordinal) for ordinal, frame in enumerate(frames))


def _eui64(address: bytes | None) -> bytes | None:
    return address if address and len(address) == 8 else None


def air_of(start_ns: int | None, end_ns: int | None) -> int | None:
    """How long a frame was on the air, where the capture stamps both; no frame lasts `ONE_CLOCK_NS`."""
    if start_ns is None or end_ns is None or not 0 < end_ns - start_ns < ONE_CLOCK_NS:
        return None
    return end_ns - start_ns


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


def plan_of(schedule: wisun.Us | None) -> tuple[int, int] | None:
    """Regulatory domain and channel plan of the sender's unicast schedule."""
    if schedule is None or schedule.schedule.plan != PLAN_BY_ID:
        return None
    return schedule.schedule.domain, schedule.schedule.plan_id


def _payload_damaged(frame: Frame) -> bool:
    """Whether its 6LoWPAN payload is."""
    return frame.piece is not None and bool(frame.piece.trouble)


def _content(frame: Frame, first: tuple[int, int]) -> Content | None:
    if frame.unauthenticated:
        return None  # another key would have given other octets, and nothing tells
    if _payload_damaged(frame):
        return None  # people are shown what stands before the damage; what it was meant to say nobody knows
    if frame.packet is not None:
        return _datagram(frame.packet, *first)
    if frame.eapol is not None:
        return _authentication(frame)
    if isinstance(frame.content, u_bus_standin.Message):
        return _carried(frame.content)
    if frame.kind in NOTICES:
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


def _carried(message: u_bus_standin.Message) -> Carried:
    whole = u_bus_standin.build(attrs.evolve(message, hops_left=0))
    same = int.from_bytes(hashlib.blake2b(whole, digest_size=8).digest(), "big")
    return Carried(message.origin, message.final, message.kind == u_bus_standin.Kind.DATA, same)


def _datagram(packet: ipv6.Packet, first_ns: int, first_octets: int) -> Datagram | None:
    """None where one of its ends cannot be read: compressed against a context that nobody gave."""
    layers = tuple(ipv6.chain(packet))
    inner = layers[-1]
    if not inner.src or not inner.final_dst:
        return None
    ahead: tuple[bytes, ...] = ()
    for layer in layers:
        route = layer.source_route
        if route is not None and route.segments_left:
            ahead = (layer.dst, *route.addresses[len(route.addresses) - route.segments_left :])
            break
    same = identity(inner.src, inner.final_dst, inner.next_header, inner.payload)
    return Datagram(
        inner.src, inner.final_dst, ahead, first_ns, first_octets, message_of(inner.src, inner.upper, first_ns), same
    )


def identity(src: bytes, dst: bytes, protocol: int, payload: bytes) -> int:
    """What a datagram keeps over all hops, as one number; ``payload``: from the upper header on, decompressed."""
    ends = b"".join((src, dst, bytes((protocol,)), payload))
    return int.from_bytes(hashlib.blake2b(ends, digest_size=8).digest(), "big")


def message_of(src: bytes, upper: object, at_ns: int) -> Message | None:
    """What an upper layer says of a node or a route; ``at_ns`` is when, for the time in an echo."""
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
            if (earo := _registration(upper.options)) is not None and any(src):
                return AddressOwner(upper.target if earo.flags & earo.ROUTE else src, earo.owner)
        case nd.NeighborAdvertisement():
            if (earo := _registration(upper.options)) is not None:
                return Registered(upper.target, earo.owner, not earo.status)
        case Udp():
            return _lease(upper)
    return None


def _registration(options: Iterable[object]) -> nd.AddressRegistration | None:
    """The address registration of a node that is named by its EUI-64."""
    found = next((option for option in options if isinstance(option, nd.AddressRegistration)), None)
    return found if found is not None and len(found.owner) == 8 else None


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
