"""The timeline: order, citation, resume, and what is left after kill -9."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import kinds
from bench.errors import InputError
from bench.evidence.timeline import Recorder, Timeline
from bench.records import Observation
from tests.places import ROOT

SOURCES = ("bench", "server", "meter.t1.gas")


def seen(t_ns: int, source: str = "bench") -> Observation:
    return Observation(t_ns, source, "t1", kinds.CONSOLE_LINE, {"text": "x"})


def test_reading_order_is_time_source_seq_and_rows_are_arrival(tmp_path: Path) -> None:
    with Recorder(tmp_path / "timeline.sqlite") as recorder:
        rows = [recorder.observe(seen(t, source)).row for t, source in [(5, "s"), (3, "s"), (3, "a"), (5, "s")]]
    assert rows == [1, 2, 3, 4]
    found = Timeline(tmp_path / "timeline.sqlite").events()
    assert [(e.t_ns, e.source, e.seq, e.citation) for e in found] == [
        (3, "a", 0, "timeline#3"),
        (3, "s", 1, "timeline#2"),
        (5, "s", 0, "timeline#1"),
        (5, "s", 2, "timeline#4"),
    ]


def test_a_recorder_whose_disk_takes_no_more_is_closed_all_the_same(tmp_path: Path) -> None:
    """What is left open would be complained of, with a traceback, when the interpreter ends."""
    recorder = Recorder(tmp_path / "timeline.sqlite")
    real = recorder._db

    class Full:
        in_transaction = True

        def execute(self, _sql: str) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        def close(self) -> None:
            real.close()

    recorder._db = Full()  # type: ignore[assignment]
    with pytest.raises(sqlite3.OperationalError, match="full"):
        recorder.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        real.execute("SELECT 1")


def test_a_reader_that_nobody_holds_is_closed_by_whichever_thread_collects_it(tmp_path: Path) -> None:
    Recorder(tmp_path / "timeline.sqlite").close()
    timelines = [Timeline(tmp_path / "timeline.sqlite")]
    connection = timelines[0]._db
    thread = threading.Thread(target=timelines.clear)
    thread.start()
    thread.join()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_arrival_order_of_different_sources_leaves_no_trace(tmp_path: Path, data: st.DataObject) -> None:
    """Two runs of one seed differ in how sources interleave on arrival, never within a source."""
    streams = {s: [seen(t, s) for t in data.draw(st.lists(st.integers(0, 9), max_size=6).map(sorted))] for s in SOURCES}
    texts = []
    for number in range(2):
        path = tmp_path / f"{number}-{len(list(tmp_path.iterdir()))}.sqlite"
        order = data.draw(st.permutations([s for s in SOURCES for _ in streams[s]]))
        queues = {source: iter(stream) for source, stream in streams.items()}
        with Recorder(path) as recorder:
            for source in order:
                recorder.observe(next(queues[source]))
        texts.append(list(Timeline(path).canonical()))
    assert texts[0] == texts[1]
    assert sorted(map(_key, texts[0])) == list(map(_key, texts[0]))


def _key(line: str) -> tuple[int, str, int]:
    item = json.loads(line)
    return item["t_ns"], item["source"], item["seq"]


def test_every_filter(tmp_path: Path) -> None:
    with Recorder(tmp_path / "t.sqlite") as recorder:
        recorder.observe(Observation(1, "server", "t1", kinds.EPISODE_BEGIN, {"name": "1"}, episode="steady"))
        recorder.observe(Observation(2, "server", "t3", kinds.EPISODE_END, {"name": "2"}, episode="alarm"))
        recorder.observe(Observation(3, "panel.t1", "t1", kinds.PANEL_LAMP, {"state": "3"}))
    timeline = Timeline(tmp_path / "t.sqlite")

    def found(kind: str | None = None, **filters: str | int) -> list[object]:
        return [int(*event.data.values()) for event in timeline.events(kind, **filters)]  # type: ignore[arg-type]

    assert found(kinds.EPISODE_BEGIN) == [1]
    assert found(kind_prefix="episode.") == [1, 2]
    assert found(kind_prefix="episode%") == [], "a prefix is no pattern"
    assert found(source="panel.t1") == [3]
    assert found(subject="t1") == [1, 3]
    assert found(episode="alarm") == [2]
    assert found(since_ns=2) == [2, 3]
    assert found(until_ns=2) == [1, 2]
    assert found(since_ns=2, until_ns=2, source="server") == [2]


def test_resume_goes_on_numbering(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    with Recorder(path) as recorder:
        recorder.observe(seen(1))
        recorder.observe(seen(2))
    with Recorder(path) as recorder:
        again = recorder.observe(seen(3))
    assert (again.seq, again.row) == (2, 3)


def test_data_that_is_no_json_is_refused_before_it_is_on_disk(tmp_path: Path) -> None:
    with Recorder(tmp_path / "t.sqlite") as recorder:
        for value in (float("nan"), object()):
            with pytest.raises(ValueError, match=r"JSON"):
                recorder.observe(Observation(1, "bench", "", kinds.EPISODE_MILESTONE, {"name": "m", "x": value}))  # type: ignore[dict-item]
        recorder.observe(seen(1))
    assert len(Timeline(tmp_path / "t.sqlite").events()) == 1


def test_an_intent_is_on_disk_at_once_and_the_rest_at_commit(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    recorder = Recorder(path, wall=lambda: 0.0)
    recorder.observe(seen(1))
    assert Timeline(path).events() == []
    recorder.intent(2, kinds.INTENT_FEED, "t1", {"on": False})
    assert [event.kind for event in Timeline(path).events()] == ["console.line", "intent.feed"]
    recorder.observe(seen(3))
    assert len(Timeline(path).events()) == 2
    recorder.commit()
    assert len(Timeline(path).events()) == 3
    recorder.close()


def test_at_the_latest_after_a_wall_second_it_is_committed(tmp_path: Path) -> None:
    now = [0.0]
    recorder = Recorder(tmp_path / "t.sqlite", wall=lambda: now[0])
    recorder.observe(seen(1))
    now[0] = 1.0
    recorder.observe(seen(2))
    assert len(Timeline(tmp_path / "t.sqlite").events()) == 2
    recorder.close()


WRITER = """
import sys
from pathlib import Path
from bench.evidence.timeline import Recorder
from bench.records import Observation
recorder = Recorder(Path(sys.argv[1]))
n = 0
while True:
    n += 1
    recorder.observe(Observation(n, "bench", "", "episode.milestone", {"name": "count", "n": n}))
    if n % 7 == 0:
        recorder.commit()
        print(n, flush=True)
