"""A twin in a process of its own, and the bench's end of its wires with nothing in between."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.places import ROOT

DEFAULT = ROOT / "fixtures" / "topologies" / "default.yaml"
START = """
import json, sys
from bench.twin.process import run_twin
sys.exit(run_twin(**json.loads(sys.argv[1])))
"""
PATIENCE_S = 60.0
"""Real time in which a twin that lives answers anything."""


class Control:
    """A control client."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self.socket.makefile("rb")
        self._id = 0

    def send(self, op: str, **fields: Any) -> int:
        self._id += 1
        self.socket.sendall(json.dumps({"id": self._id, "op": op, **fields}).encode() + b"\n")
        return self._id

    def receive(self) -> dict[str, Any]:
        line = self._lines.readline()
        assert line, "the twin closed the control channel"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        number = self.send(op, **fields)
        answer = self.receive()
        assert answer["id"] == number
        return answer

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


class Twin:
    """The process, its ready line, and helpers for its wires."""

    def __init__(self, process: subprocess.Popen[bytes], ready: dict[str, Any]) -> None:
        self.process, self.ready = process, ready
        self.now_ns: int = ready["now_ns"]
        self.ports: dict[str, str] = ready["ports"]
        self.control = Control(ready["control"])
        self._open: dict[str, int] = {}
        self._sockets: list[socket.socket] = []

    def pty(self, name: str) -> int:
        """Open and attach a pty; its file descriptor."""
        self._open[name] = os.open(self.ports[name], os.O_RDWR | os.O_NOCTTY)
        assert "error" not in self.control.ask("attach", port=name)
        return self._open[name]

    def tcp(self, name: str, attach: bool = True) -> socket.socket:
        """Connect to a TCP port and attach it."""
        host, _, port = self.ports[name].removeprefix("http://").rpartition(":")
        wire = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        self._sockets.append(wire)
        if attach:
            assert "error" not in self.control.ask("attach", port=name)
        return wire

    def say(self, name: str, line: str) -> str:
        """One exchange on an open pty: a line out, the answer back (of a console: with its prompt)."""
        os.write(self._open[name], line.encode() + b"\n")
        return self.read(name, "> " if name.startswith("console") else "\n")

    def read(self, name: str, end: str = "\n") -> str:
        """What arrives, up to ``end``."""
        text = ""
        while not text.endswith(end):
            assert select.select([self._open[name]], [], [], PATIENCE_S)[0], f"{name} says no more than {text!r}"
            text += os.read(self._open[name], 65536).decode()
        return text

    def silent(self, name: str, seconds: float = 0.05) -> bool:
        """Whether nothing comes for a moment of real time."""
        return not select.select([self._open[name]], [], [], seconds)[0]

    def switch_on(self) -> None:
        """Feed both terminals."""
        wire = self.tcp("supply.dc")
        for channel in (1, 2):
            wire.sendall(b":OUTP CH%d,ON;*OPC?\n" % channel)
            assert wire.recv(100) == b"1\n"

    def advance(self, seconds: float, wake: Sequence[str] = (), **fields: Any) -> dict[str, Any]:
        """Advance by up to so many seconds."""
        until_ns = self.now_ns + round(seconds * 1_000_000_000)
        answer = self.control.ask("advance", until_ns=until_ns, wake=list(wake), **fields)
        assert "error" not in answer, answer
        self.now_ns = answer["now_ns"]
        return answer

    def close(self) -> None:
        for fd in self._open.values():
            os.close(fd)
        for wire in self._sockets:
            wire.close()
        self.control.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(PATIENCE_S)


@contextmanager
def twin(tmp_path: Path, mesh: str = "bench.twin.core.instant:build", **options: Any) -> Iterator[Twin]:
    """A running twin with a control client; it ends with the block."""
    given = {"topology_path": str(DEFAULT), "ready": str(tmp_path / "ready.json"), "mesh": mesh, **options}
    process = subprocess.Popen(
        [sys.executable, "-c", START, json.dumps(given)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout as out:
        line = out.readline()
        assert line, "the twin did not start"
        assert json.loads((tmp_path / "ready.json").read_text()) == json.loads(line)
        running = Twin(process, json.loads(line))
        try:
            yield running
        finally:
            running.close()
