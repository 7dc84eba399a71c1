"""Work over the pieces of a file on all cores: results in order, little in flight, no state shared.

Processes are forked, so a worker has what the caller had built, and only pieces and results cross the pipes. A worker
waits when its pipe is full of results, which bounds memory whatever the file's size is. Where nothing can be forked, or
for one core, the caller's own process does the work.
"""

from __future__ import annotations

import gc
import os
import pickle
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_AHEAD: Final = 4
"""Pieces a worker has been given at most, the one it works on included; pieces must be small when pickled."""
_PIPE_OCTETS: Final = 1 << 20
"""Room for results that wait for their turn, so that a worker need not: as much as Linux gives to anyone."""


def ordered_map(work: Callable[[T], R], pieces: Iterable[T], workers: int | None = None) -> Iterator[R]:
    """``work`` of each piece, in order, by ``workers`` processes (default: one a core). An exception in a worker is
    raised here, at its piece's turn."""
    count = workers or os.cpu_count() or 1
    if count < 2 or not hasattr(os, "fork"):
        yield from map(work, pieces)
        return
    team: list[_Worker[T, R]] = []
    waiting: deque[_Worker[T, R]] = deque()
    try:
        for number, piece in enumerate(pieces):
            if len(team) < count:
                team.append(_Worker(work))
            if len(waiting) >= _AHEAD * count:
                yield waiting.popleft().take()
            worker = team[number % count]
            worker.give(piece)
            waiting.append(worker)
        while waiting:
            yield waiting.popleft().take()
    finally:
        for worker in team:
            worker.hang_up()
        # A worker holds the pipes of those forked before it, so the last one ends first.
        for worker in reversed(team):
            worker.wait()


class _Worker(Generic[T, R]):
    """A forked process that works on one piece at a time."""

    def __init__(self, work: Callable[[T], R]) -> None:
        asks, self._pieces = _pipe()
        self._results, answers = _pipe()
        _widen(answers)
        with warnings.catch_warnings():
            # Later Pythons warn of forking beside threads; the child only computes, and calls nothing of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if self._pid == 0:
            self._pieces.close()
            self._results.close()
            _serve(work, asks, answers)
        asks.close()
        answers.close()

    def give(self, piece: T) -> None:
        pickle.dump(piece, self._pieces, pickle.HIGHEST_PROTOCOL)
        self._pieces.flush()

    def take(self) -> R:
        done, result = pickle.load(self._results)
        if not done:
            raise result
        return result  # type: ignore[no-any-return]

    def hang_up(self) -> None:
        self._pieces.close()
        self._results.close()

    def wait(self) -> None:
        os.waitpid(self._pid, 0)


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb"), os.fdopen(writing, "wb")


def _widen(pipe: BinaryIO) -> None:
    """Give a pipe more room, where the system can."""
    import fcntl  # where there is fork, there is this

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_OCTETS)


def _serve(work: Callable[[T], R], pieces: BinaryIO, results: BinaryIO) -> None:
    """The worker's life; it never returns into the caller's code."""
    gc.disable()
    try:
        while True:
            try:
                piece = pickle.load(pieces)
            except EOFError:
                break
            try:
                answer: tuple[bool, object] = (True, work(piece))
            except Exception as error:
                answer = (False, error)
            pickle.dump(answer, results, pickle.HIGHEST_PROTOCOL)
            results.flush()
    except BaseException:  # the caller is gone, or wants no more
        os._exit(1)
    os._exit(0)


@contextmanager
def gc_paused() -> Iterator[None]:
    """No garbage collection within: a bulk load keeps many objects, which each collection would walk again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
