"""The transports of the twin's ports: ptys, TCP lines, pcapng streams; with the counts of design section 3 rule 6.

A port never blocks the twin: what is said goes to a buffer in user space and leaves when the peer takes it. Input is
read only while time stands; a port that becomes readable during an advance is looked at again after the stop.
What an unattached console or panel says unasked is lost, like octets on a UART that nobody listens to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tty
from typing import Final

from bench.air.capture.pcapng import PcapngWriter
from bench.ports import ByteImpersonator
from bench.twin.core.engine import VOLUME_LIMIT, Engine

READ_SIZE: Final = 65536
LOST_PEER: Final = 4 * VOLUME_LIMIT
"""Unread octets after which the peer of a connection is given up."""


class _Wire:
    """A non-blocking file descriptor with an output buffer, read through the event loop."""

    def __init__(self, port: BytePort | SnifferPort, fd: int) -> None:
        self._port, self._fd = port, fd
        self._loop = asyncio.get_running_loop()
        self._out = bytearray()
        self._paused = False
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._readable)

    def write(self, data: bytes) -> None:
        idle = not self._out
        self._out += data
        if idle:
            self._flush()
        if len(self._out) > LOST_PEER:
            self._port.lost(self)

    def gather(self, data: bytes) -> None:
        """Write with all that is said until the event loop's next turn: a frame is not worth a write, and its reader
        not a wake."""
        if not self._out:
            self._loop.call_soon(self._flush_gathered)
        self._out += data
        if len(self._out) > LOST_PEER:
            self._port.lost(self)

    def _flush_gathered(self) -> None:
        if self._out:
            self._flush()

    def drop_output(self) -> None:
        """Forget what the peer did not take yet."""
        if self._out:
            self._out.clear()
            self._loop.remove_writer(self._fd)

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._loop.add_reader(self._fd, self._readable)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        with contextlib.suppress(OSError):  # what was said before the end is on its way, as far as it is taken
            os.write(self._fd, self._out)
        self._out.clear()

    def _flush(self) -> None:
        try:
            sent = os.write(self._fd, self._out)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._port.lost(self)
            return
        del self._out[:sent]
        if self._out:
            self._loop.add_writer(self._fd, self._flush)
        else:
            self._loop.remove_writer(self._fd)

    def _readable(self) -> None:
        if self._port.engine.advancing:  # rule 7: input waits for the stop
            self._paused = True
            self._loop.remove_reader(self._fd)
            return
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._port.received(data)
        else:
            self._port.lost(self)


class _Listener:
    """A TCP listener on the loopback for one peer at a time; the newest connection replaces the one before it."""

    def __init__(self, port: TcpPort | SnifferPort) -> None:
        self._port = port
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=4)
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self.accept)
        self._paused = False
        host, number = self._socket.getsockname()
        self.address = f"{host}:{number}"

    def accept(self) -> None:
        """Take the connections that wait."""
        if self._port.engine.advancing:
            self._paused = True
            self._loop.remove_reader(self._socket)
            return
        with contextlib.suppress(BlockingIOError):
            while self._socket.fileno() >= 0:
                peer, _ = self._socket.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._port.connected(peer)

    def resume(self) -> None:
        if self._paused and self._socket.fileno() >= 0:
            self._paused = False
            self._loop.add_reader(self._socket, self.accept)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()


class BytePort:
    """A host-stamped port with an impersonator behind it; the count is octets said in this epoch."""

    stamp = "host"
    unit = "octets"

    def __init__(self, name: str, engine: Engine) -> None:
        self.name, self.engine = name, engine
        self.address = ""
        self.epoch = self.count = self.volume = self.heard_octets = 0
        self.attached = False
        self.muted = False
        self._impersonator: ByteImpersonator | None = None
        self._wire: _Wire | None = None
        self._answering = False

    def connect(self, impersonator: ByteImpersonator) -> None:
        """Put the device behind the port."""
        self._impersonator = impersonator

    def now_ns(self) -> int:
        return self.engine.kernel.now_ns

    def say(self, data: bytes) -> None:
        """Queue octets towards the bench and count them."""
        if self._wire is None or self.muted or not (self.attached or self._answering):
            return
        self.count += len(data)
        self.volume += len(data)
        self._wire.write(data)
        self.engine.spoke(self)

    def received(self, data: bytes) -> None:
        """Octets from the bench; the impersonator answers before this returns (rule 3)."""
        self.heard_octets += len(data)
        if self._impersonator is None or self.muted:
            return
        self._answering = True
        try:
            self._impersonator.on_bytes(data)
        except Exception as error:  # a broken impersonator is a dead device, not a dead twin
            print(f"twin: {self.name}: the impersonator failed and is silent from now on: {error!r}", file=sys.stderr)
            self.muted = True
        finally:
            self._answering = False

    def attach(self) -> None:
        self.attached = True

    def detach(self) -> None:
        self.attached = False

    def resume(self) -> None:
        if self._wire is not None:
            self._wire.resume()

    def lost(self, wire: _Wire) -> None:
        """The peer is gone: leave the barrier."""

    def close(self) -> None:
        """The device's wire is pulled."""
        self.attached = False

    def mute(self) -> None:
        """The device never speaks again."""
        self.muted = True

    def _new_epoch(self) -> None:
        self.epoch += 1
        self.count = self.heard_octets = 0
        if self._impersonator is not None:
            self._impersonator.on_connect()


