"""Frames for battery nodes (LFN): no capture here holds any, so ours are read by tshark, field for field."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.pcapng import PcapngWriter
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import MacFrame, encode_mac
from bench.air.mac.ies import HT1, Ie
from bench.air.wisun import frames as wisun
from bench.air.wisun.frames import WisunFrameType
from bench.air.wisun.schedule import ChannelFunction, Schedule

ROUTER, NODE = bytes.fromhex("024b42fffe000101"), bytes.fromhex("024b42fffe000201")
KEY = bytes(range(16))
NAME = wisun.NetName("kenshin-twin")
PLAN = wisun.Lcp(3, Schedule(function=ChannelFunction.DH1CF, fixed_channel=None))
VERSIONS = (wisun.PanVersion(7), wisun.LfnVersion(9), wisun.LgtkHash((b"abcdefgh", None, b"ABCDEFGH"), 2))
PAN = wisun.Pan(12, 256, lfn_style=True)
SOLICITING = (wisun.Lutt(WisunFrameType.LPAS, 0, 0), wisun.Nr(2, 20, 10, 5_000, 60_000), wisun.Lnd(5, 300, 60, 40, 17))

HEADERS: dict[str, tuple[tuple[wisun.Element, ...], tuple[wisun.Element, ...]]] = {
    "LPAS": (SOLICITING, (PLAN, NAME)),
    "LPA": (
        (wisun.Lutt(WisunFrameType.LPA, 513, 4_660), wisun.Nr(1, 10, 5), wisun.Lbs(60_000, 0x1234, 3, 5)),
        (PLAN, PAN, NAME),
    ),
    "LPCS": ((wisun.Lutt(WisunFrameType.LPCS, 1, 2), wisun.Lus(60_000, 3), wisun.Lto(70_000, 61_440)), (NAME,)),
    "LPC": (
        (
            wisun.Lutt(WisunFrameType.LPC, 3, 4),
            wisun.Lbt(9, 70_001),
            wisun.Flus(255, 3),
            wisun.PanId(0x4B42),
            wisun.Lbc(60_000, 5),
        ),
        (wisun.Lbats(2, 1_000), *VERSIONS),
    ),
    "LTS": ((wisun.Lutt(WisunFrameType.LTS, 5, 6), wisun.Lbt(10, 70_002)), ()),
}
SECURED = ("LPC", "LTS")


def frame(kind: str) -> bytes:
    headers, nested = HEADERS[kind]
    plain = MacFrame(
        src=NODE if kind in ("LPAS", "LPCS") else ROUTER,
        src_pan=None if kind == "LPAS" else 0x4B42,
        pan_id_compression=kind == "LPAS",
        header_ies=(*map(wisun.header_ie, headers), *((Ie(HT1),) if nested else ())),
        payload_ies=(wisun.payload_ie(*nested),) if nested else (),
    )
    return protect(plain, KEY, 40, 5) if kind in SECURED else encode_mac(plain)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lfn") / "lfn.pcapng"
    with path.open("wb") as out:
        writer = PcapngWriter(out)
        writer.section("lfn")
        for number, kind in enumerate(HEADERS):
            writer.packet(frame(kind), 10**18 + number)
    return path


def decoded(capture: Path) -> dict[str, Frame]:
    return {frame.kind: frame for frame in decode_frames(read_capture(capture), KeyTable([(5, KEY)]))}


def test_each_kind_is_read_with_all_its_elements(capture: Path) -> None:
    frames = decoded(capture)
    assert list(frames) == list(HEADERS)
    for kind, (headers, nested) in HEADERS.items():
        assert frames[kind].typed_ies == (*headers, *nested)
        assert frames[kind].mic == ("ok" if kind in SECURED else "none")
        assert "malformed" not in frames[kind].info


# tshark's field, the frame, and the number that was written.
FIELDS = [
    ("wisun.luttie.usn", "LPA", 513),
    ("wisun.luttie.uio", "LPA", 4_660),
    ("wisun.nrie.nr_id", "LPAS", 2),
    ("wisun.nrie.timing_accuracy", "LPAS", 10),
    ("wisun.nriw.listening_interval_min", "LPAS", 5_000),
    ("wisun.nriw.listening_interval_max", "LPAS", 60_000),
    ("wisun.lndie.response_threshold", "LPAS", 5),
    ("wisun.lndie.response_delay", "LPAS", 300),
    ("wisun.lndie.discovery_slot_time", "LPAS", 60),
    ("wisun.lndie.discovery_slots", "LPAS", 40),
    ("wisun.lndie.discovery_first_slot", "LPAS", 17),
    ("wisun.lbsie.broadcast", "LPA", 60_000),
    ("wisun.lbsie.broadcast_id", "LPA", 0x1234),
    ("wisun.lbsie.channeltag", "LPA", 3),
    ("wisun.panie.size", "LPA", 12),
    ("wisun.lusie.listen", "LPCS", 60_000),
    ("wisun.lusie.channeltag", "LPCS", 3),
    ("wisun.ltoie.offset", "LPCS", 70_000),
    ("wisun.ltoie.listening_interval", "LPCS", 61_440),
    ("wisun.lbtie.slot", "LPC", 9),
    ("wisun.lbtie.bio", "LPC", 70_001),
    ("wisun.flusie.dwell", "LPC", 255),
    ("wisun.flusie.channeltag", "LPC", 3),
    ("wisun.panidie.panid", "LPC", 0x4B42),
    ("wisun.panverie.version", "LPC", 7),
    ("wisun.lfnverie.version", "LPC", 9),
    ("wisun.lgtkhashie.flag.active_lgtk_index", "LPC", 2),
    ("wisun.lgtkhashie.lgtk0", "LPC", int.from_bytes(b"abcdefgh", "big")),
    ("wisun.lgtkhashie.lgtk2", "LPC", int.from_bytes(b"ABCDEFGH", "big")),
    ("wisun.lbtie.slot", "LTS", 10),
]


def test_tshark_reads_what_was_written(capture: Path) -> None:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    names = list(dict.fromkeys(name for name, _, _ in FIELDS))
    words = [program, "-r", str(capture), "-n", "-o", f'uat:ieee802154_keys:"{KEY.hex()}","5","No hash"']
    words += ["-T", "fields", *(word for name in ("_ws.col.Info", *names) for word in ("-e", name))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    rows = dict(zip(HEADERS, (line.split("\t") for line in done.stdout.splitlines()), strict=True))
    assert {kind: row[0].split(",")[0] for kind, row in rows.items()} == {
        "LPAS": "LFN PAN Advertisement Solicit",
        "LPA": "LFN PAN Advertisement",
        "LPCS": "LFN PAN Configuration Solicit",
        "LPC": "LFN PAN Configuration",
        "LTS": "LFN Time Synchronization",
    }
    read = []
    for name, kind, _ in FIELDS:
        cell = rows[kind][1 + names.index(name)] or "-1"
        read.append((name, kind, int(cell, 16 if "hashie.lgtk" in name else 0)))  # hashes are shown as octets
    assert read == FIELDS
