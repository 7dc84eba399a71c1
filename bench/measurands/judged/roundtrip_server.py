"""``roundtrip.server.2``: a read request leaves the connection server, its answer enters it, and the answer is fresh.

Fresh means: after the request left, the bench set the meter's register to an index that it never had, and the answer
carries exactly that index; or a person turned it to such a one up to 5 s before (`judged.register`). An answer with
another index, of another meter, in another form, or that says of itself that it was read (``read_ns``) before it was
asked for or after it came, by more than the tolerance that is agreed for a terminal's times (alarm_time_tolerance_s),
is wrong and counts as a round trip without end, like a request without an answer; both say why. Left out is only what
the bench itself did not do (a register that it did not turn, a port that it lost), and four in five of the requests
must be left. Both stamps are the server's own, so no clock offset enters (lab-practice.md 1); what they are worth
(resolution, drift, a step between them) and what the bench's own clock bounds is in the uncertainty. Order is told by
request ids and by the rows of the timeline, which stand as things became known, not by stamps of two clocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.limits import Limits
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.arrivals import tolerance
from bench.measurands.judged.common import (
    Trouble,
    bench_trouble,
    blind_over,
    gated,
    last_intent,
    least_trials,
    left_out,
    oddities,
    unfinished,
)
from bench.measurands.judged.explain import AirView, air_view
from bench.measurands.judged.join_onsite import place_conditions
from bench.measurands.judged.placing import Took, dated_otherwise, figure, took_at_server, trial
from bench.measurands.judged.register import BEFORE, turned_before
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import Json, Measurement

NAME: Final = "roundtrip.server.2"
SURE: Final = "between asking and the arrival of the answer at the bench"


@attrs.frozen(slots=True)
class RoundTrip:
    """One request; ``answer`` None: it had no fresh answer, ``stale`` what it had instead. ``older_s``: it may have
    been read so long before its request, where a person turned the register."""

    meter: str
    sent: CitedObservation
    answer: CitedObservation | None
    cited: tuple[str, ...]
    stale: str = ""
    took: Took | None = None
    older_s: float | None = None

    @property
    def rtt_s(self) -> float | None:
        return None if self.took is None else self.took.value


def roundtrip_server(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal over all its read requests, in seconds."""
    (episode,) = episodes
    view = air_view(episode.evidence, episode.t1_ns)
    euis = frozenset(terminal.eui64 for terminal in setup.terminals)
    return [_measure(episode, terminal, setup, view, euis, statistic) for terminal in setup.terminals]


def _measure(
    episode: Episode, terminal: TerminalSetup, setup: Setup, view: AirView, euis: frozenset[str], statistic: str
) -> Measurement:
    sent = [
        event
        for event in episode.events(kinds.SERVER_REQUEST_SENT, subject=terminal.id)
        if event.data.get("op", "read") == "read" and event.episode in ("", episode.name)
    ]  # the next episode may begin at the same instant, with a request of its own
    found = [_round_trip(episode, terminal, event, tolerance(setup.alarm_time_tolerance_s)) for event in sent]
    trips = [trip for trip in found if isinstance(trip, RoundTrip)]
    troubles = [trip for trip in found if isinstance(trip, Trouble)]
    if not trips:
        names = {"server", terminal.id, episode.name}
        nothing = bench_trouble(episode.evidence, names, episode.t0_ns, episode.t1_ns) or unfinished(episode)
        nothing = nothing or left_out(episode, terminal.id, "request")
        nothing = nothing or Trouble("no request left the server", False, ())
        return gated(NAME, terminal.id, "s", troubles[0] if troubles else nothing)
    values = [trip.rtt_s for trip in trips]
    least = least_trials(episode, len(trips), len(troubles), setup.planned.get("round_trips", 0))
    if len(trips) < least and None not in values:
        first = troubles[0] if troubles else unfinished(episode) or Trouble("not driven", False, ())
        why = f"{len(trips)} round trips only, at least {least} are needed ({first.why})"
        return gated(NAME, terminal.id, "s", Trouble(why, first.bench, first.cited))
    place = view.place(terminal.eui64, euis)
    silent = sum(1 for value in values if value is None)
    older = [trip.older_s for trip in trips if trip.older_s is not None]
    trials: list[Json] = [trial(trip.took) for trip in trips]
    return Measurement(
        NAME,
        terminal.id,
        unit="s",
        **figure([trip.took for trip in trips], statistic, episode.evidence.clocks),
        conditions={
            "n": len(trips),
            "statistic": statistic,
            "unanswered": silent,
            **place_conditions({place} if place is not None else set(), terminal),
            **({"requests_left_out": len(troubles)} if troubles else {}),
            **({"read_before_s": max(older)} if older else {}),
        },
        cited=tuple(row for trip in trips for row in trip.cited),
        detail={
            "samples": [_sample(trip) for trip in trips],
            "trials": trials,
            "trial_noun": "round trips",
            "left_out": [trouble.why for trouble in troubles],
            "stale": [trip.stale for trip in trips if trip.stale],
            "never": _never(trips),
        },
    )


def _never(trips: list[RoundTrip]) -> str:
    missed = [trip for trip in trips if trip.rtt_s is None]
    said = "; ".join(dict.fromkeys(trip.stale for trip in missed if trip.stale))
    return (
        f"{len(missed)} of {len(trips)} requests had no fresh answer" + (f": {said}" if said else "") if missed else ""
    )


