"""Faults of the connection server towards the utilities: push, pull, store, gap filling, and the operator's gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from bench.records import NS_PER_HOUR, NS_PER_S
from bench.twin.faults.fault import Answer, Fault
from bench.twin.terminal.standin import Value


@attrs.define
class LostAnswer(Fault):
    """Every ``nth`` answer to a reading never comes to the MDMS."""

    nth: int = 3
    name = "lost-mdms-answer"
    at = "server"
    turns = ("reading-function",)
    also = ("security-cut-off",)
    _seen: int = attrs.field(default=0, init=False)

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        """A cut-off's probes are readings, too."""
        if message["kind"] != "answer" or message.get("op") != "read":
            return message
        self._seen += 1
        return None if self._seen % self.nth == 0 else message


@attrs.define
class CachedAnswer(Fault):
    """A reading asked for within ``seconds`` of the last one of its meter is answered from memory."""

    seconds: float = 240.0
    name = "cached-mdms-answer"
    at = "server"
    turns = ("reading-function",)
    _last: dict[str, tuple[int, Any]] = attrs.field(factory=dict, init=False)

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        if message["kind"] != "answer" or message.get("op") != "read":
            return message
        meter = str(message["meter"])
        since_ns, index = self._last.get(meter, (-1, None))
        if index is not None and self.now_ns - since_ns < self.seconds * NS_PER_S:
            return {**message, "index": index}
        self._last[meter] = (self.now_ns, message["index"])
        return message


@attrs.define
class AnswersFromHours(Fault):
    """A reading is answered with the newest hourly value that the server has of the meter, where it has one."""

    name = "answers-from-hours"
    at = "server"
    turns = ("reading-function",)
    _newest: dict[str, int] = attrs.field(factory=dict, init=False)

    def keep_at_server(self, value: Value) -> bool:
        self._newest[value.meter] = value.index
        return True

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        index = self._newest.get(str(message.get("meter")))
        read = message["kind"] == "answer" and message.get("op") == "read"
        return {**message, "index": index} if read and index is not None else message


def _is_old(message: Mapping[str, Any], now_ns: int, hours: float) -> bool:
    """Whether a message is an alarm that occurred so long ago."""
    return message["kind"] == "alarm" and now_ns - int(message["occurred_ns"]) > hours * NS_PER_HOUR


@attrs.define
class DropsStaleAlarm(Fault):
    """An alarm that occurred more than ``hours`` ago is thought to be stale, and no MDMS gets it."""

    hours: float = 1.0
    name = "drops-stale-alarm"
    at = "server"
    turns = ("alarm-mdms",)

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        return None if _is_old(message, self.now_ns, self.hours) else message


@attrs.define
class RestampsPushedAlarm(Fault):
    """An alarm that occurred more than ``hours`` ago is pushed with the time of its push."""

    hours: float = 1.0
    name = "restamps-pushed-alarm"
    at = "server"
    turns = ("alarm-mdms",)

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        old = _is_old(message, self.now_ns, self.hours)
        return {**message, "occurred_ns": self.now_ns} if old else message


@attrs.define
class PushLosesHour(Fault):
    """The ``nth`` message of readings is pushed without its last hour; a pull has it."""

    nth: int = 3
    name = "push-loses-hour"
    at = "server"
    turns = ("store-type-server",)
    _seen: int = attrs.field(default=0, init=False)

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        if message["kind"] != "readings":
            return message
        self._seen += 1
        if self._seen != self.nth:
            return message
        first, *others = message["meters"]
        return {**message, "meters": [{**first, "values": first["values"][:-1]}, *others]}


@attrs.define
class PullShifts(Fault):
    """A short pull gives one hour with the index of the hour before."""

    hours: int = 120
    name = "pull-shifts-hour"
    at = "server"
    turns = ("store-type-server",)

    def pulled_values(self, meter: str, values: tuple[Value, ...]) -> Sequence[Value]:
        if not 1 < len(values) <= self.hours:
            return values
        return (*values[:-1], attrs.evolve(values[-1], index=values[-2].index))


def _doubled(values: Sequence[Value], at: int, more: int) -> Sequence[Value]:
    """The same with one hour twice, the first time ``more`` higher."""
    hour = values[at]
    return (*values[:at], attrs.evolve(hour, index=hour.index + more), *values[at:])


