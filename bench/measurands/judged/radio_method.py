"""``radio.method``: how many of a terminal's data came without a frame of the declared radio method on the air.

Each event of the terminal at the server (registration, upload, alarm, answer) needs a message of its own, sent by the
terminal's EUI-64 and secured under the network's key, heard before the event and not longer than five minutes. What a
message is, is the method's: a datagram beyond its neighbour in FAN, and no echo; one to a node of its own HAN; in U-bus
Air, whose formats are not public, the data message of the twin's stand-in (so a real U-bus Air terminal cannot be
judged). The same octets sent again within the hour are the same message: an answer that is repeated until somebody
acknowledges it carries one datum, and lends none of its repetitions to another. After a registration they are a new
one, for a terminal that begins anew may say what it said before.

A datum without a message counts where the terminal's frame counters show that the sniffers missed nothing at that time:
then it took another way. Where they missed frames it is left out, and where more than one in five is left out nothing
is judged. An EUI-64 at the server that is not the declared one counts as well: the verdict would be about another unit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from bench import kinds
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.timeline import CitedObservation
from bench.evidence.worlds import Worlds
from bench.measurands.judged.air_rules import DATA, FAN, WINDOW_NS, nothing_heard, octets
from bench.measurands.judged.common import Trouble, bench_trouble, gated, unfinished
from bench.measurands.judged.explain import AirView, air_view
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_HOUR, Json, Measurement

if TYPE_CHECKING:
    from bench.measurands.air.sightings.sighting import Content, Sighting

NAME: Final = "radio.method"
AGAIN_NS: Final = NS_PER_HOUR
"""The same message within this is a repetition, by the MAC or by whoever waits for an answer, not another one."""

_Frame: TypeAlias = "tuple[int, tuple[int, int | None], int]"
_time: Final = itemgetter(0)
"""Of what has its time first."""


@attrs.frozen(slots=True)
class Heard:
    """What the sniffers heard of one terminal: its messages, and its secured frames by their counters.

    ``said``: start, simulated world and identity of each message, repetitions as well. ``frames``: start, simulated
    world (where the run saw several: counters begin anew) with key, and counter.
    """

    said: tuple[tuple[int, int, int], ...]
    frames: tuple[_Frame, ...]

    def messages(self, registered_ns: Sequence[int]) -> list[list[int]]:
        """The starts of each message: once, and as often as it was repeated; one goes on no longer than to a
        registration."""
        found: list[list[int]] = []
        known: dict[tuple[int, int, int], list[int]] = {}
        for start_ns, world, identity in self.said:
            key = world, identity, bisect_left(registered_ns, start_ns)
            if key not in known or start_ns - known[key][-1] >= AGAIN_NS:
                known[key] = []
                found.append(known[key])
            known[key].append(start_ns)
        return found

    def missed(self, since_ns: int, until_ns: int) -> bool:
        """Whether the counters leave out frames between the last one before the interval and the first after it."""
        first = max(0, bisect_left(self.frames, since_ns, key=_time) - 1)
        last = bisect_right(self.frames, until_ns, key=_time) + 1
        near = self.frames[first:last]
        if len(near) < 2 or near[0][0] > since_ns or near[-1][0] < until_ns:
            return True
        return any(key != other or after != counter + 1 for (_, key, counter), (_, other, after) in pairwise(near))


def radio_method(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of data that took another way. ``statistic`` is always a count."""
    evidence = episodes[0].evidence
    if not set(setup.radio_methods) & set(TELLS):
        why = f"frames of {', '.join(setup.radio_methods)} are not told on the air yet"
        return [gated(NAME, terminal.id, "1", Trouble(why, False, ())) for terminal in setup.terminals]
    view = air_view(evidence, evidence.last_ns())
    trouble = nothing_heard(view) or _no_keys(evidence)
    if trouble is not None:
        return [gated(NAME, terminal.id, "1", trouble) for terminal in setup.terminals]
    heard = _heard(view, setup, Worlds.of(evidence))
    return [_measure(episodes[0], terminal, setup, heard[terminal.id]) for terminal in setup.terminals]


@attrs.define
class _Free:
    """Messages that no datum was found to have come by. Asked in order of time, a datum takes the one that is over
    first of those heard for it: so as many find one as can."""

    messages: list[list[int]]
    _starts: list[tuple[int, int]] = attrs.field(init=False)
    _taken: set[int] = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        self._starts = sorted((start, number) for number, one in enumerate(self.messages) for start in one)

    def takes(self, at_ns: int) -> bool:
        """Take the message of a datum that came then; False where there is none left."""
        first = bisect_left(self._starts, at_ns - WINDOW_NS, key=_time)
        last = bisect_right(self._starts, at_ns, key=_time)
        free = {number for _, number in self._starts[first:last]} - self._taken
        if not free:
            return False
        self._taken.add(min(free, key=lambda number: (self.messages[number][-1], number)))
        return True


def _no_keys(evidence: Evidence) -> Trouble | None:
    return None if evidence.keys() else Trouble("no keys of the air: what a frame carried is not known", False, ())


