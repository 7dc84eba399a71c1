"""``hourmark.error``: how far from the hour mark the terminal reads its meter's register, in seconds.

Start: the JST hour mark. Stop: the moment at which the register stood as delivered for that mark. The bench steps the
register at hh:00 +/- delta, with deltas swept on both sides (milestone ``swept``), and each delivered value tells on
which side of its step it was read: an index of after a step that was made delta *late* proves an error of at least
delta, one of before a step that was made delta *early* likewise. The value is the largest error that is proved, 0 where
none is; its bounds reach to the nearest step on either side that it was never beyond (none where the farthest step is
proved to be beyond). Limits of the clocks are in the deltas: a step that may lie on either side of what it would prove,
proves nothing.

A value that is neither index is wrong in another way and is left to ``values.hourly``. So is an error beyond the sweep:
what is read minutes off is another index.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from bench.evidence.evidence import Episode
from bench.evidence.limits import Limits
from bench.evidence.timeline import CitedObservation
from bench.judge.uncertainty import within
from bench.measurands.judged.common import Trouble, bench_trouble, blind_over, gated, left_out
from bench.measurands.judged.deliveries import Delivery, uploads
from bench.measurands.judged.placing import utc_conditions
from bench.measurands.judged.register import Register
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_HOUR, NS_PER_S, Json, Measurement

NAME: Final = "hourmark.error"


@attrs.frozen(slots=True)
class Side:
    """One step near a mark, and on which side of it the delivered value was read. ``delta``: step less mark, ns."""

    meter: str
    mark_ns: int
    delta: Limits
    after: bool
    step: CitedObservation
    delivery: Delivery

    @property
    def late_ns(self) -> int:
        """How late the reading was at least, for sure; 0 where that is not proved."""
        return max(0, self.delta.low) if self.after else 0

    @property
    def early_ns(self) -> int:
        """How early the reading was at least."""
        return max(0, -self.delta.high) if not self.after else 0


def hourmark_error(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal over all swept marks of its meters, in seconds."""
    (episode,) = episodes
    return [_measure(episode, terminal) for terminal in setup.terminals]


def _measure(episode: Episode, terminal: TerminalSetup) -> Measurement:
    names = {"server", terminal.id, episode.name, *(f"meter.{meter}" for meter in terminal.meters)}
    trouble = bench_trouble(episode.evidence, names, episode.t0_ns, episode.t1_ns)
    sides = list(_sides(episode, terminal))
    if not sides:
        trouble = trouble or left_out(episode, terminal.id, "step") or left_out(episode, terminal.id, "sweep")
        return gated(NAME, terminal.id, "s", trouble or Trouble("no value of a swept mark was delivered", False, ()))
    worst = max(sides, key=lambda side: max(side.late_ns, side.early_ns))
    proved_ns = max(worst.late_ns, worst.early_ns)
    if trouble is not None and not proved_ns:  # an error that was proved stays proved
        return gated(NAME, terminal.id, "s", trouble, swept=len(sides))
    most_ns = max(_beyond(sides, late=True), _beyond(sides, late=False))
    if not math.isfinite(most_ns) and not proved_ns:
        # A clock that was stepped moves its marks away from where they were swept.
        why = "; ".join(["the mark was not swept on both sides", *episode.evidence.clocks.steps])
        return gated(NAME, terminal.id, "s", Trouble(why, False, ()))
    return Measurement(
        NAME,
        terminal.id,
        proved_ns / NS_PER_S,
        "s",
        **_uncertain(most_ns - proved_ns),
        bounds=(proved_ns / NS_PER_S, most_ns / NS_PER_S) if math.isfinite(most_ns) else None,
        doubt="no step was made between what is proved and the next one that is not",
        conditions={
            "swept": len(sides),
            "nearest_s": round(min(abs(side.delta.best) for side in sides) / NS_PER_S, 3),
            "farthest_s": round(max(abs(side.delta.best) for side in sides) / NS_PER_S, 3),
            **utc_conditions(episode.evidence.clocks),
        },
        cited=tuple(dict.fromkeys(row for side in (sides if not proved_ns else [worst]) for row in _rows(side))),
        detail={"sides": [_detail(side) for side in sides]},
    )


def _uncertain(open_ns: float) -> dict[str, Any]:
    """What the distance to the next step leaves open, as a rectangle; nothing where no step bounds it."""
    if not math.isfinite(open_ns):
        return {}
    line = within("distance of the swept steps", open_ns / NS_PER_S, "s")
    return {"u": line.u, "budget": (line,)}


def _beyond(sides: Sequence[Side], *, late: bool) -> float:
    """The nearest step on this side of the mark that no reading, here or farther out, was beyond, ns; inf for none."""
    own = [side for side in sides if (side.delta.low > 0 if late else side.delta.high < 0)]
    proved = max([0, *(side.late_ns if late else side.early_ns for side in own)])
    ends = [side.delta.high if late else -side.delta.low for side in own if side.after is not late]
    return min((end for end in ends if end > proved), default=math.inf)


def _sides(episode: Episode, terminal: TerminalSetup) -> Iterator[Side]:
    """Every swept mark of which a value came by an upload, and its step."""
    came = _first(uploads(episode.evidence, terminal.id, episode.t0_ns, episode.t1_ns))
    for meter in terminal.meters:
        register = Register.of(episode.evidence, meter)
        for swept in episode.marks("swept", meter=meter):
            mark_ns, row = swept.data.get("mark_ns"), swept.row
            if not isinstance(mark_ns, int) or mark_ns % NS_PER_HOUR or (meter, mark_ns) not in came:
                continue
            steps = [step for step in register.steps(episode.t0_ns, swept.t_ns) if step[1].row < row]
            if not steps:
                continue
            before, after, made = steps[-1]
            item = came[meter, mark_ns]
            if item.index not in (before.data.get("index"), after.data.get("index")):
                continue
            mark = episode.evidence.clocks.rig(mark_ns)
            if blind_over(episode.evidence, min(made.low, mark.low), max(made.high, mark.high)):
                continue  # a step that nobody recorded may have been made
            yield Side(meter, mark_ns, made.less(mark), item.index == after.data.get("index"), after, item)


def _first(delivered: Sequence[Delivery]) -> Mapping[tuple[str, int], Delivery]:
    """The first delivery of each value."""
    found: dict[tuple[str, int], Delivery] = {}
    for item in delivered:
        found.setdefault((item.meter, item.mark_ns), item)
    return found


def _rows(side: Side) -> tuple[str, str]:
    return side.step.citation, side.delivery.event.citation


def _detail(side: Side) -> dict[str, Json]:
    return {
        "meter": side.meter,
        "mark_ns": side.mark_ns,
        "delta_s": side.delta.best / NS_PER_S,
        "read": "after the step" if side.after else "before the step",
        "error_s": max(side.late_ns, side.early_ns) / NS_PER_S,
        "cited": list(_rows(side)),
    }
