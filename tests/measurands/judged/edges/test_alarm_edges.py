"""``alarm.normal.2`` and ``alarm.outage.2`` at their edges: one alarm or episode of several, an instant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import kinds
from bench.measurands.judged.alarm import alarm_normal
from bench.measurands.judged.arrivals import off, time_kept
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Json, Measurement
from tests.measurands.judged.test_outage import (
    BACK,
    CUT,
    READ,
    RESTORE,
    WITH_REFERENCE,
    alarms,
    normal,
    outage,
    raise_alarm,
)
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, STEADY_CLOCKS, Run, utc_is_open_by

AT = MIDNIGHT_NS + NS_PER_HOUR
END = READ + NS_PER_HOUR
"""Of the episode that `outage` writes."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path, rig=STEADY_CLOCKS)


def delays(figure: Measurement) -> list[Json]:
    told: Any = figure.detail["alarms"]
    return [one["delay_s"] for one in told]


# -- one episode of several -------------------------------------------------------------------------------------------


def steady_and_alarm(run: Run, first_s: float | None, touched: str) -> Measurement:
    """An alarm beside ``steady`` and one of ``alarm`` itself, which is there; the bench failed in ``touched``."""
    run.begin(MIDNIGHT_NS, "steady")
    raise_alarm(run, AT, "leak1", first_s)
    run.bench(AT + MINUTE_NS, "bench.error", "steady", what="a bug", touches=[touched])
    run.end(AT + NS_PER_HOUR, "steady")
    run.begin(AT + 2 * NS_PER_HOUR, "alarm")
    raise_alarm(run, AT + 3 * NS_PER_HOUR, "leak1", 2.0)
    return normal(run)


def test_an_alarm_that_was_lost_where_the_bench_failed_blames_nobody(run: Run) -> None:
    found = steady_and_alarm(run, None, touched="steady")
    assert (found.gate, found.bench_error) == ("the bench failed: a bug", True)


@pytest.mark.parametrize("touched", ["steady", "roundtrip"])
def test_alarms_that_arrived_are_a_fact_wherever_the_bench_failed(run: Run, touched: str) -> None:
    found = steady_and_alarm(run, 3.0, touched)
    assert (found.value, found.gate, found.conditions["n"]) == (3.0, "", 2)


def test_alarms_of_this_episode_and_another_are_a_fact_though_the_bench_failed_after_them(run: Run) -> None:
    run.bench(AT + 4 * NS_PER_HOUR, "bench.error", "alarm", what="a bug", touches=["alarm"])
    assert steady_and_alarm(run, 3.0, touched="roundtrip").value == 3.0


# -- which arrival is whose -------------------------------------------------------------------------------------------


def arrives(run: Run, at_ns: int, occurred_ns: int, code: str = "leak1") -> None:
    run.server(at_ns, "alarm", meter="t1.gas", code=code, occurred_ns=occurred_ns)


def raised(run: Run, at_ns: int) -> None:
    run.see(at_ns, "meter.t1.gas", "t1.gas", "meter.alarm", code="leak1")


def test_an_alarm_may_be_there_before_its_own_confirmation(run: Run) -> None:
    """The meter's port answered late: since the intent it may have been raised."""
    run.begin(MIDNIGHT_NS, "alarm")
    run.bench(AT, "intent.alarm", "t1.gas", code="leak1")
    arrives(run, AT + 1, AT)
    raised(run, AT + 2)
    found = normal(run)
    assert (found.gate, found.detail["never"], found.conditions["not_asked_for"]) == ("", "", 0)


@pytest.mark.parametrize("apart_ns", [1, NS_PER_S])
def test_alarms_close_together_are_told_apart_by_their_times_of_occurrence(run: Run, apart_ns: int) -> None:
    run.begin(MIDNIGHT_NS, "alarm")
    raised(run, AT)
    raised(run, AT + apart_ns)
    arrives(run, AT + 5 * NS_PER_S, AT + apart_ns)
    arrives(run, AT + 9 * NS_PER_S, AT)
    assert delays(normal(run)) == [9.0, 5.0 - apart_ns / NS_PER_S]


