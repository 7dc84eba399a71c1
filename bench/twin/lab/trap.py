"""A trap: a lab stops at one point of one command until it is told to go on, so that a failure can strike right there.

    bench ── command ──> [before] ── it takes effect ──> [in] ── its answer ──> [after]

Only the connection that was caught waits; who comes by another one (a watchdog) is served. What is held goes on under
the habits that hold by then: set while it waits, they strike at this very command.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import attrs


class Point(StrEnum):
    """Where a command is caught."""

    BEFORE = "before"  # heard, without effect
    IN = "in"  # in effect, not answered
    AFTER = "after"  # answered


@attrs.define
class Trap:
    """One trap for a lab; ``port`` empty: none is set. ``words``: what the command must contain."""

    port: str = ""
    point: Point = Point.BEFORE
    words: bytes = b""
    caught: bytes | None = None
    """The command that was caught."""
    _line: object = None
    _held: list[Callable[[], None]] = attrs.field(factory=list)

    def set(self, port: str, point: Point, words: str) -> None:
        """Set it anew; what it still holds goes on first."""
        self.release()
        self.port, self.point, self.words, self.caught = port, point, words.encode(), None

    def holds(self, line: object, go_on: Callable[[], None]) -> bool:
        """Whether ``line`` waits; then what came by it waits as well."""
        if self._line is not line:
            return False
        self._held.append(go_on)
        return True

    def catches(self, port: str, point: Point, command: bytes, line: object, go_on: Callable[[], None]) -> bool:
        """Whether this is the command; then ``go_on`` is called when the trap is released."""
        if port != self.port or point is not self.point or self.words not in command or self.caught is not None:
            return False
        self.caught, self._line = command, line
        self._held.append(go_on)
        return True

    def release(self) -> None:
        """Let go on what is held, in its order; the trap is gone."""
        self.port, self._line = "", None
        held, self._held = self._held, []
        for go_on in held:
            go_on()
