"""① to ③ U-bus Air: nobody sends unasked, waits are those of the RIT period, ways and detours, the network's limits."""

from __future__ import annotations

import pytest

from bench.air.app import u_bus_standin as standin
from bench.air.mac.command import RitDataRequest
from bench.air.mac.frame import FrameType
from bench.records import NS_PER_S
from bench.twin.radio.ubus import gateway as u_bus_gateway
from bench.twin.radio.ubus.listening import SPREAD_NS, WINDOW_NS
from bench.twin.terminal.network import JoinState
from tests.twin.radio.world import World, world

CHANNEL = 13
METHODS = ("u-bus-air", "u-bus-air-star", "u-bus-air-base")


def joined(method: str) -> World:
    """With all three terminals in their networks."""
    found = world(method)
    found.until(lambda: found.lit("r1"), 120)
    found.joined("t1", "t3", within_s=150)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_joins_and_answers_within_the_periods(method: str) -> None:
    bus = joined(method)
    for name in ("t1", "t3"):
        bus.run(20)
        assert bus.round_trip_s(name) < 90


def test_the_decoder_shows_the_stand_in_as_one() -> None:
    bus = joined("u-bus-air")
    frames = bus.frames(channel=CHANNEL)
    assert all(frame.mic in ("none", "ok") and "malformed" not in frame.info and not frame.bug for frame in frames)
    told = [frame for frame in frames if frame.kind != "ack"]
    assert {frame.layers for frame in told} == {
        ("802.15.4", "command", standin.LAYER),
        ("802.15.4", standin.LAYER),
    }
    assert all("stand-in" in frame.info for frame in told)


def test_nobody_sends_before_the_receiver_asked() -> None:
    bus = joined("u-bus-air")
    bus.round_trip_s("t3")
    asked: dict[bytes, int] = {}
    for frame in bus.frames(channel=CHANNEL):
        if isinstance(frame.content, RitDataRequest):
            assert frame.src is not None
            asked[frame.src] = frame.time_ns
        elif isinstance(frame.content, standin.Message):
            assert frame.dst is not None
            assert frame.time_ns - asked[frame.dst] < SPREAD_NS + WINDOW_NS
            asked[frame.dst] = frame.time_ns  # each frame keeps the window open


def test_in_a_star_nobody_passes_anything_on() -> None:
    bus = joined("u-bus-air-star")
    for frame in bus.frames(channel=CHANNEL):
        message = frame.content
        if isinstance(message, standin.Message):
            assert frame.src in (message.origin, message.final)
        if isinstance(message, RitDataRequest):
            told = standin.parse_listening(message.rest)
            assert told is not None
            assert told.hops in (0, standin.NO_RELAY)


def test_a_relay_counts_the_hops_down() -> None:
    bus = joined("u-bus-air")
    hops = {
        (frame.src == message.origin, message.hops_left)
        for frame in bus.frames(channel=CHANNEL)
        if isinstance(message := frame.content, standin.Message) and message.origin == bytes.fromhex("024b42fffe000203")
    }
    assert hops == {(True, 15), (False, 14)}


def test_a_way_that_is_gone_is_gone_round() -> None:
    """t3 hears r1 and, weaker, the smart meter m2: with r1 dark it sends to m2."""
    from bench.twin.heard import Link

    first = world("u-bus-air")
    terminals = tuple(t.model_copy(update={"parent": "r1"}) if t.id == "t3" else t for t in first.topology.terminals)
    bus = world(
        "u-bus-air", terminals=terminals, links=(*first.topology.links, Link(between=("m2", "t3"), rssi_dbm=-90))
    )
    bus.until(lambda: bus.lit("r1"), 120)
    bus.joined("t3", within_s=150)
    bus.rig.terminals["r1"].power(False)
    bus.run(60)
    since = len(bus.captured)
    bus.rig.terminals["t3"].meters["t3.gas"].call("low-battery")
    bus.run(300)
    own = bytes.fromhex("024b42fffe000203")
    ways = {f.dst for f in bus.frames(since, channel=CHANNEL) if f.src == own and f.kind == "data"}
    assert bytes.fromhex("024b42fffe000102") in ways


def test_terminals_find_back_after_their_smart_meter_was_dark() -> None:
    """The relay must not take the terminal behind it for its way."""
    bus = joined("u-bus-air")
    bus.rig.mains("m2", False)
    for _ in range(6):
        bus.run(3600)
        bus.rig.terminals["t3"].meters["t3.gas"].call("low-battery")
    relay, behind = (bytes.fromhex(f"024b42fffe00020{n}") for n in (2, 3))
    said = [f.content for f in bus.frames(channel=CHANNEL) if (f.src, f.dst) == (relay, behind)]
    assert not [one for one in said if isinstance(one, standin.Message) and one.kind == standin.Kind.REGISTER]
    bus.rig.mains("m2", True)
    bus.until(lambda: bus.lit("r1") and bus.lit("t3"), 7200)
    bus.run(600)
    assert bus.lit("r1")
    assert bus.lit("t3")
    assert bus.round_trip_s("t3") < 120


def test_the_fifty_first_device_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(u_bus_gateway, "DEVICES_MAX", 1)
    bus = world("u-bus-air")
    bus.until(lambda: bus.lit("r1"), 120)
    bus.install("t3")
    bus.run(120)
    assert bus.rig.terminals["t3"].radio.join_state is not JoinState.OPERATIONAL
    refused = [
        frame.content
        for frame in bus.frames(channel=CHANNEL)
        if isinstance(frame.content, standin.Message) and frame.content.payload == u_bus_gateway.ADMITTED_FULL
    ]
    assert refused


def test_air_time_keeps_to_the_duty_limit() -> None:
    bus = joined("u-bus-air")
    began_ns = bus.rig.kernel.now_ns
    bus.run(1800)
    busy = sum(
        len(psdu) + 16 for at, sniffer, psdu, on in bus.captured if at >= began_ns and on == CHANNEL and sniffer == "s2"
    )
    assert busy * 80_000 < 0.01 * 1800 * NS_PER_S  # 0.08 ms an octet: below one per cent for all that s2 hears


def test_a_stored_message_comes_back_as_it_was() -> None:
    message = standin.Message(standin.Kind.DATA, bytes(range(8)), bytes(8), 7, 15, b"payload")
    assert standin.parse(standin.build(message)) == message
    told = standin.Listening(0x5500, 3)
    assert standin.parse_listening(standin.build_listening(told)) == told
    assert standin.parse_listening(b"anything else") is None
    assert FrameType.DATA  # what carries it is the public MAC's