@pytest.mark.parametrize(
    ("occurred_s", "low_s", "high_s"),
    [(-20, 20, 110), (0, 0, 90), (30, 0, 60), (45, 0, 45), (60, 0, 60), (90, 0, 90), (100, 10, 100)],
)
def test_a_time_of_occurrence_is_as_far_off_as_utc_leaves_open(
    run: Run, occurred_s: int, low_s: int, high_s: int
) -> None:
    raised(run, MIDNIGHT_NS)
    utc_is_open_by(run, 90.0)
    evidence = run.evidence()
    (stimulus,) = evidence.events(kinds.METER_ALARM)
    apart = off(evidence, stimulus, MIDNIGHT_NS + occurred_s * NS_PER_S)
    assert (apart.low, apart.high) == (low_s * NS_PER_S, high_s * NS_PER_S)


@pytest.mark.parametrize(
    ("occurred_s", "tolerance_ns", "kept"),
    [
        (45, 45 * NS_PER_S, True),
        (45, 45 * NS_PER_S - 1, None),
        (100, 10 * NS_PER_S, None),
        (100, 10 * NS_PER_S - 1, False),
        (0, 0, None),
    ],
)
def test_it_is_kept_or_changed_only_where_all_of_utc_says_so(
    run: Run, occurred_s: int, tolerance_ns: int, kept: bool | None
) -> None:
    raised(run, MIDNIGHT_NS)
    arrives(run, MIDNIGHT_NS + 200 * NS_PER_S, MIDNIGHT_NS + occurred_s * NS_PER_S)
    utc_is_open_by(run, 90.0)
    evidence = run.evidence()
    (stimulus,), (arrival,) = evidence.events(kinds.METER_ALARM), evidence.events(kinds.SERVER_ALARM)
    assert time_kept(evidence, stimulus, arrival, tolerance_ns) is kept


# -- an outage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at_ns", "counts"), [(CUT - 1, False), (CUT, True), (END, True), (END + 1, False)])
def test_what_nobody_raised_misses_the_row_from_the_cut_to_the_end_of_its_episode(
    run: Run, at_ns: int, counts: bool
) -> None:
    outage(run)
    arrives(run, at_ns, at_ns, code="tamper")
    found = alarms(run)
    assert found.conditions["not_asked_for"] == int(counts)
    assert (found.value is None) is counts


@pytest.mark.parametrize(("at_ns", "n"), [(CUT - 1, 2), (CUT, 1), (END, 1), (END + 1, 2)])
def test_an_alarm_that_is_raised_from_the_cut_to_the_end_of_its_episode_is_not_in_normal_operation(
    run: Run, at_ns: int, n: int
) -> None:
    outage(run)
    run.begin(END + 1, "alarm")
    raise_alarm(run, at_ns, "tamper", 3.0)
    raise_alarm(run, END + NS_PER_HOUR, "reverse", 2.0)
    run.end(END + NS_PER_DAY, "alarm")
    (found,) = alarm_normal([run.evidence().episode("alarm")], SETUP, "maximum")
    assert found.conditions["n"] == n


def no_alarm(run: Run, *, end: bool = True) -> None:
    run.begin(CUT - MINUTE_NS, "outage")
    run.mark(CUT, "outage", "cut")
    run.mark(RESTORE, "outage", "restore")
    run.server(BACK, "terminal.reachable", "r1")
    if end:
        run.end(END, "outage")


def test_an_outage_in_which_nothing_was_raised_says_so_or_why(run: Run) -> None:
    no_alarm(run)
    found = alarms(run, WITH_REFERENCE)
    assert (found.gate, found.bench_error) == ("no alarm was raised in the outage", False)
    run.bench(CUT, "episode.left_out", "t1", name="outage", what="raise", why="nobody answered")
    assert "nobody answered" in alarms(run, WITH_REFERENCE).gate
    run.bench(CUT, "bench.error", "outage", what="a bug", touches=["outage"])
    assert alarms(run, WITH_REFERENCE).bench_error


def test_an_outage_that_was_broken_off_before_its_restore_is_open(run: Run) -> None:
    run.begin(CUT - MINUTE_NS, "outage")
    run.mark(CUT, "outage", "cut")
    raised(run, CUT + NS_PER_HOUR)
    found = alarms(run)
    assert (found.gate, found.bench_error) == ("episode 'outage' did not end", False)


