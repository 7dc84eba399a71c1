"""Neighbour discovery (RFC 4861) with the 6LoWPAN options (RFC 6775, RFC 8505), both directions.

A Wi-SUN node registers its address at its parent with a neighbour solicitation that carries an EARO/ARO; the answer is
part of joining. Option lengths count units of 8 octets; a link-layer address may be 2, 6 or 8 octets long, and what
follows it is padding. Records keep reserved bits as they came, so that these hide nothing of an option.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, ClassVar, Final, TypeAlias

from bench.air.broken import Broken
from bench.air.frozen import frozen
from bench.air.layout import Kind, Plain, flag, ipv6, number, part, plain, prefix, rest, u8, u16, u32, unused
from bench.air.octets import Reader, counted

_PREFIX_FLAGS: Final = {
    0x80: ("icmpv6.opt.prefix.flag.l", "On link"),
    0x40: ("icmpv6.opt.prefix.flag.a", "Autonomous"),
    0x20: ("icmpv6.opt.prefix.flag.r", "Router's address"),
}
_ROUTE_FLAGS: Final = {0x18: ("icmpv6.opt.route_info.flag.route_preference", "Preference")}


@frozen
class LinkLayerAddress:
    """Source (type 1) or target (type 2) link-layer address; ``address`` holds 8, 6 or 2 octets (RFC 4944, 8).

    ``padding`` is what stands behind it where that is no zeros."""

    SOURCE: ClassVar[int] = 1
    TARGET: ClassVar[int] = 2
    type: int
    address: bytes
    padding: bytes = b""


@plain("icmpv6.opt.aro", "Registration", air=("status", "opaque", "flags", "tid", "lifetime_min", "owner"))
class AddressRegistration(Plain):
    """(Extended) address registration option, type 33 (RFC 6775 4.1, RFC 8505 4.1).

    ``owner`` is the EUI-64 or ROVR (8 octets or more), ``lifetime_min`` in minutes; ``opaque``, ``flags`` and ``tid``
    are the fields that RFC 8505 made of reserved ones, zero in the older form.
    """

    TYPE: ClassVar[int] = 33
    ROUTE: ClassVar[int] = 0x02
    """Flag R: the parent is to see to a route for the target of the solicitation (RFC 8505, 5.1)."""
    COUNTED: ClassVar[int] = 0x01
    """Flag T: ``tid`` counts."""
    owner: bytes = rest("icmpv6.opt.aro.eui64", "Owner", kind=Kind.EUI64)
    lifetime_min: int = u16("icmpv6.opt.aro.registration_lifetime", "Lifetime", unit="min")
    status: int = u8("icmpv6.opt.aro.status", "Status", default=0)
    opaque: int = u8("icmpv6.opt.aro.opaque", "Opaque", default=0, stored=0)
    flags: int = u8("icmpv6.opt.aro.flags", "Flags", default=0, digits=2, stored=0)
    tid: int = u8("icmpv6.opt.aro.tid", "Transaction", default=0, stored=0)


@plain("icmpv6.opt.prefix", "Prefix", air=("prefix_length", "flags", "valid_s", "preferred_s", "reserved", "prefix"))
class PrefixInformation(Plain):
    """Prefix information, type 3 (RFC 4861, 4.6.2): ``flags`` 0x80 L, 0x40 A, 0x20 R (RFC 6275, 7.2); in seconds."""

    TYPE: ClassVar[int] = 3
    prefix: bytes = ipv6("icmpv6.opt.prefix", "Prefix")
    prefix_length: int = u8("icmpv6.opt.prefix.length", "Prefix length", default=64)
    flags: int = u8("icmpv6.opt.prefix.flag", "Flags", default=0x40, digits=2, inner=_PREFIX_FLAGS)
    valid_s: int = u32("icmpv6.opt.prefix.valid_lifetime", "Valid", default=0xFFFFFFFF, unit="s")
    preferred_s: int = u32("icmpv6.opt.prefix.preferred_lifetime", "Preferred", default=0xFFFFFFFF, unit="s")
    reserved: int = unused(32)


@plain("icmpv6.opt.mtu", "MTU", air=("reserved", "mtu"))
class Mtu(Plain):
    """MTU, type 5, octets (RFC 4861, 4.6.4)."""

    TYPE: ClassVar[int] = 5
    mtu: int = u32("icmpv6.opt.mtu", "MTU", unit="octets")
    reserved: int = unused(16)


@plain(
    "icmpv6.opt.6co",
    "Context",
    air=("prefix_length", "reserved", "compress", "identifier", "reserved2", "lifetime_min", "prefix"),
)
class Context(Plain):
    """6LoWPAN context, type 34 (RFC 6775, 4.2): ``identifier`` 0-15, ``prefix`` 8 or 16 octets, minutes."""

    TYPE: ClassVar[int] = 34
    identifier: int = number(4, "icmpv6.opt.6co.flag.cid", "Context")
    prefix: bytes = prefix("icmpv6.opt.6co.context_prefix", "Prefix")
    prefix_length: int = u8("icmpv6.opt.6co.context_length", "Prefix length", default=64)
    compress: bool = flag("icmpv6.opt.6co.flag.c", "For compression", default=True)
    lifetime_min: int = u16("icmpv6.opt.6co.valid_lifetime", "Lifetime", default=0xFFFF, unit="min")
    reserved: int = number(3, "icmpv6.opt.6co.flag.reserved", "Reserved", default=0)
    reserved2: int = unused(16)


@plain("icmpv6.opt.redirected", "Redirected header", air=("reserved", "packet"))
class RedirectedHeader(Plain):
    """Redirected header, type 4 (RFC 4861, 4.6.3): the redirected packet from its start, zeros to a multiple of 8."""

    TYPE: ClassVar[int] = 4
    packet: bytes = rest()
    reserved: int = unused(48)


@plain("icmpv6.opt.nonce", "Nonce")
class Nonce(Plain):
    """Nonce, type 14 (RFC 3971, 5.3.2): 6 octets or more."""

    TYPE: ClassVar[int] = 14
    nonce: bytes = rest("icmpv6.opt.nonce", "Nonce")


@plain("icmpv6.opt.route_info", "Route", air=("prefix_length", "flags", "lifetime_s", "prefix"))
class RouteInformation(Plain):
    """Route information, type 24 (RFC 4191, 2.3): ``prefix`` 0, 8 or 16 octets; seconds. ``flags`` holds the preference
    in two bits, 0x18: 0 medium, 1 high, 3 low, 2 reserved."""

    TYPE: ClassVar[int] = 24
    prefix: bytes = prefix("icmpv6.opt.prefix", "Prefix")
    prefix_length: int = u8("icmpv6.opt.prefix.length", "Prefix length")
    flags: int = u8("icmpv6.opt.route_info.flag", "Flags", default=0, digits=2, inner=_ROUTE_FLAGS)
    lifetime_s: int = u32("icmpv6.opt.route_lifetime", "Lifetime", default=0xFFFFFFFF, unit="s")


def _addresses(reader: Reader) -> tuple[bytes, ...]:
    return tuple(reader.take(16) for _ in range(reader.left // 16))


@plain("icmpv6.opt.rdnss", "DNS servers", air=("reserved", "lifetime_s", "addresses"))
class DnsServers(Plain):
    """Recursive DNS servers, type 25 (RFC 8106, 5.1): addresses of 16 octets; lifetime in seconds."""

    TYPE: ClassVar[int] = 25
    addresses: tuple[bytes, ...] = part(_addresses, b"".join)
    lifetime_s: int = u32("icmpv6.opt.rdnss.lifetime", "Lifetime", default=0xFFFFFFFF, unit="s")
    reserved: int = unused(16)


@plain("icmpv6.opt.abro", "Border router", air=("version_low", "version_high", "lifetime_min", "address"))
class BorderRouter(Plain):
    """Authoritative border router, type 35 (RFC 6775, 4.3): version in two halves, minutes, the router's address."""

    TYPE: ClassVar[int] = 35
    version_low: int = u16("icmpv6.opt.abro.version_low", "Version, lower half")
    address: bytes = ipv6("icmpv6.opt.abro.6lbr_address", "Border router")
    version_high: int = u16("icmpv6.opt.abro.version_high", "Version, upper half", default=0)
    lifetime_min: int = u16("icmpv6.opt.abro.valid_lifetime", "Lifetime", default=10_000, unit="min")

    @property
    def version(self) -> int:
        """The whole version, 32 bits."""
        return self.version_high << 16 | self.version_low


