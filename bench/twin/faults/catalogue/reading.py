"""Faults of reading a meter: another index than the register's at the mark, or at another moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench.records import JST_OFFSET_NS, NS_PER_DAY, NS_PER_HOUR, NS_PER_S
from bench.twin.faults.fault import Fault
from bench.twin.terminal.standin import HistoryAnswer, HistoryRequest, Message, ReadRequest, Value


@attrs.define
class ShiftHour(Fault):
    """One value carries the index of the hour before.

    It is the first meter's, at the ``nth`` hour mark with network or the next at which the register has moved.
    """

    nth: int = 60
    name = "shift-hour"
    turns = ("values-hourly",)
    _meter: str = attrs.field(default="", init=False)
    _marks: int = attrs.field(default=0, init=False)
    _done: bool = attrs.field(default=False, init=False)

    def mark_value(self, value: Value, previous_index: int | None, operational: bool) -> Value:
        self._meter = self._meter or value.meter
        if value.meter != self._meter or not operational or self._done:
            return value
        self._marks += 1
        if self._marks < self.nth or previous_index is None or previous_index == value.index:
            return value
        self._done = True
        return attrs.evolve(value, index=previous_index)


@attrs.define
class SwapHours(Fault):
    """In one upload two neighbouring hours of a meter have each other's index: right values under a wrong hour."""

    nth: int = 5
    name = "swap-hours"
    at = "t3"
    turns = ("values-hourly",)
    _uploads: int = attrs.field(default=0, init=False)

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> Sequence[Value]:
        self._uploads += 1
        if recovery or self._uploads != self.nth or len(values) < 12:
            return values
        one, other = values[8], values[9]
        swapped = (attrs.evolve(one, index=other.index), attrs.evolve(other, index=one.index))
        return (*values[:8], *swapped, *values[10:])


@attrs.define
class OneInFiveHundred(Fault):
    """Every ``every``-th value is one too high."""

    every: int = 500
    name = "one-in-five-hundred"
    turns = ("values-hourly",)
    _values: int = attrs.field(default=0, init=False)

    def mark_value(self, value: Value, previous_index: int | None, operational: bool) -> Value:
        self._values += 1
        return attrs.evolve(value, index=value.index + 1) if self._values % self.every == 0 else value


@attrs.define
class CrossedMeters(Fault):
    """At one mark the second meter's value is the first one's index."""

    nth: int = 70
    name = "crossed-meters"
    turns = ("values-hourly",)
    _last: Value | None = attrs.field(default=None, init=False)
    _marks: int = attrs.field(default=0, init=False)

    def mark_value(self, value: Value, previous_index: int | None, operational: bool) -> Value:
        first, self._last = self._last, value
        if first is None or first.mark_ns != value.mark_ns:
            return value
        self._marks += 1
        return attrs.evolve(value, index=first.index) if self._marks == self.nth else value


@attrs.define
class ZeroAfterBoot(Fault):
    """The first value after it was dark is 0: the register was not read yet."""

    name = "zero-after-boot"
    turns = ("values-hourly",)
    _booted: bool = attrs.field(default=False, init=False)

    def memory_lost(self, dark_s: float) -> Sequence[str]:
        self._booted = True
        return ()

    def mark_value(self, value: Value, previous_index: int | None, operational: bool) -> Value:
        booted, self._booted = self._booted, False
        return attrs.evolve(value, index=0) if booted and previous_index is not None else value


@attrs.define
class ClampsRollover(Fault):
    """A register that fell is not believed: the index before is stored until the register is above it again."""

    name = "clamps-rollover"
    at = "t3"
    turns = ("values-hourly",)
    _highest: dict[str, int] = attrs.field(factory=dict, init=False)

    def mark_value(self, value: Value, previous_index: int | None, operational: bool) -> Value:
        highest = self._highest[value.meter] = max(value.index, self._highest.get(value.meter, 0))
        return attrs.evolve(value, index=highest)


@attrs.define
class CountsStillHours(Fault):
    """An hour in which the register did not move is counted as one."""

    name = "counts-still-hours"
    turns = ("values-hourly",)

    def mark_value(self, value: Value, previous_index: int | None, operational: bool) -> Value:
        return attrs.evolve(value, index=value.index + 1) if value.index == previous_index else value


@attrs.define
class HistoryDiffers(Fault):
    """A history's newest value is another one than the register's."""

    name = "history-differs"
    at = "t3"
    turns = ("values-hourly",)

    def answers_to(self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]) -> Sequence[Message]:
        last = answers[-1]
        if not isinstance(last, HistoryAnswer) or not last.values:
            return answers
        wrong = attrs.evolve(last.values[-1], index=last.values[-1].index + 3)
        return (*answers[:-1], attrs.evolve(last, values=(*last.values[:-1], wrong)))


