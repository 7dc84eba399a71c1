"""A faulty lab as a process: ``kenshin lab --faulty FILE``. Prints where its ports are, like the twin, and serves.

Control channel (TCP, one JSON object a line, each answered by one): ``outputs`` (what each output really is),
``habits`` (replaces all), ``cut`` (``port``, ``for_s``: resets its connections and refuses, or unplugs), ``trap``,
``caught`` and ``release`` (`bench.twin.lab.trap`), ``skip`` (``for_ns``: leaves out quiet time), ``heard`` (commands
by port), ``shutdown``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from bench.errors import InputError
from bench.ports import ByteImpersonator, Port
from bench.twin.core.http import ServerPort
from bench.twin.core.ports import SnifferPort
from bench.twin.faults import FaultFailed
from bench.twin.lab.device import HabitualDevice
from bench.twin.lab.fronts import PtyFront, TcpFront
from bench.twin.lab.habits import Habits
from bench.twin.lab.pace import Pace
from bench.twin.lab.stamps import StampedServer
from bench.twin.lab.trap import Point, Trap
from bench.twin.process import REAL_MESH, dotted, with_specs
from bench.twin.rig import Rig, standing_models
from bench.twin.topology import Topology, Wire, load

INSTANT_MESH: Final = "bench.twin.core.instant:build"
"""A mesh without radio: terminals join within seconds, so that a lab's minutes are enough."""
LOOK_S: Final = 0.05

Front: TypeAlias = TcpFront | PtyFront


def run_lab(
    topology_path: str | Path,
    faulty: str | Path | None = None,
    speed: float = 1.0,
    radio: bool = False,
    ready: str | Path | None = None,
    rig_file: str | Path | None = None,
    again: str | Path | None = None,
    faults: Sequence[str] = (),
) -> int:
    """Run a lab until it is told to end, and return its exit code.

    ``faulty`` is a file of habits; ``speed`` how much faster than wall time its world moves; ``radio`` asks for the
    real mesh in place of the instant one; ``rig_file`` gets a rig file for this lab's ports. ``again`` is the
    ready file of a lab that is gone: its ports are taken over. ``faults`` are like ``t1:late-join``. InputError when
    something written is wrong.
    """
    topology = with_specs(load(topology_path), faults)
    before = _ports_of(again) if again is not None else {}
    habits = Habits.read(faulty) if faulty is not None else Habits()
    build_mesh = dotted(REAL_MESH if radio else INSTANT_MESH)
    with tempfile.TemporaryDirectory(prefix="kenshin-lab-") as links:
        lab = Lab(topology, habits, _links_of(before) or Path(links), before)
        return asyncio.run(
            lab.run(build_mesh, speed, Path(ready) if ready else None, Path(rig_file) if rig_file else None)
        )


