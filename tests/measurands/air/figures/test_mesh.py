"""The mesh over time: against what the stacks say of themselves, and on paper for what no capture shows."""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs
import pytest

from bench.air.ip import packet as ipv6
from bench.air.rpl import messages as rpl
from bench.measurands.air.figures import mesh as mesh_module
from bench.measurands.air.figures.hops import Change, routes
from bench.measurands.air.figures.mesh import INFINITE_RANK, DepthChange, Mesh, RankChange, mesh
from bench.measurands.air.figures.mesh_report import mesh_json
from bench.measurands.air.figures.report import measure
from bench.measurands.air.sightings.digest import digest
from tests.measurands.air.figures.test_captures import Log, measured
from tests.measurands.air.radio import T0, Radio, address, eui
from tests.measurands.air.real import eui as octets
from tests.measurands.air.real import frames
from tests.places import CAPTURES


def of(radio: Radio) -> Mesh:
    seen = digest(radio.frames())
    return mesh(seen, routes(seen))


def seconds(t_ns: int | None) -> float | None:
    return None if t_ns is None else (t_ns - T0) / 1e9


def told(found: Mesh, n: int) -> list[tuple[int, int | None]]:
    """Hop counts of a node over time, whole seconds."""
    return [(round((change.t_ns - T0) / 1e9), change.hops) for change in found.depths.get(eui(n), ())]


def orphans(found: Mesh) -> list[tuple[bytes, str, bytes, int, int | None]]:
    return [(o.eui64, o.why, o.at, _whole(o.from_ns) or 0, _whole(o.to_ns)) for o in found.orphans]


def _whole(t_ns: int | None) -> int | None:
    at = seconds(t_ns)
    return None if at is None else round(at)


def line(radio: Radio, at: float, depth: int) -> None:
    """Border router 0 and nodes 1, 2 ... below each other, each with its DIO; 10 s a node."""
    radio.pa(at - 1, 0, 0)
    radio.dio(at - 1, 0, 128)
    for n in range(1, depth + 1):
        radio.dao(at + 10 * (n - 1), tuple(range(n, -1, -1)))
        radio.dio(at + 10 * (n - 1) + 5, n, 128 * (n + 1))


def no_path(radio: Radio, at: float, path: tuple[int, ...], sequence: int) -> None:
    options = (rpl.Target(address(path[0])), rpl.Transit(address(path[1]), path_lifetime=0))
    dao = rpl.Dao(0, sequence, options=options)
    radio.packet(at, ipv6.Packet(address(path[0]), address(0), dao), path[0], path[1])


def test_the_border_routers_own_graph() -> None:
    """star3-dbus.txt: the RoutingGraph that wsbrd shows at t = 247.7 s: node, external, then its parents."""
    text = (CAPTURES / "star3-dbus.txt").read_text()
    line_ = re.search(r"t=247\.7 br get-property RoutingGraph\n(.*)\n", text)
    assert line_ is not None
    values = line_[1].split()[1:]
    graph: dict[bytes, list[bytes]] = {}
    count, at = int(values[0]), 1
    for _ in range(count):
        node, at = _address(values, at)
        at += 1  # external
        parents, at = int(values[at]), at + 1
        graph[node] = []
        for _ in range(parents):
            parent, at = _address(values, at)
            graph[node].append(parent)
    assert (len(graph), at) == (4, len(values))
    seen = digest(frames("star3"))
    book = routes(seen)
    found = mesh(seen, book)
    [dodag] = found.dodags
    assert graph[dodag.dodag_id] == []
    by_node = {book.book.eui64(node): [book.book.eui64(parent) for parent in above] for node, above in graph.items()}
    assert by_node == {dodag.root: []} | {node: [parents[-1].parent] for node, parents in found.parents.items()}
    assert all(found.depths[node][-1].hops == 1 for node in found.parents)
    assert (found.loops, found.orphans) == ((), ())


def _address(values: Sequence[str], at: int) -> tuple[bytes, int]:
    """One `ay` of D-Bus text: its length and its octets."""
    length = int(values[at])
    return bytes(int(value) for value in values[at + 1 : at + 1 + length]), at + 1 + length


def test_ranks_and_depths_of_real_stacks() -> None:
    line2 = _mesh("line2")
    log = Log("line2")
    br, near, far = (octets(log.nodes[node]) for node in ("br", "r1", "r2"))
    assert [(change.version, change.rank) for change in line2.ranks[near]] == [(240, 256)]
    assert {node: [change.hops for change in history] for node, history in line2.depths.items()} == {
        br: [0],
        near: [1],
        far: [2],
    }
    assert line2.depths[far][0].t_ns / 1e9 == pytest.approx(log.reached("r2", "5"), abs=10)
    [dodag] = line2.dodags
    assert (dodag.root, dodag.step, dodag.instance) == (br, 128, 0)
    assert dodag.members == {br, near}, "the last router has no child and sends no DIO in this capture"


