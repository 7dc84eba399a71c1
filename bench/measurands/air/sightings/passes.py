"""How measurands go through a capture: twice, together, one sighting at a time.

A result often hangs on what comes later (who owns an address, what acknowledgements will be heard, how long the capture
is). So each measurand goes round twice: it prepares, then it sees. What it keeps between sightings is bounded by nodes,
links and what is open at one time, or takes a few octets a value (`samples`); sightings themselves are not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.measurands.air.sightings.digest import Digest
    from bench.measurands.air.sightings.sighting import Sighting


class Measurand:
    """What is told of every sighting of a capture, in its order: first all to `prepare`, then all to `see`."""

    def prepare(self, sighting: Sighting) -> None:
        """A sighting, the first time round."""

    def see(self, sighting: Sighting) -> None:
        """A sighting, the second time round."""

    def close(self) -> None:
        """There are no more."""


def run(seen: Digest, *measurands: Measurand) -> None:
    """Take measurands through a capture."""
    preparing = [each.prepare for each in measurands if type(each).prepare is not Measurand.prepare]
    seeing = [each.see for each in measurands if type(each).see is not Measurand.see]
    for called in (preparing, seeing):
        if called:
            for sighting in seen.sightings:
                for call in called:
                    call(sighting)
    for each in measurands:
        each.close()
