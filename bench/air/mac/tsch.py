"""What enhanced beacons of TSCH networks say (IEEE 802.15.4-2015 clause 7.4.4): slot number, slotframes, slot timing,
hopping sequence. Elements nested in the MLME payload IE, both directions; all numbers are little-endian.

Contiki-NG and OpenWSN send them; Wi-SUN FAN hops by its own schedule IEs and sends none.
"""

from __future__ import annotations

from typing import ClassVar, Final, TypeAlias

import attrs

from bench.air.frozen import frozen
from bench.air.layout import Plain, number, plain, u8, u16
from bench.air.mac.ies import SubIe
from bench.air.octets import Reader, counted

_WIDE_OCTETS: Final = 27  # a timeslot element whose last two times have 3 octets
_BITMAP_PAGES: Final = (9, 10)
_LINK_OPTIONS: Final = {
    1: ("wpan.tsch.link_options.tx", "Transmit"),
    2: ("wpan.tsch.link_options.rx", "Receive"),
    4: ("wpan.tsch.link_options.shared", "Shared"),
    8: ("wpan.tsch.link_options.timekeeping", "Timekeeping"),
    16: ("wpan.tsch.link_options.priority", "Priority"),
}


@plain("wpan.tsch.time_sync", "TSCH synchronization", endian="little")
class Synchronization(Plain):
    """TSCH synchronization (7.4.4.2): absolute slot number of the beacon's slot, and the sender's join metric."""

    ID: ClassVar[int] = 0x1A
    asn: int = number(40, "wpan.tsch.asn", "Absolute slot number")
    join_metric: int = u8("wpan.tsch.join_metric", "Join metric")

    def sub_ie(self) -> SubIe:
        """The nested element."""
        return SubIe(self.ID, False, self.encode())

    @classmethod
    def read(cls, reader: Reader) -> Synchronization:
        """From the element's content; raises `Malformed`."""
        return cls.decode(reader.rest())


@plain("wpan.tsch.link_info", "Link", endian="little")
class Link(Plain):
    """A cell: slot in its slotframe, channel offset; ``options`` 1 transmit, 2 receive, 4 shared, 8 timekeeping, 16
    priority."""

    timeslot: int = u16("wpan.tsch.link_timeslot", "Slot")
    channel_offset: int = u16("wpan.tsch.channel_offset", "Channel offset")
    options: int = u8("wpan.tsch.link_options", "Options", digits=2, inner=_LINK_OPTIONS)


@frozen
class Slotframe:
    """A slotframe of ``size`` slots and the links in it that the beacon tells."""

    handle: int
    size: int
    links: tuple[Link, ...] = ()


@frozen
class Slotframes:
    """TSCH slotframe and link (7.4.4.3)."""

    ID: ClassVar[int] = 0x1B
    slotframes: tuple[Slotframe, ...] = ()

    def sub_ie(self) -> SubIe:
        """The nested element."""
        out = bytearray((len(self.slotframes),))
        for frame in self.slotframes:
            out += bytes((frame.handle,)) + frame.size.to_bytes(2, "little") + bytes((len(frame.links),))
            out += b"".join(link.encode() for link in frame.links)
        return SubIe(self.ID, False, bytes(out))

    @classmethod
    def read(cls, reader: Reader) -> Slotframes:
        """From the element's content; raises `Malformed`."""
        return cls(tuple(_slotframe(reader) for _ in range(reader.u8())))


def _slotframe(reader: Reader) -> Slotframe:
    handle, size, links = reader.u8(), reader.le(), reader.u8()
    return Slotframe(handle, size, tuple(Link.decode(reader.take(Link.LAYOUT.octets)) for _ in range(links)))


@frozen
class Times:
    """Parts of a timeslot in µs (table 8-96), in the order of the air; the last two may need 3 octets."""

    cca_offset: int
    cca: int
    tx_offset: int
    rx_offset: int
    rx_ack_delay: int
    tx_ack_delay: int
    rx_wait: int
    ack_wait: int
    turnaround: int
    max_ack: int
    max_tx: int
    length: int


