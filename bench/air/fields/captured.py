"""Fields of what stands beside a frame: its place in the capture, the sniffer's notes (TAP, ZEP)."""

from __future__ import annotations

from typing import Final

from bench.air.capture import tap, zep
from bench.air.capture.link import PHY_LINK_TYPES, Record, Tlv
from bench.air.fields.base import Field, Kind, Table, Tables, flag, number, u8, u16, u32, words
from bench.air.frame.decoder import Frame
from bench.air.frozen import frozen
from bench.air.octets import counted


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


_FCS_TYPES: Final = {0: "none", 1: "16 bit", 2: "32 bit"}
_FCS_TYPES_THEIRS: Final = {1: "ITU-T CRC16", 2: "ITU-T CRC32"}


def _since(view: Captured) -> int | None:
    return None if view.start_ns is None else view.frame.time_ns - view.start_ns


def _packet_octets(view: Captured) -> int | None:
    """Octets of the packet before the capture cut it, TAP header and FCS included; None of a ZEP datagram."""
    record = view.record
    if record is None or record.link_type not in PHY_LINK_TYPES:
        return None
    return record.original_length + record.header_octets


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


def _fcs_type(view: Tap) -> tuple[int, ...]:
    """As the TLV says it, whatever of the FCS was captured; none where there is no TLV."""
    return tuple(value[0] for kind, value in view.record.tlvs if kind == Tlv.FCS_TYPE and value) if view.record else ()


_TAP: Final = Table(
    "wpan-tap",
    "Sniffer's notes (TAP)",
    (
        u8("wpan-tap.fcs_type", "FCS type", _fcs_type, names=_FCS_TYPES, theirs=_FCS_TYPES_THEIRS),
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

TABLES: Final[Tables] = {Captured: _FRAME, Tap: _TAP, tap.Tap: _TAP_NOTES, zep.Zep: _ZEP}
