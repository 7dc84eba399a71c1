"""Frames that the twin builds, read by tshark with the key: no malformed part, no warning, the fields as they were set.

The captures of real stacks show that what is decoded is encoded again; this shows that somebody else reads the frames
that no capture holds: Japan's plan, a fixed channel, a secured broadcast, and the handshake as our own parts make it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.pcapng import PcapngWriter
from bench.air.frame.decoder import decode_frames
from bench.air.keys import eapol, fourway
from bench.air.keys.eapol import Eap, EapCode, Eapol, EapTls, KeyFrame
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable, gak, gtk_hash
from bench.air.mac.frame import MacFrame, encode_mac
from bench.air.mac.mpx import KmpId
from bench.air.wisun import frames as wisun
from tests.skips import ONCE

pytestmark = ONCE

BR, M1 = bytes.fromhex("024b42fffe000001"), bytes.fromhex("024b42fffe000101")
GTK = bytes(range(16))
GAK = gak("kenshin-twin", GTK)
PTK = fourway.derive_ptk(bytes(32), BR, M1, b"\1" * 32, b"\2" * 32)
IPV6 = bytes.fromhex("416000000000003b40") + bytes.fromhex("fe80000000000000004b42fffe000101") + b"\xff\x02" + bytes(14)
BT = wisun.Bt(572, 16)
HASHES = wisun.GtkHash((gtk_hash(GTK), bytes(8), bytes(8), bytes(8)))
KDES = fourway.gtk_liveness_kde(1) + fourway.gtk_kde(0, GTK) + fourway.lifetime_kde(2_592_000)
DATA = wisun.data(M1, BR, IPV6, 7, bt=BT)

UNSECURED: dict[str, MacFrame] = {
    "PAN Advertisement Solicit": wisun.pas(M1, "kenshin-twin", ufsi=0x123456),
    "PAN Advertisement": wisun.pa(BR, 0x4B42, "kenshin-twin", wisun.Pan(3, 128)),
    "PAN Configuration Solicit": wisun.pcs(M1, 0x4B42, "kenshin-twin"),
}


def key_frame(information: int, key_data: bytes = b"", nonce: bytes = bytes(32)) -> bytes:
    ptk = PTK if information & eapol.KeyInfo.MIC else None
    return fourway.seal(3, KeyFrame(information, 16, 1, nonce, key_data=key_data), ptk)


def eap(packet: Eap) -> bytes:
    return eapol.encode_eapol(Eapol(3, eapol.EapolType.EAP, eap=packet))


REQUEST_KDES = fourway.gtk_liveness_kde(0) + fourway.lgtk_liveness_kde(0) + fourway.node_role_kde(1)
HANDSHAKE: list[tuple[bytes, KmpId, bytes]] = [
    (M1, KmpId.IEEE_802_1X, key_frame(eapol.REQUEST, REQUEST_KDES)),
    (BR, KmpId.IEEE_802_1X, eap(Eap(EapCode.REQUEST, 1, eapol.EAP_IDENTITY))),
    (M1, KmpId.IEEE_802_1X, eap(Eap(EapCode.RESPONSE, 1, eapol.EAP_IDENTITY, b"Anonymous"))),
    (BR, KmpId.IEEE_802_1X, eap(eapol.encode_eap_tls(EapCode.REQUEST, 2, EapTls(start=True)))),
    (M1, KmpId.IEEE_802_1X, eap(eapol.encode_eap_tls(EapCode.RESPONSE, 2, EapTls()))),
    (BR, KmpId.IEEE_802_1X, eap(Eap(EapCode.SUCCESS, 2))),
    (BR, KmpId.FOUR_WAY, key_frame(eapol.MESSAGE_1, fourway.pmkid_kde(fourway.pmkid(bytes(32), BR, M1)), b"\1" * 32)),
    (M1, KmpId.FOUR_WAY, key_frame(eapol.MESSAGE_2, b"", b"\2" * 32)),
    (BR, KmpId.FOUR_WAY, key_frame(eapol.MESSAGE_3, fourway.encrypt_key_data(PTK, KDES), b"\1" * 32)),
    (M1, KmpId.FOUR_WAY, key_frame(eapol.MESSAGE_4)),
    (BR, KmpId.GROUP_KEY, key_frame(eapol.GROUP_1, fourway.encrypt_key_data(PTK, KDES))),
    (M1, KmpId.GROUP_KEY, key_frame(eapol.GROUP_2)),
]


def psdus() -> list[bytes]:
    secured = [
        wisun.pc(BR, 0x4B42, 7, HASHES, bt=BT, pan=wisun.Pan(3, 0)),
        DATA,
        wisun.ack(DATA, BR, rsl_dbm=-71, bt=BT),
        wisun.data(M1, None, IPV6, 8, pan_id=0x4B42, bt=BT),
    ]
    handshake = [
        wisun.eapol(src, BR if src == M1 else M1, kmp, pdu, number, authenticator=BR if src == BR else None, bt=BT)
        for number, (src, kmp, pdu) in enumerate(HANDSHAKE)
    ]
    clear = [encode_mac(frame) for frame in (*UNSECURED.values(), *handshake)]
    return [*clear, *(protect(frame, GAK, counter, 1) for counter, frame in enumerate(secured, 100))]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("built") / "built.pcapng"
    with path.open("wb") as out:
        writer = PcapngWriter(out)
        writer.section("s1")
        for number, psdu in enumerate(psdus()):
            stamp = 1_775_000_000_000_000_000 + 50_000_007 * number
            air_ns = (8 + 2 + 2 + len(psdu) + 4) * 8 * 10_000
            writer.packet(psdu, stamp, rssi_dbm=-64.5, channel=10, start_ns=stamp, end_ns=stamp + air_ns)
    return path


def tshark(capture: Path, *fields: str) -> list[list[str]]:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    command = [
        program,
        "-r",
        str(capture),
        "-n",
        "-o",
        f'uat:ieee802154_keys:"{GAK.hex()}","1","No hash"',
        "-T",
        "fields",
    ]
    command += [word for field in fields for word in ("-e", field)]
    done = subprocess.run([*command, "-E", "occurrence=f"], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_tshark_finds_nothing_to_complain_about(capture: Path) -> None:
    rows = tshark(
        capture, "_ws.malformed", "_ws.expert.severity", "_ws.expert.message", "wpan.fcs_ok", "frame.protocols"
    )
    assert len(rows) == len(psdus())
    warning = 0x00600000
    for number, (malformed, severity, message, fcs_ok, protocols) in enumerate(rows, 1):
        assert not malformed, f"frame {number}: {protocols}"
        assert int(severity or "0", 0) < warning, f"frame {number}: {message}"
        assert fcs_ok in ("1", "True"), f"frame {number}"


def test_tshark_reads_what_was_set(capture: Path) -> None:
    rows = tshark(
        capture,
        *("wisun.uttie.type", "wpan.src64", "wpan.dst64", "wpan.seq_no", "wpan.aux_sec.frame_counter"),
        *("wisun.usie.channel_plan_id", "wisun.usie.fixed_channel", "wisun.netnameie.name", "wpan-tap.ch_num"),
    )
    mine = list(decode_frames(read_capture(capture), KeyTable([(1, GAK)])))
    assert [int(row[0]) for row in rows] == [wisun.WisunFrameType[frame.kind] for frame in mine]
    assert [(row[1], row[2]) for row in rows] == [
        (frame.src.hex(":") if frame.src else "", frame.dst.hex(":") if frame.dst else "") for frame in mine
    ]
    assert [row[3] for row in rows] == ["" if frame.seq is None else str(frame.seq) for frame in mine]
    assert [row[4] for row in rows if row[4]] == ["100", "101", "102", "103"]
    assert {(row[5], row[6]) for row in rows if row[5]} == {("22", "10")}
    assert sum(row[7] == "kenshin-twin" for row in rows) == 3
    assert {row[8] for row in rows} == {"10"}
    assert {frame.mic for frame in mine} == {"ok", "none"}


def test_tshark_reads_the_pan_configuration_and_the_broadcast(capture: Path) -> None:
    rows = tshark(
        capture, "wisun.panverie.version", "wisun.gtkhashie.gtk0", "wisun.bsie.interval", "wisun.rslie.rsl", "ipv6.dst"
    )
    assert rows[-4][:3] == ["7", gtk_hash(GTK).hex(), "1020"]
    assert rows[-2][3] == str(174 - 71)
    assert rows[-1][4] == rows[-3][4] == "ff02::"


def test_tshark_names_the_messages_of_the_handshake(capture: Path) -> None:
    rows = tshark(capture, "_ws.col.Info")
    information = [row[0] for row in rows[len(UNSECURED) : len(UNSECURED) + len(HANDSHAKE)]]
    assert information[0] == "Key (Request)"
    assert information[1:6] == [
        "Request, Identity",
        "Response, Identity",
        "Request, TLS EAP (EAP-TLS)",
        "Response, TLS EAP (EAP-TLS)",
        "Success",
    ]
    assert [information[i] for i in (6, 8, 9, 10, 11)] == [
        "Key (Message 1 of 4)",
        "Key (Message 3 of 4)",
        "Key (Message 4 of 4)",
        "Key (Group Message 1 of 2)",
        "Key (Group Message 2 of 2)",
    ]


def test_our_decoder_reads_its_own_handshake(capture: Path) -> None:
    mine = list(decode_frames(read_capture(capture), KeyTable([(1, GAK)])))
    said = [frame.info for frame in mine[len(UNSECURED) : len(UNSECURED) + len(HANDSHAKE)]]
    assert said == [
        "Key request",
        "EAP request, identity",
        "EAP response, identity",
        "EAP-TLS request, start",
        "EAP-TLS response, acknowledges",
        "EAP success",
        *("Key 1/4", "Key 2/4", "Key 3/4", "Key 4/4", "Key group 1/2", "Key group 2/2"),
    ]
