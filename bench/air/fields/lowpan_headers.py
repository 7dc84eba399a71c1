"""6LoWPAN as it stands on the air, header by header: what the field tables of `lowpan` show.

The decoder proper (`bench.air.lowpan`) gives what the octets mean; this module reads once more how they say it, for
people and filters. It stops where it does not know a header, and never beyond a compressed one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.ip.packet import HEADER_OCTETS, chain, parse_readable
from bench.air.lowpan import ghc, hc1, recoverable, sixlorh
from bench.air.lowpan.datagram import Datagram, Fragment, Mesh
from bench.air.octets import Reader


@frozen
class Lowpan:
    """A frame's 6LoWPAN payload: octets as sent, and what they decompress to (empty where that is not known)."""

    octets: bytes
    plain: bytes = b""
    piece: object = None


@frozen
class Dispatch:
    """A dispatch without content of its own to show: the ``pattern`` and what it is called."""

    pattern: int
    name: str
    seqnum: int | None = None


@frozen
class Part:
    """A fragment header; ``offset`` is in octets and None in the first."""

    pattern: int
    size: int
    tag: int
    offset: int | None


@frozen
class Iphc:
    """An IPHC base header: its bits, what is inline, and the addresses it stands for."""

    word: int
    contexts: int | None
    ecn: int | None
    dscp: int | None
    flow: int | None
    following: int | None
    hop_limit: int | None
    src: bytes | None
    dst: bytes | None


@frozen
class NhcExtension:
    """A compressed extension header; ``following`` and ``length`` are None where they are left out, the length in
    generic compression (``pattern`` 0xb) always; ``octets`` is its length in IPv6."""

    eid: int
    compressed: bool
    following: int | None
    length: int | None
    octets: int = 8
    pattern: int = 0b1110


@frozen
class NhcUdp:
    """A compressed UDP header; ``pattern`` 0x1a: its payload is compressed too."""

    form: int
    src_port: int
    dst_port: int
    checksum: int | None
    pattern: int = 0b11110


@frozen
class NhcIcmpv6:
    """A compressed ICMPv6 message."""

    pattern: int


@frozen
class OldHeader:
    """A header in HC1, and the addresses that it stands for."""

    said: hc1.Hc1
    src: bytes | None
    dst: bytes | None


@frozen
class Whole:
    """A datagram put together of fragments."""

    length: int


def headers(payload: Lowpan) -> Iterator[object]:
    """The headers at the start of a 6LoWPAN payload. Raises `Malformed` after the last that is whole, or what is wrong
    with a fragment, of which no packet says so."""
    yield from _headers(payload)
    piece = payload.piece
    if isinstance(piece, Fragment) and (piece.trouble or piece.unknown):
        raise Malformed(piece.trouble or next(iter(piece.unknown.values())))


def _headers(payload: Lowpan) -> Iterator[object]:
    if recoverable.is_one(payload.octets):
        yield from _recoverable(payload)
        return
    reader = Reader(payload.octets, "6LoWPAN")
    head = reader.u8()
    if head >> 6 == 0b10:
        mesh, head = _mesh(head, reader)
        yield mesh
    if head == 0x50:
        yield Dispatch(0x50, "broadcast", reader.u8())
        head = reader.u8()
    if head >> 3 in (0b11000, 0b11100):
        size, tag = (head & 7) << 8 | reader.u8(), reader.u16()
        later = head >> 3 == 0b11100
        yield Part(head >> 3, size, tag, reader.peek() * 8 if later and reader.left else None)
        if later:
            reader.u8()
            return
        head = reader.u8()
    if head == sixlorh.PAGE_1:
        yield from sixlorh.each(reader)
        head = reader.u8()
    if head >> 5 == 0b011:
        yield from _iphc(head, reader, _compressed(payload), 0)
    elif head == 0x41:
        yield Dispatch(0x41, "uncompressed IPv6")
    elif head == hc1.DISPATCH:
        said, _octets, trouble = hc1.parse_readable(reader.rest())
        src, dst = _addresses(payload.plain, 0)
        yield OldHeader(said, src, None if said.dst is None else dst)
        if trouble is not None:
            raise trouble


def _compressed(payload: Lowpan) -> bytes:
    """The packet that the compressed header stands for, as far as known: without what 6LoRHs before it stand for."""
    piece = payload.piece
    if not isinstance(piece, Datagram) or not piece.restored:
        return payload.plain
    tunnels = sum(isinstance(header, sixlorh.IpInIp) for header in piece.routing)
    packet = next(islice(chain(parse_readable(payload.plain)), tunnels, None), None)
    return b"" if packet is None else bytes(8) + packet.src + packet.final_dst


def _recoverable(payload: Lowpan) -> Iterator[object]:
    """A recoverable fragment, and the datagram that it completes."""
    yield recoverable.parse_readable(payload.octets)
    piece = payload.piece
    if isinstance(piece, recoverable.Fragment) and piece.whole:
        yield Whole(len(piece.whole))
        yield from headers(Lowpan(piece.whole, payload.plain))
    if isinstance(piece, recoverable.Fragment | recoverable.Acknowledgement) and piece.trouble:
        raise Malformed(piece.trouble)


