"""HC1 and HC2, the first header compression of 6LoWPAN (RFC 4944, section 10), both directions.

RFC 6282 replaced it by IPHC; captures of older networks hold it. Fields that are not left out follow the hop limit as
a string of bits, to the end of which zeros fill the last octet. A short link address gives the same interface
identifier as with IPHC (RFC 6282, 3.2.2), as Wireshark reads it by default.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.ip import packet as ipv6
from bench.air.ip import udp
from bench.air.lowpan.links import Links
from bench.air.octets import counted

DISPATCH: Final = 0x42
NEXT: Final = {1: udp.PROTOCOL, 2: 58, 3: 6}
"""Next headers that two bits name: UDP, ICMPv6, TCP."""
_FIRST_PORT: Final = 0xF0B0
_ZERO_TRAFFIC, _MORE = 0x08, 0x01
_SRC_PORT, _DST_PORT, _LENGTH = 0x80, 0x40, 0x20  # bits of HC2's octet for UDP: left out or cut


@frozen
class Udp:
    """A UDP header in HC2; ``length`` None where it is left out, ``checksum`` where it is cut off."""

    encoding: int
    src_port: int
    dst_port: int
    length: int | None = None
    checksum: int | None = None


_Halves: TypeAlias = "tuple[bytes | None, bytes | None]"


@frozen
class Hc1:
    """An IPv6 header as sent: prefixes and interface identifiers (8 octets) None where they are left out, the
    destination's where it is damaged."""

    encoding: int
    hop_limit: int
    src: _Halves
    dst: _Halves | None
    traffic_class: int | None
    flow: int | None
    following: int | None
    udp: Udp | None = None

    @property
    def next_header(self) -> int:
        """The protocol behind it, none where it is damaged before it says."""
        return NEXT.get(self.encoding >> 1 & 3, ipv6.NO_NEXT_HEADER) if self.following is None else self.following


def parse(data: bytes) -> tuple[Hc1, int]:
    """The header at the start of ``data`` (the octet after the dispatch is the first), and its length in octets.

    Raises `Malformed`."""
    found, octets, trouble = parse_readable(data)
    if trouble is not None:
        raise trouble
    return found, octets


def parse_readable(data: bytes) -> tuple[Hc1, int, Malformed | None]:
    """The same as far as it can be read, and why no further. Raises `Malformed` where not even the source can be."""
    bits = _Bits(data)
    encoding = bits.take(8)
    form, more = encoding >> 1 & 3, encoding & _MORE
    if more and form != 1:
        raise Malformed("HC1: more header compression is announced, and there is none but UDP's")
    second = bits.take(8) if more else None
    hop_limit = bits.take(8)
    src = _halves_sent(encoding, bits)
    found = Hc1(encoding, hop_limit, src, None, None, None, None)
    try:
        found = attrs.evolve(found, dst=_halves_sent(encoding << 2, bits))
        if not encoding & _ZERO_TRAFFIC:
            found = attrs.evolve(found, traffic_class=bits.take(8))
            found = attrs.evolve(found, flow=bits.take(20))
        if not form:
            found = attrs.evolve(found, following=bits.take(8))
        if second is not None:
            said = _parse_ports(second, bits)
            found = attrs.evolve(found, udp=said)
            length = None if second & _LENGTH else bits.take(16)
            found = attrs.evolve(found, udp=attrs.evolve(said, length=length, checksum=bits.take(16)))
    except Malformed as error:
        return found, bits.octets, error
    return found, bits.octets, None


def _halves_sent(encoding: int, bits: _Bits) -> _Halves:
    """Prefix and interface identifier of the address whose bits are the highest of ``encoding``."""
    prefix, interface = (None if encoding & left_out else bits.take(64).to_bytes(8, "big") for left_out in (0x80, 0x40))
    return prefix, interface


def _parse_ports(encoding: int, bits: _Bits) -> Udp:
    src_port = _FIRST_PORT | bits.take(4) if encoding & _SRC_PORT else bits.take(16)
    dst_port = _FIRST_PORT | bits.take(4) if encoding & _DST_PORT else bits.take(16)
    return Udp(encoding, src_port, dst_port)


