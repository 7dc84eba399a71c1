"""What every connection of the bench needs: signs of life, so that a peer that vanished is noticed, and deadlines."""

from __future__ import annotations

import select
import socket
import time
from typing import Final

IDLE_S: Final = 15
BETWEEN_S: Final = 5
PROBES: Final = 3
"""A device without power or cable is given up after 30 s of silence; one that only has nothing to say answers."""


def keep_alive(connection: socket.socket) -> None:
    """Let the host ask an idle peer for a sign of life; without one, reading ends in an error (RFC 1122, 4.2.3.6)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", IDLE_S), ("TCP_KEEPINTVL", BETWEEN_S), ("TCP_KEEPCNT", PROBES)):
        if hasattr(socket, name):  # not on every system
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Deadline:
    """Real seconds that an exchange with a device may still take: a watchdog against dead devices, never rig time."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds left, 0.0 when they are over."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        return self.left_s == 0.0


def pause(seconds: float) -> None:
    """Give an instrument a moment of real time (its settling time); above the drivers states are awaited instead."""
    if seconds > 0:
        time.sleep(seconds)


def readable(fd: int, timeout_s: float) -> bool:
    """Whether ``fd`` has input, or an end, within so many real seconds. Any descriptor: ``select`` ends at 1,023."""
    return _ready(fd, select.POLLIN, timeout_s)


def writable(fd: int, timeout_s: float) -> bool:
    """Whether ``fd`` takes output, or has ended, within so many real seconds."""
    return _ready(fd, select.POLLOUT, timeout_s)


def _ready(fd: int, what: int, timeout_s: float) -> bool:
    poller = select.poll()
    poller.register(fd, what)
    return bool(poller.poll(max(0.0, timeout_s) * 1000))
