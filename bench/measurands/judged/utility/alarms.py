"""``alarm.mdms``: alarms that reached the connection server and not the MDMS, or otherwise than they came.

The guideline has each meter's alarm sent to the MDMS (監視機能); ``alarm.normal`` and ``alarm.outage`` end at the
server, this is the rest of the way. Start: an alarm is at the server (``server.alarm``) and the MDMS link of its meter
is open, or is opened later: what came meanwhile follows then. Stop: the MDMS has it (``mdms.alarm``), with the same
meter, code and time of occurrence, within the delay that is agreed for alarms, or, where none is agreed, before the
link is shut or the run ends. Judged is the number of alarms for which that does not happen, and of those that the MDMS
has and the server never had: invented, changed, doubled.

Every alarm of the run counts, whichever episode raised it, but for those that a cut-off may have held
(``cutoff.holds``), those that waited for their link longer than a server is to keep anything (7 days, guideline 1-4;
``storage.server``), and what is not there because the bench was blind, or a virtual rig's server is another one now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.timeline import CitedObservation
from bench.evidence.worlds import Worlds
from bench.measurands.judged.arrivals import time_kept, tolerance
from bench.measurands.judged.common import (
    Span,
    Trouble,
    blind_over,
    first_span_over,
    gated,
    left_out,
    seconds,
    stamps_off_ns,
    too_few,
)
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.utility.link import OPEN, link_states, ports, trouble_of
from bench.measurands.judged.utility.storage import STORED_HOURS
from bench.records import NS_PER_HOUR, NS_PER_S, Json, Measurement

NAME: Final = "alarm.mdms"
KEPT_NS: Final = STORED_HOURS * NS_PER_HOUR
"""How long what the MDMS cannot have yet must wait for it at the server."""


@attrs.frozen(slots=True)
class Passed:
    """An alarm at the server, and at the MDMS (None: it never came); ``why`` is empty where that is right.

    ``since_ns``: from when the MDMS could have it; ``due_ns``: until when it must.
    """

    came: CitedObservation
    since_ns: int
    due_ns: int
    pushed: CitedObservation | None
    why: str

    @property
    def cited(self) -> tuple[str, ...]:
        return tuple(event.citation for event in (self.came, self.pushed) if event is not None)


def alarm_mdms(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of its alarms that the MDMS has not, late or otherwise."""
    (episode, *_) = episodes
    return [_measure(episode, terminal, setup) for terminal in setup.terminals]


def _measure(episode: Episode, terminal: TerminalSetup, setup: Setup) -> Measurement:
    evidence = episode.evidence
    given = _passed(evidence, terminal, setup.alarm_delay_s)
    strays = _strays(evidence, terminal, tolerance(setup.alarm_time_tolerance_s))
    left = {id(one): blind for one in given if (blind := _unseen(evidence, one)) is not None}
    counted = [one for one in given if id(one) not in left]
    bad = [one for one in counted if one.why]
    trouble = trouble_of(episode, terminal, "link")
    if not bad and not strays:
        trouble = trouble or left_out(episode, terminal.id, "cut") or left_out(episode, terminal.id, "raise")
    if trouble is None and not given and not strays:
        trouble = Trouble("no alarm came to the server while the MDMS link of its meter was open", False, ())
    if trouble is None and not bad and not strays:
        trouble = too_few(episode, len(counted), list(left.values()), "alarms")
    if trouble is not None:
        return gated(NAME, terminal.id, "1", trouble)
    took = [max(0.0, seconds(one.since_ns, one.pushed.t_ns)) for one in counted if one.pushed is not None]
    return Measurement(
        NAME,
        terminal.id,
        float(len(bad) + len(strays)),
        "1",
        u=0.0,
        conditions={
            "n": len(counted),
            "slowest_s": max(took, default=None),
            "not_asked_for": len(strays),
            **({"alarms_left_out": len(left)} if left else {}),
        },
        cited=tuple(row for one in counted for row in one.cited) + tuple(event.citation for event in strays),
        detail={
            "alarms": [_said(one) for one in counted],
            "not_passed_on": [_said(one) for one in bad],
            "never_had": [_told(event) for event in strays],
            "trials": [{"ok": not one.why} for one in counted],
            "trial_noun": "alarms",
            "trial_condition": "passed on to the MDMS as they came",
        },
    )


