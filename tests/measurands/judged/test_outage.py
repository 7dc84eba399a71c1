"""``storage.terminal.2`` and ``alarm.outage.2`` over an outage, ``alarm.normal.2`` without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from bench.judge.decide import Requirement, judge
from bench.measurands.judged.alarm import alarm_normal, alarm_outage
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.storage_terminal import storage_terminal
from bench.measurands.judged.values_hourly import values_hourly
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Measurement, Obligation, Outcome
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, T1, Run, hourly_steps, true_index, upload

CUT = MIDNIGHT_NS + 10 * NS_PER_HOUR + 15 * MINUTE_NS
RESTORE = CUT + 8 * NS_PER_DAY
BACK = RESTORE + 20 * MINUTE_NS
READ = BACK + 2 * NS_PER_HOUR


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def outage(
    run: Run,
    *,
    lost: frozenset[int] = frozenset(),
    doubled: frozenset[int] = frozenset(),
    kept: int = 180,
    restore_ns: int = RESTORE,
    alarm_s: float | None = 30.0,
    occurred_shift_s: float = 0.0,
    unread: frozenset[int] = frozenset(),
    answered: bool = True,
    reference_s: float | None = None,
    stays_away: bool = False,
    goes_on: bool = False,
) -> None:
    """An outage with a ring store of ``kept`` marks: recovery upload, history read, one alarm half way.

    ``unread``: marks that the history answers leave out, though recovery brings them. ``answered`` False: no answer to
    them at all. ``reference_s``: when the reference terminal r1 is back, after t1; ``stays_away``: t1 is not.
    """
    run.begin(CUT - 30 * MINUTE_NS, "outage")
    run.mark(CUT, "outage", "cut")
    run.see(CUT, "supply.ac", "mesh", "supply.output", channel=1, on=False)
    hourly_steps(run, CUT // NS_PER_HOUR * NS_PER_HOUR - 3 * NS_PER_HOUR, restore_ns)
    stimulus = CUT + (restore_ns - CUT) // 2
    run.see(stimulus, "meter.t1.gas", "t1.gas", "meter.alarm", code="leak1")
    run.mark(stimulus, "outage", "raise", meter="t1.gas", code="leak1")
    run.mark(restore_ns, "outage", "restore")
    back = restore_ns + 20 * MINUTE_NS
    read = back + 2 * NS_PER_HOUR
    if reference_s is not None:
        run.server(back + round(reference_s * NS_PER_S), "terminal.reachable", "r1")
    if stays_away:
        run.end(read + NS_PER_HOUR, "outage")
        return
    run.server(back, "terminal.reachable", eui64=T1.eui64)
    if alarm_s is not None:
        occurred = stimulus + round(occurred_shift_s * NS_PER_S)
        at = back + round(alarm_s * NS_PER_S)
        run.server(at, "alarm", meter="t1.gas", code="leak1", occurred_ns=occurred)
    first = -(-CUT // NS_PER_HOUR) * NS_PER_HOUR
    marks = [m for m in range(first, back + 1, NS_PER_HOUR) if m not in lost][-kept:]
    upload(run, back + MINUTE_NS, sorted(marks + [m for m in marks if m in doubled]), delivery="recovery")
    newest = read // NS_PER_HOUR * NS_PER_HOUR
    for meter in T1.meters:
        run.mark(read, "outage", "read", terminal="t1", meter=meter, request="h", from_ns=0, to_ns=newest)
        held = [m for m in range(newest - 167 * NS_PER_HOUR, newest + 1, NS_PER_HOUR) if m not in lost | unread]
        values: Any = [
            {"mark_ns": m, "index": true_index(min(m, restore_ns // NS_PER_HOUR * NS_PER_HOUR))} for m in held
        ]
        if answered:
            run.server(
                read + NS_PER_S, "answer", op="history", request="h", meter=meter, values=values, part=1, parts=1
            )
    if not goes_on:
        run.end(read + NS_PER_HOUR, "outage")


WITH_REFERENCE = attrs.evolve(SETUP, references=(TerminalSetup("r1", "02:4b:42:ff:fe:00:02:02", ()),))


def storage(run: Run, setup: Setup = SETUP) -> Measurement:
    (measured,) = storage_terminal([run.evidence().episode("outage")], setup, "minimum")
    return measured


def alarms(run: Run, setup: Setup = SETUP) -> Measurement:
    (measured,) = alarm_outage([run.evidence().episode("outage")], setup, "maximum")
    return measured


def values(run: Run) -> Measurement:
    (measured,) = values_hourly([run.evidence().episode("outage")], SETUP, "count")
    return measured


def test_a_good_outage(run: Run) -> None:
    outage(run)
    stored = storage(run)
    assert (stored.value, stored.unit) == (168.0, "h")
    assert stored.conditions["isolated_h"] == 192.0
    assert alarms(run).value == 30.0
    assert values(run).value == 0.0


def test_what_recovery_brings_does_not_fill_a_store_that_cannot_be_read(run: Run) -> None:
    unread = frozenset({MIDNIGHT_NS + 5 * NS_PER_DAY, MIDNIGHT_NS + 6 * NS_PER_DAY})
    outage(run, unread=unread)
    assert storage(run).value == 166.0


def test_a_history_request_without_an_answer_gives_no_hour(run: Run) -> None:
    outage(run, answered=False)
    measured = storage(run)
    assert (measured.value, measured.gate) == (0.0, "")
    assert measured.conditions["unanswered"] == list(T1.meters)
    assert alarms(run).value == 30.0, "the other row does not fall with it"


def test_only_the_first_read_counts(run: Run) -> None:
    """A second read, after recovery, would find what the first did not."""
    lost = MIDNIGHT_NS + 5 * NS_PER_DAY
    outage(run, unread=frozenset({lost}))
    later = READ + NS_PER_HOUR // 2
    run.mark(later, "outage", "read", terminal="t1", meter="t1.gas", request="again", from_ns=0, to_ns=later)
    told: Any = [{"mark_ns": lost, "index": true_index(lost)}]
    run.server(later, "answer", op="history", request="again", meter="t1.gas", values=told, part=1, parts=1)
    assert storage(run).value == 167.0


@pytest.mark.parametrize(("parts", "hours"), [(7, 0.0), (1, 168.0)])
def test_an_answer_lost_on_the_air_is_asked_for_again(run: Run, parts: int, hours: float) -> None:
    """The first whole answer counts; of none, what the first request brought."""
    outage(run, answered=False)
    at = READ + 10 * MINUTE_NS
    newest = at // NS_PER_HOUR * NS_PER_HOUR
    for meter in T1.meters:
        run.mark(at, "outage", "read", terminal="t1", meter=meter, request="h2", from_ns=0, to_ns=newest)
        held = range(newest - 167 * NS_PER_HOUR, newest + 1, NS_PER_HOUR)
        values: Any = [{"mark_ns": m, "index": true_index(min(m, RESTORE // NS_PER_HOUR * NS_PER_HOUR))} for m in held]
        run.server(at + NS_PER_S, "answer", op="history", request="h2", meter=meter, values=values, part=1, parts=parts)
    assert storage(run).value == hours


@pytest.mark.parametrize(("lacking", "hours"), [(0, 168.0), (1, 167.0)])
def test_the_read_after_a_second_outage_decides_where_it_has_fewer(run: Run, lacking: int, hours: float) -> None:
    outage(run)
    again = READ + NS_PER_HOUR - MINUTE_NS
    newest = again // NS_PER_HOUR * NS_PER_HOUR
    for meter in T1.meters:
        run.mark(again, "outage", "read.again", terminal="t1", meter=meter, request="again", from_ns=0, to_ns=newest)
        marks = range(newest - 167 * NS_PER_HOUR, newest + 1, NS_PER_HOUR)
        told: Any = [{"mark_ns": mark, "index": 0} for mark in list(marks)[: 168 - lacking]]
        run.server(again, "answer", op="history", request="again", meter=meter, values=told, part=1, parts=1)
    measured = storage(run)
    assert (measured.value, measured.conditions["reads"], measured.conditions["meters"]) == (hours, 4, 2)
    assert len(measured.detail["missing"]) == 2 * lacking  # type: ignore[arg-type]


def test_one_that_stays_away_where_the_reference_is_back_gives_no_hour(run: Run) -> None:
    outage(run, stays_away=True, reference_s=10.0)
    measured = storage(run, WITH_REFERENCE)
    assert (measured.value, measured.gate) == (0.0, "")
    assert "did not come back" in storage(run).gate, "without a reference it may have been the network"


def test_the_delay_counts_from_the_reference_and_is_negative_before_it(run: Run) -> None:
    outage(run, alarm_s=30.0, reference_s=45.0)
    measured = alarms(run, WITH_REFERENCE)
    assert (measured.value, measured.bounds) == (-15.0, None)
    assert measured.conditions["counted_from"] == "r1 reachable again"
    told: Any = measured.detail["alarms"]
    assert [one["arrival_ns"] - one["usable_ns"] for one in told] == [-15 * NS_PER_S]


def test_a_sample_that_is_back_late_has_delayed_its_alarm(run: Run) -> None:
    outage(run, alarm_s=30.0, reference_s=-600.0)
    assert alarms(run, WITH_REFERENCE).value == 630.0


def test_a_reference_that_does_not_come_back_leaves_it_open(run: Run) -> None:
    outage(run)
    assert "the reference terminal r1 did not come back" in alarms(run, WITH_REFERENCE).gate


@pytest.mark.parametrize(
    ("limit_s", "outcome"), [(1300.0, Outcome.PASS), (600.0, Outcome.INCONCLUSIVE), (20.0, Outcome.FAIL)]
)
def test_without_a_reference_both_ends_are_in_the_bounds(run: Run, limit_s: float, outcome: Outcome) -> None:
    """The mains were on 20 min before the first contact, which came 30 s before the alarm."""
    outage(run)
    measured = alarms(run)
    assert (measured.value, measured.bounds) == (30.0, (30.0, 1230.0))
    row = Requirement("alarm-outage", "1-4", Obligation.AGREEMENT, "alarm.outage.2", ("outage",), limit_s, "s")
    verdict = judge(measured, row)
    assert verdict.outcome is outcome
    assert ("no reference terminal" in verdict.reason) is (outcome is Outcome.INCONCLUSIVE)


def test_overwriting_the_oldest_is_reported_and_not_judged(run: Run) -> None:
    outage(run, kept=180)
    policy = storage(run).detail["overwrite_policy"]["t1.gas"]  # type: ignore[index, call-overload]
    assert policy["outage_marks"] == 192  # type: ignore[index, call-overload]
    assert policy["policy"] == "the oldest were overwritten"  # type: ignore[index, call-overload]
    assert storage(run).value == 168.0


def test_one_lost_hour_is_one_hour_less_and_no_wrong_value(run: Run) -> None:
    lost = MIDNIGHT_NS + 5 * NS_PER_DAY + 3 * NS_PER_HOUR
    outage(run, lost=frozenset({lost}))
    measured = storage(run)
    assert measured.value == 167.0
    assert measured.detail["missing"] == [{"meter": meter, "mark_ns": lost} for meter in T1.meters]
    assert values(run).value == 0.0


def test_an_hour_lost_long_ago_is_none_of_the_newest(run: Run) -> None:
    lost = -(-CUT // NS_PER_HOUR) * NS_PER_HOUR
    outage(run, lost=frozenset({lost}))
    assert storage(run).value == 168.0


def test_a_value_doubled_on_recovery(run: Run) -> None:
    doubled = MIDNIGHT_NS + 5 * NS_PER_DAY + 3 * NS_PER_HOUR
    outage(run, doubled=frozenset({doubled}))
    assert values(run).value == 2.0
    assert storage(run).value == 168.0


def test_too_short_an_isolation_proves_nothing(run: Run) -> None:
    outage(run, restore_ns=CUT + 6 * NS_PER_DAY)
    measured = storage(run)
    assert ("144.0 h only" in measured.gate, measured.bench_error) == (True, False)


def test_a_terminal_that_was_heard_was_not_isolated(run: Run) -> None:
    outage(run)
    run.server(CUT + 2 * NS_PER_DAY, "alarm", meter="t1.gas", code="tamper", occurred_ns=0)
    measured = storage(run)
    assert ("144.0 h only" in measured.gate, measured.bench_error) == (True, False)


@pytest.mark.parametrize("cause", ["feed", "blind"])
def test_hours_lost_by_the_bench_are_inconclusive(run: Run, cause: str) -> None:
    lost = MIDNIGHT_NS + 5 * NS_PER_DAY + 3 * NS_PER_HOUR
    outage(run, lost=frozenset({lost}))
    if cause == "feed":
        run.see(lost - MINUTE_NS, "supply.dc", "t1", "supply.output", channel=1, on=False)
        run.see(lost + MINUTE_NS, "supply.dc", "t1", "supply.output", channel=1, on=True)
    else:
        run.bench(lost + MINUTE_NS, "bench.blind", from_ns=lost - MINUTE_NS, to_ns=lost + MINUTE_NS)
    measured = storage(run)
    assert measured.value is None
    assert "feed was off or the bench blind" in measured.gate


def test_a_lost_server_explains_missing_values(run: Run) -> None:
    lost = frozenset({MIDNIGHT_NS + 5 * NS_PER_DAY})
    outage(run, lost=lost)
    run.bench(BACK + 30 * NS_PER_S, "bench.lost_port", "server", port="server", reason="gone")
    assert storage(run).bench_error


def short_outage(run: Run, delay_s: float | None, reference_s: float | None = None) -> Measurement:
    """A second outage an hour after the first one's episode would have ended, with an alarm of its own."""
    begin = RESTORE + 4 * NS_PER_HOUR
    run.mark(begin, "outage", "cut.again")
    run.see(begin + NS_PER_HOUR, "meter.t1.gas", "t1.gas", "meter.alarm", code="reverse")
    run.mark(begin + 2 * NS_PER_HOUR, "outage", "restore.again")
    back = begin + 2 * NS_PER_HOUR + 10 * MINUTE_NS
    run.server(back, "terminal.reachable", eui64=T1.eui64)
    if reference_s is not None:
        run.server(back + round(reference_s * NS_PER_S), "terminal.reachable", "r1")
    if delay_s is not None:
        arrival = back + round(delay_s * NS_PER_S)
        run.server(arrival, "alarm", meter="t1.gas", code="reverse", occurred_ns=begin + NS_PER_HOUR)
    run.end(begin + 9 * NS_PER_HOUR, "outage")
    return alarms(run, SETUP if reference_s is None else WITH_REFERENCE)


