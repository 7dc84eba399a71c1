"""A condition for a wait that only its end ends: a key is down for so long, a pulse is so wide."""

from __future__ import annotations

from typing import Any


class Elapsed:
    """Never met; implements ``bench.drive.clock.Condition``."""

    ports: frozenset[str] = frozenset()
    met = False

    def feed(self, _observation: Any) -> None:
        """Nothing ends it."""
