"""The envelope of a signed statement: DSSE, as in-toto uses it, so that other people's tools can check a manifest.

Dead Simple Signing Envelope, version 1: the signature is over PAE(type, payload), so no octet needs a canonical form
and no payload can be taken for one of another type. `securesystemslib` writes and reads the same (docs/decisions.md).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


def pae(payload: bytes) -> bytes:
    """What is signed: pre-authentication encoding of DSSE."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


@attrs.frozen(slots=True)
class Envelope:
    """A payload with its signatures: (key id, 64 octets); none of an unsigned one."""

    payload: bytes
    signatures: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def signed(cls, payload: bytes, key: Ed25519PrivateKey | None, key_id: str) -> Envelope:
        """The payload, signed where there is a key."""
        return cls(payload, () if key is None else ((key_id, key.sign(pae(payload))),))

    @classmethod
    def read(cls, octets: bytes) -> Envelope:
        """An envelope as it was written, octet for octet; ValueError, in a few words, for anything else."""
        try:
            told = json.loads(octets)
            if told["payloadType"] != PAYLOAD_TYPE:
                raise ValueError("holds no in-toto statement")
            signatures = tuple((str(one["keyid"]), _decoded(one["sig"])) for one in told["signatures"])
            found = cls(_decoded(told["payload"]), signatures)
        except (KeyError, TypeError, UnicodeDecodeError, RecursionError, json.JSONDecodeError, binascii.Error):
            raise ValueError("no DSSE envelope") from None
        if found.octets() != octets:
            raise ValueError("not as the bench writes an envelope")
        return found

    def octets(self) -> bytes:
        """As a file: JSON."""
        told: dict[str, Any] = {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(self.payload).decode(),
            "signatures": [
                {"keyid": key_id, "sig": base64.b64encode(signature).decode()} for key_id, signature in self.signatures
            ],
        }
        return json.dumps(told, indent=1).encode() + b"\n"

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether one of the signatures is this key's."""
        for _, signature in self.signatures:
            try:
                key.verify(signature, pae(self.payload))
            except InvalidSignature:
                continue
            return True
        return False


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
