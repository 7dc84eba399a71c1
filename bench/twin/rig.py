"""The virtual rig without its wires: kernel, mesh, terminals, meters, supplies, head end and server, built from a file.

Everything random has a generator of its own, derived from the seed and a name, so adding a draw in one place moves
nothing elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

from bench.ports import MeterModel, PanelModel
from bench.twin.core.kernel import Call, Kernel
from bench.twin.faults import Context, Hooks, Seeded
from bench.twin.methods import NodeKind, RadioMethod
from bench.twin.seeding import actions_of, seeded_faults
from bench.twin.terminal.faceplate import Console, Panel
from bench.twin.terminal.meter import Meter
from bench.twin.terminal.network import HeadEndRadio, TerminalRadio
from bench.twin.terminal.terminal import Terminal
from bench.twin.topology import (
    CONCENTRATOR,
    LAB,
    SERVER,
    BorderRouter,
    SmartMeter,
    Supply,
    Topology,
    canonical,
    octets,
)
from bench.twin.topology import Terminal as TerminalPlan
from bench.twin.utility.backend import Backend
from bench.twin.utility.headend import HeadEnd
from bench.twin.utility.power import BackedUpLoad, ConstantCurrentLoad, Load, Output, SupplyUnit
from bench.twin.utility.server_model import ConnectionServer

MESH: Final = "mesh"
"""All smart meters, as a load."""
CaptureSink = Callable[[str, int, int, bytes, int, int], None]
"""``sink(sniffer, start_ns, end_ns, psdu_without_fcs, rssi_dbm, channel)``."""


class Mesh(Protocol):
    """What the rig needs of a mesh."""

    @property
    def terminals(self) -> Mapping[str, TerminalRadio]: ...
    @property
    def head_end(self) -> HeadEndRadio: ...
    def mains(self, node_name: str, on: bool) -> None: ...
    def seed(self, node_name: str, faults: Hooks) -> None:
        """Faults of a node's radio and supply."""


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
        self.context = Context(lambda: self.kernel.now_ns, self.kernel.after)
        self.faults: list[Seeded] = seeded_faults(topology, self.context, self._rng)
        self.mesh = build_mesh(self.kernel, topology, self._rng("mesh"), sink)
        self.meters: dict[str, Meter] = {}
        self.terminals = {t.id: self._terminal(t) for t in topology.terminals}
        self.panels = {name: Panel(t) for name, t in self.terminals.items()}
        heard = {m.id: m.eui64 for m in topology.smart_meters} | {t.id: t.eui64 for t in topology.terminals}
        heard[topology.border_router.id] = topology.border_router.eui64
        self.consoles = {
            name: Console(self.kernel, t, topology.network, heard[t.plan.parent]) for name, t in self.terminals.items()
        }
        delay_ns = topology.server.head_end_delay_ms * 1_000_000
        names = {octets(t.eui64): t.id for t in topology.terminals}
        self.head_end = HeadEnd(self.kernel, self.mesh.head_end, delay_ns, names, self.hooks(CONCENTRATOR))
        self.server = ConnectionServer(
            self.kernel, topology.server, topology.terminals, self.head_end, self.hooks(SERVER)
        )
        self.backend = Backend(self.kernel, topology, self.server, self.hooks(SERVER))
        self.supplies = {s.id: self._supply(s) for s in topology.supplies}
        self._seed_faults()
        self._power_the_rest()

    def hooks(self, subject: str) -> Hooks:
        """The faults of one subject."""
        return Hooks([one for one in self.faults if one.subject == subject])

    def mains(self, node: str, on: bool) -> None:
        """Switch a smart meter now, whatever its supply does."""
        self.mesh.mains(node, on)

    def _seed_faults(self) -> None:
        """Faults meet what they sit at: radios are told theirs, every fault may act, and those that plan do so."""
        for node in self.topology.node_ids:
            hooks = self.hooks(canonical(self.topology, node))
            if hooks.seeded:
                self.mesh.seed(node, hooks)
        for one in self.faults:
            one.actions = actions_of(self, one)
        for one in self.faults:
            Hooks([one]).tell("twin_started")

    def _rng(self, name: str) -> random.Random:
        return generator(self.topology.seed, name)

    def _terminal(self, plan: TerminalPlan) -> Terminal:
        names = {f"{plan.id}.{m.id}": m for m in plan.meters}
        meters = {
            name: Meter(self.kernel, name, m.serial, m.index, self.hooks(name), m.valve) for name, m in names.items()
        }
        self.meters.update(meters)
        radio = self.mesh.terminals[plan.id]
        if plan.radio is not RadioMethod.FAN11 or plan.node is NodeKind.LFN:  # these radios sleep themselves
            plan = plan.model_copy(update={"listen_interval_s": 0.0})
        rng = self._rng(f"terminal {plan.id}")
        terminal = Terminal(self.kernel, plan, radio, meters, rng, self.hooks(plan.id))
        terminal.flash.installed = plan.installed
        return terminal

    def _supply(self, plan: Supply) -> SupplyUnit:
        outputs = [
            Output(channel, [self.load(name) for name in channel.feeds], self._rng(f"supply {plan.id} {i}"))
            for i, channel in enumerate(plan.channels)
        ]
        return SupplyUnit(plan, outputs)

    def load(self, name: str) -> Load:
        """What a supply, or a breaker, feeds: a terminal, a smart meter or the concentrator."""
        if name in self.terminals:
            terminal = self.terminals[name]
            return ConstantCurrentLoad(terminal.plan.load_milliamps, terminal.power)
        backed: tuple[BorderRouter | SmartMeter, ...] = (self.topology.border_router, *self.topology.smart_meters)
        plan = next(one for one in backed if one.id == name)
        hooks = self.hooks(canonical(self.topology, name))

        def hold_s() -> float:
            return max(0.0, float(hooks.changed("battery_s", 60.0 * plan.battery_minutes, kind=float)))

        return BackedUpLoad(self.kernel, plan.load_watts, hold_s, _Mains(self, name).switch)

    def _power_the_rest(self) -> None:
        """Terminals on no supply have a cell of their own."""
        fed = {name for s in self.topology.supplies for channel in s.channels for name in channel.feeds}
        for name, terminal in self.terminals.items():
            if name not in fed:
                terminal.power(True)


