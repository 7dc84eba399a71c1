"""Every TLV of a TAP header: its fields are tshark's."""

from __future__ import annotations

import struct
from collections import defaultdict
from pathlib import Path

from bench.air.capture import tap
from bench.air.capture.link import TAP, make_record, write_tap
from bench.air.fields.tables import FIELDS, Value, fields
from bench.air.frame.decoder import decode_frames
from tests.air.tshark_oracle import NO_TSHARK, read, values

PSDU = b"\x01\0\7"
SAID = [
    tap.Tap(),
    tap.Tap(bit_rate_bps=100_000, sun_phy=(8, 0, 3), lqi=77, frequency_khz=922_500.0),
    tap.Tap(asn=1 << 39, slot_start_ns=1 << 60, slot_us=10_000, plan=(920_600.0, 200.0, 38)),
    tap.Tap(sun_phy=(8, 3, 5)),
]


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
