"""Driver of the installation key and indicator (stand-in protocol: see the package)."""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from typing import Final

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from bench import kinds
from bench.errors import BenchError
from bench.records import NS_PER_S
from devices.wires.line_driver import LineDriver
from devices.wires.wire import Wire

LAMP_STATES = ("off", "blinking", "on")
LATE_S: Final = 1.0
"""An answer that takes longer was held back on its way: panels answer in milliseconds."""


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
    """``standin-panel/1``. Observations: ``panel.press`` {duration_s}, ``panel.lamp`` {state} at each change.

    A change that fell into a gap of the port is published when the port is back, in the middle of the gap and with the
    uncertainty that this has (rectangular: gap / sqrt(12), GUM 4.3.7). A gap is, too, what a line held back: from the
    last word before a question until what comes ``LATE_S`` and more after it.
    """

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._state = ""
        self._gap_from_ns: int | None = None
        self._heard_ns: int | None = None
        self._asked_ns: int | None = None

    def on_line(self, text: str) -> None:
        match text.split():
            case ["!", "LAMP", state] if state in LAMP_STATES:
                self._state = state
                self._publish_lamp(state, self._held_back_from_ns())
            case ["LAMP", state] if state in LAMP_STATES:
                self._catch_up(state)
                super().on_line(text)
            case _:
                super().on_line(text)
        self._heard_ns = self.clock.now_ns()

    def _held_back_from_ns(self) -> int | None:
        """Since when a line may have held back what it says now; None where an answer is not overdue."""
        if self._asked_ns is None or self.clock.now_ns() - self._asked_ns < LATE_S * NS_PER_S:
            return None
        return self._asked_ns if self._heard_ns is None else min(self._heard_ns, self._asked_ns)

    def on_found(self, wire: Wire) -> None:
        self._gap_from_ns = self.clock.pump.lost_ns.get(self.port)
        with contextlib.suppress(BenchError):  # gone again: the next time, then
            wire.write(b"LAMP\n")

    def _catch_up(self, state: str) -> None:
        """What the lamp shows now; a change that nobody saw happened at some time in the gap."""
        gap_from_ns, self._gap_from_ns = self._gap_from_ns, None
        if gap_from_ns is not None and self._state and state != self._state:
            self._publish_lamp(state, gap_from_ns)
        self._state = state

    def _publish_lamp(self, state: str, gap_from_ns: int | None) -> None:
        """A change that was told now, and happened now, or at some time since ``gap_from_ns``."""
        if gap_from_ns is None:
            self.publish(kinds.PANEL_LAMP, {"state": state})
            return
        gap_ns = self.clock.now_ns() - gap_from_ns
        self.clock.pump.publish(
            self.port,
            self.subject,
            kinds.PANEL_LAMP,
            {"state": state},
            t_ns=gap_from_ns + gap_ns // 2,
            u_ns=round(gap_ns / math.sqrt(12)),
        )

    @Driver.check_active  # type: ignore[untyped-decorator]
    def press(self, duration_s: float) -> None:
        command = f"PRESS {duration_s:g}"
        self.ask(command, lambda words: words == ["OK", *command.split()])
        self.publish(kinds.PANEL_PRESS, {"duration_s": duration_s})

    @Driver.check_active  # type: ignore[untyped-decorator]
    def lamp(self) -> str:
        self._asked_ns = self.clock.now_ns()
        try:
            return self.ask("LAMP", lambda w: len(w) == 2 and w[0] == "LAMP" and w[1] in LAMP_STATES, harmless=True)[1]
        finally:
            self._asked_ns = None
