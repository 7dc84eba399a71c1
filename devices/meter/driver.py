"""Driver of a meter port in the emulator role (stand-in protocol: see the package)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from devices.line_driver import LineDriver


class MeterProtocol(ABC):
    """A register that the bench can turn and read, and an alarm that it can raise."""

    @abstractmethod
    def set_index(self, index: int) -> int:
        """Set the register (指針値, in its least count, 0 or more) and return the read-back."""

    @abstractmethod
    def read_index(self) -> int:
        """Read the register."""

    @abstractmethod
    def raise_alarm(self, code: str) -> None:
        """Raise an alarm by its stand-in name: ``leak1``, ``overflow``, ``reverse``, ``tamper``."""

    @abstractmethod
    def serial_number(self) -> str:
        """The meter's serial number."""


@target_factory.reg_driver
@attr.s(eq=False)
class MeterDriver(LineDriver, MeterProtocol):
    """``standin-meter/1``. Observations: ``meter.index`` {index} after each set, ``meter.alarm`` {code}."""

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set_index(self, index: int) -> int:
        command = f"SET {index}"
        match self.ask(command):
            case ["OK", text] if text == str(index):
                self.publish("meter.index", {"index": index})
                return index
            case words:
                raise self.odd_answer(command, words)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def read_index(self) -> int:
        match self.ask("GET"):
            case ["INDEX", text] if text.isdigit():
                return int(text)
            case words:
                raise self.odd_answer("GET", words)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def raise_alarm(self, code: str) -> None:
        command = f"ALARM {code}"
        words = self.ask(command)
        if words != ["OK", "ALARM", code]:
            raise self.odd_answer(command, words)
        self.publish("meter.alarm", {"code": code})

    @Driver.check_active  # type: ignore[untyped-decorator]
    def serial_number(self) -> str:
        match self.ask("ID"):
            case ["ID", serial, _protocol]:
                return serial
            case words:
                raise self.odd_answer("ID", words)
