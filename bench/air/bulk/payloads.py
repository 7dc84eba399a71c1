"""What a table and an index show of payloads (`Payloads`): one line, and whom a packet is from and for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from bench.air.bulk.decoder import BulkDecoder
from bench.air.bulk.link import InOrder, Unusual
from bench.air.bulk.packet import Packets, Rest, Upper, remember
from bench.air.bulk.rows import WHOLE, Elements, Head, Line, Link, line_of
from bench.air.frame import summary
from bench.air.ip import udp
from bench.air.keys.counters import Freshness, with_words
from bench.air.keys.table import KeyTable
from bench.air.mac.ies import MPX_GROUP, PAYLOAD_TERMINATION, WISUN_GROUP
from bench.air.mac.mpx import KMP, LOWPAN, KmpId, Mpx, Transfer, encode_mpx
from bench.air.wisun import frames as wisun

if TYPE_CHECKING:
    from bench.air.frame.decoder import Frame

_ENCRYPTED: Final = ("encrypted", None, None)
_MPX_LOWPAN: Final = encode_mpx(Mpx(LOWPAN, b"")).content[1:]
_MPX_KMP: Final = encode_mpx(Mpx(KMP, b"")).content[1:]
_KMP_IDS: Final = frozenset(KmpId)


class Lines:
    """Payloads to lines; ``contexts`` as `frame.decoder.Decoder` takes them."""

    def __init__(self, contexts: Mapping[int, bytes] | None = None) -> None:
        self._packets = Packets(contexts or {})
        self._nested: dict[bytes, Elements] = {}
        self._met = 0

    @property
    def learnt(self) -> int:
        """As `Payloads`."""
        return self._packets.learnt + self._met

    def begin_anew(self) -> None:
        """As `Payloads`."""
        self._packets.begin_anew()
        self._met = 0

    def unopened(self, head: Head[Line]) -> Line:
        """As `Payloads`."""
        return _ENCRYPTED

    def read(self, link: Link, head: Head[Line], clear: bytes) -> tuple[Line, bool]:
        """As `Payloads`. A whole datagram, or EAPOL PDU, hardly ever comes again on a link: to remember it would only
        cost."""
        if not clear:
            return (head.words, None, []), True
        octets = len(clear)
        size = head.sizes.get(octets)
        # New data behind headers that were there before, all lengths in them included: nothing is walked.
        if size and (met := head.met.get(clear[:size])) and met[0] == octets:
            _, told, total, walked = met
            if walked is not None:
                return _told(*self._packets.icmpv6(clear[size:], walked), again=True)
            if (total + int.from_bytes(clear[size:], "big")) % 0xFFFF:
                raise Unusual
            return told, False
        info, found, nested, rest = self._payload(link, clear, head.has_ies)
        if not info:
            return _told(summary.elements(head.elements + nested), found, again=found is None)
        again = found is not None and found[2] != udp.PROTOCOL
        if rest is None:
            return _told(info, found, again)
        told = info, found, []
        # The checksum sums up words of 16 bits. Half a word more or less multiplies the sum by 256.
        total = rest.total << 8 if rest.octets % 2 else rest.total
        size = head.sizes[octets] = octets - rest.octets
        remember(head.met, clear[:size], (octets, told, total, rest.walked))
        self._met += 1
        return told, again

    def judged(self, told: Line, freshness: Freshness) -> Line:
        """As `Payloads`: what a receiver would refuse is said in the line."""
        return with_words(told[0], freshness), told[1], None

    def of(self, frame: Frame) -> Line:
        """As `Payloads`."""
        return line_of(frame)

    def again(self, frame: Frame) -> Line | None:
        """As `Payloads`: a frame that the full decoder reads is rare here."""
        return None

    def _payload(self, link: Link, clear: bytes, has_ies: bool) -> tuple[str, Upper | None, Elements, Rest | None]:
        """Line, upper layer and Wi-SUN elements of a payload in clear text, and with what it ends behind headers."""
        at, size = 0, len(clear)
        nested: Elements = ()
        lowpan = eapol = b""
        while has_ies and at < size:
            head = clear[at] | clear[at + 1] << 8
            start, at = at + 2, at + 2 + (head & 0x7FF)
            if not head & 0x8000 or at > size:
                raise Unusual
            group = head >> 11 & 0xF
            if group == MPX_GROUP:
                if clear[start] & 7 not in WHOLE:
                    raise InOrder
                if lowpan or eapol or clear[start] & 7 != Transfer.FULL:
                    raise Unusual
                if clear[start + 1 : start + 3] == _MPX_LOWPAN:
                    lowpan = clear[start + 3 : at]
                elif clear[start + 1 : start + 3] == _MPX_KMP and clear[start + 3] in _KMP_IDS:
                    eapol = clear[start + 4 : at]
                else:
                    raise Unusual
            elif group == WISUN_GROUP:
                content = clear[start:at]
                found = self._nested.get(content)
                if found is None:
                    found = remember(self._nested, content, wisun.read_payload_elements(content))
                nested += found
            elif group == PAYLOAD_TERMINATION:
                break
            else:
                raise Unusual
        if at < size:
            if lowpan or eapol or not link.is_data or not clear[at] >> 6:
                raise Unusual
            lowpan = clear[at:]
        if not lowpan:
            return self._packets.eapol(eapol) if eapol else "", None, nested, None
        info, upper, rest = self._packets.read(lowpan, link.ends_met, link.src, link.dst)
        ends_so = clear.endswith(lowpan)  # and no termination stands behind it
        return info, upper, nested, rest if ends_so else None


def _told(info: str, upper: Upper | None, again: bool) -> tuple[Line, bool]:
    return (info, upper, [] if again else None), again


def line_decoder(
    link_type: int, keys: KeyTable | None = None, contexts: Mapping[int, bytes] | None = None
) -> BulkDecoder[Line]:
    """A bulk decoder of lines."""
    return BulkDecoder(link_type, Lines(contexts), keys, contexts)