def _measure(episode: Episode, terminal: TerminalSetup, setup: Setup, heard: Heard) -> Measurement:
    evidence = episode.evidence
    data = sorted((e for kind in DATA for e in evidence.events(kind, subject=terminal.id)), key=lambda e: e.row)
    came = [(evidence.clocks.utc(evidence.clocks.heard(event, 0).high).high, event) for event in data]
    came.sort(key=_time)
    registered = [at_ns for at_ns, event in came if event.kind == kinds.SERVER_REACHABLE]
    free = _Free(heard.messages(registered))
    told = [(at_ns, event, heard.missed(at_ns - WINDOW_NS, at_ns)) for at_ns, event in came]
    # A datum whose own message the sniffers may have missed takes none from one that must have been heard.
    missing = [event for at_ns, event, excused in told if not excused and not free.takes(at_ns)]
    unheard = sum(excused and not free.takes(at_ns) for at_ns, _, excused in told)
    carried = len(data) - len(missing) - unheard
    strange = [e for e in data if e.kind == kinds.SERVER_REACHABLE and _other_unit(e, terminal)]
    if not missing and not strange and (not carried or unheard * 5 > len(data)):
        why = f"of {len(data)} data {carried} were heard on the air, and the sniffers missed frames beside the others"
        return gated(NAME, terminal.id, "1", Trouble(why, False, ()), data=len(data), heard=carried)
    trouble = unfinished(episode) or bench_trouble(evidence, {"server", episode.name}, episode.t0_ns, episode.t1_ns)
    if trouble is not None and not missing and not strange:
        return gated(NAME, terminal.id, "1", trouble, data=len(data), heard=carried)
    others = [method for method in setup.radio_methods if method not in TELLS]
    if missing and others and not strange:
        why = f"{len(missing)} data may have come by {', '.join(others)}, which is not heard"
        return gated(NAME, terminal.id, "1", Trouble(why, False, tuple(event.citation for event in missing)))
    wrong = [*missing, *strange]
    return Measurement(
        NAME,
        terminal.id,
        float(len(wrong)),
        "1",
        u=0.0,
        conditions={"method": ", ".join(setup.radio_methods), "data": len(data), "heard": carried, "left_out": unheard},
        cited=tuple(event.citation for event in wrong),
        detail={"breaches": [_detail(event, strange) for event in wrong]},
    )


def _other_unit(event: CitedObservation, terminal: TerminalSetup) -> bool:
    said = event.data.get("eui64")
    return isinstance(said, str) and said.replace(":", "").lower() != terminal.eui64.replace(":", "").lower()


def _fan(content: Content | None, eui64: bytes) -> int | None:
    """A datagram of a FAN terminal, beyond its neighbour: its identity. An echo carries no datum."""
    from bench.measurands.air.sightings.sighting import Datagram

    if not isinstance(content, Datagram) or not content.end_to_end or content.message is not None:
        return None
    return content.identity


def _han(content: Content | None, eui64: bytes) -> int | None:
    """A datagram of a HAN terminal to a node of its HAN. Authentication is none: it goes before there is a key."""
    from bench.measurands.air.sightings.sighting import Datagram

    if not isinstance(content, Datagram) or not content.local or content.multicast or content.message is not None:
        return None
    return content.identity if content.src[8:] == _interface(eui64) else None


def _u_bus(content: Content | None, eui64: bytes) -> int | None:
    """A data message of the stand-in for U-bus Air."""
    from bench.measurands.air.sightings.sighting import Carried

    return content.identity if isinstance(content, Carried) and content.data and content.origin == eui64 else None


def _interface(eui64: bytes) -> bytes:
    """The interface identifier that follows from an EUI-64 (RFC 4291, appendix A)."""
    return bytes((eui64[0] ^ 2,)) + eui64[1:]


Tells: TypeAlias = "Callable[[Content | None, bytes], int | None]"
"""``tells(content of a secured frame, EUI-64 of the terminal)``: a message's identity, None where it is none."""
TELLS: Final[Mapping[str, Tells]] = {
    FAN: _fan,
    "wi-sun-enhanced-han": _han,
    **dict.fromkeys(("u-bus-air", "u-bus-air-star", "u-bus-air-base"), _u_bus),
}
"""Methods that are told on the air."""


@attrs.define
class _Ear:
    """Takes what was heard of one terminal, in order."""

    eui64: bytes
    tells: Sequence[Tells]
    said: list[tuple[int, int, int]] = attrs.field(factory=list)
    frames: list[_Frame] = attrs.field(factory=list)

    def hear(self, sighting: Sighting, world: int) -> None:
        """The next frame that the terminal sent, secured or not."""
        if sighting.counter is None:
            return
        self.frames.append((sighting.start_ns, (world, sighting.key_index), sighting.counter))
        identity = next((one for tell in self.tells if (one := tell(sighting.content, self.eui64)) is not None), None)
        if identity is not None:
            self.said.append((sighting.start_ns, world, identity))


def _heard(view: AirView, setup: Setup, worlds: Worlds) -> dict[str, Heard]:
    """Of each terminal, by its name; the air is read once for all of them."""
    tells = [TELLS[method] for method in setup.radio_methods if method in TELLS]
    ears = {terminal.id: _Ear(octets(terminal.eui64), tells) for terminal in setup.terminals}
    senders = {ear.eui64: ear for ear in ears.values()}
    assert view.seen is not None
    for sighting in view.seen.sightings:
        ear = senders.get(view.seen.sender(sighting) or b"")
        if ear is not None:
            ear.hear(sighting, worlds.at(sighting.start_ns))
    return {name: Heard(tuple(sorted(ear.said)), tuple(sorted(ear.frames, key=_time))) for name, ear in ears.items()}


def _detail(event: CitedObservation, strange: list[CitedObservation]) -> dict[str, Json]:
    other = event in strange
    return {
        "rule": "another unit" if other else "no frame on the air",
        "at_ns": event.t_ns,
        "said": f"{event.kind} of EUI-64 {event.data.get('eui64')}" if other else event.kind,
        "cited": event.citation,
    }
