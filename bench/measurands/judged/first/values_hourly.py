"""``values.hourly``: every delivered value equals the meter's register at its JST hour mark, and is delivered once.

Truth is the bench's own last read-back of the register at or before the mark, which is UTC: where the bench does not
know UTC well enough to tell two indexes apart, either may be the true one. An hour in which the register did not step
cannot tell a right value from a shifted one, and an hour in which the bench was blind has no truth: both are left out
and counted (a value that differs from a known truth is wrong in any hour). Missing values are none of this
measurand's business (``upload.daily``, ``storage.terminal``). Doubled is a value that two different uploads carried;
an answer to a history request repeats nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.clocks import Clocks
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import Span, Trouble, bench_trouble, blind_spans, first_span_over, gated, left_out
from bench.measurands.judged.deliveries import Delivery, histories, uploads
from bench.measurands.judged.placing import utc_conditions
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.upload_daily import jst_date
from bench.records import NS_PER_HOUR, NS_PER_S, Json, Measurement

NAME: Final = "values.hourly"
RIGHT: Final = "ok"
WRONG: Final = "wrong"
SHIFTED: Final = "shifted"
DOUBLED: Final = "duplicated"
EXCLUDED: Final = "excluded"
BAD: Final = frozenset({WRONG, SHIFTED, DOUBLED})


@attrs.frozen(slots=True)
class Register:
    """A meter's register over rig time as the bench read it back.

    ``since``: when each step may have been made at the earliest, its intent; ``times``: when it was read back.
    """

    readings: tuple[CitedObservation, ...]
    since: tuple[int, ...]
    times: tuple[int, ...]
    blind: tuple[Span, ...]
    clocks: Clocks

    @classmethod
    def of(cls, evidence: Evidence, meter: str) -> Register:
        unanswered = (kinds.OPERATOR_TIMEOUT, kinds.OPERATOR_CANNOT, kinds.OPERATOR_UNDONE)
        unknown = [event for kind in unanswered for event in evidence.events(kind, subject=meter) if _turned(event)]
        readings = tuple(sorted([*evidence.events(kinds.METER_INDEX, subject=meter), *unknown], key=lambda e: e.row))
        times = tuple(event.t_ns + (0 if _turned(event) else _half_ns(event)) for event in readings)
        intents = [] if evidence.clocks.exact else evidence.events(kinds.INTENT_INDEX, subject=meter)
        since = tuple(_since(readings, intents)) if intents else tuple(e.t_ns - _half_ns(e) for e in readings)
        return cls(readings, since, times, tuple(blind_spans(evidence)), evidence.clocks)

    def at(self, mark_ns: int) -> list[CitedObservation]:
        """The readings that may have stood at the UTC of a mark, oldest first; none before the first."""
        rig = self.clocks.rig(mark_ns)
        first, last = bisect_right(self.times, rig.low), bisect_right(self.since, rig.high)
        return list(self.readings[first - 1 : max(first, last)]) if first else []

    def indexes(self, mark_ns: int) -> set[Json]:
        """What the register may have stood at."""
        return {reading.data.get("index") for reading in self.at(mark_ns)}

    def stepped(self, mark_ns: int) -> bool:
        """Whether the hour before the mark has a known index other than the hour before that."""
        now, before = self.indexes(mark_ns), self.indexes(mark_ns - NS_PER_HOUR)
        return len(now) == 1 and bool(before) and not now & before

    def known(self, mark_ns: int) -> bool:
        """Whether the bench watched the hour before the mark."""
        hour = self.clocks.rig(mark_ns - NS_PER_HOUR).low, self.clocks.rig(mark_ns).high
        found = self.at(mark_ns)
        return (
            bool(found) and all("index" in reading.data for reading in found) and not first_span_over(self.blind, *hour)
        )


def _turned(event: CitedObservation) -> bool:
    """Whether it says that nobody knows what a person set the register to."""
    undone = event.kind == kinds.OPERATOR_UNDONE and event.data.get("do") == "read"
    return undone or event.data.get("do") in ("set", "again")


def _half_ns(event: CitedObservation) -> int:
    """How far off the stamp may be: a register that a person turned was turned some time between question and answer
    (`devices.operator.driver`); one that nobody confirmed, at some time since the question."""
    if _turned(event):
        return round(float(str(event.data["after_s"])) * NS_PER_S)
    return round(math.sqrt(3) * event.u_ns)


def _since(readings: Sequence[CitedObservation], intents: Sequence[CitedObservation]) -> Iterator[int]:
    """For each reading the time of the intent that it is the first answer to, its own where it is none."""
    waiting = sorted(intents, key=lambda intent: intent.row)
    place = 0
    for reading in sorted(readings, key=lambda event: event.row):
        since_ns = reading.t_ns
        while place < len(waiting) and waiting[place].row < reading.row:
            since_ns, place = min(reading.t_ns, waiting[place].t_ns), place + 1
        yield since_ns


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
    may_be = register.at(item.mark_ns) if register.known(item.mark_ns) else []
    truth = may_be[-1] if may_be else None
    if may_be and item.index not in [reading.data.get("index") for reading in may_be]:
        return Checked(item, SHIFTED if _is_neighbour(item, register) else WRONG, truth)
    if doubled:
        return Checked(item, DOUBLED, truth)
    return Checked(item, RIGHT if truth is not None and register.stepped(item.mark_ns) else EXCLUDED, truth)


def _is_neighbour(item: Delivery, register: Register) -> bool:
    """Whether the value is the right one of the hour before or after."""
    return any(item.index in register.indexes(item.mark_ns + hour) for hour in (-NS_PER_HOUR, NS_PER_HOUR))


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
        open_utc = "; ".join(evidence.clocks.steps) if checked else ""
        left = (left_out(episode, terminal.id, "step") for episode in episodes)
        trouble = next(filter(None, left), None) or Trouble(why + (f" ({open_utc})" if open_utc else ""), False, ())
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
            **utc_conditions(evidence.clocks),
        },
        cited=_cited(bad) if bad else tuple(f"timeline#{row}" for row in sorted({v.delivery.event.row for v in good})),
        detail={
            "wrong": [_bad(value) for value in bad],
            "counts": {state: states[state] for state in sorted(states)},
            "marks": _marks(checked),
            "trials": _clusters(checked, evidence.clocks),
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


def _clusters(checked: list[Checked], clocks: Clocks) -> list[Json]:
    """Days of arrival: values that travelled together stand or fall together (lab-practice.md 8)."""
    days: dict[str, bool] = {}
    for value in checked:
        if value.state != EXCLUDED:
            day = jst_date(clocks.utc(value.delivery.event.t_ns).best)
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
