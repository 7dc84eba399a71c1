"""`kenshin decode --filter` by the column index: only the frames that may match are decoded.

What comes out is what decoding every frame gives. The index stays beside the capture for the next question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from bench.air.filter import Filter
from bench.air.index import Index
from bench.air.index_columns import MICS
from bench.air.index_filter import possible_rows
from bench.air.keys import KeyTable
from bench.air.link import Record
from bench.air.rows import Row
from bench.errors import InputError


def matching(index: Index, wanted: Filter) -> Iterator[tuple[Record, Row]]:
    """Records and rows (`rows.Row`) that the filter lets through, in the capture's order."""
    if not len(index):
        return
    start_ns = int(index.values(0, "time_ns")[0])
    for record, frame in index.frames(possible_rows(index, wanted.hint)):
        row = Row(frame, record, start_ns)
        if wanted(row):
            yield record, row


def write_matching(
    path: str,
    keys: KeyTable | None,
    contexts: Mapping[int, bytes] | None,
    wanted: Filter,
    write: Callable[[Row], object],
) -> Counter[str]:
    """Write the frames that match; ``mic`` of all secured ones, counted. Raises `InputError` as `read_capture` does,
    after the frames before the damage are written."""
    index = Index.open(path, keys, contexts)
    mics: Counter[str] = Counter()
    for group in index.groups:
        numbers = np.bincount(index.values(group, "mic")[index.values(group, "level") > 0], minlength=len(MICS))
        mics.update(dict(zip(MICS, numbers.tolist(), strict=True)))
    for _, row in matching(index, wanted):
        write(row)
    if index.damage:
        raise InputError(index.damage)
    return Counter({name: count for name, count in mics.items() if count})


def index_rows(
    path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, wanted: Filter
) -> Iterator[tuple[Record, Row]]:
    """`matching` of a capture. Raises `InputError` as `read_capture` does, after the frames before the damage."""
    index = Index.open(path, keys, contexts)
    yield from matching(index, wanted)
    if index.damage:
        raise InputError(index.damage)
