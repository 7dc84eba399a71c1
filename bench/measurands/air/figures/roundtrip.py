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
then not in the figure. One capture cannot tell a clock that drifts from a longer wait (50 ppm are 15 ms after 5
minutes): `wait_ns` is that part of the figure, `air_ns` the figure without it, which stands on one clock alone. A
capture that holds no request as it left its source cannot compare the clocks: no round trip without a request. Hosts
outside the mesh stand at the border router.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import Final, NamedTuple

import attrs

from bench.air.frame.decoder import Frame
from bench.measurands.air.figures.hops import Routes, routes
from bench.measurands.air.sightings.digest import Digest, digest
from bench.measurands.air.sightings.expiry import Expiry
from bench.measurands.air.sightings.passes import Measurand, run
from bench.measurands.air.sightings.samples import Samples
from bench.measurands.air.sightings.sighting import Datagram, Echo, Sighting
from bench.measurands.air.sniffers.airtime import Phy, phy_of
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
    """One echo request and its answers. ``number``: in the order they were begun; ``first``: the start of its first
    transmission; ``links``: the hops that carried it; ``arrivals``: by answering address, when its answer was at the
    source; ``answered_by``: also those that were seen only on the way."""

    key: EchoKey
    number: int
    first: int | None = None
    last: int = 0
    from_source: bool = False
    links: set[tuple[bytes, bytes]] = attrs.field(factory=set)
    arrivals: dict[bytes, int] = attrs.field(factory=dict)
    answered_by: set[bytes] = attrs.field(factory=set)