@plain("icmpv6.opt.6cio", "Capabilities")
class Capabilities(Plain):
    """6LoWPAN capability indication (6CIO), type 36 (RFC 7400, 3.3; RFC 8505, 4.3): 48 bits.

    The last of the first 16 bits is G (generic header compression); of the next octet, 0x80 is D (EDAR), 0x40 L (6LR),
    0x20 B (6LBR), 0x10 P (routing registrar), 0x08 E (EARO).
    """

    TYPE: ClassVar[int] = 36
    bits: int = number(48)

    @property
    def generic_compression(self) -> bool:
        """G: it understands GHC."""
        return bool(self.bits >> 32 & 1)

    @property
    def extended_registration(self) -> bool:
        """E: it understands the EARO of RFC 8505."""
        return bool(self.bits >> 24 & 0x08)


@frozen
class RawOption:
    """Another option; ``data`` is all after type and length, a multiple of 8 less 2 octets long."""

    type: int
    data: bytes


_Record: TypeAlias = (
    AddressRegistration
    | PrefixInformation
    | RedirectedHeader
    | Mtu
    | Nonce
    | RouteInformation
    | DnsServers
    | Context
    | BorderRouter
    | Capabilities
)
Option: TypeAlias = _Record | LinkLayerAddress | RawOption | Broken
_ANY: Final = range(6, 255 * 8)
_WITH_PREFIX: Final = {6, 14, 22}
_WITH_ADDRESSES: Final = _ANY[::16]
_LINK_ADDRESS_OCTETS: Final = {6, 14}
_RECORDS: Final[Mapping[int, tuple[type[_Record], Container[int]]]] = {
    AddressRegistration.TYPE: (AddressRegistration, _ANY[8:]),
    PrefixInformation.TYPE: (PrefixInformation, {30}),
    RedirectedHeader.TYPE: (RedirectedHeader, _ANY),
    Mtu.TYPE: (Mtu, {6}),
    Nonce.TYPE: (Nonce, _ANY),
    RouteInformation.TYPE: (RouteInformation, _WITH_PREFIX),
    DnsServers.TYPE: (DnsServers, _WITH_ADDRESSES),
    Context.TYPE: (Context, {14, 22}),
    BorderRouter.TYPE: (BorderRouter, {22}),
    Capabilities.TYPE: (Capabilities, {6}),
}
"""Records by option type, and the octets of content that they take; an option of another length stays octets."""


