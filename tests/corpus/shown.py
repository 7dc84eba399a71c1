"""Where two answers differ: the place within the JSON, what was and what is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def differences(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """One line a difference."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _of(old, new, key, f"{at}.{key}" if at else str(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{at}[{place}]")
    elif old != new or type(old) is not type(new):
        yield f"{at}: {old!r} -> {new!r}"


def _of(old: dict[str, Any], new: dict[str, Any], key: str, at: str) -> Iterator[str]:
    if key not in new:
        yield f"{at}: {old[key]!r} -> nothing"
    elif key not in old:
        yield f"{at}: nothing -> {new[key]!r}"
    else:
        yield from differences(old[key], new[key], at)
