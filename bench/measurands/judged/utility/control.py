"""``control.function`` and ``control.success``: commands from the MDMS to a meter's valve, and back (制御機能).

A command is four events: *accepted* by the server (``mdms.accepted``), *forwarded* to the terminal
(``server.request.sent``), *answered* by the meter (``mdms.answer`` with ``final``), and *moved*, which the meter's own
port tells (``meter.valve``). A shut-off is right where all four happen, the answer says ``shut``, and the valve was
shut when it said so. A reopening ends only after the leak check (domain.md 4.5): right where the valve was ``checking``
for ``LEAK_CHECK_S`` at least, then ``open``, and the answer ``open`` came no earlier; where gas is lost behind the
valve it must not open, and the answer must not say that it did. No other valve may move meanwhile. A time that the
answer tells (``at_ns``) lies between command and answer, but for alarm_time_tolerance_s.

Where no wire tells of the valve, a person watches it and says what it shows whenever that changes. Before and after
each command somebody looks: where that is not what was said last, nobody saw the valve move, and a command that went
wrong is left out. Nobody watches the other valves then.

A command during which the bench was blind is left out, and so is one that went wrong after a time in which the bench
may have left a valve otherwise than it knew: a killed bench may have sent what it did not record, and what it had asked
for goes on without it. So is told since when a valve's state is known: since it was asked for the last time, in
whatever attempt. A meter's port that was gone is the same: valves tell of themselves. A command's time ends where the
bench asks for something else.

``control.function``: the number of commands that were not right. ``control.success``: the success rate, as an exact
one-sided bound over the commands (Clopper and Pearson): statistic ``maximum``, its upper bound, so that a rate below
the agreed baseline is shown to be inferior; ``minimum``, its lower bound, so that one not below it is shown to be not
inferior. The rate, n, and what n supports stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.timeline import CitedObservation
from bench.judge.statistics import lower_bound, upper_bound
from bench.measurands.judged.arrivals import tolerance
from bench.measurands.judged.common import Trouble, blind_over, gated, last_intent, seconds, stamps_off_ns, too_few
from bench.measurands.judged.placing import dated_otherwise
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.utility.link import trouble_of
from bench.records import Json, Measurement

FUNCTION: Final = "control.function"
SUCCESS: Final = "control.success"
LEAK_CHECK_S: Final = 120.0
"""A leak check takes about three minutes (domain.md 4.5); what is shorter than two is none."""


@attrs.frozen(slots=True)
class Command:
    """One command; ``why`` says what was wrong with it, empty where it was right."""

    meter: str
    command: str
    expected: str
    at_ns: int
    end_ns: int
    accepted: CitedObservation | None
    forwarded: CitedObservation | None
    answered: CitedObservation | None
    moved: tuple[CitedObservation, ...]
    row: int = 0
    stray: CitedObservation | None = None
    """The first move of another valve meanwhile."""
    why: str = ""

    @property
    def cited(self) -> tuple[str, ...]:
        events = (self.accepted, self.forwarded, self.answered, *self.moved)
        return tuple(event.citation for event in events if event is not None)


def control_function(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of commands that were not right."""
    (episode,) = episodes
    return [_measure(episode, terminal, setup, FUNCTION, statistic) for terminal in setup.terminals]


