"""``upload.daily`` and ``values.hourly`` over a steady week, good and spoilt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.measurands.judged.first.values_hourly import values_hourly
from bench.measurands.judged.upload_daily import hour_marks, upload_daily, whole_days
from bench.records import NS_PER_DAY, NS_PER_HOUR, Measurement
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
    assert measured.detail["counts"] == {"duplicated": 2, "ok": 7 * 24 * 2}
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
