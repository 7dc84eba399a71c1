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
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from bench.air import header_ies, summary, wisun
from bench.air.errors import Malformed
from bench.air.fast_link import InOrder, PsduReader, Unusual
from bench.air.fast_packet import MOST, Hop, Packets, Upper, eapol_line, remember
from bench.air.fast_rows import (
    WHOLE,
    Begin,
    Link,
    Pending,
    Row,
    Sender,
    Verified,
    ends_text,
    in_parts,
    row_of,
)
from bench.air.fast_spans import Place
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
from bench.air.mac import FrameType, decode_mac, encode_mac, mic_octets
from bench.air.mpx import KMP, LOWPAN, KmpId, Mpx, Transfer, encode_mpx
from bench.air.wisun import Bt, Element, Lutt, Opaque, Utt, WisunFrameType, header_ie

if TYPE_CHECKING:
    from bench.air.frame import Decoder

_Elements: TypeAlias = "tuple[Element | Opaque, ...]"
_Told: TypeAlias = "tuple[_Elements, str]"
"""Elements and what `summary.elements` says of them."""


@attrs.frozen(slots=True)
class _Form:
    """What a frame control field tells. ``unpack`` gives the sequence number, who sends to whom (addresses, security
    control), the frame counter where there is one, and what follows that decides how the rest is read (key index, first
    IE). ``octets`` are those of the MAC header up to the security header, ``links`` the headers of that form met so
    far."""

    octets: int
    unpack: Callable[[bytes], tuple[Any, ...]]
    numbered: bool
    secured: bool
    has_ies: bool
    links: dict[bytes, Link] = attrs.field(factory=dict)


_UTT_HEAD: Final = 4
_UTT_KINDS: Final = {write_header_ies((header_ie(Utt(kind)),))[:_UTT_HEAD]: kind.name for kind in WisunFrameType}
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
_CLEAR: Final = (0, 0, 0)
_NONCE: Final = struct.Struct(">8sIB").pack
"""Source, frame counter, level (9.3.2.1)."""
_NO_ELEMENTS: Final[_Told] = ((), "")
_NO_KEY: Final = "encrypted"


