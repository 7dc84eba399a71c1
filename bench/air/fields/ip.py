"""Fields of IPv6 and of what it carries in the mesh: extension headers, UDP, ICMPv6, neighbour discovery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from bench.air.broken import Broken
from bench.air.errors import Malformed
from bench.air.fields.base import Field, Table, Tables, Trouble, bit, bits, flag, i32, octets, u8, u16, u24, u32
from bench.air.fields.base import ipv6 as address
from bench.air.fields.upper import application
from bench.air.frozen import frozen
from bench.air.ip import icmpv6
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import (
    DestinationOptions,
    ExtensionHeader,
    FragmentHeader,
    HopByHop,
    Mpl,
    Pad,
    RawOption,
    RoutingHeader,
    Rpi,
    SourceRoute,
)
from bench.air.ip.udp import Udp
from bench.air.octets import counted

PROTOCOLS: Final = {
    0: "hop-by-hop options",
    17: "UDP",
    41: "IPv6",
    43: "routing",
    44: "fragment",
    58: "ICMPv6",
    59: "none",
    60: "destination options",
}
_PROTOCOLS_THEIRS: Final = {
    0: "IPv6 Hop-by-Hop Option",
    43: "Routing Header for IPv6",
    44: "Fragment Header for IPv6",
    59: "No Next Header for IPv6",
    60: "Destination Options for IPv6",
}
_TYPES: Final = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbour solicitation",
    136: "neighbour advertisement",
    137: "redirect",
    155: "RPL",
    157: "duplicate address request",
    158: "duplicate address confirmation",
}
_TYPES_THEIRS: Final = {
    128: "Echo (ping) request",
    129: "Echo (ping) reply",
    135: "Neighbor Solicitation",
    136: "Neighbor Advertisement",
    155: "RPL Control",
}
_OPTION_TYPES: Final = {0x63: "RPL information", 0x23: "RPL information (RFC 9008)", 0x6D: "MPL", 1: "padding"}
_OPTION_TYPES_THEIRS: Final = {0x63: "RPL Option", 0x6D: "MPL Option", 1: "PadN"}
_ECHO: Final = {kind.TYPE: kind for kind in (icmpv6.EchoRequest, icmpv6.EchoReply)}
_ECHO_OCTETS: Final = 4
_PAD_AT: Final = 5
_RIGHT, _WRONG, _ILLEGAL = 1, 0, 4
_CHECKS: Final = {_RIGHT: "right", _WRONG: "wrong", _ILLEGAL: "missing, which IPv6 forbids"}
_CHECKS_THEIRS: Final = {_RIGHT: "Good", _WRONG: "Bad", _ILLEGAL: "Illegal"}


@frozen
class Layer:
    """An IPv6 packet and its octets; ``trouble`` says why it is not read to its end. ``sized``: its lengths are those
    that were sent; where compressed headers were damaged, nobody knows these, nor what follows the last."""

    packet: ipv6.Packet
    octets: bytes
    trouble: str = ""
    sized: bool = True

    @property
    def word(self) -> int:
        """Version, traffic class and flow label."""
        return int.from_bytes(self.octets[:4], "big")


@frozen
class Options:
    """A hop-by-hop options header and its octets; ``sized`` as in `Layer`."""

    header: HopByHop | DestinationOptions
    octets: bytes
    sized: bool = True


@frozen
class EndOptions(Options):
    """A destination options header and its octets."""


@frozen
class Routing:
    """A routing header and its octets; ``sized`` as in `Layer`."""

    header: SourceRoute | RoutingHeader
    octets: bytes
    sized: bool = True


@frozen
class Fragmentation:
    """A fragment header and its octets; ``sized`` as in `Layer`."""

    header: FragmentHeader
    octets: bytes
    sized: bool = True


@frozen
class Datagram:
    """A UDP datagram, its octets and whether its checksum is right; ``sized`` as in `Layer`."""

    udp: Udp
    octets: bytes
    checksum_ok: bool | None
    sized: bool = True


@frozen
class Control:
    """An ICMPv6 message, its octets and whether its checksum is right."""

    message: object
    octets: bytes
    checksum_ok: bool | None


@frozen
class Quoted:
    """The start of a packet that an ICMPv6 message is about; ``title`` says what of it."""

    octets: bytes
    title: str = "The packet that this error is about"


@frozen
class Payload:
    """Octets that nobody reads further."""

    octets: bytes


def layer_of(packet: ipv6.Packet, data: bytes, sized: bool = True) -> Layer:
    """The view of a packet parsed from ``data``; ``sized`` as in `Layer`."""
    return Layer(packet, data, packet.trouble, sized)


def as_far_as_read(data: bytes) -> Layer | Trouble:
    """The view of a packet of which the decoder did not read more than that it is one."""
    try:
        return layer_of(ipv6.parse_readable(data), data)
    except Malformed as error:
        return Trouble(str(error))


def _packet_inside(layer: Layer) -> Iterator[object]:
    at = ipv6.HEADER_OCTETS
    for header in layer.packet.headers:
        length = 8 if isinstance(header, FragmentHeader) else 8 + 8 * layer.octets[at + 1]
        yield _extension(header, layer.octets[at : at + length], layer.sized)
        at += length
    upper, rest = layer.packet.upper, layer.octets[at:]
    if isinstance(upper, ipv6.Packet):
        yield Layer(upper, rest, layer.trouble, layer.sized)
        return
    if isinstance(upper, Udp):
        yield Datagram(upper, rest, layer.packet.checksum_ok, layer.sized)
    elif not isinstance(upper, bytes):
        yield Control(upper, rest, layer.packet.checksum_ok)
    elif rest:
        yield Payload(rest)
    if layer.trouble:
        raise Malformed(layer.trouble)


def _datagram_inside(view: Datagram) -> Iterator[object]:
    known = False
    for layer in application(view.udp):
        known = True
        yield layer
    if not known and view.udp.payload:
        yield Payload(view.udp.payload)


def _extension(header: ExtensionHeader, data: bytes, sized: bool) -> object:
    if isinstance(header, HopByHop):
        return Options(header, data, sized)
    if isinstance(header, DestinationOptions):
        return EndOptions(header, data, sized)
    if isinstance(header, FragmentHeader):
        return Fragmentation(header, data, sized)
    return Routing(header, data, sized)


def _options(view: Options) -> Iterator[object]:
    """The options, and the padding at the end that the record leaves out."""
    for option in view.header.options:
        yield option
        if isinstance(option, Broken):
            yield Trouble(option.trouble)
    used = 2 + sum(_option_octets(option) for option in view.header.options)
    if used < len(view.octets):
        yield Pad(len(view.octets) - used)


def _option_octets(option: object) -> int:
    match option:
        case Pad(length=length):
            return length
        case Rpi(data=data):
            return 6 + len(data)
        case Mpl(seed_id=seed, data=data):
            return 4 + len(seed) + len(data)
        case RawOption(data=data):
            return 2 + len(data)
        case Broken(octets=octets):
            return len(octets)
    return 0


def _control_inside(view: Control) -> Iterator[object]:
    message = view.message
    if isinstance(message, icmpv6.RawMessage) and message.type in (1, 2, 3, 4):
        yield Quoted(message.body[4:])
    elif isinstance(message, icmpv6.RawMessage) and message.type in _ECHO and len(message.body) >= _ECHO_OCTETS:
        # An echo has code 0; one of another code is none of the record's, but says the same.
        identifier, sequence = (int.from_bytes(message.body[at : at + 2], "big") for at in (0, 2))
        yield _ECHO[message.type](identifier, sequence, message.body[_ECHO_OCTETS:])
    elif isinstance(message, icmpv6.RawMessage):
        yield Payload(message.body)
    else:
        yield message


def _quoted(view: Quoted) -> Iterator[object]:
    """The packet as far as it is there: an error quotes no more than fits in the smallest MTU. A redirect's option may
    pad it."""
    try:
        packet = ipv6.parse_readable(view.octets)
        yield Layer(packet, view.octets[: ipv6.HEADER_OCTETS + int.from_bytes(view.octets[4:6], "big")])
    except Malformed:
        if view.octets:
            yield Payload(view.octets)


def _udp_checksum(view: Datagram) -> int | None:
    """Whether it is right; over IPv6 it may not be zero (RFC 8200, 8.1)."""
    if view.checksum_ok is None:
        return None
    return int(view.checksum_ok) if any(view.octets[6:8]) else _ILLEGAL


def _following(at: int) -> Callable[[Any], int | None]:
    """The next header; behind damaged compressed headers "none" stands for one that nobody knows, and is no value."""

    def get(view: Any) -> int | None:
        found: int = view.octets[at]
        return found if view.sized or found != ipv6.NO_NEXT_HEADER else None

    return get


def _payload_octets(view: Layer) -> int | None:
    return None if not view.sized else int.from_bytes(view.octets[4:6], "big")


def _u16(at: int) -> Callable[[Datagram | Control], int | None]:
    """A number in a header that may be cut; None where it is not there."""
    return lambda view: int.from_bytes(view.octets[at : at + 2], "big") if len(view.octets) >= at + 2 else None


def _header(name: str, title: str, *more: Field, inside: object = None) -> Table:
    """An extension header's table: next header and length stand first in each."""
    first = (
        u8(f"{name}.nxt", "Next header", _following(0), names=PROTOCOLS, theirs=_PROTOCOLS_THEIRS),
        u8(f"{name}.len", "Further units of 8 octets", lambda v: v.octets[1]),
        u16(f"{name}.len_oct", "Length", lambda v: 8 + 8 * v.octets[1], unit="octets"),
    )
    return Table(name, title, (*first, *more), inside) if callable(inside) else Table(name, title, (*first, *more))


