"""Tables of what is open (attempts, datagrams, echoes under way), kept as small as what is open at one time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

FEW: Final = 1024
"""Entries that a table may hold whatever their age."""


class Expiry(Generic[K, V]):
    """Looks through a table each time it has doubled, so an entry costs a constant, and what is over goes in time."""

    def __init__(self) -> None:
        self._full = FEW

    def sweep(self, table: dict[K, V], over: Callable[[V], bool]) -> list[V]:
        """Take out what is ``over``, if the table is due; those, in the order in which they were put in."""
        if len(table) < self._full:
            return []
        gone = {key: value for key, value in table.items() if over(value)}
        for key in gone:
            del table[key]
        self._full = max(FEW, 2 * len(table))
        return list(gone.values())
