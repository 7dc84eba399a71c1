"""``hourmark.error``: what swept steps prove about the moment at which a register was read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from bench.judge.decide import Requirement, judge
from bench.measurands.judged.hourmark_error import hourmark_error
from bench.records import NS_PER_HOUR, NS_PER_S, Measurement, Obligation, Outcome
from tests.measurands.judged.test_host_utc import MIDDLE, HostRun
from tests.measurands.synthetic import MIDNIGHT_NS, SETUP, STEADY_CLOCKS, Run, utc_is_open_by

DELTAS = (2.0, 10.0, 30.0, 57.0, 66.0)


def swept(
    path: Path, error_s: float, deltas: tuple[float, ...] = DELTAS, wrong: int | None = None, lost: bool = False
) -> Measurement:
    """A week in which a terminal reads ``error_s`` late, with a step on both sides of a mark at each delta."""
    run = Run(path)
    run.begin(MIDNIGHT_NS, "steady")
    run.index(MIDNIGHT_NS, "t1.gas", 1000)
    told: list[Any] = []
    mark, index = MIDNIGHT_NS, 1000
    for delta in (side * one for one in deltas for side in (-1, 1)):
        mark += 4 * NS_PER_HOUR
        run.index(mark - NS_PER_HOUR // 2, "t1.gas", index + 7)
        run.index(mark + round(delta * NS_PER_S), "t1.gas", index + 9)
        run.mark(mark + round(delta * NS_PER_S), "steady", "swept", terminal="t1", meter="t1.gas", mark_ns=mark)
        read = index + 9 if error_s >= delta else index + 7
        told.append({"mark_ns": mark, "index": wrong if wrong is not None else read})
        index += 9
    run.server(mark + NS_PER_HOUR, "upload", meters=[{"meter": "t1.gas", "values": told}])
    if lost:
        run.bench(mark + NS_PER_HOUR + 1, "bench.lost_port", "server", port="server", reason="gone")
    run.end(mark + 2 * NS_PER_HOUR, "steady")
    (measured,) = hourmark_error([run.evidence().episode("steady")], SETUP, "maximum")
    return measured


def outcome(measured: Measurement, limit_s: float = 60.0) -> Outcome:
    row = Requirement("hour-mark-error", "2-1", Obligation.AGREEMENT, "hourmark.error", ("steady",), limit_s, "s")
    return judge(measured, row).outcome


@pytest.mark.parametrize(
    ("error_s", "value", "bounds", "word"),
    [
        (0.0, 0.0, (0.0, 2.0), Outcome.PASS),
        (1.5, 0.0, (0.0, 2.0), Outcome.PASS),
        (5.0, 2.0, (2.0, 10.0), Outcome.PASS),
        (-5.0, 2.0, (2.0, 10.0), Outcome.PASS),
        (56.0, 30.0, (30.0, 57.0), Outcome.PASS),
        (59.0, 57.0, (57.0, 66.0), Outcome.INCONCLUSIVE),
        (70.0, 66.0, None, Outcome.FAIL),
        (-70.0, 66.0, None, Outcome.FAIL),
    ],
)
def test_the_largest_error_that_is_proved(
    tmp_path: Path, error_s: float, value: float, bounds: tuple[float, float] | None, word: Outcome
) -> None:
    measured = swept(tmp_path, error_s)
    assert (measured.value, measured.bounds, outcome(measured)) == (value, bounds, word)
    assert all(math.isfinite(end) for end in measured.bounds or ())


def test_a_value_that_is_neither_index_proves_nothing_here(tmp_path: Path) -> None:
    assert "no value of a swept mark" in swept(tmp_path, 0.0, wrong=5).gate


@pytest.mark.parametrize("moved_s", [0.0, 20.0])
def test_steps_on_one_side_alone_leave_it_open(tmp_path: Path, moved_s: float) -> None:
    """Also where they were to be on both, and the host's UTC was stepped: that is told."""
    run = HostRun(tmp_path)
    run.anchors([(MIDDLE, moved_s)] if moved_s else [])
    run.begin(MIDNIGHT_NS, "steady")
    run.index(MIDNIGHT_NS, "t1.gas", 1000)
    mark = MIDNIGHT_NS + NS_PER_HOUR
    run.index(mark + 2 * NS_PER_S, "t1.gas", 1009)
    run.mark(mark + 2 * NS_PER_S, "steady", "swept", terminal="t1", meter="t1.gas", mark_ns=mark)
    told: Any = [{"meter": "t1.gas", "values": [{"mark_ns": mark, "index": 1000}]}]
    run.server(mark + NS_PER_HOUR, "upload", meters=told)
    run.end(mark + 2 * NS_PER_HOUR, "steady")
    (measured,) = hourmark_error([run.evidence().episode("steady")], SETUP, "maximum")
    assert "not swept on both sides" in measured.gate
    assert ("UTC was stepped by +20 s" in measured.gate) is bool(moved_s)


