"""What another core makes while this one loads what is to be done with it.

A table's start is one core's work: loading the codec. The walk for span borders needs nothing of that, and is done by
a process of its own meanwhile.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Iterator
from typing import Any, Final, Generic, TypeVar

from bench.errors import BenchError

T = TypeVar("T")

_END: Final = (None, None)


class Ahead(Generic[T]):
    """An iterator of ``items`` (none of them None) that a forked process makes from now on; where they are ``few``,
    where nothing can be forked, or for one core, the caller itself when they are asked for. What is raised there is
    raised here, at its turn; BenchError where the process was killed. A context manager: at its end it is gone."""

    def __init__(self, items: Iterable[T], *, few: bool = False) -> None:
        self._items: Iterator[T] | None = None
        self._pid = 0
        if few or (os.cpu_count() or 1) < 2 or not hasattr(os, "fork"):
            self._items = iter(items)
            return
        receiving, sending = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(receiving)
            _send(items, sending)
        os.close(sending)
        self._received = os.fdopen(receiving, "rb")

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._items is not None:
            return next(self._items)
        try:
            item, error = pickle.load(self._received)
        except EOFError:
            raise BenchError("the process that looked through the file was killed") from None
        if error is not None:
            raise error
        if item is None:
            self._items = iter(())
            raise StopIteration
        return item  # type: ignore[no-any-return]

    def __enter__(self) -> Ahead[T]:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._pid:
            self._received.close()  # it stops writing where nobody reads
            os.waitpid(self._pid, 0)
            self._pid = 0


def _send(items: Iterable[Any], sending: int) -> None:
    """The process's life; it never returns into the caller's code."""
    try:
        try:
            for item in items:
                os.write(sending, pickle.dumps((item, None), pickle.HIGHEST_PROTOCOL))
            last: tuple[object, object] = _END
        except Exception as error:
            last = (None, error)
        os.write(sending, pickle.dumps(last, pickle.HIGHEST_PROTOCOL))
    except BaseException:  # the caller is gone, or wants no more
        os._exit(1)
    os._exit(0)
