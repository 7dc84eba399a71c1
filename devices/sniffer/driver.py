"""labgrid resource and driver of a sniffer's pcapng stream.

The barrier counts packets, so block heads are walked while driving; contents are left alone until the run is read.
"""

from __future__ import annotations

import contextlib
import copy
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attr
import attrs
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import Resource

from bench import kinds
from bench.drive.clock import Clock
from bench.drive.pump import Channel, PortLost, Stamp
from bench.errors import BenchError, CannotRecord, KenshinError
from devices.sniffer.stamps import Leads, Pair, Stamps
from devices.wires.wire import CHUNK, begin_connecting, connect, receive

PACKET_BLOCKS: Final = frozenset({2, 3, 6})
"""Obsolete packet, simple packet and enhanced packet blocks."""
LARGEST_BLOCK: Final = 1 << 24


class BlockWalker:
    """Follows pcapng blocks by their heads only. Raises ``PortLost`` where the octets are no pcapng.

    ``packets`` counts whole packet blocks, ``whole`` the octets up to the end of the last whole block; ``partial``
    tells that a block has begun; ``see`` gets each whole one: its kind, the order of its octets, and all of them.
    """

    def __init__(self, see: Callable[[int, str, bytes], None] | None = None) -> None:
        self.packets = 0
        self.whole = 0
        self._see = see
        self._buffer = b""
        self._order = "<"

    @property
    def partial(self) -> bool:
        return bool(self._buffer)

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
            if self._see is not None:
                self._see(kind, self._order, buffer[at : at + length])
            at += length
        self._buffer = buffer[at:]


def cut_to_whole_blocks(path: Path) -> int:
    """Cut a capture that a killed bench left behind after its last whole block, so that a section can follow; how many
    packets are in it."""
    walker = BlockWalker()
    with path.open("r+b") as capture, contextlib.suppress(PortLost):
        while data := capture.read(CHUNK):
            walker.feed(data)
    _set_aside(path, walker.whole)
    return walker.packets


def _set_aside(path: Path, whole: int) -> None:
    """Cut a capture to its ``whole`` octets, so that every reader takes it; what was behind goes beside it (``.rest``):
    half a record, or whatever a damaged stream said."""
    with path.open("r+b") as capture:
        capture.seek(whole)
        if rest := capture.read():
            with path.with_suffix(".rest").open("ab") as beside:
                beside.write(rest[: max(0, LARGEST_BLOCK - beside.tell())])  # nobody needs a week of nonsense
            capture.truncate(whole)
        os.fsync(capture.fileno())


class SnifferChannel(Channel):
    """A pcapng stream to a file. Counts packets of this connection; the sniffer stamps them itself.

    On a real rig a sniffer that went is looked for until it is there again; it then begins another section. There
    ``clock`` is given, and what its stamps tell of its own clock is published. ``before``: packets in the file."""

    def __init__(
        self, port: str, connection: socket.socket, path: Path, clock: Clock | None = None, before: int = 0
    ) -> None:
        super().__init__(port, Stamp.DEVICE)
        self._socket, self._path = connection, path
        self._peer = connection.getpeername()
        self._clock, self._before = clock, before
        self._open_file()

    def _open_file(self) -> None:
        self._capture = self._path.open("ab")
        self._stamps, self._stamps_ns, self._leads = Stamps(), list[int](), Leads(self._tell_clock)
        self._walker = BlockWalker(None if self._clock is None else self._see)
        self._begin = self._capture.tell()
        self._base = self.count = 0

    @property
    def lead_ns(self) -> int | None:
        """As `SnifferDriver.lead_ns`."""
        return self._leads.most_ns

    def fileno(self) -> int:
        return self._socket.fileno()

    def attached(self, epoch: int, n: int) -> None:
        super().attached(epoch, n)
        self._base = n - self._walker.packets

    def read(self, limit: int) -> None:
        try:
            data = receive(self._socket, CHUNK)
        except PortLost:
            raise PortLost("closed by the device" + self._walker.partial * " inside a record") from None
        try:
            self._capture.write(data)
            self._capture.flush()
        except OSError as error:
            raise CannotRecord(f"{self.port}: {self._path.name}: {error.strerror}; the capture cannot go on") from None
        self._walker.feed(data)
        if self._clock is not None:
            self._leads.heard(self._before + self._walker.packets, self._stamps_ns, self._clock.now_ns())
            self._stamps_ns = []
        self.settled = True
        self.count = self._base + self._walker.packets

    def close(self) -> None:
        self._socket.close()
        if not self._capture.closed:
            with contextlib.suppress(OSError):  # what the disk did not take was said when it came
                self._capture.close()
            with contextlib.suppress(OSError):  # a disk that turned read-only: who goes on with the run cuts it
                _set_aside(self._path, self._begin + self._walker.whole)

    def reopened(self) -> SnifferChannel:
        """Connecting again; nobody waits for the answer: a refusal ends this channel, too."""
        again = copy.copy(self)
        again._socket = begin_connecting(self._socket.family, self._peer)
        again.settled = False
        again._before += self._walker.packets
        again._open_file()
        return again

    def _see(self, kind: int, order: str, block: bytes) -> None:
        stamp_ns = self._stamps.of(kind, order, block)
        if stamp_ns is not None:
            self._stamps_ns.append(stamp_ns)

    def _tell_clock(self, pair: Pair) -> None:
        assert self._clock is not None
        data = {"capture": self._path.stem, **attrs.asdict(pair)}
        self._clock.pump.publish("clock", self.port, kinds.CLOCK_SNIFFER, data)


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

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    @property
    def packets(self) -> int:
        """Packets of this connection that are in the file; 0 while the sniffer is gone."""
        if self._clock is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        channel = self._clock.pump.channels.get(self.port)
        return 0 if channel is None else channel.count

    @property
    def lead_ns(self) -> int | None:
        """How far this connection's stamps are ahead of rig time at least: the most that a frame was ahead of its
        arrival. None on a virtual rig, and before the first frame."""
        channel = self._clock.pump.channels.get(self.port) if self._clock is not None else None
        return channel.lead_ns if isinstance(channel, SnifferChannel) else None

    def connect(self, clock: Clock, path: Path) -> None:
        """Connect and write to ``path``; a capture that is there already (a resumed run) gets a further section."""
        path.parent.mkdir(parents=True, exist_ok=True)
        before = cut_to_whole_blocks(path) if path.exists() else 0
        connection = connect(self.port, self.stream.host, self.stream.port)
        connection.setblocking(False)
        self._clock = clock
        real = None if clock.devices_share_it else clock
        clock.attach(SnifferChannel(self.port, connection, path, real, before))

    def disconnect(self) -> None:
        """Close stream and file."""
        clock, self._clock = self._clock, None
        if clock is not None:
            clock.detach(self.port)

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver: let go of the stream; that it is dead already is no news then."""
        with contextlib.suppress(KenshinError):
            self.disconnect()
