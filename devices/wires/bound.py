"""A console driver of labgrid's own (``SerialDriver``, ``ExternalConsoleDriver``) as a wire.

Such a driver has no descriptor that the pump could wait for (RFC 2217 by pyserial-labgrid has a queue), so a thread
reads it and rings. Bind a resource where there is one: it needs no thread, and its octets are stamped by whoever waits.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from typing import Any, Final

from pexpect import TIMEOUT

from bench.drive.pump import PortLost
from bench.errors import BenchError

LOOK_S: Final = 0.2
"""Real seconds for which one look waits; so long ending takes."""


class BoundWire:
    """``driver`` is active and has labgrid's ``ConsoleProtocol``."""

    connecting = False

    def __init__(self, name: str, driver: Any) -> None:
        self._name, self._driver = name, driver
        self._heard: deque[bytes] = deque()
        self._over = threading.Event()
        self._ended = False
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._listen, name=f"wire {name}", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        return self._bell

    def read(self, size: int) -> bytes:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        ended = self._ended  # before looking: what was heard last comes first
        data = b"".join(self._heard.popleft() for _ in range(len(self._heard)))
        if len(data) > size:
            self._heard.appendleft(data[size:])
            os.eventfd_write(self._bell, 1)
        elif ended:
            if not data:
                raise PortLost("closed by the device")
            os.eventfd_write(self._bell, 1)
        return data[:size]

    def write(self, data: bytes) -> None:
        try:
            self._driver.write(data)
        except Exception:  # pyserial, sockets, labgrid: each has its own
            raise BenchError(f"{self._name}: the port is gone") from None

    def finish_connecting(self) -> None:
        """labgrid has connected it."""

    def again(self) -> BoundWire | None:
        """labgrid's drivers open a port when they are activated (labgrid.md 3.1)."""
        target = self._driver.target
        try:
            target.deactivate(self._driver)
            target.activate(self._driver)
        except Exception:
            return None
        return BoundWire(self._name, self._driver)

    def flush_input(self) -> None:
        self._heard.clear()

    def close(self) -> None:
        self._over.set()
        self._thread.join(5 * LOOK_S)
        if self._bell >= 0:
            os.close(self._bell)
            self._bell = -1

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                data = self._driver.read(size=1, timeout=LOOK_S)
            except TIMEOUT:
                continue
            except Exception:
                self._ended = True
                data = b""
            if self._over.is_set():
                return
            self._heard.append(data)
            os.eventfd_write(self._bell, 1)
            if self._ended:
                return
