"""``alarm.normal`` and ``alarm.outage``: from an alarm raised at the meter to its arrival at the connection server.

Normal: from the stimulus (the meter port's confirmation). Across an outage of the smart meters: from network usable
again, which is the terminal's own first contact after the restore or, where it has none, a reference terminal's; the
time of occurrence that arrives with the alarm must be that of the stimulus within the agreed tolerance. An alarm that
never arrives, or arrives with another time of occurrence, counts as endless (``alarm.delay``, lab-practice.md 1).

Which arrival belongs to which stimulus is told by meter, code and time of occurrence, never by comparing the server's
stamp with the bench's. When it arrived, the server's clock says as far as it is known; the stimulus and the arrival at
the bench bound it in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.limits import Limits
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import (
    Trouble,
    bench_trouble,
    gated,
    left_out,
    oddities,
    unfinished,
)
from bench.measurands.judged.placing import Took, caused, figure, heard, took, took_at_server, trial, utc_conditions
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_S, Json, Measurement

NORMAL: Final = "alarm.normal"
OUTAGE: Final = "alarm.outage"


@attrs.frozen(slots=True)
class Alarm:
    """One alarm: stimulus, from where its delay counts, and its arrival (None: lost).

    ``took`` from there to its arrival. ``outage`` only for one raised in an outage; ``time_kept`` False: it arrived
    with another time of occurrence, None: the host's UTC is not known well enough to tell.
    """

    stimulus: CitedObservation
    counted_from: CitedObservation
    arrival: CitedObservation | None
    took: Took | None
    time_kept: bool | None = True
    outage: tuple[int, int] | None = None

    @property
    def delay(self) -> Took | None:
        """0 where it arrived before the moment from which it counts; None where it does not count as arrived."""
        return None if self.time_kept is False else self.took

    @property
    def delay_s(self) -> float | None:
        return None if self.delay is None else self.delay.value

    @property
    def cited(self) -> tuple[str, ...]:
        rows = (self.stimulus, self.counted_from, self.arrival)
        return tuple(dict.fromkeys(event.citation for event in rows if event is not None))


def alarm_normal(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal over the alarms of all its meters, in seconds."""
    (episode,) = episodes
    return [_normal(episode, terminal, statistic) for terminal in setup.terminals]