class Laboratory:
    """The rig as somebody sees it who walks about in it; implements ``bench.ports.LabModel``."""

    def __init__(self, rig: Rig) -> None:
        self.seed = rig.topology.seed
        self.panels: Mapping[str, PanelModel] = rig.panels
        self.meters: Mapping[str, MeterModel] = rig.meters
        self._rig = rig
        self._mesh = [_Mains(rig, meter.id) for meter in rig.topology.smart_meters]
        self._fed = {
            MESH: [rig.load(meter.id) for meter in rig.topology.smart_meters],
            CONCENTRATOR: [rig.load(rig.topology.border_router.id)],
        }

    def switch(self, load: str, on: bool) -> None:
        if load == MESH:
            for mains in self._mesh:
                mains.switch(on)
        else:
            self._rig.terminals[load].power(on)

    def breaker(self, fed: str, on: bool) -> None:
        for load in self._fed[fed]:
            load.feed(on)

    def after(self, delay_ns: int, call: Callable[[], None]) -> None:
        self._rig.kernel.after(delay_ns, call)

    def read_on_site(self, meter: str) -> int | None:
        return self._rig.terminals[meter.partition(".")[0]].read_on_site(meter)

    def request(self, terminal: str, body: Mapping[str, Any]) -> str:
        return str(self._rig.server.request(terminal, body)["request"])


def standing_models(rig: Rig) -> dict[str, object]:
    """What a further device of the topology may stand at, by the name there."""
    return {**rig.panels, **rig.meters, LAB: Laboratory(rig)}


class _Mains:
    """Mains of a smart meter or of the concentrator, behind its battery; the mesh starts with all of them on."""

    def __init__(self, rig: Rig, name: str) -> None:
        self._rig, self._name = rig, name
        self._on = True
        self._edges: list[Call] = []

    def switch(self, on: bool) -> None:
        if on == self._on:
            return
        self._on = on
        for call in self._edges:
            call.cancel()
        self._edges = []
        for delay_ns, edge in self._rig.hooks(self._name).several("supply_edge", on, kind=bool):
            act = partial(self._rig.mesh.mains, self._name, edge)
            if delay_ns:
                self._edges.append(self._rig.kernel.after(delay_ns, act))
            else:
                act()
