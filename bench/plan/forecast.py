"""What a plan costs and what it can claim, printed before it starts (lab-practice.md 8).

Lab hours are rig time: on the virtual rig they pass in seconds, in a laboratory they are hours. Human minutes are those
of a person at the key where no relay presses it. Each episode declares its own cost (``fixtures.episodes``), so the
forecast follows whatever is selected; the figures a step takes are planning values of this bench.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from bench.air.octets import counted
from bench.judge.statistics import CONFIDENCE, claim

PRESS_HUMAN_MIN: Final = 2.0
"""What one press of the key takes of a person, with the way to it."""
ALARM_HUMAN_MIN: Final = 2.0
REGISTER_HUMAN_MIN: Final = 1.0
"""A register that is turned and read."""
TURN_HUMAN_MIN: Final = 1.5
"""A register that is turned with a tap for a request, and looked at afterwards."""
VALVE_HUMAN_MIN: Final = 6.0
"""A shut-off and a reopening that are watched, leak check included."""
CUT_HUMAN_MIN: Final = 5.0
"""Opening or closing a breaker."""


@attrs.frozen(slots=True)
class People:
    """What people do on a rig, where nothing is wired for it (``devices.operator``).

    ``registers_a_day``: turned by hand, all terminals' together; ``valves``: how many they watch.
    """

    keys: bool = False
    alarms: bool = False
    cuts: bool = False
    registers_a_day: int = 0
    valves: int = 0


@attrs.frozen(slots=True)
class Cost:
    """What an episode takes: rig minutes and key presses a terminal (one after the other), rig days of all together.

    ``alarms_each`` a terminal, ``turns_each`` of a register for a request, ``stepped_days`` in which registers are
    turned, ``cuts`` of the mesh and back: these take people only where people do them. ``trials`` of ``noun`` support a
    claim; 0 where it makes none.
    """

    minutes_each: float = 0.0
    presses_each: int = 0
    days: float = 0.0
    alarms_each: int = 0
    turns_each: int = 0
    stepped_days: float = 0.0
    cuts: int = 0
    valve_cycles: int = 0
    """Shut-offs and reopenings of each valve."""
    trials: int = 0
    noun: str = ""


NOBODY: Final = People()


@attrs.frozen(slots=True)
class Forecast:
    """``claims``: what the counts support if nothing is missed, one sentence each."""

    lab_hours: float
    key_presses: int
    human_minutes: float
    claims: tuple[str, ...]
    valve_cycles: int = 0
    """Of each valve: they wear."""

    def lines(self) -> list[str]:
        """For the terminal, before the run starts."""
        human = f", {self.human_minutes:g} human minutes" if self.human_minutes else ""
        tail = "; without a miss it supports:" if self.claims else ""
        valves = f", {counted(self.valve_cycles, 'cycle')} of each valve" if self.valve_cycles else ""
        head = f"{self.lab_hours:.1f} h of rig time, {self.key_presses} key presses{valves}{human}{tail}"
        return [head, *(f"  {sentence}" for sentence in self.claims)]


def forecast(
    costs: Iterable[Cost], samples: int, *, confidence: float = CONFIDENCE, people: People = NOBODY
) -> Forecast:
    """What these costs are for so many samples, joined one after the other. ``people``: what they do of it."""
    all_of_them = tuple(costs)
    minutes = sum(cost.minutes_each for cost in all_of_them)
    presses = samples * sum(cost.presses_each for cost in all_of_them)
    return Forecast(
        lab_hours=samples * minutes / 60.0 + sum(cost.days for cost in all_of_them) * 24.0,
        key_presses=presses,
        human_minutes=_human_minutes(all_of_them, samples, people),
        claims=tuple(
            claim(cost.trials, cost.trials, cost.noun, "as required, per terminal", confidence)
            for cost in all_of_them
            if cost.trials
        ),
        valve_cycles=sum(cost.valve_cycles for cost in all_of_them),
    )


def _human_minutes(costs: tuple[Cost, ...], samples: int, people: People) -> float:
    presses = samples * sum(cost.presses_each for cost in costs) if people.keys else 0
    alarms = samples * sum(cost.alarms_each for cost in costs) if people.alarms else 0
    cuts = 2 * sum(cost.cuts for cost in costs) if people.cuts else 0
    turned = people.registers_a_day * sum(cost.stepped_days for cost in costs)
    fresh = samples * sum(cost.turns_each for cost in costs) if people.registers_a_day else 0
    cycles = people.valves * sum(cost.valve_cycles for cost in costs)
    minutes = presses * PRESS_HUMAN_MIN + alarms * ALARM_HUMAN_MIN + cuts * CUT_HUMAN_MIN
    minutes += fresh * TURN_HUMAN_MIN + cycles * VALVE_HUMAN_MIN
    return round(minutes + turned * REGISTER_HUMAN_MIN, 1)
