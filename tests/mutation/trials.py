"""A fork a mutant: code and tests are loaded and collected once, the change is made in the fork, and the cases that run
the changed line are run there, until one fails.

A case that takes many times the processor seconds that it takes without the change ends its fork, and the mutant counts
as killed: a test that hangs is seen.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import attrs
import pytest

from tests.mutation.live import NotLive, Unloadable, make_live
from tests.mutation.mutants import Mutant, mutated
from tests.mutation.selection import Selection
from tests.places import ROOT

LEAST_CPU_S: Final = 5.0
TIMES: Final = 10.0
LEAST_WALL_S: Final = 120.0
"""For a case that sleeps: it uses no processor."""
MOST_OCTETS: Final = 4 << 30
"""Of memory that a fork may ask for: a change may make a list that never ends."""
_WITHOUT: Final = ("unraisableexception", "threadexception")
"""Plugins of pytest that complain of what was left behind before the fork."""
QUIET: Final = (
    *("-s", "-q", "--no-header", "--no-summary", "--assert=plain", "-o", f"timeout={LEAST_WALL_S:g}"),
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
    """A mutant, what became of it, how many cases may see it, and which one did; '' where none, or it did not end."""

    mutant: Mutant
    fate: Fate
    tests: int
    by: str = ""


class Cases(Protocol):
    """What can be shown to a mutant."""

    def first_failing(self, tests: Sequence[str], before: Callable[[str], None]) -> str: ...


@attrs.frozen(slots=True)
class Collected:
    """The cases that pytest collected, by their ids; while `collected` lasts."""

    session: pytest.Session
    items: Mapping[str, pytest.Item]

    def first_failing(self, tests: Sequence[str], before: Callable[[str], None]) -> str:
        """Run them in that order until one fails; which one, or ''. ``before`` is told each."""
        chosen = [self.items[test] for test in tests]
        for item, following in zip(chosen, [*chosen[1:], None], strict=True):
            before(item.nodeid)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.session.testsfailed:
                return item.nodeid
        return ""


class _Hands:
    """A plugin that hands on what was collected, in place of running it."""

    def __init__(self, work: Callable[[Collected], None]) -> None:
        self._work = work

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._work(Collected(session, {item.nodeid: item for item in session.items}))
        return True


def with_collected(tests: Sequence[str], work: Callable[[Collected], None]) -> None:
    """Load and collect the tests in these folders, and do the work. RuntimeError where they cannot be."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ["CI"] = "1"  # hypothesis draws the same examples each time: what is killed by chance is not killed
    code = pytest.main([*QUIET, *tests], plugins=[_Hands(work)])
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"the tests cannot be collected (pytest's exit code {int(code)})")


def check_control(selection: Selection, collected: Cases) -> None:
    """The quickest case of each file, in a fork without any change: RuntimeError where they do not pass.

    A fork in which no test can run would call every mutant killed.
    """
    quickest: dict[str, str] = {}
    for test in sorted(selection.seconds, key=lambda test: (selection.seconds[test], test)):
        quickest.setdefault(test.partition("::")[0], test)
    fork = _fork(None, sorted(quickest.values()), selection, collected)
    _, status = os.waitpid(fork.pid, 0)
    fate, by = fork.ended(status)
    if fate is not Fate.SURVIVED:
        raise RuntimeError(f"the tests do not pass in a fork without a mutant ({fate}: {by})")


def tried(
    mutants: Sequence[Mutant],
    selection: Selection,
    collected: Cases,
    jobs: int,
    say: Callable[[Tried], None],
    enough: Callable[[], bool] = lambda: False,
) -> Iterator[Tried]:
    """What becomes of each, ``jobs`` at a time, as it ends; none is begun any more once that is ``enough``.
    RuntimeError where the tests cannot be run."""
    waiting = list(reversed(mutants))
    running: dict[int, tuple[Mutant, int, _Fork]] = {}
    lately: dict[Path, list[str]] = {}
    while waiting or running:
        if enough():
            waiting.clear()
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            tests = selection.of(mutant.path, mutant.line, mutant.function)
            if not tests:
                say(none := Tried(mutant, Fate.NO_TEST, 0))
                yield none
                continue
            first = [test for test in lately.get(mutant.path, ()) if test in tests]
            fork = _fork(mutant, list(dict.fromkeys([*first, *tests])), selection, collected)
            running[fork.pid] = mutant, len(tests), fork
        if running:
            pid, status = os.wait()
            mutant, shown, fork = running.pop(pid)
            fate, by = fork.ended(status)
            if by:
                seen = lately.setdefault(mutant.path, [])
                lately[mutant.path] = [by, *(test for test in seen if test != by)][:8]
            say(one := Tried(mutant, fate, shown, by))
            yield one


def spent_s() -> float:
    """Processor seconds of all forks that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@attrs.frozen(slots=True)
class _Fork:
    """A child at work: the end of the pipe on which it names the case that failed, and its folder for files."""

    pid: int
    told: int
    folder: str

    def ended(self, status: int) -> tuple[Fate, str]:
        with open(self.told, encoding="utf-8") as pipe:
            by = pipe.read()
        shutil.rmtree(self.folder, ignore_errors=True)
        return _fate(status), by


def _fork(mutant: Mutant | None, tests: Sequence[str], selection: Selection, collected: Cases) -> _Fork:
    told, tell = os.pipe()
    folder = tempfile.mkdtemp(prefix="kenshin-mutant-")
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(tell)
        return _Fork(pid, told, folder)
    code = int(pytest.ExitCode.INTERNAL_ERROR)
    try:
        os.close(told)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = tempfile.tempdir = folder
        code, by = _child(mutant, tests, selection, collected)
        os.write(tell, by.encode())
    except NotLive:
        code = _NOT_LIVE
    except Unloadable:
        code = int(pytest.ExitCode.TESTS_FAILED)
    finally:
        os._exit(code)


def _child(mutant: Mutant | None, tests: Sequence[str], selection: Selection, collected: Cases) -> tuple[int, str]:
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_OCTETS, MOST_OCTETS))
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    if mutant is not None:
        make_live(mutant, mutated(mutant, ROOT))

    def limit(test: str) -> None:
        """A signal that nobody catches ends the fork."""
        signal.setitimer(signal.ITIMER_PROF, LEAST_CPU_S + TIMES * selection.seconds.get(test, 0.0))

    by = collected.first_failing(tests, limit)
    return int(pytest.ExitCode.TESTS_FAILED if by else pytest.ExitCode.OK), by


def _fate(status: int) -> Fate:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return Fate.ENDLESS
    if code == _NOT_LIVE:
        return Fate.NOT_MADE
    if code not in (int(pytest.ExitCode.OK), int(pytest.ExitCode.TESTS_FAILED)):
        raise RuntimeError(f"the tests of a mutant could not be run (pytest's exit code {code})")
    return Fate.SURVIVED if code == int(pytest.ExitCode.OK) else Fate.KILLED
