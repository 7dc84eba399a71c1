"""A gas meter's shut-off valve, and the leak check that stands before it is open again (domain.md 4.5).

Shutting takes two seconds. Reopening begins with a leak check of three minutes (``checking``), in which no gas may be
taken; only then is the valve ``open``, and where gas was lost meanwhile it shuts again. Times are round stand-ins for
what the public pages say; telegrams between meter and terminal are not public, so a command is a word here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from bench.records import NS_PER_S
from bench.twin.core.kernel import Call, Kernel
from bench.twin.faults import NO_FAULTS, Hooks
from bench.twin.terminal.standin import COMMANDS

MOVES_NS: Final = 2 * NS_PER_S
LEAK_CHECK_S: Final = 180.0

OPEN: Final = "open"
SHUT: Final = "shut"
CHECKING: Final = "checking"
LEAK: Final = "leak"
"""How a reopening ends that found a leak: the valve is shut."""

Told = Callable[[str, bool], None]
"""``told(state, final)``: what the meter answers."""


class Valve:
    """One valve. ``leak``: gas is lost behind it, so that no leak check passes."""

    def __init__(self, kernel: Kernel, faults: Hooks = NO_FAULTS) -> None:
        self._kernel, self._faults = kernel, faults
        self.state = OPEN
        self.leak = False
        self._moving: Call | None = None
        self._listeners: list[Callable[[str], None]] = []

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with the new state at each change."""
        self._listeners.append(listener)

    def command(self, command: str, told: Told) -> None:
        """Take a command; a later one ends what an earlier one began."""
        for delay_ns, done in self._faults.several("valve_command", command, kind=str, allowed=COMMANDS):
            if delay_ns:
                self._kernel.after(delay_ns, partial(self._begin, done, told))
            else:
                self._begin(done, told)

    def _begin(self, command: str, told: Told) -> None:
        if self._moving is not None:
            self._moving.cancel()
        if command == SHUT:
            self._moving = self._kernel.after(MOVES_NS, partial(self._end, SHUT, SHUT, told))
        elif self.state == OPEN:
            told(OPEN, True)
        else:
            self._move(CHECKING)
            told(CHECKING, False)
            check_s = self._faults.changed("leak_check_s", LEAK_CHECK_S, kind=float)
            self._moving = self._kernel.after(round(check_s * NS_PER_S), partial(self._checked, told))

    def _checked(self, told: Told) -> None:
        leak = self._faults.changed("leak_found", self.leak, kind=bool)
        self._end(SHUT if leak else OPEN, LEAK if leak else OPEN, told)

    def _end(self, state: str, answer: str, told: Told) -> None:
        self._moving = None
        self._move(state)
        told(answer, True)

    def _move(self, state: str) -> None:
        if state != self.state:
            self.state = state
            for listener in tuple(self._listeners):
                listener(state)
