"""What the mesh needs to know of a topology: nodes, links, sniffers, network secrets, timers.

The topology file belongs to ``bench/twin/topology.py``; the mesh reads it once, here, and keeps its own frozen record,
so that a change of the file's layout touches this module only. Tests of the mesh build the record by hand.
"""

from __future__ import annotations

import ipaddress
from enum import Enum

import attrs

from bench.records import NS_PER_S
from bench.twin.mesh.interference import InterfererPlan
from bench.twin.methods import NodeKind, RadioMethod
from bench.twin.pan import KeyRotation, LfnNetwork
from bench.twin.topology import Terminal, Topology, octets


class Role(Enum):
    """What a node does in the mesh."""

    BORDER_ROUTER = "border_router"
    METER = "meter"  # a smart meter: joins, routes for others
    TERMINAL = "terminal"  # a wireless terminal of gas or water meters: a leaf


@attrs.frozen(slots=True)
class NodePlan:
    """One node: its name, its EUI-64 (8 octets, as on the air read from left to right), role and timer profile."""

    name: str
    eui64: bytes
    role: Role
    profile: str = "TEST"
    listens_each_ns: int | None = None
    """Of a limited function node: its listening interval once it has joined. None: a full-function node."""


@attrs.frozen(slots=True)
class LinkPlan:
    """Two nodes that hear each other: received level in dBm, and the share of frames lost (0..1), both ways."""

    a: str
    b: str
    rssi_dbm: int = -60
    loss: float = 0.0


@attrs.frozen(slots=True)
class SnifferPlan:
    """A sniffer and, per node that it hears, the received level in dBm; ``channel``: where alone it listens, None for
    everywhere."""

    name: str
    hears: dict[str, int]
    channel: int | None = None


@attrs.frozen(slots=True)
class KeyCalendar:
    """How long a GTK lives, ns, and the ones after the first (16 octets each), in their order."""

    lifetime_ns: int
    further: tuple[bytes, ...]


@attrs.frozen(slots=True)
class LfnPlan:
    """What the mesh has for limited function nodes. ``lgtk``: 16 octets; ``calendar``: None where it stays. ``sync``:
    broadcast intervals from one telling of the time to the next."""

    lgtk: bytes
    interval_ms: int = 60_000
    sync: int = 5
    calendar: KeyCalendar | None = None


@attrs.frozen(slots=True)
class MeshPlan:
    """A whole mesh. ``gtk``: 16 octets; ``prefix``: the /64 of the DODAG; ``channel``: the one fixed channel,
    unless the mesh is ``hopping``; ``calendar``: None where the GTK stays; ``lfn``: None where no LFN may join."""

    network_name: str
    gtk: bytes
    pan_id: int
    prefix: ipaddress.IPv6Network
    seed: int
    nodes: tuple[NodePlan, ...]
    links: tuple[LinkPlan, ...]
    sniffers: tuple[SnifferPlan, ...]
    channel: int = 10
    hopping: bool = False
    calendar: KeyCalendar | None = None
    interferers: tuple[InterfererPlan, ...] = ()
    lfn: LfnPlan | None = None


def plan_of(topology: Topology | MeshPlan) -> MeshPlan:
    """The mesh's view of a topology; a ``MeshPlan`` passes unchanged.

    Terminals of other radio methods are `bench.twin.radio`'s.
    """
    if isinstance(topology, MeshPlan):
        return topology
    network, br = topology.network, topology.border_router
    timers = str(network.timers)
    terminals = [t for t in topology.terminals if t.radio is RadioMethod.FAN11]
    names = {br.id, *(m.id for m in topology.smart_meters), *(t.id for t in terminals)}
    links = [link for link in topology.links_of_all() if names.issuperset(link.between)]
    return MeshPlan(
        network_name=network.name,
        gtk=octets(network.gtk),
        pan_id=network.pan_id,
        prefix=ipaddress.IPv6Network(network.prefix),
        seed=topology.seed,
        nodes=(
            NodePlan(br.id, octets(br.eui64), Role.BORDER_ROUTER, timers),
            *(NodePlan(m.id, octets(m.eui64), Role.METER, timers) for m in topology.smart_meters),
            *(NodePlan(t.id, octets(t.eui64), Role.TERMINAL, str(t.timers), _listens(t)) for t in terminals),
        ),
        links=tuple(LinkPlan(*link.between, link.rssi_dbm, link.loss) for link in links),
        sniffers=tuple(SnifferPlan(s.id, dict(s.hears), s.channel) for s in topology.sniffers),
        channel=network.channel,
        hopping=network.hopping,
        calendar=_calendar(network.key_rotation),
        interferers=interferers_of(topology),
        lfn=_lfn(network.lfn),
    )


def interferers_of(topology: Topology) -> tuple[InterfererPlan, ...]:
    """The sources of interference that a topology names."""
    return tuple(
        InterfererPlan(one.id, one.channel, one.share, one.burst_ms * NS_PER_S // 1000, dict(one.heard_at))
        for one in topology.interference
    )


def _calendar(rotation: KeyRotation | None) -> KeyCalendar | None:
    if rotation is None:
        return None
    return KeyCalendar(round(rotation.lifetime_h * 3600 * NS_PER_S), tuple(map(octets, rotation.gtks)))


def _lfn(network: LfnNetwork | None) -> LfnPlan | None:
    if network is None:
        return None
    interval_ms = network.broadcast_interval_s * 1000
    return LfnPlan(octets(network.lgtk), interval_ms, network.sync_period, _calendar(network.key_rotation))


def _listens(terminal: Terminal) -> int | None:
    return round(terminal.listen_interval_s * NS_PER_S) if terminal.node is NodeKind.LFN else None
