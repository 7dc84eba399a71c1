"""Driver of a handy terminal (stand-in protocol: see the package)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from bench import kinds
from devices.wires.line_driver import LineDriver


class HandyProtocol(ABC):
    """What somebody does who stands at a terminal with a handy terminal."""

    @abstractmethod
    def read(self, meter: str) -> None:
        """Ask the terminal for a meter's index; the answer comes later, as an observation."""


@target_factory.reg_driver
@attr.s(eq=False)
class HandyDriver(LineDriver, HandyProtocol):
    """``standin-handy/1``. Observations: ``handy.asked`` when it was told to read, ``handy.reading`` {index} or
    ``handy.nothing`` when the terminal has answered or is given up; their subject is the meter."""

    def on_line(self, text: str) -> None:
        match text.split():
            case ["!", "READING", meter, index] if index.isascii() and index.isdigit() and len(index) <= 20:
                self._tell(meter, kinds.HANDY_READING, index=int(index))
            case ["!", "NOTHING", meter]:
                self._tell(meter, kinds.HANDY_NOTHING)
            case _:
                super().on_line(text)

    def _tell(self, meter: str, kind: kinds.Kind, **data: int) -> None:
        self.clock.pump.publish(self.port, meter, kind, dict(data))

    @Driver.check_active  # type: ignore[untyped-decorator]
    def read(self, meter: str) -> None:
        self.ask(f"READ {meter}", lambda words: words == ["OK", "READ", meter])
        self._tell(meter, kinds.HANDY_ASKED)
