"""Every driver x a moment of its command x what may go wrong: the outputs as the instruments themselves tell.

    python -m tests.soak ways [--jobs 4] [--only TEXT] [--sample N --seed S]

A bench drives every port in turn on a faulty lab. At one moment of one command (`bench.twin.lab.trap`) the mains are
switched on and the feeds off behind its back, and something goes wrong: with the device's wire, the disk, or the
bench. Then the mains are off and the feeds held within ``hold_s`` and a little, by the bench or by its watchdog; what
the bench said is so; and no row that was on disk is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import product
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

import attrs

from bench.plan.schema import DECLARATION
from bench.twin.lab.trap import Point
from tests.soak import read_only
from tests.soak.stage import ANSWER_S
from tests.soak.zygote import Forked, Zygote
from tests.twin.lab_process import LabProcess, faulty_lab, until

HOLD_S: Final = 2.0
WITHIN_S: Final = 40.0
"""Real seconds beyond ``hold_s`` for the outputs to be safe: tries of a slow instrument on a busy host."""
LASTS_S: Final = 4.0
"""For so long a wire is out of order."""
END_S: Final = 100.0

PORTS: Final[Mapping[str, str]] = {
    "supply.ac": ":OUTP O",
    "supply.dc": ":OUTP CH1,O",
    "meter.t1.gas": "SET",
    "panel.t1": "LAMP",
    "console.t1": "join_state",
    "server": "/v1/status",
    "sniffer.s1": "",
}
"""Ports, and a word of the command at which the trap closes."""


class Unlike(Exception):
    """Something was not as it must be; one line."""


@attrs.define
class Cell:
    """One case, while it is tried."""

    lab: LabProcess
    port: str
    point: Point
    folder: Path
    log: Path
    bench: Forked
    rows: int = 0
    """Of the timeline, seen on disk before anything went wrong."""
    mute: bool = False
    """Its log takes no more either."""
    preloaded: bool = False
    """Its files take no more where a flag is set (`tests.soak.read_only`)."""
    _timer: threading.Timer | None = None

    @property
    def watchdog(self) -> int:
        """The watchdog's process id."""
        return int(json.loads((self.folder / "watchdog.json").read_text())["pid"])

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def count(self, where: str = "1") -> int:
        """Rows of the timeline, as another process sees them."""
        try:
            with closing(sqlite3.connect(f"file:{self.folder}/timeline.sqlite?mode=ro", uri=True)) as timeline:
                return int(timeline.execute(f"SELECT COUNT(*) FROM observation WHERE {where}").fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    def misbehave(self, **knobs: Any) -> None:
        """The device has a habit for a while."""
        self.lab.ask("habits", ports={self.port: knobs})
        self._timer = threading.Timer(LASTS_S, self.lab.habits)
        self._timer.start()

    def close(self) -> None:
        """Bench and watchdog are gone, and nothing is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        self.bench.kill()
        with contextlib.suppress(OSError, ValueError, KeyError):
            os.kill(self.watchdog, signal.SIGKILL)

    def expect(self, true: object, what: str) -> None:
        if not true:
            raise Unlike(what)


Way: TypeAlias = Callable[[Cell], None]
"""Makes something go wrong; the command that was caught goes on afterwards, and ``END`` follows."""


def _killed(cell: Cell) -> None:
    first = cell.watchdog
    os.kill(first, signal.SIGKILL)
    cell.expect(until(lambda: cell.watchdog != first, 30), "no fresh watchdog")
    cell.bench.kill()


def _closed(cell: Cell) -> None:
    cell.lab.ask("cut", port=cell.port, for_s=0.5)


def _error_queue(cell: Cell) -> None:
    if cell.port.startswith("supply."):
        cell.misbehave(old_errors=12)
        cell.lab.ask("cut", port=cell.port)
    elif cell.port.startswith(("server", "sniffer")):
        cell.misbehave(reset_every=2)
    else:
        cell.misbehave(noise=["nul", "ff", "colour", "echo", "prompt", "state"])


def _disk_full(cell: Cell) -> None:
    """Of the run folder's disk where it has one of its own; else no file of bench and watchdog grows any more."""
    if os.path.ismount(cell.folder.parent):
        with contextlib.suppress(OSError), (cell.folder.parent / "fills").open("wb", buffering=0) as fills:
            while True:
                fills.write(bytes(4096))
    else:
        _no_file_grows(cell)


def _read_only(cell: Cell) -> None:
    """No file can be opened for writing any more (a read-only mount over the folder, where one may mount), and what is
    open takes no more either: EROFS (`tests.soak.read_only`), or without a compiler a limit of sizes."""
    if cell.preloaded:
        cell.mute = True
        (cell.folder.parent / read_only.FLAG).touch()
    else:
        _no_file_grows(cell)
    subprocess.run(["mount", "--bind", cell.folder, cell.folder], stderr=subprocess.DEVNULL, check=False)
    subprocess.run(["mount", "-o", "remount,bind,ro", cell.folder], stderr=subprocess.DEVNULL, check=False)


def _no_file_grows(cell: Cell) -> None:
    cell.mute = True
    for pid in (cell.bench.pid, cell.watchdog):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))


