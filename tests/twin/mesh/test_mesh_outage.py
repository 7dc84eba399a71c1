"""Mesh outage and return, power cuts of terminals, and what a settled mesh costs."""

from __future__ import annotations

from collections import Counter

import attrs
import pytest

from bench.air.mac.frame import decode_mac
from bench.twin.mesh import LinkPlan, NodePlan, Role
from bench.twin.mesh.neighbours import Advert, Candidates, Parent
from bench.twin.terminal.network import JoinState
from tests.twin.mesh.air import EPOCH_NS, NODES, Air, plan
from tests.twin.mesh.test_join import join

METERS = ("m1", "m2", "m3")
T1 = bytes.fromhex(NODES["t1"])


def senders(air: Air, since_ns: int) -> Counter[bytes | None]:
    return Counter(decode_mac(c.psdu).src for c in air.frames() if c.start_ns >= since_ns)


def outage(air: Air, hours: float) -> None:
    for name in METERS:
        air.mesh.mains(name, False)
    air.run(hours * 3600)


def test_terminals_notice_the_dark_mesh_and_wait_in_long_intervals() -> None:
    air = Air(plan())
    join(air, "t1", "t3", within_s=3600)
    dark_ns = air.kernel.now_ns
    outage(air, 1)
    assert air.state("t1") is air.state("t3") is JoinState.SELECT_PAN
    assert not air.mesh.terminals["t1"].send(b"x")
    air.run(23 * 3600)
    sent = senders(air, dark_ns)
    assert not [name for name in METERS if bytes.fromhex(NODES[name]) in sent]
    assert 48 <= sent[T1] <= 160, "PAS and PCS every half hour, and the failed probes"


def test_the_mesh_returns_from_the_root_outwards_and_terminals_reconnect_without_eapol() -> None:
    air = Air(plan())
    log = join(air, "t1", "t3", within_s=600)
    outage(air, 8 * 24)
    back_ns = air.kernel.now_ns
    registered: list[tuple[bytes, int]] = []
    air.mesh.head_end.on_registered(lambda eui64: registered.append((eui64, air.kernel.now_ns)))
    for name in METERS:
        air.mesh.mains(name, True)
    air.run(300)
    up_ns = dict(reversed(registered))  # the first of each
    order = [up_ns[bytes.fromhex(NODES[name])] for name in ("m1", "m2", "m3", "t3")]
    assert order == sorted(order)
    assert (order[-1] - back_ns) / 1e9 < 240
    for name in ("t1", "t3"):
        later = [state for t, state in log[name] if EPOCH_NS + t * 1e9 >= back_ns]
        assert later == [JoinState.ACQUIRE_CONFIG, JoinState.CONFIGURE_ROUTING, JoinState.OPERATIONAL]
    assert air.mesh.terminals["t3"].send(b"recovered")


def test_a_short_dip_is_survived_or_mended_within_the_hour() -> None:
    air = Air(plan())
    join(air, "t1", "t3", within_s=600)
    air.mesh.mains("m2", False)
    air.run(20)
    air.mesh.mains("m2", True)
    air.run(3600)
    got: list[bytes] = []
    air.mesh.head_end.on_datagram(lambda _eui64, payload: got.append(payload))
    assert air.mesh.terminals["t3"].send(b"still here")
    air.run(5)
    assert got == [b"still here"]


def test_a_lost_middle_meter_is_told_to_those_behind_it() -> None:
    air = Air(plan())
    join(air, "t3", within_s=600)
    air.mesh.mains("m2", False)
    air.run(3600)
    assert air.state("t3") is JoinState.SELECT_PAN, "m3 lives, but leads nowhere"
    air.mesh.mains("m2", True)
    air.run(600)
    assert air.state("t3") is JoinState.OPERATIONAL