def _option(*more: Field) -> tuple[Field, ...]:
    return (
        u8("ipv6.opt.type", "Type", _option_type, digits=2, names=_OPTION_TYPES, theirs=_OPTION_TYPES_THEIRS),
        u8("ipv6.opt.length", "Length", lambda o: _option_octets(o) - 2 if _option_octets(o) > 1 else None),
        *more,
    )


def _option_type(option: object) -> int:
    if isinstance(option, Pad):
        return int(option.length > 1)
    return Mpl.TYPE if isinstance(option, Mpl) else int(option.type)  # type: ignore[attr-defined]


def _route(header: SourceRoute) -> bool:
    return isinstance(header, SourceRoute)


_ROUTING: Final = (
    u8("ipv6.routing.type", "Type", lambda v: v.octets[2], names={3: "RPL source route"}),
    u8("ipv6.routing.segleft", "Segments left", "header.segments_left"),
    u32(
        "ipv6.routing.rpl.cmprI",
        "Octets left out of each",
        lambda v: v.header.compressed_i if _route(v.header) else None,
    ),
    u32(
        "ipv6.routing.rpl.cmprE",
        "Octets left out of the last",
        lambda v: v.header.compressed_e if _route(v.header) else None,
    ),
    u32(
        "ipv6.routing.rpl.pad",
        "Padding",
        lambda v: v.octets[_PAD_AT] >> 4 if v.octets[2] == SourceRoute.TYPE and len(v.octets) > _PAD_AT else None,
    ),
    i32("ipv6.routing.rpl.addr_count", "Addresses", lambda v: len(v.header.addresses) if _route(v.header) else None),
    address("ipv6.routing.rpl.full_address", "Address", lambda v: v.header.addresses if _route(v.header) else None),
)

