"""``storage.server``: how many of the last 168 hours the connection server still gives (接続サーバ：7日以上).

The bench shuts its end of the MDMS link for seven days or more, in which the terminals deliver; it isolates them by an
outage of the mesh, and only then opens the link and pulls. Each value that came to the server within the 168 h before
the pull must be given with the index with which it came. Judged is 168 less those that are not, the meter with the
fewest deciding; where the link was not shut for so long, or too little came up in that time, nothing is shown.

Nothing may have been fetched again for the pull: between the cut and the pull the server heard nothing of the terminal,
and where the air is watched with keys, no datagram of it was on the air. Otherwise the figure is inconclusive. Where
the parties agreed that the operator's MDMS keeps the readings (``storage_at: mdms``), that one must have given them.
A value that the bench saw behind a blind time may have come before the 168 h: lacking, it is left out. A simulated
server that took the place of another one within them has nothing of what that one kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.timeline import CitedObservation
from bench.evidence.worlds import Worlds
from bench.measurands.judged.air_rules import octets
from bench.measurands.judged.common import Trouble, blind_spans, gated, seconds
from bench.measurands.judged.deliveries import Delivery, uploads
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.measurands.judged.utility.link import Stood, link_states, told, trouble_of
from bench.records import NS_PER_HOUR, Json, Measurement

NAME: Final = "storage.server"
STORED_HOURS: Final = 168
"""Seven days of the server's own; that of terminals is the same by another row of the guideline."""
LEAST_VALUES: Final = 144
"""Six days of a meter must have come up within the last seven: one upload may be the terminal's to miss."""
SETTLED_NS: Final = 120_000_000_000
"""A message that was under way at the cut is none that was asked for afterwards."""


@attrs.frozen(slots=True)
class Shown:
    """One meter at the pull: what had come to the server in time, and what of it the pull gave not, or otherwise."""

    meter: str
    pull: CitedObservation
    shut: Stood
    due: tuple[Delivery, ...]
    lost: tuple[Delivery, ...]
    air: str


