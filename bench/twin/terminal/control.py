"""Control commands through a terminal: from the server to a meter's valve, and the meter's answers back.

A command is carried out once however often it is heard: a repetition gets the last answer again, which is how an
answer that was lost on the way comes after all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.twin.terminal.meter import Meter
from bench.twin.terminal.standin import COMMANDS, ControlAnswer, ControlRequest

REFUSED = "refused"
"""A meter without a valve, or a command that nobody knows."""


class Controls:
    """The commands of one terminal. ``send(answer)``; what darkness leaves unanswered the server asks again."""

    def __init__(
        self, meters: Mapping[str, Meter], now_ns: Callable[[], int], send: Callable[[ControlAnswer], None]
    ) -> None:
        self._meters, self._now_ns, self._send = meters, now_ns, send
        self._last: dict[int, ControlAnswer | None] = {}

    def take(self, request: ControlRequest) -> None:
        """A command was heard."""
        if request.seq in self._last:
            answer = self._last[request.seq]
            if answer is not None:
                self._send(answer)
            return
        self._last[request.seq] = None

        def told(state: str, final: bool) -> None:
            answer = self._last[request.seq] = ControlAnswer(request.seq, request.meter, state, final, self._now_ns())
            self._send(answer)

        valve = self._meters[request.meter].valve
        if valve is None or request.command not in COMMANDS:
            told(REFUSED, True)
        else:
            valve.command(request.command, told)
