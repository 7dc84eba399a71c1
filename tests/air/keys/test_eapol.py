"""EAPOL, EAP-TLS framing and the 4-way handshake, against a real handshake whose PMK and PTK the daemons printed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.capture.capture import read_capture
from bench.air.errors import Malformed
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.keys import eapol, fourway
from bench.air.keys.eapol import Eap, Eapol, EapolRelay, EapTls, KeyFrame
from bench.air.keys.fourway import Ptk
from tests.air.mac_captures import keys_of, need

quick = settings(max_examples=150, deadline=None)
BR, R1 = bytes.fromhex("000d6ffffe030001"), bytes.fromhex("000d6ffffe031002")


def secret(name: str) -> bytes:
    """The first secret of that name that r1's handshake left in the daemons' trace."""
    text = need("line2.keys.txt").read_text("utf-8")
    match = re.search(rf"r1 +sec: install {name}=([0-9a-f:]+)", text)
    assert match is not None
    return bytes.fromhex(match[1].replace(":", ""))


def handshake() -> dict[str, tuple[Frame, KeyFrame]]:
    found: dict[str, tuple[Frame, KeyFrame]] = {}
    for frame in decode_frames(read_capture(need("line2.pcapng")), keys_of("line2")):
        if frame.eapol and frame.eapol.key and R1 in (frame.src, frame.dst) and not frame.relay:
            found.setdefault(frame.eapol.key.message, (frame, frame.eapol.key))
    return found


def test_the_messages_of_a_real_handshake() -> None:
    messages = handshake()
    assert list(messages) == ["request", "1/4", "2/4", "3/4", "4/4", "group 1/2", "group 2/2"]
    informations = [key.information for _, key in messages.values()]
    assert informations == [
        eapol.REQUEST,
        eapol.MESSAGE_1,
        eapol.MESSAGE_2,
        eapol.MESSAGE_3,
        eapol.MESSAGE_4,
        eapol.GROUP_1,
        eapol.GROUP_2,
    ]
    assert [frame.src for frame, _ in messages.values()] == [R1, BR, R1, BR, R1, BR, R1]


def test_ptk_mics_and_key_data_of_a_real_handshake() -> None:
    messages = handshake()
    anonce, snonce = messages["1/4"][1].nonce, messages["2/4"][1].nonce
    pmk = secret("pmk")
    ptk = fourway.derive_ptk(pmk, BR, R1, anonce, snonce)
    assert ptk.octets == secret("ptk")
    for name in ("2/4", "3/4", "4/4", "group 1/2", "group 2/2"):
        key = messages[name][1]
        assert fourway.mic_ok(3, key, ptk), name
        assert fourway.seal(3, key, ptk) == eapol.encode_eapol(Eapol(3, 3, key=key)), name
    kdes = list(fourway.read_kdes(messages["1/4"][1].key_data))
    assert kdes == [(fourway.RSN_OUI, 4, fourway.pmkid(pmk, BR, R1))]
    clear = fourway.decrypt_key_data(ptk, messages["3/4"][1].key_data)
    gtk = bytes.fromhex("cce298d4405df4e994f9c555781f4038")
    liveness, group_key, lifetime = fourway.read_kdes(clear)
    assert liveness == (fourway.WISUN_OUI, 2, b"\x01")
    assert group_key == (fourway.RSN_OUI, 1, bytes(2) + gtk)
    # 30 days, less the 82 s since the border router installed it.
    assert lifetime[:2] == (fourway.RSN_OUI, 7)
    assert 2_592_000 - 90 < int.from_bytes(lifetime[2], "big") < 2_592_000


def test_both_ends_derive_one_ptk_whoever_has_the_larger_address() -> None:
    nonces = (b"\1" * 32, b"\2" * 32)
    one = fourway.derive_ptk(bytes(32), BR, R1, *nonces)
    assert one == fourway.derive_ptk(bytes(32), R1, BR, *nonces) == fourway.derive_ptk(bytes(32), R1, BR, *nonces[::-1])


def test_the_supplicants_opening_request() -> None:
    # Nothing live yet: empty liveness masks, role router.
    key = handshake()["request"][1]
    wanted = fourway.gtk_liveness_kde(0) + fourway.lgtk_liveness_kde(0) + fourway.node_role_kde(1)
    assert key.key_data == wanted


def test_a_wrong_ptk_opens_nothing() -> None:
    ptk, other = Ptk(bytes(16), bytes(16), bytes(16)), Ptk(bytes(16), b"\1" * 16, bytes(16))
    wrapped = fourway.encrypt_key_data(ptk, fourway.gtk_kde(0, bytes(16)))
    with pytest.raises(Malformed, match="does not unwrap"):
        fourway.decrypt_key_data(other, wrapped)
    sealed = eapol.decode_eapol(fourway.seal(3, KeyFrame(eapol.MESSAGE_2), ptk))
    assert sealed.key is not None
    assert fourway.mic_ok(3, sealed.key, ptk)
    assert not fourway.mic_ok(3, sealed.key, Ptk(b"\1" * 16, bytes(16), bytes(16)))


@quick
@given(
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=4), st.binary(min_size=16, max_size=16)
)
def test_key_data_wrapped_opens_to_the_same_elements(elements: list[tuple[int, bytes]], kek: bytes) -> None:
    kdes = b"".join(bytes((0xDD, 4 + len(data))) + fourway.WISUN_OUI + bytes((kind,)) + data for kind, data in elements)
    ptk = Ptk(bytes(16), kek, bytes(16))
    clear = fourway.decrypt_key_data(ptk, fourway.encrypt_key_data(ptk, kdes))
    assert list(fourway.read_kdes(clear)) == [(fourway.WISUN_OUI, kind, data) for kind, data in elements]


u8, u16 = st.integers(0, 255), st.integers(0, 65535)


def sized(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=count, max_size=count)


eaps = st.one_of(
    st.builds(Eap, st.integers(1, 2), u8, u8, st.binary(max_size=60)),
    st.builds(Eap, st.integers(3, 4), u8),
)
key_frames = st.builds(
    KeyFrame,
    *(u16, u16, st.integers(0, 2**64 - 1)),
    *(sized(32), sized(16), sized(8), sized(8), sized(16)),
    st.binary(max_size=80),
)
pdus = st.one_of(
    st.builds(Eapol, u8, st.just(0), eap=eaps),
    st.builds(Eapol, u8, st.just(3), key=key_frames),
    st.builds(Eapol, u8, st.just(1), body=st.binary(max_size=9)),
)


@quick
@given(pdus)
def test_a_pdu_written_is_the_pdu_read(pdu: Eapol) -> None:
    assert eapol.decode_eapol(eapol.encode_eapol(pdu)) == pdu


@quick
@given(st.builds(EapTls, st.binary(max_size=40), st.booleans(), st.booleans(), st.one_of(st.none(), u16)))
def test_eap_tls_framing(tls: EapTls) -> None:
    assert eapol.decode_eap_tls(eapol.encode_eap_tls(eapol.EapCode.REQUEST, 7, tls)) == tls


@quick
@given(st.binary(max_size=140))
def test_any_octets_give_a_pdu_or_malformed(octets: bytes) -> None:
    for decode in (eapol.decode_eapol, eapol.decode_relay):
        try:
            assert decode(octets) is not None
        except Malformed:
            continue
    assert isinstance(eapol.tls_records(octets), tuple)


def test_relay() -> None:
    relay = EapolRelay(R1, 6, b"abc")
    assert eapol.decode_relay(eapol.encode_relay(relay)) == relay
    assert eapol.encode_relay(relay) == R1 + b"\x06abc"


def test_records_of_a_tls_flight_are_named() -> None:
    hello, done = bytes((2, 0, 0, 2, 1, 1)), bytes((14, 0, 0, 0))
    flight = b"\x16\x03\x03\x00\x0a" + hello + done + b"\x14\x03\x03\x00\x01\x01" + b"\x16\x03\x03\x00\x02\x0b\x00"
    assert eapol.tls_records(flight) == ("Server Hello", "Server Hello Done", "Change Cipher Spec", "Handshake")
