"""Building a capture's index: the bulk decoder on all cores, its rows packed, the groups written as they fill up."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import BinaryIO, Final, NamedTuple

import attrs
import numpy as np

from bench.air.capture import read_capture
from bench.air.fast import BulkDecoder, suits
from bench.air.fast_pool import gc_paused, ordered_map
from bench.air.fast_rows import Link, Pending, Row, record_of, row_of
from bench.air.fast_spans import Form, Span, form_of, has_more, packets, spans
from bench.air.frame import Decoder
from bench.air.index_columns import ABSENT, BLOCK, GROUP, KINDS, MICS, PACK_FRAME, PACK_LINK, ROW
from bench.air.keys import KeyTable
from bench.errors import InputError

_KIND_NUMBERS: Final = {name: number for number, name in enumerate(KINDS)}
_MIC_NUMBERS: Final = {name: number for number, name in enumerate(MICS)}
_NO_ADDRESSES: Final = bytes(32)
_LONGEST: Final = int(np.iinfo(ROW["length_octets"]).max)
_LATEST_NS: Final = int(np.iinfo(ROW["time_ns"]).max)
_pack_frame = struct.Struct(PACK_FRAME).pack
_pack_link = struct.Struct(PACK_LINK).pack


class _Piece(NamedTuple):
    """Packed rows of one span; those of ``pending``, by their place, are to be put in by the collecting process."""

    rows: bytes
    pending: list[tuple[int, Pending]]
    named: bool
    stop: int


@attrs.define
class _Bulk:
    """One process's decoder, warm from span to span."""

    form: Form
    decoder: BulkDecoder

    def piece(self, span: Span) -> _Piece:
        decode, packed = self.decoder.decode, list[bytes]()
        pending: list[tuple[int, Pending]] = []
        self.decoder.begin()
        with open(self.form.path, "rb") as file:
            for captured in packets(self.form, span, file):
                row = decode(*captured)
                if isinstance(row, Pending):
                    pending.append((len(packed), row))
                    packed.append(bytes(ROW.itemsize))
                else:
                    packed.append(pack(row))
        return _Piece(b"".join(packed), pending, self.decoder.named, span.stop)


def pack(row: Row) -> bytes:
    """One record of `ROW`."""
    _, offset, time_ns, length, link, kind, seq, mic, level, counter, index, _, upper = row
    if length > _LONGEST or not -_LATEST_NS <= time_ns <= _LATEST_NS:  # a damaged capture's: held at the column's end
        length, time_ns = min(length, _LONGEST), max(-_LATEST_NS, min(time_ns, _LATEST_NS))
    if upper is None:
        addresses, protocol, first, second = _NO_ADDRESSES, ABSENT, 0, 0
    else:
        addresses, protocol, first, second = upper[0] + upper[1], upper[2], upper[3], upper[4]
    return (
        _pack_frame(
            offset,
            time_ns,
            ABSENT if counter is None else counter,
            length,
            _KIND_NUMBERS[kind],
            _MIC_NUMBERS[mic],
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


def _packed(link: Link) -> bytes:
    src, dst = link.src or b"", link.dst or b""
    pan = ABSENT if link.pan is None else link.pan
    link.packed = _pack_link(int.from_bytes(src, "big"), int.from_bytes(dst, "big"), len(src), len(dst), pan)
    return link.packed


def build(
    path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, out: BinaryIO, workers: int | None
) -> tuple[int, str]:
    """Write the groups of a capture's index to ``out``, the last one filled up with zeros; how many rows there are, and
    what `read_capture` says where the capture is damaged ("" where it is whole): the rows are those before that.

    Raises `InputError` for a file that is no capture from its beginning on.
    """
    groups, start = _Groups(out), out.tell()
    with gc_paused():
        if suits(keys) and _by_spans(path, keys, contexts, groups, workers):
            return groups.close(), ""
        try:
            if groups.rows and not has_more(path, groups.rows):
                return groups.close(), ""
        except InputError as error:
            return groups.close(), str(error)
        out.seek(start)
        out.truncate()
        return _by_frames(path, Decoder(keys, contexts), _Groups(out))


def _by_spans(
    path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, groups: _Groups, workers: int | None
) -> bool:
    """Add the rows of all regular spans; whether that were all of the file. None are there where any is unfit."""
    form = form_of(path)
    if form is None:
        return False
    bulk, decoder, stop = _Bulk(form, BulkDecoder(form.link_type, keys, contexts)), Decoder(keys, contexts), -1
    for piece in ordered_map(bulk.piece, spans(form), workers):
        if not piece.named:
            groups.rows = 0
            return False
        rows = bytearray(piece.rows)
        for place, pending in piece.pending:
            row = pack(row_of(decoder.decode(record_of(pending)), pending.offset))
            rows[place * ROW.itemsize : (place + 1) * ROW.itemsize] = row
        groups.add(rows)
        stop = piece.stop
    return stop == os.path.getsize(path)


def _by_frames(path: str, decoder: Decoder, groups: _Groups) -> tuple[int, str]:
    try:
        for record in read_capture(path):
            groups.add(pack(row_of(decoder.decode(record), ABSENT)))
    except InputError as error:
        if not groups.rows:
            raise
        return groups.close(), str(error)
    return groups.close(), ""


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
        for name in ROW.names or ():
            block[name] = rows[name]
        self._out.write(block.tobytes())
