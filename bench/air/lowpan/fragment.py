"""6LoWPAN fragmentation and reassembly (RFC 4944, 5.3; RFC 6282, 2).

Sizes and offsets count octets of the uncompressed datagram. The first fragment carries the compressed headers, so it
holds more of the datagram than its own length; every fragment but the last ends on a multiple of 8. Reassembly is kept
per (link source, link destination, size, tag): two senders may use one tag at the same time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import sixlorh
from bench.air.lowpan.datagram import Datagram, Fragment
from bench.air.lowpan.links import Elided, fill_checksums
from bench.air.octets import counted

TIMEOUT_NS: Final = 60_000_000_000
"""RFC 4944, 5.3: what is not whole 60 s after its first fragment is given up."""

LARGEST: Final = 0x7FF
"""Octets of the largest datagram that the 11-bit size field can name."""

_Key: TypeAlias = "tuple[bytes | None, bytes | None, int, int]"


def fragment(
    packet: bytes,
    max_octets: int,
    tag: int,
    src: bytes | None = None,
    dst: bytes | None = None,
    contexts: Mapping[int, bytes] | None = None,
) -> list[bytes]:
    """MAC payloads of at most ``max_octets`` that carry the IPv6 ``packet``: one where it fits, else FRAG1 and FRAGN.

    ``src`` and ``dst`` are the link addresses of this hop. Raises ValueError where the datagram exceeds 2047 octets or
    ``max_octets`` leaves no room for the headers and 8 octets.
    """
    headers, rest = lowpan.split(packet, src, dst, contexts)
    if len(headers) + len(rest) <= max_octets:
        return [headers + rest]
    if len(packet) > LARGEST:
        raise ValueError(f"a datagram of {counted(len(packet))} cannot be fragmented, 2047 at most")
    plain_from = len(packet) - len(rest)
    saved = plain_from - len(headers)
    first_end = (max_octets - lowpan.FRAG1_OCTETS + saved) // 8 * 8
    room = (max_octets - lowpan.FRAGN_OCTETS) // 8 * 8
    if first_end < plain_from or room < 8:
        raise ValueError(f"{counted(max_octets)} a frame leave no room for the headers of this datagram")
    size, tag_octets = len(packet).to_bytes(2, "big"), tag.to_bytes(2, "big")
    pieces = [bytes((0xC0 | size[0], size[1])) + tag_octets + headers + packet[plain_from:first_end]]
    for offset in range(first_end, len(packet), room):
        lead = bytes((0xE0 | size[0], size[1])) + tag_octets + bytes((offset // 8,))
        pieces.append(lead + packet[offset : offset + room])
    return pieces


@attrs.define(slots=True)
class _Partial:
    """A datagram of which some octets have come; ``missing`` holds units of 8 octets."""

    started_ns: int
    data: bytearray
    missing: set[int]
    layers: tuple[str, ...] = ()
    mesh: lowpan.Mesh | None = None
    elided: tuple[Elided, ...] = ()
    routing: tuple[sixlorh.Header, ...] = ()
    unknown: Mapping[int, str] = MappingProxyType({})


@attrs.define(slots=True)
class Reassembler:
    """Collects fragments into datagrams.

    Time is that of the frames, so a stored capture is reassembled as it was on the air. A fragment that repeats octets
    already there is ignored (a retransmission whose acknowledgement was lost); one that contradicts them starts the
    datagram anew (RFC 4944, 5.3). At most ``limit`` datagrams are open; the oldest is dropped for a new one.
    """

    timeout_ns: int = TIMEOUT_NS
    limit: int = 64
    dropped: int = 0
    _open: OrderedDict[_Key, _Partial] = attrs.field(factory=OrderedDict, init=False)

    def add(self, piece: Fragment, src: bytes | None, dst: bytes | None, t_ns: int) -> Datagram | None:
        """The datagram that ``piece`` completes, else None.

        ``src`` and ``dst`` are the frame's link addresses (a mesh header's stand for them). Raises
        :class:`bench.air.errors.Malformed` where a fragment other than the last does not end on a multiple of 8, and
        for one that was damaged.
        """
        if piece.trouble:
            raise Malformed(piece.trouble)
        end = piece.offset + len(piece.data)
        if end != piece.size and end % 8:
            raise Malformed(f"6LoWPAN fragment: ends at {end} of {piece.size}, not on a multiple of 8")
        if piece.mesh is not None:
            src, dst = piece.mesh.originator, piece.mesh.final
        self._expire(t_ns)
        key = (src, dst, piece.size, piece.tag)
        partial = self._open.get(key)
        if partial is not None and self._contradicts(partial, piece):
            del self._open[key]
            self.dropped += 1
            partial = None
        if partial is None:
            partial = self._begin(key, piece.size, t_ns)
        partial.data[piece.offset : end] = piece.data
        partial.missing.difference_update(range(piece.offset // 8, (end + 7) // 8))
        if piece.offset == 0:
            partial.layers, partial.mesh = piece.layers, piece.mesh
            partial.elided, partial.routing, partial.unknown = piece.elided, piece.routing, piece.unknown
        if partial.missing:
            return None
        del self._open[key]
        packet = bytes(partial.data)
        if not partial.unknown:
            packet = fill_checksums(packet, partial.elided)
        return Datagram(packet, partial.layers, partial.mesh, partial.routing, unknown=partial.unknown)

    def _begin(self, key: _Key, size: int, t_ns: int) -> _Partial:
        if len(self._open) >= self.limit:
            self._open.popitem(last=False)
            self.dropped += 1
        partial = _Partial(t_ns, bytearray(size), set(range((size + 7) // 8)))
        self._open[key] = partial
        return partial

    def _expire(self, t_ns: int) -> None:
        while self._open:
            key, partial = next(iter(self._open.items()))
            if t_ns - partial.started_ns <= self.timeout_ns:
                return
            del self._open[key]
            self.dropped += 1

    @staticmethod
    def _contradicts(partial: _Partial, piece: Fragment) -> bool:
        """The piece gives other octets for a unit that is there already."""
        units = range(piece.offset // 8, (piece.offset + len(piece.data) + 7) // 8)
        for unit in units:
            there = partial.data[unit * 8 : unit * 8 + 8]
            start = unit * 8 - piece.offset
            if unit not in partial.missing and there != piece.data[start : start + 8]:
                return True
        return False
