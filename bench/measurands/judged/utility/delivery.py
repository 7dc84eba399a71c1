"""``delivery.mdms``: hourly values that reached the connection server and not the MDMS, or otherwise than they came.

Every value that a terminal's upload brought to the server while the MDMS link was open must come to the MDMS with the
same index: by push or by pull, and by each way that the parties agreed on (``mdms_ways``). Start: the upload at the
server. Stop: the end of the episode, before which the bench pulls. At least one whole day of each meter must have come
up, else nothing is shown. A value that came twice by push is told and counts once, for a link may repeat what it is not
sure of; one that came with two indexes is wrong, and so is one that stands twice in one message or one pull: whoever
adds up hours has it twice.

A value that the server had before, because it was asked for (gap filling, a cut-off over an upload), is not new when
the upload repeats it: it was to be pushed then, and need not be now. A value that did not come, and might have while
the bench was blind, is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from bench.evidence.evidence import Episode, Evidence
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import Trouble, blind_over, gated
from bench.measurands.judged.deliveries import Delivery, histories, uploads, values_in
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.utility.link import OPEN, PULL, PUSH, link_states, ports, pulled, pushed, trouble_of
from bench.records import Json, Measurement

NAME: Final = "delivery.mdms"
LEAST_VALUES: Final = 24
"""A whole day of each meter."""
GAVE: Final = " gave "


def delivery_mdms(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of values that the MDMS has not, or has otherwise."""
    (episode,) = episodes
    return [_measure(episode, terminal, setup) for terminal in setup.terminals]


def _measure(episode: Episode, terminal: TerminalSetup, setup: Setup) -> Measurement:
    evidence, whose = episode.evidence, ports(episode.evidence)
    open_spans = [stood for stood in link_states(evidence) if stood.state == OPEN]
    arrived = [
        item
        for item in uploads(evidence, terminal.id, episode.t0_ns, episode.t1_ns)
        if item.meter in terminal.meters
        and any(s.port == whose.get(item.meter) and s.from_ns <= item.event.t_ns < s.to_ns for s in open_spans)
    ]
    trouble = trouble_of(episode, terminal, "link")
    if trouble is None and (few := _few(arrived, terminal)):
        trouble = Trouble(f"less than a day of {few} came to the server while the MDMS link was open", False, ())
    if trouble is not None:
        return gated(NAME, terminal.id, "1", trouble)
    came = {PUSH: _pushed(episode, terminal), PULL: _pulled(episode, terminal)}
    ways = {way: _indexes(items) for way, items in came.items()}
    twice = {way: _twice(items) for way, items in came.items()}
    had = _had(evidence, terminal)
    found = [(item, why) for item in arrived if (why := _why(item, ways, twice, _owed(item, had, setup.mdms_ways)))]
    left = {id(item): blind for item, why in found if (blind := _unseen(episode, item, why)) is not None}
    arrived = [item for item in arrived if id(item) not in left]
    bad = [(item, why) for item, why in found if id(item) not in left]
    if left and not bad and (few := _few(arrived, terminal)):
        blind = next(iter(left.values()))
        return gated(NAME, terminal.id, "1", attrs.evolve(blind, why=f"less than a day of {few} is left: {blind.why}"))
    wrong = {id(item) for item, _ in bad}
    kept = sorted({str(event.data.get("stored_at")) for m in terminal.meters for event in _pulls(episode, m)})
    rows = sorted({item.event.row for item in arrived})
    return Measurement(
        NAME,
        terminal.id,
        float(len(bad)),
        "1",
        u=0.0,
        conditions={
            "values": len(arrived),
            **{way: sum(bool(found.get(_key(item))) for item in arrived) for way, found in ways.items()},
            **({"values_left_out": len(left)} if left else {}),
            "ways_agreed": list(setup.mdms_ways),
            "stored_at": kept,
        },
        cited=tuple(f"timeline#{row}" for row in rows),
        detail={
            "undelivered": [_bad(item, why) for item, why in bad],
            "marks": [
                {"meter": i.meter, "mark_ns": i.mark_ns, "state": "missing" if id(i) in wrong else "ok"}
                for i in arrived
            ],
            "trials": [{"ok": not bad}],
            "trial_noun": "days of delivery",
            "trial_condition": "whole at the MDMS",
        },
    )


