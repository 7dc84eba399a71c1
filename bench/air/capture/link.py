"""What a capture's link type means: octets of one packet to a `Record`, and TAP headers both ways.

Link type 195 is 802.15.4 with FCS, 230 without, 283 TAP (jkcko/ieee802.15.4-tap 1.2: little-endian TLVs before the
PSDU). 195 does not say how long its FCS is: the length whose check is right is taken, 16 bit where neither is. A
capture that cut no more than the FCS cut nothing of the frame. In captures of a network (Ethernet, raw IP ...) frames
stand in ZEP datagrams.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple

import attrs

from bench.air.capture import carried, zep
from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.mac.frame import fcs16, fcs32
from bench.air.octets import counted

WITH_FCS: Final = 195
NO_FCS: Final = 230
TAP: Final = 283
PHY_LINK_TYPES: Final = frozenset({WITH_FCS, NO_FCS, TAP})
LINK_TYPES: Final = PHY_LINK_TYPES | carried.LINK_TYPES
"""All that are read: of 802.15.4, and of networks on which ZEP datagrams travel."""
EXPECTED: Final = "expected 195, 230 or 283, or a network's with ZEP datagrams"

_CHANNEL_PAGE_SUN: Final = 9
NOT_MEASURED_BY_RADIO: Final = -128
"""The level that a radio gives while it has none (CC2420: RSSI_VAL before RSSI_VALID)."""


class Tlv(IntEnum):
    """Kinds of TAP TLVs (jkcko/ieee802.15.4-tap 1.2, section 4)."""

    FCS_TYPE = 0
    RSS = 1
    BIT_RATE = 2
    CHANNEL = 3
    SUN_PHY = 4
    START_OF_FRAME = 5
    END_OF_FRAME = 6
    ASN = 7
    SLOT_START = 8
    SLOT_LENGTH = 9
    LQI = 10
    FREQUENCY = 11
    CHANNEL_PLAN = 12
    PHY_HEADER = 13


class FcsType(IntEnum):
    """Values of the FCS type TLV."""

    NONE = 0
    CRC_16 = 1
    CRC_32 = 2

    @property
    def octets(self) -> int:
        """Octets of the FCS behind the PSDU."""
        return 2 * self


_TLV_FCS_TYPE, _TLV_RSS, _TLV_CHANNEL = Tlv.FCS_TYPE, Tlv.RSS, Tlv.CHANNEL
_TLV_START, _TLV_END = Tlv.START_OF_FRAME, Tlv.END_OF_FRAME
FCS: Final[Mapping[int, Callable[[bytes], bytes]]] = {2: fcs16, 4: fcs32}
"""Octets of a frame to its FCS, by how many octets that has."""
_FCS_OCTETS: Final = {int(kind): kind.octets for kind in FcsType}


@frozen
class Record:
    """One captured frame. ``data`` is the PSDU without FCS; ``time_ns`` the capture's stamp (Unix ns).

    ``fcs_ok`` is None where the capture holds no FCS; ``fcs_octets`` then is 0. ``start_ns``/``end_ns`` (frame start
    and end on air), ``rssi_dbm`` and ``channel`` come from TAP and are None elsewhere. ``original_length`` counts the
    PSDU's octets on the wire of the capture (with FCS where it has one), also where the capture cut the frame
    (``cut``); ``fcs_counted`` of them are the FCS's, captured or not (0: the format has none). ``damage`` says what is
    wrong with the link header, "" where nothing is: ``data`` is there all the same where the header says where it
    begins. ``tlvs`` are TAP's, up to a broken one, as
    kind and octets (`tap.Tap` reads them), ``comments`` what a pcapng capture says about the packet. ``fcs`` are the
    ``fcs_octets`` as captured (a CC24xx radio's two octets in its place), ``zep`` the datagram that a frame came in.
    ``header_octets`` are those of a TAP header.
    """

    number: int
    time_ns: int
    link_type: int
    data: bytes
    fcs_ok: bool | None = None
    fcs_octets: int = 0
    rssi_dbm: float | None = None
    channel: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    original_length: int = 0
    cut: bool = False
    damage: str = ""
    tlvs: tuple[tuple[int, bytes], ...] = attrs.field(default=(), eq=False, repr=False)
    comments: tuple[str, ...] = ()
    fcs: bytes = attrs.field(default=b"", eq=False, repr=False)
    zep: zep.Zep | None = attrs.field(default=None, eq=False, repr=False)
    fcs_counted: int = attrs.field(default=0, eq=False)
    header_octets: int = attrs.field(default=0, eq=False)


def read_packet(
    number: int, time_ns: int, link_type: int, packet: bytes, original: int, fcs_given: int = 0
) -> Record | None:
    """As `make_record`, of any of `LINK_TYPES`; None for a packet of a network without a frame in it."""
    if link_type in PHY_LINK_TYPES:
        return make_record(number, time_ns, link_type, packet, original, fcs_given)
    payload = carried.udp_payload(link_type, packet, zep.PORT)
    if payload is None:
        return None
    return zep_record(number, time_ns, payload, link_type, cut=original > len(packet))


def zep_record(
    number: int, time_ns: int, payload: bytes, link_type: int = carried.RAW_IP, *, cut: bool = False
) -> Record | None:
    """Record of the ZEP datagram in a UDP payload, from a capture or a socket; None for a ZEP acknowledgement.

    ``time_ns`` is the stamp of capture or arrival: the one inside is of the sniffer's own clock. Never raises: what is
    no ZEP is ``damage``."""
    try:
        found = zep.decode_zep(payload, cut=cut)
    except Malformed as error:
        return Record(number, time_ns, link_type, b"", cut=cut, damage=str(error))
    if isinstance(found, zep.ZepAck):
        return None
    length = len(found.frame) + found.missing
    noted = Record(
        number,
        time_ns,
        link_type,
        found.frame,
        channel=found.channel,
        original_length=length,
        zep=found,
        fcs_counted=2,
    )
    if found.has_fcs or found.missing:
        return attrs.evolve(noted, **_split_fcs(found.frame, found.missing, 0 if found.has_fcs else 2)._asdict())
    if length < 2:
        return attrs.evolve(noted, damage="ZEP: no room for the radio's two octets")
    level, quality = struct.unpack("bB", found.frame[-2:])
    ok, notes = bool(quality & 0x80), found.frame[-2:]
    heard = None if level == NOT_MEASURED_BY_RADIO else float(level)
    return attrs.evolve(noted, data=found.frame[:-2], fcs_ok=ok, fcs_octets=2, fcs=notes, rssi_dbm=heard)


def make_record(number: int, time_ns: int, link_type: int, packet: bytes, original: int, fcs_given: int = 0) -> Record:
    """Record of one packet as captured. ``original`` is its length before cutting; ``fcs_given`` the FCS length in
    16-bit units that a pcap file header may state (0: not stated). Never raises: a bad TAP header is ``damage``."""
    missing = max(original - len(packet), 0)
    if link_type == NO_FCS:
        return Record(number, time_ns, link_type, packet, original_length=original, cut=missing > 0)
    if link_type == WITH_FCS:
        split = _split_fcs(packet, missing, 2 * fcs_given)
        fcs_octets = split.fcs_octets or 2 * fcs_given or (4 if _is_version_2(packet) else 2)
        return Record(number, time_ns, link_type, original_length=original, fcs_counted=fcs_octets, **split._asdict())
    try:
        tap, psdu = _read_tap(packet)
    except Malformed as error:
        return Record(number, time_ns, link_type, b"", original_length=original, cut=missing > 0, damage=str(error))
    fcs_octets = _FCS_OCTETS.get(tap.fcs_type, 0)
    split = _split_fcs(psdu, missing, fcs_octets) if fcs_octets else _Split(psdu, cut=missing > 0)
    return Record(
        number,
        time_ns,
        link_type,
        split.data,
        split.fcs_ok,
        split.fcs_octets,
        tap.rssi_dbm,
        tap.channel,
        tap.start_ns,
        tap.end_ns,
        original - (len(packet) - len(psdu)),
        split.cut,
        tap.damage,
        tap.tlvs,
        fcs=split.fcs,
        fcs_counted=fcs_octets,
        header_octets=len(packet) - len(psdu),
    )


class _Split(NamedTuple):
    """A PSDU and what stands behind it; the fields are those of `Record`."""

    data: bytes
    fcs_ok: bool | None = None
    fcs_octets: int = 0
    fcs: bytes = b""
    cut: bool = False


def _split_fcs(psdu: bytes, missing: int, octets: int) -> _Split:
    """A PSDU as captured, ``missing`` octets at its end. ``octets`` is the length of its FCS, 0: find out."""
    if missing:
        captured = _captured_of_fcs(psdu, missing, octets)
        return _Split(psdu, cut=True) if captured is None else _Split(psdu[: len(psdu) - captured])
    if octets not in FCS:
        octets = 4 if len(psdu) > 4 and fcs32(psdu[:-4]) == psdu[-4:] and fcs16(psdu[:-2]) != psdu[-2:] else 2
    if len(psdu) < octets:
        return _Split(psdu, False)
    return _Split(psdu[:-octets], FCS[octets](psdu[:-octets]) == psdu[-octets:], octets, psdu[-octets:])


def _captured_of_fcs(psdu: bytes, missing: int, octets: int) -> int | None:
    """How many octets of the FCS were captured where no more than that was cut off; None where the frame was cut, too.

    Where its length is not said, what was captured of it tells, then the frame's version: 32 bits are version 2's."""
    there = {size: size - missing for size in ((octets,) if octets else (2, 4)) if missing <= size}
    for size, captured in there.items():
        if captured and FCS[size](psdu[:-captured])[:captured] == psdu[-captured:]:
            return captured
    if octets or 2 in there:
        return min(there.values(), default=None)
    return there.get(4) if _is_version_2(psdu) else None


def _is_version_2(psdu: bytes) -> bool:
    return len(psdu) > 1 and psdu[1] >> 4 & 3 == 2


class _Tap(NamedTuple):
    fcs_type: int
    rssi_dbm: float | None
    channel: int | None
    start_ns: int | None
    end_ns: int | None
    tlvs: tuple[tuple[int, bytes], ...]
    damage: str


_TAP_FIELDS: Final[dict[int, tuple[int, struct.Struct]]] = {
    _TLV_FCS_TYPE: (0, struct.Struct("<B")),
    _TLV_RSS: (1, struct.Struct("<f")),
    _TLV_CHANNEL: (2, struct.Struct("<H")),
    _TLV_START: (3, struct.Struct("<Q")),
    _TLV_END: (4, struct.Struct("<Q")),
}
"""Place in `_Tap` and layout of the TLVs that are read."""
_TAP_HEAD: Final = struct.Struct("<BxH")
_TLV_HEAD: Final = struct.Struct("<HH")


def _read_tap(packet: bytes) -> tuple[_Tap, bytes]:
    if len(packet) < 4:
        raise Malformed("TAP header cut")
    version, length = _TAP_HEAD.unpack_from(packet)
    if version != 0 or length < 4 or length > len(packet):
        raise Malformed(f"TAP header: version {version}, length {length} in {counted(len(packet))}")
    found: list[Any] = [0, None, None, None, None]
    tlvs: list[tuple[int, bytes]] = []
    damage = ""
    at = _TAP_HEAD.size
    while at < length:
        start = at + _TLV_HEAD.size
        if start > length:
            damage = damage or "TAP TLV cut"
            break
        kind, octets = _TLV_HEAD.unpack_from(packet, at)
        if start + octets > length:
            damage = damage or f"TAP TLV {kind} cut"
            break
        tlvs.append((kind, packet[start : start + octets]))
        place, layout = _TAP_FIELDS.get(kind, (0, None))
        if layout is not None and octets < layout.size:
            damage = damage or f"TAP TLV {kind} with {counted(octets)}"
        elif layout is not None:
            (found[place],) = layout.unpack_from(packet, start)
        at = start + (octets + 3 & ~3)
    fcs_type, level, channel, start_ns, end_ns = found
    if fcs_type not in _FCS_OCTETS:
        damage = damage or f"TAP FCS type {fcs_type} is not known"  # nobody can say where the PSDU ends
    if level is not None and not math.isfinite(level):
        level = None  # from a sniffer that did not measure it
    return _Tap(fcs_type, level, channel, start_ns, end_ns, tuple(tlvs), damage), packet[length:]


def write_tap(
    psdu: bytes,
    *,
    fcs: bool = True,
    rssi_dbm: float | None = None,
    channel: int | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    tlvs: Iterable[tuple[int, bytes]] = (),
    fcs_octets: int = 4,
) -> bytes:
    """A packet of link type 283: TAP header, PSDU and its FCS of 4 or 2 octets (``fcs=False``: FCS type 0 and none).

    ``tlvs`` are further ones (`tap.Tap.tlvs`)."""
    known = [_tlv(_TLV_FCS_TYPE, bytes((fcs_octets // 2 if fcs else 0,)))]
    if rssi_dbm is not None:
        known.append(_tlv(_TLV_RSS, struct.pack("<f", rssi_dbm)))
    if channel is not None:
        known.append(_tlv(_TLV_CHANNEL, struct.pack("<HB", channel, _CHANNEL_PAGE_SUN)))
    if start_ns is not None:
        known.append(_tlv(_TLV_START, struct.pack("<Q", start_ns)))
    if end_ns is not None:
        known.append(_tlv(_TLV_END, struct.pack("<Q", end_ns)))
    body = b"".join((*known, *(_tlv(kind, value) for kind, value in tlvs)))
    return struct.pack("<BBH", 0, 0, 4 + len(body)) + body + psdu + (FCS[fcs_octets](psdu) if fcs else b"")


def _tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", kind, len(value)) + value + bytes(-len(value) % 4)
