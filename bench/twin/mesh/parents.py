"""A node's parents: the one it has, and the neighbours whose DIOs make them candidates (RFC 6550, 8.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from bench.twin.mesh.pans import Advert

_UNHEARD_DBM: Final = -200
"""Level of a neighbour of which no PA was heard."""


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
