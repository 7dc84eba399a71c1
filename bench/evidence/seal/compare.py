"""What a folder holds against what was sealed: each difference with its place, one line each.

Of what changed the smallest thing is named that the manifest knows: the row and its columns, the frame, the line and of
``run.yaml`` the field with both values, else the octets. What follows one another and changed alike is one line.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import attrs

from bench.air.octets import counted
from bench.errors import InputError, cut
from bench.evidence.seal.contents import (
    CHUNK,
    COLUMNS,
    EARLIER,
    LOG,
    TIMELINE,
    File,
    Parts,
    Rows,
    names,
    read_file,
    read_rows,
    schema_of,
)
from bench.evidence.seal.manifest import Manifest, NoManifest, read_manifest
from bench.formats import UnknownVersion
from bench.yamlfile import load_source

RECORD: Final = "run.yaml"
DOOR: Final = "watchdog.json"
"""Goes when the watchdog goes."""
_SHOWN: Final = 60
_MOST: Final = 20
"""Differences of one file that are told one by one."""


@attrs.frozen(slots=True)
class Change:
    """One difference: where, and what became of it."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


class Edit(StrEnum):
    """What became of a part."""

    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    MOVED = "moved"


@attrs.frozen(slots=True)
class Edited:
    """``first`` to ``last``: places in what was sealed, of added parts in what is there now; from 0, inclusive.

    ``now``: place of the first in what is there now.
    """

    edit: Edit
    first: int
    last: int
    now: int


def compare(folder: Path, sealed: Manifest) -> list[Change]:
    """All differences between a folder and its manifest; none where every octet is as it was sealed.

    A folder's name, place and times are no matter. Raises InputError where the folder cannot be read.
    """
    paths, odd = names(folder)
    there, growing = set(paths), set(sealed.facts.get("growing", ()))
    was = {file.path: file for file in sealed.files if file.path != DOOR or DOOR not in growing}
    changes = [Change(_shown(path), "is no plain file") for path in odd]
    added = {path: read_file(folder, path) for path in paths if path not in was and path not in growing}
    for path, file in was.items():
        if path in there:
            now = read_file(folder, path, file.parts.of)
            if now.sha256 != file.sha256:
                changes += differences(folder, file, now, sealed, grown=path in growing)
        else:
            twin = next((other for other, one in added.items() if one.sha256 == file.sha256), None)
            changes.append(Change(_shown(path), f"renamed to {_shown(twin)}" if twin else "removed"))
            added.pop(twin or "", None)
    changes += [Change(_shown(path), "added after sealing") for path in added]
    return changes + _earlier(folder, paths, sealed)


def begun_by(folder: Path, earlier: Manifest, name: str) -> list[Change]:
    """Where a run is no continuation of what an earlier stop sealed: rows, frames and lines are only ever added."""
    changes = []
    for file in earlier.files:
        if not _evidence(file.path):
            continue
        if not (folder / file.path).is_file():
            changes.append(Change(_shown(file.path), f"removed since {name}"))
            continue
        now = read_file(folder, file.path, file.parts.of)
        if now.sha256 != file.sha256:
            found = differences(folder, file, now, earlier, grown=file.path != RECORD)
            changes += [attrs.evolve(change, what=f"{change.what} since {name}") for change in found]
    return changes


def differences(folder: Path, was: File, now: File, sealed: Manifest, *, grown: bool = False) -> list[Change]:
    """Where one file differs; ``grown``: more of the same at its end is no difference."""
    if was.path == TIMELINE and was.rows is not None:
        found = _rows_differ(folder, was.rows, sealed, grown)
        if found or grown:
            return found
    if was.path == RECORD and (fields := list(_fields_differ(folder, sealed.facts.get("inputs")))):
        return fields
    edits = edited(was.parts.each(), now.parts.each())
    if grown:
        edits = [edit for edit in edits if edit.edit is not Edit.ADDED or edit.first < len(was.parts.each())]
        if not edits:
            return []
    told = [Change(*_part(was, now, edit)) for edit in edits]
    return _few(told) or [Change(_shown(was.path), "differs, no part of it shows where")]


def edited(was: Sequence[bytes], now: Sequence[bytes]) -> list[Edited]:
    """How one list of tags became another: linear, and exact where few parts changed.

    What both begin and end with is left out. As many parts as before, each another one or the same ones in another
    order, are told place by place; else both lists are walked through together.
    """
    head = _alike(was, now)
    before, after = was[head:], now[head:]
    tail = _alike(before[::-1], after[::-1])
    before, after = before[: len(before) - tail], after[: len(after) - tail]
    walked = _by_place(before, after) or _walked(before, after)
    return _joined([Edited(edit, first + head, first + head, at + head) for edit, first, at in walked])