class Lab:
    """One lab in the running loop."""

    def __init__(
        self, topology: Topology, habits: Habits, links: Path, before: Mapping[str, str] | None = None
    ) -> None:
        self.topology, self.habits, self._links, self._before = topology, habits, links, before or {}
        self.trap = Trap()
        self.fronts: dict[str, Front] = {}
        self.devices: dict[str, HabitualDevice] = {}
        self._sniffers: dict[str, SnifferPort] = {}

    async def run(self, build_mesh: Any, speed: float, ready: Path | None, rig_file: Path | None) -> int:
        """Serve until the end."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()
        self.rig = Rig(self.topology, time.time_ns(), build_mesh, self._heard)
        self.rig.context.broken = lambda error: _failed(ended, error)
        self.pace = pace = Pace(self.rig.kernel, speed)
        servers = await self._open_ports(pace)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _leave, ended)
        control = await asyncio.start_server(lambda r, w: self._control(r, w, ended), "127.0.0.1", 0)
        host, port = control.sockets[0].getsockname()
        pace.catch_up()
        ports = {name: front.address for name, front in self.fronts.items()}
        ports |= {server.name: f"{server.address.partition(':')[0]}://{ports[server.name]}" for server in servers}
        if rig_file is not None:
            from bench.twin.lab.rigfile import rig_text

            rig_file.write_text(rig_text(self.topology, ports), encoding="utf-8")
        self._announce(ready, f"{host}:{port}", ports)
        looking = loop.create_task(self._look())
        code = await ended
        looking.cancel()
        control.close()
        for front in self.fronts.values():
            front.close()
        for server in servers:
            server.close()
            await server.closed()
        return code

    # -- ports ---------------------------------------------------------------------------------------------------

    async def _open_ports(self, pace: Pace) -> list[ServerPort]:
        rig = self.rig
        for terminal in self.topology.terminals:
            if terminal.console:
                self._pty(f"console.{terminal.id}", terminal.console, rig.consoles[terminal.id])
            if terminal.panel:
                self._pty(f"panel.{terminal.id}", terminal.panel, rig.panels[terminal.id])
            for meter in terminal.meters if terminal.meter_port else ():
                name = f"{terminal.id}.{meter.id}"
                self._pty(f"meter.{name}", str(terminal.meter_port), rig.meters[name])
        for supply in self.topology.supplies:
            device = self._device(f"supply.{supply.id}", supply.impersonator, rig.supplies[supply.id])
            await self._tcp(device.name, device=device)
        models = standing_models(rig)
        for extra in self.topology.devices:
            model = models.get(extra.stands_at or "")
            if extra.wire is Wire.PTY:
                self._pty(extra.port, extra.impersonator, model)
            else:
                await self._tcp(extra.port, device=self._device(extra.port, extra.impersonator, model))
        engine: Any = pace
        for sniffer in self.topology.sniffers:
            port = self._sniffers[sniffer.id] = SnifferPort(f"sniffer.{sniffer.id}", engine)
            await self._tcp(port.name, upstream=_host_port(port.address))
        model, plan = StampedServer(rig.server, self.habits, pace), self.topology.server
        servers = [ServerPort(engine, rig.server, dotted(plan.app)(model), tls=plan.tls)]
        for utility in self.topology.utilities:
            link = rig.backend.links[utility.id]
            servers.append(ServerPort(engine, link, dotted(utility.app)(link), f"mdms.{utility.id}"))
        if plan.gate:
            servers.append(ServerPort(engine, None, dotted(plan.gate)(rig.backend.gate), "gate"))
        for server in servers:
            server.start()
            await server.ready()
            await self._tcp(server.name, upstream=_host_port(server.address.partition("://")[2]))
        return servers

    def _device(self, name: str, impersonator: str, model: object) -> HabitualDevice:
        make: Callable[..., ByteImpersonator] = dotted(impersonator)

        def behind(port: Port) -> ByteImpersonator:
            return make(port, model)

        device = self.devices[name] = HabitualDevice(name, self.habits, self.pace, self.trap)
        device.put_behind(behind)
        return device

    def _pty(self, name: str, impersonator: str, model: object) -> None:
        device = self._device(name, impersonator, model)
        self.fronts[name] = PtyFront(device, self._links / name, self.pace)

    async def _tcp(
        self, name: str, device: HabitualDevice | None = None, upstream: tuple[str, int] | None = None
    ) -> None:
        port = int(self._before.get(name, "0").rpartition(":")[2] or 0)
        front = TcpFront(name, self.habits, self.pace, self.trap, device, upstream, port)
        await front.listen()
        self.fronts[name] = front

    def _heard(self, sniffer: str, start_ns: int, end_ns: int, psdu: bytes, rssi_dbm: int, channel: int) -> None:
        port = self._sniffers.get(sniffer)
        if port is not None:
            holding = self.habits.of_port(port.name, self.pace.elapsed_s)
            begin_ns = self.pace.began_ns
            start_ns, end_ns = holding.stamp_ns(start_ns, begin_ns), holding.stamp_ns(end_ns, begin_ns)
            port.heard(start_ns, end_ns, psdu, rssi_dbm, channel)

    async def _look(self) -> None:
        """What habits do by themselves."""
        flooded: dict[str, float] = {}
        while True:
            await asyncio.sleep(LOOK_S)
            self.pace.catch_up()
            now_s = self.pace.elapsed_s
            for name, device in self.devices.items():
                front, holding = self.fronts[name], device.holding
                if isinstance(front, PtyFront):
                    front.look()
                if holding.flood_octets and now_s - flooded.get(name, -1e9) >= holding.flood_every_s:
                    flooded[name] = now_s
                    device.flood(holding.flood_octets)

    # -- control -------------------------------------------------------------------------------------------------

    async def _control(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ended: asyncio.Future[int]
    ) -> None:
        with contextlib.suppress(ConnectionError):  # whoever asked was killed
            while line := await reader.readline():
                try:
                    answer = self._do(json.loads(line), ended)
                except (ValueError, KeyError, TypeError, ValidationError) as error:
                    answer = {"error": " ".join(str(error).split())}
                writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    def _do(self, request: Any, ended: asyncio.Future[int]) -> dict[str, Any]:
        if not isinstance(request, dict):
            raise TypeError("expected an object with an op")
        self.pace.catch_up()
        match request.get("op"):
            case "outputs":
                return self._outputs()
            case "habits":
                self.habits.ports = Habits.of(request["ports"]).ports
            case "cut":
                self.fronts[request["port"]].cut(float(request.get("for_s", 0.0)))
            case "trap":
                self.trap.set(request["port"], Point(request["point"]), str(request.get("words", "")))
            case "caught":
                return {"command": None if self.trap.caught is None else self.trap.caught.decode("utf-8", "replace")}
            case "release":
                self.trap.release()
            case "skip":
                self.pace.skip(int(request["for_ns"]))
                return {"skipped_ns": self.pace.skipped_ns}
            case "heard":
                return {name: device.commands for name, device in self.devices.items()}
            case "shutdown":
                _leave(ended)
            case other:
                raise ValueError(f"unknown op {other!r}; expected one of those in docs/guides/faulty-lab.md")
        return {}

    def _outputs(self) -> dict[str, Any]:
        """What every output really is: supply channels, and relays."""
        supplies = {f"supply.{name}": [_output(c) for c in s.channels] for name, s in self.rig.supplies.items()}
        relays = {
            name: [{"on": one.closed_relay}] for name, one in self.devices.items() if one.closed_relay is not None
        }
        return {**supplies, **relays}

    def _announce(self, ready: Path | None, control: str, ports: Mapping[str, str]) -> None:
        line = json.dumps({"control": control, "pid": os.getpid(), "now_ns": self.pace.now_ns(), "ports": dict(ports)})
        if ready is not None:
            draft = ready.with_name(f"{ready.name}.{os.getpid()}.tmp")
            draft.write_text(line + "\n", encoding="utf-8")
            draft.replace(ready)
        print(line, flush=True)


def _ports_of(ready: str | Path) -> dict[str, str]:
    """The ports that an earlier lab had, by its ready file."""
    try:
        return {name: str(address) for name, address in json.loads(Path(ready).read_text("utf-8"))["ports"].items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise InputError(f"{ready}: no ready file; expected one that `kenshin lab --ready` wrote") from None


def _links_of(ports: Mapping[str, str]) -> Path | None:
    """The folder of an earlier lab's serial links, made anew where it went with the lab."""
    folder = next((Path(address).parent for address in ports.values() if address.startswith("/")), None)
    if folder is not None:
        folder.mkdir(exist_ok=True)
    return folder


def _output(channel: Any) -> dict[str, Any]:
    return {"on": channel.on, "volts": channel.set_volts, "amps": channel.set_amps}


def _failed(ended: asyncio.Future[int], error: FaultFailed) -> None:
    """A seeded fault failed: one line, and the lab closes."""
    if not ended.done():
        print(f"kenshin: {error}", file=sys.stderr, flush=True)
        ended.set_result(FaultFailed.exit_code)


def _leave(ended: asyncio.Future[int]) -> None:
    if not ended.done():
        ended.set_result(0)


def _host_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
