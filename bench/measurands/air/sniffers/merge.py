"""Several sniffers made one stream: each transmission once, with all its hearings, on one clock.

The same frame heard twice has the same PSDU octets at the same time. Time is compared on the reference clock, and how
close it must be depends on what the octets are: those of a secured frame, whose counter makes them unique, are one
transmission within a second; those that may occur again (acknowledgements of three octets, a frame repeated without
security, copies of an advertisement on every channel) only within `NEAR_NS` or what the clocks scatter. A sniffer
hears a transmission once, and hearings on different channels are different transmissions. A hearing with a wrong FCS
joins the transmission that it can only be: same time, same length.

Stamps are normalised to the start of the frame where sniffers stamp different points (`clocks`), or where it is told.

Captures are read twice, so give what can be iterated again (a list), not an iterator.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from operator import itemgetter
from typing import Final

import attrs

from bench.air.capture.link import Record
from bench.air.frame.decoder import Decoder, Frame
from bench.air.keys.table import KeyTable
from bench.measurands.air.sightings.stamps import ONE_CLOCK_NS, start_ns
from bench.measurands.air.sniffers.clocks import FCS_OCTETS, Clock, Frames, Repeated, clocks, secured, whole
from bench.records import NS_PER_S

WIDE_NS: Final = NS_PER_S
"""Hearings of a secured frame are one transmission within this."""
NEAR_NS: Final = 300_000
"""Those of other frames within this, or six times what the clocks scatter: the shortest frame (5 octets at
250 kbit/s) is on the air for longer."""


@attrs.frozen(slots=True)
class Hearing:
    """One sniffer's record of a transmission; ``start_ns``: its start on the reference clock, by this sniffer."""

    sniffer: str
    record: Record
    start_ns: int


@attrs.frozen(slots=True)
class Transmission:
    """One frame on the air. ``hearings``: in the order that the sniffers were given in, never empty."""

    hearings: tuple[Hearing, ...]

    @property
    def best(self) -> Hearing:
        """The first hearing that is whole, else the first."""
        return next((hearing for hearing in self.hearings if whole(hearing.record)), self.hearings[0])

    @property
    def start_ns(self) -> int:
        """Its start on the reference clock, by the best hearing."""
        return self.best.start_ns

    @property
    def record(self) -> Record:
        """The best hearing's record, its stamps on the reference clock and ``time_ns`` at the start of the frame."""
        best = self.best
        start, end = best.record.start_ns, best.record.end_ns
        if start is None:
            return attrs.evolve(best.record, time_ns=best.start_ns, end_ns=None)
        # start and end may be on a clock of their own: what lies between them holds on any
        if end is not None and 0 <= end - start < ONE_CLOCK_NS:
            end = best.start_ns + end - start
        return attrs.evolve(best.record, time_ns=best.start_ns, start_ns=best.start_ns, end_ns=end)


@attrs.frozen(slots=True)
class Heard:
    """A decoded transmission. ``frame.number`` counts in the capture of ``transmission.best``."""

    frame: Frame
    transmission: Transmission


@attrs.frozen(slots=True)
class Air:
    """Several captures of one air, their clocks, and which octets occur again in one of them."""

    captures: Mapping[str, Iterable[Record]]
    clocks: Mapping[str, Clock]
    _repeated: Repeated = attrs.field(repr=False)

    @classmethod
    def of(cls, captures: Mapping[str, Iterable[Record]]) -> Air:
        """Reads all captures once, in order to fit their clocks against the first one's."""
        frames = [Frames.of(name, records) for name, records in captures.items()]
        return cls(captures, clocks(frames), Repeated.of(frames))

    def transmissions(self) -> Iterator[Transmission]:
        """Every transmission once, in order of its start. Reads all captures again; memory holds seconds of them."""
        streams = [self._hearings(name) for name in self.captures]
        hearings = heapq.merge(*streams, key=lambda hearing: hearing.start_ns)
        return _in_order(_Joiner(self, list(self.captures)).join(hearings))

    def heard(self, keys: KeyTable | None = None, contexts: Mapping[int, bytes] | None = None) -> Iterator[Heard]:
        """The same decoded, by one decoder: fragments that different sniffers caught make one datagram."""
        decoder = Decoder(keys, contexts)
        return (Heard(decoder.decode(sent.record), sent) for sent in self.transmissions())

    def frames(self, keys: KeyTable | None = None, contexts: Mapping[int, bytes] | None = None) -> Iterator[Frame]:
        """The frames alone: what all measurands of this room take."""
        return (heard.frame for heard in self.heard(keys, contexts))

    def near_ns(self, one: str, other: str) -> int:
        """How far the starts of one transmission may lie apart, where its octets do not tell it."""
        scatter = max(self.clocks[one].scatter_ns, self.clocks[other].scatter_ns)
        return max(NEAR_NS, round(6 * scatter))

    def unique(self, record: Record) -> bool:
        """Whether equal octets can only be the same transmission."""
        return secured(record) and record.data not in self._repeated

    def _hearings(self, name: str) -> Iterator[Hearing]:
        clock = self.clocks[name]
        # Where another sniffer stamps earlier points of frames than the reference does, the reference stamps ends.
        late = max(0.0, -min(c.octet_ns for c in self.clocks.values()))
        overhead = max(c.overhead_octets for c in self.clocks.values())
        for record in self.captures[name]:
            octets = len(record.data) + FCS_OCTETS
            at = clock.to_reference(start_ns(record), octets) - round(late * (octets + overhead))
            yield Hearing(name, record, at)


