"""Secured frames of version 0 (IEEE 802.15.4-2003), which do not say their suite: sealed by us, opened by tshark."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.air.bulk.payloads import line_decoder
from bench.air.capture.link import NO_FCS, make_record
from bench.air.capture.pcapng import PcapngWriter
from bench.air.errors import Malformed
from bench.air.fields.tables import fields
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.ip import packet as ipv6
from bench.air.ip.udp import Udp
from bench.air.keys.counters import Freshness
from bench.air.keys.security import protect, unprotect
from bench.air.keys.table import SUITES_2003, KeyTable
from bench.air.lowpan import datagram as lowpan
from bench.air.mac.frame import MacFrame, decode_mac, encode_mac
from bench.errors import InputError
from tests.air.tshark_oracle import NO_TSHARK, values

A, B = bytes.fromhex("024b42fffe000001"), bytes.fromhex("024b42fffe000101")
KEY = bytes(range(16))
PACKET = ipv6.Packet(ipv6.link_local(A), ipv6.link_local(B), Udp(0xF0B1, 0xF0B2, b"hello world"))
PLAIN = MacFrame(
    version=0, sequence=7, dst_pan=0x4B42, dst=B, src=A, pan_id_compression=True,
    payload=lowpan.compress(ipv6.build(PACKET), A, B),
)  # fmt: skip
PROTECTIONS = {
    "AES-CCM-32": "AES-128 Encryption, 32-bit Integrity Protection",
    "AES-CCM-64": "AES-128 Encryption, 64-bit Integrity Protection",
    "AES-CCM-128": "AES-128 Encryption, 128-bit Integrity Protection",
}


def sealed(suite: str, counter: int = 0x01020304) -> bytes:
    return protect(PLAIN, KEY, counter, None, level=SUITES_2003[suite], key_sequence=0xA5)


def opened(psdu: bytes, keys: KeyTable) -> Frame:
    return next(decode_frames([make_record(1, 0, NO_FCS, psdu, len(psdu))], keys))


def table(tmp_path: Path, *lines: str) -> KeyTable:
    path = tmp_path / "keys"
    path.write_text("\n".join((f'"{KEY.hex()}","0","No hash"', *lines)))
    return KeyTable.read(path)


@NO_TSHARK
@pytest.mark.parametrize("suite", SUITES_2003)
def test_tshark_opens_what_we_seal(tmp_path: Path, suite: str) -> None:
    path = tmp_path / "2003.pcapng"
    with path.open("wb") as out:
        writer = PcapngWriter(out)
        writer.section("2003")
        writer.packet(sealed(suite), 10**18)
    names = ["wpan.sec_frame_counter", "wpan.sec_key_sequence_counter", "wpan.mic", "udp.dstport", "data.data"]
    options = ["-o", f'uat:ieee802154_keys:"{KEY.hex()}","0","No hash"']
    row = values(path, names, [*options, "-o", f"wpan.802154_sec_suite:{PROTECTIONS[suite]}"])[0]
    assert (row["udp.dstport"], row["data.data"]) == (str(0xF0B2), b"hello world".hex())
    named = dict(fields(opened(sealed(suite), table(tmp_path, f"# kenshin suite {suite}"))))
    assert int(row["wpan.sec_frame_counter"], 0) == named["wpan.sec_frame_counter"] == 0x01020304
    assert int(row["wpan.sec_key_sequence_counter"], 0) == named["wpan.sec_key_sequence_counter"] == 0xA5
    assert bytes.fromhex(row["wpan.mic"].replace(":", "")) == named["wpan.mic"]
    assert "wpan.aux_sec.sec_level" not in named


@pytest.mark.parametrize("suite", SUITES_2003)
def test_the_key_file_names_the_suite(tmp_path: Path, suite: str) -> None:
    frame = opened(sealed(suite), table(tmp_path, f"# kenshin suite {suite.lower()}"))
    assert (frame.mic, frame.packet, frame.frame_counter) == ("ok", PACKET, 0x01020304)
    wrong = next(other for other in SUITES_2003 if other != suite)
    assert opened(sealed(suite), table(tmp_path, f"# kenshin suite {wrong}")).mic == "bad"
    assert opened(sealed(suite), KeyTable()).mic == "no key"
    changed = bytearray(sealed(suite))
    changed[-1] ^= 1
    frame = opened(bytes(changed), table(tmp_path, f"# kenshin suite {suite}"))
    assert (frame.mic, frame.packet) == ("bad", None)


def test_without_a_name_the_suite_is_wiresharks_default(tmp_path: Path) -> None:
    keys = table(tmp_path)
    assert opened(sealed("AES-CCM-64"), keys).packet == PACKET
    assert opened(sealed("AES-CCM-64"), keys.copy()).packet == PACKET
    assert keys.digest() != table(tmp_path, "# kenshin suite AES-CCM-32").digest()


@pytest.mark.parametrize("words", ["AES-CTR", "AES-CBC-MAC-64", "", "AES-CCM-64 twice"])
def test_other_suites_are_refused(tmp_path: Path, words: str) -> None:
    with pytest.raises(InputError, match=r"keys:2: expected # kenshin suite AES-CCM-32\|AES-CCM-64\|AES-CCM-128"):
        table(tmp_path, f"# kenshin suite {words}")


def test_octets_there_and_back() -> None:
    psdu = sealed("AES-CCM-64")
    raw = decode_mac(psdu, level_2003=6)
    assert encode_mac(raw) == psdu
    assert unprotect(psdu, raw, KEY).payload == PLAIN.payload
    with pytest.raises(Malformed, match="version 0"):
        decode_mac(psdu)


def test_the_bulk_decoder_reads_them_too() -> None:
    keys = KeyTable([(0, KEY)], suite="AES-CCM-128")
    bulk = line_decoder(NO_FCS, keys, None)
    bulk.begin()
    for counter in (1, 2):
        psdu = sealed("AES-CCM-128", counter)
        row = bulk.decode(counter, 0, 10**9, psdu, len(psdu))
        assert "ok" in row
        assert any("UDP" in str(part) for part in row)


def test_counters_are_followed(tmp_path: Path) -> None:
    psdus = [sealed("AES-CCM-64", counter) for counter in (9, 10, 9)]
    records = [make_record(number, number, NO_FCS, psdu, len(psdu)) for number, psdu in enumerate(psdus, 1)]
    freshness = [frame.freshness for frame in decode_frames(records, table(tmp_path))]
    assert freshness == [Freshness.FRESH, Freshness.FRESH, Freshness.REPLAY]
