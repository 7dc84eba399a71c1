"""Other shapes than the default line, and the default topology file itself."""

from __future__ import annotations

import random
from pathlib import Path

import attrs
import pytest

from bench.air.mac.frame import decode_mac
from bench.errors import InputError
from bench.records import NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.mesh import LinkPlan, Role, build, plan_of
from bench.twin.mesh.mesh import spanning_tree
from bench.twin.mesh.plan import KeyCalendar
from bench.twin.terminal.network import JoinState
from bench.twin.topology import load
from tests.places import DEFAULT_TOPOLOGY as DEFAULT
from tests.twin.mesh.air import NODES, Air, plan
from tests.twin.mesh.test_join import join


def with_links(*links: tuple[str, str, int]) -> Air:
    return Air(attrs.evolve(plan(), links=tuple(LinkPlan(a, b, rssi) for a, b, rssi in links)))


LINE = (("br", "m1", -60), ("m1", "m2", -60), ("m2", "m3", -60))


def test_the_default_topology_is_understood() -> None:
    read = plan_of(load(DEFAULT))
    assert {n.name: n.role for n in read.nodes} == {
        "br": Role.BORDER_ROUTER,
        **dict.fromkeys(("m1", "m2", "m3"), Role.METER),
        **dict.fromkeys(("t1", "r1", "t3"), Role.TERMINAL),
    }
    assert {frozenset((link.a, link.b)) for link in read.links} >= {frozenset(("m1", "t1")), frozenset(("m3", "t3"))}
    assert spanning_tree(read) == {"m1": "br", "m2": "m1", "m3": "m2"}
    assert {s.name for s in read.sniffers} == {"s1", "s2"}


def test_the_default_topology_joins_and_each_sniffer_hears_its_end_only() -> None:
    topology = load(DEFAULT)
    kernel = Kernel(topology.epoch_ns)
    heard: dict[str, set[bytes | None]] = {"s1": set(), "s2": set()}
    mesh = build(
        kernel,
        topology,
        random.Random(1),
        lambda name, _start, _end, psdu, _rssi, _channel: heard[name].add(decode_mac(psdu).src),
    )
    for terminal in mesh.terminals.values():
        terminal.power_on()
        terminal.start_join()
    while kernel.now_ns < topology.epoch_ns + 100 * 10**9:
        kernel.step()
    assert all(t.join_state is JoinState.OPERATIONAL for t in mesh.terminals.values())
    names = {
        sniffer: {name for name, e in NODES.items() if bytes.fromhex(e) in seen} for sniffer, seen in heard.items()
    }
    assert names == {"s1": {"br", "m1", "m2", "t1"}, "s2": {"m2", "m3", "t3"}}


def test_a_terminal_prefers_the_nearer_router_and_falls_back_to_the_other() -> None:
    air = with_links(*LINE, ("t1", "m1", -70), ("t1", "m3", -40))
    join(air, "t1", within_s=120)
    t1 = bytes.fromhex(NODES["t1"])
    parent = air.mesh.border_router.routes.path
    address = bytes.fromhex("fd004b4200000000004b42fffe000201")
    assert len(parent(address) or ()) == 2, "br - m1 - t1"
    air.mesh.mains("m1", False)
    air.run(2)
    assert air.mesh.head_end.send(t1, b"x"), "the border router learns of the loss from nobody"
    air.run(7200)
    assert air.state("t1") is not JoinState.OPERATIONAL, "m3 leads nowhere without m1"
    air.mesh.mains("m1", True)
    air.run(1800)
    assert air.state("t1") is JoinState.OPERATIONAL


def test_the_mesh_heals_around_a_dark_meter() -> None:
    air = with_links(*LINE, ("br", "m2", -75), ("t3", "m3", -60))
    join(air, "t3", within_s=120)
    air.mesh.mains("m1", False)
    air.run(3 * 3600)
    hops = air.mesh.border_router.routes.path(bytes.fromhex("fd004b4200000000004b42fffe000203"))
    assert hops is not None
    assert len(hops) == 3, "br - m2 - m3 - t3"
    assert air.state("t3") is JoinState.OPERATIONAL


def test_a_route_dies_with_its_lifetime() -> None:
    air = Air(plan())
    join(air, "t1", within_s=120)
    t1 = bytes.fromhex(NODES["t1"])
    air.mesh.terminals["t1"].power_off()
    air.run(60)
    assert air.mesh.head_end.send(t1, b"x")
    air.run(2.1 * 3600)
    assert not air.mesh.head_end.send(t1, b"x")


def test_a_dark_border_router_comes_back_with_its_routes() -> None:
    air = Air(plan())
    log = join(air, "t3", within_s=120)
    air.mesh.mains("br", False)
    assert not air.mesh.head_end.send(bytes.fromhex(NODES["t3"]), b"x")
    air.run(600)
    air.mesh.mains("br", True)
    air.run(3 * 3600)
    assert log["t3"][-1][1] is JoinState.OPERATIONAL
    got: list[bytes] = []
    air.mesh.terminals["t3"].on_datagram(got.append)
    assert air.mesh.head_end.send(bytes.fromhex(NODES["t3"]), b"back")
    air.run(10)
    assert got == [b"back"]


def test_mains_of_an_unknown_node_and_a_meter_off_the_mesh_are_refused() -> None:
    with pytest.raises(InputError, match="t1"):
        Air(plan()).mesh.mains("t1", False)
    with pytest.raises(InputError, match="m3"):
        with_links(*LINE[:2])


def test_a_topology_may_hop_and_exchange_its_keys(tmp_path: Path) -> None:
    text = DEFAULT.read_text("utf-8")
    gtks = [32 * "2", 32 * "3"]
    more = f"network:\n  hopping: true\n  key_rotation: {{lifetime_h: 48, gtks: {gtks}}}\n"
    path = tmp_path / "hopping.yaml"
    path.write_text(text.replace("network:\n", more).replace("{id: s2,", "{id: s2, channel: 7,"), "utf-8")
    read = plan_of(load(path))
    assert (read.hopping, [s.channel for s in read.sniffers]) == (True, [None, 7])
    assert read.calendar == KeyCalendar(48 * 3600 * NS_PER_S, (b"\x22" * 16, b"\x33" * 16))
    standing = plan_of(load(DEFAULT))
    assert (standing.hopping, standing.calendar, {s.channel for s in standing.sniffers}) == (False, None, {None})
    path.write_text(text.replace("network:\n", "network:\n  key_rotation: {gtks: [abc]}\n"), "utf-8")
    with pytest.raises(InputError, match=r"hopping.yaml:\d+: .*16-octet"):
        load(path)
