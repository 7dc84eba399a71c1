"""Every security level with every key id mode, sealed by us and opened by tshark; and a short source address."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import attrs
import pytest

from bench.air.bulk.payloads import line_decoder
from bench.air.bulk.rows import Pending, line_row
from bench.air.capture.capture import read_capture
from bench.air.capture.link import Record, make_record
from bench.air.capture.pcapng import PcapngWriter
from bench.air.capture.tap import Tap
from bench.air.frame.decoder import Decoder, Frame, decode_frames
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.mac import command
from bench.air.mac.frame import FrameType, MacFrame, encode_mac
from bench.air.show.table import check_keys
from bench.errors import InputError

A, B = bytes.fromhex("024b42fffe000001"), bytes.fromhex("024b42fffe000101")
KEY, IMPLICIT, OTHER = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
SOURCES = (b"", b"", bytes(range(1, 5)), bytes(range(1, 9)))
PAN, SHORT = 0x4B42, b"\x00\x02"
KINDS = [(version, level, mode) for version in (1, 2) for level in range(1, 8) for mode in range(4)]


def sealed(version: int, level: int, mode: int) -> bytes:
    plain = MacFrame(
        version=version,
        sequence=level * 16 + mode,
        dst_pan=PAN,
        dst=B,
        src_pan=PAN if version == 1 else None,
        src=A,
        payload=b"\x3fclear text" + bytes((level, mode)),
    )
    key, index = (KEY, 9) if mode else (IMPLICIT, None)
    return protect(plain, key, 1000 + level, index, level=level, key_source=SOURCES[mode])


def short_source(counter: int = 7) -> bytes:
    plain = MacFrame(version=1, sequence=3, dst_pan=PAN, dst=b"\0\1", src=SHORT, pan_id_compression=True)
    return protect(attrs.evolve(plain, payload=b"\x3fshort"), KEY, counter, 9, level=6, eui64=B)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("levels") / "levels.pcapng"
    with path.open("wb") as out:
        writer = PcapngWriter(out)
        writer.section("levels")
        for number, psdu in enumerate([*(sealed(*kind) for kind in KINDS), short_source()]):
            writer.packet(psdu, 10**18 + number)
    return path


def frames(capture: Path) -> list[Frame]:
    keys = [(9, OTHER), (9, KEY), (0, IMPLICIT)]
    return list(decode_frames(read_capture(capture), KeyTable(keys, addresses={(PAN, SHORT): B})))


def record_of(frame: Frame) -> Record:
    psdu = sealed(*KINDS[frame.number - 1])
    return make_record(frame.number, 0, 230, psdu, len(psdu))


def test_tshark_opens_what_we_open_and_reads_the_same(capture: Path) -> None:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    fields = ("sec_level", "key_id_mode", "key_index", "key_source", "frame_counter")
    words = [program, "-r", str(capture), "-n", "-T", "fields"]
    for key, index in ((KEY, 9), (IMPLICIT, 0)):
        words += ["-o", f'uat:ieee802154_keys:"{key.hex()}","{index}","No hash"']
    # An EUI-64 in this table stands without quotes: quoted, as everything else, tshark refuses it.
    words += ["-o", f'uat:802154_addresses:"{SHORT.hex()}","{PAN:x}",{B.hex()}']
    words += [word for field in fields for word in ("-e", f"wpan.aux_sec.{field}")]
    words += ["-e", "wpan.mic", "-e", "wpan.decrypt_error", "-e", "data.data"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(rows) == len(KINDS) + 1
    for frame, row in zip(frames(capture), rows, strict=True):
        assert frame.mac is not None
        security = frame.mac.security
        assert security is not None
        level, mode, key_index, source, counter, mic, error, text = row
        assert (security.level, security.key_id_mode) == (int(level, 0), int(mode, 0))
        assert security.key_index == (int(key_index, 0) if key_index else None)
        assert int.from_bytes(security.key_source, "big") == int(source or "0", 0)
        assert security.frame_counter == int(counter)
        assert frame.mac.mic.hex() == mic.replace("0x", "").replace(":", "")
        assert error == ""
        if security.level == 4:
            # tshark decrypts with the key that it is given; ours is given two of index 9, and no MIC tells which it is.
            assert frame.mic == "none"
            if security.key_id_mode:
                assert frame.info == "encrypted without a MIC: which of 2 keys fits cannot be told, not opened"
                frame = Decoder(KeyTable([(9, KEY)])).decode(record_of(frame))
            assert frame.unauthenticated
            assert frame.info.endswith("[decrypted without a MIC: not authenticated]")
        else:
            assert frame.mic == "ok"
        assert frame.mac is not None
        assert frame.mac.payload.hex() == text


def test_the_bulk_decoder_says_the_same_without_a_mic() -> None:
    for keys in (KeyTable([(9, KEY), (0, IMPLICIT)]), KeyTable([(9, OTHER), (9, KEY)]), KeyTable()):
        whole, bulk = Decoder(keys), line_decoder(230, keys)
        for number, (version, level, mode) in enumerate(KINDS, 1):
            psdu = sealed(version, level, mode)
            row = bulk.decode(number, 0, 0, psdu, len(psdu))
            if level == 4:
                wanted = line_row(whole.decode(make_record(number, 0, 230, psdu, len(psdu))), 0)
                assert not isinstance(row, Pending)
                assert (row[:4], row[4].ends, row[5:12]) == (wanted[:4], wanted[4].ends, wanted[5:12])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[1] != 4])
def test_one_changed_octet_is_seen_at_every_level(kind: tuple[int, int, int]) -> None:
    psdu = bytearray(sealed(*kind))
    psdu[-1] ^= 0x10
    frame = Decoder(KeyTable([(9, KEY), (0, IMPLICIT)])).decode(make_record(1, 0, 230, bytes(psdu), len(psdu)))
    assert (frame.mic, frame.freshness) == ("bad", None)


def test_frames_without_a_mic_are_no_proof_that_the_keys_are_wrong() -> None:
    check_keys("keys", {"none": 2})
    check_keys("keys", {"none": 2, "bad": 1, "ok": 1})
    with pytest.raises(InputError, match="none of the 3 secured frames"):
        check_keys("keys", {"none": 2, "bad": 1, "no key": 2})


def test_a_short_source_is_opened_where_its_eui64_is_known() -> None:
    psdu = short_source()
    record = make_record(1, 0, 230, psdu, len(psdu))
    assert Decoder(KeyTable([(9, KEY)])).decode(record).mic == "no key"
    assert Decoder(KeyTable([(9, KEY)], addresses={(PAN + 1, SHORT): B})).decode(record).mic == "no key"
    assert Decoder(KeyTable([(9, KEY)], addresses={(PAN, SHORT): A})).decode(record).mic == "bad"
    assert Decoder(KeyTable([(9, KEY)], addresses={(PAN, SHORT): B})).decode(record).mic == "ok"


def test_an_association_tells_whose_a_short_address_is() -> None:
    response = command.build(command.AssociationResponse(int.from_bytes(SHORT, "big"), 0))
    told = MacFrame(
        FrameType.COMMAND, 1, 1, PAN, B, None, A, ack_request=True, pan_id_compression=True, payload=response
    )
    refused = attrs.evolve(told, payload=command.build(command.AssociationResponse(2, 1)))
    for first, mic in ((told, "ok"), (refused, "no key")):
        decoder = Decoder(KeyTable([(9, KEY)]))
        octets = encode_mac(first)
        decoder.decode(make_record(1, 0, 230, octets, len(octets)))
        assert decoder.decode(make_record(2, 1, 230, short_source(), len(short_source()))).mic == mic


def test_a_tsch_frame_takes_its_slot_number_for_the_nonce(tmp_path: Path) -> None:
    plain = MacFrame(sequence=1, dst_pan=PAN, dst=B, src=A, payload=b"\x3ftsch")
    psdu = protect(plain, KEY, None, 9, asn=0x0102030405)
    path = tmp_path / "tsch.pcapng"
    with path.open("wb") as out:
        writer = PcapngWriter(out)
        writer.section("tsch")
        for asn in (0x0102030405, 0x0102030406, 1 << 63):
            writer.packet(psdu, 10**18, tlvs=Tap(asn=asn).tlvs())
        writer.packet(psdu, 10**18)
    frames = list(decode_frames(read_capture(path), KeyTable([(9, KEY)])))
    assert [frame.mic for frame in frames] == ["ok", "bad", "bad", "no key"]
    assert (frames[0].freshness, frames[0].frame_counter) == (None, None)
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    words = [
        program,
        "-r",
        str(path),
        "-o",
        f'uat:ieee802154_keys:"{KEY.hex()}","9","No hash"',
        "-Y",
        "!wpan.decrypt_error",
    ]
    done = subprocess.run(
        [*words, "-T", "fields", "-e", "frame.number", "-e", "data.data"], capture_output=True, text=True, check=True
    )
    assert frames[0].mac is not None
    assert done.stdout.splitlines() == [f"1\t{frames[0].mac.payload.hex()}"]
