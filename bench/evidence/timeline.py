"""The timeline: an append-only SQLite table of observations, written as they arrive, never rewritten.

Why SQLite in WAL mode with ``synchronous=NORMAL``: a killed controller leaves a readable file, whoever reads does not
disturb the writer, and a power cut costs at most what came after the last checkpoint, one wall second (design
section 9). Rows are appended in order of arrival; reading order is ``(t_ns, source, seq)`` (design section 3, rule 8).
A row is cited as ``timeline#ROW``.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypedDict, Unpack

import attrs

from bench import kinds
from bench.errors import InputError, cut
from bench.formats import TIMELINE
from bench.records import Json, Observation

CHECKPOINT_AFTER_S: Final = 1.0
"""Longest wall time between two writes that also survive a power cut (design section 9)."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS observation (
    row INTEGER PRIMARY KEY,
    t_ns INTEGER NOT NULL,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    u_ns INTEGER NOT NULL,
    episode TEXT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (source, seq)
);
CREATE INDEX IF NOT EXISTS observation_by_kind ON observation (kind, t_ns, source, seq);
"""
_INSERT: Final = (
    "INSERT INTO observation (t_ns, source, seq, subject, kind, u_ns, episode, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_COLUMNS: Final = "row, t_ns, source, seq, subject, kind, u_ns, episode, data"
_TYPES: Final = (int, int, str, int, str, str, int, str, str)
"""Of the columns."""
_WORDS: Final = {int: "a whole number", str: "text"}
_SHOWN: Final = 60
_LAST_ROW: Final = (1 << 63) - 1
"""Of any table of SQLite."""


@attrs.frozen(slots=True)
class CitedObservation(Observation):
    """An observation with the row of the timeline that proves it."""

    row: int = 0

    @property
    def citation(self) -> str:
        """``timeline#ROW``, what a measurement puts into ``cited``."""
        return f"timeline#{self.row}"


