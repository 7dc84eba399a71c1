"""IPv6 packets, both directions: header, extension headers, upper layer, checksums.

``parse`` and ``build`` are inverse to each other for well-formed packets. The upper layer is a record where it is known
(UDP, ICMPv6, a tunnelled IPv6 packet) and octets otherwise; checksums are computed when building and checked when
parsing, with the final destination of a source route in the pseudo header (RFC 8200, 8.1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.ip import extensions, icmpv6, udp
from bench.air.ip.extensions import (
    DestinationOptions,
    ExtensionHeader,
    FragmentHeader,
    HopByHop,
    RoutingHeader,
    Rpi,
    SourceRoute,
)
from bench.air.ip.udp import Udp
from bench.air.octets import Reader, counted

IPV6: Final = 41
NO_NEXT_HEADER: Final = 59
HEADER_OCTETS: Final = 40
SOURCE_AT, DESTINATION_AT = 8, 24
"""Where the addresses stand in the header."""
ALL_NODES: Final = IPv6Address("ff02::1").packed
ALL_RPL_NODES: Final = IPv6Address("ff02::1a").packed
LINK_LOCAL_PREFIX: Final = IPv6Address("fe80::").packed[:8]
_DEEPEST: Final = 8  # tunnels in tunnels; no mesh nests deeper than two

Upper: TypeAlias = "Udp | icmpv6.Message | Packet | bytes"


@frozen
class Packet:
    """One IPv6 packet: 16-octet addresses, extension headers in wire order, and the upper layer.

    ``next_header`` names the upper layer; it follows from ``upper`` unless that is plain octets. ``payload`` holds the
    upper layer's octets as they came and ``checksum_ok`` whether its checksum is right (None where it has none or the
    packet was not parsed); both are left out of comparison and building, and so is ``trouble``: why it is not read to
    its end (`parse_readable`). An address whose prefix nobody knows is empty.
    """

    src: bytes
    dst: bytes
    upper: Upper = b""
    hop_limit: int = 64
    traffic_class: int = 0
    flow: int = 0
    headers: tuple[ExtensionHeader, ...] = ()
    next_header: int = attrs.field(default=attrs.Factory(lambda self: _protocol(self.upper), takes_self=True))
    payload: bytes = attrs.field(default=b"", eq=False, repr=False)
    checksum_ok: bool | None = attrs.field(default=None, eq=False)
    trouble: str = attrs.field(default="", eq=False)

    @property
    def source_route(self) -> SourceRoute | None:
        """The RPL source route, if there is one."""
        return next((h for h in self.headers if isinstance(h, SourceRoute)), None)

    @property
    def rpi(self) -> Rpi | None:
        """The RPL packet information, if there is one."""
        return next((o for h in self.headers if isinstance(h, HopByHop) for o in h.options if isinstance(o, Rpi)), None)

    @property
    def final_dst(self) -> bytes:
        """The last address of a source route not yet at its end, else the destination."""
        route = self.source_route
        return (route.final if route is not None else None) or self.dst


@lru_cache(maxsize=4096)  # a capture names the same few again and again
def text(address: bytes) -> str:
    """A 16-octet address as people write it (RFC 5952), ``?`` for an unknown one."""
    return str(IPv6Address(address)) if address else "?"


def address_from_eui64(prefix: bytes, eui64: bytes) -> bytes:
    """``prefix`` (its first 8 octets count) and the interface identifier made of an EUI-64 (RFC 4944, 6)."""
    return prefix[:8] + interface_id(eui64)


def link_local(eui64: bytes) -> bytes:
    """The link-local address of a node."""
    return LINK_LOCAL_PREFIX + interface_id(eui64)


def interface_id(eui64: bytes) -> bytes:
    """The EUI-64 with the universal/local bit turned."""
    return bytes((eui64[0] ^ 0x02,)) + eui64[1:8]


def eui64_of(address: bytes) -> bytes:
    """The EUI-64 that an address made of one ends in; sensible only where it is known to be made so."""
    return interface_id(address[8:16])


def chain(packet: Packet) -> Iterator[Packet]:
    """The packet and what it tunnels, from the outside in."""
    yield packet
    while isinstance(packet.upper, Packet):
        packet = packet.upper
        yield packet


def innermost(packet: Packet) -> Packet:
    """The packet within all tunnels."""
    while isinstance(packet.upper, Packet):
        packet = packet.upper
    return packet


def unchecked(packet: Packet) -> Packet:
    """The packet without a word on checksums, those of tunnelled packets included: of octets that are not all there."""
    upper = unchecked(packet.upper) if isinstance(packet.upper, Packet) else packet.upper
    return attrs.evolve(packet, upper=upper, checksum_ok=None)


def without_addresses(packet: Packet, places: Collection[int], at: int = 0) -> Packet:
    """The packet without those addresses that stand at ``places``, octets from the outermost header on."""
    upper = packet.upper
    if isinstance(upper, Packet):
        inside = at + len(build(attrs.evolve(packet, upper=b"", next_header=IPV6)))
        upper = without_addresses(upper, places, inside)
    src = b"" if at + SOURCE_AT in places else packet.src
    dst = b"" if at + DESTINATION_AT in places else packet.dst
    return attrs.evolve(packet, src=src, dst=dst, upper=upper)


def forward_source_route(packet: Packet) -> Packet:
    """The packet as a node named in its source route sends it on: next address and destination swapped (RFC 6554, 4.2).

    The hop limit is one less. Raises ValueError where no segment is left.
    """
    route = packet.source_route
    if route is None or not route.segments_left:
        raise ValueError("no segment left to forward to")
    at = len(route.addresses) - route.segments_left
    addresses = (*route.addresses[:at], packet.dst, *route.addresses[at + 1 :])
    onward = attrs.evolve(route, segments_left=route.segments_left - 1, addresses=addresses)
    headers = tuple(onward if header is route else header for header in packet.headers)
    return attrs.evolve(packet, dst=route.addresses[at], hop_limit=packet.hop_limit - 1, headers=headers)


def parse(data: bytes) -> Packet:
    """The packet in ``data``, whose payload length must count it exactly; raises :class:`Malformed`."""
    return _parse(data, 0)


def _parse(data: bytes, depth: int) -> Packet:
    reader = Reader(data, "IPv6")
    word, length, protocol, hop_limit = reader.u32(), reader.u16(), reader.u8(), reader.u8()
    src, dst = reader.take(16), reader.take(16)
    if word >> 28 != 6:
        raise Malformed(f"IPv6: version {word >> 28}")
    if length != reader.left:
        raise Malformed(f"IPv6: payload length {length}, {counted(reader.left)} there")
    headers: list[ExtensionHeader] = []
    whole = True
    while whole and protocol in extensions.PROTOCOLS:
        following, header = _parse_header(protocol, reader, dst)
        headers.append(header)
        protocol = following
        whole = not (isinstance(header, FragmentHeader) and (header.offset or header.more))
    payload = reader.rest()
    upper = _parse_upper(protocol, payload, depth) if whole else payload
    tclass, flow = word >> 20 & 0xFF, word & 0xFFFFF
    packet = Packet(src, dst, upper, hop_limit, tclass, flow, tuple(headers), protocol, payload)
    if isinstance(upper, (bytes, Packet)):
        return packet
    return attrs.evolve(packet, checksum_ok=checksum(src, packet.final_dst, protocol, payload) == 0)


def parse_readable(data: bytes) -> Packet:
    """As much of a packet as can be read, and what is wrong with it as its ``trouble``, "" where nothing is.

    Headers from the front on, a broken one as far as it goes; ``upper`` is what of it can be read: ports, a message
    without its content, a packet likewise read, or octets. Checksums are not judged where something is wrong. Raises
    :class:`Malformed` where not even the source is whole; a destination that is not is empty.
    """
    return _readable(data, 0)


def _readable(data: bytes, depth: int) -> Packet:
    try:
        return _parse(data, depth)
    except Malformed as error:
        trouble = str(error)
    reader = Reader(data, "IPv6")
    word, length, protocol, hop_limit = reader.u32(), reader.u16(), reader.u8(), reader.u8()
    src = reader.take(16)
    if word >> 28 != 6:
        raise Malformed(trouble)
    tclass, flow = word >> 20 & 0xFF, word & 0xFFFFF
    if reader.left < 16:
        return Packet(src, b"", b"", hop_limit, tclass, flow, (), protocol, trouble=trouble)
    dst = reader.take(16)
    if length < reader.left:
        return attrs.evolve(_readable(data[: HEADER_OCTETS + length], depth), trouble=trouble)
    headers: list[ExtensionHeader] = []
    at, whole = HEADER_OCTETS, True
    while whole and protocol in extensions.PROTOCOLS and (found := _readable_header(protocol, data[at:], dst)):
        protocol, header = found
        headers.append(header)
        at += 8 if isinstance(header, FragmentHeader) else 8 + 8 * data[at + 1]
        whole = at <= len(data) and not (isinstance(header, FragmentHeader) and (header.offset or header.more))
    payload = data[at:]
    upper = _readable_upper(protocol, payload, depth) if whole else payload
    if isinstance(upper, Packet):
        trouble = upper.trouble or trouble
    return Packet(src, dst, upper, hop_limit, tclass, flow, tuple(headers), protocol, payload, trouble=trouble)


def _readable_header(protocol: int, data: bytes, dst: bytes) -> tuple[int, ExtensionHeader] | None:
    """One extension header and the protocol after it: options as far as they go, a source route that contradicts
    itself as a routing header of octets. None where too little is there."""
    try:
        return _parse_header(protocol, Reader(data, "IPv6"), dst)
    except Malformed:
        if protocol == FragmentHeader.PROTOCOL or len(data) < extensions.ROUTING_FIELDS_OCTETS:
            return None
    content = data[2 : 8 + 8 * data[1]]
    if protocol == HopByHop.PROTOCOL:
        return data[0], HopByHop(extensions.parse_options(content))
    if protocol == DestinationOptions.PROTOCOL:
        return data[0], DestinationOptions(extensions.parse_options(content))
    kind, segments_left = content[:2]
    return data[0], RoutingHeader(kind, segments_left, content[2:])


def _readable_upper(protocol: int, payload: bytes, depth: int) -> Upper:
    if protocol == udp.PROTOCOL and len(payload) >= udp.PORTS_OCTETS:
        reader = Reader(payload, "UDP")
        return Udp(reader.u16(), reader.u16(), payload[udp.HEADER_OCTETS :])
    if protocol == icmpv6.PROTOCOL and len(payload) >= icmpv6.KIND_OCTETS:
        try:
            return icmpv6.parse(payload)
        except Malformed:
            return icmpv6.RawMessage(payload[0], payload[1], payload[icmpv6.HEADER_OCTETS :])
    if protocol == IPV6 and depth < _DEEPEST and len(payload) >= DESTINATION_AT and payload[0] >> 4 == 6:
        return _readable(payload, depth + 1)
    return payload


def _parse_header(protocol: int, reader: Reader, dst: bytes) -> tuple[int, ExtensionHeader]:
    """One extension header and the protocol after it."""
    following, units = reader.u8(), reader.u8()
    if protocol == FragmentHeader.PROTOCOL:
        bits = reader.u16()
        return following, FragmentHeader(reader.u32(), bits & 0xFFF8, bool(bits & 1))
    content = reader.take(units * 8 + 6)
    if protocol == HopByHop.PROTOCOL:
        return following, HopByHop(extensions.parse_options(content))
    if protocol == DestinationOptions.PROTOCOL:
        return following, DestinationOptions(extensions.parse_options(content))
    return following, extensions.parse_routing(content, dst)


def _parse_upper(protocol: int, payload: bytes, depth: int) -> Upper:
    if protocol == udp.PROTOCOL:
        return udp.parse(payload)
    if protocol == icmpv6.PROTOCOL:
        return icmpv6.parse(payload)
    if protocol == IPV6 and depth < _DEEPEST:
        return _parse(payload, depth + 1)
    return payload


def _protocol(upper: Upper) -> int:
    if isinstance(upper, Udp):
        return udp.PROTOCOL
    if isinstance(upper, Packet):
        return IPV6
    if isinstance(upper, bytes):
        return NO_NEXT_HEADER
    return icmpv6.PROTOCOL


def build(packet: Packet) -> bytes:
    """The packet's octets, checksum filled in."""
    body = _build_upper(packet)
    protocol = packet.next_header
    for header in reversed(packet.headers):
        body = _build_header(header, protocol) + body
        protocol = header.PROTOCOL
    word = 6 << 28 | packet.traffic_class << 20 | packet.flow
    head = word.to_bytes(4, "big") + len(body).to_bytes(2, "big") + bytes((protocol, packet.hop_limit))
    return head + packet.src + packet.dst + body


