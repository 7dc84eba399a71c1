"""A fork a mutant: the code and its tests are loaded once, the change is made in the fork, and the tests are run there.

A fork that takes many times what its tests took without the change is ended, and its mutant counts as killed: a test
that hangs is seen.
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final

import attrs
import pytest

from tests.mutation.live import NotLive, make_live
from tests.mutation.mutants import Mutant, mutated
from tests.mutation.selection import Selection
from tests.places import ROOT

LEAST_CPU_S: Final = 20.0
TIMES: Final = 5.0
_WITHOUT: Final = ("cacheprovider", "unraisableexception", "threadexception")
"""Plugins of pytest that write, or that complain of what was left behind before the fork."""
QUIET: Final = (
    *("-x", "-q", "--no-header", "--no-summary", "--assert=plain"),
    *(part for name in _WITHOUT for part in ("-p", f"no:{name}")),
)
_NOT_LIVE: Final = 99


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    ENDLESS = "killed: its tests did not end"
    SURVIVED = "survived"
    NO_TEST = "no test runs its line"
    NOT_MADE = "not made"


@attrs.frozen(slots=True)
class Tried:
    """A mutant, what became of it, and how many test functions it was shown."""

    mutant: Mutant
    fate: Fate
    tests: int


def load(tests: Sequence[str]) -> None:
    """Import tests and code, so that no fork has to; before the first fork."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for folder in tests:
        for path in sorted((ROOT / folder).rglob("test_*.py")):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def check_control(selection: Selection) -> None:
    """The quickest test of each file, in a fork without any change: RuntimeError where they do not pass.

    A fork in which no test can run would call every mutant killed.
    """
    quickest: dict[str, str] = {}
    for test in sorted(selection.seconds, key=lambda test: (selection.seconds[test], test)):
        quickest.setdefault(test.partition("::")[0], test)
    _, status = os.waitpid(_fork(None, sorted(quickest.values()), 10 * LEAST_CPU_S), 0)
    if (code := os.waitstatus_to_exitcode(status)) != int(pytest.ExitCode.OK):
        raise RuntimeError(f"the tests do not pass in a fork without a mutant (exit code {code})")


def tried(
    mutants: Sequence[Mutant],
    selection: Selection,
    jobs: int,
    say: Callable[[Tried], None],
    enough: Callable[[], bool] = lambda: False,
) -> Iterator[Tried]:
    """What becomes of each, ``jobs`` at a time, as it ends; none is begun any more once that is ``enough``.
    RuntimeError where the tests cannot be run."""
    waiting = list(reversed(mutants))
    running: dict[int, tuple[Mutant, int]] = {}
    while waiting or running:
        if enough():
            waiting.clear()
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            tests = selection.of(mutant.path, mutant.line, mutant.function)
            if not tests:
                yield Tried(mutant, Fate.NO_TEST, 0)
                continue
            usual_s = sum(selection.seconds.get(test, 0.0) for test in tests)
            running[_fork(mutant, tests, LEAST_CPU_S + TIMES * usual_s)] = mutant, len(tests)
        if running:
            pid, status = os.wait()
            mutant, shown = running.pop(pid)
            one = Tried(mutant, _fate(status), shown)
            say(one)
            yield one


def spent_s() -> float:
    """Processor seconds of all forks that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fork(mutant: Mutant | None, tests: Sequence[str], cpu_s: float) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = _NOT_LIVE
    try:
        limit = int(cpu_s) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        signal.alarm(20 * limit)  # one that sleeps uses no processor
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        if mutant is not None:
            make_live(mutant, mutated(mutant, ROOT))
        code = int(pytest.main([*QUIET, *tests]))
    except NotLive:
        code = _NOT_LIVE
    except BaseException:
        code = int(pytest.ExitCode.INTERNAL_ERROR)
    finally:
        os._exit(code)


def _fate(status: int) -> Fate:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return Fate.ENDLESS
    if code == _NOT_LIVE:
        return Fate.NOT_MADE
    if code not in (int(pytest.ExitCode.OK), int(pytest.ExitCode.TESTS_FAILED)):
        raise RuntimeError(f"the tests of a mutant could not be run (pytest's exit code {code})")
    return Fate.SURVIVED if code == int(pytest.ExitCode.OK) else Fate.KILLED