def parse_options(data: bytes) -> tuple[Option, ...]:
    """Options in order. From a length that leads astray on (of zero, too: RFC 4861, 4.6), the rest is `Broken`."""
    options: list[Option] = []
    at = 0
    while at < len(data):
        trouble = _astray(data[at:])
        if trouble:
            options.append(Broken(data[at:], trouble))
            break
        end = at + 8 * data[at + 1]
        options.append(_parse_option(data[at], data[at + 2 : end]))
        at = end
    return tuple(options)


def _astray(data: bytes) -> str:
    """What is wrong with the length of the option that ``data`` begins with, "" where nothing is."""
    if len(data) < 2:
        return f"ND option {data[0]}: no length"
    if data[1] == 0:
        return f"ND option {data[0]}: length 0"
    return "" if 8 * data[1] <= len(data) else f"ND option {data[0]}: {counted(8 * data[1])} wanted, {len(data)} left"


def _parse_option(kind: int, content: bytes) -> Option:
    if kind in (LinkLayerAddress.SOURCE, LinkLayerAddress.TARGET) and len(content) in _LINK_ADDRESS_OCTETS:
        address = _link_address(content)
        padding = content[len(address) :]
        return LinkLayerAddress(kind, address, padding if any(padding) else b"")
    record, lengths = _RECORDS.get(kind, (None, ()))
    return record.decode(content) if record is not None and len(content) in lengths else RawOption(kind, content)


def _link_address(content: bytes) -> bytes:
    """The address at the start of a padded option: one unit holds 6 or 2 octets, two units an EUI-64 (RFC 4944, 8)."""
    if len(content) == 6:
        return content if any(content[2:]) else content[:2]
    return content[:8]