@attrs.define
class FutureValue(Fault):
    """One upload carries a value of an hour that has not come yet.

    That hour has two values then, and the MDMS is given one of them.
    """

    nth: int = 4
    name = "future-value"
    turns = ("values-hourly",)
    also = ("store-type-server",)
    _uploads: int = attrs.field(default=0, init=False)

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> Sequence[Value]:
        self._uploads += 1
        if recovery or self._uploads != self.nth:
            return values
        return (*values, attrs.evolve(values[-1], mark_ns=values[-1].mark_ns + 2 * NS_PER_DAY))


@attrs.define
class ForeignMeter(Fault):
    """One upload carries a value of a meter that does not hang on the terminal."""

    nth: int = 5
    name = "foreign-meter"
    at = "t3"
    turns = ("values-hourly",)
    _uploads: int = attrs.field(default=0, init=False)

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> Sequence[Value]:
        self._uploads += 1
        if recovery or self._uploads != self.nth:
            return values
        return (*values, attrs.evolve(values[-1], meter="t1.gas"))


@attrs.define
class MeterSlips(Fault):
    """The meter tells its terminal a register that is ``by`` too low, once in a while."""

    by: int = 7
    every: int = 90
    name = "meter-slips"
    at = "t1.gas"
    turns = ("values-hourly",)
    also = ("roundtrip-time",)
    _reads: int = attrs.field(default=0, init=False)

    def meter_read(self, index: int) -> int:
        self._reads += 1
        return max(0, index - self.by) if self._reads % self.every == 0 else index


@attrs.define
class ReadsLate(Fault):
    """Every register is read ``seconds`` after the mark."""

    seconds: float = 90.0
    name = "reads-late"
    turns = ("hour-mark-error",)
    also = ("values-hourly",)  # a step within these seconds is in the wrong hour

    def read_offset_s(self, meter: str, mark_ns: int) -> float:
        return self.seconds


@attrs.define
class ReadsLateAtOneHour(Fault):
    """At one ``hour`` of the day it has other things to do, and reads ``seconds`` after the mark."""

    hour: int = 3
    seconds: float = 70.0
    name = "reads-late-at-one-hour"
    at = "t3"
    turns = ("hour-mark-error",)
    also = ("values-hourly",)

    def read_offset_s(self, meter: str, mark_ns: int) -> float:
        return self.seconds if (mark_ns + JST_OFFSET_NS) % NS_PER_DAY == self.hour * NS_PER_HOUR else 0.0


@attrs.define
class ReadsEarly(Fault):
    """Every register is read ``seconds`` before the mark."""

    seconds: float = 70.0
    name = "reads-early"
    at = "t3"
    turns = ("hour-mark-error",)
    also = ("values-hourly",)

    def read_offset_s(self, meter: str, mark_ns: int) -> float:
        return -self.seconds


@attrs.define
class ReadsBarelyEarly(ReadsEarly):
    """The same by two seconds more than is agreed."""

    seconds: float = 62.0
    name = "reads-barely-early"


@attrs.define
class ClockDrifts(Fault):
    """Its clock gains ``ppm``: in the second week marks are minutes early, and alarms and readings have wrong times."""

    ppm: float = 200.0
    name = "clock-drifts"
    turns = ("hour-mark-error",)
    also = ("values-hourly", "alarm-outage", "alarm-normal", "roundtrip-time", "reading-function")
    _start_ns: int | None = attrs.field(default=None, init=False)

    def clock_offset_s(self, true_ns: int) -> float:
        self._start_ns = true_ns if self._start_ns is None else self._start_ns
        return (true_ns - self._start_ns) / NS_PER_S * self.ppm * 1e-6


@attrs.define
class ClockSlips(Fault):
    """On one day its clock is ``seconds`` ahead, and is set right at the end of the day; readings on request bear its
    time, too."""

    seconds: float = 3600.0
    nth: int = 3
    name = "clock-slips"
    at = "t3"
    turns = ("values-hourly",)
    also = ("hour-mark-error", "upload-daily", "roundtrip-time", "reading-function")
    _start_ns: int | None = attrs.field(default=None, init=False)

    def clock_offset_s(self, true_ns: int) -> float:
        self._start_ns = true_ns if self._start_ns is None else self._start_ns
        hour = (true_ns - self._start_ns) // NS_PER_HOUR
        return self.seconds if 24 * self.nth <= hour < 24 * self.nth + 20 else 0.0


FAULTS: Final[tuple[type[Fault], ...]] = (
    ShiftHour,
    SwapHours,
    OneInFiveHundred,
    CrossedMeters,
    ZeroAfterBoot,
    ClampsRollover,
    CountsStillHours,
    HistoryDiffers,
    FutureValue,
    ForeignMeter,
    MeterSlips,
    ClockSlips,
    ReadsLate,
    ReadsLateAtOneHour,
    ReadsEarly,
    ReadsBarelyEarly,
    ClockDrifts,
)
