"""What clocks leave open: when something happened, as limits, by what the run recorded of its clocks.

Rig time is one clock (`bench.drive.clock`). Two questions need another one, and are answered here as a pure function of
the timeline, so that a stored run is placed anew whenever it is judged:

* *What was UTC?* (hour marks, deadlines): ``clock.anchor`` rows. Near an anchor UTC is known as well as the host was
  disciplined there, farther away a free oscillator's 20 ppm worse. Where UTC was stepped, nobody knows which side was
  right: what both sides say is left open.
* *When did the server stamp this?* ``clock.exchange`` rows: its clock was read between a request and its answer; an
  event ``request.sent`` was stamped after the bench had asked and before it was heard of. Each is a pair of limits for
  the difference of the clocks, what all pairs near in time allow together is known, and pairs that allow nothing
  together are two sides of a step.

Limits are for sure as far as the declarations hold (oscillator 20 ppm, server 100 ppm), so what follows from them is no
matter of probability; budgets take them as rectangles. A virtual rig has one clock: everything is exact there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, Unpack

import attrs

from bench import kinds
from bench.evidence.limits import Limits, Model, Sample, Segment
from bench.records import NS_PER_S, Json

if TYPE_CHECKING:
    from bench.evidence.folder import RunFolder
    from bench.evidence.timeline import CitedObservation, Selection

HOST_PPM: Final = 20.0
"""A free-running oscillator of a host, where nothing else is declared."""
SERVER_PPM: Final = 100.0
"""A server's clock against rig time, where nothing else is declared: both oscillators and a slew."""
SLEW_PPM: Final = 500.0
"""Anchors that differ by no more than a kernel slews belong together."""
ALIKE_NS: Final = 5_000_000
AGREE_NS: Final = NS_PER_S
"""Clocks that are set by hand agree no better; what differs by more than this is another time."""
MINUTE_NS: Final = 60 * NS_PER_S
RESOLUTIONS_NS: Final = (NS_PER_S, NS_PER_S // 10, NS_PER_S // 100, 1_000_000, 1000)
"""What clocks round to."""
COARSE_NS: Final = (60 * NS_PER_S, 10 * NS_PER_S)
"""What lists for people round to: believed of stamps at random times only, of which there are enough."""
ENOUGH: Final = 5
NEVER_READ: Final = "no reading of the server's clock on both sides tells that it was not stepped"


class Recorded(Protocol):
    """What the clocks of a run are read from: its evidence (`bench.evidence.evidence`)."""

    @property
    def folder(self) -> RunFolder: ...
    def events(self, kind: str | None = None, **selection: Unpack[Selection]) -> list[CitedObservation]: ...


@attrs.frozen(slots=True)
class Declared:
    """What a rig file says of one clock (``options: bench: clocks:``); None where it says nothing."""

    by_bench: bool = False
    resolution_ns: int = 1
    offset_ns: int | None = None
    u_ns: int | None = None
    drift_ppm: float | None = None

    @classmethod
    def of(cls, options: Any) -> Declared:
        """From the rig's plain values; what is no number counts as not declared."""
        said = options if isinstance(options, Mapping) else {}

        def ns(key: str) -> int | None:
            value = said.get(key)
            return round(value * NS_PER_S) if isinstance(value, int | float) else None

        drift = said.get("drift_ppm")
        return cls(
            said.get("by") == "bench",
            ns("resolution_s") or 1,
            ns("offset_s"),
            ns("u_s"),
            float(drift) if isinstance(drift, int | float) else None,
        )


@attrs.frozen(slots=True)
class Clocks:
    """All clocks of a run.

    ``exact``: every stamp is rig time and rig time is UTC, as on a virtual rig. ``known`` False: so it is taken, but
    nothing is known of it (a run on a real rig by a bench that recorded no clocks).
    """

    exact: bool = True
    known: bool = True
    host: Model | None = None
    host_disciplined: bool = True
    """Whether the host's UTC was disciplined, or its uncertainty declared."""
    host_declared: Declared = Declared()
    server: Model | None = None
    server_declared: Declared = Declared()
    resolution_ns: int = 1
    """What the stamps of the server's events are multiples of."""
    asked: Mapping[str, int] = attrs.field(factory=dict)
    """Rig time at which each request left the bench: nothing that belongs to it was before."""
    steps: tuple[str, ...] = ()
    """Steps of the host's UTC, in words."""
    rates: tuple[tuple[int, float], ...] = ()
    """How monotonic time was steered, ppm, by the anchors that tell."""

    @classmethod
    def of(cls, evidence: Recorded) -> Clocks:
        """From the rows of a timeline and what the rig file declares."""
        anchors = [row for row in evidence.events(kinds.CLOCK_ANCHOR) if _whole(row, "offset_ns") is not None]
        if not anchors:
            return cls(known=not evidence.events(kinds.CLOCK_ANCHOR))
        declared = _declared(evidence)
        host, server = declared.get("host", Declared()), declared.get("server", Declared())
        model, disciplined = _host(anchors, host)
        exchanges = evidence.events(kinds.CLOCK_EXCHANGE)
        events = [row for row in evidence.events(kind_prefix=kinds.SERVER) if _stamp(row) is not None]
        stamps = [_stamp(row) or 0 for row in events]
        coarse = COARSE_NS if len(stamps) >= ENOUGH else ()
        resolution = max(server.resolution_ns, _resolution(stamps, coarse + RESOLUTIONS_NS))
        return cls(
            exact=False,
            host=model,
            host_disciplined=disciplined,
            host_declared=host,
            server=_server(exchanges, events, server, resolution, model),
            server_declared=server,
            resolution_ns=resolution,
            asked={
                str(row.data["request"]): sent_ns
                for row in exchanges
                if row.data.get("what") == "request" and (sent_ns := _whole(row, "sent_ns")) is not None
            },
            steps=tuple(_step_words(anchors)),
            rates=tuple(
                (row.t_ns, float(rate)) for row in anchors if isinstance(rate := row.data.get("rate_ppm"), float)
            ),
        )

    # -- the host ------------------------------------------------------------------------------------------------

    def utc(self, t_ns: int) -> Limits:
        """UTC at rig time ``t_ns``."""
        if self.host is None:
            return Limits(t_ns, t_ns)
        return self._difference(self.host, t_ns).moved(t_ns)

    def rig(self, utc_ns: int) -> Limits:
        """Rig time at which UTC was ``utc_ns``."""
        if self.host is None:
            return Limits(utc_ns, utc_ns)
        # A difference moves so slowly that it may be read anywhere near the place.
        there = self._difference(self.host, utc_ns - self.host.any_side(utc_ns).best)
        return Limits(utc_ns - there.high, utc_ns - there.low, there.why)

    def _difference(self, host: Model, t_ns: int) -> Limits:
        """UTC less rig time at rig time ``t_ns``.

        Where nobody vouches for the host's UTC and the server's clock contradicts it, either may be right.
        """
        why = "; ".join(self.steps) or "discipline of the host's UTC"
        found = attrs.evolve(host.any_side(t_ns), why=why)
        if self.host_disciplined or self.server is None:
            return found
        other = self.server.any_side(t_ns)
        if found.wider(AGREE_NS).meet(other) is not None:
            return found
        apart_s = (other.best - found.best) / NS_PER_S
        return attrs.evolve(found.join(other), why=f"{why}; the server's clock is {apart_s:+.3g} s from it")

    def rate_ppm(self, since_ns: int, until_ns: int) -> float:
        """Limit of how wrong rig time's own rate is between two stamps: the oscillator's, or a slew's where it is more.

        The anchor after the interval tells of its last part.
        """
        if self.exact:
            return 0.0
        rates = [abs(ppm) for t, ppm in self.rates if since_ns <= t <= until_ns + MINUTE_NS]
        return max([HOST_PPM if self.host_declared.drift_ppm is None else self.host_declared.drift_ppm, *rates])

    # -- the server ----------------------------------------------------------------------------------------------

    def heard(self, event: CitedObservation, after_ns: int) -> Limits:
        """Rig time at which the server stamped ``event``, which cannot have been before ``after_ns``.

        Its stamp on the server's clock, cut by what is sure without any clock: not before its cause, not after it was
        heard of. A stamp that contradicts these says nothing.
        """
        if self.exact:
            return _by_log(event, after_ns)
        early = min(after_ns, event.t_ns)
        sure = Limits(early, event.t_ns, "between its cause and its arrival at the bench", likely=event.t_ns)
        if self.server_declared.by_bench:
            late = self.server_declared.u_ns
            declared = late and Limits(event.t_ns - 2 * late, event.t_ns, "declared delay of its arrival")
            return (declared and declared.meet(sure)) or sure
        if _stamp(event) is None or self.server is None:
            return sure
        stamped = self._stamped(event, early)
        return stamped or attrs.evolve(sure, why="the server's stamp contradicts the order of events")

    def server_apart(self, first: CitedObservation, second: CitedObservation, sure: Limits) -> Limits:
        """The time between two events of the server, by its own stamps; ``sure`` holds without any clock.

        The upper limit of ``sure`` reaches from the earliest time of the first to the arrival of the second. A step of
        that clock between the two is left open where its readings before and after do not exclude it; stamps that
        contradict what is sure say nothing.
        """
        if self.exact:
            return _by_log(second, first.t_ns).less(_by_log(first, 0))
        begin, end = _stamp(first), _stamp(second)
        if begin is None or end is None or self.server_declared.by_bench:
            return attrs.evolve(sure, likely=second.t_ns - first.t_ns)
        sure = attrs.evolve(sure, likely=end - begin)
        if self.server is None:
            return attrs.evolve(sure, why=NEVER_READ)
        earliest = second.t_ns - sure.high
        one = self._stamped(first, earliest)
        other = self._stamped(second, min(earliest, first.t_ns + sure.low))
        apart = other.less(one) if one and other else None
        return (apart and apart.meet(sure)) or attrs.evolve(
            sure, why="the server's clock was stepped between its two stamps", likely=second.t_ns - first.t_ns
        )

    def latest(self, stamp_ns: int, resolution_ns: int) -> int | None:
        """The latest rig time at which the server's clock can have read ``stamp_ns``; None where nothing is known of
        that clock."""
        if self.exact:
            return stamp_ns + resolution_ns - 1
        if self.server is None:
            return None
        near_ns = stamp_ns - self.server.any_side(stamp_ns).best
        return stamp_ns - self.server.any_side(near_ns).low + resolution_ns - 1

    def _stamped(self, event: CitedObservation, early_ns: int) -> Limits | None:
        """When an event was stamped since ``early_ns`` by the server's clock; None where that cannot be."""
        stamp = _stamp(event)
        assert stamp is not None
        assert self.server is not None
        steps_ns = max(self.resolution_ns, _steps_ns(event))
        early_ns = min(max(early_ns, self.asked.get(str(event.data.get("request")), early_ns)), event.t_ns)
        read = self.server.reading(stamp, steps_ns, early_ns, event.t_ns)
        if read is None:
            return None
        why = self._server_words() if self.server.surrounds(read) else NEVER_READ
        return attrs.evolve(read, why=why)

    def _server_words(self) -> str:
        if self.resolution_ns < ALIKE_NS:
            return "offset and drift of the server's clock"
        return f"the server stamps in steps of {self.resolution_ns / NS_PER_S:g} s"


def _host(anchors: Sequence[CitedObservation], declared: Declared) -> tuple[Model, bool]:
    """UTC less rig time by the anchors that can be trusted, and whether they can.

    Anchors of a disciplined host count alone where there are some; else all do, and how well is not known.
    """
    kept = [row for row in anchors if row.data.get("synchronised") is True] or list(anchors)
    known = declared.u_ns is not None or kept[0].data.get("synchronised") is True
    samples, bare = {}, []
    for row in kept:
        offset, half = _whole(row, "offset_ns") or 0, _whole(row, "half_ns") or 0
        error = 2 * declared.u_ns if declared.u_ns is not None else _whole(row, "max_error_ns") or 0
        samples[row.t_ns] = Limits(offset - half - error, offset + half + error)
        bare.append(Sample.at(row.t_ns, Limits(offset - ALIKE_NS, offset + ALIKE_NS)))
    # A step smaller than the error that the host admits shows all the same: steps are looked for without it.
    model = Model.of(bare, SLEW_PPM)
    segments = (Segment(tuple(Sample.at(t, samples[t]) for t in part.times)) for part in model.segments)
    return Model(tuple(segments), model.gaps, HOST_PPM if declared.drift_ppm is None else declared.drift_ppm), known


def _server(
    exchanges: Sequence[CitedObservation],
    events: Sequence[CitedObservation],
    declared: Declared,
    resolution_ns: int,
    host: Model | None,
) -> Model | None:
    """The server's stamps less rig time. Pairs of its events' own stamps overrule those of its status where the two
    contradict each other: they are made at another point, or by another machine."""
    ppm = SERVER_PPM if declared.drift_ppm is None else declared.drift_ppm
    asked = {event.data.get("request"): event for event in exchanges if event.data.get("what") == "request"}
    own: list[Sample] = []
    for event in events:
        cause = asked.get(event.data.get("request")) if event.kind == kinds.SERVER_REQUEST_SENT else None
        if cause is not None:
            own.append(_pair(_whole(cause, "sent_ns") or 0, event.t_ns, _whole(event, "stamp_ns") or 0, resolution_ns))
    rows = [row for row in exchanges if _whole(row, "stamp_ns") is not None]
    # Questions are asked once a minute, at the same second of it: nothing coarser can be told from them.
    steps = _resolution([_whole(row, "stamp_ns") or 0 for row in rows], RESOLUTIONS_NS)
    status = [
        _pair(_whole(row, "sent_ns") or 0, _whole(row, "received_ns") or 0, _whole(row, "stamp_ns") or 0, steps)
        for row in rows
    ]
    if own and status:
        model = Model.of(sorted(status, key=_middle), ppm)
        status = status if all(model.at(one.middle_ns).meet(one.difference) is not None for one in own) else []
    samples = sorted(own + status, key=_middle)
    if samples:
        return Model.of(samples, ppm)
    if declared.offset_ns is None or declared.u_ns is None or host is None:
        return None
    differences = [
        attrs.evolve(sample, difference=sample.difference.moved(declared.offset_ns).wider(2 * declared.u_ns))
        for segment in host.segments
        for sample in segment.samples
    ]
    return attrs.evolve(Model.of(differences, ppm), steady=True)


def _pair(sent_ns: int, received_ns: int, stamp_ns: int, resolution_ns: int) -> Sample:
    """A clock that cuts off what is below its resolution was read between two stamps of rig time."""
    difference = Limits(stamp_ns - received_ns, stamp_ns - sent_ns + resolution_ns - 1)
    return Sample(sent_ns, received_ns, difference)


def _middle(sample: Sample) -> int:
    return sample.middle_ns


def _resolution(stamps: Sequence[int], steps: Iterable[int]) -> int:
    """The coarsest of ``steps``, falling, that all stamps keep to; 1 without a stamp."""
    return next((step for step in steps if stamps and all(stamp % step == 0 for stamp in stamps)), 1)


def _step_words(anchors: Sequence[CitedObservation]) -> Iterable[str]:
    for event in anchors:
        moved = _whole(event, "step_ns") or 0
        if event.data.get("change") == "step":
            yield f"the host's UTC was stepped by {moved / NS_PER_S:+.3g} s ({event.citation})"


def _by_log(event: CitedObservation, after_ns: int) -> Limits:
    """When an event was, where all clocks are one: exactly, or within the steps of the log that it came by."""
    steps_ns = _steps_ns(event)
    if steps_ns == 1:
        return Limits(event.t_ns, event.t_ns)
    why = f"the server's log stamps in steps of {steps_ns / NS_PER_S:g} s"
    return Limits(max(event.t_ns - steps_ns + 1, min(after_ns, event.t_ns)), event.t_ns, why)


def _steps_ns(event: CitedObservation) -> int:
    """What the stamp of an event that came by a log is cut to; 1 for what came by a stream."""
    return _whole(event, "resolution_ns") or 1


def _stamp(event: CitedObservation) -> int | None:
    """The stamp of the server's own clock, where it is not rig time."""
    return _whole(event, "stamp_ns")


def _whole(event: CitedObservation, key: str) -> int | None:
    value: Json = event.data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _options(evidence: Recorded) -> Mapping[str, Any]:
    """What the run's rig file said under ``options: bench:``; empty where the run keeps none."""
    options: Any = evidence.folder.inputs()
    for key in ("rig", "options", "bench"):
        options = options.get(key) if isinstance(options, Mapping) else None
    return options if isinstance(options, Mapping) else {}


def declared_late_ns(evidence: Recorded) -> dict[str, int]:
    """``late_s`` of sniffers that a rig file declares, by the name of the driver."""
    clocks = _options(evidence).get("clocks")
    said = {name: told.get("late_s") for name, told in clocks.items()} if isinstance(clocks, Mapping) else {}
    return {name: round(late * NS_PER_S) for name, late in said.items() if isinstance(late, int | float)}


def _declared(evidence: Recorded) -> dict[str, Declared]:
    """By ``host`` and ``server``, whatever name the server's port has."""
    options = _options(evidence)
    clocks = options.get("clocks")
    if not isinstance(clocks, Mapping):
        return {}
    return {"host": Declared.of(clocks.get("host")), "server": Declared.of(clocks.get(options.get("server", "server")))}
