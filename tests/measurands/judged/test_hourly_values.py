"""``upload.daily`` and ``values.hourly`` over a steady week, good and spoilt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.measurands.judged.upload_daily import hour_marks, upload_daily, whole_days
from bench.measurands.judged.values_hourly import values_hourly
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Measurement
from tests.measurands.synthetic import (
    MIDNIGHT_NS,
    MINUTE_NS,
    SETUP,
    Run,
    day_marks,
    hourly_steps,
    steady_week,
    true_index,
    upload,
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def uploads(run: Run) -> Measurement:
    (measured,) = upload_daily([run.evidence().episode("steady")], SETUP, "count")
    return measured


def values(run: Run) -> Measurement:
    (measured,) = values_hourly([run.evidence().episode("steady")], SETUP, "count")
    return measured


def spoilt_week(run: Run, day: int, marks: list[int], wrong: dict[int, int] | None = None, late_ns: int = 0) -> None:
    """A steady week whose upload for ``day`` holds ``marks`` only, comes ``late_ns`` later, or carries wrong values."""
    end_ns = MIDNIGHT_NS + 7 * NS_PER_DAY + 7 * NS_PER_HOUR
    run.begin(MIDNIGHT_NS - 12 * NS_PER_HOUR, "steady")
    hourly_steps(run, MIDNIGHT_NS - 14 * NS_PER_HOUR, end_ns)
    for number in range(7):
        at = MIDNIGHT_NS + (number + 1) * NS_PER_DAY + 20 * MINUTE_NS
        spoilt = number == day
        upload(run, at + late_ns * spoilt, marks if spoilt else day_marks(number), wrong=wrong, seq=number)
    run.end(end_ns, "steady")


def test_hours_of_a_day_end_at_2400() -> None:
    marks = hour_marks(MIDNIGHT_NS)
    assert marks[0] == MIDNIGHT_NS + NS_PER_HOUR
    assert marks[-1] == MIDNIGHT_NS + NS_PER_DAY
    assert len(marks) == 24


def test_partial_days_are_left_out() -> None:
    deadline = 6 * NS_PER_HOUR
    noon = MIDNIGHT_NS - 12 * NS_PER_HOUR
    assert whole_days(noon, MIDNIGHT_NS + NS_PER_DAY + deadline, deadline) == [MIDNIGHT_NS]
    assert whole_days(noon, MIDNIGHT_NS + NS_PER_DAY + deadline - 1, deadline) == []
    assert whole_days(MIDNIGHT_NS, MIDNIGHT_NS + NS_PER_DAY + deadline, deadline) == [MIDNIGHT_NS]
    assert whole_days(MIDNIGHT_NS + 1, MIDNIGHT_NS + NS_PER_DAY + deadline, deadline) == []


def test_a_good_week(run: Run) -> None:
    steady_week(run)
    daily, hourly = uploads(run), values(run)
    assert (daily.value, daily.unit, daily.conditions["days"]) == (0.0, "1", 7)
    assert len(daily.detail["trials"]) == 7  # type: ignore[arg-type]
    assert (hourly.value, hourly.conditions["values"], hourly.conditions["left_out"]) == (0.0, 7 * 24 * 2, 0)


def test_six_days_prove_nothing(run: Run) -> None:
    steady_week(run, days=6)
    measured = uploads(run)
    assert measured.value is None
    assert "6 whole days" in measured.gate


def test_a_missing_hour_misses_the_day_and_wrongs_no_value(run: Run) -> None:
    spoilt_week(run, 3, day_marks(3)[:10] + day_marks(3)[11:])
    measured = uploads(run)
    assert measured.value == 2.0, "one hour of both meters"
    assert measured.detail["missed"] == [
        {"day": "2026-04-04", "meter": meter, "hours_missing": 1} for meter in ("t1.gas", "t1.water")
    ]
    assert values(run).value == 0.0


def test_late_but_before_the_deadline_is_no_miss(run: Run) -> None:
    spoilt_week(run, 3, day_marks(3), late_ns=5 * NS_PER_HOUR)
    assert uploads(run).value == 0.0


def test_after_the_deadline_is_a_miss_even_on_the_same_date(run: Run) -> None:
    spoilt_week(run, 3, day_marks(3), late_ns=6 * NS_PER_HOUR)
    assert uploads(run).value == 2.0


def test_a_shifted_value_is_wrong_and_misses_no_upload(run: Run) -> None:
    mark = day_marks(2)[9]
    spoilt_week(run, 2, day_marks(2), wrong={mark: true_index(mark - NS_PER_HOUR)})
    measured = values(run)
    assert measured.value == 2.0, "both meters"
    wrong: Any = measured.detail["wrong"]
    assert [(item["state"], item["mark_ns"], item["truth"]) for item in wrong] == [
        ("shifted", mark, true_index(mark)),
        ("shifted", mark, true_index(mark)),
    ]
    assert uploads(run).value == 0.0


def test_a_value_delivered_by_two_uploads_is_doubled(run: Run) -> None:
    spoilt_week(run, 5, [day_marks(4)[-1], *day_marks(5)])
    measured = values(run)
    assert measured.value == 2.0
    assert measured.detail["counts"] == {"duplicated": 2, "ok": 7 * 24 * 2 - 2}, "a value is counted once"
    assert uploads(run).value == 0.0


def test_an_hour_that_did_not_step_proves_nothing(run: Run) -> None:
    still = day_marks(1)[5]
    run.begin(MIDNIGHT_NS - NS_PER_HOUR, "steady")
    hourly_steps(run, MIDNIGHT_NS - 2 * NS_PER_HOUR, MIDNIGHT_NS + 3 * NS_PER_DAY, skip=frozenset({still}))
    upload(run, MIDNIGHT_NS + 2 * NS_PER_DAY, day_marks(1), wrong={still: true_index(still - NS_PER_HOUR)})
    run.end(MIDNIGHT_NS + 3 * NS_PER_DAY, "steady")
    measured = values(run)
    assert measured.value == 0.0
    assert measured.conditions["left_out"] == 2
    assert measured.conditions["values"] == 23 * 2


def history(run: Run, t_ns: int, marks: list[int], request: str = "h1", meter: str = "t1.gas") -> None:
    told: Any = [{"mark_ns": mark, "index": true_index(mark)} for mark in marks]
    run.server(t_ns, "answer", op="history", request=request, meter=meter, values=told, part=1, parts=1)


def test_a_value_by_upload_and_by_history_is_one_value(run: Run) -> None:
    end_ns = steady_week(run)
    history(run, end_ns - MINUTE_NS, day_marks(3))
    measured = values(run)
    assert (measured.value, measured.conditions["values"]) == (0.0, 7 * 24 * 2)


def test_the_same_answer_may_not_repeat_a_value_but_two_answers_may(run: Run) -> None:
    end_ns = steady_week(run)
    history(run, end_ns - 3 * MINUTE_NS, day_marks(3))
    history(run, end_ns - 2 * MINUTE_NS, day_marks(3), request="h2")
    assert values(run).value == 0.0
    history(run, end_ns - MINUTE_NS, [*day_marks(4), day_marks(4)[5]], request="h3")
    measured = values(run)
    assert measured.value == 1.0
    assert [item["state"] for item in measured.detail["wrong"]] == ["duplicated"]  # type: ignore[union-attr, index, call-overload]


def test_joins_that_nothing_led_to_are_told(run: Run) -> None:
    end_ns = steady_week(run)
    for n, cause in enumerate(["", "panel", "", "mesh", "own", ""]):
        at = end_ns + n * NS_PER_HOUR
        if cause == "panel":
            run.see(at, "panel.t1", "t1", "panel.press", duration_s=1.0)
        elif cause:
            run.see(at, "supply", "mesh" if cause == "mesh" else "t1", "supply.output", on=True)
        run.server(at + NS_PER_S, "terminal.reachable")
    measured = values(run)
    assert (measured.value, measured.conditions["joined_by_itself"]) == (0.0, 2)


@pytest.mark.parametrize(
    ("meter", "mark_ns", "state"),
    [
        ("t9.gas", day_marks(3)[5], "foreign meter"),
        ("t1.gas", MIDNIGHT_NS + 30 * NS_PER_DAY, "future"),
        ("t1.gas", day_marks(3)[5] + 7 * MINUTE_NS, "no hour mark"),
    ],
)
def test_what_was_not_asked_for_counts_wherever_in_the_run(run: Run, meter: str, mark_ns: int, state: str) -> None:
    end_ns = steady_week(run)
    told: Any = [{"meter": meter, "values": [{"mark_ns": mark_ns, "index": true_index(day_marks(3)[5])}]}]
    run.server(end_ns + NS_PER_HOUR, "upload", upload_seq=99, delivery="scheduled", meters=told)
    measured = values(run)
    assert (measured.value, measured.conditions["not_asked_for"]) == (1.0, 1)
    assert [item["state"] for item in measured.detail["wrong"]] == [state]  # type: ignore[union-attr, index, call-overload]


@pytest.mark.parametrize(("step_s", "right"), [(-119, True), (110, True), (-121, False), (130, True)])
def test_close_to_a_step_either_index_is_right(run: Run, step_s: int, right: bool) -> None:
    """The value of before the step: within twice the agreed error (60 s where none is) it may have been read then."""
    end_ns = steady_week(run)
    mark = end_ns // NS_PER_HOUR * NS_PER_HOUR + NS_PER_HOUR
    before = true_index(end_ns // NS_PER_HOUR * NS_PER_HOUR)
    run.index(mark + step_s * NS_PER_S, "t1.gas", before + 5)
    told: Any = [{"meter": "t1.gas", "values": [{"mark_ns": mark, "index": before}]}]
    run.server(mark + NS_PER_HOUR, "upload", upload_seq=99, delivery="scheduled", meters=told)
    assert values(run).value == (0.0 if right else 1.0)


def test_a_blind_hour_has_no_truth(run: Run) -> None:
    mark = day_marks(0)[4]
    run.bench(mark, "bench.blind", from_ns=mark - 10 * MINUTE_NS, to_ns=mark - 5 * MINUTE_NS)
    run.begin(MIDNIGHT_NS - NS_PER_HOUR, "steady")
    hourly_steps(run, MIDNIGHT_NS - 2 * NS_PER_HOUR, MIDNIGHT_NS + NS_PER_DAY)
    upload(run, MIDNIGHT_NS + NS_PER_DAY, day_marks(0), wrong={mark: 0})
    run.end(MIDNIGHT_NS + NS_PER_DAY, "steady")
    measured = values(run)
    assert (measured.value, measured.conditions["left_out"]) == (0.0, 2)


def test_no_truth_source_is_inconclusive(run: Run) -> None:
    run.begin(MIDNIGHT_NS - NS_PER_HOUR, "steady")
    upload(run, MIDNIGHT_NS + NS_PER_DAY, day_marks(0))
    run.end(MIDNIGHT_NS + NS_PER_DAY, "steady")
    measured = values(run)
    assert ("no delivered value can be told" in measured.gate, measured.bench_error) == (True, False)


def test_a_lost_server_is_an_error_but_a_wrong_value_stays_wrong(run: Run) -> None:
    mark = day_marks(2)[9]
    spoilt_week(run, 2, day_marks(2), wrong={mark: 7})
    run.bench(MIDNIGHT_NS + 6 * NS_PER_DAY, "bench.lost_port", "server", port="server", reason="gone")
    # Uploads after that instant would be a contradiction in a real run; what counts is that the port is not back
    # before the steady week began.
    assert uploads(run).bench_error
    assert values(run).value == 2.0


def test_a_meter_port_lost_in_a_good_week_is_an_error(run: Run) -> None:
    steady_week(run)
    run.bench(MIDNIGHT_NS + NS_PER_DAY, "bench.lost_port", "", port="meter.t1.gas", reason="gone")
    assert values(run).bench_error
    assert uploads(run).value == 0.0, "uploads need no meter port"


@pytest.mark.parametrize(("topology", "doubled"), [({"terminals": []}, 0), (None, 1)], ids=["a new world", "the same"])
def test_a_new_world_repeats_nothing(topology: object, doubled: int, tmp_path: Path) -> None:
    """Its server numbers its requests anew, and its terminals know nothing of what others brought."""
    run = Run(tmp_path, topology=topology)
    end_ns = steady_week(run)
    mark = day_marks(5)[0]
    value: Any = [{"mark_ns": mark, "index": true_index(mark)}]
    told: Any = {"op": "history", "request": "r1", "meter": "t1.gas", "values": value, "part": 1, "parts": 1}
    run.server(end_ns + 1, "answer", **told)
    run.resumed(end_ns + 2, end_ns + 2, "too late", anew=True)
    run.server(end_ns + 3, "answer", **told)
    assert values(run).value == doubled


def stretch(run: Run, missed: int, between: str = "") -> None:
    """Two days of ``mdms`` and eight of ``steady`` right after it, with one day (from 0) that is not uploaded."""
    begin_ns = MIDNIGHT_NS - 12 * NS_PER_HOUR
    change_ns, end_ns = MIDNIGHT_NS + 2 * NS_PER_DAY + 7 * NS_PER_HOUR, MIDNIGHT_NS + 10 * NS_PER_DAY + 7 * NS_PER_HOUR
    hourly_steps(run, begin_ns - 2 * NS_PER_HOUR, end_ns)
    run.begin(begin_ns, "mdms")
    for day in range(10):
        at_ns = MIDNIGHT_NS + (day + 1) * NS_PER_DAY + 20 * MINUTE_NS
        if day == 2:
            run.end(change_ns, "mdms")
            if between:
                run.begin(change_ns + MINUTE_NS, between)
                run.end(change_ns + 2 * MINUTE_NS, between)
            run.begin(change_ns + 3 * MINUTE_NS, "steady")
        if day != missed:
            upload(run, at_ns, day_marks(day), seq=day)
    run.end(end_ns, "steady")


def both(run: Run) -> Measurement:
    evidence = run.evidence()
    (measured,) = upload_daily([evidence.episode("steady"), evidence.episode("mdms")], SETUP, "count")
    return measured


@pytest.mark.parametrize("missed", [0, 2, 9])
def test_a_day_of_any_episode_counts_and_the_one_that_two_share(run: Run, missed: int) -> None:
    stretch(run, missed)
    measured = both(run)
    assert (measured.value, measured.conditions["days"]) == (2.0, 10)
    missed_days = {str(one["day"]) for one in measured.detail["missed"]}  # type: ignore[union-attr, index, call-overload]
    assert missed_days == {f"2026-04-{missed + 1:02d}"}


def test_an_episode_in_which_nothing_could_be_driven_takes_no_day_away(run: Run) -> None:
    """It begins and ends at the instant at which the next one begins."""
    begin_ns, end_ns = MIDNIGHT_NS - NS_PER_HOUR, MIDNIGHT_NS + 8 * NS_PER_DAY + 7 * NS_PER_HOUR
    hourly_steps(run, begin_ns - 2 * NS_PER_HOUR, end_ns)
    run.begin(begin_ns, "roundtrip")
    run.end(begin_ns, "roundtrip")
    run.begin(begin_ns, "steady")
    for day in range(8):
        upload(run, MIDNIGHT_NS + (day + 1) * NS_PER_DAY + 20 * MINUTE_NS, day_marks(day), seq=day)
    run.end(end_ns, "steady")
    evidence = run.evidence()
    (measured,) = upload_daily([evidence.episode("steady"), evidence.episode("roundtrip")], SETUP, "count")
    assert (measured.value, measured.gate, measured.conditions["days"]) == (0.0, "", 8)


def test_episodes_with_another_one_between_share_no_day(run: Run) -> None:
    stretch(run, 2, between="alarm")
    measured = both(run)
    assert (measured.value, measured.conditions["days"]) == (0.0, 9), "what kept an upload away there is not known"


def test_an_episode_in_which_the_bench_failed_takes_no_other_with_it(run: Run) -> None:
    stretch(run, 0)
    run.bench(MIDNIGHT_NS, "bench.error", "mdms", what="a bug", touches=["mdms"])
    measured = both(run)
    assert (measured.value, measured.conditions["days"]) == (0.0, 7)


@pytest.mark.parametrize(("early_ns", "state"), [(120 * NS_PER_S, None), (120 * NS_PER_S + 1, "future")])
def test_a_value_may_be_there_as_early_as_its_register_may_be_read(run: Run, early_ns: int, state: str | None) -> None:
    """Twice the agreed error, 60 s where none is agreed, before its mark."""
    end_ns = steady_week(run)
    mark = end_ns // NS_PER_HOUR * NS_PER_HOUR + NS_PER_HOUR
    told: Any = [{"meter": "t1.gas", "values": [{"mark_ns": mark, "index": true_index(mark - NS_PER_HOUR)}]}]
    run.server(mark - early_ns, "upload", upload_seq=99, delivery="scheduled", meters=told)
    wrong: Any = values(run).detail.get("wrong", [])
    assert [item["state"] for item in wrong] == ([] if state is None else [state])
