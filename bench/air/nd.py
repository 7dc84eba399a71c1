"""Neighbour discovery (RFC 4861) with the 6LoWPAN options (RFC 6775, RFC 8505), both directions.

A Wi-SUN node registers its address at its parent with a neighbour solicitation that carries an EARO/ARO; the answer is
part of joining. Option lengths count units of 8 octets; a link-layer address may be 2, 6 or 8 octets long, and what
follows it is padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.octets import Reader


@attrs.frozen(slots=True)
class LinkLayerAddress:
    """Source (type 1) or target (type 2) link-layer address; ``address`` holds 8, 6 or 2 octets (RFC 4944, 8)."""

    SOURCE: ClassVar[int] = 1
    TARGET: ClassVar[int] = 2
    type: int
    address: bytes


@attrs.frozen(slots=True)
class AddressRegistration:
    """(Extended) address registration option, type 33 (RFC 6775 4.1, RFC 8505 4.1).

    ``owner`` is the EUI-64 or ROVR (8 octets or more), ``lifetime_min`` in minutes; ``opaque``, ``flags`` and ``tid``
    are the fields that RFC 8505 made of reserved ones, zero in the older form.
    """

    TYPE: ClassVar[int] = 33
    owner: bytes
    lifetime_min: int
    status: int = 0
    opaque: int = 0
    flags: int = 0
    tid: int = 0


@attrs.frozen(slots=True)
class PrefixInformation:
    """Prefix information, type 3 (RFC 4861, 4.6.2): ``flags`` 0x80 L, 0x40 A; lifetimes in seconds."""

    TYPE: ClassVar[int] = 3
    prefix: bytes
    prefix_length: int = 64
    flags: int = 0x40
    valid_s: int = 0xFFFFFFFF
    preferred_s: int = 0xFFFFFFFF


@attrs.frozen(slots=True)
class Mtu:
    """MTU, type 5, octets (RFC 4861, 4.6.4)."""

    TYPE: ClassVar[int] = 5
    mtu: int


@attrs.frozen(slots=True)
class Context:
    """6LoWPAN context, type 34 (RFC 6775, 4.2): ``identifier`` 0-15, ``prefix`` 8 or 16 octets, minutes."""

    TYPE: ClassVar[int] = 34
    identifier: int
    prefix: bytes
    prefix_length: int = 64
    compress: bool = True
    lifetime_min: int = 0xFFFF


@attrs.frozen(slots=True)
class RedirectedHeader:
    """Redirected header, type 4 (RFC 4861, 4.6.3): the redirected packet from its start, zeros to a multiple of 8."""

    TYPE: ClassVar[int] = 4
    packet: bytes


@attrs.frozen(slots=True)
class Nonce:
    """Nonce, type 14 (RFC 3971, 5.3.2): 6 octets or more."""

    TYPE: ClassVar[int] = 14
    nonce: bytes


@attrs.frozen(slots=True)
class RouteInformation:
    """Route information, type 24 (RFC 4191, 2.3): ``prefix`` 0, 8 or 16 octets; ``preference`` -1, 0, 1; seconds."""

    TYPE: ClassVar[int] = 24
    prefix: bytes
    prefix_length: int
    preference: int = 0
    lifetime_s: int = 0xFFFFFFFF


@attrs.frozen(slots=True)
class DnsServers:
    """Recursive DNS servers, type 25 (RFC 8106, 5.1): addresses of 16 octets; lifetime in seconds."""

    TYPE: ClassVar[int] = 25
    addresses: tuple[bytes, ...]
    lifetime_s: int = 0xFFFFFFFF


@attrs.frozen(slots=True)
class BorderRouter:
    """Authoritative border router, type 35 (RFC 6775, 4.3): ``version`` 32 bits, minutes, the router's address."""

    TYPE: ClassVar[int] = 35
    version: int
    address: bytes
    lifetime_min: int = 10_000


@attrs.frozen(slots=True)
class Capabilities:
    """6LoWPAN capability indication (6CIO), type 36 (RFC 7400, 3.3; RFC 8505, 4.3): 48 bits.

    The last of the first 16 bits is G (generic header compression); of the next octet, 0x80 is D (EDAR), 0x40 L (6LR),
    0x20 B (6LBR), 0x10 P (routing registrar), 0x08 E (EARO).
    """

    TYPE: ClassVar[int] = 36
    bits: int

    @property
    def generic_compression(self) -> bool:
        """G: it understands GHC."""
        return bool(self.bits >> 32 & 1)

    @property
    def extended_registration(self) -> bool:
        """E: it understands the EARO of RFC 8505."""
        return bool(self.bits >> 24 & 0x08)


@attrs.frozen(slots=True)
class RawOption:
    """Another option; ``data`` is all after type and length, a multiple of 8 less 2 octets long."""

    type: int
    data: bytes


