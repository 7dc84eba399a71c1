"""Wi-SUN FAN 1.1 information elements for limited-function nodes (LFN): battery devices that sleep between slots.

Layouts follow the open stacks (facts: domain.md 5.2).
"""

from __future__ import annotations

from typing import ClassVar, Self

from bench.air.frozen import frozen
from bench.air.layout import part, plain, u8, u16, u24
from bench.air.octets import Reader
from bench.air.wisun.element import FRAME_TYPES, FRAME_TYPES_THEIRS, Element, PlainElement
from bench.air.wisun.schedule import Schedule, read_schedule, write_schedule


@plain("wisun.luttie", "LUTT: LFN unicast timing", endian="little")
class Lutt(PlainElement):
    """LFN unicast timing: frame type, slot number, interval offset."""

    NAME, SUB_ID, FORM = "LUTT", 0x0A, "header"
    frame_type: int = u8("wisun.uttie.type", "Frame type", names=FRAME_TYPES, theirs=FRAME_TYPES_THEIRS)
    slot: int = u16("wisun.luttie.usn", "Unicast slot")
    offset: int = u24("wisun.luttie.uio", "Offset in the interval", unit="ms")


@plain("wisun.lbtie", "LBT: LFN broadcast timing", endian="little")
class Lbt(PlainElement):
    """LFN broadcast timing: slot number, interval offset."""

    NAME, SUB_ID, FORM = "LBT", 0x0B, "header"
    slot: int = u16("wisun.lbtie.slot", "Broadcast slot", stored=24)
    offset: int = u24("wisun.lbtie.bio", "Offset in the interval", unit="ms")


@frozen
class Nr(Element):
    """Node role (0 border router, 1 router, 2 LFN), clock drift, accuracy; an LFN's listen interval range.
    ``reserved`` are the five bits above the role, as sent."""

    NAME, SUB_ID, FORM = "NR", 0x0C, "header"
    ROUTER: ClassVar[int] = 1
    LFN: ClassVar[int] = 2
    role: int
    drift_ppm: int = 255
    accuracy: int = 100
    listen_min: int | None = None
    listen_max: int | None = None
    reserved: int = 0

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "NR-IE")
        head, drift, accuracy = reader.u8(), reader.u8(), reader.u8()
        role, reserved = head & 7, head >> 3
        if role != cls.LFN:
            return cls(role, drift, accuracy, reserved=reserved)
        return cls(role, drift, accuracy, reader.le(3), reader.le(3), reserved)

    def encode(self) -> bytes:
        head = bytes((self.role | self.reserved << 3, self.drift_ppm, self.accuracy))
        if self.listen_min is None or self.listen_max is None:
            return head
        return head + self.listen_min.to_bytes(3, "little") + self.listen_max.to_bytes(3, "little")


@plain("wisun.lusie", "LUS: LFN unicast schedule", endian="little")
class Lus(PlainElement):
    """LFN unicast schedule: listen interval (ms), channel plan tag."""

    NAME, SUB_ID, FORM = "LUS", 0x0D, "header"
    listen_interval_ms: int = u24("wisun.lusie.listen", "Listening interval", unit="ms")
    tag: int = u8("wisun.lusie.channeltag", "Channel plan tag")


@plain("wisun.flusie", "FLUS: unicast schedule for LFNs", endian="little")
class Flus(PlainElement):
    """FFN-for-LFN unicast schedule: dwell (ms), channel plan tag."""

    NAME, SUB_ID, FORM = "FLUS", 0x0E, "header"
    dwell_ms: int = u8("wisun.flusie.dwell", "Dwell", unit="ms")
    tag: int = u8("wisun.flusie.channeltag", "Channel plan tag")


@plain("wisun.lbsie", "LBS: LFN broadcast schedule", endian="little")
class Lbs(PlainElement):
    """LFN broadcast schedule: interval (ms), schedule id, channel plan tag, sync period (intervals)."""

    NAME, SUB_ID, FORM = "LBS", 0x0F, "header"
    interval_ms: int = u24("wisun.lbsie.broadcast", "Broadcast interval", unit="ms")
    schedule_id: int = u16("wisun.lbsie.broadcast_id", "Schedule id")
    tag: int = u8("wisun.lbsie.channeltag", "Channel plan tag")
    sync_period: int = u8("wisun.lbsie.sync_period", "Sync period", unit="intervals", stored=0)


