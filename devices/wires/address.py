"""Where a device is reached: an instrument's address as plain data, and any wire in the one spelling that is locked.

A watchdog gets an address on one line and must open the same instrument by itself. A lock must name a wire however a
rig file writes it: a serial line is the device that a by-id name leads to now, a TCP port is its host's address.
"""

from __future__ import annotations

import os
import re
import socket
from typing import Any, Final

import attrs

from devices.wires.scpi import ScpiTransport
from devices.wires.session import ANSWER_S, ScpiSession

_VISA_SOCKET: Final = re.compile(r"TCPIP\d*::(.+)::(\d+)::SOCKET", re.IGNORECASE)
"""A raw socket in VISA's words: the same wire as the socket itself."""


@attrs.frozen(slots=True)
class Address:
    """A raw SCPI socket (``host``, ``port``), a VISA resource name and the backend that opens it, or how to build a
    labgrid driver (`devices.switch.switch.recipe`).

    ``answer_s``: real seconds that an answer from there may take."""

    host: str = ""
    port: int = 0
    visa: str = ""
    backend: str = "@py"
    labgrid: str = ""
    answer_s: float = ANSWER_S

    def line(self, name: str) -> ScpiSession:
        """A session of one's own with the instrument, not open yet; ``name`` is the port's name in messages."""
        if self.visa:
            from devices.wires.visa import VisaTransport

            return VisaTransport(name, self.visa, self.backend, self.answer_s)
        return ScpiTransport(name, self.host, self.port, self.answer_s)

    def __str__(self) -> str:
        return self.visa or self.labgrid or f"{self.host}:{self.port}"


def wire_name(resource: Any) -> str | None:
    """``serial:/dev/ttyUSB0``, ``tcp:192.0.2.1:5025`` or ``visa:NAME``: what a bench locks, so no second one has it.

    ``resource`` is an `Address` or a labgrid resource; None for what is none of them (a URL, a control channel).
    """
    for supplier in getattr(resource, "suppliers", ()):  # a driver of labgrid's in the place of a resource
        return wire_name(supplier)
    if told := getattr(resource, "labgrid", ""):
        return f"labgrid:{told}"
    if visa := getattr(resource, "visa", ""):
        socket_of = _VISA_SOCKET.fullmatch(visa)
        return f"tcp:{_numeric(socket_of[1])}:{socket_of[2]}" if socket_of else f"visa:{visa}"
    host, port = getattr(resource, "host", None), getattr(resource, "port", None)
    if host and isinstance(port, int):
        return f"tcp:{_numeric(str(host))}:{port}"
    if not host and isinstance(port, str) and port:
        return f"serial:{os.path.realpath(port)}"
    return None


def _numeric(host: str) -> str:
    """The host's address; the name itself where nobody knows it (connecting will say so)."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return host
