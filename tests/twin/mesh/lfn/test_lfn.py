"""An LFN joins, is reached in its windows, has its own keys, and comes back; what it needs of its smart meter."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import pytest

from bench.air.ip import nd
from bench.air.ip.packet import Packet, innermost
from bench.air.mac.frame import MacFrame
from bench.air.rpl import messages as rpl
from bench.air.wisun import frames as wisun
from bench.errors import InputError
from bench.measurands.air.figures.join import Kind, Phase, joins
from bench.records import NS_PER_S
from bench.twin.mesh import LinkPlan
from bench.twin.mesh.lfn.children import adjusted_ms
from bench.twin.mesh.lfn.listening import ASLEEP, Listening
from bench.twin.mesh.lfn.timing import WINDOW_NS
from bench.twin.mesh.plan import KeyCalendar, plan_of
from bench.twin.mesh.timers import MS
from bench.twin.terminal.network import JoinState
from bench.twin.topology import load
from tests.twin.mesh.air import EPOCH_NS, GTK, NODES, Air
from tests.twin.mesh.lfn.lfns import LFNS, LGTK, LISTENS_S, answers, decoded, lfn, lfn_plan, states
from tests.twin.mesh.test_join import COLD, join, operational_s
from tests.twin.radio.world import TOPOLOGIES

HOUR = 3600
METERS = {name: bytes.fromhex(NODES[name]) for name in ("m1", "m2", "m3")}


@pytest.fixture(scope="module")
def joined() -> Air:
    """t1 and t3 have joined at one hop and at three, and spoken once."""
    air = Air(lfn_plan())
    join(air, "t1", "t3", within_s=60)
    for name in LFNS:
        assert air.mesh.terminals[name].send(b"up")
        air.run(15)
    return air


def test_a_cold_join_passes_through_all_states_in_order() -> None:
    log = join(Air(lfn_plan()), "t1", "t3", within_s=60)
    assert [state for _, state in log["t1"]] == [state for _, state in log["t3"]] == COLD


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_it_joins_within_90_s_at_both_depths(loss: float) -> None:
    logs = [join(Air(lfn_plan(seed, loss=loss)), "t1", "t3", within_s=100) for seed in range(4)]
    times = [operational_s(log[name]) for log in logs for name in ("t1", "t3")]
    assert 15 < statistics.median(times) < 40
    assert max(times) < 90


def test_the_air_shows_the_phases_of_its_join(joined: Air) -> None:
    """LPAS, EAPOL, LPC and the confirmed registration stand for PAS, EAPOL, PC and DAO-ACK (`figures.join`)."""
    found = joins(decoded(joined))
    for name, hops in (("t1", 2), ("t3", 4)):
        [one] = found[LFNS[name]].joins
        assert (one.kind, one.reached, one.hops) == (Kind.COLD, Phase.OPERATIONAL, hops)
        borders = (one.first_solicitation_ns, one.authenticated_ns, one.configured_ns, one.operational_ns)
        known = [border for border in borders if border is not None]
        assert len(known) == 4
        assert known == sorted(known)
        assert one.parent == METERS["m1" if name == "t1" else "m3"]


def test_it_says_nothing_of_routes_and_its_smart_meter_all(joined: Air) -> None:
    """RFC 9010: the DAO names the LFN as an external target, and the tunnel down ends at its smart meter."""
    assert answers(joined, "t3", b"without a tunnel") is not None
    frames = decoded(joined)
    told = [f.packet for f in frames if f.dst in LFNS.values() and f.packet is not None]
    assert told
    assert not [packet for packet in told if packet.headers or isinstance(packet.upper, Packet)]
    said = [f.packet.upper for f in frames if f.src in LFNS.values() and f.packet is not None]
    assert not [one for one in said if isinstance(one, rpl.Dao | rpl.Dis | rpl.Dio)]
    assert [one for one in said if isinstance(one, nd.NeighborSolicitation)]
    daos = [one for f in frames if f.packet and isinstance(one := innermost(f.packet).upper, rpl.Dao)]
    about = {target.address: dao.transits[0] for dao in daos for target in dao.targets}
    for name, meter in (("t1", "m1"), ("t3", "m3")):
        transit = about[lfn(joined, name).address or b""]
        assert (transit.external, transit.parent) == (True, joined.mesh.meters[meter].address)


def test_its_frames_tell_when_it_listens(joined: Air) -> None:
    """LUTT in place of UTT, LUS where its smart meter is to learn of a change; no schedule of an FFN."""
    sent = [f for f in decoded(joined) if f.src == LFNS["t1"]]
    assert {f.kind for f in sent} == {"LPAS", "LPCS", "EAPOL", "DATA", "ACK"}
    for frame in sent:
        assert frame.ie(wisun.Lutt) is not None
        assert (frame.ie(wisun.Lus) is None) == (frame.kind == "ACK")
        assert not [kind for kind in (wisun.Utt, wisun.Us, wisun.Bt) if frame.ie(kind) is not None]
    intervals = [lus.listen_interval_ms for f in sent if (lus := f.ie(wisun.Lus)) is not None]
    assert (intervals[0], intervals[-1]) == (1000, LISTENS_S * 1000)


def test_what_is_for_it_waits_for_its_window(joined: Air) -> None:
    waits = [answers(joined, "t3", bytes((n,)) * 40, within_s=11.7) for n in range(10)]
    assert all(wait is not None and wait < LISTENS_S + 1 for wait in waits)
    assert max(wait or 0 for wait in waits) > 1.5, "a node that always listens has it after some 0.2 s"


def test_between_windows_it_is_deaf() -> None:
    air = Air(lfn_plan())
    join(air, "t1", within_s=60)
    terminal, meter = lfn(air, "t1"), air.mesh.meters["m1"]
    assert terminal.send(b"up")
    air.run(11)
    times = range(air.kernel.now_ns, air.kernel.now_ns + 60 * NS_PER_S, NS_PER_S // 100)
    share = sum(terminal.listening.listening_on(t_ns) >= 0 for t_ns in times) / len(times)
    assert 0.005 < share < 0.02, "50 ms in 6 s, and 50 ms in 60 s"
    while terminal.listening.listening_on(air.kernel.now_ns) >= 0:
        air.run(0.1)
    taken: list[bool] = []
    until_ns = air.kernel.now_ns + NS_PER_S // 10
    template = meter.voice.data(b"\0", LFNS["t1"])
    meter.mac.send(template, secured=True, done=taken.append, to_lfn=True, until_ns=until_ns)
    air.run(1)
    assert taken == [False]


def test_many_answers_do_not_end_the_slots_that_it_offered() -> None:
    """Each frame for it is a reason to listen on; none of them makes it forget another."""
    listening = Listening(10)
    listening.begin(-NS_PER_S // 2)
    listening.listen(0, 2 * NS_PER_S)
    answer = wisun.ack(MacFrame(src=LFNS["t1"]), METERS["m1"])
    for n in range(20):
        listening.heard(answer, n * 20 * MS)
    assert listening.listening_on(NS_PER_S + NS_PER_S // 4) == 10
    assert listening.listening_on(2 * NS_PER_S + NS_PER_S // 4) == ASLEEP


def test_large_datagrams_go_both_ways(joined: Air) -> None:
    up: list[bytes] = []
    joined.mesh.head_end.on_datagram(lambda _, payload: up.append(payload))
    large = bytes(n % 251 for n in range(1200))
    assert joined.mesh.terminals["t1"].send(large)
    assert answers(joined, "t1", large) is not None
    assert up == [large]


def test_it_is_asked_for_windows_that_spare_the_broadcast_ones(joined: Air) -> None:
    """LTO-IE: asked for until its next frame, which has taken it."""
    for name in LFNS:
        assert answers(joined, name, b"tell it") is not None
        assert joined.mesh.terminals[name].send(b"taken")
        joined.run(2)
        listening = lfn(joined, name).listening
        assert listening.broadcast is not None
        apart_ns = listening.broadcast.anchor_ns - listening.wanted.anchor_ns
        since_ns = -apart_ns % listening.wanted.interval_ns
        assert WINDOW_NS - 2 * MS < since_ns < listening.wanted.interval_ns - WINDOW_NS + 2 * MS
    asked = [f.number for f in decoded(joined) if f.ie(wisun.Lto) is not None and f.dst == LFNS["t1"]]
    assert 1 <= len(asked) <= 4


@pytest.mark.parametrize(
    ("wanted_s", "most_s", "takes_s"), [(6, 60, 6), (7, 60, 7.5), (59, 60, 60), (100, 300, 120), (299, 300, 300)]
)
def test_listening_intervals_that_go_with_the_broadcast_interval(wanted_s: float, most_s: int, takes_s: float) -> None:
    """Whole parts of 60 s, and multiples."""
    assert adjusted_ms(round(wanted_s * 1000), 60_000, 5_000, most_s * 1000) == takes_s * 1000


def test_where_no_such_interval_is_allowed_the_wanted_one_stays() -> None:
    assert adjusted_ms(44_000, 60_000, 40_000, 50_000) == 44_000


def test_keys_of_two_kinds(joined: Air) -> None:
    """An LFN has the LGTK alone, a smart meter both, and what is for LFNs opens under an LGTK only."""
    for name in LFNS:
        assert dict(lfn(joined, name).flash.gtks) == {0: LGTK}
    for meter in joined.mesh.meters.values():
        assert (dict(meter.flash.gtks), dict(meter.flash.lfn.gtks)) == ({0: GTK}, {0: LGTK})
    lfns = set(LFNS.values())
    for frame in decoded(joined):
        if frame.secured:
            limited = bool({frame.src, frame.dst} & lfns) or frame.kind in ("LTS", "LPC")
            assert (frame.key_index, frame.mic) == (5 if limited else 1, "ok")


def test_a_new_lgtk_reaches_smart_meters_by_pc_and_lfns_by_lpc() -> None:
    life_h, further = 6, (bytes(range(1, 17)), bytes(range(2, 18)))
    air = Air(lfn_plan(calendar=KeyCalendar(life_h * HOUR * NS_PER_S, further)))
    join(air, "t1", "t3", within_s=60)
    log = states(air, "t3")
    for _ in range(2 * life_h + 1):
        air.run(HOUR)
        assert air.mesh.terminals["t3"].send(b"still here")
        air.run(2)
        assert answers(air, "t3") is not None
    assert not log, "it never lost the network"
    assert dict(lfn(air, "t3").flash.gtks) == dict(air.mesh.meters["m3"].flash.lfn.gtks) == {2: further[1]}


def test_one_that_was_dark_meanwhile_asks_for_the_keys_anew() -> None:
    air = Air(lfn_plan(calendar=KeyCalendar(10 * HOUR * NS_PER_S, (bytes(range(1, 17)),))))
    join(air, "t1", within_s=60)
    air.mesh.terminals["t1"].power_off()
    air.run(12 * HOUR)
    log = states(air, "t1")
    air.mesh.terminals["t1"].power_on()
    air.mesh.terminals["t1"].start_join()
    air.run(200)
    assert JoinState.AUTHENTICATE in [state for _, state in log]
    assert log[-1][1] is JoinState.OPERATIONAL


def test_with_its_keys_it_comes_back_without_authentication() -> None:
    air = Air(lfn_plan())
    join(air, "t1", within_s=60)
    air.mesh.terminals["t1"].power_off()
    air.run(100)
    log = states(air, "t1")
    air.mesh.terminals["t1"].power_on()
    air.mesh.terminals["t1"].start_join()
    air.run(60)
    assert [state for _, state in log] == [COLD[0], *COLD[2:]]


def test_it_looks_for_its_parent_when_nothing_is_acknowledged_and_is_back_soon_after_it() -> None:
    air = Air(lfn_plan())
    join(air, "t3", within_s=60)
    log = states(air, "t3")
    air.mesh.mains("m3", False)
    for _ in range(4):
        air.mesh.terminals["t3"].send(b"alarm")
        air.run(15)
    assert log.pop()[1] is JoinState.SELECT_PAN
    air.run(3 * HOUR)
    air.mesh.mains("m3", True)
    back_s = (air.kernel.now_ns - EPOCH_NS) / NS_PER_S
    air.run(600)
    at_s, state = log[-1]
    assert state is JoinState.OPERATIONAL
    assert at_s - back_s < 330
    assert answers(air, "t3") is not None


def test_it_misses_the_time_of_a_parent_that_is_gone() -> None:
    """It has nothing to send; what tells it is that LTS does not come."""
    air = Air(lfn_plan())
    join(air, "t3", within_s=60)
    log = states(air, "t3")
    air.run(900)
    assert not log
    air.mesh.mains("m3", False)
    air.run(1800)
    assert log[-1][1] is JoinState.SELECT_PAN


def test_a_short_outage_of_its_parent_costs_it_nothing() -> None:
    """The smart meter forgets when it listens, announces itself, and hears of it anew."""
    air = Air(lfn_plan())
    join(air, "t3", within_s=60)
    air.mesh.terminals["t3"].send(b"up")
    log = states(air, "t3")
    air.run(500)
    for _ in range(2):
        air.mesh.mains("m3", False)
        air.run(20)
        air.mesh.mains("m3", True)
        air.run(150)
        assert answers(air, "t3") is not None
    assert not log


def test_another_smart_meter_takes_it_over() -> None:
    """m1 and m2 both hear the border router and t1; the DAO of the new parent moves the route."""
    air = Air(lfn_plan(lfns=("t1",), links=(LinkPlan("br", "m2"), LinkPlan("m2", "t1", -70))))
    join(air, "t1", within_s=60)
    assert lfn(air, "t1").joiner.parent == METERS["m1"], "the louder of two at the same depth"
    air.mesh.mains("m1", False)
    for _ in range(4):
        air.mesh.terminals["t1"].send(b"alarm")
        air.run(20)
    air.run(300)
    assert air.state("t1") is JoinState.OPERATIONAL
    assert lfn(air, "t1").joiner.parent == METERS["m2"]
    assert answers(air, "t1") is not None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("radio: fan11\n", "radio: wi-sun-enhanced-han\n", "an LFN by 'wi-sun-enhanced-han'; expected radio: fan11"),
        ("  lfn:  ", "  han:  ", "lfn.yaml"),
        (
            "  lfn:                 #",
            "  hopping: true\n  lfn:  #",
            "an LFN in a hopping mesh; expected network.hopping: false",
        ),
        ("parent: m1 ", "parent: br ", "an LFN at the concentrator; expected a smart meter"),
        ("listen_interval_s: 6 ", "listen_interval_s: 1 ", "an LFN that listens each 1 s; expected 5 s or more"),
        ("node: lfn ", "node: leaf ", "leaf"),
    ],
)
def test_what_is_not_played_is_refused_in_one_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    text = (TOPOLOGIES / "lfn.yaml").read_text("utf-8")
    assert before in text
    path = tmp_path / "lfn.yaml"
    path.write_text(text.replace(before, after, 1), "utf-8")
    with pytest.raises(InputError, match=re.escape(said)) as error:
        load(path)
    assert "\n" not in str(error.value)


def test_an_lfn_needs_a_network_with_an_lgtk() -> None:
    topology = load(TOPOLOGIES / "lfn.yaml")
    assert topology.network.lfn is not None
    planned = plan_of(topology)
    assert planned.lfn is not None
    assert (len(planned.lfn.lgtk), planned.lfn.interval_ms, planned.lfn.sync) == (16, 60_000, 5)
    assert {n.name for n in planned.nodes if n.listens_each_ns == 6 * NS_PER_S} == {"t1", "t3"}


def test_told_to_leave_it_is_silent() -> None:
    air = Air(lfn_plan())
    join(air, "t1", within_s=60)
    air.mesh.terminals["t1"].leave()
    before = len([f for f in decoded(air) if f.src == LFNS["t1"]])
    air.run(HOUR)
    assert air.state("t1") is JoinState.DISCONNECTED
    assert len([f for f in decoded(air) if f.src == LFNS["t1"]]) == before


def test_the_same_seed_gives_the_same_air() -> None:
    def caught(seed: int) -> list[bytes]:
        air = Air(lfn_plan(seed, loss=0.03))
        join(air, "t1", "t3", within_s=120)
        return [frame.psdu for frame in air.frames()]

    assert caught(3) == caught(3)
    assert caught(3) != caught(4)
