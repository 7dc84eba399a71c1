"""Wi-SUN information elements that full-function nodes use among themselves (border router, smart meters).

Layouts follow the open stacks (facts: domain.md 5.2). Lengths are as sent; an element longer than its record is read
up to the record's end.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.layout import eui64, part, plain, u8, u16, u24, u32
from bench.air.octets import Reader, counted
from bench.air.wisun.element import FRAME_TYPES, FRAME_TYPES_THEIRS, Element, PlainElement
from bench.air.wisun.schedule import VIRTUAL_RIG, Schedule, read_schedule, write_schedule

NOT_GIVEN: Final = {255: "not given"}


def _fits(element: str, **values: tuple[int, int]) -> None:
    """Raises ValueError for a value above what its bits hold, which would be written as another one."""
    for name, (value, most) in values.items():
        if not 0 <= value <= most:
            raise ValueError(f"{element}: {name}: {value} is none of 0 to {most}")


@plain("wisun.uttie", "UTT: unicast timing", endian="little")
class Utt(PlainElement):
    """Unicast timing: frame type and unicast fractional sequence interval (24 bit)."""

    NAME, SUB_ID, FORM = "UTT", 0x01, "header"
    frame_type: int = u8("wisun.uttie.type", "Frame type", names=FRAME_TYPES, theirs=FRAME_TYPES_THEIRS)
    ufsi: int = u24("wisun.uttie.ufsi", "Fractional sequence interval", default=0)


@plain("wisun.btie", "BT: broadcast timing", endian="little")
class Bt(PlainElement):
    """Broadcast timing: slot number and offset within the broadcast interval, ms."""

    NAME, SUB_ID, FORM = "BT", 0x02, "header"
    slot: int = u16("wisun.btie.slot", "Broadcast slot", stored=24)
    offset_ms: int = u24("wisun.btie.bio", "Offset in the interval", unit="ms")


@plain("wisun.fcie", "FC: flow control", endian="little")
class Fc(PlainElement):
    """Flow control of an extended directed frame exchange: transmit and receive time, ms."""

    NAME, SUB_ID, FORM = "FC", 0x03, "header"
    tx_ms: int = u8("wisun.fcie.tx", "Transmit time", unit="ms")
    rx_ms: int = u8("wisun.fcie.rx", "Receive time", unit="ms")


@frozen
class Rsl(Element):
    """Received signal level at which the sender hears the addressee, dBm (sent as dBm + 174, from -174 to 80); None
    where it has not measured it (sent as 255)."""

    NAME, SUB_ID, FORM = "RSL", 0x04, "header"
    OFFSET: ClassVar[int] = 174
    NOT_MEASURED: ClassVar[int] = 255
    dbm: int | None

    @property
    def sent(self) -> int:
        """The octet on the air. Raises ValueError for a level that none stands for: 81 dBm would say "not measured"."""
        if self.dbm is None:
            return self.NOT_MEASURED
        if not -self.OFFSET <= self.dbm < self.NOT_MEASURED - self.OFFSET:
            raise ValueError(f"RSL-IE: {self.dbm} dBm is none of -174 to 80")
        return self.dbm + self.OFFSET

    @classmethod
    def decode(cls, content: bytes) -> Self:
        octet = Reader(content, "RSL-IE").u8()
        return cls(None if octet == cls.NOT_MEASURED else octet - cls.OFFSET)

    def encode(self) -> bytes:
        return bytes((self.sent,))


@plain("wisun.eaie", "EA: EAPOL authenticator", endian="little")
class Ea(PlainElement):
    """EUI-64 of the EAPOL authenticator, 8 octets in display order (and so on the air)."""

    NAME, SUB_ID, FORM = "EA", 0x09, "header"
    eui64: bytes = eui64("wisun.eaie.eui", "Authenticator")


@plain("wisun.usie", "US: unicast schedule", endian="little")
class Us(PlainElement):
    """Unicast schedule: dwell (ms), clock drift (255: not given), timing accuracy (10 us), channels."""

    NAME, SUB_ID, FORM = "US", 0x1, "long"
    dwell_ms: int = u8("wisun.usie.dwell", "Dwell", default=255, unit="ms")
    drift_ppm: int = u8("wisun.usie.drift", "Clock drift", default=255, unit="ppm", codes=NOT_GIVEN)
    accuracy: int = u8("wisun.usie.accuracy", "Timing accuracy", default=100, unit="x 10 us")
    schedule: Schedule = part(read_schedule, write_schedule, default=VIRTUAL_RIG)


@plain("wisun.bsie", "BS: broadcast schedule", endian="little")
class Bs(PlainElement):
    """Broadcast schedule: interval (ms), schedule identifier, dwell (ms), drift, accuracy, channels."""

    NAME, SUB_ID, FORM = "BS", 0x2, "long"
    interval_ms: int = u32("wisun.bsie.interval", "Broadcast interval", default=1020, unit="ms")
    bsi: int = u16("wisun.bsie.schedule", "Schedule id", default=0)
    dwell_ms: int = u8("wisun.usie.dwell", "Dwell", default=255, unit="ms")
    drift_ppm: int = u8("wisun.usie.drift", "Clock drift", default=255, unit="ppm", codes=NOT_GIVEN)
    accuracy: int = u8("wisun.usie.accuracy", "Timing accuracy", default=100, unit="x 10 us")
    schedule: Schedule = part(read_schedule, write_schedule, default=VIRTUAL_RIG)


@frozen
class Pan(Element):
    """PAN information: nodes in the PAN and routing cost (ETX x 128), `UNKNOWN` where the sender has none, flags; TPS
    version 1 is FAN 1.0, 2 is FAN 1.1.
    ``reserved`` are the two bits between the flags and the version, as sent."""

    NAME, SUB_ID, FORM = "PAN", 0x04, "short"
    UNKNOWN: ClassVar[int] = 0xFFFF
    size: int
    routing_cost: int
    use_parent_bs: bool = True
    rpl: bool = True
    lfn_style: bool = False
    tps_version: int = 2
    reserved: int = 0

    @property
    def flags(self) -> int:
        """The octet of the flags and the version."""
        flags = self.use_parent_bs | self.rpl << 1 | self.lfn_style << 2
        return flags | self.reserved << 3 | self.tps_version << 5

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "PAN-IE")
        size, cost, flags = reader.le(), reader.le(), reader.u8()
        return cls(size, cost, bool(flags & 1), bool(flags & 2), bool(flags & 4), flags >> 5, flags >> 3 & 3)

    def encode(self) -> bytes:
        _fits("PAN-IE", reserved=(self.reserved, 3), tps_version=(self.tps_version, 7))
        return self.size.to_bytes(2, "little") + self.routing_cost.to_bytes(2, "little") + bytes((self.flags,))


def _name_octets(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name


@frozen
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
            raise Malformed(f"NETNAME-IE with {counted(len(content))}")
        return cls(content)

    def encode(self) -> bytes:
        return self.octets


@plain("wisun.panverie", "PANVER: PAN version", endian="little")
class PanVersion(PlainElement):
    """PAN version, 16 bit; it changes when the PAN's configuration does."""

    NAME, SUB_ID, FORM = "PANVER", 0x06, "short"
    version: int = u16("wisun.panverie.version", "PAN version")


