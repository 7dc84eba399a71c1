"""6LoWPAN routing headers (RFC 8138) in page 1 of the paging dispatch (RFC 8025), both directions.

They stand before the compressed IPv6 header and hold what RPL puts into packets: packet information (RPI-6LoRH), a
source route (SRH-6LoRH) and a tunnel's outer header (IP-in-IP-6LoRH). Headers before an IP-in-IP one belong to the
tunnel, those after it, or all where there is none, to the packet.

What each stands for in plain IPv6: :func:`rpi_header` gives the hop-by-hop header of an RPI-6LoRH. Addresses of source
routes and tunnels are cut down against that of the DODAG's root, which the frame does not hold (section 4.3);
:func:`expand` fills them in, and :mod:`bench.air.lowpan.sixlorh_packet` makes the plain packet, for whoever knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final, TypeAlias

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.ip import extensions
from bench.air.octets import Reader, counted

PAGE_1: Final = 0xF1
_CRITICAL: Final = 0b100
_ELECTIVE: Final = 0b101
_HOP_OCTETS: Final = (1, 2, 4, 8, 16)


@frozen
class SourceRoute:
    """SRH-6LoRH, section 5.1: the addresses of the hops still to come, each cut to its last 1, 2, 4, 8 or 16 octets."""

    LAYER: ClassVar[str] = "srh-6lorh"
    hops: tuple[bytes, ...]


@frozen
class PacketInformation:
    """RPI-6LoRH, section 6. ``flags`` as in the RPL option: 0x80 O, 0x40 R, 0x20 F.

    ``sender_rank`` has 16 bits. On the wire the instance is left out where it is 0, and the lower octet of the rank
    where that is 0; ``full`` notes for each of the two that it was sent although it could be left out.
    """

    TYPE: ClassVar[int] = 5
    LAYER: ClassVar[str] = "rpi-6lorh"
    instance: int
    sender_rank: int
    flags: int = 0
    full: tuple[bool, bool] = (False, False)


@frozen
class IpInIp:
    """IP-in-IP-6LoRH, section 7: the outer hop limit, and the encapsulator's address cut to its last octets.

    No octets (the usual case) mean the root of the DODAG.
    """

    TYPE: ClassVar[int] = 6
    LAYER: ClassVar[str] = "ipip-6lorh"
    hop_limit: int
    encapsulator: bytes = b""


@frozen
class Elective:
    """Another elective header, e.g. type 7, a deadline (RFC 9034): a node that does not know it skips it."""

    LAYER: ClassVar[str] = "6lorh"
    type: int
    data: bytes


Header: TypeAlias = SourceRoute | PacketInformation | IpInIp | Elective


def is_header(octet: int) -> bool:
    """The octet begins a 6LoRH in page 1 (in page 0 the same bits are a mesh header's)."""
    return octet >> 5 in (_CRITICAL, _ELECTIVE)


def parse(reader: Reader) -> tuple[Header, ...]:
    """The headers at the front of a page-1 payload; what follows them is left in ``reader``. Raises `Malformed`."""
    return tuple(each(reader))


def each(reader: Reader) -> Iterator[Header]:
    """The same one by one. Raises `Malformed` behind the last that can be read.

    A critical header of an unknown type is `Malformed`: nobody knows its length (section 4.1 has it dropped).
    """
    while reader.left and is_header(reader.peek()):
        first, kind = reader.u8(), reader.u8()
        low = first & 0x1F
        if first >> 5 == _ELECTIVE:
            yield _elective(kind, reader.take(low))
        elif kind < len(_HOP_OCTETS):
            yield SourceRoute(tuple(reader.take(_HOP_OCTETS[kind]) for _ in range(low + 1)))
        elif kind == PacketInformation.TYPE:
            yield _packet_information(low, reader)
        else:
            raise Malformed(f"6LoRH: critical header of unknown type {kind}")


def _elective(kind: int, data: bytes) -> Header:
    if kind != IpInIp.TYPE:
        return Elective(kind, data)
    if not 1 <= len(data) <= 17:
        raise Malformed(f"IP-in-IP-6LoRH: {counted(len(data))}")
    return IpInIp(data[0], data[1:])


def _packet_information(bits: int, reader: Reader) -> PacketInformation:
    elided, short = bool(bits & 2), bool(bits & 1)
    instance = 0 if elided else reader.u8()
    rank = reader.u8() << 8 if short else reader.u16()
    full = (not elided and instance == 0, not short and not rank & 0xFF)
    return PacketInformation(instance, rank, bits << 3 & 0xE0, full)


def build(headers: Iterable[Header]) -> bytes:
    """The octets of headers in order, without the page switch. Raises ValueError for one that cannot be."""
    return b"".join(map(_build, headers))


def _build(header: Header) -> bytes:
    match header:
        case SourceRoute(hops=hops):
            octets = len(hops[0]) if hops else 0
            if octets not in _HOP_OCTETS or len(hops) > 32 or any(len(hop) != octets for hop in hops):
                raise ValueError("an SRH-6LoRH holds 1 to 32 addresses of one length: 1, 2, 4, 8 or 16 octets")
            return bytes((_CRITICAL << 5 | len(hops) - 1, _HOP_OCTETS.index(octets))) + b"".join(hops)
        case PacketInformation():
            elided = header.instance == 0 and not header.full[0]
            short = not header.sender_rank & 0xFF and not header.full[1]
            first = _CRITICAL << 5 | header.flags >> 3 | elided << 1 | short
            instance = b"" if elided else bytes((header.instance,))
            rank = header.sender_rank.to_bytes(2, "big")
            return bytes((first, header.TYPE)) + instance + (rank[:1] if short else rank)
        case IpInIp():
            kind, data = header.TYPE, bytes((header.hop_limit,)) + header.encapsulator
        case Elective(type=kind, data=data):
            pass
    if len(data) > 0x1F:
        raise ValueError(f"an elective 6LoRH holds 31 octets at most, not {len(data)}")
    return bytes((_ELECTIVE << 5 | len(data), kind)) + data


def of_packet(headers: Iterable[Header]) -> tuple[Header, ...]:
    """Those headers that belong to the packet itself: what follows an IP-in-IP header, all where there is none."""
    found = tuple(headers)
    tunnels = [at for at, header in enumerate(found) if isinstance(header, IpInIp)]
    return found[tunnels[-1] + 1 :] if tunnels else found


def needs_root(header: Header) -> bool:
    """The header says something of which a part is cut against the address of the DODAG's root."""
    return isinstance(header, SourceRoute | IpInIp)


def rpi_header(headers: Iterable[Header]) -> extensions.HopByHop | None:
    """The hop-by-hop header that the packet's own RPI-6LoRH stands for (option type 0x63), None without one."""
    for header in of_packet(headers):
        if isinstance(header, PacketInformation):
            return extensions.HopByHop((extensions.Rpi(header.instance, header.sender_rank, header.flags),))
    return None


def expand(route: Iterable[SourceRoute], root: bytes) -> tuple[bytes, ...]:
    """Whole addresses (16 octets) of source routes in a row: each takes what it lacks from the one before it, the
    first from ``root`` (section 4.3.1)."""
    last, found = root, []
    for hop in (hop for header in route for hop in header.hops):
        last = last[: 16 - len(hop)] + hop
        found.append(last)
    return tuple(found)


def describe(header: Header) -> str:
    """A few words: ``RPI-6LoRH instance=0 rank=512 down``, ``SRH-6LoRH 2 hops of 2 octets``."""
    match header:
        case SourceRoute(hops=hops):
            return f"SRH-6LoRH {counted(len(hops), 'hop')} of {counted(len(hops[0]))}"
        case PacketInformation():
            way = " down" if header.flags & 0x80 else ""
            return f"RPI-6LoRH instance={header.instance} rank={header.sender_rank}{way}"
        case IpInIp():
            return f"IP-in-IP-6LoRH hop limit={header.hop_limit} from {header.encapsulator.hex() or 'the root'}"
        case Elective():
            return f"6LoRH type {header.type}, {counted(len(header.data))}"
