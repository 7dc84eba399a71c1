"""Compressed IPv6 packets for the bulk decoder: whom a packet is from and for, and its line in the table.

The octets of a compressed header that carry addresses are the same for all packets between two nodes on one hop; what
they mean is read once, by `lowpan.datagram.decompress`. What follows (extension headers, UDP, ICMPv6) is walked here
in its compressed form, checksums included; the words come from `frame.describe`. Section numbers are RFC 6282's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias, TypeVar

import attrs

from bench.air.app import ports as application
from bench.air.broken import first_trouble
from bench.air.bulk.link import InOrder, Unusual
from bench.air.frame.describe import describe
from bench.air.frozen import frozen
from bench.air.ip import extensions, icmpv6, udp
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.keys import words
from bench.air.keys.eapol import RELAY_PORT, KeyInfo, decode_eapol, decode_relay
from bench.air.keys.fourway import read_kdes
from bench.air.lowpan import iphc
from bench.air.lowpan.links import Links

K = TypeVar("K")
V = TypeVar("V")

Upper: TypeAlias = "tuple[bytes, bytes, int, int, int, bytes, bool]"
"""Innermost IPv6 source, final destination, protocol, then UDP ports or ICMPv6 type and code (0, 0 otherwise), then
source and destination in the outermost header (b"" where there are more than these), and whether that is a tunnel's."""

_READ_PORTS: Final = frozenset({RELAY_PORT, *application.PROTOCOLS})
"""UDP ports whose payload is read; the line of any other datagram says ports and length alone."""
MOST: Final = 1 << 15
"""Entries of a memory at most, and of the memories of all links together."""
_RECENT: Final = 1 << 10
"""Entries at most of what is said again soon or never: by the next node on the way, or because nobody answered."""
_DEEPEST: Final = 4
_NH: Final = 0x0400
"""Bit of the first two octets: the next header is compressed, too (3.1)."""
_NHC_UDP, _NHC_IPV6, _NHC_EXTENSION = 0b11110, 0b11101110, 0b1110
_EID_ROUTING: Final = 1
_EIDS_OF_OPTIONS: Final = (0, 3)
_FRAGMENTS: Final = (0b11000, 0b11100)
_MESH: Final = 0b10
_CHECKSUM_OCTETS: Final = 2
_EMPTY_UDP: Final = bytes((0b11110000, 0, 0, 0, 0, 0, 0))


@frozen
class Ends:
    """Addresses of a packet, the sum of their 16-bit words, its protocol where that is not compressed (else None), and
    what compressed headers of packets inside it mean."""

    src: bytes
    dst: bytes
    total: int
    protocol: int | None
    inner: dict[bytes, Ends] = attrs.field(factory=dict)


def remember(memo: dict[K, V], key: K, value: V, most: int | None = None) -> V:
    """Keep ``value``; the memo begins anew beyond ``most`` entries (`MOST`): memory stays flat over any capture."""
    if len(memo) >= (MOST if most is None else most):
        memo.clear()
    memo[key] = value
    return value


class Walked(NamedTuple):
    """A compressed packet up to its upper layer, which begins ``at``: a compressed UDP header where ``protocol`` is
    None. ``ends`` are those of the innermost header and ``final`` where its source route ends; ``around`` the addresses
    of the outermost header of a tunnel (b"" of more than one), None without a tunnel; ``ahead`` the source-routed
    addresses from the one that the packet goes to, on to the last."""

    at: int
    protocol: int | None
    ends: Ends
    final: bytes
    around: bytes | None
    ahead: tuple[bytes, ...]

    @property
    def total(self) -> int:
        """The sum of the 16-bit words of source and final destination."""
        ends = self.ends
        return ends.total if self.final is ends.dst else words_of(ends.src + self.final)

    def upper(self, protocol: int, first: int, second: int) -> Upper:
        """Whom the packet is from and for."""
        ends, around = self.ends, self.around
        outer, tunnel = (ends.src + ends.dst, False) if around is None else (around, True)
        return ends.src, self.final, protocol, first, second, outer, tunnel


class Rest(NamedTuple):
    """What stands behind headers that say what they say whatever that is: so many octets, from the checksum of a UDP
    datagram on whose payload is not read (``total``: what the checksum covers beside them, the length included), or an
    ICMPv6 message behind ``walked``."""

    octets: int
    total: int = 0
    walked: Walked | None = None


