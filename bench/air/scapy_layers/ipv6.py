"""scapy layers of IPv6 in the mesh: RPI (0x63 and 0x23), MPL, RPL source route type 3, and tunnels.

`Ip6` is scapy's `IPv6` that knows these; UDP, the fragment header and all else stay scapy's. The headers are made from
scapy's where its checksum code looks for them: a source route's last address is the pseudo header's.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any, Final

from scapy.fields import (
    BitField,
    ByteEnumField,
    ByteField,
    PacketListField,
    ShortField,
)
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrRouting, _ICMPv6, _IPv6ExtHdr, ipv6nh
from scapy.packet import Packet, Raw

from bench.air.ip import icmpv6, udp
from bench.air.ip.extensions import (
    RPI_TYPES,
    DestinationOptions,
    FragmentHeader,
    HopByHop,
    Mpl,
    RoutingHeader,
    SourceRoute,
    padding,
)
from bench.air.ip.packet import IPV6, text
from bench.air.scapy_layers.base import AirPacket, Layer, Octets, Option, Rest, fields, rebuilt

_SEED_OCTETS: Final = (0, 2, 8, 16)
_OPTION_NAMES: Final = {0: "Pad1", 1: "PadN", 0x23: "RPL (RFC 9008)", 0x63: "RPL (RFC 6553)", Mpl.TYPE: "MPL"}


def under_ipv6(protocol: int) -> dict[type[Packet], dict[str, int]]:
    """What a header sets in the IPv6 header that it is put on."""
    return {IPv6: {"nh": protocol}}


class Ip6Option(Option):
    """An option of a hop-by-hop or destination options header, kept as octets."""

    name = "IPv6 Option"
    fields_desc = fields(ByteEnumField("type", 0x1E, _OPTION_NAMES), ByteField("length", None), Rest("data", b""))


class Ip6PadN(Ip6Option):
    """PadN."""

    name = "PadN"
    fields_desc = fields(ByteEnumField("type", 1, _OPTION_NAMES), ByteField("length", None), Rest("data", b""))


class Ip6Pad1(Option):
    """Pad1: one octet."""

    name = "Pad1"
    fields_desc = fields(ByteEnumField("type", 0, _OPTION_NAMES))

    @classmethod
    def octets(cls, data: bytes) -> int:
        return 1

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        return pkt + pay


class Ip6Rpi(Option):
    """RPL packet information (RFC 6553, RFC 9008)."""

    name = "RPL Option"
    fields_desc = fields(
        ByteEnumField("type", RPI_TYPES[0], _OPTION_NAMES),
        ByteField("length", None),
        BitField("down", 0, 1),
        BitField("rank_error", 0, 1),
        BitField("forwarding_error", 0, 1),
        BitField("reserved", 0, 5),
        ByteField("instance_id", 0),
        ShortField("sender_rank", 0),
        Rest("data", b""),
    )


class Ip6Mpl(Option):
    """MPL option (RFC 7731, 6.1); ``s`` says how long the seed id is."""

    name = "MPL Option"
    fields_desc = fields(
        ByteEnumField("type", Mpl.TYPE, _OPTION_NAMES),
        ByteField("length", None),
        BitField("s", 0, 2),
        BitField("m", 0, 1),
        BitField("reserved", 0, 5),
        ByteField("sequence", 0),
        Octets("seed_id", b"", length_from=lambda option: _SEED_OCTETS[option.s]),
        Rest("data", b""),
    )


def _next_option(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    if not octets:
        return None
    kind = octets[0]
    known = {0: Ip6Pad1, 1: Ip6PadN, Mpl.TYPE: Ip6Mpl, **dict.fromkeys(RPI_TYPES, Ip6Rpi)}
    return known.get(kind, Ip6Option)


class _Options(PacketListField):
    """Options of a header of ``len`` units beyond the first 8 octets; padded while ``len`` is not set."""

    def __init__(self) -> None:
        super().__init__("options", [], length_from=lambda header: 8 * header.len + 6, next_cls_cb=_next_option)

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        octets: bytes = super().addfield(pkt, s, val)
        return octets + (padding(-len(octets) % 8) if pkt.len is None else b"")


def next_layer(protocol: int, payload: bytes, other: Layer) -> Layer:
    """The layer of a next-header value; ``other`` is what scapy would take."""
    if protocol == SourceRoute.PROTOCOL and payload[2:3] == bytes((SourceRoute.TYPE,)):
        return Ip6SourceRoute
    if protocol in CHOOSERS and payload:
        return CHOOSERS[protocol](payload, other)
    return UPPER[protocol] if protocol in UPPER else lossless(other, payload)


def lossless(layer: Layer, payload: bytes) -> Layer:
    """A layer of scapy's own where it builds what it dissects, else `Raw`: of damaged octets some lose a few."""
    try:
        return layer if rebuilt(layer(payload)) == payload else Raw
    except Exception:  # whatever a layer of scapy's raises, scapy itself answers with Raw
        return Raw


