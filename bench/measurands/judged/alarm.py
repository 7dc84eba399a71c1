"""``alarm.normal.2`` and ``alarm.outage.2``: from an alarm raised at the meter to its arrival at the connection server.

Normal: from the stimulus (the meter port's confirmation), whichever episode raised it while the mesh was up. Across an
outage of the smart meters: from network usable again, which the *reference terminal* tells, an installed unit that is
no sample: the first time that the server hears of it after the restore. An alarm that is there before the reference is
back has a negative delay. Each outage that was driven counts from its own return. Where the rig has no reference
terminal, the network was usable again at some time between mains on and the first contact of any terminal, and both
ends are in the bounds of the figure.

The time of occurrence that arrives must be that of the stimulus within the agreed tolerance. An alarm that never
arrives, or with another time of occurrence, is endless; so is the row where the server has an alarm that nobody raised
(invented, doubled, of a foreign meter): the guideline asks for what a meter reports, and nothing else (decisions.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.limits import Limits
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.arrivals import Unasked, arrivals, time_kept, tolerance
from bench.measurands.judged.common import (
    Trouble,
    bench_trouble,
    blind_over,
    gated,
    least_trials,
    left_out,
    oddities,
    too_few,
    unfinished,
)
from bench.measurands.judged.placing import Took, caused, figure, heard, took, took_at_server, trial, utc_conditions
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_HOUR, NS_PER_S, Json, Measurement

NORMAL: Final = "alarm.normal.2"
OUTAGE: Final = "alarm.outage.2"


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
        """None where it does not count as arrived; negative where it arrived before the moment it counts from."""
        return None if self.time_kept is False else self.took

    @property
    def delay_s(self) -> float | None:
        return None if self.delay is None else self.delay.value

    @property
    def cited(self) -> tuple[str, ...]:
        rows = (self.stimulus, self.counted_from, self.arrival)
        return tuple(dict.fromkeys(event.citation for event in rows if event is not None))


@attrs.frozen(slots=True)
class Usable:
    """When the network was usable again: ``event`` tells it; ``reference`` False: no reference terminal does."""

    event: CitedObservation
    reference: bool


def alarm_normal(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal over the alarms of all its meters, in seconds."""
    (episode,) = episodes
    return [_normal(episode, terminal, setup, statistic) for terminal in setup.terminals]


