"""The mesh over time: DODAGs with their versions, ranks and parents, hop counts, loops, and nodes without a route.

Parents are those of `hops` (DAO, else what routing shows), ranks and versions what nodes say in their DIOs (RFC 6550).

* **Depth**: hops to the border router over the parents that hold at a moment.
* **Loop**: parents that lead back to the node itself. Each node tells its parent at another time, so a loop of a few
  seconds is often only news that crossed; how long it held is told. (Datagrams that came to a node twice: `latency`.)
* **Orphan**: a node that had a way to the root and has none: its parent was withdrawn (No-Path DAO), it or a node above
  it advertises an infinite rank, it hangs in a loop, or its parent does not answer any more: `UNANSWERED` transfers in
  a row given up, no other frame of the parent in between. It ends with a new parent, a finite rank, or an answer.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left
from collections import defaultdict
from operator import itemgetter
from typing import Final

import attrs

from bench.measurands.air.figures.hops import DEEPEST, Change, Routes
from bench.measurands.air.sightings.digest import Digest
from bench.measurands.air.sightings.passes import Measurand, run
from bench.measurands.air.sightings.sighting import Datagram, Rank, Sighting
from bench.measurands.air.sniffers.transfers import Transfer, Transfers

INFINITE_RANK: Final = 0xFFFF
"""RFC 6550 17."""
UNANSWERED: Final = 2
"""A transfer is up to 8 attempts; two in a row given up are a lost neighbour, not a lost frame."""
RECENT: Final = 1024
"""Frames of a node whose times are kept: more than it sends while a transfer waits to be complete."""


@attrs.frozen(slots=True)
class RankChange:
    """From ``t_ns`` on a node advertises ``rank`` in this version of its DODAG."""

    t_ns: int
    dodag_id: bytes
    version: int
    rank: int


@attrs.frozen(slots=True)
class DepthChange:
    """From ``t_ns`` on a node is ``hops`` from its border router (None: no way to one is known)."""

    t_ns: int
    hops: int | None


@attrs.frozen(slots=True)
class Dodag:
    """One DODAG. ``root``: who owns its id or said so by its rank; ``versions``: number, when it was first
    seen, who told; ``step``: MinHopRankIncrease; ``members``: every node that advertised it."""

    dodag_id: bytes
    instance: int
    root: bytes | None
    step: int | None
    versions: tuple[tuple[int, int, bytes | None], ...]
    members: frozenset[bytes]


@attrs.frozen(slots=True)
class Loop:
    """Parents in a circle; ``nodes`` from the one that closed it, upwards. ``to_ns`` None: to the end."""

    from_ns: int
    to_ns: int | None
    nodes: tuple[bytes, ...]


@attrs.frozen(slots=True)
class Orphan:
    """A node without a route. ``why``: "withdrawn", "infinite rank", "loop", "parent silent"; ``at``: the node where
    the way breaks (itself, or one above it)."""

    eui64: bytes
    from_ns: int
    to_ns: int | None
    why: str
    at: bytes


@attrs.frozen(slots=True)
class Mesh:
    """The mesh of a capture over its time. Histories by EUI-64, in order of time."""

    dodags: tuple[Dodag, ...]
    parents: dict[bytes, tuple[Change, ...]]
    ranks: dict[bytes, tuple[RankChange, ...]]
    depths: dict[bytes, tuple[DepthChange, ...]]
    loops: tuple[Loop, ...]
    orphans: tuple[Orphan, ...]


def mesh(seen: Digest, found: Routes) -> Mesh:
    """Everything."""
    watch = MeshWatch(seen, found)
    run(seen, watch, Transfers(seen, watch.take))
    return watch.mesh()


@attrs.define(slots=True)
class _Told:
    """What DIOs say of one DODAG; as in `Dodag`."""

    root: bytes | None = None
    step: int | None = None
    versions: dict[int, tuple[int, bytes]] = attrs.field(factory=dict)
    members: set[bytes] = attrs.field(factory=set)

    def take(self, t_ns: int, src: bytes, dio: Rank) -> None:
        """The next DIO."""
        self.versions.setdefault(dio.version, (t_ns, src))
        self.members.add(src)
        if dio.root and self.root is None:
            self.root = src
        if self.step is None:
            self.step = dio.step


class MeshWatch(Measurand):
    """Collects what the mesh's nodes say, and when they answer."""

    def __init__(self, seen: Digest, found: Routes) -> None:
        self._seen = seen
        self._found = found
        self._ranks: dict[bytes, list[RankChange]] = defaultdict(list)
        self._dodags: dict[tuple[bytes, int], _Told] = defaultdict(_Told)
        self._roots_heard: dict[bytes, int] = {}
        self._heard: dict[bytes, _Heard] = defaultdict(_Heard)
        self._given_up: dict[tuple[bytes, bytes], list[int]] = defaultdict(list)
        self._answers: list[_Event] = []

    def see(self, sighting: Sighting) -> None:
        """Takes a frame."""
        sender, at = self._seen.sender(sighting), sighting.start_ns
        if sender is not None:
            self._heard[sender].add(at)
        if sighting.src is None:
            return
        if sighting.src in self._found.book.border_routers:
            self._roots_heard.setdefault(sighting.src, at)
        content = sighting.content
        if isinstance(content, Datagram) and isinstance(content.message, Rank):
            self._advertised(at, sighting.src, content.message)

    def _advertised(self, t_ns: int, src: bytes, dio: Rank) -> None:
        self._dodags[dio.dodag_id, dio.instance].take(t_ns, src, dio)
        history = self._ranks[src]
        last = history[-1] if history else None
        if last is None or (last.dodag_id, last.version, last.rank) != (dio.dodag_id, dio.version, dio.rank):
            history.append(RankChange(t_ns, dio.dodag_id, dio.version, dio.rank))

    def take(self, transfer: Transfer) -> None:
        """Takes a transfer: when a node's parent falls silent (from the first one given up), and is heard again."""
        src, dst, last = transfer.src, transfer.dst, transfer.attempts[-1]
        if src is None or dst is None or self._found.parent_at(src, last.start_ns) != dst:
            return
        row = self._given_up[src, dst]
        if self._seen.gave_up(last):
            row.append(transfer.first.start_ns)
            if len(row) == UNANSWERED and not self._heard[dst].between(row[0], last.start_ns):
                self._answers.append(_Event(row[0], src, silent=True))
        elif transfer.delivered is not None:
            if len(row) >= UNANSWERED:
                self._answers.append(_Event(transfer.first.start_ns, src, silent=False))
            row.clear()

    def mesh(self) -> Mesh:
        """The mesh of all that was seen."""
        found = self._found
        ranks = {eui64: tuple(history) for eui64, history in sorted(self._ranks.items())}
        replay = _Replay(found)
        # border routers are known to be 0 hops away from their first frame on
        roots = sorted((_Event(t_ns, root) for root, t_ns in self._roots_heard.items()), key=_when)
        answers = sorted(self._answers, key=_when)
        for event in heapq.merge(roots, _parent_events(found), _rank_events(ranks), answers, key=_when):
            replay.take(event)
        return Mesh(
            dodags=tuple(self._dodag(*key, told) for key, told in sorted(self._dodags.items(), key=itemgetter(0))),
            parents={eui64: found.changes(eui64) for eui64 in sorted(found.book.nodes) if found.changes(eui64)},
            ranks=ranks,
            depths={eui64: tuple(history) for eui64, history in sorted(replay.depths.items()) if history},
            loops=tuple(replay.all_loops()),
            orphans=tuple(sorted(replay.all_orphans(), key=lambda orphan: (orphan.from_ns, orphan.eui64))),
        )

    def _dodag(self, dodag_id: bytes, instance: int, told: _Told) -> Dodag:
        return Dodag(
            dodag_id=dodag_id,
            instance=instance,
            root=told.root if told.root is not None else self._found.book.eui64(dodag_id),
            step=told.step,
            versions=tuple((version, t_ns, src) for version, (t_ns, src) in told.versions.items()),
            members=frozenset(told.members),
        )


