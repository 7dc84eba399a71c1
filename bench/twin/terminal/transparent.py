"""Meters of a transparent terminal (透過型): they keep the day's hourly indexes, and call once a day to have them sent.

A transparent terminal stores nothing. What it passes on at a day's call is the meter's own: 01:00..24:00 of the day
before, as public meters keep them (load survey, domain.md 4.3). The meter's clock is ideal, and it goes on counting
whatever its terminal does. A call that the terminal cannot pass on is lost; the meter does not call again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.terminal.flash import jst_midnight
from bench.twin.terminal.meter import Meter
from bench.twin.terminal.standin import Value

BETWEEN_CALLS_NS: Final = 20 * NS_PER_S
"""One meter calls after the other."""
KEPT: Final = 48


class MeterCalls:
    """What the meters do by themselves. ``pass_on(values)`` is their terminal, one call of one meter at a time."""

    def __init__(
        self,
        kernel: Kernel,
        meters: Mapping[str, Meter],
        offset_s: int,
        pass_on: Callable[[tuple[Value, ...]], None],
    ) -> None:
        self._kernel, self._meters, self._pass_on = kernel, dict(meters), pass_on
        self._kept: dict[str, dict[int, int]] = {name: {} for name in meters}
        kernel.at(kernel.now_ns // NS_PER_HOUR * NS_PER_HOUR + NS_PER_HOUR, self._hour)
        first_ns = jst_midnight(kernel.now_ns) + offset_s * NS_PER_S
        kernel.at(first_ns if first_ns > kernel.now_ns else first_ns + NS_PER_DAY, self._day)

    def _hour(self) -> None:
        now_ns = self._kernel.now_ns
        self._kernel.after(NS_PER_HOUR, self._hour)
        for name, meter in self._meters.items():
            kept = self._kept[name]
            kept[now_ns] = meter.told()
            while len(kept) > KEPT:
                del kept[next(iter(kept))]

    def _day(self) -> None:
        self._kernel.after(NS_PER_DAY, self._day)
        midnight_ns = jst_midnight(self._kernel.now_ns)
        for place, name in enumerate(self._meters):
            marks = [mark for mark in self._kept[name] if midnight_ns - NS_PER_DAY < mark <= midnight_ns]
            values = tuple(Value(name, mark, self._kept[name][mark]) for mark in marks)
            self._kernel.after(place * BETWEEN_CALLS_NS, lambda values=values: self._pass_on(values))  # type: ignore[misc]
