"""Several sniffers: real frames, clocks set wrong on purpose, each sniffer deaf in its own way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from bench.air.capture.link import NO_FCS, Record
from bench.air.frame.decoder import decode_frames
from bench.measurands.air.figures.report import as_json, measure
from bench.measurands.air.sightings.digest import digest
from bench.measurands.air.sightings.stamps import start_ns
from bench.measurands.air.sniffers.clocks import Clock, Frames, chain, clocks, common, fit
from bench.measurands.air.sniffers.coverage import coverage
from bench.measurands.air.sniffers.merge import Air, Hearing, Transmission, merge
from bench.records import NS_PER_S
from tests.measurands.air.real import keys, records

HOURS_NS = 3600 * NS_PER_S


@attrs.frozen
class Sniffer:
    """A sniffer with a wrong clock: what it makes of true records."""

    offset_ns: int = 0
    drift_ppm: float = 0.0
    noise_ns: float = 0.0
    hears: float = 1.0
    resolution_ns: int = 1
    stamps_end: bool = False
    seed: int = 0

    def capture(self, true: Sequence[Record]) -> list[Record]:
        chance = random.Random(self.seed)
        heard = [record for record in true if chance.random() < self.hears]
        return [self._stamped(r, n, true[0].time_ns, chance.gauss(0, self.noise_ns)) for n, r in enumerate(heard, 1)]

    def _stamped(self, record: Record, number: int, zero_ns: int, noise_ns: float) -> Record:
        def of(t_ns: int | None) -> int | None:
            if t_ns is None:
                return None
            shown = t_ns + self.offset_ns + round((t_ns - zero_ns) * self.drift_ppm * 1e-6 + noise_ns)
            return shown // self.resolution_ns * self.resolution_ns

        at = record.end_ns if self.stamps_end else record.time_ns
        start, end = (None, None) if self.stamps_end else (of(record.start_ns), of(record.end_ns))
        return attrs.evolve(record, number=number, time_ns=of(at) or 0, start_ns=start, end_ns=end)

    def error_ns(self, clock: Clock, true: Sequence[Record], t_ns: int) -> float:
        """What the fitted clock is wrong at a true time."""
        shown = t_ns + self.offset_ns + round((t_ns - true[0].time_ns) * self.drift_ppm * 1e-6)
        return clock.to_reference(shown, 0 if not self.stamps_end else -clock.overhead_octets) - t_ns


def fitted(true: Sequence[Record], one: Sniffer, other: Sniffer) -> Clock:
    return fit(Frames.of("s1", one.capture(true)), Frames.of("s2", other.capture(true)))


@pytest.mark.parametrize(
    "other",
    [
        Sniffer(),
        Sniffer(offset_ns=123_456_789, drift_ppm=20),
        Sniffer(offset_ns=-7 * HOURS_NS, drift_ppm=-40),
        Sniffer(offset_ns=40 * 365 * 24 * HOURS_NS, drift_ppm=5),
    ],
)
def test_offset_and_drift_are_recovered_to_the_nanosecond(other: Sniffer) -> None:
    true = records("line2")
    clock = fitted(true, Sniffer(), other)
    assert clock.drift_ppm == pytest.approx(other.drift_ppm, abs=1e-4)
    assert clock.pairs > 200
    for record in (true[0], true[len(true) // 2], true[-1]):
        assert abs(other.error_ns(clock, true, record.time_ns)) <= 2


def test_uncertainty_covers_the_error() -> None:
    """With 20 us of noise each: the error at the ends of the capture lies within 2 u in about 95 of 100."""
    true = records("line2")
    at_ns = true[-1].time_ns
    within = 0
    for seed in range(100):
        one, other = Sniffer(noise_ns=20_000, seed=seed), Sniffer(8_000_000, 20, 20_000, 0.5, seed=seed + 1000)
        clock = fitted(true, one, other)
        u_ns = clock.u_ns(at_ns)
        assert u_ns is not None
        assert 1_000 < u_ns < 20_000
        within += abs(other.error_ns(clock, true, at_ns)) <= 2 * u_ns
    assert 87 <= within < 100


def test_coarse_stamps_are_part_of_the_uncertainty() -> None:
    true = records("line2")
    clock = fitted(true, Sniffer(resolution_ns=1_000_000), Sniffer(resolution_ns=1_000_000))
    assert clock.u_offset_ns is not None
    assert clock.u_offset_ns > 400_000


@pytest.mark.parametrize(
    ("share", "early_ns", "late_ns"),
    [(0.1, -60 * NS_PER_S, 60 * NS_PER_S), (0.4, 0, 8_000_000)],
    ids=["one pair in ten is no pair at all", "a busy host stamps four of ten late"],
)
def test_outliers_are_rejected(share: float, early_ns: int, late_ns: int) -> None:
    true, other = records("line2"), Sniffer(5_000_000_000, 20, noise_ns=1000)
    chance = random.Random(5)
    shown = [
        attrs.evolve(r, time_ns=r.time_ns + (chance.random() < share) * chance.randrange(early_ns, late_ns))
        for r in other.capture(true)
    ]
    clock = fit(Frames.of("s1", true), Frames.of("s2", shown))
    assert clock.drift_ppm == pytest.approx(20, abs=0.01)
    assert abs(other.error_ns(clock, true, true[-1].time_ns)) < 2_000
    assert clock.rejected / (clock.pairs + clock.rejected) == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("ends_first", [False, True])
def test_stamp_points_are_told_apart_and_normalised_to_the_start(ends_first: bool) -> None:
    """TAP captures hold start and end; a sniffer that stamps ends only is shifted by the frame, not by its clock."""
    true = records("line2", "-tap-fcs32")
    plain, ends = Sniffer(), Sniffer(3_000_000, 20, stamps_end=True)
    captures = {"a": plain.capture(true), "b": ends.capture(true)}
    order = ["b", "a"] if ends_first else ["a", "b"]
    air = Air.of({name: captures[name] for name in order})
    clock = air.clocks[order[1]]
    assert abs(clock.octet_ns) == pytest.approx(80_000, rel=1e-3)
    assert (clock.octet_ns < 0) is ends_first
    assert clock.overhead_octets == 12
    found = list(air.transmissions())
    assert len(found) == len(true)
    if not ends_first:
        assert abs(ends.error_ns(clock, true, true[-1].time_ns)) < 30_000
        assert clock.offset_ns - 3_000_000 - 20e-6 * (clock.middle_ns - true[0].time_ns) == pytest.approx(0, abs=30_000)
    for sent, record in zip(found, true, strict=True):
        starts = [hearing.start_ns for hearing in sent.hearings]
        assert max(starts) - min(starts) < 30_000, "both hearings at the start of the frame"
        start = record.start_ns or 0
        shown = start + 3_000_000 + round((start - true[0].time_ns) * 20e-6) if ends_first else start
        assert abs(sent.start_ns - shown) < 30_000, "the start of the frame, on the first sniffer's clock"


@pytest.mark.parametrize("name", ["line2", "star3"])
def test_one_capture_of_ends_is_read_at_the_start(name: str) -> None:
    """Its acknowledgements come as long after a long frame as after a short one."""
    true = records(name, "-tap-fcs32")
    ends = Sniffer(stamps_end=True).capture(true)
    rate = as_json(measure(decode_frames(true, keys(name))))["phy"]
    assert isinstance(rate, dict)
    bitrate = rate["bitrate_bps"]
    assert isinstance(bitrate, int)
    wanted, found = (measure(decode_frames(some, keys(name)), bitrate) for some in (true, ends))
    assert (wanted.mesh.stamped, found.mesh.stamped) == ("start", "end")
    plain = [attrs.evolve(r, start_ns=None, end_ns=None, time_ns=r.start_ns or 0) for r in true]
    assert measure(decode_frames(plain, keys(name)), bitrate).mesh.stamped == "start"
    for node, record_ in wanted.nodes.items():
        for one, other in zip(record_.joins, found.nodes[node].joins, strict=True):
            assert one.first_frame_ns == pytest.approx(other.first_frame_ns, abs=1_000_000)
            assert one.operational_ns == pytest.approx(other.operational_ns, abs=1_000_000)
    for times in ("hops_ns", "waits_ns"):
        one_way, other_way = (getattr(each.mesh.forwarding, times) for each in (wanted, found))
        assert one_way.keys() == other_way.keys()
        for place, values in one_way.items():
            assert values.ordered().tolist() == pytest.approx(other_way[place].ordered().tolist(), abs=1_000_000)
    for trips, others in zip(wanted.round_trips, found.round_trips, strict=True):
        assert list(trips.air_ns) == pytest.approx(list(others.air_ns), abs=1_000_000)
        assert trips.first_ns == pytest.approx(others.first_ns, abs=1_000_000)
    assert measure(decode_frames(ends, keys(name))).mesh.stamped is None, "without a rate it cannot be told"


def test_equal_stamp_points_show_no_term() -> None:
    true = records("line2", "-tap-fcs32")
    clock = fitted(true, Sniffer(noise_ns=10_000), Sniffer(drift_ppm=20, noise_ns=10_000, seed=1))
    assert (clock.octet_ns, clock.overhead_octets) == (0.0, 0)


def test_a_sniffer_between_carries_the_clock_to_one_that_hears_nothing_of_the_first() -> None:
    true = records("line2")
    half = len(true) // 2
    third = Sniffer(-9 * HOURS_NS, -15)
    captures = {
        "s1": list(true[:half]),
        "s3": third.capture(true)[half:],
        "s2": Sniffer(1_000_000, 20).capture(true),
    }
    found = clocks(Frames.of(name, capture) for name, capture in captures.items())
    assert found["s3"].reference == "s1"
    assert found["s3"].known
    assert abs(third.error_ns(found["s3"], true, true[-1].time_ns)) < 1_000
    assert (found["s3"].u_ns(true[-1].time_ns) or 0) > (found["s2"].u_offset_ns or 0)
    same = chain(found["s1"], found["s2"])
    assert same.offset_ns == pytest.approx(found["s2"].offset_ns, abs=1)


def test_without_a_common_frame_nothing_is_known_and_nothing_moved() -> None:
    true = records("line2")
    air = Air.of({"s1": list(true[:100]), "s2": list(true[100:])})
    assert not air.clocks["s2"].known
    assert air.clocks["s2"].u_ns(0) is None
    assert [t.start_ns for t in air.transmissions()] == [start_ns(record) for record in true]


@pytest.mark.parametrize("name", ["line2", "star3", "mbed-line2", "contiki-rpl-lite-line4", "contiki-llsec-line3"])
def test_each_transmission_once_with_all_its_hearings(name: str) -> None:
    """Contiki's acknowledgements have three octets and recur; mbed's advertisements are sent 35 times over."""
    true = records(name)
    first, second = Sniffer(hears=0.8, seed=1), Sniffer(777_000_000, 20, 2_000, 0.7, seed=2)
    captures = {"s1": first.capture(true), "s2": second.capture(true)}
    truth: dict[tuple[bytes, int], set[str]] = {}
    for sniffer, hears, seed in (("s1", 0.8, 1), ("s2", 0.7, 2)):
        chance = random.Random(seed)
        for record in [r for r in true if chance.random() < hears]:
            truth.setdefault((record.data, record.time_ns), set()).add(sniffer)
    found = list(merge(captures))
    assert len(found) == len(truth)
    assert sorted((t.record.data, "".join(h.sniffer for h in t.hearings)) for t in found) == sorted(
        (data, "".join(sorted(heard))) for (data, _), heard in truth.items()
    )
    starts = [t.start_ns for t in found]
    assert starts == sorted(starts)
    zero = min(r.time_ns for r in captures["s1"])
    assert abs(starts[0] - zero) < 10 * NS_PER_S, "on the first sniffer's clock"


def test_merged_frames_are_decoded_as_the_whole_capture() -> None:
    """What no sniffer alone holds: fragments and frames of both make the whole, and its coverage is theirs together."""
    true = records("line2")
    odd = [record for record in true if record.number % 3]
    even = Sniffer(-55_000_000, -20).capture([record for record in true if record.number % 3 != 1])
    air = Air.of({"s1": odd, "s2": even})
    merged, whole = list(air.frames(keys("line2"))), list(decode_frames(true, keys("line2")))
    assert [(f.kind, f.src, f.seq, f.info) for f in merged] == [(f.kind, f.src, f.seq, f.info) for f in whole]
    alone, both, wanted = (as_json(measure(frames)) for frames in (decode_frames(odd, keys("line2")), merged, whole))
    assert both["round_trips"] != alone["round_trips"]
    assert _series(both) == _series(wanted)
    assert coverage(digest(merged)).share.share == 1.0
    assert (coverage(digest(decode_frames(odd, keys("line2")))).share.share or 1) < 0.75


def _series(found: dict[str, Any]) -> list[tuple[int, int, int]]:
    return [(trips["sent"], trips["answered"], trips["hops"]) for trips in found["round_trips"]]


def psdu(n: int, seq: int = 1) -> bytes:
    """An acknowledgement of three octets, padded into a frame that may be told from others."""
    return bytes((0x02, 0x00, seq)) + bytes(n)


def record(at_ns: int, data: bytes, **more: int | bool | float) -> Record:
    return attrs.evolve(Record(1, at_ns, NO_FCS, data, original_length=len(data)), **more)  # type: ignore[arg-type]


def grouped(found: list[Transmission]) -> list[str]:
    return ["".join(hearing.sniffer for hearing in sent.hearings) for sent in found]


def test_equal_octets_at_other_times_or_on_other_channels_are_other_transmissions() -> None:
    ms = 1_000_000
    assert grouped(list(merge({"a": [record(0, psdu(9))], "b": [record(ms // 10, psdu(9))]}))) == ["ab"]
    assert grouped(
        list(merge({"a": [record(0, psdu(9)), record(9 * ms, psdu(9))], "b": [record(9 * ms, psdu(9))]}))
    ) == [
        "a",
        "ab",
    ]
    apart = {"a": [record(0, psdu(9), channel=1)], "b": [record(0, psdu(9), channel=2)]}
    assert grouped(list(merge(apart))) == ["a", "b"]


def test_a_damaged_hearing_joins_the_whole_one_and_never_speaks_for_it() -> None:
    good = record(0, psdu(40), fcs_ok=True)
    bad = record(1000, psdu(40)[:-1] + b"\x55", fcs_ok=False)
    [sent] = merge({"a": [bad], "b": [good]})
    assert grouped([sent]) == ["ab"]
    assert sent.best.sniffer == "b"
    assert sent.record.data == good.data
    alone = record(5 * NS_PER_S, psdu(40)[:-1] + b"\x55", fcs_ok=False)
    assert grouped(list(merge({"a": [alone], "b": [good]}))) == ["b", "a"]


def test_frames_that_two_networks_have_in_common_by_chance_tell_no_clock() -> None:
    """Acknowledgements of three octets: no clock drifts and scatters as they would have it."""
    air = Air.of({name: records(name) for name in ("contiki-rpl-lite-line4", "contiki-llsec-line3")})
    assert common(*(Frames.of(name, air.captures[name]) for name in air.captures)) == 20
    assert [clock.known for clock in air.clocks.values()] == [True, False]
    sent = list(air.transmissions())
    assert len(sent) == sum(len(records(name)) for name in air.captures)
    assert [one.start_ns for one in sent] == sorted(start_ns(r) for name in air.captures for r in records(name))


def test_transmissions_are_in_order_of_the_best_hearing() -> None:
    """A damaged hearing, half a second early by its clock's scatter, comes first and does not speak."""
    s = NS_PER_S
    secured = [bytes((0x09, 0x00, n)) + bytes((n,)) * 20 for n in range(9)]
    there = [record(10 * s * n, secured[n]) for n in range(8)]
    here = [*there, record(100 * s, secured[8], fcs_ok=False), record(100 * s + s // 4, psdu(40))]
    found = list(merge({"a": here, "b": [*there, record(100 * s + s // 2, secured[8])]}))
    assert [one.start_ns for one in found][-2:] == [100 * s + s // 4, 100 * s + s // 2]
    assert grouped(found)[-2:] == ["a", "ab"]


def test_no_capture_at_all() -> None:
    assert list(merge({})) == []
    assert list(merge({"a": []})) == []


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize(("apart_ns", "together"), [(300_000, True), (300_001, False)])
def test_how_near_hearings_of_one_transmission_are(apart_ns: int, together: bool, damaged: bool) -> None:
    other = psdu(9)[:-1] + b"\x55" if damaged else psdu(9)
    told = {"a": [record(NS_PER_S, psdu(9))], "b": [record(NS_PER_S + apart_ns, other, fcs_ok=not damaged)]}
    assert grouped(list(merge(told))) == (["ab"] if together else ["a", "b"])


@pytest.mark.parametrize(("apart_ns", "together"), [(NS_PER_S, True), (NS_PER_S + 1, False)])
def test_how_near_hearings_are_whose_octets_are_like_no_other(apart_ns: int, together: bool) -> None:
    """A counter is in them: a second's stall of one sniffer's host does not part them."""
    sent = [record(10 * NS_PER_S * n, bytes((0x09, 0x00, n)) + bytes((n,)) * 20) for n in range(9)]
    late = attrs.evolve(sent[-1], time_ns=sent[-1].time_ns + apart_ns)
    assert grouped(list(merge({"a": sent, "b": [*sent[:-1], late]})))[8:] == (["ab"] if together else ["a", "b"])


@pytest.mark.parametrize(
    ("end_ns", "wanted"),
    [(None, None), (5, 100), (6, 101), (4, 4), (5 + 10 * NS_PER_S - 1, 99 + 10 * NS_PER_S), (5 + 10 * NS_PER_S,) * 2],
)
def test_the_end_of_a_frame_goes_with_its_start(end_ns: int | None, wanted: int | None) -> None:
    """On a clock of their own both are, and what lies between them holds; what no frame lasts is left as it is."""
    heard = attrs.evolve(record(100, psdu(9)), start_ns=5, end_ns=end_ns)
    found = Transmission((Hearing("a", heard, 100),)).record
    assert (found.time_ns, found.start_ns, found.end_ns) == (100, 100, wanted)
