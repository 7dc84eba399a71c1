"""6LoWPAN: what the MAC payload of a data frame means as IPv6, and back (RFC 4944, RFC 6282).

:func:`decompress` gives the IPv6 packet's octets, exactly as they were before compression, or a :class:`Fragment` of it
in *uncompressed* octets, which is what fragment sizes and offsets count. :func:`compress` writes what Wi-SUN stacks
write: IPHC, UDP and extension headers by NHC, tunnelled packets by NHC too. Contexts map a context identifier (0-15) to
an IPv6 prefix of 64 bits, given as 8 or 16 octets, of which the first 8 count, and `contexts.ROOT` to an address.

A UDP checksum may be left out on the air; it is computed anew, for a fragmented datagram once that is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.ip import extensions
from bench.air.ip import packet as ipv6
from bench.air.lowpan import hc1, iphc, sixlorh, sixlorh_packet
from bench.air.lowpan.contexts import ROOT
from bench.air.lowpan.links import Elided, Gaps, Links, fill_checksums
from bench.air.octets import Reader, counted

IPV6_DISPATCH: Final = 0x41
_NOTHING: Final[Mapping[int, str]] = MappingProxyType({})
_BROADCAST: Final = b"\x50"
_FRAG1, _FRAGN = 0b11000, 0b11100
_FRAGMENTS: Final = (_FRAG1, _FRAGN)
_PAGE_0: Final = 0xF0
_RPI_OCTETS: Final = 8  # a hop-by-hop header with the RPL option
FRAG1_OCTETS: Final = 4
FRAGN_OCTETS: Final = 5


@frozen
class Mesh:
    """Mesh addressing header (RFC 4944, 5.2): link addresses of the two ends, 2 or 8 octets; hops still allowed."""

    hops_left: int
    originator: bytes
    final: bytes


@frozen
class Datagram:
    """A whole IPv6 packet; ``layers`` are the names of the headers met, outside in.

    ``routing`` are the 6LoRH headers before it. An RPI-6LoRH of the packet itself stands in ``packet`` as the
    hop-by-hop header that it is short for, source routes and tunnels where the contexts name the DODAG's root
    (``restored``). ``unknown`` are addresses that cannot be made up, by where they stand in it, and why; zeros stand in
    their place (`decompress_readable`). ``trouble``: why it is not read to its end, "" where it is; ``packet`` is then
    what stands before the damage, nothing where that is no IPv6 header, and its lengths count that.
    """

    packet: bytes
    layers: tuple[str, ...] = ()
    mesh: Mesh | None = None
    routing: tuple[sixlorh.Header, ...] = ()
    restored: bool = False
    unknown: Mapping[int, str] = _NOTHING
    trouble: str = ""


@frozen
class Fragment:
    """A piece of one: ``size`` octets in all, this piece from ``offset``, ``tag`` as the sender chose it.

    ``data`` is uncompressed. ``elided`` names UDP checksums that can be computed only when the datagram is whole.
    ``unknown`` and ``trouble`` as in `Datagram`: one with a trouble is no part of any datagram, and ``data`` tells no
    more than addresses.
    """

    size: int
    tag: int
    offset: int
    data: bytes
    layers: tuple[str, ...] = ()
    mesh: Mesh | None = None
    elided: tuple[Elided, ...] = ()
    routing: tuple[sixlorh.Header, ...] = ()
    unknown: Mapping[int, str] = _NOTHING
    trouble: str = ""


def decompress(
    payload: bytes, src: bytes | None, dst: bytes | None, contexts: Mapping[int, bytes] | None = None
) -> Datagram | Fragment:
    """The packet or fragment in a MAC payload.

    ``src`` and ``dst`` are the frame's link addresses (8 octets, 2 for a short one, None where absent), big endian; a
    mesh header replaces them. Raises :class:`bench.air.errors.Malformed`, also for a context that is not known.
    """
    return _decompress(payload, src, dst, contexts, 0, None)


def decompress_readable(
    payload: bytes, src: bytes | None, dst: bytes | None, contexts: Mapping[int, bytes] | None = None, missing: int = 0
) -> Datagram | Fragment:
    """As `decompress`, for people: a context that is not known costs the address that needs it and nothing else, damage
    what stands behind it (`Datagram.trouble`), and of a payload whose last octets (``missing``) the capture cut off,
    what is there is read. Checksums left out on the air are then not filled in. Raises `Malformed` where no header can
    be read."""
    return _decompress(payload, src, dst, contexts, missing, Gaps())


def _decompress(
    payload: bytes,
    src: bytes | None,
    dst: bytes | None,
    contexts: Mapping[int, bytes] | None,
    missing: int,
    gaps: Gaps | None,
) -> Datagram | Fragment:
    layers: list[str] = ["6lowpan"]
    mesh = None
    if payload and payload[0] >> 6 == 0b10:
        mesh, payload = _mesh(payload)
        layers.append("mesh")
        src, dst = mesh.originator, mesh.final
    links = Links.of_frame(src, dst, contexts, gaps)
    reader = Reader(payload, "6LoWPAN")
    try:
        if payload[:1] == _BROADCAST:
            Reader(payload, "6LoWPAN broadcast header").take(2)
            reader.take(2)
        head = reader.peek()
        if head >> 3 in _FRAGMENTS:
            found = _fragment(reader, links, layers, mesh)
            if gaps is None:
                return found
            return attrs.evolve(found, unknown=gaps.unknown or _NOTHING, trouble=gaps.trouble)
        rest, before = reader.rest(), len(layers)
        data, elided, routing, restored = _packet(rest, links, layers, None)
        if missing and not routing and not links.ended:
            # Once more, for length fields that count what the capture cut off, too.
            del layers[before:]
            data, elided, routing, restored = _packet(rest, links, layers, len(data) + missing)
    except Malformed as error:
        if mesh is None:
            raise
        links.ends(error)
        return Datagram(b"", tuple(layers), mesh, trouble=str(error))
    if gaps is None:
        return Datagram(fill_checksums(data, elided), tuple(layers), mesh, routing, restored)
    whole = data if missing or gaps.unknown or gaps.trouble else fill_checksums(data, elided)
    return Datagram(whole, tuple(layers), mesh, routing, restored, gaps.unknown or _NOTHING, gaps.trouble)


def _fragment(reader: Reader, links: Links, layers: list[str], mesh: Mesh | None) -> Fragment:
    """The fragment that begins in ``reader``; why it cannot be read to its end, or be one, is noted in ``links``."""
    head = reader.u8()
    size, tag = (head & 7) << 8 | reader.u8(), reader.u16()
    if head >> 3 == _FRAGN:
        offset = reader.u8() * 8
        layers.append("fragn")
        data = reader.rest()
        if not data or offset + len(data) > size:
            links.ends(Malformed(f"6LoWPAN FRAGN: {counted(len(data))} at {offset} of a datagram of {size}"))
        return Fragment(size, tag, offset, data, tuple(layers), mesh)
    layers.append("frag1")
    try:
        data, elided, routing, _ = _packet(reader.rest(), links, layers, size)
    except Malformed as error:
        links.ends(error)
        return Fragment(size, tag, 0, b"", tuple(layers), mesh)
    if len(data) > size:
        links.ends(Malformed(f"6LoWPAN FRAG1: {counted(len(data))} of a datagram of {size}"))
    return Fragment(size, tag, 0, data, tuple(layers), mesh, elided, routing)


_Found: TypeAlias = tuple[bytes, tuple[Elided, ...], tuple[sixlorh.Header, ...], bool]
"""IPv6 octets, checksums still missing, routing headers, and whether those are in the octets (`Datagram.restored`)."""


def _packet(payload: bytes, links: Links, layers: list[str], size: int | None) -> _Found:
    """The IPv6 octets behind an addressing dispatch; ``size`` is given where this is a first fragment."""
    reader = Reader(payload, "6LoWPAN")
    head = reader.u8()
    if head == IPV6_DISPATCH:
        layers.append("ipv6")
        return reader.rest(), (), (), False
    if head >> 5 == 0b011:
        return *iphc.decompress(payload, links, layers, size), (), False
    if head == hc1.DISPATCH:
        layers.append("hc1")
        return hc1.decompress(reader.rest(), links, size), (), (), False
    if head == _PAGE_0 and payload[1:2] < b"\xf0":
        return _packet(payload[1:], links, layers, size)
    if head == sixlorh.PAGE_1:
        return _routed(reader, links, layers, size)
    raise Malformed(f"6LoWPAN: {_dispatch_name(head)} (dispatch {head:#04x}) is not decoded")


def _routed(reader: Reader, links: Links, layers: list[str], size: int | None) -> _Found:
    """A packet behind routing headers (RFC 8138)."""
    routing: list[sixlorh.Header] = []
    try:
        for header in sixlorh.each(reader):
            routing.append(header)
            layers.append(header.LAYER)
        data, elided, restored = _behind(tuple(routing), reader.rest(), links, layers, size)
    except Malformed as error:
        if not routing:
            raise
        links.ends(error)
        return b"", (), tuple(routing), False
    return data, elided, tuple(routing), restored


def _behind(
    routing: tuple[sixlorh.Header, ...], rest: bytes, links: Links, layers: list[str], size: int | None
) -> tuple[bytes, tuple[Elided, ...], bool]:
    """The packet in ``rest`` with what ``routing`` puts into it.

    Fragment sizes count it as it was before compression, so that of an outer header too, whose size nobody but its
    sender knows: a fragmented tunnel is not put together, and of its first fragment the packet within is told."""
    if rest[:1] >= b"\xf0":
        raise Malformed(f"6LoWPAN: {_dispatch_name(rest[0])} within page 1")
    gaps = links.gaps
    inner = links if gaps is None else attrs.evolve(links, gaps=Gaps())  # what is put in front moves what it notes
    own = sixlorh.rpi_header(routing)
    tunnelled = size is not None and len(sixlorh.of_packet(routing)) < len(routing)
    if tunnelled:
        links.ends(Malformed("6LoWPAN: a fragmented packet behind an IP-in-IP-6LoRH is not decoded"))
        size = None
    packet_size = size if size is None or own is None else size - _RPI_OCTETS
    data, elided, _none, _ = _packet(rest, inner, layers, packet_size)
    whole, base, restored = data, 0, False
    if not tunnelled:
        try:
            whole, base, restored = _restored(data, routing, own, inner, size)
        except Malformed as error:
            links.ends(error)
    grown = len(whole) - len(data)
    if gaps is not None and inner.gaps is not None:
        moved = {at + (base if at < ipv6.HEADER_OCTETS else grown): why for at, why in inner.gaps.unknown.items()}
        gaps.unknown.update(moved)
        gaps.trouble = gaps.trouble or inner.gaps.trouble
    return whole, tuple(attrs.evolve(gap, at=gap.at + grown) for gap in elided), restored


def _restored(
    data: bytes,
    routing: tuple[sixlorh.Header, ...],
    own: extensions.HopByHop | None,
    links: Links,
    size: int | None,
) -> tuple[bytes, int, bool]:
    """A packet with what ``routing`` says of it, where its own header then stands, and whether that is all."""
    root = links.contexts.get(ROOT)
    # A source route ends, and a tunnel may end, at the packet's destination.
    ends = links.gaps is None or ipv6.DESTINATION_AT not in links.gaps.unknown
    if root is not None and size is None and ends:
        whole = sixlorh_packet.restore(routing, data, root)
        return whole, len(whole) - len(sixlorh_packet.restore(sixlorh.of_packet(routing), data, root)), True
    return data if own is None else _with_option(data, own), 0, False


def _with_option(data: bytes, own: extensions.HopByHop) -> bytes:
    """The octets of a packet with its hop-by-hop header put in."""
    if len(data) < ipv6.HEADER_OCTETS:
        raise Malformed("6LoWPAN: no IPv6 header behind the 6LoRH")
    header = data[6:7] + b"\0" + extensions.build_options(own.options)
    length = int.from_bytes(data[4:6], "big") + _RPI_OCTETS
    if length > 0xFFFF:
        raise Malformed("6LoWPAN: the packet behind the RPI-6LoRH leaves no room for its header")
    return data[:4] + length.to_bytes(2, "big") + b"\0" + data[7:40] + header + data[40:]


def _dispatch_name(head: int) -> str:
    """What a dispatch octet stands for, where it is not decoded."""
    if head == 0x40:
        return "escape (RFC 8066)"
    if head >> 4 == 0b1111:
        return f"paging dispatch, page {head & 0x0F} (RFC 8025)"
    return "not a LoWPAN frame" if head >> 6 == 0 else "unknown header"


def _mesh(payload: bytes) -> tuple[Mesh, bytes]:
    """The mesh header and what follows it; V and F set mean short addresses, 15 hops an octet more (5.2)."""
    reader = Reader(payload, "6LoWPAN mesh header")
    head = reader.u8()
    hops = head & 0x0F
    if hops == 0x0F:
        hops = reader.u8()
    originator = reader.take(2 if head & 0x20 else 8)
    final = reader.take(2 if head & 0x10 else 8)
    return Mesh(hops, originator, final), reader.rest()


def split_mesh(payload: bytes) -> tuple[Mesh | None, bytes]:
    """The mesh header in front of a MAC payload, None where there is none, and what follows it. Raises `Malformed`."""
    return _mesh(payload) if payload and payload[0] >> 6 == 0b10 else (None, payload)


def build_mesh(mesh: Mesh) -> bytes:
    """The octets of a mesh header."""
    short_originator, short_final = len(mesh.originator) == 2, len(mesh.final) == 2
    hops = bytes((mesh.hops_left,)) if mesh.hops_left >= 15 else b""
    head = 0x80 | short_originator << 5 | short_final << 4 | min(mesh.hops_left, 15)
    return bytes((head,)) + hops + mesh.originator + mesh.final


def compress(
    packet: bytes,
    src: bytes | None,
    dst: bytes | None,
    contexts: Mapping[int, bytes] | None = None,
    *,
    generic: bool = False,
) -> bytes:
    """The MAC payload of an IPv6 packet, unfragmented; ``src`` and ``dst`` are the link addresses of this hop.

    ``generic`` has UDP payloads and ICMPv6 messages compressed too, by RFC 7400, where that makes them shorter; only
    a receiver that announced it (6CIO) reads them. Octets that are no well-formed IPv6 packet are sent uncompressed
    (dispatch 0x41), so any octets survive the way there and back.
    """
    links = attrs.evolve(Links.of_frame(src, dst, contexts), generic=generic)
    headers, rest = iphc.compress(packet, links) or (bytes((IPV6_DISPATCH,)), packet)
    return headers + rest


def split(
    packet: bytes, src: bytes | None, dst: bytes | None, contexts: Mapping[int, bytes] | None = None
) -> tuple[bytes, bytes]:
    """What :func:`compress` gives, as headers, which one frame must hold whole, and the octets left as they are."""
    return iphc.compress(packet, Links.of_frame(src, dst, contexts)) or (bytes((IPV6_DISPATCH,)), packet)


def compress_routed(
    packet: bytes,
    src: bytes | None,
    dst: bytes | None,
    contexts: Mapping[int, bytes] | None = None,
    routing: tuple[sixlorh.Header, ...] = (),
) -> bytes:
    """The MAC payload of an IPv6 packet in page 1, as a mesh that uses RFC 8138 writes it.

    ``routing`` are headers to put first (source route, tunnel). A hop-by-hop header with the RPL option (0x63) alone
    becomes an RPI-6LoRH; where the contexts name the DODAG's root, tunnels and source routes become headers too. A
    packet that has none of these, without ``routing``, is compressed as by :func:`compress`.
    """
    root = (contexts or {}).get(ROOT)
    if root is not None and not routing:
        routing, packet = sixlorh_packet.fold(packet, root)
    if len(packet) >= ipv6.HEADER_OCTETS + _RPI_OCTETS and packet[6:7] == b"\0" and packet[41] == 0:
        options = extensions.parse_options(packet[42:48])
        if len(options) == 1 and isinstance(rpi := options[0], extensions.Rpi) and rpi.type == 0x63:
            routing += (sixlorh.PacketInformation(rpi.instance, rpi.sender_rank, rpi.flags),)
            length = int.from_bytes(packet[4:6], "big") - _RPI_OCTETS
            packet = packet[:4] + length.to_bytes(2, "big") + packet[40:41] + packet[7:40] + packet[48:]
    inner = compress(packet, src, dst, contexts)
    return bytes((sixlorh.PAGE_1,)) + sixlorh.build(routing) + inner if routing else inner