Option: TypeAlias = (
    LinkLayerAddress
    | AddressRegistration
    | PrefixInformation
    | RedirectedHeader
    | Mtu
    | Nonce
    | RouteInformation
    | DnsServers
    | Context
    | BorderRouter
    | Capabilities
    | RawOption
)
_PREFERENCES: Final = {0: 0, 1: 1, 3: -1}


def parse_options(data: bytes) -> tuple[Option, ...]:
    """Options in order; raises :class:`Malformed`, on a length of zero too (RFC 4861, 4.6)."""
    reader = Reader(data, "ND option")
    options: list[Option] = []
    while reader.left:
        kind, units = reader.u8(), reader.u8()
        if units == 0:
            raise Malformed("ND option: length 0")
        content = reader.take(units * 8 - 2)
        parsed = _parse_option(kind, content)
        # What does not fit its record to the octet (padding, reserved bits) is kept as it is.
        options.append(parsed if build_option(parsed)[2:] == content else RawOption(kind, content))
    return tuple(options)


def _parse_option(kind: int, content: bytes) -> Option:
    reader = Reader(content, "ND option")
    if kind in (LinkLayerAddress.SOURCE, LinkLayerAddress.TARGET):
        return LinkLayerAddress(kind, _link_address(content))
    if kind == AddressRegistration.TYPE and len(content) >= 14:
        status, opaque, flags, tid, lifetime = reader.u8(), reader.u8(), reader.u8(), reader.u8(), reader.u16()
        return AddressRegistration(reader.rest(), lifetime, status, opaque, flags, tid)
    if kind == PrefixInformation.TYPE and len(content) == 30:
        length, flags, valid, preferred = reader.u8(), reader.u8(), reader.u32(), reader.u32()
        reader.u32()
        return PrefixInformation(reader.rest(), length, flags, valid, preferred)
    if kind == Mtu.TYPE and len(content) == 6:
        reader.u16()
        return Mtu(reader.u32())
    if kind == Context.TYPE and len(content) in (14, 22):
        length, bits = reader.u8(), reader.u8()
        reader.u16()
        lifetime = reader.u16()
        return Context(bits & 0x0F, reader.rest(), length, bool(bits & 0x10), lifetime)
    if kind in _PARSERS:
        return _PARSERS[kind](reader)
    return RawOption(kind, content)


def _redirected(reader: Reader) -> Option:
    reader.take(6)
    return RedirectedHeader(reader.rest())


def _route(reader: Reader) -> Option:
    length, bits, lifetime = reader.u8(), reader.u8(), reader.u32()
    return RouteInformation(reader.rest(), length, _PREFERENCES.get(bits >> 3 & 3, 0), lifetime)