def alarm_outage(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal over the alarms raised between ``cut`` and ``restore``, in seconds."""
    (episode,) = episodes
    return [_outage(episode, terminal, setup, statistic) for terminal in setup.terminals]


def _normal(episode: Episode, terminal: TerminalSetup, statistic: str) -> Measurement:
    stimuli = _stimuli(episode, terminal, episode.t0_ns, episode.t1_ns)
    trouble = _trouble(episode, terminal)
    if not stimuli:
        trouble = trouble or left_out(episode, terminal.id, "raise") or unfinished(episode)
        trouble = trouble or Trouble("no alarm was raised", False, ())
        return gated(NORMAL, terminal.id, "s", trouble)
    arrivals = _matched(episode, terminal, stimuli)
    alarms = [
        Alarm(stimulus, stimulus, arrival, _took(episode, stimulus, arrival))
        for stimulus, arrival in zip(stimuli, arrivals, strict=True)
    ]
    return _measurement(NORMAL, episode, terminal, alarms, trouble or _untold(episode, terminal, alarms), statistic)


def _took(episode: Episode, stimulus: CitedObservation, arrival: CitedObservation | None) -> Took | None:
    if arrival is None:
        return None
    raised = caused(episode.evidence, stimulus)
    return took(episode.evidence.clocks, raised, heard(episode.evidence, arrival, raised))


def _outage(episode: Episode, terminal: TerminalSetup, setup: Setup, statistic: str) -> Measurement:
    cuts, restores = episode.marks("cut"), episode.marks("restore")
    trouble = _trouble(episode, terminal)
    if not cuts or not restores:
        trouble = trouble or left_out(episode, terminal.id, "cut") or unfinished(episode)
        trouble = trouble or Trouble("no cut and restore were driven", False, ())
        return gated(OUTAGE, terminal.id, "s", trouble)
    cut, restore = cuts[0], restores[-1]
    stimuli = _stimuli(episode, terminal, cut.t_ns, restore.t_ns)
    usable = _usable_again(episode, restore)
    if not stimuli:
        trouble = trouble or left_out(episode, terminal.id, "raise")
    if not stimuli or usable is None:
        why = "the network did not come back" if stimuli else "no alarm was raised in the outage"
        return gated(OUTAGE, terminal.id, "s", trouble or Trouble(why, False, (restore.citation,)))
    tolerance_ns = round(setup.alarm_time_tolerance_s * NS_PER_S)
    alarms = [
        Alarm(
            stimulus,
            usable,
            arrival,
            _took_after(episode, restore, usable, stimulus, arrival),
            time_kept=arrival is None or _time_kept(episode, stimulus, arrival, tolerance_ns),
            outage=(cut.t_ns, restore.t_ns),
        )
        for stimulus, arrival in zip(stimuli, _matched(episode, terminal, stimuli), strict=True)
    ]
    return _measurement(OUTAGE, episode, terminal, alarms, trouble or _untold(episode, terminal, alarms), statistic)


def _took_after(
    episode: Episode,
    restore: CitedObservation,
    usable: CitedObservation,
    stimulus: CitedObservation,
    arrival: CitedObservation | None,
) -> Took | None:
    """From the network usable again to the arrival, both events of the server: its own stamps tell them apart.

    Without any clock: the network came back between the restore and the news of it, the alarm after its stimulus.
    """
    if arrival is None:
        return None
    raised = caused(episode.evidence, stimulus).limits.low
    again = caused(episode.evidence, _switched_on(episode, restore)).limits.low
    sure = Limits(raised - usable.t_ns, arrival.t_ns - again, "between cause and arrival at the bench")
    if _number(arrival) > _number(usable):
        sure = attrs.evolve(sure, low=max(0, sure.low))  # the server numbers its events in their order
    return took_at_server(episode.evidence.clocks, usable, arrival, sure)


def _switched_on(episode: Episode, restore: CitedObservation) -> CitedObservation:
    """The read-back that the mains are on again, which the milestone follows; the milestone where there is none."""
    on = [event for event in episode.events(kinds.SUPPLY_OUTPUT, until_ns=restore.t_ns) if event.data.get("on")]
    return next((event for event in reversed(on) if event.subject == "mesh"), restore)


def _number(event: CitedObservation) -> int:
    number = event.data.get("id")
    return number if isinstance(number, int) else 0


def _measurement(
    name: str, episode: Episode, terminal: TerminalSetup, alarms: list[Alarm], trouble: Trouble | None, statistic: str
) -> Measurement:
    if trouble is not None and any(a.delay is None or a.time_kept is None for a in alarms):
        return gated(name, terminal.id, "s", trouble, n=len(alarms))  # what arrived in time is a fact in any case
    trials: list[Json] = [trial(alarm.delay) for alarm in alarms]
    return Measurement(
        name,
        terminal.id,
        unit="s",
        **figure([alarm.delay for alarm in alarms], statistic, episode.evidence.clocks),
        conditions={
            "n": len(alarms),
            "statistic": statistic,
            "lost": sum(1 for alarm in alarms if alarm.arrival is None),
            **(_after_outage(alarms) | utc_conditions(episode.evidence.clocks) if name == OUTAGE else {}),
        },
        cited=tuple(dict.fromkeys(row for alarm in alarms for row in alarm.cited)),
        detail={
            "alarms": [_detail(alarm) for alarm in alarms],
            "trials": trials,
            "trial_noun": "alarms",
            "never": _never(alarms),
        },
    )


def _stimuli(episode: Episode, terminal: TerminalSetup, since_ns: int, until_ns: int) -> list[CitedObservation]:
    raised = episode.events(kinds.METER_ALARM, since_ns=since_ns, until_ns=until_ns)
    return [event for event in raised if event.subject in terminal.meters]


def _matched(
    episode: Episode, terminal: TerminalSetup, stimuli: list[CitedObservation]
) -> list[CitedObservation | None]:
    """For each stimulus the first arrival of that meter and code that is its own.

    Two stimuli of one meter and code are told apart by the time of occurrence: an arrival belongs to the one that it is
    nearest to, so that one lost alarm does not make the next ones look late.
    """
    arrivals = episode.events(kinds.SERVER_ALARM, subject=terminal.id)
    matched: list[CitedObservation | None] = []
    for stimulus in stimuli:
        alike = [other for other in stimuli if _key(other) == _key(stimulus)]
        found = next(
            (
                arrival
                for arrival in arrivals
                if arrival.row > _intended(episode, stimulus)
                and (arrival.data.get("meter"), arrival.data.get("code")) == _key(stimulus)
                and _nearest(episode, arrival, alike) is stimulus
            ),
            None,
        )
        matched.append(found)
    return matched


def _key(stimulus: CitedObservation) -> tuple[Json, Json]:
    return stimulus.subject, stimulus.data.get("code")


def _intended(episode: Episode, stimulus: CitedObservation) -> int:
    """The row from which on the stimulus may have had an effect: its intent's, or its own where it has none."""
    intents = episode.events(kinds.INTENT_ALARM, subject=stimulus.subject, until_ns=stimulus.t_ns)
    return max((row.row for row in intents if row.row < stimulus.row), default=stimulus.row)


def _nearest(episode: Episode, arrival: CitedObservation, alike: list[CitedObservation]) -> CitedObservation:
    """Which of the stimuli that came before the arrival its time of occurrence is nearest to.

    The time of occurrence is UTC: where UTC leaves several open, the latest of them, for alarms arrive soon.
    """
    before = [stimulus for stimulus in alike if _intended(episode, stimulus) < arrival.row]
    occurred = arrival.data.get("occurred_ns")
    if not isinstance(occurred, int):
        return before[-1]
    return min(reversed(before), key=lambda stimulus: _off(episode, stimulus, occurred).low)


def _off(episode: Episode, stimulus: CitedObservation, occurred_ns: int) -> Limits:
    """How far a time of occurrence lies from that of the stimulus, without sign."""
    raised, clocks = caused(episode.evidence, stimulus).limits, episode.evidence.clocks
    utc = clocks.utc(raised.low).join(clocks.utc(raised.high))
    ends = (utc.low - occurred_ns, utc.high - occurred_ns)
    return Limits(max(0, ends[0], -ends[1]), max(abs(ends[0]), abs(ends[1])), utc.why)


def _usable_again(episode: Episode, restore: CitedObservation) -> CitedObservation | None:
    """The first contact of any terminal after the restore: the network is usable again when a reference is back.

    Not the terminal's own return: one that comes back hours after its neighbour has delayed its alarm
    (lab-practice.md 1).
    """
    return next(iter(episode.events(kinds.SERVER_REACHABLE, since_ns=restore.t_ns)), None)


def _time_kept(
    episode: Episode, stimulus: CitedObservation, arrival: CitedObservation, tolerance_ns: int
) -> bool | None:
    """Whether the time of occurrence is that of the stimulus; None where the host's UTC does not tell."""
    occurred = arrival.data.get("occurred_ns")
    if not isinstance(occurred, int):
        return False
    off = _off(episode, stimulus, occurred)
    if off.high <= tolerance_ns:
        return True
    return False if off.low > tolerance_ns else None


def _trouble(episode: Episode, terminal: TerminalSetup) -> Trouble | None:
    names = {"server", terminal.id, episode.name, *(f"meter.{meter}" for meter in terminal.meters)}
    return bench_trouble(episode.evidence, names, episode.t0_ns, episode.t1_ns)


def _after_outage(alarms: list[Alarm]) -> dict[str, Json]:
    """From whose return the delays count, and whether the times of occurrence were kept."""
    return {
        "counted_from": f"{alarms[0].counted_from.subject} reachable again",
        "time_of_occurrence_changed": sum(alarm.time_kept is False for alarm in alarms),
    }


def _untold(episode: Episode, terminal: TerminalSetup, alarms: list[Alarm]) -> Trouble | None:
    """Why what looks like a miss may be none: the episode did not wait to its end, the server said something that
    nobody can read, or UTC is not known well enough for a time of occurrence."""
    if any(alarm.arrival is None for alarm in alarms):
        odd = oddities(episode.evidence, terminal.id, episode.t0_ns, episode.t1_ns)
        return unfinished(episode) or odd
    if any(alarm.time_kept is None for alarm in alarms):
        why = episode.evidence.clocks.utc(episode.t1_ns).why
        cited = tuple(alarm.stimulus.citation for alarm in alarms if alarm.time_kept is None)
        return Trouble(f"whether the time of occurrence was kept is open: {why}", False, cited)
    return None


def _never(alarms: list[Alarm]) -> str:
    lost = sum(1 for alarm in alarms if alarm.arrival is None)
    changed = sum(1 for alarm in alarms if alarm.time_kept is False)
    said = [f"{lost} of {len(alarms)} alarms never arrived"] if lost else []
    said += [f"{changed} of {len(alarms)} arrived with another time of occurrence"] if changed else []
    return ", ".join(said)


def _detail(alarm: Alarm) -> dict[str, Json]:
    arrival = alarm.arrival
    return {
        "meter": alarm.stimulus.subject,
        "code": alarm.stimulus.data.get("code"),
        "stimulus_ns": alarm.stimulus.t_ns,
        "arrival_ns": arrival.t_ns if arrival is not None else None,
        "occurred_ns": arrival.data.get("occurred_ns") if arrival is not None else None,
        "usable_ns": alarm.counted_from.t_ns if alarm.outage is not None else None,
        "outage": list(alarm.outage) if alarm.outage is not None else None,
        "delay_s": alarm.delay_s,
    }
