"""The watcher that follows every node through its join, frame by frame (FAN join states 1 to 5, domain facts 5.4).

It knows only what a node says and what is said to it; `join` makes records of what it found.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

import attrs

from bench.air.octets import counted
from bench.measurands.air.figures.counters import Fall, FallBacks
from bench.measurands.air.figures.hops import AddressBook
from bench.measurands.air.sightings.digest import Digest
from bench.measurands.air.sightings.passes import Measurand
from bench.measurands.air.sightings.sighting import (
    Acknowledged,
    AddressOwner,
    AddressRequest,
    Advertised,
    AuthenticationStep,
    Datagram,
    PanNotice,
    Registered,
    RouteRequest,
    Sighting,
)
from bench.measurands.air.sniffers.airtime import Phy
from bench.records import NS_PER_S

DAO_REPEAT_NS: Final = 60 * NS_PER_S
"""A DAO with the same sequence number within this is a repetition: its sender still waits for the acknowledgement."""

ANSWER_NS: Final = 3 * NS_PER_S
"""A DAO that is sent again after this was not answered; within it, its MAC may send it again."""


class Phase(IntEnum):
    """How far a join came: the phase that the node was in at last."""

    DISCOVERY = 1
    AUTHENTICATION = 2
    CONFIGURATION = 3
    ROUTING = 4
    OPERATIONAL = 5


@attrs.define(slots=True)
class Attempt:
    """One join as it unfolds. Stamps as in `join.Join`; ``eapol_ns`` its first EAPOL frame, ``routing_ns`` its first
    data frame, ``last_pcs_ns`` its last PAN configuration solicit before that, ``advertised`` whether it
    registered an address or sent a DAO, ``leaf`` whether it solicits as an LFN, ``sought``
    whether it sent a PAS before anything else: a lone PCS may be the middle of a join that the capture missed."""

    first_frame_ns: int
    reached: Phase = Phase.DISCOVERY
    first_solicitation_ns: int | None = None
    eapol_ns: int | None = None
    authenticator: bytes | None = None
    authenticated_ns: int | None = None
    last_pcs_ns: int | None = None
    routing_ns: int | None = None
    advertised: bool = False
    leaf: bool = False
    sought: bool = False
    operational_ns: int | None = None
    operational_frame: int | None = None
    serving_ns: int | None = None
    failures: int = 0
    last_failure: tuple[bytes, int | None] | None = None

    @property
    def over(self) -> bool:
        """The node is in."""
        return self.operational_ns is not None or self.serving_ns is not None

    def come_to(self, phase: Phase) -> None:
        """Notes the furthest phase."""
        self.reached = max(self.reached, phase)

    def serve(self, start_ns: int) -> None:
        """The node acts as one that is in, and no DAO-ACK was seen."""
        self.serving_ns = start_ns
        self.come_to(Phase.OPERATIONAL)

    def solicit(self, kind: str, start_ns: int) -> None:
        """Takes a PAS or PCS of the node. A PAS after a failed or broken-off authentication begins discovery anew, in
        the same join: it is not in yet."""
        self.leaf = kind.startswith("L")
        fresh = self.eapol_ns is None and self.routing_ns is None
        if fresh:
            self.first_solicitation_ns = self.first_solicitation_ns or start_ns
            self.sought = self.sought or kind.endswith("PAS")
        if kind.endswith("PCS"):
            if self.routing_ns is None:
                self.last_pcs_ns = start_ns
        elif not fresh:
            self.authenticated_ns = self.last_pcs_ns = self.routing_ns = None

    def authenticate(self, step: str, sighting: Sighting, authenticator: bytes, end_ns: int) -> None:
        """Takes an EAPOL frame of the node's own link."""
        if self.routing_ns is not None:
            return  # the renewal of a key, no part of coming in
        self.eapol_ns = self.eapol_ns or sighting.start_ns
        self.authenticator = authenticator
        self.come_to(Phase.AUTHENTICATION)
        if step in ("4/4", "group 2/2"):
            self.authenticated_ns = self.authenticated_ns or end_ns
            self.come_to(Phase.CONFIGURATION)
        elif step == "eap failure":
            self.authenticated_ns = None
            # Attempts of one frame are one failure.
            if (failure := (authenticator, sighting.seq)) != self.last_failure:
                self.failures += 1
                self.last_failure = failure
        else:
            self.last_failure = None


