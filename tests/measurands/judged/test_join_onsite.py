"""``join.onsite``: start, stop, cold and what does not count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from bench.measurands.judged.join_onsite import join_onsite
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
    # Every citation is a row of the timeline that is one of the six stamps.
    rows = {event.citation: event for event in run.evidence().events()}
    assert [rows[row].kind for row in measured.cited] == ["panel.press", "panel.lamp", "server.terminal.reachable"] * 2


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
    run.server(AT + 3 * MINUTE_NS, "terminal.reachable")
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
    run.server(AT + 3 * MINUTE_NS, "terminal.reachable")
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


@pytest.mark.parametrize(("good", "gated"), [(4, False), (3, True)])
def test_a_blind_bench_leaves_the_attempt_out(run: Run, good: int, gated: bool) -> None:
    """Four in five must be left."""
    at = AT
    for n in range(1, good + 1):
        at = join_attempt(run, at, n, 41.5)
    blind = at + 2 * MINUTE_NS + 10 * NS_PER_S
    run.bench(blind, "bench.blind", from_ns=blind, to_ns=blind + NS_PER_S)
    at = join_attempt(run, at, good + 1, 500.0)
    run.end(at, "join")
    measured = measure(run)
    if gated:
        assert "3 joins only, at least 4 are needed (the bench was blind during the attempt)" in measured.gate
    else:
        assert (measured.value, measured.conditions["attempts_left_out"]) == (41.5, 1)


def test_a_bench_that_failed_before_the_first_attempt_says_so(run: Run) -> None:
    run.bench(AT + MINUTE_NS, "bench.error", "join", what="it had stood still", touches=["join"])
    run.end(AT + 2 * MINUTE_NS, "join")
    measured = measure(run)
    assert (measured.gate, measured.bench_error) == ("the bench failed: it had stood still", True)


def test_a_lost_panel_is_a_bench_error_for_later_attempts_only(run: Run) -> None:
    at = AT
    for n in range(1, 5):
        at = join_attempt(run, at, n, 41.5)
    run.bench(at, "bench.lost_port", "panel.t1", port="panel.t1", reason="closed")
    run.mark(at + 1, "join", "attempt", terminal="t1", n=5)
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


def one_attempt(run: Run, *signs: tuple[float, str], before: str = "") -> Measurement:
    """A cold attempt with these signs (s after the press): a state of the indicator, or ``server``.

    ``before``: what its indicator shows a second after it was fed, 59 s before the press.
    """
    start = AT + 2 * MINUTE_NS
    run.see(AT, "panel.t1", "t1", "panel.press", duration_s=10.0)
    run.see(AT + 1, "supply.dc", "t1", "supply.output", on=False)
    run.bench(AT + 2, "intent.deregister", "t1")
    run.see(AT + MINUTE_NS, "supply.dc", "t1", "supply.output", on=True)
    if before:
        run.see(AT + MINUTE_NS + NS_PER_S, "panel.t1", "t1", "panel.lamp", state=before)
    run.mark(start, "join", "attempt", terminal="t1", n=1)
    run.see(start, "panel.t1", "t1", "panel.press", duration_s=1.0)
    end_ns = start
    for after_s, sign in signs:
        end_ns = start + round(after_s * NS_PER_S)
        if sign == "server":
            run.server(end_ns, "terminal.reachable")
        else:
            run.see(end_ns, "panel.t1", "t1", "panel.lamp", state=sign)
    run.mark(start + 60 * NS_PER_S, "join", "attempt.end", terminal="t1", n=1, reason="joined")
    run.end(start + 120 * NS_PER_S, "join")
    return measure(run)


def test_communicable_is_indicator_and_server_the_later_of_the_two(run: Run) -> None:
    assert one_attempt(run, (1, "blinking"), (40, "server"), (41.5, "on")).value == 41.5


@pytest.mark.parametrize(
    ("signs", "why"),
    [
        ([(1, "blinking"), (20, "on"), (40, "server")], "on 20 s before the server confirmed it"),
        ([(1, "blinking"), (40, "server")], "its indicator never went on"),
        ([(1, "blinking"), (40, "on")], "the server never confirmed it"),
        ([(1, "blinking"), (40, "server"), (41, "on"), (41.2, "off")], "went on and out again"),
        ([(1, "blinking"), (40, "server"), (41, "on"), (64, "blinking")], "went on and out again"),
        ([(1, "blinking"), (5, "on"), (5.2, "blinking"), (40, "server"), (41, "on")], "35 s before the server"),
    ],
)
def test_an_indicator_that_lies_is_a_join_that_never_ended(run: Run, signs: list[tuple[float, str]], why: str) -> None:
    measured = one_attempt(run, *signs)
    assert (measured.value, measured.gate) == (None, "")
    assert why in str(measured.detail["never"])


def test_an_indicator_that_was_lit_before_the_press_lies(run: Run) -> None:
    measured = one_attempt(run, (40, "server"), before="on")
    assert (measured.value, measured.gate) == (None, "")
    assert "on 99 s before the server confirmed it" in str(measured.detail["never"])


def test_what_began_with_its_supply_is_counted_from_there(run: Run) -> None:
    """The terminal joined by itself as it was fed, 60 s before the key was pressed: no reason to leave it out."""
    measured = one_attempt(run, (40, "server"), (41, "on"), before="blinking")
    assert measured.value == 101.0


def with_retest(run: Run, first: list[float | None], second: list[float | None]) -> Measurement:
    at = AT
    for n, seconds in enumerate([*first, *second], start=1):
        at = join_attempt(run, at, n, seconds, retest=n > len(first))
    run.end(at, "join")
    return measure(run, "retest")


def test_one_slow_join_is_made_up_for_by_a_second_series(run: Run) -> None:
    measured = with_retest(run, [50.0, 95.0, 50.0], [50.0, 51.0, 50.0])
    assert measured.value == 51.0
    assert "3 more joins" in str(measured.conditions["retest"])
    assert [trial["value"] for trial in measured.detail["trials"]] == [50.0, 95.0, 50.0, 50.0, 51.0, 50.0]  # type: ignore[union-attr, index, call-overload]


def test_two_slow_joins_are_not(run: Run) -> None:
    assert with_retest(run, [50.0, 95.0, 50.0], [50.0, 120.0, 50.0]).value == 95.0


def test_a_join_that_never_ended_is_not(run: Run) -> None:
    assert with_retest(run, [50.0, None, 50.0], [50.0, 50.0, 50.0]).value is None


def test_a_second_series_that_was_not_driven_whole_makes_up_for_nothing(run: Run) -> None:
    assert with_retest(run, [50.0, 95.0, 50.0], [50.0, 50.0]).value == 95.0


def test_of_two_classes_the_cold_joins_count_and_the_others_are_told(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    for n in range(2, 5):
        at = join_attempt(run, at, n, 43.5)
    at = join_attempt(run, at, 5, 12.0, cold=False)
    run.end(at, "join")
    measured = measure(run)
    assert (measured.value, measured.conditions["start"], measured.conditions["n"]) == (43.5, "cold", 4)
    assert "was not de-registered" in str(measured.detail["left_out"])


def test_cold_joins_that_are_too_few_for_the_others_were_not_cold_are_not_the_benchs_failure(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    for n in range(2, 6):
        at = join_attempt(run, at, n, 12.0, cold=False)
    run.end(at, "join")
    measured = measure(run)
    assert ("1 joins only" in measured.gate, measured.bench_error) == (True, False)


def test_joins_that_were_not_driven_any_more_are_too_few_and_that_is_why(run: Run) -> None:
    join_attempt(run, AT, 1, 41.5)
    setup = attrs.evolve(SETUP, terminals=(T1,), planned={"joins": 5})
    (measured,) = join_onsite([run.evidence().episode("join")], setup, "maximum")
    assert "1 joins only, at least 4 are needed (episode 'join' did not end)" in measured.gate


def test_a_class_that_is_not_cold_says_what_was_not_proved(run: Run) -> None:
    at = join_attempt(run, AT, 1, 12.0, cold=False)
    run.end(at, "join")
    assert "its keys were not erased" in str(measure(run).conditions["not_cold"])


def press(run: Run, at_ns: int, seconds: float = 1.0) -> None:
    run.see(at_ns, "panel.t1", "t1", "panel.press", duration_s=seconds)


def lamp(run: Run, at_ns: int, state: str) -> None:
    run.see(at_ns, "panel.t1", "t1", "panel.lamp", state=state)


def feed(run: Run, at_ns: int, on: bool) -> None:
    run.see(at_ns, "supply.dc", "t1", "supply.output", on=on)


def begins(run: Run, at_ns: int, n: int = 1) -> None:
    run.mark(at_ns, "join", "attempt", terminal="t1", n=n)


def ends(run: Run, at_ns: int, n: int = 1) -> None:
    run.mark(at_ns, "join", "attempt.end", terminal="t1", n=n, reason="gave up")


def nothing_was_driven(run: Run) -> None:
    run.end(AT + MINUTE_NS, "join")


def nothing_was_driven_to_the_end(run: Run) -> None:
    pass


def no_stimulus(run: Run) -> None:
    begins(run, AT)
    lamp(run, AT + 1, "on")
    ends(run, AT + 2)
    run.end(AT + MINUTE_NS, "join")


def no_sign_of_life(run: Run) -> None:
    begins(run, AT)
    press(run, AT + 1)
    ends(run, AT + 2)
    run.end(AT + MINUTE_NS, "join")


def no_end(run: Run) -> None:
    feed(run, AT, True)
    begins(run, AT + 1)
    press(run, AT + 2)
    run.end(AT + MINUTE_NS, "join")


def no_end_of_the_episode_either(run: Run) -> None:
    feed(run, AT, True)
    begins(run, AT + 1)
    press(run, AT + 2)


def begun_before_the_key(run: Run) -> None:
    lamp(run, AT, "blinking")
    begins(run, AT + 1)
    press(run, AT + 2)
    lamp(run, AT + 3, "on")
    run.server(AT + 3, "terminal.reachable")
    ends(run, AT + 4)
    run.end(AT + MINUTE_NS, "join")


@pytest.mark.parametrize(
    ("drive", "why", "cites"),
    [
        (nothing_was_driven, "no attempt was driven", 0),
        (nothing_was_driven_to_the_end, "episode 'join' did not end", 0),
        (no_stimulus, "no installation key and no supply edge was seen", 1),
        (no_sign_of_life, "no sign of life, and nobody saw that the terminal was fed", 1),
        (no_end, "the attempt did not end", 1),
        (no_end_of_the_episode_either, "episode 'join' did not end", 0),
        (
            begun_before_the_key,
            "the terminal was joining or joined before the key was pressed (panel.lamp): nothing began with the key",
            2,
        ),
    ],
)
def test_what_proves_no_join_is_open_and_no_failure_of_the_bench(
    run: Run, drive: Callable[[Run], None], why: str, cites: int
) -> None:
    drive(run)
    measured = measure(run)
    assert (measured.gate, measured.bench_error, measured.value) == (why, False, None)
    assert len(measured.cited) == cites


@pytest.mark.parametrize("kind", ["panel.lamp", "server.terminal.reachable", "server.upload"])
def test_whoever_shows_any_sign_of_life_is_slow_and_not_empty(run: Run, kind: str) -> None:
    begins(run, AT)
    press(run, AT + 1)
    if kind == "panel.lamp":
        lamp(run, AT + 2, "blinking")
    elif kind == "server.upload":
        run.server(AT + 2, "upload", upload_seq=1, delivery="scheduled", meters=[])
    else:
        run.server(AT + 2, "terminal.reachable")
    ends(run, AT + MINUTE_NS)
    run.end(AT + 2 * MINUTE_NS, "join")
    measured = measure(run)
    assert (measured.gate, measured.value) == ("", None)


def test_a_lamp_that_blinked_in_the_dark_is_of_another_join(run: Run) -> None:
    """The supply was off between: what began with the key counts from the key."""
    feed(run, AT, True)
    lamp(run, AT + 1, "blinking")
    feed(run, AT + 2, False)
    begins(run, AT + 3)
    feed(run, AT + 4, True)
    press(run, AT + 10)
    lamp(run, AT + 12, "on")
    run.server(AT + 12, "terminal.reachable")
    ends(run, AT + 13)
    run.end(AT + MINUTE_NS, "join")
    measured = measure(run)
    assert not measured.gate
    rows = {event.citation: event.kind for event in run.evidence().events()}
    assert rows[measured.cited[0]] == "panel.press"


@pytest.mark.parametrize(("seconds", "open_"), [(9.9, True), (10.0, False)])
def test_a_long_press_ends_whatever_was_before_it(run: Run, seconds: float, open_: bool) -> None:
    lamp(run, AT, "blinking")
    begins(run, AT + 1)
    press(run, AT + 2, seconds)
    lamp(run, AT + 3, "on")
    run.server(AT + 3, "terminal.reachable")
    ends(run, AT + 4)
    run.end(AT + MINUTE_NS, "join")
    assert bool(measure(run).gate) is open_


@pytest.mark.parametrize(
    ("good", "gate"), [(3, "3 joins only, at least 4 are needed (the bench was blind during the attempt)"), (4, "")]
)
def test_four_joins_in_five_must_count(run: Run, good: int, gate: str) -> None:
    at = AT
    for n in range(1, 6):
        began = at
        at = join_attempt(run, at, n, 41.5)
        if n > good:
            run.blind(began + 2 * MINUTE_NS, began + 2 * MINUTE_NS + 1)  # the press
    run.end(at, "join")
    measured = measure(run)
    assert (measured.gate, measured.bench_error) == (gate, False)
    assert measured.conditions.get("attempts_left_out", 0) == (5 - good if not gate else 0)