class Headers:
    """Walks compressed headers, as far as the upper layer; ``contexts`` as `frame.decoder.Decoder` takes them."""

    def __init__(self, contexts: Mapping[int, bytes]) -> None:
        self.learnt = 0
        """Compressed headers learnt, into the memories of all links together."""
        self._contexts = contexts
        self._sizes: dict[int, int] = {}
        self._options: dict[bytes, bool] = {}
        self._routes: dict[tuple[bytes, bytes], tuple[bytes, tuple[bytes, ...]]] = {}

    def walk(self, octets: bytes, ends: dict[bytes, Ends], src: bytes | None, dst: bytes | None) -> Walked:
        """The headers of a 6LoWPAN payload; ``ends`` is the hop's memo, ``src`` and ``dst`` its addresses.

        Raises `InOrder` for a fragment, `Unusual`, `Malformed` or IndexError for what the full decoder must read.
        """
        if octets[0] >> 3 in _FRAGMENTS or octets[0] >> 6 == _MESH:
            raise InOrder
        at = self._sizes.get(octets[0] << 8 | octets[1]) or self._size(octets)
        found = ends.get(octets[:at])
        if found is None:
            found = self._learn(ends, octets[:at], Links.of_frame(src, dst, self._contexts))
        final, protocol, depth = found.dst, found.protocol, 0
        around: bytes | None = None
        ahead: tuple[bytes, ...] = ()
        while protocol is None:
            nhc = octets[at]
            if nhc >> 3 == _NHC_UDP:
                break
            if nhc == _NHC_IPV6:
                depth += 1
                start = at + 1
                at = start + (self._sizes.get(octets[start] << 8 | octets[start + 1]) or self._size(octets[start:]))
                outer, found = found, found.inner.get(octets[start:at])
                if found is None:
                    links = Links(outer.src[8:], outer.dst[8:], self._contexts)
                    found = self._learn(outer.inner, octets[start:at], links)
                final, protocol = found.dst, found.protocol
                around = outer.src + outer.dst if depth == 1 else b""
                if depth > _DEEPEST:
                    raise Unusual
            elif nhc >> 4 == _NHC_EXTENSION:
                at += 1
                if not nhc & 1:
                    protocol = octets[at]
                    at += 1
                start, at = at + 1, at + 1 + octets[at]
                content = octets[start:at]
                if at > len(octets):
                    raise Unusual
                if nhc >> 1 & 7 == _EID_ROUTING:
                    if final is not found.dst:
                        raise Unusual
                    final, further = self._routes.get((content, final)) or self._route(content, final)
                    ahead = ahead or further
                    around = b"" if depth and final != found.dst else around
                elif nhc >> 1 & 7 not in _EIDS_OF_OPTIONS or not self._options.get(content):
                    self._check_options(nhc, content)
            else:
                raise Unusual
        return Walked(at, protocol, found, final, around, ahead)

    def _size(self, octets: bytes) -> int:
        """How many octets of a compressed header carry addresses and the like, by its first two (3.1)."""
        base = octets[0] << 8 | octets[1]
        if base >> 13 != 0b011:
            raise Unusual
        probe = (base & ~_NH).to_bytes(2, "big") + bytes(64)
        anything = Links(bytes(8), bytes(8), dict.fromkeys(range(16), bytes(8)))
        packet, _ = iphc.decompress(probe, anything, [], None)
        size = len(probe) - (len(packet) - ipv6.HEADER_OCTETS) - bool(base & _NH)
        return remember(self._sizes, base, size)

    def _learn(self, memo: dict[bytes, Ends], head: bytes, links: Links) -> Ends:
        """What a compressed header means; one that compresses the next one, too, is read with an empty datagram."""
        compressed = bool(head[0] << 8 & _NH)
        packet, _ = iphc.decompress(head + (_EMPTY_UDP if compressed else b""), links, [], None)
        src, dst = packet[8:24], packet[24:40]
        self.learnt += 1
        return remember(memo, head, Ends(src, dst, words_of(src + dst), None if compressed else packet[6]))

    def _check_options(self, nhc: int, content: bytes) -> None:
        if nhc >> 1 & 7 not in _EIDS_OF_OPTIONS:
            raise Unusual
        if first_trouble(extensions.parse_options(content + extensions.padding(-(len(content) + 2) % 8))):
            raise Unusual
        remember(self._options, content, True)

    def _route(self, content: bytes, dst: bytes) -> tuple[bytes, tuple[bytes, ...]]:
        if (len(content) + 2) % 8:
            raise Unusual
        header = extensions.parse_routing(content, dst)
        if not isinstance(header, extensions.SourceRoute):
            raise Unusual
        left = header.segments_left
        ahead = (dst, *header.addresses[len(header.addresses) - left :]) if left else ()
        return remember(self._routes, (content, dst), (header.final or dst, ahead))


class UdpHead(NamedTuple):
    """A UDP header that stood compressed: its ports; where the datagram goes on, with its checksum; octets of header
    and payload; ``total`` is what the checksum covers beside the octets from there on, but for the length."""

    source: int
    destination: int
    at: int
    length: int
    total: int


