"""How a connection server stamps what it says: the clock it has, as knobs, for impersonators of good and bad servers.

A laboratory meets servers that stamp whole seconds, run 20 ms or five seconds beside UTC, drift, and are stepped by
their time daemon in the middle of a week. The twin's server has a perfect clock (the default here); a faulty one turns
a knob.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from bench.records import Json

STAMPS: Final = ("t_ns", "now_ns", "accepted_ns")
"""Keys that hold a reading of the server's clock; other times (``mark_ns``, ``occurred_ns``, ``read_ns``) are told."""


@attrs.frozen(slots=True)
class Stamping:
    """A server's clock against true time. All knobs at rest: stamps are true.

    ``offset_ns`` is added, ``drift_ppm`` counts from ``since_ns``, ``step_ns`` is added from ``step_at_ns`` on, and the
    sum is floored to ``resolution_ns``. ``leave_out``: events carry no stamp at all.
    """

    offset_ns: int = 0
    drift_ppm: float = 0.0
    since_ns: int = 0
    step_ns: int = 0
    step_at_ns: int = 0
    resolution_ns: int = 1
    leave_out: bool = False

    def stamp(self, t_ns: int) -> int:
        """What the server's clock reads at true time ``t_ns``."""
        read = t_ns + self.offset_ns + round((t_ns - self.since_ns) * self.drift_ppm * 1e-6)
        read += self.step_ns if t_ns >= self.step_at_ns else 0
        return read // self.resolution_ns * self.resolution_ns

    def applied(self, said: Mapping[str, Json]) -> dict[str, Json]:
        """An event or answer as this server says it: its own stamps read off its own clock, the rest untouched."""
        told = dict(said)
        for key in STAMPS:
            true_ns = told.get(key)
            if isinstance(true_ns, int):
                told[key] = self.stamp(true_ns)
        if self.leave_out:
            told.pop("t_ns", None)
        return told


TRUE_TIME: Final = Stamping()
