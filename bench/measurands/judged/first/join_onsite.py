"""``join.onsite``: from installation key or supply edge to communicable, as judged on site (通信可能と現地で判断).

Start: the last stimulus before the terminal joined, that is a press of the installation key or the read-back of its
supply switched on. Stop: the local indicator ``on`` where the declaration says that it can be observed, else the
server's first confirmation. An attempt lies between the milestones ``attempt`` and ``attempt.end``; one that does not
end in time counts as endless. The server's confirmation is placed by its own stamp as far as its clock is known, and by
its arrival at the bench in any case.

The start is called cold only where the evidence proves it: supply seen off, de-registered, keys erased by a long press,
and EAPOL on the air wherever the air was recorded (lab-practice.md 1). What the air shows explains the figure
(phases, hops during the attempt) and never changes it; the console is not looked at at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.timeline import CitedObservation, Selection
from bench.measurands.judged.common import (
    Trouble,
    bench_trouble,
    blind_spans,
    first_span_over,
    gated,
    left_out,
    oddities,
    unfinished,
)
from bench.measurands.judged.explain import AirView, Place, air_view, phases, radio
from bench.measurands.judged.placing import Took, as_told, caused, figure, heard, took, trial
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import Json, Measurement

NAME: Final = "join.onsite"
ERASE_PRESS_S: Final = 10.0
"""A press of at least this erases keys and registration (stand-in panel)."""


@attrs.frozen(slots=True)
class Attempt:
    """One installation: its stimulus, what ended it (None: nothing did), and what was proved about its start."""

    n: Json
    since_ns: int
    start: CitedObservation
    stop: CitedObservation | None
    end_ns: int
    cold: str
    took: Took | None
    on_site: bool
    """Ended by the local indicator, not by the server."""

    @property
    def join_s(self) -> float | None:
        return None if self.took is None else self.took.value


def join_onsite(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal over all its attempts, in seconds."""
    (episode,) = episodes
    view = air_view(episode.evidence, episode.t1_ns)
    euis = frozenset(terminal.eui64 for terminal in setup.terminals)
    return [_measure(episode, terminal, view, euis, statistic) for terminal in setup.terminals]


def _measure(
    episode: Episode, terminal: TerminalSetup, view: AirView, euis: frozenset[str], statistic: str
) -> Measurement:
    attempts: list[Attempt] = []
    troubles: list[Trouble] = []
    for mark in episode.marks("attempt", terminal=terminal.id):
        found = _attempt(episode, terminal, mark, view)
        if isinstance(found, Trouble):
            troubles.append(found)
        else:
            attempts.append(found)
    if not attempts:
        nothing = left_out(episode, terminal.id, "attempt")
        nothing = nothing or unfinished(episode) or Trouble("no attempt was driven", False, ())
        return gated(NAME, terminal.id, "s", troubles[0] if troubles else nothing)
    return _of_attempts(episode, attempts, troubles, terminal, view, euis, statistic)


def _of_attempts(
    episode: Episode,
    attempts: list[Attempt],
    troubles: list[Trouble],
    terminal: TerminalSetup,
    view: AirView,
    euis: frozenset[str],
    statistic: str,
) -> Measurement:
    values = [attempt.join_s for attempt in attempts]
    colds = sorted({attempt.cold for attempt in attempts})
    never = sum(1 for value in values if value is None)
    trials: list[Json] = [{"n": attempt.n, **trial(attempt.took)} for attempt in attempts]
    cited = [event.citation for attempt in attempts for event in (attempt.start, attempt.stop) if event is not None]
    return Measurement(
        NAME,
        terminal.id,
        unit="s",
        **figure([attempt.took for attempt in attempts], statistic, episode.evidence.clocks),
        conditions={
            "n": len(attempts),
            "start": colds[0] if len(colds) == 1 else "mixed",
            "stop": " and ".join(sorted({"indicator" if attempt.on_site else "server" for attempt in attempts})),
            "statistic": statistic,
            "timers": terminal.timers,
            **_place(attempts, terminal, view, euis),
            **({"attempts_left_out": len(troubles)} if troubles else {}),
        },
        cited=tuple(cited) + tuple(row for trouble in troubles for row in trouble.cited),
        detail={
            "attempts": [_detail(attempt, terminal, view) for attempt in attempts],
            "trials": trials,
            "trial_noun": "joins",
            "left_out": [trouble.why for trouble in troubles],
            "never": f"{never} of {len(values)} attempts never joined" if never else "",
        },
    )


