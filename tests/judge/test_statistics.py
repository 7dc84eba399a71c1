"""Exact bounds against published values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.statistics import claim, interval, lower_bound, percentile, trials_for, upper_bound


@pytest.mark.parametrize(
    ("successes", "trials", "bound"),
    [
        (59, 59, 0.95),  # the classic 95/95 sample without failure
        (21, 21, 0.867),  # lab-practice: 21 uploads support 86.7 %
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


def test_how_many_trials_a_share_needs() -> None:
    assert trials_for(0.95) == 59
    assert trials_for(0.99) == 299
    assert trials_for(0.90) == 29
    assert lower_bound(trials_for(0.999), trials_for(0.999)) >= 0.999


def test_the_sentence() -> None:
    assert claim(59, 59, "joins", "within 90 s") == "at least 95 % of joins within 90 s, 95 % confidence, n = 59"
    assert claim(58, 58, "joins", "within 90 s").startswith("at least 94.9 %"), "never rounded up"
    assert claim(58, 59, "joins", "within 90 s").endswith("n = 59, 1 not")
    assert claim(0, 0, "joins", "within 90 s") == ""


def test_percentiles_are_measured_values() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, p) for p in (1, 20, 50, 95, 100)] == [1.0, 1.0, 3.0, 5.0, 5.0]
    assert percentile([float(n) for n in range(1, 21)], 95) == 19.0


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no count"):
        lower_bound(successes, trials)
