"""``storage.terminal.2``: how many of the newest 168 hour marks an isolated terminal gives when it is read at once.

The episode cuts the smart meters' mains (``cut``), restores them (``restore``), and reads each terminal by history
requests as soon as the server hears of it again (``read``, one a meter). Isolation is proved by the server: from the
last thing it heard of the terminal, or the cut where that came later, to the restore; less than 168 h prove nothing.

Present are the values in the answers to those requests, and nothing else: what recovery uploads bring would hide a
store that cannot be read, and what the server had before the cut was never asked of the terminal's store. Asked are the
newest 168 marks at the moment of each terminal's own read; how long a neighbour takes adds nothing. A terminal that
stays away although the reference terminal is back, or that leaves its requests unanswered, gives none of them. The air
may lose an answer, most likely when a whole mesh comes back at once: a request that failed is made again, twice at
most, and the first answer that came whole counts, or else what the first request brought.

Where the episode read once more after a second outage (``read.again``), the newest 168 marks of that moment are asked
for in the same way, and the read with the fewest decides.

Hours in which the terminal's own feed was off or the bench blind are the bench's doing: a value missing there makes the
result inconclusive, not the terminal bad. What became of values older than 168 h (the overwrite policy) is reported,
not judged (lab-practice.md 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import (
    Span,
    Trouble,
    bench_trouble,
    blind_over,
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

NAME: Final = "storage.terminal.2"
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
    """One meter's newest hour marks at its read: which are present, missing, or excused by the bench's own doing.

    ``unanswered``: the request had no answer, or not all parts of one.
    """

    meter: str
    read: CitedObservation
    present: tuple[int, ...]
    missing: tuple[int, ...]
    excused: tuple[int, ...]
    unanswered: bool
    policy: dict[str, Json]


def storage_terminal(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: hours present of the newest 168, the meter with the fewest deciding."""
    (episode,) = episodes
    return [_measure(episode, terminal, setup) for terminal in setup.terminals]


def _measure(episode: Episode, terminal: TerminalSetup, setup: Setup) -> Measurement:
    isolation = _isolation(episode, terminal)
    if isinstance(isolation, Trouble):
        return gated(NAME, terminal.id, "h", _bench_first(episode, terminal, isolation))
    answers = histories(episode.evidence, terminal.id, isolation.restore.t_ns, episode.t1_ns)
    reads = {meter: _read(episode, terminal, meter) for meter in terminal.meters}
    if not any(reads.values()):
        return _never_read(episode, terminal, setup, isolation)
    excuses = _feed_gaps(episode, terminal) + blind_spans(episode.evidence)
    stores = [
        _store(episode, terminal.id, meter, read, isolation, [one for one in answers if one.meter == meter], excuses)
        for meter, read in reads.items()
        if read is not None
    ]
    stores += [
        _store(episode, terminal.id, meter, read, isolation, [one for one in answers if one.meter == meter], excuses)
        for meter in terminal.meters
        if (read := _read(episode, terminal, meter, "read.again")) is not None
    ]
    trouble = _trouble(episode, terminal, reads, stores, excuses)
    if trouble is not None:
        return gated(NAME, terminal.id, "h", _bench_first(episode, terminal, trouble), isolated_h=isolation.hours)
    return _measurement(episode, terminal, isolation, stores, answers)


def _trouble(
    episode: Episode,
    terminal: TerminalSetup,
    reads: dict[str, CitedObservation | None],
    stores: list[MeterStore],
    excuses: list[Span],
) -> Trouble | None:
    missing = any(store.missing for store in stores)
    if missing:
        asked = [store.read.t_ns for store in stores if store.unanswered]
        blind = (blind_over(episode.evidence, at_ns, at_ns + NS_PER_HOUR) for at_ns in asked)
        return _server_trouble(episode, terminal) or next(filter(None, blind), None)
    if (unread := next((meter for meter, read in reads.items() if read is None), None)) is not None:
        left = left_out(episode, terminal.id, "read")
        return left or unfinished(episode) or Trouble(f"{unread} was not read after the outage", False, ())
    if any(store.excused for store in stores):
        why = "values are missing only where the feed was off or the bench blind"
        steps = "; ".join(episode.evidence.clocks.steps)
        return Trouble(f"{why}, or UTC not known ({steps})" if steps else why, False, _rows(excuses))
    return None


def _never_read(episode: Episode, terminal: TerminalSetup, setup: Setup, isolation: Isolation) -> Measurement:
    """Nothing was asked of its store: nobody could, or it stayed away where another terminal did not."""
    left = left_out(episode, terminal.id, "read")
    names = {reference.id for reference in setup.references}
    back = episode.events(kinds.SERVER_REACHABLE, since_ns=isolation.restore.t_ns)
    reference = next((event for event in back if event.subject in names), None)
    own = any(event.subject == terminal.id for event in back)
    trouble = left or bench_trouble(
        episode.evidence, {"server", terminal.id, episode.name}, episode.t0_ns, episode.t1_ns
    )
    trouble = trouble or blind_over(episode.evidence, isolation.restore.t_ns, episode.t1_ns)
    if trouble is None and not own and reference is not None and episode.complete:
        why = f"0 h: it stayed away, though {reference.subject} was back"
        return Measurement(
            NAME,
            terminal.id,
            0.0,
            "h",
            u=0.0,
            conditions={"isolated_h": round(isolation.hours, 3), "read": why},
            cited=(isolation.cut.citation, isolation.restore.citation, reference.citation),
        )
    silent = "the terminal did not come back, so its store was not read" if not own else "its store was not read"
    otherwise = trouble or unfinished(episode) or Trouble(silent, False, (isolation.restore.citation,))
    return gated(NAME, terminal.id, "h", otherwise, isolated_h=isolation.hours)


