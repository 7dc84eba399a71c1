"""Generic header compression (RFC 7400): octets to and from the byte code that stands for headers without a form of
their own, such as ICMPv6 messages and DTLS records.

The code copies from what it has made so far. Before the first octet stand those that both ends know: the addresses of
the packet's IPv6 header and 16 octets that are frequent. `bench.air.lowpan.iphc` says where in a packet it is used.
"""

from __future__ import annotations

from typing import Final

from bench.air.errors import Malformed
from bench.air.octets import Reader, counted

STOP: Final = 0x90
_FREQUENT: Final = bytes.fromhex("16fefd17fefd00010000000000010000")
"""The static part of the dictionary: heads of DTLS records (section 2, figure 2)."""
_LONGEST_LITERAL: Final = 95
_LONGEST_ZEROS: Final = 17
_SHORTEST: Final = 2  # of a run of zeros and of a copy
_EXTENSION_STEP: Final = 8  # what one extension adds to a copy's length
_EXTENSION_REACH: Final = 120  # ... and to its distance, at most


def dictionary(src: bytes, dst: bytes) -> bytes:
    """What stands before the first octet: source and destination of the IPv6 header (16 octets each), and the rest."""
    return src + dst + _FREQUENT


def expand(reader: Reader, known: bytes) -> bytes:
    """The octets that the code in ``reader`` stands for, up to the stop code or the end. ``known`` is `dictionary`'s.

    A code of n octets gives fewer than 96 n. Raises `Malformed` for a reserved code and for one that points before
    the dictionary.
    """
    made = bytearray()
    expand_into(made, reader, known)
    return bytes(made)


def expand_into(out: bytearray, reader: Reader, known: bytes) -> None:
    """As `expand`, put to ``out``, where there is what damaged code stands for up to the damage, too."""
    made = bytearray(known)
    try:
        _expand(made, reader)
    finally:
        out += made[len(known) :]


def _expand(made: bytearray, reader: Reader) -> None:
    reach = length = 0
    while reader.left and (code := reader.u8()) != STOP:
        if code <= _LONGEST_LITERAL:
            made += reader.take(code)
        elif code >> 4 == 0b1000:
            made += bytes((code & 0x0F) + _SHORTEST)
        elif code >> 5 == 0b101:
            reach += (code & 0x0F) << 3
            length += (code & 0x10) >> 1
        elif code >> 6 == 0b11:
            length += (code >> 3 & 7) + _SHORTEST
            start = len(made) - (code & 7) - reach - length
            if start < 0:
                raise Malformed(f"GHC: copy from {counted(-start)} before the dictionary")
            made += made[start : start + length]
            reach = length = 0
        else:
            raise Malformed(f"GHC: reserved code {code:#04x}")


def squeeze(data: bytes, known: bytes) -> bytes:
    """Byte code for ``data``, without a stop code; each copy is the longest that the octets before it allow."""
    out, literal, at = bytearray(), bytearray(), 0
    while at < len(data):
        code, octets = _best(data, at, known + data[:at])
        if octets:
            out += _literals(literal) + code
            literal.clear()
            at += octets
        else:
            literal.append(data[at])
            at += 1
    return bytes(out + _literals(literal))


def _best(data: bytes, at: int, made: bytes) -> tuple[bytes, int]:
    """The code that saves most at ``at``, and for how many octets it stands; 0 where none saves any."""
    run = data[at : at + _LONGEST_ZEROS]
    zeros = len(run) - len(run.lstrip(b"\0"))
    code, octets = (bytes((0x80 | zeros - _SHORTEST,)), zeros) if zeros >= _SHORTEST else (b"", 0)
    length, where = _SHORTEST, -1
    while at + length <= len(data) and (found := made.rfind(data[at : at + length])) >= 0:
        length, where = length + 1, found
    if where >= 0:
        copy = _copy(length - 1, len(made) - where)
        if length - 1 - len(copy) > octets - len(code):
            return copy, length - 1
    return code, octets


def _copy(length: int, distance: int) -> bytes:
    """A copy of ``length`` octets that begin ``distance`` before the end."""
    length, reach = length - _SHORTEST, distance - length
    more, far = length & ~7, reach & ~7
    out = bytearray()
    while more or far:
        step = min(far, _EXTENSION_REACH)
        out.append(0xA0 | bool(more) << 4 | step >> 3)
        more, far = max(more - _EXTENSION_STEP, 0), far - step
    return bytes(out) + bytes((0xC0 | (length & 7) << 3 | reach & 7,))


def _literals(octets: bytearray) -> bytes:
    starts = range(0, len(octets), _LONGEST_LITERAL)
    pieces = (octets[start : start + _LONGEST_LITERAL] for start in starts)
    return b"".join(bytes((len(piece),)) + piece for piece in pieces)
