"""Echoes, air time and the physical layer, on frames whose times are known to the nanosecond."""

from __future__ import annotations

import attrs
import pytest

from bench.air.frame.decoder import Frame
from bench.air.ip import icmpv6
from bench.air.ip import packet as ipv6
from bench.cli.measure import as_table
from bench.measurands.air.figures.report import measure, statistics_ms
from bench.measurands.air.figures.roundtrip import RoundTrips, round_trips
from bench.measurands.air.sightings import expiry
from bench.measurands.air.sightings.reading import host_time_ns
from bench.measurands.air.sightings.samples import Pairs
from bench.measurands.air.sniffers.airtime import airtime, octet_time_ns, phy
from tests.measurands.air.radio import OCTET_NS, OVERHEAD, SECOND, T0, Radio, address, eui, ping_data

MS = 1_000_000


@pytest.fixture
def radio() -> Radio:
    """Two nodes in a line, joined: frames of many lengths, so that the bit rate can be seen."""
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.dio(0.5, 0, 128)
    radio.join(10, (1, 0))
    radio.join(30, (2, 1, 0))
    return radio


def ask(n: int, data: bytes = b"x" * 16) -> icmpv6.EchoRequest:
    return icmpv6.EchoRequest(7, n, data)


def reply(n: int, data: bytes = b"x" * 16) -> icmpv6.EchoReply:
    return icmpv6.EchoReply(7, n, data)


def only(frames: list[Frame]) -> RoundTrips:
    [trips] = round_trips(frames)
    return trips


def test_hops_attempts_and_copies_count_once(radio: Radio) -> None:
    begin = 100
    radio.packet(begin - 0.1, ipv6.Packet(address(0), address(2), ask(1)), 0, 1, acked=False)
    radio.echo(begin, (0, 1, 2), ask(1))
    end = radio.echo(begin + 0.2, (2, 1, 0), reply(1))
    trips = only(radio.frames())
    assert (trips.src, trips.dst, trips.hops, trips.sent, trips.answered) == (eui(0), eui(2), 2, 1, 1)
    assert tuple(trips.rtt_ns) == (end - (T0 + round((begin - 0.1) * SECOND)),)
    assert trips.clock == "air"


def test_an_answer_lost_on_its_last_hop_is_no_answer(radio: Radio) -> None:
    radio.echo(100, (0, 1, 2), ask(1))
    radio.echo(100.2, (2, 1, 0), reply(1))
    radio.echo(102, (0, 1, 2), ask(2))
    trips = only(radio.frames())
    assert (trips.sent, trips.answered, trips.seen_on_the_way) == (2, 1, 0)
    radio.packet(102.2, ipv6.Packet(address(2), address(0), reply(2)), 2, 1)
    trips = only(radio.frames())
    assert (trips.sent, trips.answered, trips.seen_on_the_way) == (2, 1, 1)