def test_an_alarm_of_the_second_outage_counts_from_that_ones_return(run: Run) -> None:
    outage(run, reference_s=0.0, goes_on=True)
    measured = short_outage(run, 45.0, reference_s=5.0)
    assert (measured.value, measured.conditions["n"]) == (40.0, 2)


def test_an_alarm_that_only_the_second_outage_loses(run: Run) -> None:
    outage(run, goes_on=True)
    assert short_outage(run, None).detail["never"] == "1 of 2 alarms never arrived"


def test_a_second_outage_without_an_alarm_asks_for_no_reference(run: Run) -> None:
    outage(run, reference_s=0.0, goes_on=True)
    run.mark(RESTORE + 4 * NS_PER_HOUR, "outage", "cut.again")
    run.mark(RESTORE + 5 * NS_PER_HOUR, "outage", "restore.again")
    run.end(RESTORE + 6 * NS_PER_HOUR, "outage")
    assert alarms(run, WITH_REFERENCE).value == 30.0


def test_a_lost_alarm_is_endless(run: Run) -> None:
    outage(run, alarm_s=None)
    measured = alarms(run)
    assert measured.value is None
    assert not measured.gate
    assert measured.detail["never"] == "1 of 1 alarms never arrived"
    assert storage(run).value == 168.0