@frozen
class Timeslot:
    """TSCH timeslot (7.4.4.4): number of a template, and its times unless it is the default one's. ``wide``: the last
    two have 3 octets each."""

    ID: ClassVar[int] = 0x1C
    template: int = 0
    times: Times | None = None
    wide: bool = False

    def sub_ie(self) -> SubIe:
        """The nested element."""
        out = bytes((self.template,))
        if self.times is not None:
            *most, longest, length = attrs.astuple(self.times)
            out += b"".join(time.to_bytes(2, "little") for time in most)
            out += b"".join(time.to_bytes(3 if self.wide else 2, "little") for time in (longest, length))
        return SubIe(self.ID, False, out)

    @classmethod
    def read(cls, reader: Reader) -> Timeslot:
        """From the element's content; raises `Malformed`."""
        wide = reader.left == _WIDE_OCTETS
        template = reader.u8()
        if not reader.left:
            return cls(template)
        times = [reader.le() for _ in range(10)]
        return cls(template, Times(*times, *(reader.le(3 if wide else 2) for _ in range(2))), wide)


@frozen
class Sequence:
    """A hopping sequence spelt out: channel page, number of channels, PHY configuration, bit map (pages 9 and 10),
    the channels in order, and the place in them that is next."""

    page: int
    channels: int
    phy: int
    bitmap: bytes
    order: tuple[int, ...]
    current: int


@frozen
class Hopping:
    """Channel hopping (7.4.4.31): number of a sequence, and the sequence unless it is known by that."""

    ID: ClassVar[int] = 0x9
    sequence_id: int = 0
    sequence: Sequence | None = None

    def sub_ie(self) -> SubIe:
        """The nested element, a long one."""
        out = bytes((self.sequence_id,))
        if self.sequence is not None:
            said = self.sequence
            out += bytes((said.page,)) + said.channels.to_bytes(2, "little") + said.phy.to_bytes(4, "little")
            out += said.bitmap + len(said.order).to_bytes(2, "little")
            out += b"".join(channel.to_bytes(2, "little") for channel in (*said.order, said.current))
        return SubIe(self.ID, True, out)

    @classmethod
    def read(cls, reader: Reader) -> Hopping:
        """From the element's content; raises `Malformed`."""
        number = reader.u8()
        if not reader.left:
            return cls(number)
        page, channels, phy = reader.u8(), reader.le(), reader.le(4)
        bitmap = reader.take((channels + 7) // 8) if page in _BITMAP_PAGES else b""
        order = tuple(reader.le() for _ in range(reader.le()))
        return cls(number, Sequence(page, channels, phy, bitmap, order, reader.le()))


Element: TypeAlias = Synchronization | Slotframes | Timeslot | Hopping

_SHORT: Final[dict[int, type[Synchronization | Slotframes | Timeslot]]] = {
    kind.ID: kind for kind in (Synchronization, Slotframes, Timeslot)
}


def read(sub: SubIe) -> Element | None:
    """The record of a nested element, None for one that is not listed here. Raises `Malformed`."""
    kind = (Hopping if sub.id == Hopping.ID else None) if sub.long else _SHORT.get(sub.id)
    if kind is None:
        return None
    reader = Reader(sub.content, f"TSCH element {sub.id:#04x}")
    found = kind.read(reader)
    reader.done()
    return found


def describe(element: Element) -> str:
    """A few words: ``ASN=1234 join metric=1``, ``slotframe 0 of 7: 1 link``."""
    match element:
        case Synchronization():
            return f"ASN={element.asn} join metric={element.join_metric}"
        case Slotframes():
            return ", ".join(
                f"slotframe {s.handle} of {s.size}: {counted(len(s.links), 'link')}" for s in element.slotframes
            )
        case Timeslot():
            return f"timeslot {element.template}"
        case Hopping():
            return f"hopping sequence {element.sequence_id}"
