"""labgrid resource and drivers of a SCPI supply: every set is read back, and the read-back is an observation.

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
from labgrid.resource.pyvisa import PyVISADevice

from bench.drive.clock import Clock
from devices.supply.source import LabgridOutput, SourceDriver
from devices.supply.supply import Supply, SupplyProtocol, dialect_named
from devices.wires.address import Address
from devices.wires.session import ANSWER_S

_VISA_ENDS = ("::INSTR", "::SOCKET", "::RAW")
"""How a VISA resource name ends; labgrid's ``url`` leaves INSTR out."""


@target_factory.reg_resource
@attr.s(eq=False)
class ScpiSocket(Resource):  # type: ignore[misc]  # labgrid has no types
    """An instrument's raw SCPI socket: ``host`` and ``port`` (5025 by custom, 5555 on a Rigol)."""

    host: str = attr.ib(validator=attr.validators.instance_of(str))
    port: int = attr.ib(converter=int)


@target_factory.reg_driver
@attr.s(eq=False)
class ScpiSupplyDriver(SourceDriver, SupplyProtocol, LabgridOutput):
    """A supply of a known ``model`` (``devices/supply/dialect.py``), on a raw socket or, as labgrid's ``PyVISADevice``,
    on USB, GPIB or VXI-11.

    Observation ``supply.output`` {channel, on, volts, amps, measured_volts, measured_amps} after each set. ``channel``
    is what labgrid's ``PowerProtocol`` and ``DigitalOutputProtocol`` switch; `SupplyOutputDriver` has further ones.
    ``delay``: seconds off of a ``cycle``.
    """

    bindings = {"socket": {ScpiSocket, PyVISADevice}}  # noqa: RUF012 -- labgrid's way
    model: str = attr.ib(validator=attr.validators.instance_of(str))
    channel: int = attr.ib(default=1, validator=attr.validators.instance_of(int))
    delay: float = attr.ib(default=2.0, converter=float)
    answer_s: float = attr.ib(default=ANSWER_S, converter=float, validator=attr.validators.gt(0))
    """Real seconds that an answer may take before the instrument counts as dead."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.socket: Any
        self._supply: Supply | None = None

    @property
    def address(self) -> Address:
        if isinstance(self.socket, PyVISADevice):
            kind, url = self.socket.type, self.socket.url
            whole = f"{kind}::{url}" if url.upper().endswith(_VISA_ENDS) else f"{kind}::{url}::INSTR"
            return Address(visa=whole, backend=self.socket.backend or "@py", answer_s=self.answer_s)
        return Address(self.socket.host, self.socket.port, answer_s=self.answer_s)

    def connect(self, clock: Clock, loads: Mapping[int, str]) -> None:
        super().connect(clock, loads)
        self._supply = Supply(self.address.line(self.port), dialect_named(self.model))
        self.identity = self._supply.ready()
        self.reached = True

    def disconnect(self) -> None:
        if self._supply is not None:
            self._supply.close()
        self._supply = None
        super().disconnect()

    def bare(self) -> Supply:
        if self._supply is None:
            return Supply(self.address.line(self.port), dialect_named(self.model))
        return self._supply

    def _switch_it(self, on: bool) -> bool:
        return self.switched(self.channel, on)

    def _is_on(self) -> bool:
        return self.is_on(self.channel)


@target_factory.reg_driver
@attr.s(eq=False)
class SupplyOutputDriver(Driver, LabgridOutput):  # type: ignore[misc]
    """One further output of a supply, for labgrid: ``{bindings: {supply: supply.dc}, channel: 2}``."""

    bindings = {"supply": ScpiSupplyDriver}  # noqa: RUF012 -- labgrid's way
    channel: int = attr.ib(validator=attr.validators.instance_of(int))
    delay: float = attr.ib(default=2.0, converter=float)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.supply: Any

    def _switch_it(self, on: bool) -> bool:
        return bool(self.supply.switched(self.channel, on))

    def _is_on(self) -> bool:
        return bool(self.supply.is_on(self.channel))
