"""The timeline: an append-only SQLite table of observations, written as they arrive, never rewritten.

Why SQLite in WAL mode with ``synchronous=NORMAL``: a killed controller leaves a readable file, whoever reads does not
disturb the writer, and a power cut costs at most the last commit (design section 9: one wall second). Rows are appended
in order of arrival; reading order is ``(t_ns, source, seq)`` (design section 3, rule 8). A row is cited as
``timeline#ROW``.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs

from bench.errors import InputError
from bench.records import Json, Observation

SCHEMA_VERSION: Final = 1
COMMIT_AFTER_S: Final = 1.0
"""Longest wall time that observations stay uncommitted (design section 9)."""

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


@attrs.frozen(slots=True)
class CitedObservation(Observation):
    """An observation read back from a timeline, with the row that proves it."""

    row: int = 0

    @property
    def citation(self) -> str:
        """``timeline#ROW``, what a measurement puts into ``cited``."""
        return f"timeline#{self.row}"


class Recorder:
    """Appends observations to ``timeline.sqlite``.

    ``observe`` numbers each observation within its source and keeps the order of arrival. Intents are committed at
    once (a stimulus must never have happened without its intent on disk); the rest at ``commit()`` or after one wall
    second, whichever comes first. Not thread safe: the one driving thread owns it (design section 3, rule 4).
    """

    def __init__(self, path: Path, *, wall: Callable[[], float] = time.monotonic) -> None:
        """Open or continue the timeline at ``path``; numbering goes on where an earlier run stopped.

        ``wall`` is a monotonic wall clock in seconds; it only decides when to commit and is never recorded.
        """
        raise NotImplementedError

    def observe(self, observation: Observation) -> CitedObservation:
        """Append ``observation`` (its own ``seq`` is ignored) and return it as recorded, with seq and row."""
        raise NotImplementedError

    def intent(self, t_ns: int, what: str, subject: str, data: Mapping[str, Json] | None = None, *, episode: str = "") -> CitedObservation:
        """Record ``intent.<what>`` of source ``bench`` and commit at once: call it before the stimulus."""
        raise NotImplementedError

    def commit(self) -> None:
        """Make everything observed so far safe from a killed controller. Cheap; call it at each clock stop."""
        raise NotImplementedError

    def close(self) -> None:
        """Commit and close."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Timeline:
    """A timeline opened for reading only."""

    def __init__(self, path: Path) -> None:
        raise NotImplementedError

    def events(
        self,
        kind: str | None = None,
        *,
        kind_prefix: str | None = None,
        source: str | None = None,
        subject: str | None = None,
        episode: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> list[CitedObservation]:
        """Observations in reading order ``(t_ns, source, seq)``; both time bounds are inclusive."""
        raise NotImplementedError

    def canonical(self) -> Iterator[str]:
        """One JSON line an observation in reading order: equal for two runs of one seed, byte for byte."""
        raise NotImplementedError
