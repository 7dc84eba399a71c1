"""Traffic to measure on: the twin's own mesh over many virtual days, written as TAP pcapng with a Wireshark key file.

    python benchmarks/make_traffic.py FILE.pcapng --frames 120000 [--seed 1]

Every frame is made by the twin: a border router, smart meters and terminals that join (EAPOL, DHCPv6, RPL), are asked
for readings by the server, upload, lose power and come back. Several meshes follow one another, each with a seed, keys
and EUI-64s of its own, so no frame repeats and no cache is flattered by a repeated file.

``--repeat N`` writes a capture N times over, for the largest sizes. Such a file shows how memory grows, never speed.
"""

from __future__ import annotations

import argparse
import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bench.air.capture.pcapng import PcapngWriter
from bench.air.keys.table import gak
from bench.ports import RequestRefused
from bench.records import Json
from bench.twin import mesh
from bench.twin.rig import Rig
from bench.twin.topology import Topology, octets

NS: Final = 1_000_000_000
METERS: Final = 8
TERMINALS: Final = 6
FRAMES_OF_A_MESH: Final = 40_000
READ_EVERY_S: Final = 20.0
"""Mean time between two requests of the server in the whole mesh: a busy channel, as in a night of polling."""
CALM_S: Final = 1800.0
"""Mean time between two power losses of a node."""


def topology(seed: int) -> Topology:
    """A tree of smart meters with terminals on it; every octet that identifies follows from the seed."""
    rng = random.Random(f"traffic {seed}")
    meters = [f"m{i}" for i in range(1, METERS + 1)]
    links = [{"between": ("br" if i < 2 else meters[rng.randrange(i)], name)} for i, name in enumerate(meters)]
    everyone = ["br", *meters, *(f"t{i}" for i in range(1, TERMINALS + 1))]

    def eui64(name: str) -> str:
        return f"024b42fffe{seed & 0xFF:02x}{everyone.index(name):02x}{rng.randrange(256):02x}"

    return Topology.model_validate(
        {
            "seed": seed,
            "epoch": "2026-04-01T00:00:00+09:00",
            "network": {
                "name": f"kenshin-traffic-{seed}",
                "pan_id": rng.randrange(1, 0xFFF0),
                "gtk": rng.randbytes(16).hex(),
                "prefix": f"fd00:{rng.randrange(0x10000):x}::/64",
            },
            "border_router": {"id": "br", "eui64": eui64("br")},
            "smart_meters": [{"id": name, "eui64": eui64(name)} for name in meters],
            "links": [{**link, "loss": 0.02} for link in links],
            "terminals": [
                {
                    "id": name,
                    "eui64": eui64(name),
                    "parent": rng.choice(meters),
                    "listen_interval_s": 2.0,
                    "upload_offset_s": rng.randrange(600, 7200),
                    "meters": [{"id": kind, "serial": f"{kind}-{name}"} for kind in ("gas", "water")],
                }
                for name in everyone[METERS + 1 :]
            ],
            "sniffers": [{"id": "all", "hears": {name: rng.randrange(-80, -40) for name in everyone}}],
            "server": {"app": "devices.server.impersonator:server_app"},
        }
    )


class _Life:
    """What happens around a mesh: people press keys, the server asks, power fails."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self._rig = rig
        self._rng = random.Random(f"life {seed}")
        for panel in rig.panels.values():
            panel.press_key(1.0)
        self._later(READ_EVERY_S, self._ask)
        self._later(CALM_S, self._fail)

    def _later(self, mean_s: float, act: Callable[[], None]) -> None:
        self._rig.kernel.after(int(self._rng.expovariate(1 / mean_s) * NS), act)

    def _ask(self) -> None:
        terminal = self._rng.choice(sorted(self._rig.terminals))
        meter = f"{terminal}.{self._rng.choice(('gas', 'water'))}"
        now = self._rig.kernel.now_ns
        body: dict[str, Json] = {"op": "read", "meter": meter}
        if self._rng.random() < 0.1:
            body = {"op": "history", "meter": meter, "from_ns": now - 86_400 * NS, "to_ns": now}
        self._rig.meters[meter].set_index(self._rig.meters[meter].index() + self._rng.randrange(5))
        with contextlib.suppress(RequestRefused):  # not registered at the moment
            self._rig.server.request(terminal, body)
        self._later(READ_EVERY_S, self._ask)

    def _fail(self) -> None:
        name = self._rng.choice(sorted(self._rig.terminals))
        terminal = self._rig.terminals[name]
        terminal.power(False)
        if self._rng.random() < 0.5:
            terminal.erase()
        self._later(CALM_S, self._fail)

        def back() -> None:
            terminal.power(True)
            terminal.press_key(1.0)

        self._later(60.0, back)


def mesh_frames(seed: int, start_ns: int, limit: int) -> Iterator[tuple[int, int, bytes, int, int]]:
    """Frames of one mesh, (start ns, end ns, PSDU without FCS, dBm, channel), at most ``limit``."""
    heard: list[tuple[int, int, bytes, int, int]] = []
    rig = Rig(topology(seed), start_ns, mesh.build, lambda _sniffer, *what: heard.append(what))
    _Life(rig, seed)
    while limit > 0:
        while len(heard) < 256:
            rig.kernel.step()
        yield from heard[:limit]
        limit -= len(heard)
        heard.clear()


def make(path: Path, frames: int, seed: int, largest_mesh: int = FRAMES_OF_A_MESH) -> Path:
    """Write ``frames`` frames to ``path``, the meshes one after another in time; returns the key file beside it."""
    keys_path = path.with_suffix(".ieee802154_keys")
    lines, start_ns = [], 1_774_969_200 * NS
    with path.open("wb") as file:
        writer = PcapngWriter(file)
        writer.section("twin")
        while frames > 0:
            network = topology(seed).network
            lines.append(f'"{gak(network.name, octets(network.gtk)).hex()}","1","No hash"\n')
            end_ns = start_ns
            for start, end_ns, psdu, rssi, channel in mesh_frames(seed, start_ns, min(frames, largest_mesh)):
                writer.packet(psdu, end_ns, rssi_dbm=rssi, channel=channel, start_ns=start, end_ns=end_ns)
            frames -= largest_mesh
            start_ns = end_ns + NS
            seed += 1
    keys_path.write_text("".join(lines), encoding="ascii")
    return keys_path


def repeat(source: Path, target: Path, copies: int) -> Path:
    """``copies`` times the same frames, octet for octet, for sizes that the twin would take hours to make."""
    octets = source.read_bytes()
    head = int.from_bytes(octets[4:8], "little")
    head += int.from_bytes(octets[head + 4 : head + 8], "little")
    with target.open("wb") as file:
        file.write(octets[:head])
        for _ in range(copies):
            file.write(memoryview(octets)[head:])
    keys_path = target.with_suffix(".ieee802154_keys")
    keys_path.write_bytes(source.with_suffix(".ieee802154_keys").read_bytes())
    return keys_path


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write encrypted traffic of the twin's mesh.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--frames", type=int, default=120_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, metavar="N", help="write SOURCE N times over instead")
    parser.add_argument("--source", type=Path, help="the traffic that --repeat takes")
    options = parser.parse_args()
    if options.repeat:
        keys_path = repeat(options.source, options.path, options.repeat)
    else:
        keys_path = make(options.path, options.frames, options.seed)
    print(f"{options.path}, {options.path.stat().st_size / 1e6:.1f} MB; keys: {keys_path}")


if __name__ == "__main__":
    main()
