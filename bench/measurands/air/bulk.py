"""Sightings of a capture file on all cores: the bulk decoder's headers, and of a payload only what measurands ask.

Most frames of a night are acknowledgements and UDP datagrams. Of those a sighting needs a checksum, an identity and the
addresses ahead, which are read here straight from the compressed octets; every other frame goes to the full decoder.
Files are cut as for the column index (`fast_spans`), and what depends on frames long before (fragments) is read in
capture order by the process that collects. Both ways give the same sightings.
"""

from __future__ import annotations

import marshal
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import attrs

from bench.air import extensions, udp, wisun
from bench.air.dhcpv6 import CLIENT_PORT, SERVER_PORT
from bench.air.fast import BulkDecoder, suits
from bench.air.fast_link import Unusual
from bench.air.fast_packet import Ends, Packets, Upper, remember
from bench.air.fast_pool import gc_paused, ordered_map
from bench.air.fast_rows import Link, Pending, record_of
from bench.air.fast_spans import Captured, Form, Span, form_of, packets, spans
from bench.air.frame import Decoder, Frame
from bench.air.ies import MPX_GROUP, WISUN_GROUP
from bench.air.keys import KeyTable
from bench.air.link import TAP, Record, Tlv
from bench.air.mpx import LOWPAN, Mpx, Transfer, encode_mpx
from bench.measurands.air.digest import Collector
from bench.measurands.air.reading import NOTICES, Reader, air_of, identity, plan_of
from bench.measurands.air.sighting import Content, Datagram, PanNotice, Sighting
from bench.measurands.air.spool import Row, pack
from bench.measurands.air.stamps import start_of

_ACK_REQUEST: Final = 0x20
"""In the first octet of the frame control (IEEE 802.15.4-2015 7.2.1)."""
_LEASES: Final = frozenset((CLIENT_PORT, SERVER_PORT))
_NHC_OCTETS: Final = (5, 4, 4, 2)
"""Octets of a compressed UDP header up to its checksum, by the form of its ports (RFC 6282 4.3.3)."""
_PORTS: Final = struct.Struct(">HHH").pack
_MPX: Final = encode_mpx(Mpx(LOWPAN, b"")).content[1:]
_MPX_HEAD: Final = 0x10 | MPX_GROUP
"""Payload IE (IEEE 802.15.4-2015 7.4.3.1): type bit and group."""
_WISUN_HEAD: Final = 0x10 | WISUN_GROUP
_NO_PLAN: Final = (False, None)


class _Carried(Packets):
    """Of a compressed packet: whom it is for, its identity, and the addresses ahead of it. Only UDP; the rest is
    `Unusual`."""

    def __init__(self, contexts: Mapping[int, bytes]) -> None:
        super().__init__(contexts)
        self._ways: dict[tuple[bytes, bytes], tuple[bytes, tuple[bytes, ...]]] = {}
        self.ahead: tuple[bytes, ...] = ()
        self.identity = 0

    def _route(self, content: bytes, dst: bytes) -> bytes:
        """Not kept by the caller, so it is asked each time."""
        way = self._ways.get((content, dst))
        if way is None:
            final = super()._route(content, dst)
            self._routes.clear()
            header = extensions.parse_routing(content, dst)
            left = header.segments_left if isinstance(header, extensions.SourceRoute) else 0
            ahead: tuple[bytes, ...] = ()
            if left and isinstance(header, extensions.SourceRoute):
                ahead = (dst, *header.addresses[len(header.addresses) - left :])
            way = remember(self._ways, (content, dst), (final, ahead))
        self.ahead = self.ahead or way[1]
        return way[0]

    def _udp(self, octets: bytes, at: int, ends: Ends, final: bytes, around: bytes | None) -> tuple[str, Upper]:
        told = super()._udp(octets, at, ends, final, around)
        source, destination = told[1][3], told[1][4]
        if source in _LEASES or destination in _LEASES:
            raise Unusual
        rest = octets[at + _NHC_OCTETS[octets[at] & 3] :]
        ports = _PORTS(source, destination, udp.HEADER_OCTETS - 2 + len(rest))
        self.identity = identity(ends.src, final, udp.PROTOCOL, ports + rest)
        return told

    def _message(self, datagram: udp.Udp, ends: Ends) -> str:
        return ""

    def _icmpv6(self, octets: bytes, ends: Ends, final: bytes, around: bytes | None) -> tuple[str, Upper]:
        raise Unusual


class _Remembering(Decoder):
    """The full decoder; ``frame`` is its last one."""

    frame: Frame

    def decode(self, record: Record) -> Frame:
        self.frame = super().decode(record)
        return self.frame


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
        return values[rss], values[start], values[end]


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


