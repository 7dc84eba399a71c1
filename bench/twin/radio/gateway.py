"""How a smart meter carries on what came by the IoT route, and back: a stand-in, for this is not public.

Between concentrator and smart meter, over the mesh, one datagram a message on a UDP port of its own:

    "KG" version kind EUI-64 of the terminal (8)  payload

``kind`` 1 carries a payload; 2 (upwards only, without one) says that the terminal has registered at this smart meter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bench.twin.mesh.border_router import BorderRouter
from bench.twin.mesh.member import Meter

PORT: Final = 61617
_MAGIC: Final = b"KG\x01"
_DATA, _REGISTERED = 1, 2
_HEAD: Final = len(_MAGIC) + 1 + 8


def encode(kind: int, eui64: bytes, payload: bytes = b"") -> bytes:
    """The datagram of a message."""
    return _MAGIC + bytes((kind,)) + eui64 + payload


def decode(datagram: bytes) -> tuple[int, bytes, bytes] | None:
    """Kind, terminal, payload; None for anything else."""
    if len(datagram) < _HEAD or not datagram.startswith(_MAGIC):
        return None
    return datagram[len(_MAGIC)], datagram[len(_MAGIC) + 1 : _HEAD], datagram[_HEAD:]


class Gateway:
    """A smart meter's side. ``on_down(eui64, payload)`` gets what is for a terminal."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.on_down: Callable[[bytes, bytes], None] = lambda _eui64, _payload: None
        meter.ports[PORT] = self._heard

    def up(self, eui64: bytes, payload: bytes) -> bool:
        """What a terminal said; False where the smart meter has no way up."""
        return self.meter.send_up(PORT, encode(_DATA, eui64, payload))

    def registered(self, eui64: bytes) -> bool:
        """A terminal is here now."""
        return self.meter.send_up(PORT, encode(_REGISTERED, eui64))

    def _heard(self, _src: bytes, datagram: bytes) -> None:
        told = decode(datagram)
        if told is not None and told[0] == _DATA:
            self.on_down(told[1], told[2])


class Concentrator:
    """The head end's view of all terminals (`HeadEndRadio`): those of the mesh, and those behind gateways.

    ``homes``: EUI-64 of the smart meter that a terminal of another method hangs on at the start; it moves with what the
    smart meters say.
    """

    def __init__(self, border_router: BorderRouter, homes: dict[bytes, bytes]) -> None:
        self._border_router, self._homes = border_router, dict(homes)
        self._data: list[Callable[[bytes, bytes], None]] = []
        self._arrivals: list[Callable[[bytes], None]] = []
        border_router.ports[PORT] = self._heard

    def send(self, eui64: bytes, payload: bytes) -> bool:
        home = self._homes.get(eui64)
        if home is None:
            return self._border_router.send(eui64, payload)
        return self._border_router.send_down(home, PORT, encode(_DATA, eui64, payload))

    def on_datagram(self, listener: Callable[[bytes, bytes], None]) -> None:
        self._data.append(listener)
        self._border_router.on_datagram(listener)

    def on_registered(self, listener: Callable[[bytes], None]) -> None:
        self._arrivals.append(listener)
        self._border_router.on_registered(listener)

    def _heard(self, meter: bytes, datagram: bytes) -> None:
        told = decode(datagram)
        if told is None or told[1] not in self._homes:
            return
        kind, eui64, payload = told
        self._homes[eui64] = meter
        if kind == _REGISTERED:
            for arrived in self._arrivals:
                arrived(eui64)
        elif kind == _DATA:
            for listener in self._data:
                listener(eui64, payload)
