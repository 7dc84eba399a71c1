"""Automatic gap filling (自動欠測補完): once a day the server asks the terminals for the hours that it should have.

Should have: every hour from the first that ever arrived to the last midnight whose upload is due, as far back as it
keeps values. An hour that a terminal answered without is not asked for again. The guideline leaves gap filling to the
parties (2-2), so when and how it is done here is a stand-in.
"""

from __future__ import annotations

from typing import Final, Protocol

from bench.records import JST_OFFSET_NS, NS_PER_DAY, NS_PER_HOUR, NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.faults import NO_FAULTS, Hooks
from bench.twin.utility.store import Store

ASKED_BY: Final = "gap filling"
"""How the server's log names who asked."""


class Asks(Protocol):
    """What gap filling needs of the server."""

    def reachable(self, terminal: str) -> bool: ...
    def ask_history(self, terminal: str, meter: str, from_ns: int, to_ns: int, by: str) -> None: ...


class GapFilling:
    """``meters``: by terminal. ``at_s``: seconds after 00:00 JST; None: there is no gap filling."""

    def __init__(
        self,
        kernel: Kernel,
        store: Store,
        server: Asks,
        meters: dict[str, tuple[str, ...]],
        at_s: int | None,
        days: int,
        faults: Hooks = NO_FAULTS,
    ) -> None:
        self._kernel, self._store, self._server, self._meters = kernel, store, server, meters
        self._keep_ns, self._faults = days * NS_PER_DAY, faults
        self._given_up: set[tuple[str, int]] = set()
        if at_s is not None:
            first_ns = _jst_midnight(kernel.now_ns) + at_s * NS_PER_S
            kernel.after((first_ns - kernel.now_ns) % NS_PER_DAY, self._daily)

    def answered(self, meter: str, from_ns: int, to_ns: int) -> None:
        """A terminal gave all that it has of these hours: what is still missing is lost."""
        self._given_up |= {(meter, mark) for mark in self.missing(meter) if from_ns <= mark <= to_ns}

    def missing(self, meter: str) -> list[int]:
        """Hour marks that the server should have and has not, oldest first."""
        first_ns = self._store.first_ns.get(meter)
        if first_ns is None:
            return []
        last_ns = _jst_midnight(self._kernel.now_ns)
        # What arrived longer ago than it is kept is gone for good; an hour arrives a day after its mark at the latest.
        first_ns = max(first_ns, last_ns - self._keep_ns + 2 * NS_PER_DAY)
        have = {kept.mark_ns for kept in self._store.between(meter, first_ns, last_ns)}
        return [
            m for m in range(first_ns, last_ns + 1, NS_PER_HOUR) if m not in have and (meter, m) not in self._given_up
        ]

    def _daily(self) -> None:
        self._kernel.after(NS_PER_DAY, self._daily)
        for terminal, meters in self._meters.items():
            for meter in meters if self._server.reachable(terminal) else ():
                missing = self._faults.plain("gap_hours", tuple(self.missing(meter)), meter, kind=int)
                if missing:
                    self._server.ask_history(terminal, meter, missing[0], missing[-1], ASKED_BY)


def _jst_midnight(t_ns: int) -> int:
    """The last 00:00 JST at or before ``t_ns``."""
    return t_ns - (t_ns + JST_OFFSET_NS) % NS_PER_DAY
