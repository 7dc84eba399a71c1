"""What every driver of a switchable output has: supplies (`devices.supply.driver`) and switches (`devices.switch`).

To a rig it is a source with channels that is read back and recorded. To labgrid it is a ``PowerProtocol`` and a
``DigitalOutputProtocol`` as well (`LabgridOutput`), with or without a rig: ``labgrid-client power on`` opens a session
for the one command.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TypeVar

import attr
from labgrid.driver import Driver
from labgrid.driver.powerdriver import PowerResetMixin
from labgrid.protocol import DigitalOutputProtocol, PowerProtocol

from bench import kinds
from bench.drive.clock import Clock
from bench.errors import BenchError
from bench.sockets import pause
from devices.supply.supply import Bare, Output
from devices.wires.address import Address
from devices.wires.session import SessionLost

T = TypeVar("T")


class LabgridOutput(PowerResetMixin, PowerProtocol, DigitalOutputProtocol):  # type: ignore[misc]  # labgrid has no types
    """labgrid's protocols over one channel of a source. Nothing but the switch is touched; each step is read back."""

    delay: float

    @abstractmethod
    def _switch_it(self, on: bool) -> bool: ...
    @abstractmethod
    def _is_on(self) -> bool: ...

    @Driver.check_active  # type: ignore[untyped-decorator]
    def on(self) -> None:
        self._switch_it(True)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def off(self) -> None:
        self._switch_it(False)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def cycle(self) -> None:
        self._switch_it(False)
        pause(self.delay)
        self._switch_it(True)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def get(self) -> bool:
        return self._is_on()

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set(self, status: bool) -> None:
        self._switch_it(bool(status))


@attr.s(eq=False)
class SourceDriver(Driver):  # type: ignore[misc]
    """A source in a rig. Observation ``supply.output`` after each set; its subject is what the channel feeds."""

    sets = True
    """Whether it sets voltage and current, which a rig file must then name."""
    model = ""
    """Which dialect a watchdog speaks to it, where it has several."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.reached = False
        """It has answered since this driver was made."""
        self.identity = ""
        """What it says of itself (``*IDN?``): make, model, serial number, firmware; empty where it has no words."""
        self._clock: Clock | None = None
        self._loads: Mapping[int, str] = {}

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    @property
    @abstractmethod
    def address(self) -> Address:
        """Where the source is, for the watchdog too, which must reach it by itself."""

    @property
    def unfit(self) -> str:
        """Why it cannot feed anything in a rig; empty where it can."""
        return ""

    @abstractmethod
    def bare(self) -> Bare:
        """The source without clock, labgrid's checks and record."""

    def connect(self, clock: Clock, loads: Mapping[int, str]) -> None:
        """Take it into a rig. ``loads`` says what each channel feeds. ``BenchError`` when it does not answer."""
        self._clock, self._loads = clock, dict(loads)

    def disconnect(self) -> None:
        """Let go of it; the outputs stay as they are."""
        self._clock = None

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver: let go of the instrument."""
        self.disconnect()

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set_volts(self, channel: int, volts: float) -> float:
        got = self._exchange(lambda bare: bare.set_volts(channel, volts))
        self.observe(channel)
        return got

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set_amps(self, channel: int, amps: float) -> float:
        got = self._exchange(lambda bare: bare.set_amps(channel, amps))
        self.observe(channel)
        return got

    @Driver.check_active  # type: ignore[untyped-decorator]
    def switch(self, channel: int, on: bool) -> bool:
        got = self._exchange(lambda bare: bare.switch(channel, on))
        self.observe(channel)
        return got

    @Driver.check_active  # type: ignore[untyped-decorator]
    def output(self, channel: int) -> Output:
        return self._exchange(lambda bare: bare.output(channel))

    def observe(self, channel: int) -> Output:
        """Read the channel back and record what it says."""
        output = self._exchange(lambda bare: bare.output(channel))
        self.record(output)
        return output

    def record(self, output: Output) -> None:
        """Publish what a channel said, whoever asked it."""
        if self._clock is not None:
            load = self._loads.get(output.channel, self.port)
            data = {name: value for name, value in attr.asdict(output).items() if value is not None}
            self._clock.pump.publish(self.port, load, kinds.SUPPLY_OUTPUT, data)

    def switched(self, channel: int, on: bool) -> bool:
        """Switch with or without a rig; the read-back."""
        if self._clock is not None:
            return bool(self.switch(channel, on))
        return self._aside(lambda bare: bare.switch(channel, on))

    def is_on(self, channel: int) -> bool:
        """The state with or without a rig."""
        if self._clock is not None:
            return bool(self.output(channel).on)
        return self._aside(lambda bare: bare.state(channel))

    def _aside(self, action: Callable[[Bare], T]) -> T:
        """One command without a rig, in a session of its own."""
        bare = self.bare()
        try:
            return action(bare)
        finally:
            bare.close()

    def _exchange(self, action: Callable[[Bare], T]) -> T:
        """One exchange; every one may be repeated (sets are absolute), so an instrument that is gone is waited for.

        The gap is recorded. Raises ``BenchError`` when it does not come back within the rig's patience.
        """
        clock = self._clock
        if clock is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        bare = self.bare()
        clock.pump.exchange(self.port)
        try:
            return action(bare)
        except SessionLost as error:
            lost = error
        clock.pump.gone(self.port, str(lost).removeprefix(f"{self.port}: "))
        for _moment in clock.moments(self.port):
            try:
                result = action(bare)
            except SessionLost as error:
                lost = error
            else:
                clock.pump.found(self.port)
                return result
        raise lost
