"""What the console, meter and panel drivers share: a labgrid driver whose wire the pump reads.

labgrid builds and activates the driver; ``connect`` then opens its wire and takes it into the rig's clock. The driver's
labgrid name is the port's name (``console.t1``), so one name serves environment, barrier, timeline and messages.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import Any

import attr
from labgrid.driver import Driver

from bench.clock import Clock
from bench.errors import BenchError, KenshinError
from bench.records import Json
from devices.wire import LineChannel, open_wire


@attr.s(eq=False)
class LineDriver(Driver):  # type: ignore[misc]  # labgrid has no types
    """A driver over a line-based wire. ``subject`` is whom its observations are about."""

    bindings = {"wire": {"RawSerialPort", "NetworkSerialPort"}}  # noqa: RUF012 -- labgrid's way
    prompt = b""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.wire: Any
        self.subject = ""
        self._clock: Clock | None = None
        self._channel: LineChannel | None = None
        self._answers: deque[str] = deque()

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    @property
    def clock(self) -> Clock:
        if self._clock is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        return self._clock

    def connect(self, clock: Clock, subject: str) -> None:
        """Open the wire and take it into the rig. Raises ``BenchError`` when the port cannot be opened."""
        self._clock, self.subject = clock, subject
        self._channel = LineChannel(
            self.port, open_wire(self.port, self.wire), self.on_line, self.prompt, self.on_prompt
        )
        clock.attach(self._channel)

    def disconnect(self) -> None:
        """Close the wire; the port leaves the barrier."""
        if self._clock is not None:
            self._clock.detach(self.port)
        self._clock = self._channel = None

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver: let go of the port; that it is dead already is no news then."""
        with contextlib.suppress(KenshinError):
            self.disconnect()

    def on_line(self, text: str) -> None:
        """A whole line from the device; by default the answer to the last command."""
        self._answers.append(text)

    def on_prompt(self) -> None:
        """The device is ready for the next command (where there is a prompt)."""

    def publish(self, kind: str, data: dict[str, Json]) -> None:
        """One observation of this port about its subject."""
        self.clock.pump.publish(self.port, self.subject, kind, data)

    def send(self, text: str) -> None:
        """Send one command line. Raises ``BenchError`` when the port is gone."""
        if self._channel is None or self.port not in self.clock.pump.channels:
            raise BenchError(f"{self.port}: the port is gone (sending {text!r})")
        self.clock.pump.exchange(self.port)
        try:
            self._channel.wire.write(text.encode() + b"\n")
        except BenchError:
            self.clock.pump.lose(self.port, "closed by the device")
            raise

    def ask(self, text: str) -> list[str]:
        """Send one command and return the words of its one-line answer.

        Raises ``BenchError`` when the device refuses (``ERR reason``) or does not answer.
        """
        self._answers.clear()
        self.send(text)
        self.clock.pump.until(self.port, lambda: bool(self._answers), f"answer to {text!r}")
        answer = self._answers.popleft()
        if answer.startswith("ERR"):
            raise BenchError(f"{self.port}: refused {text!r}: {answer.removeprefix('ERR').strip()}")
        return answer.split()

    def odd_answer(self, text: str, words: list[str]) -> BenchError:
        """The error for an answer that does not fit its command."""
        return BenchError(f"{self.port}: odd answer to {text!r}: {' '.join(words)!r}")