@attrs.frozen(slots=True)
class RoundTrips:
    """One series. Addresses are EUI-64s, None for a node that is not known; the IPv6 addresses stand beside them.

    ``rtt_ns``: one per answered request, in their order; ``air_ns``: the same from the first transmission,
    without the wait before it; ``wait_ns``: those waits, where ``rtt_ns`` counts them, with whatever the two clocks
    differ by. ``clock``: "host", "host, shifted" or "air".
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
    rtt_ns: array[int]
    air_ns: array[int]
    wait_ns: array[int]
    clock: str


def round_trips(frames: Iterable[Frame]) -> tuple[RoundTrips, ...]:
    """All echo series of a capture, in order of their first request."""
    seen = digest(frames)
    return round_trips_of(seen, routes(seen), phy_of(seen))


def round_trips_of(seen: Digest, found: Routes, radio: Phy) -> tuple[RoundTrips, ...]:
    """The same from a digest."""
    echoes = Echoes(seen, found, radio)
    run(seen, echoes)
    return echoes.all()


class Echoes(Measurand):
    """Sorts the echo frames of a capture by exchange, and the exchanges that are over by series."""

    def __init__(self, seen: Digest, found: Routes, radio: Phy) -> None:
        self._seen = seen
        self._found = found
        self._book = found.book
        self._radio = radio
        self._open: dict[EchoKey, Exchange] = {}
        self._expiry: Expiry[EchoKey, Exchange] = Expiry()
        self._groups: dict[tuple[bytes, int, int], bytes] = {}
        self._addressed: set[bytes] = set()
        self._waits_ns: dict[bytes, int] = {}
        self._series: dict[tuple[bytes, bytes, int, int], _Series] = {}
        self._numbers = count()

    def prepare(self, sighting: Sighting) -> None:
        """Answers come from one node each; which run asked a group is known from any of its requests."""
        if sighting.dst is not None and not sighting.is_ack:
            self._addressed.add(sighting.dst)
        datagram = sighting.content
        if isinstance(datagram, Datagram) and isinstance(datagram.message, Echo):
            echo = datagram.message
            if echo.request and datagram.multicast:
                self._groups[datagram.src, echo.identifier, echo.octets] = datagram.dst

    def see(self, sighting: Sighting) -> None:
        """Takes a frame of an echo."""
        datagram = sighting.content
        if isinstance(datagram, Datagram) and isinstance(datagram.message, Echo):
            (self._request if datagram.message.request else self._answer)(sighting, datagram, datagram.message)

    def close(self) -> None:
        """There are no more."""
        for exchange in self._open.values():
            self._end(exchange)

    def all(self) -> tuple[RoundTrips, ...]:
        """All series, in order of their first request."""
        shifts = {src: 0 if -EARLY_NS <= wait <= QUEUE_NS else wait for src, wait in self._waits_ns.items()}
        series = self._series.values()
        made = (one.trips(shifts.get(one.key.src), self._found, self._addressed) for one in series)
        return tuple(sorted(made, key=lambda trips: trips.first_ns))

    def _request(self, sighting: Sighting, datagram: Datagram, echo: Echo) -> None:
        exchange = self._exchange(datagram.src, datagram.dst, echo, datagram.first_ns)
        if exchange.first is None:
            exchange.first = datagram.first_ns
            exchange.from_source = self._stands_at(sighting.src, datagram.src)
        if sighting.src is not None and sighting.dst is not None:
            exchange.links.add((sighting.src, sighting.dst))

    def _answer(self, sighting: Sighting, datagram: Datagram, echo: Echo) -> None:
        target = self._groups.get((datagram.dst, echo.identifier, echo.octets), datagram.src)
        exchange = self._exchange(datagram.dst, target, echo, datagram.first_ns)
        exchange.answered_by.add(datagram.src)
        if self._stands_at(sighting.dst, datagram.dst) and self._seen.arrived(sighting):
            exchange.arrivals.setdefault(datagram.src, self._radio.end_ns(sighting))

    def _exchange(self, src: bytes, dst: bytes, echo: Echo, at_ns: int) -> Exchange:
        key = EchoKey(src, dst, echo.identifier, echo.octets, echo.sequence, echo.host_ns)
        exchange = self._open.get(key)
        if exchange is None or at_ns - exchange.last > SAME_ECHO_NS:
            if exchange is not None:
                self._end(exchange)
            exchange = self._open[key] = Exchange(key, next(self._numbers), last=at_ns)
            for done in self._expiry.sweep(self._open, lambda other: at_ns - other.last > 2 * SAME_ECHO_NS):
                self._end(done)
        exchange.last = at_ns
        return exchange

    def _end(self, exchange: Exchange) -> None:
        key = exchange.key
        series = self._series.get(key[:4])
        if series is None:
            series = self._series[key[:4]] = _Series(key)
        series.take(exchange, self._found)
        if key.host_ns is not None and exchange.first is not None and exchange.from_source:
            wait = exchange.first - key.host_ns
            self._waits_ns[key.src] = min(wait, self._waits_ns.get(key.src, wait))

    def _stands_at(self, node: bytes | None, address: bytes) -> bool:
        """Whether a frame of (to) ``node`` leaves (reaches) the owner of ``address``; hosts outside the mesh stand at
        the border router."""
        owner = self._book.eui64(address)
        return node is not None and (node == owner or (owner is None and node in self._book.border_routers))


class _Series:
    """What is kept of the exchanges of one series: counts, and three numbers for each that was answered."""

    def __init__(self, key: EchoKey) -> None:
        self.key = key
        self._first: int | None = None
        self._sent = self._answered = self._on_the_way = 0
        self._on_host = True
        self._by: Counter[bytes] = Counter()
        self._lengths: Samples[int] = Samples(int)
        self._numbers, self._since_host = array("q"), array("q")
        self._aired, self._since_first, self._waited = array("q"), array("q"), array("q")

    def take(self, exchange: Exchange, found: Routes) -> None:
        """An exchange that is over."""
        key = exchange.key
        began = exchange.first if exchange.first is not None else exchange.last
        self._first = began if self._first is None else min(self._first, began)
        self._sent += 1
        self._on_host = self._on_host and key.host_ns is not None
        ends = _ends(key, found)
        if ends is not None and (length := _chain(exchange.links, *ends)) is not None:
            self._lengths.add(length)
        if not exchange.arrivals:
            self._on_the_way += bool(exchange.answered_by)
            return
        self._answered += 1
        self._by.update(exchange.arrivals.keys())
        arrived = min(exchange.arrivals.values())
        self._numbers.append(exchange.number)
        self._since_host.append(arrived - (key.host_ns or 0))
        if exchange.first is not None:
            self._aired.append(exchange.number)
            self._since_first.append(arrived - exchange.first)
            self._waited.append(exchange.first - (key.host_ns or 0))

    def trips(self, shift: int | None, found: Routes, addressed: set[bytes]) -> RoundTrips:
        """The series. ``shift``: what to add to the host's time to get the capture's, where it is known."""
        key, first = self.key, self._first or 0
        source = found.book.eui64(key.src) or _only(found.book.border_routers)
        on_host = shift is not None and self._on_host
        air = _in_order(self._aired, self._since_first)
        return RoundTrips(
            src=source,
            dst=found.book.eui64(key.dst),
            src_address=key.src,
            dst_address=key.dst,
            identifier=key.identifier,
            octets=key.octets,
            first_ns=first,
            hops=self._hops(found, first),
            sent=self._sent,
            answered=self._answered if self._answered or source in addressed else None,
            answers=sum(self._by.values()),
            seen_on_the_way=self._on_the_way,
            by=tuple(sorted(self._by.items())),
            rtt_ns=_in_order(self._numbers, self._since_host, shift or 0) if on_host else air,
            air_ns=air,
            wait_ns=_in_order(self._aired, self._waited, shift or 0) if on_host else array("q"),
            clock=("host" if shift == 0 else "host, shifted") if on_host else "air",
        )

    def _hops(self, found: Routes, at_ns: int) -> int | None:
        """Radio links of the way there: as the requests took it, where their links make a chain from end to end; else
        by the tree (non-storing mode: up to the border router and down again, unless one is above the other)."""
        source = found.book.eui64(self.key.src) or _only(found.book.border_routers)
        if self.key.dst[0] == 0xFF or source is None:
            return None
        target = found.book.eui64(self.key.dst)
        if target is None:
            return found.depth(source, at_ns)
        if self._lengths.n:
            return round(self._lengths.median())
        up, down = found.path(source, at_ns), found.path(target, at_ns)
        if up is None or down is None:
            return None
        if target in up:
            return up.index(target)
        if source in down:
            return down.index(source)
        return len(up) - 1 + len(down) - 1


def _in_order(numbers: array[int], values: array[int], less: int = 0) -> array[int]:
    """Values in order of their numbers, each ``less`` by so much."""
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    return array("q", (values[at] - less for at in order))


def _ends(key: EchoKey, found: Routes) -> tuple[bytes, bytes] | None:
    """The nodes at both ends, where both are known."""
    source = found.book.eui64(key.src) or _only(found.book.border_routers)
    target = found.book.eui64(key.dst)
    return None if source is None or target is None else (source, target)


def _only(nodes: set[bytes]) -> bytes | None:
    """The border router, where there is one."""
    return next(iter(nodes)) if len(nodes) == 1 else None


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