class BulkDecoder:
    """Packets of one link type to rows, ``keys`` as `suits` wants them.

    ``first`` is the first verified frame of each sender since `begin`, as `newest` the newest. ``copied`` is True once
    a sender's newest frame came again, ``ordered`` False once another counter is met that does not rise, ``named``
    once a secured frame has no EUI-64 of its sender (or senders are more than are kept apart): such rows depend on
    frames long before, ``info`` or all of it, and may differ from the full decoder's. ``slow`` counts the frames that
    went to the full decoder.
    """

    def __init__(
        self, link_type: int, keys: KeyTable | None = None, contexts: Mapping[int, bytes] | None = None
    ) -> None:
        self.first: Verified = {}
        self.ordered = self.named = True
        self.copied = False
        self.slow = 0
        self._link_type = link_type
        self._keys = keys or KeyTable()
        self._read_psdu = PsduReader(link_type).read
        self._forms: dict[bytes, _Form] = {}
        self._elements: dict[bytes, _Told] = {}
        self._endings: dict[bytes, _Told] = {}
        self._nested: dict[bytes, _Elements] = {}
        self._skips: dict[bytes, int] = {}
        self._ciphers: dict[tuple[bytes, int], AESCCM] = {}
        self._senders: dict[tuple[bytes, int | None], Sender] = {}
        self._contexts = contexts
        # A subclass that reads more than a row holds does so in `_header_ies` and `_payload`: it is asked each time.
        self._is_plain = type(self) is BulkDecoder
        self._packets = Packets(contexts or {})

    def begin(self) -> None:
        """Begin a span: nothing is known of the frames before it."""
        self.first = {}
        self.ordered = self.named = True
        self.copied = False
        if self._packets.learnt > MOST:  # each link has memories of its own: together they are to stay bounded, too
            self._forms.clear()
            self._packets.learnt = 0
        for sender in self._senders.values():
            sender.counter = -1

    @property
    def newest(self) -> Verified:
        """The newest verified frame of each sender since `begin`."""
        known = self._senders.values()
        return {(one.src, one.index): (one.counter, one.octets) for one in known if one.counter >= 0}

    def decode(self, number: int, offset: int, time_ns: int, packet: bytes, original: int) -> Row | Pending:
        """The row of one packet as captured (``original`` octets before cutting). Never raises."""
        return next(self.rows(packet, ((number, offset, time_ns, 0, len(packet), original),)))

    def rows(self, buffer: bytes, captured: Iterable[Place]) -> Iterator[Row | Pending]:
        """The rows of captured packets, which stand in ``buffer``. Never raises.

        The usual secured frame takes one unpacking, a look into the memories for who sends, for what stands before the
        payload and for the payload's own headers, and one call of the cipher.
        """
        read_psdu, read_packet, forms = self._read_psdu, self._packets.read_on_hop, self._forms
        endings, skips, is_plain = self._endings, self._skips, self._is_plain
        rising = 0
        for number, offset, time_ns, start, stop, original in captured:
            try:
                if stop - start != original:
                    raise Unusual
                data, end = read_psdu(buffer, start, stop)
                form = forms.get(data[:2]) or self._form(data[:end])
                counter: int | None = None
                if form.secured:
                    seq, who, rising, what = form.unpack(data)
                    counter = rising
                else:
                    seq, who, what = form.unpack(data)
                if not form.numbered:
                    seq = None
                link = form.links.get(who) or self._link(form, who, data[:end])
                kind, index, sender = link.begins.get(what) or self._begin(form, link, what)
                at, until, elements, has_ies = link.start, end - link.tag, _NO_ELEMENTS, False
                if form.has_ies:
                    if data[at : at + 3] == _BT_HEAD:
                        at += _BT_OCTETS
                    if data[at : at + 2] == _HT1:
                        at += 2
                        has_ies = True
                    elif is_plain and at <= until and (ending := endings.get(data[at:until])):
                        elements, at = ending, until
                    else:
                        elements, at, has_ies = self._header_ies(data, at, until)
                if until < at:
                    raise Unusual
                mic, info, upper = "none", "", None
                if not link.level:
                    clear = data[at:until]
                elif sender:
                    nonce = _NONCE(link.nonce, rising, link.level)
                    try:
                        clear = sender.ciphers[link.tag].decrypt(nonce, data[at:end], data[:at])
                    except (InvalidTag, KeyError):
                        clear = self._find_key(sender, nonce, data[at:end], data[:at], link.tag)
                    mic = "ok"
                    if rising > sender.counter >= 0:
                        sender.counter, sender.octets = rising, data
                    else:
                        self._verified(sender, rising, data)
                else:
                    mic, info, clear = "no key", _NO_KEY, b""
                if has_ies and is_plain:
                    # Perhaps Wi-SUN elements (of which no word is said), then one MPX-IE with a whole packet: so most
                    # frames are.
                    at = skips.get(clear[:2], 0)
                    if (
                        clear[at + 3 : at + 5] == _MPX_LOWPAN
                        and clear[at : at + 2] == _MPX_HEADS[len(clear) - at]
                        and not clear[at + 2] & 7
                    ):
                        info, upper = read_packet(clear[at + 5 :], link.hop)
                if clear and not info:
                    info, upper, found = self._payload(link, clear, has_ies)
                    if found and not info:
                        info = summary.elements(elements[0] + found)
                length = len(data) if end != len(data) else end + link.fcs_assumed
                yield (
                    number, offset, time_ns, length, link, kind, seq, mic, link.level, counter, index,
                    info or elements[1], upper,
                )  # fmt: skip
            except InOrder:
                yield Pending(number, offset, time_ns, self._link_type, buffer[start:stop], original)
            except (Unusual, Malformed, IndexError, ValueError, struct.error):
                yield self._fully(number, offset, time_ns, buffer[start:stop], original)

    @cached_property
    def _full(self) -> Decoder:
        from bench.air.frame import Decoder

        return Decoder(self._keys, self._contexts)

    def _fully(self, number: int, offset: int, time_ns: int, packet: bytes, original: int) -> Row | Pending:
        """The row by the full decoder."""
        self.slow += 1
        record = make_record(number, time_ns, self._link_type, packet, original)
        frame = self._full.decode(record)
        if frame.secured and self._keys.candidates(frame.key_index):
            if frame.src is None or len(frame.src) != 8:
                self.named = False
            elif frame.mic == "ok" and frame.frame_counter is not None:
                sender = self._sender(frame.src, frame.key_index)
                self._verified(sender, frame.frame_counter, self._as_captured(packet, record))
        if in_parts(frame):
            return Pending(number, offset, time_ns, self._link_type, packet, original)
        return row_of(frame, offset)

    def _as_captured(self, packet: bytes, record: Record) -> bytes:
        """A frame's octets for the comparison with its copies: FCS included, but where the bulk reader does not know
        the link header, and so reads none of them."""
        try:
            return self._read_psdu(packet, 0, len(packet))[0]
        except (Unusual, IndexError, struct.error):
            return record.data

    def _verified(self, sender: Sender, counter: int, octets: bytes) -> None:
        """Note a verified frame: the first one, one above the newest, a copy of that, or one out of order."""
        if sender.counter < 0:
            self.first[sender.src, sender.index] = (counter, octets)
        if counter > sender.counter:
            sender.counter, sender.octets = counter, octets
        elif (counter, octets) == (sender.counter, sender.octets):
            self.copied = True
        else:
            self.ordered = False

    def _sender(self, src: bytes, index: int | None) -> Sender:
        sender = self._senders.get((src, index))
        if sender is None:
            if len(self._senders) >= MOST:
                self._senders.clear()
                self._forms.clear()
                self.ordered = self.named = False
            sender = self._senders[src, index] = Sender(src, index)
        return sender

    def _form(self, psdu: bytes) -> _Form:
        """What a frame control field says of the octets after it. Learnt from the frame's own encoding."""
        mac = decode_mac(psdu)
        if mac.frame_type not in (FrameType.DATA, FrameType.ACK):
            raise Unusual
        octets = len(encode_mac(attrs.evolve(mac, security=None, header_ies=(), payload_ies=(), payload=b"", mic=b"")))
        numbered, secured, has_ies = mac.sequence is not None, mac.security is not None, bool(mac.header_ies)
        who, what = octets - 2 - numbered + secured, secured + has_ies * _UTT_HEAD
        layout = struct.Struct(f"<2x{'B' if numbered else '0s'}{who}s{'I' if secured else ''}{what}s")
        return remember(self._forms, psdu[:2], _Form(octets, layout.unpack_from, numbered, secured, has_ies))

    def _link(self, form: _Form, who: bytes, psdu: bytes) -> Link:
        mac = decode_mac(psdu)
        security = _CONTROLS.get(who[-1]) if form.secured else _CLEAR
        if security is None:
            raise Unusual
        level, key_octets, tag = security
        link = Link(
            src=mac.src,
            dst=mac.dst,
            pan=mac.src_pan if mac.src_pan is not None else mac.dst_pan,
            ends=ends_text(mac.src, mac.dst),
            kind=FrameType(mac.frame_type).name.lower(),
            is_data=mac.frame_type == FrameType.DATA,
            nonce=mac.src if mac.src and len(mac.src) == 8 else b"",
            fcs_assumed=2 if mac.version < 2 else 4,
            hop=Hop(mac.src, mac.dst),
            level=level,
            tag=tag,
            start=form.octets + key_octets + form.has_ies * _UTT_OCTETS,
            indexed=key_octets > _IMPLICIT_KEY_OCTETS,
        )
        return remember(form.links, who, link)

    def _begin(self, form: _Form, link: Link, what: bytes) -> Begin:
        """What key index and first IE tell: the frame's kind, its key index, and who sends where there is a key."""
        kind, index, sender = link.kind, None, None
        if form.has_ies:
            utt = _UTT_KINDS.get(what[link.indexed :][:_UTT_HEAD])
            if utt is None:
                raise Unusual
            kind = utt
        if link.level:
            index = what[0] if link.indexed else None
            if self._keys.candidates(index):
                if not link.nonce:
                    raise Unusual
                sender = self._sender(link.nonce, index)
        return remember(link.begins, what, (kind, index, sender))

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
            if any(header_ies.read(ie) is not None for ie in ies):  # its words may stand in the line
                raise Unusual
            told = remember(self._elements, data[begin:at], (found, summary.elements(found)))
        if at == stop and last not in _TERMINATIONS:
            remember(self._endings, data[begin:at], told)
        return told, at, last == _HT1

    def verified(self, row: Row, packet: bytes) -> tuple[bytes, bytes, int, bytes]:
        """What `Counters.check` takes of a frame that this decoder read itself and verified last from its sender;
        ``packet`` as captured."""
        link, counter, index = row[4], row[9], row[10]
        assert counter is not None
        psdu, end = self._read_psdu(packet, 0, len(packet))
        return link.nonce, self._senders[link.nonce, index].keys[link.tag], counter, psdu[:end]

    def _find_key(self, sender: Sender, nonce: bytes, sealed: bytes, authenticated: bytes, tag: int) -> bytes:
        """The clear text under the key that verifies; remembered for the sender's next frame. Raises `Unusual` where
        none does: the full decoder says why."""
        for key in self._keys.candidates(sender.index):
            cipher = self._ciphers.get((key, tag)) or remember(self._ciphers, (key, tag), AESCCM(key, tag_length=tag))
            try:
                clear = cipher.decrypt(nonce, sealed, authenticated)
            except InvalidTag:
                continue
            sender.ciphers[tag], sender.keys[tag] = cipher, key
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
        return *self._packet(lowpan, link), nested

    def _packet(self, lowpan: bytes, link: Link) -> tuple[str, Upper]:
        if self._is_plain:
            return self._packets.read_on_hop(lowpan, link.hop)
        return self._packets.read(lowpan, link.hop.ends, link.src, link.dst)


_MPX_HEADS: Final = [b"", b"", *(struct.pack("<H", 0x8000 | MPX_GROUP << 11 | size) for size in range(1 << 11))]
"""Head of the MPX-IE that fills a payload, by the payload's octets."""
_MPX_LOWPAN: Final = encode_mpx(Mpx(LOWPAN, b"")).content[1:]
_MPX_KMP: Final = encode_mpx(Mpx(KMP, b"")).content[1:]
_KMP_IDS: Final = frozenset(KmpId)


def suits(keys: KeyTable | None) -> bool:
    """Whether rows under these keys do not depend on what is learnt from frames before: link keys, nothing to find."""
    return keys is None or keys.fixed
