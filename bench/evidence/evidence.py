"""Evidence: what was written into a run folder while driving, read back for judging.

From the recorded folder on everything is a pure function, so a stored run can be judged again without the rig. What is
written goes through `RunFolder` and `Recorder`; reading is `Evidence`, and `Episode` is a window of it.

An episode may have been driven several times (supply cut under a killed run): the last attempt that was not voided
counts, the voided ones are listed. The kinds that bound and divide it are those of ``bench.kinds``, section "episodes".
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import attrs

from bench import kinds
from bench.errors import InputError
from bench.evidence.clocks import Clocks, declared_late_ns
from bench.evidence.folder import RunFolder
from bench.evidence.sniffer_clock import SnifferClock, sniffer_clocks
from bench.evidence.timeline import CitedObservation, Selection, Timeline
from bench.evidence.watch_log import log_rows
from bench.records import Json

if TYPE_CHECKING:
    from bench.air.capture.capture import Record
    from bench.air.frame.decoder import Frame
    from bench.air.keys.table import KeyTable


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


class Evidence:
    """A run folder opened for judging: read only, no rig, no wall time."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._timeline = Timeline(folder.timeline)
        self._episodes: dict[str, Episode] | None = None
        self._clocks: Clocks | None = None
        self._sniffer_clocks: Mapping[str, SnifferClock] | None = None

    @classmethod
    def open(cls, run: Path) -> Evidence:
        """Open the run folder at ``run``; InputError when it is none or its timeline is unreadable."""
        return cls(RunFolder.open(run))

    def check(self) -> None:
        """Read all but captures, of which a damaged one is evidence up to there. InputError naming file, and row or
        line, of what cannot be read."""
        self._timeline.check()
        self.keys()
        log_rows(self.folder.path)
        self.folder.marked()

    def events(self, kind: str | None = None, **selection: Unpack[Selection]) -> list[CitedObservation]:
        """Observations in reading order ``(t_ns, source, seq)``; both time bounds are inclusive."""
        return self._timeline.events(kind, **selection)

    def rows(self, first: int, last: int) -> list[CitedObservation]:
        """Observations by the rows that citations name, both inclusive, in order of arrival."""
        return self._timeline.rows(first, last)

    def last_row(self) -> int:
        """Row of the observation that arrived last."""
        return self._timeline.last_row()

    @property
    def clocks(self) -> Clocks:
        """What the run knows of its clocks: when something happened, and what UTC was then."""
        if self._clocks is None:
            self._clocks = Clocks.of(self)
        return self._clocks

    def sniffer_clock(self, sniffer: str) -> SnifferClock:
        """How the stamps of a sniffer's capture stand to UTC, as far as the run knows."""
        if self._sniffer_clocks is None:
            rows = self.events(kinds.CLOCK_SNIFFER)
            self._sniffer_clocks = sniffer_clocks(rows, self.clocks, declared_late_ns(self))
        return self._sniffer_clocks.get(sniffer, SnifferClock())

    def last_ns(self) -> int:
        """Rig time of the latest observation."""
        return self._timeline.last_ns()

    def episode(self, name: str) -> Episode:
        """The last attempt of episode ``name`` that was not voided; InputError when there is none."""
        found = self._all_episodes().get(name)
        if found is None:
            driven = ", ".join(self._all_episodes()) or "none"
            raise InputError(f"{self.folder.path}: episode '{name}' was not driven to count; expected one of {driven}")
        return found

    def episodes(self) -> list[str]:
        """Names of the episodes that have an attempt that counts, in order of their beginning."""
        return list(self._all_episodes())

    def sniffers(self) -> list[str]:
        """Names of the sniffers that left a capture, sorted: ``captures/NAME.pcapng``."""
        return sorted(path.stem for path in self.folder.captures.glob("*.pcapng"))

    def frames(
        self,
        sniffer: str | None = None,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        node: bytes | None = None,
        kind: str | None = None,
    ) -> Iterator[Frame]:
        """Decoded frames in order of their stamps, of one sniffer or of all merged, decrypted with the run's keys.

        Stamps are set right where a sniffer's clock was seen to be wrong (`sniffer_clock`). Time bounds are inclusive;
        ``node`` is the EUI-64 of the packet's sender (of the frame's, without a packet), ``kind`` as in `Frame`. Lazy,
        memory flat: what is selected out of a large capture is asked through its column index
        (`bench.air.index.selection`), and is the same as when all is decoded. Raises InputError for an unknown kind,
        and for a damaged capture after its frames before the damage; BenchError at a frame in which the decoder itself
        failed: no verdict stands on that.
        """
        from bench.air.frame.bugs import sound

        names = self.sniffers() if sniffer is None else [sniffer]
        streams = [self._frames_of(name, since_ns, until_ns, node, kind) for name in names]
        return sound(heapq.merge(*streams, key=lambda frame: frame.time_ns))

    def records(self, sniffer: str, *, since_ns: int | None = None, until_ns: int | None = None) -> Iterator[Record]:
        """Frames of one sniffer as captured, not decoded; stamps and bounds as in `frames`."""
        from bench.air.capture.capture import read_capture

        clock, records = self.sniffer_clock(sniffer), read_capture(self.folder.captures / f"{sniffer}.pcapng")
        return _between(records if clock.right else clock.set_right(records), since_ns, until_ns)

    def keys(self) -> KeyTable | None:
        """The run's decryption keys; None where it has none, as on an operator's mesh."""
        from bench.air.keys.table import KeyTable

        path = self.folder.keys
        return KeyTable.read(path) if path.is_file() and path.stat().st_size else None

    def canonical(self) -> Iterator[str]:
        """The timeline's canonical export: JSON lines in reading order."""
        return self._timeline.canonical()

    def close(self) -> None:
        self._timeline.close()

    def _all_episodes(self) -> dict[str, Episode]:
        if self._episodes is None:
            self._episodes = read_episodes(self)
        return self._episodes

    def _frames_of(
        self, sniffer: str, since_ns: int | None, until_ns: int | None, node: bytes | None, kind: str | None
    ) -> Iterator[Frame]:
        from bench.air.index.selection import Wanted, wanted_frames

        capture = self.folder.captures / f"{sniffer}.pcapng"
        wanted = Wanted(since_ns, until_ns, node, kind)
        if (since_ns is None and node is None and kind is None) or not self.sniffer_clock(sniffer).right:
            from bench.air.frame.decoder import decode_frames
            from bench.air.frame.settle import settle

            frames = decode_frames(self.records(sniffer, until_ns=until_ns), settle((capture,), self.keys()))
            return filter(wanted.holds, frames)
        return (frame for _, frame in wanted_frames(capture, self.keys(), wanted))


