"""The interface of a fault: what may go wrong, hook by hook. ``docs/guides/fault.md`` is written for its users.

A fault sits at one subject of the virtual rig. Each hook is given what a right subject would do, and returns what the
faulty one does; what is not overridden stays right. This module knows neither who asks (`asking`) nor how a fault is
named (`named`), so a fault can be tried by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

import attrs

from bench.air.mac.frame import MacFrame
from bench.twin.terminal.standin import Alarm, HistoryRequest, Message, ReadRequest, Value

if TYPE_CHECKING:
    EventT: TypeAlias = dict[str, Any]

T = TypeVar("T")
Answer: TypeAlias = T | Sequence[T | tuple[float, T]] | None
"""What a hook may give back where time matters: the thing, None (nothing happens), or a list of things, each by itself
(at once) or as ``(delay_s, thing)``."""


class Place(StrEnum):
    """What a fault can sit at."""

    TERMINAL = "terminal"
    METER = "meter"
    SMART_METER = "smart-meter"
    CONCENTRATOR = "concentrator"  # with the head end behind it
    SERVER = "server"


class Memory(StrEnum):
    """What a terminal keeps without supply, and may forget."""

    REGISTRATION = "registration"
    KEYS = "keys"
    VALUES = "values"
    ALARMS = "alarms"
    DELIVERED = "delivered"  # which values were acknowledged: they go up again


class Phase(StrEnum):
    """The phases of a join, in their order."""

    SELECT_PAN = "select-pan"
    AUTHENTICATE = "authenticate"
    ACQUIRE_CONFIG = "acquire-config"
    CONFIGURE_ROUTING = "configure-routing"
    OPERATIONAL = "operational"


@attrs.frozen(slots=True)
class SentFrame:
    """A frame that a node is about to put on the air.

    ``kind``: ``DATA``, ``ACK``, ``EAPOL``, ``PAS``, ``PA``, ``PCS``, ``PC``. ``secured`` False: it leaves in clear;
    True needs ``counter`` (its frame counter) and ``key`` (16 octets). ``frame`` is the frame in clear text with its
    addresses (``src``, ``dst``: 8 octets or None).
    """

    kind: str
    frame: MacFrame
    secured: bool
    counter: int | None
    key: bytes | None


class Seat(Protocol):
    """Where a fault sits, as the twin gives it to the fault (`asking.Seeded`)."""

    subject: str
    rng: random.Random

    def now_ns(self) -> int: ...
    def after(self, delay_s: float, call: Callable[[], None]) -> None: ...
    def mark(self, what: str) -> None: ...
    def act(self, what: str, *arguments: object) -> None: ...


class Fault:
    """No fault: every hook passes on what a right subject would do. Subclass and override."""

    name = "none"
    at: str | tuple[str, ...] = ""
    """Where ``kenshin qualify`` seeds it: a place (``server``), or subjects (``t1``, ``t1.gas``); empty: at the first
    place at which one of its hooks is asked."""
    turns: tuple[str, ...] = ()
    """The requirements that it should turn red, by their ids (``values-hourly``)."""
    also: tuple[str, ...] = ()
    """Requirements that turn with them as a consequence, which the docstring says."""
    _seat: Seat | None = None
    _spare_rng: random.Random | None = None

    # -- what a fault is given ----------------------------------------------------------------------------------------

    @property
    def subject(self) -> str:
        """Where it sits: ``t1``, ``t1.gas``, ``m2``, ``concentrator``, ``server``; empty outside of a twin."""
        return self._seat.subject if self._seat is not None else ""

    @property
    def rng(self) -> random.Random:
        """A generator of its own, from the run's seed: the only chance that a fault may use."""
        if self._seat is not None:
            return self._seat.rng
        if self._spare_rng is None:
            object.__setattr__(self, "_spare_rng", random.Random(0))
        assert self._spare_rng is not None
        return self._spare_rng

    @property
    def now_ns(self) -> int:
        """Rig time; 0 outside of a twin."""
        return self._seat.now_ns() if self._seat is not None else 0

    def after(self, delay_s: float, call: Callable[[], None]) -> None:
        """Do ``call()`` in ``delay_s`` seconds of rig time, whatever happens to the subject until then."""
        if self._seat is not None:
            self._seat.after(delay_s, call)

    def fired(self, what: str = "") -> None:
        """Mark that the fault did its wrong thing now. A hook that changed something marks it by itself."""
        if self._seat is not None:
            self._seat.mark(what)

    # -- what a fault may do by itself --------------------------------------------------------------------------------

    def reboot(self) -> None:
        """Terminal, smart meter: reset now; RAM is lost, flash kept."""
        self._act("reboot")

    def switch_supply(self, on: bool) -> None:
        """Terminal, smart meter: go dark or boot now, whatever the supply does."""
        self._act("switch_supply", on)

    def raise_alarm(self, meter: str, code: str, occurred_ns: int | None = None) -> None:
        """Terminal: take an alarm that no meter raised. Meter: raise one (``meter`` is ignored)."""
        self._act("raise_alarm", meter, code, occurred_ns)

    def show_lamp(self, state: str) -> None:
        """Terminal: show ``off``, ``blinking`` or ``on`` from now until its true state changes."""
        self._act("show_lamp", state)

    def send_message(self, message: Message, terminal: str = "") -> None:
        """Terminal: send this to the server. Server, concentrator: send this to ``terminal``."""
        self._act("send_message", message, terminal)

    def send_past_radio(self, message: Message) -> None:
        """Terminal: have the head end take this as if another radio had carried it."""
        self._act("send_past_radio", message)

    def hear_message(self, message: Message, terminal: str = "") -> None:
        """As if this had arrived now: at a terminal from the server, at server or concentrator from ``terminal``."""
        self._act("hear_message", message, terminal)

    def tell_event(self, kind: str, terminal: str, **fields: Any) -> None:
        """Server: log an event (``alarm``, ``upload``, ``answer``, ``terminal.reachable`` ...) of a terminal."""
        self._act("tell_event", kind, terminal, fields)

    def forget(self, *memory: str) -> None:
        """Terminal: lose ``registration``, ``keys``, ``values``, ``alarms`` or ``delivered`` now."""
        self._act("forget", *memory)

    def _act(self, what: str, *arguments: object) -> None:
        if self._seat is not None:
            self._seat.act(what, *arguments)

    # -- any subject --------------------------------------------------------------------------------------------------

    def twin_started(self) -> None:
        """Once, before time moves: the place to plan with ``after``."""

    # -- messages: terminal, concentrator, server ---------------------------------------------------------------------

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        """A message that leaves: a terminal's to the server; the concentrator's and the server's to ``terminal``."""
        return message

    def message_in(self, message: Message, terminal: str) -> Answer[Message]:
        """A message that arrived: a terminal's from the server; the concentrator's and the server's of ``terminal``."""
        return message

    # -- terminal: key, lamp, supply ----------------------------------------------------------------------------------

    def key_pressed(self, duration_s: float) -> Answer[float]:
        """The key was pressed for so long (from 10 s on: erase, then install)."""
        return duration_s

    def lamp_shown(self, state: str) -> Answer[str]:
        """Its true state changed to ``off``, ``blinking`` or ``on``: what is shown."""
        return state

    def supply_edge(self, on: bool) -> Answer[bool]:
        """Terminal, smart meter: the feed (the mains) came or went. None: it does not notice."""
        return on

    def memory_lost(self, dark_s: float) -> Sequence[str]:
        """Asked at each boot after a darkness of ``dark_s`` seconds: which of its `Memory` is gone."""
        return ()

    def registers_after_s(self) -> float:
        """Seconds from the start of an installation before which it does not register with the server."""
        return 0.0

    # -- terminal: hour marks and store -------------------------------------------------------------------------------

    def clock_offset_s(self, true_ns: int) -> float:
        """By how much its own clock is ahead at the true time ``true_ns``: it decides when marks are read, which label
        they get, when uploads leave, and which times alarms and readings carry."""
        return 0.0

    def read_offset_s(self, meter: str, mark_ns: int) -> float:
        """How much later (earlier where negative) than the mark the register is read; within the hour."""
        return 0.0

    def mark_value(self, value: Value, previous_index: int | None, operational: bool) -> Value:
        """The value that is stored at an hour mark; ``previous_index`` is the one of the mark before, if stored."""
        return value

    def keep_mark(self, value: Value, operational: bool) -> bool:
        """False: the value is never stored."""
        return True

    def stored_values(self, meter: str, values: tuple[Value, ...]) -> Sequence[Value]:
        """After each mark: all that is stored of a meter, oldest first; what is returned is stored from then on."""
        return values

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> Sequence[Value]:
        """The values of an upload message, asked once a message (a retry repeats it). What is left out is offered
        again in the next message; where none is sent, at the next upload time."""
        return values

    # -- terminal: requests -------------------------------------------------------------------------------------------

    def answers_to(
        self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]
    ) -> Sequence[Message | tuple[float, Message]]:
        """The answers to a request: one to a reading, one or more parts to a history."""
        return answers

    def read_on_site(self, meter: str, indexes: tuple[int, ...]) -> Sequence[int]:
        """A handy terminal asks for a meter: what it is given, as one index; none: nothing."""
        return indexes

    # -- terminal: alarms ---------------------------------------------------------------------------------------------

    def alarm_taken(self, alarm: Alarm, operational: bool) -> Answer[Alarm]:
        """A meter's alarm as it is taken (``meter``, ``code``, ``occurred_ns``); a second one gets its own number."""
        return alarm

    def keep_alarm(self, alarm: Alarm, operational: bool) -> bool:
        """False: the alarm is forgotten. Asked when it is taken, and again when the network is lost before its ack."""
        return True

    # -- radio: terminal, smart meter, concentrator -------------------------------------------------------------------

    def join_delay_s(self, phase: str) -> float:
        """Terminal, smart meter: seconds that it lingers when it enters a `Phase` of its join."""
        return 0.0

    def frame_out(self, frame: SentFrame) -> Answer[SentFrame]:
        """A frame that is about to leave, each attempt and each acknowledgement."""
        return frame

    def carry_delay_s(self, source: str, destination: str) -> float | None:
        """Smart meter: seconds by which it holds a packet that it forwards, None: it loses it. Node ids."""
        return 0.0

    # -- smart meter, concentrator: battery ---------------------------------------------------------------------------

    def battery_s(self, seconds: float) -> float:
        """The mains went: how long its battery holds, 0 where it has none."""
        return seconds

    # -- meter --------------------------------------------------------------------------------------------------------

    def meter_read(self, index: int) -> int:
        """Meter: the register as it is told to the terminal."""
        return index

    def meter_alarm(self, code: str) -> Answer[str]:
        """Meter: the alarm that it calls the terminal with."""
        return code

    def valve_command(self, command: str) -> Answer[str]:
        """Meter: a command to its valve, ``shut`` or ``open``: what it does. None: nothing, and it says nothing."""
        return command

    def leak_check_s(self, seconds: float) -> float:
        """Meter: how long its leak check takes before its valve is open again."""
        return seconds

    def leak_found(self, leak: bool) -> bool:
        """Meter: whether its leak check finds one."""
        return leak

    # -- server -------------------------------------------------------------------------------------------------------

    def server_event(self, event: Mapping[str, Any]) -> Answer[Mapping[str, Any]]:
        """Server: an event before it is logged: ``kind``, ``terminal``, and what the kind has."""
        return event

    def keep_at_server(self, value: Value) -> bool:
        """Server: False: an hourly value that arrived is neither kept nor handed on."""
        return True

    def pulled_values(self, meter: str, values: tuple[Value, ...]) -> Sequence[Value]:
        """Server: the kept values with which it answers a pull of an MDMS."""
        return values

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        """Server: a message to a utility's MDMS before it is sent: ``kind``, ``terminal``, and what the kind has."""
        return message

    def gap_hours(self, meter: str, missing: tuple[int, ...]) -> Sequence[int]:
        """Server: the hour marks (ns) that automatic gap filling asks a terminal for, of those that are missing."""
        return missing

    def gate_holds(self, holds: bool, terminal: str, message: str, utility: str) -> bool:
        """Server: whether the operator's gate holds a message (``upload``, ``alarm``, ``read``, ``history``,
        ``control``) between a terminal and the server, or (``utility`` not empty) between server and its MDMS."""
        return holds


