"""What the mesh needs to know of a topology: nodes, links, sniffers, network secrets, timers.

The topology file belongs to ``bench/twin/topology.py``; the mesh reads it once, here, and keeps its own frozen record,
so that a change of the file's layout touches this module only. Tests of the mesh build the record by hand.
"""

from __future__ import annotations

import ipaddress
from enum import Enum
from typing import Any

import attrs


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


def plan_of(topology: Any) -> MeshPlan:
    """The mesh's view of ``topology`` (a ``bench.twin.topology`` model, or a ``MeshPlan``, which passes unchanged)."""
    if isinstance(topology, MeshPlan):
        return topology
    raise NotImplementedError("the topology model is not written yet")