def _build_header(header: ExtensionHeader, following: int) -> bytes:
    match header:
        case FragmentHeader():
            bits = header.offset | header.more
            return bytes((following, 0)) + bits.to_bytes(2, "big") + header.identification.to_bytes(4, "big")
        case HopByHop() | DestinationOptions():
            content = extensions.build_options(header.options)
        case _:
            content = extensions.build_routing(header)
    return bytes((following, len(content) // 8)) + content


def _build_upper(packet: Packet) -> bytes:
    upper = packet.upper
    if isinstance(upper, bytes):
        return upper
    if isinstance(upper, Packet):
        return build(upper)
    if isinstance(upper, Udp):
        octets = udp.build(upper)
        return octets[:6] + udp_checksum(packet.src, packet.final_dst, octets) + octets[8:]
    octets = icmpv6.build(upper)
    value = checksum(packet.src, packet.final_dst, icmpv6.PROTOCOL, octets)
    return octets[:2] + value.to_bytes(2, "big") + octets[4:]


def udp_checksum(src: bytes, dst: bytes, datagram: bytes) -> bytes:
    """The checksum field of a UDP datagram, whatever stands there now; a sum of 0 is sent as 0xFFFF (RFC 8200, 8.1)."""
    value = checksum(src, dst, udp.PROTOCOL, datagram[:6] + b"\0\0" + datagram[8:])
    return (value or 0xFFFF).to_bytes(2, "big")


def checksum(src: bytes, dst: bytes, protocol: int, payload: bytes) -> int:
    """Internet checksum over pseudo header and payload; over a payload that holds its right checksum it is 0."""
    pseudo = src + dst + len(payload).to_bytes(4, "big") + bytes((0, 0, 0, protocol))
    padded = pseudo + payload + b"\0" * (len(payload) % 2)
    # One big integer modulo 2**16 - 1 is the one's-complement sum of its 16-bit words.
    total = int.from_bytes(padded, "big") % 0xFFFF
    return 0xFFFF - total if total else 0
