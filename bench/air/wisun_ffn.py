"""Wi-SUN information elements that full-function nodes use among themselves (border router, smart meters).

Layouts follow the open stacks (facts: domain.md 5.2). Lengths are as sent; an element longer than its record is read
up to the record's end.
"""

from __future__ import annotations

from typing import ClassVar, Self

import attrs

from bench.air.errors import Malformed
from bench.air.octets import Reader
from bench.air.schedule import VIRTUAL_RIG, Schedule, read_schedule, write_schedule
from bench.air.wisun_element import Element, Fixed


@attrs.frozen(slots=True)
class Utt(Fixed):
    """Unicast timing: frame type and unicast fractional sequence interval (24 bit)."""

    NAME, SUB_ID, FORM, WIDTHS = "UTT", 0x01, "header", (1, 3)
    frame_type: int
    ufsi: int = 0


@attrs.frozen(slots=True)
class Bt(Fixed):
    """Broadcast timing: slot number and offset within the broadcast interval, ms."""

    NAME, SUB_ID, FORM, WIDTHS = "BT", 0x02, "header", (2, 3)
    slot: int
    offset_ms: int


@attrs.frozen(slots=True)
class Fc(Fixed):
    """Flow control of an extended directed frame exchange: transmit and receive time, ms."""

    NAME, SUB_ID, FORM, WIDTHS = "FC", 0x03, "header", (1, 1)
    tx_ms: int
    rx_ms: int


@attrs.frozen(slots=True)
class Rsl(Element):
    """Received signal level at which the sender hears the addressee, dBm (sent as dBm + 174)."""

    NAME, SUB_ID, FORM = "RSL", 0x04, "header"
    dbm: int

    @classmethod
    def decode(cls, content: bytes) -> Self:
        return cls(Reader(content, "RSL-IE").u8() - 174)

    def encode(self) -> bytes:
        return bytes((self.dbm + 174,))


@attrs.frozen(slots=True)
class Ea(Element):
    """EUI-64 of the EAPOL authenticator, 8 octets in display order (and so on the air)."""

    NAME, SUB_ID, FORM = "EA", 0x09, "header"
    eui64: bytes

    @classmethod
    def decode(cls, content: bytes) -> Self:
        return cls(Reader(content, "EA-IE").take(8))

    def encode(self) -> bytes:
        return self.eui64


@attrs.frozen(slots=True)
class Us(Element):
    """Unicast schedule: dwell (ms), clock drift (255: not given), timing accuracy (10 us), channels."""

    NAME, SUB_ID, FORM = "US", 0x1, "long"
    dwell_ms: int = 255
    drift_ppm: int = 255
    accuracy: int = 100
    schedule: Schedule = VIRTUAL_RIG

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "US-IE")
        return cls(reader.u8(), reader.u8(), reader.u8(), read_schedule(reader))

    def encode(self) -> bytes:
        return bytes((self.dwell_ms, self.drift_ppm, self.accuracy)) + write_schedule(self.schedule)


@attrs.frozen(slots=True)
class Bs(Element):
    """Broadcast schedule: interval (ms), schedule identifier, dwell (ms), drift, accuracy, channels."""

    NAME, SUB_ID, FORM = "BS", 0x2, "long"
    interval_ms: int = 1020
    bsi: int = 0
    dwell_ms: int = 255
    drift_ppm: int = 255
    accuracy: int = 100
    schedule: Schedule = VIRTUAL_RIG

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "BS-IE")
        return cls(reader.le(4), reader.le(), reader.u8(), reader.u8(), reader.u8(), read_schedule(reader))

    def encode(self) -> bytes:
        head = self.interval_ms.to_bytes(4, "little") + self.bsi.to_bytes(2, "little")
        return head + bytes((self.dwell_ms, self.drift_ppm, self.accuracy)) + write_schedule(self.schedule)


