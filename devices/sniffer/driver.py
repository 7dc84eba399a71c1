"""labgrid resource and driver of a sniffer's pcapng stream.

The barrier counts packets, so block heads are walked while driving; contents are left alone until the run is read.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import Any, BinaryIO, Final

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import Resource

from bench.clock import Clock
from bench.errors import BenchError, KenshinError
from bench.pump import Channel, PortLost, Stamp
from devices.wire import CHUNK, connect, receive

SECTION: Final = 0x0A0D0D0A
PACKET_BLOCKS: Final = frozenset({2, 3, 6})
"""Obsolete packet, simple packet and enhanced packet blocks."""
LARGEST_BLOCK: Final = 1 << 24


class BlockWalker:
    """Follows pcapng blocks by their heads only. Raises ``PortLost`` where the octets are no pcapng.

    ``packets`` counts whole packet blocks, ``whole`` the octets up to the end of the last whole block.
    """

    def __init__(self) -> None:
        self.packets = 0
        self.whole = 0
        self._buffer = b""
        self._order = "<"

    def feed(self, data: bytes) -> None:
        buffer = self._buffer + data
        at = 0
        while len(buffer) - at >= 12:
            if buffer[at : at + 4] == b"\x0a\x0d\x0d\x0a":
                self._order = ">" if buffer[at + 8 : at + 12] == b"\x1a\x2b\x3c\x4d" else "<"
            elif self.whole == 0 and at == 0:
                raise PortLost("sends no pcapng")
            kind, length = struct.unpack_from(self._order + "II", buffer, at)
            if length < 12 or length % 4 or length > LARGEST_BLOCK:
                raise PortLost("sends damaged pcapng")
            if len(buffer) - at < length:
                break
            self.packets += kind in PACKET_BLOCKS
            self.whole += length
            at += length
        self._buffer = buffer[at:]


def cut_to_whole_blocks(path: Path) -> None:
    """Cut a capture that a killed bench left behind after its last whole block, so that a section can follow."""
    walker = BlockWalker()
    with path.open("r+b") as capture:
        while data := capture.read(CHUNK):
            walker.feed(data)
        capture.truncate(walker.whole)


class SnifferChannel(Channel):
    """A pcapng stream to a file. Counts packets; the sniffer stamps them itself."""

    def __init__(self, port: str, connection: socket.socket, capture: BinaryIO) -> None:
        super().__init__(port, Stamp.DEVICE)
        self._socket, self._capture = connection, capture
        self._walker = BlockWalker()
        self._base = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def attached(self, epoch: int, n: int) -> None:
        super().attached(epoch, n)
        self._base = n - self._walker.packets

    def read(self, limit: int) -> None:
        data = receive(self._socket, CHUNK)
        self._capture.write(data)
        self._capture.flush()
        self._walker.feed(data)
        self.count = self._base + self._walker.packets

    def close(self) -> None:
        self._socket.close()
        if not self._capture.closed:
            self._capture.flush()
            os.fsync(self._capture.fileno())
            self._capture.close()


@target_factory.reg_resource
@attr.s(eq=False)
class PcapngStreamSniffer(Resource):  # type: ignore[misc]  # labgrid has no types
    """A TCP port that sends pcapng from its section header on to whoever connects."""

    host: str = attr.ib(validator=attr.validators.instance_of(str))
    port: int = attr.ib(converter=int)


@target_factory.reg_driver
@attr.s(eq=False)
class SnifferDriver(Driver):  # type: ignore[misc]
    """Writes one sniffer's stream to a capture file. A stream that ends is lost; what was written stays readable."""

    bindings = {"stream": PcapngStreamSniffer}  # noqa: RUF012 -- labgrid's way

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.stream: Any
        self._clock: Clock | None = None
        self._channel: SnifferChannel | None = None

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    @property
    def packets(self) -> int:
        """Packets of this connection that are in the file."""
        if self._channel is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        return self._channel.count

    def connect(self, clock: Clock, path: Path) -> None:
        """Connect and write to ``path``; a capture that is there already (a resumed run) gets a further section."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            cut_to_whole_blocks(path)
        connection = connect(self.port, self.stream.host, self.stream.port)
        connection.setblocking(False)
        self._channel = SnifferChannel(self.port, connection, path.open("ab"))
        self._clock = clock
        clock.attach(self._channel)

    def disconnect(self) -> None:
        """Close stream and file."""
        if self._clock is not None:
            self._clock.detach(self.port)
        self._clock = self._channel = None

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver: let go of the stream; that it is dead already is no news then."""
        with contextlib.suppress(KenshinError):
            self.disconnect()
