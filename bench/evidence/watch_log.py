"""What the watchdogs of a run wrote into ``watchdog.jsonl``: about the bench, not the rig, in wall time.

So it is no observation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from bench.errors import InputError
from bench.formats import KEY, UNNUMBERED, WATCHDOG

LOG: Final = "watchdog.jsonl"


def log_rows(folder: Path) -> list[dict[str, Any]]:
    """What the watchdogs of a run did; empty when there was none. A torn last line is left out.

    InputError where a line is none of a watchdog, or of an unknown format.
    """
    path = folder / LOG
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [_row(line, path, number) for number, line in enumerate(lines[:-1], start=1) if line]


def _row(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
        WATCHDOG.check(row.get(KEY, UNNUMBERED), path)
        return {**row, "event": str(row["event"]), "wall": str(row["wall"])}
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        what = f"{path}:{number}: cannot be read ({error})"
        raise InputError(f"{what}; expected what a watchdog wrote") from None
