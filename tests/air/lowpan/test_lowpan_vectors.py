"""Hand-made 6LoWPAN vectors: what the captures do not show, and what other decoders are known to get wrong.

Each vector is written out octet by octet from RFC 4944 and RFC 6282, with the packet that it stands for.
"""

from __future__ import annotations

import struct

import pytest

from bench.air.broken import Broken
from bench.air.errors import Malformed
from bench.air.ip import nd
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import FragmentHeader, HopByHop, Mpl, RawOption, Rpi, SourceRoute, source_route
from bench.air.ip.udp import Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan.datagram import Datagram, Fragment, Mesh
from bench.air.lowpan.fragment import TIMEOUT_NS, Reassembler, fragment
from bench.air.octets import Reader

SRC, DST = bytes.fromhex("00124b0000000001"), bytes.fromhex("00124b0000000002")
LOCAL_SRC, LOCAL_DST = (
    bytes.fromhex("fe80000000000000 02124b0000000001"),
    bytes.fromhex("fe8000000000000002124b0000000002"),
)
CONTEXTS = {0: bytes.fromhex("20010db800000000"), 1: bytes.fromhex("fd00000000000001") + bytes(8)}


def h(words: str) -> bytes:
    return bytes.fromhex(words)


def packet_of(words: str, contexts: dict[int, bytes] | None = None) -> ipv6.Packet:
    whole = lowpan.decompress(h(words), SRC, DST, contexts)
    assert isinstance(whole, Datagram)
    return ipv6.parse(whole.packet)


def udp_sum(src: bytes, dst: bytes, datagram: bytes) -> int:
    """The UDP checksum by the loop of RFC 1071, written apart from the code under test."""
    data = src + dst + struct.pack("!IHBB", len(datagram), 0, 0, 17) + datagram + b"\0" * (len(datagram) % 2)
    total = 0
    for (word,) in struct.iter_unpack("!H", data):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total or 0xFFFF


def test_elided_udp_checksum_is_computed() -> None:
    """tshark 4.0 writes 0xFFFF here, whatever the payload (facts)."""
    whole = lowpan.decompress(h("7e33 f7 12 68656c6c6f"), SRC, DST)  # C=1, P=3: ports F0B1 and F0B2
    assert isinstance(whole, Datagram)
    datagram = whole.packet[40:]
    assert datagram[:6] == h("f0b1 f0b2 000d")
    right = udp_sum(LOCAL_SRC, LOCAL_DST, datagram[:6] + b"\0\0" + datagram[8:])
    assert datagram[6:8] == right.to_bytes(2, "big")
    assert ipv6.parse(whole.packet).checksum_ok


def test_elided_udp_checksum_behind_a_source_route_covers_the_last_hop() -> None:
    far = LOCAL_SRC[:8] + h("02124b0000000003")
    octets = h("7e33 e3 0e 0301ff7000 00 03") + bytes(7) + h("f7 12 68656c6c6f")
    packet = packet_of(octets.hex())
    assert packet.source_route == SourceRoute(1, (far,), 15, 15)
    assert packet.checksum_ok
    assert packet.payload[6:8] == udp_sum(LOCAL_SRC, far, packet.payload[:6] + b"\0\0" + packet.payload[8:]).to_bytes(
        2, "big"
    )


@pytest.mark.parametrize(
    ("words", "tclass", "flow"),
    [
        ("7b33 3b", 0x00, 0),
        ("7333 a5 3b", 0xA5 >> 6 | (0xA5 & 0x3F) << 2, 0),  # ECN 2, DSCP 0x25
        ("6b33 8a1234 3b", 0x02, 0xA1234),
        ("6333 a5 0b1234 3b", 0x25 << 2 | 2, 0xB1234),
    ],
)
def test_traffic_class_is_dscp_then_ecn(words: str, tclass: int, flow: int) -> None:
    """scapy 2.8 builds it the wrong way round (facts)."""
    packet = packet_of(words)
    assert (packet.traffic_class, packet.flow) == (tclass, flow)
    back = lowpan.compress(ipv6.build(packet), SRC, DST)
    assert back == h(words)


