"""What LFNs and their smart meters send, read by tshark with the keys, by both of the bench's readers, and beside a
real border router and router whose PAN takes LFNs (capture ``line2``: no LFN is in it, but what a PAN says of them)."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.pcapng import PcapngWriter
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.keys.table import KeyTable
from bench.air.wisun import frames as wisun
from bench.measurands.air.sightings.bulk import collect
from bench.measurands.air.sightings.digest import Collector
from bench.measurands.air.sightings.reading import sightings
from bench.measurands.air.sightings.sighting import Sighting
from tests.air.mac_captures import keys_of, need
from tests.skips import ONCE
from tests.twin.mesh.air import Air
from tests.twin.mesh.lfn.lfns import KEYS, LFNS, decoded, lfn, lfn_plan
from tests.twin.mesh.test_join import join

pytestmark = ONCE

WARNING = 0x600000
"""PI_WARN of Wireshark's expert severities."""
KNOWN = {"Unsupported Sub-IE ID", "Unsupported Header Sub ID", "Unexpected extra content for IE"}
"""What tshark 4.0 says of JM-IE and LBC-IE of real border routers, too (decode.md 4; ``line2``), and of the sync period
at the end of LBS-IE, which they write (domain.md 5.2)."""


@pytest.fixture(scope="module")
def air() -> Air:
    """Joins with losses, data both ways and in fragments, an announcement and the time, a reconnection."""
    one = Air(lfn_plan(loss=0.01))
    join(one, "t1", "t3", within_s=100)
    for name, eui64 in LFNS.items():
        for octets in (1, 200, 1200):
            assert one.mesh.terminals[name].send(bytes(octets))
            assert one.mesh.head_end.send(eui64, bytes(octets))
            one.run(20)
    one.mesh.mains("m3", False)
    one.run(60)
    one.mesh.mains("m3", True)
    one.run(120)
    lfn(one, "t1").power_off()
    lfn(one, "t1").power_on()
    lfn(one, "t1").start_join()
    one.run(700)
    return one


@pytest.fixture(scope="module")
def capture(air: Air, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lfn") / "mesh.pcapng"
    with path.open("wb") as out:
        writer = PcapngWriter(out)
        writer.section("lfn")
        for frame in air.frames():
            writer.packet(frame.psdu, frame.start_ns)
    return path


def tshark(capture: Path, *fields: str) -> list[list[str]]:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    words = ["tshark", "-n", "-r", str(capture), "-T", "fields"]
    words += [word for index, key in KEYS for word in ("-o", f'uat:ieee802154_keys:"{key.hex()}","{index}","No hash"')]
    words += [word for field in fields for word in ("-e", field)]
    lines = subprocess.run(words, capture_output=True, text=True, check=True, timeout=500).stdout.splitlines()
    return [(line.split("\t") + [""] * len(fields))[: len(fields)] for line in lines]


def test_tshark_finds_nothing_malformed_and_nothing_to_warn_of(capture: Path) -> None:
    rows = tshark(capture, "frame.number", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message")
    assert len(rows) > 300
    for number, malformed, severities, messages in rows:
        assert not malformed, f"frame {number}"
        if not set(messages.split(",")) <= KNOWN:
            assert all(int(one) < WARNING for one in severities.split(",") if one), f"frame {number}: {messages}"


def test_tshark_opens_every_secured_frame_and_finds_its_checksums_right(capture: Path) -> None:
    rows = tshark(capture, "wpan.security", "wpan.key_number", "wpan.decrypt_error", "icmpv6.checksum.status")
    secured = [row for row in rows if row[0] in ("1", "True")]
    assert {row[1] for row in secured} == {"0", "1"}, "the numbers of the two keys in tshark's list"
    assert not [row for row in secured if row[2]]
    assert {row[3] for row in rows if row[3]} == {"1"}


def test_every_kind_of_frame_of_lfns_is_there_for_both_readers(air: Air, capture: Path) -> None:
    ours = Counter(frame.kind for frame in decoded(air))
    assert {"LPAS", "LPA", "LPCS", "LPC", "LTS"} <= set(ours)
    by_utt, by_lutt = zip(*tshark(capture, "wisun.uttie.type", "wpan.header_ie.id"), strict=True)
    assert Counter(by_utt)["9"] == ours["LPA"], "an advertisement is a full-function node's frame: UTT"
    assert Counter(by_utt)["11"] == ours["LPC"]
    assert Counter(by_utt)["13"] == ours["LTS"]
    assert len(by_lutt) == sum(ours.values())
    assert not [
        frame for frame in decoded(air) if frame.info.startswith("malformed") or frame.mic not in ("ok", "none")
    ]


def test_both_ways_of_reading_tell_the_same(capture: Path) -> None:
    """The bulk decoder of `kenshin measure` and of verdicts, and the one that reads frame by frame."""
    keys, found = KeyTable(KEYS), list[Sighting]()
    assert collect(str(capture), read_capture(capture), keys, Collector(found.append), 1)
    assert found == list(sightings(decode_frames(read_capture(capture), keys)))


def elements(frames: list[Frame], kind: str) -> set[tuple[str, ...]]:
    """Names of the elements in each frame of a kind, without JM, which is a border router's to have or not."""
    return {tuple(one.NAME for one in f.typed_ies if isinstance(one, wisun.Element)) for f in frames if f.kind == kind}


def test_what_a_pan_says_of_its_lfns_is_what_real_routers_say(air: Air) -> None:
    real = list(decode_frames(read_capture(need("line2.pcapng")), keys_of("line2")))
    assert elements(decoded(air), "PC") <= elements(real, "PC")


def test_a_smart_meter_asks_for_keys_as_a_real_router_does() -> None:
    """GTKL, LGTKL, NR; an LFN leaves GTKL out, since it has none."""

    def asked(frames: list[Frame]) -> set[tuple[str, ...]]:
        said = (f.key_message for f in frames if f.kind == "EAPOL")
        return {tuple(kde.name for kde in one.kdes) for one in said if one is not None and one.message == "request"}

    one = Air(lfn_plan(lfns=("t3",)))
    one.mesh.mains("m3", False)
    one.mesh.meters["m3"].flash.forget_keys()
    one.mesh.mains("m3", True)
    one.run(200)
    real = list(decode_frames(read_capture(need("line2.pcapng")), keys_of("line2")))
    assert asked(decoded(one)) == asked(real) == {("GTKL", "LGTKL", "NR")}
    assert dict(one.mesh.meters["m3"].flash.lfn.gtks), "the LGTK came after the GTK"
    join(one, "t3", within_s=60)
    assert ("LGTKL", "NR") in asked(decoded(one))
