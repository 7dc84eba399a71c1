"""IPv6 fragments (RFC 8200, 4.5): datagrams beyond the mesh's MTU, cut by their sender and put together again.

One capture hears a forwarded fragment once a hop, so reassembly is kept per hop: link addresses, IPv6 addresses and
identification. Fragments that repeat octets alike are retransmissions; ones that contradict end the datagram.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from typing import Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import FragmentHeader
from bench.air.ip.packet import Packet
from bench.air.octets import counted

TIMEOUT_NS: Final = 60_000_000_000
"""RFC 8200, 4.5: what is not whole 60 s after its first fragment is given up."""
FRAGMENT_HEADER_OCTETS: Final = 8
_NEXT_HEADER_AT: Final = 6
LARGEST: Final = 0xFFFF
"""Octets that the fragments of one datagram may hold."""

Hop: TypeAlias = "tuple[bytes | None, bytes | None]"
_Key: TypeAlias = "tuple[Hop, bytes, bytes, int]"


def fragment_of(packet: Packet) -> FragmentHeader | None:
    """The fragment header of an innermost packet that is a piece of a datagram; None for a whole one."""
    last = packet.headers[-1] if packet.headers else None
    return last if isinstance(last, FragmentHeader) and (last.offset or last.more) else None


def split(packet: Packet, mtu: int, identification: int) -> list[Packet]:
    """The packet as it leaves over links of an MTU in octets: itself, or its fragments. It has no extension headers."""
    octets = ipv6.build(packet)
    if len(octets) <= mtu:
        return [packet]
    body, protocol = octets[ipv6.HEADER_OCTETS :], octets[_NEXT_HEADER_AT]
    room = (mtu - ipv6.HEADER_OCTETS - FRAGMENT_HEADER_OCTETS) // 8 * 8
    return [
        attrs.evolve(
            packet,
            upper=body[at : at + room],
            headers=(FragmentHeader(identification, at, at + room < len(body)),),
            next_header=protocol,
        )
        for at in range(0, len(body), room)
    ]


@attrs.define(slots=True)
class _Partial:
    """A datagram of which some pieces have come: octets by offset, those offsets rising, how many octets there are, and
    the first piece's packet."""

    started_ns: int
    pieces: dict[int, bytes] = attrs.field(factory=dict)
    offsets: list[int] = attrs.field(factory=list)
    held: int = 0
    first: Packet | None = None
    size: int | None = None


@attrs.define(slots=True)
class Reassembler:
    """Collects fragments into packets by the frames' time; at most ``limit`` are open, the oldest goes first."""

    timeout_ns: int = TIMEOUT_NS
    limit: int = 64
    dropped: int = 0
    _open: OrderedDict[_Key, _Partial] = attrs.field(factory=OrderedDict, init=False)

    def add(self, packet: Packet, hop: Hop, t_ns: int) -> Packet | None:
        """The whole packet that ``packet``, a fragment (perhaps in tunnels), completes; its tunnels stay around it.

        Raises `Malformed` for a fragment that cannot be part of a datagram, or a datagram that is no packet.
        """
        inner = ipv6.innermost(packet)
        header = fragment_of(inner)
        if header is None:
            raise ValueError("not a fragment")
        end = header.offset + len(inner.payload)
        if end > LARGEST or (header.more and end % 8) or not inner.payload:
            raise Malformed(f"IPv6 fragment: {counted(len(inner.payload))} at {header.offset}")
        self._expire(t_ns)
        key = (hop, inner.src, inner.dst, header.identification)
        partial = self._open.get(key) or self._begin(key, t_ns)
        try:
            _put(partial, inner, header, end)
        except Malformed:
            self._drop(key)
            raise
        body = _joined(partial)
        if body is None or partial.first is None:
            return None
        del self._open[key]
        first = partial.first
        octets = ipv6.build(attrs.evolve(first, headers=first.headers[:-1], upper=body))
        return _within(packet, ipv6.parse(octets))

    def _begin(self, key: _Key, t_ns: int) -> _Partial:
        if len(self._open) >= self.limit:
            self._drop(next(iter(self._open)))
        self._open[key] = _Partial(t_ns)
        return self._open[key]

    def _drop(self, key: _Key) -> None:
        del self._open[key]
        self.dropped += 1

    def _expire(self, t_ns: int) -> None:
        while self._open:
            key, partial = next(iter(self._open.items()))
            if t_ns - partial.started_ns <= self.timeout_ns:
                return
            self._drop(key)


def _put(partial: _Partial, inner: Packet, header: FragmentHeader, end: int) -> None:
    """Note one piece. Raises `Malformed` where it overlaps or contradicts what is there (RFC 5722).

    It is compared with its neighbours only: a datagram may come in 8192 pieces, and each costs as much as the first."""
    there = partial.pieces.get(header.offset)
    if there is not None:
        if there != inner.payload:
            raise Malformed("IPv6 fragment: other octets than before at the same place")
        return
    offsets = partial.offsets
    at = bisect_left(offsets, header.offset)
    before = offsets[at - 1] + len(partial.pieces[offsets[at - 1]]) if at else 0
    if before > header.offset or (at < len(offsets) and offsets[at] < end):
        raise Malformed("IPv6 fragment: overlaps another one")
    size = end if not header.more else partial.size
    reach = offsets[-1] + len(partial.pieces[offsets[-1]]) if offsets else 0
    if size is not None and (max(reach, end) > size or partial.size not in (None, size)):
        raise Malformed("IPv6 fragment: beyond the end of its datagram")
    partial.size = size
    partial.pieces[header.offset] = inner.payload
    partial.held += len(inner.payload)
    offsets.insert(at, header.offset)
    if header.offset == 0:
        partial.first = inner


def _joined(partial: _Partial) -> bytes | None:
    """The datagram's octets, None while some are missing."""
    if partial.size is None or partial.held < partial.size:
        return None
    return b"".join(partial.pieces[offset] for offset in partial.offsets)


def _within(packet: Packet, inner: Packet) -> Packet:
    """``packet`` with its innermost one exchanged."""
    tunnels = [layer for layer in ipv6.chain(packet) if isinstance(layer.upper, Packet)]
    for tunnel in reversed(tunnels):
        inner = attrs.evolve(tunnel, upper=inner)
    return inner