def test_the_time_of_occurrence_must_be_kept(run: Run) -> None:
    outage(run, occurred_shift_s=61.0)
    measured = alarms(run)
    assert measured.value is None
    assert "another time of occurrence" in str(measured.detail["never"])


def test_within_the_tolerance_it_is_kept(run: Run) -> None:
    outage(run, occurred_shift_s=-60.0)
    assert alarms(run).value == 30.0


def raise_alarm(
    run: Run, at_ns: int, code: str, delay_s: float | None, meter: str = "t1.gas", shift_s: float = 0.0
) -> None:
    run.see(at_ns, f"meter.{meter}", meter, "meter.alarm", code=code)
    if delay_s is not None:
        arrival = at_ns + round(delay_s * NS_PER_S)
        run.server(arrival, "alarm", meter=meter, code=code, occurred_ns=at_ns + round(shift_s * NS_PER_S))


def normal(run: Run) -> Measurement:
    run.end(MIDNIGHT_NS + NS_PER_DAY, "alarm")
    (measured,) = alarm_normal([run.evidence().episode("alarm")], SETUP, "maximum")
    return measured


def test_normal_alarms_take_the_slowest(run: Run) -> None:
    run.begin(MIDNIGHT_NS, "alarm")
    raise_alarm(run, MIDNIGHT_NS + NS_PER_HOUR, "leak1", 2.5)
    raise_alarm(run, MIDNIGHT_NS + 2 * NS_PER_HOUR, "tamper", 4.0)
    measured = normal(run)
    assert measured.value == 4.0
    told: Any = measured.detail["alarms"]
    assert [one["usable_ns"] for one in told] == [None, None], "no outage, nothing to come back from"


