"""Numbers that senders count up (frame counters, sequence numbers): which of them a capture holds, and which it missed.

Numbers come nearly in order, so those that no later one can come before are counted at once and forgotten: a sender
costs the same however long it is heard. What a gap means is told in `coverage`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from typing import Final

import attrs

from bench.records import NS_PER_S

BURST: Final = 200
PER_SECOND: Final = 50
"""A counter further ahead than this many frames at once and per second of silence was set anew, not counted up: a node
that keeps to a duty cycle of 10 % sends fewer."""
AFRESH: Final = 16
"""After a node solicited, so much ahead is enough: it started again behind the block of counters it had reserved."""
LATE: Final = 16
"""Numbers may come so far out of order: a node takes the number when it queues a frame, and repeats others before."""
_WAITING: Final = 4 * LATE


@attrs.define(slots=True)
class Tally:
    """What is counted of a sender. ``parts``: by interval of time, of ``width`` ns since ``begin``, how many numbers
    were captured and how many there were between the ends of their runs; ``captured`` and ``missed`` in all."""

    begin: int
    width: int
    parts: dict[int, list[int]] = attrs.field(factory=lambda: defaultdict(lambda: [0, 0]))
    captured: int = 0
    missed: int = 0

    def catch(self, t_ns: int) -> None:
        """A captured number between the ends."""
        part = self.parts[(t_ns - self.begin) // self.width]
        part[0] += 1
        part[1] += 1

    def miss(self, count: int, low_ns: int, high_ns: int) -> None:
        """Numbers that were missed between two moments."""
        for at, some in _spread(count, low_ns - self.begin, high_ns - self.begin, self.width):
            self.parts[at][1] += some
            self.missed += some


class _Row:
    """Numbers of one run, one by one as they rise, to be counted in a tally. The ends of the run are no trials."""

    __slots__ = ("_last", "_tally", "_trial")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._last: tuple[int, int] | None = None
        self._trial = False

    def put(self, value: int, t_ns: int) -> None:
        """The next higher number that was captured."""
        self._tally.captured += 1
        if self._last is not None:
            below, below_ns = self._last
            if self._trial:
                self._tally.catch(below_ns)
            self._trial = True
            self._tally.miss(value - below - 1, below_ns, t_ns)
        self._last = value, t_ns


@attrs.define(slots=True)
class _Run:
    """Numbers that were counted up without a break. ``top``: the highest so far; ``waiting``: those captured, with
    their times, that may not be all yet."""

    top: int
    top_ns: int
    waiting: dict[int, int]

    def take(self, value: int, t_ns: int) -> None:
        """The next number captured."""
        self.waiting.setdefault(value, t_ns)
        if value > self.top:
            self.top, self.top_ns = value, t_ns

    @property
    def full(self) -> bool:
        """Whether some are to be settled."""
        return len(self.waiting) > _WAITING

    def settled(self, is_over: bool = False) -> Iterator[tuple[int, int]]:
        """The numbers, rising, that none can come before any more; all, where the run ``is_over``."""
        sure = sorted(value for value in self.waiting if is_over or value < self.top - LATE)
        return ((value, self.waiting.pop(value)) for value in sure)


class Keys:
    """Frame counters of one sender, a run for each key at a time."""

    def __init__(self, begin: int, width: int) -> None:
        self.restarts = 0
        self.told = False
        self._tally = Tally(begin, width)
        self._runs: dict[int | None, tuple[_Run, _Row]] = {}

    def take(self, key_index: int | None, value: int, t_ns: int, solicited: bool) -> None:
        """The next counter captured; ``solicited``: since the one before, its sender looked for a PAN."""
        found = self._runs.get(key_index)
        if found is not None:
            run, row = found
            ahead = AFRESH if solicited else _plausible(t_ns - run.top_ns)
            if -LATE <= value - run.top <= ahead:
                run.take(value, t_ns)
                self.told = self.told or len(run.waiting) > 1
                if run.full:
                    _settle(run, row)
                return
            _settle(run, row, is_over=True)
            self.restarts += 1
        self._runs[key_index] = _Run(value, t_ns, {value: t_ns}), _Row(self._tally)

    @property
    def tally(self) -> Tally:
        """What was counted; no more are taken then."""
        for run, row in self._runs.values():
            _settle(run, row, is_over=True)
        return self._tally


def _settle(run: _Run, row: _Row, is_over: bool = False) -> None:
    for value, t_ns in run.settled(is_over):
        row.put(value, t_ns)


class Numbers:
    """Sequence numbers of one sender, of 256. ``doubtful``: gaps of more than half of them.

    Some stacks never use the number 0: where every step over it lacks just that one, it was not missed. That shows at
    the end only, so both ways are counted.
    """

    def __init__(self, begin: int, width: int) -> None:
        self.doubtful = 0
        self._run: _Run | None = None
        self._plain, self._without_zero = Tally(begin, width), Tally(begin, width)
        self._rows = _Row(self._plain), _Row(self._without_zero)
        self._before: int | None = None
        self._stepped = False
        self._lacks_zero = True

    def take(self, value: int, t_ns: int) -> None:
        """The next number captured."""
        run = self._run
        if run is None:
            self._run = _Run(value, t_ns, {value: t_ns})
            return
        step = (value - run.top + LATE) % 256 - LATE
        self.doubtful += step > 128
        run.take(run.top + step, t_ns)
        if run.full:
            self._settle(run)

    def _settle(self, run: _Run, is_over: bool = False) -> None:
        plain, without_zero = self._rows
        for value, t_ns in run.settled(is_over):
            plain.put(value, t_ns)
            without_zero.put(value - (value >> 8), t_ns)
            if self._before is not None and self._before & 0xFF == 0xFF:
                self._stepped = True
                self._lacks_zero = self._lacks_zero and value == self._before + 2
            self._before = value

    @property
    def tally(self) -> Tally:
        """What was counted; no more are taken then."""
        if self._run is not None:
            self._settle(self._run, is_over=True)
        return self._without_zero if self._stepped and self._lacks_zero else self._plain


def _plausible(elapsed_ns: int) -> int:
    return BURST + max(0, elapsed_ns) * PER_SECOND // NS_PER_S


def _spread(missed: int, low_ns: int, high_ns: int, width: int) -> Iterator[tuple[int, int]]:
    """``missed`` moments evenly between two, counted by interval."""
    before = 0
    elapsed = max(1, high_ns - low_ns)
    for at in count(low_ns // width):
        # the i-th moment (1 ... missed) is low + elapsed * i / (missed + 1); those before the interval's end count
        until = min(missed, -((low_ns - (at + 1) * width) * (missed + 1) // elapsed) - 1)
        if until > before:
            yield at, until - before
        if until == missed:
            return
        before = until
