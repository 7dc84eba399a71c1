"""Round trips of ICMPv6 echoes, as the air and the pinging host's own time stamp show them.

A datagram is known by its end points, identifier, sequence number and data length, so its attempts, hops, tunnels and
fragments count once. One series is one ping run: source, destination, identifier, octets of data.

* `sent`: requests seen, or implied by an answer to them. A request that never got to the air is not in a capture.
* `answered`: requests with an answer that reached the source: seen on the last hop to it, not given up there. For a
  group, requests with at least one answer; `answers` then counts them all, `by` per answering node. None where the
  capture holds no frame to the source at all: the sniffer does not hear that hop.
* round trip: from the request to the end of the last hop of its (first) answer. The common ping writes its sending time
  into the request; where that is on the capture's clock the request counts from there (so waiting for the radio counts,
  as it does for ping). Else it counts from the start of its first transmission.

The clocks are one where every request of a source starts at or after its time, the fastest within `QUEUE_NS`. If they
are not, the host's clock is shifted so that its fastest request has no delay; what all requests waited at least is
then not in the figure. A capture that holds no request as it left its source cannot compare the clocks: no round trip
without a request. Hosts outside the mesh stand at the border router.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Final, NamedTuple

import attrs

from bench.air.frame import Frame
from bench.measurands.air.airtime import Phy, phy_of
from bench.measurands.air.hops import AddressBook, Routes, routes
from bench.measurands.air.sighting import Datagram, Digest, Echo, Sighting, digest
from bench.records import NS_PER_S

QUEUE_NS: Final = NS_PER_S // 4
"""The least wait of a request between host and air is below this; a larger one is another clock."""
EARLY_NS: Final = 2_000_000
"""Stamps of sniffer and host may cross by so much on one clock."""
SAME_ECHO_NS: Final = 300 * NS_PER_S
"""An echo with equal numbers after this is another one (MPL repeats a datagram for up to 240 s)."""


class EchoKey(NamedTuple):
    """What one echo and its answers have in common. ``host_ns`` tells runs apart that use the same numbers."""

    src: bytes
    dst: bytes
    identifier: int
    octets: int
    sequence: int
    host_ns: int | None


@attrs.define(slots=True)
class Exchange:
    """One echo request and its answers. ``first``: the start of its first transmission; ``links``: the hops that
    carried it; ``arrivals``: by answering address, when its answer was at the source; ``answered_by``: also those that
    were seen only on the way."""

    key: EchoKey
    first: int | None = None
    last: int = 0
    from_source: bool = False
    links: set[tuple[bytes, bytes]] = attrs.field(factory=set)
    arrivals: dict[bytes, int] = attrs.field(factory=dict)
    answered_by: set[bytes] = attrs.field(factory=set)
    frames: list[int] = attrs.field(factory=list)


@attrs.frozen(slots=True)
class RoundTrips:
    """One series. Addresses are EUI-64s, None for a node that is not known; the IPv6 addresses stand beside them.

    ``rtt_ns``: one per answered request, in their order; ``air_ns``: the same from the first transmission,
    without the wait before it. ``clock``: "host", "host, shifted" or "air". ``frames``: numbers of its frames.
    """

    src: bytes | None
    dst: bytes | None
    src_address: bytes
    dst_address: bytes
    identifier: int
    octets: int
    first_ns: int
    hops: int | None
    sent: int
    answered: int | None
    answers: int
    seen_on_the_way: int
    by: tuple[tuple[bytes, int], ...]
    rtt_ns: tuple[int, ...]
    air_ns: tuple[int, ...]
    clock: str
    frames: tuple[int, ...]


def round_trips(frames: Iterable[Frame]) -> tuple[RoundTrips, ...]:
    """All echo series of a capture, in order of their first request."""
    seen = digest(frames)
    return round_trips_of(seen, routes(seen), phy_of(seen))


def round_trips_of(seen: Digest, found: Routes, radio: Phy) -> tuple[RoundTrips, ...]:
    """The same from a digest."""
    exchanges = _Collector(seen, found.book, radio).collect()
    clocks = _clocks(exchanges)
    addressed = {s.dst for s in seen.sightings if not s.is_ack and s.dst is not None}
    series: dict[tuple[bytes, bytes, int, int], list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        series[exchange.key[:4]].append(exchange)
    made = (_series(group, clocks, found, addressed) for group in series.values())
    return tuple(sorted(made, key=lambda trips: trips.first_ns))


class _Collector:
    """Sorts the echo frames of a capture by exchange."""

    def __init__(self, seen: Digest, book: AddressBook, radio: Phy) -> None:
        self._seen = seen
        self._book = book
        self._radio = radio
        self._open: dict[EchoKey, Exchange] = {}
        self._groups: dict[tuple[bytes, int, int], bytes] = {}
        self._done: list[Exchange] = []

    def collect(self) -> list[Exchange]:
        echoes = [
            (sighting, sighting.content, sighting.content.message)
            for sighting in self._seen.sightings
            if isinstance(sighting.content, Datagram) and isinstance(sighting.content.message, Echo)
        ]
        # Answers come from one node each; which run asked a group is known from any of its requests.
        for _, datagram, echo in echoes:
            if echo.request and datagram.multicast:
                self._groups[datagram.src, echo.identifier, echo.octets] = datagram.dst
        for sighting, datagram, echo in echoes:
            (self._request if echo.request else self._answer)(sighting, datagram, echo)
        return self._done

    def _request(self, sighting: Sighting, datagram: Datagram, echo: Echo) -> None:
        exchange = self._exchange(datagram.src, datagram.dst, echo, datagram.first_ns)
        exchange.frames.append(sighting.number)
        if exchange.first is None:
            exchange.first = datagram.first_ns
            exchange.from_source = self._stands_at(sighting.src, datagram.src)
        if sighting.src is not None and sighting.dst is not None:
            exchange.links.add((sighting.src, sighting.dst))

    def _answer(self, sighting: Sighting, datagram: Datagram, echo: Echo) -> None:
        target = self._groups.get((datagram.dst, echo.identifier, echo.octets), datagram.src)
        exchange = self._exchange(datagram.dst, target, echo, datagram.first_ns)
        exchange.frames.append(sighting.number)
        exchange.answered_by.add(datagram.src)
        if self._stands_at(sighting.dst, datagram.dst) and self._seen.arrived(sighting):
            exchange.arrivals.setdefault(datagram.src, self._radio.end_ns(sighting))

    def _exchange(self, src: bytes, dst: bytes, echo: Echo, at_ns: int) -> Exchange:
        key = EchoKey(src, dst, echo.identifier, echo.octets, echo.sequence, echo.host_ns)
        exchange = self._open.get(key)
        if exchange is None or at_ns - exchange.last > SAME_ECHO_NS:
            exchange = self._open[key] = Exchange(key)
            self._done.append(exchange)
        exchange.last = at_ns
        return exchange

    def _stands_at(self, node: bytes | None, address: bytes) -> bool:
        """Whether a frame of (to) ``node`` leaves (reaches) the owner of ``address``; hosts outside the mesh stand at
        the border router."""
        owner = self._book.eui64(address)
        return node is not None and (node == owner or (owner is None and node in self._book.border_routers))


def _clocks(exchanges: list[Exchange]) -> dict[bytes, int]:
    """By source address: what to add to the host's time to get the capture's; missing where no host time is known."""
    waits: dict[bytes, list[int]] = defaultdict(list)
    for exchange in exchanges:
        host_ns = exchange.key.host_ns
        if host_ns is not None and exchange.first is not None and exchange.from_source:
            waits[exchange.key.src].append(exchange.first - host_ns)
    return {src: 0 if -EARLY_NS <= min(found) <= QUEUE_NS else min(found) for src, found in waits.items()}


def _series(group: list[Exchange], clocks: dict[bytes, int], found: Routes, addressed: set[bytes]) -> RoundTrips:
    key = group[0].key
    source = found.book.eui64(key.src) or _only(found.book.border_routers)
    shift = clocks.get(key.src)
    on_host = shift is not None and all(exchange.key.host_ns is not None for exchange in group)
    by: Counter[bytes] = Counter(address for exchange in group for address in exchange.arrivals)
    answered = [exchange for exchange in group if exchange.arrivals]
    air = [min(e.arrivals.values()) - e.first for e in answered if e.first is not None]
    since_host = [min(e.arrivals.values()) - (e.key.host_ns or 0) - (shift or 0) for e in answered]
    first = min(exchange.first if exchange.first is not None else exchange.last for exchange in group)
    return RoundTrips(
        src=source,
        dst=found.book.eui64(key.dst) if key.dst[0] != 0xFF else None,
        src_address=key.src,
        dst_address=key.dst,
        identifier=key.identifier,
        octets=key.octets,
        first_ns=first,
        hops=_hops(group, found, first),
        sent=len(group),
        answered=len(answered) if answered or source in addressed else None,
        answers=sum(by.values()),
        seen_on_the_way=sum(bool(exchange.answered_by) and not exchange.arrivals for exchange in group),
        by=tuple(sorted(by.items())),
        rtt_ns=tuple(since_host if on_host else air),
        air_ns=tuple(air),
        clock=("host" if shift == 0 else "host, shifted") if on_host else "air",
        frames=tuple(number for exchange in group for number in exchange.frames),
    )


def _only(nodes: set[bytes]) -> bytes | None:
    """The border router, where there is one."""
    return next(iter(nodes)) if len(nodes) == 1 else None


def _hops(group: list[Exchange], found: Routes, at_ns: int) -> int | None:
    """Radio links of the way there: as the requests took it, where their links make a chain from end to end; else by
    the tree (non-storing mode: up to the border router and down again, unless one is above the other)."""
    key = group[0].key
    source = found.book.eui64(key.src) or _only(found.book.border_routers)
    if key.dst[0] == 0xFF or source is None:
        return None
    target = found.book.eui64(key.dst)
    if target is None:
        return found.depth(source, at_ns)
    lengths = [length for e in group if (length := _chain(e.links, source, target)) is not None]
    if lengths:
        return round(median(lengths))
    up, down = found.path(source, at_ns), found.path(target, at_ns)
    if up is None or down is None:
        return None
    if target in up:
        return up.index(target)
    if source in down:
        return down.index(source)
    return len(up) - 1 + len(down) - 1


def _chain(links: set[tuple[bytes, bytes]], source: bytes, target: bytes) -> int | None:
    """Fewest links from source to target."""
    reached, length = {source}, 0
    while target not in reached:
        further = {dst for src, dst in links if src in reached} - reached
        if not further:
            return None
        reached |= further
        length += 1
    return length
