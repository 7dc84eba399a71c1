"""What a profile costs and supports, said beforehand."""

from __future__ import annotations

import pytest

from fixtures.forecast import forecast
from fixtures.schema import load_declaration, load_profile


def test_certification_supports_95_percent_and_says_what_it_costs() -> None:
    made = forecast(load_profile("certification"), load_declaration(), by_hand=True)
    assert "at least 95 % of joins as required, per terminal, 95 % confidence, n = 59" in made.claims
    assert "at least 86.7 % of daily uploads as required, per terminal, 95 % confidence, n = 21" in made.claims
    assert made.key_presses == 59 * 2 * 2
    assert made.human_minutes == 2.0 * made.key_presses
    assert made.lab_hours == pytest.approx(2 * (59 * 5 + 59 * 2.5 + 22 * 2) / 60 + (1 + 21 + 8 + 0.25) * 24)


def test_smoke_claims_little_and_needs_nobody() -> None:
    made = forecast(load_profile("smoke"), load_declaration())
    assert made.human_minutes == 0.0
    assert made.claims[0].startswith("at least 54.9 % of joins")
    assert made.lines()[0].endswith("supports:")
    assert len(made.lines()) == 5
