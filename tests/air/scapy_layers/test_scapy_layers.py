"""scapy's layers on frames made by hand and by chance: where scapy 2.8 goes wrong, what it cannot read, and building.

The numbers in the names of the first tests are those of the list of scapy's bugs that the facts give.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.config import conf
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

from bench.air import scapy_layers
from bench.air.capture.link import FcsType, Tlv, write_tap
from bench.air.ip import extensions, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.udp import Udp
from bench.air.keys.security import ccm_star_encrypt, protect, unprotect
from bench.air.keys.table import KeyTable
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import links, sixlorh
from bench.air.mac import beacon, mpx
from bench.air.mac import frame as mac
from bench.air.mac.command import CommandId
from bench.air.mac.frame import AuxSecurity, MacFrame, decode_mac, encode_mac, fcs16, fcs32
from bench.air.mac.ies import HT1, Ie, write_payload_ies
from bench.air.rpl import messages as rpl
from bench.air.scapy_layers import (
    ND_MESSAGES,
    ND_OPTIONS,
    RPL_MESSAGES,
    RPL_OPTIONS,
    TAP_TLVS,
    WISUN_LAYERS,
    use_contexts,
)
from bench.air.scapy_layers.base import AirPacket, rebuilt
from bench.air.scapy_layers.icmpv6 import Icmp6Other
from bench.air.scapy_layers.ipv6 import Ip6, Ip6HopByHop, Ip6Mpl, Ip6Rpi, Ip6SourceRoute
from bench.air.scapy_layers.lorh import LorhElective, LorhIpInIp, LorhPacketInformation, LorhSourceRoute
from bench.air.scapy_layers.lowpan import LowpanBroadcast, LowpanFragFirst, LowpanIphc, LowpanIpv6, LowpanMesh
from bench.air.scapy_layers.mpx import MpxIe
from bench.air.scapy_layers.tap import WpanTap
from bench.air.scapy_layers.wpan import AuxSecurity as AuxLayer
from bench.air.scapy_layers.wpan import Sealed, Wpan, WpanBeacon, WpanCommand, WpanFcs
from bench.air.wisun import frames as wisun
from tests.air.ip import packets
from tests.air.ip.packets import LINK_DST, LINK_SRC, PREFIX
from tests.air.scapy_layers.scapy_records import element, ipv6_packet, mac_frame
from tests.air.scapy_layers.scapy_records import mpx as mpx_record

KEY = bytes(range(16))
RplDio, RplDao = RPL_MESSAGES[rpl.Dio.CODE], RPL_MESSAGES[rpl.Dao.CODE]
NdLinkAddress, NdNeighborSolicitation = (
    ND_OPTIONS[nd.LinkLayerAddress.SOURCE],
    ND_MESSAGES[nd.NeighborSolicitation.TYPE],
)
SRC, DST = ipv6.address_from_eui64(PREFIX, LINK_SRC), ipv6.address_from_eui64(PREFIX, LINK_DST)


@pytest.fixture(autouse=True)
def _own_settings() -> Iterator[None]:
    before = scapy_layers.settings.keys, scapy_layers.settings.contexts
    yield
    scapy_layers.settings.keys, scapy_layers.settings.contexts = before


def over_air(packet: ipv6.Packet, contexts: dict[int, bytes] | None = None) -> Any:
    """The packet of the Wi-SUN frame that carries it, checked to build its octets again."""
    octets = encode_mac(
        wisun.data(LINK_SRC, LINK_DST, lowpan.compress(ipv6.build(packet), LINK_SRC, LINK_DST, contexts), 7)
    )
    use_contexts(contexts or {})
    made = Wpan(octets)
    assert rebuilt(made) == octets
    assert ipv6_packet(made[Ip6]) == packet
    return made


def test_1_hop_limit_255_with_udp_is_no_escape() -> None:
    made = over_air(ipv6.Packet(SRC, DST, Udp(5683, 61616, b"x"), hop_limit=255), {0: PREFIX})
    assert bytes(made[LowpanIphc])[0] == 0x7F
    assert made[UDP].dport == 61616


@pytest.mark.parametrize(("traffic_class", "flow"), [(0b10110001, 0), (0b10110001, 77), (0b01, 77), (0xFF, 0xFFFFF)])
def test_2_traffic_class(traffic_class: int, flow: int) -> None:
    made = over_air(ipv6.Packet(SRC, DST, b"x", traffic_class=traffic_class, flow=flow))
    assert (made[IPv6].tc, made[IPv6].fl) == (traffic_class, flow)


def test_3_4_5_options_of_a_dio_and_a_dao_chain_whatever_they_hold() -> None:
    metrics = rpl.MetricContainer((rpl.Metric(rpl.Metric.ETX, 0, bytes((1, 2))), rpl.Metric(1, 3, bytes(4))))
    dio_options = (rpl.Configuration(), metrics, rpl.PrefixInformation(DST), rpl.RouteInformation(64, 9, PREFIX[:8]))
    dio = over_air(ipv6.Packet(SRC, DST, rpl.Dio(1, 2, 384, SRC, options=dio_options)))
    assert [type(option).__name__ for option in dio[RplDio].options] == [
        "RplConfiguration",
        "RplMetricContainer",
        "RplPrefixInformation",
        "RplRouteInformation",
    ]
    assert dio[RplDio].options[1].metrics[0].data == bytes((1, 2))
    dao_options = (
        rpl.Target(SRC),
        rpl.Transit(DST, 4),
        rpl.Padding(3),
        rpl.Target(PREFIX, 64),
        rpl.TargetDescriptor(5),
    )
    dao = over_air(ipv6.Packet(SRC, DST, rpl.Dao(1, 2, options=dao_options)))
    assert dao[RplDao].options[1].parent_address == ipv6.text(DST)


@pytest.mark.parametrize("segments_left", [0, 1, 2])
def test_6_source_route_and_the_checksum_of_its_last_address(segments_left: int) -> None:
    hops = [ipv6.address_from_eui64(PREFIX, bytes.fromhex(f"024b42fffe00010{n}")) for n in range(3)]
    first, route = extensions.source_route(hops)
    route = attrs.evolve(route, segments_left=segments_left)
    made = over_air(ipv6.Packet(SRC, first, Udp(1, 2, b"abc"), headers=(route,)))
    assert made[Ip6SourceRoute].addresses == [ipv6.text(hop) for hop in hops[1:]]
    octets = bytes(made)
    del made[UDP].chksum, made[IPv6].plen, made[Ip6SourceRoute].len
    assert bytes(made) == octets


@pytest.mark.parametrize(("hops", "orig", "final"), [(14, bytes(8), b"\1\2"), (200, b"\3\4", LINK_DST)])
def test_7_mesh_header_gives_the_addresses_and_may_be_deep(hops: int, orig: bytes, final: bytes) -> None:
    source = links.Links.of_frame(orig, final, None).src or b""
    packet = ipv6.build(ipv6.Packet(ipv6.LINK_LOCAL_PREFIX + source, DST, b"x"))
    octets = lowpan.build_mesh(lowpan.Mesh(hops, orig, final)) + b"\x50\x07" + lowpan.compress(packet, orig, final)
    frame = encode_mac(
        MacFrame(version=1, sequence=1, dst_pan=1, dst=LINK_DST, src_pan=1, src=LINK_SRC, payload=octets)
    )
    made = Wpan(frame)
    assert rebuilt(made) == frame
    assert made[LowpanMesh].orig == mac.format_address(orig)
    assert made[LowpanBroadcast].seqnum == 7
    assert bytes(made[Ip6]) == packet


def test_9_link_layer_option_with_an_eui64() -> None:
    options = (nd.LinkLayerAddress(1, LINK_SRC), nd.AddressRegistration(LINK_SRC, 120, tid=3, flags=1))
    made = over_air(ipv6.Packet(SRC, DST, nd.NeighborSolicitation(DST, options)))
    assert made[NdLinkAddress].address == LINK_SRC
    assert made[NdNeighborSolicitation].options[1].tid == 3


def test_11_frames_cut_anywhere_are_no_exception() -> None:
    whole = encode_mac(wisun.data(LINK_SRC, LINK_DST, lowpan.compress(bytes(40), None, None), 1))
    for length in range(1, len(whole)):
        for link_type in (195, 230, 283):
            try:
                packet = conf.l2types[link_type](whole[:length])
            except (ValueError, IndexError, struct.error):
                continue  # scapy's readers answer these with Raw
            assert rebuilt(packet) == whole[:length]


@pytest.mark.parametrize("kind", extensions.RPI_TYPES)
def test_rpi_of_both_types_and_mpl(kind: int) -> None:
    options = (extensions.Rpi(30, 384, 0x80, kind), extensions.Mpl(9, LINK_SRC, True))
    made = over_air(ipv6.Packet(SRC, DST, Udp(1, 2), headers=(extensions.HopByHop(options),)))
    assert (made[Ip6Rpi].getfieldval("type"), made[Ip6Rpi].down, made[Ip6Rpi].sender_rank) == (kind, 1, 384)
    assert (made[Ip6Mpl].sequence, made[Ip6Mpl].seed_id, made[Ip6Mpl].m) == (9, LINK_SRC, 1)


CONTEXTS = st.sampled_from([{}, {0: PREFIX}, {5: PREFIX, 9: bytes(8)}])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(packets.packet(), CONTEXTS)
def test_any_packet_is_read_as_the_bench_reads_it_and_built_again(
    packet: ipv6.Packet, contexts: dict[int, bytes]
) -> None:
    octets = ipv6.build(packet)
    assert ipv6_packet(Ip6(octets)) == packet
    assert rebuilt(Ip6(octets)) == octets
    if len(octets) < 1900:
        over_air(packet, contexts)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(packets.rarer_icmpv6_message)
def test_any_message_that_few_send_is_read_as_the_bench_reads_it(message: Any) -> None:
    octets = ipv6.build(ipv6.Packet(SRC, DST, message))
    made = Ip6(octets)
    assert ipv6_packet(made) == ipv6.parse(octets)
    assert rebuilt(made) == octets
    assert type(made.payload) is not Icmp6Other


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(packets.packet(depth=1), CONTEXTS, st.data())
def test_damaged_compression_is_built_as_it_came(
    packet: ipv6.Packet, contexts: dict[int, bytes], data: st.DataObject
) -> None:
    octets = bytearray(lowpan.compress(ipv6.build(packet), LINK_SRC, LINK_DST, contexts)[:1500])
    for _ in range(data.draw(st.integers(0, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    frame = encode_mac(wisun.data(LINK_SRC, LINK_DST, bytes(octets), 1))
    use_contexts(contexts)
    assert rebuilt(Wpan(frame)) == frame


# ---- the MAC -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [False, True])
@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("dst", [None, b"\x12\x34", LINK_DST])
@pytest.mark.parametrize("src", [None, b"\x56\x78", LINK_SRC])
def test_address_table_both_ways(version: int, dst: bytes | None, src: bytes | None, compression: bool) -> None:
    dst_pan, src_pan = mac.pans_present(version, len(dst or b""), len(src or b""), compression)
    frame = MacFrame(
        version=version,
        sequence=9,
        dst_pan=0xA0C1 if dst_pan else None,
        dst=dst,
        src_pan=0xB1C2 if src_pan else None,
        src=src,
        pan_id_compression=compression,
        payload=b"\x00abc",
    )
    octets = encode_mac(frame)
    assert mac_frame(Wpan(octets)) == frame
    assert rebuilt(Wpan(octets)) == octets
    if version:
        secured = encode_mac(attrs.evolve(frame, security=AuxSecurity(6, 1, 7, b"", 1), mic=bytes(range(8))))
        assert mac_frame(Wpan(secured)) == decode_mac(secured)
        assert rebuilt(Wpan(secured)) == secured
    made = Wpan(
        version=version,
        seq_no=9,
        dst=dst,
        src=src,
        dst_pan=0xA0C1,
        src_pan=0xB1C2,
        pan_id_compression=int(compression),
    )
    assert bytes(made / Raw(b"\x00abc")) == octets


@pytest.mark.parametrize("level", range(8))
@pytest.mark.parametrize("mode", range(4))
def test_security_headers_of_all_levels_and_modes(level: int, mode: int) -> None:
    source = bytes(range(4 * (mode - 1))) if mode > 1 else b""
    aux = AuxSecurity(level, mode, 0x01020304, source, 5 if mode else None)
    mic = bytes(range(mac.mic_octets(level)))
    frame = MacFrame(sequence=1, dst=LINK_DST, src=LINK_SRC, pan_id_compression=True, security=aux, mic=mic)
    octets = encode_mac(attrs.evolve(frame, payload=b"\x00\x01\x02"))
    made = Wpan(octets)
    assert mac_frame(made) == decode_mac(octets)
    assert rebuilt(made) == octets
    assert (Sealed in made) == (level > 3)


@pytest.mark.parametrize("source", [b"", bytes(range(4)), bytes(range(8))])
@pytest.mark.parametrize("level", range(1, 8))
def test_a_changed_frame_is_sealed_anew(level: int, source: bytes) -> None:
    frame = wisun.data(LINK_SRC, LINK_DST, lowpan.compress(bytes(40), LINK_SRC, LINK_DST), 200)
    octets = protect(frame, KEY, 0x10203, 1, level=level, key_source=source)
    scapy_layers.use_keys(KeyTable([(1, bytes(16)), (1, KEY)]))
    if level == 4:  # no MIC: which key is the right one, no trial tells
        assert not Wpan(octets).clear
        scapy_layers.use_keys(KeyTable([(1, KEY)]))
    made: Any = Wpan(octets)
    assert (made.clear, made.key) == (True, KEY)
    assert rebuilt(made) == octets
    made.seq_no, made.aux_sec.frame_counter = 201, 0x10204
    made[MpxIe].transaction = 3
    again = bytes(made)
    opened = unprotect(again, decode_mac(again), KEY)
    assert (opened.sequence, opened.security and opened.security.frame_counter) == (201, 0x10204)
    assert again[-4:] != octets[-4:] or level == 4


def test_a_frame_that_would_not_be_sealed_again_as_it_was_stays_sealed() -> None:
    """Such as one with a reserved bit set, which is authenticated, and which no builder sets again."""
    frame = wisun.data(LINK_SRC, LINK_DST, lowpan.compress(bytes(40), LINK_SRC, LINK_DST), 200)
    plain = decode_mac(protect(frame, KEY, 9, 1))
    header = encode_mac(attrs.evolve(plain, payload=b"", mic=b""))
    header = bytes((header[0] | 0x80,)) + header[1:]
    nonce = LINK_SRC + struct.pack(">IB", 9, 6)
    octets = header + ccm_star_encrypt(KEY, nonce, header, write_payload_ies(frame.payload_ies), 6)
    scapy_layers.use_keys(KeyTable([(1, KEY)]))
    made = Wpan(octets)
    assert rebuilt(made) == octets
    assert Sealed in made


def test_a_frame_made_in_the_shell_is_the_frame_that_the_twin_sends() -> None:
    packet = ipv6.Packet(SRC, DST, Udp(61616, 61617, b"hello"), hop_limit=64)
    frame = wisun.data(LINK_SRC, LINK_DST, lowpan.compress(ipv6.build(packet), LINK_SRC, LINK_DST), 5, us=None, ufsi=7)
    made = (
        Wpan(
            seq_no=5,
            pan_id_compression=1,
            ack_request=1,
            src=LINK_SRC,
            dst=LINK_DST,
            header_ies=[WISUN_LAYERS[wisun.Utt](ufsi=7), scapy_layers.HeaderIe(id=HT1)],
        )
        / MpxIe()
        / LowpanIphc()
        / Ip6(src=ipv6.text(SRC), dst=ipv6.text(DST))
        / UDP(sport=61616, dport=61617)
        / b"hello"
    )
    assert bytes(made) == encode_mac(frame)
    sealed = made.copy()
    sealed.aux_sec, sealed.clear, sealed.key = AuxLayer(frame_counter=9), True, KEY
    assert bytes(sealed) == protect(frame, KEY, 9, 1)


def test_a_changed_address_is_compressed_anew() -> None:
    made = over_air(ipv6.Packet(SRC, DST, Udp(61616, 61617, b"hello")), {0: PREFIX})
    other = bytes.fromhex("20010db8000000000000000000000007")
    made[IPv6].dst = ipv6.text(other)
    del made[UDP].chksum
    piece = lowpan.decompress(bytes(made[LowpanIphc]), LINK_SRC, LINK_DST, {0: PREFIX})
    assert isinstance(piece, lowpan.Datagram)
    read = ipv6.parse(piece.packet)
    assert (read.dst, read.upper, read.checksum_ok) == (other, Udp(61616, 61617, b"hello"), True)


def test_an_uncompressed_packet_and_a_first_fragment() -> None:
    packet = ipv6.build(ipv6.Packet(SRC, DST, Udp(1, 2, bytes(600))))
    plain = encode_mac(wisun.data(LINK_SRC, LINK_DST, b"\x41" + packet, 1))
    assert bytes(Wpan(plain)[LowpanIpv6].payload) == packet
    assert rebuilt(Wpan(plain)) == plain
    first = lowpan.compress(packet, LINK_SRC, LINK_DST)[:120]
    octets = encode_mac(wisun.data(LINK_SRC, LINK_DST, struct.pack(">HH", 0xC000 | len(packet), 77) + first, 1))
    made = Wpan(octets)
    assert (made[LowpanFragFirst].size, made[IPv6].plen) == (len(packet), len(packet) - 40)
    assert rebuilt(made) == octets


def test_routing_headers_of_rfc_8138_stand_before_the_compressed_packet() -> None:
    headers = (
        sixlorh.IpInIp(63, b"\7"),
        sixlorh.SourceRoute((b"\1\2", b"\3\4")),
        sixlorh.PacketInformation(0, 0x0300, 0x80),
        sixlorh.PacketInformation(5, 0x0301),
        sixlorh.Elective(7, b"abc"),
    )
    packet = ipv6.build(ipv6.Packet(SRC, DST, Udp(1, 2, b"x")))
    lorh = bytes((sixlorh.PAGE_1,)) + sixlorh.build(headers) + lowpan.compress(packet, LINK_SRC, LINK_DST)
    octets = encode_mac(wisun.data(LINK_SRC, LINK_DST, lorh, 1))
    made: Any = Wpan(octets)
    assert rebuilt(made) == octets
    assert bytes(made[Ip6]) == packet
    assert made[LorhSourceRoute].hops == b"\1\2\3\4"
    first, second = (made.getlayer(LorhPacketInformation, nb) for nb in (1, 2))
    assert (first.down, first.sender_rank) == (1, 0x0300)
    assert (second.instance_id, second.sender_rank) == (5, 0x0301)
    assert (made[LorhIpInIp].hop_limit, made[LorhIpInIp].encapsulator, made[LorhElective].data) == (63, b"\7", b"abc")


@pytest.mark.parametrize("version", [0, 1])
def test_beacon_and_command_as_the_bench_reads_them(version: int) -> None:
    said = beacon.Beacon(14, 8, 9, True, True, True, True, (beacon.Gts(0x1234, 3, 2),), (b"\1\2", LINK_DST), b"hello")
    frame = MacFrame(frame_type=0, version=version, sequence=1, src_pan=7, src=LINK_SRC, payload=beacon.build(said))
    made = Wpan(encode_mac(frame))
    layer = made[WpanBeacon]
    for name in (
        "beacon_order",
        "superframe_order",
        "final_slot",
        "battery_extension",
        "pan_coordinator",
        "gts_permit",
    ):
        assert layer.getfieldval(name) == getattr(said, name), name
    assert (layer.gts_count, layer.pending_short, layer.pending_long) == (1, 1, 1)
    assert bytes(layer.payload) == b"hello"
    assert rebuilt(made) == encode_mac(frame)
    asking = attrs.evolve(frame, frame_type=3, payload=b"\x04")
    assert Wpan(encode_mac(asking))[WpanCommand].cmd_id == CommandId.DATA_REQUEST


# ---- elements, MPX, TAP ------------------------------------------------------------------------------------------

SCHEDULE = wisun.Schedule(1, 0, 0, 920900, 3, 19, 3, None, b"\1\2\3", ((1, 2), (9, 12)))
MASKED = wisun.Schedule(1, 0, 0, 920900, 3, 19, 2, None, excluded_mask=bytes(3))
HASHES = (b"a" * 8, None, b"c" * 8)
ELEMENTS = (
    *(wisun.Utt(4, 0x123456), wisun.Bt(7, 0x123456), wisun.Fc(3, 4), wisun.Rsl(-90), wisun.Ea(LINK_SRC)),
    *(wisun.Lutt(9, 2, 3), wisun.Lbt(1, 2), wisun.Nr(1), wisun.Nr(2, 3, 4, 5, 6), wisun.Lus(60000, 1)),
    *(wisun.Flus(250, 2), wisun.Lbs(60000, 2, 3, 5), wisun.Lnd(1, 2, 3, 4, 5), wisun.Lto(1, 2), wisun.PanId(0xA0C1)),
    *(wisun.Lbc(60000, 5), wisun.Us(), wisun.Us(schedule=SCHEDULE), wisun.Bs(schedule=MASKED), wisun.Lcp(2, SCHEDULE)),
    *(wisun.Pan(5, 128, False, True, True, 1), wisun.NetName("Wi-SUN"), wisun.PanVersion(7), wisun.Lbats(2, 300)),
    *(wisun.GtkHash((b"a" * 8, b"b" * 8, bytes(8), b"d" * 8)), wisun.Pom((5, 6), True), wisun.LfnVersion(9)),
    *(wisun.Jm(1, ((1, b"\x05"), (2, b""), (3, bytes(4)))), wisun.LgtkHash(HASHES, 2)),
)


@pytest.mark.parametrize("made", ELEMENTS, ids=lambda made: made.NAME)
def test_every_element_is_the_record_and_builds_from_its_fields(made: wisun.Element) -> None:
    header = made.FORM == "header"
    ie = wisun.header_ie(made) if header else wisun.payload_ie(made)
    frame = MacFrame(
        sequence=1,
        src=LINK_SRC,
        pan_id_compression=True,
        header_ies=(*((ie,) if header else ()), Ie(HT1)),
        payload_ies=() if header else (ie,),
    )
    octets = encode_mac(frame)
    packet: Any = Wpan(octets)
    layer = packet.header_ies[0] if header else packet.payload_ies[0].elements[0]
    assert type(layer) is WISUN_LAYERS[type(made)]
    assert element(layer) == made
    assert rebuilt(packet) == octets
    del layer.length
    if not header:
        del packet.payload_ies[0].length
    assert bytes(packet) == octets


def test_every_element_with_a_record_is_tried() -> None:
    assert {type(made) for made in ELEMENTS} == set(WISUN_LAYERS) == set(wisun.ELEMENTS)


@pytest.mark.parametrize(
    "made",
    [
        mpx.Mpx(mpx.KMP, b"\x06abc"),
        mpx.Mpx(mpx.WISUN, b"abc", transaction=9),
        mpx.Mpx(None, b"abc", mpx.Transfer.FRAGMENT, 3, 1),
        mpx.Mpx(mpx.LOWPAN, b"abc", mpx.Transfer.FRAGMENT, 3, 0, 900),
        mpx.Mpx(None, b"abc", mpx.Transfer.LAST_FRAGMENT, 3, 2),
        mpx.Mpx(None, b"\x01\x00", mpx.Transfer.ABORT, 3),
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_mpx_of_every_transfer_type_at_the_end_of_the_frame_or_not(made: mpx.Mpx, last: bool) -> None:
    ies = (mpx.encode_mpx(made), *(() if last else (Ie(0xF),)))
    frame = MacFrame(sequence=1, src=LINK_SRC, pan_id_compression=True, header_ies=(Ie(HT1),), payload_ies=ies)
    octets = encode_mac(frame)
    packet = Wpan(octets)
    assert mpx_record(packet[MpxIe]) == made
    assert rebuilt(packet) == octets
    assert (packet.payload == packet[MpxIe]) == last


def test_tap_with_all_tlvs_and_what_no_layer_knows() -> None:
    psdu = bytes.fromhex("020005")
    tlvs = [layer() for layer in TAP_TLVS.values()]
    tlvs[0].fcs_type = int(FcsType.CRC_32)
    made = WpanTap(tlvs=[*tlvs, scapy_layers.TapOpaque(type=900, value=b"abcde")]) / Wpan(psdu)
    octets = bytes(made)
    assert octets.endswith(psdu + fcs32(psdu))
    read: Any = WpanTap(octets)
    assert rebuilt(read) == octets
    assert [tlv.getfieldval("type") for tlv in read.tlvs] == [*range(Tlv.PHY_HEADER), 900]
    assert read.tlvs[-1].value == b"abcde"
    assert (read[Wpan].seq_no, read[Wpan].fcs_ok) == (5, True)


def test_tap_as_the_bench_writes_it() -> None:
    psdu = bytes.fromhex("020005")
    octets = write_tap(psdu, rssi_dbm=-61.5, channel=10, start_ns=1 << 60, end_ns=(1 << 60) + 9)
    made = WpanTap(octets)
    assert (made.value("rss"), made.value("channel"), made.value("start_ns")) == (-61.5, 10, 1 << 60)
    assert rebuilt(made) == octets
    wrong = octets[:-1] + bytes((octets[-1] ^ 1,))
    assert WpanTap(wrong)[Wpan].fcs_ok is False
    assert rebuilt(WpanTap(wrong)) == wrong


@pytest.mark.parametrize("check", [fcs16, fcs32])
def test_fcs_of_both_lengths_is_found_checked_and_made(check: Any) -> None:
    psdu = encode_mac(wisun.data(LINK_SRC, LINK_DST, b"\x41" + bytes(40), 1))
    made = WpanFcs(psdu + check(psdu))
    assert (made.fcs, made.fcs_ok) == (check(psdu), True)
    assert rebuilt(made) == psdu + check(psdu)
    made.seq_no = 2
    assert made.fcs_ok is False
    del made.fcs
    assert bytes(made) == bytes(made)[:-4] + fcs32(bytes(made)[:-4])


def test_rpl_options_have_a_layer_each() -> None:
    assert set(RPL_OPTIONS) == set(range(11))
    assert isinstance(RPL_OPTIONS[5](), Packet)
    made = (
        Ip6()
        / Ip6HopByHop(options=[Ip6Rpi()])
        / RplDao(options=[RPL_OPTIONS[5](), RPL_OPTIONS[6](parent_address="fd00::1")])
    )
    read = ipv6.parse(bytes(made))
    assert read.checksum_ok
    assert isinstance(read.upper, rpl.Dao)
    assert read.upper.transits == (rpl.Transit(IPv6Address("fd00::1").packed),)


def test_no_field_hides_behind_an_attribute_that_every_packet_has() -> None:
    """Such a field reads as scapy's method or slot of that name."""
    ours = [layer for layer in vars(scapy_layers).values() if isinstance(layer, type) and issubclass(layer, AirPacket)]
    assert len(ours) > 80
    plain = set(dir(Packet()))
    assert not [(layer.__name__, f.name) for layer in ours for f in layer.fields_desc if f.name in plain]
