"""Frames on which we and tshark once differed, found by changing captured ones and by building rare ones
(``tests/fuzz/differ.py``): every field that both know is the same now."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.air.capture.capture import read_capture
from bench.air.fields.tables import fields
from bench.air.frame.decoder import Decoder
from tests.air.fields.differences import Difference, differences, write_capture
from tests.air.mac_captures import CONTIKI_CONTEXTS, need
from tests.air.tshark_oracle import NO_TSHARK

FRAMES = {
    "DHCPv6 elapsed time, in ms": (
        "61eeaa02100efeff6f0d0003200efeff6f0d0005150104a4c27706150253100b0100003f08a00688ffff641203213e9800eda0"
        "6c330ecc6564f0022202235ea401000000000800026b000001000c00030006000d6ffffe0e2003000e00000003000c00000000"
        "0000000000000000"
    ),
    "destination options header": (
        "61dcd3cdab020006050474120201000605047412027ef700e7060300ff000000f0162e223d64fe68656c6c6f203235"
    ),
    "a UDP checksum of zero": (
        "61dc73cdab010006050474120202000605047412027ef700f10663040000013ff0223d162e000068656c6c6f2032"
    ),
    "short addresses in link-layer address options": (
        "41dceecdab020100feff424b02010000feff424b027b483aff350040fd004b4200000000000000018700c0a6000000008b4789"
        "9c16d470191e0db10ce112a3092202071800001526129e43834ec673c4050100000000b32f0201d84600000000010196b600000000"
    ),
    "bit 9 of the frame control before version 2": (
        "61ce86043002feff6f0d00010002feff6f0d000515010653c54c061502f7abca0100091509000d6ffffe020001003f"
    ),
    "a key management protocol that is no EAPOL": (
        "61ee2f03200efeff6f0d0002100efeff6f0d000515010667a456061502e10f120300091509000d6ffffe0e0001003f08a00688"
        "ffff641203210a9800010005030000020102"
    ),
    "an echo request whose code is not 0": (
        "61eef1032003feff6f0d00021003feff6f0d00051501040080c40615026c033e0300003f08a00688ffff64120321789800eda0"
        "6d0003c1a8fd12345600000000020d6ffffe030001fd12345600000000020d6ffffe032003e30e0300fe600000100200000000"
        "0000ee68000e09593a63fd12345600000000020d6ffffe030001fd12345600000000020d6ffffe032003807fd6ab690d0001ad"
        "c1026b0000000021cf0b0000000000"
    ),
    "a compressed multiplex id": (
        "61ee07012003feff6f0d00032003feff6f0d0005150106000000003f0aa00888ffff640202160a000a9809010300000403050004"
    ),
    "excluded ranges announced, and none": "41e3032003feff6f0d0005150101000000003f0ca00788ffff6452010500010541",
    "excluded ranges, and an explicit plan with reserved bits": (
        "41e3032003feff6f0d0005150101000000003f18a01388ffff6451440d0ed30c00020300050007000900010541"
    ),
    "an LFN's role and its channel plan": (
        "41e3032003feff6f0d00051501010000000a150c021103302010605040003f0ca006a0050202160a0002400700"
    ),
    "the first fragment of EAPOL": (
        "61ee07012003feff6f0d00032003feff6f0d0005150106000000003f0aa00888ffff640202160a000c980a0009000100010300000403"
    ),
    "reserved flags of a PAN": "01e3cdab032003feff6f0d0005150100000000003f14a00888ffff640202160a0005040300800053010541",
    "reserved bits of a DIO": (
        "41dc01cdab020000000000000201000000000000027b333a9b01d8c61e05ffffc807abcdfd000000000000000000000000000001"
    ),
    "reserved bits of a DAO": (
        "41dc01cdab020000000000000201000000000000027b333a9b02eec81eff5509fd00000000000000000000000000000105120080fd"
        "0000000000000000000000000000010614000001fffd000000000000000000000000000001"
    ),
    "reserved bits of a DAO-ACK": "41dc01cdab020000000000000201000000000000027b333a9b033f711e7f09c5",
    "a route of reserved preference, and DNS servers": (
        "41dc01cdab020000000000000201000000000000027b333a86000e1900ff0000000000000000000018024010fffffffffd00000000"
        "0000001903000000000258fd000000000000000000000000000001"
    ),
    "a border router, capabilities, and a redirected header of nothing": (
        "41dc01cdab020000000000000201000000000000027b333a8600846900ff000000000000000000002303000700002710fd00000000"
        "000000000000000000000124010001880000000401000000000000"
    ),
    "a nonce, and reserved octets of a prefix": (
        "41dc01cdab020000000000000201000000000000027b333a860064b800ff000000000000000000000e01616263646566030440ffff"
        "ffffffffffffffdeadbeeffd000000000000000000000000000001"
    ),
    "reserved octets of an address registration": (
        "41dc01cdab020000000000000201000000000000027b333a870059f000000000fe800000000000000000000000000002210200aaff"
        "7700000200000000000001"
    ),
    "reserved bits of the hashes of LGTKs": (
        "42ee090200000000000002010000000000000205150105010203021504ff05150dffffffff003f2da00941e10000000000000000"
        "20070000000000000000000000000000000000000000000000000000000000000000"
    ),
    "a redirect and its packet": (
        "41dc01cdab020000000000000201000000000000027b113a004b42fffe000001004b42fffe0001018900740b00000000fe80000000"
        "000000004b42fffe000102fd004b4200000000004b42fffe00020304060000000000006000000000003b40fd004b4200000000004b"
        "42fffe000101fd004b4200000000004b42fffe000203"
    ),
    "a context, DNS servers, MTU and routes with all reserved bits set": (
        "41dc01cdab020000000000000201000000000000027b113a00000000000000010000000000000001870035e5fffffffffe80000000"
        "0000000000000000000001220240f5abcd0009000000000000000019050fff00000009fe800000000000000000000000000001fe80"
        "00000000000000000000000000010501ffff00000500180100ff00000001180240ff00000001fe80000000000000180380e7000000"
        "01fe800000000000000000000000000001"
    ),
    "a nonce, capabilities, a border router, and reserved bits of an advertisement": (
        "41dc01cdab020000000000000201000000000000027b113a000000000000000100000000000000018800f89efffffffffe80000000"
        "00000000000000000000010e0200000000000000000000000000002401fedcba9876542303000100020003fe800000000000000000"
        "000000000001"
    ),
    "a vendor's number of three octets": (
        "01e31a06010002feff6f0d000515010017dc4f003f21a00698ffff64120101050403000000430b0557692d53554e2050656572030a004100"
    ),
    "a target of no octets": ("41dc08cdab020100feff424b02010000feff424b027b3b3a1a9b0218fa0080000105020000060400400106"),
}


DAMAGED = {
    "a DAO whose last option is cut": (
        "41dc4acdab020100feff424b02010000feff424b027b3b3a1a9b02d1b700000"
        "0f005120080fd00000000000000021274040506000206140040f006",
        {"wpan.src64", "6lowpan.src", "ipv6.dst", "ipv6.plen", "icmpv6.type", "icmpv6.code"},
    ),
    "an NHC header that nobody knows": (
        "61dc1acdab010006050474120203000605047412027e3300a003060063",
        {"wpan.src64", "6lowpan.iphc.cid", "6lowpan.pattern"},
    ),
    "a header IE longer than the frame": (
        "61eeb9010002feff6f0d00021002feff6f0d007f1501068aa6d6003f08a006",
        {"wpan.src64", "wpan.dst64", "wpan.seq_no"},
    ),
    "a UDP datagram shorter than its length": (
        "41dc00cdab020100feff424b02010000feff424b02416000000000091140000000000000000000000000000000"
        "01fd0000000000000000000000000000020001000200ff1234aa",
        {"ipv6.src", "ipv6.nxt", "ipv6.plen"},
    ),
    "a frame of a reserved version": ("41fc4acdab020100feff424b02010000feff424b027b3b3a1a", set[str]()),
}
"""What tshark reads before the damage may be more than we do; what we say, these fields among it, is what it says."""


@NO_TSHARK
@pytest.mark.parametrize("name", DAMAGED)
def test_nothing_else_is_said_of_damaged_frames(tmp_path: Path, name: str) -> None:
    octets, expected = DAMAGED[name]
    path = write_capture(tmp_path / "frame.pcapng", [(0, bytes.fromhex(octets))])
    assert [(d.name, d.ours, d.tsharks) for d in differences(path) if d.ours != d.tsharks[: len(d.ours)]] == []
    record = next(read_capture(path))
    frame = Decoder().decode(record)
    assert "malformed: " in frame.info
    assert expected <= {field for field, _ in fields(frame, record)}


@NO_TSHARK
@pytest.mark.parametrize("octets", [16, 30, 45, 60, 90])
@pytest.mark.parametrize("capture", ["line2-clear", "contiki-rpl-lite-line4"])
def test_nothing_else_is_said_of_frames_that_the_capture_cut(tmp_path: Path, capture: str, octets: int) -> None:
    records = list(read_capture(need(f"{capture}.pcapng")))[:150]
    path = write_capture(tmp_path / "cut.pcapng", [(r.time_ns, r.data) for r in records], snap_octets=octets)
    options = ["-o", "6lowpan.context0:fd00::/64"]
    found = [d for d in differences(path, options, contexts=CONTIKI_CONTEXTS) if d.name != "wpan.fcs_ok"]
    more = [d for d in found if d.ours != d.tsharks[: len(d.ours)] and not _makes_no_packet(d)]
    assert [(d.frame, d.name, d.ours, d.tsharks) for d in more] == []


def _makes_no_packet(difference: Difference) -> bool:
    """Where compressed headers end early, tshark tells what stands before in fields of 6LoWPAN alone: those are
    compared here, and ``tests/air/lowpan/test_damage`` has the packet's."""
    piece = difference.frame.piece
    return not difference.tsharks and piece is not None and bool(piece.trouble)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Difference]]:
    """Differences by the frame's name."""
    path = tmp_path_factory.mktemp("differences") / "frames.pcapng"
    write_capture(path, [(10**18 + number, bytes.fromhex(text)) for number, text in enumerate(FRAMES.values())])
    by_name: dict[str, list[Difference]] = {name: [] for name in FRAMES}
    for difference in differences(path, ["-o", "6lowpan.context0:fd00::/64"], contexts=CONTIKI_CONTEXTS):
        by_name[list(FRAMES)[difference.frame.number - 1]].append(difference)
    return by_name


@NO_TSHARK
@pytest.mark.parametrize("name", FRAMES)
def test_every_field_is_tsharks(found: dict[str, list[Difference]], name: str) -> None:
    assert [(d.name, d.ours, d.tsharks) for d in found[name]] == []
