"""What other FAN stacks ask of a neighbour, and how the twin's nodes answer; the elements in its frames are those of a
real border router and router (captures ``rigline2``, ``mbed-line2``).
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.link import NO_FCS, Record
from bench.air.frame.decoder import Decoder, Frame
from bench.air.ip import icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.keys.table import KeyTable, gak
from bench.air.rpl import messages as rpl
from bench.air.wisun import frames as wisun
from bench.twin.mesh.advertiser import PanState
from bench.twin.mesh.dodag import INFINITE_RANK
from bench.twin.mesh.mac_layer import Heard
from bench.twin.mesh.member import Terminal
from bench.twin.terminal.network import JoinState
from tests.air.mac_captures import keys_of, need
from tests.skips import ONCE
from tests.twin.mesh.air import GTK, NAME, NODES, Air, plan
from tests.twin.mesh.test_join import join

pytestmark = ONCE

BR, M1, T1 = (bytes.fromhex(NODES[name]) for name in ("br", "m1", "t1"))


def decoded(air: Air) -> list[Frame]:
    decoder = Decoder(KeyTable([(1, gak(NAME, GTK))]))
    return [decoder.decode(Record(n, c.end_ns, NO_FCS, c.psdu)) for n, c in enumerate(air.frames(), 1)]


def uppers(frames: list[Frame], kind: type) -> list[tuple[Frame, Packet]]:
    """Frames, and the innermost packet, whose upper layer is of that class."""
    packets = ((f, ipv6.innermost(f.packet)) for f in frames if f.packet is not None)
    return [(f, packet) for f, packet in packets if isinstance(packet.upper, kind)]


@pytest.fixture(scope="module")
def air() -> Air:
    """Two terminals joined, and an hour of the settled mesh."""
    air = Air(plan())
    join(air, "t1", "t3", within_s=4000)
    return air


def kinds_of(frames: list[Frame], root: bytes) -> dict[tuple[str, bool, bool], set[tuple[str, ...]]]:
    """Elements by kind of frame, whether it has a destination, and whether the border router sent it."""
    found = defaultdict(set)
    for frame in frames:
        found[frame.kind, frame.dst is not None, frame.src == root].add(tuple(frame.ies))
    return found


def test_frames_have_the_elements_of_a_real_border_routers_and_routers(air: Air) -> None:
    decoder = Decoder(keys_of("rigline2"))
    real = [decoder.decode(record) for record in read_capture(need("rigline2.pcapng"))]
    theirs = kinds_of(real, next(f.src for f in real if f.kind == "PA" and f.src is not None))
    ours = kinds_of(decoded(air), BR)
    for key, elements in ours.items():
        assert key in theirs or key == ("DATA", False, False), key
        assert elements <= theirs.get(key, {("UTT", "BT", "US", "MPX")}), key
    assert {kind for kind, _, _ in ours} == {"PA", "PAS", "PC", "PCS", "EAPOL", "DATA", "ACK"}


def test_the_schedule_is_told_by_domain_and_class(air: Air) -> None:
    """FAN 1.0 stacks ignore a PA with a channel plan id (``mbed-line2`` has domain and class)."""
    decoder = Decoder(keys_of("mbed-line2"))
    records = (record for _, record in zip(range(200), read_capture(need("mbed-line2.pcapng")), strict=False))
    old = {us.schedule.plan for f in map(decoder.decode, records) if (us := f.ie(wisun.Us)) is not None}
    said = {us.schedule for frame in decoded(air) if (us := frame.ie(wisun.Us)) is not None}
    assert {(s.plan, s.domain, s.plan_id, s.fixed_channel) for s in said} == {(0, 2, 2, 10)}
    assert old == {0}


def test_a_dio_tells_the_trickle_that_its_sender_keeps() -> None:
    """A meter that boots begins with the shortest interval; the intervals, and so the DIOs in them, spread out from
    then on (RFC 6206, 4.2), as far as the longest."""
    air = Air(plan())
    air.run(1)
    air.mesh.mains("m2", False)
    air.run(5)
    air.mesh.mains("m2", True)
    air.run(40 * 3600)
    m2 = bytes.fromhex(NODES["m2"])
    told, sent = set[tuple[int, int]](), list[int]()
    for frame, packet in uppers(decoded(air), rpl.Dio):
        assert isinstance(packet.upper, rpl.Dio)
        for option in packet.upper.options:
            if isinstance(option, rpl.Configuration):
                told.add((option.interval_min, option.doublings))
        if frame.dst is None and frame.src == m2 and packet.upper.rank != INFINITE_RANK:
            sent.append(frame.time_ns)
    ((interval_min, doublings),) = told
    shortest_ns, longest_ns = 2**interval_min * 1_000_000, 2 ** (interval_min + doublings) * 1_000_000
    gaps = [b - a for a, b in pairwise(sent)]
    # From the second half of an interval to that of the next, which is twice as long: half an interval to 2.5 of them.
    assert 0.5 * shortest_ns <= gaps[0] <= 2.5 * shortest_ns
    assert 0.5 * longest_ns <= max(gaps) <= 1.5 * longest_ns
    assert gaps[3] > gaps[0]


def test_a_neighbour_solicitation_is_answered(air: Air) -> None:
    """RFC 4861, 7.2.4 and RFC 6775, 5.5: the registration is taken, with status 0."""
    frames = decoded(air)
    asked = uppers(frames, nd.NeighborSolicitation)
    answered = {
        (f.src, f.dst, packet.src, packet.dst): packet.upper for f, packet in uppers(frames, nd.NeighborAdvertisement)
    }
    assert len(asked) >= 4
    for frame, packet in asked:
        assert isinstance(packet.upper, nd.NeighborSolicitation)
        answer = answered[frame.dst, frame.src, packet.dst, packet.src]
        assert isinstance(answer, nd.NeighborAdvertisement)
        assert (answer.target, answer.flags) == (packet.upper.target, nd.ROUTER | nd.SOLICITED)
        assert answer.options == packet.upper.options


def test_a_bare_solicitation_is_answered_too() -> None:
    """nanostack asks so, without an option, whether its neighbour is there."""
    air = Air(plan())
    t1 = air.mesh.terminals["t1"]
    assert isinstance(t1, Terminal)
    join(air, "t1", within_s=150)
    seen = len(air.frames())
    target = ipv6.link_local(M1)
    t1.ip.send(Packet(ipv6.link_local(T1), target, nd.NeighborSolicitation(target), 255), M1)
    air.run(2)
    ((frame, packet),) = uppers(decoded(air)[seen:], nd.NeighborAdvertisement)
    assert (frame.src, frame.dst, packet.dst) == (M1, T1, ipv6.link_local(T1))
    assert packet.upper == nd.NeighborAdvertisement(target, nd.ROUTER | nd.SOLICITED)


@pytest.mark.parametrize("octets", [16, 1000, 1400, 3000])
@pytest.mark.parametrize("name", ["t3", "m2"])
def test_an_echo_request_is_answered_over_the_mesh(name: str, octets: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also above the IPv6 MTU of 1,280: the sender cuts, the addressee puts together (RFC 8200, 4.5)."""
    air = Air(plan())
    join(air, "t3", within_s=150)
    router = air.mesh.border_router
    got: list[Packet] = []
    monkeypatch.setattr(router, "on_ip", lambda packet, _neighbour: got.append(packet))
    assert router.address is not None
    data = bytes(at % 251 for at in range(octets))
    target = ipv6.address_from_eui64(router.address, bytes.fromhex(NODES[name]))
    seen = len(air.frames())
    router.send_packet(Packet(router.address, target, icmpv6.EchoRequest(7, octets, data)))
    air.run(30)
    replies = [packet for packet in got if isinstance(packet.upper, icmpv6.EchoReply)]
    assert [(p.src, p.dst, p.upper) for p in replies] == [(target, router.address, icmpv6.EchoReply(7, octets, data))]
    frames = [f for f in decoded(air)[seen:] if f.src == BR and f.packet is not None]
    assert any("fragment" in f.info for f in frames) is (octets > 1232)


