"""The rig's mesh with every radio method: the FAN mesh, and on its smart meters the networks of the other methods."""

from __future__ import annotations

import random
from collections.abc import Mapping

from bench.twin.core.kernel import Kernel
from bench.twin.faults import Hooks
from bench.twin.mesh import Mesh
from bench.twin.mesh import build as build_mesh
from bench.twin.mesh.medium import CaptureSink
from bench.twin.methods import U_BUS_AIR, RadioMethod
from bench.twin.radio.air import Air
from bench.twin.radio.gateway import Concentrator, Gateway
from bench.twin.radio.han.coordinator import Coordinator
from bench.twin.radio.han.terminal import Terminal as HanTerminal
from bench.twin.radio.ubus.gateway import UBusGateway
from bench.twin.radio.ubus.terminal import Terminal as UBusTerminal
from bench.twin.terminal.network import HeadEndRadio, TerminalRadio
from bench.twin.topology import Terminal, Topology, octets


class Whole:
    """``bench.twin.rig.Mesh`` over all methods of a topology."""

    def __init__(self, kernel: Kernel, topology: Topology, rng: random.Random, sink: CaptureSink) -> None:
        self._kernel, self._topology = kernel, topology
        self.mesh: Mesh = build_mesh(kernel, topology, rng, sink)
        others = [t for t in topology.terminals if t.radio is not RadioMethod.FAN11]
        self._relays = {t.parent for t in topology.terminals}
        self._networks: dict[str, list[Coordinator | UBusGateway]] = {}
        self._radios: dict[str, HanTerminal | UBusTerminal] = {}
        homes = {octets(t.eui64): self.mesh.meters[meter_of(topology, t)].eui64 for t in others}
        self.head_end: HeadEndRadio = Concentrator(self.mesh.border_router, homes) if others else self.mesh.head_end
        if others:
            self._air = Air.of(kernel, topology, self._rng("iot air"), sink)
            self._build(others)
        self.terminals: Mapping[str, TerminalRadio] = {**self.mesh.terminals, **self._radios}

    def _build(self, others: list[Terminal]) -> None:
        meters = [m.id for m in self._topology.smart_meters]
        for number, name in enumerate(meters):
            here = [t for t in others if meter_of(self._topology, t) == name]
            if any(t.radio is RadioMethod.ENHANCED_HAN for t in here):
                self._han(name, number, [t for t in here if t.radio is RadioMethod.ENHANCED_HAN])

            buses = [t for t in here if t.radio in U_BUS_AIR]
            if buses:
                self._u_bus(name, number, buses)

    def _u_bus(self, name: str, number: int, terminals: list[Terminal]) -> None:
        plan = self._topology.u_bus_air
        assert plan is not None
        gateway = Gateway(self.mesh.meters[name])
        network = UBusGateway(
            self._kernel, self._air, gateway, plan, plan.network_id + number, self._rng(f"u-bus {name}")
        )
        self._networks.setdefault(name, []).append(network)
        for terminal in terminals:
            self._radios[terminal.id] = UBusTerminal(
                self._kernel,
                self._air,
                terminal.id,
                octets(terminal.eui64),
                plan,
                self._rng(f"u-bus {terminal.id}"),
                listen_interval_s=terminal.listen_interval_s,
                relay=terminal.radio.relays,
            )

    def _han(self, name: str, number: int, terminals: list[Terminal]) -> None:
        plan = self._topology.han
        assert plan is not None
        pan = plan.pan_id + number
        gateway = Gateway(self.mesh.meters[name])
        coordinator = Coordinator(self._kernel, self._air, gateway, plan, pan, self._rng(f"han {name}"))
        self._networks.setdefault(name, []).append(coordinator)
        for terminal in terminals:
            eui64 = octets(terminal.eui64)
            radio = HanTerminal(
                self._kernel,
                self._air,
                terminal.id,
                eui64,
                plan,
                self._rng(f"han {terminal.id}"),
                listen_interval_s=terminal.listen_interval_s,
                relay=terminal.id in self._relays,
            )
            if terminal.installed:
                radio.assume(octets(plan.key), pan, gateway.meter.eui64)
                coordinator.assume(eui64)
            self._radios[terminal.id] = radio

    def _rng(self, name: str) -> random.Random:
        return random.Random(f"{self._topology.seed}/{name}")

    def mains(self, node_name: str, on: bool) -> None:
        """A smart meter's mains: the mesh's radio and that of the IoT route hang on it."""
        self.mesh.mains(node_name, on)

    def seed(self, node_name: str, faults: Hooks) -> None:
        """Faults of a node's radios and supply."""
        radio = self._radios.get(node_name)
        if radio is not None:
            radio.seed(faults)
            return
        self.mesh.seed(node_name, faults)
        for network in self._networks.get(node_name, ()):
            network.seed(faults)


def meter_of(topology: Topology, terminal: Terminal) -> str:
    """The smart meter that a terminal hangs on, over its relays (the topology is read with a check for that)."""
    terminals = {t.id: t for t in topology.terminals}
    name = terminal.parent
    while name in terminals:
        name = terminals[name].parent
    return name


def build(kernel: Kernel, topology: Topology, rng: random.Random, capture_sink: CaptureSink) -> Whole:
    """As `bench.twin.mesh.build`, with every radio method."""
    return Whole(kernel, topology, rng, capture_sink)