def _passed(evidence: Evidence, terminal: TerminalSetup, delay_s: float | None) -> list[Passed]:
    """Every alarm of the terminal for which its link stood open long enough, and no cut-off held anything."""
    whose, cut, worlds = ports(evidence), _cut_off(evidence), Worlds.of(evidence)
    come, pushed = _alarms(evidence, kinds.SERVER_ALARM, terminal), _alarms(evidence, kinds.MDMS_ALARM, terminal)
    of = _matched(come, pushed)
    stood = [one for one in link_states(evidence) if one.state == OPEN]
    found = []
    for event in come:
        mine = [one for one in stood if one.port == whose.get(str(event.data["meter"])) and one.to_ns > event.t_ns]
        if not mine:
            continue
        since_ns, until_ns, arrival = max(event.t_ns, mine[0].from_ns), mine[0].to_ns, of.get(event.row)
        if since_ns - event.t_ns > KEPT_NS or worlds.at(event.t_ns) != worlds.at(since_ns):
            continue
        due_ns = until_ns if delay_s is None else since_ns + round(delay_s * NS_PER_S)
        broken_off = arrival is None and due_ns > until_ns
        if not broken_off and first_span_over(cut, event.t_ns, due_ns) is None:
            found.append(Passed(event, since_ns, due_ns, arrival, _why(since_ns, arrival, due_ns)))
    return found


def _why(since_ns: int, pushed: CitedObservation | None, due_ns: int) -> str:
    if pushed is None:
        return "not pushed"
    late = pushed.t_ns > due_ns + stamps_off_ns(pushed)
    return f"pushed after {seconds(since_ns, pushed.t_ns):.3g} s" if late else ""


def _matched(come: Sequence[CitedObservation], pushed: Sequence[CitedObservation]) -> dict[int, CitedObservation]:
    """For each alarm at the server (by its row) the first push of the same that no earlier one has taken, whichever of
    the two ports told of it first."""
    free, found = list(pushed), dict[int, CitedObservation]()
    for event in come:
        if (push := next((one for one in free if _what(one) == _what(event)), None)) is not None:
            found[event.row] = push
            free.remove(push)
    return found


def _strays(evidence: Evidence, terminal: TerminalSetup, tolerance_ns: int) -> list[CitedObservation]:
    """What the MDMS has and neither the server had nor a meter raised, or has once more.

    What the server alone lost is ``alarm.normal``'s; a message that a link repeats bears its number again.
    """
    come, pushed = _alarms(evidence, kinds.SERVER_ALARM, terminal), _alarms(evidence, kinds.MDMS_ALARM, terminal)
    taken = {(one.source, one.data.get("id")) for one in _matched(come, pushed).values()}
    had = {_what(event) for event in come}
    return [
        one
        for one in pushed
        if (one.source, one.data.get("id")) not in taken
        and (_what(one) in had or not _raised(evidence, one, tolerance_ns))
        and blind_over(evidence, 0, one.t_ns) is None
    ]


def _raised(evidence: Evidence, push: CitedObservation, tolerance_ns: int) -> bool:
    """Whether the meter may have raised what was pushed."""
    stimuli = evidence.events(kinds.METER_ALARM, subject=str(push.data["meter"]))
    alike = [one for one in stimuli if one.data.get("code") == push.data.get("code")]
    return any(time_kept(evidence, one, push, tolerance_ns) is not False for one in alike)


def _alarms(evidence: Evidence, kind: str, terminal: TerminalSetup) -> list[CitedObservation]:
    found = [
        event for event in evidence.events(kind, subject=terminal.id) if event.data.get("meter") in terminal.meters
    ]
    return sorted(found, key=lambda event: event.row)


def _what(event: CitedObservation) -> tuple[Json, ...]:
    return tuple(event.data.get(key) for key in ("meter", "code", "occurred_ns"))


def _cut_off(evidence: Evidence) -> list[Span]:
    """When the operator's gate held something, from each cut-off to its reconnection."""
    ends = evidence.events(kinds.GATE_RECONNECTED)
    found = []
    for begin in evidence.events(kinds.GATE_CUT_OFF):
        end = next((one for one in ends if one.row > begin.row and one.data == begin.data), None)
        found.append(Span(begin.t_ns, end.t_ns if end is not None else evidence.last_ns()))
    return found


def _unseen(evidence: Evidence, one: Passed) -> Trouble | None:
    """Why one that is wanting may have come: the bench was blind. One that came late came, and stays late."""
    return blind_over(evidence, one.came.t_ns, one.due_ns) if one.why and one.pushed is None else None


def _told(event: CitedObservation) -> dict[str, Json]:
    said: dict[str, Json] = {key: event.data.get(key) for key in ("meter", "code", "occurred_ns")}
    return {**said, "arrival_ns": event.t_ns, "cited": event.citation}


def _said(one: Passed) -> dict[str, Json]:
    said: dict[str, Json] = {key: one.came.data.get(key) for key in ("meter", "code", "occurred_ns")}
    pushed_ns = one.pushed.t_ns if one.pushed is not None else None
    return {**said, "stimulus_ns": one.since_ns, "arrival_ns": pushed_ns, "why": one.why, "cited": one.came.citation}