@pytest.mark.parametrize(
    ("words", "src", "dst"),
    [
        ("7b13 3b 0000000000001234", "fe80::1234", LOCAL_DST),
        ("7b23 3b 1234", "fe80::ff:fe00:1234", LOCAL_DST),
        ("7b77 3b", "2001:db8::212:4b00:0:1", "2001:db8::212:4b00:0:2"),
        ("7bf7 10 3b", "fd00::1:212:4b00:0:1", "2001:db8::212:4b00:0:2"),
        ("7b57 3b 0000000000000007", "2001:db8::7", "2001:db8::212:4b00:0:2"),
        ("7b43 3b", "::", LOCAL_DST),
        ("7b3b 3b 1a", LOCAL_SRC, "ff02::1a"),
        ("7b3a 3b 05 010003", LOCAL_SRC, "ff05::1:3"),
        ("7b39 3b 02 01ff280fd2", LOCAL_SRC, "ff02::1:ff28:fd2"),
        ("7b38 3b ff3e0001000000000000000000000001", LOCAL_SRC, "ff3e:1::1"),
        ("7b3c 3b 3500 00000009", LOCAL_SRC, "ff35:40:2001:db8::9"),
    ],
)
def test_addresses(words: str, src: str | bytes, dst: str | bytes) -> None:
    packet = packet_of(words, CONTEXTS)
    for got, expected in ((packet.src, src), (packet.dst, dst)):
        assert ipv6.text(got) == (expected if isinstance(expected, str) else ipv6.text(expected))
    assert lowpan.compress(ipv6.build(packet), SRC, DST, CONTEXTS) == h(words)


def test_byte_7f_is_iphc_not_escape() -> None:
    """TF=3, NH=1, HLIM=3 gives 0x7F, which scapy 2.8 takes for the escape dispatch (facts)."""
    packet = packet_of("7f33 f0 1633 1634 0000 00")
    assert packet.hop_limit == 255
    assert isinstance(packet.upper, Udp)


def test_rpi_option_0x23_and_0x63() -> None:
    for kind in ("23", "63"):
        packet = packet_of(f"7e33 e0 3b 06 {kind} 04 80 1e 0100 cafe")
        assert packet.rpi == Rpi(0x1E, 0x0100, 0x80, int(kind, 16))
        assert packet.rpi.down


def test_left_out_padding_of_options_is_restored() -> None:
    """RFC 6282 4.2: hop-by-hop content of 8 octets stands for a header of 16."""
    packet = packet_of("7e33 e0 3b 08 6d022005 c1020001")
    assert packet.headers == (HopByHop((Mpl(5, maximum=True), RawOption(0xC1, h("0001")))),)
    octets = ipv6.build(packet)
    assert octets[40:] == h("3b 01 6d022005 c1020001 01 04 00000000")


def test_fragment_header_in_nhc_has_no_length() -> None:
    """EID 2: the octet after next header is reserved, the header always 8 octets (facts, section 8)."""
    packet = packet_of("7e33 e4 11 00 0011 deadbeef 0102")
    assert packet.headers == (FragmentHeader(0xDEADBEEF, 16, True),)
    assert packet.upper == b"\x01\x02"
    assert lowpan.compress(ipv6.build(packet), SRC, DST) == h("7e33 e4 11 00 0011 deadbeef 0102")


def test_fragment_header_in_nhc_before_udp() -> None:
    """With NH set the next header's octet must follow at once, so the 7 octets are counted right."""
    packet = packet_of("7e33 e5 00 0008 deadbeef f0 1633 1634 abcd 00")
    assert packet.headers == (FragmentHeader(0xDEADBEEF, 8),)
    assert packet.next_header == 17
    assert packet.upper == h("1633 1634 0009 abcd 00")


