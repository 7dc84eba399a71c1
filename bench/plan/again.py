"""Verdicts derived again from a stored run, and what differs from those that were written.

A run is looked at through a folder of links without column indexes: an index is derived, so one that somebody made up
must not stand between a capture and its verdict. The run itself is not written to, so it may lie on a disk that cannot
be.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from bench.air.octets import counted
from bench.errors import InputError, cut
from bench.evidence.added import REGISTER
from bench.evidence.evidence import Evidence
from bench.evidence.seal.compare import fields
from bench.judge.verdicts import verdicts_json
from bench.plan.catalogue import Plan

_SHOWN: Final = 4
_ABOUT_THE_CODE: Final = ("format", "judged_by", "changes", "altered")
_LINKED: Final = ("run.yaml", "keys/ieee802154_keys", "evidence")
_TIMELINE: Final = ("timeline.sqlite", "timeline.sqlite-wal")


@attrs.frozen(slots=True)
class AsOf:
    """How much of a run was there when it was judged: rows of its timeline, lines of its register of late evidence."""

    rows: int
    added: int


def derived_again(run: Path, plan: Plan, stored: Mapping[str, Any], as_of: AsOf | None = None) -> list[str]:
    """What is otherwise in ``stored`` (a ``verdicts.json``) than this bench judges by ``plan``; one line each.

    Only requirements that were judged are judged again, from what was there then (``as_of``; None: from all). Raises
    what a damaged run raises.
    """
    judged = {str(verdict["requirement"]) for verdict in stored["verdicts"]}
    with _as_it_was(run, as_of) as folder, contextlib.closing(Evidence.open(folder)) as evidence:
        asked = [name for name in plan.judged() if name in judged]
        try:
            verdicts = [verdict for name in asked for verdict in plan.assess(name, evidence)]
        except InputError as error:  # of the copy: nobody will find it by its name
            raise InputError(str(error).replace(f"{folder}/", f"{run}/")) from None
    left_out = [name for name in plan.judged() if name not in judged]
    document = json.loads(verdicts_json(verdicts, plan.not_judged(), left_out))
    return [*_verdicts_differ(stored, document), *_rest_differs(stored, document)]


@contextlib.contextmanager
def _as_it_was(run: Path, as_of: AsOf | None) -> Iterator[Path]:
    """A folder that reads like the run did then, without column indexes, and to which may be written. The timeline is
    a copy: to read a log that a killed writer left beside it folds it in."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / run.resolve().name
        (folder / "captures").mkdir(parents=True)
        for name in (*_LINKED, *(f"captures/{path.name}" for path in (run / "captures").glob("*.pcapng"))):
            if (run / name).exists():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).symlink_to((run / name).resolve())
        for name in _TIMELINE:
            if (run / name).is_file():
                shutil.copyfile(run / name, folder / name)
        _cut_back(run, folder, as_of)
        yield folder


def _cut_back(run: Path, folder: Path, as_of: AsOf | None) -> None:
    """Leave out of the copies what came later."""
    if (run / REGISTER).is_file():
        lines = (run / REGISTER).read_bytes().splitlines(keepends=True)
        (folder / REGISTER).write_bytes(b"".join(lines[: None if as_of is None else as_of.added]))
    if as_of is not None:
        with contextlib.closing(sqlite3.connect(folder / "timeline.sqlite", isolation_level=None)) as db:
            db.execute("DELETE FROM observation WHERE row > ?", (as_of.rows,))


def _verdicts_differ(stored: Mapping[str, Any], derived: Mapping[str, Any]) -> Iterator[str]:
    before, after = _by_name(stored), _by_name(derived)
    for name in sorted({*before, *after}):
        if name not in after:
            yield f"verdict {name}: stored {before[name]['outcome']}, this bench derives none"
        elif name not in before:
            yield f"verdict {name}: not stored, this bench derives {after[name]['outcome']}"
        elif (was := before[name]) != (now := after[name]):
            yield f"verdict {name}: {'; '.join(_places(was, now))}"


def _places(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Where two verdicts differ, the first few places with both values; what people read first comes first."""
    before, after = dict(fields(was)), dict(fields(now))
    places = [place for place in dict.fromkeys((*before, *after)) if before.get(place) != after.get(place)]
    places.sort(key=lambda place: (place.startswith("measurement."), place.startswith("measurement.detail")))
    for place in places[:_SHOWN]:
        yield f"{place} stored {_cut(before.get(place))}, derived {_cut(after.get(place))}"
    if len(places) > _SHOWN:
        yield counted(len(places) - _SHOWN, "more place")


def _rest_differs(stored: Mapping[str, Any], derived: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted({*stored, *derived}):
        if key not in (*_ABOUT_THE_CODE, "verdicts", "not_judged") and stored.get(key) != derived.get(key):
            yield f"verdicts.json {key}: stored {_cut(stored.get(key))}, derived {_cut(derived.get(key))}"


def _by_name(document: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{one['requirement']} {one['subject']}": one for one in document["verdicts"]}


def _cut(value: object) -> str:
    return cut(json.dumps(value, ensure_ascii=False), 60)
