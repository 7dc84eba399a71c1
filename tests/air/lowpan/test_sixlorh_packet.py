"""6LoRH expanded to the plain packet (RFC 8138): written by hand from the RFC's rules, and there and back."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv6Address

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.air.capture.link import NO_FCS, make_record
from bench.air.errors import Malformed
from bench.air.fields.tables import fields
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import HopByHop, Rpi, source_route
from bench.air.ip.udp import Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import sixlorh, sixlorh_packet
from bench.air.lowpan.contexts import ROOT
from bench.air.mac.frame import MacFrame, encode_mac

SRC, DST = bytes.fromhex("00124b0000000001"), bytes.fromhex("00124b0000000002")


def address(tail: str) -> bytes:
    return IPv6Address(f"2001:db8::{tail}").packed


ROOT_ADDRESS, LEAF, FAR = address("ff:fe00:1"), address("ff:fe00:2222"), IPv6Address("2001:db8:1::5").packed
A, B, C = address("ff:fe00:aa"), address("ff:fe00:bb01"), address("ff:fe00:bb02")
KNOWN = {0: ROOT_ADDRESS[:8], ROOT: ROOT_ADDRESS}
RPI = HopByHop((Rpi(0, 256, 0x80),))
HELLO = Udp(0xF0B1, 0xF0B2, b"hello")


def plain(words: str, inner: ipv6.Packet, known: dict[int, bytes] | None = None) -> ipv6.Packet:
    """The packet of 6LoRHs written by hand before one compressed as usual."""
    payload = b"\xf1" + bytes.fromhex(words) + lowpan.compress(ipv6.build(inner), SRC, DST, known or KNOWN)
    whole = lowpan.decompress(payload, SRC, DST, known or KNOWN)
    assert isinstance(whole, lowpan.Datagram)
    found = ipv6.parse(whole.packet)
    assert all(each.checksum_ok for each in ipv6.chain(found) if isinstance(each.upper, Udp))
    return found


def tunnel(src: bytes, hops: tuple[bytes, ...], inner: ipv6.Packet) -> ipv6.Packet:
    dst, headers = hops[0], ()
    if len(hops) > 1:
        dst, route = source_route(hops)
        return ipv6.Packet(src, dst, inner, headers=(RPI, route), hop_limit=63)
    return ipv6.Packet(src, dst, inner, headers=(RPI, *headers), hop_limit=63)


RPI_DOWN = "93 05 01"  # O set; instance 0 and the lower octet of the rank left out
TUNNEL = "a1 06 3f"  # from the root, hop limit 63


def test_a_tunnel_from_the_root_over_a_source_route() -> None:
    """One octet replaces the end of the root's address, the next ones that of the hop before (section 4.3.1)."""
    inner = ipv6.Packet(FAR, LEAF, HELLO)
    route = "80 00 aa" + "81 01 bb01 bb02" + "80 01 2222"
    assert plain(route + RPI_DOWN + TUNNEL, inner) == tunnel(ROOT_ADDRESS, (A, B, C, LEAF), inner)


def test_the_last_hop_of_a_source_route_is_the_destination_alone() -> None:
    inner = ipv6.Packet(FAR, LEAF, HELLO)
    assert plain("80 01 2222" + RPI_DOWN + TUNNEL, inner) == tunnel(ROOT_ADDRESS, (LEAF,), inner)


def test_a_tunnel_without_source_route_ends_at_the_inner_destination_or_goes_up_to_the_root() -> None:
    inner = ipv6.Packet(LEAF, FAR, HELLO)
    assert plain(RPI_DOWN + TUNNEL, inner) == tunnel(ROOT_ADDRESS, (FAR,), inner)
    assert plain(RPI_DOWN + "a2 06 3f aa", inner) == tunnel(A, (ROOT_ADDRESS,), inner)
    whole = "b1 06 3f" + FAR.hex()
    assert plain(RPI_DOWN + whole, inner) == tunnel(FAR, (ROOT_ADDRESS,), inner)


def test_a_source_route_of_the_packet_itself_ends_at_its_destination() -> None:
    sent = ipv6.Packet(ROOT_ADDRESS, LEAF, HELLO)
    first, route = source_route((A, B, LEAF))
    expected = attrs.evolve(sent, dst=first, headers=(RPI, route))
    assert plain("80 00 aa" + "80 01 bb01" + RPI_DOWN, sent) == expected
    assert plain("80 00 aa" + "80 01 bb01" + "80 01 2222" + RPI_DOWN, sent) == expected
    assert expected.final_dst == LEAF


def test_long_addresses_and_hops_of_another_prefix() -> None:
    inner = ipv6.Packet(FAR, LEAF, HELLO)
    words = "80 04" + FAR.hex() + "80 03" + LEAF[8:].hex() + RPI_DOWN + TUNNEL
    assert plain(words, inner) == tunnel(ROOT_ADDRESS, (FAR, FAR[:8] + LEAF[8:]), inner)


def test_a_left_out_checksum_behind_routing_headers() -> None:
    inner = ipv6.Packet(ipv6.link_local(SRC), ipv6.link_local(DST), HELLO)
    payload = b"\xf1" + bytes.fromhex("80 01 2222" + RPI_DOWN + TUNNEL) + bytes.fromhex("7e33 f7 12") + b"hello"
    whole = lowpan.decompress(payload, SRC, DST, KNOWN)
    assert isinstance(whole, lowpan.Datagram)
    assert ipv6.parse(whole.packet) == tunnel(ROOT_ADDRESS, (LEAF,), inner)
    assert ipv6.innermost(ipv6.parse(whole.packet)).checksum_ok


