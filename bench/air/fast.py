"""The bulk decoder: the same values as `frame.Decoder` for what a table or an index shows, many times as fast.

It computes only what such a row holds, and remembers what repeats in traffic: the MAC header but its sequence number
(`Link`), compressed IPv6 headers, information elements, ICMPv6 messages. Everything that is remembered was read once by
the full codec (`mac`, `ies`, `wisun`, `iphc`, `ipv6`, `describe`), so each layer has one definition. What does not fit
the usual forms (`Unusual`) is decoded by the full decoder, frame by frame; what needs the frames before it (fragments,
an acknowledgement without source) comes back as `Pending`, to be decoded in capture order.

Guards: a frame is a slice of its own, FCS and MIC are checked, and no length is trusted that was not compared. Code
stands inline where a call per frame would show in the time that a night's capture takes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from bench.air import columns, ipv6, summary, wisun
from bench.air.eapol import decode_eapol
from bench.air.errors import Malformed
from bench.air.fast_link import PsduReader, Unusual
from bench.air.fast_packet import Ends, Packets, Upper, remember
from bench.air.frame import Decoder, Frame
from bench.air.icmpv6 import PROTOCOL as ICMPV6
from bench.air.ies import (
    HT1,
    HT2,
    MPX_GROUP,
    PAYLOAD_TERMINATION,
    WISUN_GROUP,
    WISUN_HEADER_ID,
    Ie,
    read_header_ies,
    write_header_ies,
)
from bench.air.keys import KeyTable
from bench.air.link import Record, make_record
from bench.air.mac import FrameType, decode_mac, encode_mac, format_address, mic_octets
from bench.air.mpx import KMP, LOWPAN, Mpx, Transfer, encode_mpx
from bench.air.udp import Udp
from bench.air.wisun import Bt, Element, Lutt, Opaque, Utt, WisunFrameType, header_ie

Verified: TypeAlias = "dict[tuple[bytes, int | None], tuple[int, bytes]]"
"""Frame counter and octets of a verified frame, by its sender and key index."""
_Elements: TypeAlias = "tuple[Element | Opaque, ...]"
_Told: TypeAlias = "tuple[_Elements, str]"
"""Elements and what `summary.elements` says of them."""


@attrs.define(slots=True, eq=False)
class Link:
    """A MAC header without its sequence number, read once. Addresses as in `Frame`; ``ends`` is for the table."""

    src: bytes | None
    dst: bytes | None
    pan: int | None
    ends: str
    kind: str = "damaged"
    is_data: bool = False
    nonce: bytes = b""
    """The source where it is an EUI-64, as the nonce needs it."""
    fcs_assumed: int = 4
    ciphers: dict[int, AESCCM] = attrs.field(factory=dict)
    """The key that verified this sender's last frame, by MIC octets: tried first."""
    packets: dict[bytes, Ends] = attrs.field(factory=dict)
    """What compressed IPv6 headers mean on this hop."""
    packed: bytes = b""
    """For an index to keep what it makes of this."""


@attrs.frozen(slots=True)
class _Form:
    """What a frame control field tells: octets of the MAC header, ``unpack`` for sequence number, the header's rest and
    the security header, and the headers of that form met so far."""

    octets: int
    unpack: Callable[[bytes], tuple[Any, ...]]
    numbered: bool
    secured: bool
    has_ies: bool
    links: dict[bytes, Link] = attrs.field(factory=dict)


Row: TypeAlias = "tuple[int, int, int, int, Link, str, int | None, str, int, int | None, int | None, str, Upper | None]"
"""What a table or an index says of a frame: number, offset of its record in the capture, time (ns), length (octets),
link, kind, sequence number, mic, security level (0: none), frame counter, key index, info, upper layer. The values are
those of `Frame`. A plain tuple, because making a record for each frame would cost as much as reading its header."""


class Pending(NamedTuple):
    """A captured packet to be decoded in capture order (`record_of`): a fragment."""

    number: int
    offset: int
    time_ns: int
    link_type: int
    packet: bytes
    original: int


class _InOrder(Exception):
    """Depends on frames before this one."""