class _Heard:
    """When a node was heard. Times before the newest `RECENT` are forgotten but for the last of them, which is all that
    matters: a question ends shortly before the newest."""

    __slots__ = ("_before", "_times")

    def __init__(self) -> None:
        self._before: int | None = None
        self._times = array("q")

    def add(self, t_ns: int) -> None:
        """It was heard."""
        self._times.append(t_ns)
        if len(self._times) > 2 * RECENT:
            self._before = self._times[-RECENT - 1]
            del self._times[:-RECENT]

    def between(self, since_ns: int, until_ns: int) -> bool:
        """Whether it was heard between two moments."""
        if self._before is not None and since_ns <= self._before <= until_ns:
            return True
        at = bisect_left(self._times, since_ns)
        return at < len(self._times) and self._times[at] <= until_ns


@attrs.frozen(slots=True)
class _Event:
    """From ``t_ns`` on: a parent, a rank that is infinite or not, a parent that is silent or not; or just heard."""

    t_ns: int
    eui64: bytes
    parent: Change | None = None
    infinite: bool | None = None
    silent: bool | None = None


def _when(event: _Event) -> int:
    return event.t_ns


def _parent_events(found: Routes) -> list[_Event]:
    events = [_Event(c.t_ns, eui64, parent=c) for eui64 in found.book.nodes for c in found.changes(eui64)]
    return sorted(events, key=_when)


