"""The bulk decoder: the same values as `frame.decoder.Decoder` for what a table or an index shows, many times as fast.

It computes only what is asked (`Payloads`), and remembers what repeats in traffic: the MAC header but its sequence
number (`Link`), information elements (`Head`), and what stood behind them. Everything that is remembered was read once
by the full codec (`mac`, `wisun`, `lowpan`, `ip`, `frame.describe`), so each layer has one definition. What does not
fit the usual forms (`Unusual`) is decoded by the full decoder, frame by frame; what needs the frames before it
(fragments, an acknowledgement without source) comes back as `Pending`, to be decoded in capture order.

Guards: a frame is a slice of its own, FCS and MIC are checked, and no length is trusted that was not compared. Code
stands inline where a call per frame would show in the time that a night's capture takes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from bench.air.bulk.counters import History, Known, Load, SpanCounters
from bench.air.bulk.link import InOrder, PsduReader, Shut, Unusual
from bench.air.bulk.packet import MOST, remember
from bench.air.bulk.rows import Begin, Head, Link, Payloads, Pending, Row, Sender, ends_text, in_parts, row_of
from bench.air.bulk.spans import Place
from bench.air.capture.link import NO_FCS, make_record
from bench.air.frame import summary
from bench.air.frozen import frozen
from bench.air.keys.counters import Freshness
from bench.air.keys.table import KeyTable
from bench.air.mac import header_ies
from bench.air.mac.frame import FrameType, decode_mac, encode_mac, mic_octets
from bench.air.mac.ies import HT1, HT2, WISUN_HEADER_ID, Ie, read_header_ies, write_header_ies
from bench.air.wisun import frames as wisun
from bench.air.wisun.frames import Bt, Lutt, Utt, WisunFrameType, header_ie

if TYPE_CHECKING:
    from bench.air.frame.decoder import Decoder

T = TypeVar("T")


@frozen
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


_READ: Final = (FrameType.DATA, FrameType.ACK)
_COMMAND: Final = FrameType.COMMAND.name.lower()
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


class BulkDecoder(Generic[T]):
    """Packets of one link type to rows, ``keys`` as `suits` wants them; ``payloads`` say what is made of payloads.

    ``counters`` judge the verified frames since `begin`. ``named`` is False once a secured frame has no EUI-64 of its
    sender: such rows depend on frames long before and may differ from the full decoder's. ``slow`` counts the frames
    that went to the full decoder. ``leaves_shut``: whole frames that no key opens do not, and come back as `Pending`.
    """

    def __init__(
        self,
        link_type: int,
        payloads: Payloads[T],
        keys: KeyTable | None = None,
        contexts: Mapping[int, bytes] | None = None,
        *,
        leaves_shut: bool = False,
    ) -> None:
        self.counters = SpanCounters()
        self.named = True
        self.slow = 0
        self._link_type = link_type
        self._payloads = payloads
        self._keys = keys or KeyTable()
        self._contexts = contexts
        self._leaves_shut = leaves_shut
        self._read_psdu = PsduReader(link_type).read
        self._forms: dict[bytes, _Form] = {}
        self._ciphers: dict[tuple[bytes, int], AESCCM] = {}
        self._senders: dict[tuple[bytes, int | None], Sender] = {}
        self._kept = 0

    def begin(self, known: Known | None = None, load: Load | None = None) -> None:
        """Begin a span: nothing is known of the frames before it, or of their counters what is ``known``. ``load``
        reads a frame by the offset of its record; without it no reused counter is told from a repeated frame."""
        self.named = True
        # Each link has memories of its own. Together they are to stay bounded, too, whatever the air brings.
        if self._payloads.learnt + self._kept > MOST or len(self.counters) > MOST:
            self._forms.clear()
            self._senders.clear()
            self.counters.clear()
            self._payloads.begin_anew()
            self._kept = 0
        self.counters.begin(known or {}, load)

    def decode(self, number: int, offset: int, time_ns: int, packet: bytes, original: int) -> Row[T] | Pending:
        """The row of one packet as captured (``original`` octets before cutting). Never raises."""
        return next(self.rows(packet, ((number, offset, time_ns, 0, len(packet), original),)))

    def rows(self, buffer: bytes, captured: Iterable[Place]) -> Iterator[Row[T] | Pending]:
        """The rows of captured packets, which stand in ``buffer``. Never raises.

        The usual frame takes one unpacking, a look into the memories for who sends, for the elements before the payload
        and for the payload, and one call of the cipher where it is secured.
        """
        # Names of this function cost half of what attributes cost, and this loop is most of what a capture costs.
        read_psdu, read_payload, forms = self._read_psdu, self._payloads.read, self._forms
        bare = self._link_type == NO_FCS
        judged, unopened, fresh = self._payloads.judged, self._payloads.unopened, Freshness.FRESH
        for number, offset, time_ns, start, stop, original in captured:
            said: Freshness | None = None
            reading: Head[T] | None = None
            clear = b""
            try:
                if stop - start != original:
                    raise Unusual
                if bare:
                    data, end = buffer[start:stop], original
                else:
                    data, end = read_psdu(buffer, start, stop)
                # `or`, not a default: a record is never false, and what is not there is learnt and remembered.
                form = forms.get(data[:2]) or self._form(data[:end])
                counter: int | None = None
                key: int | None = None
                if form.secured:
                    seq, who, rising, what = form.unpack(data)
                    counter = rising
                else:
                    seq, who, what = form.unpack(data)
                if not form.numbered:
                    seq = None
                link = form.links.get(who) or self._link(form, who, data[:end])
                begin: Begin[T] = link.begins.get(what) or self._begin(form, link, what)
                at, until = link.start, end - link.tag
                if form.has_ies:
                    # A broadcast schedule's slot and offset differ in every frame, so its IE is no part of what is
                    # looked up behind it.
                    if data[at : at + 3] == _BT_HEAD:
                        at += _BT_OCTETS
                    # How long the elements are is told nowhere but in them: as long as the last ones, is the guess. A
                    # termination stands at the end of what is found so, hence the same octets are the same elements.
                    # Without one they go on to the MIC, and only all of them are the same.
                    size = begin.size
                    head = begin.heads.get(data[at : at + size]) if size else begin.endings.get(data[at:until])
                    if head is None:
                        head = self._head(begin, data, at, until)
                    at += head.octets
                else:
                    head = begin.endings.get(b"") or self._head(begin, data, at, at)
                if until < at:  # what was compared reaches into the MIC
                    raise Unusual
                sender = begin.sender
                if not link.level:
                    mic, clear = "none", data[at:until]
                elif sender is not None:
                    nonce = _NONCE(link.nonce, rising, link.level)
                    try:
                        decrypt, history, key = sender.opens[link.tag]
                        clear = decrypt(nonce, data[at:end], data[:at])
                    except (InvalidTag, KeyError):
                        clear, history, key = self._find_key(sender, nonce, data[at:end], data[:at], link.tag)
                    mic = "ok"
                    if rising > history.newest:
                        history.newest = rising
                        history.heard[rising] = offset
                        said = fresh
                    else:
                        said = history.check(rising, offset)
                else:
                    mic = "no key"
                remembered = head.told.get(clear)
                if remembered is not None:
                    told = remembered
                else:
                    if not (clear or link.is_data) and link.kind == _COMMAND:
                        raise Unusual  # without its identifier
                    reading = head
                    told, again = (unopened(head), True) if mic == "no key" else read_payload(link, head, clear)
                    if again:
                        self._kept += 1
                        head.told[clear] = told
                if said is not fresh and said is not None:
                    told = judged(told, said)
                length = len(data)
                if end == length:
                    length += link.fcs_assumed
                yield (
                    number, offset, time_ns, length, link, begin.kind, seq, mic, link.level, counter, begin.index,
                    key, told, said,
                )  # fmt: skip
            except InOrder:
                yield Pending(number, offset, time_ns, self._link_type, buffer[start:stop], original, said)
            except Exception as error:  # not of the usual forms; or a bug, which the full decoder then tells
                pending = Pending(number, offset, time_ns, self._link_type, buffer[start:stop], original, said)
                if self._leaves_shut and isinstance(error, Shut):
                    yield pending._replace(shut=True)
                else:
                    yield self._fully(pending, reading, clear)

    @cached_property
    def _full(self) -> Decoder:
        from bench.air.frame.decoder import Decoder

        return Decoder(self._keys, self._contexts, self.counters)

    def _fully(self, pending: Pending, reading: Head[T] | None, clear: bytes) -> Row[T] | Pending:
        """The row by the full decoder; remembered for the next ``clear`` payload, if ``reading`` that was the trouble.

        A frame that was verified before its payload turned out unusual is judged once, not twice: it would be a copy of
        itself."""
        self.slow += 1
        self.counters.offset, self.counters.said = pending.offset, pending.freshness
        packet, original = pending.packet, pending.original
        frame = self._full.decode(make_record(pending.number, pending.time_ns, self._link_type, packet, original))
        # Where only the head of a damaged frame could be read, nobody asks whose nonce it had.
        headed = frame.mac is None or (frame.mac.broken and frame.mic == "none")
        tried = frame.secured and not headed and self._keys.candidates(frame.key_index)
        if tried and (frame.src is None or len(frame.src) != 8):
            self.named = False
        if frame.bug or in_parts(frame):  # a bug is told by whoever collects
            return pending._replace(freshness=frame.freshness)
        if reading is not None and (told := self._payloads.again(frame)) is not None:
            self._kept += 1
            reading.told[clear] = told
        return row_of(frame, pending.offset, self._payloads.of(frame))

    def _sender(self, src: bytes, index: int | None) -> Sender:
        sender = self._senders.get((src, index))
        if sender is None:
            if len(self._senders) >= MOST:
                self._senders.clear()
                self._forms.clear()
            sender = self._senders[src, index] = Sender(src, index)
        return sender

    def _form(self, psdu: bytes) -> _Form:
        """What a frame control field says of the octets after it. Learnt from the frame's own encoding."""
        mac = decode_mac(psdu)
        plain = mac.version == 2 and not mac.header_ies  # before version 2 a command's first octet is never encrypted
        if mac.frame_type not in _READ and not (mac.frame_type == FrameType.COMMAND and plain):
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
            asks=mac.ack_request,
            nonce=mac.src if mac.src and len(mac.src) == 8 else b"",
            fcs_assumed=2 if mac.version < 2 else 4,
            level=level,
            tag=tag,
            start=form.octets + key_octets + form.has_ies * _UTT_OCTETS,
            indexed=key_octets > _IMPLICIT_KEY_OCTETS,
        )
        return remember(form.links, who, link)

    def _begin(self, form: _Form, link: Link, what: bytes) -> Begin[T]:
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
        return remember(link.begins, what, Begin(kind, index, sender))

    def _head(self, begin: Begin[T], data: bytes, start: int, stop: int) -> Head[T]:
        """The elements after the timing ones, up to a termination or to ``stop``."""
        at, last = start, b""
        while at < stop and last not in _TERMINATIONS:
            last = data[at : at + 2]
            at += 2 + (last[0] & 0x7F)
        ended = last in _TERMINATIONS
        begin.size = at - start if ended else 0
        memory = begin.heads if ended else begin.endings
        head = memory.get(data[start:at])
        if head is None:
            self._kept += 1
            head = remember(memory, data[start:at], _read_head(data[:stop], start, at, last == _HT1))
        return head

    def _find_key(
        self, sender: Sender, nonce: bytes, sealed: bytes, authenticated: bytes, tag: int
    ) -> tuple[bytes, History, int]:
        """The clear text under the key that verifies, the counters under that, and its place; remembered for the
        sender's next frame. Raises `Shut` where none does: the full decoder says why."""
        for place, key in enumerate(self._keys.candidates(sender.index)):
            cipher = self._ciphers.get((key, tag)) or remember(self._ciphers, (key, tag), AESCCM(key, tag_length=tag))
            try:
                clear = cipher.decrypt(nonce, sealed, authenticated)
            except InvalidTag:
                continue
            history = self.counters.of(sender.src, key)
            sender.opens[tag] = cipher.decrypt, history, place
            return clear, history, place
        raise Shut


def _read_head(data: bytes, start: int, stop: int, has_ies: bool) -> Head[Any]:
    """The elements that stand in ``data`` from ``start`` on and are to end at ``stop``."""
    if start == stop:
        return Head((), "", 0, False)
    ies, end = read_header_ies(data, start, len(data))
    found = tuple(wisun.read_header_element(ie) for ie in ies if ie.id == WISUN_HEADER_ID)
    if end != stop or any(isinstance(element, (Utt, Lutt)) for element in found):
        raise Unusual
    if any(header_ies.read(ie) is not None for ie in ies):  # its words may stand in the line
        raise Unusual
    return Head(found, summary.elements(found), stop - start, has_ies)


def suits(keys: KeyTable | None) -> bool:
    """Whether rows under these keys do not depend on what is learnt from frames before: link keys, nothing to find."""
    return keys is None or keys.fixed
