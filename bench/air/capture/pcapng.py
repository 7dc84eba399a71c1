"""pcapng both ways: blocks of a live stream or file to records, and the files that the bench and the twin write.

What is written has one interface of link type 283 (TAP) with stamps in nanoseconds, so Wireshark opens it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final, Literal, Protocol

import attrs

from bench.air.capture.link import EXPECTED, LINK_TYPES, PHY_LINK_TYPES, TAP, Record, read_packet, write_tap
from bench.air.frozen import frozen
from bench.air.octets import counted
from bench.errors import InputError

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
_IF_NAME, _IF_TSRESOL, _IF_FCSLEN, _IF_TSOFFSET = 2, 9, 13, 14
_COMMENT, _PACKET_FLAGS = 1, 2
_LONGEST_COMMENT: Final = 0xFFFC
_FCS_UNITS: Final = {2: 1, 16: 1, 4: 2, 32: 2}
"""FCS lengths as found in if_fcslen, which the specification counts in bits and gives an example of in octets."""
_LARGEST_BLOCK: Final = 1 << 24
_NS: Final = 1_000_000_000
_BYTE_ORDER: Final[dict[str, Literal["little", "big"]]] = {"<": "little", ">": "big"}


@frozen
class _Interface:
    """Link type and clock of one interface: ticks in a second, and seconds to add. ``snap`` is the longest packet
    kept (0: any), ``fcs_units`` the FCS length in 16-bit units where the capture tells it, else 0."""

    link_type: int
    ticks_per_s: int = 1_000_000
    offset_s: int = 0
    snap: int = 0
    fcs_units: int = 0

    def stamp_ns(self, ticks: int) -> int:
        return self.offset_s * _NS + ticks * _NS // self.ticks_per_s


class PcapngStream:
    """Incremental pcapng reader: feed octets as they come, take the records that they complete.

    ``packets`` counts packet blocks, of any link type: it is the sniffer port's count. Packets of link types that hold
    no 802.15.4 frames are counted and skipped, as are those of a network that are no ZEP. ``name`` stands in error
    messages.
    """

    def __init__(self, name: str = "stream") -> None:
        self.packets = 0
        self._name = name
        self._buffer = bytearray()
        self._at = 0
        self._order = ""
        self._interfaces: list[_Interface] = []
        self._foreign: set[int] = set()
        self._failure: InputError | None = None
        self._records = 0

    @property
    def interfaces(self) -> tuple[_Interface, ...]:
        """The interfaces described so far in the current section."""
        return tuple(self._interfaces)

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
                record = self._block(bytes(self._buffer[used : used + length]))
                if record is not None:
                    records.append(record)
                    self._records += 1
                used += length
                self._at += length
        except InputError as error:
            if not records:
                raise
            self._failure = error
        del self._buffer[:used]
        return records

    def close(self) -> None:
        """The end of a file. Raises `InputError` where it cuts a block, or where no packet was 802.15.4's."""
        if self._failure:
            raise self._failure
        if self._buffer:
            raise InputError(
                f"{self._name}: truncated at octet {self._at}, inside a block; all records before are read"
            )
        if self._records or not self._interfaces or any(i.link_type in PHY_LINK_TYPES for i in self._interfaces):
            return
        kinds = ", ".join(str(kind) for kind in sorted({i.link_type for i in self._interfaces} | self._foreign))
        raise InputError(f"{self._name}: no IEEE 802.15.4 frame in packets of link type {kinds}; {EXPECTED}")

    def _block_length(self, at: int) -> int | None:
        """Octets of the block at ``at`` of the buffer, None while its head is not there yet."""
        if len(self._buffer) - at < 12:
            return None
        if self._buffer[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            magic = bytes(self._buffer[at + 8 : at + 12])
            orders = {struct.pack(order + "I", _BYTE_ORDER_MAGIC): order for order in "<>"}
            if magic not in orders:
                raise InputError(f"{self._name}: section header at octet {self._at} has no byte-order magic: damaged")
            self._order = orders[magic]
        elif not self._order:
            raise InputError(f"{self._name}: not pcapng; expected a section header first")
        length = int(struct.unpack_from(self._order + "I", self._buffer, at + 4)[0])
        if length < 12 or length % 4 or length > _LARGEST_BLOCK:
            raise InputError(f"{self._name}: block at octet {self._at} says {counted(length)}: damaged")
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
                snap = self._interfaces[0].snap if self._interfaces else 0
                captured = min(original, snap or original, len(body) - 4)
                return self._packet(body[4:], 0, 0, captured, original)
        except struct.error:
            raise InputError(f"{self._name}: block at octet {self._at} is shorter than its type: damaged") from None
        return None

    def _interface(self, body: bytes) -> _Interface:
        link_type, _, snap = struct.unpack_from(self._order + "HHI", body)
        if link_type not in LINK_TYPES:
            self._foreign.add(link_type)
        found = _Interface(link_type, snap=snap)
        for code, value in self._options(body[8:]):
            if code == _IF_TSRESOL and value:
                ticks = 1 << (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
                found = attrs.evolve(found, ticks_per_s=ticks)
            elif code == _IF_TSOFFSET and len(value) == 8:
                found = attrs.evolve(found, offset_s=struct.unpack(self._order + "q", value)[0])
            elif code == _IF_FCSLEN and value:
                found = attrs.evolve(found, fcs_units=_FCS_UNITS.get(value[0], 0))
        return found

    def _options(self, octets: bytes) -> Iterator[tuple[int, bytes]]:
        """Options up to their end, which may be left out."""
        at = 0
        while at + 4 <= len(octets):
            code, length = struct.unpack_from(self._order + "HH", octets, at)
            if code == 0:
                return
            yield code, octets[at + 4 : at + 4 + length]
            at += 4 + (length + 3 & ~3)

    def _packet(self, data: bytes, interface: int, ticks: int, captured: int, original: int) -> Record | None:
        self.packets += 1
        if interface >= len(self._interfaces):
            raise InputError(f"{self._name}: packet at octet {self._at} names interface {interface}, not described")
        if captured > len(data):
            raise InputError(f"{self._name}: packet at octet {self._at} says {counted(captured)}: damaged")
        described = self._interfaces[interface]
        if described.link_type not in LINK_TYPES:
            return None
        stamp_ns, packet = described.stamp_ns(ticks), data[:captured]
        options = list(self._options(data[captured + 3 & ~3 :])) if len(data) > captured + 3 else []
        flags = next((int.from_bytes(value, _BYTE_ORDER[self._order]) for c, value in options if c == _PACKET_FLAGS), 0)
        fcs_units = _FCS_UNITS.get(flags >> 5 & 0xF, described.fcs_units)
        record = read_packet(self.packets, stamp_ns, described.link_type, packet, original, fcs_units)
        comments = tuple(value.decode("utf-8", "backslashreplace") for code, value in options if code == _COMMENT)
        return attrs.evolve(record, comments=comments) if record is not None and comments else record


class ByteSink(Protocol):
    """Anything that takes octets: a binary file, a socket's file."""

    def write(self, octets: bytes, /) -> object: ...


class PcapngWriter:
    """Writes pcapng with one TAP interface to anything with ``write`` (a binary file, a socket's file)."""

    def __init__(self, out: ByteSink) -> None:
        self._out = out

    def section(self, name: str = "", comments: Iterable[str] = ()) -> None:
        """Section header and interface description (TAP, ns); ``name`` is the interface's name, ``comments`` are about
        the whole capture."""
        self._block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1) + _comments(comments))
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
        tlvs: Iterable[tuple[int, bytes]] = (),
        fcs_octets: int = 4,
        comments: Iterable[str] = (),
        missing: int = 0,
    ) -> None:
        """One frame: TAP header, PSDU, and its FCS of 4 or 2 octets (``fcs=False``: FCS type 0, no FCS).

        ``tlvs`` are further ones of TAP, ``comments`` the bench's marks, which Wireshark shows beside the frame;
        ``missing`` octets at its end were cut off by whoever captured it first."""
        packet = write_tap(
            psdu,
            fcs=fcs,
            rssi_dbm=rssi_dbm,
            channel=channel,
            start_ns=start_ns,
            end_ns=end_ns,
            tlvs=tlvs,
            fcs_octets=fcs_octets,
        )
        head = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFF_FFFF, len(packet), len(packet) + missing)
        self._block(_PACKET, head + packet + bytes(-len(packet) % 4) + _comments(comments))

    def _block(self, kind: int, body: bytes) -> None:
        length = struct.pack("<I", 12 + len(body))
        self._out.write(struct.pack("<I", kind) + length + body + length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _comments(comments: Iterable[str]) -> bytes:
    """Comment options and the end of options; nothing where there is none. A comment has at most 65532 octets."""
    options = b"".join(_option(_COMMENT, text.encode()[:_LONGEST_COMMENT]) for text in comments)
    return options + _option(0, b"") if options else b""