def test_one_lost_alarm_does_not_take_the_next_ones_arrival(run: Run) -> None:
    run.begin(MIDNIGHT_NS, "alarm")
    raise_alarm(run, MIDNIGHT_NS + NS_PER_HOUR, "leak1", None)
    raise_alarm(run, MIDNIGHT_NS + 2 * NS_PER_HOUR, "leak1", 4.0)
    measured = normal(run)
    assert measured.value is None
    assert [alarm["delay_s"] for alarm in measured.detail["alarms"]] == [None, 4.0]  # type: ignore[index, union-attr, call-overload]


def test_no_alarm_raised_is_inconclusive(run: Run) -> None:
    run.begin(MIDNIGHT_NS, "alarm")
    assert "no alarm was raised" in normal(run).gate


def test_alarms_of_two_meters_in_one_second_are_two(run: Run) -> None:
    run.begin(MIDNIGHT_NS, "alarm")
    raise_alarm(run, MIDNIGHT_NS + NS_PER_HOUR, "leak1", 2.0)
    raise_alarm(run, MIDNIGHT_NS + NS_PER_HOUR + 1, "leak1", None, meter="t1.water")
    measured = normal(run)
    assert measured.value is None
    assert measured.detail["never"] == "1 of 2 alarms never arrived"


def test_an_alarm_of_another_episode_counts_and_one_of_the_outage_does_not(run: Run) -> None:
    outage(run)
    begin = RESTORE + 10 * NS_PER_DAY
    run.begin(begin, "steady")
    raise_alarm(run, begin + NS_PER_HOUR, "leak1", 7.0)
    run.end(begin + NS_PER_DAY, "steady")
    run.begin(begin + 2 * NS_PER_DAY, "alarm")
    raise_alarm(run, begin + 2 * NS_PER_DAY + NS_PER_HOUR, "leak1", 3.0)
    run.end(begin + 3 * NS_PER_DAY, "alarm")
    (measured,) = alarm_normal([run.evidence().episode("alarm")], SETUP, "maximum")
    assert (measured.value, measured.conditions["n"]) == (7.0, 2)


