"""Capture files and live streams: formats, clocks, damage; nothing read may be lost, nothing damaged believed."""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.capture.capture import PcapngStream, Record, read_capture
from bench.air.capture.link import make_record
from bench.air.capture.pcapng import PcapngWriter
from bench.air.mac.frame import fcs16, fcs32
from bench.errors import InputError

PSDU = bytes.fromhex("41880134120100020061626364")


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, link_type: int, resolution: int | None = None, offset_s: int | None = None) -> bytes:
    options = b""
    if resolution is not None:
        options += struct.pack(order + "HHB3x", 9, 1, resolution)
    if offset_s is not None:
        options += struct.pack(order + "HHq", 14, 8, offset_s)
    return block(order, 1, struct.pack(order + "HHI", link_type, 0, 0) + options)


def packet(order: str, number: int, ticks: int, data: bytes, original: int | None = None) -> bytes:
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), original or len(data))
    return block(order, 6, head + data)


def written(tmp_path: Path, octets: bytes) -> Path:
    path = tmp_path / "some.pcapng"
    path.write_bytes(octets)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_clocks_of_several_interfaces_and_sections(tmp_path: Path, order: str) -> None:
    other = "<" if order == ">" else ">"
    octets = (
        section(order)
        + interface(order, 230)
        + interface(order, 230, resolution=9)
        + interface(order, 230, resolution=0x80 | 20, offset_s=1_700_000_000)
        + packet(order, 0, 1_700_000_000_123_456, PSDU)
        + packet(order, 1, 1_700_000_000_123_456_789, PSDU)
        + packet(order, 2, 3 << 19, PSDU)
        + block(order, 5, bytes(8))
        + section(other)
        + interface(other, 195, resolution=3)
        + packet(other, 0, 5, PSDU + fcs16(PSDU))
    )
    records = list(read_capture(written(tmp_path, octets)))
    assert [record.time_ns for record in records] == [
        1_700_000_000_123_456_000,
        1_700_000_000_123_456_789,
        1_700_000_001_500_000_000,
        5_000_000,
    ]
    assert [record.number for record in records] == [1, 2, 3, 4]
    assert all(record.data == PSDU for record in records)
    assert [record.fcs_ok for record in records] == [None, None, None, True]


@pytest.mark.parametrize("order", ["<", ">"])
def test_simple_and_old_packet_blocks(tmp_path: Path, order: str) -> None:
    old = struct.pack(order + "HHIIII", 0, 0, 0, 7, len(PSDU), len(PSDU)) + PSDU
    simple = struct.pack(order + "I", len(PSDU)) + PSDU
    octets = section(order) + interface(order, 230) + block(order, 2, old) + block(order, 3, simple)
    assert [(r.time_ns, r.data) for r in read_capture(written(tmp_path, octets))] == [(7000, PSDU), (0, PSDU)]