class _Joiner:
    """Puts hearings together that come in order of time, as nearly as captures are."""

    def __init__(self, air: Air, order: list[str]) -> None:
        self._air = air
        self._order = {name: index for index, name in enumerate(order)}
        self._open: dict[bytes, list[list[Hearing]]] = {}
        self._waiting: list[tuple[int, int, list[Hearing]]] = []
        self._numbers = count()

    def join(self, hearings: Iterable[Hearing]) -> Iterator[Transmission]:
        for hearing in hearings:
            yield from self._settle(hearing.start_ns - 2 * WIDE_NS)
            group = self._group(hearing)
            if group is not None:
                group.append(hearing)
                continue
            group = [hearing]
            self._open.setdefault(hearing.record.data, []).append(group)
            heapq.heappush(self._waiting, (hearing.start_ns, next(self._numbers), group))
        yield from self._settle(None)

    def _group(self, hearing: Hearing) -> list[Hearing] | None:
        """The transmission that a hearing belongs to, if it is open."""
        groups = self._open.get(hearing.record.data, ())
        fitting = [group for group in groups if self._fits(hearing, group)]
        if not fitting and not whole(hearing.record):
            groups = [group for _, _, group in self._waiting]
            fitting = [group for group in groups if self._only(hearing, group)]
        return min(fitting, key=lambda group: abs(group[0].start_ns - hearing.start_ns), default=None)

    def _fits(self, hearing: Hearing, group: list[Hearing]) -> bool:
        """Same octets, another sniffer, the same channel, close enough."""
        if not _together(hearing, group):
            return False
        apart = abs(hearing.start_ns - group[0].start_ns)
        if self._air.unique(hearing.record):
            return apart <= WIDE_NS
        return apart <= self._air.near_ns(hearing.sniffer, group[0].sniffer)

    def _only(self, hearing: Hearing, group: list[Hearing]) -> bool:
        """A damaged hearing: same length and time."""
        near = abs(hearing.start_ns - group[0].start_ns) <= self._air.near_ns(hearing.sniffer, group[0].sniffer)
        return near and len(hearing.record.data) == len(group[0].record.data) and _together(hearing, group)

    def _settle(self, before_ns: int | None) -> Iterator[Transmission]:
        """Transmissions that no hearing can join any more, in order."""
        done = []
        while self._waiting and (before_ns is None or self._waiting[0][0] < before_ns):
            start, _, group = heapq.heappop(self._waiting)
            groups = self._open[group[0].record.data]
            groups.remove(group)
            if not groups:
                del self._open[group[0].record.data]
            hearings = tuple(sorted(group, key=lambda hearing: self._order[hearing.sniffer]))
            done.append((start, Transmission(hearings)))
        yield from (transmission for _, transmission in sorted(done, key=itemgetter(0)))


def _in_order(found: Iterable[Transmission]) -> Iterator[Transmission]:
    """By the start that the best hearing tells, where ``found`` is in order of the first ones' starts."""
    waiting: list[tuple[int, int, Transmission]] = []
    for number, sent in enumerate(found):
        heapq.heappush(waiting, (sent.start_ns, number, sent))
        while waiting[0][0] < sent.start_ns - WIDE_NS:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _together(hearing: Hearing, group: list[Hearing]) -> bool:
    """Whether both can be hearings of one transmission: different sniffers, not different channels."""
    return all(
        hearing.sniffer != other.sniffer
        and (None in (hearing.record.channel, other.record.channel) or hearing.record.channel == other.record.channel)
        for other in group
    )


def merge(captures: Mapping[str, Iterable[Record]]) -> Iterator[Transmission]:
    """Every transmission of several captures once; see `Air` for the clocks and for decoded frames."""
    return Air.of(captures).transmissions()
