"""Which PAN a node takes, and by which neighbour: what it heard of them in PAs (domain.md 5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from bench.air.wisun import frames as wisun

LOAD_AVOIDED: Final = 90
"""A PAN of that load, %, is taken only where there is no other."""


@attrs.frozen(slots=True)
class Advert:
    """The last PA of a neighbour. ``load`` is the PAN's, %."""

    pan_id: int
    routing_cost: int
    size: int
    load: int
    rssi_dbm: int

    @classmethod
    def of(cls, pan_id: int, pan: wisun.Pan, metrics: wisun.Jm | None, rssi_dbm: int) -> Advert:
        """What a PA says; a load that it does not tell is taken for none."""
        said = (wisun.Jm.load_of(*metric) for metric in (metrics.metrics if metrics is not None else ()))
        load = next((load for load in said if load is not None), 0)
        return cls(pan_id, pan.routing_cost, pan.size, load, rssi_dbm)

    @property
    def pan_rank(self) -> tuple[bool, int, int]:
        """What PANs are chosen by, the least first: not a full one, by load, then by cost."""
        return self.load >= LOAD_AVOIDED, self.load, 256 * self.routing_cost + 64 * self.size


def choose(adverts: Mapping[bytes, Advert]) -> tuple[dict[bytes, Advert], bytes]:
    """The adverts of the PAN to take, and who of its senders is the nearest to the border router, or else the loudest.
    One advert at least is wanted."""
    pan_id = min(adverts.values(), key=lambda advert: (advert.pan_rank, advert.pan_id)).pan_id
    of_pan = {eui64: one for eui64, one in adverts.items() if one.pan_id == pan_id}
    return of_pan, min(of_pan, key=lambda eui64: (of_pan[eui64].routing_cost, -of_pan[eui64].rssi_dbm, eui64))
