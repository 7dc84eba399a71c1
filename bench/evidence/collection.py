"""An operator's log of what was collected: attempts a unit and day, of terminals and of the mesh's own meters.

The form is a stand-in (``standin-collection-log/1``); an operator's own is another reader.

    # standin-collection-log/1
    day,unit,of,attempts,collected
    2026-04-01,t1,terminal,24,24
    2026-04-01,m-0001,meter,24,23
    end,2

An attempt is one try to collect (an upload that was due, a poll), never an hour of it. ``end`` and the number of lines
prove that the file is whole.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final

import attrs

from bench.air.octets import counted
from bench.errors import InputError

FORMAT: Final = "standin-collection-log/1"
COLUMNS: Final = ["day", "unit", "of", "attempts", "collected"]


class Of(StrEnum):
    """Whose attempts they are."""

    TERMINAL = "terminal"
    METER = "meter"  # the mesh's own, by which it is measured


@attrs.frozen(slots=True)
class Collected:
    """What was collected of one unit on one day."""

    day: str
    unit: str
    of: Of
    attempts: int
    collected: int


def read_collection(path: Path) -> list[Collected]:
    """Read a file. InputError ``FILE:LINE: ...`` for whatever is none."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected a log of collection in UTF-8") from None
    if lines[:1] != [f"# {FORMAT}"]:
        raise InputError(f"{path}:1: no head; expected '# {FORMAT}'")
    rows = list(csv.reader(lines[1:]))
    if rows[:1] != [COLUMNS]:
        raise InputError(f"{path}:2: other columns; expected {','.join(COLUMNS)}")
    if rows[-1] != ["end", str(len(rows) - 2)]:
        raise InputError(
            f"{path}:{len(lines)}: no end after {counted(len(rows) - 2, 'line')}; expected 'end,{len(rows) - 2}'"
        )
    return list(_once(_rows(rows[1:-1], path), path))


def _rows(rows: Iterable[list[str]], path: Path) -> Iterator[Collected]:
    for number, row in enumerate(rows, 3):
        try:
            day, unit, of, attempts, collected = row
            told = Collected(date.fromisoformat(day).isoformat(), unit, Of(of), _count(attempts), _count(collected))
            if not unit or told.collected > told.attempts:
                raise ValueError("no unit, or more collected than tried")
        except ValueError as error:
            raise InputError(f"{path}:{number}: {error}; expected {','.join(COLUMNS)} of a unit and day") from None
        yield told


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ValueError(f"'{text[:20]}' is no count")
    return int(text)


def _once(rows: Iterable[Collected], path: Path) -> Iterator[Collected]:
    seen: set[tuple[str, str, Of]] = set()
    for number, row in enumerate(rows, 3):
        key = (row.day, row.unit, row.of)
        if key in seen:
            raise InputError(f"{path}:{number}: {row.of} {row.unit} is there twice on {row.day}; expected once")
        seen.add(key)
        yield row
