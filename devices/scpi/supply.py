"""A supply over SCPI: set, read back, and say what was read back. Needs no labgrid, so the watchdog uses it as it is.

Nothing is clipped and nothing is believed: a value outside the instrument's limits is refused before it is sent, each
set is read back, the error queue is asked after each command, and a read-back that differs is a bench error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Final

import attrs

from bench.errors import BenchError, InputError
from devices.scpi.dialects import DIALECTS, Dialect, Limits
from devices.scpi.transport import ScpiTransport

_ON: Final = {"ON": True, "1": True, "+1": True, "OFF": False, "0": False, "+0": False}


@attrs.frozen(slots=True)
class Output:
    """One channel as the instrument itself reports it: state, set values (V, A) and measured values (V, A)."""

    channel: int
    on: bool
    volts: float
    amps: float
    measured_volts: float
    measured_amps: float


class SupplyProtocol(ABC):
    """A programmable supply or AC source with channels from 1; volts and amperes (rms on an AC source)."""

    @abstractmethod
    def set_volts(self, channel: int, volts: float) -> float:
        """Set the voltage, return the read-back. ``InputError`` outside the limits."""

    @abstractmethod
    def set_amps(self, channel: int, amps: float) -> float:
        """Set the current limit, return the read-back. ``InputError`` outside the limits."""

    @abstractmethod
    def switch(self, channel: int, on: bool) -> bool:
        """Switch the output, return the read-back."""

    @abstractmethod
    def output(self, channel: int) -> Output:
        """What the channel reports now."""


class Safe(StrEnum):
    """What is safe for a channel: a terminal's feed is held (a dark terminal loses hours), the rest goes off."""

    HOLD = "hold"
    OFF = "off"


def make_safe(supply: SupplyProtocol, channel: int, safe: Safe, volts: float, amps: float) -> Output:
    """Bring one channel into its safe state and return what it then reports.

    ``hold`` is on at ``volts`` with the current limited to ``amps``; ``off`` touches nothing but the switch.
    """
    if safe is Safe.HOLD:
        supply.set_amps(channel, amps)
        supply.set_volts(channel, volts)
    supply.switch(channel, safe is Safe.HOLD)
    return supply.output(channel)


class Supply(SupplyProtocol):
    """One instrument behind a transport, in the words of its dialect."""

    def __init__(self, transport: ScpiTransport, dialect: Dialect) -> None:
        self.transport = transport
        self.dialect = dialect

    @property
    def name(self) -> str:
        return self.transport.name

    def open(self) -> str:
        """Connect; raises ``BenchError`` when another make answers than the rig file says."""
        identity = self.transport.open()
        if self.dialect.model not in identity:
            self.transport.close()
            raise BenchError(f"{self.name}: {identity!r} answers; expected a {self.dialect.model}")
        # A queue filled by an earlier user must not be blamed on this one's first command.
        self.transport.write("*CLS")
        return identity

    def close(self) -> None:
        self.transport.close()

    def set_volts(self, channel: int, volts: float) -> float:
        self._within(channel, "V", volts, self._limits(channel).volts)
        self._command(self.dialect.set_volts(channel, volts))
        return self._same(channel, "V", volts, self._number(self.dialect.ask_volts(channel)))

    def set_amps(self, channel: int, amps: float) -> float:
        self._within(channel, "A", amps, self._limits(channel).amps)
        self._command(self.dialect.set_amps(channel, amps))
        return self._same(channel, "A", amps, self._number(self.dialect.ask_amps(channel)))

    def switch(self, channel: int, on: bool) -> bool:
        self._limits(channel)
        self._command(self.dialect.switch(channel, on))
        got = self._state(channel)
        if got is not on:
            raise BenchError(f"{self.name} channel {channel}: switched {_word(on)}, reads back {_word(got)}")
        return got

    def output(self, channel: int) -> Output:
        self._limits(channel)
        return Output(
            channel,
            self._state(channel),
            self._number(self.dialect.ask_volts(channel)),
            self._number(self.dialect.ask_amps(channel)),
            self._number(self.dialect.measure_volts(channel)),
            self._number(self.dialect.measure_amps(channel)),
        )

    def _limits(self, channel: int) -> Limits:
        if not 1 <= channel <= len(self.dialect.channels):
            raise InputError(f"{self.name}: no channel {channel}; expected 1 to {len(self.dialect.channels)}")
        return self.dialect.channels[channel - 1]

    def _within(self, channel: int, unit: str, value: float, limit: float) -> None:
        if not 0.0 <= value <= limit:
            raise InputError(f"{self.name} channel {channel}: {value:g} {unit}; expected 0 to {limit:g} {unit}")

    def _same(self, channel: int, unit: str, wanted: float, got: float) -> float:
        if abs(got - wanted) > self.dialect.resolution:
            raise BenchError(f"{self.name} channel {channel}: set {wanted:g} {unit}, reads back {got:g} {unit}")
        return got

    def _command(self, command: str) -> None:
        self.transport.write(command)
        error = self.transport.query(":SYST:ERR?")
        if int(self._float(error.split(",")[0], ":SYST:ERR?")) != 0:
            raise BenchError(f"{self.name}: refused {command!r}: {error}")

    def _state(self, channel: int) -> bool:
        command = self.dialect.ask_switch(channel)
        answer = self.transport.query(command).upper()
        if answer not in _ON:
            raise BenchError(f"{self.name}: odd answer to {command!r}: {answer!r}")
        return _ON[answer]

    def _number(self, command: str) -> float:
        return self._float(self.transport.query(command), command)

    def _float(self, answer: str, command: str) -> float:
        try:
            return float(answer)
        except ValueError:
            raise BenchError(f"{self.name}: odd answer to {command!r}: {answer!r}") from None


def _word(on: bool) -> str:
    return "on" if on else "off"


def dialect_named(model: str) -> Dialect:
    """The dialect of a rig file's ``model``; ``InputError`` names those that there are."""
    try:
        return DIALECTS[model]
    except KeyError:
        raise InputError(f"no supply model {model!r}; expected one of {', '.join(sorted(DIALECTS))}") from None
