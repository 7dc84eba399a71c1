"""Every TLV of a TAP header: its fields are tshark's."""

from __future__ import annotations

import struct
from collections import defaultdict
from pathlib import Path

import pytest

from bench.air.capture import tap
from bench.air.capture.link import TAP, make_record, write_tap
from bench.air.fields.tables import FIELDS, Value, fields
from bench.air.frame.decoder import decode_frames
from bench.air.mac.frame import fcs16
from tests.air.fields.differences import write_capture
from tests.air.tshark_oracle import NO_TSHARK, read, values

PSDU = b"\x01\0\7"
SAID = [
    tap.Tap(),
    tap.Tap(bit_rate_bps=100_000, sun_phy=(8, 0, 3), lqi=77, frequency_khz=922_500.0),
    tap.Tap(asn=1 << 39, slot_start_ns=1 << 60, slot_us=10_000, plan=(920_600.0, 200.0, 38)),
    tap.Tap(sun_phy=(8, 3, 5)),
]


def _head(fcs_type: int | None) -> bytes:
    tlv = b"" if fcs_type is None else struct.pack("<HHBxxx", 0, 1, fcs_type)
    return struct.pack("<BBH", 0, 0, 4 + len(tlv)) + tlv


FCS_TYPES = {
    "16 bit": (_head(1) + PSDU + fcs16(PSDU), 0, {"wpan-tap.fcs_type": 1, "wpan.fcs_ok": True, "wpan.frame_length": 3}),
    "16 bit, not captured": (_head(1) + PSDU, 2, {"wpan-tap.fcs_type": 1, "wpan.frame_length": 3}),
    "none": (_head(0) + PSDU, 0, {"wpan-tap.fcs_type": 0, "wpan.fcs_ok": True, "wpan.frame_length": 3}),
    "reserved": (_head(3) + PSDU + b"ab", 0, {"wpan-tap.fcs_type": 3}),
    "not told": (_head(None) + PSDU, 0, {"wpan.fcs_ok": True, "wpan.frame_length": 3}),
}
"""A packet, how many octets the capture cut off it, and what is said of its FCS."""


@pytest.mark.parametrize("name", FCS_TYPES)
def test_the_fcs_is_what_the_header_says(name: str) -> None:
    packet, cut, expected = FCS_TYPES[name]
    record = make_record(1, 0, TAP, packet, len(packet) + cut)
    (frame,) = decode_frames([record])
    named = dict(fields(frame, record))
    told = ("wpan-tap.fcs_type", "wpan.fcs_ok", "wpan.frame_length")
    assert {field: named[field] for field in told if field in named} == expected
    assert named["frame.len"] == len(packet) + cut
    assert ("TAP FCS type 3 is not known" in frame.info) == (name == "reserved")


@NO_TSHARK
def test_every_fcs_type_is_tsharks(tmp_path: Path) -> None:
    packets = [packet for packet, cut, _ in FCS_TYPES.values() if not cut]
    path = write_capture(tmp_path / "tap.pcapng", [(10**18, packet) for packet in packets], link_type=TAP)
    rows = values(path, ["wpan-tap.fcs_type"])
    assert [row["wpan-tap.fcs_type"] for row in rows] == ["1", "0", "3", ""]


@NO_TSHARK
def test_every_tlv_is_tsharks(tmp_path: Path) -> None:
    packets = [
        write_tap(PSDU, rssi_dbm=-61.5, channel=10, start_ns=1 << 60, end_ns=(1 << 60) + 9, tlvs=said.tlvs())
        for said in SAID
    ]
    path = tmp_path / "tap.pcap"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, TAP)
    path.write_bytes(head + b"".join(struct.pack("<IIII", 1, 0, len(p), len(p)) + p for p in packets))
    names = [name for name in FIELDS if name.startswith("wpan-tap.")]
    compared = set()
    records = [make_record(number, 10**9, TAP, packet, len(packet)) for number, packet in enumerate(packets, 1)]
    for row, record, frame in zip(values(path, names), records, decode_frames(records), strict=True):
        named: dict[str, list[Value]] = defaultdict(list)
        for name, value in fields(frame, record):
            named[name].append(value)
        for name in names:
            if name != "wpan-tap.sun_mode":  # tshark names the mode by the PHY type, we have one name for all
                expected = read(FIELDS[name].kind, row[name])
                assert named.get(name, []) == expected, f"frame {frame.number} {name}"
                compared |= {name} if expected else set()
        found = tap.Tap.of(record)
        assert (found.sun_phy, found.plan, found.asn) == (
            SAID[record.number - 1].sun_phy,
            SAID[record.number - 1].plan,
            SAID[record.number - 1].asn,
        )
    assert len(compared) == len(names) - 1 == 17