@attrs.define
class PullDoublesHour(Fault):
    """A short pull gives one hour twice, where two days are put together."""

    hours: int = 120
    more: int = 0
    name = "pull-doubles-hour"
    at = "server"
    turns = ("store-type-server",)

    def pulled_values(self, meter: str, values: tuple[Value, ...]) -> Sequence[Value]:
        return _doubled(values, 23, self.more) if 24 < len(values) <= self.hours else values


@attrs.define
class PullAddsOtherHour(PullDoublesHour):
    """The same with another index before the right one: whoever takes the last has the right one."""

    more: int = 7
    name = "pull-adds-other-hour"


@attrs.define
class PushDoublesHour(Fault):
    """The ``nth`` message of readings is pushed with its first hour twice."""

    nth: int = 3
    name = "push-doubles-hour"
    at = "server"
    turns = ("store-type-server",)
    _seen: int = attrs.field(default=0, init=False)

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        if message["kind"] != "readings":
            return message
        self._seen += 1
        if self._seen != self.nth:
            return message
        first, *others = message["meters"]
        return {**message, "meters": [{**first, "values": [first["values"][0], *first["values"]]}, *others]}


@attrs.define
class LongPullDoublesHour(Fault):
    """A pull of more than ``hours`` hours has the one twice at which the answer was cut in two."""

    hours: int = 150
    name = "long-pull-doubles-hour"
    at = "server"
    turns = ("storage-server",)

    def pulled_values(self, meter: str, values: tuple[Value, ...]) -> Sequence[Value]:
        return _doubled(values, self.hours, 0) if len(values) > self.hours else values


@attrs.define
class MisdatedPush(Fault):
    """A reading is pushed with the right index, and the time of its push by another clock."""

    seconds: float = -7200.0
    name = "misdated-push"
    at = "server"
    turns = ("reading-function",)

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        if message["kind"] != "answer" or message.get("op") != "read":
            return message
        return {**message, "read_ns": self.now_ns + round(self.seconds * NS_PER_S)}


@attrs.define
class SecondAnswer(Fault):
    """A reading is answered right, and some seconds later once more, with the index of the one before.

    Where a cut-off began meanwhile, the second one passes it.
    """

    name = "second-mdms-answer"
    at = "server"
    turns = ("reading-function",)
    also = ("security-cut-off",)
    _last: dict[str, Any] = attrs.field(factory=dict, init=False)

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        if message["kind"] != "answer" or message.get("op") != "read":
            return message
        meter = str(message["meter"])
        before, self._last[meter] = self._last.get(meter), message["index"]
        return message if before is None else [message, (3.0, {**message, "index": before})]


@attrs.define
class KeepsSixDays(Fault):
    """The server gives the newest ``hours`` hours of a meter only."""

    hours: int = 144
    name = "keeps-six-days"
    at = "server"
    turns = ("storage-server",)

    def pulled_values(self, meter: str, values: tuple[Value, ...]) -> Sequence[Value]:
        return values[-self.hours :]


@attrs.define
class LongPullLosesHour(Fault):
    """A pull of more than ``hours`` hours comes without the one at which the answer was cut in two."""

    hours: int = 150
    name = "long-pull-loses-hour"
    at = "server"
    turns = ("storage-server",)

    def pulled_values(self, meter: str, values: tuple[Value, ...]) -> Sequence[Value]:
        return values if len(values) <= self.hours else (*values[: self.hours], *values[self.hours + 1 :])


@attrs.define
class NoGapFilling(Fault):
    """No gap is ever filled."""

    name = "no-gap-filling"
    at = "server"
    turns = ("gap-filling",)

    def gap_hours(self, meter: str, missing: tuple[int, ...]) -> Sequence[int]:
        return ()


@attrs.define
class GapButOne(Fault):
    """Of each gap the newest hour stays open: the end of the span is not asked for."""

    name = "gap-but-one"
    at = "server"
    turns = ("gap-filling",)

    def gap_hours(self, meter: str, missing: tuple[int, ...]) -> Sequence[int]:
        return missing[:-1]


@attrs.define
class LeakyCutOff(Fault):
    """A terminal that is cut off still gets its alarms through."""

    name = "leaky-cut-off"
    at = "server"
    turns = ("security-cut-off",)

    def gate_holds(self, holds: bool, terminal: str, message: str, utility: str) -> bool:
        return holds and message != "alarm"


