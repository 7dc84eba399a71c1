"""``site.reading``: readings on site that were not given, or not as the register stood (guideline 1-5).

While the mesh is down (between ``cut`` and ``restore``) the bench turns a meter's register and has it read at its
terminal by a handy terminal. Start: it was asked there (``handy.asked``). Stop: ``handy.reading`` with exactly that
index. Judged is the number of readings for which that does not come: nothing was given, nothing came in time, or
another index did. One that wants and during which the bench was blind is left out; what a lost port hides proves
nothing. How long it took is told, and judged by nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import Trouble, bench_trouble, blind_over, gated, left_out, seconds, too_few
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.utility.reading import Asked
from bench.records import NS_PER_S, Measurement

NAME: Final = "site.reading"
GIVEN_UP_NS: Final = 120 * NS_PER_S
_OF: Final = (kinds.HANDY_ASKED, kinds.HANDY_READING, kinds.HANDY_NOTHING)


def site_reading(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of its readings on site that failed."""
    (episode,) = episodes
    return [_measure(episode, terminal) for terminal in setup.terminals]


def _measure(episode: Episode, terminal: TerminalSetup) -> Measurement:
    evidence = episode.evidence
    ports = {event.source for kind in _OF for event in evidence.events(kind)}
    names = {terminal.id, episode.name, *ports, *(f"meter.{meter}" for meter in terminal.meters)}
    trouble = bench_trouble(evidence, names, episode.t0_ns, episode.t1_ns) or left_out(episode, terminal.id, "site")
    marks = episode.marks("site", terminal=terminal.id)
    if trouble is None and not marks:
        trouble = Trouble("nothing was read on site", False, ())
    if trouble is not None:
        return gated(NAME, terminal.id, "1", trouble)
    every = [(one := _read(episode, mark), _unseen(episode, one)) for mark in marks]
    read, left = [one for one, blind in every if blind is None], [blind for _, blind in every if blind is not None]
    bad = [one for one in read if one.why]
    few = too_few(episode, len(read), left, "readings on site")
    if few is not None and not bad:
        return gated(NAME, terminal.id, "1", few)
    return Measurement(
        NAME,
        terminal.id,
        float(len(bad)),
        "1",
        u=0.0,
        conditions={
            "n": len(read),
            "slowest_s": max((one.took_s for one in read if one.took_s is not None), default=None),
            **({"readings_left_out": len(left)} if left else {}),
        },
        cited=tuple(dict.fromkeys(row for one in read for row in one.cited)),
        detail={
            "unread": [one.told() for one in bad],
            "samples": [one.told() for one in read],
            "trials": [{"ok": not one.why} for one in read],
            "trial_noun": "readings on site",
            "trial_condition": "given as the register stood",
        },
    )


def _read(episode: Episode, mark: CitedObservation) -> Asked:
    meter, fresh = str(mark.data.get("meter")), mark.data.get("fresh")
    came = [
        event
        for kind in (kinds.HANDY_READING, kinds.HANDY_NOTHING)
        for event in episode.events(kind, subject=meter, since_ns=mark.t_ns, until_ns=mark.t_ns + GIVEN_UP_NS)
        if event.row > mark.row
    ]
    if not came:
        return Asked(meter, mark.t_ns, None, "nothing came on site", (mark.citation,))
    first = min(came, key=lambda event: event.row)
    rows, took_s = (mark.citation, first.citation), seconds(mark.t_ns, first.t_ns)
    if first.kind == kinds.HANDY_NOTHING:
        return Asked(meter, mark.t_ns, None, "the terminal gave nothing on site", rows)
    if first.data.get("index") != fresh:
        why = f"read {first.data.get('index')}, the register stood at {fresh}"
        return Asked(meter, mark.t_ns, took_s, why, rows)
    return Asked(meter, mark.t_ns, took_s, "", rows)


def _unseen(episode: Episode, one: Asked) -> Trouble | None:
    """Why a reading that is wanting may have come."""
    wanting = bool(one.why) and one.took_s is None
    return blind_over(episode.evidence, one.t_ns, one.t_ns + GIVEN_UP_NS) if wanting else None
