"""What several measurands share: what the bench missed, statistics over attempts, and where episodes come from."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from bench import kinds
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.timeline import CitedObservation
from bench.judge.statistics import percentile
from bench.measurands.judged.setup import Setup
from bench.records import NS_PER_S, Json, Measurement

Measurand: TypeAlias = Callable[[Sequence[Episode], Setup, str], list[Measurement]]
"""Episodes in the order that the requirement names them, setup, statistic; one measurement a terminal."""


NOT_DRIVEN: Final = "not driven for want of means"
"""How the reason begins why a step was left out that nothing makes up for later."""
KNOWN_BY_ARRIVAL: Final = "no stamp"
"""How the reason begins why an event is odd that was taken all the same."""
TELLING: Final = frozenset({"terminal.reachable", "upload", "alarm", "request.sent", "answer", "request.failed"})
"""Kinds of a server's events from which something is judged."""


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
    for event in evidence.events(kinds.EPISODE_NOT_READY, until_ns=until_ns):
        if event.episode in names and event.subject in names and not _voided_later(evidence, event):
            return Trouble(str(event.data.get("why", "")), False, (event.citation,))
    for event in evidence.events(kinds.BENCH_LOST_PORT, until_ns=until_ns):
        port = str(event.data.get("port", ""))
        back = _came_back(evidence, port, event.t_ns, since_ns) or _made_good(evidence, port, event.t_ns, until_ns)
        if port in names and not back:
            return Trouble(f"the bench lost {port}: {event.data.get('reason', '')}", True, (event.citation,))
    for event in evidence.events(kinds.BENCH_ERROR, until_ns=until_ns):
        touches = event.data.get("touches")
        touched = [str(name) for name in touches if name in names] if isinstance(touches, list) else []
        if event.t_ns < since_ns:
            touched = [name for name in touched if _is_lost(evidence, name, event.t_ns, since_ns)]
        if touched:
            return Trouble(f"the bench failed: {event.data.get('what', '')}", True, (event.citation,))
    return None


def _voided_later(evidence: Evidence, event: CitedObservation) -> bool:
    """Whether the attempt that the event belongs to was voided afterwards."""
    return any(void.row > event.row for void in evidence.events(kinds.EPISODE_VOID, subject=event.episode))


def left_out(episode: Episode, terminal: str, what: str) -> Trouble | None:
    """Why a step of the episode (``attempt``, ``request`` ...) was not driven for want of means; None where it was."""
    for event in episode.events(kinds.EPISODE_LEFT_OUT, subject=terminal):
        if event.data.get("what") == what:
            return Trouble(f"{NOT_DRIVEN}: {event.data.get('why', '')}", False, (event.citation,))
    return None


def unfinished(episode: Episode) -> Trouble | None:
    """An episode without an end was broken off: what it did not reach cannot be judged."""
    if episode.complete:
        return None
    lost = episode.evidence.events(kinds.BENCH_LOST_PORT) + episode.evidence.events(kinds.BENCH_ERROR)
    cited = tuple(event.citation for event in lost)
    return Trouble(f"episode '{episode.name}' did not end", bool(lost), cited)


