"""A local port is one bench's alone, and a moment's holder costs a moment."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator

import attrs
import pytest

from bench.errors import BenchError
from devices.wires import wire
from devices.wires.opening import open_wire


@attrs.frozen
class Line:
    """What labgrid says of a local port."""

    port: str
    speed: int = 115200


@pytest.fixture
def line() -> Iterator[Line]:
    master, slave = os.openpty()
    yield Line(os.ttyname(slave))
    os.close(master)
    os.close(slave)


def test_a_port_that_another_program_has_open_is_one_line(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.wires.opening.LET_GO_S", 0.1)
    first, own = open_wire("meter", line), rf"\(.*, process {os.getpid()}\)"
    with pytest.raises(BenchError, match=rf"^meter: {line.port}: another program has it open {own}$"):
        open_wire("meter", line)
    first.close()
    open_wire("meter", line).close()


def test_a_process_that_is_just_being_started_is_waited_for(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between fork and exec it holds whatever its parent held."""
    held, tried = os.open(line.port, os.O_RDWR | os.O_NOCTTY), threading.Event()
    fcntl.flock(held, fcntl.LOCK_EX)
    monkeypatch.setattr(wire, "pause", lambda _seconds: tried.set())

    def let_go() -> None:
        assert tried.wait(10)
        os.close(held)

    other = threading.Thread(target=let_go)
    other.start()
    open_wire("meter", line).close()
    other.join()
    assert tried.is_set()


def test_a_port_that_is_not_there_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "pause", lambda _seconds: pytest.fail("waited"))
    with pytest.raises(BenchError, match="No such file or directory"):
        open_wire("meter", Line("/dev/pts/none"))
