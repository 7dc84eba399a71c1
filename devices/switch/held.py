"""A relay that a rig must not leave as it is: it is an output, made safe by bench and watchdog like a supply's.

A pressed key keeps a terminal erasing itself, a cut mesh keeps an operator's terminals dark. So such a relay stands in
the rig's safe plan: the watchdog of a killed bench builds the same labgrid driver (`devices.switch.switch.recipe`),
lets go within the rig's ``hold_s``, and reads that back.
"""

from __future__ import annotations

from typing import Any

import attr
from labgrid.driver import Driver
from labgrid.protocol import DigitalOutputProtocol

from bench.drive.clock import Clock
from bench.errors import BenchError
from devices.supply.supply import Safe
from devices.switch.switch import Switch, recipe
from devices.wires.address import Address


@attr.s(eq=False)
class HeldRelay(Driver):  # type: ignore[misc]  # labgrid has no types
    """What drivers over one relay share; implements ``devices.family.HeldOutput``. The relay is channel 1 of it."""

    bindings = {"output": DigitalOutputProtocol}  # noqa: RUF012 -- labgrid's way

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.output: Any
        self.reached = False
        """It has answered since this driver was made."""
        self._clock: Clock | None = None
        self._subject = ""

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    @property
    def address(self) -> Address:
        """How a watchdog builds the relay's driver once more. ``InputError`` where it cannot be told."""
        return Address(labgrid=recipe(self.output))

    @property
    def safe(self) -> Safe:
        """``off``: an open relay is safe; ``hold``: a closed one is."""
        return Safe.OFF

    @property
    def unfit(self) -> str:
        """A driver that cannot say what its output is: nothing of it could be known to be safe."""
        return "" if callable(getattr(self.output, "get", None)) else f"{type(self.output).__name__} reads nothing back"

    def connect(self, clock: Clock, subject: str) -> None:
        """Take it into a rig. ``BenchError`` where the relay does not answer."""
        self.bare().state(1)
        self._clock, self._subject, self.reached = clock, subject, True

    def disconnect(self) -> None:
        """Let go of the relay, which stays as it is."""
        self._clock = None

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver."""
        self.disconnect()

    def bare(self) -> Switch:
        """The relay without clock, labgrid's checks and record."""
        return Switch(self.port, self.output)

    def make_safe(self) -> None:
        """Into its safe state, as far as this bench ever reached the relay. ``BenchError`` where it does not obey."""
        if self.reached:
            self.bare().switch(1, self.safe is Safe.HOLD)

    @property
    def clock(self) -> Clock:
        """Rig time; ``BenchError`` outside a rig."""
        if self._clock is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        return self._clock