def _alike(was: Sequence[bytes], now: Sequence[bytes]) -> int:
    """How many tags both begin with."""
    return next(
        (k for k, (one, other) in enumerate(zip(was, now, strict=False)) if one != other), min(len(was), len(now))
    )


def _by_place(was: Sequence[bytes], now: Sequence[bytes]) -> list[tuple[Edit, int, int]]:
    """Edits (what, where, where now) that leave every part its place; none where parts came or went."""
    differ = [k for k in range(len(was)) if was[k] != now[k]] if len(was) == len(now) else []
    old, new = frozenset(was), frozenset(now)
    if all(was[k] not in new and now[k] not in old for k in differ):
        return [(Edit.CHANGED, k, k) for k in differ]
    return [(Edit.MOVED, k, k) for k in differ] if sorted(was) == sorted(now) else []


def _walked(was: Sequence[bytes], now: Sequence[bytes]) -> Iterator[tuple[Edit, int, int]]:
    old, new = frozenset(was), frozenset(now)
    i = j = 0
    while i < len(was) or j < len(now):
        if i < len(was) and j < len(now) and was[i] == now[j]:
            i, j = i + 1, j + 1
        elif i == len(was) or (j < len(now) and now[j] not in old and was[i] in new):
            yield Edit.ADDED, j, j
            j += 1
        elif j == len(now) or (was[i] not in new and now[j] in old):
            yield Edit.REMOVED, i, j
            i += 1
        else:
            yield (Edit.CHANGED if was[i] not in new else Edit.MOVED), i, j
            i, j = i + 1, j + 1


def _joined(found: Sequence[Edited]) -> list[Edited]:
    """Neighbours that changed alike as one."""
    joined: list[Edited] = []
    for one in found:
        last = joined[-1] if joined else None
        if last is not None and last.edit is one.edit and last.last + 1 == one.first:
            joined[-1] = attrs.evolve(last, last=one.last)
        else:
            joined.append(one)
    return joined


def _part(was: File, now: File, edit: Edited) -> tuple[str, str]:
    """Place and word of one edit of a file."""
    parts = now.parts if edit.edit is Edit.ADDED else was.parts
    path = _shown(was.path)
    if parts.of == "frame":
        return _frame_place(path, parts, edit), edit.edit
    if parts.of == "line":
        return f"{path} {_range('line', edit.first + 1, edit.last + 1)}", edit.edit
    octets = now.octets if edit.edit is Edit.ADDED else was.octets
    return f"{path} octets {edit.first * CHUNK} to {min((edit.last + 1) * CHUNK, octets) - 1}", edit.edit


def _frame_place(path: str, parts: Parts, edit: Edited) -> str:
    """As citations name frames; a block without a frame by its number."""
    frames = [k for k in range(edit.first, edit.last + 1) if k not in set(parts.others)]
    if not frames:
        return f"{path} {_range('block', edit.first + 1, edit.last + 1)}"
    first, last = (k + 1 - sum(other < k for other in parts.others) for k in (frames[0], frames[-1]))
    return f"{path}#{first}" + (f" to #{last}" if last > first else "")


# -- the timeline ------------------------------------------------------------------------------------------------------


def _rows_differ(folder: Path, was: Rows, sealed: Manifest, grown: bool) -> list[Change]:
    """Rows that differ; none where the rows are as they were, or where there are none to be read any more."""
    with_log = (folder / LOG).is_file() and (grown or sealed.file(LOG) is not None)
    try:
        schema = schema_of(folder / TIMELINE)
        if len(schema) == 1:
            return []  # no database any more: its octets tell
        if schema != was.schema:
            odd = [part for part in (*schema, *was.schema) if (part in schema) != (part in was.schema)]
            return [Change(f"{TIMELINE} schema", f"changed: {_cut(part)}") for part in odd[:_MOST]]
        now = read_rows(folder, with_log=with_log)
    except sqlite3.Error:
        return []
    found = []
    for edit in edited(was.each(), now.each()):
        if edit.edit is Edit.ADDED and grown and edit.first >= len(was.each()):
            continue
        rows = now if edit.edit is Edit.ADDED else was
        place = f"{TIMELINE} {_range('row', rows.number(edit.first), rows.number(edit.last))}"
        found.append(Change(place, str(edit.edit) + _row_words(was, now, edit, sealed)))
    if not found and not grown:
        both = range(min(len(was.each()), len(now.each())))
        renamed = [k for k in both if was.number(k) != now.number(k)]
        found = [Change(f"{TIMELINE} row {was.number(k)}", f"its number is {now.number(k)} now") for k in renamed]
    return _few(found)