def test_an_alarm_of_another_episode_is_no_answer_for_one_that_the_bench_failed(run: Run) -> None:
    run.begin(MIDNIGHT_NS, "control")
    raise_alarm(run, MIDNIGHT_NS + NS_PER_HOUR, "leak1", 3.0)
    run.end(MIDNIGHT_NS + 2 * NS_PER_HOUR, "control")
    begin = MIDNIGHT_NS + 3 * NS_PER_HOUR
    run.begin(begin, "alarm")
    run.bench(begin, "bench.error", "alarm", what="server: no answer", touches=["alarm"])
    measured = normal(run)
    assert (measured.value, measured.gate, measured.bench_error) == (None, "the bench failed: server: no answer", True)


@pytest.mark.parametrize(
    ("meter", "code", "shift_s", "why"),
    [
        ("t1.gas", "leak1", 0.0, "doubled"),
        ("t1.gas", "tamper", 0.0, "invented"),
        ("t1.gas", "leak1", 60.0, "doubled"),
        ("t1.gas", "leak1", -60.000_000_001, "invented"),
        ("t1.gas", "leak1", 7200.0, "invented"),
        ("t9.gas", "leak1", 0.0, "of a foreign meter"),
    ],
)
def test_an_alarm_that_nobody_raised_misses_the_row(run: Run, meter: str, code: str, shift_s: float, why: str) -> None:
    at = MIDNIGHT_NS + NS_PER_HOUR
    run.begin(MIDNIGHT_NS, "alarm")
    raise_alarm(run, at, "leak1", 2.0)
    occurred = at + round(shift_s * NS_PER_S)
    run.server(at + 3 * NS_PER_HOUR, "alarm", meter=meter, code=code, occurred_ns=occurred)
    measured = normal(run)
    assert (measured.value, measured.gate) == (None, "")
    assert measured.detail["never"] == f"1 arrived that nobody raised ({why})"


