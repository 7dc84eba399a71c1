"""What a terminal keeps without supply: registration, hourly values, alarms, and the message that awaits its ack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from bench.records import JST_OFFSET_NS, NS_PER_DAY
from bench.twin.terminal.standin import Alarm, Value

Key = tuple[str, int]
"""Meter and hour mark of a stored value."""


def jst_midnight(t_ns: int) -> int:
    """The last 00:00 JST at or before ``t_ns``."""
    return t_ns - (t_ns + JST_OFFSET_NS) % NS_PER_DAY


def jst_day_of_mark(mark_ns: int) -> int:
    """The 00:00 JST that starts the day to which a mark belongs: 24:00 is the last mark of its day."""
    return jst_midnight(mark_ns - 1)


class Ring:
    """The newest ``size`` hourly values of one meter; the oldest is overwritten, delivered or not."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: dict[int, Value] = {}

    def put(self, value: Value) -> None:
        self._values[value.mark_ns] = value
        if len(self._values) > self._size:
            del self._values[next(iter(self._values))]

    def replace(self, values: Iterable[Value]) -> None:
        """Hold these and no others."""
        self._values = {value.mark_ns: value for value in values}

    def get(self, mark_ns: int) -> Value | None:
        return self._values.get(mark_ns)

    def between(self, from_ns: int, to_ns: int) -> list[Value]:
        """Stored values with marks in ``from_ns..to_ns``, oldest first."""
        return [v for v in self._values.values() if from_ns <= v.mark_ns <= to_ns]

    def __iter__(self) -> Iterator[Value]:
        return iter(self._values.values())


@attrs.define
class PendingUpload:
    """An upload that was sent or is about to be: a repetition has the same sequence number."""

    seq: int
    recovery: bool
    keys: list[Key]
    altered: tuple[Value, ...] = ()
    """What a fault made of the values; empty: it carries what is stored under its keys."""


class Flash:
    """The terminal's flash memory."""

    def __init__(self, meters: tuple[str, ...], ring_size: int) -> None:
        self.installed = False
        self.join_seq = 0
        self.rings = {meter: Ring(ring_size) for meter in meters}
        self.delivered: set[Key] = set()
        self.alarms: dict[int, Alarm] = {}
        self.pending: PendingUpload | None = None
        self._seq = 0

    def next_seq(self) -> int:
        """A number for an alarm or upload."""
        self._seq += 1
        return self._seq

    def store(self, value: Value) -> None:
        self.rings[value.meter].put(value)

    def forget_values(self) -> None:
        """Every stored value is gone."""
        for ring in self.rings.values():
            ring.replace(())
        self.pending = None

    def undelivered(self, up_to_ns: int) -> list[Value]:
        """Stored values never acknowledged, marks up to ``up_to_ns``, in order of mark, then meter."""
        found = [v for r in self.rings.values() for v in r if v.mark_ns <= up_to_ns]
        return sorted(
            (v for v in found if (v.meter, v.mark_ns) not in self.delivered), key=lambda v: (v.mark_ns, v.meter)
        )

    def mark_delivered(self, keys: list[Key]) -> None:
        """The server took these; what left the ring is forgotten."""
        self.delivered.update(keys)
        self.delivered = {(m, t) for m, t in self.delivered if self.rings[m].get(t) is not None}

    def read(self, keys: list[Key]) -> tuple[Value, ...]:
        """The values of ``keys`` that are still stored."""
        found = (self.rings[meter].get(mark) for meter, mark in keys)
        return tuple(v for v in found if v is not None)
