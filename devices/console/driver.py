"""Driver of the Silicon Labs node CLI (devices.md 2.6): commands end with the prompt, state changes come unasked.

Everything the console says is kept (``console.line``), and join states are read out of it (``console.join_state``):
they explain a join, they never judge it, because a production terminal has no console.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Final

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from bench.errors import BenchError
from devices.line_driver import LineDriver

_CHANGE: Final = re.compile(r"\[Join state: .* \((\d+)\)\]")
_STATE: Final = re.compile(r"wisun\.join_state = .*\((\d+)\)")


class ConsoleProtocol(ABC):
    """A terminal's maintenance console."""

    @abstractmethod
    def command(self, text: str) -> list[str]:
        """Send one command, return the lines up to the next prompt."""

    @abstractmethod
    def join_state(self) -> int:
        """0 disconnected, 1 select PAN, 2 authenticate, 3 acquire configuration, 4 configure routing, 5 operational."""

    @abstractmethod
    def clear_credentials(self) -> None:
        """Forget all keys, so that the next join is a cold one."""


@target_factory.reg_driver
@attr.s(eq=False)
class ConsoleDriver(LineDriver, ConsoleProtocol):
    """The node CLI. A terminal without power does not answer: ``BenchError`` naming the port and the command."""

    prompt = b"> "

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._prompts = 0

    def on_line(self, text: str) -> None:
        super().on_line(text)
        self.publish("console.line", {"text": text})
        if change := _CHANGE.fullmatch(text):
            self.publish("console.join_state", {"state": int(change[1])})

    def on_prompt(self) -> None:
        self._prompts += 1

    @Driver.check_active  # type: ignore[untyped-decorator]
    def command(self, text: str) -> list[str]:
        self._answers.clear()
        before = self._prompts
        self.publish("console.command", {"text": text})
        self.send(text)
        self.clock.pump.until(self.port, lambda: self._prompts > before, f"prompt after {text!r}")
        return list(self._answers)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def join_state(self) -> int:
        lines = self.command("wisun get wisun.join_state")
        states = [int(found[1]) for line in lines if (found := _STATE.fullmatch(line))]
        if not states:
            raise BenchError(f"{self.port}: no join state in the answer {lines}")
        return states[-1]

    @Driver.check_active  # type: ignore[untyped-decorator]
    def clear_credentials(self) -> None:
        self._obey("wisun clear_credential_cache")

    @Driver.check_active  # type: ignore[untyped-decorator]
    def join(self) -> None:
        """Start joining as a FAN 1.1 router."""
        self._obey("wisun join_fan11")

    @Driver.check_active  # type: ignore[untyped-decorator]
    def disconnect_radio(self) -> None:
        """Leave the network."""
        self._obey("wisun disconnect")

    def _obey(self, text: str) -> None:
        failed = [line for line in self.command(text) if line.startswith("[Failed")]
        if failed:
            raise BenchError(f"{self.port}: refused {text!r}: {failed[0]}")
