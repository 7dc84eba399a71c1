"""A bench for driver tests: impersonators on real ptys and TCP sockets in this process, and a clock that stands still.

The twin's transports are the twin's; these are the least that a device side needs: one thread that reads a wire, gives
the octets to the impersonator and writes back what it says.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import tty
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from labgrid import Target

from bench.drive.clock import Clock
from bench.drive.pump import Bus
from bench.ports import ByteImpersonator, ConsoleRefused, OutputModel, Port
from bench.records import Observation

T0_NS = 1_775_000_000_000_000_000


class Heard:
    """The device's end of a wire; what it says is kept."""

    name = "x"

    def __init__(self) -> None:
        self.out = b""

    def say(self, data: bytes) -> None:
        self.out += data

    def now_ns(self) -> int:
        return 0


class StillClock(Clock):
    """Rig time that tests set by hand; a step reads what is there."""

    def __init__(self) -> None:
        super().__init__(Bus())
        self.t_ns = T0_NS
        self.seen: list[Observation] = []
        self.bus.subscribe(self.seen.append)

    def now_ns(self) -> int:
        return self.t_ns

    def step(self, until_ns: int, wake: frozenset[str] = frozenset()) -> None:
        if not self.pump.release():
            self.pump.poll(2.0)
        self.t_ns = until_ns

    def kinds(self) -> list[str]:
        return [o.kind for o in self.seen]


class Device:
    """The device end of a wire: its impersonator is served by a thread until ``close``."""

    def __init__(self, make: Callable[[Port], ByteImpersonator], name: str = "dut", mute: bool = False) -> None:
        self.name = name
        self.mute = mute
        self.heard = b""
        self._peer = -1
        self._open = threading.Event()
        self._stop_read, self._stop_write = os.pipe()
        self.impersonator = make(self)

    def now_ns(self) -> int:
        return T0_NS

    def say(self, data: bytes) -> None:
        if self._peer >= 0 and not self.mute:
            os.write(self._peer, data)

    def _serve(self, fd: int) -> None:
        self._peer = fd
        while True:
            ready, _, _ = select.select([fd, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            try:
                data = os.read(fd, 4096)
            except OSError:
                return
            if not data:
                return
            self.heard += data
            if not self.mute:
                self.impersonator.on_bytes(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._stop_write, b"x")
        self._thread.join(5)
        for fd in (self._stop_read, self._stop_write):
            with contextlib.suppress(OSError):
                os.close(fd)

    _thread: threading.Thread


class PtyDevice(Device):
    """A device on a pseudo terminal; ``path`` is what a rig file would name."""

    def __init__(self, make: Callable[[Port], ByteImpersonator], name: str = "dut", mute: bool = False) -> None:
        super().__init__(make, name, mute)
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._peer = self._master
        self._thread = threading.Thread(target=self._serve, args=(self._master,), daemon=True)
        self._thread.start()

    def pull(self) -> None:
        """Pull the plug: the slave sees the end of the line."""
        self.close()
        for fd in (self._master, self._slave):
            with contextlib.suppress(OSError):
                os.close(fd)


class TcpDevice(Device):
    """A device on a TCP port, one connection after the other."""

    def __init__(self, make: Callable[[Port], ByteImpersonator], name: str = "dut", mute: bool = False) -> None:
        super().__init__(make, name, mute)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()[:2]
        self.connections = 0
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener.fileno(), self._stop_read], [], [])
            if self._stop_read in ready:
                return
            self._connection, _ = self._listener.accept()
            self.connections += 1
            self.impersonator.on_connect()
            with self._connection:
                self._serve(self._connection.fileno())
            self._peer = -1

    def hang_up(self) -> None:
        """Close the present connection."""
        assert self._connection is not None
        self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        if self._connection is not None:
            self._connection.close()
        self._listener.close()


def build(resource: Any, driver: Any, name: str, model: str = "", **where: Any) -> Any:
    """Resource and driver as labgrid builds them from an environment; the driver is active."""
    target = Target("main")
    resource(target, name=name, **where)
    made = driver(target, name=name, **({"model": model} if model else {}))
    target.activate(made)
    return made


