"""Checks along a capture: what must come next, what must not come, within a time, in any order.

    walk = Capture("join.pcapng", keys="keys.txt").walk()
    advert = walk.must_next("wisun.uttie.type == 0 and wpan.src64 == 00:0d:6f:ff:fe:03:00:01", within_s=60)
    walk.must_next_in_any_order("icmpv6.rpl.dao", "icmpv6.echo", within_s=30)
    walk.must_not_next("mic == 'bad'")

A walk stands on a frame, at first before all; what is found moves it there. A check that fails is one line that names
frames, filter and what was expected. See docs/guides/sequence.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    ``at`` is the frame that it stands on, None before the first. Times count from that frame, from the capture's first
    one where there is none, by the capture's stamps. All verbs raise `InputError` for a filter that is none or a time
    that is not positive, and `BenchError` where the decoder failed in a frame that they look at.
    """

    def __init__(self, capture: Walked, among: str | None = None) -> None:
        self._capture = capture
        self._among = None if among is None else _filter(among)
        self._among_text = among
        self.at: Captured | None = None

    def among(self, expression: str) -> Walk:
        """A walk from here on that passes over all frames but those that match."""
        both = expression if self._among_text is None else f"({self._among_text}) and ({expression})"
        other = Walk(self._capture, both)
        other.at = self.at
        return other

    def must_next(self, expression: str, *, within_s: float | None = None) -> Captured:
        """The next frame that matches, which must come, and ``within_s`` seconds where that is given. Moves there."""
        wanted = _filter(expression)
        found = next((frame for frame in self._rest() if self._holds(wanted, frame)), None)
        if found is None:
            raise self._error(f"no frame matches {expression!r}")
        if within_s is not None and self._since_s(found) > _positive(within_s):
            raise self._error(f"no frame within {within_s:g} s matches {expression!r}; {self._name(found)} is the next")
        self.at = found
        return found

    def must_be_next(self, expression: str, *, within_s: float | None = None) -> Captured:
        """As `must_next`, and no other frame may come before it (`among` says which count)."""
        found = next(self._rest(), None)
        if found is None:
            raise self._error(f"no frame comes, expected one that matches {expression!r}")
        if not self._holds(_filter(expression), found):
            raise self._error(f"{self._name(found)} comes next, expected one that matches {expression!r}")
        return self.must_next(expression, within_s=within_s)

    def must_not_next(self, expression: str, *, within_s: float | None = None) -> None:
        """No frame may match from here on: to the end of the capture, or for ``within_s`` seconds, which the capture
        must then hold. Does not move."""
        wanted = _filter(expression)
        for frame in self._rest():
            if within_s is not None and self._since_s(frame) > _positive(within_s):
                return
            if self._holds(wanted, frame):
                how_long = "" if within_s is None else f" within {within_s:g} s"
                raise self._error(f"{self._name(frame)} matches {expression!r}, which must not come{how_long}")
        if (
            within_s is not None
            and (held := self._since_s(self._capture[-1]) if len(self._capture) else 0.0) < within_s
        ):
            raise self._error(
                f"the capture ends after {held:.3f} s: it cannot show that nothing matches {expression!r}"
                f" within {within_s:g} s"
            )

    def must_next_in_any_order(self, *expressions: str, within_s: float | None = None) -> list[Captured]:
        """The next frames that match, one a filter, in whatever order they come; each frame counts for one filter, the
        first that it fits. Given in the order of the filters; moves to the last one that came."""
        waiting = {place: _filter(expression) for place, expression in enumerate(expressions)}
        found: dict[int, Captured] = {}
        for frame in self._rest():
            if not waiting or (within_s is not None and self._since_s(frame) > _positive(within_s)):
                break
            place = next((place for place, wanted in waiting.items() if self._holds(wanted, frame)), None)
            if place is not None:
                del waiting[place]
                found[place] = frame
        if waiting:
            how_long = "" if within_s is None else f" within {within_s:g} s"
            missing = ", ".join(repr(expressions[place]) for place in waiting)
            came = ", ".join(f"{expressions[place]!r} is frame {frame.number}" for place, frame in found.items())
            raise self._error(f"no frame{how_long} matches {missing}" + (f" ({came})" if came else ""))
        self.at = max(found.values(), key=lambda frame: frame.number, default=self.at)
        return [found[place] for place in range(len(expressions))]

    def _rest(self) -> Iterator[Captured]:
        """The frames behind the position that count."""
        begin = 0 if self.at is None else self._index(self.at) + 1
        for frame in sound(self._from(begin)):
            if self._among is None or self._holds(self._among, frame):
                yield frame

    def _from(self, index: int) -> Iterator[Captured]:
        while index < len(self._capture):
            yield self._capture[index]
            index += 1

    def _index(self, frame: Captured) -> int:
        """Numbers rise but may leave some out, where a capture holds more than frames."""
        index = min(frame.number, len(self._capture)) - 1
        while self._capture.records[index].number > frame.number:
            index -= 1
        return index

    def _holds(self, wanted: Filter, frame: Captured) -> bool:
        return bool(wanted(Row(frame, frame.record, self._capture.records[0].time_ns)))

    def _since_s(self, frame: Captured) -> float:
        begin = self._capture.records[0].time_ns if self.at is None else self.at.time_ns
        return (frame.time_ns - begin) / _NS_PER_S

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


def _filter(expression: str) -> Filter:
    return compile_filter(expression, JSONL_FIELDS)


def _positive(within_s: float) -> float:
    if not within_s > 0:
        raise InputError(f"within_s: {within_s}; expected seconds above 0")
    return within_s
