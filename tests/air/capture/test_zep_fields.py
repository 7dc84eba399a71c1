"""What a ZEP datagram says beside its frame, and the FCS as captured: under Wireshark's names, as tshark has them."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.link import TAP, WITH_FCS, make_record, write_tap
from bench.air.capture.zep import DATA, Zep
from bench.air.fields.tables import FIELDS, Value, fields
from bench.air.frame.decoder import decode_frames
from bench.air.mac.frame import fcs16
from tests.air.capture.test_zep import BAD, IP4, IP6, PSDU, RADIO, V1, V2, pcap, udp
from tests.air.fields.differences import write_capture
from tests.air.tshark_oracle import NO_TSHARK, read, values

NAMES = sorted({name for name in FIELDS if name.startswith("zep.")} - {"zep.time"})
FCS = ["wpan.fcs", "wpan.fcs32", "wpan.fcs_ok", "wpan.rssi", "wpan.correlation"]
WRONG = attrs.evolve(V2, frame=V2.frame[:-1] + bytes((V2.frame[-1] ^ 1,)))
LEVEL = attrs.evolve(V1, frame=PSDU + b"\x30\xe9", has_fcs=False, lqi=17)
RAW_IP = 101


def ours(path: Path) -> list[dict[str, list[Value]]]:
    found = []
    records = list(read_capture(path))
    for record, frame in zip(records, decode_frames(records), strict=True):
        named: dict[str, list[Value]] = {}
        for name, value in fields(frame, record):
            named.setdefault(name, []).append(value)
        found.append(named)
    return found


def same(path: Path, names: list[str]) -> set[str]:
    """Asserts that these fields are tshark's in every frame; those that had a value."""
    compared = set()
    for row, named in zip(values(path, names), ours(path), strict=True):
        for name in names:
            expected = read(FIELDS[name].kind, row[name])
            assert named.get(name, []) == expected, name
            compared |= {name} if expected else set()
    return compared


@NO_TSHARK
def test_the_datagrams_are_tsharks(tmp_path: Path) -> None:
    packets = [bytes(net / udp(zep)) for net in (IP4, IP6) for zep in (V1, V2, RADIO, BAD, WRONG, LEVEL)]
    path = pcap(tmp_path / "net.pcap", RAW_IP, packets)
    assert same(path, [*NAMES, *FCS]) == {*NAMES, *FCS} - {"wpan.fcs32"}


def test_the_sniffers_time(tmp_path: Path) -> None:
    """Beside the capture's own; version 1 has none. tshark cuts NTP's fraction where we round it."""
    stamps = [row.get("zep.time") for row in ours(pcap(tmp_path / "net.pcap", RAW_IP, [bytes(IP4 / udp(V1))]))]
    stamps += [row.get("zep.time") for row in ours(pcap(tmp_path / "net.pcap", RAW_IP, [bytes(IP4 / udp(V2))]))]
    assert stamps == [None, [V2.time_ns]]


@NO_TSHARK
def test_the_fcs_of_other_captures_is_tsharks(tmp_path: Path) -> None:
    wrong = PSDU + bytes(2)
    path = write_capture(tmp_path / "fcs.pcapng", [(1, PSDU + fcs16(PSDU)), (2, wrong)], WITH_FCS)
    assert same(path, FCS) == {"wpan.fcs", "wpan.fcs_ok"}
    long = [write_tap(PSDU, fcs_octets=octets) for octets in (2, 4)]
    long += [write_tap(PSDU, fcs=False), long[1][:-1] + b"\0"]
    path = write_capture(tmp_path / "tap.pcapng", list(enumerate(long)), TAP)
    assert same(path, FCS) == {"wpan.fcs", "wpan.fcs32", "wpan.fcs_ok"}


def test_the_fcs_stands_for_no_radio(tmp_path: Path) -> None:
    """A CC24xx writes a level and a mark over it."""
    (row,) = ours(pcap(tmp_path / "net.pcap", RAW_IP, [bytes(IP4 / udp(LEVEL))]))
    assert "wpan.fcs" not in row
    assert (row["wpan.rssi"], row["wpan.correlation"], row["wpan.fcs_ok"]) == ([48], [0x69], [True])


@pytest.mark.parametrize("zep", [V1, V2, RADIO])
def test_octets_that_a_capture_cut_are_counted(zep: Zep, tmp_path: Path) -> None:
    whole = bytes(IP4 / udp(zep))
    (row,) = ours(pcap(tmp_path / "net.pcap", RAW_IP, [whole], cut=len(whole) - 9))
    assert row["zep.length"] == [len(zep.frame)]
    assert "wpan.fcs" not in row
    assert row.get("zep.type") == (None if zep.version == 1 else [DATA])


def test_a_record_keeps_the_fcs_as_captured() -> None:
    record = make_record(1, 0, WITH_FCS, PSDU + b"\1\2", len(PSDU) + 2)
    assert (record.fcs, record.fcs_octets, record.fcs_ok) == (b"\1\2", 2, False)