class Silent:
    """A device that is there and says nothing."""

    def __init__(self, _port: Port) -> None: ...
    def on_bytes(self, data: bytes) -> None: ...
    def on_connect(self) -> None: ...


@attrs.define
class FakeOutput:
    """One supply channel with a resistive load."""

    ohms: float = 10.0
    set_volts: float = 0.0
    set_amps: float = 0.0
    on: bool = False
    switched: list[bool] = attrs.field(factory=list)

    def switch(self, on: bool) -> None:
        self.on = on
        self.switched.append(on)

    def volts(self) -> float:
        return min(self.set_volts, self.set_amps * self.ohms) if self.on else 0.0

    def amps(self) -> float:
        return self.volts() / self.ohms


@attrs.define
class FakeSupply:
    channels: Sequence[OutputModel]
    serial: str = "S123"


@attrs.define
class FakeMeter:
    serial: str = "SG-1"
    value: int = 7
    alarms: list[str] = attrs.field(factory=list)
    valve: str = "open"
    leak: bool = False
    listeners: list[Callable[[str], None]] = attrs.field(factory=list)
    taps: list[Callable[[int], None]] = attrs.field(factory=list)

    def valve_state(self) -> str:
        return self.valve

    def set_leak(self, leak: bool) -> None:
        self.leak = leak

    def on_valve(self, listener: Callable[[str], None]) -> None:
        self.listeners.append(listener)

    def on_told(self, listener: Callable[[int], None]) -> None:
        self.taps.append(listener)

    def tell(self) -> None:
        """The terminal reads."""
        for listener in self.taps:
            listener(self.value)

    def move(self, state: str) -> None:
        """The valve moves."""
        self.valve = state
        for listener in self.listeners:
            listener(state)

    def set_index(self, index: int) -> None:
        self.value = index

    def index(self) -> int:
        return self.value

    def raise_alarm(self, code: str) -> None:
        self.alarms.append(code)


class FakePanel:
    """The indicator blinks from a short press on; a long press puts it out."""

    def __init__(self) -> None:
        self.state = "off"
        self.presses: list[float] = []
        self.listeners: list[Callable[[str], None]] = []

    def press_key(self, duration_s: float) -> None:
        self.presses.append(duration_s)
        self.show("off" if duration_s >= 10 else "blinking")

    def show(self, state: str) -> None:
        if state != self.state:
            self.state = state
            for listener in self.listeners:
                listener(state)

    def indicator(self) -> str:
        return self.state

    def subscribe(self, listener: Callable[[str], None]) -> None:
        self.listeners.append(listener)


class FakeTerminal:
    """The model behind a console."""

    def __init__(self) -> None:
        self.power = True
        self.state = 0
        self.cleared = self.saves = 0
        self.settings: dict[str, str] = {}
        self.filtered: list[tuple[bool, str]] = []
        self.listeners: list[Callable[[str], None]] = []

    def powered(self) -> bool:
        return self.power

    def join(self) -> bool:
        if self.state:
            return False
        self.state = 1
        self.say('[Connecting to "standin"]')
        self.say("[Join state: Select PAN (1)]")
        return True

    def disconnect(self) -> bool:
        was, self.state = self.state, 0
        return was > 0

    def clear_credential_cache(self) -> None:
        self.cleared += 1

    def reset(self) -> None:
        self.state = 0

    def get(self, section: str) -> list[tuple[str, str]]:
        values = {"wisun.network_name": '"standin"', "wisun.join_state": f"State ({self.state})", **self.settings}
        return [(n, v) for n, v in values.items() if n == section or n.startswith(section + ".")]

    def set(self, name: str, value: str) -> None:
        if name != "wisun.tx_power":
            raise ConsoleRefused(f"no {name}")
        self.settings[name] = value

    def save(self) -> None:
        self.saves += 1

    def reset_statistics(self) -> None:
        self.saves = 0

    def filter_mac(self, allow: bool, mac: str) -> None:
        self.filtered.append((allow, mac))

    def ping(self, address: str) -> str:
        return f"PING {address}: 40 data bytes"

    def subscribe(self, listener: Callable[[str], None]) -> None:
        self.listeners.append(listener)

    def say(self, line: str) -> None:
        for listener in self.listeners:
            listener(line)
