"""IEEE 802.15.4 MAC frames: octets to a record and back, for frame versions 0 (2003), 1 (2006) and 2 (2015).

One codec for both directions, so that what the twin sends is what the bench reads. The record keeps every field that
the octets hold; nothing is looked up, decrypted or guessed here (see `keys.security` and `frame.decoder` for that).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, Final

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.mac.ies import (
    HT1,
    Ie,
    readable_header_ies,
    readable_payload_ies,
    write_header_ies,
    write_payload_ies,
)
from bench.air.octets import Reader, counted

__all__ = [
    "AuxSecurity",
    "FrameType",
    "Ie",
    "MacFrame",
    "Malformed",
    "decode_mac",
    "decode_readable",
    "encode_mac",
    "fcs16",
    "fcs32",
    "format_address",
    "mic_octets",
    "open_octets",
]


class FrameType(IntEnum):
    """Frame type, IEEE 802.15.4-2015 table 7-1; fragments (6) and extended frames (7) have formats of their own and are
    not read."""

    BEACON = 0
    DATA = 1
    ACK = 2
    COMMAND = 3
    MULTIPURPOSE = 5


UNREAD_TYPES: Final = {4: "reserved", 6: "fragment", 7: "extended"}
OWN_CONTROL: Final = (6, 7)
"""Frame types of which only the type itself stands where other frames have it."""


@frozen
class AuxSecurity:
    """Auxiliary security header, IEEE 802.15.4-2015 clause 9.4. ``key_source`` is in the order of the air, as Wireshark
    shows it.

    ``frame_counter`` is None where it is suppressed (version 2; the nonce then takes the ASN). ``key_sequence`` is the
    key sequence counter of a frame of version 0, which has nothing else but the frame counter: its level is that of the
    suite that the network has agreed on.
    """

    level: int
    key_id_mode: int = 0
    frame_counter: int | None = None
    key_source: bytes = b""
    key_index: int | None = None
    asn_in_nonce: bool = False
    key_sequence: int | None = None


@frozen
class MacFrame:
    """A MAC frame without FCS. Addresses are 8 (EUI-64) or 2 octets in display order, None where absent.

    ``header_ies`` and ``payload_ies`` hold the termination IEs too (HT1 0x7e, HT2 0x7f, PT 0xf), so that encoding a
    decoded frame gives the same octets. In a secured frame as received, ``payload`` is the ciphertext (payload IEs
    included) and ``mic`` what follows it; `security.unprotect` gives the same record in clear text.

    ``broken`` says what is wrong where the list of information elements cannot be read on, "" for nothing. Those before
    are there, and ``payload`` is what stands from there on, whatever it is.

    A multipurpose frame has a format of its own (7.3.5): its ``version`` is 2, by whose rules it is secured, its one
    PAN ID is the destination's, and ``long_control`` says that its frame control has two octets of which the second is
    empty.
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
    long_control: bool = False
    broken: str = ""


_MODES = {0: 0, 2: 2, 3: 8}
_MODE_OF_LENGTH = {0: 0, 2: 2, 8: 3}
_KEY_SOURCE_OCTETS = (0, 0, 4, 8)


def mic_octets(level: int) -> int:
    """Octets of the MIC at a security level (0-7): 0, 4, 8 or 16 (table 9-6)."""
    return (0, 4, 8, 16)[level & 3]


def pans_present(version: int, dst: int, src: int, compression: bool) -> tuple[bool, bool]:
    """Whether destination and source PAN ID are in the frame, by address lengths (0, 2, 8 octets) and the bit.

    Version 2 follows IEEE 802.15.4-2015 table 7-2; before, the bit drops the source PAN ID where both addresses are.
    """
    if version < 2:
        return dst > 0, src > 0 and not (compression and dst > 0)
    if not dst and not src:
        return compression, False
    if dst and not src:
        return not compression, False
    if src and not dst:
        return False, not compression
    if dst == 8 and src == 8:
        return not compression, False
    return True, not compression


