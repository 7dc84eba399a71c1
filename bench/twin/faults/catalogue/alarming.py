"""Faults of alarms: lost, late, doubled, invented, changed (``alarm-normal``, ``alarm-outage``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from bench.records import NS_PER_HOUR, NS_PER_S
from bench.twin.faults.fault import Answer, Fault, Memory
from bench.twin.terminal.standin import Alarm, Confirm, ControlAnswer, ControlRequest, Message, Value

SOON_NS: Final = NS_PER_S


@attrs.define
class LateAlarm(Fault):
    """In normal operation each alarm waits ``seconds`` before it is sent."""

    seconds: float = 180.0
    name = "late-alarm"
    turns = ("alarm-normal",)

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        return [(self.seconds, alarm)] if operational else alarm


@attrs.define
class BarelyLateAlarm(LateAlarm):
    """Each alarm takes two seconds more than is agreed, or a little less."""

    seconds: float = 90.5
    name = "barely-late-alarm"
    at = "t3"


@attrs.define
class LoseAlarm(Fault):
    """Every ``every``-th alarm in normal operation is lost."""

    every: int = 4
    name = "lose-alarm"
    turns = ("alarm-normal",)
    _alarms: int = attrs.field(default=0, init=False)

    def keep_alarm(self, alarm: Alarm, operational: bool) -> bool:
        self._alarms += operational
        return not operational or self._alarms % self.every != 0


@attrs.define
class LoseSecondOfTwo(Fault):
    """Of two alarms within a second in normal operation the second is lost."""

    name = "lose-second-of-two"
    at = "t3"
    turns = ("alarm-normal",)
    _last_ns: int = attrs.field(default=0, init=False)

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        last_ns, self._last_ns = self._last_ns, self.now_ns
        return None if operational and self.now_ns - last_ns <= SOON_NS else alarm


@attrs.define
class DeafPair(Fault):
    """One alarm of one meter never gets through, all others do."""

    medium: str = "water"
    code: str = "overflow"
    name = "deaf-pair"
    turns = ("alarm-normal",)

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        return None if operational and alarm.meter.endswith(self.medium) and alarm.code == self.code else alarm


@attrs.define
class WrongCode(Fault):
    """A reverse flow is sent as tampering."""

    name = "wrong-code"
    at = "t3"
    turns = ("alarm-normal",)

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        return attrs.evolve(alarm, code="tamper") if operational and alarm.code == "reverse" else alarm


@attrs.define
class WrongMeter(Fault):
    """Alarms of the gas meter are sent as the water meter's in normal operation."""

    name = "wrong-meter"
    turns = ("alarm-normal",)

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        if not operational:
            return alarm
        return attrs.evolve(alarm, meter=alarm.meter.replace(".gas", ".water"))


@attrs.define
class DoubleAlarm(Fault):
    """The second alarm is sent once more, as another one."""

    nth: int = 2
    name = "double-alarm"
    at = "t3"
    turns = ("alarm-normal",)
    _alarms: int = attrs.field(default=0, init=False)

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        self._alarms += 1
        return [alarm, (20.0, alarm)] if self._alarms == self.nth and operational else alarm


@attrs.define
class InventAlarm(Fault):
    """An alarm that no meter raised, ``days`` after the start."""

    days: float = 3.4
    name = "invent-alarm"
    turns = ("alarm-normal",)

    def twin_started(self) -> None:
        self.after(self.days * 86400, self._invent)

    def _invent(self) -> None:
        self.fired("an alarm that no meter raised")
        self.raise_alarm(f"{self.subject}.gas", "leak1")


@attrs.define
class MeterAlarmLost(Fault):
    """The meter calls its terminal for every second alarm only."""

    name = "meter-alarm-lost"
    at = "t3.water"
    turns = ("alarm-normal",)
    also = ("alarm-outage",)
    _alarms: int = attrs.field(default=0, init=False)

    def meter_alarm(self, code: str) -> Answer[str]:
        self._alarms += 1
        return None if self._alarms % 2 == 0 else code


@attrs.define
class ServerLosesAlarm(Fault):
    """The server acknowledges an alarm and loses it, one in three."""

    name = "server-loses-alarm"
    at = "server"
    turns = ("alarm-normal",)
    also = ("alarm-outage",)
    _alarms: int = attrs.field(default=0, init=False)

    def server_event(self, event: Mapping[str, Any]) -> Answer[Mapping[str, Any]]:
        if event["kind"] != "alarm":
            return event
        self._alarms += 1
        return None if self._alarms % 3 == 0 else event


@attrs.define
class MuteDuringCommand(Fault):
    """While a command to a valve is open, leak check and all, alarms of the other meters are dropped."""

    name = "mute-during-command"
    at = "t3"
    turns = ("alarm-normal",)
    _open: set[int] = attrs.field(factory=set, init=False)

    def message_in(self, message: Message, terminal: str) -> Answer[Message]:
        if isinstance(message, ControlRequest):
            self._open.add(message.seq)
        return message

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        if isinstance(message, ControlAnswer) and message.final:
            self._open.discard(message.seq)
        return message

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        return None if self._open else alarm


