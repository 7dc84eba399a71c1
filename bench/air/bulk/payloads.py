"""What a table and an index show of payloads (`Payloads`): one line, and whom a packet is from and for."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from bench.air.bulk.decoder import BulkDecoder
from bench.air.bulk.link import InOrder, Unusual
from bench.air.bulk.packet import Packets, Upper, eapol_line, remember
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
_MPX_PACKET: Final = encode_mpx(Mpx(LOWPAN, b"")).content
_MPX_LOWPAN: Final = _MPX_PACKET[1:]
_HEAD_OCTETS: Final = 2 + len(_MPX_PACKET)
_MPX_HEADS: Final = [
    *(_MPX_PACKET, _MPX_PACKET),  # longer than a payload of 0 or 1 octets, so never equal
    *(struct.pack("<H", 0x8000 | MPX_GROUP << 11 | size) + _MPX_PACKET for size in range(1 << 11)),
]
"""What a payload begins with that is one MPX-IE with a whole packet, by the payload's octets."""
_MPX_KMP: Final = encode_mpx(Mpx(KMP, b"")).content[1:]
_KMP_IDS: Final = frozenset(KmpId)


class Lines:
    """Payloads to lines; ``contexts`` as `frame.decoder.Decoder` takes them."""

    def __init__(self, contexts: Mapping[int, bytes] | None = None) -> None:
        self._packets = Packets(contexts or {})
        self._nested: dict[bytes, Elements] = {}
        self._skips: dict[bytes, int] = {}

    @property
    def learnt(self) -> int:
        """As `Payloads`."""
        return self._packets.learnt

    def begin_anew(self) -> None:
        """As `Payloads`."""
        self._packets.begin_anew()

    def unopened(self, head: Head[Line]) -> Line:
        """As `Payloads`."""
        return _ENCRYPTED

    def read(self, link: Link, head: Head[Line], clear: bytes) -> tuple[Line, bool]:
        """As `Payloads`. What a datagram says, or EAPOL, is hardly ever said again: to remember it would only cost."""
        if not clear:
            return (head.words, None, []), True
        if head.has_ies:
            # Perhaps Wi-SUN elements (of which no word is said), then one MPX-IE with a whole packet: so most payloads
            # are. The head of that MPX-IE holds its length, which is to be what is left: it is compared as a whole.
            start = self._skips.get(clear[:2], 0)
            at = start + _HEAD_OCTETS
            if clear[start:at] == _MPX_HEADS[len(clear) - start]:
                info, upper = self._packets.read_on_hop(clear[at:], link.hop)
                if info and upper[2] == udp.PROTOCOL:  # laid out here: on a busy mesh every second frame is one
                    return (info, upper, None), False
                if info:
                    return (info, upper, []), True
        info, found, nested = self._payload(link, clear, head.has_ies)
        if not info:
            return _told(summary.elements(head.elements + nested), found, found is None)
        return _told(info, found, found is not None and found[2] != udp.PROTOCOL)

    def judged(self, told: Line, freshness: Freshness) -> Line:
        """As `Payloads`: what a receiver would refuse is said in the line."""
        return with_words(told[0], freshness), told[1], None

    def of(self, frame: Frame) -> Line:
        """As `Payloads`."""
        return line_of(frame)

    def again(self, frame: Frame) -> Line | None:
        """As `Payloads`: a frame that the full decoder reads is rare here."""
        return None

    def _payload(self, link: Link, clear: bytes, has_ies: bool) -> tuple[str, Upper | None, Elements]:
        """Line, upper layer and Wi-SUN elements of a payload in clear text."""
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
                self._skips[clear[start - 2 : start]] = at - start + 2
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
            return eapol_line(eapol) if eapol else "", None, nested
        return *self._packets.read_on_hop(lowpan, link.hop), nested


def _told(info: str, upper: Upper | None, again: bool) -> tuple[Line, bool]:
    return (info, upper, [] if again else None), again


def line_decoder(
    link_type: int, keys: KeyTable | None = None, contexts: Mapping[int, bytes] | None = None
) -> BulkDecoder[Line]:
    """A bulk decoder of lines."""
    return BulkDecoder(link_type, Lines(contexts), keys, contexts)
