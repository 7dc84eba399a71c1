"""Frame counters that fell back: a node that lost them begins at 0 again under the same key, and whoever heard it
before drops all it sends until the key changes (IEEE 802.15.4-2015, 9.2.4). On the air it just never comes in.

Counters are told by sender and key index. A key that is renewed under the same index would begin anew, too; a network
of four group keys does that at its fifth key.
"""

from __future__ import annotations

from typing import Final

import attrs

from bench.measurands.air.sightings.sighting import Sighting

_FEW: Final = 2
_MANY: Final = 3
_FAR: Final = 8
"""Frames below the largest counter that are no disorder of sniffers: a few far below it, or many."""
_SECURED: Final = ("ok", "no key")


@attrs.frozen(slots=True)
class Fall:
    """A counter that fell: the largest one before, the first one after and its frame (number, start in Unix ns)."""

    before: int
    after: int
    frame: int
    at_ns: int


@attrs.define(slots=True)
class _Counter:
    """One sender's under one key index: the largest so far; since then the last of those below it, how many there were,
    and what they are if they are a fall."""

    largest: int
    low: int = -1
    lower: int = 0
    fall: Fall | None = None


class FallBacks:
    """Takes sightings in order of time. ``last``: the last fall of each sender."""

    def __init__(self) -> None:
        self.last: dict[bytes, Fall] = {}
        self._counters: dict[tuple[bytes, int | None], _Counter] = {}

    def see(self, sighting: Sighting) -> None:
        """The next sighting."""
        src, counter = sighting.src, sighting.counter
        if src is None or counter is None or sighting.mic not in _SECURED:
            return
        known = self._counters.get((src, sighting.key_index))
        if known is None or counter > known.largest:
            self._counters[src, sighting.key_index] = _Counter(counter)
        elif known.low < counter < known.largest:
            fall = known.fall or Fall(known.largest, counter, sighting.number, sighting.start_ns)
            known.low, known.lower, known.fall = counter, known.lower + 1, fall
            if known.lower >= (_FEW if fall.before - fall.after >= _FAR else _MANY):
                self.last[src] = fall
                self._counters[src, sighting.key_index] = _Counter(counter)
