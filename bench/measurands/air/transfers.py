"""Retransmissions and links: which attempts hand over one frame, and how well each link does.

A *transfer* is one unicast frame from one node to its neighbour with all its attempts: same sender, receiver, sequence
number, length and clear payload, each within `RETRY_WINDOW_NS` of the one before. An attempt of a secured frame has a
frame counter of its own (IEEE 802.15.4-2015 9.2.2; Wi-SUN FAN); the same counter again is the same transmission, heard
twice or replayed, and is no attempt.

An attempt *succeeded* when its acknowledgement was captured. It *failed* when the sender repeated it after no captured
acknowledgement, or gave up after several. Else it is *unclear*: the last word is either an acknowledgement that the
sniffer missed or none. A share is given over what is clear, so that a sniffer's gap never looks like a bad link.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

import attrs

from bench import statistics
from bench.measurands.air.acks import RETRY_WINDOW_NS
from bench.measurands.air.sighting import Datagram, Digest, Sighting


@attrs.frozen(slots=True)
class Share:
    """``part`` of ``whole``, with the exact (Clopper-Pearson) 95 % interval of the probability behind it; ``share``,
    ``low`` and ``high`` are None where there is nothing to count."""

    part: int
    whole: int

    @property
    def share(self) -> float | None:
        """The fraction."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper bound."""
        return statistics.interval(self.part, self.whole) if self.whole else None

    def __add__(self, other: Share) -> Share:
        return Share(self.part + other.part, self.whole + other.whole)


@attrs.frozen(slots=True)
class Transfer:
    """One frame on one link. ``acked``: by attempt, whether its acknowledgement was captured."""

    attempts: tuple[Sighting, ...]
    acked: tuple[bool, ...]

    @property
    def first(self) -> Sighting:
        """Its first attempt that was captured."""
        return self.attempts[0]

    @property
    def src(self) -> bytes | None:
        """EUI-64 of the sender."""
        return self.first.src

    @property
    def dst(self) -> bytes | None:
        """EUI-64 of the receiver."""
        return self.first.dst

    @property
    def retransmissions(self) -> int:
        """Attempts after the first."""
        return len(self.attempts) - 1

    @property
    def delivered(self) -> Sighting | None:
        """The first acknowledged attempt."""
        return next((attempt for attempt, acked in zip(self.attempts, self.acked, strict=True) if acked), None)

    @property
    def needless(self) -> int:
        """Attempts after an acknowledged one: the sender did not hear it, the receiver got a duplicate."""
        return len(self.attempts) - 1 - self.acked.index(True) if any(self.acked) else 0

    @property
    def datagram(self) -> Datagram | None:
        """What it carried, once the frame that completes it was read."""
        content = self.first.content
        return content if isinstance(content, Datagram) else None


def transfers(seen: Digest) -> tuple[Transfer, ...]:
    """All transfers of a capture whose frames ask for an acknowledgement, in order of their first attempt."""
    open_: dict[tuple[bytes, bytes, int], list[Sighting]] = {}
    done: list[list[Sighting]] = []
    for sighting in seen.sightings:
        if not sighting.asks or sighting.src is None or sighting.dst is None or sighting.seq is None:
            continue
        key = (sighting.src, sighting.dst, sighting.seq)
        attempts = open_.get(key)
        if attempts is None or not _repeats(sighting, attempts[-1]):
            attempts = open_[key] = []
            done.append(attempts)
        elif sighting.counter is not None and any(sighting.counter == earlier.counter for earlier in attempts):
            continue
        attempts.append(sighting)
    return tuple(Transfer(tuple(a), tuple(s.ordinal in seen.acked for s in a)) for a in done)


def _repeats(sighting: Sighting, last: Sighting) -> bool:
    """Whether it may be an attempt of the frame that ``last`` was one of."""
    if sighting.start_ns - last.start_ns >= RETRY_WINDOW_NS or sighting.octets != last.octets:
        return False
    return sighting.body == last.body or sighting.body is None or last.body is None


@attrs.frozen(slots=True)
class Link:
    """What one direction of a link did; the acknowledgement counts to the link it answers.

    ``clear``: share of attempts that succeeded, over those that succeeded or failed. ``unclear``: the other attempts.
    ``retransmissions`` counts attempts after the first, ``needless`` those of them after an acknowledgement.
    ``rsl_dbm``: median level at the receiver as its acknowledgements tell (RSL-IE), None where they do not;
    ``rssi_dbm``: median level of the sender at the sniffer.
    """

    src: bytes
    dst: bytes
    transfers: int
    attempts: int
    retransmissions: int
    needless: int
    clear: Share
    unclear: int
    rsl_dbm: float | None
    rssi_dbm: float | None

    @property
    def etx(self) -> float | None:
        """Expected transmissions of one frame (RFC 6551 4.3.2): the inverse of the clear share."""
        share = self.clear.share
        return 1 / share if share else None


def links(seen: Digest, found: Iterable[Transfer] | None = None) -> tuple[Link, ...]:
    """Every link that carried a transfer, in order of addresses."""
    grouped: dict[tuple[bytes, bytes], list[Transfer]] = {}
    for transfer in transfers(seen) if found is None else found:
        if transfer.src is not None and transfer.dst is not None:
            grouped.setdefault((transfer.src, transfer.dst), []).append(transfer)
    levels = _levels(seen)
    return tuple(_link(src, dst, group, seen, levels) for (src, dst), group in sorted(grouped.items()))


def _levels(seen: Digest) -> dict[tuple[bytes, bytes], list[int]]:
    """Levels that acknowledgements report, by link of the frame they answer."""
    levels: dict[tuple[bytes, bytes], list[int]] = {}
    for ack in seen.sightings:
        if ack.rsl_dbm is not None and ack.src is not None and ack.dst is not None:
            levels.setdefault((ack.dst, ack.src), []).append(ack.rsl_dbm)
    return levels


def _link(
    src: bytes, dst: bytes, group: Sequence[Transfer], seen: Digest, levels: dict[tuple[bytes, bytes], list[int]]
) -> Link:
    attempts = [attempt for transfer in group for attempt in transfer.attempts]
    succeeded = sum(any_acked for transfer in group for any_acked in transfer.acked)
    failed = sum(attempt.ordinal in seen.failed and attempt.ordinal not in seen.acked for attempt in attempts)
    heard = [attempt.rssi_dbm for attempt in attempts if attempt.rssi_dbm is not None]
    told = levels.get((src, dst))
    return Link(
        src=src,
        dst=dst,
        transfers=len(group),
        attempts=len(attempts),
        retransmissions=sum(transfer.retransmissions for transfer in group),
        needless=sum(transfer.needless for transfer in group),
        clear=Share(succeeded, succeeded + failed),
        unclear=len(attempts) - succeeded - failed,
        rsl_dbm=float(median(told)) if told else None,
        rssi_dbm=float(median(heard)) if heard else None,
    )
