"""A server's event stream (server-sent events) as a channel of the pump, over TCP or TLS.

A stream that ended is asked for again behind the last event that came: nothing is missed, nothing comes twice. One
that does not stand (refused three times in a row, or silent while the server has events) gives way to polling, where
the rig file leaves that open.
"""

from __future__ import annotations

import contextlib
import copy
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

import h11

from bench.drive.pump import Channel, PortLost, Stamp
from bench.errors import BenchError
from devices.server.events import from_json, is_whole
from devices.server.line import Line
from devices.wires.rest import ANSWER_S, tls_words
from devices.wires.wire import CHUNK, begin_connecting, connect, finish_connecting, receive

LONGEST_EVENT: Final = 1 << 20
TRIES: Final = 3
"""Streams in a row that do not stand, before events are asked for instead."""
CLOSED: Final = "closed by the device"
NO_STREAM: Final = frozenset({404, 405, 406, 501})
"""Status of a server that offers none."""


class NoStream(BenchError):
    """The server offers no event stream."""


class EventParser:
    """Server-sent events from octets: an event ends at an empty line; ``on_event`` gets its id and its data.

    Other fields (``event``, ``retry``, comments) say nothing that the data does not. Raises ``PortLost`` for a line
    without end.
    """

    def __init__(self, on_event: Callable[[str, str], None]) -> None:
        self._on_event = on_event
        self._buffer = b""
        self._id = ""
        self._data: list[str] = []

    def feed(self, octets: bytes) -> None:
        *lines, self._buffer = (self._buffer + octets).split(b"\n")
        if len(self._buffer) > LONGEST_EVENT:
            raise PortLost("sends no events")
        for line in lines:
            field, _, value = line.rstrip(b"\r").decode("utf-8", "replace").partition(":")
            if field == "data":
                self._data.append(value.removeprefix(" "))
            elif field == "id":
                self._id = value.strip()
            elif not field and not value and self._data:
                text, self._data = "\n".join(self._data), []
                self._on_event(self._id, text)


class CountedEvents(Channel):
    """A port that counts a server's events by their ids; the server stamps. What comes again is passed over."""

    def __init__(self, port: str, last_id: int, on_event: Callable[[Any], None]) -> None:
        super().__init__(port, Stamp.DEVICE)
        self.count = last_id
        self._on_event = on_event

    def take(self, id_text: str, event: Any) -> None:
        """One event as it came; ``id_text`` is the stream's own id of it, where it has one."""
        number = event.get("id") if isinstance(event, dict) else None
        if is_whole(number) and number <= self.count:
            return  # what was there before the port was cut is repeated
        if is_whole(number):
            self.count = number
        elif id_text.isascii() and id_text.isdigit() and len(id_text) < 19:
            # The stream's own id still tells where to go on; it stands until the next one and tells no repetition.
            self.count = max(self.count, int(id_text))
        self._on_event(event)


_HUNG_UP: Final = (h11.RemoteProtocolError, ConnectionError, ssl.SSLEOFError)
"""In TLS 1.3 who does not take a certificate may say so after the handshake, or close or reset without a word."""