TABLES: Final[Tables] = {
    Layer: Table(
        "ipv6",
        lambda v: f"IPv6 {ipv6.text(v.packet.src)} > {ipv6.text(v.packet.dst)}",
        (
            u8("ipv6.version", "Version", lambda v: v.octets[0] >> 4),
            u32("ipv6.tclass", "Traffic class", "packet.traffic_class", digits=2),
            u32("ipv6.tclass.dscp", "DSCP", bits(2, 0x3F, "packet.traffic_class")),
            u32("ipv6.tclass.ecn", "ECN", bits(0, 3, "packet.traffic_class")),
            u24("ipv6.flow", "Flow label", "packet.flow", digits=5),
            u16("ipv6.plen", "Payload length", _payload_octets, unit="octets"),
            u8("ipv6.nxt", "Next header", _following(6), names=PROTOCOLS, theirs=_PROTOCOLS_THEIRS),
            u8("ipv6.hlim", "Hop limit", "packet.hop_limit"),
            address("ipv6.src", "Source", lambda v: v.packet.src or None),
            address(
                "ipv6.addr",
                "Address",
                lambda v: tuple(filter(None, (v.packet.src, v.packet.dst))),
                hidden=True,
            ),
            address("ipv6.dst", "Destination", lambda v: v.packet.dst or None),
        ),
        _packet_inside,
        lambda v: v.octets,
    ),
    Options: _header("ipv6.hopopts", "Hop-by-hop options", inside=_options),
    EndOptions: _header("ipv6.dstopts", "Destination options", inside=_options),
    Routing: _header("ipv6.routing", "Routing header", *_ROUTING),
    Fragmentation: Table(
        "ipv6.fraghdr",
        "Fragment header",
        (
            u8("ipv6.fraghdr.nxt", "Next header", _following(0), names=PROTOCOLS, theirs=_PROTOCOLS_THEIRS),
            u16("ipv6.fraghdr.offset", "Offset", lambda v: v.header.offset // 8, unit="x 8 octets"),
            flag("ipv6.fraghdr.more", "More fragments", "header.more"),
            u32("ipv6.fraghdr.ident", "Identification", "header.identification", digits=8),
        ),
    ),
    Rpi: Table(
        "ipv6.opt.rpl",
        "RPL packet information",
        _option(
            u8("ipv6.opt.rpl.flag", "Flags", "flags", digits=2),
            flag("ipv6.opt.rpl.flag.o", "Down", bit(0x80, "flags")),
            flag("ipv6.opt.rpl.flag.r", "Rank error", bit(0x40, "flags")),
            flag("ipv6.opt.rpl.flag.f", "Forwarding error", bit(0x20, "flags")),
            u8("ipv6.opt.rpl.instance_id", "Instance", "instance"),
            u16("ipv6.opt.rpl.sender_rank", "Sender's rank", "sender_rank"),
        ),
    ),
    Mpl: Table(
        "ipv6.opt.mpl",
        "MPL",
        _option(
            u8("ipv6.opt.mpl.flag.s", "Seed id form", lambda o: (0, 2, 8, 16).index(len(o.seed_id))),
            flag("ipv6.opt.mpl.flag.m", "Largest sequence known", "maximum"),
            u8("ipv6.opt.mpl.sequence", "Sequence", "sequence"),
            octets("ipv6.opt.mpl.seed_id", "Seed id", lambda o: o.seed_id or None),
        ),
    ),
    Pad: Table("ipv6.opt.padn", "Padding", _option()),
    RawOption: Table("ipv6.opt.unknown", "Unknown option", _option(octets("ipv6.opt.unknown", "Data", "data"))),
    Datagram: Table(
        "udp",
        lambda v: f"UDP {v.udp.src_port} > {v.udp.dst_port}",
        (
            u16("udp.srcport", "Source port", "udp.src_port"),
            u16("udp.dstport", "Destination port", "udp.dst_port"),
            u16("udp.port", "Port", lambda v: (v.udp.src_port, v.udp.dst_port), hidden=True),
            u16("udp.length", "Length", lambda v: _u16(4)(v) if v.sized else None, unit="octets"),
            u16("udp.checksum", "Checksum", _u16(6), digits=4),
            u8(
                "udp.checksum.status",
                "Checksum is",
                _udp_checksum,
                names=_CHECKS,
                theirs=_CHECKS_THEIRS,
            ),
            octets("udp.payload", "Payload", lambda v: v.udp.payload or None),
        ),
        _datagram_inside,
        lambda v: v.octets,
    ),
    Control: Table(
        "icmpv6",
        lambda v: f"ICMPv6 {_TYPES.get(v.octets[0], '')}".rstrip(),
        (
            u8("icmpv6.type", "Type", lambda v: v.octets[0], names=_TYPES, theirs=_TYPES_THEIRS),
            u8("icmpv6.code", "Code", lambda v: v.octets[1]),
            u16("icmpv6.checksum", "Checksum", _u16(2), digits=4),
            u8(
                "icmpv6.checksum.status",
                "Checksum is",
                lambda v: int(v.checksum_ok) if v.checksum_ok is not None else None,
                names=_CHECKS,
                theirs=_CHECKS_THEIRS,
            ),
        ),
        _control_inside,
        lambda v: v.octets,
    ),
    Quoted: Table("", lambda view: view.title, (), _quoted),
    Payload: Table(
        "data", lambda view: f"Data ({counted(len(view.octets))})", (octets("data.octets", "Data", "octets"),)
    ),
    icmpv6.EchoRequest: Table(
        "icmpv6.echo",
        "Echo request",
        (
            u16("icmpv6.echo.identifier", "Identifier", "identifier", digits=4),
            u16("icmpv6.echo.sequence_number", "Sequence", "sequence"),
            octets("data.octets", "Data", lambda m: m.data or None),
        ),
    ),
    icmpv6.EchoReply: Table(
        "icmpv6.echo",
        "Echo reply",
        (
            u16("icmpv6.echo.identifier", "Identifier", "identifier", digits=4),
            u16("icmpv6.echo.sequence_number", "Sequence", "sequence"),
            octets("data.octets", "Data", lambda m: m.data or None),
        ),
    ),
}
