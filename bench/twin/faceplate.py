"""What a person or a cable can reach of a terminal: its key and lamp, and its maintenance console."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final

from bench.records import NS_PER_S
from bench.twin.kernel import Kernel
from bench.twin.network import JoinState
from bench.twin.terminal import Terminal
from bench.twin.topology import Network, octets

STATE_NAMES: Final = {
    JoinState.DISCONNECTED: "Disconnected",
    JoinState.SELECT_PAN: "Select PAN",
    JoinState.AUTHENTICATE: "Authenticate",
    JoinState.ACQUIRE_CONFIG: "Acquire PAN configuration",
    JoinState.CONFIGURE_ROUTING: "Configure routing",
    JoinState.OPERATIONAL: "Operational",
}
"""Names of the join states (devices.md 2.6)."""


class Panel:
    """Installation key and indicator; implements ``bench.ports.PanelModel``."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def press_key(self, duration_s: float) -> None:
        self._terminal.press_key(duration_s)

    def indicator(self) -> str:
        return self._terminal.indicator

    def subscribe(self, listener: Callable[[str], None]) -> None:
        self._terminal.on_indicator(listener)


class Console:
    """The node CLI's view of a terminal (devices.md 2.6); implements ``bench.ports.ConsoleModel``."""

    def __init__(self, kernel: Kernel, terminal: Terminal, network: Network) -> None:
        self._kernel, self._terminal, self._network = kernel, terminal, network
        self._listeners: list[Callable[[str], None]] = []
        self._was = JoinState.DISCONNECTED
        self._started_ns: int | None = None
        terminal.on_join_state(self._changed)

    def powered(self) -> bool:
        return self._terminal.powered

    def join(self) -> bool:
        idle = self._terminal.radio.join_state is JoinState.DISCONNECTED
        if not self._terminal.powered or not idle:
            return False
        self._terminal.start_installation()
        return True

    def disconnect(self) -> bool:
        return self._terminal.disconnect()

    def clear_credential_cache(self) -> None:
        self._terminal.radio.erase_keys()

    def reset(self) -> None:
        self._terminal.reboot()

    def get(self, setting: str) -> str | None:
        """The value as the CLI prints it: enumerations as ``text (number)``."""
        state = self._terminal.radio.join_state
        operational = state is JoinState.OPERATIONAL
        values = {
            "network_name": f'"{self._network.name}"',
            "regulatory_domain": "JP (2)",
            "chan_plan_id": "22",
            "phy_mode_id": "0x05",
            "network_size": "Test (5)" if self._terminal.plan.timers == "TEST" else "Small (1)",
            "join_state": f"{STATE_NAMES[state]} ({int(state)})",
            "mac": self._terminal.plan.eui64,
            "device_type": "FFN with no LFN support (0)",
            "ip_addresses": f"[{self.address}]" if operational else "[]",
        }
        return values.get(setting)

    @property
    def address(self) -> str:
        """The global address: prefix and the modified EUI-64 (RFC 4291, appendix A)."""
        eui64 = octets(self._terminal.plan.eui64)
        prefix = ipaddress.IPv6Network(self._network.prefix).network_address.packed[:8]
        return str(ipaddress.IPv6Address(prefix + bytes([eui64[0] ^ 2]) + eui64[1:]))

    def subscribe(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    def _changed(self, state: JoinState) -> None:
        was, self._was = self._was, state
        now_ns = self._kernel.now_ns
        if was is JoinState.DISCONNECTED:
            self._started_ns = now_ns
        if was is JoinState.OPERATIONAL and state is not JoinState.DISCONNECTED:
            self._started_ns = now_ns
            self._print(f'[Connection lost, connecting to "{self._network.name}"]')
        self._print(f"[Join state: {STATE_NAMES[state]} ({int(state)})]")
        if state is JoinState.OPERATIONAL:
            self._print(f"GLOBAL           : {self.address}")
            if self._started_ns is not None:
                self._print(f"[{(now_ns - self._started_ns) // NS_PER_S} s]")
        elif state is JoinState.DISCONNECTED and was is not JoinState.DISCONNECTED:
            self._print("[Disconnected]")

    def _print(self, line: str) -> None:
        for listener in self._listeners:
            listener(line)
