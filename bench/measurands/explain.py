"""What the air adds to an episode: hops seen, and the phases of a join (``join.radio``). It explains, never judges.

No captures, no keys, a truncated file of a killed run: the explanation gets thinner, the verdict does not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from bench.errors import InputError
from bench.evidence import Evidence
from bench.records import NS_PER_S, Json

if TYPE_CHECKING:
    from bench.air.frame import Frame
    from bench.air.link import Record
    from bench.measurands.air.join import Join, NodeRecord

_OURS: Final = ("ok", "none")
"""``mic`` of the frames that explain: opened, or not secured at all."""


@attrs.frozen(slots=True)
class Place:
    """Where a terminal hangs in the mesh: smart-meter hops and terminal hops apart (無線端末同士のMH)."""

    hops: int
    terminal_hops: int
    dodag_depth: int


@attrs.frozen(slots=True)
class AirView:
    """What the sniffers saw up to a moment, and the nodes as they were then; empty where nothing was captured."""

    frames: tuple[Frame, ...] = attrs.field(default=(), repr=False)
    nodes: Mapping[bytes, NodeRecord] = attrs.field(factory=dict)

    def join_in(self, eui64: str, since_ns: int, until_ns: int) -> Join | None:
        """The terminal's last join in the interval, as the frames of the interval alone show it.

        Frames before it belong to something else: the press that erases the keys makes a terminal solicit, too.
        """
        from bench.measurands.air.join import joins

        node = joins(frame for frame in self.frames if since_ns <= frame.time_ns <= until_ns).get(_octets(eui64))
        return node.joins[-1] if node is not None and node.joins else None

    def place(self, eui64: str, terminals: frozenset[str], parent: bytes | None = None) -> Place | None:
        """The terminal's place by the parents seen on the air; None where a link was not seen.

        ``parent``: the terminal's own parent where the question is about an earlier moment.
        """
        own, others = _octets(eui64), {_octets(other) for other in terminals}
        meters = relays = 0
        step = parent if parent is not None else self._parent(own)
        seen = {own}
        while step is not None and step not in seen:
            node = self.nodes.get(step)
            if node is None:
                return None
            if node.border_router:
                return Place(meters, relays, meters + relays + 1)
            meters, relays = (meters, relays + 1) if step in others else (meters + 1, relays)
            seen.add(step)
            step = node.parent
        return None

    def _parent(self, eui64: bytes) -> bytes | None:
        node = self.nodes.get(eui64)
        return node.parent if node else None


def air_view(evidence: Evidence, until_ns: int) -> AirView:
    """What all sniffers together saw up to ``until_ns``: each transmission once, on the first one's clock; an
    unreadable capture counts as far as it could be read.

    From the beginning on, because the routes of a mesh are told when it forms and seldom repeated. Where the run has
    keys, frames that they do not open are left out: they are a neighbour's, and on a busy air there are millions.
    """
    if not evidence.sniffers():
        return AirView()
    from bench.measurands.air.join import joins
    from bench.measurands.air.merge import Air

    air = Air.of({sniffer: _Heard(evidence, sniffer, until_ns) for sniffer in evidence.sniffers()})
    keys = evidence.keys()
    frames = tuple(frame for frame in air.frames(keys) if not keys or frame.mic in _OURS)
    return AirView(frames, joins(frames))


def phases(join: Join, start_ns: int, stop_ns: int | None) -> list[Json]:
    """Phases from the start on site to the end on site, as far as the air showed their borders."""
    borders = [
        ("start to first solicitation", join.first_solicitation_ns),
        ("discovery and authentication", join.authenticated_ns),
        ("configuration", join.configured_ns),
        ("routing", join.operational_ns or join.operational_by_ns),
        ("confirmation", stop_ns),
    ]
    found: list[Json] = []
    at = start_ns
    for name, border in borders:
        if border is None or border <= at:
            continue
        found.append({"phase": name, "from_ns": at, "to_ns": border})
        at = border
    return found


def radio(join: Join) -> dict[str, Json]:
    """``join.radio``: first solicitation to DAO-ACK, None where it was not seen."""
    whole = join.join_ns
    return {
        "kind": join.kind.value if join.kind is not None else None,
        "join_s": None if whole is None else whole / NS_PER_S,
        "first_solicitation_ns": join.first_solicitation_ns,
        "authenticated_ns": join.authenticated_ns,
        "configured_ns": join.configured_ns,
        "operational_ns": join.operational_ns,
        "reached": join.reached.name.lower(),
    }


@attrs.frozen(slots=True)
class _Heard:
    """What one sniffer captured, up to where its file ends early (the sniffer was killed); to be read repeatedly."""

    evidence: Evidence
    sniffer: str
    until_ns: int

    def __iter__(self) -> Iterator[Record]:
        try:
            yield from self.evidence.records(self.sniffer, until_ns=self.until_ns)
        except InputError:
            return


def _octets(eui64: str) -> bytes:
    return bytes.fromhex(eui64.replace(":", ""))
