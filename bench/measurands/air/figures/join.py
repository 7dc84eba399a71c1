"""Joining, as the air shows it: per node the phases from the first solicitation to the DAO-ACK.

* `first_solicitation_ns`: start of the node's first PAS of this join (or PCS, when it comes before any authentication).
  None: it sent none (a neighbour's PAS brought the advertisement), or the capture missed it. A lone PCS begins a join
  only of a node that this capture saw in before.
* `authenticated_ns`: end of its message 4/4 (group 2/2 where there was no 4-way handshake); ends FAN join states 1, 2.
* `configured_ns`: end of the PAN configuration that it waited for: the first one, after authentication and after its
  last PCS, from its authenticator or parent; ends join state 3.
* `operational_ns`: end of the first DAO-ACK frame that reaches the node itself, whoever relays it; ends join state 4.
  A limited function node has no DAO of its own: there it is the NA by which its parent confirms its registration, and
  LPAS, LPCS and LPC take the places of PAS, PCS and PC.

`join.radio` (lab-practice.md 1) is operational minus first solicitation. A node that solicits again after it was
operational joins again. A join is cold when EAPOL stands between solicitation and configuration, else a reconnect
(the node still had its keys); None where the capture did not see the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import attrs

from bench.air.frame.decoder import Frame
from bench.measurands.air.figures.counters import Fall
from bench.measurands.air.figures.hops import AddressBook, Routes, routes
from bench.measurands.air.figures.phases import Attempt, Phase, Watcher
from bench.measurands.air.sightings.digest import Digest, digest
from bench.measurands.air.sightings.passes import run
from bench.measurands.air.sniffers.airtime import Phy, phy_of

__all__ = ["Join", "Kind", "NodeRecord", "Phase", "join_records", "joins"]


class Kind(Enum):
    """How a node came in."""

    COLD = "cold"
    RECONNECT = "reconnect"


@attrs.frozen(slots=True)
class Join:
    """One join. Stamps are capture time, Unix ns, None where never or not seen; see the module for definitions.

    ``operational_by_ns``: no DAO-ACK was captured, but the node acts as an operational router from here on.
    ``first_frame_ns``: the node's first frame of this join; a lower bound where no solicitation was seen.
    ``reached``: the phase it was in at last. ``failures``: EAP-Failures received. ``hops``, ``parent``: at the end of
    the join.
    """

    kind: Kind | None
    first_frame_ns: int
    first_solicitation_ns: int | None
    authenticated_ns: int | None
    configured_ns: int | None
    operational_ns: int | None
    operational_by_ns: int | None
    reached: Phase
    failures: int
    hops: int | None
    parent: bytes | None
    frame: int | None
    """Number of the DAO-ACK frame that made it operational: what a measurement cites."""

    @property
    def join_ns(self) -> int | None:
        """From first solicitation to operational."""
        if self.operational_ns is None or self.first_solicitation_ns is None:
            return None
        return self.operational_ns - self.first_solicitation_ns


@attrs.frozen(slots=True)
class NodeRecord:
    """One node of a capture. ``hops`` and ``parent`` at the end of the capture; ``route_from`` how they are known.

    ``reached`` is the phase that its last join came to (operational too where it was so before the capture began, None
    where nothing tells); ``why`` says in words what stopped it, or what cut it off once it was in; ``fell`` how its
    frame counter fell back.
    """

    eui64: bytes
    border_router: bool
    pan: int | None
    network: str | None
    hops: int | None
    parent: bytes | None
    route_from: str | None
    joins: tuple[Join, ...]
    reached: Phase | None
    failures: int
    why: str | None
    fell: Fall | None = None


def joins(frames: Iterable[Frame]) -> dict[bytes, NodeRecord]:
    """Every node of a capture, by EUI-64, with its joins."""
    seen = digest(frames)
    return join_records(seen, routes(seen), phy_of(seen))


def join_records(seen: Digest, found: Routes, phy: Phy) -> dict[bytes, NodeRecord]:
    """The same from a digest; ``phy`` turns starts of frames into ends."""
    watcher = Watcher(seen, found.book, phy)
    run(seen, watcher)
    return records_of(watcher, found)


def records_of(watcher: Watcher, found: Routes) -> dict[bytes, NodeRecord]:
    """The records of what a watcher saw."""
    return {eui64: _record(eui64, watcher, found) for eui64 in sorted(found.book.nodes)}


def _record(eui64: bytes, watcher: Watcher, found: Routes) -> NodeRecord:
    book: AddressBook = found.book
    watch = watcher.nodes.get(eui64)
    border = eui64 in book.border_routers
    attempts = [] if watch is None or border else watch.attempts
    done = tuple(_join(attempt, eui64, watcher, found) for attempt in attempts)
    change = found.change_at(eui64)
    if border or (not done and ((watch is not None and watch.serving) or change is not None)):
        reached: Phase | None = Phase.OPERATIONAL
    else:
        reached = done[-1].reached if done else None
    last = done[-1] if done else None
    if reached is Phase.OPERATIONAL:
        why = None if border else watcher.cut_off(eui64)
    else:
        why = None if last is None else watcher.why(eui64, last.reached, last.failures)
    return NodeRecord(
        eui64=eui64,
        border_router=border,
        pan=_pan(eui64, watcher, found),
        network=watch.network if watch else None,
        hops=found.depth(eui64),
        parent=change.parent if change else None,
        route_from=change.evidence if change else None,
        joins=done,
        reached=reached,
        failures=sum(join.failures for join in done),
        why=why,
        fell=watcher.fell(eui64),
    )


def _pan(eui64: bytes, watcher: Watcher, found: Routes) -> int | None:
    """The PAN that the node last named, else that of the nodes above it."""
    for node in found.path(eui64) or (eui64,):
        watch = watcher.nodes.get(node)
        if watch is not None and watch.pan is not None:
            return watch.pan
    return None


def _join(attempt: Attempt, eui64: bytes, watcher: Watcher, found: Routes) -> Join:
    began = attempt.sought or attempt is not watcher.nodes[eui64].attempts[0]
    at = attempt.operational_ns or attempt.serving_ns
    # The route that the join ended with: the DAO came just before its acknowledgement.
    change = found.change_at(eui64, at) if at is not None else None
    parent = change.parent if change else None
    return Join(
        kind=_kind(attempt, began),
        first_frame_ns=attempt.first_frame_ns,
        first_solicitation_ns=attempt.first_solicitation_ns if began else None,
        authenticated_ns=attempt.authenticated_ns,
        configured_ns=watcher.configured_ns(attempt, parent),
        operational_ns=attempt.operational_ns,
        operational_by_ns=attempt.serving_ns if attempt.operational_ns is None else None,
        reached=attempt.reached,
        failures=attempt.failures,
        hops=found.depth(eui64, at) if at is not None else None,
        parent=parent,
        frame=attempt.operational_frame,
    )


def _kind(attempt: Attempt, began: bool) -> Kind | None:
    """``began``: the capture saw the join begin."""
    if attempt.eapol_ns is not None:
        return Kind.COLD
    if not began or attempt.reached < Phase.ROUTING:
        return None
    return Kind.RECONNECT
