"""A capture as a sequence: ``capture[i]`` is the decoded frame, ``capture[i].scapy()`` its scapy packet.

    capture = Capture("night.pcapng", keys="keys.txt")
    for frame in capture.where("icmpv6.rpl.dao && ipv6.src == fd00::1"):
        print(frame.number, frame.info, frame["icmpv6.rpl.dao.sequence"])

For people who go to and fro in a capture; whatever walks one once uses `frame.decode_frames`. What a filter finds is
read from the file as it is asked for, through the column index where the file is large, so that only what is kept of it
takes memory; positions (``capture[i]``, ``len``) take the records of the whole capture into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, overload

import attrs

from bench.air.capture import CaptureFile, is_read_once, read_capture
from bench.air.fields import FIELDS
from bench.air.fields_base import Value
from bench.air.filter import Filter, compile_filter
from bench.air.frame import Decoder, Frame
from bench.air.keys import KeyTable
from bench.air.link import Record
from bench.air.rows import JSONL_FIELDS, Row
from bench.air.selection import matching_rows, rows_of
from bench.errors import InputError

if TYPE_CHECKING:
    from scapy.packet import Packet


@attrs.frozen(slots=True)
class Captured(Frame):
    """A `Frame` that knows its record, and what was needed to read it."""

    record: Record | None = attrs.field(default=None, repr=False)
    keys: KeyTable | None = attrs.field(default=None, repr=False, eq=False)
    contexts: Mapping[int, bytes] | None = attrs.field(default=None, repr=False, eq=False)

    def scapy(self, decrypted: bool = True) -> Packet:
        """The frame as scapy's packet, from the MAC header on: opened where it can be, or as it was on the air.

        It is made anew each time, so it may be changed. An opened one is built sealed again with the key that opened
        it; an acknowledgement without source address, which only its capture can open, is built in clear text.
        """
        from bench.air.scapy_api import to_scapy

        if self.record is None:
            return to_scapy(self, decrypted, contexts=self.contexts)
        packet = to_scapy(self.record, decrypted, keys=self.keys, contexts=self.contexts)
        sealed = self.mic == "ok" and decrypted and not packet.fields.get("clear")
        return to_scapy(self, contexts=self.contexts) if sealed else packet

    def __getitem__(self, name: str) -> Value | list[Value] | None:
        """A field by its filter name (`fields.FIELDS`, `rows.JSONL_FIELDS`): its value, a list of several, None where
        it is absent. Times are integer nanoseconds, addresses and octets bytes. Raises KeyError for no field."""
        if name not in FIELDS and name not in JSONL_FIELDS:
            raise KeyError(name)
        found = list(Row(self, self.record).values(name))
        return found[0] if len(found) == 1 else found or None

    def ipv6(self) -> Packet | None:
        """The IPv6 datagram that this frame completes as scapy's packet, None where it completes none."""
        from bench.air.scapy_layers import Ip6

        return Ip6(self.datagram) if self.datagram else None


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
        self._damage = ""
        self._keys = KeyTable.read(keys) if isinstance(keys, (Path, str)) else keys
        self._contexts = contexts
        self._decoder = Decoder(self._keys, contexts)
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

    def where(self, expression: str) -> Matches:
        """The frames for which a filter holds, in the language of `kenshin decode --filter`. Raises `InputError` for
        what is wrong with the expression."""
        return Matches(self, compile_filter(expression, JSONL_FIELDS))

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
        return Captured(**known, record=record, keys=self._keys, contexts=self._contexts)

    def _matching(self, wanted: Filter) -> Iterator[Captured]:
        if self._path is None:
            rows = ((record, row) for record, row in rows_of(self.records, Decoder(self._keys, self._contexts)))
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
