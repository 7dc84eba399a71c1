"""What the mesh sends, read by tshark with the network's key, and by the bench's own decoder."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from bench.air.capture.link import NO_FCS, Record
from bench.air.frame.decoder import Decoder
from bench.air.keys.table import KeyTable, gak
from tests.skips import ONCE
from tests.twin.mesh.air import GTK, NAME, NODES, Air, plan, tshark, write_pcap
from tests.twin.mesh.test_join import join
from tests.twin.mesh.test_mesh_outage import METERS, outage

pytestmark = ONCE

WARNING = 0x600000
"""PI_WARN of Wireshark's expert severities; relayed EAP frames earn a note (retransmission), real captures too."""

JM_UNKNOWN = "Unsupported Sub-IE ID"
"""What tshark 4.0 says of the JM-IE of a real border router's PA, too (decode.md 4)."""


@pytest.fixture(scope="module")
def air() -> Air:
    """Cold joins at depth 2 and 4, data both ways and fragmented, an outage, reconnection; losses on the air."""
    air = Air(plan(loss=0.01))
    join(air, "t1", "t3", within_s=120)
    t3 = bytes.fromhex(NODES["t3"])
    for octets in (1, 80, 600, 1200):
        assert air.mesh.terminals["t3"].send(bytes(octets))
        assert air.mesh.head_end.send(t3, bytes(octets))
        air.run(5)
    outage(air, 3)
    for name in METERS:
        air.mesh.mains(name, True)
    air.run(7200)
    return air


@pytest.fixture(scope="module")
def capture(air: Air, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    path = tmp_path_factory.mktemp("air") / "mesh.pcap"
    write_pcap(path, air.frames())
    return path


def test_tshark_finds_nothing_malformed_and_nothing_to_warn_of(capture: Path) -> None:
    rows = tshark(capture, "frame.number", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message")
    assert len(rows) > 600
    for number, malformed, severities, message in (row + [""] * (4 - len(row)) for row in rows):
        assert not malformed, f"frame {number}"
        if message != JM_UNKNOWN:
            assert all(int(s) < WARNING for s in severities.split(",") if s), f"frame {number}: {message}"


def test_tshark_decrypts_every_secured_frame(capture: Path) -> None:
    rows = tshark(capture, "wpan.security", "wpan.key_number", "wpan.decrypt_error", "wpan.frame_type")
    secured = [row for row in rows if row[0] == "1" or row[0] == "True"]
    assert len(secured) > 400
    assert all(key_number != "" and not error for _, key_number, error, _ in secured)


def test_checksums_are_right_for_tshark(capture: Path) -> None:
    rows = tshark(capture, "icmpv6.checksum.status", "icmpv6.checksum", show="icmpv6")
    assert len(rows) > 40
    assert {row[0] for row in rows} == {"1"}


def test_every_kind_of_frame_is_there(capture: Path) -> None:
    kinds = Counter(row[0] for row in tshark(capture, "wisun.uttie.type"))
    assert all(kinds[str(kind)] > 0 for kind in range(7)), kinds  # PA PAS PC PCS DATA ACK EAPOL
    columns = Counter(row[0].split(" ")[0] for row in tshark(capture, "_ws.col.Protocol"))
    assert {"EAPOL", "EAP", "TLSv1.2", "ICMPv6", "DHCPv6", "UDP", "Wi-SUN"} <= set(columns), columns
    assert tshark(capture, "frame.number", show="6lowpan.frag.tag"), "fragments"
    assert tshark(capture, "frame.number", show="ipv6.routing.rpl.cmprI"), "source routes"
    assert tshark(capture, "frame.number", show="ipv6.opt.rpl.sender_rank"), "RPL packet information"


def test_source_routes_name_the_right_hops_all_the_way(capture: Path) -> None:
    """Towards t3: br -> m1 -> m2 -> m3 -> t3; at the last hop the header lists where the packet has been."""
    rows = tshark(
        capture,
        "wpan.dst64",
        "ipv6.routing.segleft",
        "ipv6.routing.rpl.full_address",
        show="ipv6.routing.rpl.cmprI && wpan.dst64 == 02:4b:42:ff:fe:00:02:03",
    )
    assert rows
    m1, m2, m3 = ("fd00:4b42::4b:42ff:fe00:" + f"{i:x}" for i in (0x101, 0x102, 0x103))
    assert {(row[1], row[2]) for row in rows} == {("0", f"{m1},{m2},{m3}")}


def test_the_benchs_own_decoder_reads_every_frame(air: Air) -> None:
    decoder = Decoder(KeyTable([(1, gak(NAME, GTK))]))
    records = [Record(i, c.end_ns, NO_FCS, c.psdu) for i, c in enumerate(air.frames(), 1)]
    frames = [decoder.decode(record) for record in records]
    assert not [f for f in frames if f.info.startswith("malformed") or f.mic not in ("ok", "none")]


def test_a_wrong_key_opens_nothing(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decryption check above can fail."""
    monkeypatch.setattr("tests.twin.mesh.air.GTK", bytes(16))
    rows = tshark(capture, "wpan.security", "wpan.key_number")
    assert not [row for row in rows if row[0] in ("1", "True") and row[1]]
