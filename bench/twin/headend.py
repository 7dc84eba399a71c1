"""The head end (ヘッドエンドシステム): carries messages between server and mesh, with a small queueing delay."""

from __future__ import annotations

from collections.abc import Callable

from bench.twin.kernel import Kernel
from bench.twin.network import HeadEndRadio
from bench.twin.standin import Malformed, Message, decode, encode


class HeadEnd:
    """Between server and border router. ``delay_ns`` each way, first in first out.

    What finds no route is dropped: whoever needs an answer asks again.
    """

    def __init__(self, kernel: Kernel, radio: HeadEndRadio, delay_ns: int) -> None:
        self._kernel, self._radio, self._delay_ns = kernel, radio, delay_ns
        self._listeners: list[Callable[[bytes, Message], None]] = []
        self.malformed = 0
        radio.on_datagram(self._up)

    def on_message(self, listener: Callable[[bytes, Message], None]) -> None:
        """``listener(eui64, message)`` is the server's ear."""
        self._listeners.append(listener)

    def send(self, eui64: bytes, message: Message) -> None:
        """Send to a terminal, after the queue's delay."""
        payload = encode(message)
        self._kernel.after(self._delay_ns, lambda: self._down(eui64, payload))

    def _down(self, eui64: bytes, payload: bytes) -> None:
        self._radio.send(eui64, payload)

    def _up(self, eui64: bytes, payload: bytes) -> None:
        try:
            message = decode(payload)
        except Malformed:
            self.malformed += 1
            return
        self._kernel.after(self._delay_ns, lambda: self._deliver(eui64, message))

    def _deliver(self, eui64: bytes, message: Message) -> None:
        for listener in self._listeners:
            listener(eui64, message)