@pytest.mark.parametrize(("magic", "unit_ns"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_classic_pcap(tmp_path: Path, order: str, magic: int, unit_ns: int) -> None:
    header = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 195)
    data = PSDU + fcs32(PSDU)
    octets = header + struct.pack(order + "IIII", 10, 5, len(data), len(data)) + data
    (record,) = read_capture(written(tmp_path, octets))
    assert (record.time_ns, record.data, record.fcs_octets) == (10_000_000_000 + 5 * unit_ns, PSDU, 4)


def stream_of(count: int, fcs: bool = True) -> bytes:
    out = io.BytesIO()
    writer = PcapngWriter(out)
    writer.section("s1")
    for number in range(count):
        writer.packet(
            PSDU + bytes([number]),
            1_775_000_000_000_000_007 + number,
            fcs=fcs,
            rssi_dbm=-70.5,
            channel=10,
            start_ns=number + 1,
            end_ns=number + 2,
        )
    return out.getvalue()


@pytest.mark.parametrize("fcs", [True, False])
def test_what_is_written_is_read(tmp_path: Path, fcs: bool) -> None:
    records = list(read_capture(written(tmp_path, stream_of(3, fcs))))
    assert records == [
        Record(
            number + 1,
            1_775_000_000_000_000_007 + number,
            283,
            PSDU + bytes([number]),
            True if fcs else None,
            4 if fcs else 0,
            -70.5,
            10,
            number + 1,
            number + 2,
            len(PSDU) + (5 if fcs else 1),
        )
        for number in range(3)
    ]


@given(st.lists(st.integers(1, 300), max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_live_stream_in_any_pieces(sizes: list[int]) -> None:
    octets = stream_of(9)
    stream, records, at = PcapngStream(), [], 0
    for size in [*sizes, len(octets)]:
        records += stream.feed(octets[at : at + size])
        at += size
    assert [record.number for record in records] == list(range(1, 10))
    assert stream.packets == 9
    stream.close()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_truncated_file_gives_its_whole_records_and_one_line(tmp_path: Path, packed: bool) -> None:
    octets = stream_of(6)
    per_packet = (len(octets) - len(stream_of(0))) // 6
    for cut in (len(octets) - 1, len(octets) - 40, len(octets) - per_packet - 3):
        data = octets[:cut]
        path = written(tmp_path, gzip.compress(data, 0)[:-8] if packed else data)
        whole = (cut - len(stream_of(0))) // per_packet
        records: list[Record] = []
        at = len(stream_of(0)) + whole * per_packet
        with pytest.raises(InputError, match=rf"some\.pcapng: truncated at octet {at}, inside a block"):
            records.extend(read_capture(path))
        assert len(records) == whole
        assert records[-1].data == PSDU + bytes([whole - 1])


def test_a_truncated_classic_file(tmp_path: Path) -> None:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 230)
    record = struct.pack("<IIII", 10, 5, len(PSDU), len(PSDU)) + PSDU
    for cut, place in ((len(record) + 3, "record header"), (len(record) + 20, "inside a record")):
        records: list[Record] = []
        with pytest.raises(InputError, match=rf"truncated at octet {24 + len(record)}, .*{place}"):
            records.extend(read_capture(written(tmp_path, header + (record * 2)[:cut])))
        assert len(records) == 1


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"", "not a capture"),
        (b"hello world, no capture", "not a capture"),
        (struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 147), "link type 147 is not IEEE 802.15.4"),
        (struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1), "no IEEE 802.15.4 frame in packets of link type 1"),
        (section("<") + interface("<", 1) + packet("<", 0, 0, b"x"), "no IEEE 802.15.4 frame .* of link type 1;"),
        (section("<") + interface("<", 147) + packet("<", 0, 0, b"x"), "no IEEE 802.15.4 frame .* of link type 147;"),
        (section("<") + packet("<", 0, 0, b"x"), "names interface 0, not described"),
        (section("<") + struct.pack("<III", 6, 13, 0), "says 13 octets: damaged"),
        (section("<") + block("<", 6, b"abcd"), "shorter than its type"),
        (section("<")[:-4] + bytes(4), "ends with another length"),
    ],
)
def test_what_is_no_capture_says_so(tmp_path: Path, octets: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(read_capture(written(tmp_path, octets)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: No such file"):
        list(read_capture(tmp_path / "missing"))


def test_a_record_cut_by_the_capture_has_no_fcs() -> None:
    record = make_record(1, 0, 195, PSDU, len(PSDU) + 100)
    assert (record.cut, record.fcs_ok, record.original_length) == (True, None, len(PSDU) + 100)


def test_a_wrong_fcs_is_seen() -> None:
    assert make_record(1, 0, 195, PSDU + b"\0\0", len(PSDU) + 2).fcs_ok is False
    tap = bytes.fromhex("00000c000000010002000000")
    damaged = bytes([PSDU[0] ^ 1]) + PSDU[1:]
    assert make_record(1, 0, 283, tap + PSDU + fcs32(PSDU), 99).cut
    assert make_record(1, 0, 283, tap + PSDU + fcs32(PSDU), 12 + len(PSDU) + 4).fcs_ok is True
    assert make_record(1, 0, 283, tap + damaged + fcs32(PSDU), 12 + len(PSDU) + 4).fcs_ok is False


@given(st.binary(max_size=80))
@settings(max_examples=300, deadline=None)
def test_a_damaged_tap_header_is_said_not_raised(octets: bytes) -> None:
    record = make_record(1, 0, 283, octets, len(octets))
    assert record.damage or octets[:1] == b"\0"


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_damage_in_a_stream_raises_input_error_only(data: st.DataObject) -> None:
    octets = bytearray(stream_of(4))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    stream = PcapngStream()
    with contextlib.suppress(InputError):
        stream.feed(bytes(octets))
        stream.close()
    assert stream.packets <= 4


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_interfaces_and_packets_say_of_the_fcs(tmp_path: Path, order: str) -> None:
    """if_fcslen in bits or octets, and a packet's own flags before it; without either, the check that is right."""

    def described(code: int, value: bytes) -> bytes:
        options = struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
        return block(order, 1, struct.pack(order + "HHI", 195, 0, 0) + options)

    flagged = struct.pack(order + "HHI", 2, 4, 4 << 5)
    wrong = PSDU + b"\1\2\3\4"
    octets = section(order) + interface(order, 195)
    octets += b"".join(described(13, bytes((value,))) for value in (16, 32, 2, 4, 77))
    octets += b"".join(packet(order, number, 0, wrong) for number in range(6))
    head = struct.pack(order + "IIIII", 1, 0, 0, len(wrong), len(wrong))
    octets += block(order, 6, head + wrong + bytes(-len(wrong) % 4) + flagged)
    records = list(read_capture(written(tmp_path, octets)))
    assert [record.fcs_octets for record in records] == [2, 2, 4, 2, 4, 2, 4]
    assert all(record.fcs_ok is False for record in records)


def test_a_simple_packet_is_no_longer_than_its_interface_keeps(tmp_path: Path) -> None:
    described = block("<", 1, struct.pack("<HHI", 230, 0, 10))
    octets = section("<") + described + block("<", 3, struct.pack("<I", len(PSDU)) + PSDU[:10])
    (record,) = read_capture(written(tmp_path, octets))
    assert (record.data, record.cut, record.original_length) == (PSDU[:10], True, len(PSDU))


def test_comments_of_others_are_read(tmp_path: Path) -> None:
    def option(code: int, value: bytes) -> bytes:
        return struct.pack(">HH", code, len(value)) + value + bytes(-len(value) % 4)

    said = option(1, "一つ".encode()) + option(2988, b"x") + option(1, b"\xff two") + option(0, b"") + option(1, b"no")
    head = struct.pack(">IIIII", 0, 0, 0, len(PSDU), len(PSDU)) + PSDU + bytes(-len(PSDU) % 4)
    (record,) = read_capture(written(tmp_path, section(">") + interface(">", 230) + block(">", 6, head + said)))
    assert record.comments == ("一つ", "\\xff two")


def test_clocks_as_tshark_reads_them(tmp_path: Path) -> None:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    ticks = ((None, None, 1_700_000_000_123_456), (9, 7_200, 1_700_000_000_123_456_789), (0x80 | 20, -3_600, 99 << 20))
    octets = b""
    for order in "<>":
        octets += section(order)
        octets += b"".join(interface(order, 230, resolution, offset) for resolution, offset, _ in ticks)
        octets += b"".join(packet(order, number, stamp, PSDU) for number, (_, _, stamp) in enumerate(ticks))
        octets += packet(order, 0, 5, PSDU[:9], len(PSDU))
    path = written(tmp_path, octets)
    words = [
        program,
        "-r",
        str(path),
        "-T",
        "fields",
        "-e",
        "frame.time_epoch",
        "-e",
        "frame.cap_len",
        "-e",
        "frame.len",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    records = list(read_capture(path))
    mine = [
        f"{r.time_ns // 10**9}.{r.time_ns % 10**9:09d}\t{len(r.data)}\t{r.original_length}".split("\t") for r in records
    ]
    assert [line.split("\t") for line in done.stdout.splitlines()] == mine
    assert [record.cut for record in records] == [False, False, False, True] * 2