@attrs.define
class CutOffPassesUploads(Fault):
    """A cut-off holds alarms and what is asked for; the day's upload passes."""

    name = "cut-off-passes-uploads"
    at = "server"
    turns = ("security-cut-off",)

    def gate_holds(self, holds: bool, terminal: str, message: str, utility: str) -> bool:
        return holds and message != "upload"


@attrs.define
class CutOffPasses(Fault):
    """A cut-off lets one ``kind`` of message through, and holds all else."""

    kind: str = "history"
    name = "cut-off-passes-history"
    at = "server"
    turns = ("security-cut-off",)

    def gate_holds(self, holds: bool, terminal: str, message: str, utility: str) -> bool:
        return holds and message != self.kind


@attrs.define
class CutOffPassesCommands(CutOffPasses):
    """The same of commands to a valve."""

    kind: str = "control"
    name = "cut-off-passes-commands"


@attrs.define
class CutOffMeetsUtilitiesOnly(Fault):
    """What is cut off between server and terminal is held from the MDMS alone: the operator still asks the terminal."""

    name = "cut-off-meets-utilities-only"
    at = "server"
    turns = ("security-cut-off",)

    def gate_holds(self, holds: bool, terminal: str, message: str, utility: str) -> bool:
        return holds and bool(utility)


@attrs.define
class CutOffUtilityPulls(Fault):
    """A utility that is cut off still pulls what the server has."""

    name = "cut-off-utility-pulls"
    at = "server"
    turns = ("security-cut-off",)

    def gate_holds(self, holds: bool, terminal: str, message: str, utility: str) -> bool:
        return holds and not (utility and message == "upload")


@attrs.define
class CutOffForgotForOne(Fault):
    """Uploads of one ``terminal`` pass whatever is cut off."""

    terminal: str = "t3"
    name = "cut-off-forgot-for-one"
    at = "server"
    turns = ("security-cut-off",)

    def gate_holds(self, holds: bool, terminal: str, message: str, utility: str) -> bool:
        return holds and not (message == "upload" and terminal == self.terminal and not utility)


@attrs.define
class CutsNeighbour(Fault):
    """For ``seconds`` after it held something from one utility's MDMS, readings of the others are held as well."""

    seconds: float = 120.0
    name = "cut-off-touches-neighbour"
    at = "server"
    turns = ("security-cut-off",)
    _held: dict[str, int] = attrs.field(factory=dict, init=False)

    def gate_holds(self, holds: bool, terminal: str, message: str, utility: str) -> bool:
        if not utility:
            return holds
        if holds:
            self._held[utility] = self.now_ns
            return True
        recent = (t for other, t in self._held.items() if other != utility)
        return message == "read" and any(self.now_ns - t_ns < self.seconds * NS_PER_S for t_ns in recent)


@attrs.define
class LateReconnection(Fault):
    """What was held stays held for ``seconds`` after its reconnection."""

    seconds: float = 7200.0
    name = "late-reconnection"
    at = "server"
    turns = ("security-cut-off",)
    _held: dict[tuple[str, str, str], int] = attrs.field(factory=dict, init=False)

    def gate_holds(self, holds: bool, terminal: str, message: str, utility: str) -> bool:
        key = (terminal, message, utility)
        if holds:
            self._held[key] = self.now_ns
        since_ns = self._held.get(key)
        return since_ns is not None and self.now_ns - since_ns < self.seconds * NS_PER_S


FAULTS: Final[tuple[type[Fault], ...]] = (
    LostAnswer,
    AnswersFromHours,
    DropsStaleAlarm,
    RestampsPushedAlarm,
    CachedAnswer,
    PushLosesHour,
    PullShifts,
    PullDoublesHour,
    PullAddsOtherHour,
    PushDoublesHour,
    MisdatedPush,
    SecondAnswer,
    KeepsSixDays,
    LongPullLosesHour,
    LongPullDoublesHour,
    NoGapFilling,
    GapButOne,
    LeakyCutOff,
    CutOffPassesUploads,
    CutOffPasses,
    CutOffPassesCommands,
    CutOffMeetsUtilitiesOnly,
    CutOffUtilityPulls,
    CutOffForgotForOne,
    CutsNeighbour,
    LateReconnection,
)
