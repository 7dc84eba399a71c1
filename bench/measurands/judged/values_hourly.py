"""``values.hourly.2``: every value that reaches the server is the register's at its JST hour mark, and comes once.

Over the whole run, whatever the terminal was asked: a value of a meter that does not hang on it, of a mark that has not
come yet, or of no hour mark at all was not asked for and counts like a wrong one. Truth is the bench's own last
read-back of the register at or before the mark. A register that steps close to a mark may be read on either side of the
step: how far off the terminal reads is `hourmark.error`'s business, so within twice the agreed error either index is
right here. An hour in which the register did not step cannot tell a right value from a shifted one, and an hour in
which the bench was blind has no truth: both are left out and counted (a value that differs from a known truth is wrong
in any hour). Missing values are none of this measurand's business (``upload.daily``, ``storage.terminal``).

A value is a meter and a mark: what an upload brought and a history answer repeats is one value. Doubled is what two
uploads carried, or one request's answer twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import attrs

from bench import kinds
from bench.evidence.clocks import Clocks
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.timeline import CitedObservation
from bench.evidence.worlds import Worlds
from bench.measurands.judged.common import Trouble, bench_trouble, gated, left_out
from bench.measurands.judged.deliveries import Delivery, histories, uploads
from bench.measurands.judged.placing import utc_conditions
from bench.measurands.judged.register import Register
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.upload_daily import jst_date
from bench.records import NS_PER_HOUR, NS_PER_S, Json, Measurement

NAME: Final = "values.hourly.2"
RIGHT: Final = "ok"
WRONG: Final = "wrong"
SHIFTED: Final = "shifted"
DOUBLED: Final = "duplicated"
EXCLUDED: Final = "excluded"
FOREIGN: Final = "foreign meter"
FUTURE: Final = "future"
NO_MARK: Final = "no hour mark"
UNASKED: Final = frozenset({DOUBLED, FOREIGN, FUTURE, NO_MARK})
BAD: Final = frozenset({WRONG, SHIFTED, *UNASKED})
WORST: Final = (EXCLUDED, RIGHT, DOUBLED, SHIFTED, WRONG, NO_MARK, FUTURE, FOREIGN)
SWEPT_S: Final = 60.0
"""How close to a mark registers are stepped on purpose where no error is agreed (`fixtures.episodes.stimuli`)."""


@attrs.frozen(slots=True)
class Checked:
    """One delivered value and what became of it; ``truth`` None where it is not known."""

    delivery: Delivery
    state: str
    truth: CitedObservation | None

    @property
    def key(self) -> tuple[str, int]:
        return self.delivery.meter, self.delivery.mark_ns


def values_hourly(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of wrong, doubled and unasked values. ``statistic`` is always a count."""
    near_ns, worlds = near_mark_ns(setup), Worlds.of(episodes[0].evidence)
    return [_measure(episodes, terminal, near_ns, worlds) for terminal in setup.terminals]


def near_mark_ns(setup: Setup) -> int:
    """How far from a mark a register may have been read without its value being wrong: twice the agreed error."""
    agreed_s = setup.hour_mark_error_s
    return round(2 * (SWEPT_S if agreed_s is None else agreed_s) * NS_PER_S)


def check_values(
    delivered: Iterable[Delivery],
    registers: dict[str, Register],
    clocks: Clocks,
    near_ns: int,
    worlds: Worlds = Worlds(),  # noqa: B008 -- frozen
) -> list[Checked]:
    """Each delivery against the register of its meter, in order of arrival. Another world repeats nothing."""
    seen: set[tuple[Json, ...]] = set()
    checked = []
    for item in delivered:
        # An upload repeats what any upload brought, an answer only what the same answer brought.
        of = "" if item.by == "upload" else str(item.event.data.get("request"))
        key = (worlds.of_row(item.event.row), item.by, of, item.meter, item.mark_ns)
        checked.append(_check(item, registers.get(item.meter), key in seen, clocks, near_ns))
        seen.add(key)
    return checked


def _check(item: Delivery, register: Register | None, doubled: bool, clocks: Clocks, near_ns: int) -> Checked:
    if register is None:
        return Checked(item, FOREIGN, None)
    if item.mark_ns > clocks.utc(item.event.t_ns).high + near_ns:
        return Checked(item, FUTURE, None)
    if item.mark_ns % NS_PER_HOUR:
        return Checked(item, NO_MARK, None)
    may_be = register.near(item.mark_ns, near_ns) if register.known(item.mark_ns, near_ns) else []
    truth = may_be[-1] if may_be else None
    if may_be and item.index not in [reading.data.get("index") for reading in may_be]:
        return Checked(item, SHIFTED if _is_neighbour(item, register) else WRONG, truth)
    if doubled:
        return Checked(item, DOUBLED, truth)
    proves = truth is not None and register.stepped(item.mark_ns, near_ns)
    return Checked(item, RIGHT if proves else EXCLUDED, truth)


