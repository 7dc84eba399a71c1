"""Parents and names at the edges of their rules, told sign by sign."""

from __future__ import annotations

import attrs
import pytest

from bench.air.frame.decoder import Frame
from bench.air.ip import packet as ipv6
from bench.air.rpl import messages as rpl
from bench.measurands.air.figures.hops import (
    COPY_WINDOW_NS,
    DEEPEST,
    SETTLE_NS,
    AddressBook,
    Change,
    Routes,
    routes,
)
from bench.measurands.air.figures.mesh import mesh
from bench.measurands.air.sightings import expiry
from bench.measurands.air.sightings.digest import digest
from bench.measurands.air.sightings.sighting import AddressOwner, Advertised, Datagram
from tests.measurands.air.radio import SECOND, T0, Radio, address, eui

STRANGER = bytes.fromhex("20010db8000000000000000000000009")


def book(nodes: int) -> AddressBook:
    """Border router 0 and so many nodes, known by one frame each."""
    radio = Radio()
    radio.pa(0, 0, 0)
    for n in range(1, nodes + 1):
        radio.pas(n, n)
    return AddressBook.of(digest(radio.frames()))


def advertised(sequence: int, node: int, parent: int) -> Advertised:
    return Advertised(sequence, ((address(node), address(parent)),), ())


def parents(found: Routes, node: int) -> list[tuple[int, bytes | None]]:
    return [(change.t_ns, change.parent) for change in found.changes(eui(node))]


def of(frames: list[Frame]) -> Routes:
    return routes(digest(frames))


@pytest.mark.parametrize("weaker", ["source route", "next hop"])
def test_a_weaker_sign_of_another_parent_counts_once_packets_on_the_old_route_are_gone(weaker: str) -> None:
    for later_ns, counts in ((0, False), (SETTLE_NS - 1, False), (SETTLE_NS, True), (SETTLE_NS + 1, True)):
        found = Routes(book(3))
        found.record(eui(1), Change(T0, eui(2), "DAO"))
        found.record(eui(1), Change(T0 + later_ns, eui(3), weaker))
        assert (len(found.changes(eui(1))) == 2) is counts, later_ns
    assert SETTLE_NS == 10_000_000_000


@pytest.mark.parametrize(
    ("first", "then", "counts"),
    [
        ("DAO", "DAO", True),
        ("next hop", "DAO", True),
        ("next hop", "source route", True),
        ("source route", "next hop", False),
        ("next hop", "next hop", True),
    ],
)
def test_a_sign_of_another_parent_that_is_not_weaker_counts_at_once(first: str, then: str, counts: bool) -> None:
    found = Routes(book(3))
    found.record(eui(1), Change(T0, eui(2), first))
    found.record(eui(1), Change(T0 + 1, eui(3), then))
    assert (len(found.changes(eui(1))) == 2) is counts


def test_the_same_parent_is_told_again_by_a_stronger_sign_alone() -> None:
    found = Routes(book(2))
    for at, evidence in enumerate(("source route", "next hop", "source route", "DAO", "DAO", "next hop")):
        found.record(eui(1), Change(T0 + at, eui(2), evidence))
    assert [change.evidence for change in found.changes(eui(1))] == ["source route", "DAO"]


@pytest.mark.parametrize("kept", [1, 1024])
@pytest.mark.parametrize("begin_ns", [0, T0])
def test_a_dao_heard_again_within_the_window_is_its_copy(
    begin_ns: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "FEW", kept)
    for later_ns, counts in ((COPY_WINDOW_NS - 1, False), (COPY_WINDOW_NS, True)):
        found = Routes(book(3))
        found.advertise(begin_ns, advertised(1, 1, 2))
        found.advertise(begin_ns + 1, advertised(2, 1, 3))
        found.advertise(begin_ns + later_ns, advertised(1, 1, 2))
        wanted = [(begin_ns, eui(2)), (begin_ns + 1, eui(3)), (begin_ns + later_ns, eui(2))]
        assert parents(found, 1) == wanted[: 3 if counts else 2], later_ns
    assert COPY_WINDOW_NS == 60_000_000_000


def test_daos_that_are_no_copies_any_more_are_forgotten() -> None:
    found = Routes(book(2))
    for n in range(1, 1200):
        found.advertise(T0 + n * COPY_WINDOW_NS, advertised(n, 1, 2))
    assert len(found._copies) < 300


def test_a_parent_that_nobody_knows_is_no_parent_and_withdraws_nothing() -> None:
    found = Routes(book(2))
    found.advertise(T0, advertised(1, 1, 2))
    found.advertise(T0 + 1, Advertised(2, ((address(1), STRANGER),), ()))
    found.advertise(T0 + 2, Advertised(3, ((STRANGER, address(2)),), ()))
    assert parents(found, 1) == [(T0, eui(2))]
    found.advertise(T0 + 3, Advertised(4, (), (address(1),)))
    assert parents(found, 1)[1:] == [(T0 + 3, None)]