def _had(evidence: Evidence, terminal: TerminalSetup) -> dict[tuple[str, int], int]:
    """By value the row of the first answer to a history that brought it."""
    found: dict[tuple[str, int], int] = {}
    for item in histories(evidence, terminal.id, 0, evidence.last_ns()):
        found[_key(item)] = min(item.event.row, found.get(_key(item), item.event.row))
    return found


def _owed(item: Delivery, had: dict[tuple[str, int], int], agreed: Sequence[str]) -> list[str]:
    """The agreed ways by which a value must come: not by push, where the server had it before."""
    old = had.get(_key(item), item.event.row) < item.event.row
    return [way for way in agreed if way != PUSH or not old]


def _few(arrived: Sequence[Delivery], terminal: TerminalSetup) -> str:
    """The first meter of which less than a day is there; empty where there is none."""
    few = (meter for meter in terminal.meters if sum(item.meter == meter for item in arrived) < LEAST_VALUES)
    return next(few, "")


def _unseen(episode: Episode, item: Delivery, why: str) -> Trouble | None:
    """Why a value that is wanting may have come: the bench was blind. One with another index came, and stays wrong."""
    return None if GAVE in why else blind_over(episode.evidence, item.event.t_ns, episode.t1_ns)


def _key(item: Delivery) -> tuple[str, int]:
    return item.meter, item.mark_ns


def _indexes(items: Sequence[Delivery]) -> dict[tuple[str, int], set[Json]]:
    found: dict[tuple[str, int], set[Json]] = {}
    for item in items:
        found.setdefault(_key(item), set()).add(item.index)
    return found


def _twice(items: Sequence[Delivery]) -> set[tuple[str, int]]:
    """Values that one message or one pull gave more than once."""
    times = Counter((item.event.row, *_key(item)) for item in items)
    return {(meter, mark_ns) for (_, meter, mark_ns), count in times.items() if count > 1}


def _pushed(episode: Episode, terminal: TerminalSetup) -> list[Delivery]:
    return pushed(episode, terminal, episode.t0_ns, episode.t1_ns)


def _pulls(episode: Episode, meter: str) -> list[CitedObservation]:
    return pulled(episode.evidence, meter, episode.t0_ns, episode.t1_ns)


def _pulled(episode: Episode, terminal: TerminalSetup) -> list[Delivery]:
    """What pulls gave: several, because hours may be taken away in between to see them filled in."""
    return [
        item
        for meter in terminal.meters
        for event in _pulls(episode, meter)
        for item in values_in(meter, event.data.get("values"), PULL, event)
    ]


def _why(
    item: Delivery,
    ways: dict[str, dict[tuple[str, int], set[Json]]],
    twice: dict[str, set[tuple[str, int]]],
    agreed: Sequence[str],
) -> str:
    """What is wrong with one value at the MDMS; empty where nothing is."""
    came = {way: found.get(_key(item), set()) for way, found in ways.items()}
    for way, indexes in came.items():
        if indexes - {item.index}:
            return f"{way}{GAVE}{', '.join(map(str, sorted(map(str, indexes - {item.index}))))}"
        if _key(item) in twice[way]:
            return f"{way}{GAVE}it twice at once"
    if missing := [way for way in agreed if not came[way]]:
        return f"not by {' or '.join(missing)}"
    return "" if any(came.values()) else "neither pushed nor pulled"


def _bad(item: Delivery, why: str) -> dict[str, Json]:
    return {"meter": item.meter, "mark_ns": item.mark_ns, "index": item.index, "why": why, "cited": item.event.citation}
