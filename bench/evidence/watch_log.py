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
    """What the watchdogs of a run did; empty when there was none. A torn last line is left out.

    InputError where a line is of an unknown format.
    """
    path = folder / LOG
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines[:-1] if line]
    for row in rows:
        WATCHDOG.check(row.get(KEY, UNNUMBERED), path)
    return rows
