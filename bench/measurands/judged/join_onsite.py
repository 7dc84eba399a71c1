"""``join.onsite.2``: from installation key or supply edge to communicable, as judged on site (通信可能と現地で判断).

Start: the last stimulus before the terminal began to join: a press of the installation key, or the read-back of its
supply switched on where its indicator shows that it began with that. Stop: the local indicator is ``on`` *and* the
server has confirmed the terminal, the later of the two; where the declaration has no indicator, the server alone. An
attempt that does not end in time is endless, and so is one whose indicator lies: lit before the server had confirmed
anything, lit and never confirmed, confirmed and never lit, out again at once (a flash).

Each attempt has a class. It is ``cold`` only where the evidence proves it: supply seen off, de-registered, keys erased
by a long press, and no join with kept keys on the air wherever the air was recorded (lab-practice.md 1). Where some
attempts are cold, those alone are judged; where none is, the row says its class. A terminal that keeps its keys over
the erasing press leaves the row open. What the air shows beside that explains the figure (phases, hops) and never
changes it; the console is not looked at at all.

Statistic ``retest``: the slowest of all joins. Where exactly one of the first series was slow, the episode drives the
same number once more (`fixtures.episodes.join` says when), and the slowest of both series but one counts: right
terminals have a tail (5 of 888 joins above 75 s, 1 above 90 s), and a series is not repeated until it passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from bench import kinds
from bench.evidence.clocks import Clocks
from bench.evidence.evidence import Episode
from bench.evidence.timeline import CitedObservation, Selection
from bench.measurands.judged.common import (
    Trouble,
    bench_trouble,
    blind_spans,
    first_span_over,
    gated,
    least_trials,
    left_out,
    oddities,
    unfinished,
)
from bench.measurands.judged.explain import AirView, Place, air_view, phases, radio
from bench.measurands.judged.join_lamp import Ended, ending
from bench.measurands.judged.placing import Took, caused, figure, trial
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import Json, Measurement

NAME: Final = "join.onsite.2"
ERASE_PRESS_S: Final = 10.0
"""A press of at least this erases keys and registration (stand-in panel)."""
COLD: Final = "cold"
KEPT: Final = "the air shows a join with kept keys after they were erased: no cold join could be made"


@attrs.frozen(slots=True)
class Attempt:
    """One installation: its stimulus, what ended it, and what was proved about its start (``why``: what was not)."""

    n: Json
    start: CitedObservation
    ended: Ended
    end_ns: int
    cold: str
    why: str
    retest: bool

    @property
    def took(self) -> Took | None:
        return self.ended.took

    @property
    def join_s(self) -> float | None:
        return None if self.took is None else self.took.value


def join_onsite(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal over all its attempts, in seconds."""
    (episode,) = episodes
    view = air_view(episode.evidence, episode.t1_ns)
    euis = frozenset(terminal.eui64 for terminal in (*setup.terminals, *setup.references))
    return [_measure(episode, terminal, setup, view, euis, statistic) for terminal in setup.terminals]


