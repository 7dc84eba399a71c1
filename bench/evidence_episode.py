"""An episode as it was recorded: a window of rig time with its milestones, read back and frozen.

An episode may have been driven several times (supply cut under a killed run): the last attempt that was not voided
counts, the voided ones are listed. Kinds, all of source ``bench`` with the episode's name as subject:
``episode.begin`` {name, ...parameters}, ``episode.milestone`` {name, ...}, ``episode.end`` {name},
``episode.void`` {name, reason}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Unpack

import attrs

from bench.evidence_timeline import CitedObservation, Selection
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
    first_row: int
    evidence: Evidence = attrs.field(repr=False, eq=False)

    def marks(self, name: str, **match: Json) -> list[CitedObservation]:
        """Milestones whose ``data["name"]`` is ``name`` and whose data holds every item of ``match``."""
        wanted = {"name": name, **match}
        return [mark for mark in self.milestones if all(mark.data.get(key) == value for key, value in wanted.items())]

    def events(self, kind: str | None = None, **selection: Unpack[Selection]) -> list[CitedObservation]:
        """Observations inside the window, whatever their episode column says: a server knows no episode.

        What was recorded before this attempt began belongs to a voided one and is left out.
        """
        since_ns, until_ns = selection.get("since_ns"), selection.get("until_ns")
        selection["since_ns"] = self.t0_ns if since_ns is None else max(self.t0_ns, since_ns)
        selection["until_ns"] = self.t1_ns if until_ns is None else min(self.t1_ns, until_ns)
        return [event for event in self.evidence.events(kind, **selection) if event.row >= self.first_row]


def read_episodes(evidence: Evidence) -> dict[str, Episode]:
    """The attempt that counts of every episode in the timeline, in order of their beginning.

    Arrival order (row), not time, tells which end or void closes which beginning: a voided attempt and the next one
    may share an instant.
    """
    rows = sorted(evidence.events(kind_prefix="episode."), key=lambda event: event.row)
    names = list(dict.fromkeys(event.subject for event in rows if event.kind == "episode.begin"))
    found = {}
    for name in names:
        episode = _last_attempt(evidence, name, [event for event in rows if event.subject == name])
        if episode is not None:
            found[name] = episode
    return found


def _last_attempt(evidence: Evidence, name: str, rows: list[CitedObservation]) -> Episode | None:
    begins = [event for event in rows if event.kind == "episode.begin"]
    voids = [event for event in rows if event.kind == "episode.void"]
    for number, begin in reversed(list(enumerate(begins, start=1))):
        later = [other.row for other in begins if other.row > begin.row]
        own = [event for event in rows if event.row >= begin.row and (not later or event.row < later[0])]
        if any(event.kind == "episode.void" for event in own):
            continue
        end = next((event for event in own if event.kind == "episode.end"), None)
        if end is None and later:
            continue  # broken off without a word and driven again
        return Episode(
            name=name,
            attempt=number,
            t0_ns=begin.t_ns,
            t1_ns=end.t_ns if end is not None else max(begin.t_ns, evidence.last_ns()),
            complete=end is not None,
            params={key: value for key, value in begin.data.items() if key != "name"},
            milestones=tuple(event for event in own if event.kind == "episode.milestone"),
            voids=tuple(voids),
            first_row=begin.row,
            evidence=evidence,
        )
    return None
