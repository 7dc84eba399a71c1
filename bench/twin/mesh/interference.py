"""Others on the air: sources that know nothing of the mesh and send in bursts on one channel (frequency sharing).

A source is on the air for a share of the time, one burst a period, at a moment of the period that chance picks. Nothing
is planned ahead, so weeks with a source cost no more than the frames that meet it: whether it sends at a moment follows
from the seed and the moment alone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final, Protocol

import attrs

CAPTURE_DB: Final = 10
"""A frame that is so much stronger than what overlaps it survives (capture effect)."""


class OnOneChannel(Protocol):
    """What of a frame a burst can meet."""

    start_ns: int
    end_ns: int
    channel: int


@attrs.frozen(slots=True)
class InterfererPlan:
    """A source of interference. ``share``: of the time, above 0, up to 1; ``hears``: node or sniffer -> level in dBm at
    which it hears the source."""

    name: str
    channel: int
    share: float
    burst_ns: int
    hears: Mapping[str, int]


class Interferer:
    """A source at work; ``seed`` and its name decide when its bursts come."""

    def __init__(self, plan: InterfererPlan, seed: int | str) -> None:
        self.channel, self.hears = plan.channel, plan.hears
        self._burst_ns = plan.burst_ns
        self._period_ns = round(plan.burst_ns / plan.share)
        self._rng, self._seed = random.Random(), f"{seed}/{plan.name}"
        self._last = (-1, 0)

    def sends(self, start_ns: int, end_ns: int) -> bool:
        """Whether a burst falls into that span (its end not included)."""
        periods = range(start_ns // self._period_ns, (end_ns - 1) // self._period_ns + 1)
        return any(begins < end_ns and begins + self._burst_ns > start_ns for begins in map(self._begins, periods))

    def _begins(self, period: int) -> int:
        """When the burst of a period begins. Most questions are about the period of the one before."""
        if self._last[0] != period:
            self._rng.seed(f"{self._seed}/{period}")
            self._last = (period, self._rng.randrange(self._period_ns - self._burst_ns + 1))
        return period * self._period_ns + self._last[1]

    def drowns(self, frame: OnOneChannel, where: str, level_dbm: int) -> bool:
        """Whether it spoils a frame that arrives at a place with that level."""
        here = self.hears.get(where)
        if here is None or frame.channel != self.channel or here <= level_dbm - CAPTURE_DB:
            return False
        return self.sends(frame.start_ns, frame.end_ns)