def _attempt(episode: Episode, terminal: TerminalSetup, mark: CitedObservation, view: AirView) -> Attempt | Trouble:
    """One attempt from its milestones, or why it does not count."""
    ends = [end for end in episode.marks("attempt.end", terminal=terminal.id, n=mark.data["n"]) if end.row > mark.row]
    end_ns = ends[0].t_ns if ends else episode.t1_ns
    supply = episode.evidence.events(kinds.SUPPLY_OUTPUT, subject=terminal.id, until_ns=end_ns)
    ports = {event.source for event in supply} | {f"panel.{terminal.id}" if _ends_on_site(terminal, mark) else "server"}
    trouble = bench_trouble(episode.evidence, ports | {terminal.id, episode.name}, mark.t_ns, end_ns)
    if trouble is not None:
        return trouble
    blind = first_span_over(blind_spans(episode.evidence), mark.t_ns, end_ns)
    if blind is not None:
        return Trouble("the bench was blind during the attempt", False, blind.cited)
    indicator = _ends_on_site(terminal, mark)
    stop = _stop(episode, terminal, indicator, mark.t_ns, end_ns)
    start = _start(episode, terminal, mark.t_ns, stop.t_ns if stop is not None else end_ns)
    if start is None:
        return Trouble("no installation key and no supply edge was seen", False, (mark.citation,))
    if stop is not None and stop.t_ns < start.t_ns:  # both are stamps of the bench
        stop = None
    if stop is None and not supply and not _alive(episode, terminal, mark.t_ns, end_ns):
        return Trouble("no sign of life, and nobody saw that the terminal was fed", False, (mark.citation,))
    if stop is None and not ends:
        return unfinished(episode) or Trouble("the attempt did not end", False, (mark.citation,))
    if stop is None and not indicator:
        odd = oddities(episode.evidence, terminal.id, mark.t_ns, end_ns)
        if odd is not None:
            return odd
    since_ns = _since(episode, terminal, mark)
    if (early := _before_the_press(episode, terminal, since_ns, start)) is not None:
        return early
    cold = _cold(episode, terminal, since_ns, start, end_ns, view)
    return Attempt(
        mark.data["n"], since_ns, start, stop, end_ns, cold, _took(episode, indicator, start, stop), indicator
    )


def _before_the_press(
    episode: Episode, terminal: TerminalSetup, since_ns: int, start: CitedObservation
) -> Trouble | None:
    """Why the key did not begin this join: the terminal was joining or joined already (a boot, an
    earlier press). A press that erases ends whatever was before it."""
    length = start.data.get("duration_s")
    if start.kind != kinds.PANEL_PRESS or (isinstance(length, int | float) and length >= ERASE_PRESS_S):
        return None
    window: Selection = {"subject": terminal.id, "since_ns": since_ns, "until_ns": start.t_ns}
    dark_row = max((event.row for event in _darkness(episode, window)), default=-1)
    lamps = [event for event in episode.events(kinds.PANEL_LAMP, **window) if dark_row < event.row < start.row]
    if lamps and lamps[-1].data.get("state") != "off":
        why = f"its indicator was {lamps[-1].data.get('state')} before the key was pressed: nothing began with the key"
        return Trouble(why, False, (lamps[-1].citation, start.citation))
    gone = episode.events(kinds.INTENT_DEREGISTER, **window)
    told = episode.events(kinds.SERVER_REACHABLE, **window) if gone else []
    again = [event for event in told if event.row > gone[-1].row and event.row < start.row]
    if again:
        why = "the server confirmed it before the key was pressed: nothing began with the key"
        return Trouble(why, False, (again[-1].citation, start.citation))
    return None


def _took(episode: Episode, indicator: bool, start: CitedObservation, stop: CitedObservation | None) -> Took | None:
    if stop is None:
        return None
    began = caused(episode.evidence, start)
    ended = as_told(episode.evidence, stop) if indicator else heard(episode.evidence, stop, began)
    return took(episode.evidence.clocks, began, ended)


def _start(episode: Episode, terminal: TerminalSetup, since_ns: int, until_ns: int) -> CitedObservation | None:
    """The last stimulus: key press, or supply read back on after it was off."""
    found = episode.events(kinds.PANEL_PRESS, subject=terminal.id, since_ns=since_ns, until_ns=until_ns)
    before = episode.evidence.events(kinds.SUPPLY_OUTPUT, subject=terminal.id, until_ns=since_ns - 1)
    on = bool(before and before[-1].data.get("on"))
    for event in episode.events(kinds.SUPPLY_OUTPUT, subject=terminal.id, since_ns=since_ns, until_ns=until_ns):
        if event.data.get("on") and not on:
            found.append(event)
        on = bool(event.data.get("on"))
    return max(found, key=lambda event: (event.t_ns, event.row), default=None)


def _alive(episode: Episode, terminal: TerminalSetup, since_ns: int, until_ns: int) -> bool:
    """Whether the terminal showed anything at all: a terminal with an empty cell is no slow one."""
    seen = (kinds.PANEL_LAMP, kinds.SERVER_REACHABLE, kinds.SERVER_UPLOAD)
    return any(episode.events(kind, subject=terminal.id, since_ns=since_ns, until_ns=until_ns) for kind in seen)