class SightingDecoder(BulkDecoder):
    """Packets of one link type to packed sightings."""

    def __init__(
        self, link_type: int, keys: KeyTable | None = None, contexts: Mapping[int, bytes] | None = None
    ) -> None:
        super().__init__(link_type, keys, contexts)
        self._carried = self._packets = _Carried(contexts or {})
        self._remembered = self._full = _Remembering(self._keys, contexts)
        self._stamps = _Stamps() if link_type == TAP else None
        self._reader = Reader()
        self._told: tuple[wisun.Element | wisun.Opaque, ...] = ()
        self._body = 0
        self._upper: Upper | None = None
        self._plan: tuple[bool, tuple[int, int] | None] = _NO_PLAN
        self._plans: dict[bytes, tuple[bool, tuple[int, int] | None]] = {}

    def row(self, captured: Captured) -> Row | Pending:
        """The packed sighting of one packet; `Pending` where frames before it must be read first. Never raises."""
        number, _, time_ns, packet, _ = captured
        self._told, self._body, self._upper, self._plan, slow = (), 0, None, _NO_PLAN, self.slow
        found = self.decode(*captured)
        if isinstance(found, Pending):
            return found
        if self.slow != slow:
            return pack(self._reader.read(self._remembered.frame, 0))
        _, _, _, octets, link, kind, seq, mic, _, counter, index, _, _ = found
        rssi, start, end = self._stamps.read(packet) if self._stamps is not None else (None, None, None)
        start_ns = start_of(time_ns, start)
        upper = self._upper
        rsl = self._level() if kind == "ACK" else None
        content: Content | None = PanNotice(None, None) if kind in NOTICES else None
        if upper is not None:
            carried = self._carried
            content = Datagram(upper[0], upper[1], carried.ahead, start_ns, octets, None, carried.identity)
        return pack(
            Sighting(
                ordinal=0,
                number=number,
                start_ns=start_ns,
                air_ns=air_of(start, end),
                src=link.src if link.src and len(link.src) == 8 else None,
                dst=link.dst if link.dst and len(link.dst) == 8 else None,
                seq=seq,
                pan=link.pan,
                kind=kind,
                octets=octets,
                plan=self._plan[1],
                asks=bool(packet[packet[2] | packet[3] << 8 if self._stamps is not None else 0] & _ACK_REQUEST),
                key_index=index,
                counter=counter,
                body=None if mic == "no key" else self._body,
                rssi_dbm=rssi,
                rsl_dbm=rsl,
                mic=mic,
                content=content,
            )
        )

    def _level(self) -> int | None:
        return next((element.dbm for element in self._told if isinstance(element, wisun.Rsl)), None)

    def _header_ies(self, data: bytes, begin: int, stop: int) -> tuple[Any, int, bool]:
        found = super()._header_ies(data, begin, stop)
        self._told = found[0][0]
        if any(isinstance(element, wisun.Us) for element in self._told):
            raise Unusual
        return found

    def _payload(self, link: Link, clear: bytes, has_ies: bool) -> tuple[str, Upper | None, tuple[Any, ...]]:
        """Instead of the line: checksum, channel plan, identity and way of a datagram in a payload that is whole."""
        lowpan = self._elements_of(clear) if has_ies else clear
        if lowpan is None:
            super()._payload(link, clear, has_ies)  # which tells what is read by frames before it
            raise Unusual
        if not has_ies:
            self._body = zlib.crc32(clear)
            if not link.is_data or not clear[0] >> 6:
                raise Unusual
        self._carried.ahead = ()
        _, self._upper = self._packet(lowpan, link)
        return "", None, ()

    def _elements_of(self, clear: bytes) -> bytes | None:
        """The 6LoWPAN payload of payload IEs: one whole MPX-IE, Wi-SUN's nested ones before it. None for others."""
        at, check = 0, 0
        while at < len(clear):
            head = clear[at] | clear[at + 1] << 8
            content = clear[at + 2 : at + 2 + (head & 0x7FF)]
            at += 2 + (head & 0x7FF)
            check = zlib.crc32(content, check)
            if head >> 11 == _MPX_HEAD:
                self._body = check
                whole = at == len(clear) and content[0] & 7 == Transfer.FULL and content[1:3] == _MPX
                return content[3:] if whole else None
            if head >> 11 != _WISUN_HEAD:
                return None
            known = self._plans.get(content)
            if known is None:
                known = remember(self._plans, content, _plan_in(content))
            if known[0]:
                if self._plan[0]:
                    return None
                self._plan = known
        return None


def _plan_in(content: bytes) -> tuple[bool, tuple[int, int] | None]:
    """Whether nested IEs hold a unicast schedule, and the channel plan that it names."""
    found = [element for element in wisun.read_payload_elements(content) if isinstance(element, wisun.Us)]
    return bool(found), plan_of(found[0]) if found else None


class Piece(NamedTuple):
    """Sightings of one span as `marshal` packs rows; None where one of ``pending``, by its place, is to be read by the
    collecting process."""

    rows: bytes
    pending: list[tuple[int, Pending]]
    named: bool
    stop: int


@attrs.define
class _Bulk:
    """One process's decoder, warm from span to span."""

    form: Form
    decoder: SightingDecoder

    def piece(self, span: Span) -> Piece:
        """A span read."""
        row = self.decoder.row
        rows: list[Row | None] = []
        pending: list[tuple[int, Pending]] = []
        self.decoder.begin()
        with open(self.form.path, "rb") as file:
            for captured in packets(self.form, span, file):
                found = row(captured)
                if isinstance(found, Pending):
                    pending.append((len(rows), found))
                    rows.append(None)
                else:
                    rows.append(found)
        return Piece(marshal.dumps(rows), pending, self.decoder.named, span.stop)


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
    stop = count = 0
    with gc_paused():
        decoder, reader = Decoder(keys, contexts), Reader()
        bulk = _Bulk(form, SightingDecoder(form.link_type, keys, contexts))
        for piece in ordered_map(bulk.piece, spans(form), workers):
            if not piece.named:
                return False
            rows = marshal.loads(piece.rows)
            for place, pending in piece.pending:
                rows[place] = pack(reader.read(decoder.decode(record_of(pending)), 0))
            collector.take_rows(rows)
            stop, count = piece.stop, count + len(rows)
    return stop == os.path.getsize(path) or (count > 0 and not any(done >= count for done, _ in enumerate(records)))
