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
from itertools import pairwise
from typing import Final

import attrs

from bench.measurands.air.sighting import Digest
from bench.measurands.air.transfers import Share, Transfer, transfers
from bench.records import NS_PER_S

BURST: Final = 200
PER_SECOND: Final = 50
"""A counter further ahead than this many frames at once and per second of silence was set anew, not counted up: a node
that keeps to a duty cycle of 10 % sends fewer."""
AFRESH: Final = 16
"""After a node solicited, so much ahead is enough: it started again behind the block of counters it had reserved."""
_SOLICITS: Final = frozenset(("PAS", "PCS", "LPAS", "LPCS"))
LATE: Final = 16
"""Numbers may come so far out of order: a node takes the number when it queues a frame, and repeats others before."""
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


def coverage(seen: Digest, interval_ns: int | None = None, found: tuple[Transfer, ...] | None = None) -> Coverage:
    """The coverage of a capture; ``interval_ns``: the parts of time, from its first frame on (None: chosen by span)."""
    begin = min((s.start_ns for s in seen.sightings), default=0)
    span = max((s.start_ns for s in seen.sightings), default=0) - begin
    width = interval_ns or _width(span)
    senders = tuple(_sender(eui64, runs, begin, width) for eui64, runs in sorted(_runs(seen).items()))
    senders = tuple(sender for sender in senders if sender.share.whole)
    total: dict[int, Share] = {}
    for sender in senders:
        for part in sender.intervals:
            total[part.from_ns] = total.get(part.from_ns, Share(0, 0)) + part.share
    by_sender = _acked_frames(seen)
    answered = sum(share.part for share in by_sender.values())
    return Coverage(
        senders=senders,
        share=sum((sender.share for sender in senders), Share(0, 0)),
        intervals=tuple(Interval(at, at + width, share) for at, share in sorted(total.items())),
        acked_frames=Share(len(seen.ack_delays), len(seen.ack_delays) + len(seen.lone_acks)),
        acked_frames_by_sender={eui64: share for eui64, share in sorted(by_sender.items()) if answered},
        acknowledgements=_acknowledgements(seen, transfers(seen) if found is None else found),
        interval_ns=width,
    )


def _width(span_ns: int) -> int:
    for seconds in INTERVALS:
        if span_ns <= seconds * MOST_INTERVALS * NS_PER_S:
            return seconds * NS_PER_S
    return INTERVALS[-1] * NS_PER_S


@attrs.define(slots=True)
class _Run:
    """Numbers that were counted up without a break: value to time of capture. ``top``: the highest so far."""

    top: int
    top_ns: int
    times: dict[int, int]

    def take(self, value: int, t_ns: int) -> None:
        self.times.setdefault(value, t_ns)
        if value > self.top:
            self.top, self.top_ns = value, t_ns


class _Runs:
    """The runs of one sender and key, or of its sequence numbers."""

    def __init__(self, wraps: bool) -> None:
        self.runs: list[_Run] = []
        self._wraps = wraps
        self.doubtful = 0

    def take(self, value: int, t_ns: int, solicited: bool = False) -> None:
        """The next number captured; ``solicited``: since the one before, its sender looked for a PAN."""
        run = self.runs[-1] if self.runs else None
        if run is not None and self._wraps:
            step = (value - run.top + LATE) % 256 - LATE
            self.doubtful += step > 128
            run.take(run.top + step, t_ns)
        elif run is not None and -LATE <= value - run.top <= (AFRESH if solicited else _plausible(t_ns - run.top_ns)):
            run.take(value, t_ns)
        else:
            self.runs.append(_Run(value, t_ns, {value: t_ns}))


def _plausible(elapsed_ns: int) -> int:
    return BURST + max(0, elapsed_ns) * PER_SECOND // NS_PER_S