def _is_neighbour(item: Delivery, register: Register) -> bool:
    """Whether the value is the right one of the hour before or after."""
    return any(item.index in register.indexes(item.mark_ns + hour) for hour in (-NS_PER_HOUR, NS_PER_HOUR))


def _measure(episodes: Sequence[Episode], terminal: TerminalSetup, near_ns: int, worlds: Worlds) -> Measurement:
    evidence = episodes[0].evidence
    registers = {meter: Register.of(evidence, meter) for meter in terminal.meters}
    checked = check_values(_delivered(evidence, terminal), registers, evidence.clocks, near_ns, worlds)
    worst = _worst(checked)
    bad = [value for value in worst.values() if value.state in BAD]
    good = [value for value in worst.values() if value.state == RIGHT]
    trouble = _trouble(episodes, terminal)
    if trouble is None and not good and not bad:
        why = "no delivered value can be told from its neighbours" if checked else "no value was delivered"
        open_utc = "; ".join(evidence.clocks.steps) if checked else ""
        left = (left_out(episode, terminal.id, "step") for episode in episodes)
        trouble = next(filter(None, left), None) or Trouble(why + (f" ({open_utc})" if open_utc else ""), False, ())
    if trouble is not None and not bad:  # a wrong value that was seen stays wrong, whatever else failed
        return gated(NAME, terminal.id, "1", trouble, values=len(worst))
    states = Counter(value.state for value in worst.values())
    return Measurement(
        NAME,
        terminal.id,
        float(len(bad)),
        "1",
        u=0.0,
        conditions={
            "values": len(good) + len(bad),
            "left_out": states[EXCLUDED],
            "not_asked_for": sum(states[state] for state in UNASKED),
            "meters": len(terminal.meters),
            **_own_joins(evidence, terminal, worlds),
            "episodes": [episode.name for episode in episodes],
            **utc_conditions(evidence.clocks),
        },
        cited=_cited(bad) if bad else tuple(f"timeline#{row}" for row in sorted({v.delivery.event.row for v in good})),
        detail={
            "wrong": [_bad(value) for value in bad],
            "counts": {state: states[state] for state in sorted(states)},
            "marks": _marks(worst),
            "trials": _clusters(checked, evidence.clocks),
            "trial_noun": "days of delivery",
            "trial_condition": "without a wrong, doubled or unasked value",
        },
    )


def _own_joins(evidence: Evidence, terminal: TerminalSetup, worlds: Worlds) -> dict[str, Json]:
    """How often the terminal joined though nothing was done to it or the mesh since it was there: told, not judged."""
    reachable = evidence.events(kinds.SERVER_REACHABLE, subject=terminal.id)
    acts = [kinds.PANEL_PRESS, kinds.SUPPLY_OUTPUT, kinds.INTENT_CUT, kinds.INTENT_DEREGISTER, kinds.OPERATOR_DONE]
    rows = [e.row for kind in acts for e in evidence.events(kind) if e.subject in (terminal.id, "mesh")]
    done = sorted([*rows, *worlds.rows])
    own = [now for then, now in pairwise(reachable) if bisect_right(done, now.row) == bisect_right(done, then.row)]
    return {"joined_by_itself": len(own)} if own else {}


def _delivered(evidence: Evidence, terminal: TerminalSetup) -> list[Delivery]:
    """All that the server ever received of the terminal, in order of arrival."""
    window = (terminal.id, 0, evidence.last_ns())
    found = uploads(evidence, *window) + histories(evidence, *window)
    return sorted(found, key=lambda item: (item.event.t_ns, item.event.seq, item.mark_ns))


def _worst(checked: Iterable[Checked]) -> dict[tuple[str, int], Checked]:
    """One of each value: the worst of its deliveries."""
    worst: dict[tuple[str, int], Checked] = {}
    for value in checked:
        known = worst.get(value.key)
        if known is None or WORST.index(value.state) > WORST.index(known.state):
            worst[value.key] = value
    return worst


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


def _marks(worst: dict[tuple[str, int], Checked]) -> list[Json]:
    """One state an hour mark and meter, for the buffering strip."""
    plain = {SHIFTED: WRONG, FOREIGN: WRONG, FUTURE: WRONG, NO_MARK: WRONG}
    return [
        {"meter": meter, "mark_ns": mark_ns, "state": plain.get(value.state, value.state)}
        for (meter, mark_ns), value in sorted(worst.items(), key=lambda item: item[0])
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
