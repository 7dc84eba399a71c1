"""A line of a GPIO chip is one process's while that lives: what a watchdog does about a bench that stands still."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from bench.evidence.watch_log import log_rows
from tests.places import ROOT
from tests.skips import ONCE
from tests.twin.lab_process import until

CHIP_OF_ALL: Final = """
import fcntl, types
from enum import Enum

line = types.SimpleNamespace(
    Value=Enum("Value", ["INACTIVE", "ACTIVE"]), Direction=Enum("Direction", ["AS_IS", "OUTPUT"])
)
LineSettings = types.SimpleNamespace

class request_lines:
    def __init__(self, chip, consumer, config):
        [settings] = config.values()
        self.file = open(chip, "r+")
        fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if settings.direction is line.Direction.OUTPUT:
            self.set_value(0, settings.output_value)
    def __enter__(self): return self
    def __exit__(self, *error): self.release()
    def release(self): self.file.close()
    def get_value(self, number):
        self.file.seek(0)
        return line.Value[self.file.read().strip()]
    def set_value(self, number, value):
        self.file.seek(0)
        self.file.write(value.name.ljust(8))
        self.file.flush()
"""
"""gpiod with a chip that is a file: a line is one process's for as long as that lives, as the kernel has it."""
HOLDS_A_LINE: Final = """
import pathlib, sys
from labgrid import target_factory
import devices.resources
from devices.supply.safety import Instrument, SafeOutput
from devices.supply.supply import Safe
from devices.switch.switch import recipe
from devices.wires.address import Address
from fixtures.rig.watchdog import Watchdog

told = {"resources": [{"cls": "GpioLine", "name": "line", "chip": sys.argv[2], "line": 17}],
        "drivers": [{"cls": "GpioLineDriver", "name": "out", "bindings": {"line": "line"}}]}
out = target_factory.make_target("main", told).get_driver("GpioLineDriver")
out.set(True)
plan = [Instrument("out", Address(labgrid=recipe(out)), "", (SafeOutput(1, Safe.OFF, 0.0, 0.0),))]
watchdog = Watchdog.start(pathlib.Path(sys.argv[1]), plan, 0.0)
print("held", flush=True)
sys.stdin.read()
"""


@ONCE
@pytest.mark.slow
def test_a_line_that_a_standing_bench_holds_is_let_go_by_ending_that_bench(tmp_path: Path) -> None:
    """SIGSTOP: no other process can have the line while its holder lives."""
    chip = tmp_path / "gpiochip9"
    chip.write_text("INACTIVE", encoding="utf-8")
    (tmp_path / "gpiod.py").write_text(CHIP_OF_ALL, encoding="utf-8")
    bench = subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_LINE, tmp_path, chip],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert bench.stdout is not None
    assert bench.stdin is not None
    try:
        assert bench.stdout.readline() == b"held\n"
        assert chip.read_text("utf-8").strip() == "ACTIVE"
        bench.send_signal(signal.SIGSTOP)
        assert until(lambda: chip.read_text("utf-8").strip() == "INACTIVE", 120), log_rows(tmp_path)
        assert bench.wait(120) == -signal.SIGKILL
        assert until(lambda: [row["event"] for row in log_rows(tmp_path)][-1] == "done", 120)
        assert "bench ended" in [row["event"] for row in log_rows(tmp_path)]
    finally:
        bench.kill()
        bench.wait()
        bench.stdin.close()
        bench.stdout.close()
