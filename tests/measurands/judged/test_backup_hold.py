"""``backup.meters`` and ``backup.concentrator``: the bracket of a battery, and what proves none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.judge.decide import Comparison, Requirement, judge
from bench.measurands.judged.registry import REGISTRY
from bench.records import NS_PER_DAY, NS_PER_S, Measurement, Obligation, Outcome
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, Run

AGREED_S = 1800.0
CUT = MIDNIGHT_NS + 10 * MINUTE_NS


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def outage(
    run: Run,
    answered_s: Sequence[float],
    silent_s: Sequence[float],
    *,
    before: bool = True,
    after: bool = True,
    stale_s: Sequence[float] = (),
    cut: bool = True,
    fed: str = "mesh",
) -> None:
    """A bracket: requests so many seconds after the mains went, answered five seconds later or not at all."""
    run.begin(MIDNIGHT_NS, "backup")
    run.see(MIDNIGHT_NS, "supply.ac", fed, "supply.output", channel=1, on=True)
    end_ns = _bracket(run, CUT, answered_s, silent_s, before=before, after=after, stale_s=stale_s, cut=cut, fed=fed)
    run.end(end_ns + 10 * MINUTE_NS, "backup")


def twice(
    run: Run,
    first: tuple[Sequence[float], Sequence[float]],
    second: tuple[Sequence[float], Sequence[float]],
    **spoilt: bool,
) -> None:
    """Two tests with a day between: what was answered and what was not in each; ``spoilt``: controls of the second."""
    run.begin(MIDNIGHT_NS, "backup")
    run.see(MIDNIGHT_NS, "supply.ac", "mesh", "supply.output", channel=1, on=True)
    end_ns = _bracket(run, CUT, *first)
    end_ns = _bracket(run, end_ns + NS_PER_DAY, *second, again=".again", **spoilt)  # type: ignore[arg-type]
    run.end(end_ns + 10 * MINUTE_NS, "backup")


def _bracket(
    run: Run,
    cut_ns: int,
    answered_s: Sequence[float],
    silent_s: Sequence[float],
    *,
    before: bool = True,
    after: bool = True,
    stale_s: Sequence[float] = (),
    cut: bool = True,
    fed: str = "mesh",
    again: str = "",
) -> int:
    """When the mains were back."""
    _request(run, cut_ns - MINUTE_NS, fed, 0, before, again=again)
    if cut:
        run.see(cut_ns, "supply.ac", fed, "supply.output", channel=1, on=False)
    run.mark(cut_ns, "backup", "cut" + again, what=fed)
    for n, at_s in enumerate(sorted({*answered_s, *silent_s, *stale_s}), start=1):
        _request(run, cut_ns + round(at_s * NS_PER_S), fed, n, at_s in answered_s, stale=at_s in stale_s, again=again)
    end_ns = cut_ns + round((max((*answered_s, *silent_s, *stale_s)) + 600) * NS_PER_S)
    run.see(end_ns, "supply.ac", fed, "supply.output", channel=1, on=True)
    run.mark(end_ns, "backup", "restore" + again, what=fed)
    _request(run, end_ns + MINUTE_NS, fed, 1000, after, again=again)
    return end_ns


def _request(run: Run, at_ns: int, fed: str, n: int, answered: bool, stale: bool = False, again: str = "") -> None:
    run.requests += 1
    request, fresh = f"r{run.requests}", 5000 + run.requests
    told: dict[str, Any] = {"request": request, "fresh": fresh, "n": n}
    run.mark(at_ns, "backup", "probe" + again, what=fed, terminal="t1", meter="t1.gas", **told)
    if answered or stale:
        index = fresh if answered else 1
        run.server(at_ns + 5 * NS_PER_S, "answer", request=request, op="read", meter="t1.gas", index=index, read_ns=0)


def held(run: Run, name: str = "backup.meters") -> Measurement:
    (measured,) = REGISTRY[name]([run.evidence().episode("backup")], SETUP, "minimum")
    return measured


def word(measured: Measurement) -> Outcome:
    asked = Requirement(
        "outage-backup", "2-2", Obligation.AGREEMENT, measured.measurand, ("backup",), AGREED_S, "s",
        Comparison.AT_LEAST,
    )  # fmt: skip
    return judge(measured, asked).outcome


def test_the_last_answer_is_what_it_holds_at_least(run: Run) -> None:
    outage(run, [900, 1800, 2250], [2700, 3600])
    measured = held(run)
    assert measured.value == 2255.0
    assert measured.bounds == (2255.0, 2790.0), "by the end of the round trip that the guideline names it was gone"
    assert (measured.conditions["requests"], measured.conditions["ended_before_s"]) == (5, 2790.0)
    assert measured.conditions["mains_on_h"] == round(10 / 60, 3)
    assert word(measured) is Outcome.PASS


def test_one_that_was_gone_before_fails(run: Run) -> None:
    outage(run, [900, 1350], [1620, 1710, 1800])
    assert held(run).bounds == (1355.0, 1710.0)
    assert word(held(run)) is Outcome.FAIL


def test_a_limit_within_the_bracket_is_not_decided(run: Run) -> None:
    outage(run, [900, 1710], [1800, 1980])
    assert word(held(run)) is Outcome.INCONCLUSIVE


def test_none_at_all_is_zero(run: Run) -> None:
    outage(run, [], [450, 900])
    measured = held(run)
    assert (measured.value, measured.bounds) == (0.0, (0.0, 540.0))
    assert word(measured) is Outcome.FAIL


def test_an_answer_at_the_instant_of_the_cut_holds_for_nothing(run: Run) -> None:
    """It was asked five seconds before, and told of after the cut."""
    outage(run, [-5], [450, 900])
    measured = held(run)
    assert (measured.value, measured.bounds) == (0.0, (0.0, 540.0))


def test_one_that_never_ends_has_no_upper_bound(run: Run) -> None:
    outage(run, [900, 1800, 5400], [])
    measured = held(run)
    assert (measured.value, measured.bounds, measured.u) == (5405.0, None, 0.0)


def test_a_lost_request_among_answered_ones_ends_nothing(run: Run) -> None:
    outage(run, [900, 1800, 2250], [1350, 2700])
    assert held(run).bounds == (2255.0, 2790.0)


def test_an_index_of_before_the_request_proves_no_path(run: Run) -> None:
    outage(run, [900], [1620], stale_s=[1800, 1980])
    measured = held(run)
    assert measured.bounds == (905.0, 1710.0)
    assert word(measured) is Outcome.FAIL


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"before": False}, "did not answer before the cut"),
        ({"after": False}, "did not answer after the mains were back either"),
        ({"cut": False}, "its mains were not seen to go off"),
    ],
)
def test_without_its_controls_it_proves_nothing(run: Run, spoilt: dict[str, bool], why: str) -> None:
    outage(run, [900, 1350], [1620, 1710], **spoilt)  # type: ignore[arg-type]
    assert why in held(run).gate
    assert word(held(run)) is Outcome.INCONCLUSIVE


def test_what_a_blind_time_hides_is_no_silence(run: Run) -> None:
    outage(run, [900, 2250], [2700, 3600])
    run.blind(MIDNIGHT_NS + 10 * MINUTE_NS + 2690 * NS_PER_S, MIDNIGHT_NS + 10 * MINUTE_NS + 2750 * NS_PER_S)
    assert held(run).bounds == (2255.0, 3690.0)


def test_the_concentrator_is_another_bracket(run: Run) -> None:
    outage(run, [900, 1800], [2700], fed="concentrator")
    assert held(run, "backup.concentrator").bounds == (1805.0, 2790.0)
    assert "nothing was cut" in held(run).gate


HOLDS: tuple[list[float], list[float]] = ([900, 1800, 2250], [2700, 3600])
SHORT: tuple[list[float], list[float]] = ([450], [900, 1350, 1800])


@pytest.mark.parametrize(("first", "second"), [(HOLDS, SHORT), (SHORT, HOLDS)])
def test_of_two_tests_the_one_in_which_it_held_for_less_counts(
    run: Run, first: tuple[list[float], list[float]], second: tuple[list[float], list[float]]
) -> None:
    """Not recharged after the first, or not charged when it began."""
    twice(run, first, second)
    assert (held(run).value, held(run).bounds, held(run).conditions["tests"]) == (455.0, (455.0, 990.0), 2)
    assert word(held(run)) is Outcome.FAIL
    assert held(run).detail["trials"] == [{"value": 2255.0 if one is HOLDS else 455.0} for one in (first, second)]


def test_a_battery_that_was_recharged_passes_both(run: Run) -> None:
    twice(run, HOLDS, HOLDS)
    assert word(held(run)) is Outcome.PASS
    assert held(run).conditions["mains_on_h"] == round(10 / 60, 3), "of the first, where both held alike"


@pytest.mark.parametrize(("first", "outcome"), [(HOLDS, Outcome.INCONCLUSIVE), (SHORT, Outcome.FAIL)])
def test_a_second_test_without_its_control_proves_nothing(
    run: Run, first: tuple[list[float], list[float]], outcome: Outcome
) -> None:
    """That it held the first time is not enough then; that it did not, is."""
    twice(run, first, HOLDS, before=False)
    assert word(held(run)) is outcome
    assert "the other test proves nothing: it did not answer before the cut" in held(run).doubt
    assert held(run).bounds == (0.0, 2790.0 if first is HOLDS else 990.0), "it may have held for nothing"


def test_one_that_never_ended_is_open_where_the_second_test_proves_nothing(run: Run) -> None:
    twice(run, ([900, 1800, 5400], []), HOLDS, before=False)
    assert "did not answer before the cut" in held(run).gate


def test_a_failure_of_the_bench_is_its_own(run: Run) -> None:
    outage(run, [900, 1800], [2700])
    run.bench(MIDNIGHT_NS + MINUTE_NS, "bench.error", "backup", what="a bug", touches=["backup"])
    assert word(held(run)) is Outcome.ERROR