def _row_words(was: Rows, now: Rows, edit: Edited, sealed: Manifest) -> str:
    """Which columns changed of one row; which interruption was among what is gone."""
    words = ""
    if edit.edit is Edit.CHANGED and edit.first == edit.last:
        cells = zip(COLUMNS, was.cells(edit.first), now.cells(edit.now), strict=True)
        names_ = [name for name, before, after in cells if before != after]
        words = ", ".join(names_[:-1] + _keys_differ(was, now, edit) if names_[-1:] == [COLUMNS[-1]] else names_)
    elif edit.edit is not Edit.ADDED:
        gone = range(was.number(edit.first), was.number(edit.last) + 1)
        words = ", ".join(f"{mark['kind']} {mark['subject']}" for mark in _marks(sealed) if mark["row"] in gone)
    return f" ({words})" if words else ""


def _keys_differ(was: Rows, now: Rows, edit: Edited) -> list[str]:
    """Keys of one row's ``data`` that are not what they were; the column alone where none is known to differ."""
    before, after = was.values(edit.first), now.values(edit.now)
    found = []
    for key in sorted({*before, *after}) if before and after else ():
        if before.get(key) != after.get(key):
            became = " removed" if key not in after else " added" if key not in before else ""
            found.append(f"{COLUMNS[-1]}.{_cut(key)}{became}")
    return found[:_MOST] or [COLUMNS[-1]]


def _marks(sealed: Manifest) -> list[Mapping[str, Any]]:
    marks: list[Mapping[str, Any]] = sealed.facts.get("marks", [])
    return marks


# -- the inputs --------------------------------------------------------------------------------------------------------


def _fields_differ(folder: Path, was: object) -> Iterator[Change]:
    """Fields of the inputs that differ, with both values; nothing where the file is no YAML any more."""
    try:
        now = load_source(folder / RECORD).data
    except InputError:
        return
    before, after = dict(fields(was)), dict(fields(now))
    changes = []
    for place in sorted({*before, *after}):
        if place not in after:
            changes.append(Change(f"{RECORD} {place}", f"removed; was {_cut(before[place])}"))
        elif place not in before:
            changes.append(Change(f"{RECORD} {place}", f"added: {_cut(after[place])}"))
        elif before[place] != after[place] or type(before[place]) is not type(after[place]):
            changes.append(Change(f"{RECORD} {place}", f"was {_cut(before[place])}, is {_cut(after[place])}"))
    yield from _few(changes)


def fields(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    """Every value of plain data with its place, e.g. ``agreement.alarm_delay_s`` and ``samples[0].id``."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from fields(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from fields(inner, f"{place}[{number}]")
    else:
        yield place, value


# -- earlier stops -----------------------------------------------------------------------------------------------------


def _earlier(folder: Path, paths: Sequence[str], sealed: Manifest) -> list[Change]:
    """Earlier stops of the run whose evidence is not the beginning of today's, or that another key signed."""
    changes = []
    for path in paths:
        if path.startswith(f"{EARLIER}/") and path.endswith(".json") and (file := sealed.file(path)) is not None:
            try:
                earlier = read_manifest(folder / path)
            except UnknownVersion:
                if sha256((folder / path).read_bytes()).hexdigest() == file.sha256:
                    raise  # it is as it was sealed, and this bench does not know what it says
                continue  # altered, which was told already
            except (NoManifest, InputError) as error:
                changes.append(Change(_shown(path), str(error)))
                continue
            if wrong := earlier.wrong_with_signature():
                changes.append(Change(_shown(path), wrong))
            changes += begun_by(folder, earlier.manifest, path)
    return changes


def _evidence(path: str) -> bool:
    """Whether a file only ever grows while a run goes on, or stays (results are written anew)."""
    return path in (RECORD, TIMELINE, "watchdog.jsonl") or path.startswith(("captures/", "console/"))


def _few(changes: list[Change]) -> list[Change]:
    more = len(changes) - _MOST
    if more <= 0:
        return changes
    return [*changes[:_MOST], Change(changes[0].place.split()[0], counted(more, "more difference"))]


def _range(noun: str, first: int, last: int) -> str:
    return f"{noun} {first}" if first == last else f"{noun}s {first} to {last}"


def _cut(value: object) -> str:
    return cut(" ".join(str(value).split()) or "empty", _SHOWN)


def _shown(path: str | None) -> str:
    """A name that can be printed, whatever octets it has."""
    return (path or "").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
