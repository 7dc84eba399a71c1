"""One datagram followed over its hops: when each node sent it, how often, and how long it kept it.

A datagram is known by what no hop changes: innermost source and final destination, protocol, payload with its checksum
(tunnels, source routes, hop limits and fragments do not matter). Each *transfer* of it (`transfers`; of its last
fragment) is a hop. Hops make a *passage*: one journey from the first hop seen to the last. The same hop again is a
duplicate (sent again with a new sequence number); a new start after `QUIET_NS`, or at the datagram's own source, is a
new passage (an application's repetition).

Latency of a hop: from the start of its first attempt (first fragment) to the end of the frame that completes it at the
receiver. Wait in a node: from there to the start of the first attempt onwards: queue, channel access and sleeping, not
air. In a merged stream (`merge`) both are differences on one clock; their uncertainty is that of the clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, groupby, pairwise
from typing import Final

import attrs

from bench.measurands.air.figures.hops import AddressBook
from bench.measurands.air.sightings.digest import Digest
from bench.measurands.air.sightings.expiry import Expiry
from bench.measurands.air.sightings.passes import run
from bench.measurands.air.sightings.sighting import Datagram
from bench.measurands.air.sniffers.airtime import Phy
from bench.measurands.air.sniffers.transfers import Transfer, Transfers
from bench.records import NS_PER_S

QUIET_NS: Final = 60 * NS_PER_S
"""No node keeps a datagram longer; the same octets after that are another datagram."""


@attrs.frozen(slots=True)
class Hop:
    """One hop of one datagram. ``first_ns``: start of its first attempt; ``arrived_ns``: end of the frame that brought
    it over (of the last attempt, where no acknowledgement was captured); ``attempts`` captured; ``frames``: their
    numbers; ``confirmed``: acknowledged."""

    src: bytes
    dst: bytes
    first_ns: int
    arrived_ns: int
    attempts: int
    frames: tuple[int, ...]
    confirmed: bool

    @property
    def latency_ns(self) -> int:
        """From first attempt to arrival."""
        return self.arrived_ns - self.first_ns


@attrs.frozen(slots=True)
class Passage:
    """One journey of a datagram; ``number`` in order of their first hops. ``complete``: it began at its source and
    ended at its destination, as far as both are nodes here, and every hop between was captured. ``duplicates``: hops
    sent again."""

    number: int
    src_address: bytes
    dst_address: bytes
    hops: tuple[Hop, ...]
    duplicates: int
    complete: bool

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """The nodes it passed, in order, as far as they were seen."""
        ends = [node for hop in self.hops for node in (hop.src, hop.dst)]
        return tuple(node for node, _ in groupby(ends))

    @property
    def looped(self) -> bool:
        """It came to a node twice."""
        return len(set(self.nodes)) < len(self.nodes)

    @property
    def waits_ns(self) -> tuple[tuple[bytes, int], ...]:
        """By forwarding node: how long it kept the datagram."""
        pairs = zip(self.hops, self.hops[1:], strict=False)
        return tuple(
            (after.src, after.first_ns - before.arrived_ns) for before, after in pairs if before.dst == after.src
        )

    @property
    def total_ns(self) -> int:
        """From its first attempt to its arrival at the last node."""
        return self.hops[-1].arrived_ns - self.hops[0].first_ns


def passages(seen: Digest, book: AddressBook, radio: Phy) -> tuple[Passage, ...]:
    """Every unicast datagram that is no neighbour's own affair, in order of its first hop."""
    found: list[Passage] = []
    journeys = Journeys(book, radio, found.append)
    run(seen, Transfers(seen, journeys.take))
    journeys.close()
    return tuple(sorted(found, key=lambda passage: passage.number))


class Journeys:
    """Follows datagrams over their transfers; each passage that is over goes to ``give``."""

    def __init__(self, book: AddressBook, radio: Phy, give: Callable[[Passage], None]) -> None:
        self._book = book
        self._radio = radio
        self._give = give
        self._open: dict[int, _Journey] = {}
        self._expiry: Expiry[int, _Journey] = Expiry()
        self._numbers = count()

    def take(self, transfer: Transfer) -> None:
        """The next transfer."""
        datagram = _datagram(transfer)
        if datagram is None or datagram.local or datagram.multicast:
            return
        hop = _hop(transfer, datagram, self._radio)
        journey = self._open.get(datagram.identity)
        if journey is None or journey.over(hop, self._book.eui64(datagram.src)):
            if journey is not None:
                self._give(journey.passage(self._book))
            journey = self._open[datagram.identity] = _Journey(datagram, next(self._numbers), [hop])
            for done in self._expiry.sweep(self._open, lambda other: other.still(hop.first_ns)):
                self._give(done.passage(self._book))
        else:
            journey.take(hop)

    def close(self) -> None:
        """There are no more transfers."""
        for journey in self._open.values():
            self._give(journey.passage(self._book))


def _datagram(transfer: Transfer) -> Datagram | None:
    """What the transfer completes; of several attempts any that was read tells."""
    contents = (attempt.content for attempt in transfer.attempts)
    return next((content for content in contents if isinstance(content, Datagram)), None)


def _hop(transfer: Transfer, datagram: Datagram, radio: Phy) -> Hop:
    arrival = transfer.delivered or transfer.attempts[-1]
    return Hop(
        src=transfer.src or b"",
        dst=transfer.dst or b"",
        first_ns=min(datagram.first_ns, transfer.first.start_ns),
        arrived_ns=radio.end_ns(arrival),
        attempts=len(transfer.attempts),
        frames=tuple(attempt.number for attempt in transfer.attempts),
        confirmed=transfer.delivered is not None,
    )


@attrs.define(slots=True)
class _Journey:
    """A passage under way."""

    datagram: Datagram
    number: int
    hops: list[Hop]
    duplicates: int = 0

    def still(self, at_ns: int) -> bool:
        """Whether no hop can come any more, that of fragments on their way included."""
        return at_ns - self.hops[-1].arrived_ns > 2 * QUIET_NS

    def over(self, hop: Hop, source: bytes | None) -> bool:
        """Whether ``hop`` begins a journey of its own."""
        if hop.first_ns - self.hops[-1].arrived_ns > QUIET_NS:
            return True
        return hop.src == source and self.hops[0].src == source and hop.src != self.hops[-1].dst and len(self.hops) > 1

    def take(self, hop: Hop) -> None:
        if any((hop.src, hop.dst) == (other.src, other.dst) for other in self.hops[-2:]):
            self.duplicates += 1
        else:
            self.hops.append(hop)

    def passage(self, book: AddressBook) -> Passage:
        begins = _stands_at(self.hops[0].src, self.datagram.src, book)
        ends = _stands_at(self.hops[-1].dst, self.datagram.dst, book)
        return Passage(
            self.number,
            self.datagram.src,
            self.datagram.dst,
            tuple(self.hops),
            self.duplicates,
            begins and ends and _unbroken(self.hops),
        )


def _unbroken(hops: Sequence[Hop]) -> bool:
    return all(before.dst == after.src for before, after in pairwise(hops))


def _stands_at(node: bytes, address: bytes, book: AddressBook) -> bool:
    """Hosts outside the mesh stand at the border router."""
    owner = book.eui64(address)
    return node == owner or (owner is None and node in book.border_routers)
