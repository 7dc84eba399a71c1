"""``upload.daily``: for each whole JST day D, the hours 01:00 to 24:00 of D are at the server by the agreed deadline.

24:00 of D is 00:00 of D+1. Counted by the day that the values belong to and not by the day of the upload, so a late
upload and the next one on one date are no miss. Days of which the bench did not see both midnight and deadline are
left out, and fewer than seven whole days prove nothing (lab-practice.md 1). Clusters are days: both meters travel in
one upload. Midnight and deadline are UTC, and an upload is placed in it as far as the clocks of server and host are
known: one that may have been in time or late decides nothing.

Several episodes are judged together, each by the days that it saw whole. One in which the bench failed is left out
where the others saw days enough. Those that follow each other, with no other episode and no blind time between, are one
stretch: a day that began in one and ended in the next was seen whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.limits import Limits
from bench.measurands.judged.common import Trouble, bench_trouble, blind_over, gated, oddities
from bench.measurands.judged.deliveries import Delivery, uploads
from bench.measurands.judged.placing import utc_conditions
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import JST_OFFSET_NS, NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Json, Measurement

NAME: Final = "upload.daily"
LEAST_DAYS: Final = 7


def upload_daily(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of (day, meter) missed. ``statistic`` is always a count."""
    return [_measure(episodes, terminal, setup) for terminal in setup.terminals]


