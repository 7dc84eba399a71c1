"""Capture coverage: the share of a node's transmissions that the capture holds, with an exact interval.

What the frames themselves tell of those that are missing:

* **Frame counters.** Every secured transmission takes the next counter of its sender and key, attempts and secured
  acknowledgements included. Counters between the first and the last one captured that are not there were missed.
* **Sequence numbers**, for a sender without counters: every new frame takes the next of 256, all its attempts the same.
  They count frames, not attempts.
* **Acknowledgements.** An acknowledgement of a frame that was not captured proves one miss of that frame's sender. The
  other way: a frame that asked, was not repeated, and whose sender is heard on, was acknowledged; where the capture
  holds no acknowledgement, it missed one. (A frame that its sender gave up after one attempt would count as missed.)

A node that was without power goes on behind a block of counters that it had reserved: a jump is no loss where the node
solicited a PAN in between, or where no node sends so much. It begins a new run.

First and last captured frame of a run of counters are what delimits it and count for nothing: only those between them
are trials, so the exact binomial interval holds for losses that are independent. Losses in bursts make it too narrow;
the figures by interval of time show them. Missed frames are put evenly between their captured neighbours. What a node
sent before its first and after its last captured frame is not known, nor what it sent without counter and number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import attrs

from bench.measurands.air.sightings.digest import Digest
from bench.measurands.air.sightings.passes import Measurand, run
from bench.measurands.air.sightings.sighting import Sighting
from bench.measurands.air.sniffers.numbering import Keys, Numbers, Tally
from bench.measurands.air.sniffers.transfers import Share, Transfer, Transfers
from bench.records import NS_PER_S

_SOLICITS: Final = frozenset(("PAS", "PCS", "LPAS", "LPCS"))
INTERVALS: Final = (60, 600, 3600, 6 * 3600, 24 * 3600)
"""Lengths (s) of the intervals of time; the first that gives no more than `MOST_INTERVALS` is taken."""
MOST_INTERVALS: Final = 24


@attrs.frozen(slots=True)
class Interval:
    """A part of time (Unix ns, the end not in it) and what was captured in it; ``share`` over all senders or one."""

    from_ns: int
    to_ns: int
    share: Share


@attrs.frozen(slots=True)
class SenderCoverage:
    """One sender. ``method``: "frame counter" or "sequence number"; ``captured`` and ``missed`` frames in all its runs
    (ends included); ``share`` over those between the ends; ``restarts``: runs after the first; ``doubtful``: gaps of
    more than half the sequence numbers, which may hide 256 frames more."""

    eui64: bytes
    method: str
    captured: int
    missed: int
    restarts: int
    doubtful: int
    share: Share
    intervals: tuple[Interval, ...]


@attrs.frozen(slots=True)
class Coverage:
    """A capture. ``share``: over all senders. ``acked_frames``: of frames that are known by a captured acknowledgement,
    those captured; ``acknowledgements``: of acknowledgements that must have been sent, those captured."""

    senders: tuple[SenderCoverage, ...]
    share: Share
    intervals: tuple[Interval, ...]
    acked_frames: Share
    acked_frames_by_sender: dict[bytes, Share]
    acknowledgements: Share
    interval_ns: int


def coverage(seen: Digest, interval_ns: int | None = None) -> Coverage:
    """The coverage of a capture; ``interval_ns``: the parts of time, from its first frame on (None: chosen by span)."""
    counting = Counting(seen, interval_ns)
    run(seen, counting, Transfers(seen, counting.take))
    return counting.coverage()


class Counting(Measurand):
    """Counts what was captured and what was missed."""

    def __init__(self, seen: Digest, interval_ns: int | None = None) -> None:
        self._seen = seen
        self._interval_ns = interval_ns
        self._span: tuple[int, int] | None = None
        self._asked_last: dict[bytes, int] = {}
        self._counters: dict[bytes, Keys] = {}
        self._numbers: dict[bytes, Numbers] = {}
        self._solicited: set[bytes] = set()
        self._acked: dict[bytes, list[int]] = defaultdict(lambda: [0, 0])
        self._answered = self._answerable = 0

    def prepare(self, sighting: Sighting) -> None:
        """Notes the span of the capture, and when each sender asked for an acknowledgement last."""
        at = sighting.start_ns
        begin, end = self._span or (at, at)
        self._span = min(begin, at), max(end, at)
        if sighting.src is not None and sighting.asks:
            self._asked_last[sighting.src] = at

    def see(self, sighting: Sighting) -> None:
        """Takes the numbers of a frame."""
        self._take_ack(sighting)
        sender = self._seen.sender(sighting)
        if sender is None:
            return
        if sighting.kind in _SOLICITS:
            self._solicited.add(sender)
        if sighting.counter is not None:
            counters = self._counters.get(sender)
            if counters is None:
                counters = self._counters[sender] = Keys(*self._time())
            counters.take(sighting.key_index, sighting.counter, sighting.start_ns, sender in self._solicited)
            self._solicited.discard(sender)
        if sighting.seq is not None and not sighting.is_ack:
            numbers = self._numbers.get(sender)
            if numbers is None:
                numbers = self._numbers[sender] = Numbers(*self._time())
            numbers.take(sighting.seq, sighting.start_ns)

    def _time(self) -> tuple[int, int]:
        begin, end = self._span or (0, 0)
        return begin, self._interval_ns or _width(end - begin)

    def _take_ack(self, sighting: Sighting) -> None:
        """By sender of the frames, as far as acknowledgements say whom they are for."""
        if self._seen.acked(sighting) and sighting.src is not None:
            self._acked[sighting.src][0] += 1
        elif sighting.is_ack and self._seen.outcomes.lone(sighting.ordinal) and sighting.dst is not None:
            self._acked[sighting.dst][1] += 1

    def take(self, transfer: Transfer) -> None:
        """Takes a transfer: one with one attempt whose sender is heard later than a repetition would have come."""
        if transfer.retransmissions == 0 and self._asked_last[transfer.src or b""] > transfer.first.start_ns:
            self._answerable += 1
            self._answered += transfer.acked[0]

    def coverage(self) -> Coverage:
        """The figures of all that was seen."""
        _, width = self._time()
        senders = [sender for sender in self._senders() if sender.share.whole]
        total: dict[int, Share] = {}
        for sender in senders:
            for part in sender.intervals:
                total[part.from_ns] = total.get(part.from_ns, Share(0, 0)) + part.share
        by_sender = {eui64: Share(part, part + lone) for eui64, (part, lone) in sorted(self._acked.items())}
        answered, lone = len(self._seen.ack_delays), self._seen.outcomes.lone_acks
        return Coverage(
            senders=tuple(senders),
            share=sum((sender.share for sender in senders), Share(0, 0)),
            intervals=tuple(Interval(at, at + width, share) for at, share in sorted(total.items())),
            acked_frames=Share(answered, answered + lone),
            acked_frames_by_sender=by_sender if any(share.part for share in by_sender.values()) else {},
            acknowledgements=Share(self._answered, self._answerable),
            interval_ns=width,
        )

    def _senders(self) -> Iterator[SenderCoverage]:
        """Counters for a sender that has at least two of them in a row, else its sequence numbers."""
        for eui64 in sorted({*self._counters, *self._numbers}):
            counters = self._counters.get(eui64)
            if counters is not None and counters.told:
                yield self._sender(eui64, "frame counter", counters.tally, counters.restarts, 0)
            elif eui64 in self._numbers:
                numbers = self._numbers[eui64]
                yield self._sender(eui64, "sequence number", numbers.tally, 0, numbers.doubtful)

    def _sender(self, eui64: bytes, method: str, tally: Tally, restarts: int, doubtful: int) -> SenderCoverage:
        begin, width = self._time()
        parts = sorted(tally.parts.items())
        return SenderCoverage(
            eui64=eui64,
            method=method,
            captured=tally.captured,
            missed=tally.missed,
            restarts=restarts,
            doubtful=doubtful,
            share=Share(sum(part for _, (part, _) in parts), sum(whole for _, (_, whole) in parts)),
            intervals=tuple(
                Interval(begin + at * width, begin + (at + 1) * width, Share(*counts)) for at, counts in parts
            ),
        )


def _width(span_ns: int) -> int:
    for seconds in INTERVALS:
        if span_ns <= seconds * MOST_INTERVALS * NS_PER_S:
            return seconds * NS_PER_S
    return INTERVALS[-1] * NS_PER_S
