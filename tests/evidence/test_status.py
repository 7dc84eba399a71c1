"""``status.json``: whole at any moment, once a second, whatever the disk does; and whether its writer still lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from bench.errors import InputError
from bench.evidence.status import (
    NAME,
    SILENT_S,
    Doing,
    Life,
    PortState,
    Process,
    Stage,
    Status,
    StatusFile,
    Waiting,
    read_status,
)
from tests.twin.lab_process import until

NOW = datetime(2026, 11, 29, 7, 0, tzinfo=UTC)


def a_status(**more: object) -> Status:
    told = Status(
        Doing.DRIVING,
        Process.this(),
        "2026-11-29T06:00:00+00:00",
        NOW.isoformat(),
        waiting=Waiting("the lamp of t1", 5, 9),
        stages=(Stage("join", "driving", 0.8),),
        ports=(PortState("panel.t1", "panel", "t1", gone_ns=7, reason="closed"),),
        errors=("one",),
    )
    return attrs.evolve(told, **more)  # type: ignore[arg-type]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    StatusFile(tmp_path, a_status()).close(a_status(step="press t1"))
    found = read_status(tmp_path)
    assert found is not None
    assert attrs.evolve(found, beat=NOW.isoformat()) == a_status(step="press t1")
    assert os.listdir(tmp_path) == [NAME], "no draft is left"


def test_it_is_written_again_while_nothing_changes(tmp_path: Path) -> None:
    file = StatusFile(tmp_path, a_status(), every_s=0.01)
    assert until(lambda: (tmp_path / NAME).exists(), 10)
    first = (tmp_path / NAME).stat().st_ino
    assert until(lambda: (tmp_path / NAME).stat().st_ino != first, 10), "a beat is a new file"
    file.show(a_status(step="next"))
    assert until(lambda: (found := read_status(tmp_path)) is not None and found.step == "next", 10)
    file.close(a_status(doing=Doing.ENDED))
    assert read_status(tmp_path) is not None


def test_a_disk_that_takes_it_not_fails_nothing_and_is_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    file = StatusFile(folder, a_status(), every_s=0.01)
    assert until(lambda: file.failed == "FileNotFoundError", 10)
    folder.mkdir()
    assert until(lambda: not file.failed and (folder / NAME).exists(), 10)
    file.close(a_status())


def test_an_older_or_newer_writer(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None
    told = a_status().plain()
    (tmp_path / NAME).write_text(json.dumps({**told, "new": 1, "ports": [{**told["ports"][0], "tomorrow": 2}]}))
    assert read_status(tmp_path) == a_status(), "what is not known is left out"
    (tmp_path / NAME).write_text(json.dumps({**told, "format": 99}))
    with pytest.raises(InputError, match=r"status\.json: status of a run version 99; expected 1, which"):
        read_status(tmp_path)
    for text in ("{", "[]", '{"format": 1, "doing": "driving"}', '{"format": 1, "doing": "sleeping", "process": {}}'):
        (tmp_path / NAME).write_text(text)
        with pytest.raises(InputError, match=r"^\S+status\.json: .*; expected what a bench wrote$"):
            read_status(tmp_path)


def test_a_bench_lives_is_silent_is_gone_or_has_ended() -> None:
    late = NOW + timedelta(seconds=SILENT_S + 1)
    assert a_status().life(NOW) is Life.LIVING
    assert a_status().life(NOW - timedelta(hours=1)) is Life.LIVING, "a clock that was set back"
    assert a_status().life(late) is Life.SILENT
    assert a_status(doing=Doing.ENDED).life(late) is Life.ENDED
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    there = Process(child.pid, Process.of(child.pid).born, Process.this().host)
    assert a_status(process=there).life(NOW) is Life.LIVING
    another = attrs.evolve(there, born=there.born - 1)
    assert a_status(process=another).life(NOW) is Life.GONE, "the number was given to another process"
    child.communicate(b"\n")
    assert a_status(process=there).life(NOW) is Life.GONE
    elsewhere = attrs.evolve(there, host="another")
    assert a_status(process=elsewhere).life(NOW) is Life.LIVING, "from here only the beat can tell"
    assert a_status(process=elsewhere).life(late) is Life.GONE
