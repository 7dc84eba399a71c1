"""Numbers that are counted up: how far ahead and behind one still belongs to the run."""

from __future__ import annotations

import pytest

from bench.measurands.air.sniffers.numbering import _WAITING, LATE, Keys, Numbers
from bench.records import NS_PER_S

WIDTH = 60 * NS_PER_S


@pytest.mark.parametrize(
    ("value", "after_s", "solicited", "restarts"),
    [
        (1200, 0, False, 0),
        (1201, 0, False, 1),
        (1250, 1, False, 0),
        (1251, 1, False, 1),
        (1200, -1, False, 0),
        (1201, -1, False, 1),
        (1016, 9, True, 0),
        (1017, 9, True, 1),
        (984, 0, False, 0),
        (983, 0, False, 1),
        (984, 0, True, 0),
        (983, 0, True, 1),
    ],
)
def test_a_counter_too_far_from_the_largest_was_set_anew(
    value: int, after_s: int, solicited: bool, restarts: int
) -> None:
    keys = Keys(0, WIDTH)
    keys.take(1, 1000, 100 * NS_PER_S, solicited=False)
    keys.take(1, value, (100 + after_s) * NS_PER_S, solicited=solicited)
    assert (keys.restarts, keys.told) == (restarts, not restarts)


def test_the_time_of_the_largest_is_that_of_its_first_hearing_and_the_silence_counts_from_it() -> None:
    keys = Keys(0, WIDTH)
    for value, at_s in ((1000, 0), (1000, 10), (1700, 10)):
        keys.take(1, value, at_s * NS_PER_S, solicited=False)
    assert keys.restarts == 0


def test_one_counter_heard_twice_is_no_row() -> None:
    keys = Keys(0, WIDTH)
    keys.take(1, 5, 0, solicited=False)
    keys.take(1, 5, NS_PER_S, solicited=False)
    assert not keys.told
    keys.take(1, 6, NS_PER_S, solicited=False)
    assert keys.told


def test_each_key_has_a_run_of_its_own() -> None:
    keys = Keys(0, WIDTH)
    for at, (index, value) in enumerate(((1, 1000), (2, 5), (1, 1001), (2, 6), (1, 1003), (2, 7))):
        keys.take(index, value, at * NS_PER_S, solicited=False)
    tally = keys.tally
    assert (keys.restarts, tally.captured, tally.missed) == (0, 6, 1)


def test_a_number_that_comes_as_late_as_it_may_is_counted_once() -> None:
    """Those before the last sixteen are settled now and then; the sixteenth may come again, and is known."""
    for top in range(_WAITING, 3 * _WAITING):
        keys = Keys(0, WIDTH)
        for value in (*range(top + 1), top - LATE, top + 1):
            keys.take(1, value, value * NS_PER_S, solicited=False)
        tally = keys.tally
        assert (keys.restarts, tally.captured, tally.missed) == (0, top + 2, 0)
        assert sum(part for part, _ in tally.parts.values()) == top


@pytest.mark.parametrize(("step", "doubtful"), [(128, 0), (129, 1), (239, 1), (240, 0), (255, 0)])
def test_a_gap_of_more_than_half_the_numbers_is_in_doubt(step: int, doubtful: int) -> None:
    numbers = Numbers(0, WIDTH)
    numbers.take(100, 0)
    numbers.take((100 + step) % 256, NS_PER_S)
    assert numbers.doubtful == doubtful


@pytest.mark.parametrize(
    ("heard", "missed"),
    [
        ((253, 254, 255, 1, 2), 0),
        ((253, 254, 255, 0, 1), 0),
        ((253, 254, 255, 2, 3), 2),
        ((253, 254, 1, 2), 2),
        ((1, 2, 4), 1),
        ((254, 255, 1, *range(2, 256), 0, 1), 1),
        ((254, 255, 1, *range(2, 256), 1, 2), 0),
    ],
)
def test_the_number_0_was_not_missed_where_it_never_comes(heard: tuple[int, ...], missed: int) -> None:
    numbers = Numbers(0, WIDTH)
    for at, value in enumerate(heard):
        numbers.take(value, at * NS_PER_S)
    assert numbers.tally.missed == missed
    assert numbers.tally.captured == len(heard)


@pytest.mark.parametrize(
    ("low_s", "high_s", "parts"),
    [
        (0, 120, {0: 1, 1: 2}),
        (0, 60, {0: 3}),
        (59, 61, {0: 1, 1: 2}),
        (30, 30, {0: 3}),
        (61, 30, {1: 3}),
        (0, 240, {1: 1, 2: 1, 3: 1}),
        (60 - 1e-9, 60, {0: 3}),
        (60 - 2e-9, 60 + 1e-9, {0: 2, 1: 1}),
    ],
)
def test_missed_numbers_lie_evenly_between_their_neighbours(low_s: float, high_s: float, parts: dict[int, int]) -> None:
    keys = Keys(0, WIDTH)
    keys.take(1, 10, round(low_s * NS_PER_S), solicited=False)
    keys.take(1, 14, round(high_s * NS_PER_S), solicited=False)
    found = {at: whole for at, (_, whole) in keys.tally.parts.items()}
    assert {at: count for at, count in found.items() if count} == parts


def test_sequence_numbers_remember_only_what_may_still_change() -> None:
    numbers = Numbers(0, WIDTH)
    most = 0
    for value in range(1000):
        numbers.take(value % 256, value * NS_PER_S)
        assert numbers._run is not None
        most = max(most, len(numbers._run.waiting))
    assert most == _WAITING
    assert (numbers.tally.captured, numbers.tally.missed) == (1000, 0)
