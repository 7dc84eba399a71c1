"""Frames in which the decoder itself failed: all are shown, and at the end that is an error of the bench."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from bench.air.frame.frame import Frame
from bench.air.octets import counted
from bench.errors import BenchError

F = TypeVar("F", bound=Frame)


class Bugs:
    """The first of such frames, and how many there are."""

    def __init__(self) -> None:
        self._first = ""
        self._count = 0

    def see(self, frame: Frame) -> None:
        """The next frame."""
        if frame.bug:
            self._first = self._first or f"frame {frame.number}: {frame.bug}"
            self._count += 1

    def watch(self, frames: Iterable[F]) -> Iterator[F]:
        """The frames, each seen."""
        for frame in frames:
            self.see(frame)
            yield frame

    def close(self) -> None:
        """Raises `BenchError` where the decoder failed in any of them."""
        if self._count:
            raise BenchError(
                f"a bug in the decoder, in {counted(self._count, 'frame')} (first {self._first}):"
                " what they say beyond is not known, and the capture is not to blame"
            )


def sound(frames: Iterable[F]) -> Iterator[F]:
    """The frames for who judges by them: raises `BenchError` at the first in which the decoder failed."""
    bugs = Bugs()
    for frame in bugs.watch(frames):
        bugs.close()
        yield frame
