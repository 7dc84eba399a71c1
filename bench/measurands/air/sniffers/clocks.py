"""One sniffer's clock against another's, from the frames that both heard: offset, drift, and how well they are known.

Two sniffers hear a frame at one instant (radio takes 3.3 ns a metre, which is not corrected), so the difference of
their stamps is the difference of their clocks. Only frames whose octets occur once in either capture take part, and of
them only secured ones where there are enough: a counter makes them unique, so a pair needs no guess about the offset,
however large. Chance pairs are outliers, and the fit is robust: Theil and Sen's slope first (Sen, JASA 63, 1968), then
least squares over the pairs within six scaled median deviations, until the set stays.

    difference = offset + drift x (time - middle) + k x (octets on the air)

The last term tells where the two stamp a frame: k is nothing when both stamp the same point, one octet's time when one
stamps the start and the other the end. It is kept only where it is clear and can be a bit rate; the offset then is the
one between equal points.

The standard uncertainty of a corrected stamp comes from the fit's covariance and the resolution of the stamps (uniform,
JCGM 100 4.3.7). It says nothing of a clock that does not drift evenly: look at ``scatter_ns`` for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd, hypot, sqrt
from typing import TYPE_CHECKING, Final

import attrs

from bench.air.capture.link import Record
from bench.measurands.air.sightings.stamps import start_ns
from bench.measurands.air.sniffers.airtime import OCTET_NS, SFD_AND_PHR, preamble_octets
from bench.records import NS_PER_S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FCS_OCTETS: Final = 4
MIN_DRIFT_PAIRS: Final = 3
"""Fewer pairs give an offset only."""
MIN_DRIFT_SPAN_NS: Final = NS_PER_S
MIN_POINT_PAIRS: Final = 8
MIN_POINT_SPREAD: Final = 20
SAMPLE: Final = 200
"""Pairs that the first slope is taken from (their number squared is what it costs)."""
MOST_PAIRS: Final = 1 << 18
"""Of more, as many are taken spread over the time: their uncertainty is far below that of any stamp then."""
_SECURED: Final = 0x08
"""The security bit in the first octet of the frame control (IEEE 802.15.4-2015 7.2.1)."""
_MOST_DRIFT_PPM: Final = 1000.0
"""No crystal drifts a tenth of that."""
_MOST_SCATTER_NS: Final = float(NS_PER_S)
_SCALE: Final = 1.4826
_SIGMAS: Final = 6.0
_FLOOR_NS: Final = 1000.0


@attrs.frozen(slots=True)
class Clock:
    """How to read one sniffer's stamps on the reference clock.

    At reference time t its stamps read t + ``offset_ns`` + ``drift_ppm`` * 1e-6 * (t - ``middle_ns``), plus
    ``octet_ns`` for each octet of the frame (preamble and PHY header included) where it stamps another point of the
    frame (positive: it stamps the end and the reference the start). ``pairs`` common frames were used, ``rejected``
    were not; ``scatter_ns`` is the scaled median deviation of what remains. ``u_offset_ns``, ``u_drift_ppm`` are
    standard uncertainties, None where they cannot be told: without a pair, nothing is known and no shift is made.
    """

    reference: str
    sniffer: str
    middle_ns: int = 0
    offset_ns: int = 0
    drift_ppm: float = 0.0
    octet_ns: float = 0.0
    overhead_octets: int = 0
    u_offset_ns: float | None = None
    u_drift_ppm: float | None = None
    scatter_ns: float = 0.0
    pairs: int = 0
    rejected: int = 0

    @property
    def known(self) -> bool:
        """Whether it was measured, or is the reference itself."""
        return self.pairs > 0 or self.sniffer == self.reference

    def to_reference(self, stamp_ns: int, octets: int) -> int:
        """A stamp of this sniffer on the reference clock; ``octets``: of the PSDU with FCS."""
        late = self.octet_ns * (octets + self.overhead_octets)
        # what is large stays an integer: a float holds Unix time in nanoseconds to 256 ns only
        elapsed = stamp_ns - self.middle_ns - self.offset_ns - late
        drift = self.drift_ppm * 1e-6
        return stamp_ns - self.offset_ns - round(late + elapsed * drift / (1 + drift))

    def u_ns(self, t_ns: int) -> float | None:
        """Standard uncertainty of a corrected stamp at reference time ``t_ns``, of the clock alone."""
        if self.u_offset_ns is None:
            return None
        return hypot(self.u_offset_ns, (self.u_drift_ppm or 0.0) * 1e-6 * (t_ns - self.middle_ns))


@attrs.frozen(slots=True)
class Frames:
    """One capture as the fit needs it, a row a frame whose octets occur once: hash, stamp (ns), octets with FCS,
    whether it is secured. ``repeated``: hashes of the others, rising; ``resolution_ns``: what all stamps are multiples
    of."""

    name: str
    hashes: NDArray[np.int64]
    stamps: NDArray[np.int64]
    octets: NDArray[np.int32]
    secured: NDArray[np.bool_]
    repeated: NDArray[np.int64]
    resolution_ns: int

    @classmethod
    def of(cls, name: str, records: Iterable[Record]) -> Frames:
        """Reads a capture once; 21 octets of memory a frame."""
        from array import array

        import numpy as np

        hashes, stamps, octets, flags, step = array("q"), array("q"), array("i"), bytearray(), 0
        for record in records:
            if not whole(record):
                continue
            at = start_ns(record)
            hashes.append(hash(record.data))
            stamps.append(at)
            octets.append(len(record.data) + FCS_OCTETS)
            flags.append(secured(record))
            step = gcd(step, at)
        each, first, count = np.unique(np.array(hashes, np.int64), return_index=True, return_counts=True)
        repeated = each[count > 1]
        kept = np.sort(first[count == 1])
        del each, first, count
        found, at_ns = np.array(hashes, np.int64)[kept], np.array(stamps, np.int64)[kept]
        lengths, sure = np.array(octets, np.int32)[kept], np.frombuffer(bytes(flags), np.bool_)[kept]
        return cls(name, found, at_ns, lengths, sure, repeated, step or 1)


@attrs.frozen(slots=True, eq=False)
class Repeated:
    """Octets that occur more than once in a capture, eight octets of memory each (their hash)."""

    hashes: NDArray[np.int64]

    @classmethod
    def of(cls, captures: Iterable[Frames]) -> Repeated:
        """Those of several captures."""
        import numpy as np

        found = [frames.repeated for frames in captures]
        return cls(np.unique(np.concatenate(found)) if found else np.empty(0, np.int64))

    def __contains__(self, data: bytes) -> bool:
        value = hash(data)
        at = int(self.hashes.searchsorted(value))
        return at < len(self.hashes) and int(self.hashes[at]) == value


def secured(record: Record) -> bool:
    """Whether the frame control says so."""
    return bool(record.data) and bool(record.data[0] & _SECURED)


def whole(record: Record) -> bool:
    """Whether its octets are those that were sent, as far as the capture tells."""
    return record.fcs_ok is not False and not record.cut and not record.damage


def common(reference: Frames, other: Frames) -> int:
    """Frames that both heard and nothing can be mistaken for."""
    import numpy as np

    return len(np.intersect1d(reference.hashes, other.hashes, assume_unique=True))


def fit(reference: Frames, other: Frames) -> Clock:
    """The clock of ``other`` against that of ``reference``; nothing is known where no clock drifts or scatters as the
    common frames would have it, or where they are one or two without security: captures of other times and places have
    short frames in common by chance."""
    import numpy as np

    _, here, there = np.intersect1d(reference.hashes, other.hashes, assume_unique=True, return_indices=True)
    bare = Clock(reference.name, other.name)
    if not len(here):
        return bare
    sure = reference.secured[here]
    if np.count_nonzero(sure) >= MIN_DRIFT_PAIRS:
        here, there = here[sure], there[sure]
    if len(here) > MOST_PAIRS:
        spread = np.argsort(reference.stamps[here])[:: -(-len(here) // MOST_PAIRS)]
        here, there = here[spread], there[spread]
    stamps = reference.stamps[here]
    difference = other.stamps[there] - stamps
    middle, about = int(np.median(stamps)), int(np.median(difference))
    time_s = (stamps - middle) / NS_PER_S
    # differences may be years: only what is left beside their median goes into floats
    clock = _fit(time_s, (difference - about).astype(np.float64), reference.octets[here].astype(np.float64))
    by_chance = not reference.secured[here].any() and clock.pairs < MIN_DRIFT_PAIRS
    if by_chance or clock.scatter_ns > _MOST_SCATTER_NS or abs(clock.drift_ppm) > _MOST_DRIFT_PPM:
        return bare
    u_stamp = hypot(reference.resolution_ns, other.resolution_ns) / sqrt(12)
    return attrs.evolve(
        clock,
        reference=reference.name,
        sniffer=other.name,
        middle_ns=middle,
        offset_ns=clock.offset_ns + about,
        u_offset_ns=None if clock.u_offset_ns is None else hypot(clock.u_offset_ns, u_stamp),
    )


def _fit(time_s: NDArray[np.float64], difference: NDArray[np.float64], octets: NDArray[np.float64]) -> Clock:
    """The fit around the middle, with the stamp-point term where it is clear."""
    import numpy as np

    pointed = len(octets) >= MIN_POINT_PAIRS and np.ptp(octets) >= MIN_POINT_SPREAD
    if pointed:
        clock, point, u_point = _robust(time_s, difference, octets)
        if OCTET_NS[0] <= abs(point) <= OCTET_NS[1] and abs(point) > 5 * u_point:
            overhead = preamble_octets(8 * NS_PER_S / abs(point)) + SFD_AND_PHR
            clock, point, _ = _robust(time_s, difference, octets + overhead)
            return attrs.evolve(clock, octet_ns=point, overhead_octets=overhead)
    return _robust(time_s, difference, None)[0]


def _robust(
    time_s: NDArray[np.float64], difference: NDArray[np.float64], octets: NDArray[np.float64] | None
) -> tuple[Clock, float, float]:
    """Clock, stamp-point term (ns an octet) and its standard uncertainty."""
    import numpy as np

    drifts = len(time_s) >= MIN_DRIFT_PAIRS and np.ptp(time_s) * NS_PER_S >= MIN_DRIFT_SPAN_NS
    columns = [np.ones_like(time_s)] + ([time_s] if drifts else []) + ([octets] if octets is not None else [])
    terms = np.stack(columns, axis=1)
    slope = _theil_sen(time_s, difference) if drifts else 0.0
    residual = np.asarray(difference - slope * time_s, np.float64)
    kept = np.ones(len(time_s), bool)
    solution = np.zeros(terms.shape[1])
    for _ in range(10):
        scatter = _SCALE * float(np.median(np.abs(residual - np.median(residual))))
        inside = np.abs(residual - np.median(residual)) <= max(_SIGMAS * scatter, _FLOOR_NS)
        solution = np.asarray(np.linalg.lstsq(terms[inside], difference[inside], rcond=None)[0], np.float64)
        residual = np.asarray(difference - terms @ solution, np.float64)
        if (inside == kept).all():
            break
        kept = inside
    used = int(inside.sum())
    spare = used - terms.shape[1]
    # a pair's stamps scatter at least as much as two nanosecond stamps do
    variance = max(float(residual[inside] @ residual[inside]) / spare, 1 / 6) if spare > 0 else float("nan")
    spread = variance * np.linalg.pinv(terms[inside].T @ terms[inside])
    u = [sqrt(value) if spare > 0 else None for value in np.diag(spread)]
    clock = Clock(
        "",
        "",
        offset_ns=round(float(solution[0])),
        drift_ppm=float(solution[1]) / 1000 if drifts else 0.0,
        u_offset_ns=u[0],
        u_drift_ppm=u[1] / 1000 if drifts and u[1] is not None else None,
        scatter_ns=_SCALE * float(np.median(np.abs(residual[inside]))),
        pairs=used,
        rejected=len(time_s) - used,
    )
    point = float(solution[-1]) if octets is not None else 0.0
    return clock, point, float(u[-1] or 0.0) if octets is not None else 0.0


def _theil_sen(time_s: NDArray[np.float64], difference: NDArray[np.float64]) -> float:
    """Median slope over all pairs of a sample spread over the time."""
    import numpy as np

    order = np.argsort(time_s)[:: max(1, len(time_s) // SAMPLE)]
    t, d = time_s[order], difference[order]
    first, second = np.triu_indices(len(t), 1)
    apart = t[second] - t[first]
    far = apart > np.ptp(t) / 10
    return float(np.median((d[second] - d[first])[far] / apart[far]))


def chain(outer: Clock, inner: Clock) -> Clock:
    """The clock of ``inner.sniffer`` against ``outer.reference``, over the sniffer that both know."""
    middle_ns = outer.to_reference(inner.middle_ns, -outer.overhead_octets)
    octet_ns = inner.octet_ns + outer.octet_ns
    u_parts = (outer.u_ns(middle_ns), inner.u_offset_ns)
    return attrs.evolve(
        inner,
        reference=outer.reference,
        middle_ns=middle_ns,
        offset_ns=inner.offset_ns + inner.middle_ns - middle_ns,
        drift_ppm=inner.drift_ppm + outer.drift_ppm + inner.drift_ppm * outer.drift_ppm * 1e-6,
        octet_ns=octet_ns if abs(octet_ns) >= OCTET_NS[0] else 0.0,
        overhead_octets=max(inner.overhead_octets, outer.overhead_octets),
        u_offset_ns=None if None in u_parts else hypot(*(u or 0.0 for u in u_parts)),
        u_drift_ppm=hypot(inner.u_drift_ppm or 0.0, outer.u_drift_ppm or 0.0),
        scatter_ns=hypot(inner.scatter_ns, outer.scatter_ns),
    )


def clocks(captures: Iterable[Frames]) -> dict[str, Clock]:
    """Every sniffer's clock against the first's; over others where two hear nothing in common, by most common frames.

    A sniffer that shares no frame with any other keeps its stamps, and its `Clock` says that nothing is known.
    """
    waiting = {frames.name: frames for frames in captures}
    if not waiting:
        return {}
    reference = next(iter(waiting))
    reached = {reference: waiting.pop(reference)}
    found = {reference: Clock(reference, reference, u_offset_ns=0.0, u_drift_ppm=0.0)}
    shared: dict[tuple[str, str], int] = {}
    newest = reference
    while waiting:
        for name in waiting:
            shared[newest, name] = common(reached[newest], waiting[name])
        count, known, name = max((shared[known, name], known, name) for known in reached for name in waiting)
        newest = name
        step = fit(reached[known], waiting[name])
        found[name] = (
            chain(found[known], step) if count and known != reference else attrs.evolve(step, reference=reference)
        )
        reached[name] = waiting.pop(name)
    return found
