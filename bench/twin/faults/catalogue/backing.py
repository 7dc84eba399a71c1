"""Faults of batteries: what goes dark too soon when the mains are gone (``outage-backup``)."""

from __future__ import annotations

from typing import Final

import attrs

from bench.records import NS_PER_HOUR
from bench.twin.faults.fault import Fault


@attrs.define
class BatteryMissing(Fault):
    """A smart meter has no battery: it is dark with its mains."""

    name = "battery-missing"
    at = "m1"
    turns = ("outage-backup",)

    def battery_s(self, seconds: float) -> float:
        return 0.0


@attrs.define
class BatteryAged(Fault):
    """The last smart meter's battery holds for ``share`` of its time: four minutes less than is agreed."""

    share: float = 0.65
    name = "battery-aged"
    at = "m3"
    turns = ("outage-backup",)

    def battery_s(self, seconds: float) -> float:
        return self.share * seconds


@attrs.define
class ConcentratorBatteryFlat(Fault):
    """The concentrator's battery holds for ``seconds`` only."""

    seconds: float = 300.0
    name = "concentrator-battery-flat"
    at = "concentrator"
    turns = ("outage-backup-concentrator",)

    def battery_s(self, seconds: float) -> float:
        return self.seconds


@attrs.define
class ConcentratorBatteryAged(ConcentratorBatteryFlat):
    """The concentrator's battery holds seven minutes less than is agreed."""

    seconds: float = 6780.0
    name = "concentrator-battery-aged"


@attrs.define
class BatteryNotRecharged(Fault):
    """A battery that was used ``times`` times is empty for good: nobody charges it."""

    times: int = 1
    name = "battery-not-recharged"
    at = "m2"
    turns = ("outage-backup",)
    _used: int = attrs.field(default=0, init=False)

    def battery_s(self, seconds: float) -> float:
        self._used += 1
        return seconds if self._used <= self.times else 0.0


@attrs.define
class ConcentratorNotRecharged(BatteryNotRecharged):
    """The concentrator's."""

    name = "concentrator-not-recharged"
    at = "concentrator"
    turns = ("outage-backup-concentrator",)


@attrs.define
class SlowCharger(Fault):
    """A battery takes ``hours`` to be full again."""

    hours: float = 48.0
    name = "slow-charger"
    at = "m1"
    turns = ("outage-backup",)
    _used_ns: int | None = attrs.field(default=None, init=False)

    def battery_s(self, seconds: float) -> float:
        before_ns, self._used_ns = self._used_ns, self.now_ns
        if before_ns is None:
            return seconds
        return seconds * min(1.0, (self.now_ns - before_ns) / (self.hours * NS_PER_HOUR))


FAULTS: Final[tuple[type[Fault], ...]] = (
    BatteryMissing,
    BatteryAged,
    ConcentratorBatteryFlat,
    ConcentratorBatteryAged,
    BatteryNotRecharged,
    ConcentratorNotRecharged,
    SlowCharger,
)
