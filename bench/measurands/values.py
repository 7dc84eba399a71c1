"""``values.hourly``: every delivered value equals the meter's register at its JST hour mark, and is delivered once.

Truth is the bench's own last read-back of the register at or before the mark. An hour in which the register did not
step cannot tell a right value from a shifted one, and an hour in which the bench was blind has no truth: both are left
out and counted (a value that differs from a known truth is wrong in any hour). Missing values are none of this
measurand's business (``upload.daily``, ``storage.terminal``). Doubled is a value that two different uploads carried;
an answer to a history request repeats nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from bench.evidence import CitedObservation, Episode, Evidence
from bench.measurands.common import Span, Trouble, bench_trouble, blind_spans, first_span_over, gated
from bench.measurands.deliveries import Delivery, histories, uploads
from bench.measurands.setup import Setup, TerminalSetup
from bench.measurands.upload import jst_date
from bench.records import NS_PER_HOUR, Json, Measurement

NAME: Final = "values.hourly"
RIGHT: Final = "ok"
WRONG: Final = "wrong"
SHIFTED: Final = "shifted"
DOUBLED: Final = "duplicated"
EXCLUDED: Final = "excluded"
BAD: Final = frozenset({WRONG, SHIFTED, DOUBLED})


@attrs.frozen(slots=True)
class Register:
    """A meter's register over time as the bench read it back."""

    readings: tuple[CitedObservation, ...]
    times: tuple[int, ...]
    blind: tuple[Span, ...]

    @classmethod
    def of(cls, evidence: Evidence, meter: str) -> Register:
        readings = tuple(evidence.events("meter.index", subject=meter))
        return cls(readings, tuple(event.t_ns for event in readings), tuple(blind_spans(evidence)))

    def at(self, t_ns: int) -> CitedObservation | None:
        """The last reading at or before ``t_ns``; None before the first."""
        number = bisect_right(self.times, t_ns)
        return self.readings[number - 1] if number else None

    def stepped(self, mark_ns: int) -> bool:
        """Whether the hour before the mark has a known index other than the hour before that."""
        now, before = self.at(mark_ns), self.at(mark_ns - NS_PER_HOUR)
        return now is not None and before is not None and now.data.get("index") != before.data.get("index")

    def known(self, mark_ns: int) -> bool:
        """Whether the bench watched the hour before the mark."""
        return self.at(mark_ns) is not None and not first_span_over(self.blind, mark_ns - NS_PER_HOUR, mark_ns)


@attrs.frozen(slots=True)
class Checked:
    """One delivered value and what became of it; ``truth`` None where it is not known."""

    delivery: Delivery
    state: str
    truth: CitedObservation | None


