"""Frames picked out of a capture by an index: read from their offsets where those are known, else by counting.

A frame decoded alone is the same as in its capture but for what stands before it: the parts of a datagram, an exchange
of EAPOL, a sender's counters. The index notes which frames are of these, and they are decoded along.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from bench.air.bulk.spans import Form, form_of
from bench.air.capture.capture import read_capture, read_stream
from bench.air.capture.link import Record
from bench.air.capture.pcapng import PcapngStream
from bench.air.frame.decoder import Decoder, Frame
from bench.air.frame.settle import settle
from bench.air.index.columns import COPY, IN_ORDER, MICS, UNRISING
from bench.air.index.index import Index, Rows
from bench.air.keys.counters import Freshness

_MANY: Final = 8
"""Where more than one frame in so many is wanted, the capture is read through: that costs less than to seek."""
_LOOK_OCTETS: Final = 512
"""Read at a frame's offset: most records are shorter."""


def read_frames(index: Index, rows: Rows) -> Iterator[tuple[Record, Frame]]:
    """Records and frames of some rows, in the capture's order."""
    if not len(rows):
        return
    wanted = np.zeros(int(rows.max()) + 1, np.bool_)
    wanted[rows] = True
    needed = wanted.copy()
    if index.apart:
        _add_companions(index, rows, needed)
    else:
        needed[:] = True
    copies = set(rows[(index.column("notes", rows) & COPY) != 0].tolist())
    source = index.source
    decoder = Decoder(settle((source.capture,), source.keys, source.contexts), source.contexts)
    for row, record in read_records(index, np.flatnonzero(needed)):
        frame = decoder.decode(record)
        if wanted[row]:
            if row in copies and frame.freshness is Freshness.FRESH:
                frame = attrs.evolve(frame, freshness=Freshness.COPY)
            yield record, frame


def _add_companions(index: Index, rows: Rows, needed: NDArray[np.bool_]) -> None:
    """Mark the rows that some rows are read by, up to the last of them."""
    notes = index.column("notes", rows)
    parts = rows[(notes & IN_ORDER) != 0]
    if len(parts):
        last = int(parts.max())
        needed[:last] |= (index.column("notes")[:last] & IN_ORDER) != 0
    late = rows[(notes & UNRISING) != 0]
    if not len(late):
        return
    keys = index.source.keys
    columns = ["src", "src_octets", "key_index"]
    if keys is not None and keys.overlapping:
        columns.remove("key_index")
    own = np.stack([index.column(name, late).astype(np.int64) for name in columns])
    verified = index.column("mic") == MICS.index("ok")
    for sender in np.unique(own, axis=1).T:
        last = int(late[(sender == own.T).all(axis=1)].max())
        same = verified[:last].copy()
        for name, value in zip(columns, sender, strict=True):
            same &= index.column(name)[:last].astype(np.int64) == value
        needed[:last] |= same


def read_records(index: Index, rows: Rows) -> Iterator[tuple[int, Record]]:
    """Some rows and their records, in the rows' order where a few are picked by known offsets, else in the capture's.

    Raises `InputError` where the capture cannot be read up to there.
    """
    offsets = index.column("offset", rows).astype(np.int64)
    form = form_of(index.source.capture)
    if form is not None and len(rows) * _MANY <= len(index) and (offsets >= 0).all():
        yield from _at(form, zip(rows.tolist(), offsets.tolist(), strict=True))
        return
    wanted = set(rows.tolist())
    last = max(wanted, default=-1)
    for row, record in enumerate(read_capture(index.source.capture)):
        if row in wanted:
            yield row, record
        if row >= last:
            return


def _at(form: Form, places: Iterator[tuple[int, int]]) -> Iterator[tuple[int, Record]]:
    """Each record read as if it were the only one behind the file's head, so that nothing of it is left out."""
    with open(form.path, "rb", buffering=0) as file:
        head, stream = file.read(form.head_octets), PcapngStream(form.path)
        if form.is_pcapng:
            stream.feed(head)
        for row, offset in places:
            octets = os.pread(file.fileno(), _LOOK_OCTETS, offset)
            size = form.record_octets(octets)
            octets = octets[:size] if size <= len(octets) else os.pread(file.fileno(), size, offset)
            found = stream.feed(octets) if form.is_pcapng else read_stream(io.BytesIO(head + octets), form.path)
            for record in found:
                yield row, attrs.evolve(record, number=row + 1)