def alarm_outage(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal over the alarms raised between a cut and its restore, in seconds."""
    (episode,) = episodes
    return [_outage(episode, terminal, setup, statistic) for terminal in setup.terminals]


def _normal(episode: Episode, terminal: TerminalSetup, setup: Setup, statistic: str) -> Measurement:
    evidence, tolerance_ns = episode.evidence, tolerance(setup.alarm_time_tolerance_s)
    counting = _counting(evidence)
    outages = [_span(one) for one in counting if one.marks("cut")]
    cut_off = [one for one in counting if one.marks("cut off")]  # by the operator: `cutoff.holds` judges these
    stimuli = [
        event
        for event in evidence.events(kinds.METER_ALARM)
        if event.subject in terminal.meters
        and _within(event, counting)
        and not _between(event, outages)
        and not _within(event, cut_off)
    ]
    driven = [one for one in counting if one is episode or any(_within(event, [one]) for event in stimuli)]
    trouble = next(filter(None, (_trouble(one, terminal) for one in driven)), None)
    come = arrivals(evidence, terminal, tolerance_ns)
    unasked = [one for one in come.unasked if not _between(one.arrival, [_span(o) for o in counting if o.marks("cut")])]
    if not stimuli and not unasked:
        trouble = trouble or left_out(episode, terminal.id, "raise") or unfinished(episode)
        trouble = trouble or Trouble("no alarm was raised", False, ())
        return gated(NORMAL, terminal.id, "s", trouble)
    alarms = [
        Alarm(
            stimulus,
            stimulus,
            arrival := come.of.get(stimulus.row),
            _took(evidence, stimulus, arrival),
            # Where the host's UTC does not tell, an alarm that came at once is not doubted for it.
            time_kept=arrival is None or time_kept(evidence, stimulus, arrival, tolerance_ns) is not False,
        )
        for stimulus in stimuli
    ]
    untold = next(filter(None, (_untold(one, terminal, alarms) for one in driven)), None)
    alarms, unseen = _seen(evidence, alarms)
    few = _too_few(episode, terminal, len(alarms), setup.planned.get("alarms", 0))
    few = too_few(episode, len(alarms), unseen, "alarms") or few
    if not any(_within(stimulus, [episode]) for stimulus in stimuli):
        # What other episodes raise beside their own work is no answer for this one.
        few = _trouble(episode, terminal) or few
    return _measurement(NORMAL, episode, terminal, alarms, unasked, trouble or untold, few, statistic)


def _too_few(episode: Episode, terminal: TerminalSetup, n: int, planned: int) -> Trouble | None:
    """Why what is left of the alarms does not suffice; what was left out is told by the episode."""
    told = episode.events(kinds.EPISODE_LEFT_OUT, subject=terminal.id)
    least = least_trials(episode, n, sum(event.data.get("what") == "raise" for event in told), planned)
    if n >= least:
        return None
    left = left_out(episode, terminal.id, "raise") or unfinished(episode)
    why = f"{n} alarms only, at least {least} are needed"
    return Trouble(f"{why} ({left.why})" if left else why, False, left.cited if left else ())


def _took(evidence: Evidence, stimulus: CitedObservation, arrival: CitedObservation | None) -> Took | None:
    if arrival is None:
        return None
    raised = caused(evidence, stimulus)
    return took(evidence.clocks, raised, heard(evidence, arrival, raised))


def _outage(episode: Episode, terminal: TerminalSetup, setup: Setup, statistic: str) -> Measurement:
    evidence = episode.evidence
    trouble = _trouble(episode, terminal)
    outages = _outages(episode)
    if not outages:
        trouble = trouble or left_out(episode, terminal.id, "cut") or unfinished(episode)
        trouble = trouble or Trouble("no cut and restore were driven", False, ())
        return gated(OUTAGE, terminal.id, "s", trouble)
    come = arrivals(evidence, terminal, tolerance(setup.alarm_time_tolerance_s))
    unasked = [one for one in come.unasked if _between(one.arrival, [_span(episode)])]
    alarms: list[Alarm] = []
    for n, (cut, restore) in enumerate(outages):
        stimuli = _raised_in(episode, terminal, cut, restore)
        usable = _usable_again(episode, setup, restore)
        if isinstance(usable, Usable):
            alarms += [_across(episode, setup, (cut, restore), usable, one, come.of.get(one.row)) for one in stimuli]
        elif stimuli or n == 0:
            trouble = trouble or (None if stimuli else left_out(episode, terminal.id, "raise")) or usable
            return gated(OUTAGE, terminal.id, "s", trouble)
    if not alarms:
        trouble = trouble or left_out(episode, terminal.id, "raise")
        why = Trouble("no alarm was raised in the outage", False, ())
        return gated(OUTAGE, terminal.id, "s", trouble or why)
    alarms, unseen = _seen(evidence, alarms)
    untold, few = _untold(episode, terminal, alarms), too_few(episode, len(alarms), unseen, "alarms")
    return _measurement(OUTAGE, episode, terminal, alarms, unasked, trouble or untold, few, statistic)


def _outages(episode: Episode) -> list[tuple[CitedObservation, CitedObservation]]:
    """The marks of each outage of the episode, the long one and the short one after it: cut and restore."""
    pairs = [(episode.marks(f"cut{again}"), episode.marks(f"restore{again}")) for again in ("", ".again")]
    return [(cuts[0], restores[-1]) for cuts, restores in pairs if cuts and restores]


def _raised_in(
    episode: Episode, terminal: TerminalSetup, cut: CitedObservation, restore: CitedObservation
) -> list[CitedObservation]:
    raised = episode.events(kinds.METER_ALARM, since_ns=cut.t_ns, until_ns=restore.t_ns)
    return [event for event in raised if event.subject in terminal.meters]


def _across(
    episode: Episode,
    setup: Setup,
    marks: tuple[CitedObservation, CitedObservation],
    usable: Usable,
    stimulus: CitedObservation,
    arrival: CitedObservation | None,
) -> Alarm:
    """One alarm that was raised in the outage between ``marks``, counted from the network usable again."""
    tolerance_ns = tolerance(setup.alarm_time_tolerance_s)
    return Alarm(
        stimulus,
        usable.event,
        arrival,
        _took_after(episode, marks[1], usable, stimulus, arrival),
        time_kept=arrival is None or time_kept(episode.evidence, stimulus, arrival, tolerance_ns),
        outage=(marks[0].t_ns, marks[1].t_ns),
    )


def _seen(evidence: Evidence, alarms: list[Alarm]) -> tuple[list[Alarm], list[Trouble]]:
    """The alarms that count, and why the others do not: lost ones that may have come while the bench was blind."""
    counted, left = list[Alarm](), list[Trouble]()
    for alarm in alarms:
        since_ns = alarm.outage[1] if alarm.outage is not None else alarm.stimulus.t_ns
        blind = blind_over(evidence, since_ns, since_ns + NS_PER_HOUR) if alarm.arrival is None else None
        if blind is None:
            counted.append(alarm)
        else:
            left.append(blind)
    return counted, left


def _took_after(
    episode: Episode,
    restore: CitedObservation,
    usable: Usable,
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
    sure = Limits(raised - usable.event.t_ns, arrival.t_ns - again, "between cause and arrival at the bench")
    if _number(arrival) > _number(usable.event):
        sure = attrs.evolve(sure, low=max(0, sure.low))  # the server numbers its events in their order
    found = took_at_server(episode.evidence.clocks, usable.event, arrival, sure, signed=True)
    if usable.reference:
        return found
    low = found.value if found.bounds is None else found.bounds[0]
    return attrs.evolve(found, bounds=(low, (arrival.t_ns - again) / NS_PER_S), doubt=NO_REFERENCE)


NO_REFERENCE: Final = "no reference terminal tells when the network was usable again"


def _switched_on(episode: Episode, restore: CitedObservation) -> CitedObservation:
    """The read-back that the mains are on again, which the milestone follows; the milestone where there is none."""
    on = [event for event in episode.events(kinds.SUPPLY_OUTPUT, until_ns=restore.t_ns) if event.data.get("on")]
    return next((event for event in reversed(on) if event.subject == "mesh"), restore)


def _number(event: CitedObservation) -> int:
    number = event.data.get("id")
    return number if isinstance(number, int) else 0


def _usable_again(episode: Episode, setup: Setup, restore: CitedObservation) -> Usable | Trouble:
    """The reference's first contact after the restore, never the sample's own (lab-practice.md 1).

    Without a reference terminal: the first contact of any terminal, as the latest moment that it can have been.
    """
    back = episode.events(kinds.SERVER_REACHABLE, since_ns=restore.t_ns)
    names = {reference.id for reference in setup.references}
    if not names:
        return Usable(back[0], False) if back else Trouble("the network did not come back", False, (restore.citation,))
    first = next((event for event in back if event.subject in names), None)
    why = f"the reference terminal {', '.join(sorted(names))} did not come back"
    return Usable(first, True) if first is not None else Trouble(why, False, (restore.citation,))


def _measurement(
    name: str,
    episode: Episode,
    terminal: TerminalSetup,
    alarms: list[Alarm],
    unasked: list[Unasked],
    trouble: Trouble | None,
    few: Trouble | None,
    statistic: str,
) -> Measurement:
    missed = any(alarm.delay is None or alarm.time_kept is None for alarm in alarms)
    if not unasked and trouble is not None and missed:
        return gated(name, terminal.id, "s", trouble, n=len(alarms))  # what arrived in time is a fact in any case
    if not unasked and not missed and few is not None:
        return gated(name, terminal.id, "s", few, n=len(alarms))
    trials: list[Json] = [trial(alarm.delay) for alarm in alarms]
    found = figure([alarm.delay for alarm in alarms], statistic, episode.evidence.clocks) if alarms else {}
    return Measurement(
        name,
        terminal.id,
        unit="s",
        **(found if not unasked else {"value": None}),
        conditions={
            "n": len(alarms),
            "statistic": statistic,
            "lost": sum(1 for alarm in alarms if alarm.arrival is None),
            "not_asked_for": len(unasked),
            "time_of_occurrence_changed": sum(alarm.time_kept is False for alarm in alarms),
            **(_after_outage(alarms) | utc_conditions(episode.evidence.clocks) if name == OUTAGE else {}),
        },
        cited=tuple(
            dict.fromkeys([row for alarm in alarms for row in alarm.cited] + [u.arrival.citation for u in unasked])
        ),
        detail={
            "alarms": [_detail(alarm) for alarm in alarms],
            "not_asked_for": [_unasked(one) for one in unasked],
            "trials": trials,
            "trial_noun": "alarms",
            "never": _never(alarms, unasked),
        },
    )


def _counting(evidence: Evidence) -> list[Episode]:
    """Every episode's attempt that counts."""
    return [evidence.episode(name) for name in evidence.episodes()]


def _within(event: CitedObservation, episodes: Sequence[Episode]) -> bool:
    return any(one.t0_ns <= event.t_ns <= one.t1_ns and event.row >= one.first_row for one in episodes)


def _span(episode: Episode) -> tuple[int, int]:
    """From the cut of an outage to the end of its episode: what is kept through it may arrive until then."""
    cuts = episode.marks("cut")
    return (cuts[0].t_ns if cuts else episode.t0_ns), episode.t1_ns


def _between(event: CitedObservation, spans: Sequence[tuple[int, int]]) -> bool:
    return any(since <= event.t_ns <= until for since, until in spans)


def _trouble(episode: Episode, terminal: TerminalSetup) -> Trouble | None:
    names = {"server", terminal.id, episode.name, *(f"meter.{meter}" for meter in terminal.meters)}
    return bench_trouble(episode.evidence, names, episode.t0_ns, episode.t1_ns)


def _after_outage(alarms: list[Alarm]) -> dict[str, Json]:
    """From whose return the delays count."""
    return {"counted_from": f"{alarms[0].counted_from.subject} reachable again"}


def _untold(episode: Episode, terminal: TerminalSetup, alarms: list[Alarm]) -> Trouble | None:
    """Why what looks like a miss may be none: the episode did not wait to its end, the server said something that
    nobody can read, or UTC is not known well enough for a time of occurrence."""
    if any(alarm.arrival is None for alarm in alarms):
        odd = oddities(episode.evidence, terminal.id, episode.t0_ns, episode.t1_ns)
        return unfinished(episode) or odd
    kept = {alarm.time_kept for alarm in alarms}
    if None in kept and False not in kept:  # one that was surely changed is a miss, whatever is open of others
        why = episode.evidence.clocks.utc(episode.t1_ns).why
        cited = tuple(alarm.stimulus.citation for alarm in alarms if alarm.time_kept is None)
        return Trouble(f"whether the time of occurrence was kept is open: {why}", False, cited)
    return None


def _never(alarms: list[Alarm], unasked: list[Unasked]) -> str:
    lost = sum(1 for alarm in alarms if alarm.arrival is None)
    changed = sum(1 for alarm in alarms if alarm.time_kept is False)
    said = [f"{lost} of {len(alarms)} alarms never arrived"] if lost else []
    said += [f"{changed} of {len(alarms)} arrived with another time of occurrence"] if changed else []
    whys = ", ".join(sorted({one.why for one in unasked}))
    said += [f"{len(unasked)} arrived that nobody raised ({whys})"] if unasked else []
    return ", ".join(said)


def _unasked(one: Unasked) -> dict[str, Json]:
    data = one.arrival.data
    return {
        "why": one.why,
        "meter": data.get("meter"),
        "code": data.get("code"),
        "arrival_ns": one.arrival.t_ns,
        "occurred_ns": data.get("occurred_ns"),
        "cited": one.arrival.citation,
    }


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
