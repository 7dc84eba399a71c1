"""Which stamp stands for a frame, at the edges of one clock and of what a stamp may be."""

from __future__ import annotations

import pytest

from bench.measurands.air.sightings.reading import air_of
from bench.measurands.air.sightings.stamps import start_of

TEN_S = 10_000_000_000
LATEST, EARLIEST = 1 << 62, -(1 << 61)


@pytest.mark.parametrize(
    ("stamp", "start", "wanted"),
    [
        (TEN_S, None, TEN_S),
        (TEN_S, 1, 1),
        (TEN_S, 0, TEN_S),
        (0, TEN_S - 1, TEN_S - 1),
        (0, TEN_S, 0),
        (LATEST, None, LATEST),
        (LATEST + 1, None, LATEST),
        (LATEST + 2, LATEST + 1, LATEST),
        (LATEST - 2, LATEST - 1, LATEST - 1),
        (EARLIEST, None, EARLIEST),
        (EARLIEST - 1, None, EARLIEST),
        (EARLIEST - 2, EARLIEST - 1, EARLIEST),
        (EARLIEST + 2, EARLIEST + 1, EARLIEST + 1),
    ],
)
def test_the_start_where_it_is_on_the_clock_of_the_stamp(stamp: int, start: int | None, wanted: int) -> None:
    assert start_of(stamp, start) == wanted


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        (5, 6, 1),
        (5, 5, None),
        (5, 4, None),
        (0, TEN_S - 1, TEN_S - 1),
        (0, TEN_S, None),
        (None, 5, None),
        (5, None, None),
    ],
)
def test_a_frame_is_on_the_air_for_less_than_ten_seconds(
    start: int | None, end: int | None, wanted: int | None
) -> None:
    assert air_of(start, end) == wanted
