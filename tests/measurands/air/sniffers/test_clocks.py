"""A clock from few frames: how many it takes for a drift and for the point of the frame that is stamped."""

from __future__ import annotations

import pytest

from bench.air.capture.link import NO_FCS, Record
from bench.measurands.air.sniffers import clocks as clocks_module
from bench.measurands.air.sniffers.clocks import FCS_OCTETS, Clock, Frames, fit
from bench.records import NS_PER_S

OVERHEAD = 12


def secured(n: int, octets: int) -> bytes:
    """A frame like no other."""
    return (bytes((0x09, 0x00)) + n.to_bytes(2, "big")).ljust(octets, b"\x55")


def fitted(
    lengths: list[int],
    every_ns: int,
    *,
    offset_ns: int = 0,
    drift_ppm: float = 0.0,
    octet_ns: float = 0.0,
    last_ns: int = 0,
) -> Clock:
    """Of frames so long (without FCS), one every so often; the other sniffer's clock, how much later it stamps, and how
    much later than that the last one."""
    here: list[Record] = []
    there: list[Record] = []
    for n, octets in enumerate(lengths):
        data, at_ns = secured(n, octets), 10**18 + n * every_ns
        late_ns = (octets + FCS_OCTETS + OVERHEAD) * octet_ns
        shown = at_ns + offset_ns + round(n * every_ns * drift_ppm * 1e-6 + late_ns) + last_ns * (n == len(lengths) - 1)
        here.append(Record(n, at_ns, NO_FCS, data, original_length=octets))
        there.append(Record(n, shown, NO_FCS, data, original_length=octets))
    return fit(Frames.of("a", here), Frames.of("b", there))


@pytest.mark.parametrize(
    ("frames", "every_ns", "told"),
    [(3, NS_PER_S // 2, True), (3, NS_PER_S // 2 - 1, False), (2, NS_PER_S, False), (4, NS_PER_S, True)],
)
def test_a_drift_takes_three_frames_and_a_second(frames: int, every_ns: int, told: bool) -> None:
    clock = fitted([30] * frames, every_ns, offset_ns=5_000, drift_ppm=20)
    assert clock.pairs == frames
    assert (clock.drift_ppm == pytest.approx(20, abs=1e-3)) is told
    assert told or clock.drift_ppm == 0.0


@pytest.mark.parametrize(
    ("lengths", "told"),
    [
        ([20, 40, 20, 40, 20, 40, 20, 40], True),
        ([20, 39, 20, 39, 20, 39, 20, 39], False),
        ([20, 60, 20, 60, 20, 60, 20], False),
        ([20, 60, 20, 60, 20, 60, 20, 60], True),
    ],
)
def test_the_stamped_point_takes_eight_frames_of_lengths_that_differ_by_twenty(lengths: list[int], told: bool) -> None:
    clock = fitted(lengths, NS_PER_S, octet_ns=80_000)
    assert (clock.octet_ns == pytest.approx(80_000)) is told
    assert clock.overhead_octets == (OVERHEAD if told else 0)
    assert (clock.offset_ns == pytest.approx(0, abs=2)) is told


@pytest.mark.parametrize(("rate", "overhead"), [(50_000, 12), (150_000, 16), (300_000, 28)])
def test_the_octets_ahead_of_a_frame_are_those_of_the_rate(rate: int, overhead: int) -> None:
    clock = fitted([20, 60] * 8, NS_PER_S, octet_ns=8e9 / rate)
    assert clock.octet_ns == pytest.approx(8e9 / rate, rel=1e-6)
    assert clock.overhead_octets == overhead


def test_of_very_many_frames_as_many_are_taken_spread_over_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks_module, "MOST_PAIRS", 50)
    clock = fitted([30] * 239, NS_PER_S, offset_ns=5_000, drift_ppm=20)
    assert 40 < clock.pairs <= 50
    assert clock.drift_ppm == pytest.approx(20, abs=1e-3)
    assert clock.u_ns(10**18) == pytest.approx(clock.u_ns(10**18 + 238 * NS_PER_S), rel=0.1)


@pytest.mark.parametrize(("last_ns", "rejected"), [(1000, 0), (1001, 1), (-1000, 0), (-1001, 1)])
def test_a_frame_is_left_out_where_it_lies_more_than_a_microsecond_beside_others_that_agree(
    last_ns: int, rejected: int
) -> None:
    clock = fitted([30] * 30, NS_PER_S, offset_ns=5_000, last_ns=last_ns)
    assert (clock.pairs, clock.rejected) == (30 - rejected, rejected)


@pytest.mark.parametrize("frames", [5, 6, 7, 8, 20])
def test_one_wrong_frame_at_the_end_does_not_touch_the_clock(frames: int) -> None:
    clock = fitted([30] * frames, NS_PER_S, offset_ns=5_000, drift_ppm=20, last_ns=30_000_000)
    assert clock.drift_ppm == pytest.approx(20, abs=1e-3)
    assert clock.rejected == 1
