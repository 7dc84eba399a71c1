"""A device with habits: between the wire and the impersonator, it loses, delays, doubles and garbles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from bench.ports import ByteImpersonator, Port
from bench.twin.lab.habits import Habits, Holding, Noise
from bench.twin.lab.pace import Pace
from bench.twin.lab.trap import Point, Trap

BETWEEN_PIECES_S: Final = 0.02
AGAIN_S: Final = 0.05
LONGEST_LINE: Final = 1 << 16


class Line(Protocol):
    """One opened wire towards the bench."""

    def send(self, data: bytes) -> None:
        """Octets to the bench; nothing happens when the wire is closed."""

    def reset(self) -> None:
        """End it the hard way."""


class HabitualDevice:
    """Is the port to its impersonator, and the impersonator to the front that owns the wires."""

    def __init__(self, name: str, habits: Habits, pace: Pace, trap: Trap) -> None:
        self.name = name
        self.commands = 0
        self._habits, self._pace, self._trap = habits, pace, trap
        self._impersonator: ByteImpersonator | None = None
        self._split: Callable[[bytes], tuple[list[bytes], bytes]] = _lines
        self._line: Line | None = None
        self._buffer = b""
        self._answer: bytearray | None = None
        self._kept = b""
        self._opened_s = self._heard_s = self._free_s = -1e9

    def now_ns(self) -> int:
        return self._pace.now_ns()

    @property
    def holding(self) -> Holding:
        """The habits that hold now."""
        return self._habits.of_port(self.name, self._pace.elapsed_s)

    def put_behind(self, make: Callable[[Port], ByteImpersonator]) -> None:
        """Put the impersonator behind the habits. One whose commands are no lines has a ``split`` of its own."""
        self._impersonator = make(self)
        self._split = getattr(self._impersonator, "split", _lines)

    @property
    def closed_relay(self) -> bool | None:
        """What it is, where it is a relay; None where it is none."""
        return getattr(self._impersonator, "closed", None)

    # -- towards the bench ---------------------------------------------------------------------------------------

    def say(self, data: bytes) -> None:
        if self._answer is not None:
            self._answer += data
        elif self._line is not None and not self.holding.half_open:
            self._send(self._line, data, 0.0)

    def flood(self, octets: int) -> None:
        """Say that much without a line end."""
        if self._line is not None:
            self._line.send(b"\x00\xffbabble " * (octets // 9 + 1))

    # -- from the bench ------------------------------------------------------------------------------------------

    def opened(self, line: Line) -> None:
        """The bench opened a wire; the newest one gets what is said."""
        assert self._impersonator is not None
        self._line, self._buffer, self._opened_s = line, b"", self._pace.elapsed_s
        self._impersonator.on_connect()
        for _ in range(self.holding.old_errors):
            self._ask(b":OLD:ERROR\n")

    def closed(self, line: Line) -> None:
        """A wire ended."""
        if self._line is line:
            self._line = None

    def received(self, data: bytes, line: Line) -> None:
        """Octets from the bench on ``line``."""
        self._pace.catch_up()
        commands, rest = self._split(self._buffer + data)
        self._buffer = rest[-LONGEST_LINE:]
        for command in commands:
            self._come(command, line)

    def _come(self, command: bytes, line: Line) -> None:
        def go_on() -> None:
            self._hear(command, line)

        if not self._trap.holds(line, go_on) and not self._trap.catches(self.name, Point.BEFORE, command, line, go_on):
            go_on()

    def _hear(self, command: bytes, line: Line) -> None:
        habit, now_s = self.holding, self._pace.elapsed_s
        too_soon = habit.min_gap_s and now_s - self._heard_s < habit.min_gap_s and b"?" not in command
        self._heard_s = now_s
        self.commands += 1
        if habit.half_open or now_s - self._opened_s < habit.deaf_s or too_soon:
            return
        if habit.drop_every and self.commands % habit.drop_every == 0:
            return
        if habit.apply_late_s and b"?" not in command:
            self._pace.later(habit.apply_late_s, lambda: self._do(command, line))
            return
        self._do(command, line)

    def _do(self, command: bytes, line: Line) -> None:
        answer = self._ask(command)

        def go_on() -> None:
            self._answer_on(line, command, answer, self.holding)

        if self._trap.catches(self.name, Point.IN, command, line, go_on):
            return
        go_on()
        self._trap.catches(self.name, Point.AFTER, command, line, lambda: None)

    def _ask(self, command: bytes) -> bytes:
        """What the impersonator answers."""
        assert self._impersonator is not None
        before, self._answer = self._answer, bytearray()
        try:
            self._impersonator.on_bytes(command)
            return bytes(self._answer)
        finally:
            self._answer = before

    def _answer_on(self, line: Line, command: bytes, answer: bytes, habit: Holding) -> None:
        if habit.reset_every and self.commands % habit.reset_every == 0:
            line.reset()
            return
        if habit.previous:
            answer, self._kept = self._kept, answer
        if habit.silent or habit.half_open or not answer:
            return
        answer = self._garbled(command, answer, habit)
        late_s = habit.late_s if self.commands % habit.late_every == 0 else 0.0
        self._send(line, answer, late_s, habit.pieces)
        if habit.twice:
            self._send(line, answer, late_s + AGAIN_S)

    def _garbled(self, command: bytes, answer: bytes, habit: Holding) -> bytes:
        before = b""
        for noise in habit.noise:
            if noise is Noise.NUL:
                before += b"\x00"
            elif noise is Noise.FF:
                before += b"\xff"
            elif noise is Noise.ECHO:
                before += command.rstrip(b"\r\n") + b"\r\n"
            elif noise is Noise.PROMPT and self.name.startswith("console."):
                before += b"\r\x1b[K> \r\x1b[K> "
            elif noise is Noise.STATE and self.name.startswith("console."):
                before += b"[Join state: Select PAN (1)]\r\n"
            elif noise is Noise.STATE and not self.name.startswith("supply."):
                before += b"! NOTE battery ok\n"
            elif noise is Noise.COLOUR:
                answer = b"\x1b[32m" + answer.replace(b"> ", b"\x1b[1m> \x1b[0m")
        return before + answer

    def _send(self, line: Line, data: bytes, late_s: float, pieces: int = 0) -> None:
        """In order: nothing overtakes what was said before."""
        self._pace.said()
        at_s = max(self._pace.elapsed_s + late_s, self._free_s)
        parts = [data[n : n + pieces] for n in range(0, len(data), pieces)] if pieces else [data]
        for n, part in enumerate(parts):
            wait_s = at_s + n * BETWEEN_PIECES_S - self._pace.elapsed_s
            if wait_s <= 0:
                line.send(part)
            else:
                self._pace.later(wait_s, lambda part=part: line.send(part))  # type: ignore[misc]
        self._free_s = at_s + (len(parts) - 1) * BETWEEN_PIECES_S


def _lines(octets: bytes) -> tuple[list[bytes], bytes]:
    """Whole lines with their ends, and what is left."""
    *whole, rest = octets.split(b"\n")
    return [line + b"\n" for line in whole], rest