def test_tunnelled_addresses_come_from_the_outer_header() -> None:
    packet = packet_of("7e11 0000000000001234 0000000000005678 ee 7a77 3b", CONTEXTS)
    inner = ipv6.innermost(packet)
    assert inner is not packet
    assert [ipv6.text(a) for a in (packet.src, packet.dst)] == ["fe80::1234", "fe80::5678"]
    assert [ipv6.text(a) for a in (inner.src, inner.dst)] == ["2001:db8::1234", "2001:db8::5678"]
    again = lowpan.compress(ipv6.build(packet), SRC, DST, CONTEXTS)
    assert again == h("7e11 0000000000001234 0000000000005678 ee 7a77 3b")


def test_source_route_expands_with_both_prefix_lengths() -> None:
    hops = [h("fd00000000000000") + h("02124b00000000") + bytes((n,)) for n in (2, 3, 4)]
    hops[2] = hops[2][:12] + h("99887766")
    route = SourceRoute(2, tuple(hops[1:]), 15, 12)
    octets = ipv6.build(ipv6.Packet(LOCAL_SRC, hops[0], Udp(1, 2, b"x"), headers=(route,)))
    # next header UDP, 1 unit, type 3, 2 left, CmprI 15 CmprE 12, pad 3, 03, last four octets of the last hop
    assert octets[40:56] == h("11 01 03 02 fc 300000 03 99887766 000000")
    packet = ipv6.parse(octets)
    assert packet.source_route == SourceRoute(2, (hops[1], hops[2]), 15, 12)
    assert packet.final_dst == hops[2]
    assert packet.checksum_ok
    second = ipv6.forward_source_route(packet)
    third = ipv6.forward_source_route(second)
    assert [second.dst, third.dst, third.final_dst] == [hops[1], hops[2], hops[2]]
    assert ipv6.parse(ipv6.build(third)).checksum_ok
    with pytest.raises(ValueError, match="no segment left"):
        ipv6.forward_source_route(third)


@pytest.mark.parametrize(
    ("tails", "common"),
    [
        (("02", "03", "04"), 15),
        (("02", "03", "9904"), 14),  # the last differs earlier than the middle ones
        (("02", "9903", "04"), 14),  # a middle one differs from first and last
        (("9902", "03", "04", "05"), 14),
        (("02", "0204"), 14),
        (("aa0000000000000002", "0203"), 7),
        (("02", "02"), 15),  # 16 octets in common, 15 at most fit the field
    ],
)
def test_a_source_route_gives_the_same_addresses_at_every_hop(tails: tuple[str, ...], common: int) -> None:
    hops = [h("fd" + 30 * "0")[: -len(h(tail))] + h(tail) for tail in tails]
    first, route = source_route(hops)
    assert (route.compressed_i, route.compressed_e) == (common, common)
    packet = ipv6.Packet(LOCAL_SRC, first, Udp(1, 2, b"x"), headers=(route,))
    for visited in range(len(hops)):
        # What a node or a sniffer reads from the octets at this hop: the visited addresses, then those to come.
        read = ipv6.parse(ipv6.build(packet))
        assert read.dst == hops[visited]
        assert read.source_route is not None
        assert list(read.source_route.addresses) == hops[:visited] + hops[visited + 1 :]
        assert read.final_dst == hops[-1]
        if visited < len(hops) - 1:
            packet = ipv6.forward_source_route(read)
    with pytest.raises(ValueError, match="a hop beyond"):
        source_route(hops[:1])


