"""Fields of the MAC: the 802.15.4 header and its security."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from bench.air.capture.link import NOT_MEASURED_BY_RADIO, Record
from bench.air.errors import Malformed
from bench.air.fields import ies as fields_ies
from bench.air.fields.base import Field, Kind, Table, Tables, eui64, flag, number, octets, u8, u16, u32
from bench.air.frozen import frozen
from bench.air.mac.frame import OWN_CONTROL, UNREAD_TYPES, AuxSecurity, FrameType, MacFrame, encode_mac


@frozen
class Mac:
    """A MAC frame, in clear where it could be opened, and its record where that is at hand; ``whole`` is False for the
    header of one that cannot be read further."""

    mac: MacFrame
    record: Record | None
    whole: bool = True

    @property
    def control(self) -> int | None:
        """The frame control field as sent; of a multipurpose frame it may have one octet."""
        if self.record is None or len(self.record.data) < 2:
            return None
        return int.from_bytes(self.record.data[: 1 if self.short else 2], "little")

    @property
    def short(self) -> bool:
        """Whether it is a multipurpose frame whose frame control has one octet."""
        if not self.is_multipurpose:
            return False
        sent = self.record.data if self.record is not None else b""
        return (sent or encode_mac(attrs.evolve(self.mac, mic=b"")))[0] & 0x08 == 0

    @property
    def is_multipurpose(self) -> bool:
        """Whether it is of the multipurpose frame's format."""
        return self.mac.frame_type == FrameType.MULTIPURPOSE

    @property
    def has_own_control(self) -> bool:
        """Whether its frame control is of a format that is not read, but for the frame type."""
        return self.mac.frame_type in OWN_CONTROL


@frozen
class OldSecurity:
    """What a frame of version 0 says of its security."""

    aux: AuxSecurity


_FRAME_TYPES: Final = {kind.value: kind.name.lower() for kind in FrameType} | UNREAD_TYPES
_FRAME_TYPES_THEIRS: Final = {6: "Fragment or Frak"}
_MODES: Final = {0: "none", 1: "reserved", 2: "short", 3: "extended"}
_MODES_THEIRS: Final = {1: "Reserved", 2: "Short/16-bit", 3: "Long/64-bit"}
_VERSIONS: Final = {0: "2003", 1: "2006", 2: "2015", 3: "reserved"}
_VERSIONS_THEIRS: Final = {
    **{version: f"IEEE Std 802.15.4-{year}" for version, year in _VERSIONS.items() if year.isdigit()},
    3: "Reserved",
}
_LEVELS: Final = {
    0: "none",
    1: "MIC-32",
    2: "MIC-64",
    3: "MIC-128",
    4: "encryption",
    5: "encryption, MIC-32",
    6: "encryption, MIC-64",
    7: "encryption, MIC-128",
}
_LEVELS_THEIRS: Final = {
    0: "No Security",
    1: "32-bit Message Integrity Code",
    2: "64-bit Message Integrity Code",
    3: "128-bit Message Integrity Code",
    5: "Encryption with 32-bit Message Integrity Code",
    6: "Encryption with 64-bit Message Integrity Code",
    7: "Encryption with 128-bit Message Integrity Code",
}
_KEY_MODES: Final = {0: "implicit", 1: "index", 2: "4-octet source and index", 3: "8-octet source and index"}
_KEY_MODES_THEIRS: Final = {
    0: "Implicit Key",
    1: "Indexed Key using the Default Key Source",
    2: "Explicit Key with 4-octet Key Source",
    3: "Explicit Key with 8-octet Key Source",
}


def _said(view: Mac, mask: int, multipurpose: int, otherwise: bool) -> bool:
    """A bit of the frame control field as sent, by its place in a multipurpose frame's; ``otherwise`` as read. (Before
    version 2 some mean nothing.)"""
    return otherwise if view.control is None else bool(view.control & (multipurpose if view.is_multipurpose else mask))


def _long(get: Callable[[Mac], bool]) -> Callable[[Mac], bool | None]:
    """A bit that the one octet of a multipurpose frame's short frame control does not have."""
    return lambda view: None if view.short or view.has_own_control else get(view)


