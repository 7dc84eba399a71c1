"""ZEP, the ZigBee Encapsulation Protocol: frames that network sniffers send as UDP datagrams to port 17754; v1 and v2.

Layouts follow Wireshark's dissector (there is no other public specification). A header's mode octet says what the frame
ends with: 1 its FCS, 0 two octets of a CC24xx radio in its place (received level, and a bit for the FCS being right).
The length has 7 bits, so frames of more than 127 octets, as Wi-SUN sends, do not fit.
"""

from __future__ import annotations

import struct
from typing import Final

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted

PORT: Final = 17754
PREAMBLE: Final = b"EX"
DATA, _ACK = 1, 2
_NTP_EPOCH_S: Final = 2_208_988_800
"""Seconds from 1900 to 1970."""
_NS: Final = 1_000_000_000


@frozen
class Zep:
    """One ZEP datagram. ``frame`` is as captured: with its FCS where ``has_fcs``, else with the two octets of a CC24xx.

    ``time_ns`` (the sniffer's clock, Unix ns) and ``sequence`` are version 2's, and None in version 1. ``missing``
    counts octets at the frame's end that a capture cut off."""

    channel: int
    device: int
    frame: bytes
    has_fcs: bool = True
    lqi: int = 0
    version: int = 2
    time_ns: int | None = None
    sequence: int | None = None
    missing: int = 0


@frozen
class ZepAck:
    """A version 2 acknowledgement of a datagram: it carries no frame."""

    sequence: int


def decode_zep(payload: bytes, *, cut: bool = False) -> Zep | ZepAck:
    """The datagram in a UDP payload, whose end may be missing where a capture ``cut`` it.

    Raises `Malformed`, also for versions but 1 and 2."""
    reader = Reader(payload, "ZEP")
    if reader.take(2) != PREAMBLE:
        raise Malformed("ZEP: no EX preamble")
    version = reader.u8()
    time_ns = sequence = None
    if version == 1:
        channel, device, mode, lqi = reader.u8(), reader.u16(), reader.u8(), reader.u8()
        reader.take(7)
    elif version == 2:
        kind = reader.u8()
        if kind == _ACK:
            return ZepAck(reader.u32())
        channel, device, mode, lqi = reader.u8(), reader.u16(), reader.u8(), reader.u8()
        time_ns, sequence = _from_ntp(reader.u32(), reader.u32()), reader.u32()
        reader.take(10)
    else:
        raise Malformed(f"ZEP: version {version} is not read")
    length = reader.u8() & 0x7F
    missing = length - reader.left
    if missing and not (cut and missing > 0):
        raise Malformed(f"ZEP: length {length}, {counted(reader.left)} there")
    return Zep(channel, device, reader.rest(), mode != 0, lqi, version, time_ns, sequence, missing)


def encode_zep(zep: Zep | ZepAck) -> bytes:
    """The UDP payload. Raises ValueError where the frame has more than 127 octets."""
    if isinstance(zep, ZepAck):
        return PREAMBLE + struct.pack(">BBI", 2, _ACK, zep.sequence)
    if len(zep.frame) > 0x7F:
        raise ValueError(f"ZEP carries at most 127 octets, not {len(zep.frame)}")
    head = struct.pack(">BHBB", zep.channel, zep.device, zep.has_fcs, zep.lqi)
    if zep.version == 1:
        return PREAMBLE + b"\x01" + head + bytes(7) + bytes((len(zep.frame),)) + zep.frame
    stamp = struct.pack(">III", *_to_ntp(zep.time_ns or 0), zep.sequence or 0)
    return PREAMBLE + bytes((2, DATA)) + head + stamp + bytes(10) + bytes((len(zep.frame),)) + zep.frame


def _from_ntp(seconds: int, fraction: int) -> int:
    """Unix ns of an NTP stamp, rounded: the fraction's unit is a quarter of a nanosecond."""
    return (seconds - _NTP_EPOCH_S) * _NS + (fraction * _NS + (1 << 31) >> 32)


def _to_ntp(time_ns: int) -> tuple[int, int]:
    seconds, rest = divmod(time_ns, _NS)
    return seconds + _NTP_EPOCH_S & 0xFFFF_FFFF, (rest << 32) // _NS
