"""What passed on the MDMS links: when they stood, whose meters they carry, and which values came over them."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from bench import kinds
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.timeline import CitedObservation
from bench.measurands.judged.common import Trouble, bench_trouble, left_out, unfinished
from bench.measurands.judged.deliveries import Delivery, values_in
from bench.measurands.judged.setup import TerminalSetup
from bench.records import Json

OPEN = "open"
PUSH = "push"
PULL = "pull"


@attrs.frozen(slots=True)
class Stood:
    """A link in one state, from one setting to the next (or the end of the run)."""

    port: str
    state: str
    from_ns: int
    to_ns: int
    cited: tuple[str, ...]


def link_states(evidence: Evidence) -> list[Stood]:
    """Every state of every link, in order of time; a state that was told again (a resumed run) goes on."""
    told, events = evidence.events(kinds.MDMS_LINK), []
    for port in {event.source for event in told}:
        state = ""
        for event in (event for event in told if event.source == port):
            events += [event] if event.data["state"] != state else []
            state = str(event.data["state"])
    found = []
    for event in sorted(events, key=lambda event: event.row):
        later = [other for other in events if other.source == event.source and other.row > event.row]
        end = later[0] if later else None
        to_ns = end.t_ns if end is not None else evidence.last_ns()
        cited = (event.citation, *((end.citation,) if end is not None else ()))
        found.append(Stood(event.source, str(event.data["state"]), event.t_ns, to_ns, cited))
    return found


def ports(evidence: Evidence) -> dict[str, str]:
    """The link of each meter that anything came of, by what came."""
    found: dict[str, str] = {}
    for event in evidence.events(kind_prefix=kinds.MDMS):
        for meter in _meters(event):
            found.setdefault(meter, event.source)
    return found


def _meters(event: CitedObservation) -> Iterator[str]:
    if "meter" in event.data:
        yield str(event.data["meter"])
    parts = event.data.get("meters")
    for part in parts if isinstance(parts, list | tuple) else ():
        if isinstance(part, dict):
            yield str(part.get("meter"))


def pushed(episode: Episode, terminal: TerminalSetup, since_ns: int, until_ns: int) -> list[Delivery]:
    """Values that were pushed in the interval, in order of arrival."""
    found = []
    for event in episode.evidence.events(
        kinds.MDMS_READINGS, subject=terminal.id, since_ns=since_ns, until_ns=until_ns
    ):
        parts = event.data.get("meters")
        for part in parts if isinstance(parts, list | tuple) else ():
            if isinstance(part, dict):
                found += values_in(str(part.get("meter", "")), part.get("values"), PUSH, event)
    return found


def pulled(evidence: Evidence, meter: str, since_ns: int, until_ns: int) -> list[CitedObservation]:
    """Pulls of a meter in the interval."""
    events = evidence.events(kinds.MDMS_PULLED, since_ns=since_ns, until_ns=until_ns)
    return [event for event in events if event.data.get("meter") == meter]


def given(event: CitedObservation) -> dict[int, Json]:
    """What a pull gave: index by hour mark."""
    return {item.mark_ns: item.index for item in values_in("", event.data.get("values"), PULL, event)}


def told(event: CitedObservation) -> dict[int, list[Json]]:
    """All indexes that a pull gave, by hour mark: more than one where it gave an hour more than once."""
    found: dict[int, list[Json]] = {}
    for item in values_in("", event.data.get("values"), PULL, event):
        found.setdefault(item.mark_ns, []).append(item.index)
    return found


def trouble_of(episode: Episode, terminal: TerminalSetup, what: str, meters: tuple[str, ...] = ()) -> Trouble | None:
    """Why nothing of the episode can be judged here: the bench failed, a step was left out, or it did not end."""
    evidence = episode.evidence
    links = {port for meter, port in ports(evidence).items() if meter in (meters or terminal.meters)}
    names = {"server", "gate", terminal.id, episode.name, *links, *(f"meter.{meter}" for meter in terminal.meters)}
    trouble = bench_trouble(evidence, names, episode.t0_ns, episode.t1_ns)
    return trouble or left_out(episode, terminal.id, what) or unfinished(episode)