def _general(get: Callable[[Mac], int]) -> Callable[[Mac], int | None]:
    """What the frame control of a multipurpose frame does not say."""
    return lambda view: None if view.is_multipurpose or view.has_own_control else get(view)


def _mode(address: bytes | None) -> int:
    return {0: 0, 2: 2}.get(len(address or b""), 3)


def _mode_said(view: Mac, shift: int, multipurpose: int, address: bytes | None) -> int | None:
    """An address mode: that of the address, or where the header is cut before it, of the frame control."""
    if view.has_own_control:
        return None
    if view.whole or view.control is None:
        return _mode(address)
    return view.control >> (multipurpose if view.is_multipurpose else shift) & 3


def _short(address: bytes | None) -> int | None:
    return int.from_bytes(address, "big") if address and len(address) == 2 else None


def _extended(address: bytes | None) -> bytes | None:
    return address if address and len(address) == 8 else None


def _both(view: Mac, octets_: int) -> tuple[object, ...]:
    found = [address for address in (view.mac.dst, view.mac.src) if address and len(address) == octets_]
    return tuple(found) if octets_ == 8 else tuple(int.from_bytes(address, "big") for address in found)


def _mac_inside(view: Mac) -> Iterator[object]:
    if view.mac.security is not None:
        yield view.mac.security if view.mac.security.key_sequence is None else OldSecurity(view.mac.security)
    yield from (fields_ies.HeaderIe(ie) for ie in view.mac.header_ies)
    yield from (fields_ies.PayloadIe(ie) for ie in view.mac.payload_ies)
    if view.mac.broken:
        raise Malformed(view.mac.broken)


def _fcs(octets_: int) -> Callable[[Mac], int | None]:
    """The FCS as captured, where it has so many octets and a radio has put nothing in its place."""

    def get(view: Mac) -> int | None:
        record = view.record
        if record is None or len(record.fcs) != octets_ or (record.zep is not None and not record.zep.has_fcs):
            return None
        return int.from_bytes(record.fcs, "little")

    return get


def _radio(place: int) -> Callable[[Mac], int | None]:
    """One of the two octets that a CC24xx radio writes over the FCS."""

    def get(view: Mac) -> int | None:
        record = view.record
        if record is None or record.zep is None or record.zep.has_fcs or not record.fcs:
            return None
        return record.fcs[place]

    return get


def _level(view: Mac) -> int | None:
    octet = _radio(0)(view)
    return None if octet is None else (octet ^ 0x80) - 0x80


def _correlation(view: Mac) -> int | None:
    octet = _radio(1)(view)
    return None if octet is None else octet & 0x7F


def _fcs_word(view: Mac) -> str:
    ok = view.record.fcs_ok if view.record else None
    return {True: ", FCS right", False: ", FCS wrong", None: ""}[ok]


def _without_fcs(view: Mac) -> int | None:
    """Octets of a PSDU without its FCS, captured or not; None where a damaged link header does not say how long that
    is."""
    record = view.record
    if record is None or (record.damage and not record.fcs_counted):
        return None
    return max(record.original_length - record.fcs_counted, 0)


def _no_fcs(view: Mac) -> bool | None:
    """True of a frame whose capture's format has no FCS: for filters, which then have what Wireshark says. Where a link
    header is damaged nobody knows that."""
    record, whole = view.record, view.whole and not view.mac.broken
    if record is None or record.fcs_ok is not None or record.fcs_counted or record.damage or not whole:
        return None
    return True