@attrs.define(slots=True)
class Node:
    """What is known of one node so far. ``serving``: it was seen acting as an operational router outside any join;
    ``pending``: signs after it was operational that may be a new join or only the renewal of a key;
    ``acknowledged_ns``: when a DAO-ACK reached it last."""

    attempts: list[Attempt] = attrs.field(factory=list)
    pending: Attempt | None = None
    serving: bool = False
    pan: int | None = None
    network: str | None = None
    acknowledged_ns: int | None = None

    @property
    def joining(self) -> Attempt | None:
        """The join under way."""
        return self.attempts[-1] if self.attempts and not self.attempts[-1].over else None

    def unconfirmed(self, at_ns: int) -> Attempt | None:
        """The join whose DAO-ACK may come at ``at_ns``; long after the node was seen in, one renews the route."""
        last = self.attempts[-1] if self.attempts else None
        if last is None or last.operational_ns is not None:
            return None
        return None if last.serving_ns is not None and at_ns - last.serving_ns > DAO_REPEAT_NS else last

    def begin(self, start_ns: int) -> Attempt:
        """A new join, with what was pending."""
        attempt = self.pending or Attempt(start_ns)
        self.pending = None
        self.attempts.append(attempt)
        return attempt

    def maybe(self, start_ns: int) -> Attempt:
        """The join under way, else a new one if the node is not known to be in, else a pending one."""
        if (joining := self.joining) is not None:
            return joining
        if not self.attempts and not self.serving:
            return self.begin(start_ns)
        self.pending = self.pending or Attempt(start_ns)
        return self.pending


class _Daos:
    """When a node itself sent DAOs, with their sequence numbers; nine octets each."""

    __slots__ = ("_numbers", "_times")

    def __init__(self) -> None:
        self._times = array("q")
        self._numbers = bytearray()

    def add(self, t_ns: int, number: int) -> None:
        self._times.append(t_ns)
        self._numbers.append(number)

    def again(self, since_ns: int) -> bool:
        """Whether one since a moment was followed by another, later than its MAC would send it again."""
        at = bisect_left(self._times, since_ns)
        return at < len(self._times) and self._times[-1] - self._times[at] >= ANSWER_NS

    def repeated(self, number: int, after_ns: int) -> bool:
        """Whether one of that number came again soon after a moment."""
        at = bisect_right(self._times, after_ns)
        while at < len(self._times) and self._times[at] - after_ns < DAO_REPEAT_NS:
            if self._numbers[at] == number:
                return True
            at += 1
        return False


