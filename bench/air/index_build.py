"""Building a capture's index: the bulk decoder on all cores, its rows packed, the groups written as they fill up."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO, Final, NamedTuple

import attrs
import numpy as np
from numpy.typing import NDArray

from bench.air import summary
from bench.air.capture import read_capture
from bench.air.counters import Freshness
from bench.air.eapol import RELAY_PORT
from bench.air.fast import BulkDecoder, suits
from bench.air.fast_pool import gc_paused, ordered_map
from bench.air.fast_rows import Link, Pending, Row, Verified, in_parts, record_of, row_of
from bench.air.fast_spans import Form, Span, form_of, has_more, places, read, spans
from bench.air.frame import Decoder, Frame
from bench.air.index_columns import (
    ABSENT,
    BLOCK,
    COLUMNS,
    COPY,
    CUT,
    GROUP,
    IN_ORDER,
    KINDS,
    MICS,
    NESTED,
    PACK_FRAME,
    PACK_LINK,
    PARTLY,
    ROUTED,
    ROW,
    UNRISING,
)
from bench.air.keys import KeyTable
from bench.air.udp import PROTOCOL as UDP
from bench.air.wisun_element import WisunFrameType
from bench.errors import InputError

_KIND_NUMBERS: Final = {name: number for number, name in enumerate(KINDS)}
_MIC_NUMBERS: Final = {name: number for number, name in enumerate(MICS)}
_NO_ADDRESSES: Final = bytes(32)
_LONGEST: Final = int(np.iinfo(ROW["length_octets"]).max)
_LATEST_NS: Final = int(np.iinfo(ROW["time_ns"]).max)
_IN_PART: Final = ("malformed", "cut")
"""How the words about a frame begin that could not be read to its end."""
_EAPOL: Final = WisunFrameType.EAPOL.name
_COUNTED: Final = {Freshness.COPY: COPY, Freshness.REPLAY: UNRISING, Freshness.REUSE: UNRISING, Freshness.OLD: UNRISING}
_pack_frame = struct.Struct(PACK_FRAME).pack
_pack_link = struct.Struct(PACK_LINK).pack


class _Piece(NamedTuple):
    """Packed rows of one span; those of ``pending``, by their place and notes, are to be put in by the collecting
    process. ``first`` and ``newest`` are the counters that verified in it."""

    rows: bytes
    pending: list[tuple[int, Pending, int]]
    named: bool
    first: Verified
    newest: Verified
    stop: int


@attrs.define
class _Bulk:
    """One process's decoder, warm from span to span."""

    form: Form
    decoder: BulkDecoder

    def piece(self, span: Span) -> _Piece:
        decoder, packed = self.decoder, list[bytes]()
        pending: list[tuple[int, Pending, int]] = []
        decoder.begin()
        with open(self.form.path, "rb") as file:
            buffer = read(self.form, span, file)
        for row in decoder.rows(buffer, places(self.form, span, buffer)):
            notes = 0
            if decoder.copied or not decoder.ordered:
                notes = COPY if decoder.ordered else UNRISING
                decoder.copied, decoder.ordered = False, True
            if isinstance(row, Pending):
                pending.append((len(packed), row, notes))
                packed.append(bytes(ROW.itemsize))
            else:
                packed.append(pack(row, notes))
        return _Piece(b"".join(packed), pending, decoder.named, decoder.first, decoder.newest, span.stop)


def pack(row: Row, notes: int) -> bytes:
    """One record of `ROW`; ``notes`` are those that the row itself does not tell."""
    _, offset, time_ns, length, link, kind, seq, mic, level, counter, index, info, upper = row
    if length > _LONGEST or not -_LATEST_NS <= time_ns <= _LATEST_NS:  # a damaged capture's: held at the column's end
        length, time_ns = min(length, _LONGEST), max(-_LATEST_NS, min(time_ns, _LATEST_NS))
    if kind == _EAPOL:
        notes |= IN_ORDER
    if upper is None:
        addresses, protocol, first, second = _NO_ADDRESSES * 2, ABSENT, 0, 0
        if info.startswith(_IN_PART):
            notes |= PARTLY
    else:
        addresses, protocol, first, second = upper[0] + upper[1], upper[2], upper[3], upper[4]
        outer, tunnel = upper[5], upper[6]
        if not outer:
            notes |= NESTED
        elif not tunnel and outer[16:] != upper[1]:
            notes |= ROUTED
        addresses += outer or _NO_ADDRESSES
        if protocol == UDP and RELAY_PORT in (first, second):
            notes |= IN_ORDER
    return (
        _pack_frame(
            offset,
            time_ns,
            ABSENT if counter is None else counter,
            length,
            _KIND_NUMBERS[kind],
            _MIC_NUMBERS[mic],
            notes,
            level,
            ABSENT if seq is None else seq,
            ABSENT if index is None else index,
            protocol,
            first,
            second,
        )
        + (link.packed or _packed(link))
        + addresses
    )


def _notes(frame: Frame) -> int:
    """Notes of a fully decoded frame that its row does not tell."""
    notes = IN_ORDER if frame.eapol is not None or in_parts(frame) else 0
    return notes | (CUT if summary.IPV6_FRAGMENT in frame.layers else 0)


