"""A mesh without radio, for tests of the application: joins after a fixed time, delivers after a fixed delay.

It keeps the promises of ``bench.twin.terminal.network`` (darkness is instant, RAM is lost, flash kept) and sends no
frames, so the sniffers stay silent. Never part of a judged run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from bench.records import NS_PER_S
from bench.twin.core.kernel import Call, Kernel
from bench.twin.faults import NO_FAULTS, Hooks, Phase
from bench.twin.terminal.network import HeadEndRadio, JoinState, TerminalRadio
from bench.twin.topology import Topology, octets

CaptureSink = Callable[[str, int, int, bytes, int, int], None]


class InstantTerminal:
    """A terminal's radio: a second per join state."""

    def __init__(self, mesh: InstantMesh, name: str, eui64: bytes) -> None:
        self.name, self.eui64 = name, eui64
        self.join_state = JoinState.DISCONNECTED
        self.powered = False
        self.has_keys = False
        self.faults = NO_FAULTS
        self._mesh = mesh
        self._listeners: list[Callable[[JoinState], None]] = []
        self._datagrams: list[Callable[[bytes], None]] = []
        self._step: Call | None = None

    def power_on(self) -> None:
        self.powered = True

    def power_off(self) -> None:
        self.powered = False
        self._cancel()
        self.join_state = JoinState.DISCONNECTED

    def start_join(self) -> None:
        if self.powered and self.join_state is JoinState.DISCONNECTED:
            self._become(JoinState.SELECT_PAN)

    def leave(self) -> None:
        self._cancel()
        if self.join_state is not JoinState.DISCONNECTED:
            self._become(JoinState.DISCONNECTED)

    def erase_keys(self) -> None:
        self.has_keys = False

    def send(self, payload: bytes) -> bool:
        if self.join_state is not JoinState.OPERATIONAL:
            return False
        self._mesh.carry(self, lambda: self._mesh.end.deliver(self.eui64, payload))
        return True

    def on_join_state(self, listener: Callable[[JoinState], None]) -> None:
        self._listeners.append(listener)

    def on_datagram(self, listener: Callable[[bytes], None]) -> None:
        self._datagrams.append(listener)

    def deliver(self, payload: bytes) -> None:
        for listener in self._datagrams:
            listener(payload)

    def lose_parent(self) -> None:
        """The path went: back to searching."""
        if self.join_state is JoinState.OPERATIONAL:
            self._become(JoinState.SELECT_PAN)

    def _become(self, state: JoinState) -> None:
        self._cancel()
        self.join_state = state
        if state is not JoinState.DISCONNECTED and state is not JoinState.OPERATIONAL:
            self._step = self._mesh.kernel.after(NS_PER_S + self._lingers_ns(state), self._next)
        for listener in self._listeners:
            listener(state)

    def _lingers_ns(self, state: JoinState) -> int:
        return round(self.faults.seconds("join_delay_s", tuple(Phase)[state - 1]) * NS_PER_S)

    def _next(self) -> None:
        if self.join_state is JoinState.SELECT_PAN and not self._mesh.path_up(self.name):
            self._step = self._mesh.kernel.after(10 * NS_PER_S, self._next)
            return
        self.has_keys = True
        self._become(JoinState(self.join_state + 1))

    def _cancel(self) -> None:
        if self._step is not None:
            self._step.cancel()


class InstantHeadEnd:
    """The mesh seen from the head end."""

    def __init__(self, mesh: InstantMesh) -> None:
        self._mesh = mesh
        self._datagrams: list[Callable[[bytes, bytes], None]] = []

    def send(self, eui64: bytes, payload: bytes) -> bool:
        for terminal in self._mesh.radios.values():
            if terminal.eui64 == eui64 and terminal.join_state is JoinState.OPERATIONAL:
                self._mesh.carry(terminal, lambda t=terminal: t.deliver(payload))  # type: ignore[misc]
                return True
        return False

    def on_datagram(self, listener: Callable[[bytes, bytes], None]) -> None:
        self._datagrams.append(listener)

    def on_registered(self, listener: Callable[[bytes], None]) -> None:
        """DAOs do not exist here."""

    def deliver(self, eui64: bytes, payload: bytes) -> None:
        for listener in self._datagrams:
            listener(eui64, payload)


class InstantMesh:
    """Terminals and head end joined by a delay of 50 ms; a path is up while all meters of the topology have mains."""

    def __init__(self, kernel: Kernel, topology: Topology) -> None:
        self.kernel = kernel
        self.delay_ns = 50_000_000
        self.radios = {t.id: InstantTerminal(self, t.id, octets(t.eui64)) for t in topology.terminals}
        self.terminals: Mapping[str, TerminalRadio] = self.radios
        self.end = InstantHeadEnd(self)
        self.head_end: HeadEndRadio = self.end
        self.dark: set[str] = set()
        self.notice_ns = 60 * NS_PER_S
        self.carried = 0

    def path_up(self, _terminal: str) -> bool:
        return not self.dark

    def mains(self, node: str, on: bool) -> None:
        """Switch a smart meter; terminals notice a lost path after a minute."""
        (self.dark.discard if on else self.dark.add)(node)
        if not on:
            self.kernel.after(self.notice_ns, self._notice)

    def seed(self, node: str, faults: Hooks) -> None:
        """Here only a terminal's phases of joining can linger: there are no frames."""
        if node in self.radios:
            self.radios[node].faults = faults

    def carry(self, radio: InstantTerminal, arrive: Callable[[], None]) -> None:
        """Call ``arrive`` after the delay if the path holds until then."""

        def land() -> None:
            if self.path_up(radio.name) and radio.powered:
                self.carried += 1
                arrive()

        self.kernel.after(self.delay_ns, land)

    def _notice(self) -> None:
        if self.dark:
            for radio in self.radios.values():
                radio.lose_parent()


def build(kernel: Kernel, topology: Topology, rng: random.Random, capture_sink: CaptureSink) -> InstantMesh:
    """The mesh factory's signature; ``rng`` and ``capture_sink`` go unused."""
    return InstantMesh(kernel, topology)
