"""When something happened and how long it took, and what is said of how well that is known."""

from __future__ import annotations

import math
from pathlib import Path

import attrs
import pytest

from bench.evidence.clocks import Clocks, Declared
from bench.evidence.limits import Limits
from bench.judge.uncertainty import within
from bench.measurands.judged.placing import Placed, Took, as_told, caused, figure, took, trial
from bench.records import NS_PER_S
from tests.measurands.real_rig import RealRun
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, Run

AT_NS = MIDNIGHT_NS
EXACT = Clocks()
FREE = attrs.evolve(EXACT, exact=False)


def test_what_a_person_confirms_lies_within_the_reaction(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.see(AT_NS, "operator.people", "t1", "operator.asked", task=1, do="press", ja="押す", en="press")
    run.see(AT_NS + 9, "operator.people", "t1", "panel.press", u_ns=1000, duration_s=1.0)
    run.see(AT_NS + 9, "panel.t1", "t1", "panel.press", u_ns=1000, duration_s=1.0)
    person, device = run.evidence().events("panel.press")
    told = as_told(run.evidence(), person)
    assert (told.limits.low, told.limits.high, told.u_ns) == (AT_NS + 9 - 1732, AT_NS + 9 + 1732, 0)
    assert caused(run.evidence(), person) == told
    told = as_told(run.evidence(), device)
    assert (told.limits.low, told.limits.high, told.u_ns) == (AT_NS + 9, AT_NS + 9, 1000)


def supply(run: Run, t_ns: int, on: bool) -> None:
    run.see(t_ns, "supply.dc", "t1", "supply.output", on=on)


@pytest.mark.parametrize(("clocks", "low_ns"), [("exact", 30), ("not exact", 10)])
def test_a_stimulus_took_effect_between_its_intent_and_the_answer(tmp_path: Path, clocks: str, low_ns: int) -> None:
    run = RealRun(tmp_path)
    if clocks == "not exact":
        run.watch_clocks(AT_NS, AT_NS + MINUTE_NS)
    supply(run, AT_NS, False)
    run.bench(AT_NS + 5, "intent.feed", "t1", on=False)
    run.bench(AT_NS + 10, "intent.feed", "t1", on=True)
    supply(run, AT_NS + 30, True)
    run.bench(AT_NS + 30, "intent.feed", "t1", on=True)
    supply(run, AT_NS + 40, False)
    run.bench(AT_NS + 50, "intent.feed", "t1", on=False)
    evidence = run.evidence()
    first = caused(evidence, evidence.events("supply.output", since_ns=AT_NS + 30)[0])
    assert (first.limits.low, first.limits.high) == (AT_NS + low_ns, AT_NS + 30)


def test_what_is_told_again_answers_no_command(tmp_path: Path) -> None:
    run = RealRun(tmp_path)
    run.watch_clocks(AT_NS, AT_NS + MINUTE_NS)
    run.bench(AT_NS + 10, "intent.feed", "t1", on=True)
    supply(run, AT_NS + 20, False)
    supply(run, AT_NS + 30, True)
    supply(run, AT_NS + 40, True)
    evidence = run.evidence()
    _, answer, again = evidence.events("supply.output")
    assert caused(evidence, answer).limits.low == AT_NS + 10, "what was told between said something else"
    assert caused(evidence, again).limits.low == AT_NS + 40


def test_an_interval_is_never_less_than_nothing() -> None:
    early, late = (Placed("x", Limits(at * NS_PER_S, at * NS_PER_S)) for at in (1, 3))
    assert took(EXACT, early, late) == Took(2.0, ())
    assert took(EXACT, late, early).value == 0.0


def test_what_is_open_is_in_bounds_budget_and_doubt() -> None:
    start = Placed("press", Limits(0, NS_PER_S, "slow"), 1000)
    stop = Placed("lamp", Limits(10 * NS_PER_S, 14 * NS_PER_S, "slower"))
    found = took(FREE, start, stop)
    rate_s = 11.5 * 20e-6
    assert found.value == 11.5
    assert found.bounds == pytest.approx((9.0 - rate_s, 14.0 + rate_s))
    assert found.doubt == "lamp: slower"
    assert [(one.source, one.group) for one in found.budget] == [
        ("press: slow", "clocks"),
        ("lamp: slower", "clocks"),
        ("rate of the host's clock", "clocks"),
        ("press: stamp", ""),
    ]
    assert found.budget[1].u == pytest.approx(2.0 / math.sqrt(3))
    assert found.budget[3].u == pytest.approx(1e-6)


@pytest.mark.parametrize(("anchor_s", "ppm"), [(9, 20.0), (10, 300.0), (14, 300.0), (74, 300.0), (75, 20.0)])
def test_the_rate_is_the_worst_up_to_the_anchor_after_the_interval(anchor_s: int, ppm: float) -> None:
    clocks = attrs.evolve(FREE, rates=((anchor_s * NS_PER_S, -300.0),))
    start, stop = (Placed("x", Limits(at * NS_PER_S, at * NS_PER_S)) for at in (10, 14))
    assert took(clocks, start, stop).bounds == pytest.approx((4 - 4 * ppm * 1e-6, 4 + 4 * ppm * 1e-6))


def test_a_stop_that_may_have_been_before_its_start_is_as_open_as_both() -> None:
    start, stop = Placed("a", Limits(0, 9 * NS_PER_S)), Placed("b", Limits(0, 2 * NS_PER_S))
    found = took(FREE, start, stop)
    assert found.value == 0.0
    assert found.bounds == pytest.approx((0.0, 2.0 + 3.5 * 20e-6))


def open_by(half_s: float, value: float = 5.0) -> Took:
    return Took(value, (within("clock", half_s, "s"),), (value - half_s, value + half_s), f"{half_s:g} s")


def test_a_figure_is_known_no_better_than_its_least_known_interval() -> None:
    found = figure([open_by(1.0, 7.0), open_by(3.0, 4.0), Took(6.0, ())], "maximum", FREE)
    assert found["value"] == 7.0
    assert found["u"] == pytest.approx(3.0 / math.sqrt(3))
    assert (found["bounds"], found["doubt"]) == ((6.0, 8.0), "3 s")
    assert figure([open_by(1.0, 7.0), Took(6.0, ())], "minimum", FREE)["bounds"] == (6.0, 6.0)


def test_the_doubt_is_that_of_one_that_has_bounds_however_narrow() -> None:
    assert figure([Took(6.0, ()), open_by(0.1, 7.0)], "maximum", FREE)["doubt"] == "0.1 s"


def test_the_narrowest_limits_are_open_too() -> None:
    """A nanosecond wide; clocks that know each other exactly leave nothing else open."""
    start, stop = Placed("press", Limits(0, 0)), Placed("lamp", Limits(NS_PER_S, NS_PER_S + 1, "narrow"))
    found = took(attrs.evolve(FREE, host_declared=Declared(drift_ppm=0.0)), start, stop)
    assert (found.bounds, found.doubt) == ((1.0, 1.000_000_001), "lamp: narrow")


def test_what_never_ended_has_no_bounds() -> None:
    found = figure([open_by(1.0), None], "maximum", FREE)
    assert found["value"] is None
    assert "bounds" not in found
    assert figure([None], "maximum", FREE) == {"value": None}
    assert figure([Took(1.0, ())], "maximum", attrs.evolve(FREE, known=False)) == {"value": 1.0}
    assert "bounds" not in figure([Took(1.0, ())], "maximum", FREE)


def test_a_trial_says_its_bounds_where_it_has_any() -> None:
    assert trial(None) == {"value": None}
    assert trial(Took(1.0, ())) == {"value": 1.0}
    assert trial(open_by(1.0)) == {"value": 5.0, "bounds": [4.0, 6.0]}
