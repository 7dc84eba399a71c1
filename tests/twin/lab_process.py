"""A faulty lab in a process of its own, its habits changed as a test goes on, and its instruments' own truth."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from tests.places import ROOT

TOPOLOGY: Final = ROOT / "fixtures" / "topologies" / "default.yaml"
PATIENCE_S: Final = 60.0


@attrs.define
class LabProcess:
    """A running lab. ``ask`` is its control channel, which no habit touches."""

    process: subprocess.Popen[bytes]
    ports: Mapping[str, str]
    rig_file: Path
    door: str
    """The control channel's address."""
    _control: socket.socket
    _lines: Any
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        with self._lock:
            self._control.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(self._lines.readline())
        assert "error" not in answer, answer
        return answer

    def kill(self) -> None:
        """The laboratory goes without a word."""
        self.process.kill()
        self.process.wait()

    def habits(self, **ports: Any) -> None:
        """Replace all habits; a port is named ``supply_ac`` for ``supply.ac``, ``meter`` for ``meter.*``."""
        names = {name: name.replace("_", ".") if "_" in name or name == "server" else f"{name}.*" for name in ports}
        self.ask("habits", ports={names[name]: knobs for name, knobs in ports.items()})

    def outputs(self) -> dict[str, list[bool]]:
        """Which outputs are on, as the instruments themselves hold it."""
        return {name: [channel["on"] for channel in channels] for name, channels in self.ask("outputs").items()}

    def is_safe(self) -> bool:
        """Mains off, the terminals' feeds held."""
        return self.outputs() == {"supply.ac": [False], "supply.dc": [True, True], "supply.root": [False]}

    def is_whole(self) -> bool:
        """Whether every serial port is there."""
        return all(Path(address).exists() for address in self.ports.values() if address.startswith("/"))

    def put_at_risk(self) -> None:
        """The state from which a way out has something to do: mains on, feeds off, set past the bench."""
        wanted = {"supply.ac": [True], "supply.dc": [False, False], "supply.root": [True]}
        assert until(lambda: self._risk() == wanted, 10), self.outputs()

    def _risk(self) -> dict[str, list[bool]]:
        for port, command in (
            ("supply.ac", b":OUTP ON\n"),
            ("supply.root", b":OUTP ON\n"),
            ("supply.dc", b":OUTP CH1,OFF;:OUTP CH2,OFF\n"),
        ):
            host, _, number = self.ports[port].rpartition(":")
            with contextlib.suppress(OSError), socket.create_connection((host, int(number)), 2) as connection:
                connection.sendall(command + b"*OPC?\n")
                connection.recv(10)
        return self.outputs()

    def await_safe(self, within_s: float) -> bool:
        """Whether the instruments come to be safe within so many seconds."""
        return until(self.is_safe, within_s)


def until(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> bool:
    """Wait for another process; whether it came."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def faulty_lab(
    folder: Path,
    *options: str,
    hold_s: float = 2.0,
    patience_s: float = 20.0,
    answer_s: float = 5.0,
    topology: Path = TOPOLOGY,
) -> Iterator[LabProcess]:
    """A lab in ``folder``, which also gets its rig file; ``answer_s`` is what that gives a supply for an answer."""
    rig_file = folder / "lab.yaml"
    command = [sys.executable, "-m", "bench.cli", "lab", "--topology", str(topology), "--rig", str(rig_file), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, "the lab did not start"
        said = json.loads(line)
        text = rig_file.read_text(encoding="utf-8")
        told = {"hold_s: 30": hold_s, "patience_s: 120": patience_s}
        changes = {old: f"{old.split(':')[0]}: {value:g}" for old, value in told.items()}
        changes["clock: wall\n"] = "clock: wall\n    mb_per_hour: 0.05\n"  # no frames on the air of such a lab
        changes["ScpiSupplyDriver: {"] = f"ScpiSupplyDriver: {{answer_s: {answer_s:g}, "
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        rig_file.write_text(text, encoding="utf-8")
        host, _, port = said["control"].rpartition(":")
        with socket.create_connection((host, int(port)), 10) as control, control.makefile("rb") as lines:
            yield LabProcess(process, said["ports"], rig_file, said["control"], control, lines)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
