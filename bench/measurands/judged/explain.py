"""What the air adds to an episode: hops seen, and the phases of a join (``join.radio``). It explains, never judges.

No captures, no keys, a truncated file of a killed run: the explanation gets thinner, the verdict does not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from bench.errors import InputError
from bench.evidence.clocks import Clocks
from bench.evidence.evidence import Evidence
from bench.records import NS_PER_S, Json

if TYPE_CHECKING:
    from bench.air.capture.link import Record
    from bench.measurands.air.figures.join import Join, NodeRecord
    from bench.measurands.air.sightings.digest import Digest
    from bench.measurands.air.sightings.sighting import Sighting
    from bench.measurands.air.sightings.spool import Row


_KEPT_RECORDS: Final = 50_000
"""Most frames of a sniffer that are kept in memory between two readings, some 400 octets each."""


@attrs.frozen(slots=True)
class Place:
    """Where a terminal hangs in the mesh: smart-meter hops and terminal hops apart (無線端末同士のMH)."""

    hops: int
    terminal_hops: int
    dodag_depth: int


@attrs.frozen(slots=True)
class AirView:
    """What the sniffers saw up to a moment, and the nodes as they were then; empty where nothing was captured.

    ``seen``: the sightings that explain, outside memory where they are many. ``shut``: whole frames of the same nodes
    that no key opens, in order. Their stamps are UTC, as far as is known (`bench.evidence.sniffer_clock`): intervals of
    rig time are looked for there by ``clocks``.
    """

    seen: Digest | None = attrs.field(default=None, repr=False, eq=False)
    nodes: Mapping[bytes, NodeRecord] = attrs.field(factory=dict)
    clocks: Clocks = attrs.field(factory=Clocks, repr=False, eq=False)
    shut: tuple[Sighting, ...] = attrs.field(default=(), repr=False, eq=False)
    _windows: dict[tuple[int, int], dict[bytes, Join]] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    def join_in(self, eui64: str, since_ns: int, until_ns: int) -> Join | None:
        """The terminal's last join in the interval of rig time, as the frames of the interval alone show it.

        Frames before it belong to something else: the press that erases the keys makes a terminal solicit, too.
        """
        if self.seen is None:
            return None
        window = self.clocks.utc(since_ns).low, self.clocks.utc(until_ns).high
        if window not in self._windows:
            _, nodes = _boiled(self.seen.sightings.spool.between(*window))
            self._windows[window] = {eui: node.joins[-1] for eui, node in nodes.items() if node.joins}
        return self._windows[window].get(_octets(eui64))

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
    captures = [evidence.folder.captures / f"{sniffer}.pcapng" for sniffer in evidence.sniffers()]
    return _view(_Asked(until_ns, tuple(map(_state, captures)), _state(evidence.folder.keys), evidence))


@attrs.frozen(slots=True)
class _Asked:
    """One moment of captures as they stand: what was read of them holds until one of the files changes."""

    until_ns: int
    captures: tuple[tuple[Path, int, int], ...]
    keys: tuple[Path, int, int]
    evidence: Evidence = attrs.field(eq=False)


def _state(path: Path) -> tuple[Path, int, int]:
    """The file, its octets and when it was written last (ns); zeros where there is none."""
    if not path.is_file():
        return path, 0, 0
    found = path.stat()
    return path.resolve(), found.st_size, found.st_mtime_ns


@lru_cache(maxsize=1)
def _view(asked: _Asked) -> AirView:
    """Read once for all measurands and requirements that ask about the same moment; the last one is kept."""
    from bench.measurands.air.sightings.heard import AskedInOrderError, Shut, bulk_rows, decoded_rows
    from bench.measurands.air.sniffers.merge import Air

    evidence, keys = asked.evidence, asked.evidence.keys()
    until_ns = evidence.clocks.utc(asked.until_ns).high
    air = Air.of({sniffer: _Heard(evidence, sniffer, until_ns) for sniffer in evidence.sniffers()})
    shut = Shut(keys)
    try:
        boiled = _boiled(bulk_rows((sent.record for sent in air.transmissions()), keys, shut))
    except AskedInOrderError:
        shut = Shut(keys)
        boiled = _boiled(decoded_rows((sent.record for sent in air.transmissions()), keys, shut))
    return AirView(*boiled, evidence.clocks, tuple(shut.sightings))


def _boiled(rows: Iterable[Row]) -> tuple[Digest, dict[bytes, NodeRecord]]:
    """The digest of packed sightings, and every node with its joins."""
    from bench.measurands.air.figures.hops import AddressBook, routes
    from bench.measurands.air.figures.join import join_records
    from bench.measurands.air.sightings.digest import Collector
    from bench.measurands.air.sniffers.airtime import phy_of

    book = AddressBook()
    collector = Collector(book.learn)
    collector.take_rows(rows)
    book.close()
    seen = collector.done()
    return seen, join_records(seen, routes(seen, book), phy_of(seen))


def phases(join: Join, start_ns: int, stop_ns: int | None, clocks: Clocks) -> list[Json]:
    """Phases from the start on site to the end on site, rig time, as far as the air showed their borders."""
    utc_ns = clocks.utc(start_ns).best - start_ns
    on_air = [
        ("start to first solicitation", join.first_solicitation_ns),
        ("discovery and authentication", join.authenticated_ns),
        ("configuration", join.configured_ns),
        ("routing", join.operational_ns or join.operational_by_ns),
    ]
    borders = [(name, None if at is None else at - utc_ns) for name, at in on_air] + [("confirmation", stop_ns)]
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


@attrs.define(slots=True)
class _Heard:
    """What one sniffer captured, up to where its file ends early (the sniffer was killed); to be read repeatedly.

    The clocks are fitted on a first reading and the frames merged on a second; what is short is read once.
    """

    evidence: Evidence
    sniffer: str
    until_ns: int
    _kept: list[Record] | None = attrs.field(default=None, init=False)

    def __iter__(self) -> Iterator[Record]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Record] = []
        try:
            for record in self.evidence.records(self.sniffer, until_ns=self.until_ns):
                if len(kept) <= _KEPT_RECORDS:
                    kept.append(record)
                yield record
        except InputError:
            pass
        if len(kept) <= _KEPT_RECORDS:
            self._kept = kept


def _octets(eui64: str) -> bytes:
    return bytes.fromhex(eui64.replace(":", ""))
