"""Frames of every rarer kind through the bulk decoder: the same table as frame by frame; and each one shown whole."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.air.bulk import pipeline
from bench.air.capture.link import NO_FCS
from bench.air.ip import packet as ipv6
from bench.air.ip.udp import Udp
from bench.air.keys.table import SUITES_2003, KeyTable
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import hc1, recoverable
from bench.air.lowpan.contexts import ROOT
from bench.air.lowpan.links import Links
from bench.air.mac.frame import MacFrame, encode_mac
from bench.air.rpl import dco as rpl_dco
from bench.air.rpl import messages as rpl
from bench.cli.app import app
from tests.air.bulk.test_table import bulk_table, full_table
from tests.air.keys import test_security_2003
from tests.air.lowpan import test_sixlorh_packet
from tests.air.mac import test_tsch
from tests.skips import ONCE

SRC, DST = bytes.fromhex("00124b0000000001"), bytes.fromhex("00124b0000000002")
KNOWN = test_sixlorh_packet.KNOWN
PREFIX = {0: KNOWN[0]}
LOCAL = (ipv6.link_local(SRC), ipv6.link_local(DST))
DIO = ipv6.build(ipv6.Packet(*LOCAL, rpl.Dio(1, 2, 384, LOCAL[0], options=(rpl.Configuration(),)), hop_limit=255))
DCO = ipv6.build(ipv6.Packet(*LOCAL, rpl_dco.Dco(1, 7, options=(rpl.Target(LOCAL[0]),)), hop_limit=255))
HELLO = ipv6.build(ipv6.Packet(*LOCAL, Udp(0xF0B1, 0xF0B2, bytes(40))))
ROUTED = ipv6.build(
    test_sixlorh_packet.tunnel(
        test_sixlorh_packet.ROOT_ADDRESS,
        (test_sixlorh_packet.A, test_sixlorh_packet.LEAF),
        ipv6.Packet(test_sixlorh_packet.FAR, test_sixlorh_packet.LEAF, Udp(1, 2, b"x")),
    )
)
COMPRESSED = lowpan.compress(HELLO, SRC, DST)
PAYLOADS = [
    lowpan.compress(DIO, SRC, DST, generic=True),
    lowpan.compress(HELLO, SRC, DST, generic=True),
    lowpan.compress(DCO, SRC, DST),
    lowpan.compress_routed(ROUTED, SRC, DST, KNOWN),
    hc1.compress(HELLO, Links.of_frame(SRC, DST, None)),
    b"\x50\x07" + COMPRESSED,
    b"\x40\x80escape",
    *(recoverable.build(piece) for piece in recoverable.fragment(COMPRESSED, 20, 9)),
    recoverable.build(recoverable.Acknowledgement(9, 0xE0000000)),
]
KEYS = KeyTable([(0, test_security_2003.KEY)])


def data(payload: bytes) -> bytes:
    mac = MacFrame(version=1, sequence=1, dst_pan=1, dst=DST, src=SRC, pan_id_compression=True, payload=payload)
    return encode_mac(mac)


FRAMES = [*map(data, PAYLOADS), *test_tsch.frames(), *map(test_security_2003.sealed, SUITES_2003)]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "rare.pcap"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, NO_FCS)
    path.write_bytes(head + b"".join(struct.pack("<IIII", 1, 0, len(f), len(f)) + f for f in FRAMES))
    return path


@pytest.mark.parametrize("contexts", [PREFIX, KNOWN])
@pytest.mark.parametrize("keys", [None, KEYS])
def test_the_bulk_decoder_gives_the_same_table(
    capture: Path, keys: KeyTable | None, contexts: dict[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In spans so short that fragments of one datagram stand in several."""
    monkeypatch.setattr(pipeline, "SMALL_OCTETS", 0)
    monkeypatch.setattr(pipeline, "SPAN_OCTETS", 128)
    table = full_table(capture, keys, contexts)
    assert bulk_table(capture, keys, contexts, 2) == table
    assert len(table.splitlines()) > len(FRAMES)
    assert ("root is not known" in table) is (contexts is PREFIX)


@ONCE
def test_each_is_shown_whole(capture: Path) -> None:
    """`kenshin decode --frame`: no frame but the escape is malformed, and none is bare."""
    shown = {}
    for number in range(1, len(FRAMES) + 1):
        arguments = ["decode", str(capture), "--frame", str(number), "--context", "0=2001:db8::/64"]
        arguments += ["--context", f"root={ROOT_TEXT}"]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        shown[number] = result.output
    assert [number for number, text in shown.items() if "malformed" in text] == [7]
    assert "Source route" in shown[4] or "source route" in shown[4]
    assert "Recoverable fragment" in shown[8]
    assert "TSCH synchronization" in shown[len(PAYLOADS) + 1]


ROOT_TEXT = ipv6.text(KNOWN[ROOT])
