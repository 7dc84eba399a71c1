"""Byte wires under the line drivers: labgrid's serial resources opened for the pump, and the channel that cuts lines.

labgrid's ``SerialDriver`` waits inside ``expect`` on its own clock; here the pump reads, so the wire is opened without
blocking and its octets are counted. A local port goes through pyserial (the fork that labgrid needs), a ``raw``
network port through a plain socket; RFC 2217 needs a reader thread and is refused.
"""

from __future__ import annotations

import contextlib
import os
import socket
import termios
from collections.abc import Callable
from typing import Any, Final, Protocol

import serial

from bench.errors import BenchError, InputError
from bench.pump import Channel, PortLost, Stamp
from bench.sockets import keep_alive

CHUNK: Final = 1 << 16
CONNECT_S: Final = 5.0


class Wire(Protocol):
    """An open byte stream that never blocks."""

    def fileno(self) -> int: ...
    def read(self, size: int) -> bytes:
        """What is there, up to ``size`` octets; empty when nothing is. Raises ``PortLost`` at the end."""

    def write(self, data: bytes) -> None:
        """Send all of a short command. Raises ``BenchError`` when the port is gone."""

    def flush_input(self) -> None: ...
    def close(self) -> None: ...


def check_serial_fork() -> None:
    """Stock pyserial silently replaces labgrid's fork (same import name) and costs 150 ms a time-out change.

    Raises ``InputError`` with the repair: the fork's version has four parts (labgrid.md section 1).
    """
    if str(serial.VERSION).count(".") != 3:
        raise InputError(
            f"pyserial {serial.VERSION} has replaced pyserial-labgrid; "
            "expected the fork, repair with: pip install --force-reinstall --no-deps pyserial-labgrid"
        )


class SerialWire:
    """A local serial port or pty."""

    def __init__(self, name: str, path: str, speed: int) -> None:
        self._name = name
        try:
            self._serial = serial.Serial(path, speed, timeout=0, exclusive=True)
        except (serial.SerialException, OSError, ValueError) as error:
            number = getattr(error, "errno", None)
            raise BenchError(f"{name}: {path}: {os.strerror(number) if number else 'cannot be opened'}") from None

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
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError):
            raise BenchError(f"{self._name}: the port is gone") from None

    def flush_input(self) -> None:
        with contextlib.suppress(termios.error, serial.SerialException, OSError):
            self._serial.reset_input_buffer()

    def close(self) -> None:
        self._serial.close()


class SocketWire:
    """A raw TCP port (a terminal server, a WSTK)."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self._name = name
        self._socket = connect(name, host, port)
        self._socket.setblocking(False)

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


def open_wire(name: str, resource: Any) -> Wire:
    """Open a labgrid ``RawSerialPort`` or ``NetworkSerialPort`` (protocol ``raw``) under the port's name."""
    protocol = getattr(resource, "protocol", None)
    if protocol is None:
        return SerialWire(name, resource.port, resource.speed)
    if protocol != "raw":
        raise InputError(f"{name}: protocol {protocol!r} of a NetworkSerialPort is not supported; expected 'raw'")
    return SocketWire(name, resource.host, resource.port)


class LineChannel(Channel):
    """A wire cut into lines (LF or CR LF). Counts octets; a host-stamped port.

    ``prompt`` (a node CLI's ``b"> "``) is recognised at the start of a line, where no line end follows it.
    """

    def __init__(
        self,
        port: str,
        wire: Wire,
        on_line: Callable[[str], None],
        prompt: bytes = b"",
        on_prompt: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(port, Stamp.HOST)
        self.wire = wire
        self._on_line, self._prompt, self._on_prompt = on_line, prompt, on_prompt
        self._buffer = b""

    def fileno(self) -> int:
        return self.wire.fileno()

    def read(self, limit: int) -> None:
        data = self.wire.read(min(limit, CHUNK))
        self.count += len(data)
        self._buffer += data
        while self._take_prompt() or self._take_line():
            pass

    def flush(self) -> None:
        self._buffer = b""
        self.wire.flush_input()

    def close(self) -> None:
        self.wire.close()

    def _take_prompt(self) -> bool:
        if not self._prompt or not self._buffer.startswith(self._prompt):
            return False
        self._buffer = self._buffer[len(self._prompt) :]
        self._on_prompt()
        return True

    def _take_line(self) -> bool:
        line, end, rest = self._buffer.partition(b"\n")
        if not end:
            return False
        self._buffer = rest
        text = line.rstrip(b"\r").decode("utf-8", "replace")
        if text:
            self._on_line(text)
        return True
