"""Frame counters in spans that are decoded apart: judged within a span, and against those before where they matter.

What is said of a counter depends on all frames of its sender and key before it (`keys.counters`), which the process
that decodes a span has not seen. It judges as if all of them were lower (`SpanCounters`); a frame locally out of order
is so judged where it stands, for nothing but itself. The collecting process keeps of each sender which counters were
heard (`CaptureCounters`). Only where a span reaches down to these does it go through that sender's counters again, and
only where a verdict comes out other than it was said is the span decoded anew, with what was heard before.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

import attrs

from bench.air.keys.counters import REMEMBERED, SENDERS, Freshness

Whose: TypeAlias = "tuple[bytes, bytes]"
"""A sender's EUI-64 and the key: whom a counter belongs to."""
Known: TypeAlias = "Mapping[Whose, Mapping[int, int]]"
"""What was heard before: the newest counters, at most `REMEMBERED`, each with the offset of its first record."""
Load: TypeAlias = Callable[[int], bytes]
"""The octets, without FCS, of the frame whose record begins at an offset."""

_WORDS: Final = frozenset((Freshness.REPLAY, Freshness.REUSE))


@attrs.define(slots=True, eq=False)
class History:
    """The counters of one sender under one key, in the order they were heard. ``heard``: each, with the offset of the
    first record that had it; ``doubts``: offset, counter and verdict of each frame that did not rise.
    Octets are not kept but read again where two frames are compared, which is seldom; without ``load`` (a stream)
    frames of one counter count as the same.

    The bulk decoder enters a counter above ``newest`` itself, which is what nearly all are."""

    load: Load | None = None
    newest: int = -1
    heard: dict[int, int] = attrs.field(factory=dict)
    doubts: list[tuple[int, int, Freshness]] = attrs.field(factory=list)

    def check(self, counter: int, offset: int) -> Freshness:
        """As `Counters.check`, to the same verdict."""
        if counter > self.newest:
            self.newest = counter
            self.heard[counter] = offset
            return Freshness.FRESH
        found = self._not_rising(counter, offset)
        self.doubts.append((offset, counter, found))
        return found

    def _not_rising(self, counter: int, offset: int) -> Freshness:
        first = self.heard.get(counter)
        if first is None:
            self.heard[counter] = offset
            return Freshness.OLD
        # `Counters` forgets all but the highest counters, `REMEMBERED` of them. Here all of a span are kept, so what it
        # would have forgotten is found by its rank; there is no need to count where numbers are too close for that.
        if self.newest - counter >= REMEMBERED and sum(map(counter.__lt__, self.heard)) >= REMEMBERED:
            return Freshness.OLD
        if self.load is not None and self.load(first) != self.load(offset):
            return Freshness.REUSE
        return Freshness.COPY if counter == self.newest else Freshness.REPLAY

    def recall(self, before: Mapping[int, int], load: Load | None) -> None:
        """Begin again behind the frames of ``before``."""
        self.load, self.newest, self.heard, self.doubts = load, max(before, default=-1), dict(before), []


class Heard(NamedTuple):
    """A `History` on its way between processes: lowest and highest counter; all counters in the order in which they
    were heard first (`array` "I") and the offsets of those frames ("Q")."""

    whose: Whose
    low: int
    high: int
    counters: bytes
    offsets: bytes
    doubts: list[tuple[int, int, Freshness]]


class SpanCounters:
    """Judges the verified frames of one span (`keys.counters.Judge`), as if all before it had lower counters.

    ``offset`` is the frame's that is checked; ``said`` the verdict on it where it was judged already, and is decoded
    once more by the full decoder."""

    def __init__(self) -> None:
        self.offset = 0
        self.said: Freshness | None = None
        self._load: Load | None = None
        self._histories: dict[Whose, History] = {}

    def __len__(self) -> int:
        return len(self._histories)

    def begin(self, known: Known, load: Load | None) -> None:
        """Begin a span, behind what is ``known``; ``load`` reads its frames and those."""
        self._load = load
        for history in self._histories.values():
            history.recall({}, load)
        for whose, before in known.items():
            self.of(*whose).recall(before, load)

    def clear(self) -> None:
        """Forget who sends; histories that were handed out are worth nothing any more."""
        self._histories.clear()

    def of(self, sender: bytes, key: bytes) -> History:
        """The history of a sender under a key."""
        history = self._histories.get((sender, key))
        if history is None:
            history = self._histories[sender, key] = History(self._load)
        return history

    def check(self, sender: bytes, key: bytes, counter: int, psdu: bytes) -> Freshness:
        """As `Counters.check`, of the frame at ``offset``."""
        if self.said is None:
            self.said = self.of(sender, key).check(counter, self.offset)
        return self.said

    def heard(self) -> list[Heard]:
        """What the span's frames were."""
        return [_packed(whose, history) for whose, history in self._histories.items() if history.newest >= 0]


