"""`kenshin decode --filter` by the column index: only the frames that may match are decoded.

What comes out is what decoding every frame gives. The index stays beside the capture for the next question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from bench.air.fields.rows import Row
from bench.air.filter.language import Filter
from bench.air.frame.bugs import Bugs
from bench.air.index.columns import MICS
from bench.air.index.index import Index
from bench.air.index.selection import indexed_rows
from bench.air.keys.table import KeyTable
from bench.errors import InputError


def write_matching(
    path: str,
    keys: KeyTable | None,
    contexts: Mapping[int, bytes] | None,
    wanted: Filter,
    write: Callable[[Row], object],
    bugs: Bugs,
) -> Counter[str]:
    """Write the frames that match; ``mic`` of all secured ones, counted. Raises `InputError` as `read_capture` does,
    after the frames before the damage are written."""
    index = Index.open(path, keys, contexts)
    mics: Counter[str] = Counter()
    for group in index.groups:
        numbers = np.bincount(index.values(group, "mic")[index.values(group, "level") > 0], minlength=len(MICS))
        mics.update(dict(zip(MICS, numbers.tolist(), strict=True)))
    for _, row in indexed_rows(index, wanted):
        bugs.see(row.frame)
        write(row)
    if index.damage:
        raise InputError(index.damage)
    return Counter({name: count for name, count in mics.items() if count})
