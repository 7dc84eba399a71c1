"""Sightings of a capture file on all cores: the bulk decoder's headers, and of a payload only what measurands ask.

Of a UDP datagram a sighting needs a checksum, an identity and the addresses ahead, which are read here straight from
the compressed octets, and of ICMPv6 the message besides; of any other payload what the full decoder's frame says,
remembered for the same octets again. Files are cut as for the column index (`pipeline`), and what depends on frames
long before (fragments) is read in capture order by the process that collects. Both ways give the same sightings.
"""

from __future__ import annotations

import marshal
import math
import struct
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from bench.air.bulk.decoder import suits
from bench.air.bulk.link import Unusual
from bench.air.bulk.packet import Headers, read_udp, remember, words_of
from bench.air.bulk.pipeline import Pipeline
from bench.air.bulk.rows import Head, InTurn, Link, Pending
from bench.air.bulk.rows import Row as BulkRow
from bench.air.bulk.spans import Place, form_of
from bench.air.capture.link import TAP, Record, Tlv
from bench.air.frame.decoder import Frame
from bench.air.ip import icmpv6, udp
from bench.air.ip.dhcpv6 import CLIENT_PORT, SERVER_PORT
from bench.air.keys.counters import Freshness
from bench.air.keys.table import KeyTable
from bench.air.mac.ies import MPX_GROUP, WISUN_GROUP
from bench.air.mac.mpx import LOWPAN, Mpx, Transfer, encode_mpx
from bench.air.wisun import frames as wisun
from bench.measurands.air.sightings.digest import Collector
from bench.measurands.air.sightings.reading import NOTICES, Reader, air_of, identity, is_damaged, message_of, plan_of
from bench.measurands.air.sightings.sighting import Datagram, PanNotice
from bench.measurands.air.sightings.spool import Row, at_time, pack, pack_content
from bench.measurands.air.sightings.stamps import start_of

_LEASES: Final = frozenset((CLIENT_PORT, SERVER_PORT))
_ECHOES: Final = frozenset((icmpv6.EchoRequest.TYPE, icmpv6.EchoReply.TYPE))
"""A time may be in these, which is read beside the frame's own."""
_PORTS: Final = struct.Struct(">HHH").pack
_MPX: Final = encode_mpx(Mpx(LOWPAN, b"")).content[1:]
_MPX_HEAD: Final = 0x10 | MPX_GROUP
"""Payload IE (IEEE 802.15.4-2015 7.4.3.1): type bit and group."""
_WISUN_HEAD: Final = 0x10 | WISUN_GROUP
_NOTICE: Final = pack_content(PanNotice(None, None))

_Plan = tuple[int, int] | None


class Said(NamedTuple):
    """What a frame's elements and payload say, as `Sighting` has it; ``content`` packed. ``whole`` is the packed
    sighting where the full decoder read the frame, and nothing else counts."""

    plan: _Plan = None
    body: int | None = 0
    rsl_dbm: int | None = None
    content: Row | None = None
    whole: Row | None = None


