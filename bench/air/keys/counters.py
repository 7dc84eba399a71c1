"""Frame counters of verified frames, per sender and key: what a receiver would refuse, and what no sender may do.

A receiver takes a secured frame only if its counter is above all that it took from that sender under that key (IEEE
802.15.4-2015, 9.2.4 and 9.4.3; Wi-SUN keeps one counter per GTK). A sniffer sees more: whether a refused frame is one
already heard (a copy or a replay), or another one under the same counter, which gives the cipher the same nonce twice.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from heapq import heappop, heappush
from typing import Final, Protocol

import attrs

REMEMBERED: Final = 256
"""Newest counters of a sender and key whose frames are remembered, to tell a replay from an old counter."""
SENDERS: Final = 4096
"""Senders and keys kept; the one not heard for longest is forgotten for a new one."""

_DIGEST_OCTETS: Final = 16
"""What a frame is known by."""


class Freshness(StrEnum):
    """What a verified frame's counter says, against those before it of the same sender and key."""

    FRESH = "fresh"
    """Above all before."""
    COPY = "copy"
    """The newest frame again, octet for octet: sent again by its MAC, or heard twice."""
    REPLAY = "replay"
    """A frame already heard, octet for octet, after newer ones."""
    REUSE = "reuse"
    """Other octets under a counter already used: one nonce for two texts, which gives both away."""
    OLD = "old"
    """Below the newest, and no frame with this counter is remembered: sent late, or the counter was set back."""


def with_words(info: str, freshness: Freshness | None) -> str:
    """A frame's line for people, with what is wrong with its counter."""
    if freshness not in (Freshness.REPLAY, Freshness.REUSE):
        return info
    return f"{info} [frame counter: {freshness}]" if info else f"frame counter: {freshness}"


class Judge(Protocol):
    """Whoever says where a verified frame's counter stands: `Counters`, or what a bulk decoder knows of a span."""

    def check(self, sender: bytes, key: bytes, counter: int, psdu: bytes) -> Freshness:
        """As `Counters.check`."""
        ...


@attrs.define(slots=True)
class _Sender:
    """``frames`` are digests by counter, ``smallest`` a heap of the same counters."""

    newest: int
    frames: dict[int, bytes] = attrs.Factory(dict)
    smallest: list[int] = attrs.Factory(list)


class Counters:
    """Keeps the counters of all senders. Only frames whose MIC is right may be given: anyone can write a number."""

    def __init__(self) -> None:
        from hashlib import blake2b  # takes as long to load as 2,000 frames in bulk, which needs no digest

        self._digest = blake2b
        self._senders: OrderedDict[tuple[bytes, bytes], _Sender] = OrderedDict()

    def check(self, sender: bytes, key: bytes, counter: int, psdu: bytes) -> Freshness:
        """Where this frame stands among those before it, which it then joins. ``sender`` is the nonce's EUI-64."""
        known = self._senders.get((sender, key))
        if known is None:
            if len(self._senders) >= SENDERS:
                self._senders.popitem(last=False)
            known = self._senders[sender, key] = _Sender(-1)
        self._senders.move_to_end((sender, key))
        before, digest = known.frames.get(counter), self._digest(psdu, digest_size=_DIGEST_OCTETS).digest()
        if counter > known.newest:
            known.newest = counter
            found = Freshness.FRESH
        elif before is None:
            found = Freshness.OLD
        elif before != digest:
            found = Freshness.REUSE
        else:
            found = Freshness.COPY if counter == known.newest else Freshness.REPLAY
        if before is None:
            known.frames[counter] = digest
            heappush(known.smallest, counter)
            if len(known.frames) > REMEMBERED:
                del known.frames[heappop(known.smallest)]
        return found