_MESSAGES: Final = frozenset({Place.TERMINAL, Place.CONCENTRATOR, Place.SERVER})
_RADIO: Final = frozenset({Place.TERMINAL, Place.SMART_METER, Place.CONCENTRATOR})
_JOINS: Final = frozenset({Place.TERMINAL, Place.SMART_METER})
_TERMINAL: Final = frozenset({Place.TERMINAL})
_SERVER: Final = frozenset({Place.SERVER})

HOOKS: Final[Mapping[str, frozenset[Place]]] = {
    "twin_started": frozenset(Place),
    "message_out": _MESSAGES,
    "message_in": _MESSAGES,
    "key_pressed": _TERMINAL,
    "lamp_shown": _TERMINAL,
    "supply_edge": _JOINS,
    "memory_lost": _TERMINAL,
    "registers_after_s": _TERMINAL,
    "clock_offset_s": _TERMINAL,
    "read_offset_s": _TERMINAL,
    "mark_value": _TERMINAL,
    "keep_mark": _TERMINAL,
    "stored_values": _TERMINAL,
    "values_to_upload": _TERMINAL,
    "answers_to": _TERMINAL,
    "read_on_site": _TERMINAL,
    "alarm_taken": _TERMINAL,
    "keep_alarm": _TERMINAL,
    "join_delay_s": _JOINS,
    "frame_out": _RADIO,
    "carry_delay_s": frozenset({Place.SMART_METER}),
    "battery_s": frozenset({Place.SMART_METER, Place.CONCENTRATOR}),
    "meter_read": frozenset({Place.METER}),
    "meter_alarm": frozenset({Place.METER}),
    "valve_command": frozenset({Place.METER}),
    "leak_check_s": frozenset({Place.METER}),
    "leak_found": frozenset({Place.METER}),
    "server_event": _SERVER,
    "keep_at_server": _SERVER,
    "pulled_values": _SERVER,
    "pushed_message": _SERVER,
    "gap_hours": _SERVER,
    "gate_holds": _SERVER,
}
"""Every hook, and the places at which it is asked."""


def overridden(cls: type[Fault]) -> list[str]:
    """The hooks that a fault's class overrides."""
    found = (hook for hook in HOOKS if getattr(cls, hook) is not getattr(Fault, hook))
    return [hook for hook in found if callable(getattr(cls, hook))]


def places(cls: type[Fault]) -> list[Place]:
    """The places at which a fault of this class can do something, terminals first."""
    hooks = overridden(cls)
    special = [hook for hook in hooks if hook != "twin_started"] or hooks
    return [place for place in Place if any(place in HOOKS[hook] for hook in special)]