def values_hourly(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of wrong or doubled values. ``statistic`` is always a count."""
    return [_measure(episodes, terminal) for terminal in setup.terminals]


def check_values(delivered: list[Delivery], registers: dict[str, Register]) -> list[Checked]:
    """Each delivery against the register of its meter."""
    seen: set[tuple[str, int]] = set()
    checked = []
    for item in delivered:
        doubled = item.by == "upload" and (item.meter, item.mark_ns) in seen
        if item.by == "upload":
            seen.add((item.meter, item.mark_ns))
        checked.append(_check(item, registers[item.meter], doubled))
    return checked


def _check(item: Delivery, register: Register, doubled: bool) -> Checked:
    truth = register.at(item.mark_ns) if register.known(item.mark_ns) else None
    if truth is not None and truth.data.get("index") != item.index:
        return Checked(item, SHIFTED if _is_neighbour(item, register) else WRONG, truth)
    if doubled:
        return Checked(item, DOUBLED, truth)
    return Checked(item, RIGHT if truth is not None and register.stepped(item.mark_ns) else EXCLUDED, truth)


def _is_neighbour(item: Delivery, register: Register) -> bool:
    """Whether the value is the right one of the hour before or after."""
    others = (register.at(item.mark_ns - NS_PER_HOUR), register.at(item.mark_ns + NS_PER_HOUR))
    return any(other is not None and other.data.get("index") == item.index for other in others)


def _measure(episodes: Sequence[Episode], terminal: TerminalSetup) -> Measurement:
    evidence = episodes[0].evidence
    delivered = _delivered(episodes, terminal)
    registers = {meter: Register.of(evidence, meter) for meter in terminal.meters}
    checked = check_values(delivered, registers)
    bad = [value for value in checked if value.state in BAD]
    good = [value for value in checked if value.state == RIGHT]
    trouble = _trouble(episodes, terminal)
    if trouble is None and not good and not bad:
        why = "no delivered value can be told from its neighbours" if checked else "no value was delivered"
        trouble = Trouble(why, False, ())
    if trouble is not None and not bad:  # a wrong value that was seen stays wrong, whatever else failed
        return gated(NAME, terminal.id, "1", trouble, values=len(checked))
    states = Counter(value.state for value in checked)
    return Measurement(
        NAME,
        terminal.id,
        float(len(bad)),
        "1",
        u=0.0,
        conditions={
            "values": len(good) + len(bad),
            "left_out": states[EXCLUDED],
            "meters": len(terminal.meters),
            "episodes": [episode.name for episode in episodes],
        },
        cited=_cited(bad) if bad else tuple(f"timeline#{row}" for row in sorted({v.delivery.event.row for v in good})),
        detail={
            "wrong": [_bad(value) for value in bad],
            "counts": {state: states[state] for state in sorted(states)},
            "marks": _marks(checked),
            "trials": _clusters(checked),
            "trial_noun": "days of delivery",
            "trial_condition": "without a wrong or doubled value",
        },
    )


def _delivered(episodes: Sequence[Episode], terminal: TerminalSetup) -> list[Delivery]:
    """What the server received in the episodes, of the terminal's own meters, in order of arrival."""
    found = []
    for episode in episodes:
        window = (terminal.id, episode.t0_ns, episode.t1_ns)
        found += uploads(episode.evidence, *window) + histories(episode.evidence, *window)
    own = [item for item in found if item.meter in terminal.meters]
    return sorted(own, key=lambda item: (item.event.t_ns, item.event.seq, item.mark_ns))


def _trouble(episodes: Sequence[Episode], terminal: TerminalSetup) -> Trouble | None:
    ports = {"server", terminal.id, *(f"meter.{meter}" for meter in terminal.meters)}
    for episode in episodes:
        trouble = bench_trouble(episode.evidence, {*ports, episode.name}, episode.t0_ns, episode.t1_ns)
        if trouble is not None:
            return trouble
    return None


def _clusters(checked: list[Checked]) -> list[Json]:
    """Days of arrival: values that travelled together stand or fall together (lab-practice, statistics)."""
    days: dict[str, bool] = {}
    for value in checked:
        if value.state != EXCLUDED:
            day = jst_date(value.delivery.event.t_ns)
            days[day] = days.get(day, True) and value.state == RIGHT
    return [{"day": day, "ok": ok} for day, ok in sorted(days.items())]


def _marks(checked: list[Checked]) -> list[Json]:
    """One state an hour mark and meter, the worst of its deliveries, for the buffering strip."""
    worst: dict[tuple[str, int], str] = {}
    order = (EXCLUDED, RIGHT, DOUBLED, SHIFTED, WRONG)
    for value in checked:
        key = (value.delivery.meter, value.delivery.mark_ns)
        worst[key] = max(worst.get(key, EXCLUDED), value.state, key=order.index)
    plain = {SHIFTED: WRONG}
    return [
        {"meter": meter, "mark_ns": mark_ns, "state": plain.get(state, state)}
        for (meter, mark_ns), state in sorted(worst.items())
    ]


def _bad(value: Checked) -> dict[str, Json]:
    item, truth = value.delivery, value.truth
    return {
        "meter": item.meter,
        "mark_ns": item.mark_ns,
        "state": value.state,
        "index": item.index,
        "truth": truth.data.get("index") if truth is not None else None,
        "cited": item.event.citation,
    }


def _cited(bad: list[Checked]) -> tuple[str, ...]:
    rows = {value.delivery.event.row for value in bad} | {value.truth.row for value in bad if value.truth is not None}
    return tuple(f"timeline#{row}" for row in sorted(rows))
