"""Frame counters that fell back: a node that lost them begins at 0 again under the same key, and whoever heard it
before drops all it sends until the key changes (IEEE 802.15.4-2015, 9.2.4). On the air it just never comes in.

Counters belong to sender and key, as in `bench.air.keys.counters`: under a new key of the same index they begin at 0 by
right, as after a restart of the border router. Where a frame was not opened only its key index is known, and who else
is heard under that tells:

* all others begin anew there too, within `RENEWAL_NS`: it is a new key, and no fall;
* somebody goes on counting, and nobody begins anew: it is a fall;
* neither, or both (a neighbour's network may use the same index): nobody can say, and the fall is doubtful.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import attrs

from bench.measurands.air.sightings.sighting import Sighting
from bench.records import NS_PER_HOUR

_FEW: Final = 2
_MANY: Final = 3
_FAR: Final = 8
"""Frames below the largest counter that are no disorder of sniffers: a few far below it, or many."""
_SECURED: Final = ("ok", "no key")
RENEWAL_NS: Final = NS_PER_HOUR
"""Within this a mesh has come back under a new key. A choice of ours: FAN bounds it nowhere."""
_UNREAD: Final = -1

_Key: TypeAlias = "tuple[int | None, int | None]"
"""Key index, and which of its keys (`Sighting.key`); `_UNREAD` where that is not known."""


@attrs.frozen(slots=True)
class Fall:
    """A counter that fell: the largest one before, the first one after and its frame (number, start in Unix ns).
    ``doubtful``: the key is not known, and may have been renewed."""

    before: int
    after: int
    frame: int
    at_ns: int
    doubtful: bool = False

    @property
    def words(self) -> str:
        """What it means, for people."""
        fell = f"its frame counter fell back from {self.before} to {self.after} (frame {self.frame})"
        if self.doubtful:
            return f"{fell}, or its key was renewed, which does not show without the key: in doubt"
        return f"{fell}: who heard it before drops its frames until the key changes"


@attrs.define(slots=True)
class _Run:
    """One sender's counters under one key while they rise: since when, when they rose last, the largest so far. Since
    then the last of those below it, how many of them rose one after the other, and what they are if they are a fall."""

    largest: int
    since_ns: int
    rose_ns: int
    low: int = -1
    lower: int = 0
    fall: Fall | None = None


class FallBacks:
    """Takes sightings in order of time."""

    def __init__(self) -> None:
        self._runs: dict[tuple[bytes, int | None, int | None], _Run] = {}
        self._over: list[tuple[bytes, _Key, _Run, Fall]] = []

    def see(self, sighting: Sighting) -> None:
        """The next sighting."""
        src, counter = sighting.src, sighting.counter
        if src is None or counter is None or sighting.mic not in _SECURED:
            return
        whose = src, sighting.key_index, sighting.key if sighting.mic == "ok" else _UNREAD
        run = self._runs.get(whose)
        if run is None:
            self._runs[whose] = _Run(counter, sighting.start_ns, sighting.start_ns)
        elif counter > run.largest:
            run.largest, run.rose_ns = counter, sighting.start_ns
            run.low, run.lower, run.fall = -1, 0, None
        elif counter < run.largest and counter != run.low:
            self._lower(whose, run, sighting, counter)

    def _lower(self, whose: tuple[bytes, int | None, int | None], run: _Run, sighting: Sighting, counter: int) -> None:
        """A counter below the largest one. One below those that were below it shows that they were late, and begins
        what may be a fall itself."""
        if run.fall is None or counter < run.low:
            run.fall, run.lower = Fall(run.largest, counter, sighting.number, sighting.start_ns), 0
        run.low, run.lower = counter, run.lower + 1
        fall = run.fall
        if run.lower >= (_FEW if fall.before - fall.after >= _FAR else _MANY):
            self._over.append((whose[0], whose[1:], run, fall))
            self._runs[whose] = _Run(counter, fall.at_ns, sighting.start_ns)

    def last(self) -> dict[bytes, Fall]:
        """The last fall of each sender, as all that was seen tells. Renewals of keys are left out."""
        heard: dict[_Key, dict[bytes, list[_Run]]] = defaultdict(lambda: defaultdict(list))
        if any(key[1] == _UNREAD for _, key, *_ in self._over):
            for src, key, run, _ in self._over:
                heard[key][src].append(run)
            for (src, *its), run in self._runs.items():
                heard[its[0], its[1]][src].append(run)
        found: dict[bytes, Fall] = {}
        for src, key, _, fall in sorted(self._over, key=lambda one: one[3].at_ns):
            if key[1] != _UNREAD:
                found[src] = fall
                continue
            renewed = _renewed([runs for other, runs in heard[key].items() if other != src], fall.at_ns)
            if not renewed:
                found[src] = attrs.evolve(fall, doubtful=renewed is None)
        return found


def _renewed(others: Iterable[Sequence[_Run]], at_ns: int) -> bool | None:
    """Whether a key was renewed when a counter fell, by the runs of all others under its index; None where they do not
    tell."""
    began = went_on = False
    for runs in others:
        if runs[0].since_ns >= at_ns:
            continue  # was not heard before
        if any(abs(run.since_ns - at_ns) <= RENEWAL_NS for run in runs[1:]):
            began = True
        elif any(run.since_ns < at_ns < run.rose_ns for run in runs):
            went_on = True
    return None if began is went_on else began
