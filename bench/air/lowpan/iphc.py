"""Header compression of IPv6 for 802.15.4 (RFC 6282): the base header (IPHC) and what follows it (NHC), both ways.

The layer between :mod:`bench.air.lowpan.datagram`, which knows dispatches and fragments, and the octets of an IPv6
packet. NHC's generic forms (RFC 7400, see :mod:`bench.air.lowpan.ghc`) are read, and written where `Links.generic`
asks for them.
Section numbers in comments are RFC 6282's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bench.air.errors import Malformed
from bench.air.ip import extensions, udp
from bench.air.ip import packet as ipv6
from bench.air.lowpan import ghc
from bench.air.lowpan.links import SHORT_IID, Elided, Links
from bench.air.octets import Reader, counted

_HOP_LIMITS: Final = {1: 1, 2: 64, 3: 255}
_EXTENSIONS: Final = {0: 0, 1: 43, 2: 44, 3: 60, 4: 135}  # NHC extension header id -> protocol (4.2)
_EXTENSION_IDS: Final = {protocol: eid for eid, protocol in _EXTENSIONS.items()}
_NAMES: Final = {0: "hopopts", 43: "routing", 44: "fragment", 60: "dstopts", 135: "mobility"}
_NHC_IPV6: Final = 0b11101110  # extension header id 7; its NH bit is always 0
_NHC_EXTENSION: Final = 0b1110
_NHC_UDP: Final = 0b11110
_GHC_EXTENSION: Final = 0b1011  # this and the two below: RFC 7400, section 3
_GHC_UDP: Final = 0b11010
_GHC_ICMPV6: Final = 0b11011111
_ICMPV6: Final = 58
_OPTION_HEADERS: Final = (0, 60)
_DEEPEST: Final = 8


# ---- decompression -----------------------------------------------------------------------------------------------


def decompress(data: bytes, links: Links, layers: list[str], size: int | None) -> tuple[bytes, tuple[Elided, ...]]:
    """The IPv6 octets that IPHC ``data`` stands for, and the checksums still missing.

    ``size`` is that of the whole datagram where ``data`` is its first fragment. Header names are added to ``layers``.
    Raises `Malformed`; where ``links`` have `Gaps`, only if not even the source can be read, and what stands before the
    damage is given: the header, `NO_NEXT_HEADER` where nobody can tell what follows, and the headers behind it, of the
    last one as much as there is. Lengths then count what is there.
    """
    elided: list[Elided] = []
    reader = Reader(data, "IPHC")
    return _decompress(reader, links, layers, size, 0, elided), tuple(elided)


def _decompress(
    reader: Reader, links: Links, layers: list[str], size: int | None, at: int, elided: list[Elided]
) -> bytes:
    """One IPv6 packet to the end of ``reader``; it will stand at octet ``at`` of the outermost packet."""
    base = reader.u16()
    if base >> 13 != 0b011:
        raise Malformed(f"IPHC: dispatch {base >> 8:#04x}")
    if layers.count("iphc") >= _DEEPEST:
        raise Malformed("IPHC: too many packets in packets")
    layers.append("iphc")
    pair = reader.u8() if base & 0x80 else 0
    word = 6 << 28 | _traffic(base >> 11 & 3, reader)
    compressed = bool(base & 0x0400)
    protocol = ipv6.NO_NEXT_HEADER if compressed else reader.u8()
    hop_limit = _HOP_LIMITS.get(base >> 8 & 3)
    if hop_limit is None:
        hop_limit = reader.u8()
    src = _source(base, pair >> 4, reader, links, at + ipv6.SOURCE_AT)
    dst = _whole_destination(base, pair & 0x0F, reader, links, at + ipv6.DESTINATION_AT)
    body = b""
    if compressed and not links.ended:
        after = at + ipv6.HEADER_OCTETS
        protocol, body = _next_headers(reader, links.inside(src, dst), (src, dst), layers, size, after, elided)
    if not links.ended:
        body += reader.rest()
    # A first fragment holds a part of the payload; its length field counts the whole of it all the same.
    length = len(body) if size is None else size - at - ipv6.HEADER_OCTETS
    if not 0 <= length <= 0xFFFF:
        links.ends(Malformed(f"IPHC: payload length {length}"))
        length = len(body) & 0xFFFF
    head = word.to_bytes(4, "big") + length.to_bytes(2, "big") + bytes((protocol, hop_limit))
    return head + src + dst + body


def _traffic(form: int, reader: Reader) -> int:
    """Traffic class and flow label as they stand in the first 32 bits of IPv6 (3.1.1); ECN comes first on the air."""
    if form == 3:
        return 0
    first = reader.u8()
    ecn, dscp = first >> 6, first & 0x3F
    if form == 2:
        return (dscp << 2 | ecn) << 20
    if form == 1:
        return ecn << 20 | (first & 0x0F) << 16 | reader.u16()
    return (dscp << 2 | ecn) << 20 | reader.uint(3) & 0xFFFFF


def _source(base: int, context: int, reader: Reader, links: Links, at: int) -> bytes:
    mode = base >> 4 & 3
    if not base & 0x40:
        return _unicast(mode, ipv6.LINK_LOCAL_PREFIX, reader, links.src, links, at)
    if mode == 0:
        return bytes(16)  # SAC 1 with SAM 00 is not "inline": it stands for :: (3.1.1)
    return _unicast(mode, _context(links, context, at), reader, links.src, links, at)


def _whole_destination(base: int, context: int, reader: Reader, links: Links, at: int) -> bytes:
    """The destination; zeros, and the rest cannot be read, where it is damaged."""
    try:
        return _destination(base, context, reader, links, at)
    except Malformed as error:
        links.ends(error)
        return links.known(None, at, str(error)) + bytes(8)


def _destination(base: int, context: int, reader: Reader, links: Links, at: int) -> bytes:
    mode, stateful = base & 3, bool(base & 0x04)
    if base & 0x08:
        return _multicast(mode, _context(links, context, at), reader) if stateful else _plain_multicast(mode, reader)
    if not stateful:
        return _unicast(mode, ipv6.LINK_LOCAL_PREFIX, reader, links.dst, links, at)
    if mode == 0:
        raise Malformed("IPHC: reserved destination address mode")
    return _unicast(mode, _context(links, context, at), reader, links.dst, links, at)


def _context(links: Links, number: int, at: int) -> bytes:
    prefix = links.contexts.get(number)
    return links.known(prefix, at, f"IPHC: context {number} is not known: --context {number}=PREFIX")


def _unicast(mode: int, prefix: bytes, reader: Reader, link: bytes | None, links: Links, at: int) -> bytes:
    """Address modes of 3.1.1: 16, 8 or 2 octets inline, or none."""
    if mode == 0:
        return reader.take(16)
    if mode == 1:
        return prefix[:8] + reader.take(8)
    if mode == 2:
        return prefix[:8] + SHORT_IID + reader.take(2)
    return prefix[:8] + links.known(link, at, "IPHC: the address is left out, and the frame has none")


def _plain_multicast(mode: int, reader: Reader) -> bytes:
    if mode == 0:
        return reader.take(16)
    if mode == 3:
        return b"\xff\x02" + bytes(13) + reader.take(1)
    scope = b"\xff" + reader.take(1)
    tail = reader.take(5 if mode == 1 else 3)
    return scope + bytes(14 - len(tail)) + tail


def _multicast(mode: int, prefix: bytes, reader: Reader) -> bytes:
    """Unicast-prefix-based multicast (3.1.1, RFC 3306): flags, scope, RIID inline, prefix from the context."""
    if mode:
        raise Malformed("IPHC: reserved multicast address mode")
    head = b"\xff" + reader.take(2)
    return head + b"\x40" + prefix[:8] + reader.take(4)


def _next_headers(
    reader: Reader,
    links: Links,
    ends: tuple[bytes, bytes],
    layers: list[str],
    size: int | None,
    at: int,
    elided: list[Elided],
) -> tuple[int, bytes]:
    """Compressed headers from octet ``at`` of the packet on: the first one's protocol, and their uncompressed octets.

    ``ends`` are the packet's source and destination. Each header names the protocol of the next one, which is known
    only once that one is read, so a slot is left for it. Of one that is damaged, what is there is the last.
    """
    out = bytearray((ipv6.NO_NEXT_HEADER,))  # the slot of the base header, cut off at the end
    slot, route, more = 0, b"", True
    try:
        while more:
            nhc, here = reader.u8(), at + len(out) - 1  # less the base header's slot, which is no octet of the packet
            more = False
            if nhc >> 3 in (_NHC_UDP, _GHC_UDP):
                out[slot] = udp.PROTOCOL
                layers.append("udp-nhc")
                if nhc & 4 and (final := _final(route, ends[1], links)):
                    # The pseudo header names the destination behind a source route, which came before this header.
                    elided.append(Elided(here, ends[0], final))
                generic = ends if nhc >> 3 == _GHC_UDP else None
                _udp(nhc, reader, None if size is None else size - here, generic, out)
            elif nhc == _NHC_IPV6:
                out[slot] = ipv6.IPV6
                out += _decompress(reader, links, layers, size, here, elided)
            elif nhc == _GHC_ICMPV6:
                out[slot] = _ICMPV6
                layers.append("icmpv6-ghc")
                _expand(reader, ends, out)
            elif nhc >> 4 in (_NHC_EXTENSION, _GHC_EXTENSION) and nhc >> 1 & 7 in _EXTENSIONS:
                protocol = _EXTENSIONS[nhc >> 1 & 7]
                more = bool(nhc & 1)
                out[slot] = protocol
                layers.append(_NAMES[protocol])
                following = ipv6.NO_NEXT_HEADER if more else reader.u8()
                start = slot = len(out)
                if nhc >> 4 == _GHC_EXTENSION:
                    out += bytes((following,)) + _generic_extension(protocol, reader, ends)
                else:
                    _extension(protocol, following, reader, out)
                route = bytes(out[start:]) if protocol == extensions.SourceRoute.PROTOCOL else route
            else:
                raise Malformed(f"NHC: unknown header {nhc:#04x}")
    except Malformed as error:
        links.ends(error)
    return out[0], bytes(out[1:])


def _extension(protocol: int, following: int, reader: Reader, out: bytearray) -> None:
    """Put an extension header to ``out`` from its NHC form (4.2); of one that is cut, what is there."""
    if protocol == extensions.FragmentHeader.PROTOCOL:
        # The octet in the place of a length is reserved; the header has always 8 octets.
        out += bytes((following,)) + reader.take(7)
        return
    octets = reader.u8()
    content = reader.take(min(octets, reader.left))
    if len(content) == octets and (protocol in _OPTION_HEADERS or not (octets + 2) % 8):
        out += bytes((following,)) + _padded(protocol, content)
        return
    out += bytes((following, (octets + 9) // 8 - 1)) + content
    if len(content) < octets:
        raise Malformed(f"IPHC: {counted(octets)} wanted, {len(content)} left")
    raise Malformed(f"NHC: {_NAMES[protocol]} header of {counted(octets)}")


def _padded(protocol: int, content: bytes) -> bytes:
    """Length octet and content of an extension header; padding at the end of options may be left out on the air."""
    short = -(len(content) + 2) % 8
    if short and protocol not in _OPTION_HEADERS:
        raise Malformed(f"NHC: {_NAMES[protocol]} header of {counted(len(content))}")
    content += extensions.padding(short)
    if len(content) > 0xFF * 8 + 6:
        raise Malformed(f"NHC: {_NAMES[protocol]} header of {counted(len(content))}")
    return bytes(((len(content) + 2) // 8 - 1,)) + content


def _generic_extension(protocol: int, reader: Reader, ends: tuple[bytes, bytes]) -> bytes:
    """An extension header after its next-header octet, from byte code that a stop code ends (RFC 7400, 3.2)."""
    content = ghc.expand(reader, ghc.dictionary(*ends))
    if protocol != extensions.FragmentHeader.PROTOCOL:
        return _padded(protocol, content)
    if len(content) != 6:
        raise Malformed(f"NHC: fragment header of {counted(len(content))}")
    return b"\0" + content


def _expand(reader: Reader, ends: tuple[bytes, bytes], out: bytearray) -> None:
    """Put to ``out`` what byte code to the end of ``reader`` stands for; of damaged code, what it does up to there."""
    ghc.expand_into(out, reader, ghc.dictionary(*ends))
    reader.done()


def _final(route: bytes, dst: bytes, links: Links) -> bytes:
    """The destination of the pseudo header: the last address of a source route that is still to be travelled; nothing
    where that contradicts itself, which who parses the packet tells."""
    if not route:
        return dst
    try:
        header = extensions.parse_routing(route[2:], dst)
    except Malformed:
        if links.gaps is None:
            raise
        return b""
    return (header.final if isinstance(header, extensions.SourceRoute) else None) or dst


def _udp(nhc: int, reader: Reader, length: int | None, generic: tuple[bytes, bytes] | None, out: bytearray) -> None:
    """Put the UDP header (4.3.3) to ``out``, a left-out checksum as zero; its ``length`` is by default what is left to
    read. Of one that is damaged, what is there.

    ``generic`` are the packet's ends where the payload is byte code (RFC 7400, 3.1): it is expanded and added.
    """
    form = nhc & 3
    if form == 3:
        ports = reader.u8()
        src_port, dst_port = 0xF0B0 | ports >> 4, 0xF0B0 | ports & 0x0F
    else:
        src_port = 0xF000 | reader.u8() if form == 2 else reader.u16()
        dst_port = 0xF000 | reader.u8() if form == 1 else reader.u16()
    out += src_port.to_bytes(2, "big") + dst_port.to_bytes(2, "big")
    checksum = b"\0\0" if nhc & 4 else reader.take(2)
    payload, trouble = bytearray(), None
    if generic:
        try:
            _expand(reader, generic, payload)
        except Malformed as error:
            trouble = error
    if length is None:
        length = udp.HEADER_OCTETS + len(payload) + reader.left
    if not udp.HEADER_OCTETS <= length <= 0xFFFF:
        raise Malformed(f"NHC: UDP length {length}")
    out += length.to_bytes(2, "big") + checksum + payload
    if trouble is not None:
        raise trouble


# ---- compression -------------------------------------------------------------------------------------------------


def compress(packet: bytes, links: Links) -> tuple[bytes, bytes] | None:
    """An IPv6 packet as compressed headers and the octets left as they are.

    None where its base header does not allow it (length or version).
    """
    return _compress(packet, links, 0) if _whole(packet) else None


def _whole(packet: bytes) -> bool:
    """Version 6, and the payload length counts what is there."""
    if len(packet) < ipv6.HEADER_OCTETS or packet[0] >> 4 != 6:
        return False
    return int.from_bytes(packet[4:6], "big") == len(packet) - ipv6.HEADER_OCTETS


def _compress(packet: bytes, links: Links, depth: int) -> tuple[bytes, bytes]:
    src, dst, body = packet[8:24], packet[24:40], packet[40:]
    form, traffic = _compress_traffic(int.from_bytes(packet[:4], "big"))
    following = _compress_next(packet[6], body, links.inside(src, dst), depth, ghc.dictionary(src, dst))
    hop_form = next((form for form, value in _HOP_LIMITS.items() if value == packet[7]), 0)
    src_context, src_bits, src_octets = _compress_unicast(src, links.src, links.contexts)
    if src == bytes(16):
        src_context, src_bits, src_octets = None, 0b100, b""  # whatever a context of ::/64 would make of it
    if dst[0] == 0xFF:
        dst_context, dst_bits, dst_octets = _compress_multicast(dst, links.contexts)
    else:
        dst_context, dst_bits, dst_octets = _compress_unicast(dst, links.dst, links.contexts)
    pair = (src_context or 0) << 4 | (dst_context or 0)
    base = 0b011 << 13 | form << 11 | (following is not None) << 10 | hop_form << 8 | bool(pair) << 7
    base |= src_bits << 4 | dst_bits
    head = base.to_bytes(2, "big") + (bytes((pair,)) if pair else b"") + traffic
    head += b"" if following is not None else packet[6:7]
    head += b"" if hop_form else packet[7:8]
    headers, rest = following or (b"", body)
    return head + src_octets + dst_octets + headers, rest


def _compress_traffic(word: int) -> tuple[int, bytes]:
    tclass, flow = word >> 20 & 0xFF, word & 0xFFFFF
    ecn, dscp = tclass & 3, tclass >> 2
    if not tclass and not flow:
        return 3, b""
    if not flow:
        return 2, bytes((ecn << 6 | dscp,))
    if not dscp:
        return 1, (ecn << 22 | flow).to_bytes(3, "big")
    return 0, bytes((ecn << 6 | dscp,)) + flow.to_bytes(3, "big")


def _compress_unicast(
    address: bytes, link: bytes | None, contexts: Mapping[int, bytes]
) -> tuple[int | None, int, bytes]:
    """Context number, the bits SAC/DAC and mode (3 bits), and the octets inline."""
    number = _matching(address[:8], contexts)
    if number is None and address[:8] != ipv6.LINK_LOCAL_PREFIX:
        return None, 0, address
    stateful = (number is not None) << 2
    if address[8:] == link:
        return number, stateful | 3, b""
    if address[8:14] == SHORT_IID:
        return number, stateful | 2, address[14:]
    return number, stateful | 1, address[8:]


def _matching(prefix: bytes, contexts: Mapping[int, bytes]) -> int | None:
    """The lowest number of a context with that prefix."""
    return next((number for number, known in sorted(contexts.items()) if known[:8] == prefix and number < 16), None)


def _compress_multicast(address: bytes, contexts: Mapping[int, bytes]) -> tuple[int | None, int, bytes]:
    """Context number, the bits M, DAC and mode (4 bits), and the octets inline."""
    # The fewest octets first: ff02::XX, ffXX::XX:XXXX, ffXX::XX:XXXX:XXXX, then by a context (3.1.1).
    if address[1] == 2 and not any(address[2:15]):
        return None, 0b1011, address[15:]
    if not any(address[2:13]):
        return None, 0b1010, address[1:2] + address[13:]
    if not any(address[2:11]):
        return None, 0b1001, address[1:2] + address[11:]
    if address[3] == 64:
        number = _matching(address[4:12], contexts)
        if number is not None:
            return number, 0b1100, address[1:3] + address[12:]
    return None, 0b1000, address


def _compress_next(protocol: int, body: bytes, links: Links, depth: int, known: bytes) -> tuple[bytes, bytes] | None:
    """What follows the base header: headers in NHC, and the rest; None where not even the first has such a form.

    ``known`` is the dictionary of generic header compression.
    """
    headers: list[tuple[int, bytes, bytes]] = []
    at = 0
    while protocol in _EXTENSION_IDS and (octets := _header_octets(protocol, body, at)):
        header = body[at : at + octets]
        headers.append((0b11100000 | _EXTENSION_IDS[protocol] << 1, header[:1], _compress_header(protocol, header)))
        protocol = header[0]
        at += octets
    tail = None
    if protocol == udp.PROTOCOL:
        tail = _compress_udp(body[at:], known if links.generic else None)
    elif protocol == ipv6.IPV6:
        tail = _compress_tunnel(body[at:], links, depth)
    elif protocol == _ICMPV6 and links.generic:
        tail = _compress_icmpv6(body[at:], known)
    if not headers:
        return tail
    # Each header says whether the next one is compressed too; the last says no, and names its protocol inline, where
    # what follows has no compressed form.
    nhc, following, content = headers.pop()
    run = b"".join(bytes((nhc | 1,)) + content for nhc, _following, content in headers)
    if tail is None:
        return run + bytes((nhc,)) + following + content, body[at:]
    return run + bytes((nhc | 1,)) + content + tail[0], tail[1]


def _header_octets(protocol: int, body: bytes, at: int) -> int:
    """How long the extension header at ``at`` is; 0 where it is cut, or too long for NHC's one length octet."""
    if protocol == extensions.FragmentHeader.PROTOCOL:
        octets = 8
    else:
        octets = (body[at + 1] + 1) * 8 if at + 2 <= len(body) else 0
    return octets if at + octets <= len(body) and octets - 2 <= 0xFF else 0


