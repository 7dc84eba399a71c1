"""EAP-PSK against the published vectors of EAX, and both sides against each other."""

from __future__ import annotations

import pytest

from bench.air.errors import Malformed
from bench.air.keys import eap_psk

H = bytes.fromhex

# Bellare, Rogaway, Wagner: The EAX mode of operation (2004), appendix G: key, nonce, header, message, cipher with tag.
EAX = [
    (
        "233952dee4d5ed5f9b9c6d6ff80ff478",
        "62ec67f9c3a4a407fcb2a8c49031a8b3",
        "6bfb914fd07eae6b",
        "",
        "e037830e8389f27b025a2d6527e79d01",
    ),
    (
        "91945d3f4dcbee0bf45ef52255f095a4",
        "becaf043b0a23d843194ba972c66debd",
        "fa3bfd4806eb53fa",
        "f7fb",
        "19dd5c4c9331049d0bdab0277408f67967e5",
    ),
]


@pytest.mark.parametrize(("key", "nonce", "header", "clear", "cipher"), EAX)
def test_eax_as_published(key: str, nonce: str, header: str, clear: str, cipher: str) -> None:
    sealed, tag = eap_psk.eax_encrypt(H(key), H(nonce), H(header), H(clear))
    assert (sealed + tag).hex() == cipher
    assert eap_psk.eax_decrypt(H(key), H(nonce), H(header), sealed, tag) == H(clear)
    with pytest.raises(ValueError, match="does not verify"):
        eap_psk.eax_decrypt(H(key), H(nonce), H(header) + b"\0", sealed, tag)


def test_the_long_term_keys_follow_the_modified_counter_mode() -> None:
    """RFC 4764 section 3.1, by hand with a bare block cipher."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import ECB

    psk = bytes(range(16))
    block = Cipher(AES(psk), ECB()).encryptor()
    first = block.update(bytes(16))
    wanted = tuple(block.update(first[:15] + bytes((first[15] ^ number,))) for number in (1, 2))
    assert eap_psk.long_term(psk) == wanted


def test_session_keys_have_their_lengths_and_differ() -> None:
    keys = eap_psk.session(bytes(16), bytes(range(16)))
    assert (len(keys.tek), len(keys.msk), len(keys.emsk)) == (16, 64, 64)
    assert len({keys.tek, keys.msk[:16], keys.emsk[:16]}) == 3


@pytest.mark.parametrize(
    "message",
    [
        eap_psk.First(bytes(16), b"meter"),
        eap_psk.Second(bytes(16), bytes(range(16)), bytes(16), b"terminal"),
        eap_psk.Third(bytes(16), bytes(range(16)), bytes(21)),
        eap_psk.Fourth(bytes(16), bytes(21)),
    ],
)
def test_messages_come_back_as_they_were(message: eap_psk.Message) -> None:
    assert eap_psk.parse(eap_psk.build(message)) == message


def test_a_message_that_is_cut_is_malformed() -> None:
    with pytest.raises(Malformed):
        eap_psk.parse(b"\x40" + bytes(20))
