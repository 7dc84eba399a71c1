"""What a frame, and a message in it, boils down to: at the edges of numbers, and where a part is missing."""

from __future__ import annotations

import attrs
import pytest

from bench.air.app import u_bus_standin
from bench.air.ip import dhcpv6, icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.udp import Udp
from bench.air.keys.eapol import EapolRelay
from bench.air.rpl import messages as rpl
from bench.measurands.air.sightings.reading import Reader, host_time_ns, message_of, sightings
from bench.measurands.air.sightings.sighting import (
    Acknowledged,
    AddressOwner,
    AddressRequest,
    Advertised,
    AuthenticationStep,
    Carried,
    Datagram,
    Registered,
)
from tests.measurands.air.radio import SECOND, T0, Radio, address, eui, ping_data

DAY = 86_400 * SECOND
NOBODY = bytes(16)


def test_a_frame_with_a_wrong_fcs_says_when_it_was_there_and_how_long() -> None:
    radio = Radio()
    radio.pas(0, 1)
    [frame] = radio.frames()
    plain = Reader().read(frame)
    assert (plain.src, plain.kind) == (eui(1), "PAS")
    for changed in (attrs.evolve(frame, fcs_ok=False), attrs.evolve(frame, mac=None)):
        found = Reader().read(changed)
        assert (found.src, found.seq, found.asks, found.content) == (None, None, False, None)
        assert (found.start_ns, found.octets) == (plain.start_ns, plain.octets)
        assert found.kind != "PAS"


def test_a_datagram_in_fragments_began_with_the_first_of_them() -> None:
    """On its own link; what another one sends in between, and after it, began with itself."""
    radio = Radio()
    long, short = (icmpv6.EchoRequest(7, 1, bytes(octets)) for octets in (400, 8))
    radio.fragments(10, ipv6.Packet(address(0), address(1), long), 0, 1, tag=5)
    frames = radio.frames()
    first, *_, last = (frame for frame in frames if frame.kind == "DATA")
    other = Radio()
    other.echo(10, (2, 0), short)
    between, after = other.frames()[0], attrs.evolve(other.frames()[0], time_ns=last.time_ns + SECOND)
    found = list(sightings((first, between, last, after)))
    told = {one.ordinal: one.content for one in found if isinstance(one.content, Datagram)}
    begun = {ordinal: (content.first_ns, content.first_octets) for ordinal, content in told.items()}
    starts = [(one.start_ns, one.octets) for one in found]
    assert begun == {1: starts[1], 2: starts[0], 3: starts[3]}


def test_what_a_relay_carries_is_no_step_on_the_nodes_own_link() -> None:
    radio = Radio()
    radio.authenticate(0, 1, 0)
    frames = [frame for frame in radio.frames() if frame.eapol is not None]
    assert all(isinstance(one.content, AuthenticationStep) for one in sightings(frames))
    for changed in ({"relay": EapolRelay(eui(1), 1, b"")}, {"src": None}, {"dst": None}, {"eapol": None}):
        assert [one.content for one in sightings(attrs.evolve(f, **changed) for f in frames)] == [None] * len(frames)