def decode_mac(psdu: bytes, *, level_2003: int | None = None) -> MacFrame:
    """Frame of PSDU octets without FCS. Raises `Malformed`.

    ``level_2003`` is the security level of frames of version 0, which do not say it.
    """
    frame = decode_readable(psdu, level_2003=level_2003)
    if frame.broken:
        raise Malformed(frame.broken)
    return frame


def decode_readable(psdu: bytes, *, cut: bool = False, level_2003: int | None = None) -> MacFrame:
    """The same with information elements up to where their list breaks. Raises `Malformed` where the header does.

    Where the capture ``cut`` the frame, there is no MIC, and nothing is broken by the list's ending too early.
    """
    head, at, has_ies = _read_header(psdu, level_2003)
    security = head.security
    end = len(psdu) - (mic_octets(security.level) if security and not cut else 0)
    if end < at:
        raise Malformed(f"{counted(len(psdu))} leave no room for the MIC")
    header_ies: tuple[Ie, ...] = ()
    payload_ies: tuple[Ie, ...] = ()
    broken = ""
    if has_ies:
        found = readable_header_ies(psdu, at, end)
        header_ies, at = found.ies, found.stop
        clear = not (security and security.level & 4)
        if clear and header_ies and header_ies[-1].id == HT1 and not found.trouble:
            found = readable_payload_ies(psdu, at, end)
            payload_ies, at = found.ies, found.stop
        broken = found.trouble if not (cut and found.short) else ""
        if not header_ies and not broken and not cut:
            broken = "information elements announced, none there"
    return attrs.evolve(
        head,
        header_ies=header_ies,
        payload_ies=payload_ies,
        payload=psdu[at:end],
        mic=psdu[end:],
        broken=broken,
    )


def decode_header(psdu: bytes, level_2003: int | None = None) -> tuple[MacFrame, str]:
    """What there is of the fields before information elements and payload, and what is wrong behind them, "" where they
    are whole. Raises `Malformed` where not even the frame control says how to read on."""
    found: dict[str, Any] = {}
    try:
        for name, value in _fields(_Reader(psdu, "MAC header"), level_2003):
            found[name] = value
    except Malformed as error:
        if "frame_type" not in found:
            raise
        return MacFrame(**_of_frame(found)), str(error)
    return MacFrame(**_of_frame(found)), ""


def _read_header(psdu: bytes, level_2003: int | None = None) -> tuple[MacFrame, int, bool]:
    """The header up to its security, where that ends, and whether information elements follow."""
    reader = _Reader(psdu, "MAC header")
    found: dict[str, Any] = dict(_fields(reader, level_2003))
    return MacFrame(**_of_frame(found)), reader.at, found["has_ies"]


def _of_frame(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "has_ies"}


def _fields(reader: _Reader, level_2003: int | None) -> Iterator[tuple[str, Any]]:
    """The fields of `MacFrame` in a header, in the order of its octets, and ``has_ies``. Raises `Malformed` behind the
    last that is there."""
    if reader.left and reader.peek() & 7 == FrameType.MULTIPURPOSE:
        yield from _multipurpose_fields(reader)
        return
    fcf = reader.le(2)
    frame_type, version = fcf & 7, fcf >> 12 & 3
    yield "frame_type", frame_type
    if frame_type in OWN_CONTROL:
        raise Malformed(f"frame type {frame_type} ({UNREAD_TYPES[frame_type]}) is not read")
    compression = bool(fcf & 0x40)
    yield from (("version", version), ("pan_id_compression", compression))
    yield from (("ack_request", bool(fcf & 0x20)), ("frame_pending", bool(fcf & 0x10)))
    reserved = "frame version 3 is reserved" if version == 3 else _reserved_mode(fcf >> 10 & 3, fcf >> 14 & 3)
    # The sequence number has its place in all versions, and whatever the modes of the addresses behind it are.
    if not (version >= 2 and fcf & 0x100) and (reader.left or not reserved):
        yield "sequence", reader.le(1)
    if reserved:
        raise Malformed(reserved)
    dst_octets, src_octets = _MODES[fcf >> 10 & 3], _MODES[fcf >> 14 & 3]
    dst_pan_there, src_pan_there = pans_present(version, dst_octets, src_octets, compression)
    if dst_pan_there:
        yield "dst_pan", reader.le(2)
    yield "dst", reader.address(dst_octets)
    if src_pan_there:
        yield "src_pan", reader.le(2)
    yield "src", reader.address(src_octets)
    if fcf & 8:
        yield "security", _read_security(reader, version, level_2003)
    if frame_type in UNREAD_TYPES:
        raise Malformed(f"frame type {frame_type} ({UNREAD_TYPES[frame_type]}) is not read")
    yield "has_ies", version == 2 and bool(fcf & 0x200)