class PtyPort(BytePort):
    """A pseudo terminal. The slave is raw and kept open here, so the bench may open and close it as it likes.

    Each attach is a new epoch that starts with nothing in the buffers.
    """

    def __init__(self, name: str, engine: Engine) -> None:
        super().__init__(name, engine)
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.address = os.ttyname(self._slave)
        self._wire = _Wire(self, self._master)

    def attach(self) -> None:
        if self._wire is not None:
            self._wire.drop_output()
        self._new_epoch()
        self.attached = True

    def close(self) -> None:
        super().close()
        if self._wire is not None:
            self._wire.close()
            self._wire = None
            os.close(self._master)
            os.close(self._slave)


class TcpPort(BytePort):
    """A TCP line; each connection is a new epoch."""

    def __init__(self, name: str, engine: Engine) -> None:
        super().__init__(name, engine)
        self._listener = _Listener(self)
        self._peer: socket.socket | None = None
        self.address = self._listener.address

    def connected(self, peer: socket.socket) -> None:
        self._drop_peer()
        self._peer = peer
        self._wire = _Wire(self, peer.fileno())
        self._new_epoch()

    def attach(self) -> None:
        self._listener.accept()  # the peer's connect may have returned before we looked
        self.attached = self._wire is not None

    def lost(self, wire: _Wire) -> None:
        if wire is self._wire:
            self._drop_peer()

    def resume(self) -> None:
        super().resume()
        self._listener.resume()

    def close(self) -> None:
        self._drop_peer()
        self._listener.close()

    def _drop_peer(self) -> None:
        self.attached = False
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        if self._peer is not None:
            self._peer.close()
            self._peer = None


class SnifferPort:
    """A sniffer's pcapng stream over TCP; the count is packets of this connection, and frames are stamped here.

    The packet's own stamp is the end of the frame; its start and end stand in the TAP header as well.
    """

    stamp = "device"
    unit = "packets"

    def __init__(self, name: str, engine: Engine) -> None:
        self.name, self.engine = name, engine
        self.epoch = self.count = self.volume = 0
        self.attached = self._muted = False
        self._listener = _Listener(self)
        self.address = self._listener.address
        self._peer: socket.socket | None = None
        self._wire: _Wire | None = None
        self._writer: PcapngWriter | None = None

    def heard(self, start_ns: int, end_ns: int, psdu: bytes, rssi_dbm: int, channel: int) -> None:
        """A frame ended; it is lost when nobody is connected."""
        if self._writer is None or self._muted:
            return
        self.count += 1
        self._writer.packet(psdu, end_ns, rssi_dbm=rssi_dbm, channel=channel, start_ns=start_ns, end_ns=end_ns)
        self.engine.spoke(self)

    def write(self, data: bytes) -> int:
        """What the pcapng writer writes."""
        if self._wire is not None:
            self.volume += len(data)
            self._wire.gather(data)
        return len(data)

    def connected(self, peer: socket.socket) -> None:
        self._drop_peer()
        self.epoch += 1
        self.count = 0
        self._peer = peer
        self._wire = _Wire(self, peer.fileno())
        self._writer = PcapngWriter(self)
        self._writer.section(self.name)

    def received(self, data: bytes) -> None:
        """A sniffer takes no input."""

    def mute(self) -> None:
        """It hears nothing any more."""
        self._muted = True

    def attach(self) -> None:
        self._listener.accept()
        self.attached = self._wire is not None

    def detach(self) -> None:
        self.attached = False

    def resume(self) -> None:
        self._listener.resume()
        if self._wire is not None:
            self._wire.resume()

    def lost(self, wire: _Wire) -> None:
        if wire is self._wire:
            self._drop_peer()

    def close(self) -> None:
        self._drop_peer()
        self._listener.close()

    def _drop_peer(self) -> None:
        self.attached = False
        self._writer = None
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        if self._peer is not None:
            self._peer.close()
            self._peer = None
