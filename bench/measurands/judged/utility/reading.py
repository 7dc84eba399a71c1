"""``reading.mdms``: requests of the MDMS for a reading that were not answered there with a fresh one.

Start: the MDMS asks and the server accepts (``mdms.accepted``); at once the bench turns the register to an index that
it never had. Stop: the answer is at the MDMS (``mdms.answer``) and carries exactly that index. Judged is the number of
requests for which that does not happen before the episode gives up: refused, failed, unanswered, answered with another
index (the first time or a later one), or as read at another time than between request and answer, by more than
alarm_time_tolerance_s. A person turns the register just before the request (`register.Turned`). One without a right
answer during which the bench was blind is left out, and one whose answer came while the register was still being
turned. How long it took is told beside it and judged by nobody: an MDMS sees an upper bound of the round trip and may
not blame the terminal (lab-practice.md 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.arrivals import tolerance
from bench.measurands.judged.common import Trouble, blind_over, gated, last_intent, seconds, too_few
from bench.measurands.judged.placing import dated_otherwise
from bench.measurands.judged.register import BEFORE, Turned, turned_before
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.utility.link import trouble_of
from bench.records import Json, Measurement

NAME: Final = "reading.mdms"


@attrs.frozen(slots=True)
class Asked:
    """One reading that was asked for; ``why`` says what was wrong with its answer, empty where it was right."""

    meter: str
    t_ns: int
    took_s: float | None
    why: str
    cited: tuple[str, ...]

    def told(self) -> dict[str, Json]:
        """For the detail of a measurement."""
        return {"meter": self.meter, "sent_ns": self.t_ns, "rtt_s": self.took_s, "ok": not self.why, "why": self.why}


def reading_mdms(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of its requests without a fresh answer."""
    (episode,) = episodes
    return [_measure(episode, terminal, setup) for terminal in setup.terminals]


def _measure(episode: Episode, terminal: TerminalSetup, setup: Setup) -> Measurement:
    marks = episode.marks("ask", terminal=terminal.id)
    trouble = trouble_of(episode, terminal, "ask")
    if trouble is None and not marks:
        trouble = Trouble("nothing was asked for at the MDMS", False, ())
    if trouble is not None:
        return gated(NAME, terminal.id, "1", trouble)
    asked, left = readings_asked(episode, terminal, tolerance(setup.alarm_time_tolerance_s))
    bad = [one for one in asked if one.why]
    few = too_few(episode, len(asked), left, "requests")
    if few is not None and not bad:
        return gated(NAME, terminal.id, "1", few)
    slowest = max((one.took_s for one in asked if one.took_s is not None), default=None)
    return Measurement(
        NAME,
        terminal.id,
        float(len(bad)),
        "1",
        u=0.0,
        conditions={
            "n": len(asked),
            "slowest_s": slowest,
            "unanswered": sum(one.took_s is None for one in asked),
            **({"requests_left_out": len(left)} if left else {}),
        },
        cited=tuple(row for one in asked for row in one.cited),
        detail={
            "samples": [one.told() for one in asked],
            "unread": [one.told() for one in bad],
            "trials": [{"ok": not one.why} for one in asked],
            "trial_noun": "readings on request",
            "trial_condition": "answered with a fresh index",
        },
    )


def readings_asked(episode: Episode, terminal: TerminalSetup, tolerance_ns: int) -> tuple[list[Asked], list[Trouble]]:
    """The terminal's requests that count, and why others do not; ``tolerance_ns``: of a terminal's times."""
    marks = episode.marks("ask", terminal=terminal.id)
    counted, left = [], []
    for mark, end_ns in zip(marks, [*(mark.t_ns for mark in marks[1:]), episode.t1_ns], strict=False):
        one = _asked(episode, mark, tolerance_ns)
        by_hand = _turned(episode, mark)
        open_ = (blind_over(episode.evidence, one.t_ns, end_ns) or _too_early(episode, mark)) if one.why else None
        open_ = open_ or (by_hand if isinstance(by_hand, Trouble) else None)
        if open_ is None:
            counted.append(one)
        else:
            left.append(open_)
    return counted, left


def _turned(episode: Episode, mark: CitedObservation) -> Turned | Trouble | None:
    """How a person turned the register for the request; None where none did."""
    if mark.data.get("turned") != BEFORE:
        return None
    return turned_before(episode.evidence, str(mark.data.get("meter")), mark, _meant(episode, mark))


def _meant(episode: Episode, mark: CitedObservation) -> CitedObservation:
    """When the bench meant to ask: the milestone is written once the MDMS' server has accepted it, and the register
    stands."""
    return last_intent(episode, kinds.INTENT_ASK, mark, meter=mark.data.get("meter")) or mark


def _too_early(episode: Episode, mark: CitedObservation) -> Trouble | None:
    """Why an answer with what the register stood at before may be right: it came while that was still being turned, by
    pulses, or by a port that was gone for a while. ``mark`` is written once the register stands."""
    meter, request = mark.data.get("meter"), mark.data.get("request")
    before = {
        row.data.get("index")
        for row in episode.evidence.events(kinds.METER_INDEX, subject=str(meter))
        if row.row < mark.row and row.data.get("index") != mark.data.get("fresh")
    }
    for answer in episode.events(kinds.MDMS_ANSWER):
        if answer.data.get("request") == request and answer.data.get("meter") == meter:
            if answer.row < mark.row and answer.data.get("index") in before:
                return Trouble(
                    "the answer came before the register was turned", False, (answer.citation, mark.citation)
                )
            return None
    return None


def _asked(episode: Episode, mark: CitedObservation, tolerance_ns: int) -> Asked:
    meter, request, fresh = str(mark.data.get("meter")), mark.data.get("request"), mark.data.get("fresh")
    answers = [event for event in episode.events(kinds.MDMS_ANSWER) if event.data.get("request") == request and request]
    if not answers:
        why = "refused" if not request else "no answer"
        return Asked(meter, mark.t_ns, None, why, (mark.citation,))
    answer, *_ = answers
    rows = (mark.citation, answer.citation)
    took_s = seconds(mark.t_ns, answer.t_ns)
    if answer.data.get("meter") != meter:
        return Asked(meter, mark.t_ns, took_s, f"answered for {answer.data.get('meter')}", rows)
    other = next((one for one in answers if one.data.get("index") != fresh), None)
    if other is not None:
        why = f"answered {other.data.get('index')}, the register stood at {fresh}"
        return Asked(meter, mark.t_ns, took_s, why, tuple(dict.fromkeys((*rows, other.citation))))
    told, asked_ns = answer.data.get("read_ns"), _meant(episode, mark).t_ns
    why = dated_otherwise(episode.evidence, told, asked_ns, answer.t_ns, tolerance_ns)
    return Asked(meter, mark.t_ns, took_s, why, rows)
