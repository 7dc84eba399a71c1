"""Frames of a capture by node, kind and time, or by a filter: the same as when all are decoded, but not at that cost.

A large capture (a night) is asked through its column index, which then stays beside it; a small one is decoded from its
beginning, because that takes no longer than a file beside it is worth. Memory stays flat either way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.air.bulk.decoder import suits
from bench.air.capture.capture import read_capture
from bench.air.capture.link import Record
from bench.air.fields.rows import Row
from bench.air.filter.hints import narrows
from bench.air.filter.language import Filter
from bench.air.frame.decoder import Decoder, Frame
from bench.air.frame.kinds import KINDS
from bench.air.frame.settle import settle
from bench.air.frozen import frozen
from bench.air.ip import packet as ipv6
from bench.air.keys.table import KeyTable
from bench.errors import InputError

if TYPE_CHECKING:
    from bench.air.index.index import Index

INDEX_FROM_OCTETS: Final = 4 << 20
"""Captures from this size on get an index."""


@frozen
class Wanted:
    """Which frames: those for which all holds that is not None.

    ``since_ns`` and ``until_ns`` are bounds of the capture's stamps, both inclusive; ``node`` is the EUI-64 that sent
    the IPv6 packet or, where there is none, the frame; ``kind`` as in `Frame`. `InputError` for an unknown one.
    """

    since_ns: int | None = None
    until_ns: int | None = None
    node: bytes | None = None
    kind: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise InputError(f"kind {self.kind!r} is unknown; expected one of {', '.join(KINDS)}")

    def holds(self, frame: Frame) -> bool:
        """Whether a frame is wanted."""
        early = self.since_ns is not None and frame.time_ns < self.since_ns
        late = self.until_ns is not None and frame.time_ns > self.until_ns
        other = self.kind is not None and frame.kind != self.kind
        return not (early or late or other) and (self.node is None or sent_by(frame, self.node))


def sent_by(frame: Frame, node: bytes) -> bool:
    """Whether the frame's innermost IPv6 source was made of that EUI-64; where it has no packet, or one with an address
    that nobody knows, its own source."""
    inner = None if frame.packet is None else ipv6.innermost(frame.packet)
    if frame.packet is None or inner is None or not all((frame.packet.src, frame.packet.dst, inner.src, inner.dst)):
        return frame.src == node
    return inner.src[8:] == ipv6.interface_id(node)


def wanted_frames(path: Path | str, keys: KeyTable | None, wanted: Wanted) -> Iterator[tuple[Record, Frame]]:
    """The frames of a capture that are wanted, in its order.

    Raises `InputError` as `read_capture`, after the frames before the damage.
    """
    if not is_large(path) or not suits(keys):
        decoder = Decoder(settle((path,), keys))
        for record in read_capture(path):
            frame = decoder.decode(record)
            if wanted.holds(frame):
                yield record, frame
        return
    from bench.air.index.index import Index
    from bench.air.index.records import read_frames

    index = Index.open(path, keys)
    until_ns = None if wanted.until_ns is None else wanted.until_ns + 1
    rows = index.select(kind=wanted.kind, node=wanted.node, from_ns=wanted.since_ns, until_ns=until_ns)
    yield from read_frames(index, rows)
    _raise(index)


def matching_rows(
    path: Path | str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, wanted: Filter | None
) -> Iterator[tuple[Record, Row]]:
    """Frames of a capture that match a filter. Raises `InputError` as `read_capture` does, after the frames before the
    damage."""
    if wanted is None or not is_worth_an_index(path, keys, wanted):
        for record, row in rows_of(read_capture(path), Decoder(settle((path,), keys, contexts), contexts)):
            if wanted is None or wanted(row):
                yield record, row
        return
    from bench.air.index.index import Index

    index = Index.open(path, keys, contexts)
    yield from indexed_rows(index, wanted)
    _raise(index)


def rows_of(records: Iterable[Record], decoder: Decoder) -> Iterator[tuple[Record, Row]]:
    """Each record decoded, as filters see it."""
    start_ns: int | None = None
    for record in records:
        start_ns = record.time_ns if start_ns is None else start_ns
        yield record, Row(decoder.decode(record), record, start_ns)


def indexed_rows(index: Index, wanted: Filter) -> Iterator[tuple[Record, Row]]:
    """The frames that match, decoded where the index does not rule them out."""
    from bench.air.index.filter import possible_rows
    from bench.air.index.records import read_frames

    if not len(index):
        return
    start_ns = int(index.values(0, "time_ns")[0])
    for record, frame in read_frames(index, possible_rows(index, wanted.hint)):
        row = Row(frame, record, start_ns)
        if wanted(row):
            yield record, row


def is_worth_an_index(path: Path | str, keys: KeyTable | None, wanted: Filter) -> bool:
    """The filter asks for columns, the capture is a large file, and its frames do not hang on keys learnt from it."""
    return narrows(wanted.hint) and suits(keys) and is_large(path)


def is_large(path: Path | str) -> bool:
    """Whether a capture is a file that an index is worth its place beside."""
    return os.path.isfile(path) and os.path.getsize(path) >= INDEX_FROM_OCTETS


def _raise(index: Index) -> None:
    if index.damage:
        raise InputError(index.damage)
