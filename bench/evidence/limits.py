"""One clock against another: samples of their difference as limits, steps found where limits contradict each other.

Limits are for sure, so what several samples allow together is known as well as that, and what is not allowed together
did not belong together: the clock was stepped. A step that does not show because the samples are wider than it is, or
because there are none after it, is possible too, and what follows is as wide as that. No fit and no assumption about
noise; a sample is as wide as what is known of it, and grows the farther away in time it is used.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

MOST_NEAR: Final = 32
"""Samples on one side of an instant that are looked at; farther ones say nothing that nearer ones do not say better."""
NARROWED: Final = 4
"""Rounds after which knowing the time better no longer narrows the difference, nor the other way round."""


@attrs.frozen(slots=True)
class Limits:
    """Something that lies between two whole numbers of nanoseconds for sure: an instant, an interval or a difference.

    ``why`` says what the width comes from, ``likely`` where in between it most probably lies (None: in the middle).
    """

    low: int
    high: int
    why: str = ""
    likely: int | None = None

    @property
    def best(self) -> int:
        """The estimate: what is likely, as far as it is possible."""
        return (self.low + self.high) // 2 if self.likely is None else min(max(self.likely, self.low), self.high)

    @property
    def half(self) -> float:
        """How far off the estimate may be, ns."""
        return self.width / 2 if self.likely is None else float(max(self.high - self.best, self.best - self.low))

    @property
    def width(self) -> int:
        return self.high - self.low

    def meet(self, other: Limits) -> Limits | None:
        """What both allow; None where they contradict each other."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return None if low > high else attrs.evolve(self, low=low, high=high)

    def join(self, other: Limits) -> Limits:
        """What either allows, and what lies between."""
        return attrs.evolve(self, low=min(self.low, other.low), high=max(self.high, other.high))

    def wider(self, by_ns: float) -> Limits:
        return attrs.evolve(self, low=self.low - round(by_ns), high=self.high + round(by_ns))

    def moved(self, by_ns: int) -> Limits:
        likely = None if self.likely is None else self.likely + by_ns
        return attrs.evolve(self, low=self.low + by_ns, high=self.high + by_ns, likely=likely)

    def less(self, other: Limits) -> Limits:
        """The difference of two that know nothing of each other."""
        low, high = self.low - other.high, self.high - other.low
        return attrs.evolve(self, low=low, high=high, likely=self.best - other.best)


@attrs.frozen(slots=True)
class Sample:
    """A clock was read once between two stamps of rig time; ``difference`` is its reading less rig time then."""

    since_ns: int
    until_ns: int
    difference: Limits

    @classmethod
    def at(cls, t_ns: int, difference: Limits) -> Sample:
        """Read at one instant."""
        return cls(t_ns, t_ns, difference)

    @property
    def middle_ns(self) -> int:
        return (self.since_ns + self.until_ns) // 2


@attrs.frozen(slots=True)
class Segment:
    """A stretch of time in which no step of a clock shows: samples of its difference to rig time, in order.

    A step smaller than what is known of the samples hides among them. So what samples before and samples after an
    instant say is never taken together: before a hidden step the clock was as the one side says, after it as the other.
    """

    samples: tuple[Sample, ...]
    times: tuple[int, ...] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "times", tuple(sample.middle_ns for sample in self.samples))

    def at(self, t_ns: int, ppm: float) -> Limits:
        """The difference at ``t_ns``."""
        return self.over(t_ns, t_ns, ppm)

    def over(self, since_ns: int, until_ns: int, ppm: float) -> Limits:
        """The difference at some instant between the two: as either side has it, where there are samples on both."""
        before, after = self.before(since_ns, until_ns, ppm), self.after(since_ns, until_ns, ppm)
        if before is not None and after is not None:
            return before.join(after)
        found = before or after
        return found if found is not None else self._met(range(len(self.samples)), since_ns, until_ns, ppm)

    def before(self, since_ns: int, until_ns: int, ppm: float) -> Limits | None:
        """The difference between the two instants by the samples before both; None where there are none."""
        place = bisect_right(self.times, since_ns)
        near = range(max(0, place - MOST_NEAR), place)
        return self._met_or_none([n for n in near if self.samples[n].until_ns <= since_ns], since_ns, until_ns, ppm)

    def after(self, since_ns: int, until_ns: int, ppm: float) -> Limits | None:
        """The difference between the two instants by the samples after both; None where there are none."""
        place = bisect_left(self.times, until_ns)
        near = range(place, min(len(self.samples), place + MOST_NEAR))
        kept = [n for n in reversed(near) if self.samples[n].since_ns >= until_ns]
        return self._met_or_none(kept, since_ns, until_ns, ppm)

    def _met_or_none(self, numbers: Sequence[int], since_ns: int, until_ns: int, ppm: float) -> Limits | None:
        return self._met(numbers, since_ns, until_ns, ppm) if numbers else None

    def _met(self, numbers: Sequence[int], since_ns: int, until_ns: int, ppm: float) -> Limits:
        """What these samples, the nearest last, allow together, each the wider the farther away.

        Where they allow nothing together, the clock drifts faster than declared: what the nearest allows.
        """
        low, high = nearest = self._grown(numbers[-1], since_ns, until_ns, ppm)
        for number in numbers[:-1]:  # a judge asks this often: plain numbers, not records
            one_low, one_high = self._grown(number, since_ns, until_ns, ppm)
            low, high = max(low, one_low), min(high, one_high)
        return Limits(*nearest) if low > high else Limits(low, high)

    def _grown(self, number: int, since_ns: int, until_ns: int, ppm: float) -> tuple[int, int]:
        sample = self.samples[number]
        far_ns = max(until_ns - sample.since_ns, sample.until_ns - since_ns, 0)
        by_ns = round(far_ns * ppm * 1e-6)
        return sample.difference.low - by_ns, sample.difference.high + by_ns


