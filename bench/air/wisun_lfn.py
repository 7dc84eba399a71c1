"""Wi-SUN FAN 1.1 information elements for limited-function nodes (LFN): battery devices that sleep between slots.

Layouts follow the open stacks (facts: domain.md 5.2).
"""

from __future__ import annotations

from typing import Self

import attrs

from bench.air.octets import Reader
from bench.air.schedule import Schedule, read_schedule, write_schedule
from bench.air.wisun_element import Element, Fixed


@attrs.frozen(slots=True)
class Lutt(Fixed):
    """LFN unicast timing: frame type, slot number, interval offset."""

    NAME, SUB_ID, FORM, WIDTHS = "LUTT", 0x0A, "header", (1, 2, 3)
    frame_type: int
    slot: int
    offset: int


@attrs.frozen(slots=True)
class Lbt(Fixed):
    """LFN broadcast timing: slot number, interval offset."""

    NAME, SUB_ID, FORM, WIDTHS = "LBT", 0x0B, "header", (2, 3)
    slot: int
    offset: int


@attrs.frozen(slots=True)
class Nr(Element):
    """Node role (0 border router, 1 router, 2 LFN), clock drift, accuracy; an LFN's listen interval range."""

    NAME, SUB_ID, FORM = "NR", 0x0C, "header"
    role: int
    drift_ppm: int = 255
    accuracy: int = 100
    listen_min: int | None = None
    listen_max: int | None = None

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "NR-IE")
        role, drift, accuracy = reader.u8() & 0x07, reader.u8(), reader.u8()
        if role != 2:
            return cls(role, drift, accuracy)
        return cls(role, drift, accuracy, reader.le(3), reader.le(3))

    def encode(self) -> bytes:
        head = bytes((self.role, self.drift_ppm, self.accuracy))
        if self.listen_min is None or self.listen_max is None:
            return head
        return head + self.listen_min.to_bytes(3, "little") + self.listen_max.to_bytes(3, "little")


@attrs.frozen(slots=True)
class Lus(Fixed):
    """LFN unicast schedule: listen interval (ms), channel plan tag."""

    NAME, SUB_ID, FORM, WIDTHS = "LUS", 0x0D, "header", (3, 1)
    listen_interval_ms: int
    tag: int


@attrs.frozen(slots=True)
class Flus(Fixed):
    """FFN-for-LFN unicast schedule: dwell (ms), channel plan tag."""

    NAME, SUB_ID, FORM, WIDTHS = "FLUS", 0x0E, "header", (1, 1)
    dwell_ms: int
    tag: int


@attrs.frozen(slots=True)
class Lbs(Fixed):
    """LFN broadcast schedule: interval (ms), schedule id, channel plan tag, sync period (intervals)."""

    NAME, SUB_ID, FORM, WIDTHS = "LBS", 0x0F, "header", (3, 2, 1, 1)
    interval_ms: int
    schedule_id: int
    tag: int
    sync_period: int


@attrs.frozen(slots=True)
class Lnd(Fixed):
    """LFN network discovery: response threshold and delay, discovery slot time and count, first slot."""

    NAME, SUB_ID, FORM, WIDTHS = "LND", 0x10, "header", (1, 3, 1, 1, 2)
    threshold: int
    delay: int
    slot_time: int
    slots: int
    first_slot: int


@attrs.frozen(slots=True)
class Lto(Fixed):
    """LFN timing offset: offset asked for, adjusted listening interval."""

    NAME, SUB_ID, FORM, WIDTHS = "LTO", 0x11, "header", (3, 3)
    offset: int
    listening_interval: int


@attrs.frozen(slots=True)
class PanId(Fixed):
    """PAN ID of an LFN's parent."""

    NAME, SUB_ID, FORM, WIDTHS = "PANID", 0x12, "header", (2,)
    pan_id: int


@attrs.frozen(slots=True)
class Lbc(Fixed):
    """LFN broadcast configuration: interval (ms), sync period (intervals)."""

    NAME, SUB_ID, FORM, WIDTHS = "LBC", 0xC0, "header", (3, 1)
    interval_ms: int
    sync_period: int


@attrs.frozen(slots=True)
class Lcp(Element):
    """LFN channel plan: a tag that other elements name, and its channels."""

    NAME, SUB_ID, FORM = "LCP", 0x4, "long"
    tag: int
    schedule: Schedule

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "LCP-IE")
        return cls(reader.u8(), read_schedule(reader))

    def encode(self) -> bytes:
        return bytes((self.tag,)) + write_schedule(self.schedule)


@attrs.frozen(slots=True)
class Lbats(Fixed):
    """LFN broadcast additional transmissions: how many, delay to the next."""

    NAME, SUB_ID, FORM, WIDTHS = "LBATS", 0x09, "short", (1, 2)
    additional: int
    delay: int


@attrs.frozen(slots=True)
class LfnVersion(Fixed):
    """LFN version, 16 bit: what PAN version is to the FFNs."""

    NAME, SUB_ID, FORM, WIDTHS = "LFNVER", 0x40, "short", (2,)
    version: int


@attrs.frozen(slots=True)
class LgtkHash(Element):
    """Hashes of LGTK0-2, None where there is no key, and the index (0-2) of the active one."""

    NAME, SUB_ID, FORM = "LGTKHASH", 0x41, "short"
    hashes: tuple[bytes | None, bytes | None, bytes | None]
    active: int = 0

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "LGTKHASH-IE")
        flags = reader.u8()
        first, second, third = (reader.take(8) if flags >> bit & 1 else None for bit in range(3))
        return cls((first, second, third), flags >> 3 & 3)

    def encode(self) -> bytes:
        flags = self.active << 3
        for bit, value in enumerate(self.hashes):
            flags |= (value is not None) << bit
        return bytes((flags,)) + b"".join(value for value in self.hashes if value is not None)
