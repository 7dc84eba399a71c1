"""Sightings of a whole capture outside memory: packed rows, to be read from the beginning as often as measurands ask.

Small captures stay in memory; larger ones go to a temporary file that has no name once it is open (it lies in the
system's temporary folder, ``TMPDIR``, and takes about 50 octets a frame). Rows are packed and compressed some thousand
at a time; Python's own `marshal` packs, because no one but this process ever reads them.
"""

from __future__ import annotations

import marshal
import struct
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final, TypeAlias

import attrs

from bench.air.octets import counted
from bench.errors import InputError
from bench.measurands.air.sightings.sighting import (
    Acknowledged,
    AddressOwner,
    AddressRequest,
    Advertised,
    AuthenticationStep,
    Carried,
    Content,
    Datagram,
    Echo,
    Message,
    PanNotice,
    Rank,
    Registered,
    RouteRequest,
    Sighting,
)

IN_MEMORY_OCTETS: Final = 1 << 24
ROWS: Final = 2048
_LEVEL: Final = 1
_LENGTH: Final = struct.Struct("<I")

Row: TypeAlias = "tuple[Any, ...]"
"""A sighting without its ordinal; its content is None, or a number for the record's type and the record's fields."""
Shift: TypeAlias = Callable[[int], int]
"""How much earlier than its stamp (ns) a frame of so many octets began."""

_TYPES: Final[tuple[type[Any], ...]] = (
    PanNotice,
    AuthenticationStep,
    Datagram,
    Echo,
    Advertised,
    Acknowledged,
    Rank,
    AddressRequest,
    RouteRequest,
    AddressOwner,
    Carried,
    Registered,
)
_NUMBERS: Final = {kind: number for number, kind in enumerate(_TYPES)}
_NAMES: Final = {kind: tuple(field.name for field in attrs.fields(kind)) for kind in _TYPES}
_DATAGRAM: Final = _NUMBERS[Datagram]
_FIRST: Final = _NAMES[Datagram].index("first_ns")
"""Place of `Datagram.first_ns`; ``first_octets`` comes next."""
_MESSAGE: Final = _NAMES[Datagram].index("message")


def place_of(field: str) -> int:
    """Where a field of `Sighting` stands in a row."""
    return Sighting._fields.index(field) - 1


_START: Final = place_of("start_ns")


def pack(sighting: Sighting) -> Row:
    """The row of a sighting."""
    content = sighting.content
    return (*sighting[1:-1], None if content is None else pack_content(content))


def pack_content(content: Content | Message) -> Row:
    """What the row of a sighting holds of its content."""
    kind = type(content)
    fields = tuple([getattr(content, name) for name in _NAMES[kind]])
    if isinstance(content, Datagram) and content.message is not None:
        fields = (*fields[:_MESSAGE], pack_content(content.message), *fields[_MESSAGE + 1 :])
    return _NUMBERS[kind], fields


def at_time(packed: Row, first_ns: int, first_octets: int) -> Row:
    """The same content in a frame that begins at ``first_ns``, and is so long."""
    number, fields = packed
    if number != _DATAGRAM:
        return packed
    return number, (*fields[:_FIRST], first_ns, first_octets, *fields[_FIRST + 2 :])


def unpack(row: Row, ordinal: int) -> Sighting:
    """The sighting of a row."""
    return Sighting._make((ordinal, *row[:-1], _unpacked(row[-1])))


def _unpacked(packed: Row | None) -> Content | None:
    if packed is None:
        return None
    number, fields = packed
    kind = _TYPES[number]
    if kind is Datagram and fields[_MESSAGE] is not None:
        fields = (*fields[:_MESSAGE], _unpacked(fields[_MESSAGE]), *fields[_MESSAGE + 1 :])
    return kind(*fields)  # type: ignore[no-any-return]


class Spool:
    """Rows in order. Written once, then read: each iteration begins anew."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY_OCTETS)  # noqa: SIM115 (lives as long as the spool)
        weakref.finalize(self, self._file.close)
        self._waiting: list[Row] = []
        self._blocks: list[tuple[int, int, int]] = []
        self._count = 0
        self._end = 0

    def __len__(self) -> int:
        return self._count

    def add(self, row: Row) -> None:
        """Append a row. Raises `InputError` where the temporary folder is full."""
        self._waiting.append(row)
        self._count += 1
        if len(self._waiting) >= ROWS:
            self._write()

    def _write(self) -> None:
        packed = zlib.compress(marshal.dumps(self._waiting), _LEVEL)
        try:
            self._file.seek(self._end)
            self._file.write(_LENGTH.pack(len(packed)) + packed)
        except OSError as error:
            raise InputError(
                f"{tempfile.gettempdir()}: {error.strerror or error} after {counted(self._count, 'frame')};"
                " expected room for about 50 octets a frame (another folder: TMPDIR)"
            ) from None
        starts = [row[_START] for row in self._waiting]
        self._blocks.append((self._end, min(starts), max(starts)))
        self._end += _LENGTH.size + len(packed)
        self._waiting = []

    def rows(self) -> Iterator[Row]:
        """All rows."""
        for at, _, _ in self._blocks:
            yield from self._read(at)
        yield from self._waiting

    def between(self, since_ns: int, until_ns: int) -> Iterator[Row]:
        """Rows of frames that began within, bounds inclusive; a few thousand beside them are read, no more."""
        near = (self._read(at) for at, first, last in self._blocks if last >= since_ns and first <= until_ns)
        for row in chain(chain.from_iterable(near), self._waiting):
            if since_ns <= row[_START] <= until_ns:
                yield row

    def _read(self, at: int) -> list[Row]:
        self._file.seek(at)
        size = _LENGTH.unpack(self._file.read(_LENGTH.size))[0]
        found: list[Row] = marshal.loads(zlib.decompress(self._file.read(size)))
        return found


@attrs.frozen(slots=True)
class Sightings:
    """The sightings of a spool, to be iterated again and again; stamps moved by ``shift`` where one is given."""

    spool: Spool
    shift: Shift | None = None

    def __len__(self) -> int:
        return len(self.spool)

    def __iter__(self) -> Iterator[Sighting]:
        found = (unpack(row, ordinal) for ordinal, row in enumerate(self.spool.rows()))
        return found if self.shift is None else (_moved(sighting, self.shift) for sighting in found)


def _moved(sighting: Sighting, shift: Shift) -> Sighting:
    content = sighting.content
    if isinstance(content, Datagram):
        content = attrs.evolve(content, first_ns=content.first_ns - shift(content.first_octets))
    return sighting._replace(start_ns=sighting.start_ns - shift(sighting.octets), content=content)
