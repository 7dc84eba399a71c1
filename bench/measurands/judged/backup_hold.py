"""``backup.meters``, ``backup.concentrator``: for how long messages pass without mains, in seconds (停電補償, 2-2).

Start: the mains of the smart meters (of the concentrator) go off, after every terminal had answered. Stop: the last
moment at which a right answer of the terminal came to the server before the mains were back; right is an answer with
the index to which the register was turned after the request had left, or by a person just before (`judged.register`).
Judged is that time, which is held at least; ``bounds`` reach to the first request after it that stayed without an
answer, and the round trip that the guideline names: by then the path was gone. None where no request stayed without
one. Both ends are as far apart as the requests: a limit between them is not decided.

Where the episode tried it twice (``cut.again``), with a day of mains between, the test in which it held for less
counts: a battery that was not recharged holds once. Where one of them proves nothing, that it held in the other is no
proof either, and that it did not, is.

Conditions: for how long the mains had been on before (``mains_on_h``; how full a battery was is not seen from outside),
and temperature where the laboratory records it. Silence is a battery's only where the terminal answers again once the
mains are back; otherwise it proves nothing. What a blind time hides proves nothing either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.limits import Limits
from bench.evidence.timeline import CitedObservation
from bench.judge.uncertainty import within
from bench.measurands.judged.common import Trouble, bench_trouble, blind_over, gated, last_intent, left_out, unfinished
from bench.measurands.judged.placing import Placed, caused, heard
from bench.measurands.judged.register import BEFORE, Turned, turned_before
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_S, Json, Measurement

METERS: Final = "backup.meters"
CONCENTRATOR: Final = "backup.concentrator"
_ON: Final = {"cut": False, "restore": True}
"""What a person who was asked to do so made of the mains."""
FED: Final = {METERS: "mesh", CONCENTRATOR: "concentrator"}
"""What the supply's observations call it."""
AGAIN: Final = ".again"
"""What the second test's milestones are called behind their names."""
ALIVE_NS: Final = 90 * NS_PER_S
"""A path that stands has brought an answer by then (guideline 2-1: 1分半程度)."""


@attrs.frozen(slots=True)
class Probe:
    """A request without mains. ``answer``: the right one, where it came before the mains were back."""

    n: int
    sent: CitedObservation
    answer: CitedObservation | None
    wrong: str = ""


