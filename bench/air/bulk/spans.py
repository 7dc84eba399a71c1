"""A capture file cut into spans that can be decoded apart: one cheap look at every block head, no packet touched.

Plain pcapng sections in the host's usual little-endian order and classic pcap files, uncompressed, are cut here; where
something else begins (a second section, a damaged block, a cut end), the spans end, and `capture.read_capture` reads on
from the record after them, so that odd files are read as always and their errors are the same.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, TypeAlias

from bench.air.bulk.ahead import Ahead
from bench.air.capture.capture import PCAP_MAGICS, read_capture
from bench.air.capture.link import PHY_LINK_TYPES, WITH_FCS
from bench.air.capture.pcapng import PcapngStream
from bench.air.frozen import frozen

if TYPE_CHECKING:
    from pathlib import Path

SPAN_OCTETS: Final = 1 << 17
"""Each span costs a message and two changes of process, and what it takes to settle its counters."""
SMALL_OCTETS: Final = 2 << 20
"""Files up to here are decoded in one process: forking would cost more than it gains."""
_SECTION_MAGIC: Final = bytes.fromhex("0a0d0d0a")
_LITTLE_ENDIAN: Final = bytes.fromhex("4d3c2b1a")
_PACKET: Final = 6
_INERT: Final = frozenset({4, 5, 10, 0x0BAD, 0x40000BAD})
"""Name resolution, interface statistics, decryption secrets, custom blocks: they hold no packets and change nothing."""
_NS: Final = 1_000_000_000
_LOOK_OCTETS: Final = 512
"""Read at a record's offset: most records are shorter."""


@frozen
class Form:
    """How a file's records are laid out; ``offset_s`` is added to its stamps."""

    path: str
    link_type: int
    is_pcapng: bool
    order: str
    ticks_per_s: int
    offset_s: int
    head_octets: int
    """Where the first record begins."""

    def record_octets(self, head: bytes) -> int:
        """Octets of the record that begins with ``head`` (16 octets or more)."""
        if self.is_pcapng:
            return int(struct.unpack_from("<I", head, 4)[0])
        return 16 + int(struct.unpack_from(self.order + "I", head, 8)[0])


class Span(NamedTuple):
    """Whole records between two offsets of the file. ``number`` is the first one's, from 1."""

    start: int
    stop: int
    number: int
    packets: int


Place: TypeAlias = "tuple[int, int, int, int, int, int]"
"""A captured packet in a buffer: its number, offset of the record in the file, Unix ns, where its octets begin and end
in the buffer, how many there were on the air."""


