"""Byte wires under the line drivers, and the channel that cuts lines. Which wire serves what: `devices.wires.opening`.

A wire that ended is opened once more under the name by which it was opened first (a by-id link, a host and port), and
what comes over it is cleaned before it is read: noise is no answer, and costs linear time and bounded memory.

labgrid's ``SerialDriver`` waits inside ``expect`` on its own clock; here the pump reads, so a wire is opened without
blocking and its octets are counted. A local port goes through pyserial (the fork that labgrid needs), a ``raw`` network
port through a plain socket.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import socket
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import serial

from bench.drive.pump import Channel, PortLost, Stamp
from bench.errors import BenchError, InputError
from bench.sockets import Deadline, keep_alive, pause, writable
from devices.wires.noise import strip_noise

CHUNK: Final = 1 << 16
CONNECT_S: Final = 5.0
LET_GO_S: Final = 5.0
"""How long another process may still hold a local port that is opened first: one that was just started holds all of its
parent's for a moment."""
LONGEST_LINE: Final = 4096
"""Octets of a line; no device of a bench says more before a line end, and noise does."""


class Wire(Protocol):
    """An open byte stream that never blocks."""

    def fileno(self) -> int: ...
    def read(self, size: int) -> bytes:
        """What is there, up to ``size`` octets; empty when nothing is. Raises ``PortLost`` at the end."""

    def write(self, data: bytes) -> None:
        """Send all of a short command. Raises ``BenchError`` when the port is gone."""

    @property
    def connecting(self) -> bool:
        """Whether the other end has yet to answer (``again`` waits for nobody)."""

    def finish_connecting(self) -> None:
        """Call when a connecting wire can be written to. Raises ``PortLost`` when nobody answered."""

    def again(self) -> Wire | None:
        """The same wire opened once more, without waiting; None while it is not there."""

    def flush_input(self) -> None: ...
    def close(self) -> None: ...


def check_serial_fork() -> None:
    """Stock pyserial silently replaces labgrid's fork (same import name) and costs 150 ms a time-out change.

    Raises ``InputError`` with the repair: the fork's version has four parts (labgrid.md 1).
    """
    if str(serial.VERSION).count(".") != 3:
        raise InputError(
            f"pyserial {serial.VERSION} has replaced pyserial-labgrid; "
            "expected the fork, repair with: pip install --force-reinstall --no-deps pyserial-labgrid"
        )


def _holders(path: str) -> str:
    """Who has a device open, as far as this user may see it: `` (COMMAND, process N)``; empty where nobody shows."""
    device, found = os.path.realpath(path), []
    for process in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        with contextlib.suppress(OSError):  # another user's, or gone meanwhile
            if any(_leads_to(fd, device) for fd in Path(f"/proc/{process}/fd").iterdir()):
                command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(f"{' '.join(command.split())[:60]}, process {process}")
    return f" ({'; '.join(found)})" if found else ""


def _leads_to(descriptor: Path, device: str) -> bool:
    try:
        return os.readlink(descriptor) == device
    except OSError:
        return False


class SerialWire:
    """A local serial port or pty, this bench's alone. One that another process holds is tried for ``patience_s``."""

    connecting = False

    def __init__(self, name: str, path: str, speed: int, patience_s: float = 0.0) -> None:
        self._name, self._path, self._speed = name, path, speed
        patience = Deadline(patience_s)
        while True:
            try:
                self._serial = serial.Serial(path, speed, timeout=0, exclusive=True)
                return
            except (serial.SerialException, OSError, ValueError) as error:
                number = getattr(error, "errno", None)
            if number != errno.EAGAIN:
                raise BenchError(f"{name}: {path}: {os.strerror(number) if number else 'cannot be opened'}")
            if patience.over:
                raise BenchError(f"{name}: {path}: another program has it open{_holders(path)}")
            pause(0.05)

    def fileno(self) -> int:
        return int(self._serial.fileno())

    def read(self, size: int) -> bytes:
        try:
            data = os.read(self.fileno(), size)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            raise PortLost("closed by the device")
        return data

    def write(self, data: bytes) -> None:
        # Not the library's: it waits with select, which ends at descriptor 1,023.
        deadline = Deadline(CONNECT_S)
        while data:
            try:
                data = data[os.write(self.fileno(), data) :]
            except BlockingIOError:
                if not writable(self.fileno(), deadline.left_s):
                    raise BenchError(f"{self._name}: takes no octets") from None
            except (serial.SerialException, OSError):
                raise BenchError(f"{self._name}: the port is gone") from None

    def finish_connecting(self) -> None:
        """A local port is there at once."""

    def again(self) -> SerialWire | None:
        # An adapter that comes back has another number; its by-id link leads there.
        try:
            return SerialWire(self._name, self._path, self._speed)
        except BenchError:
            return None

    def flush_input(self) -> None:
        with contextlib.suppress(termios.error, serial.SerialException, OSError):
            self._serial.reset_input_buffer()

    def close(self) -> None:
        self._serial.close()