class _Configurations:
    """PAN configurations that a node sent: start and end, sixteen octets each."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts = array("q")
        self._ends = array("q")

    def add(self, start_ns: int, end_ns: int) -> None:
        self._starts.append(start_ns)
        self._ends.append(end_ns)

    def between(self, from_ns: int, to_ns: int) -> Iterator[tuple[int, int]]:
        """Those that start at ``from_ns`` or later and before ``to_ns``."""
        places = range(bisect_left(self._starts, from_ns), bisect_left(self._starts, to_ns))
        return ((self._starts[at], self._ends[at]) for at in places)


class Watcher(Measurand):
    """Takes sightings in order of time."""

    def __init__(self, seen: Digest, book: AddressBook, phy: Phy) -> None:
        self.nodes: dict[bytes, Node] = defaultdict(Node)
        self._seen = seen
        self._book = book
        self._phy = phy
        self._configurations: dict[tuple[bytes, bool], _Configurations] = defaultdict(_Configurations)
        self._networks: dict[str, int] = {}
        self._daos: dict[bytes, _Daos] = defaultdict(_Daos)
        self._falls = FallBacks()
        self._fell: dict[bytes, Fall] = {}

    def prepare(self, sighting: Sighting) -> None:
        """Notes when each node itself sent a DAO."""
        content = sighting.content
        if not isinstance(content, Datagram) or not isinstance(content.message, Advertised):
            return
        if sighting.src is not None and self._book.eui64(content.src) == sighting.src:
            self._daos[sighting.src].add(sighting.start_ns, content.message.sequence)

    def see(self, sighting: Sighting) -> None:
        """Takes the next sighting."""
        content = sighting.content
        self._falls.see(sighting)
        if sighting.src is not None:
            self._sent(sighting, sighting.src)
        if isinstance(content, AuthenticationStep):
            attempt = self.nodes[content.supplicant].maybe(sighting.start_ns)
            attempt.authenticate(content.step, sighting, content.authenticator, self._phy.end_ns(sighting))
        elif isinstance(content, Datagram) and isinstance(content.message, Acknowledged):
            self._acknowledged(sighting, content, content.message)
        elif isinstance(content, Datagram) and isinstance(content.message, Registered):
            self._registered(sighting, content.message)

    def close(self) -> None:
        """Looks back: only the whole capture tells a renewed key from a counter that fell."""
        self._fell = self._falls.last()

    def _sent(self, sighting: Sighting, src: bytes) -> None:
        node, start, content = self.nodes[src], sighting.start_ns, sighting.content
        if sighting.pan is not None:
            node.pan = sighting.pan
        if isinstance(content, PanNotice) and content.network is not None:
            node.network = content.network
        match sighting.kind:
            case "PAS" | "LPAS":
                (node.joining or node.begin(start)).solicit(sighting.kind, start)
            case "PCS" | "LPCS":
                node.maybe(start).solicit(sighting.kind, start)
            case "PA" | "PC" | "LPA" | "LPC":
                self._serves(sighting, node, src)
            case "DATA":
                self._routes(sighting, node)

    def _serves(self, sighting: Sighting, node: Node, src: bytes) -> None:
        """Only an operational router advertises the PAN."""
        if sighting.kind in ("PC", "LPC"):
            self._configurations[src, sighting.kind == "LPC"].add(sighting.start_ns, self._phy.end_ns(sighting))
        elif isinstance(sighting.content, PanNotice) and sighting.content.network is not None:
            self._networks.setdefault(sighting.content.network, sighting.start_ns)
        node.pending = None
        if (joining := node.joining) is not None:
            joining.serve(sighting.start_ns)
        elif not node.attempts:
            node.serving = True

    def _routes(self, sighting: Sighting, node: Node) -> None:
        """The first data frame of a node that joins shows that it has its configuration; a request for an address shows
        that it joins at all (a request for a route may also come of a lost parent)."""
        datagram = sighting.content if isinstance(sighting.content, Datagram) else None
        message = datagram.message if datagram is not None else None
        joining = node.joining
        if joining is None and isinstance(message, RouteRequest):
            joining = node.maybe(sighting.start_ns)
        solicited = node.pending is not None and node.pending.first_solicitation_ns is not None
        if isinstance(message, AddressRequest) or (solicited and isinstance(message, (RouteRequest, Advertised))):
            joining = node.joining or node.begin(sighting.start_ns)
        if joining is None:
            return
        if joining.routing_ns is None:
            joining.routing_ns = sighting.start_ns
            joining.come_to(Phase.ROUTING)
        if datagram is not None and self._book.eui64(datagram.src) == sighting.src:
            if isinstance(message, (Advertised, AddressOwner)):
                joining.advertised = True
            elif joining.advertised and datagram.end_to_end:
                joining.serve(sighting.start_ns)

    def _acknowledged(self, sighting: Sighting, datagram: Datagram, message: Acknowledged) -> None:
        """A DAO-ACK ends the join when the frame that carries it reaches the node that it is for."""
        dst = sighting.dst
        if dst is None or not message.accepted or self._book.eui64(datagram.dst) != dst:
            return
        if not self._seen.arrived(sighting):
            return
        self.nodes[dst].acknowledged_ns = sighting.start_ns
        joining = self.nodes[dst].unconfirmed(sighting.start_ns)
        if joining is None:
            return
        daos = self._daos.get(dst)
        if daos is not None and not self._seen.acked(sighting) and daos.repeated(message.sequence, sighting.start_ns):
            return
        self._came_in(joining, sighting)

    def _registered(self, sighting: Sighting, message: Registered) -> None:
        """An LFN has no route of its own: its join ends when its parent tells it that its registration holds."""
        if sighting.dst != message.eui64 or not message.accepted:
            return
        joining = self.nodes[message.eui64].unconfirmed(sighting.start_ns)
        if joining is not None and joining.leaf and self._seen.arrived(sighting):
            self._came_in(joining, sighting)

    def _came_in(self, joining: Attempt, sighting: Sighting) -> None:
        joining.operational_ns = self._phy.end_ns(sighting)
        joining.operational_frame = sighting.number
        joining.come_to(Phase.OPERATIONAL)

    def configured_ns(self, attempt: Attempt, parent: bytes | None) -> int | None:
        """End of the PAN configuration that a join waited for; see `join`. None until the node shows that it has it."""
        if attempt.routing_ns is None:
            return None
        if attempt.eapol_ns is not None and attempt.authenticated_ns is None:
            return None
        begin = attempt.authenticated_ns or attempt.first_solicitation_ns
        if begin is None:
            return None
        found = [
            (start, end)
            for source in (attempt.authenticator, parent)
            if source is not None
            for start, end in self._configurations[source, attempt.leaf].between(begin, attempt.routing_ns)
        ]
        # It had none yet when it asked for one, unless none came after that: then the question crossed the answer.
        asked = attempt.last_pcs_ns or begin
        awaited = [end for start, end in found if start >= asked]
        return min(awaited or [end for _, end in found], default=None)

    def fell(self, eui64: bytes) -> Fall | None:
        """How the frame counter of a node fell back at last, None where it did not."""
        return self._fell.get(eui64)

    def why(self, eui64: bytes, reached: Phase, failures: int) -> str:
        """What stopped a join, in words. A counter that fell back since it began is the cause of what did not come."""
        stopped = self._stopped(eui64, reached, failures)
        fall, node = self.fell(eui64), self.nodes[eui64]
        if fall is None or not node.attempts or fall.at_ns < node.attempts[-1].first_frame_ns:
            return stopped
        return f"{fall.words}; {stopped}"

    def cut_off(self, eui64: bytes) -> str | None:
        """Why a node that was operational is no longer heard: its counter fell back, and since then its DAOs are not
        acknowledged, as they were before. None of any other node."""
        fall, node = self.fell(eui64), self.nodes.get(eui64)
        if fall is None or node is None or node.acknowledged_ns is None or node.acknowledged_ns >= fall.at_ns:
            return None
        daos = self._daos.get(eui64)
        if daos is None or not daos.again(fall.at_ns):
            return None
        return f"{fall.words}; no DAO-ACK reached it since"

    def _stopped(self, eui64: bytes, reached: Phase, failures: int) -> str:
        network = self.nodes[eui64].network
        if reached is Phase.DISCOVERY:
            if network is not None and self._networks and network not in self._networks:
                heard = ", ".join(f'"{name}"' for name in sorted(self._networks))
                return f'looks for the network "{network}"; advertised here: {heard}'
            return "solicits, never authenticates" if self._networks else "no PAN is advertised here"
        if reached is Phase.AUTHENTICATION:
            return (
                f"authentication failed {counted(failures, 'time')} (EAP-Failure)"
                if failures
                else "authentication not completed"
            )
        if reached is Phase.CONFIGURATION:
            return "authenticated, then no data frame of it"
        last = self.nodes[eui64].attempts[-1:]
        return "no confirmation of its registration reached it" if last and last[0].leaf else "no DAO-ACK reached it"