class Contents:
    """Payloads to what sightings say of them (`rows.Payloads`); ``contexts`` as `Decoder` takes them."""

    def __init__(self, contexts: Mapping[int, bytes] | None = None) -> None:
        self._headers = Headers(contexts or {})
        self._plans: dict[bytes, tuple[bool, _Plan]] = {}
        self._reader = Reader()

    @property
    def learnt(self) -> int:
        """As `Payloads`."""
        return self._headers.learnt

    def begin_anew(self) -> None:
        """As `Payloads`."""
        self._headers.learnt = 0

    def unopened(self, head: Head[Said]) -> Said:
        """As `Payloads`."""
        return Said(body=None, rsl_dbm=_level(head))

    def read(self, link: Link, head: Head[Said], clear: bytes) -> tuple[Said, bool]:
        """As `Payloads`: a datagram over UDP or ICMPv6, or no payload."""
        rsl = _level(head)
        if not clear:
            return Said(rsl_dbm=rsl), True
        if head.has_ies:
            lowpan, body, plan = self._elements_of(clear)
        else:
            lowpan, body, plan = clear, zlib.crc32(clear), None
            if not link.is_data or not clear[0] >> 6:
                raise Unusual
        content, again = self._datagram(lowpan, link)
        return Said(plan, body, rsl, content), again

    def judged(self, told: Said, freshness: Freshness) -> Said:
        """As `Payloads`: a sighting says nothing of it."""
        return told

    def of(self, frame: Frame) -> Said:
        """As `Payloads`."""
        return Said(whole=pack(self._reader.read(frame)))

    def again(self, frame: Frame) -> Said | None:
        """As `Payloads`: what a mesh says again and again, and `read` does not (PAN notices)."""
        if is_damaged(frame):
            return None
        sighting = self._reader.read(frame)
        content = sighting.content
        if not (content is None or isinstance(content, PanNotice)):
            return None
        rsl = frame.ie(wisun.Rsl)
        packed = None if content is None else pack_content(content)
        return Said(sighting.plan, sighting.body, None if rsl is None else rsl.dbm, packed)

    def _datagram(self, lowpan: bytes, link: Link) -> tuple[Row, bool]:
        """The packed datagram, and whether the same octets are likely to come again."""
        walked = self._headers.walk(lowpan, link.ends_met, link.src, link.dst)
        src, dst = walked.ends.src, walked.final
        if walked.protocol == icmpv6.PROTOCOL:
            octets = lowpan[walked.at :]
            wrong = (walked.total + icmpv6.PROTOCOL + len(octets) + words_of(octets)) % 0xFFFF
            if wrong or octets[0] in _ECHOES:
                raise Unusual
            message = message_of(src, icmpv6.parse(octets), 0)
            same = identity(src, dst, icmpv6.PROTOCOL, octets)
            return pack_content(Datagram(src, dst, walked.ahead, 0, 0, message, same)), True
        if walked.protocol is not None:
            raise Unusual
        head = read_udp(lowpan, walked)
        if head.source in _LEASES or head.destination in _LEASES:
            raise Unusual
        ports = _PORTS(head.source, head.destination, head.length)
        same = identity(src, dst, udp.PROTOCOL, ports + lowpan[head.at :])
        return pack_content(Datagram(src, dst, walked.ahead, 0, 0, None, same)), False

    def _elements_of(self, clear: bytes) -> tuple[bytes, int, _Plan]:
        """Of payload IEs: one whole MPX-IE's 6LoWPAN payload, the checksum, the channel plan of Wi-SUN's nested ones
        before it. Raises `Unusual` for others."""
        at, check = 0, 0
        plans: list[_Plan] = []
        while at < len(clear):
            head = clear[at] | clear[at + 1] << 8
            content = clear[at + 2 : at + 2 + (head & 0x7FF)]
            at += 2 + (head & 0x7FF)
            check = zlib.crc32(content, check)
            if head >> 11 == _MPX_HEAD:
                if at != len(clear) or content[0] & 7 != Transfer.FULL or content[1:3] != _MPX:
                    break
                return content[3:], check, plans[0] if plans else None
            if head >> 11 != _WISUN_HEAD:
                break
            known = self._plans.get(content)
            if known is None:
                known = remember(self._plans, content, _plan_in(content))
            if known[0]:
                if plans:
                    break
                plans.append(known[1])
        raise Unusual


def _level(head: Head[Said]) -> int | None:
    """The level that an acknowledgement tells (dBm). Raises `Unusual` for a channel plan before the payload."""
    if any(isinstance(element, wisun.Us) for element in head.elements):
        raise Unusual
    return next((element.dbm for element in head.elements if isinstance(element, wisun.Rsl)), None)


def _plan_in(content: bytes) -> tuple[bool, _Plan]:
    """Whether nested IEs hold a unicast schedule, and the channel plan that it names."""
    found = [element for element in wisun.read_payload_elements(content) if isinstance(element, wisun.Us)]
    return bool(found), plan_of(found[0]) if found else None


class _Layout(NamedTuple):
    """TLVs of a TAP header: their heads, and where level, start and end stand among its values."""

    heads: Callable[[bytes], tuple[Any, ...]]
    known: tuple[bytes, ...]
    values: Callable[[bytes], tuple[Any, ...]]
    places: tuple[int, int, int]


_NOTHING: Final = -1
"""The last of the values, which is always None."""
_READ: Final = {Tlv.RSS: "f", Tlv.START_OF_FRAME: "Q", Tlv.END_OF_FRAME: "Q"}


class _Stamps:
    """Level (dBm) and times (ns) in the TAP headers of a capture. Which TLVs a header has is learnt once by its length
    and compared each time."""

    def __init__(self) -> None:
        self._layouts: dict[int, _Layout] = {}

    def read(self, packet: bytes) -> tuple[float | None, int | None, int | None]:
        """RSS, start and end of frame; None where the header has none. ``packet`` has been read as a whole one."""
        length = packet[2] | packet[3] << 8
        layout = self._layouts.get(length)
        if layout is None or layout.heads(packet) != layout.known:
            layout = self._layouts[length] = _layout(packet, length)
        values = (*layout.values(packet), None)
        rss, start, end = layout.places
        level = values[rss]
        return (level if level is None or math.isfinite(level) else None), values[start], values[end]


