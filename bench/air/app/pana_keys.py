"""The keys of a PANA session, from what EAP gave (RFC 5191 section 5.3, with HMAC-SHA2-256)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import attrs

AUTH_KEY_OCTETS: Final = 32


@attrs.frozen(slots=True)
class Opening:
    """What both sides said before there was a key: the first Auth-Request and its answer, whole, and both nonces.

    ``key_id`` is the value of the Key-Id AVP, 4 octets.
    """

    request: bytes
    answer: bytes
    client_nonce: bytes
    agent_nonce: bytes
    key_id: bytes


def auth_key(msk: bytes, opening: Opening) -> bytes:
    """PANA_AUTH_KEY, 32 octets."""
    return derived(msk, b"IETF PANA", opening, AUTH_KEY_OCTETS)


def derived(msk: bytes, label: bytes, opening: Opening, octets: int) -> bytes:
    """A key of the session under another label, by the same rule."""
    said = (opening.request, opening.answer, opening.client_nonce, opening.agent_nonce, opening.key_id)
    return prf_plus(msk, label + b"".join(said), octets)


def prf_plus(key: bytes, seed: bytes, octets: int) -> bytes:
    """prf+ of IKEv2 (RFC 7296 section 2.13) over HMAC-SHA2-256."""
    found = block = b""
    for number in range(1, -(-octets // 32) + 1):
        block = hmac.digest(key, block + seed + bytes((number,)), hashlib.sha256)
        found += block
    return found[:octets]
