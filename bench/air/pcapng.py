"""pcapng both ways: blocks of a live stream or file to records, and the files that the bench and the twin write.

What is written has one interface of link type 283 (TAP) with stamps in nanoseconds, so Wireshark opens it.
"""

from __future__ import annotations

import struct
from typing import Final, Protocol

import attrs

from bench.air.link import PHY_LINK_TYPES, TAP, Record, make_record, write_tap
from bench.errors import InputError

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
_IF_NAME, _IF_TSRESOL, _IF_TSOFFSET = 2, 9, 14
_LARGEST_BLOCK: Final = 1 << 24
_NS: Final = 1_000_000_000


@attrs.frozen(slots=True)
class _Interface:
    """Link type and clock of one interface: ticks in a second, and seconds to add."""

    link_type: int
    ticks_per_s: int = 1_000_000
    offset_s: int = 0

    def stamp_ns(self, ticks: int) -> int:
        return self.offset_s * _NS + ticks * _NS // self.ticks_per_s


class PcapngStream:
    """Incremental pcapng reader: feed octets as they come, take the records that they complete.

    ``packets`` counts packet blocks, of any link type: it is the sniffer port's count. Packets of other link types
    than 802.15.4's are counted and skipped. ``name`` stands in error messages.
    """

    def __init__(self, name: str = "stream") -> None:
        self.packets = 0
        self._name = name
        self._buffer = b""
        self._at = 0
        self._order = ""
        self._interfaces: list[_Interface] = []
        self._foreign: set[int] = set()
        self._failure: InputError | None = None

    @property
    def interfaces(self) -> tuple[_Interface, ...]:
        """The interfaces described so far in the current section."""
        return tuple(self._interfaces)

    @property
    def foreign_link_types(self) -> frozenset[int]:
        """Link types of interfaces whose packets were skipped."""
        return frozenset(self._foreign)

    def feed(self, octets: bytes) -> list[Record]:
        """Records completed by these octets. Raises `InputError` where they are not pcapng; records before the damage
        are given first, and the next call raises."""
        if self._failure:
            raise self._failure
        self._buffer += octets
        records: list[Record] = []
        used = 0
        try:
            while (length := self._block_length(used)) is not None and len(self._buffer) - used >= length:
                record = self._block(self._buffer[used : used + length])
                if record is not None:
                    records.append(record)
                used += length
                self._at += length
        except InputError as error:
            if not records:
                raise
            self._failure = error
        self._buffer = self._buffer[used:]
        return records

    def close(self) -> None:
        """The end of a file. Raises `InputError` where it cuts a block, or where no packet was 802.15.4's."""
        if self._failure:
            raise self._failure
        if self._buffer:
            raise InputError(
                f"{self._name}: truncated at octet {self._at}, inside a block; all records before are read"
            )
        if self._foreign and not any(i.link_type in PHY_LINK_TYPES for i in self._interfaces):
            kinds = ", ".join(str(kind) for kind in sorted(self._foreign))
            raise InputError(f"{self._name}: link type {kinds} is not IEEE 802.15.4; expected 195, 230 or 283")

    def _block_length(self, at: int) -> int | None:
        """Octets of the block at ``at`` of the buffer, None while its head is not there yet."""
        if len(self._buffer) - at < 12:
            return None
        if self._buffer[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            magic = self._buffer[at + 8 : at + 12]
            orders = {struct.pack(order + "I", _BYTE_ORDER_MAGIC): order for order in "<>"}
            if magic not in orders:
                raise InputError(f"{self._name}: section header at octet {self._at} has no byte-order magic: damaged")
            self._order = orders[magic]
        elif not self._order:
            raise InputError(f"{self._name}: not pcapng; expected a section header first")
        length = int(struct.unpack_from(self._order + "I", self._buffer, at + 4)[0])
        if length < 12 or length % 4 or length > _LARGEST_BLOCK:
            raise InputError(f"{self._name}: block at octet {self._at} says {length} octets: damaged")
        return length

    def _block(self, block: bytes) -> Record | None:
        (kind,) = struct.unpack_from(self._order + "I", block)
        if block[4:8] != block[-4:]:
            raise InputError(f"{self._name}: block at octet {self._at} ends with another length than it began: damaged")
        body = block[8:-4]
        try:
            if kind == _SECTION:
                self._interfaces = []
            elif kind == _INTERFACE:
                self._interfaces.append(self._interface(body))
            elif kind == _PACKET:
                interface, high, low, captured, original = struct.unpack_from(self._order + "IIIII", body)
                return self._packet(body[20:], interface, high << 32 | low, captured, original)
            elif kind == _OLD_PACKET:
                interface, _, high, low, captured, original = struct.unpack_from(self._order + "HHIIII", body)
                return self._packet(body[20:], interface, high << 32 | low, captured, original)
            elif kind == _SIMPLE_PACKET:
                (original,) = struct.unpack_from(self._order + "I", body)
                return self._packet(body[4:], 0, 0, min(original, len(body) - 4), original)
        except struct.error:
            raise InputError(f"{self._name}: block at octet {self._at} is shorter than its type: damaged") from None
        return None

    def _interface(self, body: bytes) -> _Interface:
        (link_type,) = struct.unpack_from(self._order + "H", body)
        if link_type not in PHY_LINK_TYPES:
            self._foreign.add(link_type)
        ticks, offset, at = 1_000_000, 0, 8
        while at + 4 <= len(body):
            code, length = struct.unpack_from(self._order + "HH", body, at)
            value = body[at + 4 : at + 4 + length]
            if code == 0:
                break
            if code == _IF_TSRESOL and value:
                ticks = 1 << (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
            elif code == _IF_TSOFFSET and len(value) == 8:
                (offset,) = struct.unpack(self._order + "q", value)
            at += 4 + (length + 3 & ~3)
        return _Interface(link_type, ticks, offset)

    def _packet(self, data: bytes, interface: int, ticks: int, captured: int, original: int) -> Record | None:
        self.packets += 1
        if interface >= len(self._interfaces):
            raise InputError(f"{self._name}: packet at octet {self._at} names interface {interface}, not described")
        if captured > len(data):
            raise InputError(f"{self._name}: packet at octet {self._at} says {captured} octets: damaged")
        described = self._interfaces[interface]
        if described.link_type not in PHY_LINK_TYPES:
            return None
        stamp_ns = described.stamp_ns(ticks)
        return make_record(self.packets, stamp_ns, described.link_type, data[:captured], original)


class _Sink(Protocol):
    def write(self, octets: bytes, /) -> object: ...


class PcapngWriter:
    """Writes pcapng with one TAP interface to anything with ``write`` (a binary file, a socket's file)."""

    def __init__(self, out: _Sink) -> None:
        self._out = out

    def section(self, name: str = "") -> None:
        """Section header and interface description (TAP, ns); ``name`` is the interface's name."""
        self._block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1))
        options = _option(_IF_NAME, name.encode()) if name else b""
        options += _option(_IF_TSRESOL, b"\x09") + _option(0, b"")
        self._block(_INTERFACE, struct.pack("<HHI", TAP, 0, 0) + options)

    def packet(
        self,
        psdu: bytes,
        time_ns: int,
        *,
        fcs: bool = True,
        rssi_dbm: float | None = None,
        channel: int | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
    ) -> None:
        """One frame: TAP header, PSDU, and its 4-octet FCS (``fcs=False``: FCS type 0, no FCS)."""
        packet = write_tap(psdu, fcs=fcs, rssi_dbm=rssi_dbm, channel=channel, start_ns=start_ns, end_ns=end_ns)
        head = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFF_FFFF, len(packet), len(packet))
        self._block(_PACKET, head + packet + bytes(-len(packet) % 4))

    def _block(self, kind: int, body: bytes) -> None:
        length = struct.pack("<I", 12 + len(body))
        self._out.write(struct.pack("<I", kind) + length + body + length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
