"""Building a capture's index: the bulk decoder on all cores, its rows packed, the groups written as they fill up."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO, Final, NamedTuple

import attrs
import numpy as np
from numpy.typing import NDArray

from bench.air.bulk.decoder import suits
from bench.air.bulk.payloads import Lines
from bench.air.bulk.pipeline import Pipeline
from bench.air.bulk.pool import gc_paused
from bench.air.bulk.rows import InTurn, Line, Link, Pending, Row, in_parts, line_row
from bench.air.bulk.spans import Place, form_of
from bench.air.capture.capture import read_capture
from bench.air.frame import summary
from bench.air.frame.decoder import Decoder, Frame
from bench.air.frame.settle import settle
from bench.air.index.columns import (
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
from bench.air.ip.udp import PROTOCOL as UDP
from bench.air.keys.counters import Freshness
from bench.air.keys.eapol import RELAY_PORT
from bench.air.keys.table import KeyTable
from bench.air.wisun.element import WisunFrameType
from bench.errors import InputError

_KIND_NUMBERS: Final = {name: number for number, name in enumerate(KINDS)}
_MIC_NUMBERS: Final = {name: number for number, name in enumerate(MICS)}
_NO_ADDRESSES: Final = bytes(32)
_LONGEST: Final = int(np.iinfo(ROW["length_octets"]).max)
_LATEST_NS: Final = int(np.iinfo(ROW["time_ns"]).max)
_IN_PART: Final = "malformed"
_MARK: Final = "]"
"""How the words begin, or end, about a frame that could not be read to its end. (Other marks end so, too.)"""
_EAPOL: Final = WisunFrameType.EAPOL.name
_COUNTED: Final = {Freshness.COPY: COPY, Freshness.REPLAY: UNRISING, Freshness.REUSE: UNRISING, Freshness.OLD: UNRISING}
_pack_frame = struct.Struct(PACK_FRAME).pack
_pack_link = struct.Struct(PACK_LINK).pack


class _Piece(NamedTuple):
    """Packed rows of one span; those of ``pending``, by their place, are to be put in by the collecting process."""

    rows: bytes
    pending: list[tuple[int, Pending]]


@attrs.define
class _Packer:
    """Packs rows (`pipeline.Visitor`). Every counter that does not rise is noted."""

    payloads: Lines
    shown: Collection[Freshness] = frozenset(_COUNTED)

    def visit(self, buffer: bytes, found: list[Place], rows: Iterator[Row[Line] | Pending]) -> _Piece:
        """The rows of a span."""
        packed = list[bytes]()
        pending: list[tuple[int, Pending]] = []
        for row in rows:
            if isinstance(row, Pending):
                pending.append((len(packed), row))
                packed.append(bytes(ROW.itemsize))
            else:
                packed.append(pack(row, 0))
        return _Piece(b"".join(packed), pending)


def pack(row: Row[Line], notes: int) -> bytes:
    """One record of `ROW`; ``notes`` are those that the row itself does not tell."""
    _, offset, time_ns, length, link, kind, seq, mic, level, counter, index, _, (info, upper, _), freshness = row
    if freshness is not Freshness.FRESH and freshness is not None:
        notes |= _COUNTED[freshness]
    if length > _LONGEST or not -_LATEST_NS <= time_ns <= _LATEST_NS:  # a damaged capture's: held at the column's end
        length, time_ns = min(length, _LONGEST), max(-_LATEST_NS, min(time_ns, _LATEST_NS))
    if kind == _EAPOL:
        notes |= IN_ORDER
    if info and (info[-1] == _MARK or info.startswith(_IN_PART)):
        notes |= PARTLY
    if upper is None:
        addresses, protocol, first, second = _NO_ADDRESSES * 2, ABSENT, 0, 0
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
    if suits(keys) and (pipeline := _by_spans(path, keys, contexts, groups, workers)) is not None:
        try:
            if not pipeline.has_more():
                return Built(groups.close(), "", True)
        except InputError as error:
            if groups.rows:
                return Built(groups.close(), str(error), True)
            raise
    out.seek(start)
    out.truncate()
    with gc_paused():
        return _by_frames(path, keys, contexts, _Groups(out))


def _by_spans(
    path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, groups: _Groups, workers: int | None
) -> Pipeline[Line, _Piece] | None:
    """Add the rows of all regular spans, which the pipeline then has behind it. None where they are unfit."""
    form = form_of(path)
    if form is None:
        return None
    pipeline, in_turn = Pipeline(form, _Packer(Lines(contexts)), keys, contexts), InTurn(keys, contexts)
    for piece in pipeline.run(workers):
        rows = bytearray(piece.rows)
        for place, pending in piece.pending:
            frame = in_turn.decode(pending)
            row = pack(line_row(frame, pending.offset), _notes(frame))
            rows[place * ROW.itemsize : (place + 1) * ROW.itemsize] = row
        groups.add(rows)
    return None if pipeline.refused else pipeline


def _by_frames(path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, groups: _Groups) -> Built:
    decoder, table, apart = Decoder(settle((path,), keys, contexts), contexts), keys or KeyTable(), suits(keys)
    damage = ""
    try:
        for record in read_capture(path):
            frame = decoder.decode(record)
            groups.add(pack(line_row(frame, ABSENT), _notes(frame)))
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
