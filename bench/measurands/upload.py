"""``upload.daily``: for each whole JST day D, the hours 01:00 to 24:00 of D are at the server by the agreed deadline.

24:00 of D is 00:00 of D+1. Counted by the day that the values belong to and not by the day of the upload, so a late
upload and the next one on one date are no miss. Days of which the bench did not see both midnight and deadline are
left out, and fewer than seven whole days prove nothing (lab-practice). Clusters are days: both meters travel in one
upload.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from bench.evidence import Episode
from bench.measurands.common import Trouble, bench_trouble, gated
from bench.measurands.deliveries import Delivery, uploads
from bench.measurands.setup import Setup, TerminalSetup
from bench.records import JST_OFFSET_NS, NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Json, Measurement

NAME: Final = "upload.daily"
LEAST_DAYS: Final = 7


def upload_daily(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of (day, meter) missed. ``statistic`` is always a count."""
    (episode,) = episodes
    days = whole_days(episode.t0_ns, episode.t1_ns, round(setup.upload_deadline_s * NS_PER_S))
    return [_measure(episode, terminal, setup, days) for terminal in setup.terminals]


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


def _measure(episode: Episode, terminal: TerminalSetup, setup: Setup, days: list[int]) -> Measurement:
    deadline_ns = round(setup.upload_deadline_s * NS_PER_S)
    trouble = bench_trouble(episode.evidence, {"server", terminal.id, episode.name}, episode.t0_ns, episode.t1_ns)
    if trouble is None and len(days) < LEAST_DAYS:
        trouble = Trouble(f"{len(days)} whole days seen, at least {LEAST_DAYS} are needed", False, ())
    if trouble is not None:
        return gated(NAME, terminal.id, "1", trouble, days=len(days))
    delivered = uploads(episode.evidence, terminal.id, episode.t0_ns, episode.t1_ns)
    missed: list[Json] = []
    marks: list[Json] = []
    trials: list[Json] = []
    for day in days:
        in_time = _in_time(delivered, day, day + NS_PER_DAY + deadline_ns)
        lost = {meter: [mark for mark in hour_marks(day) if (meter, mark) not in in_time] for meter in terminal.meters}
        missed += [
            {"day": jst_date(day), "meter": meter, "hours_missing": len(gone)} for meter, gone in lost.items() if gone
        ]
        marks += [
            {"meter": meter, "mark_ns": mark, "state": "missing" if mark in lost[meter] else "ok"}
            for meter in terminal.meters
            for mark in hour_marks(day)
        ]
        trials.append({"day": jst_date(day), "ok": not any(lost.values())})
    rows = sorted({delivery.event.row for delivery in delivered})
    return Measurement(
        NAME,
        terminal.id,
        float(len(missed)),
        "1",
        u=0.0,
        conditions={"days": len(days), "meters": len(terminal.meters), "deadline_s": setup.upload_deadline_s},
        cited=tuple(f"timeline#{row}" for row in rows),
        detail={
            "missed": missed,
            "marks": marks,
            "trials": trials,
            "trial_noun": "daily uploads",
            "trial_condition": "complete by the deadline",
        },
    )


def _in_time(delivered: list[Delivery], since_ns: int, until_ns: int) -> set[tuple[str, int]]:
    """(meter, hour mark) of the day that were at the server by ``until_ns``."""
    return {
        (item.meter, item.mark_ns)
        for item in delivered
        if since_ns < item.mark_ns <= since_ns + NS_PER_DAY and item.event.t_ns <= until_ns
    }
