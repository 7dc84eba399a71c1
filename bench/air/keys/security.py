"""Frame security of IEEE 802.15.4: AES-CCM* over a `MacFrame`, both directions (clause 9.3, annex B).

CCM* is CCM plus level 4, encryption without a MIC, which is plain counter mode over the same blocks.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from bench.air.errors import Malformed
from bench.air.mac.frame import AuxSecurity, MacFrame, encode_mac, mic_octets, open_octets
from bench.air.mac.ies import HT1, readable_payload_ies, write_payload_ies

_MODES: Final = {0: 1, 4: 2, 8: 3}
"""Key id mode by octets of the key source (table 9-7)."""


_LARGEST_ASN: Final = (1 << 40) - 1


class MicError(ValueError):
    """The MIC does not verify under this key (or the frame was changed on its way)."""


def protect(
    frame: MacFrame,
    key: bytes,
    frame_counter: int | None,
    key_index: int | None,
    *,
    level: int = 6,
    eui64: bytes | None = None,
    key_source: bytes = b"",
    asn: int | None = None,
    key_sequence: int | None = None,
) -> bytes:
    """PSDU octets of a clear frame, secured. ``level`` is 1-7; the key id mode is 0 with ``key_index`` None, 1 without
    ``key_source``, 2 with one of 4 octets, 3 with one of 8.

    The nonce takes ``frame.src``, or ``eui64`` (8 octets, display order) where the frame carries a short source or
    none. ``frame_counter`` is None in TSCH, where the nonce takes the slot number ``asn``. ``key_sequence`` is the key
    sequence counter of a frame of version 0, whose suite ``level`` stands for. Raises ValueError where
    there is no EUI-64, or neither counter nor slot.
    """
    mode = 0 if key_index is None else _MODES[len(key_source)]
    aux = AuxSecurity(
        *(level, mode, frame_counter, key_source, key_index), frame_counter is None, key_sequence=key_sequence
    )
    secured = attrs.evolve(frame, security=aux, payload_ies=(), payload=b"", mic=b"")
    opened = open_octets(frame)
    authenticated = encode_mac(secured) + frame.payload[:opened]
    private = write_payload_ies(frame.payload_ies) + frame.payload[opened:]
    return authenticated + ccm_star_encrypt(key, _nonce(secured, eui64, asn), authenticated, private, level)


def unprotect(
    psdu: bytes, frame: MacFrame, key: bytes, *, eui64: bytes | None = None, asn: int | None = None
) -> MacFrame:
    """The frame in clear text: payload IEs decoded, security header and MIC kept. ``frame`` is `decode_mac` of
    ``psdu``, ``asn`` the slot it was sent in (TSCH).

    Raises `MicError`, `Malformed` (clear text that is no IE list), ValueError (no EUI-64, no counter).
    """
    found = unprotect_readable(psdu, frame, key, eui64=eui64, asn=asn)
    if found.broken:
        raise Malformed(found.broken)
    return found


def unprotect_readable(
    psdu: bytes, frame: MacFrame, key: bytes, *, eui64: bytes | None = None, asn: int | None = None
) -> MacFrame:
    """The same with payload IEs up to where their list breaks; ``frame`` is `decode_readable` of ``psdu``, whose header
    IEs are whole where its payload is encrypted.

    Raises `MicError`, `Malformed` (nobody can say where the encrypted octets begin), ValueError (no EUI-64, no
    counter).
    """
    if frame.security is None or frame.security.level == 0:
        return frame
    level = frame.security.level
    end = len(psdu) - len(frame.mic)
    start = end - len(frame.payload) + open_octets(frame) if level & 4 else end
    clear = ccm_star_decrypt(key, _nonce(frame, eui64, asn), psdu[:start], psdu[start:], level)
    if not level & 4:
        return frame
    payload = frame.payload[: open_octets(frame)] + clear
    if frame.header_ies and frame.header_ies[-1].id == HT1:
        found = readable_payload_ies(payload, 0, len(payload))
        return attrs.evolve(frame, payload_ies=found.ies, payload=payload[found.stop :], broken=found.trouble)
    return attrs.evolve(frame, payload=payload)


def ccm_star_encrypt(key: bytes, nonce: bytes, authenticated: bytes, private: bytes, level: int) -> bytes:
    """What follows the authenticated header on the air: private octets (encrypted from level 4 on), then the MIC.

    ``key`` 16 octets, ``nonce`` 13; at levels 1-3 the private octets are authenticated and sent in clear.
    """
    if level == 4:
        return _counter_mode(key, nonce, private)
    if level & 4:
        return _ccm(key, mic_octets(level)).encrypt(nonce, private, authenticated)
    return private + _ccm(key, mic_octets(level)).encrypt(nonce, b"", authenticated + private)


def ccm_star_decrypt(key: bytes, nonce: bytes, authenticated: bytes, sealed: bytes, level: int) -> bytes:
    """Clear text of ``sealed`` (private octets and MIC). At levels 1-3, ``sealed`` is the MIC alone and all else is
    authenticated. Raises `MicError`."""
    if level == 4:
        return _counter_mode(key, nonce, sealed)
    try:
        return _ccm(key, mic_octets(level)).decrypt(nonce, sealed, authenticated)
    except InvalidTag:
        raise MicError("MIC does not verify") from None


def _nonce(frame: MacFrame, eui64: bytes | None, asn: int | None) -> bytes:
    """Source EUI-64, frame counter, security level (clause 9.3.2.1), or EUI-64 and slot number in TSCH (9.3.2.2);
    13 octets, big-endian. In version 0 the key sequence counter has the level's place (IEEE 802.15.4-2003, 7.6)."""
    source = frame.src if frame.src and len(frame.src) == 8 else eui64
    if source is None or len(source) != 8:
        raise ValueError("no source EUI-64 for the nonce")
    if frame.security is None or (frame.security.frame_counter is None and asn is None):
        raise ValueError("no frame counter for the nonce")
    if frame.security.frame_counter is None:
        return source + ((asn or 0) & _LARGEST_ASN).to_bytes(5, "big")
    sequence = frame.security.key_sequence
    last = frame.security.level if sequence is None else sequence
    return source + struct.pack(">IB", frame.security.frame_counter, last)


def _counter_mode(key: bytes, nonce: bytes, octets: bytes) -> bytes:
    """CCM's counter mode alone: blocks A1, A2 ... with L = 2 (annex B.3.2), the same for both directions."""
    cipher = Cipher(AES(key), CTR(b"\x01" + nonce + b"\x00\x01")).encryptor()
    return cipher.update(octets) + cipher.finalize()


@lru_cache(maxsize=256)
def _ccm(key: bytes, tag_octets: int) -> AESCCM:
    return AESCCM(key, tag_length=tag_octets)
