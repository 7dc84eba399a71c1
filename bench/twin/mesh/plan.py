"""What the mesh needs to know of a topology: nodes, links, sniffers, network secrets, timers.

The topology file belongs to ``bench/twin/topology.py``; the mesh reads it once, here, and keeps its own frozen record,
so that a change of the file's layout touches this module only. Tests of the mesh build the record by hand.
"""

from __future__ import annotations

import ipaddress
from enum import Enum

import attrs

from bench.twin.topology import Topology, octets


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


@attrs.frozen(slots=True)
class LinkPlan:
    """Two nodes that hear each other: received level in dBm, and the share of frames lost (0..1), both ways."""

    a: str
    b: str
    rssi_dbm: int = -60
    loss: float = 0.0


@attrs.frozen(slots=True)
class SnifferPlan:
    """A sniffer and, per node that it hears, the received level in dBm."""

    name: str
    hears: dict[str, int]


@attrs.frozen(slots=True)
class MeshPlan:
    """A whole mesh. ``gtk``: 16 octets; ``prefix``: the /64 of the DODAG; ``channel``: the one fixed channel."""

    network_name: str
    gtk: bytes
    pan_id: int
    prefix: ipaddress.IPv6Network
    seed: int
    nodes: tuple[NodePlan, ...]
    links: tuple[LinkPlan, ...]
    sniffers: tuple[SnifferPlan, ...]
    channel: int = 10


def plan_of(topology: Topology | MeshPlan) -> MeshPlan:
    """The mesh's view of a topology; a ``MeshPlan`` passes unchanged."""
    if isinstance(topology, MeshPlan):
        return topology
    network, br = topology.network, topology.border_router
    timers = str(network.timers)
    return MeshPlan(
        network_name=network.name,
        gtk=octets(network.gtk),
        pan_id=network.pan_id,
        prefix=ipaddress.IPv6Network(network.prefix),
        seed=topology.seed,
        nodes=(
            NodePlan(br.id, octets(br.eui64), Role.BORDER_ROUTER, timers),
            *(NodePlan(m.id, octets(m.eui64), Role.METER, timers) for m in topology.smart_meters),
            *(NodePlan(t.id, octets(t.eui64), Role.TERMINAL, str(t.timers)) for t in topology.terminals),
        ),
        links=tuple(LinkPlan(*link.between, link.rssi_dbm, link.loss) for link in topology.links_of_all()),
        sniffers=tuple(SnifferPlan(sniffer.id, dict(sniffer.hears)) for sniffer in topology.sniffers),
        channel=network.channel,
    )
