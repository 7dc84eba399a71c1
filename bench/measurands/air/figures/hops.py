"""Who is whose parent, when, and how deep a node hangs in the DODAG.

Hops are DODAG depth: 0 the border router, 1 its children. The parent is the one that the node itself names in the
Transit Information of its DAO (RFC 6550 6.7.8, non-storing mode). Where the capture holds no DAO of a node (it began
later, the sniffer missed it), routing itself tells: a source route names the hops below the border router, and a
packet on its way up goes to the parent. Never from ranks, signal levels or who heard whom: those are guesses.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, TypeAlias

import attrs

from bench.air.frame.decoder import Frame
from bench.air.ip import packet as ipv6
from bench.measurands.air.sightings.digest import Digest, digest
from bench.measurands.air.sightings.expiry import Expiry
from bench.measurands.air.sightings.passes import Measurand, run
from bench.measurands.air.sightings.sighting import (
    Acknowledged,
    AddressOwner,
    Advertised,
    Datagram,
    PanNotice,
    Rank,
    Sighting,
)
from bench.records import NS_PER_S

DEEPEST: Final = 64
"""Longer chains of parents are loops (RFC 6554 allows 255 segments; the deepest network known to us has 24 hops)."""
COPY_WINDOW_NS: Final = 60 * NS_PER_S
"""A DAO seen again within this is the same one on its way up."""


SETTLE_NS: Final = 10 * NS_PER_S
"""Packets on an old route are gone by then."""


class AddressBook:
    """IPv6 addresses to EUI-64s, learnt from what nodes say; the interface identifier only where nothing was said.

    It is to be used when it has learnt all sightings of a capture and is closed."""

    def __init__(self) -> None:
        self.border_routers: set[bytes] = set()
        self._owners: dict[bytes, bytes] = {}
        self._nodes: set[bytes] = set()
        self._ends_of_daos: set[bytes] = set()

    @classmethod
    def of(cls, seen: Digest) -> AddressBook:
        """The book of a capture."""
        book = cls()
        for sighting in seen.sightings:
            book.learn(sighting)
        book.close()
        return book

    @property
    def nodes(self) -> frozenset[bytes]:
        """Every node that sent a frame or is named in a DAO."""
        return frozenset(self._nodes)

    def eui64(self, address: bytes) -> bytes | None:
        """The node that owns an address; None for a host outside the mesh, a group, or a stranger."""
        if address[0] == 0xFF:
            return None
        owner = self._owners.get(address)
        if owner is not None:
            return owner
        candidate = ipv6.eui64_of(address)
        return candidate if candidate in self._nodes else None

    def learn(self, sighting: Sighting) -> None:
        """Takes a sighting."""
        content = sighting.content
        if isinstance(content, Datagram) and content.message is not None:
            self._hear_dao(content)
        if sighting.src is None:
            return
        self._nodes.add(sighting.src)
        match content:
            case PanNotice(routing_cost=0) if sighting.kind == "PA":
                self.border_routers.add(sighting.src)
            case Datagram(message=Rank(root=True, dodag_id=dodag_id)):
                self.border_routers.add(sighting.src)
                self._owners[dodag_id] = sighting.src
            case Datagram(message=AddressOwner(address=address, eui64=eui64)):
                self._owners[address] = eui64
            case Datagram(message=Advertised(routes=routes)):
                for target, parent in routes:
                    self._name(target)
                    if parent is not None:
                        self._name(parent)

    def _name(self, address: bytes) -> None:
        """A router's address in a DAO is made of its EUI-64 unless it was leased another; only then is it a name."""
        if address not in self._owners and address[11:13] == b"\xff\xfe":
            self._nodes.add(ipv6.eui64_of(address))

    def _hear_dao(self, datagram: Datagram) -> None:
        """In non-storing mode DAOs go to the root and it alone answers them."""
        if isinstance(datagram.message, Acknowledged):
            self._ends_of_daos.add(datagram.src)
        elif isinstance(datagram.message, Advertised) and not datagram.local:
            self._ends_of_daos.add(datagram.dst)

    def close(self) -> None:
        """All was learnt. Where no PA and no DIO told the root, DAOs do: the last resort."""
        if not self.border_routers:
            found = map(self.eui64, self._ends_of_daos)
            self.border_routers = {root for root in found if root is not None}


@attrs.frozen(slots=True)
class Change:
    """From ``t_ns`` on the node's parent is ``parent`` (None: route withdrawn). ``evidence``: "DAO", "source route" or
    "next hop"."""

    t_ns: int
    parent: bytes | None
    evidence: str


_EVIDENCE: Final = ("DAO", "source route", "next hop")
"""The strongest first."""


_Copy: TypeAlias = "tuple[bytes, int, bytes | None]"
"""Target, sequence number and parent of a DAO."""


