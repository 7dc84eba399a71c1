"""A server's log as a file: a day of events in CSV with stamps of a second, as an operator hands it out the next day.

The form is a stand-in (``standin-server-log/1``); an operator's own is another module with the same two functions.

    # standin-server-log/1 day=2026-04-01 resolution_s=1
    id,stamp,kind,terminal,meter,mark,index,code,occurred,read,request,op,part,parts,delivery,upload_seq,eui64,reason
    17,2026-04-01T06:00:05+09:00,upload,t1,t1.gas,2026-03-31T01:00:00+09:00,4711,,,,,,,,scheduled,3,,
    end,1

A line is an event, or one value of an event (an upload, an answer to a history request): lines of one ``id`` belong
together. ``end`` and the number of lines prove that the file is whole. ``day`` is a day in Japan.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import attrs

from bench.air.octets import counted
from bench.errors import InputError
from bench.records import NS_PER_S, Json

FORMAT: Final = "standin-server-log/1"
JST: Final = timezone(timedelta(hours=9))
_HEAD: Final = re.compile(rf"# {re.escape(FORMAT)} day=(\d{{4}}-\d\d-\d\d) resolution_s=(\d+(?:\.\d+)?)")
_TIMES: Final = {"mark": "mark_ns", "occurred": "occurred_ns", "read": "read_ns"}
_NUMBERS: Final = ("id", "index", "part", "parts", "upload_seq")
_TEXTS: Final = ("kind", "terminal", "meter", "code", "request", "op", "delivery", "eui64", "reason")
COLUMNS: Final = (
    "id", "stamp", "kind", "terminal", "meter", "mark", "index", "code", "occurred", "read", "request", "op", "part",
    "parts", "delivery", "upload_seq", "eui64", "reason",
)  # fmt: skip


class NotWhole(InputError):
    """The file's end is not there yet."""


@attrs.frozen(slots=True)
class ServerLog:
    """A whole file. ``events`` are as a server's stream tells them; ``t_ns`` is the server's stamp, cut to
    ``resolution_ns``."""

    day: str
    resolution_ns: int
    events: tuple[dict[str, Json], ...]