def _measure(
    episode: Episode, terminal: TerminalSetup, setup: Setup, view: AirView, euis: frozenset[str], statistic: str
) -> Measurement:
    found = [_attempt(episode, terminal, mark, view) for mark in episode.marks("attempt", terminal=terminal.id)]
    attempts = [one for one in found if isinstance(one, Attempt)]
    troubles = [one for one in found if isinstance(one, Trouble)]
    if not attempts:
        names = {terminal.id, episode.name}
        nothing = left_out(episode, terminal.id, "attempt")
        nothing = nothing or bench_trouble(episode.evidence, names, episode.t0_ns, episode.t1_ns)
        nothing = nothing or unfinished(episode) or Trouble("no attempt was driven", False, ())
        return gated(NAME, terminal.id, "s", troubles[0] if troubles else nothing)
    if any(one.why == KEPT for one in attempts):
        return gated(NAME, terminal.id, "s", Trouble(KEPT, False, tuple(one.start.citation for one in attempts)))
    if any(one.cold == COLD for one in attempts):  # of two classes one figure would say nothing
        troubles += [Trouble(one.why, False, (one.start.citation,)) for one in attempts if one.cold != COLD]
        attempts = [one for one in attempts if one.cold == COLD]
    least = least_trials(episode, len(attempts), len(troubles), setup.planned.get("joins", 0))
    if len(attempts) < least and not any(one.took is None for one in attempts):
        why = f"{len(attempts)} joins only, at least {least} are needed"
        first = troubles[0] if troubles else unfinished(episode) or Trouble("not driven", False, ())
        return gated(NAME, terminal.id, "s", Trouble(f"{why} ({first.why})", first.bench, first.cited))
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
    colds = sorted({attempt.cold for attempt in attempts})
    trials: list[Json] = [{"n": attempt.n, **trial(attempt.took)} for attempt in attempts]
    rows = [event for one in attempts for event in (one.start, *one.ended.signs)]
    retested = sum(one.retest for one in attempts)
    whys = sorted({one.why for one in attempts if one.why})
    return Measurement(
        NAME,
        terminal.id,
        unit="s",
        **_figure(attempts, statistic, episode.evidence.clocks),
        conditions={
            "n": len(attempts),
            "start": colds[0] if len(colds) == 1 else "mixed",
            **({"not_cold": "; ".join(whys)} if whys else {}),
            "stop": "indicator and server" if any(one.ended.on_site for one in attempts) else "server",
            "statistic": statistic,
            **({"retest": f"{retested} more joins, for one of the first series was slow"} if retested else {}),
            "timers": terminal.timers,
            **_place(attempts, terminal, view, euis),
            **({"joins_on_air": _on_air(attempts, terminal, view)} if view.seen is not None else {}),
            **({"attempts_left_out": len(troubles)} if troubles else {}),
        },
        cited=tuple(event.citation for event in rows) + tuple(row for trouble in troubles for row in trouble.cited),
        detail={
            "attempts": [_detail(attempt, terminal, view) for attempt in attempts],
            "trials": trials,
            "trial_noun": "joins",
            "left_out": [trouble.why for trouble in troubles],
            "never": _never(attempts),
        },
    )


def _figure(attempts: list[Attempt], statistic: str, clocks: Clocks) -> dict[str, Any]:
    tooks = [attempt.took for attempt in attempts]
    if statistic != "retest":
        return figure(tooks, statistic, clocks)
    again = sum(attempt.retest for attempt in attempts)
    if again and again >= len(attempts) - again and None not in tooks:
        tooks = sorted(tooks, key=lambda one: one.value if one is not None else 0.0)[:-1]
    return figure(tooks, "maximum", clocks)


def _never(attempts: list[Attempt]) -> str:
    wrong = [attempt.ended.wrong for attempt in attempts if attempt.took is None]
    if not wrong:
        return ""
    said = ", ".join(sorted(set(filter(None, wrong))))
    return f"{len(wrong)} of {len(attempts)} attempts never joined" + (f": {said}" if said else "")


def _attempt(episode: Episode, terminal: TerminalSetup, mark: CitedObservation, view: AirView) -> Attempt | Trouble:
    """One attempt from its milestones, or why the bench cannot count it."""
    ends = [end for end in episode.marks("attempt.end", terminal=terminal.id, n=mark.data["n"]) if end.row > mark.row]
    end_ns = ends[0].t_ns if ends else episode.t1_ns
    since_ns = _since(episode, terminal, mark)
    trouble = _bench_side(episode, terminal, mark, end_ns)
    if trouble is not None:
        return trouble
    start = _start(episode, terminal, since_ns, mark, end_ns)
    if isinstance(start, Trouble):
        return start
    ended = ending(episode, terminal, _ends_on_site(terminal, mark), start, end_ns)
    if ended.took is None and not ended.wrong:
        nothing = _perhaps_none(episode, terminal, mark, bool(ends), end_ns)
        if nothing is not None:
            return nothing
    cold, why = _cold(episode, terminal, since_ns, start, end_ns, view)
    return Attempt(mark.data["n"], start, ended, end_ns, cold, why, bool(mark.data.get("retest")))


