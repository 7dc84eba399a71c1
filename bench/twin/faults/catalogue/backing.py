"""Faults of batteries: what goes dark too soon when the mains are gone (``outage-backup``)."""

from __future__ import annotations

from typing import Final

import attrs

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


FAULTS: Final[tuple[type[Fault], ...]] = (
    BatteryMissing,
    BatteryAged,
    ConcentratorBatteryFlat,
    ConcentratorBatteryAged,
)