def _reserved_mode(destination: int, source: int) -> str:
    """What is wrong with the modes of two addresses, "" for nothing."""
    modes = (("destination", destination), ("source", source))
    return next((f"{name} address mode 1 is reserved" for name, mode in modes if mode == 1), "")


def _multipurpose_fields(reader: _Reader) -> Iterator[tuple[str, Any]]:
    """Those of a multipurpose frame (7.3.5): frame control of one octet, or of two, then what these announce."""
    control = reader.u8()
    long = bool(control & 0x08)
    yield from (("frame_type", FrameType.MULTIPURPOSE), ("long_control", long))
    more = reader.u8() if long else 0
    yield "long_control", long and not more
    yield from (("ack_request", bool(more & 0x40)), ("frame_pending", bool(more & 0x08)))
    version = more >> 4 & 3
    reserved = _reserved_mode(control >> 4 & 3, control >> 6)
    if version:
        reserved = f"multipurpose frame version {version} is reserved"
    if not more & 0x04 and (reader.left or not reserved):
        yield "sequence", reader.le(1)
    if reserved:
        raise Malformed(reserved)
    if more & 0x01:
        yield "dst_pan", reader.le(2)
    yield "dst", reader.address(_MODES[control >> 4 & 3])
    yield "src", reader.address(_MODES[control >> 6])
    if more & 0x02:
        yield "security", _read_security(reader, 2, None)
    yield "has_ies", bool(more & 0x80)


def _write_multipurpose_control(frame: MacFrame) -> bytes:
    more = (
        (frame.dst_pan is not None)
        | (frame.security is not None) << 1
        | (frame.sequence is None) << 2
        | frame.frame_pending << 3
        | frame.ack_request << 6
        | bool(frame.header_ies) << 7
    )
    modes = _MODE_OF_LENGTH[len(frame.dst or b"")] << 4 | _MODE_OF_LENGTH[len(frame.src or b"")] << 6
    long = bool(more) or frame.long_control
    return bytes((FrameType.MULTIPURPOSE | long << 3 | modes,)) + (bytes((more,)) if long else b"")


def encode_mac(frame: MacFrame) -> bytes:
    """PSDU octets (without FCS) of a frame. Raises ValueError where no such frame can exist."""
    dst, src = frame.dst or b"", frame.src or b""
    if len(dst) not in _MODE_OF_LENGTH or len(src) not in _MODE_OF_LENGTH:
        raise ValueError(f"addresses are 2 or 8 octets, not {len(dst)} and {len(src)}")
    if frame.payload_ies and (not frame.header_ies or frame.header_ies[-1].id != HT1):
        raise ValueError("payload IEs need header termination 1 before them")
    control = (
        _write_multipurpose_control(frame)
        if frame.frame_type == FrameType.MULTIPURPOSE
        else _write_control(frame, len(dst), len(src))
    )
    return b"".join(
        (
            control,
            b"" if frame.sequence is None else struct.pack("B", frame.sequence),
            b"" if frame.dst_pan is None else struct.pack("<H", frame.dst_pan),
            dst[::-1],
            b"" if frame.src_pan is None else struct.pack("<H", frame.src_pan),
            src[::-1],
            _write_security(frame.security) if frame.security else b"",
            write_header_ies(frame.header_ies),
            write_payload_ies(frame.payload_ies),
            frame.payload,
            frame.mic,
        )
    )


