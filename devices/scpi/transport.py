"""SCPI lines over a raw TCP socket through pyvisa and pyvisa-py, with that backend's four traps cured.

Measured on pyvisa-py 0.8.1 (labgrid.md 4.1), and what is done here about each:

* Nagle's delay makes write, write, query take 44 ms: ``TCP_NODELAY`` is set on the session's own socket.
* A refused port "opens": the connection is probed with ``*IDN?`` before it counts as open.
* On a closed peer a read spins until the time-out and calls it a time-out: the socket is looked at before reading.
* A late answer would be given to the next query: after a time-out the session is closed and opened anew, and what lies
  there unasked is dropped before a query.

One lock an instrument; both directions go to ``transcript``.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from bench.errors import BenchError

ANSWER_S: Final = 5.0
"""Real seconds before an instrument counts as dead; an answer takes milliseconds."""


class ScpiTransport:
    """One instrument's line to ``host:port``. ``name`` is the port's name in messages (``supply.dc``).

    Every failure is a ``BenchError`` of one line that names the port.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        timeout_s: float = ANSWER_S,
        transcript: Callable[[str, str], None] = lambda _direction, _line: None,
    ) -> None:
        self.name = name
        self.identity = ""
        self._host, self._port, self._timeout_s = host, port, timeout_s
        self._transcript = transcript
        self._lock = threading.RLock()
        self._session: Any = None
        self._socket: socket.socket | None = None

    def open(self) -> str:
        """Connect and ask who is there; returns the ``*IDN?`` answer."""
        import pyvisa  # 0.1 s, and only where a supply is really driven

        address = f"TCPIP::{self._host}::{self._port}::SOCKET"
        with self._lock:
            self.close()
            try:
                manager = pyvisa.ResourceManager("@py")
                session: Any = manager.open_resource(address, read_termination="\n", write_termination="\n")
                session.timeout = self._timeout_s * 1000
                self._session = session
                backend: Any = manager.visalib
                raw: socket.socket = backend.sessions[session.session].interface
            except Exception as error:  # pyvisa-py raises bare Exception here
                raise BenchError(f"{self.name}: cannot connect ({_short(error)})") from None
            self._require_connected(raw)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = raw
            self.identity = self.query("*IDN?")
            return self.identity

    def _require_connected(self, raw: socket.socket) -> None:
        """A refused port "opens" in pyvisa-py and fails at its first use (labgrid.md 4.1): ask the socket itself."""
        poller = select.poll()
        poller.register(raw, select.POLLOUT)
        answered = poller.poll(self._timeout_s * 1000)
        code = raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if answered else errno.ETIMEDOUT
        if code:
            self.close()
            raise BenchError(f"{self.name}: {self._host}:{self._port}: {os.strerror(code)}")

    def close(self) -> None:
        """Close the session; nothing happens when it is closed."""
        with self._lock:
            session, self._session, self._socket = self._session, None, None
            if session is not None:
                session.close()

    def write(self, command: str) -> None:
        """Send one line without waiting. Follow it by a query, so that it is done before time moves."""
        with self._lock:
            session = self._opened()
            try:
                session.write(command)
            except Exception as error:
                self.close()
                raise BenchError(f"{self.name}: {command!r} could not be sent ({_short(error)})") from None
            self._transcript(">", command)

    def query(self, command: str) -> str:
        """Send one line and return the line that answers it, without its end."""
        with self._lock:
            try:
                return self._query(command)
            except KeyboardInterrupt:
                self.close()  # the answer that is still to come must not meet the next query
                raise

    def _query(self, command: str) -> str:
        self._drop_unasked()
        self.write(command)
        if not self._readable(self._timeout_s):
            self.close()  # whatever comes late dies with this session
            raise BenchError(f"{self.name}: no answer to {command!r} within {self._timeout_s:g} s")
        if self._at_end():
            self.close()
            raise BenchError(f"{self.name}: closed the connection (asked {command!r})")
        try:
            answer = str(self._session.read()).strip()
        except Exception as error:
            self.close()
            raise BenchError(f"{self.name}: no whole answer to {command!r} ({_short(error)})") from None
        self._transcript("<", answer)
        return answer

    def _opened(self) -> Any:
        if self._session is None:
            self.open()
        return self._session

    def _drop_unasked(self) -> None:
        self._opened()
        if self._readable(0.0):
            if self._at_end():
                self.close()
                raise BenchError(f"{self.name}: closed the connection")
            self._session.clear()

    def _readable(self, timeout_s: float) -> bool:
        assert self._socket is not None
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        return bool(poller.poll(timeout_s * 1000))

    def _at_end(self) -> bool:
        assert self._socket is not None
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


def _short(error: Exception) -> str:
    """An error in a few words: pyvisa's own texts run over lines."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error).split(":")[0].split("\n")[0]
