"""The virtual rig without its wires: kernel, mesh, terminals, meters, supplies, head end and server, built from a file.

Everything random has a generator of its own, derived from the seed and a name, so adding a draw in one place moves
nothing elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Protocol

from bench.twin import faults
from bench.twin.faceplate import Console, Panel
from bench.twin.headend import HeadEnd
from bench.twin.kernel import Kernel
from bench.twin.meter import Meter
from bench.twin.network import HeadEndRadio, TerminalRadio
from bench.twin.power import BackedUpLoad, ConstantCurrentLoad, Load, Output, SupplyUnit
from bench.twin.server_model import ConnectionServer
from bench.twin.terminal import Terminal
from bench.twin.topology import Supply, Topology
from bench.twin.topology import Terminal as TerminalPlan

CaptureSink = Callable[[str, int, int, bytes, int, int], None]
"""``sink(sniffer, start_ns, end_ns, psdu_without_fcs, rssi_dbm, channel)``."""


class Mesh(Protocol):
    """What the rig needs of a mesh."""

    @property
    def terminals(self) -> Mapping[str, TerminalRadio]: ...
    @property
    def head_end(self) -> HeadEndRadio: ...
    def mains(self, node_name: str, on: bool) -> None: ...


class MeshFactory(Protocol):
    """``bench.twin.mesh.build``, or a test's own."""

    def __call__(
        self, kernel: Kernel, topology: Topology, rng: random.Random, capture_sink: CaptureSink, /
    ) -> Mesh: ...


def generator(seed: int, name: str) -> random.Random:
    """The random generator of one concern; text seeds are hashed with SHA-512, the same on every machine."""
    return random.Random(f"{seed}/{name}")


class Rig:
    """Everything that is simulated. Attributes are by the names of the topology."""

    def __init__(self, topology: Topology, start_ns: int, build_mesh: MeshFactory, sink: CaptureSink) -> None:
        self.topology = topology
        self.kernel = Kernel(start_ns)
        self.mesh = build_mesh(self.kernel, topology, self._rng("mesh"), sink)
        self.meters: dict[str, Meter] = {}
        self.terminals = {t.id: self._terminal(t) for t in topology.terminals}
        self.panels = {name: Panel(t) for name, t in self.terminals.items()}
        heard = {m.id: m.eui64 for m in topology.smart_meters}
        heard[topology.border_router.id] = topology.border_router.eui64
        self.consoles = {
            name: Console(self.kernel, t, topology.network, heard[t.plan.parent]) for name, t in self.terminals.items()
        }
        delay_ns = topology.server.head_end_delay_ms * 1_000_000
        self.head_end = HeadEnd(self.kernel, self.mesh.head_end, delay_ns)
        self.server = ConnectionServer(self.kernel, topology.server, topology.terminals, self.head_end)
        self.supplies = {s.id: self._supply(s) for s in topology.supplies}
        self._power_the_rest()

    def _rng(self, name: str) -> random.Random:
        return generator(self.topology.seed, name)

    def _terminal(self, plan: TerminalPlan) -> Terminal:
        meters = {f"{plan.id}.{m.id}": Meter(self.kernel, f"{plan.id}.{m.id}", m.serial, m.index) for m in plan.meters}
        self.meters.update(meters)
        seeded = [faults.make(spec) for spec in plan.faults]
        radio = self.mesh.terminals[plan.id]
        return Terminal(self.kernel, plan, radio, meters, seeded, self._rng(f"terminal {plan.id}"))

    def _supply(self, plan: Supply) -> SupplyUnit:
        outputs = [
            Output(channel, [self._load(name) for name in channel.feeds], self._rng(f"supply {plan.id} {i}"))
            for i, channel in enumerate(plan.channels)
        ]
        return SupplyUnit(plan, outputs)

    def _load(self, name: str) -> Load:
        if name in self.terminals:
            terminal = self.terminals[name]
            return ConstantCurrentLoad(terminal.plan.load_milliamps, terminal.power)
        plan = next(m for m in self.topology.smart_meters if m.id == name)
        mains = _Mains(self.mesh, name)
        return BackedUpLoad(self.kernel, plan.load_watts, plan.battery_minutes, mains.switch)

    def _power_the_rest(self) -> None:
        """Terminals on no supply have a cell of their own."""
        fed = {name for s in self.topology.supplies for channel in s.channels for name in channel.feeds}
        for name, terminal in self.terminals.items():
            if name not in fed:
                terminal.power(True)


class _Mains:
    """A smart meter's mains; the mesh starts with all of them on."""

    def __init__(self, mesh: Mesh, name: str) -> None:
        self._mesh, self._name = mesh, name
        self._on = True

    def switch(self, on: bool) -> None:
        if on != self._on:
            self._on = on
            self._mesh.mains(self._name, on)
