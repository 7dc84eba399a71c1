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
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from bench.measurands.air.hops import DEEPEST, Change, Routes
from bench.measurands.air.sighting import Datagram, Digest, Rank
from bench.measurands.air.transfers import Transfer, transfers

INFINITE_RANK: Final = 0xFFFF
"""RFC 6550 17."""
UNANSWERED: Final = 2
"""A transfer is up to 8 attempts; two in a row given up are a lost neighbour, not a lost frame."""


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


def mesh(seen: Digest, found: Routes, handed: Iterable[Transfer] | None = None) -> Mesh:
    """Everything; ``handed``: the transfers of ``seen`` where they are known already."""
    ranks = _ranks(seen)
    replay = _Replay(found)
    handed = transfers(seen) if handed is None else handed
    events = heapq.merge(
        _roots_heard(seen, found), _parent_events(found), _rank_events(ranks), _answers(seen, handed, found), key=_when
    )
    for event in events:
        replay.take(event)
    return Mesh(
        dodags=_dodags(seen, found),
        parents={eui64: found.changes(eui64) for eui64 in sorted(found.book.nodes) if found.changes(eui64)},
        ranks=ranks,
        depths={eui64: tuple(history) for eui64, history in sorted(replay.depths.items()) if history},
        loops=tuple(replay.all_loops()),
        orphans=tuple(sorted(replay.all_orphans(), key=lambda orphan: (orphan.from_ns, orphan.eui64))),
    )


def _advertised(seen: Digest) -> Iterator[tuple[int, bytes, Rank]]:
    """Time, sender and content of every DIO that was read."""
    for sighting in seen.sightings:
        content = sighting.content
        if isinstance(content, Datagram) and isinstance(content.message, Rank) and sighting.src is not None:
            yield sighting.start_ns, sighting.src, content.message


def _ranks(seen: Digest) -> dict[bytes, tuple[RankChange, ...]]:
    histories: dict[bytes, list[RankChange]] = defaultdict(list)
    for t_ns, src, dio in _advertised(seen):
        history = histories[src]
        last = history[-1] if history else None
        if last is None or (last.dodag_id, last.version, last.rank) != (dio.dodag_id, dio.version, dio.rank):
            history.append(RankChange(t_ns, dio.dodag_id, dio.version, dio.rank))
    return {eui64: tuple(history) for eui64, history in sorted(histories.items())}


def _dodags(seen: Digest, found: Routes) -> tuple[Dodag, ...]:
    grouped: dict[tuple[bytes, int], list[tuple[int, bytes, Rank]]] = defaultdict(list)
    for t_ns, src, dio in _advertised(seen):
        grouped[dio.dodag_id, dio.instance].append((t_ns, src, dio))
    return tuple(_dodag(*key, told, found) for key, told in sorted(grouped.items()))


def _dodag(dodag_id: bytes, instance: int, told: list[tuple[int, bytes, Rank]], found: Routes) -> Dodag:
    versions: dict[int, tuple[int, bytes]] = {}
    for t_ns, src, dio in told:
        versions.setdefault(dio.version, (t_ns, src))
    roots = [src for _, src, dio in told if dio.root]
    return Dodag(
        dodag_id=dodag_id,
        instance=instance,
        root=roots[0] if roots else found.book.eui64(dodag_id),
        step=next((dio.step for _, _, dio in told if dio.step is not None), None),
        versions=tuple((version, t_ns, src) for version, (t_ns, src) in versions.items()),
        members=frozenset(src for _, src, _ in told),
    )


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


def _roots_heard(seen: Digest, found: Routes) -> list[_Event]:
    """The first frame of each border router: from there on it is known to be 0 hops away."""
    first: dict[bytes, int] = {}
    for sighting in seen.sightings:
        if sighting.src in found.book.border_routers:
            first.setdefault(sighting.src, sighting.start_ns)
    return sorted((_Event(t_ns, root) for root, t_ns in first.items()), key=_when)


def _parent_events(found: Routes) -> list[_Event]:
    events = [_Event(c.t_ns, eui64, parent=c) for eui64 in found.book.nodes for c in found.changes(eui64)]
    return sorted(events, key=_when)


def _rank_events(ranks: dict[bytes, tuple[RankChange, ...]]) -> list[_Event]:
    events = [_Event(r.t_ns, eui64, infinite=r.rank == INFINITE_RANK) for eui64, rs in ranks.items() for r in rs]
    return sorted(events, key=_when)


def _answers(seen: Digest, handed: Iterable[Transfer], found: Routes) -> list[_Event]:
    """When a node's parent falls silent (from the first transfer given up), and when it is heard again."""
    heard: dict[bytes, list[int]] = defaultdict(list)
    for sighting in seen.sightings:
        sender = sighting.src or seen.senders.get(sighting.ordinal)
        if sender is not None:
            heard[sender].append(sighting.start_ns)
    given_up: dict[tuple[bytes, bytes], list[int]] = defaultdict(list)
    events: list[_Event] = []
    for transfer in handed:
        src, dst, last = transfer.src, transfer.dst, transfer.attempts[-1]
        if src is None or dst is None or found.parent_at(src, last.start_ns) != dst:
            continue
        row = given_up[src, dst]
        if last.ordinal in seen.failed and last.ordinal not in seen.acked:
            row.append(transfer.first.start_ns)
            if len(row) == UNANSWERED and not _spoke(heard[dst], row[0], last.start_ns):
                events.append(_Event(row[0], src, silent=True))
        elif transfer.delivered is not None:
            if len(row) >= UNANSWERED:
                events.append(_Event(transfer.first.start_ns, src, silent=False))
            row.clear()
    return sorted(events, key=_when)


def _spoke(times: list[int], since_ns: int, until_ns: int) -> bool:
    at = bisect_left(times, since_ns)
    return at < len(times) and times[at] <= until_ns


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
        while (above := self._parent.get(chain[-1])) is not None and chain[-1] not in self._roots:
            if above == node:
                return tuple(chain)
            if above in chain:
                return ()
            chain.append(above)
        return ()

    def _subtree(self, node: bytes) -> list[bytes]:
        found, seen = [node], {node}
        for at in found:
            fresh = self._children[at] - seen
            seen |= fresh
            found.extend(sorted(fresh))
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
        had_a_way = any(change.hops is not None for change in history)
        current = self._open_orphans.get(node)
        if current is not None and (broken is None or (current.why, current.at) != broken):
            self._orphans.append(attrs.evolve(current, to_ns=t_ns))
            del self._open_orphans[node]
            current = None
        if current is None and broken is not None and had_a_way and node not in self._roots:
            self._open_orphans[node] = Orphan(node, t_ns, None, *broken)
