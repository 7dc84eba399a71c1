"""Faults of control commands and of the valve that they move (``control-function``)."""

from __future__ import annotations

from typing import Final

import attrs

from bench.records import NS_PER_S
from bench.twin.faults.fault import Answer, Fault
from bench.twin.terminal.standin import ControlAnswer, Message


@attrs.define
class DeafValve(Fault):
    """Every ``nth`` command to the valve is not carried out, and never answered."""

    nth: int = 3
    name = "deaf-valve"
    at = "t1.gas"
    turns = ("control-function",)
    also = ("control-success-rate",)
    _seen: int = attrs.field(default=0, init=False)

    def valve_command(self, command: str) -> Answer[str]:
        """A command that fails is missing in the success rate, too."""
        self._seen += 1
        return None if self._seen % self.nth == 0 else command


@attrs.define
class ShortLeakCheck(Fault):
    """The valve is open again after ``seconds`` of leak check."""

    seconds: float = 10.0
    name = "short-leak-check"
    at = "t1.gas"
    turns = ("control-function",)
    also = ("control-success-rate",)

    def leak_check_s(self, seconds: float) -> float:
        """A reopening without its check is no success."""
        return self.seconds


@attrs.define
class OpensOntoLeak(Fault):
    """The leak check finds nothing, whatever is lost."""

    name = "opens-onto-leak"
    at = "t3.gas"
    turns = ("control-function",)
    also = ("control-success-rate",)

    def leak_found(self, leak: bool) -> bool:
        """A valve that opens onto a leak is no success."""
        return False


@attrs.define
class AnswersTooEarly(Fault):
    """The terminal passes the beginning of the leak check on as the end of the reopening."""

    name = "answers-before-the-check"
    at = "t3"
    turns = ("control-function",)
    also = ("control-success-rate",)

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        """An answer before its time is no success."""
        if isinstance(message, ControlAnswer) and message.state == "checking":
            return attrs.evolve(message, state="open", final=True)
        return message


@attrs.define
class MisdatedCommand(Fault):
    """What a valve did is told as done ``seconds`` later: no command is right then, and the success rate has none."""

    seconds: float = -7200.0
    name = "misdated-command"
    at = "t1"
    turns = ("control-function",)
    also = ("control-success-rate",)

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        if not isinstance(message, ControlAnswer):
            return message
        return attrs.evolve(message, at_ns=message.at_ns + round(self.seconds * NS_PER_S))


FAULTS: Final[tuple[type[Fault], ...]] = (DeafValve, ShortLeakCheck, OpensOntoLeak, AnswersTooEarly, MisdatedCommand)
