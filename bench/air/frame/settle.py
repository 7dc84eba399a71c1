"""Keys that a capture hands out itself, looked for before its frames are read: a group key of a handshake that a known
PMK opens, a GTK that waits for its network's name. Without that, frames before the handshake would stay shut, or, where
another key of their index is known, seem forged. Each key knows when it was handed out: a frame from before the first
one of its index, which none opens, was sealed with a key that this capture never shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.air.capture.capture import is_read_once, read_capture
from bench.air.capture.link import Record
from bench.air.frame.decoder import Decoder
from bench.air.keys.table import KeyTable
from bench.errors import InputError


def settle(
    captures: Iterable[Path | str], keys: KeyTable | None, contexts: Mapping[int, bytes] | None = None
) -> KeyTable | None:
    """The keys with all that the captures hand out. As they are where nothing is to be found, and where a capture is a
    pipe: of that, frames before a key stay shut. Takes one decoding of the captures."""
    paths = list(captures)
    if keys is None or keys.complete or any(map(is_read_once, paths)):
        return keys
    found = keys
    for path in paths:
        found = _learnt(read_capture(path), found, contexts)
    found.settled = True
    return found


def settle_records(
    records: Iterable[Record], keys: KeyTable | None, contexts: Mapping[int, bytes] | None = None
) -> KeyTable | None:
    """The same of records."""
    if keys is None or keys.complete:
        return keys
    found = _learnt(records, keys, contexts)
    found.settled = True
    return found


def _learnt(records: Iterable[Record], keys: KeyTable, contexts: Mapping[int, bytes] | None) -> KeyTable:
    decoder = Decoder(keys, contexts)
    try:
        for record in records:
            decoder.decode(record)
    except InputError:
        pass  # told by whoever reads the frames
    return decoder.keys