def build_option(option: Option) -> bytes:
    """The octets of one option, padded to units of 8."""
    match option:
        case Broken(octets=octets):
            return octets
        case LinkLayerAddress(type=kind, address=address, padding=padding):
            content = address + padding
        case RawOption(type=kind, data=content):
            pass
        case _:
            kind, content = option.TYPE, option.encode()
    units = (len(content) + 9) // 8
    return bytes((kind, units)) + content.ljust(units * 8 - 2, b"\0")


def build_options(options: Iterable[Option]) -> bytes:
    """The octets of ``options`` in order."""
    return b"".join(map(build_option, options))


def _options() -> Any:
    """The options that end each message."""
    return part(lambda reader: parse_options(reader.rest()), build_options, default=())


@plain("icmpv6.nd.rs", "Router solicitation", air=("reserved", "options"))
class RouterSolicitation(Plain):
    """RFC 4861, 4.1; like all messages here from behind the ICMPv6 checksum on."""

    TYPE: ClassVar[int] = 133
    options: tuple[Option, ...] = _options()
    reserved: int = unused(32)


@plain("icmpv6.nd.ra", "Router advertisement")
class RouterAdvertisement(Plain):
    """RFC 4861, 4.2; ``flags`` 0x80 M, 0x40 O; router lifetime in s, the two timers in ms."""

    TYPE: ClassVar[int] = 134
    hop_limit: int = u8("icmpv6.nd.ra.cur_hop_limit", "Hop limit", default=64)
    flags: int = u8("icmpv6.nd.ra.flag", "Flags", default=0, digits=2)
    lifetime_s: int = u16("icmpv6.nd.ra.router_lifetime", "Router lifetime", default=0, unit="s")
    reachable_ms: int = u32("icmpv6.nd.ra.reachable_time", "Reachable time", default=0, unit="ms")
    retransmit_ms: int = u32("icmpv6.nd.ra.retrans_timer", "Retransmission timer", default=0, unit="ms")
    options: tuple[Option, ...] = _options()


@plain("icmpv6.nd.ns", "Neighbour solicitation", air=("reserved", "target", "options"))
class NeighborSolicitation(Plain):
    """RFC 4861, 4.3; ``target`` is a 16-octet address."""

    TYPE: ClassVar[int] = 135
    target: bytes = ipv6("icmpv6.nd.ns.target_address", "Target")
    options: tuple[Option, ...] = _options()
    reserved: int = unused(32)


ROUTER: Final = 0x80
SOLICITED: Final = 0x40
OVERRIDE: Final = 0x20
"""Flags of a neighbour advertisement."""


@plain("icmpv6.nd.na", "Neighbour advertisement", air=("flags", "reserved", "target", "options"))
class NeighborAdvertisement(Plain):
    """RFC 4861, 4.4; ``flags`` is the first octet: `ROUTER`, `SOLICITED`, `OVERRIDE`."""

    TYPE: ClassVar[int] = 136
    target: bytes = ipv6("icmpv6.nd.na.target_address", "Target")
    flags: int = u8(
        default=SOLICITED,
        inner={
            ROUTER: ("icmpv6.nd.na.flag.r", "Router"),
            SOLICITED: ("icmpv6.nd.na.flag.s", "Solicited"),
            OVERRIDE: ("icmpv6.nd.na.flag.o", "Override"),
        },
    )
    options: tuple[Option, ...] = _options()
    reserved: int = unused(24)


@plain("icmpv6.nd.rd", "Redirect", air=("reserved", "target", "destination", "options"))
class Redirect(Plain):
    """RFC 4861, 4.5: for ``destination``, ``target`` is the better next hop."""

    TYPE: ClassVar[int] = 137
    target: bytes = ipv6("icmpv6.nd.rd.target_address", "Target")
    destination: bytes = ipv6("icmpv6.rd.na.destination_address", "Destination")
    options: tuple[Option, ...] = _options()
    reserved: int = unused(32)


Message: TypeAlias = RouterSolicitation | RouterAdvertisement | NeighborSolicitation | NeighborAdvertisement | Redirect

MESSAGES: Final[dict[int, Callable[[bytes], Message]]] = {
    RouterSolicitation.TYPE: RouterSolicitation.decode,
    RouterAdvertisement.TYPE: RouterAdvertisement.decode,
    NeighborSolicitation.TYPE: NeighborSolicitation.decode,
    NeighborAdvertisement.TYPE: NeighborAdvertisement.decode,
    Redirect.TYPE: Redirect.decode,
}
"""Decoders by ICMPv6 type."""
