"""Faults of what a terminal gives a handy terminal on site (``manual-collection``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench.twin.faults.fault import Fault
from bench.twin.terminal.standin import Value


@attrs.define
class DeafOnSite(Fault):
    """It gives nothing on site."""

    name = "deaf-on-site"
    turns = ("manual-collection",)

    def read_on_site(self, meter: str, indexes: tuple[int, ...]) -> Sequence[int]:
        return ()


@attrs.define
class OldHourOnSite(Fault):
    """On site it gives the index of the last hour mark, and not the one that the register has now."""

    name = "old-hour-on-site"
    at = "t3"
    turns = ("manual-collection",)
    _last: dict[str, int] = attrs.field(factory=dict, init=False)

    def mark_value(self, value: Value, previous_index: int | None, operational: bool) -> Value:
        self._last[value.meter] = value.index
        return value

    def read_on_site(self, meter: str, indexes: tuple[int, ...]) -> Sequence[int]:
        return (self._last.get(meter, indexes[0]),)


FAULTS: Final[tuple[type[Fault], ...]] = (DeafOnSite, OldHourOnSite)
