"""What the watchdogs of a run wrote into ``watchdog.jsonl``: about the bench, not the rig, in wall time.

So it is no observation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from bench.formats import KEY, UNNUMBERED, WATCHDOG

LOG: Final = "watchdog.jsonl"


def log_rows(folder: Path) -> list[dict[str, Any]]:
    """What the watchdogs of a run did; empty when there was none. A line that is no row was being written when the
    power went, and the next watchdog wrote on behind it: it is left out, as a torn last one is.

    InputError for rows of an unknown format.
    """
    path = folder / LOG
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    rows = [row for line in lines[:-1] if (row := _row(line)) is not None]
    for row in rows:
        WATCHDOG.check(row.get(KEY, UNNUMBERED), path)
    return rows


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and {"event", "wall"} <= row.keys() else None
