"""Generic header compression (RFC 7400): the examples of its appendix A, and any other octets there and back."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.air.bulk.link import Unusual
from bench.air.bulk.packet import Packets
from bench.air.capture.link import NO_FCS, make_record
from bench.air.errors import Malformed
from bench.air.fields.lowpan_headers import NhcIcmpv6, headers, of_piece
from bench.air.fields.tables import fields
from bench.air.frame.decoder import decode_frames
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import HopByHop, Rpi, source_route
from bench.air.ip.udp import Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import ghc
from bench.air.mac.frame import encode_mac
from bench.air.octets import Reader
from bench.air.rpl import messages as rpl
from bench.air.scapy_layers import Wpan
from bench.air.scapy_layers.ipv6 import Ip6
from bench.air.scapy_layers.lowpan import GhcExtension, GhcIcmpv6, GhcUdp, LowpanIphc
from bench.air.wisun import frames as wisun
from tests.air.ip import packets

SRC, DST = bytes.fromhex("00124b0000000001"), bytes.fromhex("00124b0000000002")
LOCAL_SRC, LOCAL_DST = (
    ipv6.address_from_eui64(ipv6.LINK_LOCAL_PREFIX, SRC),
    ipv6.address_from_eui64(ipv6.LINK_LOCAL_PREFIX, DST),
)

APPENDIX_A = [
    ("fe80::21c:daff:fe00:2024", "ff02::1a", "9b006bde00000000", "049b006bde82"),
    (
        "fe80::21c:daff:fe00:3023",
        "ff02::1a",
        "9b017a5f00f001008800000020020db800000000000000fffe00face040e001409ff000001000000000000000"
        "81e8020ffffffffffffffff0000000020020db800000000000000fffe00face030e4000ffffffff20020db800000000",
        "069b017a5f00f0c70188810420020db885a7c908face040e001409ffa4da8306081e8020ffffc0d082b4f00303"
        "0e40c7a3c9a2f0",
    ),
    (
        "2002:db8::ff:fe00:3344",
        "2002:db8::ff:fe00:1122",
        "9b02587d018000f10512008020020db800000000000000fffe00334406140080f100fe80000000000000000000fffe001122",
        "0c9b02587d018000f105120080b5f40806140080f100fe8087a7dd",
    ),
    (
        "2002:db8::ff:fe00:3bd3",
        "fe80::21c:daff:fe00:3023",
        "8700a76800000000fe80000000000000021cdafffe00302301013bd3000000001f02000000000006001cdafffe002024",
        "048700a76882b3f00401013bd382021f0283020600a2db022024",
    ),
    (
        "fe80::21c:daff:fe00:3023",
        "2002:db8::ff:fe00:3bd3",
        "8800266cc0000000fe80000000000000021cdafffe0030230201face000000001f02000000000006001cdafffe002024",
        "058800266cc081b5f0040201face82021f0283020600a2db022024",
    ),
    ("fe80::aede:4800:0:1", "ff02::2", "85009065000000000102acde480000000001000000000000", "0485009065de0202aca5eb84"),
    (
        "fe80::1034:ff:fe00:1122",
        "fe80::aede:4800:0:1",
        "860055c940000fa01c5a3817000007d001011122000000000304" + "4040ffffffffffffffff0000000020020db8" + 12 * "00"
        + "2002401000" + "0003e820020db8000000002103000100000000" + "20020db800000000000000fffe001122",
        "0c860055c940000fa01c5a3817800607d0010111228206030440" + "40ffffc0d0820420020db88a0420024010a4cb01e8a2f0022103"
        + "a9e6b3cdafdb",
    ),
    (
        "::",
        "::",
        "17fefd00010000000000010" + "01d00010000000000010" + "9b20e82c16eb696c51f368d1761e2b5d422d4ed2b",
        "b0d1011df21509b20e82c16eb696c51f368d1761e2b5d422d4ed2b",
    ),
    (
        "::",
        "::",
        "17fefd000100000000000500160001000000000005aea0155667924dff8a24e4cb35b9",
        "b0c303050016f20eaea0155667924dff8a24e4cb35b9",
    ),
    (
        "::",
        "::",
        "16fefd0000000000000000003601" + "00002a000000000000002afefd5152ed79a420c962561147c939ee6cc0a4fec6892f32269a16"
        "4e317e9f2092920000" + "0002c0a80100",
        "a1cd870136a1cd012a85232afefd5152ed79a420c962561147c939ee6cc0a4fec6892f32269a164e317e9f2092928105"
        "02c0a80100",
    ),
]  # fmt: skip
"""Source, destination, payload and its byte code: figures 8 to 17."""


def known(src: str, dst: str) -> bytes:
    return ghc.dictionary(IPv6Address(src).packed, IPv6Address(dst).packed)


@pytest.mark.parametrize(("src", "dst", "payload", "code"), APPENDIX_A)
def test_examples_of_the_rfc(src: str, dst: str, payload: str, code: str) -> None:
    plain = bytes.fromhex(payload)
    assert ghc.expand(Reader(bytes.fromhex(code), "GHC"), known(src, dst)) == plain
    ours = ghc.squeeze(plain, known(src, dst))
    assert ghc.expand(Reader(ours, "GHC"), known(src, dst)) == plain
    assert len(ours) <= len(bytes.fromhex(code)) + 2  # the RFC's encoder looks further ahead


@given(st.lists(st.sampled_from([b"\0", b"ab", bytes(30), b"\xfe\x80", bytes(range(40))])).map(b"".join), st.binary())
def test_there_and_back(repeated: bytes, more: bytes) -> None:
    plain, dictionary = repeated + more, known("fe80::1", "ff02::1")
    assert ghc.expand(Reader(ghc.squeeze(plain, dictionary), "GHC"), dictionary) == plain


@given(st.binary(max_size=200))
def test_any_code_is_read_or_malformed_and_stays_small(code: bytes) -> None:
    with suppress(Malformed):
        assert len(ghc.expand(Reader(code, "GHC"), bytes(48))) < 96 * max(len(code), 1)


@pytest.mark.parametrize(
    ("code", "says"),
    [("60", "reserved code 0x60"), ("91", "reserved code 0x91"), ("0201", "2 octets"), ("afc0", "before the dict")],
)
def test_what_is_no_code_is_refused(code: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        ghc.expand(Reader(bytes.fromhex(code), "GHC"), bytes(48))


def generic(packet: ipv6.Packet) -> bytes:
    return lowpan.compress(ipv6.build(packet), SRC, DST, generic=True)


def expanded(payload: bytes) -> bytes:
    whole = lowpan.decompress(payload, SRC, DST)
    assert isinstance(whole, lowpan.Datagram)
    return whole.packet


def over_air(payload: bytes) -> tuple[bytes, Any]:
    """A frame's octets and scapy's packet of it, checked to build them again from its fields alone."""
    octets = encode_mac(wisun.data(SRC, DST, payload, 1))
    made = Wpan(octets)
    fresh = made.copy()
    fresh.clear_cache()
    assert bytes(fresh) == octets
    return octets, made


DIO = rpl.Dio(1, 2, 384, LOCAL_SRC, options=(rpl.Configuration(), rpl.PrefixInformation(LOCAL_DST)))


def test_icmpv6_message() -> None:
    packet = ipv6.Packet(LOCAL_SRC, LOCAL_DST, DIO, hop_limit=255)
    payload = generic(packet)
    assert payload[:3] == bytes.fromhex("7f33df")
    assert len(payload) < len(lowpan.compress(ipv6.build(packet), SRC, DST)) * 2 // 3
    assert ipv6.parse(expanded(payload)) == packet
    octets, made = over_air(payload)
    assert made[LowpanIphc].nhc[0].dispatch == 0xDF
    assert isinstance(made[LowpanIphc].nhc[0], GhcIcmpv6)
    assert bytes(made[Ip6]) == ipv6.build(packet)
    frame = next(decode_frames([make_record(1, 0, NO_FCS, octets, len(octets))]))
    named = dict(fields(frame))
    assert (named["icmpv6.rpl.dio.rank"], named["6lowpan.nhc.pattern"]) == (384, 0xDF)


def test_changed_in_scapy_it_is_compressed_anew() -> None:
    _, made = over_air(generic(ipv6.Packet(LOCAL_SRC, LOCAL_DST, DIO, hop_limit=255)))
    made[Ip6].hlim = 64
    again = Wpan(bytes(made))
    assert again[Ip6].hlim == 64
    assert isinstance(again[LowpanIphc].nhc[0], GhcIcmpv6)


def test_udp_payload_with_and_without_checksum() -> None:
    record = bytes.fromhex(APPENDIX_A[7][2])
    packet = ipv6.Packet(LOCAL_SRC, LOCAL_DST, Udp(0xF0B1, 0xF0B2, record), hop_limit=64)
    payload = generic(packet)
    assert payload[:4] == bytes.fromhex("7e33d312")
    assert payload[6:] == bytes.fromhex(APPENDIX_A[7][3])
    assert ipv6.parse(expanded(payload)) == packet
    elided = payload[:2] + b"\xd7\x12" + payload[6:]
    assert expanded(elided) == ipv6.build(packet)
    for form in (payload, elided):
        octets, made = over_air(form)
        assert isinstance(made[LowpanIphc].nhc[0], GhcUdp)
        named = dict(fields(next(decode_frames([make_record(1, 0, NO_FCS, octets, len(octets))]))))
        assert (named["6lowpan.nhc.pattern"], named["6lowpan.udp.dst"]) == (0x1A, 0xF0B2)
        assert named["6lowpan.nhc.udp.checksum"] is (form is elided)


def test_extension_headers_end_with_a_stop_code() -> None:
    """RPI in a hop-by-hop header, then a source route, then UDP: each in generic form, written by hand."""
    far = LOCAL_SRC[:8] + bytes.fromhex("02124b0000000003")
    first, route = source_route([LOCAL_DST, far])
    packet = ipv6.Packet(
        LOCAL_SRC,
        first,
        Udp(0xF0B1, 0xF0B2, b"hello"),
        headers=(HopByHop((Rpi(7, 256, 0x80),)), route),
        hop_limit=64,
    )
    plain = ipv6.build(packet)
    hops = ghc.squeeze(plain[50 : 48 + 8 * (plain[49] + 1)], ghc.dictionary(LOCAL_SRC, LOCAL_DST))
    hand = bytes.fromhex("7e33 b1 06 63 04 80 07 01 00 90") + b"\xb3" + hops + b"\x90"
    udp = lowpan.compress(plain, SRC, DST)[-len("hello") - 4 :]
    assert udp[:2] == b"\xf3\x12"
    payload = hand + udp
    assert expanded(payload) == plain
    octets, made = over_air(payload)
    assert [type(header).__name__ for header in made[LowpanIphc].nhc] == ["GhcExtension", "GhcExtension", "NhcUdp"]
    assert isinstance(made[LowpanIphc].nhc[0], GhcExtension)
    frame = next(decode_frames([make_record(1, 0, NO_FCS, octets, len(octets))]))
    named = fields(frame)
    assert [value for name, value in named if name == "6lowpan.nhc.ext.eid"] == [0, 1]
    assert ("ipv6.opt.rpl.sender_rank", 256) in named
    assert frame.ipv6_dst == far


def test_tunnelled_message_draws_on_the_inner_addresses() -> None:
    inner = ipv6.Packet(LOCAL_DST, LOCAL_SRC, DIO, hop_limit=255)
    packet = ipv6.Packet(LOCAL_SRC, LOCAL_DST, inner, headers=(HopByHop((Rpi(0, 128),)),), hop_limit=64)
    payload = generic(packet)
    assert b"\xee" in payload
    assert ipv6.parse(expanded(payload)) == packet
    _, made = over_air(payload)
    assert made[LowpanIphc].generic
    piece = lowpan.decompress(payload, SRC, DST)
    assert [type(header) for header in headers(of_piece(payload, piece))][-1] is NhcIcmpv6


def test_octets_behind_a_stop_code_are_refused() -> None:
    with pytest.raises(Malformed, match="1 octet too many"):
        lowpan.decompress(bytes.fromhex("7f33df 82 90 01"), SRC, DST)


def test_the_bulk_reader_leaves_it_to_the_decoder() -> None:
    with pytest.raises(Unusual):
        Packets({}).read(generic(ipv6.Packet(LOCAL_SRC, LOCAL_DST, DIO, hop_limit=255)), {}, SRC, DST)


@given(packets.packet())
def test_any_packet_there_and_back(packet: ipv6.Packet) -> None:
    plain = ipv6.build(packet)
    assert expanded(lowpan.compress(plain, SRC, DST, generic=True)) == plain