def refuse_unreadable(folder: RunFolder) -> None:
    """Raise InputError where a run holds what cannot be read: found in a test it would count as the bench's failure."""
    with closing(Evidence.open(folder.path)) as evidence:
        evidence.check()


def _between(records: Iterator[Record], since_ns: int | None, until_ns: int | None) -> Iterator[Record]:
    """Records inside the bounds; stops at the first one beyond, for a capture is written in order of time."""
    for record in records:
        if until_ns is not None and record.time_ns > until_ns:
            return
        if since_ns is None or record.time_ns >= since_ns:
            yield record


def read_episodes(evidence: Evidence) -> dict[str, Episode]:
    """The attempt that counts of every episode in the timeline, in order of their beginning.

    Arrival order (row), not time, tells which end or void closes which beginning: a voided attempt and the next one
    may share an instant.
    """
    rows = sorted(evidence.events(kind_prefix=kinds.EPISODE), key=lambda event: event.row)
    names = list(dict.fromkeys(event.subject for event in rows if event.kind == kinds.EPISODE_BEGIN))
    found = {}
    for name in names:
        episode = _last_attempt(evidence, name, [event for event in rows if event.subject == name])
        if episode is not None:
            found[name] = episode
    return found


def _last_attempt(evidence: Evidence, name: str, rows: list[CitedObservation]) -> Episode | None:
    begins = [event for event in rows if event.kind == kinds.EPISODE_BEGIN]
    voids = [event for event in rows if event.kind == kinds.EPISODE_VOID]
    for number, begin in reversed(list(enumerate(begins, start=1))):
        later = [other.row for other in begins if other.row > begin.row]
        own = [event for event in rows if event.row >= begin.row and (not later or event.row < later[0])]
        if any(event.kind == kinds.EPISODE_VOID for event in own):
            continue
        end = next((event for event in own if event.kind == kinds.EPISODE_END), None)
        if end is None and later:
            continue  # broken off without a word and driven again
        return Episode(
            name=name,
            attempt=number,
            t0_ns=begin.t_ns,
            t1_ns=end.t_ns if end is not None else max(begin.t_ns, evidence.last_ns()),
            complete=end is not None,
            params={key: value for key, value in begin.data.items() if key != "name"},
            milestones=tuple(event for event in own if event.kind == kinds.EPISODE_MILESTONE),
            voids=tuple(voids),
            first_row=begin.row,
            evidence=evidence,
        )
    return None