def _packed(link: Link) -> bytes:
    src, dst = link.src or b"", link.dst or b""
    pan = ABSENT if link.pan is None else link.pan
    link.packed = _pack_link(int.from_bytes(src, "big"), int.from_bytes(dst, "big"), len(src), len(dst), pan)
    return link.packed


class Built(NamedTuple):
    """What `build` found beside the rows. ``damage`` is what `read_capture` says where the capture is damaged ("" where
    it is whole): the rows are those before that. ``apart``: each frame is read by itself and by those that its notes
    ask for; else by all before it."""

    rows: int
    damage: str
    apart: bool


def build(
    path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, out: BinaryIO, workers: int | None
) -> Built:
    """Write the groups of a capture's index to ``out``, the last one filled up with zeros.

    Raises `InputError` for a file that is no capture from its beginning on.
    """
    groups, start = _Groups(out), out.tell()
    with gc_paused():
        # spans follow a sender by key index; a counter that counts for several indexes is followed frame by frame
        in_one = keys is None or not keys.overlapping
        if suits(keys) and in_one and _by_spans(path, keys, contexts, groups, workers):
            return Built(groups.close(), "", True)
        try:
            if groups.rows and not has_more(path, groups.rows):
                return Built(groups.close(), "", True)
        except InputError as error:
            return Built(groups.close(), str(error), True)
        out.seek(start)
        out.truncate()
        return _by_frames(path, keys, contexts, _Groups(out))


def _by_spans(
    path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, groups: _Groups, workers: int | None
) -> bool:
    """Add the rows of all regular spans; whether that were all of the file. None are there where any is unfit."""
    form = form_of(path)
    if form is None:
        return False
    bulk, decoder, stop = _Bulk(form, BulkDecoder(form.link_type, keys, contexts)), Decoder(keys, contexts), -1
    newest: Verified = {}
    for piece in ordered_map(bulk.piece, spans(form), workers):
        if not piece.named:
            groups.rows = 0
            return False
        rows = bytearray(piece.rows)
        for place, pending, notes in piece.pending:
            frame = decoder.decode(record_of(pending))
            row = pack(row_of(frame, pending.offset), notes | _notes(frame))
            rows[place * ROW.itemsize : (place + 1) * ROW.itemsize] = row
        _follow(rows, piece, newest)
        groups.add(rows)
        stop = piece.stop
    return stop == os.path.getsize(path)


def _follow(rows: bytearray, piece: _Piece, newest: Verified) -> None:
    """Note in the rows of a piece which counters do not rise above those of the pieces before; keep the ``newest``."""
    for sender, frame in piece.first.items():
        before = newest.get(sender)
        if before is None or frame[0] > before[0]:
            continue
        table: NDArray[np.void] = np.ndarray(len(rows) // ROW.itemsize, ROW, rows)
        own = (table["src"] == int.from_bytes(sender[0], "big")) & (table["src_octets"] == len(sender[0]))
        own &= (table["key_index"] == (ABSENT if sender[1] is None else sender[1])) & (table["mic"] == MICS.index("ok"))
        again = own & (table["frame_counter"] == before[0]) if frame == before else np.zeros_like(own)
        table["notes"][own & (table["frame_counter"] <= before[0]) & ~again] |= UNRISING
        table["notes"][again] |= COPY
    for sender, frame in piece.newest.items():
        if sender not in newest or frame[0] > newest[sender][0]:
            newest[sender] = frame


def _by_frames(path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, groups: _Groups) -> Built:
    decoder, table, apart = Decoder(keys, contexts), keys or KeyTable(), suits(keys)
    damage = ""
    try:
        for record in read_capture(path):
            frame = decoder.decode(record)
            counted = _COUNTED.get(frame.freshness, 0) if frame.freshness else 0
            groups.add(pack(row_of(frame, ABSENT), counted | _notes(frame)))
            if frame.secured and (frame.src is None or len(frame.src) != 8) and table.candidates(frame.key_index):
                apart = False
    except InputError as error:
        if not groups.rows:
            raise
        damage = str(error)
    return Built(groups.close(), damage, apart)


class _Groups:
    """Turns packed rows into groups of columns, and writes each group when it is full."""

    def __init__(self, out: BinaryIO) -> None:
        self.rows = 0
        self._out = out
        self._waiting = bytearray()

    def add(self, rows: bytes | bytearray) -> None:
        """Append packed rows."""
        self._waiting += rows
        self.rows += len(rows) // ROW.itemsize
        size = GROUP * ROW.itemsize
        while len(self._waiting) >= size:
            self._write(self._waiting[:size])
            del self._waiting[:size]

    def close(self) -> int:
        """Write what is left; the count of rows."""
        if self._waiting:
            self._write(self._waiting.ljust(GROUP * ROW.itemsize, b"\0"))
            self._waiting = bytearray()
        return self.rows

    def _write(self, packed: bytearray) -> None:
        rows = np.frombuffer(packed, ROW)
        block = np.empty((), BLOCK)
        for place, name in enumerate(COLUMNS):
            block[name] = rows[name]
            block["checks"][place] = check(block[name])
        self._out.write(block.tobytes())


def check(column: NDArray[Any]) -> int:
    """What stands in ``checks`` for a column of a group."""
    return zlib.crc32(column.tobytes())
