"""Impersonator of a relay box that speaks HTTP (``standin-relay/1``), for labgrid's ``HttpDigitalOutputDriver``.

A stand-in of our own: boxes that one buys differ in path and body, which labgrid lets a rig file say.

    PUT /relay   "1" closes, "0" opens      GET /relay   "1" or "0"

- HttpDigitalOutput: {name: relay.t1, url: "http://192.0.2.9/relay", body_asserted: "1", body_deasserted: "0"}

What the relay does when it closes and opens is its family's: `devices.key.impersonator`, `devices.cut.impersonator`,
`devices.meter.pulse_impersonator`.
"""

from __future__ import annotations

import re
from typing import Final

from bench.ports import Port

_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d{1,6})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_HEAD_END: Final = b"\r\n\r\n"
LONGEST: Final = 1 << 16


class RelayImpersonator:
    """One relay; ``closed`` is what it is. Who plays what hangs on it overrides ``on_switch``."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._buffer = b""
        self.closed = False

    def on_connect(self) -> None:
        self._buffer = b""

    def on_bytes(self, data: bytes) -> None:
        requests, self._buffer = self.split(self._buffer + data)
        for request in requests:
            self._port.say(self._answer(request))

    @staticmethod
    def split(octets: bytes) -> tuple[list[bytes], bytes]:
        """Whole requests, head and body, and what is left."""
        found = []
        while (end := octets.find(_HEAD_END)) >= 0:
            length = _LENGTH.search(octets[:end])
            whole = end + len(_HEAD_END) + (int(length[1]) if length else 0)
            if len(octets) < whole:
                break
            found.append(octets[:whole])
            octets = octets[whole:]
        return found, octets[-LONGEST:]

    def on_switch(self, closed: bool) -> None:
        """The relay moved."""

    def _answer(self, request: bytes) -> bytes:
        head, _, body = request.partition(_HEAD_END)
        match head.split(b" ", 2)[:2]:
            case [b"GET", b"/relay"]:
                return _response("200 OK", b"1" if self.closed else b"0")
            case [b"PUT", b"/relay"] if body in (b"0", b"1"):
                moved, self.closed = self.closed is not (body == b"1"), body == b"1"
                if moved:
                    self.on_switch(self.closed)
                return _response("200 OK", body)
            case [b"PUT", b"/relay"]:
                return _response("422 Unprocessable Content", b"expected 1 or 0")
        return _response("404 Not Found", b"expected /relay")


def _response(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
