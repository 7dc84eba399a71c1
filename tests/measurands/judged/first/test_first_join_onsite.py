"""``join.onsite``: start, stop, cold and what does not count."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from bench.measurands.judged.first.join_onsite import join_onsite
from bench.records import NS_PER_S, Measurement
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, T1, Run, join_attempt

AT = MIDNIGHT_NS


def measure(run: Run, statistic: str = "maximum", *, indicator: bool = True) -> Measurement:
    setup = attrs.evolve(SETUP, terminals=(attrs.evolve(T1, indicator=indicator),))
    (measured,) = join_onsite([run.evidence().episode("join")], setup, statistic)
    return measured


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.begin(AT, "join")
    return run


def test_slowest_of_all_cold_joins(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    at = join_attempt(run, at, 2, 60.25)
    run.end(at, "join")
    measured = measure(run)
    assert measured.value == 60.25
    assert measured.conditions["start"] == "cold"
    assert measured.conditions["n"] == 2
    assert measured.conditions["hops"] == 1
    assert measured.conditions["hops_from"] == "rig description"
    assert measured.conditions["dodag_depth"] == 2
    assert not measured.gate
    # Every citation is a row of the timeline that is one of the four stamps.
    rows = {event.citation: event for event in run.evidence().events()}
    assert [rows[row].kind for row in measured.cited] == ["panel.press", "panel.lamp"] * 2


def test_median_is_a_value_that_was_measured(run: Run) -> None:
    at = AT
    for n, seconds in enumerate((30.0, 90.0, 50.0), start=1):
        at = join_attempt(run, at, n, seconds)
    run.end(at, "join")
    assert measure(run, "median").value == 50.0


def test_without_indicator_the_server_ends_the_join(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    run.end(at, "join")
    measured = measure(run, indicator=False)
    assert measured.value == 41.5
    assert measured.conditions["stop"] == "server"


def test_supply_edge_starts_where_no_key_is_pressed(run: Run) -> None:
    run.see(AT, "supply.dc", "t1", "supply.output", channel=1, on=False)
    run.mark(AT + MINUTE_NS, "join", "attempt", terminal="t1", n=1)
    run.see(AT + 2 * MINUTE_NS, "supply.dc", "t1", "supply.output", channel=1, on=True)
    run.see(AT + 3 * MINUTE_NS, "panel.t1", "t1", "panel.lamp", state="on")
    run.mark(AT + 3 * MINUTE_NS, "join", "attempt.end", terminal="t1", n=1, reason="joined")
    run.end(AT + 4 * MINUTE_NS, "join")
    measured = measure(run)
    assert measured.value == 60.0
    assert measured.conditions["start"] == "unknown", "the supply was off, but nobody erased the keys"


def test_the_last_stimulus_before_the_indication_is_the_start(run: Run) -> None:
    run.mark(AT, "join", "attempt", terminal="t1", n=1)
    run.see(AT + MINUTE_NS, "panel.t1", "t1", "panel.press", duration_s=1.0)
    run.see(AT + 2 * MINUTE_NS, "panel.t1", "t1", "panel.press", duration_s=1.0)
    run.see(AT + 3 * MINUTE_NS, "panel.t1", "t1", "panel.lamp", state="on")
    run.see(AT + 4 * MINUTE_NS, "panel.t1", "t1", "panel.press", duration_s=1.0)
    run.mark(AT + 5 * MINUTE_NS, "join", "attempt.end", terminal="t1", n=1, reason="joined")
    run.end(AT + 5 * MINUTE_NS, "join")
    assert measure(run).value == 60.0


def test_a_join_without_preparation_is_warm(run: Run) -> None:
    at = join_attempt(run, AT, 1, 12.0, cold=False)
    run.end(at, "join")
    assert measure(run).conditions["start"] == "warm"


def test_a_terminal_that_never_joins_has_no_value_and_no_gate(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    at = join_attempt(run, at, 2, None)
    run.end(at, "join")
    measured = measure(run)
    assert measured.value is None
    assert not measured.gate
    assert measured.detail["never"] == "1 of 2 attempts never joined"


def test_stamps_give_the_uncertainty(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5, u_ns=NS_PER_S // 10)
    run.end(at, "join")
    assert measure(run).u == pytest.approx(0.1 * 2**0.5)


def test_a_blind_bench_leaves_the_attempt_out(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    blind = at + 2 * MINUTE_NS + 10 * NS_PER_S
    run.bench(blind, "bench.blind", from_ns=blind, to_ns=blind + NS_PER_S)
    at = join_attempt(run, at, 2, 500.0)
    run.end(at, "join")
    measured = measure(run)
    assert measured.value == 41.5
    assert measured.conditions["attempts_left_out"] == 1


def test_a_lost_panel_is_a_bench_error_for_later_attempts_only(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    run.bench(at, "bench.lost_port", "panel.t1", port="panel.t1", reason="closed")
    run.mark(at + 1, "join", "attempt", terminal="t1", n=2)
    assert measure(run).value == 41.5


def test_a_lost_panel_from_the_start_is_an_error(run: Run) -> None:
    run.bench(AT, "bench.lost_port", "panel.t1", port="panel.t1", reason="closed")
    run.mark(AT + 1, "join", "attempt", terminal="t1", n=1)
    measured = measure(run)
    assert measured.bench_error
    assert "panel.t1" in measured.gate


def test_the_console_changes_nothing(run: Run) -> None:
    run.see(AT, "console.t1", "t1", "console.join_state", state=1)
    at = join_attempt(run, AT, 1, 41.5)
    before = measure(run)
    run.see(at, "console.t1", "t1", "console.join_state", state=5)
    run.end(at, "join")
    assert measure(run) == before
