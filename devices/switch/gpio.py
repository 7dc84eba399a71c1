"""A line of a GPIO chip as a labgrid output, by the kernel's character device (labgrid's own driver is sysfs).

- GpioLine: {name: line.gas, chip: /dev/gpiochip0, line: 17, active_low: false}
- GpioLineDriver: {name: relay.gas, bindings: {line: line.gas}}

It has labgrid's ``DigitalOutputProtocol``, so it serves wherever a relay does: a meter's pulses, a key, an outage. The
line is asked for with the first command and is the bench's until it ends; a kernel gives it back to nobody in between,
and lets go of it when the bench is killed, so that the watchdog can have it. From a bench that is stopped nobody can
take it: its watchdog ends that bench (`fixtures.rig.guard`). Needs the package ``gpiod`` (2.x), which the bench does
not bring: ``pip install gpiod``.
"""

from __future__ import annotations

import importlib
from typing import Any

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.protocol import DigitalOutputProtocol
from labgrid.resource import Resource

from bench.errors import BenchError

CONSUMER = "kenshin"


@target_factory.reg_resource
@attr.s(eq=False)
class GpioLine(Resource):  # type: ignore[misc]  # labgrid has no types
    """A line by its number on a chip; ``active_low``: asserted is a low level."""

    chip: str = attr.ib(validator=attr.validators.instance_of(str))
    line: int = attr.ib(validator=attr.validators.instance_of(int))
    active_low: bool = attr.ib(default=False, validator=attr.validators.instance_of(bool))


@target_factory.reg_driver
@attr.s(eq=False)
class GpioLineDriver(Driver, DigitalOutputProtocol):  # type: ignore[misc]
    """Sets a line and reads back its level."""

    bindings = {"line": GpioLine}  # noqa: RUF012 -- labgrid's way

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.line: Any
        self._request: Any = None

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set(self, status: bool) -> None:
        gpiod = _gpiod()
        value = gpiod.line.Value.ACTIVE if status else gpiod.line.Value.INACTIVE
        if self._request is None:
            self._request = self._asked(gpiod, gpiod.line.Direction.OUTPUT, value)
        else:
            self._request.set_value(self.line.line, value)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def get(self) -> bool:
        """Its level; of a line that nobody has set yet it is left as it is."""
        gpiod = _gpiod()
        if self._request is not None:
            return bool(self._request.get_value(self.line.line) == gpiod.line.Value.ACTIVE)
        with self._asked(gpiod, gpiod.line.Direction.AS_IS, gpiod.line.Value.INACTIVE) as request:
            return bool(request.get_value(self.line.line) == gpiod.line.Value.ACTIVE)

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver: the line is given back."""
        if self._request is not None:
            self._request.release()
            self._request = None

    def _asked(self, gpiod: Any, direction: Any, value: Any) -> Any:
        settings = gpiod.LineSettings(direction=direction, output_value=value, active_low=self.line.active_low)
        return gpiod.request_lines(self.line.chip, consumer=CONSUMER, config={self.line.line: settings})


def _gpiod() -> Any:
    try:
        return importlib.import_module("gpiod")
    except ImportError:
        raise BenchError("a GpioLine needs the package gpiod (2.x): pip install gpiod") from None