@attrs.frozen(slots=True)
class Pan(Element):
    """PAN information: nodes in the PAN, routing cost (ETX x 128), flags; TPS version 1 is FAN 1.0, 2 is FAN 1.1.
    ``reserved`` are the two bits between the flags and the version, as sent."""

    NAME, SUB_ID, FORM = "PAN", 0x04, "short"
    size: int
    routing_cost: int
    use_parent_bs: bool = True
    rpl: bool = True
    lfn_style: bool = False
    tps_version: int = 2
    reserved: int = 0

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "PAN-IE")
        size, cost, flags = reader.le(), reader.le(), reader.u8()
        return cls(size, cost, bool(flags & 1), bool(flags & 2), bool(flags & 4), flags >> 5, flags >> 3 & 3)

    def encode(self) -> bytes:
        flags = self.use_parent_bs | self.rpl << 1 | self.lfn_style << 2 | self.reserved << 3 | self.tps_version << 5
        return self.size.to_bytes(2, "little") + self.routing_cost.to_bytes(2, "little") + bytes((flags,))


def _name_octets(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name


@attrs.frozen(slots=True)
class NetName(Element):
    """Network name, at most 32 octets, of UTF-8 as they should be; keys are made of the octets, whatever they are."""

    NAME, SUB_ID, FORM = "NETNAME", 0x05, "short"
    octets: bytes = attrs.field(converter=_name_octets)

    @property
    def name(self) -> str:
        """The name for people; an octet that is no UTF-8 stands as ``\\xff``."""
        return self.octets.decode("utf-8", "backslashreplace")

    @classmethod
    def decode(cls, content: bytes) -> Self:
        if len(content) > 32:
            raise Malformed(f"NETNAME-IE with {len(content)} octets")
        return cls(content)

    def encode(self) -> bytes:
        return self.octets


@attrs.frozen(slots=True)
class PanVersion(Fixed):
    """PAN version, 16 bit; it changes when the PAN's configuration does."""

    NAME, SUB_ID, FORM, WIDTHS = "PANVER", 0x06, "short", (2,)
    version: int


@attrs.frozen(slots=True)
class GtkHash(Element):
    """Hashes of GTK0-3 (`keys.gtk_hash`), 8 octets each, zeros where there is no key."""

    NAME, SUB_ID, FORM = "GTKHASH", 0x07, "short"
    hashes: tuple[bytes, bytes, bytes, bytes]

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "GTKHASH-IE")
        return cls((reader.take(8), reader.take(8), reader.take(8), reader.take(8)))

    def encode(self) -> bytes:
        return b"".join(self.hashes)


@attrs.frozen(slots=True)
class Pom(Element):
    """PHY operating modes: their ids, and whether mode switch by command is possible."""

    NAME, SUB_ID, FORM = "POM", 0x08, "short"
    phy_modes: tuple[int, ...]
    mdr_capable: bool = False

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "POM-IE")
        head = reader.u8()
        return cls(tuple(reader.take(head & 0x0F)), bool(head & 0x10))

    def encode(self) -> bytes:
        return bytes((len(self.phy_modes) | self.mdr_capable << 4, *self.phy_modes))


@attrs.frozen(slots=True)
class Jm(Element):
    """Join metrics: content version, and (metric id, data of 0, 1, 2 or 4 octets); id 1 is the PAN load factor, %."""

    NAME, SUB_ID, FORM = "JM", 0x0A, "short"
    LOAD: ClassVar[int] = 1
    version: int
    metrics: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "JM-IE")
        version = reader.u8()
        metrics = []
        while reader.left:
            head = reader.u8()
            metrics.append((head & 0x3F, reader.take((0, 1, 2, 4)[head >> 6])))
        return cls(version, tuple(metrics))

    def encode(self) -> bytes:
        codes = {0: 0, 1: 1, 2: 2, 4: 3}
        return bytes((self.version,)) + b"".join(
            bytes((number | codes[len(data)] << 6,)) + data for number, data in self.metrics
        )
