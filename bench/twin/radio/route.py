"""What terminals of the IoT route have alike, whatever method of ① to ④: supply, key store, join state, listeners."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from bench.records import NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.faults import NO_FAULTS, Hooks, Phase
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.timers import MAC
from bench.twin.radio.link import Link
from bench.twin.radio.store import Store
from bench.twin.terminal.network import JoinState


class RouteRadio(ABC):
    """The part of ``bench.twin.terminal.network.TerminalRadio`` that is alike; a method adds how it joins and sends."""

    _link: Link

    def __init__(self, kernel: Kernel, name: str, eui64: bytes) -> None:
        self.name, self.eui64 = name, eui64
        self.join_state = JoinState.DISCONNECTED
        self._agenda = Agenda(kernel)
        self._store = Store()
        self._faults = NO_FAULTS
        self._state_listeners: list[Callable[[JoinState], None]] = []
        self._data_listeners: list[Callable[[bytes], None]] = []
        self._powered = False

    @abstractmethod
    def _begin(self) -> None:
        """It has booted, and looks for a network."""

    @abstractmethod
    def _stop(self) -> None:
        """Forget what is under way, and all that is in RAM."""

    def seed(self, faults: Hooks) -> None:
        """Faults of this radio."""
        self._faults = self._link.faults = faults

    def power_on(self) -> None:
        if not self._powered:
            self._powered = True
            self._link.power(True)

    def power_off(self) -> None:
        self._powered = False
        self._stop()
        self._link.power(False)
        self._store.power_cut()
        self.join_state = JoinState.DISCONNECTED

    def start_join(self) -> None:
        if self._powered and self.join_state is JoinState.DISCONNECTED:
            self._agenda.after(MAC.boot_ns, self._begin)
            self._enter(JoinState.SELECT_PAN)

    def leave(self) -> None:
        if self.join_state is not JoinState.DISCONNECTED:
            self._stop()
            self._link.restart()
            self._enter(JoinState.DISCONNECTED)

    def erase_keys(self) -> None:
        self._store.forget()

    def on_join_state(self, listener: Callable[[JoinState], None]) -> None:
        self._state_listeners.append(listener)

    def on_datagram(self, listener: Callable[[bytes], None]) -> None:
        self._data_listeners.append(listener)

    def _enter(self, state: JoinState) -> None:
        self.join_state = state
        for listener in self._state_listeners:
            listener(state)

    def _linger(self, phase: Phase, then: Callable[[], None]) -> None:
        """Go on, unless a fault holds the phase."""
        delay_ns = round(self._faults.seconds("join_delay_s", phase) * NS_PER_S)
        if delay_ns:
            self._agenda.after(delay_ns, then)
        else:
            then()
