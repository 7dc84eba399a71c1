"""A meter's register over time: what it may have stood at, to the nanosecond."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.measurands.judged.first import values_hourly as first
from bench.measurands.judged.register import TOLD_NEAR_NS, Register, Tapped
from bench.records import NS_PER_HOUR, NS_PER_S
from tests.measurands.real_rig import RealRun
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, Run

GAS = "t1.gas"
MARK_NS = MIDNIGHT_NS + NS_PER_HOUR


Edition = type[Register] | type[first.Register]


@pytest.fixture(params=[Register, first.Register], ids=["of today", "of the first edition"])
def edition(request: pytest.FixtureRequest) -> Edition:
    """What both say alike."""
    found: Edition = request.param
    return found


def written(run: Run, *readings: tuple[int, int], u_ns: int = 0) -> None:
    for t_ns, index in readings:
        run.see(t_ns, f"meter.{GAS}", GAS, "meter.index", u_ns=u_ns, index=index)


def read(run: Run, *readings: tuple[int, int], u_ns: int = 0) -> Register:
    written(run, *readings, u_ns=u_ns)
    return Register.of(run.evidence(), GAS)


def indexes(found: list[Any]) -> list[object]:
    return [reading.data.get("index") for reading in found]


def test_what_was_read_back_at_a_mark_stands_at_it(tmp_path: Path) -> None:
    register = read(Run(tmp_path), (MARK_NS - 1, 1), (MARK_NS, 2), (MARK_NS + 1, 3))
    assert [indexes(register.at(MARK_NS + by)) for by in (-2, -1, 0, 1, 9)] == [[], [1], [2], [3], [3]]
    assert indexes(register.near(MARK_NS, 1)) == [1, 2, 3]
    assert indexes(register.near(MARK_NS, 0)) == [2]
    assert indexes(register.near(MARK_NS - 9, 1)) == []
    assert indexes(register.near(MARK_NS - 9, 8)) == [1]
    assert register.indexes(MARK_NS, 1) == {1, 2, 3}


def test_a_stamp_that_is_not_sure_leaves_both_open(tmp_path: Path, edition: Edition) -> None:
    """A stamp of u = 1,000 ns lies within 1,732 ns either way."""
    written(run := Run(tmp_path), (MARK_NS - 10_000, 1), (MARK_NS - 1_732, 2), u_ns=1000)
    register = edition.of(run.evidence(), GAS)
    assert indexes(register.at(MARK_NS)) == [2]
    assert indexes(register.at(MARK_NS - 1)) == [1, 2]
    assert indexes(register.at(MARK_NS - 2 * 1_732)) == [1, 2]
    assert indexes(register.at(MARK_NS - 2 * 1_732 - 1)) == [1]


def test_a_step_is_where_the_index_changes(tmp_path: Path) -> None:
    register = read(Run(tmp_path), (MARK_NS, 1), (MARK_NS + 5, 1), (MARK_NS + 10, 2), (MARK_NS + 20, 3))
    steps = [
        (before.data["index"], after.data["index"], made.low) for before, after, made in register.steps(0, MARK_NS + 20)
    ]
    assert steps == [(1, 2, MARK_NS + 10), (2, 3, MARK_NS + 20)]
    assert len(register.steps(MARK_NS + 10, MARK_NS + 10)) == 1
    assert not register.steps(MARK_NS + 11, MARK_NS + 19)


def test_a_register_that_nobody_knows_is_not_known(tmp_path: Path) -> None:
    run = Run(tmp_path)
    read(run, (MARK_NS - NS_PER_HOUR, 1))
    assert Register.of(run.evidence(), GAS).known(MARK_NS)
    run.see(MARK_NS - 5, f"pulse.{GAS}", GAS, "meter.unknown", u_ns=1000, why="a pulse was lost")
    register = Register.of(run.evidence(), GAS)
    assert indexes(register.at(MARK_NS)) == [1, None], "its own stamp is not sure"
    assert not register.known(MARK_NS)
    assert not register.known(MARK_NS + NS_PER_HOUR)


@pytest.mark.parametrize(
    ("kind", "do", "counts"),
    [
        ("operator.timeout", "set", True),
        ("operator.timeout", "again", True),
        ("operator.timeout", "read", False),
        ("operator.cannot", "set", True),
        ("operator.undone", "read", True),
        ("operator.undone", "set", True),
        ("operator.undone", "feed", False),
    ],
)
def test_a_register_that_a_person_may_have_turned(
    tmp_path: Path, edition: Edition, kind: str, do: str, counts: bool
) -> None:
    """Some time between the question, 30 s ago, and now."""
    run = Run(tmp_path)
    written(run, (MARK_NS - NS_PER_HOUR, 1))
    why = {"why": "no hands"} if kind == "operator.cannot" else {}
    run.see(MARK_NS, "operator", GAS, kind, u_ns=1000, task=1, do=do, after_s=30.0, **why)
    register = edition.of(run.evidence(), GAS)
    assert (indexes(register.at(MARK_NS)) == [None]) is counts
    assert register.known(MARK_NS) is not counts
    assert register.known(MARK_NS - 30 * NS_PER_S) is not counts
    assert indexes(register.at(MARK_NS - 30 * NS_PER_S - 1)) == [1]
    assert indexes(register.at(MARK_NS - 30 * NS_PER_S)) == ([1, None] if counts else [1])


def test_with_clocks_that_are_not_exact_a_step_is_made_from_its_intent_on(tmp_path: Path, edition: Edition) -> None:
    run = RealRun(tmp_path)
    run.watch_clocks(MARK_NS, MARK_NS + 5 * MINUTE_NS)
    told = [MARK_NS + n * MINUTE_NS for n in (1, 2, 3)]
    for n, t_ns in enumerate(told[:2]):
        run.bench(t_ns - 10 * NS_PER_S, "intent.index", GAS, index=n)
        run.index(t_ns, GAS, n)
    run.index(told[2], GAS, 2)  # read back once more, and no intent is before it
    register = edition.of(run.evidence(), GAS)
    assert register.times == tuple(told)
    assert register.since == (told[0] - 10 * NS_PER_S, told[1] - 10 * NS_PER_S, told[2])


def test_an_intent_after_the_reading_takes_nothing_back(tmp_path: Path, edition: Edition) -> None:
    run = RealRun(tmp_path)
    run.watch_clocks(MARK_NS, MARK_NS + 5 * MINUTE_NS)
    run.bench(MARK_NS + 2, "intent.index", GAS, index=1)
    run.index(MARK_NS + 1, GAS, 1)
    run.bench(MARK_NS + 3, "intent.index", GAS, index=2)
    assert edition.of(run.evidence(), GAS).since == (MARK_NS + 1,)


def tapped(path: Path, *told: tuple[int, int]) -> Register:
    run = Run(path)
    for t_ns, index in told:
        run.see(t_ns, f"tap.{GAS}", GAS, "meter.told", index=index)
    return Register.of(run.evidence(), GAS)


def test_a_tap_tells_a_register_near_its_telegrams_and_nowhere_else(tmp_path: Path) -> None:
    assert TOLD_NEAR_NS == 300 * NS_PER_S
    register = tapped(tmp_path, (MARK_NS - TOLD_NEAR_NS, 1), (MARK_NS, 2), (MARK_NS + TOLD_NEAR_NS, 3))
    assert isinstance(register, Tapped)
    assert indexes(register.at(MARK_NS)) == [1, 2, 3]
    assert indexes(register.at(MARK_NS + 1)) == [2, 3]
    assert indexes(register.at(MARK_NS - 1)) == [1, 2]
    assert indexes(register.near(MARK_NS - 2 * TOLD_NEAR_NS, 2 * TOLD_NEAR_NS)) == [1, 2]
    assert not register.at(MARK_NS + 2 * TOLD_NEAR_NS + 1)
    assert not register.known(MARK_NS + 2 * TOLD_NEAR_NS + 1)


def test_a_step_between_two_telegrams_was_made_some_time_between(tmp_path: Path) -> None:
    register = tapped(tmp_path, (MARK_NS, 1), (MARK_NS + 5, 1), (MARK_NS + 9, 2))
    (step,) = register.steps(MARK_NS + 9, MARK_NS + 9)
    assert (step[2].low, step[2].high) == (MARK_NS + 5, MARK_NS + 9)
    assert not register.steps(MARK_NS, MARK_NS + 8)
    assert not register.steps(MARK_NS + 10, MARK_NS + 20)
    assert len(register.steps(0, MARK_NS + 20)) == 1