@pytest.mark.parametrize("reference", [True, False])
def test_a_network_that_stays_away_is_no_failure_of_the_bench(run: Run, reference: bool) -> None:
    outage(run, stays_away=True, reference_s=None)
    found = alarms(run, WITH_REFERENCE if reference else SETUP)
    assert ("did not come back" in found.gate, found.bench_error) == (True, False)


def test_an_alarm_of_a_second_outage_needs_the_reference_of_that_one(run: Run) -> None:
    """It came back after the first one only: from where the second alarm counts, nobody knows."""
    outage(run, reference_s=0.0, goes_on=True)
    run.mark(END, "outage", "cut.again")
    raised(run, END + MINUTE_NS)
    run.mark(END + NS_PER_HOUR, "outage", "restore.again")
    run.end(END + 2 * NS_PER_HOUR, "outage")
    assert "the reference terminal r1 did not come back" in alarms(run, WITH_REFERENCE).gate


def test_the_network_may_be_usable_since_its_mains_were_read_back_on(run: Run) -> None:
    """The milestone follows two minutes later; supplies of terminals are none of it."""
    outage(run, goes_on=True)
    run.see(RESTORE - 2 * MINUTE_NS, "supply.ac", "mesh", "supply.output", on=True)
    run.see(RESTORE - MINUTE_NS, "supply.dc", "t1", "supply.output", on=True)
    run.end(END, "outage")
    assert alarms(run).bounds == (30.0, 1230.0 + 120.0)


def test_a_lost_alarm_may_be_what_nobody_could_read(run: Run) -> None:
    outage(run, alarm_s=None)
    run.see(BACK + MINUTE_NS, "server", "t1", "server.odd", event="not JSON", why="not JSON")
    assert "cannot be read" in alarms(run).gate


def test_one_alarm_of_two_whose_time_of_occurrence_is_open_leaves_the_row_open(run: Run) -> None:
    """By either side of the step of 90 s the second one's was kept, the first one's by one side alone."""
    outage(run, goes_on=True)
    run.see(CUT + NS_PER_HOUR, "meter.t1.gas", "t1.gas", "meter.alarm", code="tamper")
    arrives(run, BACK + NS_PER_S, CUT + NS_PER_HOUR + 45 * NS_PER_S, code="tamper")
    run.end(END, "outage")
    utc_is_open_by(run, 90.0)
    found = alarms(run)
    assert (found.value, found.bench_error) == (None, False)
    assert "whether the time of occurrence was kept is open: the host's UTC was stepped" in found.gate
    leak = next(event for event in run.evidence().events(kinds.METER_ALARM) if event.data["code"] == "leak1")
    assert found.cited == (leak.citation,)


@pytest.mark.parametrize(
    ("reference", "alarm_number", "low_s"),
    [(True, 8, 0.0), (True, 7, None), (True, 6, None), (False, 8, 0.0), (False, 6, None)],
)
def test_between_the_networks_return_and_an_alarm_lies_what_their_order_and_their_causes_leave(
    run: Run, reference: bool, alarm_number: int, low_s: float | None
) -> None:
    """Without stamps of the server's. It numbers its events in their order, but for one that was started anew."""
    utc_is_open_by(run, 0.0)
    run.begin(CUT - MINUTE_NS, "outage")
    run.mark(CUT, "outage", "cut")
    raised(run, CUT + NS_PER_HOUR)
    run.mark(RESTORE, "outage", "restore")
    run.events = 6
    run.server(BACK, "terminal.reachable", "r1" if reference else "t1")
    run.events = alarm_number - 1
    arrives(run, BACK + 30 * NS_PER_S, CUT + NS_PER_HOUR)
    run.end(END, "outage")
    found = alarms(run, WITH_REFERENCE if reference else SETUP)
    raised_s = (CUT + NS_PER_HOUR - BACK) / NS_PER_S
    assert (found.value, found.bounds) == (30.0, (raised_s if low_s is None else low_s, 1230.0))
