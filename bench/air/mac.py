"""IEEE 802.15.4 MAC frames: octets to a record and back, for every frame version.

One codec for both directions, so that what the twin sends is what the bench reads. The record keeps every field that
the octets hold; nothing is looked up, decrypted or guessed here (see `security` and `frame` for that).
"""

from __future__ import annotations

from enum import IntEnum

import attrs


class FrameType(IntEnum):
    """Frame type, IEEE 802.15.4-2015 table 7-1."""

    BEACON = 0
    DATA = 1
    ACK = 2
    COMMAND = 3


@attrs.frozen(slots=True)
class Ie:
    """One information element as it stands in the frame: header IE (id 0-255) or payload IE (group 0-15)."""

    id: int
    content: bytes = b""


@attrs.frozen(slots=True)
class AuxSecurity:
    """Auxiliary security header, IEEE 802.15.4-2015 clause 9.4. ``key_source`` is big-endian as displayed."""

    level: int
    key_id_mode: int = 0
    frame_counter: int | None = None
    key_source: bytes = b""
    key_index: int | None = None


@attrs.frozen(slots=True)
class MacFrame:
    """A MAC frame without FCS. Addresses are 8 (EUI-64) or 2 octets in display order, None where absent.

    ``header_ies`` and ``payload_ies`` hold the termination IEs too (HT1 0x7e, HT2 0x7f, PT 0xf), so that encoding a
    decoded frame gives the same octets. In a secured frame as received, ``payload`` is the ciphertext (payload IEs
    included) and ``mic`` what follows it; `security.unprotect` gives the same record in clear text.
    """

    frame_type: int = FrameType.DATA
    version: int = 2
    sequence: int | None = None
    dst_pan: int | None = None
    dst: bytes | None = None
    src_pan: int | None = None
    src: bytes | None = None
    ack_request: bool = False
    frame_pending: bool = False
    pan_id_compression: bool = False
    security: AuxSecurity | None = None
    header_ies: tuple[Ie, ...] = ()
    payload_ies: tuple[Ie, ...] = ()
    payload: bytes = b""
    mic: bytes = b""


class Malformed(ValueError):
    """Octets that are not what their type says; the message tells what and where. Never leaves `frame.Decoder`."""


def decode_mac(psdu: bytes) -> MacFrame:
    """Frame of PSDU octets without FCS. Raises `Malformed`."""
    raise NotImplementedError


def encode_mac(frame: MacFrame) -> bytes:
    """PSDU octets (without FCS) of a frame. Raises ValueError where no such frame can exist."""
    raise NotImplementedError


def fcs16(psdu: bytes) -> bytes:
    """16-bit FCS (ITU-T CRC-16, initial 0), 2 octets as sent. IEEE 802.15.4-2015 clause 7.2.10."""
    raise NotImplementedError


def fcs32(psdu: bytes) -> bytes:
    """32-bit FCS (CRC-32; frames under 4 octets are padded with zeros), 4 octets as sent. Same clause."""
    raise NotImplementedError


def format_address(address: bytes | None) -> str | None:
    """``00:0d:6f:ff:fe:03:00:01`` for an EUI-64, ``0x1234`` for a short address, None for none."""
    raise NotImplementedError