@attrs.define
class KeepsOneAlarm(Fault):
    """In an outage it has room for one alarm of each meter: the next ones are forgotten."""

    name = "keeps-one-alarm-a-meter"
    at = "t3"
    turns = ("alarm-outage",)
    _kept: dict[str, Alarm] = attrs.field(factory=dict, init=False)

    def keep_alarm(self, alarm: Alarm, operational: bool) -> bool:
        if operational:
            self._kept.clear()
            return True
        return self._kept.setdefault(alarm.meter, alarm).occurred_ns == alarm.occurred_ns


@attrs.define
class ForgetsEarlyOutageAlarm(Fault):
    """For ``hours`` after it lost the network it believes that it is there still, and forgets alarms of that time."""

    hours: float = 12.0
    name = "forgets-early-outage-alarm"
    turns = ("alarm-outage",)
    _lost_ns: int | None = attrs.field(default=None, init=False)

    def lamp_shown(self, state: str) -> Answer[str]:
        """Its own lamp knows better."""
        self._lost_ns = None if state == "on" else self.now_ns
        return state

    def keep_alarm(self, alarm: Alarm, operational: bool) -> bool:
        return self._lost_ns is None or self.now_ns - self._lost_ns > self.hours * NS_PER_HOUR


@attrs.define
class DropOutageAlarm(Fault):
    """Alarms that could not be delivered before, or occurred in, an outage are forgotten."""

    name = "drop-outage-alarm"
    turns = ("alarm-outage",)

    def keep_alarm(self, alarm: Alarm, operational: bool) -> bool:
        return operational


@attrs.define
class KeepOneOutageAlarm(Fault):
    """Of two alarms in the same second of an outage the second is forgotten."""

    name = "keep-one-outage-alarm"
    at = "t3"
    turns = ("alarm-outage",)
    _last_ns: int = attrs.field(default=0, init=False)

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        last_ns, self._last_ns = self._last_ns, self.now_ns
        return None if not operational and self.now_ns - last_ns <= SOON_NS else alarm


@attrs.define
class LateOutageAlarm(Fault):
    """After an outage the kept alarms wait ``seconds`` from the terminal's own return on."""

    seconds: float = 1200.0
    name = "late-outage-alarm"
    turns = ("alarm-outage",)
    _back_ns: int = attrs.field(default=0, init=False)

    def message_in(self, message: Message, terminal: str) -> Answer[Message]:
        if isinstance(message, Confirm):
            self._back_ns = self.now_ns
        return message

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        kept = isinstance(message, Alarm) and self.now_ns - message.occurred_ns > NS_PER_HOUR
        waits = kept and self.now_ns - self._back_ns < self.seconds * NS_PER_S
        return None if waits else message


@attrs.define
class RestampsOutageAlarm(Fault):
    """An alarm of an outage arrives with the time of its delivery instead of that of its occurrence."""

    name = "restamps-outage-alarm"
    turns = ("alarm-outage",)

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        if isinstance(message, Alarm) and self.now_ns - message.occurred_ns > NS_PER_HOUR:
            return attrs.evolve(message, occurred_ns=self.now_ns)
        return message


@attrs.define
class ShiftsOutageAlarm(Fault):
    """An alarm of an outage has a time of occurrence that is ``seconds`` off: two more than is agreed."""

    seconds: float = 62.0
    name = "shifts-outage-alarm"
    at = "t3"
    turns = ("alarm-outage",)

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        off_ns = round(self.seconds * NS_PER_S)
        return alarm if operational else attrs.evolve(alarm, occurred_ns=alarm.occurred_ns + off_ns)


@attrs.define
class ForgetsAlarmsInTheDark(Fault):
    """What it took without network is in RAM: a second without supply, and it is gone."""

    name = "forgets-alarms-in-the-dark"
    at = "t3"
    turns = ("alarm-outage",)
    _isolated: bool = attrs.field(default=False, init=False)

    def keep_mark(self, value: Value, operational: bool) -> bool:
        self._isolated = not operational
        return True

    def memory_lost(self, dark_s: float) -> Sequence[str]:
        return (Memory.ALARMS,) if self._isolated else ()


@attrs.define
class RepeatsOutageAlarm(Fault):
    """A day after the recovery an alarm of the outage is sent once more, as another one."""

    name = "repeats-outage-alarm"
    turns = ("alarm-outage",)

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        if not operational:  # planned beyond the terminal: what it plans itself does not outlast a dark time
            self.after(5.5 * 86400, lambda: self._again(alarm))
        return alarm

    def _again(self, alarm: Alarm) -> None:
        self.fired()
        self.raise_alarm(alarm.meter, alarm.code, alarm.occurred_ns)


FAULTS: Final[tuple[type[Fault], ...]] = (
    LateAlarm,
    BarelyLateAlarm,
    LoseAlarm,
    LoseSecondOfTwo,
    DeafPair,
    WrongCode,
    WrongMeter,
    DoubleAlarm,
    InventAlarm,
    MeterAlarmLost,
    ServerLosesAlarm,
    MuteDuringCommand,
    KeepsOneAlarm,
    ForgetsEarlyOutageAlarm,
    DropOutageAlarm,
    KeepOneOutageAlarm,
    LateOutageAlarm,
    RestampsOutageAlarm,
    ShiftsOutageAlarm,
    RepeatsOutageAlarm,
    ForgetsAlarmsInTheDark,
)