def read_udp(octets: bytes, walked: Walked) -> UdpHead:
    """The UDP header of a packet (4.3.3). Raises `Unusual` where the checksum is wrong, or not there."""
    at = walked.at
    form = octets[at] & 7
    if form == 3:
        ports = octets[at + 1]
        source, destination, at = 0xF0B0 | ports >> 4, 0xF0B0 | ports & 0x0F, at + 2
    elif form == 0:
        source, destination = octets[at + 1] << 8 | octets[at + 2], octets[at + 3] << 8 | octets[at + 4]
        at += 5
    elif form == 1:
        source, destination, at = octets[at + 1] << 8 | octets[at + 2], 0xF000 | octets[at + 3], at + 4
    elif form == 2:
        source, destination, at = 0xF000 | octets[at + 1], octets[at + 2] << 8 | octets[at + 3], at + 4
    else:
        raise Unusual
    length = udp.HEADER_OCTETS + len(octets) - at - _CHECKSUM_OCTETS
    total = walked.total + udp.PROTOCOL + source + destination
    # The length counts twice, in the pseudo header and in UDP's own; the checksum stands before the payload.
    if (total + 2 * length + words_of(octets[at:])) % 0xFFFF:
        raise Unusual
    return UdpHead(source, destination, at, length, total)


class Packets:
    """Compressed packets to their lines; ``contexts`` as `frame.decoder.Decoder` takes them."""

    def __init__(self, contexts: Mapping[int, bytes]) -> None:
        self._headers = Headers(contexts)
        self._messages: dict[bytes, str] = {}
        self._ports: dict[tuple[int, int], str] = {}
        self._said: dict[tuple[int, int, bytes], str] = {}
        self._eapol: dict[bytes, str] = {}

    @property
    def learnt(self) -> int:
        """Compressed headers learnt, into the memories of all links together."""
        return self._headers.learnt

    def begin_anew(self) -> None:
        """The memories of all links were emptied."""
        self._headers.learnt = 0

    def read(
        self, octets: bytes, ends: dict[bytes, Ends], src: bytes | None, dst: bytes | None
    ) -> tuple[str, Upper, Rest | None]:
        """Line and upper layer of a 6LoWPAN payload, and what stands behind its headers; arguments and errors as
        `Headers.walk`."""
        walked = self._headers.walk(octets, ends, src, dst)
        if walked.protocol is None:
            return self._udp(octets, walked)
        if walked.protocol != icmpv6.PROTOCOL:
            raise Unusual
        rest = octets[walked.at :]
        return *self.icmpv6(rest, walked), Rest(len(rest), walked=walked)

    def _udp(self, octets: bytes, walked: Walked) -> tuple[str, Upper, Rest | None]:
        source, destination, at, length, total = read_udp(octets, walked)
        upper = walked.upper(udp.PROTOCOL, source, destination)
        line = self._ports.get((source, destination))
        if line is None:
            if source in _READ_PORTS or destination in _READ_PORTS:
                said = source, destination, octets[at + _CHECKSUM_OCTETS :]
                line = self._said.get(said)
                if line is None:
                    line = remember(self._said, said, self._message(udp.Udp(*said), walked.ends), _RECENT)
                return line, upper, None
            line = self._line(source, destination)
        return line + str(length - udp.HEADER_OCTETS), upper, Rest(len(octets) - at, total + 2 * length)

    def eapol(self, octets: bytes) -> str:
        """The line of an EAPOL PDU. Raises `Malformed`, also for clear key data that is no list of elements."""
        line = self._eapol.get(octets)
        if line is None:
            pdu = decode_eapol(octets)
            if pdu.key is not None and not pdu.key.information & KeyInfo.ENCRYPTED:
                list(read_kdes(pdu.key.key_data))
            line = remember(self._eapol, octets, words.eapol(pdu), _RECENT)
        return line

    def _message(self, datagram: udp.Udp, ends: Ends) -> str:
        """The line of a datagram whose payload is read; what is malformed in it, the full decoder tells."""
        if RELAY_PORT in (datagram.src_port, datagram.dst_port):
            return f"{self.eapol(decode_relay(datagram.payload).pdu)}, relayed"
        protocol = application.protocol_of(datagram)
        if protocol is None:
            return describe(Packet(ends.src, ends.dst, datagram))
        return protocol.describe(protocol.parse(datagram.payload))

    def _line(self, source: int, destination: int) -> str:
        """The line of datagrams of opaque payload, up to the length of that."""
        line = describe(Packet(bytes(16), bytes(16), udp.Udp(source, destination)))
        if not line.endswith("=0"):
            raise Unusual
        return remember(self._ports, (source, destination), line[:-1])

    def icmpv6(self, octets: bytes, walked: Walked) -> tuple[str, Upper]:
        """Line and upper layer of an ICMPv6 message. Raises `Unusual` where the checksum is wrong."""
        if (walked.total + icmpv6.PROTOCOL + len(octets) + words_of(octets)) % 0xFFFF:
            raise Unusual
        message = octets[:2] + octets[4:]
        line = self._messages.get(message)
        if line is None:
            packet = Packet(walked.ends.src, walked.ends.dst, icmpv6.parse(octets))
            line = remember(self._messages, message, describe(packet))
        return line, walked.upper(icmpv6.PROTOCOL, octets[0], octets[1])


def words_of(octets: bytes) -> int:
    """A number that is congruent, modulo 2**16 - 1, to the sum of the 16-bit words of ``octets``."""
    if len(octets) % 2:
        octets += b"\0"
    return int.from_bytes(octets, "big") % 0xFFFF
