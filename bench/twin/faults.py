"""Seeded faults: how a terminal may go wrong on purpose, so that a bench can earn trust.

A fault is a small class over open hooks: each hook is given what a right terminal would do and returns what the faulty
one does. Faults are named by entry point (group ``kenshin.faults``) or by ``package.module:Class``, and take options
from the topology (``faults: [{late-join: {seconds: 30}}]``) as keyword arguments.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, Final

import attrs

from bench.errors import InputError
from bench.twin.standin import Alarm, Value

TARGET_S: Final = 90
"""The guideline's join target (2-1), which ``late-join`` misses."""


class Fault:
    """A terminal without a fault: every hook passes on what a right terminal would do. Subclass and override."""

    name = "none"

    def registers_after_s(self) -> float:
        """Seconds from the start of installation before which it does not register with the server."""
        return 0.0

    def mark_value(self, value: Value, previous_index: int | None, operational: bool) -> Value:
        """The value that is stored at an hour mark; ``previous_index`` is the one of the mark before, if stored."""
        return value

    def keep_mark(self, value: Value, operational: bool) -> bool:
        """False: the value is never stored."""
        return True

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> tuple[Value, ...]:
        """The values of an upload message, asked once a message (a retry repeats it)."""
        return values

    def keep_alarm(self, alarm: Alarm, operational: bool) -> bool:
        """False: the alarm is forgotten. Asked when it occurs, and again when the network is lost before its ack."""
        return True


@attrs.define
class LateJoin(Fault):
    """Communicable only ``seconds`` after the 90 s target: the mesh has it in time, the server hears of it late."""

    seconds: float = 20.0
    name = "late-join"

    def registers_after_s(self) -> float:
        return TARGET_S + self.seconds


@attrs.define
class LoseHour(Fault):
    """In an outage, the ``nth`` hour mark in a row without network is not stored, for any meter."""

    nth: int = 40
    name = "lose-hour"
    _isolated: int = attrs.field(default=0, init=False)
    _last_ns: int = attrs.field(default=0, init=False)

    def keep_mark(self, value: Value, operational: bool) -> bool:
        if operational:
            self._isolated = 0
            return True
        if value.mark_ns != self._last_ns:  # asked once a meter
            self._last_ns = value.mark_ns
            self._isolated += 1
        return self._isolated != self.nth


@attrs.define
class DoubleOnRecovery(Fault):
    """After an outage, one value of the ``nth`` recovery message is in it twice.

    Not of the first: after a long outage that one carries the oldest values, more than 168 marks back.
    """

    nth: int = 2
    name = "double-on-recovery"
    _messages: int = attrs.field(default=0, init=False)

    def values_to_upload(self, recovery: bool, values: tuple[Value, ...]) -> tuple[Value, ...]:
        self._messages = self._messages + 1 if recovery else 0
        if self._messages != self.nth:
            return values
        at = 3 * len(values) // 4
        return (*values[: at + 1], *values[at:])


@attrs.define
class ShiftHour(Fault):
    """One value carries the index of the hour before.

    It is the first meter's, at the ``nth`` hour mark with network or the next at which the register has moved.
    """

    nth: int = 60
    name = "shift-hour"
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
class DropOutageAlarm(Fault):
    """Alarms that could not be delivered before, or occurred in, an outage are forgotten."""

    name = "drop-outage-alarm"

    def keep_alarm(self, alarm: Alarm, operational: bool) -> bool:
        return operational


BUILT_IN: Final[Sequence[type[Fault]]] = (LateJoin, LoseHour, DoubleOnRecovery, ShiftHour, DropOutageAlarm)


def registry() -> dict[str, type[Fault]]:
    """Every fault that has a name: built in, or published under the entry point group ``kenshin.faults``."""
    found: dict[str, type[Fault]] = {fault.name: fault for fault in BUILT_IN}
    for point in entry_points(group="kenshin.faults"):
        found.setdefault(point.name, point.load())
    return found


def make(spec: str | Mapping[str, Any]) -> Fault:
    """The fault of a name, a dotted path, or ``{name: {option: value}}``. InputError when there is no such thing."""
    if isinstance(spec, str):
        name, options = spec, dict[str, Any]()
    elif len(spec) == 1:
        name, options = next(iter(spec.items()))
        options = options or {}
    else:
        raise InputError(f"fault {dict(spec)!r} is wrong; expected one name with its options")
    cls = _dotted(name) if ":" in name else registry().get(name)
    if cls is None:
        raise InputError(f"no fault '{name}'; expected package.module:Class or one of {', '.join(sorted(registry()))}")
    try:
        return cls(**options)
    except TypeError as error:
        raise InputError(f"fault '{name}': {error}; expected its options, see bench/twin/faults.py") from None


def _dotted(path: str) -> type[Fault]:
    module, _, attribute = path.partition(":")
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"fault '{path}' cannot be loaded ({error}); expected package.module:Class") from None
    if not (isinstance(cls, type) and issubclass(cls, Fault)):
        raise InputError(f"'{path}' is no fault; expected a subclass of bench.twin.faults.Fault")
    return cls


def split(spec: str) -> tuple[str, str]:
    """``t1:late-join`` or ``t1:package.module:Class`` -> terminal id and fault."""
    terminal, colon, fault = spec.partition(":")
    if not colon or not terminal or not fault:
        raise InputError(f"--fault {spec}: no terminal and fault; expected TERMINAL:NAME or TERMINAL:module:Class")
    return terminal, fault
