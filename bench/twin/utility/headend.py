"""The head end (ヘッドエンドシステム): carries messages between server and mesh, with a small queueing delay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bench.twin.core.kernel import Kernel
from bench.twin.faults import NO_FAULTS, Hooks
from bench.twin.terminal.network import HeadEndRadio
from bench.twin.terminal.standin import MESSAGES, Malformed, Message, decode, encode


class HeadEnd:
    """Between server and border router. ``delay_ns`` each way, first in first out.

    What finds no route is dropped: whoever needs an answer asks again.
    """

    def __init__(
        self,
        kernel: Kernel,
        radio: HeadEndRadio,
        delay_ns: int,
        names: Mapping[bytes, str] | None = None,
        faults: Hooks = NO_FAULTS,
    ) -> None:
        self._kernel, self._radio, self._delay_ns = kernel, radio, delay_ns
        self._names, self._faults = names or {}, faults
        self._listeners: list[Callable[[bytes, Message], None]] = []
        self.malformed = 0
        radio.on_datagram(self._up)

    def on_message(self, listener: Callable[[bytes, Message], None]) -> None:
        """``listener(eui64, message)`` is the server's ear."""
        self._listeners.append(listener)

    def send(self, eui64: bytes, message: Message) -> None:
        """Send to a terminal, after the queue's delay."""
        name = self._names.get(eui64, "")
        for delay_ns, said in self._faults.several("message_out", message, name, kind=MESSAGES):
            payload = self._faults.tried(partial(encode, said))
            if payload is not None:
                self._kernel.after(self._delay_ns + delay_ns, partial(self._down, eui64, payload))

    def say(self, message: Message, terminal: str) -> None:
        """Send this to a terminal now, by its name. KeyError where there is none."""
        self._down(self._eui64(terminal), encode(message))

    def hear(self, message: Message, terminal: str) -> None:
        """Take this for a message of a terminal. KeyError where there is none."""
        self._deliver(self._eui64(terminal), message)

    def _eui64(self, terminal: str) -> bytes:
        return {name: eui64 for eui64, name in self._names.items()}[terminal]

    def _down(self, eui64: bytes, payload: bytes) -> None:
        self._radio.send(eui64, payload)

    def _up(self, eui64: bytes, payload: bytes) -> None:
        try:
            message = decode(payload)
        except Malformed:
            self.malformed += 1
            return
        name = self._names.get(eui64, "")
        for delay_ns, heard in self._faults.several("message_in", message, name, kind=MESSAGES):
            self._kernel.after(self._delay_ns + delay_ns, partial(self._deliver, eui64, heard))

    def _deliver(self, eui64: bytes, message: Message) -> None:
        for listener in self._listeners:
            listener(eui64, message)