def _measurement(
    episode: Episode, terminal: TerminalSetup, isolation: Isolation, stores: list[MeterStore], answers: list[Delivery]
) -> Measurement:
    fewest = min(stores, key=lambda store: len(store.present))
    rows = sorted({item.event.row for item in answers} | {store.read.row for store in stores})
    unanswered = [store.meter for store in stores if store.unanswered]
    return Measurement(
        NAME,
        terminal.id,
        float(len(fewest.present)),
        "h",
        u=0.0,
        conditions={
            "isolated_h": round(isolation.hours, 3),
            "outage": isolation.cut.data.get("outage", "smart-meter mains"),
            "meters": len({store.meter for store in stores}),
            "fewest": fewest.meter,
            "read": "history requests alone",
            "read_after_h": round(seconds(isolation.restore.t_ns, fewest.read.t_ns) / 3600.0, 3),
            **({"reads": len(stores)} if _again(stores) else {}),
            **({"unanswered": unanswered} if unanswered else {}),
            **utc_conditions(episode.evidence.clocks),
        },
        cited=(isolation.cut.citation, isolation.restore.citation, *(f"timeline#{row}" for row in rows)),
        detail={
            "outage": [isolation.cut.t_ns, isolation.restore.t_ns],
            "missing": [{"meter": store.meter, "mark_ns": mark} for store in stores for mark in store.missing],
            "overwrite_policy": {store.meter: store.policy for store in stores if store not in _again(stores)},
            "marks": _marks(stores),
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


def _again(stores: list[MeterStore]) -> list[MeterStore]:
    """Those that were read after the second outage."""
    return [store for store in stores if store.read.data.get("name") == "read.again"]


def _read(episode: Episode, terminal: TerminalSetup, meter: str, name: str = "read") -> CitedObservation | None:
    """The first read of the meter's store after an outage that was answered whole, or else the first."""
    reads = [m for m in episode.marks(name, meter=meter) if m.data.get("terminal", terminal.id) == terminal.id]
    return next((mark for mark in reads if _whole(episode, mark)), reads[0] if reads else None)


def _store(
    episode: Episode,
    terminal: str,
    meter: str,
    read: CitedObservation,
    isolation: Isolation,
    answers: list[Delivery],
    excuses: list[Span],
) -> MeterStore:
    own = [item for item in answers if item.event.data.get("request") == read.data.get("request")]
    got = {item.mark_ns for item in own}
    # The newest mark that had come for sure, and the oldest that is one of the newest 168 whatever UTC was: what UTC
    # leaves open on either side is not held against the terminal.
    utc = episode.evidence.clocks.utc(read.t_ns)
    newest, oldest = (
        end // NS_PER_HOUR * NS_PER_HOUR for end in (utc.low, utc.high - (STORED_HOURS - 1) * NS_PER_HOUR)
    )
    asked = [newest - hour * NS_PER_HOUR for hour in reversed(range(STORED_HOURS))]
    absent = [mark for mark in asked if mark not in got]
    from_ns = read.data.get("from_ns")
    unasked_ns = max(from_ns if isinstance(from_ns, int) else 0, oldest)
    excused = tuple(mark for mark in absent if mark < unasked_ns or _excused(episode, mark, excuses))
    return MeterStore(
        meter,
        read,
        present=tuple(mark for mark in asked if mark in got),
        missing=tuple(mark for mark in absent if mark not in excused),
        excused=excused,
        unanswered=not _whole(episode, read),
        policy=_policy(episode, isolation, terminal, meter, got),
    )


def _whole(episode: Episode, read: CitedObservation) -> bool:
    """Whether every part of the answer came."""
    request = read.data.get("request")
    parts = [event for event in episode.events(kinds.SERVER_ANSWER) if event.data.get("request") == request]
    told = {event.data.get("part") for event in parts}
    return bool(parts) and len(told) >= max(int(str(event.data.get("parts", 1))) for event in parts)


def _excused(episode: Episode, mark_ns: int, excuses: list[Span]) -> bool:
    rig = episode.evidence.clocks.rig(mark_ns)
    return first_span_over(excuses, rig.low, rig.high) is not None


def _policy(episode: Episode, isolation: Isolation, terminal: str, meter: str, read: set[int]) -> dict[str, Json]:
    """What was kept of the outage's marks, by the read and by all that was uploaded afterwards: reported only."""
    evidence, clocks = episode.evidence, episode.evidence.clocks
    later = uploads(evidence, terminal, isolation.restore.t_ns, episode.t1_ns)
    got = read | {item.mark_ns for item in later if item.meter == meter}
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


def _marks(stores: list[MeterStore]) -> list[Json]:
    """One state a meter and mark, the worst of its reads."""
    states: dict[tuple[str, int], str] = {}
    for state, of in (("ok", "present"), ("excluded", "excused"), ("missing", "missing")):
        states |= {(store.meter, mark): state for store in stores for mark in getattr(store, of)}
    meters = list(dict.fromkeys(store.meter for store in stores))
    ordered = sorted(states.items(), key=lambda item: (meters.index(item[0][0]), item[0][1]))
    return [{"meter": meter, "mark_ns": mark, "state": state} for (meter, mark), state in ordered]
