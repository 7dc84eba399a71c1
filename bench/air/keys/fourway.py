"""The 4-way handshake's keys: PTK, message integrity, key data elements and their encryption (IEEE 802.11, 12.7).

Wi-SUN FAN takes the handshake of 802.11 over, with EUI-64s in place of 48-bit addresses: PTK-384 (KCK, KEK, TK),
HMAC-SHA1-128 and AES key wrap (descriptor version 2), and KDEs of its own (facts: domain.md 5.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs
from cryptography.hazmat.primitives import keywrap

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.keys.eapol import Eapol, KeyFrame, encode_eapol
from bench.air.octets import counted

RSN_OUI: Final = bytes.fromhex("000fac")
WISUN_OUI: Final = bytes.fromhex("0c5a9e")
_RSN_GTK, _RSN_PMKID, _RSN_LIFETIME = 1, 4, 7
_WISUN_PTKID, _WISUN_GTKL, _WISUN_NODE_ROLE, _WISUN_LGTKL, _WISUN_LGTK = 1, 2, 3, 4, 5


@frozen
class Ptk:
    """Pairwise transient key in its parts of 16 octets: confirmation, encryption, temporal key."""

    kck: bytes
    kek: bytes
    tk: bytes

    @property
    def octets(self) -> bytes:
        """All 48 octets."""
        return self.kck + self.kek + self.tk


def derive_ptk(pmk: bytes, authenticator: bytes, supplicant: bytes, anonce: bytes, snonce: bytes) -> Ptk:
    """PTK-384 of a PMK (32 octets), both EUI-64s (8) and both nonces (32)."""
    seed = min(authenticator, supplicant) + max(authenticator, supplicant) + min(anonce, snonce) + max(anonce, snonce)
    blocks = (_sha1(pmk, b"Pairwise key expansion\0" + seed + bytes((i,))) for i in range(3))
    octets = b"".join(blocks)[:48]
    return Ptk(octets[:16], octets[16:32], octets[32:48])


def pmkid(pmk: bytes, authenticator: bytes, supplicant: bytes) -> bytes:
    """16 octets that name a PMK without telling it."""
    return _sha1(pmk, b"PMK Name" + authenticator + supplicant)[:16]


def ptkid(ptk: Ptk, authenticator: bytes, supplicant: bytes) -> bytes:
    """16 octets that name a PTK without telling it."""
    return _sha1(ptk.octets, b"PTK Name" + authenticator + supplicant)[:16]


def seal(version: int, key: KeyFrame, ptk: Ptk | None) -> bytes:
    """EAPOL octets of a key frame, with its MIC under ``ptk`` where the frame announces one (802.1X ``version`` 3)."""
    plain = encode_eapol(Eapol(version, 3, key=attrs.evolve(key, mic=bytes(16))))
    if ptk is None:
        return plain
    return encode_eapol(Eapol(version, 3, key=attrs.evolve(key, mic=_sha1(ptk.kck, plain)[:16])))


def mic_ok(version: int, key: KeyFrame, ptk: Ptk) -> bool:
    """Whether the key frame's MIC is right under ``ptk``."""
    plain = encode_eapol(Eapol(version, 3, key=attrs.evolve(key, mic=bytes(16))))
    from hmac import compare_digest

    return compare_digest(_sha1(ptk.kck, plain)[:16], key.mic)


def encrypt_key_data(ptk: Ptk, kdes: bytes) -> bytes:
    """KDEs padded (0xdd, then zeros; at least 16 octets) and wrapped under the KEK: 8 octets longer (RFC 3394)."""
    padded = kdes
    if len(kdes) < 16 or len(kdes) % 8:
        padded = kdes + b"\xdd"
        padded += bytes(max(16 - len(padded), -len(padded) % 8))
    return keywrap.aes_key_wrap(ptk.kek, padded)


def decrypt_key_data(ptk: Ptk, wrapped: bytes) -> bytes:
    """KDEs with their padding. Raises `Malformed` where the KEK is not the one, or the octets were changed."""
    try:
        return keywrap.aes_key_unwrap(ptk.kek, wrapped)
    except (keywrap.InvalidUnwrap, ValueError):
        raise Malformed("key data does not unwrap under this PTK") from None


def read_kdes(octets: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Key data elements as (OUI, type, data), up to the padding. Raises `Malformed`."""
    at = 0
    while at + 2 <= len(octets) and octets[at + 1]:
        kind, length = octets[at], octets[at + 1]
        body = octets[at + 2 : at + 2 + length]
        if kind != 0xDD or length < 4 or len(body) < length:
            raise Malformed(f"key data element at octet {at} says {counted(length)}")
        yield body[:3], body[3], body[4:]
        at += 2 + length


def _kde(oui: bytes, kind: int, data: bytes) -> bytes:
    return bytes((0xDD, 4 + len(data))) + oui + bytes((kind,)) + data


def gtk_kde(index: int, gtk: bytes) -> bytes:
    """A GTK and its slot (0-3)."""
    return _kde(RSN_OUI, _RSN_GTK, bytes((index, 0)) + gtk)


def lgtk_kde(index: int, lgtk: bytes) -> bytes:
    """An LGTK and its slot (0-2)."""
    return _kde(WISUN_OUI, _WISUN_LGTK, bytes((index, 0)) + lgtk)


def lifetime_kde(seconds: int) -> bytes:
    """Lifetime of the key sent beside."""
    return _kde(RSN_OUI, _RSN_LIFETIME, seconds.to_bytes(4, "big"))


def pmkid_kde(value: bytes) -> bytes:
    """Names the PMK of a handshake."""
    return _kde(RSN_OUI, _RSN_PMKID, value)


def ptkid_kde(value: bytes) -> bytes:
    """Names the PTK that the supplicant still holds."""
    return _kde(WISUN_OUI, _WISUN_PTKID, value)


def gtk_liveness_kde(live: int) -> bytes:
    """Bit mask of GTK0-3 that the sender holds."""
    return _kde(WISUN_OUI, _WISUN_GTKL, bytes((live,)))


def lgtk_liveness_kde(live: int) -> bytes:
    """Bit mask of LGTK0-2 that the sender holds."""
    return _kde(WISUN_OUI, _WISUN_LGTKL, bytes((live,)))


def node_role_kde(role: int) -> bytes:
    """Role of the sender: 0 border router, 1 router, 2 LFN."""
    return _kde(WISUN_OUI, _WISUN_NODE_ROLE, bytes((role,)))


def _sha1(key: bytes, data: bytes) -> bytes:
    import hmac  # what is only decoded needs no hash, and OpenSSL's takes as long to load as 2,000 frames in bulk

    return hmac.new(key, data, "sha1").digest()
