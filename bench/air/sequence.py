"""A capture as a sequence: ``capture[i]`` is the decoded frame, ``capture[i].scapy()`` its scapy packet.

    capture = Capture("night.pcapng", keys="keys.txt")
    for frame in capture.where("icmpv6.rpl.dao && ipv6.src == fd00::1"):
        print(frame.number, frame.info, frame["icmpv6.rpl.dao.sequence"])

For people who go to and fro in a capture; whatever walks one once uses `frame.decoder.decode_frames`. What a filter
finds is read from the file as it is asked for, through the column index where the file is large, so that only what is
kept of it takes memory; positions (``capture[i]``, ``len``) take the records of the whole capture into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, overload

import attrs

from bench.air.capture.capture import CaptureFile, is_read_once, read_capture
from bench.air.capture.link import Record
from bench.air.captured import Captured
from bench.air.fields.rows import JSONL_FIELDS
from bench.air.filter.language import Filter, compile_filter
from bench.air.frame.decoder import Decoder, Frame
from bench.air.frame.settle import settle_records
from bench.air.index.selection import matching_rows, rows_of
from bench.air.keys.table import KeyTable
from bench.air.walk import Walk
from bench.errors import InputError

__all__ = ["Capture", "Captured", "Matches"]

_FRAME_FIELDS: Final = tuple(field.name for field in attrs.fields(Frame))


class Capture(Sequence[Captured]):
    """Frames of one capture, ``capture[0]`` being its first frame.

    Frames are decoded when they are asked for, each once, and with it all before it: fragments and acknowledgements
    are read by what came before. ``damage`` says where a capture that is cut or damaged ends, "" where it is whole.
    """

    def __init__(
        self,
        source: Path | str | Sequence[Record],
        keys: KeyTable | Path | str | None = None,
        contexts: Mapping[int, bytes] | None = None,
    ) -> None:
        """``source`` is a capture file, or records that were captured; ``keys`` a table or Wireshark's key file.

        Raises `InputError` where the file holds no record that can be read, or the key file no key.
        """
        self._path = source if isinstance(source, (Path, str)) else None
        self._records: Sequence[Record] | None = None if isinstance(source, (Path, str)) else source
        self._named = source if isinstance(source, (Path, str)) else "capture"
        self._damage = ""
        self._keys = KeyTable.read(keys) if isinstance(keys, (Path, str)) else keys
        self._contexts = contexts
        self._frames: list[Captured] = []
        if self._path is None:
            return
        if is_read_once(self._path):
            found = CaptureFile(str(self._path))
            self._records, self._path = list(found), None
            if found.error is not None and not self._records:
                raise found.error
            self._damage = str(found.error or "")
        else:
            next(read_capture(self._path), None)

    @classmethod
    def open(
        cls, path: Path | str, keys: KeyTable | Path | str | None = None, contexts: Mapping[int, bytes] | None = None
    ) -> Capture:
        """The capture in a file. Raises as the constructor."""
        return cls(path, keys, contexts)

    @property
    def records(self) -> Sequence[Record]:
        """The frames as captured."""
        if self._records is None:
            assert self._path is not None
            self._records = records = list[Record]()
            try:
                records.extend(read_capture(self._path))
            except InputError as error:
                self._damage = str(error)
        return self._records

    @property
    def damage(self) -> str:
        """Where and how a capture ends that is cut or damaged."""
        _ = self.records
        return self._damage

    @cached_property
    def _settled(self) -> KeyTable | None:
        """The keys with those that the capture hands out."""
        return settle_records(self.records, self._keys, self._contexts)

    @cached_property
    def _decoder(self) -> Decoder:
        return Decoder(self._settled, self._contexts)

    def where(self, expression: str) -> Matches:
        """The frames for which a filter holds, in the language of `kenshin decode --filter`. Raises `InputError` for
        what is wrong with the expression."""
        return Matches(self, compile_filter(expression, JSONL_FIELDS))

    def walk(self) -> Walk:
        """A position before the first frame, and checks from there on: what must come next, what must not."""
        return Walk(self)

    @property
    def name(self) -> str:
        """What the capture is called in messages: its path."""
        return str(self._named)

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Captured: ...

    @overload
    def __getitem__(self, index: slice) -> list[Captured]: ...

    def __getitem__(self, index: int | slice) -> Captured | list[Captured]:
        wanted = range(len(self.records))[index]
        self._decode(max(wanted, default=-1) if isinstance(wanted, range) else wanted)
        return [self._frames[at] for at in wanted] if isinstance(wanted, range) else self._frames[wanted]

    def __iter__(self) -> Iterator[Captured]:
        at = 0
        while at < len(self.records):
            self._decode(at)
            yield self._frames[at]
            at += 1

    def _decode(self, last: int) -> None:
        for record in self.records[len(self._frames) : last + 1]:
            self._frames.append(self._captured(record, self._decoder.decode(record)))

    def _captured(self, record: Record, frame: Frame) -> Captured:
        known = {name: getattr(frame, name) for name in _FRAME_FIELDS}
        return Captured(**known, record=record, keys=self._settled, contexts=self._contexts)

    def _matching(self, wanted: Filter) -> Iterator[Captured]:
        if self._path is None:
            rows = ((record, row) for record, row in rows_of(self.records, Decoder(self._settled, self._contexts)))
            yield from (self._captured(record, row.frame) for record, row in rows if wanted(row))
            return
        try:
            for record, row in matching_rows(self._path, self._keys, self._contexts, wanted):
                yield self._captured(record, row.frame)
        except InputError:
            if not self.damage:
                raise


class Matches(Sequence[Captured]):
    """The frames of a capture that match a filter. Looked for as far as is asked; those found are kept."""

    def __init__(self, capture: Capture, wanted: Filter) -> None:
        self._found: list[Captured] = []
        self._rest = capture._matching(wanted)

    @overload
    def __getitem__(self, index: int) -> Captured: ...

    @overload
    def __getitem__(self, index: slice) -> list[Captured]: ...

    def __getitem__(self, index: int | slice) -> Captured | list[Captured]:
        if isinstance(index, slice) or index < 0:
            self._find(None)
        else:
            self._find(index + 1)
        return self._found[index]

    def __len__(self) -> int:
        self._find(None)
        return len(self._found)

    def __bool__(self) -> bool:
        self._find(1)
        return bool(self._found)

    def __iter__(self) -> Iterator[Captured]:
        at = 0
        while self._find(at + 1):
            yield self._found[at]
            at += 1

    def _find(self, count: int | None) -> bool:
        """Look on until there are ``count`` (None: until the end); whether there are."""
        while (count is None or len(self._found) < count) and (frame := next(self._rest, None)) is not None:
            self._found.append(frame)
        return count is not None and len(self._found) >= count