class Routes(Measurand):
    """Parents over time; they are known when a capture was gone through the first time."""

    def __init__(self, book: AddressBook) -> None:
        self.book = book
        self._changes: dict[bytes, list[Change]] = {}
        self._copies: dict[_Copy, int] = {}
        self._expiry: Expiry[_Copy, int] = Expiry()

    def prepare(self, sighting: Sighting) -> None:
        """Takes what a sighting tells."""
        content = sighting.content
        if not isinstance(content, Datagram):
            return
        if not isinstance(content.message, Advertised):
            _from_traffic(self, sighting, content)
        elif not _storing(content.message):
            self.advertise(sighting.start_ns, content.message)

    def record(self, eui64: bytes, change: Change) -> None:
        """Takes a sign of a node's parent, in order of time. A weaker sign of another parent counts only some time
        after a stronger one: packets under way still follow the old route."""
        if eui64 in self.book.border_routers or change.parent == eui64:
            return
        changes = self._changes.setdefault(eui64, [])
        if changes:
            last, rank = changes[-1], _EVIDENCE.index(change.evidence)
            same, stronger = last.parent == change.parent, _EVIDENCE.index(last.evidence)
            if (same and rank >= stronger) or (not same and rank > stronger and change.t_ns - last.t_ns < SETTLE_NS):
                return
        changes.append(change)

    def advertise(self, t_ns: int, dao: Advertised) -> None:
        """Takes a DAO, once: its copies on the way to the root say nothing new."""
        for target, parent in (*dao.routes, *((target, None) for target in dao.withdrawn)):
            key = (target, dao.sequence, parent)
            if t_ns - self._copies.get(key, -COPY_WINDOW_NS) < COPY_WINDOW_NS:
                continue
            self._copies[key] = t_ns
            self._expiry.sweep(self._copies, lambda heard_ns: t_ns - heard_ns >= COPY_WINDOW_NS)
            eui64 = self.book.eui64(target)
            above = self.book.eui64(parent) if parent is not None else None
            if eui64 is not None and (above is not None or parent is None):
                self.record(eui64, Change(t_ns, above, "DAO"))

    def changes(self, eui64: bytes) -> tuple[Change, ...]:
        """All changes of a node's parent, in order of time."""
        return tuple(self._changes.get(eui64, ()))

    def change_at(self, eui64: bytes, t_ns: int | None = None) -> Change | None:
        """The change that holds at ``t_ns`` (default: at the end); before the first sign, that first sign if it is not
        a DAO: traffic shows a route that was there already."""
        changes = self._changes.get(eui64)
        if not changes:
            return None
        index = len(changes) if t_ns is None else bisect_right(changes, t_ns, key=lambda change: change.t_ns)
        if index == 0:
            return None if changes[0].evidence == "DAO" else changes[0]
        return changes[index - 1]

    def parent_at(self, eui64: bytes, t_ns: int | None = None) -> bytes | None:
        """The parent at ``t_ns`` (default: at the end)."""
        change = self.change_at(eui64, t_ns)
        return change.parent if change else None

    def path(self, eui64: bytes, t_ns: int | None = None) -> tuple[bytes, ...] | None:
        """The node, its parent, and so on up to its border router; None where a link is not known."""
        chain = [eui64]
        while chain[-1] not in self.book.border_routers:
            parent = self.parent_at(chain[-1], t_ns)
            if parent is None or len(chain) > DEEPEST:
                return None
            chain.append(parent)
        return tuple(chain)

    def depth(self, eui64: bytes, t_ns: int | None = None) -> int | None:
        """Hops to the border router at ``t_ns`` (default: at the end)."""
        chain = self.path(eui64, t_ns)
        return None if chain is None else len(chain) - 1


def routes(seen: Digest, book: AddressBook | None = None) -> Routes:
    """All parents over the time of a capture."""
    found = Routes(book or AddressBook.of(seen))
    run(seen, found)
    return found


def _storing(dao: Advertised) -> bool:
    """Storing mode names no parents; not Wi-SUN, and no path can be read from it."""
    return bool(dao.routes) and all(parent is None for _, parent in dao.routes)


def _from_traffic(found: Routes, sighting: Sighting, datagram: Datagram) -> None:
    """Signs of parents in a forwarded packet: its source route, or the next hop of its first transmission upwards."""
    src, dst, book = sighting.src, sighting.dst, found.book
    if src is None or dst is None or datagram.local or datagram.multicast:
        return
    at = sighting.start_ns
    if datagram.ahead:
        hops = [src, *(book.eui64(address) for address in datagram.ahead)]
        for above, below in pairwise(hops):
            if above is not None and below is not None:
                found.record(below, Change(at, above, "source route"))
    elif src in book.border_routers and book.eui64(datagram.dst) == dst:
        found.record(dst, Change(at, src, "next hop"))
    elif book.eui64(datagram.src) == src and book.eui64(datagram.dst) != dst:
        # From its origin, and not to the neighbour it goes to: on its way up.
        found.record(src, Change(at, dst, "next hop"))


def depth_at(frames: Iterable[Frame], eui64: bytes, t_ns: int | None = None) -> int | None:
    """DODAG depth of a node at ``t_ns`` (capture time, Unix ns; default: at the end); None where it cannot be told."""
    return routes(digest(frames)).depth(eui64, t_ns)
