"""Information elements of IEEE 802.15.4-2015 as they stand in a frame: header IEs, payload IEs, Wi-SUN's nested ones.

Only the framing is read here (clauses 7.4.2, 7.4.3 and the nested layout of 7.4.4.1): what is inside stays octets, so
that unknown elements pass through unchanged. `wisun.frames` and `mac.mpx` know the contents.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import counted

HT1 = 0x7E
"""Header termination 1: payload IEs follow."""
HT2 = 0x7F
"""Header termination 2: the payload follows."""
PAYLOAD_TERMINATION = 0xF
WISUN_HEADER_ID = 0x2A
WISUN_GROUP = 0x4
MPX_GROUP = 0x3


@frozen
class Ie:
    """One information element: a header IE (id 0-255, content up to 127) or a payload IE (group 0-15, up to 2047).

    ``missing`` counts octets that it says it has beyond those that are there: a capture cut it, or its length is wrong.
    """

    id: int
    content: bytes = b""
    missing: int = 0


@frozen
class Readable:
    """A list of information elements as far as it can be read.

    ``stop`` is where it stopped. ``trouble`` says what is wrong there, "" for nothing; one that is longer than what is
    left is then the last, and has octets ``missing``. ``short``: that is all that is wrong, the list ends too early.
    """

    ies: tuple[Ie, ...]
    stop: int
    trouble: str = ""
    short: bool = False


@frozen
class SubIe:
    """A nested element of the Wi-SUN payload IE; long ones have 4-bit ids and lengths up to 2047, short 7 and 255."""

    id: int
    long: bool
    content: bytes = b""


def read_header_ies(octets: bytes, at: int, end: int) -> tuple[tuple[Ie, ...], int]:
    """Header IEs from ``at`` up to a termination or ``end``, and where they stopped. Raises `Malformed`."""
    return _sound(readable_header_ies(octets, at, end))


def read_payload_ies(octets: bytes, at: int, end: int) -> tuple[tuple[Ie, ...], int]:
    """Payload IEs from ``at`` up to the termination or ``end``, and where they stopped. Raises `Malformed`."""
    return _sound(readable_payload_ies(octets, at, end))


def readable_header_ies(octets: bytes, at: int, end: int) -> Readable:
    """The same up to where the list breaks."""
    ies: list[Ie] = []
    while at < end:
        if at + 2 > end:
            return Readable(tuple(ies), at, f"header IE cut at octet {at}", True)
        head = octets[at] | octets[at + 1] << 8
        if head & 0x8000:
            return Readable(tuple(ies), at, f"a payload IE stands among the header IEs at octet {at}")
        stop = at + 2 + (head & 0x7F)
        ies.append(Ie(head >> 7 & 0xFF, octets[at + 2 : min(stop, end)], max(stop - end, 0)))
        if stop > end:
            return Readable(tuple(ies), end, _longer("header IE", at, stop, end), True)
        at = stop
        if ies[-1].id in (HT1, HT2):
            break
    return Readable(tuple(ies), at)


def readable_payload_ies(octets: bytes, at: int, end: int) -> Readable:
    """The same up to where the list breaks."""
    ies: list[Ie] = []
    while at < end:
        if at + 2 > end:
            return Readable(tuple(ies), at, f"payload IE cut at octet {at}", True)
        head = octets[at] | octets[at + 1] << 8
        if not head & 0x8000:
            return Readable(tuple(ies), at, f"a header IE stands among the payload IEs at octet {at}")
        stop = at + 2 + (head & 0x7FF)
        ies.append(Ie(head >> 11 & 0xF, octets[at + 2 : min(stop, end)], max(stop - end, 0)))
        if stop > end:
            return Readable(tuple(ies), end, _longer("payload IE", at, stop, end), True)
        at = stop
        if ies[-1].id == PAYLOAD_TERMINATION:
            break
    return Readable(tuple(ies), at)


def read_sub_ies(content: bytes) -> tuple[SubIe, ...]:
    """Nested elements of one Wi-SUN payload IE. Raises `Malformed`."""
    return tuple(each_sub_ie(content))


def each_sub_ie(content: bytes) -> Iterator[SubIe]:
    """Nested elements one by one. Raises `Malformed` behind the last that is whole."""
    at, end = 0, len(content)
    while at < end:
        head, at = _head(content, at, end, "nested IE")
        long = bool(head & 0x8000)
        sub_id, length = (head >> 11 & 0xF, head & 0x7FF) if long else (head >> 8 & 0x7F, head & 0xFF)
        stop = at + length
        yield SubIe(sub_id, long, _content(content, at, stop, end, "nested IE"))
        at = stop


def write_header_ies(ies: Iterable[Ie]) -> bytes:
    """Octets of header IEs, terminations included where they are listed. Raises ValueError for one that cannot be."""
    return b"".join(_tlv(ie.id << 7, ie.content, 0x7F, ie.id <= 0xFF, ie.missing) for ie in ies)


def write_payload_ies(ies: Iterable[Ie]) -> bytes:
    """Octets of payload IEs. Raises ValueError for one that cannot be."""
    return b"".join(_tlv(0x8000 | ie.id << 11, ie.content, 0x7FF, ie.id <= 0xF, ie.missing) for ie in ies)


def write_sub_ies(ies: Iterable[SubIe]) -> bytes:
    """Content of a Wi-SUN payload IE. Raises ValueError for an element that cannot be."""
    return b"".join(
        _tlv(0x8000 | ie.id << 11, ie.content, 0x7FF, ie.id <= 0xF)
        if ie.long
        else _tlv(ie.id << 8, ie.content, 0xFF, ie.id <= 0x7F)
        for ie in ies
    )


def _sound(found: Readable) -> tuple[tuple[Ie, ...], int]:
    if found.trouble:
        raise Malformed(found.trouble)
    return found.ies, found.stop


def _head(octets: bytes, at: int, end: int, what: str) -> tuple[int, int]:
    if at + 2 > end:
        raise Malformed(f"{what} cut at octet {at}")
    return octets[at] | octets[at + 1] << 8, at + 2


def _content(octets: bytes, at: int, stop: int, end: int, what: str) -> bytes:
    if stop > end:
        raise Malformed(_longer(what, at - 2, stop, end))
    return octets[at:stop]


def _longer(what: str, at: int, stop: int, end: int) -> str:
    """What is wrong with an element at ``at`` that is to end at ``stop``."""
    return f"{what} at octet {at} says {counted(stop - at - 2)}, {end - at - 2} there"


def _tlv(head: int, content: bytes, longest: int, id_fits: bool, missing: int = 0) -> bytes:
    if len(content) > longest or not id_fits:
        raise ValueError(f"no such IE: head {head:#06x} with {counted(len(content))}, at most {longest}")
    return struct.pack("<H", head | len(content) + missing) + content
