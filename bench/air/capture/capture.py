"""Capture files in: pcap and pcapng, plain or gzip, to records of PSDU octets with what the sniffer noted beside.

Link types: 195 (802.15.4 with FCS, 16 or 32 bit), 230 (without FCS), 283 (TAP), and those of networks (1, 101, 113,
228, 229, 276) for the ZEP datagrams on them. A truncated file gives all its whole records and then raises `InputError`
with file and octet offset, so what was captured is never lost.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, Protocol

from bench.air.capture.link import EXPECTED, LINK_TYPES, PHY_LINK_TYPES, Record, read_packet
from bench.air.capture.pcapng import PcapngStream
from bench.air.octets import counted
from bench.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CaptureFile", "PcapngStream", "Record", "captures_of", "is_read_once", "read_capture", "read_stream"]

STDIN: Final = "-"
"""In place of a path: standard input."""
_CHUNK: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_PCAPNG_MAGIC: Final = b"\x0a\x0d\x0d\x0a"
PCAP_MAGICS: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""First four octets of a classic pcap file: byte order, and nanoseconds in a unit of its fractions."""


def read_capture(path: Path | str) -> Iterator[Record]:
    """All records of a capture file, numbered from 1; of standard input where ``path`` is ``-``.

    A pipe or standard input can be read once. Raises `InputError` naming the file: at once where it cannot be opened or
    is no capture, after the last whole record where it is truncated, at the damage where a block makes no sense.
    """
    try:
        stdin = str(path) == STDIN
        with open(0 if stdin else path, "rb", closefd=not stdin) as raw:
            zipped = raw.peek(2).startswith(_GZIP_MAGIC)  # a pipe cannot be read again from its beginning
            source = gzip.GzipFile(fileobj=raw) if zipped else raw
            yield from _read(_Source(source, str(path)), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; expected a capture file") from None


def is_read_once(path: Path | str) -> bool:
    """Whether a capture is gone when it was read: standard input, a pipe."""
    return str(path) == STDIN or (os.path.exists(path) and not os.path.isfile(path))


class CaptureFile:
    """The records of a capture up to its first error, which is kept for later; to be read repeatedly."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.error: InputError | None = None
        self.frames = 0
        """How many it has, as far as it was read last."""

    def __iter__(self) -> Iterator[Record]:
        self.frames = 0
        try:
            for record in read_capture(self._path):
                self.frames += 1
                yield record
        except InputError as error:
            self.error = error


def captures_of(paths: Iterable[str]) -> dict[str, CaptureFile]:
    """Captures by their paths. Of several, raises `InputError` for one that cannot be read repeatedly (a pipe)."""
    found = {path: CaptureFile(path) for path in paths}
    once = [path for path in found if is_read_once(path)]
    if once and len(found) > 1:
        raise InputError(f"{once[0]}: is no file; several captures are read twice; expected files")
    return found


class _Octets(Protocol):
    """What a capture is read from: gives some octets, none at the end."""

    def read1(self, count: int, /) -> bytes: ...


def read_stream(file: _Octets, name: str) -> Iterator[Record]:
    """All records of a capture that comes through ``file``, each as soon as it is whole. Raises as `read_capture`."""
    return _read(_Source(file, name), name)


class _Source:
    """Reads octets and knows where it is; a gzip stream that ends early is only an early end."""

    def __init__(self, file: _Octets, name: str) -> None:
        self._file = file
        self._name = name
        self.at = 0
        self.empty = "gzip with nothing in it" if isinstance(file, gzip.GzipFile) else "empty"
        """What it is where there is no octet."""

    def read(self, count: int) -> bytes:
        """``count`` octets, fewer only at the end."""
        octets = bytearray()
        while len(octets) < count and (more := self.some(count - len(octets))):
            octets += more
        return bytes(octets)

    def some(self, count: int) -> bytes:
        """What is there, ``count`` octets at most; none only at the end."""
        # read1, because read drops what it already has where the stream ends early
        try:
            octets = self._file.read1(count)
        except EOFError:
            return b""
        except (zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{self._name}: damaged gzip after octet {self.at} ({error})") from None
        self.at += len(octets)
        return octets


def _read(source: _Source, name: str) -> Iterator[Record]:
    magic = source.read(4)
    if magic == _PCAPNG_MAGIC:
        return _read_pcapng(source, magic, name)
    if magic in PCAP_MAGICS:
        return _read_pcap(source, magic, name)
    if not magic:
        raise InputError(f"{name}: not a capture ({source.empty}); expected pcap or pcapng")
    if magic.startswith(_GZIP_MAGIC):
        raise InputError(f"{name}: gzip does not come frame by frame; expected pcap or pcapng as it is written")
    raise InputError(f"{name}: not a capture (first octets {magic.hex(' ')}); expected pcap or pcapng")


def _read_pcapng(source: _Source, first: bytes, name: str) -> Iterator[Record]:
    stream = PcapngStream(name)
    octets = first
    while octets:
        yield from stream.feed(octets)
        octets = source.some(_CHUNK)
    stream.close()


def _read_pcap(source: _Source, magic: bytes, name: str) -> Iterator[Record]:
    order, unit_ns = PCAP_MAGICS[magic]
    header = source.read(20)
    if len(header) < 20:
        raise InputError(f"{name}: truncated at octet {source.at}, inside the file header")
    link = struct.unpack(order + "HHiIII", header)[5]
    link_type, fcs_given = link & 0xFFFF, link >> 28 & 0xF if link & 0x0400_0000 else 0
    if link_type not in LINK_TYPES:
        raise InputError(f"{name}: link type {link_type} is not IEEE 802.15.4; {EXPECTED}")
    number = frames = 0
    while head := source.read(16):
        start = source.at - len(head)
        if len(head) < 16:
            raise InputError(f"{name}: truncated at octet {start}, inside a record header")
        seconds, fraction, captured, original = struct.unpack(order + "IIII", head)
        if captured > original + 65536 or captured > 1 << 24:
            raise InputError(f"{name}: record at octet {start} says {counted(captured)}: damaged")
        data = source.read(captured)
        if len(data) < captured:
            raise InputError(f"{name}: truncated at octet {start}, inside a record")
        number += 1
        stamp_ns = seconds * 1_000_000_000 + fraction * unit_ns
        record = read_packet(number, stamp_ns, link_type, data, original, fcs_given)
        if record is not None:
            frames += 1
            yield record
    if not frames and link_type not in PHY_LINK_TYPES:
        raise InputError(f"{name}: no IEEE 802.15.4 frame in packets of link type {link_type}; {EXPECTED}")