def _ends_on_site(terminal: TerminalSetup, mark: CitedObservation) -> bool:
    """Whether the indicator ends this attempt: it is declared, and the episode did not say that nobody watches it."""
    return terminal.indicator and mark.data.get("stop") != "server"


def _stop(
    episode: Episode, terminal: TerminalSetup, indicator: bool, since_ns: int, until_ns: int
) -> CitedObservation | None:
    """The first sign, on site or from the server, that the terminal can communicate."""
    if indicator:
        lamps = episode.events(kinds.PANEL_LAMP, subject=terminal.id, since_ns=since_ns, until_ns=until_ns)
        return next((event for event in lamps if event.data.get("state") == "on"), None)
    confirmed = episode.events(kinds.SERVER_REACHABLE, subject=terminal.id, since_ns=since_ns, until_ns=until_ns)
    return confirmed[0] if confirmed else None


def _since(episode: Episode, terminal: TerminalSetup, mark: CitedObservation) -> int:
    """Where the preparation of an attempt begins: at the end of the attempt before."""
    ends = [end.t_ns for end in episode.marks("attempt.end", terminal=terminal.id) if end.t_ns <= mark.t_ns]
    return max(ends, default=episode.t0_ns)


def _darkness(episode: Episode, window: Selection) -> list[CitedObservation]:
    """When the terminal was made dark: its supply read back off, or somebody who took its cell out."""
    off = [event for event in episode.events(kinds.SUPPLY_OUTPUT, **window) if event.data.get("on") is False]
    out = [e for e in episode.events(kinds.OPERATOR_DONE, **window) if e.data.get("do") in ("unfeed", "erase")]
    return off + out


def _cold(
    episode: Episode, terminal: TerminalSetup, since_ns: int, start: CitedObservation, end_ns: int, view: AirView
) -> str:
    """``cold``, ``warm`` or ``unknown``: what the preconditions prove, contradicted by the air where it can be."""
    window: Selection = {"subject": terminal.id, "since_ns": since_ns, "until_ns": start.t_ns}
    dark = bool(_darkness(episode, window))
    gone = bool(episode.events(kinds.INTENT_DEREGISTER, **window))
    presses = [event.data.get("duration_s") for event in episode.events(kinds.PANEL_PRESS, **window)]
    erased = any(isinstance(length, (int, float)) and length >= ERASE_PRESS_S for length in presses)
    join = view.join_in(terminal.eui64, caused(episode.evidence, start).limits.low, end_ns)
    if join is not None and join.kind is not None and join.kind.value != "cold":
        return "warm"
    if dark and gone and erased:
        return "cold"
    return "unknown" if dark or gone or erased else "warm"


def _place(attempts: list[Attempt], terminal: TerminalSetup, view: AirView, euis: frozenset[str]) -> dict[str, Json]:
    """Hops as the air showed them during the attempts; else as the rig declares them, and said so."""
    places: set[Place] = set()
    for attempt in attempts:
        join = view.join_in(terminal.eui64, attempt.start.t_ns, attempt.end_ns)
        place = view.place(terminal.eui64, euis, join.parent) if join is not None and join.parent is not None else None
        if place is not None:
            places.add(place)
    return place_conditions(places, terminal)


def place_conditions(places: set[Place], terminal: TerminalSetup) -> dict[str, Json]:
    """The conditions ``hops``, ``terminal_hops``, ``dodag_depth`` and where they are known from."""
    if len(places) == 1:
        (place,) = places
        return {
            "hops": place.hops,
            "terminal_hops": place.terminal_hops,
            "dodag_depth": place.dodag_depth,
            "hops_from": "air",
        }
    if places:
        return {"hops": None, "hops_from": "air: changed between attempts", "hops_seen": sorted(p.hops for p in places)}
    if terminal.hops is None:
        return {"hops": None, "hops_from": "not known"}
    return {"hops": terminal.hops, "dodag_depth": terminal.hops + 1, "hops_from": "rig description"}


def _detail(attempt: Attempt, terminal: TerminalSetup, view: AirView) -> dict[str, Json]:
    join = view.join_in(terminal.eui64, attempt.start.t_ns, attempt.end_ns)
    stop = attempt.stop
    stop_ns = stop.t_ns if stop is not None else None
    return {
        "label": f"attempt {attempt.n}, {attempt.cold}",
        "start": attempt.start.kind,
        "start_ns": attempt.start.t_ns,
        "stop": stop.kind if stop is not None else "",
        "stop_ns": stop_ns,
        "join_s": attempt.join_s,
        "cold": attempt.cold,
        "phases": phases(join, attempt.start.t_ns, stop_ns, view.clocks) if join is not None else [],
        "radio": radio(join) if join is not None else None,
    }
