"""labgrid's driver of a switch: a relay or a power back end of labgrid's own as a feed of the rig file.

- NetworkPowerPort: {name: pdu.3, model: simplerest, host: "http://192.0.2.9/{index}/{value}", index: 3}
- NetworkPowerDriver: {name: pdu.3, bindings: {port: pdu.3}}
- PowerSwitchDriver: {name: mains, bindings: {power: pdu.3}}         mains: {supply: mains, safe: off}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attr
from labgrid.factory import target_factory
from labgrid.protocol import DigitalOutputProtocol, PowerProtocol

from bench.drive.clock import Clock
from devices.supply.source import SourceDriver
from devices.switch.switch import Switch, recipe
from devices.wires.address import Address


@target_factory.reg_driver
@attr.s(eq=False)
class PowerSwitchDriver(SourceDriver):
    """Switches what ``power`` is bound to: a driver with labgrid's ``PowerProtocol`` or ``DigitalOutputProtocol``.

    Observation ``supply.output`` {channel, on} after each switching. No time-out of a back end's own is relied on.
    """

    bindings = {"power": {PowerProtocol, DigitalOutputProtocol}}  # noqa: RUF012 -- labgrid's way
    sets = False

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.power: Any

    @property
    def address(self) -> Address:
        return Address(labgrid=recipe(self.power))

    @property
    def unfit(self) -> str:
        """A driver that cannot say what its output is: nothing of it could be known to be safe."""
        return "" if callable(getattr(self.power, "get", None)) else f"{type(self.power).__name__} reads nothing back"

    def connect(self, clock: Clock, loads: Mapping[int, str]) -> None:
        super().connect(clock, loads)
        self.bare().state(1)
        self.reached = True

    def bare(self) -> Switch:
        return Switch(self.port, self.power)
