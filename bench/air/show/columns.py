"""Lines of `kenshin decode` with columns that the user names, from the jsonl fields and Wireshark's."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from bench.air.fields.base import Kind, show
from bench.air.fields.rows import JSONL_FIELDS, Row
from bench.air.fields.tables import FIELDS, GROUPS
from bench.air.filter.words import nearest
from bench.errors import InputError

_WIDTHS: Final = {Kind.EUI64: 23, Kind.IPV6: 28, Kind.SECONDS: 20, Kind.OCTETS: 24, Kind.TEXT: 16}
_PLAIN_WIDTHS: Final = {"time_ns": 19, "src": 23, "dst": 23, "ipv6_src": 28, "ipv6_dst": 28, "info": 16}


def chosen(names: str, fmt: str) -> Callable[[Row], str]:
    """Makes lines of the fields that ``names`` lists, separated by commas. Raises `InputError` for one not known."""
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in JSONL_FIELDS and name not in FIELDS:
            what = "is a layer, not a field" if name in GROUPS else "is no field"
            near = nearest(name, {*JSONL_FIELDS, *FIELDS}, "jsonl fields or Wireshark's, separated by commas")
            raise InputError(f"--columns: {name!r} {what}; {near}")
    return _Table(wanted) if fmt == "table" else lambda row: _jsonl(row, wanted)


def all_fields(row: Row) -> str:
    """All of Wireshark's fields that a frame has, as a JSON line."""
    return _jsonl(row, row.names)


def _jsonl(row: Row, names: Sequence[str]) -> str:
    return json.dumps({name: _value(row, name) for name in names}, ensure_ascii=False) + "\n"


def _value(row: Row, name: str) -> object:
    """JSON of a field: null where absent, one value, or a list of several. Times are integer nanoseconds."""
    if name in JSONL_FIELDS:
        return row.line[name]
    kind = FIELDS[name].kind
    found = [show(kind, value) if isinstance(value, bytes | str) else value for value in row.values(name)]
    return found[0] if len(found) == 1 else found or None


class _Table:
    """Columns as wide as their values mostly are, a heading before the first line."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._widths = [max(len(name), _width(name)) for name in names]
        self._begun = False

    def __call__(self, row: Row) -> str:
        heading = "" if self._begun else self._line(self._names)
        self._begun = True
        return heading + self._line([row.text(name) for name in self._names])

    def _line(self, cells: Sequence[str]) -> str:
        return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, self._widths, strict=True)).rstrip() + "\n"


def _width(name: str) -> int:
    return _PLAIN_WIDTHS.get(name, 8) if name in JSONL_FIELDS else _WIDTHS.get(FIELDS[name].kind, 8)
