"""``transparent.mdms``: what a transparent terminal (透過型) did not pass between its meters and the MDMS.

Both ways of the guideline's words (自発的に又は MDMSからの要求により), as far as the terminal declares them:

* by themselves (``periodic-reading``): for each whole JST day D of the episode and each meter, the hours 01:00 to 24:00
  of D are pushed to the MDMS by the agreed deadline, each once and with the index that the register had at its hour
  mark (within twice hour_mark_error_s of a step either index is right). Start: 24:00 of D. Stop: ``mdms.readings``.
* on request (``on-demand-reading``): a request of the MDMS is answered there with the index to which the register was
  turned after it (as ``reading.mdms``).

Judged is the number of calls (a day of a meter) and requests that did not pass whole and unaltered. Nothing on the way
keeps what passes, so what did not come by the deadline does not come later. A day in which the bench was blind where
something is wanting is left out; at least one whole day and one request must count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench.evidence.evidence import Episode
from bench.measurands.judged.arrivals import tolerance
from bench.measurands.judged.common import Trouble, blind_over, gated
from bench.measurands.judged.deliveries import Delivery
from bench.measurands.judged.register import Register
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.upload_daily import hour_marks, jst_date, whole_days
from bench.measurands.judged.utility.link import pushed, trouble_of
from bench.measurands.judged.utility.reading import readings_asked
from bench.records import NS_PER_DAY, NS_PER_S, Measurement

NAME: Final = "transparent.mdms"
OWN_ACCORD: Final = "periodic-reading"
ON_REQUEST: Final = "on-demand-reading"


@attrs.frozen(slots=True)
class Call:
    """A day of a meter at the MDMS; ``wrong`` says by hour mark what was not as it should be."""

    meter: str
    day_ns: int
    wrong: dict[int, str]
    blind: Trouble | None
    cited: tuple[str, ...]


def transparent_mdms(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of calls and requests that did not pass."""
    (episode,) = episodes
    return [_measure(episode, terminal, setup) for terminal in setup.terminals]


def _measure(episode: Episode, terminal: TerminalSetup, setup: Setup) -> Measurement:
    called, asks = OWN_ACCORD in setup.functions, ON_REQUEST in setup.functions
    if not called and not asks:
        return gated(NAME, terminal.id, "1", Trouble("neither calls nor readings on request are declared", False, ()))
    every = _calls(episode, terminal, setup) if called else []
    calls = [call for call in every if call.blind is None]
    asked, left = readings_asked(episode, terminal, tolerance(setup.alarm_time_tolerance_s)) if asks else ([], [])
    bad_calls, bad_asked = [call for call in calls if call.wrong], [one for one in asked if one.why]
    trouble = trouble_of(episode, terminal, "link")
    few = "whole day" if called and not calls else "request" if asks and not asked else ""
    if trouble is None and few and not bad_calls and not bad_asked:
        blind = next((call.blind for call in every if call.blind is not None), next(iter(left), None))
        trouble = Trouble(f"no {few} was seen at the MDMS" + (f" ({blind.why})" if blind else ""), False, ())
    if trouble is not None:
        return gated(NAME, terminal.id, "1", trouble)
    return Measurement(
        NAME,
        terminal.id,
        float(len(bad_calls) + len(bad_asked)),
        "1",
        u=0.0,
        conditions={
            "calls": len(calls),
            "requests": len(asked),
            **({"left_out": len(every) - len(calls) + len(left)} if len(every) > len(calls) or left else {}),
        },
        cited=tuple(dict.fromkeys([row for c in calls for row in c.cited] + [row for a in asked for row in a.cited])),
        detail={
            "not_passed": [
                *({"meter": call.meter, "day": jst_date(call.day_ns), "hours": len(call.wrong),
                   "why": next(iter(call.wrong.values()))} for call in bad_calls),
                *({"meter": one.meter, "sent_ns": one.t_ns, "why": one.why} for one in bad_asked),
            ],
            "marks": [
                {"meter": call.meter, "mark_ns": mark, "state": _state(call.wrong.get(mark, ""))}
                for call in calls
                for mark in hour_marks(call.day_ns)
            ],
            "trials": [*({"ok": not call.wrong} for call in calls), *({"ok": not one.why} for one in asked)],
            "trial_noun": "calls and requests",
            "trial_condition": "passed whole and unaltered",
        },
    )  # fmt: skip


MISSING: Final = "not at the MDMS by the deadline"
TWICE: Final = "came more than once"


def _state(why: str) -> str:
    return {"": "ok", MISSING: "missing", TWICE: "duplicated"}.get(why, "wrong")


def _calls(episode: Episode, terminal: TerminalSetup, setup: Setup) -> list[Call]:
    clocks, deadline_ns = episode.evidence.clocks, round(setup.upload_deadline_s * NS_PER_S)
    seen = clocks.utc(episode.t0_ns).high, clocks.utc(episode.t1_ns).low
    came = pushed(episode, terminal, episode.t0_ns, episode.t1_ns)
    near_ns = round(2 * (setup.hour_mark_error_s or 0.0) * NS_PER_S)
    return [
        _call(episode, meter, day, day + NS_PER_DAY + deadline_ns, [c for c in came if c.meter == meter], near_ns)
        for day in whole_days(*seen, deadline_ns)
        for meter in terminal.meters
    ]


def _call(episode: Episode, meter: str, day_ns: int, until_ns: int, came: Sequence[Delivery], near_ns: int) -> Call:
    clocks, register = episode.evidence.clocks, Register.of(episode.evidence, meter)
    wrong: dict[int, str] = {}
    cited: dict[str, None] = {}
    for mark in hour_marks(day_ns):
        own = [item for item in came if item.mark_ns == mark]
        cited |= dict.fromkeys(item.event.citation for item in own)
        right = register.indexes(mark, near_ns) if register.known(mark) else set()
        odd = [item for item in own if right and item.index not in right]
        in_time = [item for item in own if clocks.utc(item.event.t_ns).low <= until_ns]
        if odd:
            wrong[mark] = f"{odd[0].index} came, the register stood at {', '.join(sorted(map(str, right)))}"
        elif not in_time:
            wrong[mark] = MISSING
        elif len(own) > 1:
            wrong[mark] = TWICE
    blind = None
    if wrong and set(wrong.values()) == {MISSING}:
        blind = blind_over(episode.evidence, clocks.rig(day_ns + NS_PER_DAY).low, clocks.rig(until_ns).high)
    return Call(meter, day_ns, wrong, blind, tuple(cited))
