"""Checks along a capture: what must come next, what must not come, within a time, in any order.

    walk = Capture("join.pcapng", keys="keys.txt").walk()
    advert = walk.must_next("wisun.uttie.type == 0 and wpan.src64 == 00:0d:6f:ff:fe:03:00:01", within_s=60)
    walk.must_next_in_any_order("icmpv6.rpl.dao", "icmpv6.echo", within_s=30)
    walk.must_not_next("mic == 'bad'")

A walk stands on a frame, at first before all; what is found moves it there. A check that fails is one line that names
frames, filter and what was expected. See docs/guides/sequence.md.

Order is that of the file and time is that of the stamps, and the two differ: in tests/data/captures/star3-br-own.pcapng
frames stand behind others that are stamped up to 1.6 s later. So no frame past a limit ends a look, and no bounded look
beyond it would do; the stamps of all records are known at once and say up to where a look must go.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, Protocol

from bench.air.capture.link import Record
from bench.air.captured import Captured
from bench.air.fields.rows import JSONL_FIELDS, Row
from bench.air.filter.language import Filter, compile_filter
from bench.air.frame.bugs import sound
from bench.errors import InputError

_NS_PER_S: Final = 1_000_000_000


class SequenceError(AssertionError):
    """A capture does not go as it must; one line."""


class Walked(Protocol):
    """What is walked: a capture by its places, from 0 (`sequence.Capture`)."""

    @property
    def name(self) -> str: ...
    @property
    def records(self) -> Sequence[Record]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, place: int, /) -> Captured: ...


class Walk:
    """A position in a capture and checks from there on; made by `Capture.walk`.

    ``at`` is the frame that it stands on, None before the first. Behind it is what comes later in the file. Times count
    from that frame, from the capture's first one where there is none, by the capture's stamps: every frame behind the
    position counts that is stamped at most ``within_s`` seconds later, wherever it stands. All verbs raise `InputError`
    for a filter that is none or a time that is not positive, and `BenchError` where the decoder failed in a frame that
    they look at.
    """

    def __init__(self, capture: Walked, among: str | None = None, stamps: _Stamps | None = None) -> None:
        self._capture = capture
        self._among = None if among is None else _filter(among)
        self._among_text = among
        self._stamps = stamps or _Stamps(capture.records)
        self.at: Captured | None = None

    def among(self, expression: str) -> Walk:
        """A walk from here on that passes over all frames but those that match."""
        both = expression if self._among_text is None else f"({self._among_text}) and ({expression})"
        other = Walk(self._capture, both, self._stamps)
        other.at = self.at
        return other

    def must_next(self, expression: str, *, within_s: float | None = None) -> Captured:
        """The next frame that matches, which must come; with ``within_s`` the next one that is stamped in that time.
        Moves there."""
        wanted = _filter(expression)
        found = self._first(wanted, within_s)
        if found is None:
            late = None if within_s is None else self._first(wanted)
            if late is None:
                raise self._error(f"no frame matches {expression!r}")
            raise self._error(f"no frame{_told(within_s)} matches {expression!r}; {self._name(late)} is the next")
        self.at = found
        return found

    def must_be_next(self, expression: str, *, within_s: float | None = None) -> Captured:
        """The next frame of the file must match, and be stamped in ``within_s`` seconds where that is given (`among`
        says which frames count). Moves there."""
        wanted, limit_ns = _filter(expression), self._limit_ns(within_s)
        found = next(self._rest(), None)
        if found is None:
            raise self._error(f"no frame comes, expected one that matches {expression!r}")
        if not self._holds(wanted, found):
            raise self._error(f"{self._name(found)} comes next, expected one that matches {expression!r}")
        if found.time_ns > limit_ns:
            raise self._error(f"no frame{_told(within_s)} matches {expression!r}; {self._name(found)} is the next")
        self.at = found
        return found

    def must_not_next(self, expression: str, *, within_s: float | None = None) -> None:
        """No frame may match from here on: to the end of the capture, or of those that are stamped in ``within_s``
        seconds, which the capture must then hold. Does not move."""
        found = self._first(_filter(expression), within_s)
        if found is not None:
            raise self._error(f"{self._name(found)} matches {expression!r}, which must not come{_told(within_s)}")
        if within_s is not None and not self._holds_out(within_s):
            raise self._error(
                f"the capture ends after {self._held_s():.3f} s: it cannot show that nothing matches {expression!r}"
                f"{_told(within_s)}"
            )

    def must_next_in_any_order(self, *expressions: str, within_s: float | None = None) -> list[Captured]:
        """The next frames that match, one a filter, in whatever order they come and the filters are given. A frame
        counts for one filter: for the first that it fits, or for another one where the rest needs that. Given in the
        order of the filters; moves to the last one that came."""
        filters = [_filter(expression) for expression in expressions]
        found: dict[int, Captured] = {}
        fits: dict[int, list[int]] = {}
        for frame in self._rest(within_s):
            if len(found) == len(filters):
                break
            fits[frame.number] = [place for place, wanted in enumerate(filters) if self._holds(wanted, frame)]
            if not _seat(frame, found, fits, set()):
                del fits[frame.number]  # nor does it help later: each filter that it fits has an earlier frame
        if len(found) < len(filters):
            missing = ", ".join(repr(text) for place, text in enumerate(expressions) if place not in found)
            came = ", ".join(f"{expressions[place]!r} is frame {found[place].number}" for place in sorted(found))
            other = f"no other frame{_told(within_s)} matches {missing} ({came})"
            raise self._error(other if came else f"no frame{_told(within_s)} matches {missing}")
        self.at = max(found.values(), key=lambda frame: frame.number, default=self.at)
        return [found[place] for place in range(len(expressions))]

    def _first(self, wanted: Filter, within_s: float | None = None) -> Captured | None:
        return next((frame for frame in self._rest(within_s) if self._holds(wanted, frame)), None)

    def _rest(self, within_s: float | None = None) -> Iterator[Captured]:
        """The frames behind the position that count, in the order of the file; of a time, those that are stamped in
        it. Only these are looked at."""
        for frame in sound(self._from(self._behind(), self._limit_ns(within_s))):
            if self._among is None or self._holds(self._among, frame):
                yield frame

    def _from(self, index: int, limit_ns: float) -> Iterator[Captured]:
        records = self._capture.records
        for place in range(index, self._stamps.end(limit_ns)):
            if records[place].time_ns <= limit_ns:
                yield self._capture[place]

    def _behind(self) -> int:
        """The first place behind the position."""
        return 0 if self.at is None else self._index(self.at) + 1

    def _limit_ns(self, within_s: float | None) -> float:
        """The last stamp that ``within_s`` allows: a whole number, or infinity."""
        if within_s is None or _positive(within_s) == math.inf or not self._capture.records:
            return math.inf
        return self._begin_ns() + round(within_s * _NS_PER_S)

    def _holds_out(self, within_s: float) -> bool:
        """Whether the capture goes on for that long: mostly its last frame tells."""
        limit_ns = self._limit_ns(within_s)
        return any(record.time_ns >= limit_ns for record in reversed(self._capture.records[self._behind() :]))

    def _held_s(self) -> float:
        """How long the capture goes on from the position, by the latest stamp behind it."""
        stamps = [record.time_ns for record in self._capture.records[self._behind() :]]
        return (max(stamps) - self._begin_ns()) / _NS_PER_S if stamps else 0.0

    def _index(self, frame: Captured) -> int:
        """Numbers rise but may leave some out, where a capture holds more than frames."""
        index = min(frame.number, len(self._capture)) - 1
        while self._capture.records[index].number > frame.number:
            index -= 1
        return index

    def _holds(self, wanted: Filter, frame: Captured) -> bool:
        return bool(wanted(Row(frame, frame.record, self._capture.records[0].time_ns)))

    def _begin_ns(self) -> int:
        return self._capture.records[0].time_ns if self.at is None else self.at.time_ns

    def _since_s(self, frame: Captured) -> float:
        return (frame.time_ns - self._begin_ns()) / _NS_PER_S

    def _name(self, frame: Captured) -> str:
        return f"frame {frame.number} ({self._since_s(frame):.3f} s later: {frame.kind} {frame.info})".replace(
            " )", ")"
        )

    def _error(self, what: str) -> SequenceError:
        where = "from the beginning on" if self.at is None else f"after frame {self.at.number}"
        among = "" if self._among_text is None else f" among {self._among_text!r}"
        frames = len(self._capture)
        last = self._capture.records[-1].number if frames else 0
        return SequenceError(f"{self._capture.name}: {where}{among}: {what}; the capture ends with frame {last}")


class _Stamps:
    """Up to where a look must go, for walks along one capture; read from the records once, decoding nothing."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._earliest: list[int] | None = None

    def end(self, limit_ns: float) -> int:
        """The place from which on all frames are stamped later than ``limit_ns``."""
        if limit_ns == math.inf:
            return len(self._records)
        if self._earliest is None:  # by place: the earliest stamp from there on, which rises
            self._earliest = list(accumulate((record.time_ns for record in reversed(self._records)), min))[::-1]
        return bisect_right(self._earliest, limit_ns)


def _seat(frame: Captured, found: dict[int, Captured], fits: dict[int, list[int]], asked: set[int]) -> bool:
    """Find a filter for a frame, where others that have theirs may have to change (an augmenting path; ``asked``: the
    filters that were tried on it). Whoever has a filter keeps one, so the frames that come first are those that count.
    """
    free = [place for place in fits[frame.number] if place not in found]
    for place in (*free[:1], *fits[frame.number]):
        if place in asked:
            continue
        asked.add(place)
        if place not in found or _seat(found[place], found, fits, asked):
            found[place] = frame
            return True
    return False


def _told(within_s: float | None) -> str:
    return "" if within_s is None else f" within {within_s:g} s"


def _filter(expression: str) -> Filter:
    return compile_filter(expression, JSONL_FIELDS)


def _positive(within_s: float) -> float:
    if not within_s > 0:
        raise InputError(f"within_s: {within_s}; expected seconds above 0")
    return within_s
