"""Which wire serves what a line driver is bound to.

A local port by pyserial, a network port by a plain socket (``raw``) or as a labgrid exporter gives it (``rfc2217``,
`devices.wires.telnet`); a console driver of labgrid's own by a thread (`devices.wires.bound`).
"""

from __future__ import annotations

from typing import Any

from labgrid.driver import Driver

from bench.errors import BenchError, InputError
from devices.wires.bound import BoundWire
from devices.wires.telnet import Rfc2217Wire
from devices.wires.wire import LET_GO_S, SerialWire, SocketWire, Wire


def open_wire(name: str, bound: Any) -> Wire:
    """Open a labgrid ``SerialPort``, ``NetworkSerialPort`` or console driver under the port's name.

    ``BenchError`` where it is not there, ``InputError`` for a protocol that nobody speaks.
    """
    if isinstance(bound, Driver):
        return BoundWire(name, bound)
    protocol = getattr(bound, "protocol", None)
    if protocol is None:
        return SerialWire(name, bound.port, bound.speed, LET_GO_S)
    if bound.port is None:
        raise BenchError(f"{name}: the port is not exported now")
    if protocol == "raw":
        return SocketWire.open(name, bound)
    if protocol == "rfc2217":
        return Rfc2217Wire.open_at(name, bound)
    raise InputError(f"{name}: protocol {protocol!r} of a NetworkSerialPort; expected 'raw' or 'rfc2217'")
