"""What several measurands share: what the bench missed, statistics over attempts, and where episodes come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeAlias

import attrs

from bench.evidence import CitedObservation, Episode, Evidence
from bench.measurands.setup import Setup
from bench.records import NS_PER_S, Json, Measurement
from bench.statistics import percentile

Measurand: TypeAlias = Callable[[Sequence[Episode], Setup, str], list[Measurement]]
"""Episodes in the order that the requirement names them, setup, statistic; one measurement a terminal."""


@attrs.frozen(slots=True)
class Span:
    """An interval of rig time, both ends inclusive, and the rows that prove it."""

    from_ns: int
    to_ns: int
    cited: tuple[str, ...] = ()

    def meets(self, since_ns: int, until_ns: int) -> bool:
        return self.from_ns <= until_ns and self.to_ns >= since_ns


@attrs.frozen(slots=True)
class Trouble:
    """Why something cannot be judged: a gate (INCONCLUSIVE), or the bench's own failure (ERROR)."""

    why: str
    bench: bool
    cited: tuple[str, ...]


def bench_trouble(evidence: Evidence, names: Collection[str], since_ns: int, until_ns: int) -> Trouble | None:
    """The first failure of the bench that touches one of ``names`` in the interval, or None.

    ``names``: ports, terminals, meters or episodes. A terminal that was not joined when its episode began is a
    gate. A lost port stays lost until something comes from it again; an
    error that touches no port counts only at its own time.
    """
    for event in evidence.events("episode.not_ready", until_ns=until_ns):
        if event.episode in names and event.subject in names and not _voided_later(evidence, event):
            return Trouble(str(event.data.get("why", "")), False, (event.citation,))
    for event in evidence.events("bench.lost_port", until_ns=until_ns):
        port = str(event.data.get("port", ""))
        if port in names and not _came_back(evidence, port, event.t_ns, since_ns):
            return Trouble(f"the bench lost {port}: {event.data.get('reason', '')}", True, (event.citation,))
    for event in evidence.events("bench.error", until_ns=until_ns):
        touches = event.data.get("touches")
        touched = [str(name) for name in touches if name in names] if isinstance(touches, list) else []
        if event.t_ns < since_ns:
            touched = [name for name in touched if _is_lost(evidence, name, event.t_ns, since_ns)]
        if touched:
            return Trouble(f"the bench failed: {event.data.get('what', '')}", True, (event.citation,))
    return None


def _voided_later(evidence: Evidence, event: CitedObservation) -> bool:
    """Whether the attempt that the event belongs to was voided afterwards."""
    return any(void.row > event.row for void in evidence.events("episode.void", subject=event.episode))


def unfinished(episode: Episode) -> Trouble | None:
    """An episode without an end was broken off: what it did not reach cannot be judged."""
    if episode.complete:
        return None
    lost = episode.evidence.events("bench.lost_port") + episode.evidence.events("bench.error")
    cited = tuple(event.citation for event in lost)
    return Trouble(f"episode '{episode.name}' did not end", bool(lost), cited)


def blind_spans(evidence: Evidence) -> list[Span]:
    """Intervals in which the bench neither set nor saw anything itself (servers and sniffers stamp on their own)."""
    spans = []
    for event in evidence.events("bench.blind"):
        from_ns, to_ns = event.data.get("from_ns"), event.data.get("to_ns")
        if isinstance(from_ns, int) and isinstance(to_ns, int):
            spans.append(Span(from_ns, to_ns, (event.citation,)))
    return spans


def first_span_over(spans: Iterable[Span], since_ns: int, until_ns: int) -> Span | None:
    """The first of ``spans`` that meets the interval."""
    return next((span for span in spans if span.meets(since_ns, until_ns)), None)


def statistic_of(values: Sequence[float | None], statistic: str) -> float | None:
    """One figure for several attempts; None (it never happened) counts as endless, so it is never averaged away.

    Raises ValueError for an unknown statistic or no values.
    """
    if not values:
        raise ValueError("no values")
    known = sorted(math.inf if value is None else value for value in values)
    if statistic == "maximum":
        figure = known[-1]
    elif statistic == "minimum":
        figure = known[0]
    elif statistic == "median":
        figure = percentile(known, 50.0)
    elif statistic == "p95":
        figure = percentile(known, 95.0)
    else:
        raise ValueError(f"statistic '{statistic}' is unknown; expected maximum, minimum, median or p95")
    return None if math.isinf(figure) else figure


def stamps_u_s(*stamps: CitedObservation) -> float:
    """Standard uncertainty in seconds of a difference of stamps (independent: root sum of squares)."""
    return math.sqrt(sum(stamp.u_ns**2 for stamp in stamps)) / NS_PER_S


def seconds(since_ns: int, until_ns: int) -> float:
    """The interval in seconds, for figures that people read; stamps stay integers."""
    return (until_ns - since_ns) / NS_PER_S


def gated(measurand: str, subject: str, unit: str, trouble: Trouble, **conditions: Json) -> Measurement:
    """A measurement that is not there, and why."""
    return Measurement(
        measurand,
        subject,
        None,
        unit,
        gate=trouble.why,
        bench_error=trouble.bench,
        cited=trouble.cited,
        conditions=conditions,
    )


def _came_back(evidence: Evidence, port: str, lost_ns: int, since_ns: int) -> bool:
    """Whether the port spoke again before the interval began."""
    return bool(evidence.events(source=port, since_ns=lost_ns + 1, until_ns=since_ns))


def _is_lost(evidence: Evidence, name: str, lost_ns: int, since_ns: int) -> bool:
    """An earlier error still touches ``name`` when it is a port that has not spoken since."""
    return bool(evidence.events(source=name)) and not _came_back(evidence, name, lost_ns, since_ns)