class _Chained(AirPacket):
    """What an extension header has in common: the length in units of 8 octets, and its successor."""

    aliastypes = fields(IPv6)  # what sets the next header of IPv6 sets this one's

    def guess_payload_class(self, payload: bytes) -> Layer:
        return next_layer(self.nh, payload, super().guess_payload_class(payload))

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.len is None:
            pkt = pkt[:1] + bytes((len(pkt) // 8 - 1,)) + pkt[2:]
        return pkt + pay


class Ip6HopByHop(_Chained, _IPv6ExtHdr):
    """Hop-by-hop options."""

    name = "IPv6 Hop-by-Hop Options"
    fields_desc = fields(ByteEnumField("nh", 59, ipv6nh), ByteField("len", None), _Options())
    overload_fields = under_ipv6(HopByHop.PROTOCOL)


class Ip6DestinationOptions(_Chained, _IPv6ExtHdr):
    """Destination options."""

    name = "IPv6 Destination Options"
    fields_desc = fields(ByteEnumField("nh", 59, ipv6nh), ByteField("len", None), _Options())
    overload_fields = under_ipv6(DestinationOptions.PROTOCOL)


class Ip6SourceRoute(_Chained, IPv6ExtHdrRouting):
    """RPL source route (RFC 6554); ``segments``: its addresses without the octets they share with the destination."""

    name = "IPv6 RPL Source Route"
    fields_desc = fields(
        ByteEnumField("nh", 59, ipv6nh),
        ByteField("len", None),
        ByteField("type", SourceRoute.TYPE),
        ByteField("segleft", 1),
        BitField("cmpri", 0, 4),
        BitField("cmpre", 0, 4),
        BitField("pad", 0, 4),
        BitField("reserved", 0, 20),
        Octets("segments", b"", length_from=lambda header: 8 * header.len - header.pad),
        Octets("padding", b"", length_from=lambda header: header.pad),
    )
    overload_fields = under_ipv6(SourceRoute.PROTOCOL)

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.len is None:
            fill = bytes(-len(pkt) % 8)
            pad = len(self.padding) + len(fill)
            pkt = pkt[:5] + bytes((pkt[5] & 0x0F | pad << 4,)) + pkt[6:] + fill
        return super().post_build(pkt, pay)

    @property
    def addresses(self) -> list[str]:
        """The addresses in full, as text."""
        below = self.underlayer
        while below is not None and not isinstance(below, IPv6):
            below = below.underlayer
        if below is None:
            return []
        dst = IPv6Address(below.dst).packed
        inner, last, route = 16 - self.cmpri, 16 - self.cmpre, bytes(self.segments)
        found = []
        while len(route) > last:
            found.append(text(dst[: self.cmpri] + route[:inner]))
            route = route[inner:]
        return [*found, text(dst[: self.cmpre] + route)] if len(route) == last else found


class Udp6(UDP):
    """scapy's UDP, whose payload is only read where nothing of it is lost."""

    name = "UDP"
    match_subclass = True

    def guess_payload_class(self, payload: bytes) -> Layer:
        return lossless(super().guess_payload_class(payload), payload)


class Ip6Routing(_Chained, _IPv6ExtHdr):
    """A routing header of another type, kept as octets."""

    name = "IPv6 Routing Header"
    fields_desc = fields(
        ByteEnumField("nh", 59, ipv6nh),
        ByteField("len", None),
        ByteField("type", 0),
        ByteField("segleft", 0),
        Octets("data", bytes(4), length_from=lambda header: 8 * header.len + 4),
    )
    overload_fields = under_ipv6(SourceRoute.PROTOCOL)


class Ip6Fragment(IPv6ExtHdrFragment):
    """scapy's fragment header; what is a part only is not read."""

    match_subclass = True
    overload_fields = under_ipv6(FragmentHeader.PROTOCOL)

    def guess_payload_class(self, p: bytes) -> Layer:
        if self.offset or self.m:
            return Raw
        return next_layer(self.nh, p, super().guess_payload_class(p))  # type: ignore[no-untyped-call]


class Icmp6(_ICMPv6, AirPacket):
    """Base of ICMPv6 messages with layers here; scapy's checksum code fills ``cksum`` in."""

    overload_fields = under_ipv6(icmpv6.PROTOCOL)


class Ip6(IPv6):
    """scapy's IPv6 with the extension headers and upper layers of the mesh."""

    name = "IPv6"
    match_subclass = True

    def guess_payload_class(self, p: bytes) -> Layer:
        return next_layer(self.nh, p, super().guess_payload_class(p))

    def do_build_payload(self) -> bytes:
        return bytes(super().do_build_payload()) + bytes(self.payload.build_padding())

    def build_padding(self) -> bytes:
        return b""


UPPER: Final[dict[int, Layer]] = {
    HopByHop.PROTOCOL: Ip6HopByHop,
    DestinationOptions.PROTOCOL: Ip6DestinationOptions,
    RoutingHeader.PROTOCOL: Ip6Routing,
    FragmentHeader.PROTOCOL: Ip6Fragment,
    IPV6: Ip6,
    udp.PROTOCOL: Udp6,
}
"""Layers by next-header value."""
CHOOSERS: Final[dict[int, Callable[[bytes, Layer], Layer]]] = {}
"""Where the payload tells more: functions of it and scapy's own choice. `scapy_layers.icmpv6` enters itself."""
