"""Fields of the MAC and of what stands beside it: capture, TAP, 802.15.4 header, security, IEs as framed, MPX."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from bench.air.capture import tap, zep
from bench.air.capture.link import NOT_MEASURED_BY_RADIO, PHY_LINK_TYPES, TAP, Record
from bench.air.errors import Malformed
from bench.air.fields import tsch as fields_tsch
from bench.air.fields.base import Field, Kind, Table, Tables, eui64, flag, number, octets, u8, u16, u32, words
from bench.air.frame.decoder import Frame
from bench.air.frozen import frozen
from bench.air.mac import mpx
from bench.air.mac.frame import AuxSecurity, FrameType, MacFrame, encode_mac
from bench.air.mac.ies import HT1, HT2, MPX_GROUP, PAYLOAD_TERMINATION, WISUN_GROUP, WISUN_HEADER_ID, Ie, SubIe
from bench.air.mac.mpx import Mpx
from bench.air.octets import counted
from bench.air.wisun import frames as wisun


@frozen
class Captured:
    """A frame in its capture, and when that began; its record where that is at hand."""

    frame: Frame
    start_ns: int | None = None
    record: Record | None = None


@frozen
class Tap:
    """What the sniffer noted beside a frame (link type 283)."""

    frame: Frame
    record: Record | None


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
        return self.is_multipurpose and encode_mac(attrs.evolve(self.mac, mic=b""))[0] & 0x08 == 0

    @property
    def is_multipurpose(self) -> bool:
        """Whether it is of the multipurpose frame's format."""
        return self.mac.frame_type == FrameType.MULTIPURPOSE


@frozen
class OldSecurity:
    """What a frame of version 0 says of its security."""

    aux: AuxSecurity


@frozen
class HeaderIe:
    """A header IE as framed."""

    ie: Ie


@frozen
class PayloadIe:
    """A payload IE as framed."""

    ie: Ie


@frozen
class Nested:
    """An element nested in the Wi-SUN payload IE as framed, and as read."""

    sub: SubIe
    element: object

    @property
    def head(self) -> int:
        """The two octets before the content."""
        if self.sub.long:
            return 0x8000 | self.sub.id << 11 | len(self.sub.content)
        return self.sub.id << 8 | len(self.sub.content)


@frozen
class Unread:
    """Octets behind what a Wi-SUN element's record holds."""

    octets: bytes


_TAP_HEAD_OCTETS: Final = 4
"""Of the TAP header, and of each TLV, whose value is padded to four octets."""
_FRAME_TYPES: Final = {kind.value: kind.name.lower() for kind in FrameType}
_MODES: Final = {0: "none", 2: "short", 3: "extended"}
_MODES_THEIRS: Final = {2: "Short/16-bit", 3: "Long/64-bit"}
_VERSIONS: Final = {0: "2003", 1: "2006", 2: "2015"}
_VERSIONS_THEIRS: Final = {version: f"IEEE Std 802.15.4-{year}" for version, year in _VERSIONS.items()}
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
_HEADER_IDS: Final = {
    0x00: "vendor",
    0x1A: "CSL",
    0x1B: "RIT",
    0x1C: "DSME PAN descriptor",
    0x1D: "rendezvous time",
    0x1E: "time correction",
    0x29: "global time",
    WISUN_HEADER_ID: "Wi-SUN",
    HT1: "termination 1",
    HT2: "termination 2",
}
_PAYLOAD_IDS: Final = {
    0x0: "ESDU",
    0x1: "MLME",
    0x2: "vendor",
    MPX_GROUP: "MPX",
    WISUN_GROUP: "Wi-SUN",
    0x5: "IETF",
    PAYLOAD_TERMINATION: "termination",
}
_MULTIPLEX: Final = {mpx.KMP: "KMP", mpx.WISUN: "Wi-SUN", mpx.LOWPAN: "6LoWPAN"}
_TRANSFERS: Final = {kind.value: kind.name.lower().replace("_", " ") for kind in mpx.Transfer}
_TRANSFERS_THEIRS: Final = {
    0: "Full Frame",
    1: "Full frame with compressed Multiplex ID",
    2: "Non-last Fragment",
}
KMP_IDS: Final = {1: "802.1X", 6: "4-way handshake", 7: "group key handshake"}
KMP_IDS_THEIRS: Final = {1: "IEEE 802.1X/MKA", 6: "IEEE 802.11/4WH", 7: "IEEE 802.11/GKH"}


