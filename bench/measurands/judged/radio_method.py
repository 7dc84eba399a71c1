"""``radio.method``: how many of a terminal's data came without a frame of the declared radio method on the air.

Each event of the terminal at the server (registration, upload, alarm, answer) needs a message of its own, sent by the
terminal's EUI-64 and secured under the network's key, heard before the event and not longer than five minutes. What a
message is, is the method's: a datagram beyond its neighbour in FAN; one to a node of its own HAN; in U-bus Air, whose
formats are not public, the data message of the twin's stand-in (so a real U-bus Air terminal cannot be judged). A datum
without one counts where the terminal's frame counters show that the sniffers missed nothing at that time: then it took
another way. Where they missed frames it is left out, and where more than one in five is left out nothing is judged. An
EUI-64 at the server that is not the declared one counts as well: the verdict would be about another unit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from bench import kinds
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.timeline import CitedObservation
from bench.evidence.worlds import Worlds
from bench.measurands.judged.air_rules import FAN, nothing_heard, octets
from bench.measurands.judged.common import Trouble, bench_trouble, gated, unfinished
from bench.measurands.judged.explain import AirView, air_view
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_S, Json, Measurement

if TYPE_CHECKING:
    from bench.measurands.air.sightings.sighting import Content, Sighting

NAME: Final = "radio.method"
WINDOW_NS: Final = 300 * NS_PER_S
DATA: Final = (kinds.SERVER_REACHABLE, kinds.SERVER_UPLOAD, kinds.SERVER_ALARM, kinds.SERVER_ANSWER)
AGAIN_NS: Final = 10 * NS_PER_S
"""The same datagram within this is a repetition by the MAC, not another one."""


@attrs.frozen(slots=True)
class Heard:
    """What the sniffers heard of one terminal: starts of its datagrams, and its secured frames by their counters.

    ``frames``: start, key (and simulated world, where the run saw several: its counters begin anew) and counter.
    """

    datagrams: list[int]
    frames: tuple[tuple[int, int, int], ...]

    def missed(self, since_ns: int, until_ns: int) -> bool:
        """Whether the counters leave out frames between the last one before the interval and the first after it."""
        first = max(0, bisect_left(self.frames, (since_ns, -1, -1)) - 1)
        last = bisect_right(self.frames, (until_ns, 1 << 32, 1 << 40)) + 1
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


def _no_keys(evidence: Evidence) -> Trouble | None:
    return None if evidence.keys() else Trouble("no keys of the air: what a frame carried is not known", False, ())


def _measure(episode: Episode, terminal: TerminalSetup, setup: Setup, heard: Heard) -> Measurement:
    evidence = episode.evidence
    data = sorted((e for kind in DATA for e in evidence.events(kind, subject=terminal.id)), key=lambda e: e.row)
    carried, missing, unheard = 0, list[CitedObservation](), 0
    free = list(heard.datagrams)
    for event in data:
        at_ns = evidence.clocks.utc(evidence.clocks.heard(event, 0).high).high
        place = bisect_right(free, at_ns) - 1
        if place >= 0 and free[place] >= at_ns - WINDOW_NS:
            free.pop(place)
            carried += 1
        elif heard.missed(at_ns - WINDOW_NS, at_ns):
            unheard += 1
        else:
            missing.append(event)
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
    """A datagram of a FAN terminal, beyond its neighbour: its identity."""
    from bench.measurands.air.sightings.sighting import Datagram

    return content.identity if isinstance(content, Datagram) and content.end_to_end else None


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
    datagrams: list[int] = attrs.field(factory=list)
    frames: list[tuple[int, int, int]] = attrs.field(factory=list)
    _last: dict[int, int] = attrs.field(factory=dict)

    def hear(self, sighting: Sighting, world: int) -> None:
        """The next frame that the terminal sent, secured or not."""
        if sighting.counter is None:
            return
        self.frames.append((sighting.start_ns, (world << 8) + (sighting.key_index or 0), sighting.counter))
        identity = next((one for tell in self.tells if (one := tell(sighting.content, self.eui64)) is not None), None)
        if identity is not None:
            if sighting.start_ns - self._last.get(identity, -AGAIN_NS) >= AGAIN_NS:
                self.datagrams.append(sighting.start_ns)
            self._last[identity] = sighting.start_ns


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
    return {name: Heard(sorted(ear.datagrams), tuple(sorted(ear.frames, key=_start))) for name, ear in ears.items()}


def _start(frame: tuple[int, int, int]) -> int:
    return frame[0]


def _detail(event: CitedObservation, strange: list[CitedObservation]) -> dict[str, Json]:
    other = event in strange
    return {
        "rule": "another unit" if other else "no frame on the air",
        "at_ns": event.t_ns,
        "said": f"{event.kind} of EUI-64 {event.data.get('eui64')}" if other else event.kind,
        "cited": event.citation,
    }