def test_an_alarm_that_was_announced_and_never_confirmed_may_arrive(run: Run) -> None:
    """The bench was killed between intent and confirmation."""
    at = MIDNIGHT_NS + NS_PER_HOUR
    run.begin(MIDNIGHT_NS, "alarm")
    raise_alarm(run, at, "leak1", 2.0)
    run.bench(at + NS_PER_HOUR, "intent.alarm", "t1.gas", code="tamper")
    run.server(at + NS_PER_HOUR + NS_PER_S, "alarm", meter="t1.gas", code="tamper", occurred_ns=at + NS_PER_HOUR)
    assert normal(run).value == 2.0


@pytest.mark.parametrize("late_s", [1.0, 60.0], ids=["while nobody drives", "after the second one was raised"])
def test_an_alarm_of_a_killed_bench_is_not_that_of_the_bench_that_goes_on(run: Run, late_s: float) -> None:
    """Raised, not confirmed, and raised again by the bench that goes on: both arrive, each with its own time."""
    at = MIDNIGHT_NS + NS_PER_HOUR
    again = at + 30 * NS_PER_S

    def arrives(after_ns: int, delay_s: float) -> None:
        run.server(after_ns + round(delay_s * NS_PER_S), "alarm", meter="t1.gas", code="leak1", occurred_ns=after_ns)

    run.begin(MIDNIGHT_NS, "alarm")
    run.bench(at, "intent.alarm", "t1.gas", code="leak1")
    if late_s < 30.0:
        arrives(at, late_s)
    run.bench(again - 1, "intent.alarm", "t1.gas", code="leak1")
    run.see(again, "meter.t1.gas", "t1.gas", "meter.alarm", code="leak1")
    if late_s > 30.0:
        arrives(at, late_s)
    arrives(again, 70.0)
    measured = normal(run)
    assert (measured.value, measured.conditions["n"]) == (70.0, 1)


def test_a_wrong_time_of_occurrence_is_no_delivery_in_normal_operation_either(run: Run) -> None:
    run.begin(MIDNIGHT_NS, "alarm")
    raise_alarm(run, MIDNIGHT_NS + NS_PER_HOUR, "leak1", 2.0, shift_s=-61.0)
    measured = normal(run)
    assert measured.value is None
    assert "another time of occurrence" in str(measured.detail["never"])


@pytest.mark.parametrize(("left", "gated"), [(1, False), (2, True)])
def test_fewer_alarms_than_four_in_five_prove_nothing(run: Run, left: int, gated: bool) -> None:
    run.begin(MIDNIGHT_NS, "alarm")
    for n in range(4):
        raise_alarm(run, MIDNIGHT_NS + (n + 1) * NS_PER_HOUR, "leak1", 2.0)
    for n in range(left):
        run.bench(MIDNIGHT_NS + n, "episode.left_out", "t1", name="alarm", what="raise", why="nobody answered")
    measured = normal(run)
    assert bool(measured.gate) is gated
    assert "4 alarms only, at least 5 are needed" in measured.gate or not gated
    assert ("nobody answered" in measured.gate) is gated
