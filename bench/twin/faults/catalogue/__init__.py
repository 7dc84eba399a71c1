"""The faults of the bench itself, by what goes wrong; ``kenshin qualify`` runs the plan over all of them.

Each says the requirement that it should turn red (``turns``) and what turns with it (``also``, with the reason in its
docstring). ``docs/qualification.md`` shows what the plan makes of them.
"""

from typing import Final

from bench.twin.faults.catalogue import (
    alarming,
    answering,
    backing,
    controlling,
    delivering,
    joining,
    onsite,
    passing,
    reading,
    sending,
    serving,
    storing,
)
from bench.twin.faults.catalogue.alarming import DropOutageAlarm
from bench.twin.faults.catalogue.delivering import DoubleOnRecovery
from bench.twin.faults.catalogue.joining import LateJoin
from bench.twin.faults.catalogue.reading import ShiftHour
from bench.twin.faults.catalogue.storing import LoseHour
from bench.twin.faults.fault import Fault

BUILT_IN: Final[tuple[type[Fault], ...]] = (
    *joining.FAULTS,
    *answering.FAULTS,
    *delivering.FAULTS,
    *reading.FAULTS,
    *storing.FAULTS,
    *alarming.FAULTS,
    *sending.FAULTS,
    *serving.FAULTS,
    *controlling.FAULTS,
    *backing.FAULTS,
    *passing.FAULTS,
    *onsite.FAULTS,
)

__all__ = ["BUILT_IN", "DoubleOnRecovery", "DropOutageAlarm", "LateJoin", "LoseHour", "ShiftHour"]
