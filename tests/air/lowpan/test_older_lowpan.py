"""HC1 and HC2, the broadcast header and recoverable fragments: every field is tshark's, and there and back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import UDP
from scapy.packet import Raw

from bench.air.bulk.payloads import line_decoder
from bench.air.bulk.rows import Pending
from bench.air.capture.link import NO_FCS
from bench.air.errors import Malformed
from bench.air.ip import packet as ipv6
from bench.air.ip.udp import Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import hc1, recoverable
from bench.air.lowpan.links import Links
from bench.air.lowpan.recoverable import Acknowledgement, Fragment, Reassembler
from bench.air.mac.frame import MacFrame, encode_mac
from bench.air.scapy_layers import Wpan
from bench.air.scapy_layers.lowpan import LowpanHc1, LowpanRfrag, LowpanRfragAck
from tests.air.frame.built_frames import decoded, same_fields
from tests.air.ip import packets
from tests.air.tshark_oracle import NO_TSHARK

SRC, DST = bytes.fromhex("00124b0000000001"), bytes.fromhex("00124b0000000002")
LINKS = Links.of_frame(SRC, DST, None)
LOCAL_SRC, LOCAL_DST = ipv6.link_local(SRC), ipv6.link_local(DST)
FAR = bytes.fromhex("20010db8000000000000000000000005")
HELLO = Udp(0xF0B1, 0xF0B2, b"hello")
BY_HAND = [
    "42 fb e0 40 12 abcd 68656c6c6f",
    "42 f3 00 40 aa bcdef 1234 5678 000d abcd0 68656c6c6f",
    "42 00 40 20010db800000000 0000000000000001 20010db800000000 0000000000000002 aa bcdef 3b 0 68656c6c6f",
    "42 fc 40 8000abcd00010001",
    "42 fa 40 1234 5678 000d abcd 68656c6c6f",
    "42 8b 80 40 0212 4b00 0000 0009 20010db800000000 0000000000000002 1 f0b2 000d abcd 0 68656c6c6f",
    "50 07 7e33 f3 12 abcd 6869",
]
"""RFC 4944, figures 9 and 10: HC1's bits, then HC2's where there is one, then what is not left out, bit by bit."""


def data(payload: bytes) -> bytes:
    mac = MacFrame(version=1, sequence=1, dst_pan=1, dst=DST, src=SRC, pan_id_compression=True, payload=payload)
    return encode_mac(mac)


def packet(upper: Any = HELLO, **changes: Any) -> ipv6.Packet:
    return attrs.evolve(ipv6.Packet(LOCAL_SRC, LOCAL_DST, upper), **changes)


PLAIN = ipv6.build(packet())
COMPRESSED = lowpan.compress(ipv6.build(packet(Udp(1, 2, bytes(range(200))))), SRC, DST)
PIECES = recoverable.fragment(COMPRESSED, 80, 0x55)


@NO_TSHARK
def test_old_compression_is_tsharks(tmp_path: Path) -> None:
    frames = [data(bytes.fromhex(words.replace(" ", ""))) for words in BY_HAND]
    assert not [frame.info for frame in decoded(frames) if frame.info.startswith("malformed")]
    compared = same_fields(tmp_path, frames, "6lowpan.") | same_fields(tmp_path, frames, "ipv6.")
    assert len([name for name in compared if "hc1" in name or "hc2" in name]) == 12
    assert {"6lowpan.bcast.seqnum", "6lowpan.class", "6lowpan.flow", "6lowpan.udp.length", "ipv6.flow"} <= compared


@NO_TSHARK
def test_recoverable_fragments_are_tsharks(tmp_path: Path) -> None:
    """tshark shows the compressed header in the first fragment too; we show it where the datagram is whole."""
    sent: list[recoverable.Piece] = [*PIECES, Acknowledgement(0x55, 0xE0000000, True)]
    frames = [data(recoverable.build(piece)) for piece in sent]
    early = frozenset((1, name) for name in FIRST)
    compared = same_fields(tmp_path, frames, "6lowpan.", holes=early) | same_fields(tmp_path, frames, "udp.")
    assert len([name for name in compared if "rfrag" in name]) == 8
    assert {"6lowpan.reassembled.length", "6lowpan.iphc.sam", "udp.dstport"} <= compared


FIRST = {
    *("6lowpan.iphc.tf", "6lowpan.iphc.nh", "6lowpan.iphc.hlim", "6lowpan.iphc.cid", "6lowpan.iphc.sac"),
    *("6lowpan.iphc.sam", "6lowpan.iphc.m", "6lowpan.iphc.dac", "6lowpan.iphc.dam", "6lowpan.src", "6lowpan.dst"),
    *("6lowpan.nhc.pattern", "6lowpan.nhc.udp.checksum", "6lowpan.nhc.udp.ports", "6lowpan.udp.src"),
    *("6lowpan.udp.dst", "6lowpan.udp.checksum", "6lowpan.pattern"),
}


@pytest.mark.parametrize(
    "made",
    [
        packet(),
        packet(Udp(0x1234, 0xF0B5, b"x"), traffic_class=7, flow=0xABCDE),
        packet(b"raw", next_header=6, hop_limit=1),
        packet(b"raw", next_header=59, src=FAR, dst=FAR),
        packet(HELLO, src=LOCAL_SRC[:8] + FAR[8:], dst=FAR[:8] + LOCAL_DST[8:]),
    ],
)
def test_packets_there_and_back(made: ipv6.Packet) -> None:
    plain = ipv6.build(made)
    payload = hc1.compress(plain, LINKS)
    whole = lowpan.decompress(payload, SRC, DST)
    assert isinstance(whole, lowpan.Datagram)
    assert (whole.packet, whole.layers) == (plain, ("6lowpan", "hc1"))
    assert len(payload) < len(plain) + 3


@given(packets.packet())
def test_any_packet_there_and_back(made: ipv6.Packet) -> None:
    plain = ipv6.build(made)
    whole = lowpan.decompress(hc1.compress(plain, LINKS), SRC, DST)
    assert isinstance(whole, lowpan.Datagram)
    assert whole.packet == plain


def test_a_first_fragment_in_hc1_takes_its_length_from_the_datagram() -> None:
    plain = ipv6.build(packet(Udp(0xF0B1, 0xF0B2, bytes(300))))
    payload = hc1.compress(plain, LINKS)
    piece = lowpan.decompress(bytes((0xC0 | len(plain) >> 8, len(plain) & 0xFF, 0, 9)) + payload[:60], SRC, DST)
    assert isinstance(piece, lowpan.Fragment)
    assert plain.startswith(piece.data)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("42 fd 40 00", "none but UDP's"),
        ("42 fb e0 40 12 ab", "16 bits wanted"),
        ("42", "8 bits wanted"),
        ("40 80 00", "escape"),
        ("42 fb c0 40 12 0003 abcd", "UDP length 3"),
    ],
)
def test_a_broken_hc1_header_is_refused(words: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        lowpan.decompress(bytes.fromhex(words), SRC, DST)


def test_recoverable_fragments_in_any_order() -> None:
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 0, 2, 1)):
        frames = decoded([data(recoverable.build(PIECES[number])) for number in order])
        assert [bool(frame.datagram) for frame in frames] == [False] * (len(order) - 1) + [True]
        assert frames[-1].layers == ("802.15.4", "6lowpan", "rfrag", "iphc", "ipv6", "udp")
        assert frames[-1].packet == packet(Udp(1, 2, bytes(range(200))))


def test_what_people_read() -> None:
    said: list[recoverable.Piece] = [*PIECES[:2], Acknowledgement(0x55, 0xA0000000), Acknowledgement(0x55, 0)]
    said.append(Fragment(0x55, 0, 0, b"", 0))
    assert [frame.info for frame in decoded([data(recoverable.build(piece)) for piece in said])] == [
        f"recoverable fragment 0, 0-80 of {len(COMPRESSED)}, tag 85",
        "recoverable fragment 1, 80-160, tag 85",
        "acknowledges fragments 0, 2, tag 85",
        "acknowledges none: given up, tag 85",
        "recoverable fragments taken back, tag 85",
    ]


def test_reassembly_keeps_senders_apart_forgets_and_is_bounded() -> None:
    kept = Reassembler(limit=2)
    assert kept.add(PIECES[0], SRC, DST, 0) is None
    assert kept.add(PIECES[0], DST, SRC, 0) is None
    assert kept.add(PIECES[1], SRC, DST, 1) is None
    assert kept.add(PIECES[2], SRC, DST, 2) == COMPRESSED
    assert kept.add(PIECES[1], DST, SRC, 61 * 10**9) is None
    assert kept.add(PIECES[2], DST, SRC, 61 * 10**9) is None  # the first one is forgotten
    for tag in range(9):
        kept.add(attrs.evolve(PIECES[0], tag=tag), SRC, DST, 62 * 10**9)
    assert len(kept._open) == 2
    kept.add(attrs.evolve(PIECES[0], size=90), SRC, DST, 63 * 10**9)
    with pytest.raises(Malformed, match="of a datagram of"):
        kept.add(PIECES[1], SRC, DST, 63 * 10**9)


def test_the_bulk_decoder_leaves_them_to_capture_order() -> None:
    bulk = line_decoder(NO_FCS, None, None)
    bulk.begin()
    psdu = data(recoverable.build(PIECES[0]))
    assert isinstance(bulk.decode(1, 0, 10**9, psdu, len(psdu)), Pending)


pieces = st.one_of(
    st.builds(Acknowledgement, packets.u(1), packets.u(4), st.booleans()),
    st.builds(
        lambda tag, size, data, asked, full: Fragment(tag, 0, 0, data, size, asked, full),
        *(packets.u(1), packets.u(2), packets.blob, st.booleans(), st.booleans()),
    ),
    st.builds(
        lambda tag, number, offset, data, asked, full: Fragment(tag, number, offset, data, None, asked, full),
        *(packets.u(1), st.integers(1, 31), packets.u(2), packets.blob, st.booleans(), st.booleans()),
    ),
)


@given(pieces)
def test_pieces_there_and_back(piece: recoverable.Piece) -> None:
    octets = recoverable.build(piece)
    assert recoverable.is_one(octets)
    assert recoverable.parse(octets) == piece
    assert recoverable.describe(piece)


def test_scapy_layers_build_what_they_dissect() -> None:
    made: Any = Wpan(data(recoverable.build(PIECES[1])))
    assert (made[LowpanRfrag].sequence, made[LowpanRfrag].offset, made[LowpanRfrag].tag) == (1, 80, 0x55)
    built = LowpanRfrag(tag=0x55, sequence=1, offset=80) / Raw(PIECES[1].data)
    assert bytes(built) == recoverable.build(PIECES[1])
    acknowledgement = Acknowledgement(0x55, 0xE0000000, True)
    made = Wpan(data(recoverable.build(acknowledgement)))
    assert (made[LowpanRfragAck].bitmap, made[LowpanRfragAck].congestion) == (0xE0000000, 1)
    old: Any = Wpan(data(hc1.compress(ipv6.build(packet()), LINKS)))
    assert old[LowpanHc1].expanded[UDP].dport == 0xF0B2
    for psdu in map(
        data, (recoverable.build(PIECES[0]), recoverable.build(acknowledgement), hc1.compress(PLAIN, LINKS))
    ):
        fresh = Wpan(psdu).copy()
        fresh.clear_cache()
        assert bytes(fresh) == psdu


@given(st.sampled_from([b"\x42", b"\xe8", b"\xea", b"\x50\x01\x42"]), st.binary(max_size=60))
def test_noise_is_one_line(head: bytes, noise: bytes) -> None:
    assert not decoded([data(head + noise)])[0].bug
    with suppress(Malformed):
        hc1.parse(noise)
