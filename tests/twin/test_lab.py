"""What a faulty lab offers to who tries a bench against it: traps, time left out, its own addresses again."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.records import NS_PER_S
from tests.skips import ONCE
from tests.twin.lab_process import LabProcess, faulty_lab, until

pytestmark = ONCE

HOUR_NS = 3600 * NS_PER_S


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    with faulty_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def session(lab: LabProcess) -> socket.socket:
    host, _, port = lab.ports["supply.dc"].rpartition(":")
    return socket.create_connection((host, int(port)), 5)


def on(lab: LabProcess) -> bool:
    return lab.outputs()["supply.dc"][0]


def caught(lab: LabProcess) -> bool:
    return lab.ask("caught")["command"] is not None


@pytest.mark.parametrize(("point", "in_effect"), [("before", False), ("in", True), ("after", True)])
def test_a_command_is_held_at_the_point_that_was_asked_for(lab: LabProcess, point: str, in_effect: bool) -> None:
    with session(lab) as line, session(lab) as other:
        line.sendall(b":OUTP CH1,OFF;*OPC?\n")
        assert line.recv(100) == b"1\n"
        lab.ask("trap", port="supply.dc", point=point, words="CH1,ON")
        line.sendall(b":OUTP CH1,ON;*OPC?\n")
        assert until(lambda: caught(lab), 5)
        assert on(lab) is in_effect
        other.sendall(b"*OPC?\n")
        assert other.recv(100) == b"1\n", "who comes by another wire is served"
        line.settimeout(0.2)
        if point == "after":
            assert line.recv(100) == b"1\n"
        else:
            with pytest.raises(TimeoutError):
                line.recv(100)
            lab.ask("release")
            line.settimeout(5)
            assert line.recv(100) == b"1\n"
        assert on(lab)
        lab.ask("release")


def test_quiet_time_is_left_out_until_something_is_said(lab: LabProcess) -> None:
    host, _, port = lab.ports["server"].removeprefix("http://").rpartition(":")

    def now_ns() -> int:
        with socket.create_connection((host, int(port)), 5) as http:
            http.sendall(b"GET /v1/status HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
            return int(json.loads(http.makefile("rb").read().split(b"\r\n\r\n")[1])["now_ns"])

    began_ns = now_ns()
    assert until(lambda: int(lab.ask("skip", for_ns=HOUR_NS)["skipped_ns"]) >= HOUR_NS, 10)
    assert now_ns() - began_ns >= HOUR_NS


def test_a_lab_that_is_gone_comes_back_under_its_addresses(tmp_path: Path) -> None:
    ready, again = tmp_path / "ready.json", tmp_path / "again"
    again.mkdir()
    with faulty_lab(tmp_path, "--ready", str(ready)) as first:
        first.kill()
        with faulty_lab(again, "--again", str(ready)) as second:
            assert second.ports == first.ports
            assert second.is_whole()
            with session(second) as line:
                line.sendall(b"*IDN?\n")
                assert line.recv(100).startswith(b"RIGOL")