def _said(view: Mac, mask: int, otherwise: bool) -> bool:
    """A bit of the frame control field as sent, which before version 2 means nothing; ``otherwise`` as read."""
    return otherwise if view.control is None or view.is_multipurpose else bool(view.control & mask)


def _is_secured(view: Mac) -> bool:
    if view.whole or view.control is None or view.is_multipurpose:
        return view.mac.security is not None
    return bool(view.control & 0x08)


def _long(get: Callable[[Mac], bool]) -> Callable[[Mac], bool | None]:
    """A bit that the one octet of a multipurpose frame's short frame control does not have."""
    return lambda view: None if view.short else get(view)


def _general(get: Callable[[Mac], int]) -> Callable[[Mac], int | None]:
    """What the frame control of a multipurpose frame does not say."""
    return lambda view: None if view.is_multipurpose else get(view)


def _mode(address: bytes | None) -> int:
    return {0: 0, 2: 2}.get(len(address or b""), 3)


def _mode_said(view: Mac, shift: int, address: bytes | None) -> int:
    """An address mode: that of the address, or where the header is cut before it, of the frame control."""
    if view.whole or view.control is None or view.is_multipurpose:
        return _mode(address)
    return view.control >> shift & 3


def _short(address: bytes | None) -> int | None:
    return int.from_bytes(address, "big") if address and len(address) == 2 else None


def _extended(address: bytes | None) -> bytes | None:
    return address if address and len(address) == 8 else None


def _both(view: Mac, octets_: int) -> tuple[object, ...]:
    found = [address for address in (view.mac.dst, view.mac.src) if address and len(address) == octets_]
    return tuple(found) if octets_ == 8 else tuple(int.from_bytes(address, "big") for address in found)


def _ie_length(view: HeaderIe | PayloadIe) -> int:
    """As sent: what a capture cut off is counted, too."""
    return len(view.ie.content) + view.ie.missing


def _mac_inside(view: Mac) -> Iterator[object]:
    if view.mac.security is not None:
        yield view.mac.security if view.mac.security.key_sequence is None else OldSecurity(view.mac.security)
    yield from (HeaderIe(ie) for ie in view.mac.header_ies)
    yield from (PayloadIe(ie) for ie in view.mac.payload_ies)


def _header_inside(view: HeaderIe) -> Iterator[object]:
    if view.ie.id == WISUN_HEADER_ID:
        yield from _with_rest(wisun.read_header_element(view.ie), view.ie.content[1:])
    else:
        yield from fields_tsch.header_inside(view.ie)


def _with_rest(element: wisun.Element | wisun.Opaque, content: bytes) -> Iterator[object]:
    """An element, and the octets behind what its record holds: those of a later edition, or of a vendor."""
    yield element
    if rest := wisun.unread(element, content):
        yield Unread(rest)


def _nested_inside(view: Nested) -> Iterator[object]:
    if isinstance(view.element, (wisun.Element, wisun.Opaque)):
        yield from _with_rest(view.element, view.sub.content)


def _payload_inside(view: PayloadIe) -> Iterator[object]:
    if view.ie.id == WISUN_GROUP:
        framed, trouble = wisun.read_framed_elements(view.ie.content)
        yield from (Nested(sub, element) for sub, element in framed)
        if trouble:
            raise Malformed(trouble)
    elif view.ie.id == MPX_GROUP:
        yield mpx.decode_mpx(view.ie.content)
    else:
        yield from fields_tsch.payload_inside(view.ie)


