"""A timeline with its changes as evidence, and what a measurand says of it."""

from __future__ import annotations

import copy
import functools
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from bench import kinds
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.timeline import Recorder
from bench.judge.findings import finding
from bench.measurands.judged.registry import REGISTRY
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import Measurement, Observation
from tests.corpus.cases import Case, Change, Row, Written

SETUP: Final = 0
"""In place of a row: what a change says of the setup."""
_INSERT: Final = "INSERT INTO observation (row, t_ns, source, subject, kind, data, u_ns, seq, episode) VALUES "
_INSERT_ONE: Final = _INSERT + "(?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Impossible(Exception):
    """A change that no bench would have recorded."""


@attrs.frozen(slots=True)
class _Folder(RunFolder):
    """A run folder that holds a timeline and nothing else; its inputs are given."""

    given: Mapping[str, Any] = attrs.field(factory=dict)

    def inputs(self) -> dict[str, Any]:
        return copy.deepcopy(dict(self.given))


def answered(case: Case, written: Written) -> Any:
    """What the measurand says, each measurement with what a reader is told to look at first; plain JSON.

    Impossible where the changes are; what a measurand raises is raised.
    """
    with tempfile.TemporaryDirectory(prefix="kenshin-corpus-") as name:
        folder = Path(name)
        _write(folder / "timeline.sqlite", changed(written.rows, case.changes))
        evidence = Evidence(_Folder(folder, written.inputs))
        try:
            episodes = [evidence.episode(one) for one in case.episodes]
            found = REGISTRY[case.measurand](episodes, _setup(case), case.statistic)
        finally:
            evidence.close()
    return json.loads(json.dumps([_plain(one) for one in found]))


def _plain(measurement: Measurement) -> dict[str, Any]:
    """Fields that say something, and the finding."""
    said = attrs.asdict(measurement, filter=lambda field, value: value not in (None, "", (), {}, False))
    return {**said, "finding": finding(measurement)}


def _setup(case: Case) -> Setup:
    plain = copy.deepcopy(dict(case.setup))
    for _, _, path, *value in (change for change in case.changes if change[1] == SETUP):
        _put(plain, path, *value)
    lists = {key: tuple(value) for key, value in plain.items() if isinstance(value, list)}
    several = {key: tuple(map(_terminal, lists.pop(key))) for key in ("terminals", "references")}
    return Setup(**{**plain, **lists, **several})


def _terminal(plain: Mapping[str, Any]) -> TerminalSetup:
    return TerminalSetup(**{**plain, "meters": tuple(plain["meters"])})


def changed(rows: tuple[Row, ...], changes: tuple[Change, ...]) -> list[tuple[int, Row]]:
    """The rows by their numbers, as the changes leave them. Impossible where no bench would have recorded that."""
    numbered = dict(enumerate(rows, start=1))
    for word, row, *more in changes:
        if row != SETUP:
            if row not in numbered:
                raise Impossible
            _CHANGES[word](numbered, row, *more)
    return sorted(numbered.items())


_Rows = dict[int, Row]


def _without(rows: _Rows, row: int) -> None:
    del rows[row]


def _without_all(rows: _Rows, row: int) -> None:
    _, _, subject, kind, *_ = rows[row]
    for number in [number for number, other in rows.items() if other[2:4] == (subject, kind)]:
        del rows[number]


def _ends(rows: _Rows, row: int) -> None:
    for number in [number for number in rows if number > row]:
        del rows[number]


def _meets(rows: _Rows, row: int) -> None:
    earlier = [t_ns for t_ns, *_ in rows.values() if t_ns < rows[row][0]]
    if not earlier:
        raise Impossible
    rows[row] = (max(earlier), *rows[row][1:])


def _moved(rows: _Rows, row: int, by_ns: int) -> None:
    rows[row] = (rows[row][0] + by_ns, *rows[row][1:])


def _again(rows: _Rows, row: int) -> None:
    _, source, subject, kind, data, _, _, episode = rows[row]
    _adds(rows, row, source, subject, kind, json.loads(data), episode)


def _adds(rows: _Rows, row: int, source: str, subject: str, kind: str, data: Any, episode: str) -> None:
    seq = 1 + max((other[6] for other in rows.values() if other[1] == source), default=0)
    rows[max(rows) + 1] = _recorded((rows[row][0], source, subject, kind, json.dumps(data), rows[row][5], seq, episode))


def _says(rows: _Rows, row: int, path: list[str | int], *value: Any) -> None:
    data = json.loads(rows[row][4])
    _put(data, path, *value)
    rows[row] = _recorded((*rows[row][:4], json.dumps(data), *rows[row][5:]))


_CHANGES: Final[Mapping[str, Callable[..., None]]] = {
    "without": _without,
    "without-all": _without_all,
    "ends": _ends,
    "meets": _meets,
    "moved": _moved,
    "again": _again,
    "adds": _adds,
    "says": _says,
}


def _recorded(row: Row) -> Row:
    """Impossible where the recorder would not take it."""
    t_ns, source, subject, kind, data, u_ns, seq, episode = row
    try:
        kinds.check(Observation(t_ns, source, subject, kind, json.loads(data), u_ns, seq, episode))
    except ValueError:
        raise Impossible from None
    return row


def _put(data: Any, path: list[str | int], *value: Any) -> None:
    """Into nested JSON; without a value what stands there goes."""
    place = functools.reduce(lambda inner, key: inner[key], path[:-1], data)
    if value:
        place[path[-1]] = value[0]
    else:
        del place[path[-1]]


def _write(path: Path, rows: list[tuple[int, Row]]) -> None:
    shutil.copyfile(_empty(), path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=OFF").fetchall()
    db.execute("PRAGMA synchronous=OFF")
    db.execute("BEGIN")
    db.executemany(_INSERT_ONE, [(number, *row) for number, row in rows])
    db.execute("COMMIT")
    db.close()


@functools.cache
def _empty() -> Path:
    """A timeline without a row; made once a process."""
    path = Path(tempfile.mkdtemp(prefix="kenshin-corpus-")) / "timeline.sqlite"
    Recorder(path).close()
    return path
