"""``gap.filling``: how long hours that are missing at the server stay missing (自動欠測補完, guideline 2-2).

Start: the operator removes stored hours of a meter at the connection server (``gate.removed``), and a pull shows that
they are gone. Stop: the last of them is at the MDMS again, by push or by pull, with the index that the terminal had
delivered before: a value that the server made up fills no gap. The bench asks for none of these hours itself. An hour
that does not come back is a gap without end.
Where the bench was blind it may have come then: what is seen afterwards has bounds back to that time, and what is not
seen at all is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import Trouble, blind_over, blind_spans, gated, seconds, statistic_of, too_few
from bench.measurands.judged.deliveries import uploads
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.utility.link import given, pulled, pushed, trouble_of
from bench.records import Json, Measurement

NAME: Final = "gap.filling"


@attrs.frozen(slots=True)
class Hour:
    """One removed hour: what it must be, and when it was back. ``filled_ns`` None: never, or otherwise (``why``)."""

    meter: str
    mark_ns: int
    index: Json
    filled_ns: int | None
    why: str
    cited: tuple[str, ...]


def gap_filling(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal, in seconds; ``statistic`` over its removed hours."""
    (episode,) = episodes
    return [_measure(episode, terminal, setup, statistic) for terminal in setup.terminals]


def _measure(episode: Episode, terminal: TerminalSetup, setup: Setup, statistic: str) -> Measurement:
    if not setup.gap_filling:
        return Measurement(NAME, terminal.id, 0.0, "s")  # no limit either: it is reported and judged by nobody
    trouble = trouble_of(episode, terminal, "gap")
    removed = [r for r in episode.events(kinds.GATE_REMOVED) if r.data.get("meter") in terminal.meters]
    found = [_hours(episode, terminal, one) for one in removed] if trouble is None else []
    trouble = trouble or next((one for one in found if isinstance(one, Trouble)), None)
    every = [hour for one in found if not isinstance(one, Trouble) for hour in one]
    if trouble is None and not every:
        trouble = Trouble("no hour was removed at the server", False, ())
    since_ns = min((one.t_ns for one in removed), default=episode.t0_ns)
    blind = blind_over(episode.evidence, since_ns, episode.t1_ns)
    hours = [hour for hour in every if blind is None or hour.filled_ns is not None or hour.why]
    if trouble is None and blind is not None and not any(hour.why for hour in hours):
        trouble = too_few(episode, len(hours), [blind] * (len(every) - len(hours)), "hours")
    if trouble is not None:
        return gated(NAME, terminal.id, "s", trouble)
    took = [None if hour.filled_ns is None else seconds(since_ns, hour.filled_ns) for hour in hours]
    gone = [hour for hour in hours if hour.filled_ns is None]
    return Measurement(
        NAME,
        terminal.id,
        statistic_of(took, statistic),
        "s",
        u=0.0 if episode.evidence.clocks.exact else None,
        **_open(episode, since_ns, hours, statistic),
        conditions={
            "hours": len(hours),
            "not_filled": len(gone),
            "statistic": statistic,
            **({"hours_left_out": len(every) - len(hours)} if len(hours) < len(every) else {}),
        },
        cited=(*(one.citation for one in removed), *dict.fromkeys(row for hour in hours for row in hour.cited)),
        detail={
            "unfilled": [{"meter": h.meter, "mark_ns": h.mark_ns, "index": h.index, "why": h.why} for h in gone],
            "marks": [{"meter": h.meter, "mark_ns": h.mark_ns, "state": _state(h)} for h in hours],
            "trials": [{"value": statistic_of(took, "maximum")}],
            "trial_noun": "gaps",
            "never": f"{len(gone)} of {len(hours)} missing hours were not filled" if gone else "",
        },
    )


def _open(episode: Episode, since_ns: int, hours: Sequence[Hour], statistic: str) -> dict[str, Any]:
    """Bounds of the figure where an hour may have been filled while nobody watched; nothing where none may."""
    filled = [hour.filled_ns for hour in hours if hour.filled_ns is not None]
    begun = [max(since_ns, span.from_ns) for span in blind_spans(episode.evidence) if span.to_ns >= since_ns]
    early = [min([end_ns, *(at_ns for at_ns in begun if at_ns < end_ns)]) for end_ns in filled]
    if len(filled) < len(hours) or early == filled:
        return {}
    low, high = (statistic_of([seconds(since_ns, end) for end in ends], statistic) for ends in (early, filled))
    return {"bounds": (low, high), "doubt": "the bench was blind meanwhile"}


def _state(hour: Hour) -> str:
    return "ok" if hour.filled_ns is not None else "wrong" if hour.why else "missing"


def _hours(episode: Episode, terminal: TerminalSetup, removed: CitedObservation) -> list[Hour] | Trouble:
    """The hours of one removal; a trouble where it is not shown that they were there, and gone afterwards."""
    meter = str(removed.data["meter"])
    from_ns, to_ns = int(str(removed.data["from_ns"])), int(str(removed.data["to_ns"]))
    pulls = pulled(episode.evidence, meter, episode.t0_ns, episode.t1_ns)
    before = [event for event in pulls if event.row < removed.row]
    after = [event for event in pulls if event.row > removed.row]
    if not before or not after:
        return Trouble(f"no pull before and after the removal of hours of {meter}", False, (removed.citation,))
    there = {mark: index for mark, index in given(before[-1]).items() if from_ns <= mark <= to_ns}
    if not there:
        return Trouble(
            f"the server had none of the hours of {meter} that were to be removed", False, (removed.citation,)
        )
    if there.keys() & given(after[0]).keys():
        why = f"hours of {meter} are still there right after their removal"
        return Trouble(why, False, (removed.citation, after[0].citation))
    first = {
        item.mark_ns: item.index
        for item in uploads(episode.evidence, terminal.id, 0, removed.t_ns)
        if item.meter == meter
    }
    return [
        _hour(episode, terminal, meter, mark, first.get(mark, index), removed, after[1:])
        for mark, index in there.items()
    ]


def _hour(
    episode: Episode,
    terminal: TerminalSetup,
    meter: str,
    mark_ns: int,
    index: Json,
    removed: CitedObservation,
    pulls: Sequence[CitedObservation],
) -> Hour:
    came = [
        (item.event, item.index)
        for item in pushed(episode, terminal, removed.t_ns, episode.t1_ns)
        if item.meter == meter and item.mark_ns == mark_ns
    ]
    came += [(event, values[mark_ns]) for event in pulls if mark_ns in (values := given(event))]
    came.sort(key=lambda pair: pair[0].row)
    wrong = [(event, value) for event, value in came if value != index]
    if wrong:
        said = f"filled with {wrong[0][1]}, the terminal had delivered {index}"
        return Hour(meter, mark_ns, index, None, said, (wrong[0][0].citation,))
    if not came:
        return Hour(meter, mark_ns, index, None, "", ())
    return Hour(meter, mark_ns, index, came[0][0].t_ns, "", (came[0][0].citation,))