def _bench_side(episode: Episode, terminal: TerminalSetup, mark: CitedObservation, end_ns: int) -> Trouble | None:
    supply = episode.evidence.events(kinds.SUPPLY_OUTPUT, subject=terminal.id, until_ns=end_ns)
    ports = {event.source for event in supply} | {"server"}
    ports |= {f"panel.{terminal.id}"} if _ends_on_site(terminal, mark) else set()
    trouble = bench_trouble(episode.evidence, ports | {terminal.id, episode.name}, mark.t_ns, end_ns)
    if trouble is not None:
        return trouble
    blind = first_span_over(blind_spans(episode.evidence), mark.t_ns, end_ns)
    return Trouble("the bench was blind during the attempt", False, blind.cited) if blind is not None else None


def _perhaps_none(
    episode: Episode, terminal: TerminalSetup, mark: CitedObservation, ended: bool, end_ns: int
) -> Trouble | None:
    """Why an attempt without any sign may be none of the terminal's: an empty cell, a bench that did not wait."""
    fed = episode.evidence.events(kinds.SUPPLY_OUTPUT, subject=terminal.id, until_ns=end_ns)
    if not fed and not _alive(episode, terminal, mark.t_ns, end_ns):
        return Trouble("no sign of life, and nobody saw that the terminal was fed", False, (mark.citation,))
    if not ended:
        return unfinished(episode) or Trouble("the attempt did not end", False, (mark.citation,))
    return oddities(episode.evidence, terminal.id, mark.t_ns, end_ns)


def _start(
    episode: Episode, terminal: TerminalSetup, since_ns: int, mark: CitedObservation, end_ns: int
) -> CitedObservation | Trouble:
    """The last stimulus before the join: a key press, or the supply switched on where it began with that."""
    window: Selection = {"subject": terminal.id, "since_ns": mark.t_ns, "until_ns": end_ns}
    edges = _edges(episode, terminal, since_ns, end_ns)
    found = [*episode.events(kinds.PANEL_PRESS, **window), *(edge for edge in edges if edge.t_ns >= mark.t_ns)]
    if not found:
        return Trouble("no installation key and no supply edge was seen", False, (mark.citation,))
    first = min(event.row for event in found)
    confirmed = [event for event in episode.events(kinds.SERVER_REACHABLE, **window) if event.row > first]
    until = confirmed[0].row if confirmed else max(event.row for event in found)
    start = max((event for event in found if event.row <= until), key=lambda event: event.row)
    began = _before_the_press(episode, terminal, since_ns, start)
    if began is None:
        return start
    edge = max((one for one in edges if one.row < began.row), key=lambda one: one.row, default=None)
    if edge is not None:
        return edge
    why = f"the terminal was joining or joined before the key was pressed ({began.kind}): nothing began with the key"
    return Trouble(why, False, (began.citation, start.citation))


def _edges(episode: Episode, terminal: TerminalSetup, since_ns: int, until_ns: int) -> list[CitedObservation]:
    """When its supply was read back on after it was off."""
    before = episode.evidence.events(kinds.SUPPLY_OUTPUT, subject=terminal.id, until_ns=since_ns - 1)
    on, found = bool(before and before[-1].data.get("on")), []
    for event in episode.events(kinds.SUPPLY_OUTPUT, subject=terminal.id, since_ns=since_ns, until_ns=until_ns):
        if event.data.get("on") and not on:
            found.append(event)
        on = bool(event.data.get("on"))
    return found


