"""``alarm.normal`` and ``alarm.outage``: from an alarm raised at the meter to its arrival at the connection server.

Normal: from the stimulus (the meter port's confirmation). Across an outage of the smart meters: from network usable
again, which is the terminal's own first contact after the restore or, where it has none, a reference terminal's; the
time of occurrence that arrives with the alarm must be that of the stimulus within the agreed tolerance. An alarm that
never arrives, or arrives with another time of occurrence, counts as endless (lab-practice, ``alarm.delay``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench.evidence import CitedObservation, Episode
from bench.measurands.common import (
    Trouble,
    bench_trouble,
    gated,
    seconds,
    stamps_u_s,
    statistic_of,
    unfinished,
)
from bench.measurands.setup import Setup, TerminalSetup
from bench.records import NS_PER_S, Json, Measurement

NORMAL: Final = "alarm.normal"
OUTAGE: Final = "alarm.outage"


@attrs.frozen(slots=True)
class Alarm:
    """One alarm: stimulus, from where its delay counts, and its arrival (None: lost).

    ``outage`` and ``usable`` only for one raised in an outage; ``time_kept`` False: it arrived with another time of
    occurrence.
    """

    stimulus: CitedObservation
    counted_from: CitedObservation
    arrival: CitedObservation | None
    time_kept: bool = True
    outage: tuple[int, int] | None = None

    @property
    def delay_s(self) -> float | None:
        """Seconds; 0 where it arrived before the moment from which it counts."""
        if self.arrival is None or not self.time_kept:
            return None
        return max(0.0, seconds(self.counted_from.t_ns, self.arrival.t_ns))

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
        trouble = trouble or unfinished(episode) or Trouble("no alarm was raised", False, ())
        return gated(NORMAL, terminal.id, "s", trouble)
    arrivals = _matched(episode, terminal, stimuli)
    alarms = [Alarm(stimulus, stimulus, arrival) for stimulus, arrival in zip(stimuli, arrivals, strict=True)]
    return _measurement(NORMAL, terminal, alarms, trouble or _too_late(episode, alarms), statistic)


def _outage(episode: Episode, terminal: TerminalSetup, setup: Setup, statistic: str) -> Measurement:
    cuts, restores = episode.marks("cut"), episode.marks("restore")
    trouble = _trouble(episode, terminal)
    if not cuts or not restores:
        trouble = trouble or unfinished(episode) or Trouble("no cut and restore were driven", False, ())
        return gated(OUTAGE, terminal.id, "s", trouble)
    cut, restore = cuts[0], restores[-1]
    stimuli = _stimuli(episode, terminal, cut.t_ns, restore.t_ns)
    usable = _usable_again(episode, restore)
    if not stimuli or usable is None:
        why = "the network did not come back" if stimuli else "no alarm was raised in the outage"
        return gated(OUTAGE, terminal.id, "s", trouble or Trouble(why, False, (restore.citation,)))
    tolerance_ns = round(setup.alarm_time_tolerance_s * NS_PER_S)
    alarms = [
        Alarm(
            stimulus,
            usable,
            arrival,
            time_kept=arrival is None or _time_kept(stimulus, arrival, tolerance_ns),
            outage=(cut.t_ns, restore.t_ns),
        )
        for stimulus, arrival in zip(stimuli, _matched(episode, terminal, stimuli), strict=True)
    ]
    return _measurement(OUTAGE, terminal, alarms, trouble or _too_late(episode, alarms), statistic)


def _measurement(
    name: str, terminal: TerminalSetup, alarms: list[Alarm], trouble: Trouble | None, statistic: str
) -> Measurement:
    delays = [alarm.delay_s for alarm in alarms]
    if trouble is not None and None in delays:  # what arrived in time is a fact, whatever failed later
        return gated(name, terminal.id, "s", trouble, n=len(alarms))
    trials: list[Json] = [{"value": delay} for delay in delays]
    return Measurement(
        name,
        terminal.id,
        statistic_of(delays, statistic),
        "s",
        u=max((stamps_u_s(a.counted_from, a.arrival) for a in alarms if a.arrival is not None), default=None),
        conditions={
            "n": len(alarms),
            "statistic": statistic,
            "lost": sum(1 for alarm in alarms if alarm.arrival is None),
            **(_after_outage(alarms) if name == OUTAGE else {}),
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
    raised = episode.events("meter.alarm", since_ns=since_ns, until_ns=until_ns)
    return [event for event in raised if event.subject in terminal.meters]


def _matched(
    episode: Episode, terminal: TerminalSetup, stimuli: list[CitedObservation]
) -> list[CitedObservation | None]:
    """For each stimulus the first arrival of that meter and code after it that no earlier stimulus has taken.

    Two stimuli of one meter and code are told apart by the time of occurrence: an arrival that is nearer to a later
    stimulus is left to that one, so that one lost alarm does not make the next ones look late.
    """
    arrivals = episode.events("server.alarm", subject=terminal.id)
    matched: list[CitedObservation | None] = []
    taken: set[int] = set()
    for stimulus in stimuli:
        alike = [other for other in stimuli if _key(other) == _key(stimulus)]
        found = next(
            (
                arrival
                for arrival in arrivals
                if arrival.row not in taken
                and arrival.t_ns >= stimulus.t_ns
                and (arrival.data.get("meter"), arrival.data.get("code")) == _key(stimulus)
                and _nearest(arrival, alike) is stimulus
            ),
            None,
        )
        if found is not None:
            taken.add(found.row)
        matched.append(found)
    return matched


def _key(stimulus: CitedObservation) -> tuple[Json, Json]:
    return stimulus.subject, stimulus.data.get("code")


def _nearest(arrival: CitedObservation, alike: list[CitedObservation]) -> CitedObservation:
    """Which of the stimuli that came before the arrival its time of occurrence is nearest to."""
    before = [stimulus for stimulus in alike if stimulus.t_ns <= arrival.t_ns]
    occurred = arrival.data.get("occurred_ns")
    if not isinstance(occurred, int):
        return before[-1]
    return min(before, key=lambda stimulus: abs(stimulus.t_ns - occurred))


def _usable_again(episode: Episode, restore: CitedObservation) -> CitedObservation | None:
    """The first contact of any terminal after the restore: the network is usable again when a reference is back.

    Not the terminal's own return: one that comes back hours after its neighbour has delayed its alarm (lab-practice).
    """
    return next(iter(episode.events("server.terminal.reachable", since_ns=restore.t_ns)), None)


def _time_kept(stimulus: CitedObservation, arrival: CitedObservation, tolerance_ns: int) -> bool:
    occurred = arrival.data.get("occurred_ns")
    return isinstance(occurred, int) and abs(occurred - stimulus.t_ns) <= tolerance_ns


def _trouble(episode: Episode, terminal: TerminalSetup) -> Trouble | None:
    names = {"server", terminal.id, episode.name, *(f"meter.{meter}" for meter in terminal.meters)}
    return bench_trouble(episode.evidence, names, episode.t0_ns, episode.t1_ns)


def _after_outage(alarms: list[Alarm]) -> dict[str, Json]:
    """From whose return the delays count, and whether the times of occurrence were kept."""
    return {
        "counted_from": f"{alarms[0].counted_from.subject} reachable again",
        "time_of_occurrence_changed": sum(not alarm.time_kept for alarm in alarms),
    }


def _too_late(episode: Episode, alarms: list[Alarm]) -> Trouble | None:
    """An alarm is lost only when the episode waited for it to its end."""
    return unfinished(episode) if any(alarm.arrival is None for alarm in alarms) else None


def _never(alarms: list[Alarm]) -> str:
    lost = sum(1 for alarm in alarms if alarm.arrival is None)
    changed = sum(1 for alarm in alarms if not alarm.time_kept)
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
