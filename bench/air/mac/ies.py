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

    ``missing`` counts octets at the content's end that a capture cut off."""

    id: int
    content: bytes = b""
    missing: int = 0


@frozen
class SubIe:
    """A nested element of the Wi-SUN payload IE; long ones have 4-bit ids and lengths up to 2047, short 7 and 255."""

    id: int
    long: bool
    content: bytes = b""


def read_header_ies(octets: bytes, at: int, end: int, *, cut: bool = False) -> tuple[tuple[Ie, ...], int]:
    """Header IEs from ``at`` up to a termination or ``end``, and where they stopped; in a ``cut`` frame up to the one
    that is cut, which is then the last. Raises `Malformed`."""
    ies: list[Ie] = []
    while at < end:
        if cut and (missing := _missing(octets, at, end, 0x7F)):
            if at + 2 <= end and not octets[at + 1] & 0x80:
                ies.append(Ie((octets[at] | octets[at + 1] << 8) >> 7 & 0xFF, octets[at + 2 : end], missing))
                at = end
            break
        head, at = _head(octets, at, end, "header IE")
        if head & 0x8000:
            raise Malformed(f"a payload IE stands among the header IEs at octet {at - 2}")
        stop = at + (head & 0x7F)
        ie = Ie(head >> 7 & 0xFF, _content(octets, at, stop, end, "header IE"))
        ies.append(ie)
        at = stop
        if ie.id in (HT1, HT2):
            break
    return tuple(ies), at


def read_payload_ies(octets: bytes, at: int, end: int, *, cut: bool = False) -> tuple[tuple[Ie, ...], int]:
    """Payload IEs from ``at`` up to the termination or ``end``, and where they stopped; in a ``cut`` frame up to the
    one that is cut, which is then the last. Raises `Malformed`."""
    ies: list[Ie] = []
    while at < end:
        if cut and (missing := _missing(octets, at, end, 0x7FF)):
            if at + 2 <= end and octets[at + 1] & 0x80:
                ies.append(Ie(octets[at + 1] >> 3 & 0xF, octets[at + 2 : end], missing))
                at = end
            break
        head, at = _head(octets, at, end, "payload IE")
        if not head & 0x8000:
            raise Malformed(f"a header IE stands among the payload IEs at octet {at - 2}")
        stop = at + (head & 0x7FF)
        ie = Ie(head >> 11 & 0xF, _content(octets, at, stop, end, "payload IE"))
        ies.append(ie)
        at = stop
        if ie.id == PAYLOAD_TERMINATION:
            break
    return tuple(ies), at


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


def _missing(octets: bytes, at: int, end: int, length_mask: int) -> int:
    """How many octets the element at ``at`` is longer than what is there, its head included; 0 for a whole one."""
    if at + 2 > end:
        return at + 2 - end
    return max(at + 2 + ((octets[at] | octets[at + 1] << 8) & length_mask) - end, 0)


def _head(octets: bytes, at: int, end: int, what: str) -> tuple[int, int]:
    if at + 2 > end:
        raise Malformed(f"{what} cut at octet {at}")
    return octets[at] | octets[at + 1] << 8, at + 2


def _content(octets: bytes, at: int, stop: int, end: int, what: str) -> bytes:
    if stop > end:
        raise Malformed(f"{what} at octet {at - 2} says {counted(stop - at)}, {end - at} there")
    return octets[at:stop]


def _tlv(head: int, content: bytes, longest: int, id_fits: bool, missing: int = 0) -> bytes:
    if len(content) > longest or not id_fits:
        raise ValueError(f"no such IE: head {head:#06x} with {counted(len(content))}, at most {longest}")
    return struct.pack("<H", head | len(content) + missing) + content
