"""What may stand in a server's event, and what is odd: a server is somebody else's program, and will change.

Nothing here raises. An event that cannot be read is kept as text, so that a person can look at it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from bench import kinds

NO_STAMP: Final = "no stamp 't_ns'"
LONGEST: Final = 4096
"""Characters of an odd event that are kept."""
MOST_WORDS: Final = 200
"""Characters of a reason."""
DEEPEST: Final = 16
"""Levels of an event's data; those of the interface have three."""
MOST: Final = 1 << 63
"""Whole numbers stay below: stamps, ids, indexes. What is beyond no store takes as an integer."""


def from_json(text: str) -> Any:
    """The value of a JSON text; the text itself where it is none (and so no object: an odd event)."""
    try:
        return json.loads(text, parse_constant=lambda word: f"not a number: {word}")
    except (ValueError, RecursionError):
        return text


def odd(event: Any, prefix: str = kinds.SERVER) -> str:
    """Why this bench cannot take an event for what it says it is; empty for one that it can. Its stamp aside.

    ``prefix``: of the kinds that may be told.
    """
    if not isinstance(event, Mapping):
        return "no JSON object"
    told = {key: value for key, value in event.items() if key not in ("t_ns", "kind")}
    if why := _unfit([told, event.get("kind")], DEEPEST):
        return why
    kind = kinds.KINDS.get(f"{prefix}{event.get('kind')}")
    if kind is None or kind in (kinds.SERVER_ODD, kinds.MDMS_ODD):
        return f"unknown kind {event.get('kind')!r}"[:MOST_WORDS]
    return kind.wrong(told)[:MOST_WORDS]


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number that an event may hold."""
    return isinstance(value, int) and not isinstance(value, bool) and -MOST < value < MOST


def plain(event: Any) -> str:
    """An event as a text that any file takes."""
    try:
        text = json.dumps(event, sort_keys=True)  # ASCII: a lone surrogate is escaped
    except (ValueError, RecursionError):
        text = "too deep to be shown"
    return text[:LONGEST]


def printable(text: str) -> str:
    """A text without what UTF-8 cannot hold (half a surrogate pair)."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _unfit(value: Any, levels: int) -> str:
    """What in the data no observation can hold: too deep, beyond 64 bits, or half a character."""
    if levels == 0:
        return f"deeper than {DEEPEST} levels"
    if isinstance(value, str) and printable(value) != value:
        return "a text that is no Unicode"
    if isinstance(value, int) and not is_whole(value) and not isinstance(value, bool):
        return "a number beyond 64 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return "a number without end"
    parts = [*value.keys(), *value.values()] if isinstance(value, Mapping) else value if isinstance(value, list) else []
    return next((why for part in parts if (why := _unfit(part, levels - 1))), "")
