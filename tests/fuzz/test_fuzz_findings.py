"""What coverage-guided fuzzing found (``tests/fuzz``): each finding stays a test."""

from __future__ import annotations

import struct

import attrs
import pytest

from bench.air.ip import packet as ipv6
from bench.air.ip.udp import Udp
from bench.air.keys.eapol import MESSAGE_1, RELAY_PORT, Eapol, KeyFrame, encode_eapol
from bench.air.lowpan import datagram as lowpan
from bench.air.mac.frame import encode_mac
from bench.air.mac.header_ies import Csl
from bench.air.mac.ies import WISUN_GROUP, Ie
from bench.air.wisun import frames as wisun
from tests.fuzz.targets import DST, SRC, TARGETS, A, B, joined


def _datagram(port: int, payload: bytes) -> bytes:
    return lowpan.compress(ipv6.build(ipv6.Packet(SRC, DST, Udp(1, port, payload))), A, B)


def _key_frame(key_data: bytes) -> bytes:
    return encode_eapol(Eapol(3, 3, key=KeyFrame(MESSAGE_1, key_data=key_data)))


def _ack(ie: Ie) -> bytes:
    made = wisun.ack(wisun.data(A, B, b"", 7), B)
    return encode_mac(attrs.evolve(made, header_ies=(*made.header_ies, ie)))


def _pcap(*records: tuple[int, bytes]) -> bytes:
    """Length on the air and octets of each."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 230)
    return head + b"".join(struct.pack("<IIII", 1, 2, len(data), octets) + data for octets, data in records)


def _pcapng(resolution: int, offset_s: int, ticks: int) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        length = struct.pack("<I", 12 + len(body))
        return struct.pack("<I", kind) + length + body + length

    options = struct.pack("<HHB3x", 9, 1, resolution) + struct.pack("<HHq", 14, 8, offset_s) + bytes(4)
    packet = struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFF_FFFF, 4, 4) + bytes.fromhex("01000700")
    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    return section + block(1, struct.pack("<HHI", 230, 0, 0) + options) + block(6, packet)


FINDINGS = {
    "an RPI-6LoRH before an IPv6 header whose payload length is 65535": (
        "frame",
        bytes.fromhex(
            "41d8773aff230100000085045d94dcf19b050041d805ffffffffffff1111111111111111111111111111111111ffff"
            "ffffffffffffffffffffff5cea"
        ),
    ),
    "a CoAP path that steers the terminal": ("adapted", _datagram(5683, b"\x40\x01\0\1\xb5\x1b[2Jx")),
    "a CoAP path that breaks the line": ("adapted", _datagram(5683, b"\x40\x01\0\1\xb2\n1")),
    "a network name that steers the terminal": ("frame", encode_mac(wisun.pas(A, "\x1b]0;mine\x07"))),
    "a verified frame behind a TAP header of more than 256 octets": (
        "bulk",
        joined([(0xFD, encode_mac(wisun.data(A, B, b"\x41", 7)))]),
    ),
    "a key frame whose key data is no list of elements, in the bulk table": (
        "bulk",
        joined([(0, encode_mac(wisun.eapol(A, B, 1, _key_frame(b"\xdd\xfb\0\x0f\xac\4"), 1)))]),
    ),
    "the same, relayed": (
        "bulk",
        joined(
            [
                (
                    0,
                    encode_mac(
                        wisun.data(A, B, _datagram(RELAY_PORT, A + b"\1" + _key_frame(b"\xdd\xfb\0\x0f\xac\4")), 7)
                    ),
                )
            ]
        ),
    ),
    "a CSL element without octets behind Wi-SUN's, in the bulk table": ("bulk", joined([(0, _ack(Ie(Csl.ID)))])),
    "a CSL element behind Wi-SUN's, in the bulk table": ("bulk", joined([(0, _ack(Csl(1, 2).ie()))])),
    "a US element that ends before its channels, in scapy": (
        "layers",
        encode_mac(
            attrs.evolve(wisun.data(A, B, b"\x41", 7), payload_ies=(Ie(WISUN_GROUP, bytes.fromhex("0388ffff64")),))
        ),
    ),
    "a GTKHASH element that ends inside a hash, in scapy": (
        "layers",
        encode_mac(attrs.evolve(wisun.data(A, B, b"\x41", 7), payload_ies=(Ie(WISUN_GROUP, b"\6\7abcdef"),))),
    ),
    "a compressed packet with a cut routing header, in scapy": (
        "layers",
        bytes.fromhex("41d867cdabffff01000605041612027a3b2bfd40"),
    ),
    "a command without its identifier, sealed": (
        "sealed",
        bytes.fromhex("050007e3dc00000000f0aa1629223d623468656c6c6f2035"),
    ),
    "a comment of the bench's own that says nothing": ("key_file", b"# kenshin \n# kenshin \t\n"),
    "a frame longer than a column of the index holds": ("table", _pcap((100_000, bytes.fromhex("01000700")))),
    "a stamp after the last one that the index holds": ("table", _pcapng(0, 0, 1 << 63)),
    "a stamp before the first one that the index holds": ("table", _pcapng(9, -(1 << 62), 0)),
}


@pytest.mark.parametrize(("target", "octets"), FINDINGS.values(), ids=FINDINGS.keys())
def test_a_finding_stays_mended(target: str, octets: bytes) -> None:
    TARGETS[target](octets)
