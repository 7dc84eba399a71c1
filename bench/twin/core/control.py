"""The control channel: one JSON object a line over TCP, by which the one bench that drives owns virtual time.

Requests carry ``id`` and are answered with the same ``id``; an error answer has ``error`` instead of a result.
Ops: ``hello``, ``attach``, ``detach``, ``faults``, ``advance``, ``stop``, ``state``, ``shutdown``. When the channel
ends, time stops within one slice, all ports leave the barrier, and the twin waits for the next client or its end
(rule 7).
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

from bench.errors import BenchError, InputError, KenshinError
from bench.formats import CONTROL, KEY, UNNUMBERED
from bench.records import NS_PER_S
from bench.twin.core.engine import Engine, Stop

Request = Mapping[str, Any]
_OPS: Final = "hello, attach, detach, faults, advance, stop, state, shutdown"
LATEST_NS: Final = 7_258_118_400 * NS_PER_S
"""2200-01-01T00:00:00Z: time goes no further, so that every stamp fits 64 bits."""


class ControlRefused(Exception):
    """A request that makes no sense; its text is the answer's ``error``."""


class Controller:
    """What the ops do, apart from the wire. ``leave(exit_code)`` ends the process."""

    def __init__(
        self,
        engine: Engine,
        addresses: Mapping[str, str],
        leave: Callable[[int], None],
        told: Callable[[], list[dict[str, Any]]] = list,
    ) -> None:
        self.engine, self.addresses, self.leave, self._told = engine, addresses, leave, told
        self.client: _Client | None = None
        self.on_client: Callable[[bool], None] = lambda present: None

    def hello(self, request: Request) -> dict[str, Any]:
        try:
            CONTROL.check(request.get(KEY, UNNUMBERED), "hello")
        except InputError as unknown:
            raise ControlRefused(str(unknown)) from None
        declares = {p.name: {"stamp": p.stamp, "unit": p.unit} for p in self.engine.ports.values()}
        ports = dict(self.addresses)
        return {KEY: CONTROL.version, "now_ns": self.engine.kernel.now_ns, "ports": ports, "declares": declares}

    def attach(self, request: Request) -> dict[str, Any]:
        port = self._port(request)
        port.attach()
        if not port.attached:
            raise ControlRefused(f"{port.name} has no connection; expected to be opened before attach")
        return {"epoch": port.epoch, "n": port.count}

    def detach(self, request: Request) -> dict[str, Any]:
        self._port(request).detach()
        return {}

    def state(self, _request: Request) -> dict[str, Any]:
        attached = [p for p in self.engine.ports.values() if p.attached]
        ports = {p.name: {"epoch": p.epoch, "now": p.count} for p in attached}
        return {"now_ns": self.engine.kernel.now_ns, "advancing": self.engine.advancing, "ports": ports}

    def faults(self, _request: Request) -> dict[str, Any]:
        """What the seeded faults did so far. No laboratory has this, and no verdict may look at it."""
        return {"faults": self._told()}

    def _port(self, request: Request) -> Any:
        return self.port_named(request.get("port"))

    def port_named(self, name: object) -> Any:
        """The port; raises ``ControlRefused`` where there is none of that name."""
        port = self.engine.ports.get(name) if isinstance(name, str) else None
        if port is None:
            raise ControlRefused(f"no port {name!r}; expected one of {', '.join(self.engine.ports)}")
        return port

    def gone(self) -> None:
        """The client went: time stops and nobody listens any more."""
        self.engine.stop()
        for port in self.engine.ports.values():
            port.detach()
        self.client = None
        self.on_client(False)
        if self.engine.broken is not None:
            self.leave(BenchError.exit_code)


