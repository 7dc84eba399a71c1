"""Faults of uploads: late, left out (``upload-daily``), doubled (``values-hourly``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from bench.records import JST_OFFSET_NS, NS_PER_DAY, NS_PER_HOUR, NS_PER_S
from bench.twin.faults.fault import Answer, Fault
from bench.twin.terminal.standin import HistoryAnswer, HistoryRequest, Message, ReadRequest, Upload, Value


def jst_day(t_ns: int) -> int:
    """The number of a JST day; the mark 24:00 belongs to the day that it ends."""
    return (t_ns - 1 + JST_OFFSET_NS) // NS_PER_DAY


def jst_hour(mark_ns: int) -> int:
    """1 to 24."""
    return (mark_ns - 1 + JST_OFFSET_NS) % NS_PER_DAY // NS_PER_HOUR + 1


@attrs.define
class Days:
    """Numbers days from the first one seen."""

    _first: int | None = None

    def number(self, t_ns: int) -> int:
        """1 on the first day."""
        day = jst_day(t_ns)
        self._first = day if self._first is None else self._first
        return day - self._first + 1


@attrs.define
class DoubleOnRecovery(Fault):
    """After an outage, one value of the ``nth`` recovery message is in it twice.

    Not of the first: after a long outage that one carries the oldest values, more than 168 marks back.
    """

    nth: int = 2
    name = "double-on-recovery"
    turns = ("values-hourly",)
    _messages: int = attrs.field(default=0, init=False)

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> tuple[Value, ...]:
        self._messages = self._messages + 1 if recovery else 0
        if self._messages != self.nth:
            return values
        at = 3 * len(values) // 4
        return (*values[: at + 1], *values[at:])


@attrs.define
class SkipDay(Fault):
    """One day's upload is not sent; its values go up with the next day's.

    A terminal that the server has not heard of for a day is asked for no gap either.
    """

    nth: int = 4
    name = "skip-day"
    turns = ("upload-daily",)
    also = ("gap-filling",)
    _uploads: int = attrs.field(default=0, init=False)

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> tuple[Value, ...]:
        if recovery:
            return values
        self._uploads += 1
        return () if self._uploads == self.nth else values


@attrs.define
class BarelyLateUpload(Fault):
    """One day's upload comes ``seconds`` after the deadline, 06:00 JST."""

    nth: int = 5
    seconds: float = 2.0
    name = "barely-late-upload"
    at = "t3"
    turns = ("upload-daily",)
    _days: Days = attrs.field(factory=Days, init=False)
    _held: bool = attrs.field(default=False, init=False)

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        if not isinstance(message, Upload) or self._days.number(self.now_ns) != self.nth:
            return message
        due_ns = jst_day(self.now_ns) * NS_PER_DAY - JST_OFFSET_NS + 6 * NS_PER_HOUR + round(self.seconds * NS_PER_S)
        if self.now_ns >= due_ns:
            return message
        first, self._held = not self._held, True
        return [((due_ns - self.now_ns) / NS_PER_S, message)] if first else None


@attrs.define
class LeaveOutMeter(Fault):
    """On one day only one of two meters goes up; the other's day comes with the next upload."""

    nth: int = 3
    name = "leave-out-meter"
    turns = ("upload-daily",)
    _days: Days = attrs.field(factory=Days, init=False)

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> list[Value]:
        if self._days.number(self.now_ns) != self.nth:
            return list(values)
        last = max(value.meter for value in values)
        others = [value for value in values if value.meter != last]
        return others if len(others) < len(values) and others else []


@attrs.define
class LeaveOutHour(Fault):
    """One hour of one meter on one day is never uploaded, though it is stored."""

    nth: int = 4
    hour: int = 13
    name = "leave-out-hour"
    at = "t3"
    turns = ("upload-daily",)
    _days: Days = attrs.field(factory=Days, init=False)

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> list[Value]:
        return [value for value in values if not self._left_out(value)]

    def _left_out(self, value: Value) -> bool:
        day = self._days.number(value.mark_ns)
        return day == self.nth and jst_hour(value.mark_ns) == self.hour and value.meter.endswith("gas")


