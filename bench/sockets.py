"""What every TCP connection of the bench needs: signs of life, so that a peer that vanished is noticed."""

from __future__ import annotations

import socket
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
