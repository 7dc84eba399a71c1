"""A run folder as what it is made of: files, and in them frames, rows of the timeline, lines or octets.

Each file has its SHA-256. So that a change can be told with its place, each *part* of it has a tag, the first octets of
its digest, and the root of a hash tree over the parts (`bench.evidence.seal.tree`) stands for all of them in order:

    captures/*.pcapng   a block of the file; frames are counted as citations do (``captures/s1.pcapng#12``)
    timeline.sqlite     pages of the file, and apart from them the rows, each column with a short tag of its own
    text                a line
    anything else       4096 octets

One pass over a file, memory flat. Nothing is decoded: what is hashed is what is there, damaged or not. The database is
opened so that neither it nor its folder changes, and its write-ahead log is read only where it was sealed with it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import stat
import struct
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

import attrs

from bench.errors import InputError
from bench.evidence.seal.tree import canonical, leaf, root

MANIFEST: Final = "manifest.json"
EARLIER: Final = "seals"
"""Where the manifests of earlier stops of a run are kept, ``1.json`` first."""
JUDGED: Final = "judged"
"""Later judgements: each folder in it has a manifest of its own, for it came after the run was sealed."""
TIMELINE: Final = "timeline.sqlite"
LOG: Final = f"{TIMELINE}-wal"
TAG_OCTETS: Final = 4
"""They only locate: that anything changed is told by whole digests."""
COLUMN_TAG_OCTETS: Final = 2
KEY_OCTETS: Final = 2 + COLUMN_TAG_OCTETS
"""A key of a row's ``data``: its place among all keys, and a tag of its value."""
_MOST_KEYS: Final = 255
COLUMNS: Final = ("t_ns", "source", "seq", "subject", "kind", "u_ns", "episode", "data")
CHUNK: Final = 4096
_LONGEST: Final = 1 << 24
_TEXT: Final = frozenset({".yaml", ".json", ".jsonl", ".xml", ".html", ".log", ".txt", ".csv", ""})
STAMPS: Final = ("manifest.tsq", "manifest.tsr")
"""What a time stamping authority was asked about the manifest, and what it answered."""
_OUTSIDE: Final = (MANIFEST, *STAMPS)
_DERIVED: Final = re.compile(r"captures/[^/]+\.kbx|timeline\.sqlite-shm")
"""Column indexes and SQLite's shared memory: made anew whenever they are asked for, cited by nobody."""
_SECTION: Final = b"\x0a\x0d\x0d\x0a"
_FRAMES: Final = (2, 3, 6)
"""Blocks of pcapng that hold a frame: old packet, simple packet, enhanced packet."""


@attrs.frozen(slots=True)
class Parts:
    """The parts of one file in order. ``of``: ``frame``, ``line`` or ``octets``; ``others``: places of the parts of a
    capture that are no frames."""

    of: str
    root: str
    tags: bytes
    others: tuple[int, ...] = ()

    def each(self) -> list[bytes]:
        """The tags, one a part."""
        return [self.tags[at : at + TAG_OCTETS] for at in range(0, len(self.tags), TAG_OCTETS)]


@attrs.frozen(slots=True)
class Rows:
    """The rows of a timeline in order of arrival; ``numbers``: theirs where they are not 1, 2, 3 ..., else empty.

    ``keys``: every key that any row's ``data`` has; ``data``: of each row how many it has (an octet), then of each its
    place in ``keys`` and a tag of its value, two octets each. Empty of a run that an earlier version sealed.
    """

    root: str
    tags: bytes
    columns: bytes
    schema: tuple[str, ...]
    numbers: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()
    data: bytes = b""

    def each(self) -> list[bytes]:
        """The tags, one a row."""
        return [self.tags[at : at + TAG_OCTETS] for at in range(0, len(self.tags), TAG_OCTETS)]

    def number(self, place: int) -> int:
        """Number of the row at a place (from 0)."""
        return self.numbers[place] if self.numbers else place + 1

    def cells(self, place: int) -> list[bytes]:
        """Tags of the columns of the row at a place."""
        width = COLUMN_TAG_OCTETS * len(COLUMNS)
        row = self.columns[place * width : (place + 1) * width]
        return [row[at : at + COLUMN_TAG_OCTETS] for at in range(0, len(row), COLUMN_TAG_OCTETS)]

    def values(self, place: int) -> dict[str, bytes]:
        """Tags of the values in the ``data`` of the row at a place, by key; empty where nothing is known of them."""
        if not self.data:
            return {}
        at = 0
        for _ in range(place):
            at += 1 + KEY_OCTETS * self.data[at]
        places = range(at + 1, at + 1 + KEY_OCTETS * self.data[at], KEY_OCTETS)
        pairs = [(self.data[one : one + 2], self.data[one + 2 : one + KEY_OCTETS]) for one in places]
        return {self.keys[int.from_bytes(key, "big")]: tag for key, tag in pairs}


@attrs.frozen(slots=True)
class File:
    """One file; ``rows`` of a timeline that could be read."""

    path: str
    octets: int
    sha256: str
    parts: Parts
    rows: Rows | None = None


def names(folder: Path) -> tuple[list[str], list[str]]:
    """Paths below a folder, sorted: files that a seal covers, and what is no plain file.

    Left out are the manifest, later judgements, and what is derived from the rest.
    """
    plain: list[str] = []
    odd: list[str] = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        below = Path(place).relative_to(folder)
        if below == Path("."):
            folders[:] = [name for name in folders if name != JUDGED]
        for name in folders + files:
            path = PurePosixPath(below.as_posix(), name).as_posix()
            mode = (folder / path).lstat().st_mode
            if stat.S_ISREG(mode) and path not in _OUTSIDE and not _DERIVED.fullmatch(path):
                plain.append(path)
            elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                odd.append(path)
    return sorted(plain), sorted(odd)


