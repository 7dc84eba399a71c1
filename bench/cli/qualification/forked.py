"""Benches without the seconds of their start: a server imports everything once, and each bench is a fork of it.

``kenshin qualify`` makes hundreds of runs, and a run imports for as long as it drives. A bench so started is the same
``kenshin`` that a person starts: a process of its own, with its own arguments, signals, streams and exit code. Python's
own fork server does the work (`multiprocessing`); it forks before it has a thread or a rig.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import runpy
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Final

import attrs

from bench.rooms import open_rooms

PRELOADED: Final = (
    "bench.cli.app",
    "bench.plan.catalogue",
    "bench.measurands.judged.registry",
    "fixtures.plugin",
    "fixtures.run.driving",
    "labgrid",
)
"""What a run imports before it drives."""
ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""A library that counts processors would start as many threads in each of the runs that share them."""


_LOCK: Final = threading.Lock()
"""A fork's exit code can be read once, and `multiprocessing` reads those of all forks whenever it starts another."""


@attrs.frozen(slots=True)
class Forked:
    """A bench that was started. Used from several threads."""

    _process: ForkServerProcess
    _used: Path
    """Where it leaves what it used of the processors."""

    def take_processor_s(self) -> float:
        """Processor seconds of it and of all that it started, once it has ended; 0 where it was killed. Told once."""
        with contextlib.suppress(OSError, ValueError):
            told = self._used.read_text(encoding="utf-8")
            self._used.unlink()
            return float(told)
        return 0.0

    def wait(self, seconds: float) -> int | None:
        """Its exit code (minus the signal that ended it); None where it lives on after so many seconds."""
        wait([self._process.sentinel], seconds)
        return self._code()

    def terminate(self) -> None:
        """Tell it to end; nothing happens where it has."""
        if self._code() is None:
            self._process.terminate()

    def kill(self) -> None:
        if self._code() is None:
            self._process.kill()

    def _code(self) -> int | None:
        with _LOCK:
            return self._process.exitcode


@attrs.define
class Forker:
    """Starts benches. Used from several threads; whoever made it waits for what it started."""

    _context: ForkServerContext = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        os.environ |= {name: os.environ.get(name, value) for name, value in ONE_THREAD.items()}
        open_rooms()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(PRELOADED))

    def start(self, arguments: Sequence[str], said: Path, env: Mapping[str, str]) -> Forked:
        """``kenshin ARGUMENTS``, with ``env`` set as well, and what it says in the file ``said``."""
        used = said.with_suffix(".used")
        used.unlink(missing_ok=True)
        process = self._context.Process(target=_become, args=(list(arguments), str(said), str(used), dict(env)))
        with _LOCK:
            process.start()
        return Forked(process, used)


def _become(arguments: list[str], said: str, used: str, env: dict[str, str]) -> None:
    """In the fork: be that bench, to its end, and tell what it used. Raises SystemExit with its exit code."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    told = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for number, stream in ((nothing, 0), (told, 1), (told, 2)):
        os.dup2(number, stream)
    os.close(nothing)
    os.close(told)
    os.environ |= env
    sys.argv = ["kenshin", *arguments]
    try:
        runpy.run_module("bench.cli", run_name="__main__")
    finally:
        spent = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        Path(used).write_text(f"{sum(one.ru_utime + one.ru_stime for one in spent):.2f}\n", encoding="utf-8")