def _compress_header(protocol: int, header: bytes) -> bytes:
    """An extension header in NHC after its next-header octet: length and content.

    Padding at the end could be left out (4.2); the Wi-SUN stacks whose captures we have keep it, and so do we.
    """
    if protocol == extensions.FragmentHeader.PROTOCOL:
        return header[1:]
    return bytes((len(header) - 2,)) + header[2:]


def _compress_tunnel(body: bytes, links: Links, depth: int) -> tuple[bytes, bytes] | None:
    if depth + 1 >= _DEEPEST or not _whole(body):
        return None
    head, rest = _compress(body, links, depth + 1)
    return bytes((_NHC_IPV6,)) + head, rest


def _compress_icmpv6(body: bytes, known: bytes) -> tuple[bytes, bytes] | None:
    code = ghc.squeeze(body, known)
    return (bytes((_GHC_ICMPV6,)) + code, b"") if len(code) < len(body) else None


def _compress_udp(body: bytes, known: bytes | None) -> tuple[bytes, bytes] | None:
    if len(body) < udp.HEADER_OCTETS or int.from_bytes(body[4:6], "big") != len(body):
        return None
    # Ports of 0xf0xx lose their first octet, but only one of the two; both of 0xf0bx keep four bits each (4.3.3).
    if body[0] == 0xF0 == body[2] and body[1] >> 4 == 0xB == body[3] >> 4:
        form, ports = 3, bytes(((body[1] & 0x0F) << 4 | body[3] & 0x0F,))
    elif body[0] == 0xF0:
        form, ports = 2, body[1:4]
    elif body[2] == 0xF0:
        form, ports = 1, body[:2] + body[3:4]
    else:
        form, ports = 0, body[:4]
    code = body[8:] if known is None else ghc.squeeze(body[8:], known)
    if len(code) < len(body) - udp.HEADER_OCTETS:
        return bytes((_GHC_UDP << 3 | form,)) + ports + body[6:8] + code, b""
    return bytes((_NHC_UDP << 3 | form,)) + ports + body[6:8], body[8:]
