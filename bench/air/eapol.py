"""EAPOL, EAP and key frames as Wi-SUN carries them: octets to records and back (IEEE 802.1X, RFC 3748, RFC 5216)."""

from __future__ import annotations

from enum import IntEnum

import attrs


class EapCode(IntEnum):
    """RFC 3748 section 4."""

    REQUEST = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4


EAP_IDENTITY = 1
EAP_TLS = 13


@attrs.frozen(slots=True)
class Eap:
    """An EAP packet. ``type`` None for Success and Failure; ``data`` what follows the type octet (EAP-TLS: flags on)."""

    code: int
    identifier: int
    type: int | None = None
    data: bytes = b""


@attrs.frozen(slots=True)
class KeyFrame:
    """EAPOL-Key descriptor (type 2, 802.11). ``information`` is the key information field; ``key_data`` the KDEs."""

    information: int
    key_length: int = 0
    replay_counter: int = 0
    nonce: bytes = bytes(32)
    iv: bytes = bytes(16)
    rsc: bytes = bytes(8)
    mic: bytes = bytes(16)
    key_data: bytes = b""

    @property
    def message(self) -> str:
        """ "request", "1/4", "2/4", "3/4", "4/4", "group 1/2" or "group 2/2"."""
        raise NotImplementedError


@attrs.frozen(slots=True)
class Eapol:
    """An EAPOL PDU: ``eap`` or ``key`` is set by type, else ``body`` keeps the octets."""

    version: int
    type: int
    eap: Eap | None = None
    key: KeyFrame | None = None
    body: bytes = b""


@attrs.frozen(slots=True)
class EapolRelay:
    """Payload of UDP port 10253: the supplicant's EUI-64, KMP id, and the EAPOL PDU."""

    supplicant: bytes
    kmp_id: int
    pdu: bytes


def decode_eapol(octets: bytes) -> Eapol:
    """Raises `mac.Malformed`."""
    raise NotImplementedError


def encode_eapol(pdu: Eapol) -> bytes:
    """The PDU's octets."""
    raise NotImplementedError


def decode_relay(octets: bytes) -> EapolRelay:
    """Raises `mac.Malformed`."""
    raise NotImplementedError


def encode_relay(relay: EapolRelay) -> bytes:
    """UDP payload octets."""
    raise NotImplementedError
