"""How an attempt to join ended: what the indicator showed, what the server said, and whether they agree.

Communicable is what the indicator shows *and* the server has confirmed. Either alone is no join: an indicator can be
lit for nothing, and a confirmation that nobody on site can see is no judgement on site.
"""

from __future__ import annotations

from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.placing import Took, as_told, caused, heard, took
from bench.measurands.judged.setup import TerminalSetup
from bench.records import NS_PER_S

SETTLED_NS: Final = 5 * NS_PER_S
"""So long after the join the indicator must still be on; the episode leaves it alone for at least this."""
ON: Final = "on"


@attrs.frozen(slots=True)
class Ended:
    """The end of an attempt. ``stop``: the later of the two signs; ``took`` None: it did not end, or ``wrong`` says
    why it does not count as ended."""

    stop: CitedObservation | None
    signs: tuple[CitedObservation, ...]
    took: Took | None
    wrong: str
    on_site: bool


def ending(episode: Episode, terminal: TerminalSetup, on_site: bool, start: CitedObservation, end_ns: int) -> Ended:
    """What ended the attempt that began with ``start``; ``on_site``: the indicator is seen."""
    told = episode.events(kinds.SERVER_REACHABLE, subject=terminal.id, since_ns=start.t_ns, until_ns=end_ns)
    server = next((event for event in told if event.row > start.row), None)
    began = caused(episode.evidence, start)
    clocks = episode.evidence.clocks
    if not on_site:
        took_s = None if server is None else took(clocks, began, heard(episode.evidence, server, began))
        return Ended(server, () if server is None else (server,), took_s, "", False)
    lamp = _lit(episode, terminal, start, end_ns)
    signs = tuple(event for event in (lamp, server) if event is not None)
    if lamp is None or server is None:
        wrong = "" if not signs else _ALONE[lamp is not None]
        return Ended(signs[0] if signs else None, signs, None, wrong, True)
    lit, confirmed = as_told(episode.evidence, lamp), heard(episode.evidence, server, began)
    late, later = (lamp, lit) if lit.limits.best >= confirmed.limits.best else (server, confirmed)
    if lit.limits.high < confirmed.limits.low:
        early_s = (confirmed.limits.low - lit.limits.high) / NS_PER_S
        return Ended(late, signs, None, f"its indicator was on {early_s:.3g} s before the server confirmed it", True)
    if (out := _out_again(episode, terminal, lamp, end_ns)) is not None:
        return Ended(late, (*signs, out), None, "its indicator went on and out again", True)
    return Ended(late, signs, took(clocks, began, later), "", True)


_ALONE: Final = {
    True: "its indicator went on, and the server never confirmed it",
    False: "the server confirmed it, and its indicator never went on",
}


def _lit(episode: Episode, terminal: TerminalSetup, start: CitedObservation, end_ns: int) -> CitedObservation | None:
    """When the indicator went on in the attempt; what it showed at its start where that was ``on`` already."""
    lamps = episode.events(kinds.PANEL_LAMP, subject=terminal.id, until_ns=end_ns)
    before = [event for event in lamps if event.row < start.row]
    dark = [
        event.row
        for event in episode.events(kinds.SUPPLY_OUTPUT, subject=terminal.id, until_ns=start.t_ns)
        if event.data.get("on") is False
    ]
    if before and before[-1].data.get("state") == ON and before[-1].row > max(dark, default=-1):
        after = [event for event in lamps if event.row > start.row]
        if not after or after[0].data.get("state") == ON:
            return before[-1]
    return next((event for event in lamps if event.row > start.row and event.data.get("state") == ON), None)


def _out_again(
    episode: Episode, terminal: TerminalSetup, lamp: CitedObservation, end_ns: int
) -> CitedObservation | None:
    """The indicator's next state, where it is not ``on`` and nothing was done to the terminal meanwhile."""
    until_ns = end_ns + SETTLED_NS
    acts = [
        event.row
        for kind in (kinds.PANEL_PRESS, kinds.SUPPLY_OUTPUT, kinds.INTENT_PRESS, kinds.INTENT_FEED)
        for event in episode.events(kind, subject=terminal.id, since_ns=lamp.t_ns, until_ns=until_ns)
        if event.row > lamp.row
    ]
    lamps = episode.events(kinds.PANEL_LAMP, subject=terminal.id, since_ns=lamp.t_ns, until_ns=until_ns)
    states = [event for event in lamps if event.row > lamp.row and not any(row < event.row for row in acts)]
    return next((event for event in states if event.data.get("state") != ON), None)
