"""Driver of the Silicon Labs node CLI (devices.md 2.6): commands end with the prompt, state changes come unasked.

Everything the console says is kept (``console.line``), and join states are read out of it (``console.join_state``):
they explain a join, they never judge it, because a production terminal has no console.
"""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from bench import kinds
from bench.drive.pump import NoAnswer
from bench.errors import BenchError
from devices.wires import line_driver
from devices.wires.labgrid_console import LabgridConsole
from devices.wires.line_driver import LineDriver
from devices.wires.wire import Wire

_CHANGE: Final = re.compile(r"\[Join state: .* \((\d+)\)\]")
_NAME: Final = re.compile(r"wisun\.network_name = ")
_STATE: Final = re.compile(r"wisun\.join_state = .*\((\d+)\)")


class NodeConsoleProtocol(ABC):
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


ASK: Final = "wisun get wisun.join_state"
PROOF: Final = "wisun get wisun.network_name"
"""Answered like nothing else that is asked: what comes behind that answer answers what is asked behind it."""
TRIES: Final = 3
"""How often a console that is there and does not answer is asked for its state."""
PROMPT_S: Final = 0.5
"""Real seconds in which the prompt follows the answer; a garbled one never comes."""


@target_factory.reg_driver
@attr.s(eq=False)
class ConsoleDriver(LabgridConsole, LineDriver, NodeConsoleProtocol):
    """The node CLI. A terminal without power does not answer: ``BenchError`` naming the port and the command.

    To labgrid it is a ``ConsoleProtocol`` as well, with or without a rig (`LabgridConsole`).
    """

    prompt = b"> "

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._prompts = 0
        self._unanswered = False
        """The last question was not answered: its answer may still come, and before the next one's."""

    def on_line(self, text: str) -> None:
        super().on_line(text)
        self.overhear(text.encode() + b"\n")
        self.publish(kinds.CONSOLE_LINE, {"text": text})
        if change := _CHANGE.search(text):
            self.publish(kinds.CONSOLE_JOIN_STATE, {"state": int(change[1])})

    def on_prompt(self) -> None:
        self._prompts += 1
        self.overhear(self.prompt)

    def on_found(self, wire: Wire) -> None:
        self._unanswered = False

    @Driver.check_active  # type: ignore[untyped-decorator]
    def command(self, text: str) -> list[str]:
        """Send one command, return the lines up to the next prompt, without an echo and without what came unasked."""
        before = self._prompts
        self._say(text)
        self._until(lambda: self._prompts > before, f"prompt after {text!r}")
        return self._lines(text)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def join_state(self) -> int:
        tries = TRIES if self.clock.patience_s else 1
        for n in range(tries):
            try:
                if self.clock.patience_s or self._unanswered:
                    self._prove()
                return self._ask_state()
            except BenchError as error:
                gone = not self.clock.pump.is_open(self.port)
                if n == tries - 1 or not (gone or isinstance(error, NoAnswer)):
                    raise
        raise AssertionError("unreachable")

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

    def _prove(self) -> None:
        for within_s in line_driver.PROVE_S:
            try:
                self._ask(PROOF, _NAME, within_s)
            except NoAnswer as error:
                silent = error
            else:
                return
        raise silent

    def _ask_state(self) -> int:
        """One question for the join state; the answer is a line of its form, whatever prompts and lines come before."""
        return int(self._ask(ASK, _STATE)[1])

    def _ask(self, text: str, form: re.Pattern[str], within_s: float | None = None) -> re.Match[str]:
        before = self._prompts
        self._say(text)
        found: list[re.Match[str]] = []

        def answered() -> bool:
            found.extend(match for line in self._answers if (match := form.search(line)))
            return bool(found) or any(line.startswith("[Failed") for line in self._answers)

        self._until(answered, f"answer to {text!r}", within_s)
        with contextlib.suppress(NoAnswer):
            self.clock.pump.until(self.port, lambda: self._prompts > before, "prompt", PROMPT_S)
        if not found:
            raise BenchError(f"{self.port}: no answer to {text!r} in {self._lines(text)}")
        return found[0]

    def _obey(self, text: str) -> None:
        """A command that answers with its prompt alone: a question behind it proves that all of its answer is here."""
        lines = self.command(text)
        self._ask_state()
        failed = [line for line in (*lines, *self._lines(ASK)) if line.startswith("[Failed")]
        if failed:
            raise BenchError(f"{self.port}: refused {text!r}: {failed[0]}")

    def _say(self, text: str) -> None:
        self.wait_for_port()
        self.keep_gap()
        self._answers.clear()
        self.publish(kinds.CONSOLE_COMMAND, {"text": text})
        self.send(text)

    def _until(self, done: Callable[[], bool], what: str, within_s: float | None = None) -> None:
        try:
            self.clock.pump.until(self.port, done, what, within_s)
        except NoAnswer:
            self._unanswered = True
            if self.clock.patience_s:
                self.widen_gap()
            raise
        self._unanswered = False

    def _lines(self, command: str) -> list[str]:
        return [line for line in self._answers if line != command and not _CHANGE.search(line)]