_MAC: Final = Table(
    "wpan",
    lambda v: f"IEEE 802.15.4 {_FRAME_TYPES.get(v.mac.frame_type, 'frame')}{_fcs_word(v)}",
    (
        u8("wpan.frame_length", "Octets without FCS", _without_fcs),
        u16("wpan.fcf", "Frame control", "control", digits=4),
        u16("wpan.frame_type", "Frame type", "mac.frame_type", names=_FRAME_TYPES, theirs=_FRAME_TYPES_THEIRS),
        flag(
            "wpan.security",
            "Security enabled",
            _long(lambda v: _said(v, 0x08, 0x0200, v.mac.security is not None)),
        ),
        flag("wpan.pending", "Frame pending", _long(lambda v: v.mac.frame_pending)),
        flag("wpan.ack_request", "Acknowledgement requested", _long(lambda v: v.mac.ack_request)),
        flag("wpan.pan_id_compression", "PAN ID compression", _general(lambda v: v.mac.pan_id_compression)),
        flag(
            "wpan.seqno_suppression",
            "Sequence number suppressed",
            _long(lambda v: _said(v, 0x100, 0x0400, v.mac.sequence is None)),
        ),
        flag(
            "wpan.ie_present",
            "Information elements present",
            _long(lambda v: _said(v, 0x200, 0x8000, bool(v.mac.header_ies))),
        ),
        u16(
            "wpan.dst_addr_mode",
            "Destination address mode",
            lambda v: _mode_said(v, 10, 4, v.mac.dst),
            names=_MODES,
            theirs=_MODES_THEIRS,
        ),
        u16(
            "wpan.version", "Frame version", _general(lambda v: v.mac.version), names=_VERSIONS, theirs=_VERSIONS_THEIRS
        ),
        u16(
            "wpan.src_addr_mode",
            "Source address mode",
            lambda v: _mode_said(v, 14, 6, v.mac.src),
            names=_MODES,
            theirs=_MODES_THEIRS,
        ),
        u8("wpan.seq_no", "Sequence number", "mac.sequence"),
        u16("wpan.dst_pan", "Destination PAN ID", "mac.dst_pan", digits=4),
        u16("wpan.dst16", "Destination", lambda v: _short(v.mac.dst), digits=4),
        eui64("wpan.dst64", "Destination", lambda v: _extended(v.mac.dst)),
        u16("wpan.src_pan", "Source PAN ID", "mac.src_pan", digits=4),
        u16("wpan.src16", "Source", lambda v: _short(v.mac.src), digits=4),
        eui64("wpan.src64", "Source", lambda v: _extended(v.mac.src)),
        u16("wpan.addr16", "Address", lambda v: _both(v, 2), digits=4, hidden=True),
        eui64("wpan.addr64", "Address", lambda v: _both(v, 8), hidden=True),
        octets("wpan.mic", "MIC", lambda v: v.mac.mic or None),
        number("wpan.fcs", "FCS", _fcs(2), digits=4),
        number("wpan.fcs32", "FCS", _fcs(4), digits=8),
        flag("wpan.fcs_ok", "FCS right", lambda v: v.record.fcs_ok if v.record else None),
        Field("wpan.fcs_ok", "FCS not wrong", _no_fcs, Kind.FLAG, hidden=True),
        number("wpan.rssi", "Level, by the radio", _level, unit="dBm", codes={NOT_MEASURED_BY_RADIO: "not measured"}),
        number("wpan.correlation", "Correlation, by the radio", _correlation),
    ),
    _mac_inside,
    lambda v: v.record.data if v.record else b"",
)

_SECURITY: Final = Table(
    "wpan.aux_sec",
    "Auxiliary security header",
    (
        u8("wpan.aux_sec.sec_level", "Security level", "level", names=_LEVELS, theirs=_LEVELS_THEIRS),
        u8("wpan.aux_sec.key_id_mode", "Key id mode", "key_id_mode", names=_KEY_MODES, theirs=_KEY_MODES_THEIRS),
        flag("wpan.aux_sec.frame_counter_suppression", "Frame counter suppressed", lambda s: s.frame_counter is None),
        flag("wpan.aux_sec.asn_in_nonce", "ASN in nonce", "asn_in_nonce"),
        u32("wpan.aux_sec.frame_counter", "Frame counter", "frame_counter"),
        octets("wpan.aux_sec.key_source.bytes", "Key source", lambda s: s.key_source or None),
        u8("wpan.aux_sec.key_index", "Key index", "key_index"),
    ),
)

_OLD_SECURITY: Final = Table(
    "wpan.sec",
    "Security of frame version 0",
    (
        u32("wpan.sec_frame_counter", "Frame counter", "aux.frame_counter"),
        u8("wpan.sec_key_sequence_counter", "Key sequence counter", "aux.key_sequence", digits=2),
    ),
)

TABLES: Final[Tables] = {Mac: _MAC, AuxSecurity: _SECURITY, OldSecurity: _OLD_SECURITY}
