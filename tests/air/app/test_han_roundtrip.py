"""Whatever HAN message is built can be parsed again, to the octet; noise and damage raise Malformed only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bench.air.app import coap, echonet, pana
from bench.air.app.echonet_classes import PROPERTIES
from bench.air.errors import Malformed
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import HopByHop, Rpi
from bench.air.ip.udp import Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import sixlorh
from bench.air.lowpan.datagram import Datagram, Fragment
from bench.air.lowpan.fragment import Reassembler, fragment
from bench.air.mac import beacon, command, mlme
from bench.air.octets import Reader
from tests.air.ip import packets
from tests.air.ip.packets import octets, some, u

quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
blob = st.binary(max_size=30)

avp = st.one_of(
    st.builds(pana.Avp, st.integers(100, 65535), blob),
    st.builds(pana.Avp, u(2), blob, u(4)),
    st.builds(pana.Avp, st.just(int(pana.Code.NONCE)), blob),
    st.builds(pana.number_avp, st.sampled_from([pana.Code.RESULT_CODE, pana.Code.KEY_ID]), u(4)),
)
pana_plain = st.builds(pana.Message, st.integers(1, 4), u(2), u(4), u(4), some(avp))
client = st.builds(pana.PacInformation, octets(16), u(2))
pana_message = pana_plain | st.builds(pana.relay, client, pana_plain)

_PLAIN_OPTIONS = st.integers(0, 0xFFFF).filter(lambda number: number not in (19, 23, 27, 31))
coap_option = st.one_of(
    st.builds(coap.Option, _PLAIN_OPTIONS, st.binary(max_size=300)),
    st.builds(
        coap.block_option,
        st.sampled_from([coap.OptionNumber.BLOCK1, coap.OptionNumber.BLOCK2]),
        st.builds(coap.Block, st.integers(0, 0xFFFFF), st.booleans(), st.sampled_from([16, 32, 64, 512, 1024])),
    ),
)
coap_options = st.lists(coap_option, max_size=5).map(lambda found: tuple(sorted(found, key=lambda o: o.number)))
coap_message = st.one_of(
    st.builds(coap.Message, st.integers(0, 3), st.integers(1, 255), u(2), st.binary(max_size=8), coap_options, blob),
    st.builds(coap.Message, st.integers(0, 3), st.just(0), u(2)),
)

properties = some(st.builds(echonet.Property, u(1), st.binary(max_size=40)))
_TWO = (0x6E, 0x7E, 0x5E)
echonet_message = st.one_of(
    st.builds(echonet.Message, u(2), u(3), u(3), u(1).filter(lambda esv: esv not in _TWO), properties),
    st.builds(echonet.Message, u(2), u(3), u(3), st.sampled_from(_TWO), properties, properties),
    st.builds(echonet.Arbitrary, u(2), blob),
)

slot = st.builds(beacon.Gts, u(2), st.integers(0, 15), st.integers(0, 15), st.booleans())
addresses = st.tuples(some(octets(2), 3), some(octets(8), 4)).map(lambda both: (*both[0], *both[1]))
nibble = st.integers(0, 15)
beacons = st.builds(
    beacon.Beacon,
    *(nibble, nibble, nibble, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    *(some(slot, 7), addresses, blob),
)
commands = st.one_of(
    st.builds(command.AssociationRequest, u(1)),
    st.builds(command.AssociationResponse, u(2), u(1)),
    st.builds(command.Disassociation, u(1)),
    st.builds(command.Realignment, u(2), u(2), u(1), u(2), st.none() | u(1)),
    st.builds(command.GtsRequest, nibble, st.booleans(), st.booleans()),
    st.builds(command.RitDataRequest, u(1), u(1), u(2)),
    st.just(command.RitDataRequest()),
    st.builds(command.RawCommand, st.sampled_from([0, 4, 5, 6, 7, 0x13, 0x24, 0xFF]), blob),
)
filters = st.builds(
    mlme.EbFilter, st.booleans(), st.none() | u(1), st.none() | u(1), st.none() | st.binary(min_size=1, max_size=3)
)

route = st.sampled_from([1, 2, 4, 8, 16]).flatmap(
    lambda size: st.builds(sixlorh.SourceRoute, st.lists(octets(size), min_size=1, max_size=32).map(tuple))
)
flags = st.integers(0, 7).map(lambda bits: bits << 5)
ranks = u(2) | st.sampled_from([0, 0x100, 0x200])
information = st.builds(sixlorh.PacketInformation, u(1), ranks, flags)
headers = st.lists(
    st.one_of(
        route,
        information,
        st.builds(sixlorh.IpInIp, u(1), st.binary(max_size=16)),
        st.builds(sixlorh.Elective, st.sampled_from([7, 8, 200]), st.binary(max_size=31)),
    ),
    max_size=4,
).map(tuple)


@quick
@given(pana_message)
def test_pana(message: pana.Message) -> None:
    made = pana.build(message)
    assert pana.parse(made) == message
    assert len(made) % 4 == 0
    assert pana.describe(message)


@quick
@given(coap_message)
def test_coap(message: coap.Message) -> None:
    assert coap.parse(coap.build(message)) == message
    assert coap.describe(message)


@quick
@given(echonet_message)
def test_echonet(message: echonet.Message | echonet.Arbitrary) -> None:
    assert echonet.parse(echonet.build(message)) == message
    assert echonet.describe(message)


@quick
@given(beacons)
def test_beacons(record: beacon.Beacon) -> None:
    assert beacon.parse(beacon.build(record)) == record
    assert beacon.describe(record)


@quick
@given(commands)
def test_commands(record: command.Command) -> None:
    assert command.parse(command.build(record)) == record
    assert command.describe(record)


@quick
@given(filters)
def test_eb_filters(record: mlme.EbFilter) -> None:
    assert mlme.EbFilter.read(record.sub_ie().content) == record


@quick
@given(headers)
def test_routing_headers(found: tuple[sixlorh.Header, ...]) -> None:
    assert sixlorh.parse(Reader(sixlorh.build(found), "6LoRH")) == found
    assert all(map(sixlorh.describe, found))


@quick
@given(packets.packet(), st.builds(Rpi, u(1), ranks, flags), headers)
def test_packets_behind_routing_headers(packet: ipv6.Packet, rpi: Rpi, found: tuple[sixlorh.Header, ...]) -> None:
    """The RPL option of a hop-by-hop header that holds nothing else travels as RPI-6LoRH, and comes back."""
    assume(not any(isinstance(header, HopByHop) for header in packet.headers))
    inner = ipv6.Packet(
        packet.src, packet.dst, packet.upper, packet.hop_limit, packet.traffic_class, packet.flow,
        (HopByHop((rpi,)), *packet.headers), packet.next_header,
    )  # fmt: skip
    before = tuple(header for header in found if not isinstance(header, sixlorh.PacketInformation))
    made = ipv6.build(inner)
    routed = lowpan.compress_routed(made, packets.LINK_SRC, packets.LINK_DST, routing=before)
    assert routed[0] == sixlorh.PAGE_1
    back = lowpan.decompress(routed, packets.LINK_SRC, packets.LINK_DST)
    assert isinstance(back, Datagram)
    assert back.packet == made
    assert back.routing[: len(before)] == before


def test_fragments_behind_a_routing_header_make_the_packet() -> None:
    """Sizes and offsets count the packet with its hop-by-hop header, as RFC 8138 has them count it uncompressed."""
    inner = ipv6.Packet(
        ipv6.link_local(packets.LINK_SRC), ipv6.link_local(packets.LINK_DST), Udp(1, 2, bytes(range(200)))
    )
    plain = ipv6.build(inner)
    whole = ipv6.build(ipv6.Packet(inner.src, inner.dst, inner.upper, headers=(HopByHop((Rpi(0, 256),)),)))
    compressed = lowpan.compress_routed(whole, packets.LINK_SRC, packets.LINK_DST)
    head = len(compressed) - 200
    size = len(whole).to_bytes(2, "big")
    first = bytes((0xC0 | size[0], size[1], 0, 9)) + compressed[: head + 104]
    rest = bytes((0xE0 | size[0], size[1], 0, 9, (len(whole) - 96) // 8)) + whole[len(whole) - 96 :]
    assert (len(whole) - 96) % 8 == 0
    reassembler = Reassembler()
    pieces = [lowpan.decompress(piece, packets.LINK_SRC, packets.LINK_DST) for piece in (first, rest)]
    made = [reassembler.add(piece, None, None, 0) for piece in pieces if isinstance(piece, Fragment)]
    assert made[0] is None
    assert made[1] is not None
    assert made[1].packet == whole
    assert made[1].routing == (sixlorh.PacketInformation(0, 256),)
    assert fragment(plain, 400, 1)  # the plain packet itself is still compressed as before


NUMBERS = [(class_code, epc, kind) for class_code, listed in PROPERTIES.items() for epc, kind in listed.items()]


@pytest.mark.parametrize(
    ("class_code", "epc", "kind"), NUMBERS, ids=lambda value: value if isinstance(value, int) else ""
)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_property_writes_what_it_reads(class_code: int, epc: int, kind: object, data: st.DataObject) -> None:
    """Octets of any likely length: refused, or read, described, and written again to the same octets."""
    found = PROPERTIES[class_code][epc].format
    stamp = datetime(2026, 4, 1, 10, 30)
    prefix = data.draw(
        st.sampled_from([b"", b"\x30", b"\x41", b"\0\0F\0", b"\x07\xea\4\1" + bytes((stamp.hour, 30, 0))])
    )
    length = data.draw(st.sampled_from([0, 1, 2, 3, 4, 6, 8, 11, 12, 15, 16, 17, 109, 192, 194]))
    edt = (prefix + data.draw(octets(length)))[: max(length, len(prefix))]
    try:
        value = found.read(edt)
    except Malformed:
        return
    assert found.text(value) or not edt
    assert found.write(value) == edt


PARSERS: tuple[Callable[[bytes], object], ...] = (
    pana.parse,
    coap.parse,
    echonet.parse,
    beacon.parse,
    command.parse,
    mlme.names,
    mlme.EbFilter.read,
    lambda data: lowpan.decompress(b"\xf1" + data, packets.LINK_SRC, packets.LINK_DST, {0: packets.PREFIX}),
)


def _only_malformed(data: bytes) -> None:
    for parse in PARSERS:
        try:
            parse(data)
        except Malformed as error:
            assert str(error)  # noqa: PT017


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=120))
def test_noise_raises_malformed_only(data: bytes) -> None:
    _only_malformed(data)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        pana_message.map(pana.build),
        coap_message.map(coap.build),
        echonet_message.map(echonet.build),
        beacons.map(beacon.build),
        headers.map(sixlorh.build),
    ),
    st.data(),
)
def test_damage_raises_malformed_only(made: bytes, data: st.DataObject) -> None:
    damaged = bytearray(made)
    for _ in range(data.draw(st.integers(0, 3)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    _only_malformed(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
    _only_malformed(bytes(damaged))


def test_numbers_are_exact() -> None:
    cubic = PROPERTIES[0x0282][0xE0].format
    assert cubic.write(Decimal("999999.999")) == (999_999_999).to_bytes(4, "big")
