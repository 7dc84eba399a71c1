"""The mesh as a whole: builds nodes from a plan, switches mains, and hands radios to terminals and head end."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping

from bench.air.ip import packet as ipv6
from bench.errors import InputError
from bench.twin.core.kernel import Kernel
from bench.twin.faults import Hooks
from bench.twin.mesh.border_router import BorderRouter
from bench.twin.mesh.dodag import MIN_HOP_RANK_INCREASE, ROOT_RANK
from bench.twin.mesh.interference import Interferer
from bench.twin.mesh.leaf import Leaf
from bench.twin.mesh.lfn.node import LfnTerminal
from bench.twin.mesh.medium import CaptureSink, Medium
from bench.twin.mesh.member import Meter, Terminal
from bench.twin.mesh.neighbours import Parent
from bench.twin.mesh.plan import MeshPlan, Role, plan_of
from bench.twin.mesh.tuning import Hopping
from bench.twin.terminal.network import HeadEndRadio, TerminalRadio
from bench.twin.topology import Topology


class Mesh:
    """A built mesh. ``terminals`` by node name; ``head_end`` sits behind the border router."""

    def __init__(self, kernel: Kernel, plan: MeshPlan, rng: random.Random, capture_sink: CaptureSink) -> None:
        epoch_ns = self._epoch_ns = kernel.now_ns
        self.plan = plan
        interferers = [Interferer(one, plan.seed) for one in plan.interferers]
        self.medium = Medium(kernel, rng, plan.links, plan.sniffers, capture_sink, plan.channel, interferers)
        (root,) = (node for node in plan.nodes if node.role is Role.BORDER_ROUTER)
        self.border_router = BorderRouter(kernel, self.medium, plan, root, epoch_ns)
        self.meters = {
            node.name: Meter(kernel, self.medium, plan, node, epoch_ns)
            for node in plan.nodes
            if node.role is Role.METER
        }
        self.terminals: Mapping[str, TerminalRadio] = {
            node.name: (Terminal if node.listens_each_ns is None else LfnTerminal)(
                kernel, self.medium, plan, node, epoch_ns
            )
            for node in plan.nodes
            if node.role is Role.TERMINAL
        }
        self.head_end: HeadEndRadio = self.border_router
        self._settle()

    def _settle(self) -> None:
        """The mesh is up before a terminal joins: meters joined, routes in place, timers in their long phases."""
        self.border_router.start(settled=True)
        prefix = self.plan.prefix.network_address.packed
        root = ipv6.address_from_eui64(prefix, self.border_router.eui64)
        ranks = {self.border_router.name: ROOT_RANK}
        parents = spanning_tree(self.plan)
        for name, parent in parents.items():
            meter, above = self.meters[name], self._node(parent)
            address = ipv6.address_from_eui64(prefix, meter.eui64)
            above_address = ipv6.address_from_eui64(prefix, above.eui64)
            rng = random.Random(f"{self.plan.seed}/{name} keys")
            shared = self.border_router.authenticator.assume(meter.eui64, rng)
            above_it = Parent(above.eui64, above_address, ranks[parent], root)
            meter.assume_joined(above_it, address, *self.border_router.told(len(parents)), shared)
            ranks[name] = ranks[parent] + MIN_HOP_RANK_INCREASE
            self.border_router.routes.add(address, above_address)
        self._name_candidates(ranks)
        self._acquaint()

    def _name_candidates(self, ranks: Mapping[str, int]) -> None:
        """Each smart meter of a settled mesh knows the routers that it hears, as their DIOs have told it."""
        prefix = self.plan.prefix.network_address.packed
        root = ipv6.address_from_eui64(prefix, self.border_router.eui64)
        for link in self.plan.links:
            for name, other in ((link.a, link.b), (link.b, link.a)):
                if name in self.meters and other in ranks:
                    eui64 = self._node(other).eui64
                    address = ipv6.address_from_eui64(prefix, eui64)
                    self.meters[name].joiner.candidates.know(Parent(eui64, address, ranks[other], root))

    def _acquaint(self) -> None:
        """Hopping nodes of a settled mesh know where their neighbours listen, and the broadcast schedule."""
        tunings = {name: self._node(name).mac.tuning for name in (self.border_router.name, *self.meters)}
        hopping = {name: tuning for name, tuning in tunings.items() if isinstance(tuning, Hopping)}
        for link in self.plan.links:
            if link.a in hopping and link.b in hopping:
                hopping[link.a].know(hopping[link.b])
                hopping[link.b].know(hopping[link.a])
        for tuning in hopping.values():
            tuning.follow(self.border_router.told(0)[1].bs, self._epoch_ns)

    def _node(self, name: str) -> BorderRouter | Meter:
        return self.border_router if name == self.border_router.name else self.meters[name]

    def seed(self, node_name: str, faults: Hooks) -> None:
        """Faults of a node's radio: its frames, its phases of joining, what it forwards."""
        terminal = self.terminals.get(node_name)
        node = terminal if isinstance(terminal, Leaf) else self._node(node_name)
        node.faults = node.mac.faults = faults

    def mains(self, node_name: str, on: bool) -> None:
        """Switch a smart meter's mains: off is instant darkness, on boots and rejoins with the keys in its flash."""
        if node_name not in self.meters and node_name != self.border_router.name:
            raise InputError(f"no mains-fed node '{node_name}'; expected one of {', '.join(self.meters)}")
        self._node(node_name).mains(on)


def spanning_tree(plan: MeshPlan) -> dict[str, str]:
    """Each smart meter's parent in the settled mesh: fewest hops, then the strongest link. Nearest meters first."""
    meters = {node.name: node for node in plan.nodes if node.role is Role.METER}
    (root,) = (node.name for node in plan.nodes if node.role is Role.BORDER_ROUTER)
    near: dict[str, list[tuple[int, str]]] = {}
    for link in plan.links:
        for one, other in ((link.a, link.b), (link.b, link.a)):
            near.setdefault(one, []).append((-link.rssi_dbm, other))
    depth, parents, queue = {root: 0}, dict[str, str](), deque([root])
    while queue:
        name = queue.popleft()
        for _, other in sorted(near.get(name, ())):
            if other in meters and other not in depth:
                depth[other] = depth[name] + 1
                parents[other] = min(n for n in near[other] if depth.get(n[1]) == depth[name])[1]
                queue.append(other)
    unreached = sorted(set(meters) - set(depth))
    if unreached:
        raise InputError(f"no link leads from {root} to {', '.join(unreached)}; expected every smart meter in the mesh")
    return parents


def build(kernel: Kernel, topology: Topology | MeshPlan, rng: random.Random, capture_sink: CaptureSink) -> Mesh:
    """Build the mesh of ``topology`` on ``kernel``; every sniffer frame goes to ``capture_sink`` when it ends.

    ``rng`` decides losses on the air; each node has a generator of its own from seed and name, so that one node's
    doings do not shift another's.
    """
    return Mesh(kernel, plan_of(topology), rng, capture_sink)