def whole_days(since_ns: int, until_ns: int, deadline_ns: int) -> list[int]:
    """JST midnights that begin the days seen whole, from before midnight to the deadline on the next day."""
    first = -(-(since_ns + JST_OFFSET_NS) // NS_PER_DAY) * NS_PER_DAY - JST_OFFSET_NS
    return list(range(first, until_ns - NS_PER_DAY - deadline_ns + 1, NS_PER_DAY))


def hour_marks(midnight_ns: int) -> list[int]:
    """The 24 hour marks of a day, 01:00 to 24:00."""
    return [midnight_ns + hour * NS_PER_HOUR for hour in range(1, 25)]


def jst_date(t_ns: int) -> str:
    """The JST date of an instant."""
    return datetime.fromtimestamp((t_ns + JST_OFFSET_NS) // NS_PER_S, UTC).date().isoformat()


@attrs.frozen(slots=True)
class _Watched:
    """A stretch of episodes (rig time), the days that it saw whole, and what was uploaded in it."""

    evidence: Evidence
    t0_ns: int
    t1_ns: int
    days: list[int]
    delivered: list[Delivery]
    arrived: dict[int, Limits]
    """UTC of arrival, by the row of the upload."""


def _watched(stretch: Sequence[Episode], terminal: TerminalSetup, setup: Setup) -> _Watched:
    evidence, t0_ns, t1_ns = stretch[0].evidence, stretch[0].t0_ns, stretch[-1].t1_ns
    seen = evidence.clocks.utc(t0_ns).high, evidence.clocks.utc(t1_ns).low
    delivered = uploads(evidence, terminal.id, t0_ns, t1_ns)
    return _Watched(
        evidence,
        t0_ns,
        t1_ns,
        whole_days(*seen, round(setup.upload_deadline_s * NS_PER_S)),
        delivered,
        {item.event.row: _arrived(evidence, item, t0_ns) for item in delivered},
    )


def _stretches(episodes: Sequence[Episode]) -> list[list[Episode]]:
    """The episodes in order of time, those together between which nothing else was driven or missed."""
    found: list[list[Episode]] = []
    for episode in sorted(episodes, key=lambda one: one.first_row):  # by time two may be alike: one takes none
        if found and _follows(episode, found[-1][-1]):
            found[-1].append(episode)
        else:
            found.append([episode])
    return found


def _follows(later: Episode, earlier: Episode) -> bool:
    evidence, between = later.evidence, (earlier.t1_ns, later.t0_ns)
    begun = evidence.events(kinds.EPISODE_BEGIN, since_ns=between[0], until_ns=between[1])
    others = [event for event in begun if event.row != later.first_row]
    return earlier.complete and not others and blind_over(evidence, *between) is None


def _sound(
    episodes: Sequence[Episode], terminal: TerminalSetup, setup: Setup
) -> tuple[list[_Watched], Trouble | None, int]:
    """The episodes in which the bench did its part, what is wrong where they saw too little, and the days they saw."""
    troubles = {
        episode.name: bench_trouble(
            episode.evidence, {"server", terminal.id, episode.name}, episode.t0_ns, episode.t1_ns
        )
        for episode in episodes
    }
    whole = [episode for episode in episodes if troubles[episode.name] is None]
    sound = [_watched(stretch, terminal, setup) for stretch in _stretches(whole)]
    days = sum(len(one.days) for one in sound)
    if days >= LEAST_DAYS:
        return sound, None, days
    trouble = next((trouble for trouble in troubles.values() if trouble is not None), None)
    if trouble is not None:
        return sound, trouble, sum(len(_watched([episode], terminal, setup).days) for episode in episodes)
    steps = "; ".join(episodes[0].evidence.clocks.steps)
    why = f"{days} whole days seen, at least {LEAST_DAYS} are needed" + (f" ({steps})" if steps else "")
    return sound, Trouble(why, False, ()), days


@attrs.frozen(slots=True)
class _Day:
    """One day of a terminal: hours without a value by meter, how many meters are open, and what kept the bench from
    seeing them."""

    day: int
    lost: dict[str, list[int]]
    open_meters: int
    doubt: str
    blind: Trouble | None


def _judged_day(one: _Watched, terminal: TerminalSetup, day: int, deadline_ns: int) -> _Day:
    until_ns = day + NS_PER_DAY + deadline_ns
    marks = frozenset(hour_marks(day))
    in_time = {row: _in_time(utc, until_ns) for row, utc in one.arrived.items()}
    came = [((item.meter, item.mark_ns), in_time[item.event.row]) for item in one.delivered if item.mark_ns in marks]
    surely, perhaps = {value for value, when in came if when}, {value for value, when in came if when is not False}
    lost = {meter: [mark for mark in hour_marks(day) if (meter, mark) not in perhaps] for meter in terminal.meters}
    blind = _blind(one.evidence, day + NS_PER_DAY, until_ns) if any(lost.values()) else None
    open_meters = sum(
        not gone and any((meter, mark) not in surely for mark in hour_marks(day)) for meter, gone in lost.items()
    )
    doubts = (utc.why for row, utc in one.arrived.items() if in_time[row] is None)
    return _Day(day, lost, open_meters, next(doubts, "") if open_meters else "", blind)


def _measure(episodes: Sequence[Episode], terminal: TerminalSetup, setup: Setup) -> Measurement:
    deadline_ns = round(setup.upload_deadline_s * NS_PER_S)
    sound, trouble, days = _sound(episodes, terminal, setup)
    if trouble is not None:
        return gated(NAME, terminal.id, "1", trouble, days=days)
    every = [_judged_day(one, terminal, day, deadline_ns) for one in sound for day in one.days]
    unseen = [one.blind for one in every if one.blind is not None]
    seen = [one for one in every if one.blind is None]
    missed: list[Json] = [
        {"day": jst_date(one.day), "meter": meter, "hours_missing": len(gone)}
        for one in seen
        for meter, gone in one.lost.items()
        if gone
    ]
    if unseen and not missed and len(seen) < LEAST_DAYS:
        why = f"{len(seen)} whole days are left, at least {LEAST_DAYS} are needed ({unseen[0].why})"
        return gated(NAME, terminal.id, "1", attrs.evolve(unseen[0], why=why), days=days)
    odd = next(filter(None, (_oddities(one, terminal) for one in sound)), None) if missed else None
    if odd is not None:
        return gated(NAME, terminal.id, "1", odd, days=days)
    open_days = sum(one.open_meters for one in seen)
    doubt = next(filter(None, (one.doubt for one in reversed(seen))), "")
    rows = sorted({item.event.row for one in sound for item in one.delivered})
    return Measurement(
        NAME,
        terminal.id,
        float(len(missed)),
        "1",
        u=0.0,
        bounds=(float(len(missed)), float(len(missed) + open_days)) if open_days else None,
        doubt=doubt and f"{open_days} uploads may have been in time or late: {doubt}",
        conditions={
            "days": len(seen),
            **({"days_left_out": len(unseen)} if unseen else {}),
            "meters": len(terminal.meters),
            "deadline_s": setup.upload_deadline_s,
            **utc_conditions(sound[0].evidence.clocks),
        },
        cited=tuple(f"timeline#{row}" for row in rows),
        detail={
            "missed": missed,
            "marks": [mark for one in seen for mark in _marks(one, terminal)],
            "trials": [{"day": jst_date(one.day), "ok": not any(one.lost.values())} for one in seen],
            "trial_noun": "daily uploads",
            "trial_condition": "complete by the deadline",
        },
    )


def _marks(one: _Day, terminal: TerminalSetup) -> list[Json]:
    return [
        {"meter": meter, "mark_ns": mark, "state": "missing" if mark in one.lost[meter] else "ok"}
        for meter in terminal.meters
        for mark in hour_marks(one.day)
    ]


def _oddities(one: _Watched, terminal: TerminalSetup) -> Trouble | None:
    return oddities(one.evidence, terminal.id, one.t0_ns, one.t1_ns)


def _blind(evidence: Evidence, since_ns: int, until_ns: int) -> Trouble | None:
    """Whether the bench was blind at some time between these, in UTC."""
    clocks = evidence.clocks
    return blind_over(evidence, clocks.rig(since_ns).low, clocks.rig(until_ns).high)


def _arrived(evidence: Evidence, item: Delivery, since_ns: int) -> Limits:
    """UTC at which an upload was at the server."""
    clocks = evidence.clocks
    rig = clocks.heard(item.event, since_ns)
    utc = clocks.utc(rig.low).join(clocks.utc(rig.high))
    return utc if clocks.steps else attrs.evolve(utc, why=rig.why)


def _in_time(utc: Limits, until_ns: int) -> bool | None:
    """Whether what arrived then (UTC) was there by ``until_ns``; None where UTC is not known well enough to tell."""
    if utc.high <= until_ns:
        return True
    return False if utc.low > until_ns else None