class Recorder:
    """Appends observations to ``timeline.sqlite``.

    ``observe`` numbers each observation within its source and keeps the order of arrival. ``commit()`` makes them safe
    from a killed process; an intent commits by itself, because a stimulus must never have happened without its intent
    on disk. Once a wall second a commit is also a checkpoint (fsync), safe from a power cut. Not thread safe: the one
    driving thread owns it (design section 3, rule 4).
    """

    def __init__(self, path: Path, *, wall: Callable[[], float] = time.monotonic) -> None:
        """Open or continue the timeline at ``path``; numbering goes on where an earlier run stopped.

        ``wall`` is a monotonic wall clock in seconds; it only decides when to write through and is never recorded.
        Raises InputError when ``path`` is no timeline, or of an unknown version.
        """
        self._wall = wall
        self._closed = False
        self._uncommitted: list[tuple[object, ...]] = []
        self._db = _open(path, writing=True)
        self._next_seq: dict[str, int] = {
            source: seq + 1
            for source, seq in self._db.execute("SELECT source, MAX(seq) FROM observation GROUP BY source")
        }
        self._checkpoint_at = wall() + CHECKPOINT_AFTER_S

    def observe(self, observation: Observation) -> CitedObservation:
        """Append ``observation`` and return it as recorded, with its seq (what it carried is ignored) and row.

        Raises ValueError when the vocabulary (``bench.kinds``) does not know it or its data is not plain JSON: that is
        a bug of the caller, found before it is on disk.
        """
        kinds.check(observation)
        seq = self._next_seq.get(observation.source, 0)
        data = _canonical_json(observation.data)
        row = (
            observation.t_ns,
            observation.source,
            seq,
            observation.subject,
            observation.kind,
            observation.u_ns,
            observation.episode,
            data,
        )
        self._uncommitted.append(row)
        if not self._db.in_transaction:
            self._db.execute("BEGIN")
        cursor = self._db.execute(_INSERT, row)
        self._next_seq[observation.source] = seq + 1
        if self._wall() >= self._checkpoint_at:
            self.commit()
        return CitedObservation(
            t_ns=observation.t_ns,
            source=observation.source,
            subject=observation.subject,
            kind=observation.kind,
            data=observation.data,
            u_ns=observation.u_ns,
            seq=seq,
            episode=observation.episode,
            row=cursor.lastrowid or 0,
        )

    def intent(
        self,
        t_ns: int,
        kind: kinds.Kind,
        subject: str,
        data: Mapping[str, Json] | None = None,
        *,
        episode: str = "",
    ) -> CitedObservation:
        """Record an intent (``kinds.INTENT_*``) of source ``bench`` and commit at once: call it before the stimulus."""
        recorded = self.observe(
            Observation(t_ns, "bench", subject, kind, data if data is not None else {}, episode=episode)
        )
        self.commit()
        return recorded

    def commit(self, *, force: bool = False) -> None:
        """Make everything observed so far safe from a killed controller. Cheap; call it at each clock stop.

        ``force`` makes it safe from a power cut as well (a milestone that a resumed run depends on). Where the disk
        takes no more, ``sqlite3.Error`` is raised and nothing is forgotten: the next commit tries it all again.
        """
        self._commit()
        if force or self._wall() >= self._checkpoint_at:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._checkpoint_at = self._wall() + CHECKPOINT_AFTER_S

    def _commit(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("COMMIT")
        except sqlite3.Error:
            if not self._db.in_transaction:  # SQLite has rolled it back; there may be room again at the next try
                self._db.execute("BEGIN")
                self._db.executemany(_INSERT, self._uncommitted)
            raise
        self._uncommitted.clear()

    def close(self) -> None:
        """Commit, fold the log into the one plain file, and close. May be called twice."""
        if self._closed:
            return
        self._closed = True
        try:
            self._commit()
            with contextlib.suppress(sqlite3.OperationalError):  # a reader is at work: the log stays beside the file
                self._db.execute("PRAGMA journal_mode=DELETE").fetchall()
        finally:
            self._db.close()  # also where the disk takes no more

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Selection(TypedDict, total=False):
    """Which observations are asked for; what is left out or None sets no condition. Time bounds are inclusive."""

    kind_prefix: str | None
    source: str | None
    subject: str | None
    episode: str | None
    since_ns: int | None
    until_ns: int | None


class Timeline:
    """A timeline opened for reading only; a writer may be at work on the same file."""

    def __init__(self, path: Path) -> None:
        """Raises InputError when there is no timeline of a known version at ``path``."""
        self._path = path
        self._db = _open(path, writing=False)

    def check(self) -> None:
        """Read every row once. InputError naming the first that is none, or has not what its kind has: a measurand that
        asks for its own kinds would pass over it, and take what it tells for what never happened."""
        for seen in self._read("ORDER BY row"):
            known = kinds.KINDS.get(seen.kind)
            if known is not None and (why := known.lacks(seen.data)):
                raise InputError(f"{self._path} row {seen.row}: data of {known}: {why}; expected what the bench writes")

    def events(self, kind: str | None = None, **selection: Unpack[Selection]) -> list[CitedObservation]:
        """Observations in reading order ``(t_ns, source, seq)``; both time bounds are inclusive."""
        conditions = {
            "kind = ?": kind,
            "substr(kind, 1, ?) = ?": selection.get("kind_prefix"),
            "source = ?": selection.get("source"),
            "subject = ?": selection.get("subject"),
            "episode = ?": selection.get("episode"),
            "t_ns >= ?": selection.get("since_ns"),
            "t_ns <= ?": selection.get("until_ns"),
        }
        asked = {clause: value for clause, value in conditions.items() if value is not None}
        values: list[Any] = []
        for clause, value in asked.items():
            values += [len(str(value)), value] if clause.startswith("substr") else [value]
        where = f"WHERE {' AND '.join(asked)}" if asked else ""
        return list(self._read(f"{where} ORDER BY t_ns, source, seq", values))

    def rows(self, first: int, last: int) -> list[CitedObservation]:
        """Observations by the rows that citations name, both inclusive, in order of arrival."""
        span = [min(max(row, 0), _LAST_ROW) for row in (first, last)]
        return list(self._read("WHERE row BETWEEN ? AND ? ORDER BY row", span))

    def last_row(self) -> int:
        """Row of the observation that arrived last; 0 for an empty timeline."""
        (latest,) = self._db.execute("SELECT MAX(row) FROM observation").fetchone()
        return int(latest or 0)

    def last_ns(self) -> int:
        """Rig time of the latest observation; 0 for an empty timeline."""
        return max((seen.t_ns for seen in self._read("ORDER BY t_ns DESC LIMIT 1")), default=0)

    def canonical(self) -> Iterator[str]:
        """One JSON line an observation in reading order: equal for two runs of one seed, byte for byte.

        The row number is left out: it tells the order of arrival, which may differ.
        """
        for seen in self._read("ORDER BY t_ns, source, seq"):
            yield _canonical_json(
                {
                    "t_ns": seen.t_ns,
                    "source": seen.source,
                    "seq": seen.seq,
                    "subject": seen.subject,
                    "kind": seen.kind,
                    "u_ns": seen.u_ns,
                    "episode": seen.episode,
                    "data": seen.data,
                }
            )

    def _read(self, which: str, values: Sequence[Any] = ()) -> Iterator[CitedObservation]:
        """The rows of a selection. InputError naming the file, and the row, where one cannot be read."""
        try:
            for row in self._db.execute(f"SELECT {_COLUMNS} FROM observation {which}", values):
                yield _from_row(row, self._path)
        except sqlite3.Error as error:  # a damaged page, or text that is no UTF-8
            why = _cut(" ".join(str(error).split()))
            raise InputError(f"{self._path}{self._no_utf8()}: {why}; expected the timeline.sqlite of a run") from None

    def _no_utf8(self) -> str:
        """Which row holds text that is no UTF-8, for a message; empty where none does."""
        self._db.text_factory = bytes
        with contextlib.suppress(sqlite3.Error):
            for number, *cells in self._db.execute(f"SELECT {_COLUMNS} FROM observation ORDER BY row"):
                try:
                    b"".join(cell for cell in cells if isinstance(cell, bytes)).decode()
                except UnicodeDecodeError:
                    return f" row {number}"
        return ""

    def close(self) -> None:
        """May be called twice."""
        if hasattr(self, "_db"):  # also of a timeline that could not be opened
            self._db.close()

    def __del__(self) -> None:
        """Episodes hold their evidence for as long as someone looks at them; the last one to let go closes it."""
        self.close()


def _canonical_json(value: Json) -> str:
    """One spelling for one value: sorted keys, no spaces, Japanese readable, no NaN."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Json) -> Any:
    """Mappings and sequences of any class as dict and list, which is all that ``json`` takes."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, (bool, int, float)):
        return value
    try:
        return [_plain(item) for item in value]
    except TypeError:
        raise ValueError(f"{value!r} is not plain JSON") from None


def _from_row(row: tuple[Any, ...], path: Path) -> CitedObservation:
    """A row as it was observed; InputError where it can be none, for SQLite keeps anything in any column."""
    number, t_ns, source, seq, subject, kind, u_ns, episode, data = row
    try:
        told = json.loads(data)
    except (ValueError, TypeError, RecursionError):
        told = None
    if tuple(map(type, row)) != _TYPES or type(told) is not dict or u_ns < 0:
        raise InputError(f"{path} row {number}: {_wrong(row, told)}")
    return CitedObservation(t_ns, source, subject, kind, told, u_ns, seq, episode, row=number)


def _wrong(row: tuple[Any, ...], told: object) -> str:
    """What is wrong with a row, and what was expected there."""
    for name, type_, value in zip(_COLUMNS.split(", "), _TYPES, row, strict=True):
        if type(value) is not type_:
            return f"{name} is {_cut(repr(value))}; expected {_WORDS[type_]}"
    *_, u_ns, _, data = row
    if not isinstance(told, dict):
        return f"data is {_cut(repr(data))}; expected a JSON object"
    return f"u_ns is {u_ns}; expected an uncertainty in nanoseconds, 0 or more"


def _cut(text: str) -> str:
    return cut(text, _SHOWN)


def _open(path: Path, *, writing: bool) -> sqlite3.Connection:
    """A connection to the timeline at ``path``; InputError where it is none."""
    if not writing and not path.is_file():
        raise InputError(f"{path}: no timeline there; expected the timeline.sqlite of a run")
    # A killed writer leaves its log beside the file, and reading that needs a connection that may fold it in; a
    # closed timeline is one plain file and is opened so that not an octet of it, nor of its folder, changes.
    plain = not writing and not path.with_name(path.name + "-wal").exists()
    db = None
    try:
        name = path.resolve().as_uri() + ("?mode=ro" if plain else "")
        # A reader that nobody holds any more is closed by whichever thread collects it.
        db = sqlite3.connect(name, uri=True, isolation_level=None, check_same_thread=writing)
        if writing:
            db.execute("PRAGMA journal_mode=WAL").fetchall()
            db.execute("PRAGMA synchronous=NORMAL")
            if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                db.executescript(_SCHEMA)
                db.execute(f"PRAGMA user_version={TIMELINE.version}")
        else:
            db.execute("PRAGMA query_only=ON")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute("SELECT 1 FROM observation LIMIT 1").fetchone()
    except sqlite3.Error as error:
        if db is not None:
            db.close()
        raise InputError(f"{path}: not a readable timeline ({error}); expected the timeline.sqlite of a run") from None
    try:
        TIMELINE.check(version, path)
    except InputError:
        db.close()
        raise
    return db