def decompress(data: bytes, links: Links, size: int | None) -> bytes:
    """The IPv6 packet of what follows the dispatch; ``size`` is that of the datagram where this is its first fragment.

    Raises `Malformed`; where ``links`` have `Gaps`, only if not even the source can be read."""
    header, octets, trouble = parse_readable(data)
    if trouble is not None:
        links.ends(trouble)
    src = _address(header.src, links.src, links, ipv6.SOURCE_AT)
    if header.dst is None:
        dst = links.known(None, ipv6.DESTINATION_AT, str(trouble)) + bytes(8)
    else:
        dst = _address(header.dst, links.dst, links, ipv6.DESTINATION_AT)
    body = b"" if trouble is not None else data[octets:]
    if header.udp is not None:
        said = header.udp
        ports = said.src_port.to_bytes(2, "big") + said.dst_port.to_bytes(2, "big")
        length = said.length if said.length is not None else len(body) + 8 if size is None else size - 40
        if said.checksum is None:
            body = ports
        elif udp.HEADER_OCTETS <= length <= 0xFFFF:
            body = ports + length.to_bytes(2, "big") + said.checksum.to_bytes(2, "big") + body
        else:
            links.ends(Malformed(f"HC2: UDP length {length}"))
            body = ports
    length = len(body) if size is None else size - ipv6.HEADER_OCTETS
    if not 0 <= length <= 0xFFFF:
        links.ends(Malformed(f"HC1: payload length {length}"))
        length = len(body) & 0xFFFF
    word = 6 << 28 | (header.traffic_class or 0) << 20 | (header.flow or 0)
    head = word.to_bytes(4, "big") + length.to_bytes(2, "big") + bytes((header.next_header, header.hop_limit))
    return head + src + dst + body


def _address(halves: _Halves, link: bytes | None, links: Links, at: int) -> bytes:
    prefix, interface = halves
    if interface is None:
        interface = links.known(link, at, "HC1: the address is left out, and the frame has none")
    return (prefix or ipv6.LINK_LOCAL_PREFIX) + interface


def compress(packet: bytes, links: Links) -> bytes:
    """The payload, dispatch included, of an IPv6 packet that is well-formed (else ValueError)."""
    found = ipv6.parse(packet)
    src, dst = _halves(found.src, links.src), _halves(found.dst, links.dst)
    zero = not found.traffic_class and not found.flow
    protocol, body = packet[6], packet[ipv6.HEADER_OCTETS :]
    form = next((form for form, known in NEXT.items() if known == protocol), 0)
    encoding = sum(0x80 >> place for place, half in enumerate((*src, *dst)) if half is None)
    encoding |= zero * _ZERO_TRAFFIC | form << 1
    out = _Out()
    second = _compressed_ports(body) if protocol == udp.PROTOCOL and len(body) >= udp.HEADER_OCTETS else None
    out.put(encoding | (second is not None), 8)
    if second is not None:
        out.put(second, 8)
    out.put(found.hop_limit, 8)
    for half in (*src, *dst):
        if half is not None:
            out.put(int.from_bytes(half, "big"), 64)
    if not zero:
        out.put(found.traffic_class << 20 | found.flow, 28)
    if not form:
        out.put(protocol, 8)
    if second is not None:
        for at, bit in ((0, _SRC_PORT), (2, _DST_PORT)):
            out.put(
                int.from_bytes(body[at : at + 2], "big") & (0x0F if second & bit else 0xFFFF), 4 if second & bit else 16
            )
        if not second & _LENGTH:
            out.put(int.from_bytes(body[4:6], "big"), 16)
        out.put(int.from_bytes(body[6:8], "big"), 16)
        body = body[udp.HEADER_OCTETS :]
    return bytes((DISPATCH,)) + out.octets() + body


def _halves(address: bytes, link: bytes | None) -> _Halves:
    prefix = None if address[:8] == ipv6.LINK_LOCAL_PREFIX else address[:8]
    return prefix, None if address[8:] == link else address[8:]


def _compressed_ports(body: bytes) -> int:
    """HC2's octet for a UDP header."""
    ports = [int.from_bytes(body[at : at + 2], "big") >> 4 == _FIRST_PORT >> 4 for at in (0, 2)]
    whole = int.from_bytes(body[4:6], "big") == len(body)
    return ports[0] * _SRC_PORT | ports[1] * _DST_PORT | whole * _LENGTH


class _Bits:
    """A cursor over the bits of ``data``, which never leaves it."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        """The next ``count`` bits as an integer."""
        end = self._at + count
        if end > 8 * len(self._data):
            raise Malformed(f"HC1: {counted(count, 'bit')} wanted, {8 * len(self._data) - self._at} left")
        first, last = self._at // 8, (end + 7) // 8
        word = int.from_bytes(self._data[first:last], "big")
        self._at = end
        return word >> 8 * last - end & (1 << count) - 1

    @property
    def octets(self) -> int:
        """Octets touched so far."""
        return (self._at + 7) // 8


class _Out:
    """Bits put one after the other."""

    def __init__(self) -> None:
        self._word, self._bits = 0, 0

    def put(self, value: int, count: int) -> None:
        """``count`` bits more."""
        self._word, self._bits = self._word << count | value, self._bits + count

    def octets(self) -> bytes:
        """All of them, filled up with zeros."""
        pad = -self._bits % 8
        return (self._word << pad).to_bytes((self._bits + pad) // 8, "big")
