"""labgrid resource and driver of the connection server, the bench in the role of the MDMS (stand-in interface).

Commands are plain HTTP requests. Events come as a server-sent event stream over a socket of their own that the pump
reads: no reader thread, and the count of the barrier is the event id, so the stream resumes where it was cut.
"""

from __future__ import annotations

import contextlib
import json
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attr
import h11
import requests
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import Resource

from bench.clock import Clock
from bench.errors import BenchError, InputError, KenshinError
from bench.pump import Channel, PortLost, Stamp
from devices.wire import CHUNK, connect, receive

ANSWER_S: Final = 5.0
"""Real seconds before the server counts as dead; it answers at once."""


class EventParser:
    """Server-sent events from octets: an event ends at an empty line; only ``data`` matters, it holds the id too."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None]) -> None:
        self._on_event = on_event
        self._buffer = b""
        self._data: list[str] = []

    def feed(self, octets: bytes) -> None:
        *lines, self._buffer = (self._buffer + octets).split(b"\n")
        for line in lines:
            field, _, value = line.rstrip(b"\r").decode("utf-8", "replace").partition(":")
            if field == "data":
                self._data.append(value.removeprefix(" "))
            elif not field and not value and self._data:
                text, self._data = "\n".join(self._data), []
                self._on_event(json.loads(text))


class EventChannel(Channel):
    """The open event stream. Counts event ids; the server stamps."""

    def __init__(self, port: str, last_id: int, on_event: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(port, Stamp.DEVICE)
        self.count = last_id
        self._on_event = on_event
        self._parser = EventParser(self._take)
        self._http = h11.Connection(h11.CLIENT)
        self._socket: socket.socket | None = None

    def open(self, host: str, tcp_port: int, path: str) -> None:
        """Connect and ask for the events after ``count``. ``BenchError`` when the server refuses."""
        self._socket = connect(self.port, host, tcp_port)
        headers = [
            ("Host", f"{host}:{tcp_port}"),
            ("Accept", "text/event-stream"),
            ("Last-Event-ID", str(self.count)),
        ]
        self._socket.settimeout(ANSWER_S)
        try:
            self._socket.sendall(self._http.send(h11.Request(method="GET", target=path, headers=headers)) or b"")
            self._socket.sendall(self._http.send(h11.EndOfMessage()) or b"")
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(self._socket.recv(CHUNK))
        except (OSError, h11.RemoteProtocolError):
            raise BenchError(f"{self.port}: no answer to the request for events") from None
        if not isinstance(event, h11.Response) or event.status_code != 200:
            status = getattr(event, "status_code", "none")
            raise BenchError(f"{self.port}: the event stream was refused (status {status})")
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
            raise BenchError(f"{self.port}: {lost}") from None

    def read(self, limit: int) -> None:
        assert self._socket is not None
        if data := receive(self._socket, CHUNK):
            self._http.receive_data(data)
            self._parse()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _parse(self) -> None:
        try:
            while isinstance(event := self._http.next_event(), h11.Data):
                self._parser.feed(bytes(event.data))
        except (h11.RemoteProtocolError, ValueError):
            raise PortLost("sends no events") from None
        if isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            raise PortLost("closed by the device")

    def _take(self, event: dict[str, Any]) -> None:
        self.count = int(event["id"])
        self._on_event(event)


class ServerProtocol(ABC):
    """What the bench asks of a connection server; each request is answered at once, its effect comes as events."""

    @abstractmethod
    def status(self) -> Mapping[str, Any]:
        """``{"now_ns": .., "terminals": [{"id", "eui64", "registered", "reachable"}]}``."""

    @abstractmethod
    def is_reachable(self, terminal: str) -> bool:
        """Whether the server holds the terminal for communicable now; False for one it does not know."""

    @abstractmethod
    def request(self, terminal: str, body: Mapping[str, Any]) -> str:
        """Submit a request, return its id.

        ``{"op": "read", "meter": ..}`` asks for the present index, ``{"op": "history", "meter": .., "from_ns": ..,
        "to_ns": ..}`` for the stored hourly values of ``from_ns <= mark <= to_ns``.
        """

    @abstractmethod
    def deregister(self, terminal: str) -> None:
        """Forget the terminal's registration, so that the next join is a first one."""