def _kmp_id(view: Mpx) -> int | None:
    return view.body[0] if view.multiplex_id == mpx.KMP and view.body else None


def _transaction(view: Mpx) -> int | None:
    """Its bits are the multiplex id where that is compressed."""
    return None if view.transfer == mpx.Transfer.FULL_COMPRESSED else view.transaction


def _since(view: Captured) -> int | None:
    return None if view.start_ns is None else view.frame.time_ns - view.start_ns


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


def _packet_octets(view: Captured) -> int | None:
    """Octets of the packet before the capture cut it, TAP header and FCS included; None of a ZEP datagram."""
    record = view.record
    if record is None or record.link_type not in PHY_LINK_TYPES:
        return None
    head = 0 if record.link_type != TAP or record.damage else _TAP_HEAD_OCTETS
    return record.original_length + head + sum(_TAP_HEAD_OCTETS + -(-len(value) // 4) * 4 for _, value in record.tlvs)


def _fcs_word(view: Mac) -> str:
    ok = view.record.fcs_ok if view.record else None
    return {True: ", FCS right", False: ", FCS wrong", None: ""}[ok]


def _no_fcs(view: Mac) -> bool | None:
    """True of a frame whose capture's format has no FCS: for filters, which then have what Wireshark says."""
    record = view.record
    return True if record is not None and record.fcs_ok is None and not record.fcs_counted and view.whole else None


_FRAME: Final = Table(
    "frame",
    lambda view: f"Frame {view.frame.number}: {counted(view.frame.length_octets)} on the air",
    (
        u32("frame.number", "Number", "frame.number"),
        u32("frame.len", "Octets of the packet", _packet_octets, hidden=True),
        Field("frame.time_epoch", "Time", "frame.time_ns", Kind.SECONDS, unit="s since 1970"),
        Field("frame.time_relative", "Since the first frame", _since, Kind.SECONDS, unit="s"),
    ),
)


def _quality(view: zep.Zep) -> int | None:
    """As Wireshark reads it: in version 2 where a radio stands in place of the FCS, in version 1 where none does."""
    return view.lqi if view.has_fcs == (view.version == 1) else None


_ZEP: Final = Table(
    "zep",
    "Sniffer's datagram (ZEP)",
    (
        words("zep.protocol_id", "Protocol", lambda z: zep.PREAMBLE.decode()),
        u8("zep.version", "Version", "version"),
        u8("zep.type", "Type", lambda z: zep.DATA if z.version > 1 else None, names={zep.DATA: "data"}),
        u8("zep.channel_id", "Channel", "channel"),
        u16("zep.device_id", "Device", "device"),
        flag("zep.lqi_mode", "Ends with the FCS", "has_fcs"),
        u8("zep.lqi", "Link quality", _quality),
        Field("zep.time", "Sniffer's time", "time_ns", Kind.SECONDS, unit="s since 1970"),
        u32("zep.seqno", "Sequence number", "sequence"),
        u8("zep.length", "Length", lambda z: len(z.frame) + z.missing, unit="octets"),
    ),
)

_TAP: Final = Table(
    "wpan-tap",
    "Sniffer's notes (TAP)",
    (
        u8("wpan-tap.fcs_type", "FCS type", lambda v: v.record.fcs_octets // 2 if v.record else None),
        Field("wpan-tap.rss", "Received signal strength", "frame.rssi_dbm", Kind.REAL, unit="dBm"),
        u16("wpan-tap.ch_num", "Channel", "frame.channel"),
        number("wpan-tap.sof_ts", "Start of frame", "frame.start_ns", unit="ns"),
        number("wpan-tap.eof_ts", "End of frame", "frame.end_ns", unit="ns"),
    ),
    lambda v: (tap.Tap.of(v.record),) if v.record and v.record.tlvs else (),
)

_TAP_NOTES: Final = Table(
    "wpan-tap.notes",
    "Further notes",
    (
        u8("wpan-tap.ch_page", "Channel page", "channel_page"),
        u32("wpan-tap.bit_rate", "Bit rate", "bit_rate_bps", unit="bit/s"),
        u8("wpan-tap.sun_band", "SUN band", lambda t: t.sun_phy and t.sun_phy[0]),
        u8("wpan-tap.sun_type", "SUN PHY type", lambda t: t.sun_phy and t.sun_phy[1]),
        u8("wpan-tap.sun_mode", "SUN PHY mode", lambda t: t.sun_phy and t.sun_phy[2]),
        number("wpan-tap.asn", "Absolute slot number", "asn"),
        number("wpan-tap.slot_start_ts", "Start of slot", "slot_start_ns", unit="ns"),
        u32("wpan-tap.timeslot_length", "Length of slot", "slot_us", unit="µs"),
        u8("wpan-tap.lqi", "Link quality", "lqi"),
        Field("wpan-tap.ch_freq", "Channel's frequency", "frequency_khz", Kind.REAL, unit="kHz"),
        Field("wpan-tap.chplan.start", "Channel 0 of the plan", lambda t: t.plan and t.plan[0], Kind.REAL, unit="kHz"),
        Field("wpan-tap.chplan.spacing", "Channel spacing", lambda t: t.plan and t.plan[1], Kind.REAL, unit="kHz"),
        u16("wpan-tap.chplan.channels", "Channels in the plan", lambda t: t.plan and t.plan[2]),
    ),
)

_MAC: Final = Table(
    "wpan",
    lambda v: f"IEEE 802.15.4 {_FRAME_TYPES.get(v.mac.frame_type, 'frame')}{_fcs_word(v)}",
    (
        u8(
            "wpan.frame_length",
            "Octets without FCS",
            lambda v: v.record.original_length - v.record.fcs_octets if v.record else None,
        ),
        u16("wpan.fcf", "Frame control", "control", digits=4),
        u16("wpan.frame_type", "Frame type", "mac.frame_type", names=_FRAME_TYPES),
        flag("wpan.security", "Security enabled", _long(_is_secured)),
        flag("wpan.pending", "Frame pending", _long(lambda v: v.mac.frame_pending)),
        flag("wpan.ack_request", "Acknowledgement requested", _long(lambda v: v.mac.ack_request)),
        flag("wpan.pan_id_compression", "PAN ID compression", _general(lambda v: v.mac.pan_id_compression)),
        flag(
            "wpan.seqno_suppression",
            "Sequence number suppressed",
            _long(lambda v: _said(v, 0x100, v.mac.sequence is None)),
        ),
        flag(
            "wpan.ie_present",
            "Information elements present",
            _long(lambda v: _said(v, 0x200, bool(v.mac.header_ies))),
        ),
        u16(
            "wpan.dst_addr_mode",
            "Destination address mode",
            lambda v: _mode_said(v, 10, v.mac.dst),
            names=_MODES,
            theirs=_MODES_THEIRS,
        ),
        u16(
            "wpan.version", "Frame version", _general(lambda v: v.mac.version), names=_VERSIONS, theirs=_VERSIONS_THEIRS
        ),
        u16(
            "wpan.src_addr_mode",
            "Source address mode",
            lambda v: _mode_said(v, 14, v.mac.src),
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

_HEADER_IE: Final = Table(
    "wpan.header_ie",
    lambda v: f"Header IE: {_HEADER_IDS.get(v.ie.id, 'unknown')}",
    (
        u16("wpan.header_ie.id", "Id", "ie.id", digits=2),
        u16("wpan.header_ie.length", "Length", _ie_length, unit="octets"),
        u8(
            "wisun.subid",
            "Sub-id",
            lambda v: v.ie.content[0] if v.ie.id == WISUN_HEADER_ID and v.ie.content else None,
            digits=2,
        ),
    ),
    _header_inside,
)

_PAYLOAD_IE: Final = Table(
    "wpan.payload_ie",
    lambda v: f"Payload IE: {_PAYLOAD_IDS.get(v.ie.id, 'unknown')}",
    (
        u16("wpan.payload_ie.id", "Id", "ie.id", digits=1),
        u16("wpan.payload_ie.length", "Length", _ie_length, unit="octets"),
    ),
    _payload_inside,
)

_NESTED: Final = Table(
    "wisun.wsie",
    lambda v: f"Nested {'long' if v.sub.long else 'short'} element",
    (
        u16("wisun.wsie", "Head", "head", digits=4, hidden=True),
        u16("wisun.wsie.type", "Form", lambda v: int(v.sub.long), names={0: "short", 1: "long"}),
        u16("wisun.wsie.id", "Id", "sub.id", digits=2),
        u16("wisun.wsie.length", "Length", lambda v: len(v.sub.content), unit="octets"),
    ),
    _nested_inside,
)

_MPX: Final = Table(
    "wpan.mpx",
    "Multiplexed data (IEEE 802.15.9)",
    (
        u8("wpan.mpx.transfer_type", "Transfer type", "transfer", names=_TRANSFERS, theirs=_TRANSFERS_THEIRS),
        u8("wpan.mpx.transaction_id", "Transaction", _transaction),
        u8("wpan.mpx.fragment_number", "Fragment", "fragment"),
        u16("wpan.mpx.total_frame_size", "Whole length", "total", unit="octets"),
        u8("wpan.mpx.multiplex_id", "Multiplex id", "multiplex_id", digits=4, names=_MULTIPLEX),
        u8("wpan.mpx.kmp.id", "Key management protocol", _kmp_id, names=KMP_IDS, theirs=KMP_IDS_THEIRS),
    ),
)


def _part(sub_id: int, form: str, at: int, octets_: int) -> Callable[[wisun.Opaque], int | None]:
    """A little-endian number in the content of one opaque element, where it is long enough."""

    def get(element: wisun.Opaque) -> int | None:
        if (element.sub_id, element.form) != (sub_id, form) or len(element.content) < at + octets_:
            return None
        return int.from_bytes(element.content[at : at + octets_], "little")

    return get


_OPAQUE_TITLES: Final = {
    "MHDS": "mesh header",
    "VH": "vendor's element",
    "NFT": "Netricity frame type",
    "LQI": "Netricity link quality",
    "RT": "rendezvous time",
    "VP": "vendor's element",
}

_OPAQUE: Final = Table(
    "wisun.opaque",
    lambda e: f"{e.name}: {_OPAQUE_TITLES.get(e.name, 'not known')}",
    (
        octets("wisun.opaque.content", "Content", "content"),
        words("wisun.opaque.form", "Form", "form"),
        u32("wisun.vhie.vid", "Vendor", _part(0x06, "header", 0, 1)),
        u8("wisun.netricity.nftie.type", "Netricity frame type", _part(0x07, "header", 0, 1)),
        u8(
            "wisun.netricity.lqiie.lqi",
            "Netricity link quality",
            _part(0x08, "header", 0, 1),
            codes={255: "not measured"},
        ),
        u16("wisun.rtie.rendezvous", "Rendezvous", _part(0x1D, "header", 0, 2), unit="units of 10 symbols"),
        u16("wisun.rtie.wakeup", "Wake-up interval", _part(0x1D, "header", 2, 2), unit="units of 10 symbols"),
        u32("wisun.vpie.vid", "Vendor", _part(0x3, "long", 0, 1)),
    ),
)

TABLES: Final[Tables] = {
    Captured: _FRAME,
    Tap: _TAP,
    tap.Tap: _TAP_NOTES,
    zep.Zep: _ZEP,
    Mac: _MAC,
    AuxSecurity: _SECURITY,
    OldSecurity: _OLD_SECURITY,
    HeaderIe: _HEADER_IE,
    PayloadIe: _PAYLOAD_IE,
    Nested: _NESTED,
    Mpx: _MPX,
    wisun.Opaque: _OPAQUE,
    Unread: Table(
        "wisun.unread",
        lambda v: f"Further octets of the element, not read ({len(v.octets)})",
        (octets("wisun.unread.octets", "Octets", "octets"),),
    ),
}