class _Client(asyncio.Protocol):
    """One control connection."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._engine = controller.engine
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._pending: Request | None = None
        self._patience = 50

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._take_over()

    def _take_over(self) -> None:
        """Become the client, as soon as the one before is gone and time stands; give up after half a second."""
        if self._transport is None:
            return
        if self._controller.client is None and not self._engine.advancing:
            self._controller.client = self
            self._controller.on_client(True)
            self.data_received(b"")
        elif self._patience:
            self._patience -= 1
            asyncio.get_running_loop().call_later(0.01, self._take_over)
        else:
            self._say({"id": None, "error": "another control client is connected; expected one at a time"})
            self._transport.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = self._pending = None
        if self._controller.client is self:
            self._controller.gone()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._controller.client is not self:
            return
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line.strip():
                self._handle(line)

    def _handle(self, line: bytes) -> None:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("no object")
        except (ValueError, RecursionError):
            self._say({"id": None, "error": "this is no request; expected one JSON object a line"})
            return
        try:
            answer = self._dispatch(request)
        except ControlRefused as refused:
            answer = {"error": str(refused)}
        if answer is not None:
            self._say({"id": request.get("id"), **answer})

    def _dispatch(self, request: Request) -> dict[str, Any] | None:
        op = request.get("op")
        if op == "stop":
            self._engine.stop()
            self._give_up_waiting()
            return {}
        if op == "state":
            return self._controller.state(request)
        if op == "shutdown":
            self._controller.leave(0 if self._engine.broken is None else BenchError.exit_code)
            return {}
        if self._engine.advancing or self._pending is not None:
            raise ControlRefused(f"time is moving; expected stop, state or shutdown, not {op}")
        if op == "advance":
            self._advance(request)
            return None
        if op in ("hello", "attach", "detach", "faults"):
            result: dict[str, Any] = getattr(self._controller, op)(request)
            return result
        raise ControlRefused(f"unknown op {op!r}; expected one of {_OPS}")

    def _advance(self, request: Request) -> None:
        until_ns, wake, sent = request.get("until_ns"), request.get("wake", []), request.get("sent", {})
        now_ns = self._engine.kernel.now_ns
        if not isinstance(until_ns, int) or until_ns < now_ns:
            raise ControlRefused(f"until_ns is {until_ns!r}; expected an integer of {now_ns} or later")
        if until_ns > LATEST_NS:
            raise ControlRefused(f"until_ns is {until_ns}; expected {LATEST_NS} (the year 2200) at most")
        if not isinstance(wake, list):
            raise ControlRefused(f"wake is {wake!r}; expected a list of port names")
        if not isinstance(sent, dict):
            raise ControlRefused(f"sent is {sent!r}; expected octets by port name")
        for name in [*wake, *sent]:
            self._controller.port_named(name)
        for name, octets in sent.items():
            if not isinstance(octets, int) or octets < 0:
                raise ControlRefused(f"sent to {name} is {octets!r}; expected a number of octets")
        self._pending = request
        self._start_when_heard()

    def _start_when_heard(self) -> None:
        """Time moves when every octet that the bench says it sent was read (rule 3)."""
        request = self._pending
        if request is None:
            return
        for name, octets in request.get("sent", {}).items():
            port = self._engine.ports[name]
            if port.attached and getattr(port, "heard_octets", octets) < octets:
                asyncio.get_running_loop().call_later(0.0005, self._start_when_heard)
                return
        self._pending = None
        request_id = request.get("id")

        def failed(error: Exception) -> None:
            if isinstance(error, KenshinError):  # one line says it all; the rig stays, to be made safe
                self._say({"id": request_id, "error": str(error), "broken": True})
                return
            self._say({"id": request_id, "error": f"the simulation failed: {error!r}"})
            self._controller.leave(3)
            raise error

        self._engine.advance(
            request["until_ns"], request.get("wake", []), lambda stop: self._stopped(request_id, stop), failed
        )

    def _give_up_waiting(self) -> None:
        if self._pending is not None:
            request, self._pending = self._pending, None
            stop = {"now_ns": self._engine.kernel.now_ns, "reason": "stopped", "ports": self._engine.counts()}
            self._say({"id": request.get("id"), **stop})

    def _stopped(self, request_id: Any, stop: Stop) -> None:
        self._say({"id": request_id, "now_ns": stop.now_ns, "reason": stop.reason.value, "ports": stop.ports})

    def _say(self, answer: Mapping[str, Any]) -> None:
        if self._transport is not None:
            self._transport.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")


async def listen(controller: Controller) -> asyncio.Server:
    """Open the control channel on a free loopback port."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _Client(controller), "127.0.0.1", 0)