@target_factory.reg_resource
@attr.s(eq=False)
class ConnectionServer(Resource):  # type: ignore[misc]  # labgrid has no types
    """A connection server at ``url`` (http)."""

    url: str = attr.ib(validator=attr.validators.instance_of(str))


@target_factory.reg_driver
@attr.s(eq=False)
class ConnectionServerDriver(Driver, ServerProtocol):  # type: ignore[misc]
    """Observations ``server.<kind>`` with the server's own stamp and the event's data; subject is the terminal's id."""

    bindings = {"server": ConnectionServer}  # noqa: RUF012 -- labgrid's way

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.server: Any
        self._clock: Clock | None = None
        self._channel: EventChannel | None = None
        self._session: requests.Session | None = None

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    @property
    def last_event_id(self) -> int:
        """Id of the last event received."""
        return self._channel.count if self._channel else 0

    def connect(self, clock: Clock, after: int = 0) -> None:
        """Open the event stream after event id ``after``. ``BenchError`` when the server does not answer."""
        url = urlsplit(self.server.url)
        if url.scheme != "http" or not url.hostname:
            raise InputError(f"{self.port}: url {self.server.url!r}; expected http://HOST:PORT")
        self._clock = clock
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy setting of the host must not reach into the lab
        channel = EventChannel(self.port, after, self._on_event)
        try:
            channel.open(url.hostname, url.port or 80, f"{url.path.rstrip('/')}/v1/events?after={after}")
        except BaseException:
            channel.close()
            raise
        self._channel = channel
        clock.attach(channel)

    def disconnect(self) -> None:
        """Close stream and session."""
        if self._clock is not None:
            self._clock.detach(self.port)
        if self._session is not None:
            self._session.close()
        self._clock = self._channel = self._session = None

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver: let go of the server; that it is dead already is no news then."""
        with contextlib.suppress(KenshinError):
            self.disconnect()

    @Driver.check_active  # type: ignore[untyped-decorator]
    def status(self) -> Mapping[str, Any]:
        return self._request("GET", "/v1/status")

    @Driver.check_active  # type: ignore[untyped-decorator]
    def is_reachable(self, terminal: str) -> bool:
        return any(t["id"] == terminal and t["reachable"] for t in self.status()["terminals"])

    @Driver.check_active  # type: ignore[untyped-decorator]
    def request(self, terminal: str, body: Mapping[str, Any]) -> str:
        answer = self._request("POST", f"/v1/terminals/{terminal}/requests", body)
        if "request" not in answer:
            raise BenchError(f"{self.port}: no request id in the answer {answer}")
        return str(answer["request"])

    @Driver.check_active  # type: ignore[untyped-decorator]
    def deregister(self, terminal: str) -> None:
        self._request("DELETE", f"/v1/terminals/{terminal}/registration")

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if self._session is None or self._clock is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        self._clock.pump.exchange(self.port)
        try:
            response = self._session.request(method, self.server.url.rstrip("/") + path, json=body, timeout=ANSWER_S)
            answer = response.json()
        except (requests.RequestException, ValueError):
            raise BenchError(f"{self.port}: no answer to {method} {path}") from None
        if not response.ok:
            raise BenchError(f"{self.port}: {method} {path} refused: {answer.get('error', response.status_code)}")
        return dict(answer)

    def _on_event(self, event: dict[str, Any]) -> None:
        assert self._clock is not None
        data = {key: value for key, value in event.items() if key not in ("t_ns", "kind")}
        terminal = str(event.get("terminal", "")) or self.port
        self._clock.pump.publish(self.port, terminal, f"server.{event['kind']}", data, t_ns=int(event["t_ns"]))