def test_a_loop_of_two_meters_is_noticed_by_the_data_that_runs_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the poison m3 goes on advertising, and m2 takes it for a way to the root."""
    monkeypatch.setattr("bench.twin.mesh.dodag.Dodag.poison", lambda _self: None)
    air = Air(plan())
    join(air, "t3", within_s=600)
    air.mesh.mains("m1", False)
    before = air.mesh.medium.frames
    air.run(3 * 3600)
    assert air.state("t3") is JoinState.SELECT_PAN
    assert air.mesh.medium.frames - before < 1500
    air.mesh.mains("m1", True)
    air.run(600)
    assert air.state("t3") is JoinState.OPERATIONAL


def test_power_off_is_dark_at_once_and_power_on_reconnects() -> None:
    air = Air(plan())
    log = join(air, "t1", within_s=120)
    terminal = air.mesh.terminals["t1"]
    terminal.power_off()
    off_ns = air.kernel.now_ns
    air.run(7200)
    assert T1 not in senders(air, off_ns)
    assert air.state("t1") is JoinState.DISCONNECTED
    log["t1"].clear()
    terminal.power_on()
    terminal.start_join()
    air.run(60)
    states = [state for _, state in log["t1"]]
    assert JoinState.AUTHENTICATE not in states
    assert states[-1] is JoinState.OPERATIONAL


def test_erased_keys_make_the_next_join_cold() -> None:
    air = Air(plan())
    log = join(air, "t1", within_s=120)
    terminal = air.mesh.terminals["t1"]
    terminal.leave()
    terminal.erase_keys()
    log["t1"].clear()
    terminal.start_join()
    air.run(120)
    assert [state for _, state in log["t1"]][:2] == [JoinState.SELECT_PAN, JoinState.AUTHENTICATE]
    assert air.state("t1") is JoinState.OPERATIONAL


def test_power_cut_in_any_phase_of_the_join_leaves_nothing_behind() -> None:
    for cut_s in (3, 9, 20, 21.5, 30, 38, 42):
        air = Air(plan(seed=2))
        join(air, "t1", within_s=cut_s)
        terminal = air.mesh.terminals["t1"]
        terminal.power_off()
        off_ns = air.kernel.now_ns
        air.run(300)
        assert T1 not in senders(air, off_ns), f"cut at {cut_s} s"
        terminal.power_on()
        terminal.start_join()
        air.run(120)
        assert air.state("t1") is JoinState.OPERATIONAL, f"cut at {cut_s} s"


def test_no_sender_uses_a_frame_counter_twice() -> None:
    air = Air(plan(loss=0.02))
    join(air, "t1", "t3", within_s=600)
    outage(air, 3)
    for name in METERS:
        air.mesh.mains(name, True)
    air.mesh.terminals["t3"].power_off()
    air.run(60)
    air.mesh.terminals["t3"].erase_keys()
    air.mesh.terminals["t3"].power_on()
    air.mesh.terminals["t3"].start_join()
    air.run(600)
    frames = [decode_mac(c.psdu) for c in air.frames()]
    nonces = Counter((f.src, f.security.frame_counter) for f in frames if f.security is not None)
    assert len(nonces) > 500
    assert max(nonces.values()) == 1


def test_a_settled_day_stays_within_the_frame_budget() -> None:
    air = Air(plan())
    join(air, "t1", "t3", within_s=7200)
    before = air.mesh.medium.frames
    air.run(24 * 3600)
    assert 1000 < air.mesh.medium.frames - before < 3000


def ring() -> Air:
    """As `plan`, and m4 between the border router and m2: a second way around m1."""
    base = plan()
    m4 = NodePlan("m4", bytes.fromhex("024b42fffe000104"), Role.METER)
    links = (*base.links, LinkPlan("br", "m4"), LinkPlan("m4", "m2"))
    return Air(attrs.evolve(base, nodes=(*base.nodes, m4), links=links))


def test_a_meter_that_loses_its_parent_takes_another_and_nobody_joins_anew() -> None:
    air = ring()
    m2, m4 = air.mesh.meters["m2"], air.mesh.meters["m4"]
    log = join(air, "t3", within_s=600)
    assert m2.joiner.parent is not None
    assert m2.joiner.parent.eui64 == air.mesh.meters["m1"].eui64
    joined = list(log["t3"])
    air.mesh.mains("m1", False)
    got: list[bytes] = []
    air.mesh.head_end.on_datagram(lambda _eui64, payload: got.append(payload))
    for text in (b"lost on the way", b"lost, too", b"and again", b"here"):
        assert air.mesh.terminals["t3"].send(text)
        air.run(30)
    assert got[-1] == b"here"
    assert m2.joiner.parent.eui64 == m4.eui64
    assert log["t3"] == joined
    down: list[bytes] = []
    air.mesh.terminals["t3"].on_datagram(down.append)
    assert air.mesh.head_end.send(bytes.fromhex(NODES["t3"]), b"and back")
    air.run(5)
    assert down == [b"and back"], "the border router heard of the new way by m2's DAO"


def test_a_way_behind_the_node_itself_is_no_way() -> None:
    """Ranks 128 (root), 256 and 384: who had a parent of rank 256 takes no neighbour of 384, which may be behind it;
    of two right ones the nearer, of two as near the louder."""
    lost, behind = Parent(b"m1", b"", 256, b""), Parent(b"m3", b"", 384, b"")
    adverts = {b"m4": Advert(1, 128, 0, 0, -80), b"m5": Advert(1, 128, 0, 0, -60)}
    candidates = Candidates()
    for known in (lost, behind):
        candidates.know(known)
    assert candidates.instead_of(lost, adverts) is None
    for name in (b"m4", b"m5"):
        candidates.know(Parent(name, b"", 256, b""))
    assert candidates.instead_of(lost, adverts) == Parent(b"m5", b"", 256, b"")
    candidates.know(Parent(b"br", b"", 128, b""))
    assert candidates.instead_of(lost, adverts) == Parent(b"br", b"", 128, b"")
    candidates.drop(b"br")
    candidates.drop(b"m5")
    assert candidates.instead_of(lost, adverts) == Parent(b"m4", b"", 256, b"")
