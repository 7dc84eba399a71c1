"""What a plan costs and supports, said beforehand: it follows what is selected."""

from __future__ import annotations

import pytest

from bench.plan.forecast import NOBODY, Cost, Forecast, People, forecast
from bench.plan.schema import load_profile
from fixtures.episodes.declared import costs, episodes, planned


def of(profile: str, *names: str, people: People = NOBODY) -> Forecast:
    """The forecast of these episodes for two samples."""
    return forecast(costs(planned(names or episodes()), load_profile(profile)), 2, people=people)


def test_certification_supports_95_percent_and_says_what_it_costs() -> None:
    made = of("certification", people=People(keys=True))
    assert "at least 95 % of joins as required, per terminal, 95 % confidence, n = 59" in made.claims
    assert "at least 86.7 % of daily uploads as required, per terminal, 95 % confidence, n = 21" in made.claims
    assert made.key_presses == 59 * 2 * 2
    assert made.human_minutes == 2.0 * made.key_presses
    each = 59 * 5 + 59 * 2.5 + 22 * 2 + 31 * 5 + 30 + 2  # joins, round trips, alarms, valves, cut-offs, readings
    assert made.lab_hours == pytest.approx(2 * each / 60 + (3 + 1 + 21 + 1.5 + 1.5 + 8 + 2) * 24)
    assert made.valve_cycles == 31


def test_smoke_claims_little_and_needs_nobody() -> None:
    made = of("smoke")
    assert made.human_minutes == 0.0
    assert made.claims[0].startswith("at least 54.9 % of joins")
    assert made.lines()[0].endswith("supports:")
    assert len(made.lines()) == 1 + len(made.claims) == 6


def test_a_selection_costs_what_it_drives_and_what_it_takes_to_get_there() -> None:
    """Alarms need joined terminals and no week: one join a terminal, and the alarms."""
    made = of("smoke", "alarm")
    assert made.key_presses == 2
    assert made.lab_hours == pytest.approx(2 * (5 + 4 * 2) / 60)
    assert [claim.split(" as required")[0] for claim in made.claims] == ["at least 47.2 % of alarms"]
    assert of("smoke", "join", "alarm").key_presses == 2 * 2 * 5, "whom the joins left joined nobody joins again"


def test_what_claims_nothing_says_so() -> None:
    assert forecast([Cost(days=1.0)], 2).lines() == ["24.0 h of rig time, 0 key presses"]


def test_minutes_of_a_rig_with_people_only() -> None:
    """Keys, alarms, registers, valves and breakers, each where people do it: 16 registers on each of 20 days, and one
    for each of 10 round trips, 6 readings and 48 requests without mains."""
    made = of("smoke", people=People(keys=True, alarms=True, cuts=True, registers_a_day=16))
    turned = 20 * 16 * 1.0 + 2 * (10 + 6 + 48) * 1.5
    assert made.human_minutes == 20 * 2.0 + 2 * (4 + 3 + 12 + 1) * 2.0 + turned + 12 * 5.0
    assert of("smoke", people=People(cuts=True)).human_minutes == 60.0
    assert of("smoke", people=People(valves=2)).human_minutes == 2 * 3 * 6.0
