"""What the connection server keeps: hourly values by meter, for a number of days after they arrived.

Where the parties agreed on it, the operator's own MDMS keeps them in its place (guideline 1-4, ※): ``stored_at`` says
so with each answer. The index that arrived first stands; a repetition changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from bench.records import NS_PER_DAY


@attrs.frozen(slots=True)
class Kept:
    """One hourly value and when it arrived."""

    mark_ns: int
    index: int
    arrived_ns: int


class Store:
    """Values of every meter; ``keep_days`` after its arrival one is gone."""

    def __init__(self, now_ns: Callable[[], int], keep_days: int, stored_at: str) -> None:
        self._now_ns, self._keep_ns = now_ns, keep_days * NS_PER_DAY
        self._values: dict[str, dict[int, Kept]] = {}
        self.stored_at = stored_at
        self.first_ns: dict[str, int] = {}
        """The oldest mark that ever arrived, by meter: before it nothing is missed."""

    def take(self, meter: str, mark_ns: int, index: int) -> bool:
        """Keep a value; whether it was new."""
        self.first_ns[meter] = min(mark_ns, self.first_ns.get(meter, mark_ns))
        values = self._values.setdefault(meter, {})
        if mark_ns in values:
            return False
        values[mark_ns] = Kept(mark_ns, index, self._now_ns())
        return True

    def between(self, meter: str, from_ns: int, to_ns: int) -> list[Kept]:
        """What is kept of a meter with marks in ``from_ns..to_ns``, oldest first."""
        self._forget_old(meter)
        found = [kept for mark, kept in self._values.get(meter, {}).items() if from_ns <= mark <= to_ns]
        return sorted(found, key=lambda kept: kept.mark_ns)

    def remove(self, meter: str, from_ns: int, to_ns: int) -> int:
        """Forget values; how many there were."""
        gone = self.between(meter, from_ns, to_ns)
        for kept in gone:
            del self._values[meter][kept.mark_ns]
        return len(gone)

    def _forget_old(self, meter: str) -> None:
        oldest_ns = self._now_ns() - self._keep_ns
        values = self._values.get(meter, {})
        for mark in [mark for mark, kept in values.items() if kept.arrived_ns < oldest_ns]:
            del values[mark]
