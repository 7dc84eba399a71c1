"""The connection server's HTTP side: the impersonator's application under uvicorn, in the twin's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Protocol

import uvicorn

from bench.twin.core.engine import Engine
from bench.twin.topology import ServerTls

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Counted(Protocol):
    """Something that tells events by their numbers."""

    @property
    def last_id(self) -> int: ...
    def subscribe(self, listener: Callable[[dict[str, Any]], None], /) -> Callable[[], None]: ...


class ServerPort:
    """A server as a port of the barrier: device-stamped, its count is the last event's id, its epoch never ends.

    ``model`` None: it answers and tells nothing unasked.
    """

    stamp = "device"
    unit = "events"
    epoch = 1

    def __init__(
        self, engine: Engine, model: Counted | None, app: Asgi, name: str = "server", tls: ServerTls | None = None
    ) -> None:
        self.name, self.engine, self._model, self._app = name, engine, model, app
        self.attached = self._muted = False
        self._standing = asyncio.Event()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=16)
        host, number = self._socket.getsockname()
        self.address = f"{'http' if tls is None else 'https'}://{host}:{number}"
        config = uvicorn.Config(
            self._gate,
            lifespan="off",
            log_config=None,
            access_log=False,
            http="h11",
            ws="none",
            interface="asgi3",
            proxy_headers=False,
            loop="none",
            timeout_graceful_shutdown=1,
            **_secured(tls),
        )
        self._uvicorn = _Uvicorn(config)
        self._task: asyncio.Task[None] | None = None
        if model is not None:
            model.subscribe(lambda _event: engine.spoke(self))

    @property
    def count(self) -> int:
        return 0 if self._model is None else self._model.last_id

    @property
    def volume(self) -> int:
        return 1024 * self.count  # about a kilobyte an event

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._uvicorn.serve([self._socket]))

    async def ready(self) -> None:
        """Wait until requests are answered."""
        while not self._uvicorn.started:
            await asyncio.sleep(0)

    def attach(self) -> None:
        self.attached = self._task is not None and not self._task.done()

    def detach(self) -> None:
        self.attached = False

    def resume(self) -> None:
        self._standing.set()

    def mute(self) -> None:
        """From now on no new request is answered."""
        self._muted = True

    def close(self) -> None:
        """The server goes away: open streams end, nothing answers any more."""
        self.attached = False
        self._uvicorn.should_exit = self._uvicorn.force_exit = True

    async def closed(self) -> None:
        """Wait for the end of :meth:`close`."""
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _gate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Requests wait while time moves (design section 3, rule 7)."""
        while self.engine.advancing:
            self._standing.clear()
            await self._standing.wait()
        if self._muted:
            await asyncio.Event().wait()
        await self._app(scope, receive, send)


def _secured(tls: ServerTls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    return {
        "ssl_certfile": tls.certificate,
        "ssl_keyfile": tls.key,
        "ssl_ca_certs": tls.client_ca,
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }


class _Uvicorn(uvicorn.Server):
    """Signals belong to the twin."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