@plain("wisun.lndie", "LND: LFN network discovery", endian="little")
class Lnd(PlainElement):
    """LFN network discovery: response threshold and delay, discovery slot time and count, first slot."""

    NAME, SUB_ID, FORM = "LND", 0x10, "header"
    threshold: int = u8("wisun.lndie.response_threshold", "Response threshold")
    delay: int = u24("wisun.lndie.response_delay", "Response delay", unit="ms")
    slot_time: int = u8("wisun.lndie.discovery_slot_time", "Discovery slot")
    slots: int = u8("wisun.lndie.discovery_slots", "Discovery slots")
    first_slot: int = u16("wisun.lndie.discovery_first_slot", "First slot")


@plain("wisun.ltoie", "LTO: LFN timing offset", endian="little")
class Lto(PlainElement):
    """LFN timing offset: offset asked for, adjusted listening interval."""

    NAME, SUB_ID, FORM = "LTO", 0x11, "header"
    offset: int = u24("wisun.ltoie.offset", "Offset", unit="ms")
    listening_interval: int = u24("wisun.ltoie.listening_interval", "Adjusted listening interval", unit="ms")


@plain("wisun.panidie", "PANID", endian="little")
class PanId(PlainElement):
    """PAN ID of an LFN's parent."""

    NAME, SUB_ID, FORM = "PANID", 0x12, "header"
    pan_id: int = u16("wisun.panidie.panid", "PAN ID", digits=4)


@plain("wisun.lbcie", "LBC: LFN broadcast configuration", endian="little")
class Lbc(PlainElement):
    """LFN broadcast configuration: interval (ms), sync period (intervals)."""

    NAME, SUB_ID, FORM = "LBC", 0xC0, "header"
    interval_ms: int = u24("wisun.lbcie.interval", "Broadcast interval", unit="ms", stored=0)
    sync_period: int = u8("wisun.lbcie.sync_period", "Sync period", unit="intervals", stored=0)


@plain("wisun.lcpie", "LCP: LFN channel plan", endian="little")
class Lcp(PlainElement):
    """LFN channel plan: a tag that other elements name, and its channels."""

    NAME, SUB_ID, FORM = "LCP", 0x4, "long"
    tag: int = u8("wisun.lusie.channeltag", "Tag")
    schedule: Schedule = part(read_schedule, write_schedule)


@plain("wisun.lbatsie", "LBATS: LFN broadcast additional transmissions", endian="little")
class Lbats(PlainElement):
    """LFN broadcast additional transmissions: how many, delay to the next."""

    NAME, SUB_ID, FORM = "LBATS", 0x09, "short"
    additional: int = u8("wisun.lbatsie.additional", "Additional transmissions", stored=0)
    delay: int = u16("wisun.lbatsie.delay", "Delay to the next", unit="ms", stored=0)


@plain("wisun.lfnverie", "LFNVER: LFN version", endian="little")
class LfnVersion(PlainElement):
    """LFN version, 16 bit: what PAN version is to the FFNs."""

    NAME, SUB_ID, FORM = "LFNVER", 0x40, "short"
    version: int = u16("wisun.lfnverie.version", "LFN version")


@frozen
class LgtkHash(Element):
    """Hashes of LGTK0-2, None where there is no key, and the index (0-2) of the active one.
    ``reserved`` are the three bits above that, as sent."""

    NAME, SUB_ID, FORM = "LGTKHASH", 0x41, "short"
    hashes: tuple[bytes | None, bytes | None, bytes | None]
    active: int = 0
    reserved: int = 0

    @property
    def flags(self) -> int:
        """The octet that says which hashes there are, and which key is active."""
        there = sum((value is not None) << bit for bit, value in enumerate(self.hashes))
        return there | self.active << 3 | self.reserved << 5

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "LGTKHASH-IE")
        flags = reader.u8()
        first, second, third = (reader.take(8) if flags >> bit & 1 else None for bit in range(3))
        return cls((first, second, third), flags >> 3 & 3, flags >> 5)

    def encode(self) -> bytes:
        return bytes((self.flags,)) + b"".join(value for value in self.hashes if value is not None)