@pytest.mark.parametrize(
    ("apart_ns", "told"),
    [(DAY - SECOND, True), (DAY, False), (DAY + SECOND // 2, False), (SECOND - DAY, True), (-DAY, False)],
)
def test_a_time_in_an_echo_lies_within_a_day(apart_ns: int, told: bool) -> None:
    assert host_time_ns(ping_data(T0 + apart_ns), T0) == (T0 + apart_ns if told else None)


@pytest.mark.parametrize(("status", "accepted"), [(0, True), (127, True), (128, False), (255, False)])
def test_a_dao_is_rejected_from_128_on(status: int, accepted: bool) -> None:
    assert message_of(address(0), rpl.DaoAck(0, 9, status), 0) == Acknowledged(9, accepted)


def test_whose_address_a_registration_names() -> None:
    ours = nd.AddressRegistration(eui(1), 40)
    routed = nd.AddressRegistration(eui(1), 40, flags=nd.AddressRegistration.ROUTE)
    longer = nd.AddressRegistration(bytes(16), 40)
    for options, src, wanted in (
        ((ours,), address(1), AddressOwner(address(1), eui(1))),
        ((routed,), address(1), AddressOwner(address(2), eui(1))),
        ((ours,), NOBODY, None),
        ((longer,), address(1), None),
        ((), address(1), None),
    ):
        assert message_of(src, nd.NeighborSolicitation(address(2), options), 0) == wanted
    for status, accepted in ((0, True), (1, False)):
        told = nd.NeighborAdvertisement(address(2), options=(nd.AddressRegistration(eui(1), 40, status),))
        assert message_of(address(0), told, 0) == Registered(address(2), eui(1), accepted)
    assert message_of(address(0), nd.NeighborAdvertisement(address(2)), 0) is None


def test_a_group_of_targets_has_the_parent_of_the_highest_preference() -> None:
    """RFC 6550 6.7.8: transits hold for the targets before them; the next target begins another group."""
    one, two, three, four = (rpl.Target(address(n)) for n in (1, 2, 3, 4))
    low, high = (rpl.Transit(address(n), path_control=control) for n, control in ((7, 1), (8, 2)))
    gone = rpl.Transit(address(7), path_lifetime=0)
    equal = rpl.Transit(address(8), path_control=1)
    prefix = attrs.evolve(four, prefix_length=64)
    for options, routes, withdrawn in (
        ((one, two, low, high, three, low), ((1, 8), (2, 8), (3, 7)), ()),
        ((one, high, low), ((1, 8),), ()),
        ((one, low, low), ((1, 7),), ()),
        ((one, gone, two, high), ((2, 8),), (1,)),
        ((one, gone, high), ((1, 8),), ()),
        ((one, low, equal), ((1, 7),), ()),
        ((one, low, two, three, high), ((1, 7), (2, 8), (3, 8)), ()),
        ((prefix, one, low), ((1, 7),), ()),
        ((low, one, high), ((1, 8),), ()),
    ):
        wanted = Advertised(
            3,
            tuple((address(node), address(parent)) for node, parent in routes),
            tuple(address(node) for node in withdrawn),
        )
        assert message_of(address(1), rpl.Dao(0, 3, options=options), 0) == wanted


def test_a_message_of_u_bus_is_the_same_on_every_hop() -> None:
    radio = Radio()
    radio.pas(0, 1)
    [frame] = radio.frames()
    kinds = u_bus_standin.Kind

    def carried(kind: int, hops_left: int, payload: bytes = b"reading") -> Carried:
        message = u_bus_standin.Message(kind, eui(1), eui(0), 7, hops_left, payload)
        content = Reader().read(attrs.evolve(frame, content=message)).content
        assert isinstance(content, Carried)
        return content

    assert carried(kinds.DATA, 3) == carried(kinds.DATA, 2)
    assert carried(kinds.DATA, 3) != carried(kinds.DATA, 3, b"another")
    assert (carried(kinds.DATA, 3).data, carried(kinds.REGISTER, 3).data) == (True, False)
    assert (carried(kinds.DATA, 3).origin, carried(kinds.DATA, 3).final) == (eui(1), eui(0))


@pytest.mark.parametrize(
    ("micros", "width", "told"),
    [
        (0, 8, True),
        (999_999, 8, True),
        (1_000_000, 8, False),
        (0, 4, False),
        (1, 4, True),
        (999_999, 4, True),
        (1_000_000, 4, False),
    ],
)
def test_a_time_of_seconds_and_microseconds(micros: int, width: int, told: bool) -> None:
    """Of 32 bits each with no microseconds it may be the lower half of 64 bits, and is none."""
    second = T0 // SECOND
    data = second.to_bytes(width, "little") + micros.to_bytes(width, "little")
    assert host_time_ns(data, T0) == (T0 + micros * 1000 if told else None)
    assert host_time_ns(data[:-1], T0) is None


def test_a_lease_is_told_with_its_address_and_its_client() -> None:
    client, nobody = dhcpv6.ClientId(dhcpv6.duid_of(eui(1))), dhcpv6.ClientId(b"\x00\x09odd")
    given = dhcpv6.IaNa(1, options=(dhcpv6.IaAddress(address(1)),))
    reply = dhcpv6.MessageType.REPLY
    for kind, options, wanted in (
        (reply, (client, given), AddressOwner(address(1), eui(1))),
        (reply, (given,), None),
        (reply, (client,), None),
        (reply, (client, dhcpv6.IaNa(1)), None),
        (reply, (nobody, given), None),
        (dhcpv6.MessageType.SOLICIT, (client, given), AddressRequest()),
        (dhcpv6.MessageType.ADVERTISE, (client, given), None),
    ):
        message = dhcpv6.build(dhcpv6.Message(kind, 1, options))
        assert message_of(address(0), Udp(547, 546, message), 0) == wanted
