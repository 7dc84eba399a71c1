"""A server's log as files: what is written is read, what is none is one line, and what is not whole waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S
from devices.server.dropped import LogDrop
from devices.server.log import COLUMNS, NotWhole, day_of, log_text, read_log
from tests.devices.test_server import FakeModel

MIDNIGHT_NS = 1_774_969_200 * NS_PER_S
"""2026-04-01 00:00 in Japan."""
HEAD = "# standin-server-log/1 day=2026-04-01 resolution_s=1"
EVENTS: list[dict[str, Any]] = [
    {"id": 1, "t_ns": MIDNIGHT_NS + 5 * NS_PER_S + 7, "kind": "terminal.reachable", "terminal": "t1", "eui64": "02:4b"},
    {
        "id": 2, "t_ns": MIDNIGHT_NS + 6 * NS_PER_HOUR, "kind": "upload", "terminal": "t1", "upload_seq": 9,
        "delivery": "scheduled",
        "meters": [
            {"meter": "t1.gas", "values": [{"mark_ns": MIDNIGHT_NS - NS_PER_HOUR * n, "index": 9 - n} for n in (1, 0)]},
            {"meter": "t1.water", "values": [{"mark_ns": MIDNIGHT_NS, "index": 7}]},
        ],
    },
    {
        "id": 3, "t_ns": MIDNIGHT_NS + 7 * NS_PER_HOUR, "kind": "alarm", "terminal": "t3", "meter": "t3.gas",
        "code": "leak1", "occurred_ns": MIDNIGHT_NS + 123,
    },
    {
        "id": 4, "t_ns": MIDNIGHT_NS + 8 * NS_PER_HOUR, "kind": "answer", "terminal": "t3", "meter": "t3.gas",
        "request": "r1", "op": "history", "part": 1, "parts": 1, "values": [{"mark_ns": MIDNIGHT_NS, "index": 4}],
    },
]  # fmt: skip


def written(folder: Path, text: str) -> Path:
    path = folder / "server-2026-04-01.csv"
    path.write_text(text, "utf-8")
    return path


def test_what_is_written_is_read_with_its_stamps_cut(tmp_path: Path) -> None:
    log = read_log(written(tmp_path, log_text("2026-04-01", EVENTS)))
    assert (log.day, log.resolution_ns) == ("2026-04-01", NS_PER_S)
    assert list(log.events) == [{**event, "t_ns": event["t_ns"] // NS_PER_S * NS_PER_S} for event in EVENTS]


def test_a_file_as_somebody_writes_it_by_hand(tmp_path: Path) -> None:
    """Octets of the form, not of our writer; its columns in another order."""
    columns = [*reversed(COLUMNS)]
    values = {"id": "17", "stamp": "2026-03-31T21:00:05Z", "kind": "alarm", "terminal": "t1", "meter": "t1.gas"}
    values |= {"code": "leak1", "occurred": "2026-04-01T05:59:59.5+09:00"}
    line = ",".join(values.get(name, "") for name in columns)
    log = read_log(written(tmp_path, f"{HEAD}\r\n{','.join(columns)}\r\n{line}\r\nend,1\r\n"))
    six_ns = MIDNIGHT_NS + 6 * NS_PER_HOUR
    assert list(log.events) == [
        {
            "id": 17, "t_ns": six_ns + 5 * NS_PER_S, "kind": "alarm", "terminal": "t1", "meter": "t1.gas",
            "code": "leak1", "occurred_ns": six_ns - NS_PER_S // 2,
        }
    ]  # fmt: skip


def test_a_file_without_its_end_is_not_whole(tmp_path: Path) -> None:
    text = log_text("2026-04-01", EVENTS)
    for end in (text.index("end,"), text.index("end,") - 20):
        with pytest.raises(NotWhole, match="expected a file that is written to its end"):
            read_log(written(tmp_path, text[:end]))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (HEAD, "# something else", ":1: no head; expected '# standin-server-log/1 day="),
        ("day=2026-04-01", "day=2026-13-01", ":1: day 2026-13-01"),
        ("id,stamp,", "id,", ":2: other columns"),
        ("end,6", "end,5", ":9: end,5 after 6 lines"),
        ("2026-04-01T00:00:05+09:00", "2026-04-01T00:00:05", ":3: time '2026-04-01T00:00:05'"),
        ("2026-04-01T00:00:05+09:00", "2026-04-02T00:00:05+09:00", ":3: stamp .* is of another day"),
        (",t3.gas,2026-04-01T00:00:00+09:00,4,", ",t3.gas,2026-04-01T00:00:00+09:00,4.5,", ":8: index '4.5'"),
        ("upload,t1,t1.water", "upload,t3,t1.water", "lines of id 2 contradict each other"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = log_text("2026-04-01", EVENTS)
    assert old in text
    path = written(tmp_path, text.replace(old, new, 1))
    with pytest.raises(InputError, match=said) as error:
        read_log(path)
    assert str(error.value).startswith(str(path))


def days(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "drop").iterdir())


def test_a_day_is_dropped_when_it_is_over_and_one_without_an_event_too(tmp_path: Path) -> None:
    model = FakeModel()
    model.now_ns = lambda: MIDNIGHT_NS  # type: ignore[method-assign]
    drop = LogDrop(model, tmp_path / "drop")
    for t_ns in (MIDNIGHT_NS + 1, MIDNIGHT_NS + 2 * NS_PER_DAY + 1):
        event: dict[str, Any] = {
            "id": len(model.events) + 1,
            "t_ns": t_ns,
            "kind": "terminal.reachable",
            "terminal": "t1",
        }
        for listener in model.listeners:
            listener(event)
    assert days(tmp_path) == ["server-2026-04-01.csv", "server-2026-04-02.csv"]
    model.now_ns = lambda: MIDNIGHT_NS + 2 * NS_PER_DAY + 9  # type: ignore[method-assign]
    drop.finish()
    read = [read_log(tmp_path / "drop" / name) for name in days(tmp_path)]
    assert [(log.day, len(log.events)) for log in read] == [("2026-04-01", 1), ("2026-04-02", 0), ("2026-04-03", 1)]


def test_a_day_is_one_in_japan() -> None:
    assert [day_of(MIDNIGHT_NS - 1), day_of(MIDNIGHT_NS)] == ["2026-03-31", "2026-04-01"]