def decoded(payload: bytes, contexts: dict[int, bytes]) -> Frame:
    mac = MacFrame(version=1, sequence=1, dst_pan=1, dst=DST, src=SRC, pan_id_compression=True, payload=payload)
    octets = encode_mac(mac)
    return next(decode_frames([make_record(1, 0, NO_FCS, octets, len(octets))], contexts=contexts))


def test_fields_see_the_plain_packet() -> None:
    inner = ipv6.Packet(FAR, LEAF, HELLO)
    payload = lowpan.compress_routed(ipv6.build(tunnel(ROOT_ADDRESS, (A, B, C, LEAF), inner)), SRC, DST, KNOWN)
    frame = decoded(payload, KNOWN)
    named = fields(frame)
    assert [value for name, value in named if name == "ipv6.dst"] == [A, LEAF]
    assert ("ipv6.opt.rpl.sender_rank", 256) in named
    assert ("ipv6.routing.segleft", 3) in named
    assert (frame.ipv6_src, frame.ipv6_dst) == (FAR, LEAF)
    assert [value for name, value in named if name in ("6lowpan.src", "6lowpan.dst")] == [FAR, LEAF]
    without = decoded(payload, {0: KNOWN[0]})
    assert without.info.endswith("(source route and tunnel apart: the root is not known: --context root=ADDRESS)")
    assert without.packet == inner


tail = st.sampled_from([1, 2, 4, 8, 16]).flatmap(lambda n: st.binary(min_size=n, max_size=n))
near = tail.map(lambda end: ROOT_ADDRESS[: 16 - len(end)] + end)
hops = st.lists(near, max_size=5, unique=True).map(tuple)
rpis = st.none() | st.builds(
    Rpi, st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 7).map(lambda bits: bits << 5)
)


@st.composite
def routed(draw: st.DrawFn, depth: int = 2) -> ipv6.Packet:
    """A packet of a mesh: perhaps tunnelled, perhaps with packet information and a source route."""
    rpi, along = draw(rpis), draw(hops)
    headers = () if rpi is None else (HopByHop((rpi,)),)
    dst = draw(near)
    if len(along) > 1:
        dst, route = source_route(along)
        headers = (*headers, route)
    upper = draw(routed(depth=depth - 1)) if depth and draw(st.booleans()) else HELLO
    return ipv6.Packet(draw(near), dst, upper, headers=headers, hop_limit=draw(st.integers(0, 255)))


@given(routed())
def test_there_and_back(packet: ipv6.Packet) -> None:
    octets = ipv6.build(packet)
    whole = lowpan.decompress(lowpan.compress_routed(octets, SRC, DST, KNOWN), SRC, DST, KNOWN)
    assert isinstance(whole, lowpan.Datagram)
    assert whole.packet == octets
    headers, inner = sixlorh_packet.fold(octets, ROOT_ADDRESS)
    tunnels = sum(isinstance(header, sixlorh.IpInIp) for header in headers)
    if headers:
        assert tunnels == len(list(ipv6.chain(packet))) - 1
        assert not isinstance(ipv6.parse(inner).upper, ipv6.Packet)


def test_what_a_mesh_sends_is_folded() -> None:
    """No fallback: each of the usual forms becomes headers."""
    inner = ipv6.Packet(FAR, LEAF, HELLO)
    for packet in (tunnel(ROOT_ADDRESS, (A, B, C, LEAF), inner), tunnel(A, (ROOT_ADDRESS,), inner)):
        headers, rest = sixlorh_packet.fold(ipv6.build(packet), ROOT_ADDRESS)
        assert [type(header) for header in headers][-2:] == [sixlorh.PacketInformation, sixlorh.IpInIp]
        assert ipv6.parse(rest) == inner


@pytest.mark.parametrize("address", ["2001:db8::ff:fe00:1", "::", "2001:db8::1:ff:fe00:1"])
def test_an_address_is_cut_to_what_the_reference_lacks(address: str) -> None:
    packed = IPv6Address(address).packed
    short = sixlorh_packet.cut(packed, ROOT_ADDRESS)
    assert ROOT_ADDRESS[: 16 - len(short)] + short == packed
    assert len(short) in (0, 8, 16)


def test_more_hops_than_a_routing_header_holds_are_refused() -> None:
    """Hops of one octet are cheap on the air: 32 a header."""
    route = bytes.fromhex("9f00") + bytes(range(32))
    payload = b"\xf1" + route * 60 + lowpan.compress(ipv6.build(ipv6.Packet(FAR, LEAF, HELLO)), SRC, DST)
    with pytest.raises(Malformed, match="1921 hops"):
        lowpan.decompress(payload, SRC, DST, KNOWN)


@given(st.binary(max_size=60))
def test_noise_raises_malformed_only(noise: bytes) -> None:
    with suppress(Malformed):
        lowpan.decompress(b"\xf1" + noise + bytes.fromhex("7e33f312 0000"), SRC, DST, KNOWN)