def _write_control(frame: MacFrame, dst_octets: int, src_octets: int) -> bytes:
    """The frame control field. Raises ValueError where it cannot say what the frame holds."""
    expected = pans_present(frame.version, dst_octets, src_octets, frame.pan_id_compression)
    if expected != (frame.dst_pan is not None, frame.src_pan is not None):
        raise ValueError(f"PAN IDs do not fit the addresses: expected presence {expected} (destination, source)")
    if frame.version < 2 and (frame.sequence is None or frame.header_ies):
        raise ValueError("frames before version 2 have a sequence number and no information elements")
    fcf = (
        frame.frame_type
        | (frame.security is not None) << 3
        | frame.frame_pending << 4
        | frame.ack_request << 5
        | frame.pan_id_compression << 6
        | (frame.sequence is None) << 8
        | bool(frame.header_ies) << 9
        | _MODE_OF_LENGTH[dst_octets] << 10
        | frame.version << 12
        | _MODE_OF_LENGTH[src_octets] << 14
    )
    return struct.pack("<H", fcf)


def open_octets(frame: MacFrame) -> int:
    """How many octets of ``frame.payload`` are never encrypted (clause 9.3.3: before version 2, a command's
    identifier and a beacon's fields up to its payload). Raises `Malformed`."""
    if frame.version == 2 or frame.frame_type in (FrameType.DATA, FrameType.ACK):
        return 0
    if frame.frame_type == FrameType.COMMAND:
        return len(_Reader(frame.payload, "command").take(1))
    reader = _Reader(frame.payload, "beacon")
    reader.le(2)
    slots = reader.le(1) & 7
    reader.take(1 + 3 * slots if slots else 0)
    pending = reader.le(1)
    reader.take(2 * (pending & 7) + 8 * (pending >> 4 & 7))
    return reader.at


def _read_security(reader: _Reader, version: int, level_2003: int | None) -> AuxSecurity:
    if version == 0:
        if level_2003 is None:
            raise Malformed("security of frame version 0 (2003), which does not say its suite")
        return AuxSecurity(level_2003, 0, reader.le(4), key_sequence=reader.le(1))
    control = reader.le(1)
    mode = control >> 3 & 3
    counter_there = version < 2 or not control & 0x20
    counter = reader.le(4) if counter_there else None
    source = reader.take(_KEY_SOURCE_OCTETS[mode])
    index = reader.le(1) if mode else None
    return AuxSecurity(control & 7, mode, counter, source, index, version == 2 and bool(control & 0x40))


def _write_security(aux: AuxSecurity) -> bytes:
    if aux.key_sequence is not None:
        return struct.pack("<IB", aux.frame_counter or 0, aux.key_sequence)
    if len(aux.key_source) != _KEY_SOURCE_OCTETS[aux.key_id_mode] or (aux.key_index is None) != (aux.key_id_mode == 0):
        raise ValueError(f"key source or index does not fit key id mode {aux.key_id_mode}")
    control = aux.level | aux.key_id_mode << 3 | (aux.frame_counter is None) << 5 | aux.asn_in_nonce << 6
    counter = b"" if aux.frame_counter is None else struct.pack("<I", aux.frame_counter)
    index = b"" if aux.key_index is None else struct.pack("B", aux.key_index)
    return struct.pack("B", control) + counter + aux.key_source + index


class _Reader(Reader):
    """Addresses in the MAC's order, turned round for display."""

    def address(self, octets: int) -> bytes | None:
        return self.take(octets)[::-1] if octets else None


def _crc16_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


_CRC16 = _crc16_table()


def fcs16(psdu: bytes) -> bytes:
    """16-bit FCS (ITU-T CRC-16, initial 0), 2 octets as sent. IEEE 802.15.4-2015 clause 7.2.10."""
    crc = 0
    for octet in psdu:
        crc = crc >> 8 ^ _CRC16[(crc ^ octet) & 0xFF]
    return struct.pack("<H", crc)


def fcs32(psdu: bytes) -> bytes:
    """32-bit FCS (CRC-32; frames under 4 octets are padded with zeros), 4 octets as sent. Same clause."""
    return struct.pack("<I", zlib.crc32(psdu.ljust(4, b"\0")))


def format_address(address: bytes | None) -> str | None:
    """``00:0d:6f:ff:fe:03:00:01`` for an EUI-64, ``0x1234`` for a short address, None for none."""
    if not address:
        return None
    return address.hex(":") if len(address) == 8 else f"0x{address.hex()}"