"""


def test_kill_9_leaves_a_readable_timeline_with_all_that_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    root = ROOT
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=root, text=True, env={**os.environ}
    )
    assert writer.stdout is not None
    committed = 0
    while committed < 700:
        committed = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split("\n")
    committed = max([committed, *(int(line) for line in rest[:-1])])
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()
    counts = [event.data["n"] for event in Timeline(path).events()]
    assert counts == list(range(1, len(counts) + 1))
    assert len(counts) >= committed
    with Recorder(path) as recorder:
        assert recorder.observe(seen(10**9)).seq == len(counts)


def test_a_closed_timeline_is_one_file_that_reading_does_not_change(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    with Recorder(path) as recorder:
        recorder.observe(seen(1))
    before = path.read_bytes()
    path.chmod(0o444)
    assert len(Timeline(path).events()) == 1
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["t.sqlite"]


@pytest.mark.parametrize("content", [b"", b"no timeline, only text" * 100])
def test_what_is_no_timeline_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.sqlite"
    with pytest.raises(InputError, match=r"t\.sqlite: no timeline there"):
        Timeline(path)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"t\.sqlite: .*expected") as error:
        Timeline(path)
    assert "\n" not in str(error.value)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    Recorder(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=9")
    db.close()
    with pytest.raises(InputError, match="timeline version 9; expected 1"):
        Recorder(path)


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("t_ns", "abc", "t_ns is 'abc'; expected a whole number"),
        ("t_ns", 1.5, "t_ns is 1.5; expected a whole number"),
        ("u_ns", -5, "u_ns is -5; expected an uncertainty in nanoseconds, 0 or more"),
        ("u_ns", b"\0", "u_ns is b'\\x00'; expected a whole number"),
        ("subject", b"t1", "subject is b't1'; expected text"),
        ("data", '{"state":', "data is '{\"state\":'; expected a JSON object"),
        ("data", "[1,2]", "data is '[1,2]'; expected a JSON object"),
        ("data", "null", "data is 'null'; expected a JSON object"),
        ("data", b'{"text": "x"}', 'data is b\'{"text": "x"}\'; expected text'),
    ],
)
def test_a_row_that_is_none_is_named_with_what_was_expected(
    tmp_path: Path, column: str, value: object, says: str
) -> None:
    """SQLite keeps anything in any column; whoever reads on would judge it as if nothing had been seen."""
    path = three_rows(tmp_path)
    altered(path, f"UPDATE observation SET {column} = ? WHERE row = 2", value)
    for reads in (Timeline.check, Timeline.events, lambda timeline: timeline.rows(2, 2), lambda t: list(t.canonical())):
        with pytest.raises(InputError) as caught:
            reads(Timeline(path))
        assert str(caught.value) == f"{path} row 2: {says}"


def test_text_that_is_no_utf_8_and_a_damaged_page_are_named(tmp_path: Path) -> None:
    path = three_rows(tmp_path)
    altered(path, "UPDATE observation SET episode = CAST(? AS TEXT) WHERE row = 2", b"\xff")
    with pytest.raises(InputError, match=r"timeline\.sqlite row 2: Could not decode to UTF-8 column 'episode'"):
        Timeline(path).check()
    path.write_bytes(path.read_bytes()[:4096] + bytes(4096) + path.read_bytes()[8192:])
    with pytest.raises(InputError, match=r"timeline\.sqlite"):
        Timeline(path).check()


def test_a_row_without_what_its_kind_has_is_named(tmp_path: Path) -> None:
    """An old bench's kind may have had fewer fields that may be left out, and a newer one's is not known here."""
    path = three_rows(tmp_path)
    for data, says in (("{}", "no field 'text'"), ('{"text": 5}', "field 'text' is 5, not text")):
        altered(path, "UPDATE observation SET data = ? WHERE row = 3", data)
        with pytest.raises(InputError) as caught:
            Timeline(path).check()
        assert str(caught.value) == f"{path} row 3: data of console.line: {says}; expected what the bench writes"
    altered(path, "UPDATE observation SET data = ? WHERE row = 3", '{"text": "x", "new": 1}')
    altered(path, "UPDATE observation SET kind = ? WHERE row = 2", "of.tomorrow")
    Timeline(path).check()


def test_rows_beyond_any_table_are_asked_for_without_harm(tmp_path: Path) -> None:
    timeline = Timeline(three_rows(tmp_path))
    assert timeline.rows(10**30, 10**30) == timeline.rows(-5, 0) == []
    assert [seen.row for seen in timeline.rows(2 - 10**30, 2 + 10**30)] == [1, 2, 3]


def three_rows(folder: Path) -> Path:
    with Recorder(folder / "timeline.sqlite") as recorder:
        for number in range(3):
            recorder.observe(seen(number))
    return folder / "timeline.sqlite"


def altered(path: Path, sql: str, value: object) -> None:
    db = sqlite3.connect(path)
    with db:
        db.execute(sql, (value,))
    db.close()