@attrs.frozen(slots=True)
class Model:
    """A clock against rig time: its segments in order, and where one ends and the next begins (``gaps``).

    A gap reaches from the last sample that belongs to the segment before for sure to the first one of the next.
    """

    segments: tuple[Segment, ...]
    gaps: tuple[tuple[int, int], ...]
    ppm: float
    steady: bool = False
    """Declared, not measured: no step hides before the first sample or after the last one."""

    @classmethod
    def of(cls, samples: Sequence[Sample], ppm: float) -> Model:
        """From samples in order of time. Forward and backward reading find the same steps at different samples where
        limits are wide; what lies between may be of either side and is left out."""
        forward = _breaks(samples, ppm)
        backward = sorted(len(samples) - at for at in _breaks([*reversed(samples)], ppm))
        if len(forward) != len(backward):
            backward = [max([0, *(f for f in forward if f < at)]) + 1 for at in forward]
        segments, gaps, begin = [], [], 0
        for late, early in zip(forward, backward, strict=True):
            end = max(begin + 1, min(late, early))
            segments.append(Segment(tuple(samples[begin:end])))
            begin = max(end, late)
            gaps.append((samples[end - 1].since_ns, samples[begin].until_ns))
        if begin < len(samples):
            segments.append(Segment(tuple(samples[begin:])))
        return cls(tuple(segments), tuple(gaps), ppm)

    def at(self, t_ns: int) -> Limits:
        """The difference at ``t_ns``; within a gap what either side allows."""
        for number, (begin, end) in enumerate(self.gaps):
            if t_ns <= begin:
                return self.segments[number].at(t_ns, self.ppm)
            if t_ns < end:
                return self.segments[number].at(t_ns, self.ppm).join(self.segments[number + 1].at(t_ns, self.ppm))
        return self.segments[-1].at(t_ns, self.ppm)

    def any_side(self, t_ns: int) -> Limits:
        """The difference at ``t_ns`` as any segment has it: where nobody knows which side of a step was right."""
        met = self.segments[0].at(t_ns, self.ppm)
        for segment in self.segments[1:]:
            met = met.join(segment.at(t_ns, self.ppm))
        return met

    def reading(self, stamp_ns: int, steps_ns: int, since_ns: int, until_ns: int) -> Limits | None:
        """Rig time between the two instants at which the clock, cut to ``steps_ns``, can have read ``stamp_ns``.

        None: at no time. Before its first sample and after its last one nothing tells whether the clock was stepped:
        all of that time is possible; what is likely is told by the nearest sample.
        """
        begins, ends = self._read_between(since_ns, until_ns)
        unseen = [Limits(since_ns, min(until_ns, begins))] if since_ns < begins else []
        unseen += [Limits(max(since_ns, ends), until_ns)] if until_ns > ends else []
        seen = [part for part in self._parts(stamp_ns, steps_ns, max(begins, since_ns), min(ends, until_ns)) if part]
        if not seen and not unseen:
            return None
        there = _hull(seen).best if seen else stamp_ns - self.at(until_ns).best + steps_ns // 2
        return attrs.evolve(_hull(seen + unseen), likely=there)

    def _parts(self, stamp_ns: int, steps_ns: int, since_ns: int, until_ns: int) -> Iterable[Limits | None]:
        """The same for each segment; in a gap it may be either."""
        for number, segment in enumerate(self.segments):
            low = max(since_ns, self.gaps[number - 1][0]) if number else since_ns
            high = min(until_ns, self.gaps[number][1]) if number < len(self.gaps) else until_ns
            yield self._part(segment, stamp_ns, steps_ns, low, high)

    def surrounds(self, read: Limits) -> bool:
        """Whether there are samples before and after, so that :meth:`reading` left no time out of sight."""
        begins, ends = self._read_between(read.low, read.high)
        return begins <= read.low and read.high <= ends

    def _read_between(self, since_ns: int, until_ns: int) -> tuple[int, int]:
        if self.steady:
            return since_ns, until_ns
        return self.segments[0].samples[0].until_ns, self.segments[-1].samples[-1].since_ns

    def _part(self, segment: Segment, stamp_ns: int, steps_ns: int, low: int, high: int) -> Limits | None:
        """The same within one segment: the narrower the time, the better the difference is known, and so on."""
        for _ in range(NARROWED):
            if low > high:
                return None
            difference = segment.over(low, high, self.ppm)
            low = max(low, stamp_ns - difference.high)
            high = min(high, stamp_ns - difference.low + steps_ns - 1)
        return Limits(low, high) if low <= high else None


def _hull(parts: Sequence[Limits]) -> Limits:
    return Limits(min(part.low for part in parts), max(part.high for part in parts))


def _breaks(samples: Sequence[Sample], ppm: float) -> list[int]:
    """Numbers of the samples that contradict all of those before, back to the last break."""
    found: list[int] = []
    met: Limits | None = None
    at_ns = 0
    for number, sample in enumerate(samples):
        t_ns, limits = sample.middle_ns, sample.difference
        both = limits if met is None else met.wider(abs(t_ns - at_ns) * ppm * 1e-6).meet(limits)
        if both is None:
            found.append(number)
            both = limits
        met, at_ns = both, t_ns
    return found
