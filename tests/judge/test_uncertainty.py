"""The budget's arithmetic against published figures: JCGM 100:2008 annex H.1, 4.3.7, Student's factors (table G.2)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from bench.judge.uncertainty import combined, coverage_factor, within
from bench.records import Contribution, Distribution

NORMAL = Distribution.NORMAL

END_GAUGE = (
    Contribution("standard's length", 25.0, "nm", NORMAL, dof=18),
    Contribution("repeated observations", 5.8, "nm", NORMAL, dof=24),
    Contribution("comparator, random", 3.9, "nm", NORMAL, dof=5),
    Contribution("comparator, systematic", 6.7, "nm", NORMAL, dof=8),
    Contribution("difference of expansion", 0.58e-6, "1/K", sensitivity=5.0e6, dof=50),
    Contribution("difference of temperature", 0.029, "K", sensitivity=-50.0e6 * 11.5e-6, dof=2),
    Contribution("standard's expansion", 1.2e-6, "1/K", sensitivity=0.0),
    Contribution("bed's temperature", 0.41, "K", sensitivity=0.0),
)
"""Annex H.1, table H.1: calibration of an end gauge of 50 mm."""


def test_end_gauge() -> None:
    found = combined(END_GAUGE)
    assert round(found.u) == 32  # H.1.4: u_c = 32 nm
    assert found.dof is not None
    assert math.floor(found.dof) == 16  # H.1.6
    k99 = coverage_factor(float(ndtri(0.995)), found.dof)
    assert k99 == pytest.approx(2.92, abs=0.005)
    assert round(k99 * found.u) == 93  # U_99


@pytest.mark.parametrize(("dof", "k"), [(1, 13.97), (2, 4.53), (10, 2.28), (50, 2.05), (None, 2.0)])
def test_students_factor_for_what_k_2_covers(dof: int | None, k: float) -> None:
    """Table G.2, column 95.45 %."""
    assert coverage_factor(2.0, dof) == pytest.approx(k, abs=0.005)


def test_limits_are_a_rectangle() -> None:
    """A clock that counts seconds: u = 0.29 s for each half second (4.3.7, F.2.2.1)."""
    assert within("resolution", 0.5, "s").u == pytest.approx(0.2887, abs=1e-4)


def test_fully_correlated_inputs_add_up_linearly() -> None:
    """5.2.2, note 1: ten resistors calibrated by one standard; u of their sum is ten times that of each."""
    resistors = [Contribution(f"R{n}", 0.1, "ohm", NORMAL, group="one standard") for n in range(10)]
    assert combined(resistors).u == pytest.approx(1.0)
    alone = [Contribution(f"R{n}", 0.1, "ohm", NORMAL) for n in range(10)]
    assert combined(alone).u == pytest.approx(math.sqrt(0.1))


def test_nothing_is_exact() -> None:
    assert combined(()).u == 0.0
    assert combined(()).dof is None


@given(st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=5))
def test_twice_the_u_of_correlated_limits_covers_their_worst_case(halves: list[float]) -> None:
    budget = [within(str(n), half, "s", group="clock") for n, half in enumerate(halves)]
    assert 2 * combined(budget).u >= sum(halves)


def test_correlated_inputs_are_as_well_known_as_the_worst_of_them() -> None:
    """G.4 asks for independent inputs; of those that are not, the fewest degrees of freedom count."""
    worst = Contribution("few readings", 0.1, "s", NORMAL, 1.0, 5.0, "one clock")
    best = Contribution("many readings", 0.2, "s", NORMAL, 1.0, 50.0, "one clock")
    exact = Contribution("resolution", 0.1, "s", NORMAL, 1.0, None, "one clock")
    found = combined([best, worst, exact])
    assert found.u == pytest.approx(0.4)
    assert found.dof == pytest.approx(5.0)


def test_what_is_known_exactly_adds_to_u_and_takes_no_degrees_of_freedom() -> None:
    """G.4: two equal inputs, of which one has 5 degrees of freedom, have 4 times as many together."""
    found = combined([Contribution("few readings", 0.1, dof=5.0), Contribution("resolution", 0.1)])
    assert found.dof == pytest.approx(20.0)