def test_a_ping_that_is_over_counts_though_it_is_forgotten(radio: Radio, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a capture of years, whose tables are swept."""
    monkeypatch.setattr(expiry, "FEW", 1)
    for n in range(1, 5):
        radio.echo(700 * n, (0, 1), ask(n))
        radio.echo(700 * n + 0.2, (1, 0), reply(n))
    trips = only(radio.frames())
    assert (trips.sent, trips.answered, len(trips.rtt_ns)) == (4, 4, 4)


def test_an_answer_implies_its_request(radio: Radio) -> None:
    radio.echo(100, (0, 1), ask(1))
    radio.echo(100.2, (1, 0), reply(1))
    radio.echo(102.2, (1, 0), reply(2))
    trips = only(radio.frames())
    assert (trips.sent, trips.answered, len(trips.rtt_ns)) == (2, 2, 1)


def test_an_answer_given_up_on_its_last_hop_is_no_answer(radio: Radio) -> None:
    radio.echo(100, (0, 1), ask(1))
    radio.packet(100.1, ipv6.Packet(address(1), address(0), reply(1)), 1, 0, attempts=8, acked=False)
    assert only(radio.frames()).answered == 0


def test_where_the_last_hop_is_not_heard_at_all_answered_is_unknown(radio: Radio) -> None:
    radio.echo(100, (0, 1, 2), ask(1))
    radio.echo(100.2, (2, 1, 0), reply(1))
    deaf = [frame for frame in radio.frames() if frame.dst != eui(0)]
    trips = only(deaf)
    assert (trips.sent, trips.answered, trips.seen_on_the_way) == (1, None, 1)


def test_acknowledgements_to_the_source_tell_nothing_of_answers(radio: Radio) -> None:
    radio.echo(100, (0, 1, 2), ask(1))
    radio.echo(100.2, (2, 1, 0), reply(1))
    frames = radio.frames()
    assert only([frame for frame in frames if frame.dst != eui(0) or frame.kind == "ACK"]).answered is None
    other = [frame for frame in frames if frame.dst != eui(0) or frame.time_ns < T0 + 100 * SECOND]
    assert only([frame for frame in other if frame.kind != "ACK"]).answered == 0


def test_series_are_told_apart_by_size(radio: Radio) -> None:
    for at, size in ((100, 16), (102, 900)):
        radio.echo(at, (0, 1), ask(1, b"x" * size))
        radio.echo(at + 0.3, (1, 0), reply(1, b"x" * size))
    assert [trips.octets for trips in round_trips(radio.frames())] == [16, 900]


def test_a_fragmented_request_counts_from_its_first_fragment(radio: Radio) -> None:
    packet = ipv6.Packet(address(0), address(1), ask(1, b"x" * 400))
    radio.fragments(100, packet, 0, 1, tag=5)
    end = radio.fragments(101, ipv6.Packet(address(1), address(0), reply(1, b"x" * 400)), 1, 0, tag=6)
    trips = only(radio.frames())
    assert (trips.sent, trips.answered, trips.octets) == (1, 1, 400)
    assert tuple(trips.rtt_ns) == (end - (T0 + 100 * SECOND),)


def pinged(radio: Radio, offset_ns: int, waits_ms: tuple[int, ...]) -> RoundTrips:
    """A ping whose host's clock is ``offset_ns`` ahead and whose requests wait before they get to the air."""
    for n, wait in enumerate(waits_ms, 1):
        at = 100 + 2 * n
        data = ping_data(T0 + at * SECOND + offset_ns)
        radio.echo(at + wait / 1000, (0, 1), ask(n, data))
        radio.echo(at + wait / 1000 + 0.04, (1, 0), reply(n, data))
    return only(radio.frames())


def test_waiting_for_the_radio_counts_as_it_does_for_ping(radio: Radio) -> None:
    trips = pinged(radio, 0, (5, 100, 200))
    assert trips.clock == "host"
    assert [round((rtt - air) / MS) for rtt, air in zip(trips.rtt_ns, trips.air_ns, strict=True)] == [5, 100, 200]


def test_a_clock_that_drifts_looks_like_a_wait_and_stands_apart(radio: Radio) -> None:
    """50 ppm between host and sniffer: after five minutes 15 ms too long, and nothing in one capture tells it."""
    sniffer_ppm, wait_ms = 50, 5
    for n, host_s in enumerate((0, 150, 300), 1):
        data = ping_data(T0 + host_s * SECOND)
        at = host_s * (1 + sniffer_ppm / 1e6) + wait_ms / 1000
        radio.echo(at, (0, 1), ask(n, data))
        radio.echo(at + 0.04, (1, 0), reply(n, data))
    trips = only(radio.frames())
    assert trips.clock == "host"
    assert [pytest.approx(wait / MS, abs=0.01) for wait in trips.wait_ns] == [5, 12.5, 20]
    assert max(trips.air_ns) - min(trips.air_ns) < MS
    text = as_table(measure(radio.frames()))
    assert "5.0 to 20.0" in text
    assert "these drift apart, that is in it, too" in text


def test_without_requests_the_clocks_cannot_be_compared(radio: Radio) -> None:
    data = ping_data(T0 + 100 * SECOND)
    radio.echo(100.06, (1, 0), reply(1, data))
    trips = only(radio.frames())
    assert (trips.sent, trips.answered, tuple(trips.rtt_ns)) == (1, 1, ())


@pytest.mark.parametrize("offset_s", [-3600, -1, 0.5, 3600])
def test_a_host_with_another_clock_is_shifted_to_its_fastest_request(radio: Radio, offset_s: float) -> None:
    trips = pinged(radio, round(offset_s * SECOND), (5, 100, 200))
    assert trips.clock == "host, shifted"
    assert [round((rtt - air) / MS) for rtt, air in zip(trips.rtt_ns, trips.air_ns, strict=True)] == [0, 95, 195]


def test_a_time_in_the_data_is_one_only_near_the_capture() -> None:
    now = T0 + 5 * SECOND
    assert host_time_ns(ping_data(now - 7000), now) == now - 7000
    assert host_time_ns(ping_data(now, 900), now) == now
    assert host_time_ns(ping_data(now - 2 * 86_400 * SECOND), now) is None
    assert host_time_ns(b"x" * 16, now) is None
    assert host_time_ns(ping_data(now)[:15], now) is None
    short = (now // SECOND).to_bytes(4, "little") + (250_000).to_bytes(4, "little")
    assert host_time_ns(short, now) == now + 250 * MS


def test_the_bit_rate_is_the_slope_of_the_acknowledgements(radio: Radio) -> None:
    seen = phy(radio.frames())
    assert (seen.bitrate_bps, seen.source) == (100_000, "acknowledgement timing")
    assert phy(radio.frames(), 50_000).source == "given"


def test_without_acknowledgements_the_channel_plan_tells_the_rate_or_nothing_does(radio: Radio) -> None:
    frames = [frame for frame in radio.frames() if frame.kind != "ACK"]
    assert (phy(frames).bitrate_bps, phy(frames).source) == (100_000, "channel plan")
    silent = [attrs.evolve(frame, typed_ies=()) for frame in frames]
    assert phy(silent).bitrate_bps is None
    assert "--bitrate" in phy(silent).note
    assert set(airtime(silent).values()) == {None}


def test_air_time_is_the_sum_of_all_frames_of_a_sender(radio: Radio) -> None:
    frames = radio.frames()
    total = airtime(frames)
    for n in range(3):
        octets = sum(frame.length_octets + OVERHEAD for frame in frames if frame.src == eui(n))
        assert total[eui(n)] == pytest.approx(octets * OCTET_NS / 1e9)


def test_an_acknowledgement_without_addresses_is_its_receivers_air_time(radio: Radio) -> None:
    frames = radio.frames()
    bare = [attrs.evolve(frame, src=None, dst=None) if frame.kind == "ACK" else frame for frame in frames]
    assert airtime(bare) == pytest.approx(airtime(frames))


@pytest.mark.parametrize(
    ("psdu", "ms"), [(20, 2.88), (100, 9.28), (255, 21.68), (500, 41.28), (1280, 103.68), (1576, 127.36)]
)
def test_air_time_at_100_kbit_per_second(radio: Radio, psdu: int, ms: float) -> None:
    """Check values of the domain facts, section 5.1 (PSDU without FCS)."""
    one = [attrs.evolve(radio.frames()[0], length_octets=psdu + 4)]
    assert airtime(one, 100_000)[eui(0)] == pytest.approx(ms / 1000)


def test_a_slope_needs_enough_pairs_and_a_plausible_rate() -> None:
    lengths = range(20, 420, 20)
    assert octet_time_ns(Pairs([(n, n * 80_000 + 1) for n in lengths])) == pytest.approx(80_000)
    assert octet_time_ns(Pairs([(n, n * 80_000) for n in (20, 100, 200)])) is None
    assert octet_time_ns(Pairs([(50, 5_000)] * 20)) is None
    assert octet_time_ns(Pairs([(n, 1_000_000) for n in lengths])) is None


def test_statistics() -> None:
    assert statistics_ms([]) is None
    assert statistics_ms([3 * MS, 1 * MS]) == {"min": 1.0, "median": 2.0, "p95": 3.0, "max": 3.0}
    assert statistics_ms(range(MS, 101 * MS, MS)) == {"min": 1.0, "median": 50.5, "p95": 95.0, "max": 100.0}
    longer = statistics_ms(range(MS, 102 * MS, MS))
    assert longer is not None
    assert longer["p95"] == 96.0, "95 of 101 are less than 95 %"


@pytest.mark.parametrize(
    ("offset_ns", "wait_ms", "clock"),
    [
        (0, 250, "host"),
        (0, 250.000001, "host, shifted"),
        (2_000_000, 0, "host"),
        (2_000_000, -0.000001, "host, shifted"),
        (2_001_000, 0, "host, shifted"),
    ],
)
def test_how_far_stamps_of_one_clock_may_be_apart(radio: Radio, offset_ns: int, wait_ms: float, clock: str) -> None:
    data = ping_data(T0 + 100 * SECOND + offset_ns)
    radio.echo(100 + wait_ms / 1000, (0, 1), ask(1, data))
    radio.echo(100.5, (1, 0), reply(1, data))
    assert only(radio.frames()).clock == clock


@pytest.mark.parametrize(("later_s", "sent"), [(300, 1), (300.5, 2)])
def test_equal_numbers_after_five_minutes_are_another_echo(radio: Radio, later_s: float, sent: int) -> None:
    radio.echo(100, (0, 1), ask(1))
    radio.echo(100 + later_s, (0, 1), ask(1))
    assert only(radio.frames()).sent == sent


@pytest.mark.parametrize(
    ("source", "target", "hops"),
    [(5, 3, 3), (3, 5, 3), (5, 2, 4), (5, 6, None), (6, 5, None), (5, 4, 1), (4, 5, 1), (5, 0, 2), (0, 5, 2)],
)
def test_the_way_by_the_tree(radio: Radio, source: int, target: int, hops: int | None) -> None:
    """Nodes 1 and 2 in a line, 3 beside them, 4 and 5 in a line, 6 nowhere that is known; no request was followed."""
    radio.dao(50, (3, 0))
    radio.dao(52, (4, 0))
    radio.dao(54, (5, 4, 0))
    radio.pas(56, 6)
    radio.packet(100, ipv6.Packet(address(target), address(source), reply(1)), 1, 2)
    assert only(radio.frames()).hops == hops


def test_frames_without_an_end_are_no_links_of_the_way(radio: Radio) -> None:
    """Two of them would make a way from anybody to anybody."""
    packet = ipv6.Packet(address(2), address(0), ask(1))
    radio.packet(100, packet, 2, None)
    radio.packet(100.1, packet, 1, 0)
    radio.dao(50, (2, 0), 250)
    frames = [
        attrs.evolve(frame, src=None) if frame.time_ns >= T0 + 100.1 * SECOND and frame.kind == "DATA" else frame
        for frame in radio.frames()
    ]
    assert only(frames).hops == 1
