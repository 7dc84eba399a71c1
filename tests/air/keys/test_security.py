"""AES-CCM*, keys and key files against published examples and against the frames of real stacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.capture.capture import read_capture
from bench.air.keys.security import MicError, ccm_star_decrypt, ccm_star_encrypt, protect, unprotect
from bench.air.keys.table import KeyTable, gak, gtk_hash
from bench.air.mac.frame import AuxSecurity, FrameType, MacFrame, decode_mac, mic_octets
from bench.air.mac.ies import HT1, Ie
from bench.errors import InputError
from tests.air.mac_captures import CONTIKI_KEY, keys_of, need

ANNEX_C_KEY = bytes.fromhex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf")

# IEEE 802.15.4-2006 annex C.2: a beacon (level 2), a data frame (level 4) and a command (level 6) in clear, secured.
ANNEX_C = {
    "beacon": (
        "08d0842143010000000048deac020500000055cf000051525354",
        "08d0842143010000000048deac020500000055cf000051525354223bc1ec841ab553",
    ),
    "data": (
        "69dc842143020000000048deac010000000048deac040500000061626364",
        "69dc842143020000000048deac010000000048deac0405000000d43e022b",
    ),
    "command": (
        "2bdc842143020000000048deacffff010000000048deac060500000001ce",
        "2bdc842143020000000048deacffff010000000048deac060500000001d84fde529061f9c6f1",
    ),
}


@pytest.mark.parametrize("name", ANNEX_C)
def test_annex_c_examples(name: str) -> None:
    clear, secured = (bytes.fromhex(text) for text in ANNEX_C[name])
    frame = decode_mac(secured)
    assert frame.security is not None
    assert frame.security.frame_counter == 5
    opened = unprotect(secured, frame, ANNEX_C_KEY)
    assert clear.endswith(opened.payload)
    plain = MacFrame(
        frame_type=frame.frame_type,
        version=frame.version,
        sequence=frame.sequence,
        dst_pan=frame.dst_pan,
        dst=frame.dst,
        src_pan=frame.src_pan,
        src=frame.src,
        ack_request=frame.ack_request,
        pan_id_compression=frame.pan_id_compression,
        payload=opened.payload,
    )
    assert protect(plain, ANNEX_C_KEY, 5, None, level=frame.security.level) == secured


def test_rfc_3610_packet_vector_1() -> None:
    nonce = bytes.fromhex("00000003020100a0a1a2a3a4a5")
    header, text = bytes(range(8)), bytes(range(8, 0x1F))
    sealed = bytes.fromhex("588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0")
    assert ccm_star_encrypt(ANNEX_C_KEY, nonce, header, text, 6) == sealed
    assert ccm_star_decrypt(ANNEX_C_KEY, nonce, header, sealed, 6) == text


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 7), st.binary(max_size=60), st.integers(0, 2**32 - 1), st.integers(1, 7), st.data())
def test_protected_frames_open_and_any_changed_octet_does_not(
    level: int, payload: bytes, counter: int, index: int, data: st.DataObject
) -> None:
    frame = MacFrame(
        sequence=9,
        dst=bytes(range(8)),
        src=bytes(range(8, 16)),
        pan_id_compression=True,
        header_ies=(Ie(0x2A, b"\x01\x04abc"), Ie(HT1)),
        payload_ies=(Ie(4, b""), Ie(3, payload)),
    )
    psdu = protect(frame, ANNEX_C_KEY, counter, index, level=level)
    secured = decode_mac(psdu)
    opened = unprotect(psdu, secured, ANNEX_C_KEY)
    assert opened.payload_ies == frame.payload_ies
    assert opened.security == AuxSecurity(level, 1, counter, b"", index)
    assert len(opened.mic) == mic_octets(level)
    if level == 4:
        return
    at = data.draw(st.integers(24, len(psdu) - 1))  # beyond addresses and security header: the same lengths
    changed = psdu[:at] + bytes([psdu[at] ^ data.draw(st.integers(1, 255))]) + psdu[at + 1 :]
    with pytest.raises(ValueError, match=r"MIC|IE"):
        unprotect(changed, decode_mac(changed), ANNEX_C_KEY)
    with pytest.raises(MicError):
        unprotect(psdu, secured, bytes(16))


def test_frames_of_real_stacks_protected_again_are_the_captured_octets() -> None:
    keys, again = keys_of("line2"), 0
    for record in read_capture(need("line2.pcapng")):
        frame = decode_mac(record.data)
        if frame.security is None:
            continue
        key = keys.candidates(frame.security.key_index)[0]
        clear = unprotect(record.data, frame, key)
        assert frame.security.frame_counter is not None
        assert protect(clear, key, frame.security.frame_counter, frame.security.key_index) == record.data
        again += 1
    assert again == 397


def test_implicit_key_of_a_2006_stack() -> None:
    kinds = set()
    for record in read_capture(need("contiki-llsec-line3.pcapng")):
        frame = decode_mac(record.data)
        if frame.security is not None:
            unprotect(record.data, frame, CONTIKI_KEY)
            kinds.add((frame.version, frame.security.key_id_mode))
    assert kinds == {(1, 0)}


def test_a_nonce_needs_an_eui64() -> None:
    frame = MacFrame(sequence=1, dst=b"\0\1", dst_pan=1, src=b"\0\2", src_pan=1)
    with pytest.raises(ValueError, match="EUI-64"):
        protect(frame, ANNEX_C_KEY, 1, 1)
    psdu = protect(frame, ANNEX_C_KEY, 1, 1, eui64=bytes(range(8)))
    assert unprotect(psdu, decode_mac(psdu), ANNEX_C_KEY, eui64=bytes(range(8))).frame_type == FrameType.DATA


def test_group_keys_check_value() -> None:
    gtk = bytes(range(16))
    assert gak("Wi-SUN Network", gtk).hex() == "3a07e2193990eac9f568eee97977ba5c"
    assert gtk_hash(gtk).hex() == "dba69928ee3a8991"
    assert gtk_hash(b"") == bytes(8)


def test_group_key_and_hash_of_a_real_network() -> None:
    # line2: the GTK as its daemon printed it, the GAK it used, the hash it advertised (NAME.keys.txt, frame 2).
    gtk = bytes.fromhex("cce298d4405df4e994f9c555781f4038")
    assert keys_of("line2").candidates(1) == (gak("Wi-SUN Peer", gtk),)
    assert gtk_hash(gtk).hex() == "4ddaeab0d0ecb5ac"


def key_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ieee802154_keys"
    path.write_text(text, "utf-8")
    return path


def test_key_file(tmp_path: Path) -> None:
    text = (
        "\ufeff# comment, after the mark that some editors put first\r\n\n"
        '"000102030405060708090a0b0c0d0e0f","1","No hash"\n'
        '"10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:1e:1f","1","No hash"\n'
        '"202122232425262728292A2B2C2D2E2F" , "5" , "No hash"\n'
    )
    table = KeyTable.read(key_file(tmp_path, text))
    assert table.candidates(1) == (bytes(range(16)), bytes(range(16, 32)))
    assert table.candidates(5) == (bytes(range(32, 48)),)
    assert table.candidates(2) == ()
    assert table


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('"00","1","No hash"', "ieee802154_keys:2: key '00' is not 16 octets"),
        ('"0x0102030405060708090a0b0c0d0e0f","1","No hash"', "ieee802154_keys:2: key .* expected 32 hex digits"),
        (f'"{"00" * 16}","one","No hash"', "ieee802154_keys:2: key index 'one'; expected 0 to 255"),
        (f'"{"00" * 16}","256","No hash"', "ieee802154_keys:2: key index '256'; expected 0 to 255"),
        (f'"{"00" * 16}","1","Thread hash"', "ieee802154_keys:2: key hash 'Thread hash'"),
        ("a,b,c", "ieee802154_keys:2: not a key line; expected"),
    ],
)
def test_a_wrong_key_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        KeyTable.read(key_file(tmp_path, f"# comment\n{line}\n"))


def test_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: No such file"):
        KeyTable.read(tmp_path / "none")
    with pytest.raises(InputError, match="holds no key"):
        KeyTable.read(key_file(tmp_path, "# nothing\n"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\0\x80")
    with pytest.raises(InputError, match="binary: not text"):
        KeyTable.read(tmp_path / "binary")
