"""Supplies: what an output feeds, when its loads go dark, and what it measures.

A DC output feeds terminals, an AC source feeds smart meters, which may hold on by battery. Outputs change at once
(an ideal source with a bleeder: off is 0 V). Over the current limit the output falls into constant current, and its
voltage follows the load. Read-backs carry a small noise drawn from the seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from bench.records import NS_PER_S
from bench.twin.core.kernel import Call, Kernel
from bench.twin.topology import Channel, Supply

NOISE: Final = 2e-4
"""Relative standard deviation of a read-back."""


class Load(Protocol):
    """Something that an output feeds."""

    def feed(self, on: bool) -> None:
        """Supply present or gone."""

    def amps(self, volts: float) -> float:
        """Current that it takes at ``volts``."""


class ConstantCurrentLoad:
    """A terminal: a mean current while it is fed."""

    def __init__(self, milliamps: float, switch: Callable[[bool], None]) -> None:
        self._amps, self.feed = milliamps / 1000, switch

    def amps(self, volts: float) -> float:
        return self._amps if volts > 0 else 0.0


class BackedUpLoad:
    """A smart meter or a concentrator: constant power, with a battery that is full again as soon as its mains are back.

    ``hold_s()``: seconds for which it lasts, asked whenever the mains go.
    """

    def __init__(
        self, kernel: Kernel, watts: float, hold_s: Callable[[], float], switch: Callable[[bool], None]
    ) -> None:
        self._kernel, self._watts, self._hold_s, self._switch = kernel, watts, hold_s, switch
        self._fed: bool | None = None
        self._death: Call | None = None

    def feed(self, on: bool) -> None:
        if on == self._fed:
            return
        self._fed = on
        if on:
            alive = self._death is not None and self._death.pending
            if self._death is not None:
                self._death.cancel()
            if not alive:
                self._switch(True)
        elif hold_ns := round(self._hold_s() * NS_PER_S):
            self._death = self._kernel.after(hold_ns, lambda: self._switch(False))
        else:
            self._switch(False)

    def amps(self, volts: float) -> float:
        return self._watts / volts if volts > 0 else 0.0


class Output:
    """One output of a supply; implements ``bench.ports.OutputModel``."""

    def __init__(self, plan: Channel, loads: Sequence[Load], rng: random.Random) -> None:
        self._loads, self._rng, self._min_volts = tuple(loads), rng, plan.min_volts
        self._set_volts, self._set_amps, self._on = plan.volts, plan.amps, plan.on
        self._feed()

    @property
    def set_volts(self) -> float:
        return self._set_volts

    @set_volts.setter
    def set_volts(self, volts: float) -> None:
        self._set_volts = volts
        self._feed()

    @property
    def set_amps(self) -> float:
        return self._set_amps

    @set_amps.setter
    def set_amps(self, amps: float) -> None:
        self._set_amps = amps
        self._feed()

    @property
    def on(self) -> bool:
        return self._on

    def switch(self, on: bool) -> None:
        """Switch the output; its loads go dark or boot in this instant."""
        self._on = on
        self._feed()

    def volts(self) -> float:
        """Voltage at the terminals of the output, with the meter's noise."""
        return self._noisy(self._true_volts())

    def amps(self) -> float:
        """Current out of the output, with the meter's noise."""
        return self._noisy(min(self._wanted(self._true_volts()), self._set_amps))

    def _wanted(self, volts: float) -> float:
        return sum(load.amps(volts) for load in self._loads)

    def _true_volts(self) -> float:
        if not self._on:
            return 0.0
        wanted = self._wanted(self._set_volts)
        return self._set_volts if wanted <= self._set_amps else self._set_volts * self._set_amps / wanted

    def _feed(self) -> None:
        volts = self._true_volts()
        for load in self._loads:
            load.feed(volts > 0 and volts >= self._min_volts)

    def _noisy(self, value: float) -> float:
        return value * (1 + self._rng.gauss(0, NOISE)) if value else 0.0


class SupplyUnit:
    """A supply of the bench; implements ``bench.ports.SupplyModel``."""

    def __init__(self, plan: Supply, channels: Sequence[Output]) -> None:
        self.serial = plan.serial
        self.channels: Sequence[Output] = tuple(channels)