_UTT_KINDS: Final = {write_header_ies((header_ie(Utt(kind)),))[:4]: kind.name for kind in WisunFrameType}
"""First octets of a UTT-IE (head, sub-ID, frame type) and the kind of frame that they tell."""
_UTT_OCTETS: Final = len(write_header_ies((header_ie(Utt(0)),)))
_BT_HEAD: Final = write_header_ies((header_ie(Bt(0, 0)),))[:3]
_BT_OCTETS: Final = len(write_header_ies((header_ie(Bt(0, 0)),)))
_HT1: Final = write_header_ies((Ie(HT1),))
_TERMINATIONS: Final = (_HT1, write_header_ies((Ie(HT2),)))
_IMPLICIT_KEY_OCTETS: Final = 5
_CONTROLS: Final = {
    level | mode << 3: (level, _IMPLICIT_KEY_OCTETS + mode, mic_octets(level)) for level in (5, 6, 7) for mode in (0, 1)
}
"""Security control octets that are opened here (encryption with a MIC, frame counter there, key id mode 0 or 1): level,
octets of the security header, octets of the MIC."""
_NO_ELEMENTS: Final[_Told] = ((), "")
_NO_KEY: Final = "encrypted"


class BulkDecoder:
    """Packets of one link type to rows, ``keys`` as `suits` wants them.

    ``first`` and ``newest`` are the first and the newest verified frame of each sender since `begin`. ``ordered`` is
    False once a counter is met that does not rise, ``named`` once a secured frame has no EUI-64 of its sender: such
    rows depend on frames long before, ``info`` or all of it, and may differ from the full decoder's. ``slow`` counts
    the frames that went to the full decoder.
    """

    def __init__(
        self, link_type: int, keys: KeyTable | None = None, contexts: Mapping[int, bytes] | None = None
    ) -> None:
        self.first: Verified = {}
        self.newest: Verified = {}
        self.ordered = self.named = True
        self.slow = 0
        self._link_type = link_type
        self._keys = keys or KeyTable()
        self._full = Decoder(self._keys, contexts)
        self._read_psdu = PsduReader(link_type).read
        self._forms: dict[bytes, _Form] = {}
        self._elements: dict[bytes, _Told] = {}
        self._nested: dict[bytes, _Elements] = {}
        self._ciphers: dict[tuple[bytes, int], AESCCM] = {}
        self._packets = Packets(contexts or {})

    def begin(self) -> None:
        """Begin a span: nothing is known of the frames before it."""
        self.first, self.newest = {}, {}
        self.ordered = self.named = True

    def decode(self, number: int, offset: int, time_ns: int, packet: bytes, original: int) -> Row | Pending:
        """The row of one packet as captured (``original`` octets before cutting). Never raises."""
        try:
            return self._decode(number, offset, time_ns, packet, original)
        except _InOrder:
            return Pending(number, offset, time_ns, self._link_type, packet, original)
        except (Unusual, Malformed, IndexError, ValueError, struct.error):
            self.slow += 1
            record = make_record(number, time_ns, self._link_type, packet, original)
            frame = self._full.decode(record)
            if summary.IPV6_FRAGMENT in frame.layers:
                return Pending(number, offset, time_ns, self._link_type, packet, original)
            if frame.secured and self._keys.candidates(frame.key_index):
                if frame.src is None or len(frame.src) != 8:
                    self.named = False
                elif frame.mic == "ok" and frame.frame_counter is not None:
                    self._verified((frame.src, frame.key_index), frame.frame_counter, record.data)
            return row_of(frame, offset)

    def _verified(self, sender: tuple[bytes, int | None], counter: int, octets: bytes) -> None:
        """Note a frame whose counter does not simply rise: the first one, a copy, or one that `Counters` must judge."""
        newest = self.newest.get(sender)
        if newest is None:
            self.first[sender] = self.newest[sender] = (counter, octets)
        elif counter > newest[0]:
            self.newest[sender] = (counter, octets)
        elif newest != (counter, octets):
            self.ordered = False

    def _decode(self, number: int, offset: int, time_ns: int, packet: bytes, original: int) -> Row:
        if len(packet) != original:
            raise Unusual
        data, end = self._read_psdu(packet)
        form = self._forms.get(data[:2]) or self._form(data[:end])
        level, index = 0, None
        counter: int | None = None
        rising = 0
        mic, info, upper = "none", "", None
        start, stop = form.octets, end
        if form.secured:
            seq, rest, control, rising, index = form.unpack(data)
            counter = rising
            security = _CONTROLS.get(control)
            if security is None:
                raise Unusual
            level, octets, tag = security
            start += octets
            stop -= tag
            if octets == _IMPLICIT_KEY_OCTETS:
                index = None
        else:
            seq, rest = form.unpack(data)
        if not form.numbered:
            seq = None
        link = form.links.get(rest) or self._link(form, rest, data[:end])
        kind, has_payload_ies, elements = link.kind, False, _NO_ELEMENTS
        if form.has_ies:
            utt = _UTT_KINDS.get(data[start : start + 4])
            if utt is None:
                raise Unusual
            kind = utt
            start += _UTT_OCTETS
            if data[start : start + 3] == _BT_HEAD:
                start += _BT_OCTETS
            if data[start : start + 2] == _HT1:
                has_payload_ies = True
                start += 2
            else:
                elements, start, has_payload_ies = self._header_ies(data, start, stop)
        if stop < start:
            raise Unusual
        if not level:
            clear = data[start:stop]
        elif self._keys.candidates(index):
            if not link.nonce:
                raise Unusual
            # The frame counter stands after the control octet, little-endian; the nonce takes it big-endian (9.3.2.1).
            at = form.octets
            nonce = b"%b%b%c" % (link.nonce, data[at + 4 : at : -1], level)
            cipher = link.ciphers.get(tag << 8 | (index or 0))
            mic = "ok"
            try:
                if cipher is None:
                    raise InvalidTag
                clear = cipher.decrypt(nonce, data[start:end], data[:start])
            except InvalidTag:
                clear = self._find_key(link, nonce, data[start:end], data[:start], tag, index)
            sender = (link.nonce, index)
            newest = self.newest.get(sender)
            if newest is None or rising <= newest[0]:
                self._verified(sender, rising, data[:end])
            else:
                self.newest[sender] = (rising, data[:end])
        else:
            mic, info, clear = "no key", _NO_KEY, b""
        if clear:
            info, upper, nested = self._payload(link, clear, has_payload_ies)
            if nested:
                elements = elements[0] + nested, summary.elements(elements[0] + nested)
        length = len(data) if end != len(data) else end + link.fcs_assumed
        return (
            number, offset, time_ns, length, link, kind, seq, mic, level, counter, index, info or elements[1], upper
        )  # fmt: skip

    def _form(self, psdu: bytes) -> _Form:
        """What a frame control field says of the octets after it. Learnt from the frame's own encoding."""
        mac = decode_mac(psdu)
        if mac.frame_type not in (FrameType.DATA, FrameType.ACK):
            raise Unusual
        octets = len(encode_mac(attrs.evolve(mac, security=None, header_ies=(), payload_ies=(), payload=b"", mic=b"")))
        numbered, secured = mac.sequence is not None, mac.security is not None
        layout = f"<2x{'B' if numbered else '0s'}{octets - 2 - numbered}s{'BIB' if secured else ''}"
        form = _Form(octets, struct.Struct(layout).unpack_from, numbered, secured, bool(mac.header_ies))
        return remember(self._forms, psdu[:2], form)

    def _link(self, form: _Form, rest: bytes, psdu: bytes) -> Link:
        mac = decode_mac(psdu)
        link = Link(
            src=mac.src,
            dst=mac.dst,
            pan=mac.src_pan if mac.src_pan is not None else mac.dst_pan,
            ends=_ends_text(mac.src, mac.dst),
            kind=FrameType(mac.frame_type).name.lower(),
            is_data=mac.frame_type == FrameType.DATA,
            nonce=mac.src if mac.src and len(mac.src) == 8 else b"",
            fcs_assumed=2 if mac.version < 2 else 4,
        )
        return remember(form.links, rest, link)

    def _header_ies(self, data: bytes, begin: int, stop: int) -> tuple[_Told, int, bool]:
        """Elements after the timing ones and their words, where they end, and whether payload IEs follow (HT1)."""
        at, last = begin, b""
        while at < stop and last not in _TERMINATIONS:
            last = data[at : at + 2]
            at += 2 + (last[0] & 0x7F)
        told = self._elements.get(data[begin:at])
        if told is None:
            ies, end = read_header_ies(data[:stop], begin, stop)
            found = tuple(wisun.read_header_element(ie) for ie in ies if ie.id == WISUN_HEADER_ID)
            if end != at or any(isinstance(element, (Utt, Lutt)) for element in found):
                raise Unusual
            told = remember(self._elements, data[begin:at], (found, summary.elements(found)))
        return told, at, last == _HT1

    def _find_key(
        self, link: Link, nonce: bytes, sealed: bytes, authenticated: bytes, tag: int, index: int | None
    ) -> bytes:
        """The clear text under the key that verifies; remembered for the next frame of this sender. Raises `Unusual`
        where none does: the full decoder says why."""
        for key in self._keys.candidates(index):
            cipher = self._ciphers.get((key, tag)) or remember(self._ciphers, (key, tag), AESCCM(key, tag_length=tag))
            try:
                clear = cipher.decrypt(nonce, sealed, authenticated)
            except InvalidTag:
                continue
            link.ciphers[tag << 8 | (index or 0)] = cipher
            return clear
        raise Unusual

    def _payload(self, link: Link, clear: bytes, has_ies: bool) -> tuple[str, Upper | None, _Elements]:
        """Line, upper layer and Wi-SUN elements of a payload in clear text."""
        at, size = 0, len(clear)
        nested: _Elements = ()
        lowpan = eapol = b""
        while has_ies and at < size:
            head = clear[at] | clear[at + 1] << 8
            start, at = at + 2, at + 2 + (head & 0x7FF)
            if not head & 0x8000 or at > size:
                raise Unusual
            group = head >> 11 & 0xF
            if group == MPX_GROUP:
                if clear[start] & 7 not in _WHOLE:
                    raise _InOrder
                if lowpan or eapol or clear[start] & 7 != Transfer.FULL:
                    raise Unusual
                if clear[start + 1 : start + 3] == _MPX_LOWPAN:
                    lowpan = clear[start + 3 : at]
                elif clear[start + 1 : start + 3] == _MPX_KMP:
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
            return summary.eapol(decode_eapol(eapol)) if eapol else "", None, nested
        if lowpan[0] >> 3 in _FRAGMENTS or lowpan[0] >> 6 == _MESH:
            raise _InOrder
        return *self._packets.read(lowpan, link.packets, link.src, link.dst), nested