def _before_the_press(
    episode: Episode, terminal: TerminalSetup, since_ns: int, start: CitedObservation
) -> CitedObservation | None:
    """What shows that the join had begun before the key was pressed: the indicator blinked, or the server confirmed it.

    A press that erases ends whatever was before it. An indicator that is ``on`` shows no beginning: it lies, which the
    end of the attempt tells.
    """
    length = start.data.get("duration_s")
    if start.kind != kinds.PANEL_PRESS or (isinstance(length, int | float) and length >= ERASE_PRESS_S):
        return None
    window: Selection = {"subject": terminal.id, "since_ns": since_ns, "until_ns": start.t_ns}
    dark_row = max((event.row for event in _darkness(episode, window)), default=-1)
    lamps = [event for event in episode.events(kinds.PANEL_LAMP, **window) if dark_row < event.row < start.row]
    if lamps and lamps[-1].data.get("state") == "blinking":
        return lamps[-1]
    gone = episode.events(kinds.INTENT_DEREGISTER, **window)
    told = episode.events(kinds.SERVER_REACHABLE, **window) if gone else []
    return next((event for event in reversed(told) if gone[-1].row < event.row < start.row), None)


def _alive(episode: Episode, terminal: TerminalSetup, since_ns: int, until_ns: int) -> bool:
    """Whether the terminal showed anything at all: a terminal with an empty cell is no slow one."""
    seen = (kinds.PANEL_LAMP, kinds.SERVER_REACHABLE, kinds.SERVER_UPLOAD)
    return any(episode.events(kind, subject=terminal.id, since_ns=since_ns, until_ns=until_ns) for kind in seen)


def _ends_on_site(terminal: TerminalSetup, mark: CitedObservation) -> bool:
    """Whether the indicator is seen in this attempt: it is declared, and the episode did not say otherwise."""
    return terminal.indicator and mark.data.get("stop") != "server"


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
) -> tuple[str, str]:
    """``cold``, ``warm`` or ``unknown``, and why not cold: what the preconditions prove, and the air contradicts."""
    window: Selection = {"subject": terminal.id, "since_ns": since_ns, "until_ns": start.t_ns}
    presses = [event.data.get("duration_s") for event in episode.events(kinds.PANEL_PRESS, **window)]
    proved = {
        "its supply was not seen off": bool(_darkness(episode, window)),
        "it was not de-registered": bool(episode.events(kinds.INTENT_DEREGISTER, **window)),
        "its keys were not erased": any(isinstance(s, int | float) and s >= ERASE_PRESS_S for s in presses),
    }
    join = view.join_in(terminal.eui64, caused(episode.evidence, start).limits.low, end_ns)
    kept = join is not None and join.kind is not None and join.kind.value != COLD
    lacking = ", ".join(what for what, done in proved.items() if not done)
    if not lacking:
        return ("warm", KEPT) if kept else (COLD, "")
    return ("unknown" if any(proved.values()) and not kept else "warm"), lacking


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


def _on_air(attempts: list[Attempt], terminal: TerminalSetup, view: AirView) -> int:
    """Of how many attempts the sniffers heard the join."""
    joins = (view.join_in(terminal.eui64, attempt.start.t_ns, attempt.end_ns) for attempt in attempts)
    return sum(join is not None for join in joins)


def _detail(attempt: Attempt, terminal: TerminalSetup, view: AirView) -> dict[str, Json]:
    join = view.join_in(terminal.eui64, attempt.start.t_ns, attempt.end_ns)
    stop = attempt.ended.stop
    stop_ns = stop.t_ns if stop is not None else None
    return {
        "label": f"attempt {attempt.n}, {attempt.cold}" + (", retest" if attempt.retest else ""),
        "start": attempt.start.kind,
        "start_ns": attempt.start.t_ns,
        "stop": stop.kind if stop is not None else "",
        "stop_ns": stop_ns,
        "join_s": attempt.join_s,
        "cold": attempt.cold,
        "wrong": attempt.ended.wrong,
        "phases": phases(join, attempt.start.t_ns, stop_ns, view.clocks) if join is not None else [],
        "radio": radio(join) if join is not None else None,
    }
