"""A few of the octets that ``tests/fuzz/octets.py`` takes by the million: random and mutated, the same each time."""

from __future__ import annotations

import random

from tests.fuzz.octets import Tally, made_seeds, mutated_frames, random_frames, run

OCTETS = 200_000
STEPS_AN_OCTET = 600


def test_random_octets_leave_no_exception() -> None:
    tally = run(random_frames(random.Random(3)), OCTETS, Tally(), timed=False)
    assert not tally.exceptions
    assert tally.outcomes["read, MIC none"] > 20
    assert tally.outcomes["malformed, MIC none"] > 100
    assert 0 < tally.worst_steps[0] < STEPS_AN_OCTET


def test_mutated_octets_leave_no_exception() -> None:
    tally = run(mutated_frames(random.Random(3), made_seeds()), OCTETS, Tally(), timed=False)
    assert not tally.exceptions
    assert all(tally.outcomes[f"read, MIC {mic}"] > 5 for mic in ("none", "ok"))
    assert 0 < tally.worst_steps[0] < STEPS_AN_OCTET
