"""What a meter's port can be, by its role (lab-practice.md 3). What a role cannot do it has no method for.

emulator   the bench plays the meter: it turns the register, raises alarms, moves the valve     `driver`
pulses     the bench closes a contact for a terminal that counts pulses: it turns, and no more  `pulse`
tap        the bench listens between a real meter and its terminal: it knows, and turns nothing `tap`
people     an operator turns and reads (`devices.operator`)
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from labgrid.driver import Driver


class MeterPort(Driver):  # type: ignore[misc]  # labgrid has no types
    """A driver of any of the roles: what a rig file may name under ``meters:``."""


class TurnsRegister(ABC):
    """A register that the bench turns, and so knows."""

    @property
    @abstractmethod
    def port(self) -> str:
        """The port's name."""

    @abstractmethod
    def set_index(self, index: int) -> int:
        """Set the register (指針値, in its least count, 0 or more) and return the read-back."""

    @abstractmethod
    def read_index(self) -> int:
        """Read the register."""

    def turned_within(self, seconds: float) -> int | None:
        """By how many counts it can be turned in that time, at least 1; None where any index is set at once."""
        return None


class MeterProtocol(TurnsRegister):
    """A register that the bench can turn and read, and an alarm that it can raise."""

    @abstractmethod
    def raise_alarm(self, code: str) -> None:
        """Raise an alarm by its stand-in name: ``leak1``, ``overflow``, ``reverse``, ``tamper``."""

    @abstractmethod
    def read_valve(self) -> str:
        """``open``, ``shut`` or ``checking`` (a leak check before it is open again); ``none`` without a valve."""

    @abstractmethod
    def set_leak(self, leak: bool) -> None:
        """Have gas lost behind the valve, or not: then no leak check passes. ``BenchError`` without a valve."""

    @abstractmethod
    def serial_number(self) -> str:
        """The meter's serial number."""