def storage_server(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal, in hours; the episodes are the week with the link shut and the outage."""
    week, outage = episodes
    air, worlds = _Air(outage, setup), Worlds.of(outage.evidence)
    return [_measure(week, outage, terminal, setup, air, worlds) for terminal in setup.terminals]


def _measure(
    week: Episode, outage: Episode, terminal: TerminalSetup, setup: Setup, air: _Air, worlds: Worlds
) -> Measurement:
    trouble = trouble_of(outage, terminal, "cut") or trouble_of(week, terminal, "link")
    meters = terminal.meters if trouble is None else ()
    found = [_shown(outage, terminal, meter, setup, air, worlds) for meter in meters]
    trouble = trouble or next((one for one in found if isinstance(one, Trouble)), None)
    if trouble is not None:
        return gated(NAME, terminal.id, "h", trouble)
    shown = [one for one in found if isinstance(one, Shown)]
    worst = max(shown, key=lambda one: len(one.lost))
    hours = float(STORED_HOURS - len(worst.lost))
    rows = sorted({item.event.row for one in shown for item in one.due})
    return Measurement(
        NAME,
        terminal.id,
        hours,
        "h",
        u=0.0,
        conditions={
            "link_shut_h": round(min(seconds(s.shut.from_ns, s.pull.t_ns) for s in shown) / 3600.0, 3),
            "values": min(len(one.due) for one in shown),
            "fewest": worst.meter,
            "stored_at": setup.storage_at,
            "air": worst.air,
        },
        cited=(
            *(one.pull.citation for one in shown),
            *dict.fromkeys(row for one in shown for row in one.shut.cited),
            *(f"timeline#{row}" for row in rows),
        ),
        detail={
            "unkept": [_lost(item) for one in shown for item in one.lost],
            "marks": [mark for one in shown for mark in _marks(one)],
            "trials": [{"value": hours}],
            "trial_noun": "stores",
        },
    )


def _shown(
    outage: Episode, terminal: TerminalSetup, meter: str, setup: Setup, air: _Air, worlds: Worlds
) -> Shown | Trouble:
    evidence = outage.evidence
    cuts, restores = outage.marks("cut"), outage.marks("restore")
    pulls = [e for e in outage.events(kinds.MDMS_PULLED) if e.data.get("meter") == meter]
    pulls = [e for e in pulls if cuts and e.row > cuts[0].row and (not restores or e.row < restores[0].row)]
    if not pulls:
        return Trouble(f"{meter} was not pulled while the terminals were isolated", False, ())
    pull, cut = pulls[0], cuts[0]
    shut = _shut_before(evidence, pull)
    shut_h = seconds(shut.from_ns, shut.to_ns) / 3600.0 if shut is not None else 0.0
    if shut is None or shut_h < STORED_HOURS:
        said = f"the MDMS link was shut for {shut_h:.1f} h only, at least {STORED_HOURS} h are needed"
        return Trouble(said, False, (pull.citation,))
    if pull.data.get("stored_at") not in ("", setup.storage_at):
        said = f"the readings are kept at '{pull.data.get('stored_at')}', agreed is '{setup.storage_at}'"
        return Trouble(said, False, (pull.citation,))
    heard = _at_server(evidence, terminal, cut.t_ns + SETTLED_NS, pull.t_ns) or air.heard(terminal, pull.t_ns)
    if heard:
        said = f"{terminal.id} was heard of between its isolation and the pull: what was pulled may have been fetched"
        return Trouble(said, False, tuple(heard))
    since_ns = pull.t_ns - STORED_HOURS * NS_PER_HOUR
    if worlds.at(since_ns) != worlds.of_row(pull.row):
        return Trouble("the simulated server was started anew within the 168 h before the pull", False, ())
    due = [item for item in uploads(evidence, terminal.id, since_ns, pull.t_ns) if item.meter == meter]
    due = list({item.mark_ns: item for item in reversed(due)}.values())  # what came twice counts as it came first
    if len(due) < LEAST_VALUES:
        said = f"{len(due)} values of {meter} came to the server in the 168 h before the pull: too few to show a store"
        return Trouble(said, False, (pull.citation,))
    kept = told(pull)
    older = [span for span in blind_spans(evidence) if span.from_ns < since_ns]
    due = [
        item
        for item in due
        if item.mark_ns in kept or not any(s.meets(item.event.t_ns - SETTLED_NS, item.event.t_ns) for s in older)
    ]
    if len(due) < LEAST_VALUES:
        return Trouble(f"{len(due)} values of {meter} are left: the bench was blind", False, older[0].cited)
    lost = [item for item in due if kept.get(item.mark_ns) != [item.index]]
    watched = "watched, and silent" if evidence.sniffers() and evidence.keys() is not None else "not watched"
    return Shown(meter, pull, shut, tuple(due), tuple(lost), watched)


def _shut_before(evidence: Evidence, pull: CitedObservation) -> Stood | None:
    """The last time that the link of the pull was shut."""
    shut = [s for s in link_states(evidence) if s.port == pull.source and s.state == "shut" and s.to_ns <= pull.t_ns]
    return shut[-1] if shut else None


def _at_server(evidence: Evidence, terminal: TerminalSetup, since_ns: int, until_ns: int) -> list[str]:
    """What shows at the server that the terminal could still be reached."""
    return [
        event.citation
        for kind in (kinds.SERVER_UPLOAD, kinds.SERVER_ANSWER, kinds.SERVER_REACHABLE)
        for event in evidence.events(kind, subject=terminal.id, since_ns=since_ns, until_ns=until_ns)
    ]


class _Air:
    """Datagrams of isolated terminals on the air, where it can be read: once for all of them, and if it is asked."""

    def __init__(self, outage: Episode, setup: Setup) -> None:
        self._outage, self._setup = outage, setup

    def heard(self, terminal: TerminalSetup, until_ns: int) -> list[str]:
        """The capture that holds one of the terminal's, up to then."""
        last_ns = self._outage.evidence.clocks.utc(until_ns).low
        own = ((sniffer, at_ns) for (src, sniffer), at_ns in self._first.items() if src == octets(terminal.eui64))
        return [f"captures/{sniffer}.pcapng" for sniffer, at_ns in own if at_ns <= last_ns][:1]

    @cached_property
    def _first(self) -> dict[tuple[bytes, str], int]:
        """By terminal and sniffer the first one (UTC, ns) behind the cut, no later than the last pull: asked for where
        there was both."""
        outage, evidence = self._outage, self._outage.evidence
        keys, clocks = evidence.keys(), evidence.clocks
        cuts, pulls = outage.marks("cut"), outage.events(kinds.MDMS_PULLED)
        if keys is None:
            return {}
        from bench.air.frame.decoder import decode_frames

        terminals = {octets(terminal.eui64) for terminal in self._setup.terminals}
        from_ns, to_ns = clocks.utc(cuts[0].t_ns + SETTLED_NS).high, clocks.utc(pulls[-1].t_ns).low
        found: dict[tuple[bytes, str], int] = {}
        for sniffer in evidence.sniffers():
            for frame in decode_frames(evidence.records(sniffer, since_ns=from_ns, until_ns=to_ns), keys):
                asks = "pana" in frame.layers  # to be let into a HAN: no datum
                broken = frame.mac is not None and frame.mac.broken
                if frame.src in terminals and "udp" in frame.layers and not asks and not broken:
                    found.setdefault((frame.src, sniffer), frame.time_ns)
        return found


def _lost(item: Delivery) -> dict[str, Json]:
    return {"meter": item.meter, "mark_ns": item.mark_ns, "index": item.index, "cited": item.event.citation}


def _marks(one: Shown) -> list[Json]:
    gone = {item.mark_ns for item in one.lost}
    return [
        {"meter": one.meter, "mark_ns": item.mark_ns, "state": "missing" if item.mark_ns in gone else "ok"}
        for item in sorted(one.due, key=lambda item: item.mark_ns)
    ]