def test_a_long_datagram_reaches_the_head_end() -> None:
    air = Air(plan())
    join(air, "t3", within_s=150)
    got: list[bytes] = []
    air.mesh.head_end.on_datagram(lambda _eui64, payload: got.append(payload))
    data = bytes(at % 253 for at in range(2000))
    assert air.mesh.terminals["t3"].send(data)
    air.run(20)
    assert got == [data]


def advertise(terminal: Terminal, src: bytes, pan_id: int, size: int, cost: int, load: int) -> None:
    """A PA of another router, as the terminal's radio hears it."""
    state = PanState(wisun.Pan(size, cost), wisun.Jm(1, ((wisun.Jm.LOAD, bytes((load,))),)))
    frame = wisun.pa(src, pan_id, NAME, state.pan, jm=state.jm)
    terminal.on_pa(Heard(frame, 0, src, False, -60), state)


@pytest.mark.parametrize(
    ("other", "chosen"),
    [
        ((0x1111, 10, 0, 95), 0x4B42),  # nearly full
        ((0x1111, 10, 0, 0), 0x1111),  # cheaper: 640 against 256 * 128
        ((0x1111, 600, 128, 0), 0x4B42),  # as near, and larger
    ],
    ids=["full", "cheaper", "larger"],
)
def test_the_pan_id_is_that_of_the_chosen_pa(other: tuple[int, int, int, int], chosen: int) -> None:
    """domain.md 5.4: the least load, then 256 times routing cost and 64 times size; PCS carries what was chosen, and
    with keys a node stays with their PAN."""
    air = Air(plan())
    t1 = air.mesh.terminals["t1"]
    assert isinstance(t1, Terminal)
    t1.power_on()
    t1.start_join()
    stranger = bytes.fromhex("024b42fffe00ffff")
    advertise(t1, stranger, *other)
    advertise(t1, M1, 0x4B42, 3, 128, 0)
    states: list[JoinState] = []
    t1.on_join_state(states.append)
    while JoinState.AUTHENTICATE not in states:
        air.kernel.step()
    seen = len(air.frames())
    air.run(12)
    asked = [f for f in decoded(air)[seen:] if f.kind == "EAPOL" and f.src == T1]
    assert {f.dst for f in asked} == {M1 if chosen == 0x4B42 else stranger}
    if chosen == 0x4B42:
        air.run(150)
        assert t1.join_state is JoinState.OPERATIONAL
        assert {f.pan for f in decoded(air) if f.kind == "PCS"} == {chosen}
        advertise(t1, stranger, 0x1111, 1, 0, 0)
        t1.power_off()
        t1.power_on()
        t1.start_join()
        advertise(t1, stranger, 0x1111, 1, 0, 0)
        air.run(60)
        assert t1.join_state is JoinState.OPERATIONAL
        assert {f.pan for f in decoded(air) if f.kind == "PCS"} == {chosen}
