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

from collections import defaultdict, deque
from collections.abc import Callable
from operator import itemgetter
from typing import Final, TypeAlias

import attrs

from bench.judge import statistics
from bench.measurands.air.sightings.acks import RETRY_WINDOW_NS
from bench.measurands.air.sightings.digest import Digest
from bench.measurands.air.sightings.passes import Measurand, run
from bench.measurands.air.sightings.samples import Samples
from bench.measurands.air.sightings.sighting import Datagram, Sighting

WAITING: Final = 256
"""Transfers kept back, whatever their age."""

_Key: TypeAlias = "tuple[bytes, bytes, int]"


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


class Transfers(Measurand):
    """Puts attempts together; what no attempt can join any more goes to each of ``takers``, in order of the first
    attempt. `WAITING` transfers wait in any case, so a stamp out of order does not break one."""

    def __init__(self, seen: Digest, *takers: Callable[[Transfer], None]) -> None:
        self._seen = seen
        self._takers = takers
        self._open: dict[_Key, list[Sighting]] = {}
        self._waiting: deque[tuple[_Key, list[Sighting]]] = deque()

    def see(self, sighting: Sighting) -> None:
        """Takes an attempt."""
        if not sighting.asks or sighting.src is None or sighting.dst is None or sighting.seq is None:
            return
        key = (sighting.src, sighting.dst, sighting.seq)
        attempts = self._open.get(key)
        if attempts is None or not _repeats(sighting, attempts[-1]):
            attempts = self._open[key] = [sighting]
            self._waiting.append((key, attempts))
            if len(self._waiting) > WAITING:
                self._release(sighting.start_ns)
        elif sighting.counter is None or all(sighting.counter != earlier.counter for earlier in attempts):
            attempts.append(sighting)

    def close(self) -> None:
        """Gives what is left."""
        self._open.clear()
        while self._waiting:
            self._give(self._waiting.popleft()[1])

    def _release(self, at_ns: int) -> None:
        while len(self._waiting) > WAITING:
            key, attempts = self._waiting[0]
            if self._open.get(key) is attempts:
                if at_ns - attempts[-1].start_ns < RETRY_WINDOW_NS:
                    return
                del self._open[key]
            self._waiting.popleft()
            self._give(attempts)

    def _give(self, attempts: list[Sighting]) -> None:
        transfer = Transfer(tuple(attempts), tuple(self._seen.acked(attempt) for attempt in attempts))
        for take in self._takers:
            take(transfer)


def transfers(seen: Digest) -> tuple[Transfer, ...]:
    """All transfers of a capture whose frames ask for an acknowledgement, in order of their first attempt."""
    found: list[Transfer] = []
    run(seen, Transfers(seen, found.append))
    return tuple(found)


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


def links(seen: Digest) -> tuple[Link, ...]:
    """Every link that carried a transfer, in order of addresses."""
    found = Links(seen)
    run(seen, found, Transfers(seen, found.take))
    return found.all()


@attrs.define(slots=True)
class _Count:
    """What is counted of a link; as in `Link`."""

    transfers: int = 0
    attempts: int = 0
    needless: int = 0
    succeeded: int = 0
    failed: int = 0
    rssi_dbm: Samples[float] = attrs.field(factory=lambda: Samples(float))


class Links(Measurand):
    """Counts what each link did."""

    def __init__(self, seen: Digest) -> None:
        self._seen = seen
        self._counts: dict[tuple[bytes, bytes], _Count] = defaultdict(_Count)
        self._rsl_dbm: dict[tuple[bytes, bytes], Samples[int]] = defaultdict(lambda: Samples(int))

    def see(self, ack: Sighting) -> None:
        """Takes the level that an acknowledgement reports, of the link of the frame that it answers."""
        if ack.rsl_dbm is not None and ack.src is not None and ack.dst is not None:
            self._rsl_dbm[ack.dst, ack.src].add(ack.rsl_dbm)

    def take(self, transfer: Transfer) -> None:
        """Takes a transfer."""
        if transfer.src is None or transfer.dst is None:
            return
        count = self._counts[transfer.src, transfer.dst]
        count.transfers += 1
        count.attempts += len(transfer.attempts)
        count.needless += transfer.needless
        count.succeeded += sum(transfer.acked)
        for attempt in transfer.attempts:
            count.failed += self._seen.gave_up(attempt)
            if attempt.rssi_dbm is not None:
                count.rssi_dbm.add(attempt.rssi_dbm)

    def all(self) -> tuple[Link, ...]:
        """The links that carried a transfer, in order of addresses."""
        return tuple(self._link(*ends, count) for ends, count in sorted(self._counts.items(), key=itemgetter(0)))

    def _link(self, src: bytes, dst: bytes, count: _Count) -> Link:
        told = self._rsl_dbm.get((src, dst))
        return Link(
            src=src,
            dst=dst,
            transfers=count.transfers,
            attempts=count.attempts,
            retransmissions=count.attempts - count.transfers,
            needless=count.needless,
            clear=Share(count.succeeded, count.succeeded + count.failed),
            unclear=count.attempts - count.succeeded - count.failed,
            rsl_dbm=float(told.median()) if told else None,
            rssi_dbm=float(count.rssi_dbm.median()) if count.rssi_dbm.n else None,
        )
