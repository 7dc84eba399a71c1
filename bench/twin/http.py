"""The connection server's HTTP side: the impersonator's application under uvicorn, in the twin's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import uvicorn

from bench.twin.engine import Engine
from bench.twin.server_model import ConnectionServer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class ServerPort:
    """The server as a port of the barrier: device-stamped, its count is the last event's id, its epoch never ends."""

    name = "server"
    stamp = "device"
    unit = "events"
    epoch = 1

    def __init__(self, engine: Engine, model: ConnectionServer, app: Asgi) -> None:
        self.engine, self._model, self._app = engine, model, app
        self.attached = self._muted = False
        self._standing = asyncio.Event()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=16)
        host, number = self._socket.getsockname()
        self.address = f"http://{host}:{number}"
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
        )
        self._uvicorn = _Uvicorn(config)
        self._task: asyncio.Task[None] | None = None
        model.subscribe(lambda _event: engine.spoke(self))

    @property
    def count(self) -> int:
        return self._model.last_id

    @property
    def volume(self) -> int:
        return 1024 * self._model.last_id  # about a kilobyte an event

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


class _Uvicorn(uvicorn.Server):
    """Signals belong to the twin."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