def _slowly(cell: Cell) -> None:
    cell.lab.ask("habits", ports={"supply.*": {"late_s": 0.4}})


def _then_nothing(_cell: Cell) -> None:
    """What went wrong ends the run by itself."""


def _then_stop(cell: Cell) -> None:
    cell.bench.send_signal(signal.SIGINT)


def _then_stop_twice(cell: Cell) -> None:
    cell.bench.send_signal(signal.SIGINT)
    until(lambda: cell.lab.outputs()["supply.ac"] == [False], 20)  # it is making safe, slowly
    for _ in range(2):
        cell.bench.send_signal(signal.SIGINT)


def _then_terminate_in_the_teardown(cell: Cell) -> None:
    cell.bench.send_signal(signal.SIGINT)
    until(lambda: cell.lab.outputs()["supply.ac"] == [False], 20)
    cell.bench.send_signal(signal.SIGTERM)
    cell.bench.send_signal(signal.SIGHUP)


def _then_kill(cell: Cell) -> None:
    cell.bench.kill()


@attrs.frozen
class Happens:
    """One way: what goes wrong, how the run is ended, and how the bench may end."""

    wrong: Way
    then: Way = _then_stop
    codes: tuple[int, ...] = (3,)
    many_files: bool = False


WAYS: Final[Mapping[str, Happens]] = {
    "killed": Happens(_killed, _then_nothing, (-9,)),
    "closed": Happens(_closed),
    "half-open": Happens(lambda cell: cell.misbehave(half_open=True)),
    "silent": Happens(lambda cell: cell.misbehave(silent=True)),
    "late": Happens(lambda cell: cell.misbehave(late_s=1.5 * ANSWER_S, late_every=2)),
    "error queue": Happens(_error_queue),
    "disk full": Happens(_disk_full, _then_nothing),
    "read-only": Happens(_read_only, _then_nothing),
    "SIGINT twice": Happens(_slowly, _then_stop_twice),
    "SIGTERM in the teardown": Happens(_slowly, _then_terminate_in_the_teardown),
    "SIGKILL": Happens(_then_nothing, _then_kill, (-9,)),
    "1,100 open files": Happens(_then_nothing, many_files=True),
}
Case: TypeAlias = tuple[str, Point, str]
CASES: Final[Sequence[Case]] = list(product(PORTS, Point, WAYS))


def name_of(case: Case) -> str:
    """``supply.ac, in: SIGKILL``."""
    return f"{case[0]}, {case[1]}: {case[2]}"


def sample(number: int, seed: int) -> list[Case]:
    """The same by number and seed."""
    return random.Random(seed).sample(CASES, number)


def try_case(lab: LabProcess, zygote: Zygote, scratch: Path, case: Case) -> str:
    """What was wrong, in a line; empty where all was as it must be."""
    port, point, way = case
    happens = WAYS[way]
    with _disk(scratch, way) as place:
        lab.ask("release")
        lab.habits()
        folder, log = place / "run", scratch / "run.log"
        log.unlink(missing_ok=True)
        if not until(lab.is_whole, 10):
            return "the lab is not whole"
        asked: list[str | Path] = ["--rig", lab.rig_file, "--terminal", DECLARATION, "--out", folder, "-k", "join"]
        bench = zygote.start("run", *asked, log=log, quick=True, cycle=True, many_files=happens.many_files)
        cell = Cell(lab, port, point, folder, log, bench, preloaded=zygote.preloaded)
        try:
            _try(cell, happens)
        except Unlike as unlike:
            return " ".join(f"{unlike}; outputs {lab.outputs()}; said: {cell.said[-400:]}".split())
        finally:
            cell.close()
    return ""


