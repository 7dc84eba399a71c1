"""One datagram over its hops: on paper to the nanosecond, then against what the real stacks' pings measured."""

from __future__ import annotations

import attrs
import pytest

from bench.air.frame.decoder import Frame, decode_frames
from bench.air.ip import icmpv6
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import source_route
from bench.measurands.air.figures.hops import routes
from bench.measurands.air.figures.latency import Passage, passages
from bench.measurands.air.sightings.digest import Digest, digest
from bench.measurands.air.sightings.sighting import Datagram, Echo
from bench.measurands.air.sniffers.airtime import phy_of
from bench.measurands.air.sniffers.merge import Air
from tests.measurands.air.figures.test_captures import Log, measured
from tests.measurands.air.radio import OCTET_NS, SECOND, T0, Radio, address, eui
from tests.measurands.air.real import eui as eui_of
from tests.measurands.air.real import frames, keys, records

MS = 1_000_000


def followed(seen: Digest, bitrate_bps: int | None = None) -> tuple[Passage, ...]:
    return passages(seen, routes(seen).book, phy_of(seen, bitrate_bps))


def on_paper(some: list[Frame]) -> tuple[Passage, ...]:
    return followed(digest(some), 8_000_000_000 // OCTET_NS)


def ask(sequence: int = 1) -> icmpv6.EchoRequest:
    return icmpv6.EchoRequest(7, sequence, bytes(16))


def mesh() -> Radio:
    """Border router 0, nodes 1 to 3 in a line, known by their DAOs."""
    radio = Radio()
    radio.pa(-60, 0, 0)
    for n in (1, 2, 3):
        radio.dao(-60 + n, tuple(range(n, -1, -1)))
    return radio


def echoes(found: tuple[Passage, ...]) -> list[Passage]:
    return [passage for passage in found if passage.hops[0].first_ns >= T0]


def test_each_hop_and_each_wait() -> None:
    radio = mesh()
    end = radio.echo(0, (3, 2, 1, 0), ask())
    [passage] = echoes(on_paper(radio.frames()))
    assert passage.nodes == (eui(3), eui(2), eui(1), eui(0))
    assert passage.complete
    assert not passage.looped
    assert [hop.first_ns - T0 for hop in passage.hops] == [0, 50 * MS, 100 * MS]
    assert passage.hops[-1].arrived_ns == end
    assert passage.total_ns == end - T0
    on_air = [hop.latency_ns for hop in passage.hops]
    assert passage.waits_ns == ((eui(2), 50 * MS - on_air[0]), (eui(1), 50 * MS - on_air[1]))
    assert all(hop.confirmed and hop.attempts == 1 for hop in passage.hops)


def test_attempts_belong_to_their_hop() -> None:
    radio = mesh()
    packet = ipv6.Packet(address(1), address(0), ask())
    end = radio.packet(0, packet, 1, 0, attempts=3)
    [passage] = echoes(on_paper(radio.frames()))
    assert (passage.hops[0].attempts, passage.hops[0].arrived_ns, passage.duplicates) == (3, end, 0)
    assert passage.hops[0].latency_ns > 100 * MS


def test_fragments_count_from_the_first_to_the_last() -> None:
    radio = mesh()
    packet = ipv6.Packet(address(2), address(0), icmpv6.EchoRequest(7, 1, bytes(range(256)) * 2))
    radio.fragments(0, packet, 2, 1, tag=9)
    end = radio.fragments(1, packet, 1, 0, tag=77)
    [passage] = echoes(on_paper(radio.frames()))
    assert passage.nodes == (eui(2), eui(1), eui(0))
    assert passage.complete
    assert passage.hops[1].first_ns == T0 + 1_000 * MS
    assert passage.total_ns == end - T0


def test_tunnels_and_source_routes_do_not_hide_the_datagram() -> None:
    """Down: the border router tunnels the reply with a source route; the last hop carries it bare."""
    radio = mesh()
    inner = ipv6.Packet(address(0), address(3), icmpv6.EchoReply(7, 1, bytes(16)))
    for index, (src, dst) in enumerate(((0, 1), (1, 2))):
        first, route = source_route([address(hop) for hop in range(dst, 4)])
        radio.packet(index * 0.1, ipv6.Packet(address(0), first, inner, headers=(route,)), src, dst)
    radio.packet(0.2, inner, 2, 3)
    [passage] = echoes(on_paper(radio.frames()))
    assert passage.nodes == (eui(0), eui(1), eui(2), eui(3))
    assert passage.complete


def test_the_same_hop_again_is_a_duplicate_and_the_same_ask_a_new_journey() -> None:
    radio = mesh()
    radio.echo(0, (2, 1, 0), ask())
    radio.echo(0.2, (1, 0), icmpv6.EchoRequest(7, 1, bytes(16)))
    packet = ipv6.Packet(address(2), address(0), ask())
    radio.packet(0.4, packet, 1, 0)
    radio.packet(5, packet, 2, 1)
    radio.packet(5.1, packet, 1, 0)
    found = [p for p in echoes(on_paper(radio.frames())) if p.src_address == address(2)]
    assert [(len(p.hops), p.duplicates, p.complete) for p in found] == [(2, 1, True), (2, 0, True)]


def test_a_datagram_that_comes_back_looped() -> None:
    radio = mesh()
    packet = ipv6.Packet(address(3), address(0), ask())
    for index, (src, dst) in enumerate(((3, 2), (2, 1), (1, 3))):
        radio.packet(index * 0.1, packet, src, dst)
    [passage] = echoes(on_paper(radio.frames()))
    assert passage.looped
    assert not passage.complete


def test_a_hop_that_was_not_captured_leaves_the_passage_incomplete() -> None:
    radio = mesh()
    radio.echo(0, (3, 2, 1, 0), ask())
    lost = [frame for frame in radio.frames() if frame.src == eui(2) and frame.time_ns >= T0 and frame.kind == "DATA"]
    assert len(lost) == 1
    kept = [frame for frame in radio.frames() if frame.number != lost[0].number]
    [passage] = echoes(on_paper(kept))
    assert passage.nodes == (eui(3), eui(2), eui(1), eui(0))
    assert not passage.complete
    assert passage.waits_ns == (), "what node 2 kept it and the lost hop took are not told apart"


def test_real_pings_hop_by_hop() -> None:
    """line2: request and reply of every ping are followed; their hops and waits add up to `rtt_air_ms` of measure."""
    seen = digest(frames("line2"))
    contents = [sighting.content for sighting in seen.sightings]
    assert len({c.identity for c in contents if isinstance(c, Datagram) and isinstance(c.message, Echo)}) > 40
    found = followed(seen)
    assert all(passage.complete for passage in found)
    assert not any(passage.looped or passage.duplicates for passage in found)
    for passage in found:
        assert all(0 < wait_ns < 100 * MS for _, wait_ns in passage.waits_ns)
        total = sum(hop.latency_ns for hop in passage.hops) + sum(wait for _, wait in passage.waits_ns)
        assert total == passage.total_ns
    longest = max(found, key=lambda passage: passage.total_ns)
    slowest = max(trips["rtt_air_ms"]["max"] for trips in measured("line2")["round_trips"] if trips["rtt_air_ms"])
    assert longest.total_ns / MS < slowest


def test_one_datagram_across_two_sniffers() -> None:
    """Each sniffer hears one end of the line; only together do they hold the passages of two hops."""
    true, whole = records("line2"), frames("line2")
    far = eui_of(Log("line2").nodes["r2"])
    ours = [far in (frame.src, frame.dst) for frame in whole]
    every = [frame.dst is None for frame in whole]
    s1 = [r for r, far_off, heard in zip(true, ours, every, strict=True) if heard or not far_off]
    s2 = [
        attrs.evolve(r, time_ns=r.time_ns + 250 * MS)
        for r, far_off, heard in zip(true, ours, every, strict=True)
        if heard or far_off
    ]
    alone = followed(digest(decode_frames(s1, keys("line2"))))
    both = followed(digest(Air.of({"s1": s1, "s2": s2}).frames(keys("line2"))))
    wanted = followed(digest(whole))
    assert not any(len(p.hops) == 2 for p in alone)
    assert [(p.nodes, p.complete) for p in both] == [(p.nodes, p.complete) for p in wanted]
    apart = [abs(one.total_ns - other.total_ns) for one, other in zip(both, wanted, strict=True)]
    assert max(apart) < 2_000, "the clocks were a quarter of a second apart"


@pytest.mark.parametrize(("later_ns", "journeys"), [(60 * SECOND, 1), (60 * SECOND + 1, 2)])
def test_no_node_keeps_a_datagram_longer_than_a_minute(later_ns: int, journeys: int) -> None:
    radio = mesh()
    packet = ipv6.Packet(address(2), address(0), b"reading", next_header=253)
    arrived = radio.packet(10, packet, 2, 1)
    radio.packet((arrived + later_ns - T0) / SECOND, packet, 1, 0)
    assert len(echoes(on_paper(radio.frames()))) == journeys


def test_a_datagram_that_goes_round_and_on_again_passed_each_node_again() -> None:
    radio = mesh()
    packet = ipv6.Packet(address(4), address(0), b"reading", next_header=253)
    ways = ((3, 2), (2, 1), (1, 3), (3, 2), (2, 0))
    for at, (src, dst) in enumerate(ways):
        radio.packet(10 + at, packet, src, dst)
    [passage] = echoes(on_paper(radio.frames()))
    assert [(hop.src, hop.dst) for hop in passage.hops] == [(eui(src), eui(dst)) for src, dst in ways]
    assert (passage.duplicates, passage.looped) == (0, True)