@attrs.define
class LosesMonthEnd(Fault):
    """The last hour of a month, 24:00 of its last day, is never stored."""

    name = "loses-month-end"
    turns = ("upload-daily",)

    def keep_mark(self, value: Value, operational: bool) -> bool:
        day = datetime.fromtimestamp((value.mark_ns + JST_OFFSET_NS) // NS_PER_S, UTC)
        return (day.day, day.hour) != (1, 0)


@attrs.define
class LateMidnight(Fault):
    """The value of 24:00 comes with the next day's upload only: the server's store lacks it until then."""

    name = "late-midnight"
    turns = ("upload-daily",)
    also = ("storage-server",)

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> list[Value]:
        today = jst_day(self.now_ns)
        return [v for v in values if recovery or jst_hour(v.mark_ns) != 24 or jst_day(v.mark_ns) < today - 1]


@attrs.define
class UploadTwice(Fault):
    """One day's upload is sent again an hour later, as if it were another one."""

    nth: int = 3
    name = "upload-twice"
    turns = ("values-hourly",)
    _seen: list[int] = attrs.field(factory=list, init=False)

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        if not isinstance(message, Upload) or message.recovery or message.seq in self._seen:
            return message
        self._seen.append(message.seq)
        if len(self._seen) != self.nth:
            return message
        return [message, (3600.0, attrs.evolve(message, seq=message.seq + 1_000_000))]


@attrs.define
class HistoryDoublesHour(Fault):
    """In one meter's history the hour at which the answer was cut in two stands in both parts."""

    meter: str = "water"
    name = "history-doubles-hour"
    at = "t1"
    turns = ("values-hourly",)

    def answers_to(self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]) -> Sequence[Message]:
        if len(answers) < 2 or not request.meter.endswith(self.meter):
            return answers
        first, second, *others = answers
        assert isinstance(first, HistoryAnswer)
        assert isinstance(second, HistoryAnswer)
        return (first, attrs.evolve(second, values=(first.values[-1], *second.values)), *others)


@attrs.define
class DoubleTwoDaysLater(Fault):
    """A day after the recovery one of the recovered values goes up once more, with the daily upload."""

    name = "double-two-days-later"
    at = "t3"
    turns = ("values-hourly",)
    _recovered: list[Value] = attrs.field(factory=list, init=False)

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> tuple[Value, ...]:
        if recovery:
            self._recovered += values[-1:]
            return values
        again = (self._recovered.pop(),) if self._recovered and len(values) < 72 else ()
        self._recovered = [] if again else self._recovered
        return (*values, *again)


@attrs.define
class ServerLosesUpload(Fault):
    """The server loses one day's upload of one terminal that it has acknowledged."""

    nth: int = 4
    name = "server-loses-upload"
    at = "server"
    turns = ("upload-daily",)
    also = ("storage-server",)
    _uploads: int = attrs.field(default=0, init=False)

    def server_event(self, event: Mapping[str, Any]) -> Answer[Mapping[str, Any]]:
        if event["kind"] != "upload" or event["terminal"] != "t1":
            return event
        self._uploads += 1
        return None if self._uploads == self.nth else event


@attrs.define
class ConcentratorHoldsUploads(Fault):
    """The head end holds one terminal's uploads of one day for seven hours."""

    nth: int = 5
    name = "concentrator-holds-uploads"
    at = "concentrator"
    turns = ("upload-daily",)
    _days: Days = attrs.field(factory=Days, init=False)

    def message_in(self, message: Message, terminal: str) -> Answer[Message]:
        late = isinstance(message, Upload) and terminal == "t3" and self._days.number(self.now_ns) == self.nth
        return [(7 * 3600.0, message)] if late else message


FAULTS: Final[tuple[type[Fault], ...]] = (
    SkipDay,
    BarelyLateUpload,
    LeaveOutMeter,
    LeaveOutHour,
    LosesMonthEnd,
    LateMidnight,
    ServerLosesUpload,
    ConcentratorHoldsUploads,
    DoubleOnRecovery,
    UploadTwice,
    DoubleTwoDaysLater,
    HistoryDoublesHour,
)
