"""``storage.terminal`` and ``alarm.outage`` over an outage, ``alarm.normal`` without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.measurands.judged.first.alarm import alarm_normal, alarm_outage
from bench.measurands.judged.first.storage_terminal import storage_terminal
from bench.measurands.judged.first.values_hourly import values_hourly
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Measurement
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
    asked_ns: int = 0,
) -> None:
    """An outage with a ring store of ``kept`` marks: recovery upload, history read, one alarm half way."""
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
        run.mark(read, "outage", "read", terminal="t1", meter=meter, request="h", from_ns=asked_ns, to_ns=newest)
        held = [m for m in range(newest - 167 * NS_PER_HOUR, newest + 1, NS_PER_HOUR) if m not in lost]
        values: Any = [
            {"mark_ns": m, "index": true_index(min(m, restore_ns // NS_PER_HOUR * NS_PER_HOUR))} for m in held
        ]
        run.server(read + NS_PER_S, "answer", op="history", request="h", meter=meter, values=values, part=1, parts=1)
    run.end(read + NS_PER_HOUR, "outage")


def storage(run: Run) -> Measurement:
    (measured,) = storage_terminal([run.evidence().episode("outage")], SETUP, "minimum")
    return measured


def alarms(run: Run) -> Measurement:
    (measured,) = alarm_outage([run.evidence().episode("outage")], SETUP, "maximum")
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


def test_only_what_was_asked_for_can_be_missing(run: Run) -> None:
    lost = MIDNIGHT_NS + 5 * NS_PER_DAY + 3 * NS_PER_HOUR
    outage(run, lost=frozenset({lost}), asked_ns=lost)
    assert storage(run).value == 167.0
    assert storage(run).detail["missing"] == [{"meter": meter, "mark_ns": lost} for meter in T1.meters]


def test_what_was_not_asked_for_is_not_missing(run: Run) -> None:
    lost = MIDNIGHT_NS + 5 * NS_PER_DAY + 3 * NS_PER_HOUR
    outage(run, lost=frozenset({lost}), asked_ns=lost + 1)
    assert not storage(run).detail.get("missing")


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


def raise_alarm(run: Run, at_ns: int, code: str, delay_s: float | None) -> None:
    run.see(at_ns, "meter.t1.gas", "t1.gas", "meter.alarm", code=code)
    if delay_s is not None:
        arrival = at_ns + round(delay_s * NS_PER_S)
        run.server(arrival, "alarm", meter="t1.gas", code=code, occurred_ns=at_ns)


def normal(run: Run) -> Measurement:
    run.end(MIDNIGHT_NS + NS_PER_DAY, "alarm")
    (measured,) = alarm_normal([run.evidence().episode("alarm")], SETUP, "maximum")
    return measured


def test_normal_alarms_take_the_slowest(run: Run) -> None:
    run.begin(MIDNIGHT_NS, "alarm")
    raise_alarm(run, MIDNIGHT_NS + NS_PER_HOUR, "leak1", 2.5)
    raise_alarm(run, MIDNIGHT_NS + 2 * NS_PER_HOUR, "tamper", 4.0)
    assert normal(run).value == 4.0


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
