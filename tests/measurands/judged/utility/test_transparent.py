"""``transparent.mdms``: calls and requests that passed, and each way in which one does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.measurands.judged.utility.transparent import transparent_mdms
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Measurement
from tests.measurands.judged.utility.chain import ask, link, push, setup
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, Run, day_marks, hourly_steps, true_index

BEGIN = MIDNIGHT_NS - NS_PER_HOUR
CALLED = MIDNIGHT_NS + NS_PER_DAY + 20 * MINUTE_NS
END = MIDNIGHT_NS + NS_PER_DAY + 7 * NS_PER_HOUR
BOTH = ("periodic-reading", "on-demand-reading")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def drive(
    run: Run,
    gas: Any = None,
    wrong: dict[int, int] | None = None,
    at_ns: int = CALLED,
    again: bool = False,
    answered: int | None = 500,
) -> None:
    """A whole day: both meters' calls at 00:20, and a request for a reading."""
    hourly_steps(run, BEGIN - 2 * NS_PER_HOUR, END)
    run.begin(BEGIN, "mdms")
    link(run, BEGIN, "open")
    ask(run, BEGIN + MINUTE_NS, "t1.gas", 500, answered)
    marks = day_marks(0)
    for _ in range(1 + again):
        push(run, at_ns, "t1.gas", marks if gas is None else gas, wrong)
    push(run, CALLED, "t1.water", marks)
    run.end(END, "mdms")


def measured(run: Run, functions: tuple[str, ...] = BOTH) -> Measurement:
    (one,) = transparent_mdms([run.evidence().episode("mdms")], setup(functions=functions), "count")
    return one


def test_all_that_passed_is_right(run: Run) -> None:
    drive(run)
    found = measured(run)
    assert (found.value, found.conditions) == (0.0, {"calls": 2, "requests": 1})
    assert len(found.cited) == 4


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"gas": ()}, "not at the MDMS by the deadline"),
        ({"gas": day_marks(0)[:-1]}, "not at the MDMS by the deadline"),
        ({"at_ns": MIDNIGHT_NS + NS_PER_DAY + 6 * NS_PER_HOUR + 1}, "not at the MDMS by the deadline"),
        ({"again": True}, "came more than once"),
        ({"wrong": {day_marks(0)[3]: 7}}, f"7 came, the register stood at {true_index(day_marks(0)[3])}"),
    ],
)
def test_a_call_that_did_not_pass_whole_counts_once(run: Run, spoilt: dict[str, Any], why: str) -> None:
    drive(run, **spoilt)
    found = measured(run)
    assert found.value == 1.0
    told: Any = found.detail["not_passed"]
    assert [(one["meter"], one["day"], one["why"]) for one in told] == [("t1.gas", "2026-04-01", why)]


@pytest.mark.parametrize("answered", [None, 499])
def test_a_request_without_a_fresh_answer_counts(run: Run, answered: int | None) -> None:
    drive(run, answered=answered)
    assert measured(run).value == 1.0
    assert measured(run, ("periodic-reading",)).value == 0.0, "what is not declared is not asked"


def test_what_is_not_declared_is_not_missed(run: Run) -> None:
    drive(run, gas=())
    assert measured(run, ("on-demand-reading",)).value == 0.0


def test_what_a_blind_time_hides_is_left_out(run: Run) -> None:
    drive(run, gas=())
    run.blind(CALLED - MINUTE_NS, CALLED + MINUTE_NS)
    found = measured(run)
    assert (found.value, found.conditions["left_out"], found.conditions["calls"]) == (0.0, 1, 1)


@pytest.mark.parametrize(("late_ns", "value"), [(0, 0.0), (1, 1.0)])
def test_a_call_that_is_there_at_the_deadline_is_in_time(run: Run, late_ns: int, value: float) -> None:
    drive(run, at_ns=MIDNIGHT_NS + NS_PER_DAY + 6 * NS_PER_HOUR + late_ns)
    assert measured(run).value == value


def test_what_came_with_another_index_stays_wrong_though_the_bench_was_blind(run: Run) -> None:
    drive(run, wrong={day_marks(0)[3]: 7})
    run.blind(CALLED - MINUTE_NS, CALLED + MINUTE_NS)
    assert measured(run, ("periodic-reading",)).value == 1.0


def test_a_blind_time_before_the_day_was_over_hides_no_call(run: Run) -> None:
    drive(run, gas=())
    run.blind(CALLED - 10 * NS_PER_HOUR, CALLED - 9 * NS_PER_HOUR)
    assert measured(run, ("periodic-reading",)).value == 1.0


def test_no_whole_day_shows_nothing(run: Run) -> None:
    hourly_steps(run, BEGIN, END)
    run.begin(BEGIN, "mdms")
    link(run, BEGIN, "open")
    ask(run, BEGIN + MINUTE_NS, "t1.gas", 500, 500)
    run.end(BEGIN + NS_PER_HOUR, "mdms")
    assert measured(run).gate == "no whole day was seen at the MDMS"


def test_what_declares_neither_is_no_failure_of_the_bench(run: Run) -> None:
    drive(run)
    found = measured(run, ())
    assert (found.gate, found.bench_error) == ("neither calls nor readings on request are declared", False)


def test_days_that_were_all_blind_say_so(run: Run) -> None:
    hourly_steps(run, BEGIN - 2 * NS_PER_HOUR, END)
    run.begin(BEGIN, "mdms")
    link(run, BEGIN, "open")
    run.blind(CALLED - MINUTE_NS, CALLED + MINUTE_NS)
    run.end(END, "mdms")
    found = measured(run, ("periodic-reading",))
    assert found.gate == "no whole day was seen at the MDMS (the bench was blind meanwhile)"


def test_calls_and_requests_that_are_left_out_are_told_together(run: Run) -> None:
    """One call of two, and one request of two."""
    drive(run, gas=())
    ask(run, CALLED, "t1.gas", 600, None)
    run.blind(CALLED - MINUTE_NS, CALLED + MINUTE_NS)
    found = measured(run)
    assert (found.value, found.conditions) == (0.0, {"calls": 1, "requests": 1, "left_out": 2})


@pytest.mark.parametrize(
    ("agreed_s", "step_s", "right"), [(None, 0, True), (None, 1, False), (30.0, 59, True), (30.0, 61, False)]
)
def test_within_twice_the_agreed_error_either_index_is_right(
    run: Run, agreed_s: float | None, step_s: int, right: bool
) -> None:
    """A register that steps so long behind the mark, and the index of after that."""
    mark = day_marks(0)[3]
    hourly_steps(run, BEGIN - 2 * NS_PER_HOUR, mark)
    run.index(mark + step_s * NS_PER_S, "t1.gas", 7)
    hourly_steps(run, mark, END)
    run.begin(BEGIN, "mdms")
    link(run, BEGIN, "open")
    push(run, CALLED, "t1.gas", day_marks(0), {mark: 7})
    push(run, CALLED, "t1.water", day_marks(0))
    run.end(END, "mdms")
    agreed = setup(functions=("periodic-reading",), hour_mark_error_s=agreed_s)
    (found,) = transparent_mdms([run.evidence().episode("mdms")], agreed, "count")
    assert found.value == (0.0 if right else 1.0)
