"""What a person or a cable can reach of a terminal: its key and lamp, and its maintenance console."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final

from bench.ports import ConsoleRefused
from bench.records import NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.pan import Network
from bench.twin.terminal.console_settings import SettingRefused, settings_of
from bench.twin.terminal.network import JoinState
from bench.twin.terminal.terminal import Terminal
from bench.twin.topology import octets

STATE_NAMES: Final = {
    JoinState.DISCONNECTED: "Disconnected",
    JoinState.SELECT_PAN: "Select PAN",
    JoinState.AUTHENTICATE: "Authenticate",
    JoinState.ACQUIRE_CONFIG: "Acquire PAN configuration",
    JoinState.CONFIGURE_ROUTING: "Configure routing",
    JoinState.OPERATIONAL: "Operational",
}
"""Names of the join states (devices.md 2.6)."""

UNCOUNTED: Final = ("phy.frames", "mac.frames", "fhss.slots", "regulation.airtime_ms")
"""Groups of statistics that the stand-in terminal has no figures for."""
PINGS: Final = 4
PING_OCTETS: Final = 40
PING_INTERVAL_NS: Final = NS_PER_S
"""Echo requests of one ping, their data and their distance: stand-ins, the CLI's own are options of its build."""
_MAC: Final = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){7}")


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
    """The node CLI's view of a terminal (devices.md 2.6); implements ``bench.ports.ConsoleModel``.

    ``neighbour``: EUI-64 of the one node that it hears. The mesh carries no ICMP echo, so a ping reaches the terminal
    itself and nobody else.
    """

    def __init__(self, kernel: Kernel, terminal: Terminal, network: Network, neighbour: str) -> None:
        self._kernel, self._terminal, self._network, self._neighbour = kernel, terminal, network, neighbour
        self._settings = settings_of(terminal.plan, network)
        self._saved = dict(self._settings.first)
        self._listeners: list[Callable[[str], None]] = []
        self._boot = -1
        self._wake()
        terminal.on_join_state(self._changed)

    def _wake(self) -> None:
        """After a boot RAM is as flash has it."""
        if self._boot == self._terminal.boots:
            return
        self._boot = self._terminal.boots
        self._values = dict(self._saved)
        self._denied: set[str] = set()
        self._allowed: set[str] = set()
        self._was = JoinState.DISCONNECTED
        self._started_ns: int | None = None
        self._pinging = False
        self.reset_statistics()

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

    # Settings

    def get(self, section: str) -> list[tuple[str, str]]:
        """Names and values; enumerations as ``text (number)``."""
        self._wake()
        listed = {**self._values, **self._readings(), **self._statistics()}
        prefix = section + "."
        return [(name, value) for name, value in listed.items() if name == section or name.startswith(prefix)]

    def _readings(self) -> dict[str, str]:
        state = self._terminal.radio.join_state
        operational = state is JoinState.OPERATIONAL
        return {
            "wisun.ip_addresses": f"[{self.address}]" if operational else "[]",
            "wisun.border_router": "not known to this stand-in's console",
            "wisun.parents": f"[{self._neighbour}]" if operational else "[]",
            "wisun.neighbors": f"[{self._neighbour}]" if operational else "[]",
            "wisun.join_state": f"{STATE_NAMES[state]} ({int(state)})",
            "wisun.mac": self._terminal.plan.eui64,
        }

    def _statistics(self) -> dict[str, str]:
        counted = {f"statistics.{name}": str(count) for name, count in self._counts.items()}
        return {**counted, **{f"statistics.{group}": "0 (not counted by this stand-in)" for group in UNCOUNTED}}

    def set(self, name: str, value: str) -> None:
        """Keep a setting until the next boot. Raises ``ConsoleRefused``."""
        self._wake()
        try:
            self._values[name] = self._settings.parse(name, value)
        except SettingRefused as refused:
            raise ConsoleRefused(str(refused)) from None

    def save(self) -> None:
        self._wake()
        self._saved = dict(self._values)

    def reset_statistics(self) -> None:
        self._counts = {
            "wisun.pan_selections": 0,
            "wisun.authentications": 0,
            "network.connections": 0,
            "network.connection_losses": 0,
            "network.pings_sent": 0,
            "network.pings_received": 0,
        }

    def filter_mac(self, allow: bool, mac: str) -> None:
        """Allow or deny an address. Only one node is heard; the stand-in radio cannot be made deaf to it."""
        self._wake()
        if not _MAC.fullmatch(mac):
            raise ConsoleRefused(f"{mac} is no MAC address; expected eight octets such as {self._neighbour}")
        mac = mac.lower()
        allowed = self._allowed | {mac} if allow else self._allowed - {mac}
        denied = self._denied - {mac} if allow else self._denied | {mac}
        if self._neighbour in denied or (allowed and self._neighbour not in allowed):
            raise ConsoleRefused("this stand-in terminal cannot shut out the only node that it hears")
        self._allowed, self._denied = allowed, denied

    # Ping

    def ping(self, address: str) -> str:
        """Start a ping of four; the rest comes line by line."""
        self._wake()
        try:
            target = str(ipaddress.IPv6Address(address.partition("%")[0]))
        except ValueError:
            raise ConsoleRefused(f"{address} is no IPv6 address") from None
        if self._pinging:
            raise ConsoleRefused("a ping is running")
        self._pinging = True
        self._ping_in(0, target, 1, 0)
        return f"PING {target}: {PING_OCTETS} data bytes"

    def _ping_in(self, delay_ns: int, target: str, number: int, received: int) -> None:
        boot = self._terminal.boots

        def act() -> None:
            if self._terminal.boots == boot:
                self._ping(target, number, received)

        self._kernel.after(delay_ns, act)

    def _ping(self, target: str, number: int, received: int) -> None:
        """One echo request: the terminal itself answers at once, anybody else is waited for in vain."""
        if number > PINGS:
            lost = PINGS - received
            self._print(f"Packets: Sent = {PINGS}, Received = {received}, Lost = {lost}, ({100 * lost // PINGS}% loss)")
            self._print("Minimum = 0 ms, Maximum = 0 ms, Average = 0 ms")
            self._pinging = False
            return
        self._counts["network.pings_sent"] += 1
        if target == self.address and self._terminal.radio.join_state is JoinState.OPERATIONAL:
            self._counts["network.pings_received"] += 1
            self._print(f"[{PING_OCTETS} bytes from {target}: seq={number} time=0 ms]")
            received += 1
        else:
            self._print("[Destination is unreachable]")
        self._ping_in(PING_INTERVAL_NS, target, number + 1, received)

    # Unsolicited lines

    @property
    def address(self) -> str:
        """The global address: prefix and the modified EUI-64 (RFC 4291, appendix A)."""
        eui64 = octets(self._terminal.plan.eui64)
        prefix = ipaddress.IPv6Network(self._network.prefix).network_address.packed[:8]
        return str(ipaddress.IPv6Address(prefix + bytes([eui64[0] ^ 2]) + eui64[1:]))

    def subscribe(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    def _changed(self, state: JoinState) -> None:
        self._wake()
        was, self._was = self._was, state
        now_ns = self._kernel.now_ns
        network = self._values["wisun.network_name"]
        if was is JoinState.DISCONNECTED and state is not JoinState.DISCONNECTED:
            self._started_ns = now_ns
            self._print(f"[Connecting to {network}]")
        if was is JoinState.OPERATIONAL and state is not JoinState.DISCONNECTED:
            self._started_ns = now_ns
            self._counts["network.connection_losses"] += 1
            self._print(f"[Connection lost, connecting to {network}]")
        self._count(state)
        self._print(f"[Join state: {STATE_NAMES[state]} ({int(state)})]")
        if state is JoinState.OPERATIONAL:
            self._print(f"GLOBAL           : {self.address}")
            if self._started_ns is not None:
                self._print(f"[{(now_ns - self._started_ns) // NS_PER_S} s]")
        elif state is JoinState.DISCONNECTED and was is not JoinState.DISCONNECTED:
            self._print("[Disconnected]")

    def _count(self, state: JoinState) -> None:
        counter = {
            JoinState.SELECT_PAN: "wisun.pan_selections",
            JoinState.AUTHENTICATE: "wisun.authentications",
            JoinState.OPERATIONAL: "network.connections",
        }.get(state)
        if counter is not None:
            self._counts[counter] += 1

    def _print(self, line: str) -> None:
        for listener in self._listeners:
            listener(line)
