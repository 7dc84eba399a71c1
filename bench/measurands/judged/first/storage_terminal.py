"""``storage.terminal``: how many of the newest 168 hour marks an isolated terminal still gives when it is read.

The episode cuts the smart meters' mains (``cut``), restores them (``restore``) and then reads (``read``). Isolation is
proved by the server: from the last thing it heard of the terminal, or the cut where that came later, to the restore;
less than 168 h prove nothing. Present are values delivered after the restore, by upload or by history answer, and those
that the server had before the cut. Hours in which the terminal's own feed was off or the bench blind are the bench's
doing: a value missing there makes the result inconclusive, not the terminal bad. What became of values older than
168 h (the overwrite policy) is reported, not judged (lab-practice.md 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.clocks import Clocks
from bench.evidence.evidence import Episode
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import (
    Span,
    Trouble,
    bench_trouble,
    blind_spans,
    first_span_over,
    gated,
    left_out,
    oddities,
    seconds,
    unfinished,
)
from bench.measurands.judged.deliveries import Delivery, histories, uploads
from bench.measurands.judged.placing import utc_conditions
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_HOUR, Json, Measurement

NAME: Final = "storage.terminal"
STORED_HOURS: Final = 168
"""Seven days (無線端末：7日以上), the same for the isolation that must be shown."""


@attrs.frozen(slots=True)
class Isolation:
    """The terminal's time without a mesh, and the milestones around it."""

    cut: CitedObservation
    restore: CitedObservation
    from_ns: int

    @property
    def hours(self) -> float:
        return seconds(self.from_ns, self.restore.t_ns) / 3600.0


@attrs.frozen(slots=True)
class MeterStore:
    """One meter's newest hour marks at the read: which are present, missing, or excused by the bench's own doing."""

    meter: str
    present: tuple[int, ...]
    missing: tuple[int, ...]
    excused: tuple[int, ...]
    policy: dict[str, Json]


