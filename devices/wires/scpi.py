"""SCPI lines over a raw TCP socket (devices.md 6.0), for the bench and for the watchdog alike.

A plain socket and nothing else: the watchdog must be able to speak to a supply when the disk is gone and memory is
short, so nothing is imported, looked up or allocated at length at that moment. What instruments do to a line, and what
is done about it (and in `devices.wires.session`, for every kind of wire):

* They close idle sessions: whoever asks next gets `SessionLost`, and may connect again.
* They answer twice, or speak unasked: what lies there before a query is dropped.
* They echo (a serial bridge), and put NUL, 0xff or colour codes around an answer: neither is an answer.
* They babble without a line end: an answer is 64 KiB at most, and takes no longer than the time-out.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

from bench.air.octets import counted
from bench.sockets import Deadline, keep_alive, readable
from devices.wires.noise import clean
from devices.wires.session import ANSWER_S, Fits, ScpiSession, SessionLost, Transcript, is_identity, unheard

LONGEST_ANSWER: Final = 1 << 16
CHUNK: Final = 1 << 14
WHO_TIMES: Final = 4


class ScpiTransport(ScpiSession):
    """One instrument's line to ``host:port``."""

    def __init__(
        self, name: str, host: str, port: int, answer_s: float = ANSWER_S, transcript: Transcript = unheard
    ) -> None:
        super().__init__(name, answer_s, transcript)
        self._host, self._port = host, port
        self._socket: socket.socket | None = None

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def connect(self) -> None:
        """Connect without a word, where there is no session or the instrument has closed it."""
        with self._lock:
            if self.is_open:
                with contextlib.suppress(SessionLost):
                    self._drop_unasked()
                    return
            self._begin()

    def _begin(self) -> None:
        try:
            connection = socket.create_connection((self._host, self._port), timeout=self._answer_s)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "no answer"
            raise SessionLost(f"{self.name}: {self._host}:{self._port}: {reason}") from None
        # Without it a command that follows a command waits 40 ms for an acknowledgement (Nagle).
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(connection)
        self._socket = connection

    def _end(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _send(self, command: str) -> None:
        assert self._socket is not None
        try:
            self._socket.settimeout(self._answer_s)
            self._socket.sendall(command.encode("ascii") + b"\n")
        except OSError as error:
            raise self._lost(f"{command!r} could not be sent ({error.strerror or 'no answer'})") from None

    def _who(self) -> str:
        """Asked again while there is time: some hear nothing at first. An answer that comes twice by that fits no other
        question, and is passed over."""
        for _ in range(WHO_TIMES - 1):
            self.write("*IDN?")
            if self._readable(self._answer_s / WHO_TIMES):
                return self._answer("*IDN?", is_identity)
        return self.query("*IDN?", is_identity)

    def _answer(self, command: str, fits: Fits) -> str:
        deadline = Deadline(self._answer_s)
        heard, other = b"", ""
        while True:
            line, end, heard = heard.partition(b"\n")
            if not end:
                if other and not line and not self._readable(deadline.left_s):
                    return other
                heard = line + self._more(command, line, deadline)
                continue
            answer = clean(line).strip()
            if answer and answer != command:
                self._transcript("<", answer)
                if fits(answer):
                    return answer
                other = answer

    def _more(self, command: str, so_far: bytes, deadline: Deadline) -> bytes:
        """The next octets of an answer."""
        if len(so_far) > LONGEST_ANSWER:
            raise self._lost(f"no whole answer to {command!r} ({counted(len(so_far))} without a line end)")
        if not self._readable(deadline.left_s) or deadline.over:
            whole = "no whole answer" if so_far else "no answer"
            raise self._lost(f"{whole} to {command!r} within {self._answer_s:g} s")
        data = self._receive()
        if not data:
            raise self._lost(f"closed the connection (asked {command!r})")
        return data

    def _drop_unasked(self) -> None:
        if self._socket is None:
            self.open()
        dropped = 0
        while self._readable(0.0):
            data = self._receive()
            if not data:
                raise self._lost("closed the connection")
            dropped += len(data)
            if dropped > 16 * LONGEST_ANSWER:
                raise self._lost("speaks without being asked, and without end")

    def _readable(self, timeout_s: float) -> bool:
        assert self._socket is not None
        return readable(self._socket.fileno(), timeout_s)

    def _receive(self) -> bytes:
        """What is there; empty at the end of the session, whatever ended it."""
        assert self._socket is not None
        try:
            return self._socket.recv(CHUNK)
        except OSError:
            return b""