def read_file(folder: Path, path: str, of: str | None = None) -> File:
    """What one file is made of; ``of``: into which parts, where its name does not tell."""
    of = of or parts_of(path)
    whole, digests, others, octets = sha256(), [], [], 0
    try:
        with (folder / path).open("rb") as file:
            for number, (chunk, counts) in enumerate(_CHUNKS[of](file)):
                whole.update(chunk)
                digests.append(leaf(chunk))
                octets += len(chunk)
                if not counts:
                    others.append(number)
    except OSError as error:
        raise InputError(f"{folder / path}: cannot be read ({error.strerror}); expected a readable file") from None
    tags = b"".join(digest[:TAG_OCTETS] for digest in digests)
    return File(path, octets, whole.hexdigest(), Parts(of, root(digests).hex(), tags, tuple(others)))


def parts_of(path: str) -> str:
    """Into which parts a file is cut, by its name."""
    suffix = PurePosixPath(path).suffix
    return "frame" if suffix == ".pcapng" else "line" if suffix in _TEXT else "octets"


def read_rows(folder: Path, *, with_log: bool) -> Rows:
    """The rows of a run's timeline; ``with_log``: with those that are in its write-ahead log only.

    Raises ``sqlite3.Error`` where it is damaged.
    """
    if not with_log:
        return _rows(folder / TIMELINE)
    with tempfile.TemporaryDirectory() as scratch:
        for name in (TIMELINE, LOG):
            shutil.copyfile(folder / name, Path(scratch) / name)
        return _rows(Path(scratch) / TIMELINE, "")


def schema_of(path: Path) -> tuple[str, ...]:
    """What a database says of itself, a text each; raises ``sqlite3.Error``."""
    with closing(_opened(path, "?mode=ro&immutable=1")) as db:
        return _schema(db)


def _rows(path: Path, how: str = "?mode=ro&immutable=1") -> Rows:
    digests, cells, numbers, values = [], [], [], []
    with closing(_opened(path, how)) as db:
        schema = _schema(db)
        for number, *columns in db.execute(f"SELECT row, {', '.join(COLUMNS)} FROM observation ORDER BY row"):
            spelt = [canonical(column) for column in columns]
            digests.append(leaf(b"[" + b",".join(spelt) + b"]"))
            cells += [sha256(cell).digest()[:COLUMN_TAG_OCTETS] for cell in spelt]
            numbers.append(number)
            values.append(_values(columns[-1]))
    keys = sorted({key for row in values for key in row})[: 1 << 16]
    plain = numbers == list(range(1, len(numbers) + 1))
    tags = b"".join(digest[:TAG_OCTETS] for digest in digests)
    known = () if plain else tuple(numbers)
    return Rows(root(digests).hex(), tags, b"".join(cells), schema, known, tuple(keys), _packed(values, keys))


def _values(data: object) -> dict[str, bytes]:
    """Tags of the values in a row's ``data`` by key; empty where it is no object, or a monstrous one."""
    try:
        told = json.loads(data) if isinstance(data, str) else None
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict) or len(told) > _MOST_KEYS:
        return {}
    return {_printable(key): sha256(canonical(value)).digest()[:COLUMN_TAG_OCTETS] for key, value in told.items()}


def _printable(key: str) -> str:
    """JSON may spell half a surrogate, which no file can hold."""
    return key.encode("utf-8", "backslashreplace").decode()


def _packed(values: Sequence[Mapping[str, bytes]], keys: Sequence[str]) -> bytes:
    place = {key: number.to_bytes(2, "big") for number, key in enumerate(keys)}
    rows = ([place[key] + tag for key, tag in row.items() if key in place] for row in values)
    return b"".join(bytes([len(row)]) + b"".join(row) for row in rows)


def _opened(path: Path, how: str) -> sqlite3.Connection:
    db = sqlite3.connect(path.resolve().as_uri() + how, uri=True, isolation_level=None)
    db.text_factory = lambda octets: octets.decode("utf-8", "backslashreplace")
    return db


def _schema(db: sqlite3.Connection) -> tuple[str, ...]:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    parts: Iterable[Sequence[Any]] = db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
    return (f"user_version {version}", *(" ".join(" ".join(str(item).split()) for item in part) for part in parts))


# -- how a file is cut: each chunk, and whether it is a frame (or whatever is counted) ---------------------------------

_Cut = Iterator[tuple[bytes, bool]]


def _lines(file: BinaryIO) -> _Cut:
    while line := file.readline(_LONGEST):
        yield line, True


def _octets(file: BinaryIO) -> _Cut:
    while chunk := file.read(CHUNK):
        yield chunk, True


def _blocks(file: BinaryIO) -> _Cut:
    """Blocks of pcapng; from the first one that is none on, octets."""
    order = "<"
    while head := file.read(12):
        if head[:4] == _SECTION:
            order = ">" if head[8:12] == b"\x1a\x2b\x3c\x4d" else "<"
        kind, length = struct.unpack(order + "II", head[:8]) if len(head) == 12 else (0, 0)
        if not 12 <= length <= _LONGEST:
            yield head, False
            yield from ((chunk, False) for chunk, _ in _octets(file))
            return
        yield head + file.read(length - 12), kind in _FRAMES


_CHUNKS: Final = {"line": _lines, "octets": _octets, "frame": _blocks}


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read ({error.strerror}); expected a readable folder")