def _try(cell: Cell, happens: Happens) -> None:
    lab = cell.lab
    driving = until(lambda: cell.count("kind = 'episode.milestone'") > 0 or cell.bench.code is not None, 60)
    cell.expect(driving and cell.bench.code is None, "it does not drive")
    lab.ask("trap", port=cell.port, point=cell.point.value, words=PORTS[cell.port])
    if cell.port.startswith("sniffer."):
        lab.ask("cut", port=cell.port)  # it says something when it is opened again
    cell.expect(until(lambda: lab.ask("caught")["command"] is not None, 20), "the command never came")
    lab.put_at_risk()
    cell.rows = cell.count()
    happens.wrong(cell)
    lab.ask("release")
    happens.then(cell)
    _judge(cell, happens)


def _judge(cell: Cell, happens: Happens) -> None:
    lab = cell.lab
    cell.expect(lab.await_safe(HOLD_S + WITHIN_S), "NOT SAFE")
    code = cell.bench.wait(END_S)
    cell.expect(code in happens.codes, f"ended with {code}")
    cell.expect(lab.is_safe(), "not safe any more")
    said = cell.said
    cell.expect("Traceback" not in said, "a traceback")
    told = any(word in said for word in ("the rig is safe", "NOT SAFE", "stops here", "No space left"))
    cell.expect(told or cell.mute or code == -9, "said nothing")
    cell.expect(cell.count() >= cell.rows, f"rows lost: {cell.count()} of {cell.rows}")
    with closing(sqlite3.connect(f"file:{cell.folder}/timeline.sqlite?mode=ro", uri=True)) as timeline:
        cell.expect(timeline.execute("PRAGMA quick_check").fetchone() == ("ok",), "the timeline is damaged")


@contextlib.contextmanager
def _disk(scratch: Path, way: str) -> Iterator[Path]:
    """Where the run folder lies: on a disk of its own (64 MiB of memory) where it is to be filled and one may mount."""
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        own = way == "disk full" and not _mounted("-t", "tmpfs", "-o", "size=64m", "none", place)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "-l", f"{place}/run"], stderr=subprocess.DEVNULL, check=False)
            if own:
                subprocess.run(["umount", "-l", place], stderr=subprocess.DEVNULL, check=False)


def _mounted(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], stderr=subprocess.DEVNULL, check=False).returncode


def try_all(cases: Sequence[Case], jobs: int, tell: Callable[[Case, str, float], None]) -> dict[Case, str]:
    """Try them on so many labs at once; what was wrong by case, told as it comes."""
    waiting: SimpleQueue[Case | None] = SimpleQueue()
    for case in (*cases, *([None] * jobs)):
        waiting.put(case)
    found: dict[Case, str] = {}

    def work(scratch: Path, zygote: Zygote) -> None:
        with faulty_lab(scratch, hold_s=HOLD_S, patience_s=12.0, answer_s=ANSWER_S) as lab:
            while (case := waiting.get()) is not None:
                began = time.monotonic()
                found[case] = try_case(lab, zygote, scratch, case)
                tell(case, found[case], time.monotonic() - began)

    with tempfile.TemporaryDirectory(prefix="kenshin-ways-") as folder, ThreadPoolExecutor(jobs) as pool:
        zygote = Zygote(Path(folder) / "locks", read_only.library(Path(folder)))
        try:
            places = [Path(folder) / str(number) for number in range(jobs)]
            for place in places:
                place.mkdir()
            for done in [pool.submit(work, place, zygote) for place in places]:
                done.result()
        finally:
            zygote.close()
    return {case: found[case] for case in cases}


def table(found: Mapping[Case, str]) -> str:
    """The matrix: a line a driver and moment, a column a way; ``.`` as it must be, ``X`` not, blank not tried."""
    heads = "".join(f"{number:>3}" for number in range(1, len(WAYS) + 1))
    lines = [*(f"{number:>3} {way}" for number, way in enumerate(WAYS, 1)), f"{'':24}{heads}"]
    for port, point in product(PORTS, Point):
        marks = [found.get((port, point, way)) for way in WAYS]
        if any(mark is not None for mark in marks):
            row = "".join("   " if mark is None else "  X" if mark else "  ." for mark in marks)
            lines.append(f"{port + ', ' + point:<24}{row}")
    return "\n".join(lines)
