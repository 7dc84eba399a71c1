"""Bit rates, preambles and stamp points at the edges of what is taken for one."""

from __future__ import annotations

from itertools import combinations
from statistics import median

import attrs
import pytest

from bench.air.frame.decoder import Frame
from bench.measurands.air.sightings.digest import digest
from bench.measurands.air.sightings.samples import Pairs
from bench.measurands.air.sniffers.airtime import (
    MIN_PAIRS,
    MIN_SPREAD_OCTETS,
    airtime,
    octet_time_ns,
    phy,
    phy_of,
    preamble_octets,
    stamp_point,
)
from tests.measurands.air.radio import Radio, eui

OVERHEADS = {50_000: 12, 100_000: 12, 150_000: 16, 200_000: 16, 300_000: 28}
"""SUN FSK (domain.md 5.1): 8, 8, 12, 12 and 24 octets of preamble, SFD and PHR 2 each."""
LENGTHS = range(20, 420, 20)


def joined() -> list[Frame]:
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.join(10, (1, 0))
    return radio.frames()


@pytest.mark.parametrize(("rate", "overhead"), OVERHEADS.items())
def test_every_rate_of_the_table_and_its_preamble(rate: int, overhead: int) -> None:
    given = phy([], rate)
    assert (given.bitrate_bps, given.overhead_octets, given.source) == (rate, overhead, "given")
    on_air_ns = 8_000_000_000 // rate
    stamped = [
        attrs.evolve(f, start_ns=f.time_ns, end_ns=f.time_ns + (overhead + f.length_octets) * on_air_ns)
        for f in joined()
    ]
    seen = phy(stamped)
    assert (seen.bitrate_bps, seen.overhead_octets, seen.source) == (rate, overhead, "start and end stamps")
    sent = [f for f in stamped if f.src == eui(1)]
    assert airtime(stamped)[eui(1)] == sum((f.end_ns or 0) - (f.start_ns or 0) for f in sent) / 1e9


@pytest.mark.parametrize(
    ("seen_bps", "octets"),
    [(145_500, 12), (145_499, 8), (154_500, 12), (154_501, 8), (309_000, 24), (309_001, 8), (60_000, 8)],
)
def test_a_rate_within_three_per_cent_is_that_of_the_table(seen_bps: int, octets: int) -> None:
    assert preamble_octets(seen_bps) == octets


@pytest.mark.parametrize(("octet_ns", "known"), [(3_199, False), (3_200, True), (800_000, True), (800_001, False)])
def test_an_octet_between_ten_kilobits_and_two_and_a_half_megabits(octet_ns: int, known: bool) -> None:
    found = octet_time_ns(Pairs([(n, n * octet_ns) for n in LENGTHS]))
    assert found == (octet_ns if known else None)


def test_an_octet_at_another_rate_is_no_fsk_and_has_no_preamble() -> None:
    stamped = [attrs.evolve(f, start_ns=f.time_ns, end_ns=f.time_ns + f.length_octets * 20_000) for f in joined()]
    seen = phy(stamped)
    assert (seen.bitrate_bps, seen.overhead_octets) == (400_000, 0)
    assert "400.0 kbit/s is no FSK rate" in seen.note


def test_the_slope_is_the_median_over_all_pairs_that_are_far_enough_apart() -> None:
    pairs = [(n, n**3) for n in range(20, 20 + 45 * (MIN_PAIRS + 1), 45)]
    slopes = [(b - a) / (n - m) for (m, a), (n, b) in combinations(pairs, 2) if n - m >= MIN_SPREAD_OCTETS]
    assert octet_time_ns(Pairs(pairs)) == median(slopes)
    assert MIN_SPREAD_OCTETS == 40
    near = [(20 + 39 * n // 30, 80_000 * n) for n in range(30)]
    assert octet_time_ns(Pairs(near)) is None
    assert octet_time_ns(Pairs(pairs[:MIN_PAIRS])) is not None
    assert octet_time_ns(Pairs(pairs[: MIN_PAIRS - 1])) is None
    one_other = [(20, 20 * 80_000), *(MIN_PAIRS * [(60, 60 * 80_000)])]
    assert octet_time_ns(Pairs(one_other)) == 80_000, "neighbours in the order of lengths count as well"
    assert octet_time_ns(Pairs(one_other[:-1])) is None
    assert MIN_PAIRS == 8


@pytest.mark.parametrize(
    ("octet_ns", "point"),
    [
        (60_000, None),
        (60_001, "start"),
        (80_000, "start"),
        (99_999, "start"),
        (100_000, None),
        (160_000, None),
        (40_000, None),
        (20_000, None),
        (19_999, "end"),
        (0, "end"),
        (-19_999, "end"),
        (-20_000, None),
        (-24_000, None),
    ],
)
def test_how_an_acknowledgement_tells_what_is_stamped(octet_ns: int, point: str | None) -> None:
    """At 80 us an octet: its delay grows by one octet's time an octet, or not at all; a quarter off is neither."""
    seen = attrs.evolve(digest(joined()), ack_delays=Pairs([(n, 10**8 + n * octet_ns) for n in LENGTHS]))
    assert stamp_point(seen, phy_of(seen, 100_000)) == point


def test_an_acknowledgement_tells_nothing_without_a_rate() -> None:
    seen = attrs.evolve(digest(joined()), ack_delays=Pairs([(n, n) for n in LENGTHS]), plans=frozenset())
    assert stamp_point(seen, phy_of(seen)) is None
