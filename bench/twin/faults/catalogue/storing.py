"""Faults of the terminal's store (``storage-terminal``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench.records import NS_PER_HOUR
from bench.twin.faults.fault import Answer, Fault, Memory
from bench.twin.terminal.standin import Confirm, HistoryAnswer, HistoryRequest, Message, ReadRequest, Value


@attrs.define
class LoseHour(Fault):
    """In an outage, the ``nth`` hour mark in a row without network is not stored, for any meter."""

    nth: int = 40
    outage: int = 1
    name = "lose-hour"
    turns = ("storage-terminal",)
    _isolated: int = attrs.field(default=0, init=False)
    _outages: int = attrs.field(default=0, init=False)
    _last_ns: int = attrs.field(default=0, init=False)

    def keep_mark(self, value: Value, operational: bool) -> bool:
        if operational:
            self._isolated = 0
            return True
        if value.mark_ns != self._last_ns:  # asked once a meter
            self._last_ns = value.mark_ns
            self._isolated += 1
            self._outages += self._isolated == 1
        return self._isolated != self.nth or self._outages != self.outage


@attrs.define
class LoseHourLater(LoseHour):
    """The same in the second outage only."""

    nth: int = 2
    outage: int = 2
    name = "lose-hour-in-second-outage"


@attrs.define
class ShortStore(Fault):
    """It holds ``marks`` hours and overwrites what is older."""

    marks: int = 120
    name = "short-store"
    turns = ("storage-terminal",)

    def stored_values(self, meter: str, values: tuple[Value, ...]) -> Sequence[Value]:
        return values[-self.marks :]


@attrs.define
class BarelyShortStore(Fault):
    """It holds one hour less than seven days, of one meter."""

    marks: int = 167
    name = "barely-short-store"
    at = "t3"
    turns = ("storage-terminal",)

    def stored_values(self, meter: str, values: tuple[Value, ...]) -> Sequence[Value]:
        return values[-self.marks :] if meter.endswith("water") else values


@attrs.define
class StopsStoring(Fault):
    """After ``hours`` without network it stores no more: the oldest are kept, the newest are lost."""

    hours: int = 165
    name = "stops-storing"
    at = "t3"
    turns = ("storage-terminal",)
    _since_ns: int | None = attrs.field(default=None, init=False)

    def keep_mark(self, value: Value, operational: bool) -> bool:
        if operational:
            self._since_ns = None
            return True
        self._since_ns = value.mark_ns if self._since_ns is None else self._since_ns
        return (value.mark_ns - self._since_ns) // NS_PER_HOUR < self.hours


@attrs.define
class ForgetsOnReturn(Fault):
    """Back in the mesh after more than ``hours`` it drops what it stored in the outage."""

    hours: int = 48
    name = "forgets-on-return"
    turns = ("storage-terminal",)
    also = ("gap-filling",)
    _seen_ns: int | None = attrs.field(default=None, init=False)

    def message_in(self, message: Message, terminal: str) -> Answer[Message]:
        before, self._seen_ns = self._seen_ns, self.now_ns
        long = before is not None and self.now_ns - before > self.hours * NS_PER_HOUR
        if isinstance(message, Confirm) and long:
            self.fired("the store is empty")
            self.forget("values")
        return message


@attrs.define
class ForgetsInTheDark(Fault):
    """Without network it keeps in RAM what it stores: dark for more than ``seconds``, it has nothing of it."""

    seconds: float = 0.0
    name = "forgets-in-the-dark"
    turns = ("storage-terminal",)
    _isolated: bool = attrs.field(default=False, init=False)

    def keep_mark(self, value: Value, operational: bool) -> bool:
        self._isolated = not operational
        return True

    def memory_lost(self, dark_s: float) -> Sequence[str]:
        return (Memory.VALUES,) if self._isolated and dark_s > self.seconds else ()


@attrs.define
class ForgetsInLongDark(ForgetsInTheDark):
    """A capacitor keeps its memory for ten minutes."""

    seconds: float = 600.0
    name = "forgets-in-long-dark"
    at = "t3"


@attrs.define
class HistoryLacksPart(Fault):
    """A history's second part is never sent."""

    name = "history-lacks-part"
    at = "t3"
    turns = ("storage-terminal",)

    def answers_to(self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]) -> Sequence[Message]:
        return [one for one in answers if not isinstance(one, HistoryAnswer) or one.part != 2]


@attrs.define
class HistoryGap(Fault):
    """One hour in the middle of the outage is missing in the history, though it goes up afterwards."""

    place: int = 20
    name = "history-gap"
    turns = ("storage-terminal",)

    def answers_to(self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]) -> Sequence[Message]:
        first = answers[0]
        if not isinstance(first, HistoryAnswer) or len(first.values) <= self.place:
            return answers
        values = (*first.values[: self.place], *first.values[self.place + 1 :])
        return (attrs.evolve(first, values=values), *answers[1:])


FAULTS: Final[tuple[type[Fault], ...]] = (
    LoseHour,
    LoseHourLater,
    ShortStore,
    BarelyShortStore,
    StopsStoring,
    ForgetsOnReturn,
    ForgetsInTheDark,
    ForgetsInLongDark,
    HistoryLacksPart,
    HistoryGap,
)
