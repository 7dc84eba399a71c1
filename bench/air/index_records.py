"""Frames picked out of a capture by an index: read from their offsets where those are known, else by counting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.air.capture import read_capture
from bench.air.fast_spans import Form, Span, form_of, packets
from bench.air.link import Record, make_record

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
    with open(form.path, "rb") as file:
        for row, offset in places:
            file.seek(offset)
            stop = offset + form.record_octets(file.read(32))
            for number, _, time_ns, packet, original in packets(form, Span(offset, stop, row + 1, 1), file):
                yield make_record(number, time_ns, form.link_type, packet, original)