class EventChannel(CountedEvents):
    """The open event stream. ``instead`` makes the channel that takes its place after ``TRIES``; None: nothing does."""

    def __init__(
        self,
        port: str,
        last_id: int,
        on_event: Callable[[Any], None],
        instead: Callable[[int], Channel] | None = None,
    ) -> None:
        super().__init__(port, last_id, on_event)
        self.idle = False
        """The server has events that do not come: another stream would not bring them either."""
        self._instead = instead
        self._tried = 0
        self._socket: socket.socket | None = None
        self._peer: Any = None
        self._line: Line | None = None
        self._path = ""
        self._shaking = False
        self._begin()

    def _begin(self) -> None:
        """Nothing was said on this connection yet."""
        self._parser = EventParser(self._take)
        self._http = h11.Connection(h11.CLIENT)

    def open(self, line: Line, path: str) -> None:
        """Connect and ask for the events after ``count``. ``BenchError`` when the server refuses, ``NoStream`` when it
        has none."""
        self._line, self._path = line, path
        self._socket = connect(self.port, line.host, line.tcp_port)
        self._peer = self._socket.getpeername()
        self._socket.settimeout(ANSWER_S)
        try:
            if line.papers is not None:
                self._socket = line.papers.context().wrap_socket(self._socket, server_hostname=line.host)
            self._socket.sendall(self._request())
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(self._socket.recv(CHUNK))
        except (OSError, h11.RemoteProtocolError) as error:
            why = "no answer to the request for events"
            if line.papers is not None and isinstance(error, _HUNG_UP):
                why += ": it may not take the bench's certificate"
            else:
                why = tls_words(error) or why
            raise BenchError(f"{self.port}: {why}") from None
        if not isinstance(event, h11.Response) or event.status_code != 200:
            status = getattr(event, "status_code", "none")
            kind = NoStream if status in NO_STREAM else BenchError
            raise kind(f"{self.port}: the event stream was refused (status {status})")
        self._socket.setblocking(False)

    def fileno(self) -> int:
        assert self._socket is not None
        return self._socket.fileno()

    def attached(self, epoch: int, n: int) -> None:
        """The count stays the last id seen: stored events after it are still to come, up to ``n``."""
        self.epoch = epoch
        try:
            self._parse()
        except PortLost as lost:
            if str(lost) != CLOSED or self._socket is None:
                raise BenchError(f"{self.port}: {lost}") from None
            with contextlib.suppress(OSError):  # ended already: the next look finds its end, and it is looked for again
                self._socket.shutdown(socket.SHUT_RD)

    def read(self, limit: int) -> None:
        assert self._socket is not None
        if self.connecting:
            finish_connecting(self._socket)
            self.connecting = False
            if self._line is not None and self._line.papers is not None:
                self._socket = self._line.papers.context().wrap_socket(
                    self._socket, server_hostname=self._line.host, do_handshake_on_connect=False
                )
                self._shaking = True
        if self._shaking and not self._shaken():
            return
        if not self.settled and self._http.our_state is h11.IDLE:
            self._ask()
        while data := self._received():
            self._http.receive_data(data)
            self._parse()
            if not isinstance(self._socket, ssl.SSLSocket):
                break  # what is left of a TLS record no descriptor tells; what is left of a stream it does

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def reopened(self) -> Channel:
        """Connecting again; the server's answer comes later, and only with it the stream is found again."""
        assert self._socket is not None
        if self._instead is not None and (self.idle or self._tried >= TRIES):
            return self._instead(self.count)
        again = copy.copy(self)
        again._begin()
        again._tried += 1
        again._shaking = False
        again._socket = begin_connecting(self._socket.family, self._peer)
        again.connecting, again.settled = True, False
        return again

    def _shaken(self) -> bool:
        """Whether TLS stands; it goes on with what comes."""
        assert isinstance(self._socket, ssl.SSLSocket)
        try:
            self._socket.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as error:
            raise PortLost(tls_words(error) or "closed by the device") from None
        self._shaking = False
        return True

    def _ask(self) -> None:
        assert self._socket is not None
        try:
            self._socket.sendall(self._request())
        except OSError:
            raise PortLost("closed by the device") from None

    def _received(self) -> bytes:
        assert self._socket is not None
        if not isinstance(self._socket, ssl.SSLSocket):
            return receive(self._socket, CHUNK)
        try:
            data = self._socket.recv(CHUNK)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError as error:
            raise PortLost(tls_words(error) or "closed by the device") from None
        if not data:
            raise PortLost("closed by the device")
        return data

    def _request(self) -> bytes:
        assert self._line is not None
        host = f"{self._line.host}:{self._line.tcp_port}"
        headers = [("Host", host), ("Accept", "text/event-stream"), ("Last-Event-ID", str(self.count))]
        head = self._http.send(h11.Request(method="GET", target=f"{self._path}?after={self.count}", headers=headers))
        return (head or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    def _parse(self) -> None:
        try:
            while isinstance(event := self._http.next_event(), (h11.Data, h11.Response)):
                if isinstance(event, h11.Data):
                    self._parser.feed(bytes(event.data))
                elif event.status_code != 200:
                    raise PortLost(f"refuses the event stream (status {event.status_code})")
                else:
                    self.settled, self._tried = True, 0
        except h11.RemoteProtocolError:
            raise PortLost("sends no events") from None
        if isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            raise PortLost(CLOSED)

    def _take(self, id_text: str, text: str) -> None:
        self.take(id_text, from_json(text))
