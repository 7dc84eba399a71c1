"""IPv6 extension headers and the options that routing in the mesh needs: RPI, MPL and the RPL source route.

Sources: RFC 8200 (headers), RFC 6553 and RFC 9008 (RPL option, types 0x63 and 0x23), RFC 7731 (MPL option 0x6D),
RFC 6554 (routing header type 3). A record's ``encode`` gives the header after its next-header octet. Padding at the end
of an options header is not part of the record where it is what building would add again; other padding is kept, so
that building what was parsed gives the same octets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, TypeAlias

from bench.air.broken import Broken
from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted

RPI_TYPES: Final = (0x63, 0x23)
ROUTING_FIELDS_OCTETS: Final = 4
"""Next header, length, and what any routing header begins with: type, segments left."""


@frozen
class Rpi:
    """RPL packet information: travels in data packets to find loops and name the instance.

    ``flags``: 0x80 O (down), 0x40 R (rank error), 0x20 F (forwarding error); ``sender_rank`` in units of
    min_hop_rank_increase, rounded down (RFC 6550, 11.2).
    """

    instance: int
    sender_rank: int
    flags: int = 0
    type: int = 0x63
    data: bytes = b""

    @property
    def down(self) -> bool:
        """The packet is expected to travel away from the root."""
        return bool(self.flags & 0x80)


@frozen
class Mpl:
    """MPL option (RFC 7731, 6.1): ``seed_id`` of 0 (the IPv6 source is the seed), 2, 8 or 16 octets.

    ``maximum`` is M: the sequence is the largest of this seed known to the sender; ``data`` is what follows.
    """

    TYPE: ClassVar[int] = 0x6D
    sequence: int
    seed_id: bytes = b""
    maximum: bool = False
    reserved: int = 0
    data: bytes = b""


@frozen
class Pad:
    """Pad1 (``length`` 1) or PadN of zeros; ``length`` counts all its octets."""

    length: int


@frozen
class RawOption:
    """Any other option."""

    type: int
    data: bytes


HeaderOption: TypeAlias = Rpi | Mpl | Pad | RawOption | Broken

_SEED_OCTETS: Final = (0, 2, 8, 16)


@frozen
class HopByHop:
    """Hop-by-hop options header."""

    PROTOCOL: ClassVar[int] = 0
    options: tuple[HeaderOption, ...] = ()


@frozen
class DestinationOptions:
    """Destination options header."""

    PROTOCOL: ClassVar[int] = 60
    options: tuple[HeaderOption, ...] = ()


@frozen
class SourceRoute:
    """RPL source route (routing header type 3, RFC 6554): ``addresses`` expanded to 16 octets each.

    On the wire the first ``compressed_i`` octets of each address but the last, and ``compressed_e`` octets of the last,
    are left out because they equal those of the IPv6 destination. ``segments_left`` counts what is still to be visited;
    a header without addresses is sent by Contiki-NG to direct children.
    """

    PROTOCOL: ClassVar[int] = 43
    TYPE: ClassVar[int] = 3
    segments_left: int
    addresses: tuple[bytes, ...]
    compressed_i: int = 0
    compressed_e: int = 0

    @property
    def final(self) -> bytes | None:
        """The address of the last hop, which is the packet's true destination; None once it has been reached."""
        return self.addresses[-1] if self.segments_left else None


@frozen
class RoutingHeader:
    """A routing header of another type; ``data`` is all after the segments-left octet."""

    PROTOCOL: ClassVar[int] = 43
    type: int
    segments_left: int
    data: bytes


@frozen
class FragmentHeader:
    """IPv6 fragment header: ``offset`` in octets, a multiple of 8."""

    PROTOCOL: ClassVar[int] = 44
    identification: int
    offset: int = 0
    more: bool = False


ExtensionHeader: TypeAlias = HopByHop | DestinationOptions | SourceRoute | RoutingHeader | FragmentHeader
PROTOCOLS: Final = frozenset((0, 43, 44, 60))
"""Next-header values that name an extension header decoded here."""


def source_route(hops: Sequence[bytes]) -> tuple[bytes, SourceRoute]:
    """The IPv6 destination and the header for a packet over ``hops`` (16-octet addresses, first hop first, at least 2).

    Only what *all* hops share is elided: each takes its turn as the destination that the others are restored from
    (RFC 6554, 4.2), so an elision measured on the first hop alone would give wrong addresses at a later one.
    """
    first, rest = hops[0], tuple(hops[1:])
    if not rest:
        raise ValueError("a source route needs a hop beyond the destination")
    common = next((n for n in range(15) if len({hop[n] for hop in hops}) > 1), 15)
    return first, SourceRoute(len(rest), rest, common, common)