def _rank_events(ranks: dict[bytes, tuple[RankChange, ...]]) -> list[_Event]:
    events = [_Event(r.t_ns, eui64, infinite=r.rank == INFINITE_RANK) for eui64, rs in ranks.items() for r in rs]
    return sorted(events, key=_when)


class _Replay:
    """Goes through the mesh's events in order of time and notes what each changes below it."""

    def __init__(self, found: Routes) -> None:
        self.depths: dict[bytes, list[DepthChange]] = {}
        self._roots = found.book.border_routers
        self._parent: dict[bytes, bytes | None] = {}
        self._children: dict[bytes, set[bytes]] = defaultdict(set)
        self._infinite: set[bytes] = set()
        self._silent: set[bytes] = set()
        self._open_loops: list[Loop] = []
        self._loops: list[Loop] = []
        self._open_orphans: dict[bytes, Orphan] = {}
        self._orphans: list[Orphan] = []

    def all_loops(self) -> list[Loop]:
        return [*self._loops, *self._open_loops]

    def all_orphans(self) -> list[Orphan]:
        return [*self._orphans, *self._open_orphans.values()]

    def take(self, event: _Event) -> None:
        """The next event."""
        node = event.eui64
        if event.parent is not None:
            self._move(node, event.parent.parent, event.t_ns)
        if event.infinite is not None:
            (self._infinite.add if event.infinite else self._infinite.discard)(node)
        if event.silent is not None:
            (self._silent.add if event.silent else self._silent.discard)(node)
        for below in self._subtree(node):
            self._note(below, event.t_ns)

    def _move(self, node: bytes, parent: bytes | None, t_ns: int) -> None:
        old = self._parent.get(node)
        if old is not None:
            self._children[old].discard(node)
        if old != parent:
            self._silent.discard(node)
        self._parent[node] = parent
        if parent is not None:
            self._children[parent].add(node)
        for loop in [loop for loop in self._open_loops if node in loop.nodes]:
            self._open_loops.remove(loop)
            self._loops.append(attrs.evolve(loop, to_ns=t_ns))
        circle = self._circle(node)
        if circle:
            self._open_loops.append(Loop(t_ns, None, circle))

    def _circle(self, node: bytes) -> tuple[bytes, ...]:
        chain = [node]
        while (above := self._parent.get(chain[-1])) is not None:
            if above == node:
                return tuple(chain)
            if above in chain:
                return ()
            chain.append(above)
        return ()

    def _subtree(self, node: bytes) -> list[bytes]:
        """The node and all below it: each hangs under one parent, so a circle can only lead back to the node itself."""
        found = [node]
        for at in found:
            found.extend(sorted(self._children[at] - {node}))
        return found

    def _way(self, node: bytes) -> tuple[int | None, tuple[str, bytes] | None]:
        """Hops to the root, and why and where the way is broken."""
        at, hops, passed = node, 0, {node}
        while at not in self._roots:
            if at in self._infinite:
                return None, ("infinite rank", at)
            if at in self._silent:
                return None, ("parent silent", at)
            if at not in self._parent:
                return None, None
            above = self._parent[at]
            if above is None:
                return None, ("withdrawn", at)
            if above in passed:
                return None, ("loop", above)
            passed.add(above)
            at, hops = above, hops + 1
            if hops > DEEPEST:
                return None, None
        return hops, None

    def _note(self, node: bytes, t_ns: int) -> None:
        hops, broken = self._way(node)
        history = self.depths.setdefault(node, [])
        if (history or hops is not None) and (not history or history[-1].hops != hops):
            history.append(DepthChange(t_ns, hops))
        current = self._open_orphans.get(node)
        if current is not None and (broken is None or (current.why, current.at) != broken):
            self._orphans.append(attrs.evolve(current, to_ns=t_ns))
            del self._open_orphans[node]
            current = None
        # a history begins with the first way
        if current is None and broken is not None and history and node not in self._roots:
            self._open_orphans[node] = Orphan(node, t_ns, None, *broken)
