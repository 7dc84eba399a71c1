"""IPv6 fragments become the packet that was cut, in any order and tunnel, each hop for itself; tshark agrees."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from pathlib import Path

import attrs
import pytest

from bench.air.capture.link import NO_FCS, make_record
from bench.air.errors import Malformed
from bench.air.frame.decoder import Decoder, Frame
from bench.air.ip import packet as ipv6
from bench.air.ip import reassembly as ipv6_fragment
from bench.air.ip.extensions import DestinationOptions, FragmentHeader, HopByHop, RawOption, Rpi
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.mac.frame import FrameType, MacFrame, encode_mac
from tests.air.ip import packets

SRC, DST = ipv6.link_local(packets.LINK_SRC), ipv6.link_local(packets.LINK_DST)
HOP = (packets.LINK_SRC, packets.LINK_DST)
WHOLE = Packet(
    SRC, DST, Udp(7, 9, bytes(range(256)) * 6),
    headers=(HopByHop((Rpi(0, 256),)), DestinationOptions((RawOption(0x3E, b"ab"),))),
)  # fmt: skip


def cut(packet: Packet, size: int, identification: int = 0xCAFE) -> list[Packet]:
    """Fragments of at most ``size`` octets of the fragmentable part, the hop-by-hop header in each of them."""
    octets = ipv6.build(packet)
    head = 40 + 8
    body = octets[head:]
    found = []
    for offset in range(0, len(body), size):
        header = FragmentHeader(identification, offset, offset + size < len(body))
        piece = attrs.evolve(
            packet, upper=body[offset : offset + size], next_header=octets[40], headers=(packet.headers[0], header)
        )
        found.append(ipv6.parse(ipv6.build(piece)))
    return found


def collect(pieces: list[Packet], reassembler: ipv6_fragment.Reassembler | None = None) -> list[Packet]:
    reassembler = reassembler or ipv6_fragment.Reassembler()
    made = [reassembler.add(piece, HOP, 0) for piece in pieces]
    return [packet for packet in made if packet is not None]


def test_fragments_in_any_order_and_twice() -> None:
    pieces = cut(WHOLE, 400)
    assert len(pieces) == 4
    for seed in range(10):
        shuffled = pieces + pieces[:2]
        random.Random(seed).shuffle(shuffled)
        made = collect(shuffled)[:1]
        assert made == [WHOLE]
        assert made[0].checksum_ok


def test_fragments_in_a_tunnel_keep_the_tunnel() -> None:
    tunnelled = [ipv6.parse(ipv6.build(Packet(DST, SRC, piece, 9))) for piece in cut(WHOLE, 800)]
    assert collect(tunnelled) == [Packet(DST, SRC, WHOLE, 9)]


def test_each_hop_for_itself() -> None:
    first, second = cut(WHOLE, 1000)
    reassembler = ipv6_fragment.Reassembler()
    assert reassembler.add(first, HOP, 0) is None
    assert reassembler.add(second, (packets.LINK_DST, None), 0) is None
    assert reassembler.add(second, HOP, 0) == WHOLE


def test_given_up_after_a_minute() -> None:
    first, second = cut(WHOLE, 1000)
    reassembler = ipv6_fragment.Reassembler()
    assert reassembler.add(first, HOP, 0) is None
    assert reassembler.add(second, HOP, ipv6_fragment.TIMEOUT_NS + 1) is None
    assert reassembler.dropped == 1


def test_no_more_than_the_limit_are_open() -> None:
    reassembler = ipv6_fragment.Reassembler(limit=4)
    for identification in range(10):
        reassembler.add(cut(WHOLE, 1000, identification)[0], HOP, 0)
    assert reassembler.dropped == 6


@pytest.mark.parametrize(
    ("offset", "more", "size", "says"),
    [
        (8, True, 16, "overlaps"),
        (0, True, 16, "other octets"),
        (16, True, 9, "9 octets at 16"),
        (0xFFF8, False, 16, "16 octets at 65528"),
    ],
)
def test_a_fragment_that_does_not_fit_is_refused(offset: int, more: bool, size: int, says: str) -> None:
    pieces = cut(WHOLE, 800)
    header = FragmentHeader(0xCAFE, offset, more)
    bad = attrs.evolve(pieces[0], headers=(pieces[0].headers[0], header), upper=bytes(size), payload=bytes(size))
    reassembler = ipv6_fragment.Reassembler()
    assert reassembler.add(pieces[0], HOP, 0) is None
    with pytest.raises(Malformed, match=says):
        reassembler.add(bad, HOP, 0)


def test_nothing_lies_beyond_the_last_fragment() -> None:
    pieces = cut(WHOLE, 800)
    size = len(ipv6.build(WHOLE)) - 48
    header = FragmentHeader(0xCAFE, (size + 8) // 8 * 8, True)
    bad = attrs.evolve(pieces[0], headers=(pieces[0].headers[0], header), upper=bytes(8), payload=bytes(8))
    for order in ((pieces[1], bad), (bad, pieces[1])):
        reassembler = ipv6_fragment.Reassembler()
        assert reassembler.add(order[0], HOP, 0) is None
        with pytest.raises(Malformed, match="beyond the end"):
            reassembler.add(order[1], HOP, 0)
        assert reassembler.dropped == 1


def _frames(pieces: list[Packet]) -> list[Frame]:
    decoder = Decoder()
    frames = []
    for number, piece in enumerate(pieces, 1):
        payload = lowpan.compress(ipv6.build(piece), *HOP)
        mac = MacFrame(
            FrameType.DATA, 1, number, dst_pan=1, dst=HOP[1], src=HOP[0], pan_id_compression=True, payload=payload
        )
        psdu = encode_mac(mac)
        frames.append(decoder.decode(make_record(number, 0, NO_FCS, psdu, len(psdu))))
    return frames


def test_the_decoder_reassembles() -> None:
    first, last = _frames(cut(WHOLE, 1000))
    assert first.info == "IPv6 fragment 0-1000, id 0x0000cafe"
    assert first.layers[-3:] == ("ipv6", "hop-by-hop", "ipv6-fragment")
    assert last.packet == WHOLE
    assert last.info == "UDP 7 > 9 len=1536"
    assert "ipv6-fragment" in last.layers
    assert last.layers[-1] == "udp"


def test_tshark_reassembles_the_same(tmp_path: Path) -> None:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    path = tmp_path / "fragments.pcap"
    pieces = [ipv6.build(piece) for piece in cut(WHOLE, 1000)]
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 229)
    path.write_bytes(
        header
        + b"".join(struct.pack("<IIII", n, 0, len(octets), len(octets)) + octets for n, octets in enumerate(pieces))
    )
    command = [program, "-n", "-r", str(path), "-T", "fields", "-e", "udp.payload", "-e", "ipv6.reassembled.length"]
    rows = [
        line.split("\t")
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    ]
    assert isinstance(WHOLE.upper, Udp)
    assert rows[0][0] == ""
    assert bytes.fromhex(rows[1][0]) == WHOLE.upper.payload
    assert int(rows[1][1]) == len(ipv6.build(WHOLE)) - 48