def _dns(reader: Reader) -> Option:
    reader.u16()
    lifetime = reader.u32()
    return DnsServers(tuple(reader.take(16) for _ in range(reader.left // 16)), lifetime)


def _border_router(reader: Reader) -> Option:
    low, high, lifetime = reader.u16(), reader.u16(), reader.u16()
    return BorderRouter(high << 16 | low, reader.rest(), lifetime)


_PARSERS: Final[dict[int, Callable[[Reader], Option]]] = {
    RedirectedHeader.TYPE: _redirected,
    Nonce.TYPE: lambda reader: Nonce(reader.rest()),
    RouteInformation.TYPE: _route,
    DnsServers.TYPE: _dns,
    BorderRouter.TYPE: _border_router,
    Capabilities.TYPE: lambda reader: Capabilities(reader.uint(6)),
}


def _link_address(content: bytes) -> bytes:
    """The address at the start of a padded option: one unit holds 6 or 2 octets, two units an EUI-64 (RFC 4944, 8)."""
    if len(content) == 6:
        return content if any(content[2:]) else content[:2]
    return content[:8]


def build_option(option: Option) -> bytes:
    """The octets of one option, padded to units of 8."""
    content = _content(option)
    units = (len(content) + 9) // 8
    kind = option.type if isinstance(option, (LinkLayerAddress, RawOption)) else option.TYPE
    return bytes((kind, units)) + content.ljust(units * 8 - 2, b"\0")


def _content(option: Option) -> bytes:
    match option:
        case LinkLayerAddress(address=address):
            return address
        case AddressRegistration():
            head = bytes((option.status, option.opaque, option.flags, option.tid))
            return head + option.lifetime_min.to_bytes(2, "big") + option.owner
        case PrefixInformation():
            head = bytes((option.prefix_length, option.flags)) + option.valid_s.to_bytes(4, "big")
            return head + option.preferred_s.to_bytes(4, "big") + bytes(4) + option.prefix
        case Mtu(mtu=mtu):
            return bytes(2) + mtu.to_bytes(4, "big")
        case Context():
            head = bytes((option.prefix_length, option.compress << 4 | option.identifier, 0, 0))
            return head + option.lifetime_min.to_bytes(2, "big") + option.prefix
        case RedirectedHeader(packet=octets):
            return bytes(6) + octets
        case Nonce(nonce=octets) | RawOption(data=octets):
            return octets
        case RouteInformation():
            bits = (option.preference & 3) << 3
            return bytes((option.prefix_length, bits)) + option.lifetime_s.to_bytes(4, "big") + option.prefix
        case DnsServers():
            return bytes(2) + option.lifetime_s.to_bytes(4, "big") + b"".join(option.addresses)
        case BorderRouter(version=version):
            halves = (version & 0xFFFF).to_bytes(2, "big") + (version >> 16).to_bytes(2, "big")
            return halves + option.lifetime_min.to_bytes(2, "big") + option.address
        case Capabilities(bits=bits):
            return bits.to_bytes(6, "big")


def build_options(options: Iterable[Option]) -> bytes:
    """The octets of ``options`` in order."""
    return b"".join(map(build_option, options))


@attrs.frozen(slots=True)
class RouterSolicitation:
    """RFC 4861, 4.1."""

    TYPE: ClassVar[int] = 133
    options: tuple[Option, ...] = ()

    def encode(self) -> bytes:
        """The octets after the ICMPv6 checksum."""
        return bytes(4) + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> RouterSolicitation:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "router solicitation")
        reader.take(4)
        return cls(parse_options(reader.rest()))


@attrs.frozen(slots=True)
class RouterAdvertisement:
    """RFC 4861, 4.2; ``flags`` 0x80 M, 0x40 O; router lifetime in s, the two timers in ms."""

    TYPE: ClassVar[int] = 134
    hop_limit: int = 64
    flags: int = 0
    lifetime_s: int = 0
    reachable_ms: int = 0
    retransmit_ms: int = 0
    options: tuple[Option, ...] = ()

    def encode(self) -> bytes:
        """The octets after the ICMPv6 checksum."""
        head = bytes((self.hop_limit, self.flags)) + self.lifetime_s.to_bytes(2, "big")
        timers = self.reachable_ms.to_bytes(4, "big") + self.retransmit_ms.to_bytes(4, "big")
        return head + timers + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> RouterAdvertisement:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "router advertisement")
        fields = (reader.u8(), reader.u8(), reader.u16(), reader.u32(), reader.u32())
        return cls(*fields, parse_options(reader.rest()))


@attrs.frozen(slots=True)
class NeighborSolicitation:
    """RFC 4861, 4.3; ``target`` is a 16-octet address."""

    TYPE: ClassVar[int] = 135
    target: bytes
    options: tuple[Option, ...] = ()

    def encode(self) -> bytes:
        """The octets after the ICMPv6 checksum."""
        return bytes(4) + self.target + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> NeighborSolicitation:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "neighbour solicitation")
        reader.take(4)
        target = reader.take(16)
        return cls(target, parse_options(reader.rest()))


@attrs.frozen(slots=True)
class NeighborAdvertisement:
    """RFC 4861, 4.4; ``flags`` is the first octet: 0x80 router, 0x40 solicited, 0x20 override."""

    TYPE: ClassVar[int] = 136
    target: bytes
    flags: int = 0x40
    options: tuple[Option, ...] = ()

    def encode(self) -> bytes:
        """The octets after the ICMPv6 checksum."""
        return bytes((self.flags, 0, 0, 0)) + self.target + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> NeighborAdvertisement:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "neighbour advertisement")
        flags = reader.u8()
        reader.take(3)
        target = reader.take(16)
        return cls(target, flags, parse_options(reader.rest()))


@attrs.frozen(slots=True)
class Redirect:
    """RFC 4861, 4.5: for ``destination``, ``target`` is the better next hop."""

    TYPE: ClassVar[int] = 137
    target: bytes
    destination: bytes
    options: tuple[Option, ...] = ()

    def encode(self) -> bytes:
        """The octets after the ICMPv6 checksum."""
        return bytes(4) + self.target + self.destination + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> Redirect:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "redirect")
        reader.take(4)
        target, destination = reader.take(16), reader.take(16)
        return cls(target, destination, parse_options(reader.rest()))


Message: TypeAlias = RouterSolicitation | RouterAdvertisement | NeighborSolicitation | NeighborAdvertisement | Redirect

MESSAGES: Final[dict[int, Callable[[bytes], Message]]] = {
    RouterSolicitation.TYPE: RouterSolicitation.decode,
    RouterAdvertisement.TYPE: RouterAdvertisement.decode,
    NeighborSolicitation.TYPE: NeighborSolicitation.decode,
    NeighborAdvertisement.TYPE: NeighborAdvertisement.decode,
    Redirect.TYPE: Redirect.decode,
}
"""Decoders by ICMPv6 type."""