def _runs(seen: Digest) -> dict[bytes, tuple[str, list[_Runs]]]:
    """By sender: the method and its runs; counters where it has at least two of them."""
    counters: dict[bytes, dict[int | None, _Runs]] = defaultdict(lambda: defaultdict(lambda: _Runs(wraps=False)))
    numbers: dict[bytes, _Runs] = defaultdict(lambda: _Runs(wraps=True))
    solicited: set[bytes] = set()
    for sighting in seen.sightings:
        sender = sighting.src or seen.senders.get(sighting.ordinal)
        if sender is None:
            continue
        if sighting.kind in _SOLICITS:
            solicited.add(sender)
        if sighting.counter is not None:
            counters[sender][sighting.key_index].take(sighting.counter, sighting.start_ns, sender in solicited)
            solicited.discard(sender)
        if sighting.seq is not None and not sighting.is_ack:
            numbers[sender].take(sighting.seq, sighting.start_ns)
    found = {sender: ("sequence number", [_without_zero(runs)]) for sender, runs in numbers.items()}
    for sender, keys in counters.items():
        if any(len(run.times) > 1 for runs in keys.values() for run in runs.runs):
            found[sender] = ("frame counter", list(keys.values()))
    return found


def _without_zero(numbers: _Runs) -> _Runs:
    """Some stacks never use the number 0: where every step over it lacks just that one, it was not missed."""
    for run in numbers.runs:
        over = [value for value in range(min(run.times) | 255, run.top, 256) if value in run.times]
        if over and all(value + 1 not in run.times and value + 2 in run.times for value in over):
            run.times = {value - (value >> 8): t_ns for value, t_ns in run.times.items()}
    return numbers


def _sender(eui64: bytes, found: tuple[str, list[_Runs]], begin: int, width: int) -> SenderCoverage:
    method, keys = found
    runs = [run for runs in keys for run in runs.runs]
    parts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    captured = missed = 0
    for run in runs:
        captured += len(run.times)
        for at, count, was_captured in _trials(run, begin, width):
            parts[at][1] += count
            if was_captured:
                parts[at][0] += count
            else:
                missed += count
    return SenderCoverage(
        eui64=eui64,
        method=method,
        captured=captured,
        missed=missed,
        restarts=sum(len(runs.runs) - 1 for runs in keys),
        doubtful=sum(runs.doubtful for runs in keys),
        share=Share(sum(part for part, _ in parts.values()), sum(whole for _, whole in parts.values())),
        intervals=tuple(
            Interval(begin + at * width, begin + (at + 1) * width, Share(*counts))
            for at, counts in sorted(parts.items())
        ),
    )


def _trials(run: _Run, begin: int, width: int) -> Iterator[tuple[int, int, bool]]:
    """The numbers between the ends of a run: index of the interval, how many, whether captured."""
    ordered = sorted(run.times.items())
    for _, t_ns in ordered[1:-1]:
        yield (t_ns - begin) // width, 1, True
    for (low, low_ns), (high, high_ns) in pairwise(ordered):
        for at, count in _spread(high - low - 1, low_ns - begin, high_ns - begin, width):
            yield at, count, False


def _spread(missed: int, low_ns: int, high_ns: int, width: int) -> Iterator[tuple[int, int]]:
    """``missed`` moments evenly between two, counted by interval."""
    before = 0
    elapsed = max(1, high_ns - low_ns)
    for at in range(low_ns // width, max(low_ns, high_ns) // width + 1):
        if before == missed:
            return
        # the i-th moment (1 ... missed) is low + elapsed * i / (missed + 1); those before the interval's end count
        until = min(missed, -((low_ns - (at + 1) * width) * (missed + 1) // elapsed) - 1)
        until = missed if (at + 1) * width > high_ns else max(before, until)
        if until > before:
            yield at, until - before
        before = until


def _acked_frames(seen: Digest) -> dict[bytes, Share]:
    """By sender of the frames, as far as acknowledgements say whom they are for."""
    shares: dict[bytes, Share] = defaultdict(lambda: Share(0, 0))
    for sighting in seen.sightings:
        if sighting.ordinal in seen.acked and sighting.src is not None:
            shares[sighting.src] += Share(1, 1)
        elif sighting.ordinal in seen.lone_acks and sighting.dst is not None:
            shares[sighting.dst] += Share(0, 1)
    return dict(shares)


def _acknowledgements(seen: Digest, found: tuple[Transfer, ...]) -> Share:
    """Of transfers with one attempt whose sender is heard later than a repetition would have come."""
    last: dict[bytes, int] = {}
    for sighting in seen.sightings:
        if sighting.src is not None and sighting.asks:
            last[sighting.src] = sighting.start_ns
    whole = [t for t in found if t.retransmissions == 0 and last[t.src or b""] > t.first.start_ns]
    return Share(sum(transfer.acked[0] for transfer in whole), len(whole))