def parse_options(data: bytes) -> tuple[HeaderOption, ...]:
    """The options in ``data``, the content of an options header. One that cannot be read is `Broken`; where its length
    leads astray, so is the rest."""
    options: list[HeaderOption] = []
    at = last_at = 0
    while at < len(data):
        last_at = at
        kind = data[at]
        end = at + 1 if kind == 0 else at + 2 + data[at + 1] if at + 1 < len(data) else len(data) + 1
        if end > len(data):
            wanted = f"{counted(data[at + 1])} wanted" if at + 1 < len(data) else "no length"
            options.append(Broken(data[at:], f"IPv6 option {kind:#04x}: {wanted}, {max(len(data) - at - 2, 0)} left"))
            break
        try:
            options.append(Pad(1) if kind == 0 else _parse_option(kind, data[at + 2 : end]))
        except Malformed as error:
            options.append(Broken(data[at:end], str(error)))
        at = end
    if options and options[-1] == Pad(-(last_at + 2) % 8):
        options.pop()
    return tuple(options)


def _parse_option(kind: int, data: bytes) -> HeaderOption:
    if kind == 1 and not any(data):
        return Pad(2 + len(data))
    reader = Reader(data, f"IPv6 option {kind:#04x}")
    if kind in RPI_TYPES:
        flags, instance, rank = reader.u8(), reader.u8(), reader.u16()
        return Rpi(instance, rank, flags, kind, reader.rest())
    if kind == Mpl.TYPE:
        bits, sequence = reader.u8(), reader.u8()
        seed = reader.take(_SEED_OCTETS[bits >> 6])
        return Mpl(sequence, seed, bool(bits & 0x20), bits & 0x1F, reader.rest())
    return RawOption(kind, data)


def build_options(options: Sequence[HeaderOption]) -> bytes:
    """The content of an options header: the options and the padding that fills the header up to units of 8 octets."""
    content = b"".join(map(_build_option, options))
    return content + padding(-(len(content) + 2) % 8)


def padding(length: int) -> bytes:
    """Pad1 or PadN of ``length`` octets, nothing for 0."""
    return b"\0" * length if length < 2 else bytes((1, length - 2)) + bytes(length - 2)


def _build_option(option: HeaderOption) -> bytes:
    match option:
        case Pad(length=length):
            return padding(length)
        case Rpi():
            kind = option.type
            content = bytes((option.flags, option.instance)) + option.sender_rank.to_bytes(2, "big") + option.data
        case Mpl():
            kind = option.TYPE
            bits = _SEED_OCTETS.index(len(option.seed_id)) << 6 | option.maximum << 5 | option.reserved
            content = bytes((bits, option.sequence)) + option.seed_id + option.data
        case RawOption():
            kind, content = option.type, option.data
        case Broken(octets=octets):
            return octets
    return bytes((kind, len(content))) + content


def parse_routing(data: bytes, destination: bytes) -> SourceRoute | RoutingHeader:
    """The routing header whose octets after the length octet are ``data``; ``destination`` is the IPv6 header's."""
    reader = Reader(data, "routing header")
    kind, left = reader.u8(), reader.u8()
    if kind != SourceRoute.TYPE:
        return RoutingHeader(kind, left, reader.rest())
    sizes, pad, _reserved = reader.u8(), reader.u8(), reader.u16()
    inner, last = sizes >> 4, sizes & 0x0F
    if pad >> 4 > reader.left:
        raise Malformed(f"source route: {counted(pad >> 4)} of padding in {counted(reader.left)}")
    route = reader.part(reader.left - (pad >> 4))
    addresses = []
    while route.left > 16 - last:
        addresses.append(destination[:inner] + route.take(16 - inner))
    if route.left:
        addresses.append(destination[:last] + route.take(16 - last))
    if left > len(addresses):
        raise Malformed(f"source route: {counted(left, 'segment')} left of {len(addresses)}")
    return SourceRoute(left, tuple(addresses), inner, last)


def build_routing(header: SourceRoute | RoutingHeader) -> bytes:
    """The octets after the length octet."""
    if isinstance(header, RoutingHeader):
        return bytes((header.type, header.segments_left)) + header.data
    inner, last = header.compressed_i, header.compressed_e
    route = b"".join(address[inner:] for address in header.addresses[:-1])
    route += b"".join(address[last:] for address in header.addresses[-1:])
    pad = -len(route) % 8
    sizes = bytes((header.TYPE, header.segments_left, inner << 4 | last, pad << 4, 0, 0))
    return sizes + route + bytes(pad)
