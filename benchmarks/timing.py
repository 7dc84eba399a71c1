"""Two commands measured against each other, in turns, so that a slower minute of the machine meets both."""

from __future__ import annotations

import compileall
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import attrs

KENSHIN: Final = (sys.executable, "-m", "bench.cli")


@attrs.frozen
class Spent:
    """Wall and processor seconds of one whole process with its children, the largest memory of any of them (MB), and
    lines printed."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    lines: int


def run(command: Sequence[str], output: Path) -> Spent:
    """One whole process, from its start to its end; what it prints goes to a file, as it would for a user."""
    with output.open("wb") as file:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:6])} ... ended with {process.returncode}")
    with output.open("rb") as file:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    return Spent(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, lines)


def compare(
    name: str,
    ours: Sequence[str],
    theirs: Sequence[str],
    rounds: int,
    folder: Path,
    before: Callable[[], None] = lambda: None,
) -> float:
    """Run both in turns, print medians and ratios; the ratio of wall times. ``before`` prepares each run of ours."""
    mine: list[Spent] = []
    other: list[Spent] = []
    for _ in range(rounds):
        before()
        mine.append(run(ours, folder / "ours.txt"))
        other.append(run(theirs, folder / "theirs.txt"))
    ratio = _median(other, "wall_s") / _median(mine, "wall_s")
    print(f"{name} ({rounds} rounds in turns, medians)")
    for who, spent in (("kenshin", mine), ("tshark", other)):
        wall, cpu, peak = (_median(spent, field) for field in ("wall_s", "cpu_s", "peak_mb"))
        print(f"  {who:<8} wall {wall:7.2f} s   processor {cpu:7.2f} s   peak {peak:6.0f} MB   {spent[0].lines} lines")
    print(f"  tshark / kenshin: wall {ratio:.2f}, processor {_median(other, 'cpu_s') / _median(mine, 'cpu_s'):.2f}")
    return ratio


def _median(spent: Sequence[Spent], field: str) -> float:
    return statistics.median(getattr(one, field) for one in spent)


def tshark(capture: Path, *options: str) -> list[str]:
    """The command line of tshark with the capture's keys. Ends the program where tshark is not installed."""
    if shutil.which("tshark") is None:
        raise SystemExit("tshark is not installed; the comparison needs it")
    lines = capture.with_suffix(".ieee802154_keys").read_text(encoding="ascii").splitlines()
    keys = (option for line in lines for option in ("-o", f"uat:ieee802154_keys:{line}"))
    return ["tshark", "-n", "-r", str(capture), *keys, *options]


def machine() -> str:
    """What was measured on, in general words. Compiles the bench first, as installing it does: where the environment
    keeps Python from that (PYTHONDONTWRITEBYTECODE), each start would pay for what was edited last."""
    compileall.compile_dir("bench", quiet=2)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, load averages before {load}"
