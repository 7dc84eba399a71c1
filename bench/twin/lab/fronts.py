"""Where the bench opens a lab's ports: TCP listeners and serial links, with a connection's habits.

A front owns the wires of one port: those of a device with habits, or a relay to something that speaks TCP by itself
(the connection server, a sniffer).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import tty
from pathlib import Path
from typing import Final

from bench.twin.lab.device import HabitualDevice
from bench.twin.lab.habits import Habits, Holding
from bench.twin.lab.pace import Pace
from bench.twin.lab.trap import Point, Trap

CHUNK: Final = 1 << 16
LOOK_S: Final = 0.05
"""How often a connection's own habits are looked at."""
UNREAD: Final = 64 << 20
"""Octets that a bench may leave unread before its connection is given up."""


class TcpLine:
    """One accepted connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)
            if self._writer.transport.get_write_buffer_size() > UNREAD:
                self.reset()

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """An RST in place of a FIN (SO_LINGER with no time)."""
        with contextlib.suppress(OSError):
            raw = self._writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class TcpFront:
    """A TCP port of the lab; ``device`` behind it, or ``upstream`` (host, port)."""

    def __init__(
        self,
        name: str,
        habits: Habits,
        pace: Pace,
        trap: Trap,
        device: HabitualDevice | None = None,
        upstream: tuple[str, int] | None = None,
        port: int = 0,
    ) -> None:
        self.name, self._habits, self._pace, self._trap = name, habits, pace, trap
        self._device, self._upstream = device, upstream
        self._server: asyncio.Server | None = None
        self._port = port
        self._lines: set[TcpLine] = set()
        self._answers = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def listen(self) -> None:
        """Take connections, at the same port as before."""
        self._server = await asyncio.start_server(self._client, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def cut(self, refuse_s: float = 0.0) -> None:
        """Reset every connection, and refuse new ones for so long."""
        for line in tuple(self._lines):
            line.reset()
        if refuse_s:
            self._refuse(refuse_s)

    def close(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def _holding(self) -> Holding:
        return self._habits.of_port(self.name, self._pace.elapsed_s)

    def _refuse(self, seconds: float) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server = None
        loop = asyncio.get_running_loop()

        def again() -> None:
            task = loop.create_task(self.listen())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._pace.later(seconds, again)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = TcpLine(writer)
        self._lines.add(line)
        try:
            if self._device is not None:
                self._device.opened(line)
                await self._serve(reader, line)
            else:
                await self._relay(reader, line)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._lines.discard(line)
            if self._device is not None:
                self._device.closed(line)
            line.close()
            if self._holding.refuse_s:
                self._refuse(self._holding.refuse_s)

    async def _serve(self, reader: asyncio.StreamReader, line: TcpLine) -> None:
        assert self._device is not None
        opened_s = self._pace.elapsed_s
        while data := await self._read(reader, opened_s):
            self._device.received(data, line)

    async def _relay(self, reader: asyncio.StreamReader, line: TcpLine) -> None:
        assert self._upstream is not None
        far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        asked = b""

        async def back() -> None:
            while data := await far_reader.read(CHUNK):
                self._answers += 1
                if (late_s := self._holding.late_s) and self._answers % self._holding.late_every == 0:
                    await self._pace.sleep(late_s)
                self._back(data, line, asked)
            line.close()

        backwards = asyncio.ensure_future(back())
        opened_s = self._pace.elapsed_s
        try:
            while data := await self._read(reader, opened_s):
                self._pace.catch_up()
                asked = data
                self._forth(data, line, far_writer)
        finally:
            backwards.cancel()
            far_writer.close()

    def _forth(self, data: bytes, line: TcpLine, far_writer: asyncio.StreamWriter) -> None:
        """Octets from the bench."""

        def go_on() -> None:
            if not self._holding.half_open:
                far_writer.write(data)

        if not self._trap.holds(line, go_on) and not self._trap.catches(self.name, Point.BEFORE, data, line, go_on):
            go_on()

    def _back(self, data: bytes, line: TcpLine, asked: bytes) -> None:
        """Octets for the bench; of what speaks unasked (a sniffer) half is said before the trap closes."""
        half = 0 if asked else len(data) // 2

        def say(octets: bytes) -> None:
            holding = self._holding
            if asked and holding.reset_every and self._answers % holding.reset_every == 0:
                line.reset()
            elif not holding.half_open and not holding.silent:
                line.send(octets)

        catches = self._trap.catches
        if self._trap.holds(line, lambda: say(data)):
            return
        if not asked and catches(self.name, Point.BEFORE, asked, line, lambda: say(data)):
            return
        if catches(self.name, Point.IN, asked, line, lambda: say(data[half:])):
            say(data[:half])
            return
        say(data)
        catches(self.name, Point.AFTER, asked, line, lambda: None)

    async def _read(self, reader: asyncio.StreamReader, opened_s: float) -> bytes:
        """The next octets; empty at the end, also where a habit ends the connection."""
        since_s = self._pace.elapsed_s
        reading = asyncio.ensure_future(reader.read(CHUNK))
        try:
            while True:
                done, _ = await asyncio.wait([reading], timeout=LOOK_S)
                if done:
                    return reading.result()
                idle_s, every_s = self._holding.close_idle_s, self._holding.close_every_s
                now_s = self._pace.elapsed_s
                if (idle_s and now_s - since_s > idle_s) or (every_s and now_s - opened_s > every_s):
                    return b""
        finally:
            reading.cancel()


class PtyFront:
    """A serial adapter: a pty behind a link as in ``/dev/serial/by-id``; may be unplugged and plugged in again."""

    def __init__(self, device: HabitualDevice, link: Path, pace: Pace) -> None:
        self.name, self._device, self._link, self._pace = device.name, device, link, pace
        self._master = self._slave = -1
        self._unplugged_once = False
        self.plug()

    @property
    def address(self) -> str:
        return str(self._link)

    def plug(self) -> None:
        """There it is, under the name that it had."""
        if self._master >= 0:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        self._device.opened(self)

    def unplug(self) -> None:
        """Gone: the bench's end reads an end, the name leads nowhere."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self._link.unlink(missing_ok=True)
        self._device.closed(self)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def look(self) -> None:
        """Called now and then: unplugs where a habit says so."""
        away_s = self._device.holding.unplug_s
        if away_s and not self._unplugged_once:
            self._unplugged_once = True
            self.unplug()
            self._pace.later(away_s, self.plug)

    def cut(self, seconds: float = 0.0) -> None:
        """Unplug for so long."""
        self.unplug()
        self._pace.later(seconds, self.plug)

    def send(self, data: bytes) -> None:
        while data and self._master >= 0:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                return  # a UART that nobody reads loses what it is told
            except OSError:
                return

    def reset(self) -> None:
        """A serial line knows no reset: the adapter goes and comes back."""
        self.cut(0.5)

    def close(self) -> None:
        self.unplug()

    def _readable(self) -> None:
        try:
            data = os.read(self._master, CHUNK)
        except OSError:
            return
        if data:
            self._device.received(data, self)