def test_the_deepest_chain() -> None:
    found = Routes(book(DEEPEST + 1))
    for n in range(1, DEEPEST + 2):
        found.record(eui(n), Change(T0, eui(n - 1), "DAO"))
    assert DEEPEST == 64
    assert found.depth(eui(DEEPEST)) == DEEPEST
    assert found.depth(eui(DEEPEST + 1)) is None


def test_where_nothing_else_tells_the_root_daos_go_to_it() -> None:
    radio = Radio()
    radio.dao(1, (2, 1, 0))
    assert AddressBook.of(digest(radio.frames())).border_routers == {eui(0)}


def test_a_group_is_nobody_whatever_its_last_octets_say() -> None:
    """ff03::1 ends as the address of 02:00:00:00:00:00:00:01 does."""
    node = bytes.fromhex("0200000000000001")
    radio = Radio()
    radio.pas(0, 1)
    known = AddressBook()
    for sighting in digest(radio.frames()).sightings:
        known.learn(sighting._replace(src=node))
    assert known.eui64(ipv6.address_from_eui64(bytes.fromhex("fd00000000000000"), node)) == node
    assert known.eui64(bytes.fromhex("ff030000000000000000000000000001")) is None


def test_who_is_named_in_a_dao_is_a_node_unless_its_address_was_leased_to_another() -> None:
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.dao(1, (3, 2, 1, 0))
    only = [frame for frame in radio.frames() if frame.src in (eui(0), eui(1))]
    assert AddressBook.of(digest(only)).nodes == {eui(n) for n in range(4)}
    other = bytes.fromhex("20010db80000000000000000ff00fe01")
    options = (rpl.Target(STRANGER), rpl.Target(other), rpl.Target(address(7)), rpl.Transit(address(0)))
    radio.packet(2, ipv6.Packet(address(1), address(0), rpl.Dao(0, 1, options=options)), 1, 0)
    seen = digest(radio.frames())
    assert AddressBook.of(seen).nodes == {eui(n) for n in (0, 1, 2, 3, 7)}
    known = AddressBook()
    for sighting in seen.sightings:
        if isinstance(sighting.content, Datagram) and sighting.content.message is not None:
            told = attrs.evolve(sighting.content, message=AddressOwner(address(7), eui(3)))
            known.learn(sighting._replace(content=told))
        known.learn(sighting)
    assert known.nodes == {eui(n) for n in range(4)}
    assert known.eui64(address(7)) == eui(3)


def test_of_several_targets_one_with_a_parent_is_enough_for_non_storing_mode() -> None:
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.dao(1, (1, 0))
    radio.dao(2, (2, 0))
    frames = radio.frames()
    mixed = Advertised(9, ((address(1), None), (address(2), address(1))), ())
    plain = Advertised(9, ((address(1), None), (address(2), None)), ())
    for dao, wanted in ((mixed, [eui(0), None]), (plain, [eui(0)])):
        seen = digest(frames)
        found = routes(seen)
        *_, last = ((s, s.content) for s in seen.sightings if isinstance(s.content, Datagram))
        sighting, content = last
        found.prepare(sighting._replace(start_ns=T0 + 90 * SECOND, content=attrs.evolve(content, message=dao)))
        assert [parent for _, parent in parents(found, 1)] == wanted


def test_a_source_route_over_a_stranger_tells_no_parent_of_who_comes_after_it() -> None:
    radio = Radio()
    radio.pa(0, 0, 0)
    for n in (1, 2, 3):
        radio.pas(n, n)
    radio.dao_ack(10, (3, 2, 1, 0))
    frames = radio.frames()
    assert [of(frames).parent_at(eui(n)) for n in (1, 2, 3)] == [eui(0), eui(1), eui(2)]
    without = [frame for frame in frames if frame.src != eui(2)]
    found = of(without)
    assert [found.parent_at(eui(n)) for n in (1, 3)] == [eui(0), None]
    assert found.changes(eui(3)) == ()


def test_a_mesh_is_followed_as_deep() -> None:
    seen = digest(_line(DEEPEST + 1))
    depths = mesh(seen, routes(seen)).depths
    assert [depths[eui(n)][-1].hops for n in (1, DEEPEST)] == [1, DEEPEST]
    assert eui(DEEPEST + 1) not in depths


def _line(nodes: int) -> list[Frame]:
    radio = Radio()
    radio.pa(0, 0, 0)
    for n in range(1, nodes + 1):
        radio.dao(n, (n, n - 1))
    return radio.frames()