def _packed(whose: Whose, history: History) -> Heard:
    counters = array("I", history.heard)
    offsets = array("Q", history.heard.values())
    low = min(counters) if history.doubts else counters[0]
    return Heard(whose, low, history.newest, counters.tobytes(), offsets.tobytes(), history.doubts)


def _unpacked(counters: bytes, offsets: bytes) -> Iterable[tuple[int, int]]:
    return zip(array("I", counters), array("Q", offsets), strict=True)


class _Past:
    """What was heard of one sender and key: chunks of counters, each above all of the chunk before it.

    Packed, since there may be `SENDERS` of these, and few are ever looked into."""

    __slots__ = ("_chunks", "_count", "newest")

    def __init__(self) -> None:
        self.newest = -1
        self._chunks: list[tuple[bytes, bytes]] = []
        self._count = 0

    def rise(self, newest: int, counters: bytes, offsets: bytes) -> None:
        """More counters, all above ``newest`` as it is."""
        self.newest = newest
        if self._chunks and len(self._chunks[-1][0]) < REMEMBERED * _COUNTER_OCTETS:
            before = self._chunks.pop()
            self._count -= len(before[0]) // _COUNTER_OCTETS
            counters, offsets = before[0] + counters, before[1] + offsets
        self._chunks.append((counters, offsets))
        self._count += len(counters) // _COUNTER_OCTETS
        while self._count - len(self._chunks[0][0]) // _COUNTER_OCTETS >= REMEMBERED:
            self._count -= len(self._chunks.pop(0)[0]) // _COUNTER_OCTETS

    def witnesses(self) -> dict[int, int]:
        """The newest counters, at most `REMEMBERED`, and the offsets of the records that had them first."""
        found = {counter: offset for chunk in self._chunks for counter, offset in _unpacked(*chunk)}
        return {counter: found[counter] for counter in sorted(found)[-REMEMBERED:]}

    def settle(self, history: History) -> None:
        """Keep what ``history`` holds, which goes on from here."""
        newest = sorted(history.heard)[-REMEMBERED:]
        self._chunks, self._count = [], 0
        offsets = array("Q", [history.heard[counter] for counter in newest])
        self.rise(history.newest, array("I", newest).tobytes(), offsets.tobytes())


_COUNTER_OCTETS: Final = array("I").itemsize


class CaptureCounters:
    """Follows the counters of a whole capture, span by span in its order. ``shown``: verdicts that make a difference to
    who asks.

    ``crowded`` once more senders were heard than `Counters` tells apart, and a frame among them was heard again: what
    that forgot by then only a look at frame after frame tells."""

    def __init__(self, shown: Collection[Freshness], load: Load) -> None:
        self.crowded = False
        self._shown, self._load = shown, load
        self._pasts: dict[Whose, _Past] = {}

    def follow(self, span: Iterable[Heard]) -> dict[Whose, dict[int, int]]:
        """The next span; what was heard before of senders of whom a verdict was wrong, empty where all holds."""
        wrong: dict[Whose, dict[int, int]] = {}
        for one in span:
            past = self._pasts.get(one.whose)
            if past is None:
                past = self._pasts[one.whose] = _Past()
            doubts = one.doubts
            if one.low > past.newest:
                past.rise(one.high, one.counters, one.offsets)
            else:
                before, history = past.witnesses(), History()
                history.recall(before, self._load)
                if not self._holds(history, one):
                    wrong[one.whose] = before
                past.settle(history)
                doubts = history.doubts
            if len(self._pasts) > SENDERS and any(found in _WORDS for *_, found in doubts):
                self.crowded = True
        return wrong

    def _holds(self, history: History, one: Heard) -> bool:
        """Whether the span's verdicts are the same behind what ``history`` knows, which takes the frames in."""
        said = {offset: found for offset, _, found in one.doubts}
        frames = {offset: counter for counter, offset in _unpacked(one.counters, one.offsets)}
        frames |= {offset: counter for offset, counter, _ in one.doubts}
        right = True
        for offset in sorted(frames):  # as they were heard
            found, before = history.check(frames[offset], offset), said.get(offset, Freshness.FRESH)
            right = right and (found is before or not {found, before} & set(self._shown))
        return right