def test_mesh_header_gives_the_link_addresses() -> None:
    whole = lowpan.decompress(h("b5 1111 2222 7b33 3b"), SRC, DST)
    assert isinstance(whole, Datagram)
    assert whole.mesh == Mesh(5, h("1111"), h("2222"))
    assert ipv6.text(ipv6.parse(whole.packet).src) == "fe80::ff:fe00:1111"
    deep = Mesh(20, SRC, h("2222"))  # V clear, F set, and the deep-hops octet: each alone breaks scapy 2.8
    assert lowpan.build_mesh(deep)[:2] == h("9f 14")
    mixed = lowpan.decompress(lowpan.build_mesh(deep) + h("50 07 7b33 3b"), None, None)
    assert isinstance(mixed, Datagram)
    assert mixed.mesh == deep
    assert ipv6.parse(mixed.packet).src == LOCAL_SRC


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "6LoWPAN"),
        ("f100", "not a LoWPAN frame"),
        ("f200", "page 2"),
        ("f1 8309 00", "critical header of unknown type 9"),
        ("f0f0 7b33 3b", "page 0"),
        ("f1f1 7b33 3b", "within page 1"),
        ("42", "HC1"),
        ("00", "not a LoWPAN frame"),
        ("7bf7 20 3b", "context 2 is not known: --context 2=PREFIX"),
        ("7b34 3b", "reserved destination address mode"),
        ("7e33 ea 00", "unknown header"),
        ("7e33 e2 3b 05 0000000000", "routing header of 5 octets"),
        ("c028 0001 7b33 3b 00", "41 octets of a datagram of 40"),
        ("e000 0001 05 00", "FRAGN"),
    ],
)
def test_a_broken_iphc_packet_is_refused(words: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        lowpan.decompress(h(words), SRC, DST, CONTEXTS)


def test_left_out_address_needs_a_link_address() -> None:
    with pytest.raises(Malformed, match="the frame has none"):
        lowpan.decompress(h("7b33 3b"), SRC, None)


# ---- fragments ---------------------------------------------------------------------------------------------------


def _pieces(payload: bytes, tag: int, room: int = 80) -> tuple[bytes, list[Fragment]]:
    octets = ipv6.build(ipv6.Packet(LOCAL_SRC, LOCAL_DST, Udp(0xF0B1, 0xF0B2, payload)))
    found = [lowpan.decompress(piece, SRC, DST) for piece in fragment(octets, room, tag, SRC, DST)]
    assert len(found) > 2
    return octets, [piece for piece in found if isinstance(piece, Fragment)]


def test_two_senders_with_one_tag_do_not_mix() -> None:
    (one, first), (other, second) = _pieces(b"a" * 200, 9), _pieces(b"b" * 200, 9)
    reassembler = Reassembler()
    done = []
    for mine, theirs in zip(first, second, strict=True):
        done += [reassembler.add(mine, SRC, DST, 0), reassembler.add(theirs, b"\x12\x34", DST, 0)]
    assert [d.packet for d in done if d] == [one, other]


def test_elided_checksum_of_a_fragmented_datagram() -> None:
    body = bytes(range(100))
    size = 48 + len(body)
    first = h("c0") + bytes((size,)) + h("0007 7e33 f7 12") + body[:24]
    last = h("e0") + bytes((size,)) + h("0007") + bytes(((48 + 24) // 8,)) + body[24:]
    reassembler = Reassembler()
    parts = [lowpan.decompress(words, SRC, DST) for words in (last, first)]
    assert all(isinstance(part, Fragment) for part in parts)
    done = [reassembler.add(part, SRC, DST, 0) for part in parts if isinstance(part, Fragment)]
    assert done[0] is None
    assert done[1] is not None
    packet = ipv6.parse(done[1].packet)
    assert packet.checksum_ok
    assert packet.upper == Udp(0xF0B1, 0xF0B2, body)


def test_a_fragment_that_comes_too_late_does_not_complete() -> None:
    _, pieces = _pieces(b"a" * 200, 9)
    reassembler = Reassembler()
    for piece in pieces[:-1]:
        assert reassembler.add(piece, SRC, DST, 0) is None
    assert reassembler.add(pieces[-1], SRC, DST, TIMEOUT_NS + 1) is None
    assert reassembler.dropped == 1


def test_a_fragment_in_time_completes() -> None:
    octets, pieces = _pieces(b"a" * 200, 9)
    reassembler = Reassembler()
    for piece in pieces[:-1]:
        assert reassembler.add(piece, SRC, DST, 0) is None
    whole = reassembler.add(pieces[-1], SRC, DST, TIMEOUT_NS)
    assert whole is not None
    assert whole.packet == octets


def test_a_new_datagram_with_the_same_tag_replaces_the_unfinished_one() -> None:
    (_, old), (octets, new) = _pieces(b"a" * 200, 9), _pieces(b"b" * 200, 9)
    reassembler = Reassembler()
    assert reassembler.add(old[0], SRC, DST, 0) is None
    done = [reassembler.add(piece, SRC, DST, 1) for piece in new]
    assert [d.packet for d in done if d] == [octets]
    assert reassembler.dropped == 1


def test_open_datagrams_are_bounded() -> None:
    _, pieces = _pieces(b"a" * 200, 9)
    reassembler = Reassembler(limit=4)
    for number in range(10):
        reassembler.add(pieces[0], bytes((0, number)), DST, number)
    assert reassembler.dropped == 6


def test_a_middle_fragment_must_end_on_eight_octets() -> None:
    with pytest.raises(Malformed, match="multiple of 8"):
        Reassembler().add(Fragment(100, 1, 8, bytes(5)), SRC, DST, 0)


def test_fragmenting_refuses_what_the_headers_cannot_say() -> None:
    big = ipv6.build(ipv6.Packet(LOCAL_SRC, LOCAL_DST, Udp(1, 2, bytes(2100))))
    with pytest.raises(ValueError, match="2047 at most"):
        fragment(big, 100, 1, SRC, DST)
    with pytest.raises(ValueError, match="no room"):
        fragment(big[:4] + (992).to_bytes(2, "big") + big[6:1032], 10, 1, SRC, DST)


def test_udp_checksum_of_zero_is_sent_as_ffff() -> None:
    plain = ipv6.build(ipv6.Packet(LOCAL_SRC, LOCAL_DST, Udp(1, 2, b"\0\0")))
    octets = ipv6.build(ipv6.Packet(LOCAL_SRC, LOCAL_DST, Udp(1, 2, plain[46:48])))
    assert octets[46:48] == b"\xff\xff"
    assert ipv6.parse(octets).checksum_ok


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [(5, 10, "payload length 10, 9 octets"), (0, 0x50, "version 5"), (45, 8, "UDP: length 8")],
)
def test_ipv6_refuses_lengths_and_versions_that_do_not_fit(at: int, value: int, says: str) -> None:
    octets = bytearray(ipv6.build(ipv6.Packet(LOCAL_SRC, LOCAL_DST, Udp(1, 2, b"x"))))
    octets[at] = value
    with pytest.raises(Malformed, match=says):
        ipv6.parse(bytes(octets))


def test_neighbour_option_of_length_zero_ends_what_can_be_read() -> None:
    assert nd.parse_options(h("0100")) == (Broken(h("0100"), "ND option 1: length 0"),)


def test_headers_show_hop_by_hop_as_record() -> None:
    header = HopByHop((Rpi(0, 256),))
    packet = ipv6.Packet(LOCAL_SRC, LOCAL_DST, Udp(1, 2), headers=(header,))
    assert ipv6.build(packet)[40:48] == h("11 00 63 04 00 00 0100")


@pytest.mark.parametrize(("count", "words"), [(4, "4 octets wanted, 3 left"), (-1, "less than what it has to count")])
def test_reader_never_leaves_its_slice(count: int, words: str) -> None:
    reader = Reader(b"abc", "test")
    with pytest.raises(Malformed, match=f"test: .*{words}"):
        reader.take(count)
    assert reader.rest() == b"abc"
    with pytest.raises(Malformed):
        reader.u8()