def test_a_node_that_advertises_an_infinite_rank_has_no_way_yet() -> None:
    """Contiki: DAO first, a finite rank a few seconds later; then the rank falls as the link proves good."""
    found = _mesh("contiki-rpl-lite-line4")
    [dodag] = found.dodags
    assert len(dodag.members) == 4
    assert [history[-1].hops for history in found.depths.values()] == [0, 1, 2, 3]
    for node, ranks in found.ranks.items():
        if node != dodag.root:
            assert ranks[0].rank == INFINITE_RANK
            assert [r.rank for r in ranks] == sorted((r.rank for r in ranks), reverse=True)
            assert found.depths[node][0].t_ns >= ranks[1].t_ns
    assert found.orphans == ()


def test_two_dodags_two_roots() -> None:
    log = Log("twopan")
    found = _mesh("twopan")
    assert {dodag.root for dodag in found.dodags} == {octets(log.nodes["br"]), octets(log.nodes["br2"])}


def _mesh(name: str) -> Mesh:
    seen = digest(frames(name))
    return mesh(seen, routes(seen))


def test_hop_counts_of_all_below_follow_a_change_above() -> None:
    radio = Radio()
    line(radio, 0, 3)
    radio.dao(100, (2, 0), sequence=241)
    found = of(radio)
    assert told(found, 1) == [(0, 1)]
    assert told(found, 2) == [(10, 2), (100, 1)]
    assert told(found, 3) == [(20, 3), (100, 2)]
    assert [change.parent for change in found.parents[eui(2)]] == [eui(1), eui(0)]
    assert (found.loops, found.orphans) == ((), ())


def test_versions_and_ranks_over_time() -> None:
    radio = Radio()
    line(radio, 0, 1)
    dio = rpl.Dio(0, 2, 128, address(0), options=(rpl.Configuration(),))
    radio.packet(50, ipv6.Packet(ipv6.link_local(eui(0)), ipv6.ALL_RPL_NODES, dio), 0, None)
    radio.dio(60, 1, 300)
    [dodag] = of(radio).dodags
    assert [(version, seconds(t), by) for version, t, by in dodag.versions] == [(1, -1.0, eui(0)), (2, 50.0, eui(0))]
    assert [(change.rank, seconds(change.t_ns)) for change in of(radio).ranks[eui(1)]] == [(256, 5.0), (300, 60.0)]


def test_a_loop_is_found_when_it_closes_and_ends_when_it_opens() -> None:
    radio = Radio()
    line(radio, 0, 3)
    radio.dao(100, (1, 3, 2, 1), sequence=241)
    radio.dao(160, (2, 0), sequence=242)
    found = of(radio)
    [loop] = found.loops
    assert (loop.nodes, seconds(loop.from_ns), seconds(loop.to_ns)) == ((eui(1), eui(3), eui(2)), 100.0, 160.0)
    assert {(node, why, at, end) for node, why, _, at, end in orphans(found)} == {
        (eui(n), "loop", 100, 160) for n in (1, 2, 3)
    }
    assert told(found, 3) == [(20, 3), (100, None), (160, 2)]
    assert told(found, 1) == [(0, 1), (100, None), (160, 3)]


def test_a_withdrawn_route_orphans_all_below_until_a_new_parent() -> None:
    radio = Radio()
    line(radio, 0, 2)
    no_path(radio, 100, (1, 0), 241)
    radio.dao(150, (1, 0), sequence=242)
    found = of(radio)
    assert orphans(found) == [
        (eui(1), "withdrawn", eui(1), 100, 150),
        (eui(2), "withdrawn", eui(1), 100, 150),
    ]
    assert told(found, 2) == [(10, 2), (100, None), (150, 2)]


def test_poisoning_is_seen_in_the_rank() -> None:
    radio = Radio()
    line(radio, 0, 2)
    radio.dio(100, 1, INFINITE_RANK)
    radio.dio(130, 1, 256)
    assert orphans(of(radio)) == [
        (eui(1), "infinite rank", eui(1), 100, 130),
        (eui(2), "infinite rank", eui(1), 100, 130),
    ]


def test_a_parent_that_answers_no_more() -> None:
    """Two transfers given up; the silence began with the first and ends with the next answer."""
    radio = Radio()
    line(radio, 0, 1)
    up = ipv6.Packet(address(1), address(0), b"reading", next_header=253)
    radio.packet(100, up, 1, 0, acked=False, attempts=4)
    radio.packet(120, up, 1, 0, acked=False, attempts=4)
    radio.packet(140, up, 1, 0, acked=True)
    assert orphans(of(radio)) == [(eui(1), "parent silent", eui(1), 100, 140)]


def test_one_transfer_given_up_or_a_parent_still_heard_is_no_orphan() -> None:
    up = ipv6.Packet(address(1), address(0), b"reading", next_header=253)
    once = Radio()
    line(once, 0, 1)
    once.packet(100, up, 1, 0, acked=False, attempts=4)
    once.packet(120, up, 1, 0, acked=True)
    assert of(once).orphans == ()
    heard = Radio()
    line(heard, 0, 1)
    heard.packet(100, up, 1, 0, acked=False, attempts=4)
    heard.dio(110, 0, 128)
    heard.packet(120, up, 1, 0, acked=False, attempts=4)
    assert of(heard).orphans == ()