@pytest.mark.parametrize(("error_s", "gated"), [(0.0, True), (5.0, False)])
def test_a_lost_server_leaves_it_open_but_for_an_error_that_was_proved(
    tmp_path: Path, error_s: float, gated: bool
) -> None:
    measured = swept(tmp_path, error_s, lost=True)
    assert measured.bench_error is gated


Step = tuple[int, bool]
"""When it was made, ns from its mark, and whether the value of that mark is the register's of after it."""


def stepped(run: Run, *steps: Step) -> Measurement:
    """A day with these steps, four hours apart."""
    run.begin(MIDNIGHT_NS, "steady")
    run.index(MIDNIGHT_NS, "t1.gas", 0)
    told: list[Any] = []
    for n, (delta_ns, after) in enumerate(steps, start=1):
        mark = MIDNIGHT_NS + 4 * n * NS_PER_HOUR
        run.index(mark + delta_ns, "t1.gas", n)
        run.mark(mark + delta_ns, "steady", "swept", terminal="t1", meter="t1.gas", mark_ns=mark)
        told.append({"mark_ns": mark, "index": n if after else n - 1})
    run.server(MIDNIGHT_NS + 47 * NS_PER_HOUR, "upload", meters=[{"meter": "t1.gas", "values": told}])
    run.end(MIDNIGHT_NS + 48 * NS_PER_HOUR, "steady")
    (measured,) = hourmark_error([run.evidence().episode("steady")], SETUP, "maximum")
    return measured


S = NS_PER_S


@pytest.mark.parametrize(
    ("steps", "bounds"),
    [
        ([(-1, True), (1, False)], (0.0, 1e-9)),
        ([(-1, True), (1, False), (-30 * S, True), (30 * S, False)], (0.0, 1e-9)),
        ([(0, True), (0, False), (-30 * S, True), (30 * S, False)], (0.0, 30.0)),
        ([(2 * S, True), (2 * S, False), (10 * S, False), (-2 * S, True)], (2.0, 10.0)),
        ([(-2 * S, True), (-2 * S, False), (-10 * S, True), (2 * S, False)], (2.0, 10.0)),
    ],
)
def test_a_step_bounds_what_was_not_beyond_it_and_one_at_the_mark_or_contradicted_bounds_nothing(
    tmp_path: Path, steps: list[Step], bounds: tuple[float, float]
) -> None:
    measured = stepped(Run(tmp_path), *steps)
    assert (measured.value, measured.bounds) == (bounds[0], bounds)


@pytest.mark.parametrize(
    ("steps", "bounds"),
    [
        ([(0, False), (30 * S, False), (-100 * S, True)], (0.0, 120.0)),
        ([(1, False), (30 * S, False), (-100 * S, True)], (0.0, 100.0)),
        ([(-90 * S, True), (-190 * S, True), (30 * S, False)], (0.0, 190.0)),
        ([(-90 * S - 1, True), (-190 * S, True), (30 * S, False)], (0.0, 120.0)),
    ],
)
def test_where_utc_leaves_the_side_of_a_step_open_it_bounds_nothing(
    tmp_path: Path, steps: list[Step], bounds: tuple[float, float]
) -> None:
    """Each step was made so long behind its mark, or 90 s later."""
    run = Run(tmp_path, rig=STEADY_CLOCKS)
    utc_is_open_by(run, 90.0)
    assert stepped(run, *steps).bounds == bounds


def test_how_near_and_far_it_was_swept_is_told_in_milliseconds(tmp_path: Path) -> None:
    measured = stepped(Run(tmp_path), (-2_000_400_000, True), (66_000_600_000, False))
    assert (measured.conditions["nearest_s"], measured.conditions["farthest_s"]) == (2.0, 66.001)
