"""Frames picked out of a capture by an index: read from their offsets where those are known, else by counting."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from bench.air.capture import read_capture, read_stream
from bench.air.fast_spans import Form, form_of
from bench.air.link import Record

if TYPE_CHECKING:
    from bench.air.index import Index


def read_records(capture: Path, index: Index, rows: NDArray[np.int64]) -> Iterator[Record]:
    """Records of some rows, in the rows' order where offsets are known, else in the capture's."""
    offsets = index.column("offset", rows).astype(np.int64)
    form = form_of(capture)
    if form is None or (offsets < 0).any():
        wanted = set(rows.tolist())
        yield from (record for number, record in enumerate(read_capture(capture)) if number in wanted)
        return
    yield from _at(form, zip(rows.tolist(), offsets.tolist(), strict=True))


def _at(form: Form, places: Iterator[tuple[int, int]]) -> Iterator[Record]:
    """Each record read as if it were the only one behind the file's head, so that nothing of it is left out."""
    with open(form.path, "rb") as file:
        head = file.read(form.head_octets)
        for row, offset in places:
            file.seek(offset)
            size = form.record_octets(file.read(16))
            file.seek(offset)
            for record in read_stream(io.BytesIO(head + file.read(size)), form.path):
                yield attrs.evolve(record, number=row + 1)
