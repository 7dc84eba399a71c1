"""The twin as a process: the virtual rig behind real wires, in one event loop (design sections 3 and 4).

``run_twin`` opens every port of the topology, says where they are (one JSON line on stdout and in the ready file), and
serves until it is shut down, signalled, or left alone for its linger time. Whoever starts it gives it a session of its
own.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from bench.errors import InputError
from bench.records import NS_PER_S
from bench.twin import faults as fault_registry
from bench.twin.control import Controller, listen
from bench.twin.engine import Engine
from bench.twin.http import ServerPort
from bench.twin.ports import BytePort, PtyPort, SnifferPort, TcpPort
from bench.twin.rig import MeshFactory, Rig
from bench.twin.topology import Breakdown, Failure, Topology, load, with_faults

AnyPort: TypeAlias = BytePort | SnifferPort | ServerPort
REAL_MESH: Final = "bench.twin.mesh:build"


def run_twin(
    topology_path: str | Path,
    seed: int | None = None,
    start_ns: int | None = None,
    ready: str | Path | None = None,
    linger_s: float | None = None,
    faults: Sequence[str] = (),
    mesh: str = REAL_MESH,
) -> int:
    """Run a twin until its end and return its exit code: 0, or 3 when the simulation failed.

    ``seed``, ``start_ns`` and ``linger_s`` replace the topology's; ``faults`` are like ``t1:late-join``; ``mesh`` is
    the dotted path of the mesh factory. Raises InputError when something written is wrong.
    """
    topology = load(topology_path)
    extra: dict[str, tuple[str | dict[str, Any], ...]] = {}
    for spec in faults:
        terminal, fault = fault_registry.split(spec)
        extra[terminal] = (*extra.get(terminal, ()), fault)
    topology = with_faults(topology, extra)
    if seed is not None:
        topology = topology.model_copy(update={"seed": seed})
    linger_s = topology.linger_s if linger_s is None else linger_s
    process = _Process(topology, topology.epoch_ns if start_ns is None else start_ns, linger_s, _dotted(mesh))
    return asyncio.run(process.run(Path(ready) if ready is not None else None))


def _dotted(path: str) -> Any:
    """What ``package.module:name`` names. InputError when it is not there."""
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"'{path}' cannot be loaded ({error}); expected package.module:name") from None


class _Process:
    """One twin: rig, ports and control channel in the running loop."""

    def __init__(self, topology: Topology, start_ns: int, linger_s: float, build_mesh: MeshFactory) -> None:
        self.topology = topology
        self._linger_s = linger_s
        self._sniffers: dict[str, SnifferPort] = {}
        self.rig = Rig(topology, start_ns, build_mesh, self._capture)
        self.ports: dict[str, AnyPort] = {}
        self._linger: asyncio.TimerHandle | None = None

    def _capture(self, sniffer: str, start_ns: int, end_ns: int, psdu: bytes, rssi_dbm: int, channel: int) -> None:
        port = self._sniffers.get(sniffer)
        if port is not None:
            port.heard(start_ns, end_ns, psdu, rssi_dbm, channel)

    async def run(self, ready: Path | None) -> int:
        """Serve until the end."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()

        def leave(code: int) -> None:
            if not ended.done():
                ended.set_result(code)

        engine = Engine(self.rig.kernel, loop.call_soon)
        server = self._open_ports(engine)
        engine.ports.update(self.ports)
        for breakdown in self.topology.breakdowns:
            self._plan_breakdown(engine, self.ports[breakdown.port], breakdown)
        addresses = {name: port.address for name, port in self.ports.items()}
        controller = Controller(engine, addresses, leave)
        control = await listen(controller)
        server.start()
        await server.ready()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, leave, 0)
        controller.on_client = lambda present: self._client(present, leave)
        self._client(False, leave)
        host, port = control.sockets[0].getsockname()
        self._announce(ready, f"{host}:{port}", addresses)
        code = await ended
        engine.stop()
        control.close()
        for opened in self.ports.values():
            opened.close()
        await server.closed()
        return code

    def _plan_breakdown(self, engine: Engine, port: AnyPort, plan: Breakdown) -> None:
        def break_down() -> None:
            if plan.how is Failure.CLOSE:
                port.close()
                engine.interrupt()  # a pulled wire is noticed
            else:
                port.mute()

        self.rig.kernel.after(plan.after_s * NS_PER_S, break_down)

    def _client(self, present: bool, leave: Callable[[int], None]) -> None:
        """Without a control client, wait for one for the linger time only."""
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        if not present:
            self._linger = asyncio.get_running_loop().call_later(self._linger_s, leave, 0)

    def _open_ports(self, engine: Engine) -> ServerPort:
        rig = self.rig
        for terminal in self.topology.terminals:
            if terminal.console:
                self._pty(f"console.{terminal.id}", engine, terminal.console, rig.consoles[terminal.id])
            if terminal.panel:
                self._pty(f"panel.{terminal.id}", engine, terminal.panel, rig.panels[terminal.id])
            for meter in terminal.meters if terminal.meter_port else ():
                name = f"{terminal.id}.{meter.id}"
                self._pty(f"meter.{name}", engine, str(terminal.meter_port), rig.meters[name])
        for supply in self.topology.supplies:
            port = TcpPort(f"supply.{supply.id}", engine)
            port.connect(_dotted(supply.impersonator)(port, rig.supplies[supply.id]))
            self.ports[port.name] = port
        for sniffer in self.topology.sniffers:
            self._sniffers[sniffer.id] = SnifferPort(f"sniffer.{sniffer.id}", engine)
            self.ports[f"sniffer.{sniffer.id}"] = self._sniffers[sniffer.id]
        server = ServerPort(engine, rig.server, _dotted(self.topology.server.app)(rig.server))
        self.ports[server.name] = server
        return server

    def _pty(self, name: str, engine: Engine, impersonator: str, model: object) -> None:
        port = PtyPort(name, engine)
        port.connect(_dotted(impersonator)(port, model))
        self.ports[name] = port

    def _announce(self, ready: Path | None, control: str, addresses: dict[str, str]) -> None:
        """The ready line, for people and for the fixture that started us; the file appears whole or not at all."""
        line = json.dumps(
            {
                "control": control,
                "pid": os.getpid(),
                "now_ns": self.rig.kernel.now_ns,
                "epoch_ns": self.topology.epoch_ns,
                "ports": addresses,
            }
        )
        if ready is not None:
            draft = ready.with_name(f"{ready.name}.{os.getpid()}.tmp")
            draft.write_text(line + "\n", encoding="utf-8")
            draft.replace(ready)
        print(line, flush=True)