def _layout(packet: bytes, length: int) -> _Layout:
    heads, values, places, at = "<4x", "<4x", dict.fromkeys(_READ, _NOTHING), 4
    count = 0
    while at < length:
        kind, octets = struct.unpack_from("<HH", packet, at)
        padded = min(octets + 3 & ~3, length - at - 4)
        code = _READ.get(kind, "")
        if code and octets >= struct.calcsize(code):
            places[kind] = count
            count += 1
            values += f"4x{code}{padded - struct.calcsize(code)}x"
        else:
            values += f"{4 + padded}x"
        heads += f"4s{padded}x"
        at += 4 + padded
    head = struct.Struct(heads)
    rss, start, end = places.values()
    return _Layout(head.unpack_from, head.unpack_from(packet), struct.Struct(values).unpack_from, (rss, start, end))


class SightingVisitor:
    """Packs the sightings of a span (`pipeline.Visitor`): each as `marshal` packs rows, None where one is pending."""

    shown: Collection[Freshness] = frozenset()

    def __init__(self, link_type: int, contexts: Mapping[int, bytes] | None = None) -> None:
        self.payloads = Contents(contexts)
        self._stamps = _Stamps() if link_type == TAP else None

    def visit(self, buffer: bytes, found: list[Place], rows: Iterator[BulkRow[Said] | Pending]) -> Piece:
        """The sightings of a span."""
        packed: list[Row | None] = []
        pending: list[tuple[int, Pending]] = []
        for (_, _, _, start, stop, _), row in zip(found, rows, strict=True):
            if isinstance(row, Pending):
                pending.append((len(packed), row))
                packed.append(None)
            else:
                packed.append(self.sighting(row, buffer, start, stop))
        return Piece(marshal.dumps(packed), pending)

    def sighting(self, row: BulkRow[Said], buffer: bytes, start: int, stop: int) -> Row:
        """The packed sighting of a row, whose packet stands in ``buffer``."""
        number, _, time_ns, octets, link, kind, seq, mic, _, counter, index, key, said, _ = row
        plan, body, rsl_dbm, content, whole = said
        if whole is not None:
            return whole
        air_ns = rssi_dbm = None
        if self._stamps is None:
            start_ns = start_of(time_ns, None)
        else:
            rssi_dbm, began, ended = self._stamps.read(buffer[start:stop])
            start_ns, air_ns = start_of(time_ns, began), air_of(began, ended)
        if content is not None:
            content = at_time(content, start_ns, octets)
        elif kind in NOTICES:
            content = _NOTICE
        src, dst = link.src, link.dst
        return (
            number,
            start_ns,
            air_ns,
            src if src and len(src) == 8 else None,
            dst if dst and len(dst) == 8 else None,
            seq,
            link.pan,
            kind,
            octets,
            plan,
            link.asks,
            index,
            counter,
            body,
            rssi_dbm,
            rsl_dbm if kind == "ACK" else None,
            mic,
            key,
            content,
        )


class Piece(NamedTuple):
    """Sightings of one span as `marshal` packs rows; None where one of ``pending``, by its place, is to be read by the
    collecting process."""

    rows: bytes
    pending: list[tuple[int, Pending]]


def collect(
    path: str,
    records: Iterable[Record],
    keys: KeyTable | None,
    collector: Collector,
    workers: int | None = None,
    contexts: Mapping[int, bytes] | None = None,
) -> bool:
    """Give all sightings of a capture file to ``collector``; whether that could be done here. Else what it took is
    worth nothing: the file, or what its keys tell, asks for frame after frame.

    ``records``: those of the file, which are looked through where it does not end as it should. ``workers``: processes
    (default: one a core). ``contexts``: as `Decoder` takes them. Raises `InputError` where the temporary folder is
    full.
    """
    form = form_of(path) if suits(keys) else None
    if form is None:
        return False
    pipeline = Pipeline(form, SightingVisitor(form.link_type, contexts), keys, contexts)
    in_turn, reader = InTurn(keys, contexts), Reader()
    for piece in pipeline.run(workers):
        rows = marshal.loads(piece.rows)
        for place, pending in piece.pending:
            frame = in_turn.decode(pending)
            if frame.bug:
                return False
            rows[place] = pack(reader.read(frame))
        collector.take_rows(rows)
    if pipeline.refused:
        return False
    return pipeline.whole or not any(done >= pipeline.packets for done, _ in enumerate(records))
