"""labgrid's ``ConsoleProtocol`` over a line driver: ``read``, ``write``, ``sendline``, ``expect``, ``settle``.

In a rig the pump reads the wire, so ``read`` gives what it heard since (lines cleaned of noise, and prompts), and waits
in rig time. Without a rig the wire is opened for labgrid alone, and read as it comes. Beside the driver's own commands
``expect`` is for people's scripts: a verdict needs answers that are proved to belong to their questions.
"""

from __future__ import annotations

from typing import Any, Final

from labgrid.driver.consoleexpectmixin import ConsoleExpectMixin
from labgrid.protocol import ConsoleProtocol
from pexpect import TIMEOUT

from bench.drive.clock import Clock
from bench.records import NS_PER_S
from bench.sockets import readable
from devices.wires.opening import open_wire
from devices.wires.wire import CHUNK, LineChannel, Wire

REMEMBERED: Final = 1 << 16
"""Octets kept for a reader; older ones go."""


class LabgridConsole(ConsoleExpectMixin, ConsoleProtocol):  # type: ignore[misc]  # labgrid has no types
    """Stands before `LineDriver` in a driver's bases; the driver calls `overhear` for what it heard."""

    txdelay = 0.0
    txchunk = 1
    port: str
    wire: Any
    _clock: Clock | None

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._heard = b""
        self._alone: Wire | None = None

    def overhear(self, octets: bytes) -> None:
        """Keep what the pump read."""
        self._heard = (self._heard + octets)[-REMEMBERED:]

    def connect(self, clock: Clock, subject: str) -> None:
        """Into a rig: who read the wire alone lets go of it."""
        self._let_go()
        self._heard = b""
        super().connect(clock, subject)

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver."""
        self._let_go()
        super().on_deactivate()

    def _read(self, size: int = 1, timeout: float = 0.0, max_size: int | None = None) -> bytes:
        if self._clock is not None:
            self._clock.wait_for(_Heard(self), self._clock.now_ns() + round(timeout * NS_PER_S))
        elif not self._heard:
            wire = self._own_wire()
            if readable(wire.fileno(), timeout):
                self.overhear(wire.read(CHUNK))
        if not self._heard:
            raise TIMEOUT(f"{self.port}: nothing within {timeout:g} s")
        most = max_size or len(self._heard)
        said, self._heard = self._heard[:most], self._heard[most:]
        return said

    def _write(self, data: bytes) -> int:
        if self._clock is None:
            self._own_wire().write(data)
        else:
            self._clock.pump.exchange(self.port)
            channel = self._clock.pump.channels[self.port]
            assert isinstance(channel, LineChannel)
            channel.write(data)
        return len(data)

    def _own_wire(self) -> Wire:
        if self._alone is None:
            self._alone = open_wire(self.port, self.wire)
        return self._alone

    def _let_go(self) -> None:
        wire, self._alone = self._alone, None
        if wire is not None:
            wire.close()


class _Heard:
    """The condition that a console has said something."""

    ports: frozenset[str] = frozenset()

    def __init__(self, console: LabgridConsole) -> None:
        self._console = console

    @property
    def met(self) -> bool:
        return bool(self._console._heard)

    def feed(self, _observation: Any) -> None:
        """The console hears by itself."""
