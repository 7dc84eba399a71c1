"""``cutoff.holds``: probes that passed a cut-off, did not pass beside it, or did not pass again after reconnection.

Chapter 6 asks for a mechanism that cuts off a specific communication and lets it be reconnected. The operator cuts off
one utility, one terminal, or one kind of message of one terminal (`gate.cut_off` .. `gate.reconnected`). Probes are
alarms that the bench raises at meters, readings and stored hours that the MDMS asks for, and its pulls; each says
beforehand whether it is to pass.
They are sent in three phases of each cut-off (`scope`):

* before: every probe passes, or nothing is shown and the figure is inconclusive (positive control);
* in the window, which lies within the cut-off and has a declared length: a probe of what is cut off has no effect at
  the MDMS, one of a neighbour (another utility, another terminal, another kind of message) passes;
* after reconnection: every probe passes again (positive control).

Judged is the number of probes of a terminal's meters that did otherwise, and of other messages of what is cut off that
passed meanwhile: at the MDMS, and at the server where terminal and server are cut off from each other (no utility is
named): an upload, an alarm, a request that left, an answer. An alarm probe passes when it is at the MDMS with its time
of occurrence, a request when it is answered there, a pull when it is not refused. What a terminal kept while it was cut
off and delivers after the reconnection is no leak. A probe during which the bench was blind says nothing and is left
out, and so is what came behind such a time: it may have passed before the cut-off, or after a reconnection by a resumed
bench.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import Trouble, blind_over, gated, left_out, seconds, too_few
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.utility.link import trouble_of
from bench.records import NS_PER_S, Json, Measurement

NAME: Final = "cutoff.holds"
BEFORE: Final = "before"
WINDOW: Final = "window"
AFTER: Final = "after"
PULL: Final = "pull"
SAID: Final[Mapping[str, str]] = {
    kinds.MDMS_READINGS: "upload",
    kinds.MDMS_ALARM: "alarm",
    kinds.SERVER_UPLOAD: "upload",
    kinds.SERVER_ALARM: "alarm",
}
"""What messages are at the gate that do not say so themselves (`op`)."""
AT_SERVER: Final = (kinds.SERVER_UPLOAD, kinds.SERVER_ALARM, kinds.SERVER_REQUEST_SENT, kinds.SERVER_ANSWER)
SAME_NS: Final = 60 * NS_PER_S
"""A time of occurrence may be told by another clock than the bench's."""


@attrs.frozen(slots=True)
class Probe:
    """One probe and its effect at the MDMS; ``passed`` None: there was none until ``until_ns``."""

    meter: str
    what: str
    scope: str
    phase: str
    expected: bool
    mark: CitedObservation
    until_ns: int
    passed: CitedObservation | None

    @property
    def wrong(self) -> bool:
        return (self.passed is not None) is not self.expected

    @property
    def cited(self) -> tuple[str, ...]:
        return (self.mark.citation, *((self.passed.citation,) if self.passed is not None else ()))


