"""Exact bounds against published values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.judge.statistics import (
    claim,
    design_effect,
    difference,
    interval,
    lower_bound,
    normal_quantile,
    percentile,
    upper_bound,
)


@pytest.mark.parametrize(
    ("successes", "trials", "bound"),
    [
        (59, 59, 0.95),  # the classic 95/95 sample without failure
        (21, 21, 0.867),  # lab-practice.md 8: 21 uploads support 86.7 %
        (1, 1, 0.05),
        (0, 5, 0.0),
        (92, 93, 0.95),  # 95/95 with one failure allowed needs 93
        (59 - 1, 59, 0.9224),
    ],
)
def test_lower_bounds(successes: int, trials: int, bound: float) -> None:
    assert lower_bound(successes, trials) == pytest.approx(bound, abs=6e-4)


def test_two_sided_interval_of_8_of_10() -> None:
    """Clopper and Pearson's own kind of table: 8 of 10 at 95 % is 0.4439 to 0.9748."""
    low, high = interval(8, 10, 0.95)
    assert low == pytest.approx(0.44390, abs=1e-5)
    assert high == pytest.approx(0.97479, abs=1e-5)


@given(st.integers(1, 200), st.data())
def test_the_bound_is_where_the_tail_has_the_error_probability(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(1, trials))
    bound = lower_bound(successes, trials)
    tail = sum(math.comb(trials, k) * bound**k * (1 - bound) ** (trials - k) for k in range(successes, trials + 1))
    assert tail == pytest.approx(0.05, rel=1e-6)
    assert upper_bound(trials - successes, trials) == pytest.approx(1.0 - bound)


def test_the_sentence() -> None:
    assert claim(59, 59, "joins", "within 90 s") == "at least 95 % of joins within 90 s, 95 % confidence, n = 59"
    assert claim(58, 58, "joins", "within 90 s").startswith("at least 94.9 %"), "never rounded up"
    assert claim(58, 59, "joins", "within 90 s").endswith("n = 59, 1 not")
    assert claim(0, 0, "joins", "within 90 s") == ""


def test_percentiles_are_measured_values() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, p) for p in (1, 20, 50, 95, 100)] == [1.0, 1.0, 3.0, 5.0, 5.0]
    assert percentile([float(n) for n in range(1, 21)], 95) == 19.0
    assert percentile([float(n) for n in range(1, 201)], 100) == 200.0


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match=f"{successes} of {trials} is no count"):
        lower_bound(successes, trials)
    with pytest.raises(ValueError, match=f"{successes} of {trials} is no count"):
        upper_bound(successes, trials)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5])
def test_an_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and 1"):
        lower_bound(1, 2, confidence)


@pytest.mark.parametrize("percent", [0.0, 100.5, -1.0])
def test_an_impossible_percentile_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="is not in"):
        percentile([1.0], percent)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("clusters", "effect"),
    [
        ([(0, 10), (10, 10)], 20.0),  # worked by hand: spread (25 + 25) * 2 / 1 / 20^2, over 0.5 * 0.5 / 20
        ([(4, 10), (6, 10)], 1.0),  # scatters less than chance would (0.8): never below 1
        ([(2, 10), (5, 10), (8, 10)], 3.6),  # (9 + 0 + 9) * 3 / 2 / 30^2 over 0.5 * 0.5 / 30
        ([(1, 5), (7, 10)], 2.976190),  # share 8 / 15: ((1 - 8/3)^2 + (7 - 16/3)^2) * 2 / 15^2, over 0.24889 / 15
        ([(10, 10), (5, 5)], 1.0),
        ([(0, 10), (0, 5)], 1.0),
    ],
)
def test_the_design_effect_is_how_much_more_clusters_scatter(clusters: list[tuple[int, int]], effect: float) -> None:
    assert design_effect(clusters) == pytest.approx(effect)


def test_the_bounds_of_a_difference_are_recovered_from_those_of_its_shares() -> None:
    """Clusters that all have the same share have no design effect: the bounds are those of 16 and 10 of 20."""
    found = difference([(8, 10), (8, 10)], [(5, 10), (5, 10)])
    assert found.effects == (1.0, 1.0)
    assert found.value == pytest.approx(0.3)
    assert found.low == pytest.approx(0.3 - math.hypot(0.8 - lower_bound(16, 20), upper_bound(10, 20) - 0.5))
    assert found.high == pytest.approx(0.3 + math.hypot(upper_bound(16, 20) - 0.8, 0.5 - lower_bound(10, 20)))


def test_clusters_that_scatter_count_as_fewer_trials() -> None:
    """18 of 24 that scatter twice as much as chance bound the share as 9 of 12 do."""
    clusters = [(6, 6), (6, 6), (3, 6), (3, 6)]
    assert design_effect(clusters) == pytest.approx(8.0 / 3.0)
    wide, narrow = difference(clusters, [(1, 2), (1, 2)]), difference([(18, 24), (18, 24)], [(1, 2), (1, 2)])
    assert wide.effects == pytest.approx((8.0 / 3.0, 1.0))
    assert wide.low < narrow.low < narrow.high < wide.high
    even = difference([(9, 12), (0, 0)], [(1, 2), (1, 2)])
    assert even.effects == (1.0, 1.0)


def test_all_against_none_is_the_whole_difference() -> None:
    found = difference([(5, 5), (5, 5)], [(0, 5), (0, 5)])
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(1.0 - math.hypot(1.0 - lower_bound(10, 10), upper_bound(0, 10)))


HALF = [(5, 10), (5, 10)]


def test_a_share_of_nothing_has_no_less_and_one_of_all_no_more() -> None:
    none, every = difference([(0, 5), (0, 5)], HALF), difference([(5, 5), (5, 5)], HALF)
    assert none.low == pytest.approx(-0.5 - (upper_bound(10, 20) - 0.5))
    assert every.high == pytest.approx(0.5 + (0.5 - lower_bound(10, 20)))


def test_a_single_success_is_more_than_nothing() -> None:
    found = difference([(1, 5), (0, 5)], HALF)
    assert found.value == pytest.approx(-0.4)
    assert found.low > found.value - math.hypot(0.1, upper_bound(10, 20) - 0.5)


@pytest.mark.parametrize("clusters", [[(1, 2)], [(0, 0), (0, 0)], []])
def test_a_share_needs_two_clusters_and_a_trial(clusters: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="expected two at least"):
        difference(clusters, [(1, 2), (1, 2)])


def test_a_quantile_of_the_normal_distribution() -> None:
    assert normal_quantile(0.95) == pytest.approx(1.644854, abs=1e-6)
