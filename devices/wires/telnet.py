"""A serial port behind RFC 2217 (telnet with the COM port option), as the pump wants it: a socket, no thread.

labgrid's exporter gives every serial port away so, by ser2net. pyserial's client has a reader thread for each port and
waits in steps of 50 ms: half a second to open a port, 0.3 s to close it (labgrid.md 2.4), fifteen for thirty. What a
bench needs of the protocol is small: the line set once (8N1 at the resource's speed, no flow control), 0xff doubled,
and answers to what the other side asks (RFC 854, RFC 856, RFC 2217). Octets are stamped where all others are.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from bench.drive.pump import PortLost
from bench.errors import BenchError
from bench.sockets import Deadline, readable
from devices.wires.wire import CHUNK, CONNECT_S, Peer, SocketWire, connect, receive

SE, SB, WILL, WONT, DO, DONT, IAC = 240, 250, 251, 252, 253, 254, 255
BINARY, ECHO, SGA, COM_PORT = 0, 1, 3, 44
OURS: Final = frozenset({BINARY, SGA, COM_PORT})
"""Options that this side keeps to."""
THEIRS: Final = frozenset({BINARY, SGA, ECHO})
"""Options that the other side may keep to."""
SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL = 1, 2, 3, 4, 5
LONGEST_OPTION: Final = 1024
"""Octets of one subnegotiation; a peer that says more speaks no telnet."""


class Telnet:
    """The telnet layer of one connection: octets in, payload out; ``reply`` sends what the protocol asks for.

    ``agreed``: the other side takes the COM port option (None: it has not answered yet).
    """

    def __init__(self, reply: Callable[[bytes], None], speed: int) -> None:
        self._reply, self._speed = reply, speed
        self._rest = b""
        self._asked = {(WILL, option) for option in (BINARY, SGA, COM_PORT)} | {(DO, BINARY), (DO, SGA)}
        self.agreed: bool | None = None

    def begin(self) -> None:
        """Ask for what is needed; the line is set when the COM port option was agreed."""
        self._reply(b"".join(bytes((IAC, verb, option)) for verb, option in sorted(self._asked)))

    def feed(self, octets: bytes) -> bytes:
        """The payload in ``octets``; half a command waits for the rest. Raises ``PortLost`` where it is no telnet."""
        data = self._rest + octets
        payload = bytearray()
        at = 0
        while at < len(data):
            found = data.find(IAC, at)
            if found < 0:
                payload += data[at:]
                at = len(data)
                break
            payload += data[at:found]
            at = found
            length = self._command(data, at)
            if length == 0:
                break
            if data[at + 1] == IAC:
                payload.append(IAC)
            at += length
        self._rest = data[at:]
        if len(self._rest) > LONGEST_OPTION:
            raise PortLost("sends no telnet")
        return bytes(payload)

    def _command(self, data: bytes, at: int) -> int:
        """Obey the command at ``at``; its length, 0 where it is not all there."""
        if len(data) - at < 2:
            return 0
        verb = data[at + 1]
        if verb == SB:
            end = data.find(bytes((IAC, SE)), at + 2)
            return 0 if end < 0 else end + 2 - at  # what the port's state is changes nothing here
        if verb not in (WILL, WONT, DO, DONT):
            return 2
        if len(data) - at < 3:
            return 0
        self._negotiate(verb, data[at + 2])
        return 3

    def _negotiate(self, verb: int, option: int) -> None:
        """Answer a request; an answer to our own is not answered again (RFC 854), or both would go on for ever."""
        ours = verb in (DO, DONT)
        if ours and option == COM_PORT:
            self.agreed = verb == DO
            if self.agreed:
                self._set_line()
        asked = (WILL if ours else DO, option)
        if asked in self._asked:
            self._asked.discard(asked)
            return
        if verb == DO:
            self._reply(bytes((IAC, WILL if option in OURS else WONT, option)))
        elif verb == WILL:
            self._reply(bytes((IAC, DO if option in THEIRS else DONT, option)))

    def _set_line(self) -> None:
        settings = ((SET_DATASIZE, 8), (SET_PARITY, 1), (SET_STOPSIZE, 1), (SET_CONTROL, 1))
        told = [(SET_BAUDRATE, struct.pack("!I", self._speed)), *((what, bytes((value,))) for what, value in settings)]
        self._reply(
            b"".join(bytes((IAC, SB, COM_PORT, what)) + escaped(value) + bytes((IAC, SE)) for what, value in told)
        )


def escaped(data: bytes) -> bytes:
    """Payload as it stands on a telnet line."""
    return data.replace(b"\xff", b"\xff\xff")


class Rfc2217Wire(SocketWire):
    """A serial port of a labgrid exporter."""

    def __init__(self, name: str, connection: socket.socket, peer: Peer, speed: int, connecting: bool = False) -> None:
        super().__init__(name, connection, peer, connecting)
        self._speed = speed
        self._telnet = Telnet(self._say, speed)

    @classmethod
    def open_at(cls, name: str, resource: Any) -> Rfc2217Wire:
        """Connect, and have the line set. ``BenchError`` when nobody answers, or not so."""
        peer = Peer(resource)
        wire = cls(name, connect(name, *peer.address), peer, resource.speed)
        try:
            wire._agree()
        except PortLost as lost:
            wire.close()
            raise BenchError(f"{name}: {lost} (protocol rfc2217)") from None
        except BaseException:
            wire.close()
            raise
        return wire

    def finish_connecting(self) -> None:
        super().finish_connecting()
        self._telnet.begin()

    def again(self) -> Rfc2217Wire | None:
        connection = self._begin_again()
        return (
            None
            if connection is None
            else Rfc2217Wire(self._name, connection, self._peer, self._speed, connecting=True)
        )

    def read(self, size: int) -> bytes:
        return self._telnet.feed(receive(self._socket, size))

    def write(self, data: bytes) -> None:
        super().write(escaped(data))

    def _agree(self) -> None:
        self._telnet.begin()
        deadline = Deadline(CONNECT_S)
        while self._telnet.agreed is None and readable(self.fileno(), deadline.left_s):
            self.read(CHUNK)
        if not self._telnet.agreed:
            raise PortLost("does not take the COM port option")

    def _say(self, octets: bytes) -> None:
        with contextlib.suppress(OSError):  # the next read or write tells
            self._socket.sendall(octets)