def _round_trip(
    episode: Episode, terminal: TerminalSetup, sent: CitedObservation, tolerance_ns: int
) -> RoundTrip | Trouble:
    request = sent.data.get("request")
    answers = [
        event
        for event in episode.events(kinds.SERVER_ANSWER, subject=terminal.id)
        if event.data.get("request") == request and event.row > sent.row
    ]
    failed = [
        event
        for event in episode.events(kinds.SERVER_REQUEST_FAILED)
        if event.data.get("request") == request and event.row > sent.row
    ]
    answer = answers[0] if answers else None
    until_ns = answer.t_ns if answer is not None else failed[0].t_ns if failed else _given_up_ns(episode, sent)
    meter = _meter_of(episode, sent)
    names = {"server", terminal.id, episode.name, f"meter.{meter}"}
    trouble = bench_trouble(episode.evidence, names, sent.t_ns, until_ns)
    if trouble is not None:
        return trouble
    blind = blind_over(episode.evidence, min((_intent(episode, sent) or sent).t_ns, sent.t_ns), until_ns)
    if answer is None:
        if blind is not None:
            return blind
        if not failed and not episode.complete and until_ns == episode.t1_ns:
            return Trouble(f"episode '{episode.name}' ended before the answer", False, (sent.citation,))
        odd = None if failed else oddities(episode.evidence, terminal.id, sent.t_ns, until_ns)
        if odd is not None:
            return odd
        return RoundTrip(meter, sent, None, (sent.citation, *(event.citation for event in failed[:1])))
    fresh = _fresh(episode, meter, sent, answer, tolerance_ns)
    # A killed bench may have set the register to what it did not record.
    return blind if blind is not None and isinstance(fresh, RoundTrip) and fresh.answer is None else fresh


def _fresh(
    episode: Episode, meter: str, sent: CitedObservation, answer: CitedObservation, tolerance_ns: int
) -> RoundTrip | Trouble:
    """The round trip when its answer carries an index that was set after the request, else why it is left out."""
    mark, asked = _mark(episode, sent), _intent(episode, sent) or sent
    if mark is not None and mark.data.get("turned") == BEFORE:
        turned = turned_before(episode.evidence, meter, mark, asked)
        if isinstance(turned, Trouble):
            return turned
        return _answered(episode, meter, sent, answer, turned.reading, tolerance_ns, turned.age_s)
    # The news that the request has left may come late, after the register was set; the bench's own rows are in order.
    history = [row for row in episode.evidence.events(kinds.METER_INDEX, subject=meter) if row.row < answer.row]
    after = [event for event in history if event.row > asked.row]
    if not after:
        return Trouble("not proved fresh: the register was not set after the request", False, (sent.citation,))
    earlier = {event.data.get("index") for event in history if event.row < asked.row}
    new = next((event for event in reversed(after) if event.data.get("index") == answer.data.get("index")), after[-1])
    if new.data.get("index") in earlier and answer.data.get("meter", meter) == meter:
        rows = (sent.citation, new.citation, answer.citation)
        return Trouble("not proved fresh: the register's new index was an old one", False, rows)
    return _answered(episode, meter, sent, answer, new, tolerance_ns)


def _answered(
    episode: Episode,
    meter: str,
    sent: CitedObservation,
    answer: CitedObservation,
    new: CitedObservation,
    tolerance_ns: int,
    older_s: float | None = None,
) -> RoundTrip:
    """The round trip of an answer where the register stood at the index that ``new`` tells."""
    if answer.data.get("meter", meter) != meter:
        wrong = f"asked for {meter}, answered {answer.data.get('meter')}"
        return RoundTrip(meter, sent, None, (sent.citation, answer.citation), wrong)
    rows = (sent.citation, new.citation, answer.citation)
    said, true = answer.data.get("index"), new.data.get("index")
    if said != true:
        return RoundTrip(meter, sent, None, rows, f"answered {said}, the register stood at {true}")
    asked_ns = min((_intent(episode, sent) or sent).t_ns, sent.t_ns)
    if odd := dated_otherwise(episode.evidence, answer.data.get("read_ns"), asked_ns, answer.t_ns, tolerance_ns):
        return RoundTrip(meter, sent, None, rows, odd)
    return RoundTrip(meter, sent, answer, rows, took=_took(episode, sent, answer), older_s=older_s)


def _took(episode: Episode, sent: CitedObservation, answer: CitedObservation) -> Took:
    """Without any clock: no longer than from the bench's intent to ask to its hearing of the answer."""
    intent = _intent(episode, sent)
    since_ns = intent.t_ns if intent is not None else episode.t0_ns
    return took_at_server(episode.evidence.clocks, sent, answer, Limits(0, answer.t_ns - since_ns, SURE))


def _mark(episode: Episode, sent: CitedObservation) -> CitedObservation | None:
    """The bench's milestone with the request's id."""
    return next(iter(episode.marks("request", request=sent.data.get("request"))), None)


def _intent(episode: Episode, sent: CitedObservation) -> CitedObservation | None:
    """The bench's own intent to ask, which the milestone with the request's id follows; None where there is none."""
    mark = _mark(episode, sent)
    return None if mark is None else last_intent(episode, kinds.INTENT_REQUEST, mark, sent.subject)


def _given_up_ns(episode: Episode, sent: CitedObservation) -> int:
    """Until when an unanswered request was waited for: the next one to the same terminal, or the episode's end."""
    later = episode.events(kinds.SERVER_REQUEST_SENT, subject=sent.subject, since_ns=sent.t_ns + 1)
    return later[0].t_ns if later else episode.t1_ns


def _meter_of(episode: Episode, sent: CitedObservation) -> str:
    """Which meter was asked: by the bench's own milestone, or the request's event."""
    marks = episode.marks("request", request=sent.data.get("request"))
    return str(marks[0].data.get("meter", "")) if marks else str(sent.data.get("meter", ""))


def _sample(trip: RoundTrip) -> dict[str, Json]:
    return {"meter": trip.meter, "sent_ns": trip.sent.t_ns, "rtt_s": trip.rtt_s, "ok": trip.answer is not None}
