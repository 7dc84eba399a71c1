"""What a terminal's radio is for the application, whatever node of the mesh (`terminal.network.TerminalRadio`)."""

from __future__ import annotations

from collections.abc import Callable

from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.twin.core.kernel import Kernel
from bench.twin.mesh.medium import Medium
from bench.twin.mesh.plan import MeshPlan, NodePlan
from bench.twin.mesh.station import Station
from bench.twin.terminal.network import JoinState
from bench.twin.terminal.standin import UDP_PORT


class Leaf(Station):
    """A wireless terminal's radio. Subclasses join."""

    def __init__(self, kernel: Kernel, medium: Medium, plan: MeshPlan, node: NodePlan, epoch_ns: int) -> None:
        self._state_listeners: list[Callable[[JoinState], None]] = []
        self._data_listeners: list[Callable[[bytes], None]] = []
        self.join_state = JoinState.DISCONNECTED
        super().__init__(kernel, medium, plan, node, epoch_ns)

    def begin(self) -> None:
        """Begin to join."""
        raise NotImplementedError

    def halt(self) -> None:
        """Stop without a word."""
        raise NotImplementedError

    def head_end(self) -> bytes | None:
        """The address of the border router; None without a parent."""
        raise NotImplementedError

    def power_on(self) -> None:
        self.power(True)

    def power_off(self) -> None:
        self.power(False)
        self.join_state = JoinState.DISCONNECTED

    def start_join(self) -> None:
        if self.powered and self.join_state is JoinState.DISCONNECTED:
            self.begin()

    def leave(self) -> None:
        if self.join_state is not JoinState.DISCONNECTED:
            self.halt()
            self.on_state(JoinState.DISCONNECTED)

    def erase_keys(self) -> None:
        self.flash.forget_keys()

    def send(self, payload: bytes) -> bool:
        head_end = self.head_end()
        if self.join_state is not JoinState.OPERATIONAL or head_end is None:
            return False
        self.send_udp(head_end, UDP_PORT, payload)
        return True

    def on_join_state(self, listener: Callable[[JoinState], None]) -> None:
        self._state_listeners.append(listener)

    def on_datagram(self, listener: Callable[[bytes], None]) -> None:
        self._data_listeners.append(listener)

    def on_state(self, state: JoinState) -> None:
        """The join state changed."""
        self.join_state = state
        for listener in self._state_listeners:
            listener(state)

    def on_ip(self, packet: Packet, neighbour: bytes) -> None:
        super().on_ip(packet, neighbour)
        if isinstance(packet.upper, Udp) and packet.upper.dst_port == UDP_PORT:
            for listener in self._data_listeners:
                listener(packet.upper.payload)
