"""Header IEs of IEEE 802.15.4-2015 that tell when a low-energy receiver listens (clause 7.4.2), both directions.

RIT (receiver-initiated transmission, the method of U-bus Air) and CSL (coordinated sampled listening) say in a frame
when its sender listens next; the time correction of a TSCH acknowledgement says how far off the frame came. Wi-SUN's
own header IE is `wisun`'s.
"""

from __future__ import annotations

from typing import ClassVar, Final, TypeAlias

from bench.air.frozen import frozen
from bench.air.layout import Plain, plain, u8, u16, u32
from bench.air.mac.ies import Ie
from bench.air.octets import Reader


@frozen
class Csl:
    """CSL IE (7.4.2.3), units of 10 symbols: time to the next listening, period; ``rendezvous`` in wake-up frames."""

    ID: ClassVar[int] = 0x1A
    phase: int
    period: int
    rendezvous: int | None = None

    def ie(self) -> Ie:
        """The header IE."""
        tail = b"" if self.rendezvous is None else self.rendezvous.to_bytes(2, "little")
        return Ie(self.ID, self.phase.to_bytes(2, "little") + self.period.to_bytes(2, "little") + tail)


@plain("wpan.header_ie.rit", "Receiver-initiated transmission", endian="little")
class Rit(Plain):
    """RIT IE (7.4.2.4), units of aBaseSuperframeDuration: time to the first listening, how many more, interval."""

    ID: ClassVar[int] = 0x1B
    first_listen: int = u8("wpan.header_ie.rit.first", "To the first listening", stored=0)
    repeats: int = u8("wpan.header_ie.rit.repeats", "Further listenings", stored=0)
    interval: int = u16("wpan.header_ie.rit.interval", "Interval", stored=0)

    def ie(self) -> Ie:
        """The header IE."""
        return Ie(self.ID, self.encode())


@frozen
class TimeCorrection:
    """Time correction IE (7.4.2.7): how late (positive) the frame came, in µs; ``nack`` it was not accepted."""

    ID: ClassVar[int] = 0x1E
    late_us: int
    nack: bool = False

    def ie(self) -> Ie:
        """The header IE."""
        return Ie(self.ID, (self.late_us & 0xFFF | self.nack << 15).to_bytes(2, "little"))


@frozen
class Rendezvous:
    """Rendezvous time IE (7.4.2.6), units of 10 symbols: time to the frame that a wake-up sequence announces, and the
    interval of that sequence."""

    ID: ClassVar[int] = 0x1D
    time: int
    interval: int

    def ie(self) -> Ie:
        """The header IE."""
        return Ie(self.ID, self.time.to_bytes(2, "little") + self.interval.to_bytes(2, "little"))


@plain("wpan.header_ie.global_time", "Global time", endian="little")
class GlobalTime(Plain):
    """Global time IE (7.4.2.9): seconds since 1970."""

    ID: ClassVar[int] = 0x29
    seconds: int = u32("wpan.header_ie.global_time.seconds", "Time", unit="s since 1970", stored=0)

    def ie(self) -> Ie:
        """The header IE."""
        return Ie(self.ID, self.encode())


Element: TypeAlias = Csl | Rit | TimeCorrection | Rendezvous | GlobalTime
VENDOR: Final = 0x00
"""Id of a vendor's header IE: OUI, then what only the vendor knows."""
_RENDEZVOUS_OCTETS: Final = 6


def read(ie: Ie) -> Element | None:
    """The record of a header IE, None for one not listed here. Raises `Malformed`."""
    if ie.id in (Rit.ID, GlobalTime.ID):
        return (Rit if ie.id == Rit.ID else GlobalTime).decode(ie.content)
    if ie.id not in (Csl.ID, TimeCorrection.ID, Rendezvous.ID):
        return None
    reader = Reader(ie.content, f"header IE {ie.id:#04x}")
    found: Element
    if ie.id == Rendezvous.ID:
        found = Rendezvous(reader.le(), reader.le())
    elif ie.id == Csl.ID:
        phase, period = reader.le(), reader.le()
        found = Csl(phase, period, reader.le() if len(ie.content) == _RENDEZVOUS_OCTETS else None)
    else:
        bits = reader.le()
        found = TimeCorrection((bits & 0x7FF) - (bits & 0x800), bool(bits & 0x8000))
    reader.done()
    return found


def describe(element: Element) -> str:
    """A few words: ``RIT first=5 repeats=2 interval=16``."""
    match element:
        case Rit():
            return f"RIT first={element.first_listen} repeats={element.repeats} interval={element.interval}"
        case Csl():
            return f"CSL phase={element.phase} period={element.period}"
        case Rendezvous():
            return f"rendezvous in {element.time}, wake-up interval={element.interval}"
        case GlobalTime():
            return f"global time {element.seconds} s"
        case TimeCorrection():
            return f"time correction {element.late_us} µs{', not accepted' if element.nack else ''}"
