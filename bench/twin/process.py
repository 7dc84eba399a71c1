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
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from bench.errors import InputError
from bench.formats import CONTROL, KEY
from bench.records import NS_PER_S
from bench.twin import faults as fault_registry
from bench.twin.core.control import Controller, listen
from bench.twin.core.engine import Engine
from bench.twin.core.http import ServerPort
from bench.twin.core.ports import BytePort, PtyPort, SnifferPort, TcpPort
from bench.twin.faults import FaultFailed
from bench.twin.rig import MeshFactory, Rig, standing_models
from bench.twin.topology import Breakdown, Failure, FaultSpec, Topology, Wire, load, with_faults

AnyPort: TypeAlias = BytePort | SnifferPort | ServerPort
REAL_MESH: Final = "bench.twin.radio:build"


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
    topology = with_specs(load(topology_path), faults)
    if seed is not None:
        topology = topology.model_copy(update={"seed": seed})
    linger_s = topology.linger_s if linger_s is None else linger_s
    process = _Process(topology, topology.epoch_ns if start_ns is None else start_ns, linger_s, dotted(mesh))
    return asyncio.run(process.run(Path(ready) if ready is not None else None))


def with_specs(topology: Topology, faults: Sequence[str]) -> Topology:
    """The topology with these faults (``t1:late-join``) beside its own. InputError where one is wrong."""
    extra: dict[str, tuple[FaultSpec, ...]] = {}
    for spec in faults:
        subject, fault = fault_registry.split(spec)
        extra[subject] = (*extra.get(subject, ()), fault)
    return with_faults(topology, extra)


def dotted(path: str) -> Any:
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
        drop = topology.server.drop
        self._drop = None if drop is None else dotted(drop.writer)(self.rig.server, Path(drop.folder))

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
        servers = self._open_ports(engine)
        engine.ports.update(self.ports)
        for breakdown in self.topology.breakdowns:
            self._plan_breakdown(engine, self.ports[breakdown.port], breakdown)
        addresses = {name: port.address for name, port in self.ports.items()}
        controller = Controller(engine, addresses, leave, lambda: [one.told() for one in self.rig.faults])
        self._heed_faults(engine, controller)
        control = await listen(controller)
        for server in servers:
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
        for server in servers:
            await server.closed()
        if self._drop is not None:
            self._drop.finish()
        return code

    def _heed_faults(self, engine: Engine, controller: Controller) -> None:
        """A fault that fails stops time for good: whoever drives is told with its next request, else it is said here.

        The rig stays until its client has gone, so that its outputs can be made safe.
        """

        def broken(error: FaultFailed) -> None:
            if engine.broken is None:
                engine.broken = error
                if controller.client is None:
                    print(f"kenshin: {error}", file=sys.stderr, flush=True)
                    controller.leave(FaultFailed.exit_code)

        self.rig.context.broken = broken

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

    def _open_ports(self, engine: Engine) -> list[ServerPort]:
        """Every port; those that speak HTTP are still to be started."""
        rig = self.rig
        for terminal in self.topology.terminals:
            if terminal.console:
                self._line(PtyPort(f"console.{terminal.id}", engine), terminal.console, rig.consoles[terminal.id])
            if terminal.panel:
                self._line(PtyPort(f"panel.{terminal.id}", engine), terminal.panel, rig.panels[terminal.id])
            for meter in terminal.meters if terminal.meter_port else ():
                name = f"{terminal.id}.{meter.id}"
                self._line(PtyPort(f"meter.{name}", engine), str(terminal.meter_port), rig.meters[name])
        for supply in self.topology.supplies:
            self._line(TcpPort(f"supply.{supply.id}", engine), supply.impersonator, rig.supplies[supply.id])
        models = standing_models(rig)
        for extra in self.topology.devices:
            line = PtyPort(extra.port, engine) if extra.wire is Wire.PTY else TcpPort(extra.port, engine)
            self._line(line, extra.impersonator, models.get(extra.stands_at or ""))
        for sniffer in self.topology.sniffers:
            self._sniffers[sniffer.id] = SnifferPort(f"sniffer.{sniffer.id}", engine)
            self.ports[f"sniffer.{sniffer.id}"] = self._sniffers[sniffer.id]
        plan = self.topology.server
        servers = [ServerPort(engine, rig.server, dotted(plan.app)(rig.server), tls=plan.tls)]
        for utility in self.topology.utilities:
            link = rig.backend.links[utility.id]
            servers.append(ServerPort(engine, link, dotted(utility.app)(link), f"mdms.{utility.id}"))
        if plan.gate:
            servers.append(ServerPort(engine, None, dotted(plan.gate)(rig.backend.gate), "gate"))
        self.ports.update({server.name: server for server in servers})
        return servers

    def _line(self, port: PtyPort | TcpPort, impersonator: str, model: object) -> None:
        """Put a device behind its port."""
        port.connect(dotted(impersonator)(port, model))
        self.ports[port.name] = port

    def _announce(self, ready: Path | None, control: str, addresses: dict[str, str]) -> None:
        """The ready line, for people and for the fixture that started us; the file appears whole or not at all."""
        line = json.dumps(
            {
                KEY: CONTROL.version,
                "control": control,
                "pid": os.getpid(),
                "now_ns": self.rig.kernel.now_ns,
                "epoch_ns": self.topology.epoch_ns,
                "ports": addresses,
                "faults": [dict(one.described) for one in self.rig.faults],
            }
        )
        if ready is not None:
            draft = ready.with_name(f"{ready.name}.{os.getpid()}.tmp")
            draft.write_text(line + "\n", encoding="utf-8")
            draft.replace(ready)
        print(line, flush=True)