def _mesh(head: int, reader: Reader) -> tuple[Mesh, int]:
    hops = head & 0x0F
    hops = reader.u8() if hops == 0x0F else hops
    originator = reader.take(2 if head & 0x20 else 8)
    return Mesh(hops, originator, reader.take(2 if head & 0x10 else 8)), reader.u8()


def _iphc(first: int, reader: Reader, plain: bytes, at: int) -> Iterator[object]:
    """One IPHC header and the NHC headers behind it; its IPv6 header stands at octet ``at`` of ``plain``."""
    word = first << 8 | reader.u8()
    contexts = ecn = dscp = flow = following = hop_limit = None
    src = dst = None
    try:
        contexts = reader.u8() if word & 0x80 else None
        ecn, dscp, flow = _traffic(word >> 11 & 3, reader)
        following = None if word & 0x0400 else reader.u8()
        hop_limit = None if word >> 8 & 3 else reader.u8()
        reader.take(_source_octets(word))
        src, found = _addresses(plain, at)
        _destination(word, reader)
        dst = found
    except Malformed:
        yield Iphc(word, contexts, ecn, dscp, flow, following, hop_limit, src, dst)
        raise
    yield Iphc(word, contexts, ecn, dscp, flow, following, hop_limit, src, dst)
    if following is None:
        yield from _nhc(reader, plain, at + HEADER_OCTETS)


def _traffic(form: int, reader: Reader) -> tuple[int | None, int | None, int | None]:
    if form == 3:
        return None, None, None
    first = reader.u8()
    if form == 2:
        return first >> 6, first & 0x3F, None
    if form == 1:
        return first >> 6, None, (first & 0x0F) << 16 | reader.u16()
    return first >> 6, first & 0x3F, reader.uint(3) & 0xFFFFF


def _source_octets(word: int) -> int:
    mode = word >> 4 & 3
    return 0 if word & 0x40 and mode == 0 else (16, 8, 2, 0)[mode]


def _destination(word: int, reader: Reader) -> None:
    """Pass over the octets of the destination. Raises `Malformed` for a reserved mode, too."""
    mode, stateful = word & 3, bool(word & 0x04)
    if not word & 0x08:
        if stateful and not mode:
            raise Malformed("IPHC: reserved destination address mode")
        reader.take((16, 8, 2, 0)[mode])
    elif stateful:
        if mode:
            raise Malformed("IPHC: reserved multicast address mode")
        reader.take(6)
    else:
        reader.take((16, 6, 4, 1)[mode])


def _addresses(plain: bytes, at: int) -> tuple[bytes | None, bytes | None]:
    """Source and destination of the IPv6 header at octet ``at``, None where there is none."""
    known = len(plain) >= at + HEADER_OCTETS
    return (plain[at + 8 : at + 24], plain[at + 24 : at + 40]) if known else (None, None)


def _nhc(reader: Reader, plain: bytes, at: int) -> Iterator[object]:
    more = True
    while more:
        nhc = reader.u8()
        more = False
        if nhc >> 3 in (0b11110, 0b11010):
            yield _udp(nhc, reader)
        elif nhc == 0b11011111:
            yield NhcIcmpv6(nhc)
        elif nhc >> 4 in (0b1110, 0b1011):
            header = _extension(nhc, reader)
            yield header
            if header.eid == 7:
                inner = reader.u8()
                if inner >> 5 != 0b011:
                    raise Malformed(f"NHC: dispatch {inner:#04x} of a packet within")
                yield from _iphc(inner, reader, plain, at)
            else:
                at += header.octets
                more = header.compressed
        else:
            raise Malformed(f"NHC: unknown header {nhc:#04x}")


def _extension(nhc: int, reader: Reader) -> NhcExtension:
    eid, compressed = nhc >> 1 & 7, bool(nhc & 1)
    if nhc >> 4 == 0b1011:
        following = None if compressed else reader.u8()
        made = ghc.expand(reader, ghc.dictionary(bytes(16), bytes(16)))  # its length is that of any other dictionary
        return NhcExtension(eid, compressed, following, None, (len(made) + 9) // 8 * 8, 0b1011)
    if eid == 7:
        return NhcExtension(eid, compressed, None, None)
    following = None if compressed else reader.u8()
    if eid == 2:
        reader.take(7)
        return NhcExtension(eid, compressed, following, None)
    length = reader.u8()
    reader.take(length)
    return NhcExtension(eid, compressed, following, length, (length + 9) // 8 * 8)


def _udp(nhc: int, reader: Reader) -> NhcUdp:
    form = nhc & 3
    if form == 3:
        ports = reader.u8()
        src_port, dst_port = 0xF0B0 | ports >> 4, 0xF0B0 | ports & 0x0F
    else:
        src_port = 0xF000 | reader.u8() if form == 2 else reader.u16()
        dst_port = 0xF000 | reader.u8() if form == 1 else reader.u16()
    return NhcUdp(nhc & 7, src_port, dst_port, None if nhc & 4 else reader.u16(), nhc >> 3)


def of_piece(octets: bytes, piece: object, datagram: bytes = b"") -> Lowpan:
    """The view of a payload and what the decoder made of it: the piece, and the ``datagram`` that it completes."""
    if isinstance(piece, Fragment):
        return Lowpan(octets, piece.data if piece.offset == 0 else b"", piece)
    return Lowpan(octets, getattr(piece, "packet", datagram), piece)
