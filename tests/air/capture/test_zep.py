"""ZEP datagrams in captures of a network and from a socket; scapy builds the network, tshark reads it too."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN
from scapy.layers.l2 import ARP, CookedLinux, CookedLinuxV2, Dot1Q, Ether
from scapy.packet import Packet

from bench.air.capture.capture import read_capture
from bench.air.capture.carried import LINK_TYPES, udp_payload
from bench.air.capture.link import read_packet, zep_record
from bench.air.capture.zep import PORT, Zep, ZepAck, decode_zep, encode_zep
from bench.air.errors import Malformed
from bench.air.frame.decoder import decode_frames
from bench.air.mac.frame import encode_mac, fcs16
from bench.air.wisun import frames as wisun
from bench.errors import InputError

A = bytes.fromhex("024b42fffe000001")
PSDU = encode_mac(wisun.pas(A, "kenshin-twin"))
STAMP = 1_700_000_000_123_456_789
V1 = Zep(21, 0x1234, PSDU + fcs16(PSDU), version=1)
V2 = Zep(26, 0x1234, PSDU + fcs16(PSDU), time_ns=STAMP, sequence=77)
RADIO = Zep(11, 1, PSDU + b"\xd0\xff", has_fcs=False, lqi=200, time_ns=STAMP, sequence=78)
BAD = Zep(11, 1, PSDU + b"\xd0\x7f", has_fcs=False, time_ns=STAMP, sequence=79)

LAN = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
"""With its addresses: scapy would ask the network for those that are missing, and wait."""
IP4, IP6 = IP(src="192.0.2.1", dst="192.0.2.2"), IPv6(src="2001:db8::1", dst="2001:db8::2")


def udp(zep: Zep | ZepAck, src: int = 40000, dst: int = PORT) -> Packet:
    return UDP(sport=src, dport=dst) / encode_zep(zep)


def padded(packet: Packet) -> bytes:
    """As Ethernet sends it: at least 60 octets."""
    return bytes(packet).ljust(60, b"\xee")


NETWORKS: dict[int, list[bytes]] = {
    1: [
        padded(LAN / IP4 / udp(V1)),
        padded(LAN / Dot1Q(vlan=5) / IP4 / udp(V2)),
        padded(LAN / IP6 / udp(RADIO)),
        padded(LAN / IP6 / IPv6ExtHdrHopByHop(options=PadN(optdata=b"\0\0")) / udp(BAD, PORT, 9)),
        padded(LAN / ARP(hwsrc="02:00:00:00:00:01", psrc="192.0.2.1")),
        padded(LAN / IP4 / udp(ZepAck(77), PORT, 40000)),
        padded(LAN / IP4 / UDP(sport=1, dport=2) / b"EX"),
        padded(LAN / IP(src="192.0.2.1", dst="192.0.2.2", flags="MF") / udp(V1)),
        padded(LAN / IP6 / IPv6ExtHdrFragment(m=1) / udp(V1)),
        padded(LAN / IP4 / UDP(sport=1, dport=PORT) / b"EX\x02\x01short"),
    ],
    0: [b"\2\0\0\0" + bytes(IP4 / udp(V1)), b"\x1e\0\0\0" + bytes(IP6 / udp(V2))],
    108: [b"\0\0\0\2" + bytes(IP4 / udp(V1)), b"\0\0\0\x18" + bytes(IP6 / udp(V2))],
    101: [bytes(IP4 / udp(V1)), bytes(IP6 / udp(V2)), bytes(IP4 / udp(RADIO)), bytes(IP6 / udp(BAD))],
    113: [bytes(CookedLinux(proto=0x0800) / IP4 / udp(V1)), bytes(CookedLinux(proto=0x86DD) / IP6 / udp(V2))],
    276: [bytes(CookedLinuxV2(proto=0x0800) / IP4 / udp(V1)), bytes(CookedLinuxV2(proto=0x86DD) / IP6 / udp(V2))],
}


def pcap(path: Path, link_type: int, packets: list[bytes], order: str = "<", cut: int = 65535) -> Path:
    octets = struct.pack(order + "IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, cut, link_type)
    for number, packet in enumerate(packets):
        octets += struct.pack(order + "IIII", 1_700_000_000, number, min(cut, len(packet)), len(packet)) + packet[:cut]
    path.write_bytes(octets)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("link_type", sorted(NETWORKS))
def test_frames_of_a_network_capture(tmp_path: Path, link_type: int, order: str) -> None:
    packets = NETWORKS[link_type]
    records = list(read_capture(pcap(tmp_path / "net.pcap", link_type, packets, order)))
    wanted = [
        (1, V1.channel, True, None),
        (2, V2.channel, True, None),
        (3, RADIO.channel, True, -48.0),
        (4, BAD.channel, False, -48.0),
    ][: min(4, len(packets))]
    frames = [record for record in records if not record.damage]
    assert [(r.number, r.channel, r.fcs_ok, r.rssi_dbm) for r in frames] == wanted
    assert {(r.data, r.fcs_octets, r.original_length, r.link_type) for r in frames} == {
        (PSDU, 2, len(PSDU) + 2, link_type)
    }
    assert [r.time_ns for r in frames] == [1_700_000_000 * 10**9 + n for n in range(len(wanted))]
    broken = [(record.number, record.damage) for record in records if record.damage]
    assert broken == ([(10, "ZEP: 4 octets wanted, 0 left")] if link_type == 1 else [])
    decoded = list(decode_frames(records))
    assert [frame.kind for frame in decoded[:2]] == ["PAS", "PAS"]


@pytest.mark.parametrize("link_type", sorted(NETWORKS))
def test_tshark_finds_the_same_frames(tmp_path: Path, link_type: int) -> None:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    path = pcap(tmp_path / "net.pcap", link_type, NETWORKS[link_type])
    names = ("frame.number", "zep.channel_id", "wpan.fcs_ok", "wpan.rssi", "wpan.src64")
    words = [program, "-r", str(path), "-n", "-Y", "wpan.src64", "-T", "fields"]
    words += [word for name in names for word in ("-e", name)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    theirs = [line.split("\t") for line in done.stdout.splitlines()]
    records = [record for record in read_capture(path) if not record.damage]
    mine = [
        [str(r.number), str(r.channel), str(int(r.fcs_ok or 0)), "" if r.rssi_dbm is None else f"{r.rssi_dbm:.0f}"]
        for r in records
    ]
    assert [row[:4] for row in theirs] == mine


def test_an_interface_of_a_network_in_pcapng_and_gzip(tmp_path: Path) -> None:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = struct.pack(">I", 12 + len(body))
        return struct.pack(">I", kind) + length + body + length

    octets = block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
    octets += block(1, struct.pack(">HHI", 230, 0, 0)) + block(1, struct.pack(">HHI", 1, 0, 0))
    for interface, packet in ((1, NETWORKS[1][4]), (0, PSDU), (1, NETWORKS[1][0])):
        octets += block(6, struct.pack(">IIIII", interface, 0, 5, len(packet), len(packet)) + packet)
    path = tmp_path / "two.pcapng.gz"
    path.write_bytes(gzip.compress(octets))
    assert [(r.number, r.link_type, r.data) for r in read_capture(path)] == [(2, 230, PSDU), (3, 1, PSDU)]


def test_a_network_capture_without_frames_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"net\.pcap: no IEEE 802\.15\.4 frame in packets of link type 1; expected 195"
    ):
        list(read_capture(pcap(tmp_path / "net.pcap", 1, [NETWORKS[1][4]])))


def test_a_datagram_cut_by_the_capture_keeps_its_beginning(tmp_path: Path) -> None:
    whole = bytes(IP4 / udp(V2))
    (record,) = read_capture(pcap(tmp_path / "net.pcap", 101, [whole], cut=len(whole) - 9))
    assert (record.cut, record.data, record.fcs_ok) == (True, (PSDU + fcs16(PSDU))[:-9], None)
    assert record.original_length == len(PSDU) + 2
    (frame,) = decode_frames([record])
    assert (frame.kind, frame.src, frame.ies) == ("PAS", A, ("UTT", "US"))
    assert frame.info == f"[cut by the capture to {len(PSDU) - 7} octets]"
    (hardly,) = read_capture(pcap(tmp_path / "net.pcap", 101, [whole], cut=35))
    assert (hardly.cut, hardly.damage) == (True, "ZEP: 1 octet wanted, 0 left")


def test_a_payload_from_a_socket() -> None:
    record = zep_record(7, STAMP + 5, encode_zep(V2))
    assert record is not None
    assert (record.number, record.time_ns, record.data, record.channel) == (7, STAMP + 5, PSDU, 26)
    assert zep_record(8, 0, encode_zep(ZepAck(1))) is None
    for payload, words in (
        (b"EY\x01", "no EX preamble"),
        (b"EX\x03" + bytes(60), "version 3 is not read"),
        (encode_zep(V1) + b"x", "length 47, 48 octets there"),
        (encode_zep(V1)[:-1], "length 47, 46 octets there"),
        (encode_zep(Zep(1, 1, b"x", has_fcs=False)), "no room for the radio's two octets"),
    ):
        broken = zep_record(1, 0, payload)
        assert broken is not None
        assert words in broken.damage


octets16, frames = st.integers(0, 0xFFFF), st.binary(max_size=127)
zeps = st.one_of(
    st.builds(ZepAck, st.integers(0, 2**32 - 1)),
    st.builds(Zep, st.integers(0, 255), octets16, frames, st.booleans(), st.integers(0, 255), st.just(1)),
    st.builds(
        Zep,
        *(st.integers(0, 255), octets16, frames, st.booleans(), st.integers(0, 255), st.just(2)),
        st.integers(0, 2_000_000_000 * 10**9),
        st.integers(0, 2**32 - 1),
    ),
)


@settings(max_examples=200, deadline=None)
@given(zeps)
def test_a_datagram_written_is_the_datagram_read(zep: Zep | ZepAck) -> None:
    assert decode_zep(encode_zep(zep)) == zep


def test_what_does_not_fit_is_not_written() -> None:
    with pytest.raises(ValueError, match="at most 127 octets, not 128"):
        encode_zep(Zep(1, 1, bytes(128)))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(LINK_TYPES)), st.data())
def test_damaged_network_packets_never_raise(link_type: int, data: st.DataObject) -> None:
    packets = [packet for packets in NETWORKS.values() for packet in packets]
    octets = bytearray(data.draw(st.one_of(st.sampled_from(packets), st.binary(max_size=90))))
    for _ in range(data.draw(st.integers(0, 3)) if octets else 0):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    packet = bytes(octets[: data.draw(st.integers(0, len(octets)))])
    found = udp_payload(link_type, packet, PORT)
    assert found is None or found in packet
    record = read_packet(1, 0, link_type, packet, len(packet) + data.draw(st.integers(0, 1)))
    assert record is None or record.damage or record.data in packet


def test_the_error_is_the_decoders_own() -> None:
    with pytest.raises(Malformed):
        decode_zep(b"")