class Peer:
    """Where a network port is: what its resource says, which changes when a labgrid exporter was started again."""

    def __init__(self, resource: Any) -> None:
        self._resource = resource
        self._known: tuple[tuple[str, int], tuple[int, Any]] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as the resource says them."""
        return self._resource.host, self._resource.port

    def now(self) -> tuple[int, Any] | None:
        """Address family and numeric address now; None where the port is not exported, or nobody knows its host."""
        self._resource.poll()
        if not self._resource.avail or self._resource.port is None:
            return None
        if self._known is None or self._known[0] != self.address:
            try:
                family, _, _, _, numeric = socket.getaddrinfo(*self.address, type=socket.SOCK_STREAM)[0]
            except OSError:
                return None
            self._known = (self.address, (family, numeric))
        return self._known[1]


class SocketWire:
    """A raw TCP port (a terminal server, a WSTK). ``connection`` is connected, or ``connecting``."""

    def __init__(self, name: str, connection: socket.socket, peer: Peer, connecting: bool = False) -> None:
        self._name, self._peer = name, peer
        self._socket = connection
        self.connecting = connecting
        connection.setblocking(False)

    @classmethod
    def open(cls, name: str, resource: Any) -> SocketWire:
        """Connect to a resource, and wait for the answer. ``BenchError`` when there is none."""
        peer = Peer(resource)
        return cls(name, connect(name, *peer.address), peer)

    def finish_connecting(self) -> None:
        finish_connecting(self._socket)
        self.connecting = False

    def again(self) -> SocketWire | None:
        connection = self._begin_again()
        return None if connection is None else SocketWire(self._name, connection, self._peer, connecting=True)

    def _begin_again(self) -> socket.socket | None:
        where = self._peer.now()
        return None if where is None else begin_connecting(*where)

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self, size: int) -> bytes:
        return receive(self._socket, size)

    def write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            raise BenchError(f"{self._name}: the port is gone") from None

    def flush_input(self) -> None:
        with contextlib.suppress(PortLost):
            while self.read(CHUNK):
                pass

    def close(self) -> None:
        self._socket.close()


def connect(name: str, host: str, port: int) -> socket.socket:
    """A TCP connection without Nagle's delay, that ends when its peer vanishes.

    Raises ``BenchError``, one line, when nobody answers."""
    try:
        connection = socket.create_connection((host, port), timeout=CONNECT_S)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "no answer"
        raise BenchError(f"{name}: {host}:{port}: {reason}") from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    keep_alive(connection)
    return connection


def begin_connecting(family: int, peer: Any) -> socket.socket:
    """A connection that is on its way; ``finish_connecting`` when it can be written to."""
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    keep_alive(connection)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.connect_ex(peer)
    return connection


def finish_connecting(connection: socket.socket) -> None:
    """Raises ``PortLost`` when nobody answered."""
    if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise PortLost("does not answer")


def receive(connection: socket.socket, size: int) -> bytes:
    """What a non-blocking socket has, empty when nothing; raises ``PortLost`` at its end."""
    try:
        data = connection.recv(size)
    except BlockingIOError:
        return b""
    except OSError:
        data = b""
    if not data:
        raise PortLost("closed by the device")
    return data


class LineChannel(Channel):
    """A wire cut into lines (LF, CR or CR LF), cleaned of noise. Counts octets; a host-stamped port.

    ``prompt`` (a node CLI's ``b"> "``) is recognised at the start of a line, where no line end follows it. A line of
    more than ``LONGEST_LINE`` octets is none: it is dropped, and ``on_noise`` gets its length. ``on_found`` is called
    when the wire is there again after it had ended.
    """

    def __init__(
        self,
        port: str,
        wire: Wire,
        on_line: Callable[[str], None],
        prompt: bytes = b"",
        on_prompt: Callable[[], None] = lambda: None,
        on_noise: Callable[[int], None] = lambda _octets: None,
        on_found: Callable[[Wire], None] = lambda _wire: None,
    ) -> None:
        super().__init__(port, Stamp.HOST)
        self.wire = wire
        self._on_line, self._prompt, self._on_prompt = on_line, prompt, on_prompt
        self._on_noise, self._on_found = on_noise, on_found
        self._partial: bytes = b""
        self._escape: bytes = b""
        self._dropped = 0

    def fileno(self) -> int:
        return self.wire.fileno()

    def read(self, limit: int) -> None:
        if self.connecting:
            self.wire.finish_connecting()
            self.connecting, self.settled = False, True
            self._on_found(self.wire)
            return
        data = self.wire.read(min(limit, CHUNK))
        self.count += len(data)
        text, self._escape = strip_noise(self._escape + data)
        *lines, partial = text.replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._end_line(line)
        self._go_on(partial)

    def write(self, data: bytes) -> None:
        """Octets to the device, counted: virtual time waits until the twin has read them (rule 3)."""
        self.wire.write(data)
        self.sent += len(data)

    def flush(self) -> None:
        self._forget()
        self.wire.flush_input()

    def close(self) -> None:
        self.wire.close()

    def reopened(self) -> LineChannel | None:
        wire = self.wire.again()
        if wire is None:
            return None
        again = copy.copy(self)
        again.wire = wire
        again._forget()
        again.connecting = wire.connecting
        again.settled = not wire.connecting
        if again.settled:
            wire.flush_input()
            self._on_found(wire)
        return again

    def _forget(self) -> None:
        """Nothing of a line is there yet."""
        self._partial = b""
        self._escape = b""
        self._dropped = 0

    def _end_line(self, octets: bytes) -> None:
        self._go_on(octets)
        line, self._partial = self._partial, b""
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._on_noise(dropped)
        elif text := line.decode("utf-8", "replace"):
            self._on_line(text)

    def _go_on(self, octets: bytes) -> None:
        """More of the line that is not at its end; the prompts that it begins with are taken."""
        if self._dropped or len(self._partial) + len(octets) > LONGEST_LINE:
            self._dropped += len(self._partial) + len(octets)
            self._partial = b""
            return
        self._partial += octets
        while self._prompt and self._partial.startswith(self._prompt):
            self._partial = self._partial[len(self._prompt) :]
            self._on_prompt()