def backup_meters(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: how long its way through the smart meters held without their mains."""
    (episode,) = episodes
    return [_measure(METERS, episode, terminal) for terminal in setup.terminals]


def backup_concentrator(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: how long its way through the concentrator held without its mains."""
    (episode,) = episodes
    return [_measure(CONCENTRATOR, episode, terminal) for terminal in setup.terminals]


def _measure(name: str, episode: Episode, terminal: TerminalSetup) -> Measurement:
    fed = FED[name]
    names = {"server", terminal.id, episode.name, *(f"meter.{meter}" for meter in terminal.meters)}
    trouble = bench_trouble(episode.evidence, names, episode.t0_ns, episode.t1_ns)
    trouble = trouble or left_out(episode, terminal.id, fed)
    cut = next(iter(episode.marks("cut", what=fed)), None)
    if cut is None:
        trouble = trouble or unfinished(episode) or Trouble("no backup is agreed: nothing was cut", False, ())
    if trouble is not None or cut is None:
        assert trouble is not None
        return gated(name, terminal.id, "s", trouble)
    once = _held(name, episode, terminal, cut)
    second = next(iter(episode.marks("cut" + AGAIN, what=fed)), None)
    return once if second is None else _less(once, _held(name, episode, terminal, second, AGAIN))


def _less(once: Measurement, again: Measurement) -> Measurement:
    """The test in which it held for less. Where the other one proves nothing, it may have held for less still."""
    shown = [one for one in (once, again) if not one.gate]
    if len(shown) < 2:
        open_ = again if once in shown else once
        if not shown or shown[0].bounds is None:
            return open_
        return attrs.evolve(
            shown[0], bounds=(0.0, shown[0].bounds[1]), doubt=f"the other test proves nothing: {open_.gate}"
        )
    less = min(shown, key=_held_s)
    trials: list[Json] = [{"value": one.value} for one in shown]
    return attrs.evolve(less, conditions={**less.conditions, "tests": 2}, detail={**less.detail, "trials": trials})


def _held_s(measured: Measurement) -> float:
    assert measured.value is not None
    return measured.value


def _held(name: str, episode: Episode, terminal: TerminalSetup, cut: CitedObservation, again: str = "") -> Measurement:
    fed, evidence = FED[name], episode.evidence
    switched = [e for e in _outputs(episode, fed) if e.row < cut.row and not _is_on(e)]
    probes = _probes(episode, terminal, fed, cut, again)
    answered = [p for p in _probes(episode, terminal, fed, None, again) if p.answer is not None]
    before = [p for p in answered if p.n == 0]
    restored = next((mark.row for mark in episode.marks("restore" + again, what=fed)), None)
    after = [p for p in answered if restored is not None and p.sent.row > restored]
    why = "its mains were not seen to go off" if not switched else "" if before else "it did not answer before the cut"
    if why or not probes:
        return gated(name, terminal.id, "s", Trouble(why or "it was asked for nothing without mains", False, ()))
    gone = caused(evidence, switched[-1]).limits
    arrived = [(heard(evidence, p.answer, Placed.on_arrival(p.sent)).limits, p) for p in probes if p.answer is not None]
    last = max(arrived, key=lambda pair: pair[0].low, default=None)
    since_ns = gone.low if last is None else last[0].low
    quiet = [p for p in probes if p.answer is None and p.sent.t_ns >= since_ns]
    silent = next((p for p in quiet if _blind(episode, p) is None), None)
    least_s = 0.0 if last is None else max(0, last[0].less(gone).low) / NS_PER_S
    most_s = None if silent is None else (silent.sent.t_ns + ALIVE_NS - gone.low) / NS_PER_S
    if silent is None and quiet and (blind := _blind(episode, quiet[0])) is not None:
        said = f"it answered after {least_s:.0f} s, and nobody watched whether it did later: {blind.why}"
        return gated(name, terminal.id, "s", Trouble(said, False, (quiet[0].sent.citation, *blind.cited)))
    if silent is not None and not after:
        said = (
            f"it did not answer after the mains were back either: that it was silent after {least_s:.0f} s is no proof"
        )
        return gated(name, terminal.id, "s", Trouble(said, False, (silent.sent.citation,)))
    return Measurement(
        name,
        terminal.id,
        least_s,
        "s",
        **_between(least_s, most_s),
        conditions={
            "requests": len(probes),
            "ended_before_s": None if most_s is None else round(most_s, 1),
            "mains_on_h": _charged_h(episode, fed, switched[-1]),
        },
        cited=(
            switched[-1].citation,
            *((last[1].sent.citation, last[1].answer.citation) if last and last[1].answer else ()),
            *((silent.sent.citation,) if silent is not None else ()),
            *(p.answer.citation for p in (*before[:1], *after[:1]) if p.answer is not None),
        ),
        detail={
            "unpowered": [_told(p, gone) for p in probes],
            "trials": [{"value": least_s}],
            "trial_noun": "outages",
        },
    )


def _between(least_s: float, most_s: float | None) -> dict[str, Any]:
    """What the distance of the requests leaves open, as a rectangle; nothing where none was without an answer."""
    if most_s is None:
        return {"u": 0.0}
    line = within("interval of the requests", (most_s - least_s) / 2, "s")
    doubt = f"it answered after {least_s:.0f} s, and no more before {most_s:.0f} s"
    return {"u": line.u, "budget": (line,), "bounds": (least_s, most_s), "doubt": doubt}


def _probes(
    episode: Episode, terminal: TerminalSetup, fed: str, cut: CitedObservation | None, again: str
) -> list[Probe]:
    """The terminal's requests; with ``cut`` those between it and the mains' return, with answers until then."""
    restores = episode.marks("restore" + again, what=fed) if cut is not None else []
    until = restores[0].row if restores else None
    marks = episode.marks("probe" + again, what=fed, terminal=terminal.id)
    marks = [m for m in marks if isinstance(m.data.get("n"), int)]
    if cut is not None:
        marks = [m for m in marks if m.row > cut.row and (until is None or m.row < until)]
    answers = episode.events(kinds.SERVER_ANSWER, subject=terminal.id)
    found = []
    for mark in marks:
        if mark.data.get("turned") == BEFORE and isinstance(_by_hand(episode, mark), Trouble):
            continue  # what it was asked for is not known
        own = [a for a in answers if a.data.get("request") == mark.data.get("request") and mark.data.get("request")]
        own = [a for a in own if until is None or a.row < until]
        right = next((a for a in own if a.data.get("index") == mark.data.get("fresh")), None)
        found.append(Probe(int(str(mark.data["n"])), mark, right, "another index" if own and right is None else ""))
    return found


def _by_hand(episode: Episode, mark: CitedObservation) -> Turned | Trouble:
    asked = last_intent(episode, kinds.INTENT_REQUEST, mark, str(mark.data.get("terminal"))) or mark
    return turned_before(episode.evidence, str(mark.data.get("meter")), mark, asked)


def _blind(episode: Episode, probe: Probe) -> Trouble | None:
    """Why an answer might not have been seen."""
    return blind_over(episode.evidence, probe.sent.t_ns, probe.sent.t_ns + ALIVE_NS, ("server",))


def _outputs(episode: Episode, fed: str) -> list[CitedObservation]:
    """What switched the mains and said so: a supply, or a person at a breaker."""
    outputs = episode.evidence.events(kinds.SUPPLY_OUTPUT, subject=fed, until_ns=episode.t1_ns)
    done = episode.evidence.events(kinds.OPERATOR_DONE, subject=fed, until_ns=episode.t1_ns)
    return sorted([*outputs, *(row for row in done if row.data.get("do") in _ON)], key=lambda row: row.row)


def _is_on(switched: CitedObservation) -> bool:
    if switched.kind == kinds.OPERATOR_DONE:
        return _ON[str(switched.data["do"])]
    return switched.data.get("on") is True


def _charged_h(episode: Episode, fed: str, off: CitedObservation) -> float | None:
    """Hours for which the mains had been seen on before they went; None where nobody saw them on."""
    outputs = [event for event in _outputs(episode, fed) if event.row < off.row]
    if not outputs and off.kind == kinds.OPERATOR_DONE:
        return None
    since_ns = off.t_ns
    for event in reversed(outputs):
        if not _is_on(event):
            break
        since_ns = event.t_ns
    return round((off.t_ns - since_ns) / (3600 * NS_PER_S), 3)


def _told(probe: Probe, gone: Limits) -> Json:
    return {
        "after_s": round((probe.sent.t_ns - gone.best) / NS_PER_S, 3),
        "answered": probe.answer is not None,
        "why": probe.wrong,
    }