@frozen
class GtkHash(Element):
    """Hashes of GTK0-3 (`keys.table.gtk_hash`), 8 octets each, zeros where there is no key."""

    NAME, SUB_ID, FORM = "GTKHASH", 0x07, "short"
    hashes: tuple[bytes, bytes, bytes, bytes]

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "GTKHASH-IE")
        return cls((reader.take(8), reader.take(8), reader.take(8), reader.take(8)))

    def encode(self) -> bytes:
        return b"".join(self.hashes)


@frozen
class Pom(Element):
    """PHY operating modes: their ids, and whether mode switch by command is possible. ``reserved`` are the three bits
    above that, as sent."""

    NAME, SUB_ID, FORM = "POM", 0x08, "short"
    phy_modes: tuple[int, ...]
    mdr_capable: bool = False
    reserved: int = 0

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, "POM-IE")
        head = reader.u8()
        return cls(tuple(reader.take(head & 0x0F)), bool(head & 0x10), head >> 5)

    def encode(self) -> bytes:
        _fits("POM-IE", phy_modes=(len(self.phy_modes), 15), reserved=(self.reserved, 7))
        return bytes((len(self.phy_modes) | self.mdr_capable << 4 | self.reserved << 5, *self.phy_modes))


@frozen
class Jm(Element):
    """Join metrics: content version, and (metric id, data of 0, 1, 2 or 4 octets); id 1 is the PAN load factor, %."""

    NAME, SUB_ID, FORM = "JM", 0x0A, "short"
    LOAD: ClassVar[int] = 1
    MOST: ClassVar[int] = 100
    version: int
    metrics: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def load_of(cls, number: int, data: bytes) -> int | None:
        """The PAN load factor, %; None where a metric is another one, or holds what is no percentage."""
        return data[0] if number == cls.LOAD and len(data) == 1 and data[0] <= cls.MOST else None

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
        _fits("JM-IE", **{f"metric {number}": (number, 0x3F) for number, _ in self.metrics})
        return bytes((self.version,)) + b"".join(
            bytes((number | codes[len(data)] << 6,)) + data for number, data in self.metrics
        )
