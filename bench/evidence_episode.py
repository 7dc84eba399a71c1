"""An episode as it was recorded: a window of rig time with its milestones, read back and frozen.

An episode may have been driven several times (cut supply after a killed run): the last attempt that was not voided
counts, the voided ones are listed. Kinds: ``episode.begin`` {name, ...params}, ``episode.milestone`` {name, ...},
``episode.end`` {name}, ``episode.void`` {name, reason}; source ``bench``, subject and ``episode`` column = the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from bench.evidence_timeline import CitedObservation
from bench.records import Json

if TYPE_CHECKING:
    from bench.evidence import Evidence


@attrs.frozen(slots=True)
class Episode:
    """One attempt of an episode: ``t0_ns`` to ``t1_ns`` inclusive, rig time.

    ``complete`` is False where no ``episode.end`` was written (killed run): then ``t1_ns`` is the last stamp of the
    timeline. ``evidence`` lets a measurand look outside the window, e.g. for the register before the first mark.
    """

    name: str
    attempt: int
    t0_ns: int
    t1_ns: int
    complete: bool
    params: Mapping[str, Json]
    milestones: tuple[CitedObservation, ...]
    voids: tuple[CitedObservation, ...]
    evidence: Evidence
    first_row: int

    def marks(self, name: str, **match: Json) -> list[CitedObservation]:
        """Milestones whose ``data["name"]`` is ``name`` and whose data holds every item of ``match``."""
        raise NotImplementedError

    def events(
        self,
        kind: str | None = None,
        *,
        kind_prefix: str | None = None,
        source: str | None = None,
        subject: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> list[CitedObservation]:
        """Observations inside the window, whatever their episode column says: a sniffer knows no episode."""
        raise NotImplementedError
