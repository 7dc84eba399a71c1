"""Marks of the bench in a capture: written as comments, read again, and shown by Wireshark's own reader."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import attrs
import pytest

from bench.air.capture.capture import PcapngStream, Record, read_capture
from bench.air.capture.link import NO_FCS, TAP, WITH_FCS, Tlv, make_record, write_tap
from bench.air.capture.marked import Mark, write_marked
from bench.air.capture.tap import Tap
from bench.air.mac.frame import encode_mac, fcs16, fcs32
from bench.air.wisun import frames as wisun
from tests.air.mac_captures import need

A = bytes.fromhex("024b42fffe000001")
PSDU = encode_mac(wisun.pas(A, "kenshin-twin"))
S = 1_000_000_000
FULL = Tap(
    bit_rate_bps=100_000,
    sun_phy=(4, 0, 1),
    asn=1 << 40,
    slot_start_ns=17,
    slot_us=10_000,
    lqi=200,
    frequency_khz=924_900.0,
    plan=(920_900.0, 400.0, 18),
    others=((99, b"abc"),),
)


def some_records() -> list[Record]:
    tap = write_tap(PSDU, rssi_dbm=-71.5, channel=10, start_ns=8, end_ns=9, tlvs=FULL.tlvs())
    packets = [
        (WITH_FCS, PSDU + fcs16(PSDU)),
        (WITH_FCS, PSDU + fcs32(PSDU)),
        (WITH_FCS, PSDU + b"\0\0"),
        (NO_FCS, PSDU),
        (TAP, tap),
    ]
    whole = [make_record(n, n * S, kind, octets, len(octets)) for n, (kind, octets) in enumerate(packets, 1)]
    return [*whole, make_record(6, 6 * S, NO_FCS, PSDU[:20], len(PSDU))]


MARKS = [
    Mark(0, "power on t1"),
    Mark(2 * S, "鍵を押した"),
    Mark(4 * S - 250_000_000, "supply t1 off"),
    Mark(4 * S - 1, "supply t1 on"),
    Mark(9 * S, "end of episode"),
]
COMMENTS = [
    ("power on t1 [1.000000 s before this frame]",),
    ("鍵を押した",),
    ("the FCS was wrong",),
    ("supply t1 off [0.250000 s before this frame]", "supply t1 on [0.000000 s before this frame]"),
    (),
    ("end of episode [3.000000 s after this frame]",),
]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("marked") / "marked.pcapng"
    with path.open("wb") as out:
        assert write_marked(some_records(), MARKS[::-1], out, name="s1", comments=["kenshin run 7"]) == 6
    return path


def test_frames_and_marks_are_read_again(capture: Path) -> None:
    found = list(read_capture(capture))
    assert [record.comments for record in found] == COMMENTS
    for before, after in zip(some_records(), found, strict=True):
        same = ("number", "time_ns", "data", "rssi_dbm", "channel", "start_ns", "end_ns", "cut")
        assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
        assert after.original_length == (before.original_length if before.fcs_ok is not False else len(PSDU))
        assert (after.fcs_ok, after.fcs_octets) == ((True, before.fcs_octets) if before.fcs_ok else (None, 0))


def test_tap_keeps_everything_it_said(capture: Path) -> None:
    assert Tap.of(list(read_capture(capture))[4]) == attrs.evolve(FULL, channel_page=9)
    assert Tap.of(some_records()[0]) == Tap()
    short = make_record(1, 0, TAP, write_tap(PSDU, tlvs=[(Tlv.BIT_RATE, b"abc")]), 99)
    assert Tap.of(short) == Tap(others=((Tlv.BIT_RATE, b"abc"),))


def test_wireshark_shows_marks_and_tap(capture: Path) -> None:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")

    def fields(*names: str) -> list[list[str]]:
        words = [program or "", "-r", str(capture), "-n", "-T", "fields", "-E", "aggregator=|"]
        done = subprocess.run(
            [*words, *(word for name in names for word in ("-e", name))], capture_output=True, text=True, check=True
        )
        return [line.split("\t") for line in done.stdout.splitlines()]

    assert [tuple(filter(None, row[0].split("|"))) for row in fields("frame.comment")] == COMMENTS
    assert [row[:4] for row in fields("frame.number", "wpan-tap.fcs_type", "wpan.fcs_ok", "wpan.src64")][:4] == [
        ["1", "1", "1", "02:4b:42:ff:fe:00:00:01"],
        ["2", "2", "1", "02:4b:42:ff:fe:00:00:01"],
        ["3", "0", "1", "02:4b:42:ff:fe:00:00:01"],  # tshark calls an absent FCS right
        ["4", "0", "1", "02:4b:42:ff:fe:00:00:01"],
    ]
    names = ("bit_rate", "sun_band", "sun_type", "asn", "slot_start_ts", "timeslot_length", "lqi", "ch_freq", "ch_page")
    plan = ("chplan.start", "chplan.spacing", "chplan.channels")
    (row,) = [r for r in fields(*(f"wpan-tap.{name}" for name in (*names, *plan))) if r[0]]
    assert row == ["100000", "4", "0", str(1 << 40), "17", "10000", "200", "924900", "9", "920900", "400", "18"]


def test_a_capture_of_a_real_stack_keeps_its_frames() -> None:
    before = list(read_capture(need("line2-tap-fcs32.pcapng")))
    out = io.BytesIO()
    write_marked(before, [Mark(before[7].time_ns, "here")], out)
    after = PcapngStream().feed(out.getvalue())
    assert [attrs.evolve(record, comments=()) for record in after] == before
    assert [record.number for record in after if record.comments] == [8]
    assert [Tap.of(record) for record in after] == [Tap.of(record) for record in before]
    assert {Tap.of(record).plan for record in before} == {(863_100.0, 200.0, 35)}


def test_marks_without_frames_stand_at_the_top() -> None:
    out = io.BytesIO()
    assert write_marked([], [Mark(5, "nobody sent")], out) == 0
    assert b"nobody sent" in out.getvalue()