def storage_terminal(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: hours present of the newest 168, the meter with the fewest deciding."""
    (episode,) = episodes
    return [_measure(episode, terminal) for terminal in setup.terminals]


def _measure(episode: Episode, terminal: TerminalSetup) -> Measurement:
    isolation = _isolation(episode, terminal)
    if isinstance(isolation, Trouble):
        return gated(NAME, terminal.id, "h", _bench_first(episode, terminal, isolation))
    delivered = _delivered(episode, terminal, isolation)
    if not _came_back(episode, terminal, isolation):
        silent = Trouble(
            "the terminal did not come back, so its store was not read", False, (isolation.restore.citation,)
        )
        return gated(NAME, terminal.id, "h", _bench_first(episode, terminal, silent), isolated_h=isolation.hours)
    excuses = _feed_gaps(episode, terminal) + blind_spans(episode.evidence)
    stores = [_store(episode, terminal, meter, isolation, delivered, excuses) for meter in terminal.meters]
    unread = [store.meter for store in stores if not store.present and not store.missing and not store.excused]
    trouble = None
    if unread:
        trouble = left_out(episode, terminal.id, "read")
        trouble = trouble or Trouble(f"{unread[0]} was not read after the outage", False, (isolation.restore.citation,))
    elif not any(store.missing for store in stores) and any(store.excused for store in stores):
        why = "values are missing only where the feed was off or the bench blind"
        steps = "; ".join(episode.evidence.clocks.steps)
        trouble = Trouble(f"{why}, or UTC not known ({steps})" if steps else why, False, _rows(excuses))
    if trouble is None and any(store.missing for store in stores):
        trouble = _server_trouble(episode, terminal)
    if trouble is not None:
        return gated(NAME, terminal.id, "h", _bench_first(episode, terminal, trouble), isolated_h=isolation.hours)
    return _measurement(terminal, isolation, stores, delivered, episode.evidence.clocks)


def _measurement(
    terminal: TerminalSetup, isolation: Isolation, stores: list[MeterStore], delivered: list[Delivery], clocks: Clocks
) -> Measurement:
    fewest = min(stores, key=lambda store: len(store.present))
    rows = sorted({item.event.row for item in delivered})
    return Measurement(
        NAME,
        terminal.id,
        float(len(fewest.present)),
        "h",
        u=0.0,
        conditions={
            "isolated_h": round(isolation.hours, 3),
            "outage": isolation.cut.data.get("outage", "smart-meter mains"),
            "meters": len(stores),
            "fewest": fewest.meter,
            **utc_conditions(clocks),
        },
        cited=(isolation.cut.citation, isolation.restore.citation, *(f"timeline#{row}" for row in rows)),
        detail={
            "outage": [isolation.cut.t_ns, isolation.restore.t_ns],
            "missing": [{"meter": store.meter, "mark_ns": mark} for store in stores for mark in store.missing],
            "overwrite_policy": {store.meter: store.policy for store in stores},
            "marks": [item for store in stores for item in _marks(store)],
            "trials": [{"value": float(len(fewest.present))}],
            "trial_noun": "stores",
        },
    )


def _isolation(episode: Episode, terminal: TerminalSetup) -> Isolation | Trouble:
    cuts, restores = episode.marks("cut"), episode.marks("restore")
    if not cuts or not restores:
        left = left_out(episode, terminal.id, "cut")
        return left or unfinished(episode) or Trouble("no cut and restore were driven", False, ())
    cut, restore = cuts[0], restores[-1]
    heard = [
        event.t_ns
        for kind in (kinds.SERVER_UPLOAD, kinds.SERVER_ANSWER, kinds.SERVER_ALARM, kinds.SERVER_REACHABLE)
        for event in episode.events(kind, subject=terminal.id, since_ns=cut.t_ns, until_ns=restore.t_ns - 1)
    ]
    isolation = Isolation(cut, restore, max(heard, default=cut.t_ns))
    if isolation.hours < STORED_HOURS:
        said = f"isolated for {isolation.hours:.1f} h only, at least {STORED_HOURS} h are needed"
        return Trouble(said, False, (cut.citation, restore.citation))
    return isolation


def _came_back(episode: Episode, terminal: TerminalSetup, isolation: Isolation) -> bool:
    """Whether the server heard anything of the terminal after the restore."""
    return any(
        episode.events(kind, subject=terminal.id, since_ns=isolation.restore.t_ns)
        for kind in (kinds.SERVER_REACHABLE, kinds.SERVER_UPLOAD, kinds.SERVER_ANSWER)
    )


def _delivered(episode: Episode, terminal: TerminalSetup, isolation: Isolation) -> list[Delivery]:
    """What the server got after the restore, and before the cut."""
    evidence, back_ns = episode.evidence, isolation.restore.t_ns
    after = uploads(evidence, terminal.id, back_ns, episode.t1_ns)
    after += histories(evidence, terminal.id, back_ns, episode.t1_ns)
    before = uploads(evidence, terminal.id, 0, isolation.cut.t_ns)
    newest = evidence.clocks.utc(isolation.restore.t_ns).low - STORED_HOURS * NS_PER_HOUR
    return after + [item for item in before if item.mark_ns > newest]


def _store(
    episode: Episode,
    terminal: TerminalSetup,
    meter: str,
    isolation: Isolation,
    delivered: list[Delivery],
    excuses: list[Span],
) -> MeterStore:
    reads = [mark for mark in episode.marks("read") if mark.data.get("meter", meter) == meter]
    reads = [mark for mark in reads if mark.data.get("terminal", terminal.id) == terminal.id]
    got = {item.mark_ns for item in delivered if item.meter == meter}
    if not reads:
        return MeterStore(meter, (), (), (), {})
    # The newest mark that had come for sure; what UTC leaves open beyond is not held against the terminal.
    newest = episode.evidence.clocks.utc(reads[-1].t_ns).low // NS_PER_HOUR * NS_PER_HOUR
    asked = [newest - hour * NS_PER_HOUR for hour in reversed(range(STORED_HOURS))]
    absent = [mark for mark in asked if mark not in got]
    from_ns = reads[-1].data.get("from_ns")
    unasked_ns = from_ns if isinstance(from_ns, int) else 0
    excused = tuple(mark for mark in absent if mark < unasked_ns or _excused(episode, mark, excuses))
    return MeterStore(
        meter,
        present=tuple(mark for mark in asked if mark in got),
        missing=tuple(mark for mark in absent if mark not in excused),
        excused=excused,
        policy=_policy(isolation, got, episode.evidence.clocks),
    )


def _excused(episode: Episode, mark_ns: int, excuses: list[Span]) -> bool:
    rig = episode.evidence.clocks.rig(mark_ns)
    return first_span_over(excuses, rig.low, rig.high) is not None


def _policy(isolation: Isolation, got: set[int], clocks: Clocks) -> dict[str, Json]:
    """What was kept of the outage's marks: reported only."""
    first = -(-clocks.utc(isolation.cut.t_ns).high // NS_PER_HOUR) * NS_PER_HOUR
    marks = list(range(first, clocks.utc(isolation.restore.t_ns).low + 1, NS_PER_HOUR))
    if not marks:
        return {}
    kept = [mark for mark in marks if mark in got]
    if len(kept) == len(marks):
        said = "nothing was overwritten"
    elif kept and kept[-1] == marks[-1]:
        said = "the oldest were overwritten" if kept == marks[-len(kept) :] else "newest kept, with gaps"
    else:
        said = "the newest were not kept"
    oldest: Json = kept[0] if kept else None
    return {"outage_marks": len(marks), "delivered": len(kept), "oldest_mark_ns": oldest, "policy": said}


def _feed_gaps(episode: Episode, terminal: TerminalSetup) -> list[Span]:
    """When the terminal's own supply was read back as off within the episode."""
    gaps: list[Span] = []
    off: CitedObservation | None = None
    for event in episode.evidence.events(kinds.SUPPLY_OUTPUT, subject=terminal.id, until_ns=episode.t1_ns):
        if event.data.get("on") is False and off is None:
            off = event
        elif event.data.get("on") and off is not None:
            gaps.append(Span(off.t_ns, event.t_ns, (off.citation, event.citation)))
            off = None
    if off is not None:
        gaps.append(Span(off.t_ns, episode.t1_ns, (off.citation,)))
    return [gap for gap in gaps if gap.meets(episode.t0_ns, episode.t1_ns)]


def _server_trouble(episode: Episode, terminal: TerminalSetup) -> Trouble | None:
    """Missing values prove something only if the bench could have seen them arrive."""
    names = {"server", terminal.id, episode.name}
    odd = oddities(episode.evidence, terminal.id, episode.t0_ns, episode.t1_ns)
    return bench_trouble(episode.evidence, names, episode.t0_ns, episode.t1_ns) or unfinished(episode) or odd


def _bench_first(episode: Episode, terminal: TerminalSetup, otherwise: Trouble) -> Trouble:
    """The bench's own failure explains more than what followed from it."""
    names = {"server", terminal.id, episode.name}
    return bench_trouble(episode.evidence, names, episode.t0_ns, episode.t1_ns) or otherwise


def _rows(spans: list[Span]) -> tuple[str, ...]:
    return tuple(row for span in spans for row in span.cited)


def _marks(store: MeterStore) -> list[Json]:
    states = {
        **dict.fromkeys(store.present, "ok"),
        **dict.fromkeys(store.missing, "missing"),
        **dict.fromkeys(store.excused, "excluded"),
    }
    return [{"meter": store.meter, "mark_ns": mark, "state": state} for mark, state in sorted(states.items())]