def read_log(path: Path) -> ServerLog:
    """Read a file. InputError ``FILE:LINE: ...`` for what is none, ``NotWhole`` where its end is still to come."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected a server's log in UTF-8") from None
    lines = text.splitlines()
    head = _HEAD.fullmatch(lines[0]) if lines else None
    if head is None:
        raise InputError(f"{path}:1: no head; expected '# {FORMAT} day=YYYY-MM-DD resolution_s=N'")
    rows = list(csv.reader(lines[1:]))
    if not rows or sorted(rows[0]) != sorted(COLUMNS):
        raise InputError(f"{path}:2: other columns; expected {','.join(COLUMNS)}")
    if len(rows) < 2 or rows[-1][:1] != ["end"]:
        raise NotWhole(f"{path}: no line 'end,N' at its end; expected a file that is written to its end")
    if rows[-1] != ["end", str(len(rows) - 2)]:
        raise InputError(
            f"{path}:{len(rows) + 1}: {','.join(rows[-1])} after {counted(len(rows) - 2, 'line')}; expected that many"
        )
    day, resolution_ns = _day(head[1], path), max(1, round(float(head[2]) * NS_PER_S))
    told = [_row(rows[0], row, f"{path}:{number}", day) for number, row in enumerate(rows[1:-1], 3)]
    return ServerLog(day, resolution_ns, tuple(_events(told, path)))


def log_text(day: str, events: Iterable[Mapping[str, Any]], resolution_ns: int = NS_PER_S) -> str:
    """The file of a day: what an operator's server writes (for impersonators)."""
    out = io.StringIO()
    out.write(f"# {FORMAT} day={day} resolution_s={resolution_ns / NS_PER_S:g}\n")
    writer = csv.DictWriter(out, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    lines = [line for event in events for line in _lines(event, resolution_ns)]
    writer.writerows(lines)
    out.write(f"end,{len(lines)}\n")
    return out.getvalue()


def day_of(t_ns: int) -> str:
    """The day in Japan of an instant of UTC."""
    return datetime.fromtimestamp(t_ns // NS_PER_S, JST).date().isoformat()


def _lines(event: Mapping[str, Any], resolution_ns: int) -> list[dict[str, Any]]:
    common = {key: event[key] for key in (*_NUMBERS, *_TEXTS) if key in event}
    common["stamp"] = _iso(event["t_ns"] // resolution_ns * resolution_ns)
    common |= {name: _iso(event[key]) for name, key in _TIMES.items() if key in event}
    if event["kind"] == "upload":
        values = [(part["meter"], value) for part in event["meters"] for value in part["values"]]
    else:
        values = [(event.get("meter"), value) for value in event.get("values", ())]
    if not values:
        return [common]
    return [
        {**common, "meter": meter, "mark": _iso(value["mark_ns"]), "index": value["index"]} for meter, value in values
    ]


def _iso(t_ns: int) -> str:
    seconds, rest_ns = divmod(t_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, JST):%Y-%m-%dT%H:%M:%S}{f'.{rest_ns:09d}' if rest_ns else ''}+09:00"


def _day(text: str, path: Path) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InputError(f"{path}:1: day {text}; expected a day such as 2026-04-01") from None


def _row(columns: Sequence[str], row: Sequence[str], where: str, day: str) -> dict[str, Any]:
    if len(row) != len(columns):
        raise InputError(f"{where}: {counted(len(row), 'value')}; expected {len(columns)}")
    said = {name: value for name, value in zip(columns, row, strict=True) if value != ""}
    told: dict[str, Any] = {"t_ns": _time(said.get("stamp", ""), where)}
    if day_of(told["t_ns"]) != day:
        raise InputError(f"{where}: stamp {said['stamp']} is of another day; expected {day}")
    for name in _NUMBERS:
        if name in said:
            told[name] = _number(said[name], name, where)
    told |= {name: said[name] for name in _TEXTS if name in said}
    told |= {key: _time(said[name], where) for name, key in _TIMES.items() if name in said}
    if missing := next((name for name in ("id", "kind", "terminal") if name not in told), ""):
        raise InputError(f"{where}: no {missing}; expected id, stamp, kind and terminal in each line")
    return told


def _number(text: str, name: str, where: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise InputError(f"{where}: {name} '{text[:40]}'; expected a whole number")
    return int(text)


def _time(text: str, where: str) -> int:
    """An ISO 8601 time with its zone, ns; digits below a microsecond as well."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", text)
    try:
        if found is None:
            raise ValueError(text)
        at = datetime.fromisoformat(f"{found[1]}{found[3]}").astimezone(UTC)
    except ValueError:
        raise InputError(f"{where}: time '{text[:40]}'; expected one such as 2026-04-01T06:00:05+09:00") from None
    return round(at.timestamp()) * NS_PER_S + int((found[2] or "").ljust(9, "0"))


def _events(rows: Sequence[dict[str, Any]], path: Path) -> list[dict[str, Json]]:
    """Lines of one id as one event; InputError where they contradict each other. Whether it is one of the bench's
    vocabulary is not asked here: what nobody knows ends no day (``server.odd``)."""
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        value = {key: row.pop(key) for key in ("mark_ns", "index") if key in row} if "mark_ns" in row else {}
        meter = row.pop("meter", None) if row["kind"] == "upload" else row.get("meter")
        event = found.setdefault(row["id"], {**row, "_values": []})
        if {key: event[key] for key in event if key != "_values"} != row:
            raise InputError(f"{path}: lines of id {row['id']} contradict each other; expected one event an id")
        if value:
            event["_values"].append((meter, value))
    return [_whole(event) for event in found.values()]


def _whole(event: dict[str, Any]) -> dict[str, Json]:
    values = event.pop("_values")
    if event["kind"] == "upload":
        meters: dict[str, list[Json]] = {}
        for meter, value in values:
            meters.setdefault(str(meter), []).append(value)
        return {**event, "meters": [{"meter": meter, "values": told} for meter, told in meters.items()]}
    return {**event, "values": [value for _, value in values]} if values else event