def cutoff_holds(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of its probes that did otherwise.

    The mechanism is the operator's, and is tried at two terminals of many: of one that no probe was meant for, where
    others were probed, nothing is said.
    """
    (episode,) = episodes
    meters = {mark.data.get("meter") for mark in episode.marks("probe")}
    tried = [
        terminal
        for terminal in setup.terminals
        if meters.intersection(terminal.meters) or left_out(episode, terminal.id, "cut off") is not None
    ]
    return [_measure(episode, terminal) for terminal in (tried if meters else setup.terminals)]


def _measure(episode: Episode, terminal: TerminalSetup) -> Measurement:
    sent = [_probe(episode, mark) for mark in episode.marks("probe") if mark.data.get("meter") in terminal.meters]
    left = {id(probe): blind for probe in sent if (blind := _unseen(episode, probe)) is not None}
    probes = [probe for probe in sent if id(probe) not in left]
    unshown = {scope: why for scope in {p.scope for p in probes} if (why := _not_shown(episode, probes, scope))}
    shown = [probe for probe in probes if probe.scope not in unshown]
    bad, strays = [probe for probe in shown if probe.wrong], _strays(episode, terminal, sent)
    trouble = trouble_of(episode, terminal, "cut off")
    trouble = trouble or (None if sent else Trouble("nothing of it was probed", False, ()))
    if trouble is None and not bad and not strays:  # what was seen to be wrong stays wrong
        trouble = too_few(episode, len(probes), list(left.values()), "probes")
        trouble = trouble or next((unshown[probe.scope] for probe in probes if probe.scope in unshown), None)
    if trouble is not None:
        return gated(NAME, terminal.id, "1", trouble)
    probes, scopes = shown, list(dict.fromkeys(probe.scope for probe in shown))
    cuts = episode.events(kinds.GATE_CUT_OFF) + episode.events(kinds.GATE_RECONNECTED)
    return Measurement(
        NAME,
        terminal.id,
        float(len(bad) + len(strays)),
        "1",
        u=0.0,
        conditions={
            "cut_offs": scopes,
            **({"probes_left_out": len(left)} if left else {}),
            "window_s": round(min((_window_s(episode, scope) for scope in scopes), default=0.0), 3),
            "held": sum(probe.phase == WINDOW and not probe.expected and not probe.wrong for probe in probes),
            "neighbours_passed": sum(p.phase == WINDOW and p.expected and not p.wrong for p in probes),
            "controls_passed": sum(probe.phase != WINDOW and not probe.wrong for probe in probes),
        },
        cited=(*(event.citation for event in cuts), *(row for probe in probes for row in probe.cited)),
        detail={
            "leaks": [*(_said(probe) for probe in bad), *strays],
            "probes": [_said(probe) for probe in probes],
            "trials": [{"ok": not any(probe.wrong for probe in probes if probe.scope == scope)} for scope in scopes],
            "trial_noun": "cut-offs",
            "trial_condition": "that held, touched no neighbour, and were undone",
        },
    )


def _probe(episode: Episode, mark: CitedObservation) -> Probe:
    said = mark.data
    until_ns = said.get("until_ns")
    end_ns = until_ns if isinstance(until_ns, int) else episode.t1_ns
    if said.get("what") == "alarm":
        found = episode.events(kinds.MDMS_ALARM, until_ns=end_ns)
        mine = [e for e in found if _is_alarm(e, mark)]
    elif said.get("what") == PULL:  # answered, or refused, before its milestone
        since_row = max((other.row for other in episode.marks("probe") if other.row < mark.row), default=0)
        found = episode.events(kinds.MDMS_PULLED, until_ns=mark.t_ns)
        mine = [e for e in found if since_row < e.row < mark.row and e.data.get("meter") == said.get("meter")]
    else:
        found = episode.events(kinds.MDMS_ANSWER, until_ns=end_ns)
        mine = [e for e in found if said.get("request") and e.data.get("request") == said.get("request")]
    return Probe(
        str(said["meter"]),
        str(said["what"]),
        str(said["scope"]),
        str(said["phase"]),
        said.get("passes") is True,
        mark,
        end_ns,
        mine[0] if mine else None,
    )


def _unseen(episode: Episode, probe: Probe) -> Trouble | None:
    """Why a probe shows nothing: the bench was blind before its effect came, or could have come."""
    until_ns = probe.passed.t_ns if probe.passed is not None else probe.until_ns
    return blind_over(episode.evidence, probe.mark.t_ns, until_ns)


def _is_alarm(event: CitedObservation, mark: CitedObservation) -> bool:
    occurred = event.data.get("occurred_ns")
    same = all(event.data.get(key) == mark.data.get(key) for key in ("meter", "code"))
    return same and isinstance(occurred, int) and abs(occurred - mark.t_ns) <= SAME_NS


def _not_shown(episode: Episode, probes: list[Probe], scope: str) -> Trouble | None:
    """Why the probes of one cut-off show nothing: no positive control before, or no cut-off around the window."""
    for probe in probes:
        if probe.scope == scope and probe.phase == BEFORE and probe.wrong:
            why = f"the {probe.what} of {probe.meter} did not pass before the cut-off ({scope}): nothing is shown"
            return Trouble(why, False, probe.cited)
    if _window_s(episode, scope) <= 0:
        return Trouble(f"no cut-off with a reconnection was driven ({scope})", False, ())
    return None


def _window_s(episode: Episode, scope: str) -> float:
    """From the cut-off that was done to the reconnection that was asked for."""
    begin, end = episode.marks("cut off", scope=scope), episode.marks("reconnect", scope=scope)
    return seconds(begin[0].t_ns, end[0].t_ns) if begin and end else 0.0


def _strays(episode: Episode, terminal: TerminalSetup, probes: list[Probe]) -> list[Json]:
    """Messages of the terminal's that passed a cut-off and are no probe's effect."""
    known = {probe.passed.row for probe in probes if probe.passed is not None}
    utilities = {event.source: event.subject for event in episode.evidence.events(kinds.MDMS_LINK)}
    found: list[Json] = []
    for begin in episode.marks("cut off"):
        scope = begin.data.get("scope")
        end = next(iter(episode.marks("reconnect", scope=scope)), None)
        cut = [event for event in episode.events(kinds.GATE_CUT_OFF) if event.row < begin.row]
        if end is None or not cut:
            continue
        passing = episode.events(kind_prefix=kinds.MDMS, since_ns=begin.t_ns, until_ns=end.t_ns)
        passing = [event for event in passing if begin.row < event.row < end.row]
        if "utility" not in cut[-1].data:
            passing += _at_server(episode, begin, end)
        for event in passing:
            told = {"terminal": event.subject, "utility": utilities.get(event.source), "message": _passing(event)}
            fits = all(told[key] == value for key, value in cut[-1].data.items())
            own = event.subject == terminal.id and event.row not in known
            if own and fits and blind_over(episode.evidence, cut[-1].t_ns, event.t_ns) is None:
                found.append({"what": event.kind, "scope": scope, "passed_ns": event.t_ns, "cited": event.citation})
    return found


def _at_server(episode: Episode, begin: CitedObservation, end: CitedObservation) -> list[CitedObservation]:
    """What passed between server and terminals, for sure between the two milestones by the server's own stamps."""
    found = [event for kind in AT_SERVER for event in episode.events(kind)]
    within = ((event, episode.evidence.clocks.heard(event, 0)) for event in found)
    return [event for event, at in within if begin.t_ns < at.low and at.high < end.t_ns]


def _passing(event: CitedObservation) -> Json:
    """What a message is at the gate."""
    return SAID.get(event.kind) or event.data.get("op")


def _said(probe: Probe) -> dict[str, Json]:
    return {
        "meter": probe.meter,
        "what": probe.what,
        "scope": probe.scope,
        "phase": probe.phase,
        "expected": probe.expected,
        "sent_ns": probe.mark.t_ns,
        "passed_ns": probe.passed.t_ns if probe.passed is not None else None,
    }
