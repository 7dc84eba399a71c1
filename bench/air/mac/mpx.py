"""MPX IE of IEEE 802.15.9: what carries 6LoWPAN and EAPOL inside a payload IE, both ways, and its fragments.

A transaction id (5 bits) is told apart by sender and addressee; fragments are numbered from 0 and come in order, since
each is acknowledged before the next is sent. The time after which an open one is forgotten is 6LoWPAN's.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum
from typing import Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.mac.ies import MPX_GROUP, Ie
from bench.air.octets import Reader, counted

KMP: Final = 0x0001
"""Multiplex id of the key management protocols; the body's first octet is the `KmpId`."""
WISUN: Final = 0x0002
LOWPAN: Final = 0xA0ED


class KmpId(IntEnum):
    """Key management protocol, IEEE 802.15.9 table 20."""

    IEEE_802_1X = 1
    FOUR_WAY = 6
    GROUP_KEY = 7


class Transfer(IntEnum):
    """Transfer type of the transaction control octet."""

    FULL = 0
    FULL_COMPRESSED = 1
    FRAGMENT = 2
    LAST_FRAGMENT = 4
    ABORT = 6


@frozen
class Mpx:
    """One MPX element. ``multiplex_id`` is None in fragments but the first, whose ``total`` is the whole's length."""

    multiplex_id: int | None
    body: bytes
    transfer: int = Transfer.FULL
    transaction: int = 0
    fragment: int | None = None
    total: int | None = None


def decode_mpx(content: bytes) -> Mpx:
    """The MPX element of a payload IE's content. Raises `Malformed`."""
    reader = Reader(content, "MPX-IE")
    control = reader.u8()
    transfer, transaction = control & 7, control >> 3
    if transfer == Transfer.FULL:
        return Mpx(reader.le(), reader.rest(), transfer, transaction)
    if transfer == Transfer.FULL_COMPRESSED:
        return Mpx(transaction, reader.rest(), transfer, transaction)
    if transfer in (Transfer.FRAGMENT, Transfer.LAST_FRAGMENT):
        number = reader.u8()
        first = number == 0 and transfer == Transfer.FRAGMENT
        total, multiplex_id = (reader.le(), reader.le()) if first else (None, None)
        return Mpx(multiplex_id, reader.rest(), transfer, transaction, number, total)
    if transfer == Transfer.ABORT:
        return Mpx(None, reader.rest(), transfer, transaction)
    raise Malformed(f"MPX-IE: transfer type {transfer} is reserved")


_Key: TypeAlias = "tuple[bytes | None, bytes | None, int]"


@attrs.define(slots=True)
class _Open:
    """A transfer whose last fragment has not come."""

    started_ns: int
    multiplex_id: int
    total: int
    bodies: list[bytes]


class MpxReassembler:
    """Collects fragments into whole elements. Time is the capture's; at most ``limit`` transfers are open, the oldest
    is dropped for a new one. A fragment sent again is ignored; ``dropped`` counts transfers that did not end."""

    def __init__(self, timeout_ns: int = 60_000_000_000, limit: int = 64) -> None:
        self.dropped = 0
        self._timeout_ns = timeout_ns
        self._limit = limit
        self._open: OrderedDict[_Key, _Open] = OrderedDict()

    def add(self, mpx: Mpx, src: bytes | None, dst: bytes | None, t_ns: int) -> Mpx | None:
        """The whole element (transfer type FULL) that ``mpx`` is or completes, else None.

        Raises `Malformed` for a fragment that does not follow those before it, or a sum that is not the length
        announced; that transfer is then forgotten."""
        if mpx.transfer in (Transfer.FULL, Transfer.FULL_COMPRESSED):
            return mpx
        self._expire(t_ns)
        key = (src, dst, mpx.transaction)
        if mpx.transfer == Transfer.ABORT:
            self.dropped += self._open.pop(key, None) is not None
            return None
        if mpx.multiplex_id is not None and mpx.total is not None:
            self._begin(key, _Open(t_ns, mpx.multiplex_id, mpx.total, [mpx.body]))
            return None
        begun = self._open.get(key)
        if begun is None:
            raise Malformed(f"MPX fragment {mpx.fragment} of a transfer whose begin was not heard")
        if mpx.fragment == len(begun.bodies) - 1 and mpx.body == begun.bodies[-1]:
            return None
        if mpx.fragment != len(begun.bodies):
            raise self._lost(key, f"MPX fragment {mpx.fragment}, expected {len(begun.bodies)}")
        begun.bodies.append(mpx.body)
        length = sum(map(len, begun.bodies))
        if mpx.transfer == Transfer.FRAGMENT and length < begun.total:
            return None
        if mpx.transfer == Transfer.FRAGMENT or length != begun.total:
            raise self._lost(key, f"MPX fragments sum to {counted(length)}, {begun.total} announced")
        del self._open[key]
        return Mpx(begun.multiplex_id, b"".join(begun.bodies), Transfer.FULL, mpx.transaction)

    def _begin(self, key: _Key, begun: _Open) -> None:
        known = self._open.pop(key, None)
        if known is not None and known.bodies == begun.bodies:
            begun = known  # the first one, sent again
        elif known is not None:
            self.dropped += 1
        if len(self._open) >= self._limit:
            self._open.popitem(last=False)
            self.dropped += 1
        self._open[key] = begun

    def _lost(self, key: _Key, why: str) -> Malformed:
        del self._open[key]
        self.dropped += 1
        return Malformed(why)

    def _expire(self, t_ns: int) -> None:
        while self._open:
            key, oldest = next(iter(self._open.items()))
            if t_ns - oldest.started_ns <= self._timeout_ns:
                return
            del self._open[key]
            self.dropped += 1


def encode_mpx(mpx: Mpx) -> Ie:
    """The payload IE of one MPX element."""
    parts = [bytes((mpx.transfer | mpx.transaction << 3,))]
    if mpx.fragment is not None:
        parts.append(bytes((mpx.fragment,)))
    if mpx.total is not None:
        parts.append(mpx.total.to_bytes(2, "little"))
    if mpx.multiplex_id is not None and mpx.transfer != Transfer.FULL_COMPRESSED:
        parts.append(mpx.multiplex_id.to_bytes(2, "little"))
    return Ie(MPX_GROUP, b"".join((*parts, mpx.body)))
