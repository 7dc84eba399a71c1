"""labgrid resource and driver of a SCPI supply: every set is read back, and the read-back is an observation.

A SCPI port says nothing unasked and answers within the exchange, so it stays outside the barrier: the transport itself
waits for each answer before time may move (design section 3, rule 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import Resource

from bench.clock import Clock
from bench.errors import BenchError
from devices.scpi.supply import Output, Supply, SupplyProtocol, dialect_named
from devices.scpi.transport import ScpiTransport


@target_factory.reg_resource
@attr.s(eq=False)
class ScpiSocket(Resource):  # type: ignore[misc]  # labgrid has no types
    """An instrument's raw SCPI socket: ``host`` and ``port`` (5025 by custom, 5555 on a Rigol)."""

    host: str = attr.ib(validator=attr.validators.instance_of(str))
    port: int = attr.ib(converter=int)


@target_factory.reg_driver
@attr.s(eq=False)
class ScpiSupplyDriver(Driver, SupplyProtocol):  # type: ignore[misc]
    """A supply of a known ``model`` (``devices/scpi/dialects.py``).

    Observation ``supply.output`` {channel, on, volts, amps, measured_volts, measured_amps} after each set; its subject
    is what the channel feeds.
    """

    bindings = {"socket": ScpiSocket}  # noqa: RUF012 -- labgrid's way
    model: str = attr.ib(validator=attr.validators.instance_of(str))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.socket: Any
        self._clock: Clock | None = None
        self._supply: Supply | None = None
        self._loads: Mapping[int, str] = {}

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    @property
    def address(self) -> tuple[str, int]:
        """Host and TCP port, for the watchdog, which must reach the supply by itself."""
        return self.socket.host, self.socket.port

    def connect(self, clock: Clock, loads: Mapping[int, str]) -> None:
        """Open the instrument. ``loads`` says what each channel feeds. ``BenchError`` when it does not answer."""
        self._clock, self._loads = clock, dict(loads)
        self._supply = Supply(ScpiTransport(self.port, *self.address), dialect_named(self.model))
        self._supply.open()

    def disconnect(self) -> None:
        """Close the session; the outputs stay as they are."""
        if self._supply is not None:
            self._supply.close()
        self._clock = self._supply = None

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver: let go of the instrument."""
        self.disconnect()

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set_volts(self, channel: int, volts: float) -> float:
        got = self._exchange().set_volts(channel, volts)
        self.observe(channel)
        return got

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set_amps(self, channel: int, amps: float) -> float:
        got = self._exchange().set_amps(channel, amps)
        self.observe(channel)
        return got

    @Driver.check_active  # type: ignore[untyped-decorator]
    def switch(self, channel: int, on: bool) -> bool:
        got = self._exchange().switch(channel, on)
        self.observe(channel)
        return got

    @Driver.check_active  # type: ignore[untyped-decorator]
    def output(self, channel: int) -> Output:
        return self._exchange().output(channel)

    def observe(self, channel: int) -> Output:
        """Read the channel back and record what it says."""
        output = self._exchange().output(channel)
        assert self._clock is not None
        self._clock.pump.publish(self.port, self._loads.get(channel, self.port), "supply.output", attr.asdict(output))
        return output

    def _exchange(self) -> Supply:
        if self._supply is None or self._clock is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        self._clock.pump.exchange(self.port)
        return self._supply