def form_of(path: Path | str) -> Form | None:
    """The form of a file that is cut here, None for another (gzip, other link types, a pipe, no file at all)."""
    if not os.path.isfile(path):  # what is read of a pipe to look at it is gone
        return None
    try:
        with open(path, "rb") as file:
            head = file.read(1 << 16)
    except OSError:
        return None
    if head[:4] == _SECTION_MAGIC and head[8:12] == _LITTLE_ENDIAN:
        return _pcapng_form(str(path), head)
    if head[:4] in PCAP_MAGICS and len(head) >= 24:
        order, unit_ns = PCAP_MAGICS[head[:4]]
        link = struct.unpack_from(order + "I", head, 20)[0]
        if link in PHY_LINK_TYPES:
            return Form(str(path), link, False, order, _NS // unit_ns, 0, 24)
    return None


def _pcapng_form(path: str, head: bytes) -> Form | None:
    """One section header, then one interface of a link type that is read."""
    first = struct.unpack_from("<I", head, 4)[0]
    if first % 4 or first < 28 or head[first : first + 4] != b"\x01\0\0\0" or first + 8 > len(head):
        return None
    length = struct.unpack_from("<I", head, first + 4)[0]
    stream = PcapngStream(path)
    stream.feed(head[: first + length])
    if len(stream.interfaces) != 1 or stream.interfaces[0].link_type not in PHY_LINK_TYPES:
        return None
    interface = stream.interfaces[0]
    if interface.fcs_units:  # an FCS length of the capture's own
        return None
    return Form(path, interface.link_type, True, "<", interface.ticks_per_s, interface.offset_s, first + length)


def spans(form: Form, octets: int = SPAN_OCTETS) -> Iterator[Span]:
    """Spans of about that many octets, in order, as far as the file is regular."""
    number, at = 1, form.head_octets
    walk = _walk_pcapng if form.is_pcapng else _walk_pcap
    with open(form.path, "rb") as file:
        while True:
            file.seek(at)
            stop, count = walk(form, file.read(octets))
            if not stop:
                return
            yield Span(at, at + stop, number, count)
            number += count
            at += stop


def walk_ahead(path: str) -> Ahead[Span]:
    """The `spans` of a file, none where it is not cut here: made while the caller loads what decodes them."""
    form = form_of(path)
    return Ahead(spans(form) if form is not None else (), few=form is None or os.path.getsize(path) <= SMALL_OCTETS)


def _walk_pcapng(form: Form, buffer: bytes) -> tuple[int, int]:
    """Octets of whole regular blocks at the beginning of ``buffer``, and how many packets they hold.

    Options of a packet may tell the length of its FCS, which matters where the link type does not.
    """
    optionless = form.link_type == WITH_FCS
    unpack, last = struct.Struct("<III8xI").unpack_from, struct.Struct("<I").unpack_from
    at = count = 0
    size = len(buffer)
    while at + 32 <= size:
        kind, length, interface, captured = unpack(buffer, at)
        stop = at + length
        if length % 4 or length < 32 or stop > size or last(buffer, stop - 4)[0] != length:
            return at, count
        if kind == _PACKET:
            if interface or captured > length - 32 or (optionless and captured + 3 < length - 32):
                return at, count
            count += 1
        elif kind not in _INERT:
            return at, count
        at = stop
    return at, count


def _walk_pcap(form: Form, buffer: bytes) -> tuple[int, int]:
    unpack = struct.Struct(form.order + "8xII").unpack_from
    at = count = 0
    end = len(buffer) - 16
    while at <= end:
        captured, original = unpack(buffer, at)
        if captured > original or at + 16 + captured > len(buffer):
            return at, count
        at += 16 + captured
        count += 1
    return at, count


def read(form: Form, span: Span, file: BinaryIO) -> bytes:
    """The octets of a span."""
    file.seek(span.start)
    return file.read(span.stop - span.start)


def packet_at(form: Form, file: BinaryIO, offset: int) -> tuple[bytes, int]:
    """The packet of the record at ``offset`` of the file: octets, how many there were on the air."""
    octets = os.pread(file.fileno(), _LOOK_OCTETS, offset)
    size = form.record_octets(octets)
    if size > len(octets):
        octets = os.pread(file.fileno(), size, offset)
    [(*_, start, stop, original)] = places(form, Span(offset, offset + size, 0, 1), octets[:size])
    return octets[start:stop], original


def places(form: Form, span: Span, buffer: bytes) -> list[Place]:
    """Where the packets of a span are in its octets, ``buffer``."""
    return (_pcapng_places if form.is_pcapng else _pcap_places)(form, span, buffer)


def _pcapng_places(form: Form, span: Span, buffer: bytes) -> list[Place]:
    unpack = struct.Struct("<II4xIIII").unpack_from
    ticks_per_s, offset_ns = form.ticks_per_s, form.offset_s * _NS
    unit_ns = 0 if _NS % ticks_per_s else _NS // ticks_per_s
    found: list[Place] = []
    number, base, at, end = span.number, span.start, 0, len(buffer)
    upper, upper_ns = -1, 0
    while at < end:
        kind, length, high, low, captured, original = unpack(buffer, at)
        if kind == _PACKET:
            # Most resolutions divide a second into whole ns, and the upper half of the stamp stands still for long:
            # arithmetic on numbers of more than a machine word is what costs here.
            if unit_ns:
                if high != upper:
                    upper, upper_ns = high, (high << 32) * unit_ns + offset_ns
                time_ns = upper_ns + low * unit_ns
            else:
                time_ns = (high << 32 | low) * _NS // ticks_per_s + offset_ns
            start = at + 28
            found.append((number, base + at, time_ns, start, start + captured, original))
            number += 1
        at += length
    return found


def _pcap_places(form: Form, span: Span, buffer: bytes) -> list[Place]:
    unpack = struct.Struct(form.order + "IIII").unpack_from
    unit_ns = _NS // form.ticks_per_s
    found: list[Place] = []
    number, base, at, end = span.number, span.start, 0, len(buffer)
    while at < end:
        seconds, fraction, captured, original = unpack(buffer, at)
        start = at + 16
        found.append((number, base + at, seconds * _NS + fraction * unit_ns, start, start + captured, original))
        number += 1
        at = start + captured
    return found


def first_ns(form: Form) -> int | None:
    """The stamp of the first packet (Unix ns); None where no span holds one."""
    first = next(spans(form), None)
    if first is None or not first.packets:
        return None
    with open(form.path, "rb") as file:
        return places(form, first, read(form, first, file))[0][2]


def has_more(path: str, count: int) -> bool:
    """Whether `read_capture` gives more than ``count`` records; else raises the `InputError` that it ends with."""
    return any(done >= count for done, _ in enumerate(read_capture(path)))
