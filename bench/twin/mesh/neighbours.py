"""Which PAN a node takes, and by which neighbour; which neighbours are its parents (domain.md 5.4; RFC 6550, 8.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from bench.air.wisun import frames as wisun

_UNHEARD_DBM: Final = -200
"""Level of a neighbour of which no PA was heard."""
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


@attrs.frozen(slots=True)
class Parent:
    """A node's way to the root. ``address`` is its global address (16 octets)."""

    eui64: bytes
    address: bytes
    rank: int
    dodag_id: bytes


class Candidates:
    """Neighbours that lead to the root, by what their last DIO said."""

    def __init__(self) -> None:
        self._known: dict[bytes, Parent] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def know(self, candidate: Parent) -> None:
        """A neighbour's DIO."""
        self._known[candidate.eui64] = candidate

    def drop(self, eui64: bytes) -> None:
        """A neighbour that leads there no more."""
        self._known.pop(eui64, None)

    def best(self, adverts: Mapping[bytes, Advert]) -> Parent:
        """The nearest to the root, or else the loudest by its PA. One candidate at least is wanted."""
        return _best(self._known.values(), adverts)

    def instead_of(self, lost: Parent, adverts: Mapping[bytes, Advert]) -> Parent | None:
        """The best of those as near to the root as the lost one was: a node that is behind us never is (8.2.2.4)."""
        others = [one for one in self._known.values() if one.rank <= lost.rank and one.eui64 != lost.eui64]
        return _best(others, adverts) if others else None


def _best(candidates: Iterable[Parent], adverts: Mapping[bytes, Advert]) -> Parent:
    level = {eui64: advert.rssi_dbm for eui64, advert in adverts.items()}
    return min(candidates, key=lambda p: (p.rank, -level.get(p.eui64, _UNHEARD_DBM), p.eui64))
