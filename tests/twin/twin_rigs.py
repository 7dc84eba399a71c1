"""Rigs on the instant mesh, run in the test's own process: for tests of the application without radio or wires."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S
from bench.twin.core import instant
from bench.twin.rig import Rig
from bench.twin.topology import Topology, load, with_faults
from tests.places import DEFAULT_TOPOLOGY as DEFAULT


def topology(faults: Mapping[str, tuple[Any, ...]] | None = None, **terminal: Any) -> Topology:
    """The default topology without its reference terminal; ``terminal`` replaces fields of every terminal."""
    plain = load(DEFAULT)
    changed = tuple(t.model_copy(update=terminal) for t in plain.terminals if not t.installed)
    return with_faults(plain.model_copy(update={"terminals": changed}), faults or {})


class Bench:
    """A rig and the hand that drives it. ``events`` is all that the server ever logged; times in seconds."""

    def __init__(self, plan: Topology | None = None) -> None:
        self.plan = plan or topology()
        self.rig = Rig(self.plan, self.plan.epoch_ns, instant.build, lambda *_: None)
        self.kernel = self.rig.kernel
        self.events: list[dict[str, Any]] = []
        self.rig.server.subscribe(self.events.append)
        self.lamps: list[tuple[float, str, str]] = []
        for name, terminal in self.rig.terminals.items():
            terminal.on_indicator(partial(self._lamp, name))

    def _lamp(self, name: str, state: str) -> None:
        self.lamps.append((self.now_s, name, state))

    @property
    def now_s(self) -> float:
        return (self.kernel.now_ns - self.plan.epoch_ns) / NS_PER_S

    @property
    def mesh(self) -> instant.InstantMesh:
        assert isinstance(self.rig.mesh, instant.InstantMesh)
        return self.rig.mesh

    def run(self, seconds: float) -> None:
        self.run_to(self.kernel.now_ns + round(seconds * NS_PER_S))

    def run_to(self, until_ns: int) -> None:
        while (upcoming := self.kernel.peek_ns()) is not None and upcoming <= until_ns:
            self.kernel.step()
        self.kernel.set_now(until_ns)

    def install(self) -> None:
        """Feed all terminals and press their keys; returns when they are communicable."""
        for output in self.rig.supplies["dc"].channels:
            output.switch(True)
        for panel in self.rig.panels.values():
            panel.press_key(1.0)
        self.run(30)
        assert [p.indicator() for p in self.rig.panels.values()] == ["on", "on"]

    def meters_on(self) -> None:
        """Every register moves by another amount each hour, half past."""

        def tick() -> None:
            hour = self.kernel.now_ns // NS_PER_HOUR
            for i, meter in enumerate(self.rig.meters.values()):
                meter.set_index(meter.index() + 1 + i + hour % 24)
            self.kernel.after(NS_PER_HOUR, tick)

        self.kernel.after(NS_PER_HOUR // 2 - self.kernel.now_ns % NS_PER_HOUR, tick)

    def mains(self, on: bool) -> None:
        self.rig.supplies["ac"].channels[0].switch(on)

    def outage(self) -> None:
        """Mains off, until the smart meters' batteries are empty too."""
        self.mains(False)
        self.run(60 * max(meter.battery_minutes for meter in self.plan.smart_meters) + 1)

    def of(self, kind: str, terminal: str = "t1") -> list[dict[str, Any]]:
        return [e for e in self.events if e["kind"] == kind and e["terminal"] == terminal]

    def delivered(self, meter: str) -> list[tuple[int, int]]:
        """Every (mark_ns, index) of a meter that the server got, in order of arrival."""
        found = [m for e in self.events if e["kind"] == "upload" for m in e["meters"] if m["meter"] == meter]
        return [(v["mark_ns"], v["index"]) for m in found for v in m["values"]]


def days(count: float) -> float:
    """Seconds of so many days."""
    return count * NS_PER_DAY / NS_PER_S
