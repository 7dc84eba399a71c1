"""Recoverable fragments of 6LoWPAN (RFC 8931), both directions: pieces of a *compressed* datagram, acknowledged by a
bit map, so that only lost ones are sent again.

Unlike those of RFC 4944 (`fragment`), their sizes and offsets count octets as compressed, and the tag has one octet.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar, Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.lowpan.fragment import TIMEOUT_NS
from bench.air.octets import Reader, counted

_FRAGMENT, _ACKNOWLEDGEMENT = 0b1110100, 0b1110101
LARGEST_PIECE: Final = 0x3FF
_SEQUENCES: Final = 32


@frozen
class Fragment:
    """RFRAG (section 5.1): ``sequence`` 0 comes first and tells the datagram's ``size`` in place of its offset, 0.

    ``data`` are octets of the compressed datagram; a first fragment without any takes the datagram back. Not of the
    octets: ``whole``, the compressed datagram that the fragment completes, and ``trouble``, what is wrong with it, or
    with that.
    """

    LAYER: ClassVar[str] = "rfrag"
    tag: int
    sequence: int
    offset: int
    data: bytes
    size: int | None = None
    ack_request: bool = False
    congestion: bool = False
    whole: bytes = b""
    plain: bytes = b""
    trouble: str = ""


@frozen
class Acknowledgement:
    """RFRAG acknowledgement (section 5.2): ``bitmap`` has its highest bit for sequence 0; none set means given up.
    ``trouble`` as in `Fragment`."""

    LAYER: ClassVar[str] = "rfrag-ack"
    tag: int
    bitmap: int
    congestion: bool = False
    trouble: str = ""

    @property
    def received(self) -> tuple[int, ...]:
        """Sequence numbers that have arrived."""
        return tuple(number for number in range(_SEQUENCES) if self.bitmap << number & 1 << _SEQUENCES - 1)


Piece: TypeAlias = Fragment | Acknowledgement


def is_one(octets: bytes) -> bool:
    """The payload begins with one of the two."""
    return octets[:1] != b"" and octets[0] >> 1 in (_FRAGMENT, _ACKNOWLEDGEMENT)


def parse(octets: bytes) -> Piece:
    """The record of a 6LoWPAN payload for which `is_one` holds. Raises `Malformed`."""
    found = parse_readable(octets)
    if found.trouble:
        raise Malformed(found.trouble)
    return found


def parse_readable(octets: bytes) -> Piece:
    """The same with fewer or more octets than it says as its ``trouble``. Raises `Malformed` for a cut header."""
    reader = Reader(octets, "6LoWPAN RFRAG")
    first, tag = reader.u8(), reader.u8()
    if first >> 1 == _ACKNOWLEDGEMENT:
        return Acknowledgement(tag, reader.u32(), bool(first & 1), _over(reader))
    word, third = reader.u16(), reader.u16()
    wanted, left = word & LARGEST_PIECE, reader.left
    data = reader.take(min(wanted, left))
    short = f"6LoWPAN RFRAG: {counted(wanted)} wanted, {left} left" if left < wanted else ""
    sequence = word >> 10 & 0x1F
    offset, size = (0, third) if sequence == 0 else (third, None)
    flags = bool(word & 0x8000), bool(first & 1)
    return Fragment(tag, sequence, offset, data, size, *flags, trouble=short or _over(reader))


def _over(reader: Reader) -> str:
    """What is wrong where not all was read."""
    return f"6LoWPAN RFRAG: {counted(reader.left)} too many" if reader.left else ""


def build(piece: Piece) -> bytes:
    """The octets of a piece. Raises ValueError for a fragment of more than 1023 octets."""
    if isinstance(piece, Acknowledgement):
        return bytes((_ACKNOWLEDGEMENT << 1 | piece.congestion, piece.tag)) + piece.bitmap.to_bytes(4, "big")
    if len(piece.data) > LARGEST_PIECE:
        raise ValueError(f"a recoverable fragment holds {counted(LARGEST_PIECE)} at most, not {len(piece.data)}")
    word = piece.ack_request << 15 | piece.sequence << 10 | len(piece.data)
    third = piece.offset if piece.sequence else piece.size or 0
    head = bytes((_FRAGMENT << 1 | piece.congestion, piece.tag))
    return head + word.to_bytes(2, "big") + third.to_bytes(2, "big") + piece.data


def fragment(compressed: bytes, max_octets: int, tag: int) -> list[Fragment]:
    """The fragments of a compressed datagram, of at most ``max_octets`` data each; the last asks for acknowledgement.

    Raises ValueError where 32 of them do not hold it."""
    starts = range(0, len(compressed), max_octets)
    if len(starts) > _SEQUENCES:
        raise ValueError(f"{counted(len(compressed))} need more than {_SEQUENCES} fragments of {max_octets}")
    return [
        Fragment(
            *(tag, number, start, compressed[start : start + max_octets]),
            size=None if number else len(compressed),
            ack_request=number == len(starts) - 1,
        )
        for number, start in enumerate(starts)
    ]


@attrs.define(slots=True)
class _Partial:
    """Offset and octets by sequence number: 32 pieces, whatever offsets are sent."""

    started_ns: int
    pieces: dict[int, tuple[int, bytes]] = attrs.Factory(dict)
    size: int | None = None


_Key: TypeAlias = "tuple[bytes | None, bytes | None, int]"


@attrs.define(slots=True)
class Reassembler:
    """Collects fragments into compressed datagrams, one hop and tag at a time; at most ``limit``, for ``timeout_ns`` of
    capture time after the first came."""

    timeout_ns: int = TIMEOUT_NS
    limit: int = 64
    _open: OrderedDict[_Key, _Partial] = attrs.field(factory=OrderedDict, init=False)

    def add(self, piece: Fragment, src: bytes | None, dst: bytes | None, t_ns: int) -> bytes | None:
        """The datagram that ``piece`` completes, else None; a first fragment of another size begins anew.

        Raises `Malformed` for one that reaches beyond the datagram."""
        while self._open and t_ns - next(iter(self._open.values())).started_ns > self.timeout_ns:
            self._open.popitem(last=False)
        key = (src, dst, piece.tag)
        partial = self._open.get(key)
        if piece.size is not None and (partial is None or partial.size not in (None, piece.size) or not piece.data):
            self._open.pop(key, None)
            partial = None
            if not piece.data:
                return None
        if partial is None:
            if len(self._open) >= self.limit:
                self._open.popitem(last=False)
            partial = self._open[key] = _Partial(t_ns)
        partial.size = partial.size if piece.size is None else piece.size
        partial.pieces[piece.sequence] = piece.offset, piece.data
        if partial.size is None or sum(len(data) for _, data in partial.pieces.values()) < partial.size:
            return None
        return self._whole(key, partial)

    def _whole(self, key: _Key, partial: _Partial) -> bytes | None:
        """The pieces in a row; None where one is missing between them."""
        whole = b""
        for offset, data in sorted(partial.pieces.values()):
            if offset > len(whole):
                return None
            whole += data[len(whole) - offset :]
        if len(whole) > (partial.size or 0):
            del self._open[key]
            raise Malformed(f"6LoWPAN RFRAG: {counted(len(whole))} of a datagram of {partial.size}")
        if len(whole) < (partial.size or 0):
            return None
        del self._open[key]
        return whole


def describe(piece: Piece) -> str:
    """A few words: ``recoverable fragment 1, 40-80, tag 85``, ``acknowledges fragments 0, 2, tag 85``."""
    if isinstance(piece, Acknowledgement):
        arrived = ", ".join(map(str, piece.received))
        return f"acknowledges {f'fragments {arrived}' if arrived else 'none: given up'}, tag {piece.tag}"
    if piece.size is not None and not piece.data:
        return f"recoverable fragments taken back, tag {piece.tag}"
    end = piece.offset + len(piece.data)
    of = "" if piece.size is None else f" of {piece.size}"
    return f"recoverable fragment {piece.sequence}, {piece.offset}-{end}{of}, tag {piece.tag}"