_WHOLE: Final = (Transfer.FULL, Transfer.FULL_COMPRESSED)
_MPX_LOWPAN: Final = encode_mpx(Mpx(LOWPAN, b"")).content[1:]
_MPX_KMP: Final = encode_mpx(Mpx(KMP, b"")).content[1:]
_FRAGMENTS: Final = (0b11000, 0b11100)
_MESH: Final = 0b10


def _ends_text(src: bytes | None, dst: bytes | None) -> str:
    return columns.ends(format_address(src), format_address(dst))


def suits(keys: KeyTable | None) -> bool:
    """Whether rows under these keys do not depend on what is learnt from frames before: link keys, nothing to find."""
    return keys is None or keys.fixed


def follows(one: Verified, other: Verified) -> bool:
    """Whether the counters of ``other`` (`BulkDecoder.first` of a span) rise above those before (``newest``)."""
    return all(frame[0] > one[sender][0] or frame == one[sender] for sender, frame in other.items() if sender in one)


def record_of(pending: Pending) -> Record:
    """The record that the full decoder takes."""
    return make_record(pending.number, pending.time_ns, pending.link_type, pending.packet, pending.original)


def row_of(frame: Frame, offset: int) -> Row:
    """The row of a fully decoded frame."""
    security = frame.mac.security if frame.mac else None
    link = Link(frame.src, frame.dst, frame.pan, _ends_text(frame.src, frame.dst))
    return (
        frame.number,
        offset,
        frame.time_ns,
        frame.length_octets,
        link,
        frame.kind,
        frame.seq,
        frame.mic,
        security.level if security else 0,
        frame.frame_counter,
        frame.key_index,
        frame.info,
        _upper(frame),
    )


def _upper(frame: Frame) -> Upper | None:
    if frame.packet is None:
        return None
    inner = ipv6.innermost(frame.packet)
    a = b = 0
    if isinstance(inner.upper, Udp):
        a, b = inner.upper.src_port, inner.upper.dst_port
    elif inner.next_header == ICMPV6:
        a, b = inner.payload[0], inner.payload[1]
    return inner.src, inner.final_dst, inner.next_header, a, b
