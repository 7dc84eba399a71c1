"""Multipurpose frames (IEEE 802.15.4-2015, 7.3.5) as scapy packets: fields, octets, keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.link import NO_FCS, make_record
from bench.air.frame.decoder import Decoder
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import FrameType, MacFrame, encode_mac, fcs16, fcs32
from bench.air.mac.ies import HT2, Ie
from bench.air.scapy_layers import Raw, Wpan, WpanFcs, WpanMultipurpose
from bench.air.scapy_layers.base import rebuilt
from bench.air.scapy_layers.packets import to_scapy

CASE = Path(__file__).parents[2] / "data" / "air_cases" / "A7_multipurpose.pcap"
KEY = bytes(range(16))
LONG, SHORT = bytes.fromhex("000d6ffffe030001"), b"\x12\x34"


def made(**fields: Any) -> bytes:
    known = {"frame_type": FrameType.MULTIPURPOSE, "version": 2, "sequence": 7, "dst": SHORT, "src": LONG}
    return encode_mac(MacFrame(**known | {"payload": b"hi"} | fields))  # type: ignore[arg-type]


FRAMES = {
    "short": made(),
    "long without need": made(long_control=True),
    "PAN": made(dst_pan=0xABCD),
    "no sequence number": made(sequence=None, ack_request=True),
    "pending, no source": made(frame_pending=True, src=None),
    "IEs": made(header_ies=(Ie(0x1E, b"\x01\x02"), Ie(HT2, b""))),
    "no addresses": made(dst=None, src=None),
}


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("fcs", [None, fcs16, fcs32])
def test_a_multipurpose_frame_and_back(name: str, fcs: Any) -> None:
    octets = FRAMES[name] + (fcs(FRAMES[name]) if fcs else b"")
    packet: Any = WpanFcs(octets) if fcs else Wpan(octets)
    assert isinstance(packet, WpanMultipurpose)
    assert rebuilt(packet) == octets
    assert packet.fcs_ok in (None, True)
    record = make_record(1, 0, NO_FCS, FRAMES[name], len(FRAMES[name]))
    mac = Decoder().decode(record).mac
    assert mac is not None
    assert (packet.seq_no, packet.dst_pan) == (mac.sequence, mac.dst_pan)
    assert bytes(packet[Raw]) == b"hi"


def test_the_case_of_the_evidence() -> None:
    """Octets that were not made here."""
    (record,) = read_capture(CASE)
    packet: Any = to_scapy(record)
    assert (packet.src, packet.dst, packet.seq_no, packet.long) == ("0x5678", "0x1234", 9, 0)
    assert rebuilt(packet)[: len(record.data)] == record.data


def test_made_from_fields_and_changed() -> None:
    packet: Any = WpanMultipurpose(seq_no=7, dst="0x1234", src="00:0d:6f:ff:fe:03:00:01") / Raw(b"hi")
    assert bytes(packet) == FRAMES["short"]
    packet.dst_pan = 0xABCD
    assert bytes(packet) == FRAMES["PAN"]


def test_a_key_opens_and_seals_it() -> None:
    frame = MacFrame(frame_type=FrameType.MULTIPURPOSE, version=2, sequence=7, dst=SHORT, src=LONG, payload=b"hi")
    octets = protect(frame, KEY, 9, 1)
    record = make_record(1, 0, NO_FCS, octets, len(octets))
    keys = KeyTable([(1, KEY)])
    packet: Any = to_scapy(record, keys=keys)
    assert bytes(packet[Raw]) == b"hi"
    assert rebuilt(packet) == octets
    frame_read = Decoder(keys).decode(record)
    assert bytes(to_scapy(frame_read)[Raw]) == b"hi"
    assert bytes(to_scapy(record)) == octets  # sealed


@pytest.mark.parametrize("octets", ["05", "0d", "0d10", "1507", "0d00"])
def test_what_is_no_frame_stays_octets(octets: str) -> None:
    packet: Any = Wpan(bytes.fromhex(octets))
    assert type(packet) is Raw
    assert bytes(packet) == bytes.fromhex(octets)