def test_a_node_that_never_had_a_way_is_no_orphan() -> None:
    radio = Radio()
    radio.dio(0, 1, INFINITE_RANK)
    radio.pas(5, 2)
    found = of(radio)
    assert (found.orphans, found.depths) == ((), {})


def test_measure_prints_the_mesh_beside_what_it_always_printed() -> None:
    found = measured("line2")
    figures = ["frames", "from_ns", "to_ns", "mic", "phy", "nodes", "round_trips", "airtime_s", "mesh"]
    assert list(found) == ["format", *figures, "wrong_fcs"]
    mesh_ = found["mesh"]
    log = Log("line2")
    assert mesh_["retransmissions"] == {log.nodes["br"]: 0, log.nodes["r1"]: 7, log.nodes["r2"]: 0}
    times = [change["t_ns"] for change in mesh_["changes"]]
    assert times == sorted(times)
    assert {change["node"]: change["hops"] for change in mesh_["changes"] if "hops" in change} == {
        node: entry["hops"] for node, entry in found["nodes"].items()
    }
    assert mesh_["coverage"]["share"] == 1.0
    assert 0.99 < mesh_["coverage"]["low"] < 1.0
    assert mesh_["dodag"][0]["root"] == log.nodes["br"]
    assert len(mesh_["links"]) == 4


@pytest.mark.parametrize(("again", "ends"), [(False, 150), (True, None)])
def test_the_silence_of_a_parent_ends_with_another_parent_and_not_with_the_same_one(
    again: bool, ends: int | None
) -> None:
    """That it is the parent was told by a packet on its way up, and is told by a DAO then."""
    up = ipv6.Packet(address(2), address(0), b"reading", next_header=253)
    radio = Radio()
    line(radio, 0, 1)
    radio.dao(20, (3, 0))
    radio.packet(30, up, 2, 1)
    radio.packet(100, up, 2, 1, acked=False, attempts=4)
    radio.packet(120, up, 2, 1, acked=False, attempts=4)
    dao = rpl.Dao(0, 241, options=(rpl.Target(address(2)), rpl.Transit(address(1 if again else 3))))
    radio.packet(150, ipv6.Packet(address(2), address(0), dao), 2, 3)
    assert orphans(of(radio)) == [(eui(2), "parent silent", eui(2), 100, ends)]


def test_transfers_given_up_are_counted_from_the_last_delivered_one_on() -> None:
    up = ipv6.Packet(address(1), address(0), b"reading", next_header=253)
    radio = Radio()
    line(radio, 0, 1)
    for at, acked in ((100, False), (110, True), (120, False), (140, False), (160, True)):
        radio.packet(at, up, 1, 0, acked=acked, attempts=3)
    assert orphans(of(radio)) == [(eui(1), "parent silent", eui(1), 120, 160)]


def test_who_hangs_below_a_circle_has_no_way_for_its_sake() -> None:
    radio = Radio()
    line(radio, 0, 4)
    radio.dao(100, (1, 3, 2, 1), sequence=241)
    found = of(radio)
    assert [loop.nodes for loop in found.loops] == [(eui(1), eui(3), eui(2))]
    below = [orphan for orphan in found.orphans if orphan.eui64 == eui(4)]
    assert [(orphan.why, orphan.at) for orphan in below] == [("loop", eui(3))]


def test_what_a_node_said_is_remembered_as_far_back_as_a_question_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_module, "RECENT", 2)
    heard = mesh_module._Heard()
    for at in range(10, 60, 10):
        heard.add(at)
    spans = [(since, until) for since in range(30, 61) for until in range(since, 61)]
    for since, until in [(25, 30), (25, 35), *spans]:
        assert heard.between(since, until) is any(since <= at <= until for at in range(10, 60, 10)), (since, until)


def test_changes_of_one_moment_are_in_the_order_of_cause_and_effect() -> None:
    """By node: parents, then ranks, then hop counts; two of one kind and node as they came."""
    one, two = eui(1), eui(2)
    found = Mesh(
        dodags=(),
        parents={two: (Change(5, one, "DAO"), Change(5, None, "DAO"))},
        ranks={one: (RankChange(5, one, 1, 300), RankChange(5, one, 1, 200)), two: (RankChange(4, one, 1, 9),)},
        depths={one: (DepthChange(5, 2),), two: (DepthChange(5, 1), DepthChange(3, 4))},
        loops=(),
        orphans=(),
    )
    rows = mesh_json(attrs.evolve(measure([]).mesh, mesh=found))["changes"]
    assert isinstance(rows, list)
    told = [(row["t_ns"], row["node"][-1], *list(row)[2:]) for row in rows if isinstance(row, dict)]  # type: ignore[index]
    assert told == [
        (3, "2", "hops"),
        (4, "2", "rank", "version"),
        (5, "2", "parent", "evidence"),
        (5, "2", "parent", "evidence"),
        (5, "1", "rank", "version"),
        (5, "1", "rank", "version"),
        (5, "1", "hops"),
        (5, "2", "hops"),
    ]
    assert [row["rank"] for row in rows if isinstance(row, dict) and "rank" in row] == [9, 300, 200]
