"""④ enhanced HAN: scan, PANA, relay, sleep and loss, by what the air carried and what server and lamp say."""

from __future__ import annotations

import pytest

from bench.air.app import echonet, pana
from bench.air.mac.command import CommandId, RawCommand
from bench.twin.radio.han.pana_session import EXAMPLE_VENDOR, KEY_AVP
from bench.twin.radio.han.terminal import CHANNELS, SCAN_UNIT_NS
from bench.twin.terminal.network import JoinState
from tests.twin.radio.world import World, world

METHOD = "enhanced-han"
HAN = 6


@pytest.fixture
def han() -> World:
    """With the reference terminal, which relays, in its network."""
    found = world(METHOD)
    found.run(30)
    assert found.lit("r1")
    return found


def test_a_cold_join_scans_every_channel_then_authenticates(han: World) -> None:
    took_s = han.joined("t1")
    scan_s = len(CHANNELS) * (SCAN_UNIT_NS << 6) / 1e9
    assert scan_s < took_s < scan_s + 10
    states = [what for _, who, what in han.events if who == "t1" and what != "on"]
    assert states[-3:] == [
        state.name for state in (JoinState.SELECT_PAN, JoinState.AUTHENTICATE, JoinState.OPERATIONAL)
    ]


def test_the_decoder_reads_all_of_a_join(han: World) -> None:
    since = len(han.captured)
    han.joined("t1")
    frames = han.frames(since, channel=HAN)
    assert all(frame.mic in ("none", "ok") and "malformed" not in frame.info and not frame.bug for frame in frames)
    said = [frame.content for frame in frames]
    assert isinstance(said[0], RawCommand)
    assert said[0].id == CommandId.BEACON_REQUEST
    types = [message.name for message in said if isinstance(message, pana.Message)]
    assert types[:3] == ["Client-Initiation", "Auth-Request", "Auth-Answer"]
    (complete,) = {
        message for message in said if isinstance(message, pana.Message) and message.result == pana.Result.SUCCESS
    }
    key = complete.avp(KEY_AVP, EXAMPLE_VENDOR)
    assert key is not None
    assert len(key.value) == 24  # 16 octets, wrapped (RFC 3394)
    secured = [frame for frame in frames if isinstance(frame.content, echonet.Arbitrary)]
    assert secured
    assert all(frame.mic == "ok" for frame in secured)


def test_the_network_key_is_never_in_the_clear(han: World) -> None:
    han.joined("t1", "t3")
    assert han.topology.han is not None
    key = bytes.fromhex(han.topology.han.key.replace(":", ""))
    assert not [psdu for _, _, psdu, _ in han.captured if key in psdu]


def test_a_wrong_password_is_rejected_by_the_smart_meter(han: World) -> None:
    from bench.twin.radio.han.terminal import Terminal

    radio = han.rig.terminals["t1"].radio
    assert isinstance(radio, Terminal)
    radio._client._password = "another"
    since = len(han.captured)
    han.install("t1")
    han.run(60)
    assert radio.join_state is not JoinState.OPERATIONAL
    results = [f.content.result for f in han.frames(since, channel=HAN) if isinstance(f.content, pana.Message)]
    assert pana.Result.AUTHENTICATION_REJECTED in results
    assert pana.Result.SUCCESS not in results


def test_a_terminal_behind_a_relay_joins_by_pana_relay_and_talks_by_mesh_header(han: World) -> None:
    since = len(han.captured)
    han.joined("t3")
    frames = han.frames(since, channel=HAN)
    relayed = [f for f in frames if isinstance(f.content, pana.Message) and f.content.relayed is not None]
    assert relayed
    assert all(frame.mic == "ok" for frame in relayed)
    meshed = [f for f in frames if "mesh" in f.layers and isinstance(f.content, echonet.Arbitrary)]
    assert len({frame.src for frame in meshed}) >= 3  # the terminal, the relay and the smart meter sent such frames


def test_a_sleeping_terminal_answers_at_its_next_data_request(han: World) -> None:
    han.joined("t1")
    han.run(30)
    interval_s = han.topology.terminal("t1").listen_interval_s
    trips = []
    for _ in range(8):
        trips.append(han.round_trip_s("t1"))
        han.run(37)
    assert max(trips) < interval_s + 5
    assert max(trips) > interval_s / 4  # no terminal that sleeps is always quick


def test_a_terminal_finds_back_after_its_smart_meter_was_dark(han: World) -> None:
    han.joined("t1")
    han.rig.mains("m1", False)
    han.run(600)
    assert not han.lit("t1") or han.rig.terminals["t1"].radio.join_state is not JoinState.OPERATIONAL
    han.rig.mains("m1", True)
    han.until(lambda: han.lit("t1"), 1800)
    assert han.lit("t1")
    assert han.round_trip_s("t1") < 120


def test_a_lossy_link_costs_repetitions_and_no_message() -> None:
    links = world(METHOD).topology.links
    lossy = world(METHOD, links=links)
    lossy.run(30)
    for ways in lossy.rig.mesh._air._channels[HAN]._links.values():  # type: ignore[attr-defined]
        ways.update({near: (level, 0.3) for near, (level, _) in ways.items()})
    lossy.joined("t1", "t3", within_s=600)
    assert lossy.round_trip_s("t3") < 150


def test_the_same_seed_gives_the_same_air() -> None:
    def air() -> list[tuple[int, str, bytes, int]]:
        one = world(METHOD)
        one.run(20)
        one.joined("t1", "t3")
        return one.captured

    assert air() == air()
