"""``upload.daily`` at its edges: an upload at the deadline, one meter or day of several that is missed or open."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from bench.measurands.judged.upload_daily import upload_daily
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Measurement
from tests.measurands.real_rig import RealRun
from tests.measurands.synthetic import (
    MIDNIGHT_NS,
    MINUTE_NS,
    SETUP,
    STEADY_CLOCKS,
    T1,
    Run,
    day_marks,
    upload,
    utc_is_open_by,
)

DAY = 3
DUE = MIDNIGHT_NS + (DAY + 1) * NS_PER_DAY + 6 * NS_PER_HOUR
"""When what belongs to that day must be there."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path, rig=STEADY_CLOCKS)


def days(run: Run, others: Collection[int] = (0, 1, 2, 4, 5, 6)) -> None:
    """A week, or longer where there are more days, in which these are uploaded at twenty past midnight."""
    run.begin(MIDNIGHT_NS - NS_PER_HOUR, "steady")
    for day in others:
        upload(run, MIDNIGHT_NS + (day + 1) * NS_PER_DAY + 20 * MINUTE_NS, day_marks(day))
    run.end(MIDNIGHT_NS + (max(others) + 1) * NS_PER_DAY + 7 * NS_PER_HOUR, "steady")


def measured(run: Run) -> Measurement:
    (found,) = upload_daily([run.evidence().episode("steady")], SETUP, "count")
    return found


def missing(found: Measurement) -> list[tuple[str, str]]:
    told: Any = found.detail["missed"]
    return [(one["day"], one["meter"]) for one in told]


@pytest.mark.parametrize(("late_ns", "value"), [(0, 0.0), (1, 2.0)])
def test_what_is_there_at_the_deadline_is_in_time(run: Run, late_ns: int, value: float) -> None:
    days(run)
    upload(run, DUE + late_ns, day_marks(DAY))
    found = measured(run)
    assert (found.value, found.bounds, found.doubt) == (value, None, "")


def gas_alone(run: Run, t_ns: int) -> None:
    values: Any = [{"mark_ns": mark, "index": 1} for mark in day_marks(DAY)]
    run.server(t_ns, "upload", meters=[{"meter": "t1.gas", "values": values}])


@pytest.mark.parametrize("blind", [True, False])
def test_a_meter_that_is_missing_while_the_bench_was_blind_leaves_the_day_out(run: Run, blind: bool) -> None:
    days(run, [0, 1, 2, 4, 5, 6, 7])
    gas_alone(run, DUE - 1)
    if blind:
        run.blind(DUE - NS_PER_HOUR, DUE - 2 * MINUTE_NS)
    found = measured(run)
    assert missing(found) == ([] if blind else [("2026-04-04", "t1.water")])
    assert found.conditions["days"] == (7 if blind else 8), "seven are enough"


def test_six_days_that_are_left_are_too_few(run: Run) -> None:
    days(run)
    run.blind(DUE - NS_PER_HOUR, DUE)
    assert measured(run).gate == "6 whole days are left, at least 7 are needed (the bench was blind meanwhile)"


STEPPED = "the host's UTC was stepped by +90 s"


@pytest.mark.parametrize(
    ("late_ns", "low", "open_"),
    [
        (-90 * NS_PER_S, 0.0, 0),
        (-90 * NS_PER_S + 1, 0.0, 2),
        (2, 0.0, 2),
        (3, 2.0, 0),
    ],
)
def test_an_upload_is_open_where_it_was_in_time_by_one_side_of_a_step_alone(
    run: Run, late_ns: int, low: float, open_: int
) -> None:
    """Its news may be two nanoseconds late."""
    utc_is_open_by(run, 90.0)
    days(run)
    upload(run, DUE + late_ns, day_marks(DAY))
    found = measured(run)
    assert (found.value, found.bounds) == (low, (low, low + open_) if open_ else None)
    assert (STEPPED in found.doubt) is bool(open_)


def test_a_day_is_open_where_a_part_of_it_is_and_adds_to_what_was_missed(run: Run) -> None:
    """Another day is missed altogether."""
    utc_is_open_by(run, 90.0)
    days(run, [0, 2, 4, 5, 6])
    upload(run, DUE - NS_PER_HOUR, day_marks(DAY)[:20])
    upload(run, DUE, day_marks(DAY)[20:])
    found = measured(run)
    assert (found.value, found.bounds) == (2.0, (2.0, 4.0))
    assert found.doubt.startswith("2 uploads may have been in time or late: " + STEPPED)


def test_the_doubt_is_that_of_the_upload_which_may_have_been_late(tmp_path: Path) -> None:
    """All others bear the server's stamp, and so are known to have been in time."""
    run = RealRun(tmp_path)
    run.begin(MIDNIGHT_NS - NS_PER_HOUR, "steady")
    for day in range(7):
        at_ns = MIDNIGHT_NS + (day + 1) * NS_PER_DAY + 20 * MINUTE_NS
        run.watch_clocks(at_ns - MINUTE_NS, at_ns + MINUTE_NS)
        values: Any = [{"mark_ns": mark, "index": 1} for mark in day_marks(day)]
        meters: Any = [{"meter": meter, "values": values} for meter in T1.meters]
        if day == DAY:
            run.server(DUE + NS_PER_S, "upload", meters=meters)
        else:
            run.happens(at_ns, "upload", meters=meters)
    run.end(MIDNIGHT_NS + 7 * NS_PER_DAY + 7 * NS_PER_HOUR, "steady")
    found = measured(run)
    assert (found.value, found.bounds) == (0.0, (0.0, 2.0))
    assert found.doubt.endswith("may have been in time or late: between its cause and its arrival at the bench")