def control_success(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: a bound of the success rate; ``statistic`` says which."""
    (episode,) = episodes
    return [_measure(episode, terminal, setup, SUCCESS, statistic) for terminal in setup.terminals]


def _measure(episode: Episode, terminal: TerminalSetup, setup: Setup, name: str, statistic: str) -> Measurement:
    tolerance_ns = tolerance(setup.alarm_time_tolerance_s)
    given = [_command(episode, mark, tolerance_ns) for mark in episode.marks("command", terminal=terminal.id)]
    left = {id(one): blind for one in given if (blind := _unseen(episode, one)) is not None}
    commands = [one for one in given if id(one) not in left]
    trouble = trouble_of(episode, terminal, "command")
    if trouble is None and not given:
        trouble = Trouble("no command was given", False, ())
    if trouble is None and not (name == FUNCTION and any(one.why for one in commands)):  # what was wrong stays wrong
        trouble = too_few(episode, len(commands), list(left.values()), "commands")
    if trouble is not None:
        return gated(name, terminal.id, "1", trouble)
    bad = [one for one in commands if one.why]
    good, n = len(commands) - len(bad), len(commands)
    bound = {"maximum": upper_bound, "minimum": lower_bound}
    rate: dict[str, Json] = {} if name == FUNCTION else {"rate": good / n, "bound": statistic}
    return Measurement(
        name,
        terminal.id,
        float(len(bad)) if name == FUNCTION else bound[statistic](good, n),
        "1",
        u=0.0,
        conditions={
            "n": n,
            **rate,
            "slowest_answer_s": max(_answer_s(one) or 0.0 for one in commands),
            **({"commands_left_out": len(left)} if left else {}),
        },
        cited=tuple(row for one in (bad or commands) for row in one.cited),
        detail={
            "commands": [_said(one) for one in commands],
            "uncontrolled": [_said(one) for one in bad],
            "trials": [{"ok": not one.why} for one in commands],
            "trial_noun": "control commands",
            "trial_condition": "carried out and answered",
        },
    )


def _unseen(episode: Episode, one: Command) -> Trouble | None:
    """Why nothing is said of a command: the bench was blind during it, or, where it went wrong, since the valve that
    was not as it had to be was asked for something the last time before."""
    ports = {event.source for event in episode.evidence.events(kinds.METER_VALVE)}
    since_ns, until_ns = one.at_ns, one.end_ns
    if not one.why and one.answered is not None:
        until_ns = one.answered.t_ns
    elif one.why:
        valve = one.stray.subject if one.stray is not None else one.meter
        since_ns = min(since_ns, _asked_before(episode, valve, one.row))
    blind = blind_over(episode.evidence, since_ns, until_ns, ports)
    return blind or (_overlooked(episode, one) if one.why else None)


def _overlooked(episode: Episode, one: Command) -> Trouble | None:
    """Whether somebody who looked saw the valve otherwise than whoever watched it had said, before the next command."""
    until = min(
        (mark.row for mark in episode.marks("command", meter=one.meter) if mark.row > one.row), default=math.inf
    )
    shows: Json = None
    for event in sorted(episode.evidence.events(kinds.METER_VALVE, subject=one.meter), key=lambda event: event.row):
        if event.row > until:
            break
        if event.row > one.row and _looked(event) and event.data.get("state") != shows:
            return Trouble(f"nobody saw the valve of {one.meter} move", False, (event.citation,))
        shows = event.data.get("state")
    return None


def _looked(event: CitedObservation) -> bool:
    """Whether it says what a valve shows, and not since when."""
    return event.data.get("looked") is True


def _asked_before(episode: Episode, meter: str, row: int) -> int:
    """When a valve was asked for something the last time before the command of that row, in whatever attempt; when the
    episode began, where it was not."""
    own = [mark.t_ns for mark in episode.marks("command", meter=meter) if mark.row < row]
    asked = [event for event in _asks(episode) if event.data.get("meter") == meter and event.row < row]
    of_it = [event for event in _asks(episode) if event.row < row][-1:]  # the command's own
    return max([*own, *(event.t_ns for event in asked if event not in of_it)], default=episode.t0_ns)


def _asks(episode: Episode) -> list[CitedObservation]:
    """Every request for a valve in the run, in order of their rows."""
    asks = [event for event in episode.evidence.events(kinds.INTENT_ASK) if event.data.get("op") == "control"]
    return sorted(asks, key=lambda event: event.row)


def _command(episode: Episode, mark: CitedObservation, tolerance_ns: int) -> Command:
    meter, request = str(mark.data["meter"]), mark.data.get("request")
    until = mark.data.get("until_ns")
    end_ns = until if isinstance(until, int) else episode.t1_ns
    later = [*episode.marks("command"), *_asks(episode)]
    end_ns = min([end_ns, *(other.t_ns for other in later if other.row > mark.row)])

    def of(kind: str) -> CitedObservation | None:
        found = [e for e in episode.events(kind) if e.data.get("request") == request and request]
        final = [e for e in found if e.data.get("final") is True] if kind == kinds.MDMS_ANSWER else found
        return final[0] if final else None

    valves = [e for e in episode.events(kinds.METER_VALVE, since_ns=mark.t_ns, until_ns=end_ns) if e.row > mark.row]
    one = Command(
        meter,
        str(mark.data["command"]),
        str(mark.data["expected"]),
        mark.t_ns,
        end_ns,
        of(kinds.MDMS_ACCEPTED),
        of(kinds.SERVER_REQUEST_SENT),
        of(kinds.MDMS_ANSWER),
        tuple(event for event in valves if event.subject == meter and not _looked(event)),
        mark.row,
    )
    asked = last_intent(episode, kinds.INTENT_ASK, mark, meter=meter) or mark
    if why := _why(one) or _misdated(episode, one, asked.t_ns, tolerance_ns):
        return attrs.evolve(one, why=why)
    strays = [e for e in valves if e.subject != meter and e.source == f"meter.{e.subject}" and _moves(episode, e)]
    return attrs.evolve(one, stray=strays[0], why=f"the valve of {strays[0].subject} moved") if strays else one


def _misdated(episode: Episode, one: Command, asked_ns: int, tolerance_ns: int) -> str:
    """What is wrong with the time that the final answer tells; ``asked_ns``: when the bench meant to ask."""
    if one.answered is None:
        return ""
    told_ns = one.answered.data.get("at_ns")
    return dated_otherwise(episode.evidence, told_ns, asked_ns, one.answered.t_ns, tolerance_ns, "carried out")


def _moves(episode: Episode, event: CitedObservation) -> bool:
    """Whether the valve was in another state before: a state that is only read is no move."""
    before = [e for e in episode.evidence.events(kinds.METER_VALVE, subject=event.subject) if e.row < event.row]
    return bool(before) and before[-1].data.get("state") != event.data.get("state")


def _why(one: Command) -> str:
    if one.accepted is None:
        return "not accepted by the server"
    if one.forwarded is None:
        return "not forwarded to the terminal"
    if one.answered is None:
        return "no final answer came to the MDMS"
    said = one.answered.data.get("state")
    if said != one.expected or one.answered.data.get("meter") != one.meter:
        return f"answered {said} for {one.answered.data.get('meter')}, expected {one.expected}"
    states = [event.data.get("state") for event in one.moved]
    if one.command == "shut":
        return _of_state(one, "shut")
    if "checking" not in states:
        return "no leak check"
    if one.expected != "open":
        return "the valve opened onto a leak" if "open" in states else _of_state(one, "shut")
    opened = _last(one, "open")
    checking = one.moved[states.index("checking")]
    if opened is not None:
        checked_s = seconds(checking.t_ns, opened.t_ns + stamps_off_ns(checking, opened))
        if checked_s < LEAK_CHECK_S:
            return f"the leak check took {checked_s:.3g} s only"
    return _of_state(one, "open")


def _of_state(one: Command, state: str) -> str:
    """What is wrong where the valve must have come into this state before the answer said so."""
    assert one.answered is not None
    came = _last(one, state)
    if came is None or one.moved[-1].data.get("state") != state:
        return f"the valve is not {state}"
    early_ns = came.t_ns - one.answered.t_ns
    return "" if early_ns <= stamps_off_ns(came, one.answered) else f"answered before the valve was {state}"


def _last(one: Command, state: str) -> CitedObservation | None:
    """When the valve came into a state for the last time: what is only read there after that is no move."""
    came = None
    for before, event in zip((None, *one.moved), one.moved, strict=False):
        if event.data.get("state") == state and (before is None or before.data.get("state") != state):
            came = event
    return came


def _answer_s(one: Command) -> float | None:
    return None if one.answered is None else round(seconds(one.at_ns, one.answered.t_ns), 6)


def _said(one: Command) -> dict[str, Json]:
    times = {"accepted_ns": one.accepted, "forwarded_ns": one.forwarded, "answered_ns": one.answered}
    return {
        "meter": one.meter,
        "command": one.command,
        "at_ns": one.at_ns,
        **{key: None if event is None else event.t_ns for key, event in times.items()},
        "moved": [[event.t_ns, str(event.data.get("state"))] for event in one.moved],
        "why": one.why,
    }
