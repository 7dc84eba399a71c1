"""Send-time limits of ARIB STD-T108 (domain.md 5.1): how long, how soon again, how much within an hour."""

from __future__ import annotations

from collections import deque
from typing import Final

from bench.records import NS_PER_HOUR, NS_PER_S

MS: Final = 1_000_000
HOUR_NS: Final = 360 * NS_PER_S
"""At most this on the air within any hour."""
LONGEST_NS: Final = 4 * NS_PER_S
SHORT_NS: Final = 400 * MS
PAUSE_NS: Final = 2 * MS
LONG_PAUSE_NS: Final = 50 * MS


class SendTime:
    """What one radio sent within the last hour, and when it may send again."""

    def __init__(self, hour_ns: int = HOUR_NS) -> None:
        self._hour_ns = hour_ns
        self._sent: deque[tuple[int, int]] = deque()
        self._sum_ns = 0
        self._free_ns = 0

    def ready_ns(self, now_ns: int, air_ns: int) -> int:
        """The first instant from now on at which ``air_ns`` may go on the air. ValueError for more than 4 s."""
        if air_ns > LONGEST_NS:
            raise ValueError(f"{air_ns / NS_PER_S:g} s in one sending; ARIB STD-T108 allows 4 s")
        at_ns = max(now_ns, self._free_ns)
        self._forget(at_ns)
        over_ns = self._sum_ns + air_ns - self._hour_ns
        for start_ns, length_ns in self._sent:
            if over_ns <= 0:
                break
            over_ns -= length_ns
            at_ns = max(at_ns, start_ns + NS_PER_HOUR)
        return at_ns

    def sent(self, start_ns: int, air_ns: int) -> None:
        """Something went on the air."""
        self._sent.append((start_ns, air_ns))
        self._sum_ns += air_ns
        pause_ns = PAUSE_NS if air_ns <= SHORT_NS else LONG_PAUSE_NS
        self._free_ns = max(self._free_ns, start_ns + air_ns + pause_ns)

    def _forget(self, now_ns: int) -> None:
        while self._sent and self._sent[0][0] <= now_ns - NS_PER_HOUR:
            self._sum_ns -= self._sent.popleft()[1]
