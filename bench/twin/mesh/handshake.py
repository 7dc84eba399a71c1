"""Keys of the 4-way handshake as Wi-SUN FAN uses it: PTK, frame MIC, wrapped key data (domain.md 5.5).

PTK-384 = PRF(PMK, "Pairwise key expansion", EUI-64s and nonces, smaller first); its three parts are KCK, KEK and TK.
Key frames carry HMAC-SHA1-128 under KCK; key data is AES-wrapped under KEK (key descriptor version 2, IEEE 802.11).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import attrs
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from bench.air.eapol import Eapol, KeyFrame, encode_eapol

EAPOL_VERSION: Final = 3
EAPOL_KEY: Final = 3

# Key information bits (IEEE 802.11 figure 12-34).
VERSION_SHA1_AES: Final = 0x0002
PAIRWISE: Final = 0x0008
INSTALL: Final = 0x0040
ACK: Final = 0x0080
MIC: Final = 0x0100
SECURE: Final = 0x0200
REQUEST: Final = 0x0800
ENCRYPTED: Final = 0x1000

_IEEE_OUI: Final = bytes.fromhex("000fac")
_WISUN_OUI: Final = bytes.fromhex("0c5a9e")
KDE_GTK: Final = (_IEEE_OUI, 1)
KDE_PMKID: Final = (_IEEE_OUI, 4)
KDE_LIFETIME: Final = (_IEEE_OUI, 7)
KDE_PTKID: Final = (_WISUN_OUI, 1)
KDE_GTKL: Final = (_WISUN_OUI, 2)
KDE_NODE_ROLE: Final = (_WISUN_OUI, 3)
GTK_LIFETIME_S: Final = 30 * 86400


@attrs.frozen(slots=True)
class Ptk:
    """Pairwise transient key: confirmation key, encryption key, temporal key (16 octets each)."""

    kck: bytes
    kek: bytes
    tk: bytes


def ptk(pmk: bytes, authenticator: bytes, supplicant: bytes, anonce: bytes, snonce: bytes) -> Ptk:
    """PTK-384 of a session; EUI-64s of 8 octets, nonces of 32."""
    addresses, nonces = sorted((authenticator, supplicant)), sorted((anonce, snonce))
    seed = b"Pairwise key expansion\0" + b"".join(addresses) + b"".join(nonces)
    octets = b"".join(hmac.digest(pmk, seed + bytes((i,)), hashlib.sha1) for i in range(3))[:48]
    return Ptk(octets[:16], octets[16:32], octets[32:48])


def pmkid(pmk: bytes, authenticator: bytes, supplicant: bytes) -> bytes:
    """HMAC-SHA1-128(PMK, "PMK Name" || AA || SPA)."""
    return hmac.digest(pmk, b"PMK Name" + authenticator + supplicant, hashlib.sha1)[:16]


def ptkid(ptk_: Ptk, authenticator: bytes, supplicant: bytes) -> bytes:
    """HMAC-SHA1-128(PTK, "PTK Name" || AA || SPA)."""
    return hmac.digest(ptk_.kck + ptk_.kek + ptk_.tk, b"PTK Name" + authenticator + supplicant, hashlib.sha1)[:16]


def kde(kind: tuple[bytes, int], data: bytes) -> bytes:
    """One key data element."""
    oui, number = kind
    return bytes((0xDD, 4 + len(data))) + oui + bytes((number,)) + data


def read_kdes(octets: bytes) -> dict[tuple[bytes, int], bytes]:
    """Key data elements by OUI and type; padding (0xDD 0x00 ...) ends the list."""
    found: dict[tuple[bytes, int], bytes] = {}
    at = 0
    while at + 6 <= len(octets) and octets[at] == 0xDD and octets[at + 1] >= 4:
        end = at + 2 + octets[at + 1]
        found[octets[at + 2 : at + 5], octets[at + 5]] = octets[at + 6 : end]
        at = end
    return found


def gtk_kdes(gtk: bytes) -> bytes:
    """Key data of message 3: the GTK at index 0, its lifetime, and which GTKs live."""
    key = kde(KDE_GTK, b"\0\0" + gtk)
    return key + kde(KDE_LIFETIME, GTK_LIFETIME_S.to_bytes(4, "big")) + kde(KDE_GTKL, b"\x01")


def gtk_of(octets: bytes) -> bytes | None:
    """The GTK in clear key data, None where there is none."""
    data = read_kdes(octets).get(KDE_GTK)
    return data[2:18] if data is not None and len(data) >= 18 else None


def wrap(kek: bytes, key_data: bytes) -> bytes:
    """AES key wrap (RFC 3394) of padded key data."""
    if len(key_data) % 8 or len(key_data) < 16:
        key_data += b"\xdd" + bytes(-(len(key_data) + 1) % 8)
    return aes_key_wrap(kek, key_data)


def unwrap(kek: bytes, wrapped: bytes) -> bytes | None:
    """Clear key data, None where the key does not fit."""
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError):
        return None


def key_pdu(key: KeyFrame, kck: bytes | None = None) -> bytes:
    """Octets of a key frame, its MIC filled in under ``kck`` where given."""
    octets = encode_eapol(Eapol(EAPOL_VERSION, EAPOL_KEY, key=key))
    if kck is None:
        return octets
    mic = hmac.digest(kck, octets, hashlib.sha1)[:16]
    return encode_eapol(Eapol(EAPOL_VERSION, EAPOL_KEY, key=attrs.evolve(key, mic=mic)))


def mic_ok(pdu: Eapol, kck: bytes) -> bool:
    """The key frame's MIC is right under ``kck``."""
    if pdu.key is None:
        return False
    blank = encode_eapol(attrs.evolve(pdu, key=attrs.evolve(pdu.key, mic=bytes(16))))
    return hmac.compare_digest(hmac.digest(kck, blank, hashlib.sha1)[:16], pdu.key.mic)
