"""Driver of the installation key and indicator (stand-in protocol: see the package)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from devices.line_driver import LineDriver

LAMP_STATES = ("off", "blinking", "on")


class PanelProtocol(ABC):
    """What a fitter does at a terminal: press the key, look at the indicator."""

    @abstractmethod
    def press(self, duration_s: float) -> None:
        """Press the installation key for ``duration_s``."""

    @abstractmethod
    def lamp(self) -> str:
        """The indicator: ``off``, ``blinking`` (joining) or ``on`` (communicable, 通信可能)."""


@target_factory.reg_driver
@attr.s(eq=False)
class PanelDriver(LineDriver, PanelProtocol):
    """``standin-panel/1``. Observations: ``panel.press`` {duration_s}, ``panel.lamp`` {state} at each change."""

    def on_line(self, text: str) -> None:
        match text.split():
            case ["!", "LAMP", state] if state in LAMP_STATES:
                self.publish("panel.lamp", {"state": state})
            case _:
                super().on_line(text)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def press(self, duration_s: float) -> None:
        command = f"PRESS {duration_s:g}"
        words = self.ask(command)
        if words != ["OK", *command.split()]:
            raise self.odd_answer(command, words)
        self.publish("panel.press", {"duration_s": duration_s})

    @Driver.check_active  # type: ignore[untyped-decorator]
    def lamp(self) -> str:
        match self.ask("LAMP"):
            case ["LAMP", state] if state in LAMP_STATES:
                return state
            case words:
                raise self.odd_answer("LAMP", words)