def least_trials(episode: Episode, counted: int, left: int, planned: int) -> int:
    """Trials that must count where the bench's own doing left some out: four in five of those driven, or of those
    ``planned`` where the episode did not come to its end."""
    return -(-4 * (counted + left if episode.complete else max(planned, counted + left)) // 5)


def blind_spans(evidence: Evidence) -> list[Span]:
    """Intervals in which the bench neither set nor saw anything itself (servers and sniffers stamp on their own)."""
    spans = []
    for event in evidence.events(kinds.BENCH_BLIND):
        from_ns, to_ns = event.data.get("from_ns"), event.data.get("to_ns")
        if isinstance(from_ns, int) and isinstance(to_ns, int):
            spans.append(Span(from_ns, to_ns, (event.citation,)))
    return spans


def blind_over(evidence: Evidence, since_ns: int, until_ns: int, ports: Collection[str] = ()) -> Trouble | None:
    """Why what did not come in the interval may have come: nobody watched at some time of it, or one of ``ports``,
    which say things unasked, was gone, or babbled so that a line of it was dropped."""
    span = first_span_over(blind_spans(evidence), since_ns, until_ns)
    if span is not None:
        return Trouble("the bench was blind meanwhile", False, span.cited)
    for event in evidence.events(kinds.BENCH_LOST_PORT, until_ns=until_ns):
        if (port := str(event.data.get("port", ""))) in ports:
            found = evidence.events(kinds.BENCH_FOUND_PORT, subject=port, since_ns=event.t_ns)
            if not found or found[0].t_ns >= since_ns:
                return Trouble(f"{port} was gone meanwhile", False, (event.citation,))
    for event in evidence.events(kinds.BENCH_NOISE, since_ns=since_ns, until_ns=until_ns):
        if (port := str(event.data.get("port", ""))) in ports:
            return Trouble(f"{port} babbled meanwhile: a line of it was dropped", False, (event.citation,))
    return None


def too_few(episode: Episode, counted: int, left: Sequence[Trouble], noun: str) -> Trouble | None:
    """Why what the bench's own doing left of the trials does not suffice; None where enough are left."""
    least = least_trials(episode, counted, len(left), 0)
    if not left or (counted and counted >= least):
        return None
    why = f"{counted} {noun} only, at least {max(1, least)} are needed ({left[0].why})"
    return Trouble(why, left[0].bench, left[0].cited)


def oddities(evidence: Evidence, terminal: str, since_ns: int, until_ns: int) -> Trouble | None:
    """Something that the server said in the interval and nobody could read, where it may have been what is missing.

    An event of another kind (a heartbeat) or of another terminal is none of that.
    """
    for event in evidence.events(kinds.SERVER_ODD, since_ns=since_ns, until_ns=until_ns):
        said = _read(event.data.get("event"))
        kind, whose = said.get("kind"), said.get("terminal")
        if str(event.data.get("why", "")).startswith(KNOWN_BY_ARRIVAL):
            continue
        if (not isinstance(kind, str) or kind in TELLING) and (not isinstance(whose, str) or whose == terminal):
            why = f"the server said something that cannot be read: {event.data.get('why', '')}"
            return Trouble(why, False, (event.citation,))
    return None


def _read(text: Json) -> Mapping[str, Json]:
    try:
        said = json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, Mapping) else {}


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


def seconds(since_ns: int, until_ns: int) -> float:
    """The interval in seconds, for figures that people read; stamps stay integers."""
    return (until_ns - since_ns) / NS_PER_S


def last_intent(
    episode: Episode, kind: kinds.Kind, mark: CitedObservation, subject: str | None = None, **match: Json
) -> CitedObservation | None:
    """The bench's last intent of a kind before a milestone, of this subject and data; None where there is none."""
    intents = episode.events(kind, subject=subject, until_ns=mark.t_ns)
    own = [row for row in intents if row.row < mark.row and all(row.data.get(key) == match[key] for key in match)]
    return max(own, key=lambda row: row.row, default=None)


def stamps_off_ns(*events: CitedObservation) -> int:
    """How far the stamps of the bench may be off against each other: of a bench that stood still they say little."""
    return round(math.sqrt(3) * sum(event.u_ns for event in events))


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


MADE_GOOD: Final = ("server", "supply.", "meter.")
"""Ports that miss nothing by a gap: the server's events are read again from where the stream was cut, supplies and
meters say nothing unasked, and what is asked of them waits."""


def _made_good(evidence: Evidence, port: str, lost_ns: int, until_ns: int) -> bool:
    """Whether a port that was lost was found again before the end, and missed nothing meanwhile."""
    if not port.startswith(MADE_GOOD):
        return False
    return bool(evidence.events(kinds.BENCH_FOUND_PORT, subject=port, since_ns=lost_ns, until_ns=until_ns))


def _is_lost(evidence: Evidence, name: str, lost_ns: int, since_ns: int) -> bool:
    """An earlier error still touches ``name`` when it is a port that has not spoken since."""
    return bool(evidence.events(source=name)) and not _came_back(evidence, name, lost_ns, since_ns)
