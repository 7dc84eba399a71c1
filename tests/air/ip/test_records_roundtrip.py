"""Whatever is built can be parsed again, what is compressed decompressed, and damage raises Malformed only."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.air.errors import Malformed
from bench.air.ip import dhcpv6, icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.duplicate_address import DuplicateAddress
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan.datagram import Datagram, Fragment
from bench.air.lowpan.fragment import Reassembler, fragment
from bench.air.rpl import dco, p2p
from bench.air.rpl import messages as rpl
from bench.air.rpl.secured import ConsistencyCheck, Secured
from tests.air.ip import packets
from tests.air.lowpan.lowpan_captures import payloads

CONTEXTS = st.sampled_from([{}, {0: packets.PREFIX}, {5: packets.PREFIX, 9: bytes(8)}, {0: bytes(8)}])
LINKS = st.sampled_from([packets.LINK_SRC, packets.LINK_DST, b"\x12\x34", None])
quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(packets.rpl_options)
def test_rpl_options(options: tuple[rpl.Option, ...]) -> None:
    assert rpl.parse_options(rpl.build_options(options)) == options


@quick
@given(st.lists(packets.nd_option | packets.rarer_nd_option, max_size=4).map(tuple))
def test_nd_options(options: tuple[nd.Option, ...]) -> None:
    assert nd.parse_options(nd.build_options(options)) == options


@quick
@given(packets.icmpv6_message | packets.rarer_icmpv6_message)
def test_icmpv6_messages(message: icmpv6.Message) -> None:
    assert icmpv6.parse(icmpv6.build(message)) == message


@quick
@given(packets.dhcpv6_any)
def test_dhcpv6_messages(message: dhcpv6.Message | dhcpv6.Relay) -> None:
    octets = dhcpv6.build(message)
    assert dhcpv6.parse(octets) == message
    assert dhcpv6.build(dhcpv6.parse(octets)) == octets


@quick
@given(packets.packet())
def test_packets(packet: ipv6.Packet) -> None:
    octets = ipv6.build(packet)
    parsed = ipv6.parse(octets)
    assert parsed == packet
    assert ipv6.build(parsed) == octets
    assert all(layer.checksum_ok is not False for layer in ipv6.chain(parsed))


@quick
@given(packets.packet(), LINKS, LINKS, CONTEXTS)
def test_compression_is_undone(
    packet: ipv6.Packet, src: bytes | None, dst: bytes | None, contexts: dict[int, bytes]
) -> None:
    octets = ipv6.build(packet)
    compressed = lowpan.compress(octets, src, dst, contexts)
    assert len(compressed) <= len(octets) + 1
    back = lowpan.decompress(compressed, src, dst, contexts)
    assert isinstance(back, Datagram)
    assert back.packet == octets


@quick
@given(st.binary(max_size=120), LINKS)
def test_any_octets_survive_compression(octets: bytes, link: bytes | None) -> None:
    back = lowpan.decompress(lowpan.compress(octets, link, link), link, link)
    assert isinstance(back, Datagram)
    assert back.packet == octets


@quick
@given(packets.packet(), st.integers(60, 200), st.randoms(use_true_random=False), LINKS, CONTEXTS)
def test_fragments_in_any_order_make_the_packet(
    packet: ipv6.Packet, room: int, shuffle: random.Random, link: bytes | None, contexts: dict[int, bytes]
) -> None:
    octets = ipv6.build(packet)
    try:
        pieces = fragment(octets, room, 7, link, link, contexts)
    except ValueError as refused:
        assert "no room" in str(refused)  # noqa: PT017
        return
    assert all(len(piece) <= room for piece in pieces)
    if len(pieces) == 1:
        return
    pieces += pieces[: shuffle.randrange(len(pieces))]  # repeated ones
    shuffle.shuffle(pieces)
    reassembler = Reassembler()
    made = []
    for piece in pieces:
        part = lowpan.decompress(piece, link, link, contexts)
        assert isinstance(part, Fragment)
        assert octets[part.offset : part.offset + len(part.data)] == part.data
        whole = reassembler.add(part, link, link, 0)
        made += [whole] if whole else []
    assert [whole.packet for whole in made[:1]] == [octets]
    assert reassembler.dropped == 0


def _only_malformed(parse: Callable[[bytes], object], octets: bytes) -> bool:
    try:
        parse(octets)
    except Malformed as error:
        assert str(error)  # noqa: PT017
        return False
    return True


PARSERS: tuple[Callable[[bytes], object], ...] = (
    ipv6.parse,
    icmpv6.parse,
    dhcpv6.parse,
    rpl.parse_options,
    nd.parse_options,
    lambda octets: lowpan.decompress(octets, packets.LINK_SRC, None, {0: packets.PREFIX}),
)


CODECS: dict[str, Callable[[bytes], Any]] = {
    **{f"ND {kind}": decode for kind, decode in nd.MESSAGES.items()},
    **{f"RPL {code}": decode for code, decode in {**rpl.MESSAGES, **dco.MESSAGES, **p2p.MESSAGES}.items()},
    "secured RPL": partial(Secured.decode, Secured.CODES[0]),
    "consistency check": ConsistencyCheck.decode,
    "duplicate address": partial(DuplicateAddress.decode, DuplicateAddress.REQUEST, 0),
}


@pytest.mark.parametrize("name", CODECS)
def test_no_record_drops_a_bit(name: str) -> None:
    """Reserved bits are kept as they came: what drops one tells that its sender sent zero."""

    @settings(max_examples=100, deadline=None)
    @given(st.binary(min_size=60, max_size=60), st.sampled_from([b"", bytes(1), b"\xff"]))
    def kept(octets: bytes, each: bytes) -> None:
        octets = octets[:24] + (each * 60 or octets)[:36]
        try:
            read = CODECS[name](octets)
        except Malformed:
            return
        assert read.encode() == octets

    kept()


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*range(1, 6), 14, 24, 25, *range(33, 37)]), st.integers(1, 5), st.binary(min_size=40))
def test_no_reserved_bit_hides_an_option_of_neighbour_discovery(kind: int, units: int, octets: bytes) -> None:
    data = bytes((kind, units)) + octets[: 8 * units - 2]
    (option,) = nd.parse_options(data)
    assert nd.build_option(option) == data
    usual = {3: [4], 5: [1], 24: [1, 2, 3], 25: [1, 3, 5], 35: [3], 36: [1], 34: [2, 3]}
    units_of = {**usual, 1: [1, 2], 2: [1, 2], 33: [2, 3, 4, 5]}
    assert isinstance(option, nd.RawOption) == (units not in units_of.get(kind, range(6)))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_noise_raises_malformed_only(octets: bytes) -> None:
    for parse in PARSERS:
        _only_malformed(parse, octets)


@quick
@given(packets.packet(), st.data())
def test_damaged_packets_raise_malformed_only(packet: ipv6.Packet, data: st.DataObject) -> None:
    octets = bytearray(lowpan.compress(ipv6.build(packet), packets.LINK_SRC, packets.LINK_DST))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(octets[: data.draw(st.integers(0, len(octets)))])
    _only_malformed(_read_all, cut)
    _only_malformed(_read_all, bytes(octets))


def _read_all(octets: bytes) -> None:
    """Everything a decoder does with one MAC payload."""
    piece = lowpan.decompress(octets, packets.LINK_SRC, packets.LINK_DST, {0: packets.PREFIX})
    if isinstance(piece, Fragment):
        whole = Reassembler().add(piece, packets.LINK_SRC, None, 0)
        if whole is None:
            return
        piece = whole
    packet = ipv6.parse(piece.packet)
    ipv6.parse(ipv6.build(packet))
    lowpan.compress(piece.packet, None, None)


@pytest.mark.parametrize("name", ["line2", "mcast", "contiki-rpl-lite-line4"])
def test_damaged_captures_raise_malformed_only(name: str) -> None:
    """Bits turned and ends cut in the payloads of real stacks, the same ones each time."""
    chance = random.Random(name)
    read = refused = 0
    for payload in payloads(name)[:150]:
        for _ in range(8):
            octets = bytearray(payload.data)
            for _ in range(chance.randrange(1, 4)):
                octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
            end = chance.choice([len(octets), chance.randrange(len(octets) + 1)])
            if _only_malformed(_read_all, bytes(octets[:end])):
                read += 1
            else:
                refused += 1
    assert read > 50
    assert refused > 50


def test_long_chains_take_linear_time_and_no_recursion() -> None:
    """64 KiB of the shortest nested things: refused or read, but never a RecursionError."""
    relay = bytes((12, 0)) + bytes(32) + (9).to_bytes(2, "big")
    nested = b""
    for _ in range(1500):
        nested = relay + len(nested).to_bytes(2, "big") + nested if len(nested) < 65000 else nested
    message = dhcpv6.parse(nested)
    assert (dhcpv6.trouble(message), dhcpv6.build(message) == nested) == ("DHCPv6: options nest too deep", True)
    tunnel = ipv6.Packet(bytes(16), bytes(16))
    octets = b""
    for _ in range(300):
        octets = ipv6.build(attrs.evolve(tunnel, upper=octets, next_header=41))
    assert len(list(ipv6.chain(ipv6.parse(octets)))) == 9
    assert _only_malformed(_read_all, lowpan.compress(octets, None, None))
    headers = bytes((60, 0, 1, 4, 0, 0, 0, 0)) * 8000
    many = ipv6.build(attrs.evolve(tunnel, upper=headers, next_header=60))
    assert lowpan.compress(many, None, None)
    deep_iphc = bytes.fromhex("7e33") + bytes.fromhex("ee7e33") * 20000
    with pytest.raises(Malformed, match="packets in packets"):
        lowpan.decompress(deep_iphc, packets.LINK_SRC, packets.LINK_DST)
