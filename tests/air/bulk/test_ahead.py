"""What another core makes meanwhile: the same items, the same errors, and no process left."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.air.bulk.ahead import Ahead
from bench.air.bulk.spans import SMALL_OCTETS, form_of, spans, walk_ahead
from bench.air.bulk.table import write_table
from bench.air.keys.table import KeyTable
from bench.errors import BenchError, InputError
from tests.air.mac_captures import need

WAIT_S = 60


@pytest.fixture(autouse=True)
def _cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def _then(error: Exception) -> Iterator[int]:
    yield from range(3)
    raise error


def test_items_come_in_order_and_end() -> None:
    with Ahead(iter(range(1000))) as items:
        assert list(items) == list(range(1000))
        assert list(items) == []


def test_an_error_is_raised_at_its_turn() -> None:
    with Ahead(_then(InputError("cut"))) as items:
        assert [next(items) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(InputError, match="cut"):
            next(items)


def test_they_are_made_before_they_are_asked_for_and_by_another_process() -> None:
    reading, writing = os.pipe()

    def made() -> Iterator[int]:
        os.write(writing, b"!")
        yield os.getpid()

    with Ahead(made()) as items:
        assert select.select([reading], [], [], WAIT_S)[0]
        assert next(items) != os.getpid()
    os.close(reading)
    os.close(writing)


def test_a_killed_process_is_told() -> None:
    def killed() -> Iterator[int]:
        yield 0
        os.kill(os.getpid(), signal.SIGKILL)

    with Ahead(killed()) as items:
        assert next(items) == 0
        with pytest.raises(BenchError, match="was killed"):
            next(items)


def test_who_leaves_early_leaves_no_process() -> None:
    with Ahead(iter(range(1 << 30))) as items:
        assert next(items) == 0
        pid = items._pid
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


@pytest.mark.parametrize(("cores", "few"), [(1, False), (2, True)])
def test_one_core_or_few_items_fork_nothing(monkeypatch: pytest.MonkeyPatch, cores: int, few: bool) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked"))
    with Ahead(_then(InputError("cut")), few=few) as items:
        assert next(items) == 0


def test_a_walk_ahead_finds_the_spans() -> None:
    path = str(need("idle2days.pcapng"))
    form = form_of(path)
    assert form is not None
    assert os.path.getsize(path) > SMALL_OCTETS
    with walk_ahead(path) as cut:
        assert list(cut) == list(spans(form))


def test_the_command_prints_what_one_process_does() -> None:
    path, keys = need("idle2days.pcapng"), need("idle2days.ieee802154_keys")
    command = [sys.executable, "-m", "bench.cli", "decode", str(path), "--keys", str(keys)]
    whole = subprocess.run(command, capture_output=True, check=True, text=True)
    out = io.StringIO()
    assert write_table(str(path), KeyTable.read(keys), None, out, 1)
    assert whole.stdout == out.getvalue()


def test_no_walk_of_a_file_that_is_not_there() -> None:
    with walk_ahead("nowhere.pcapng") as cut:
        assert list(cut) == []
