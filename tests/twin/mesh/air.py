"""Test bench of the mesh: the default rig's radios, captures in memory, tshark as the reader of what was sent."""

from __future__ import annotations

import ipaddress
import random
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import attrs

from bench.air.keys import table as keys
from bench.records import NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.mesh import LinkPlan, Mesh, MeshPlan, NodePlan, Role, SnifferPlan, build
from bench.twin.terminal.network import JoinState

EPOCH_NS = 1_774_990_800 * NS_PER_S
GTK = bytes(range(16))
NAME = "kenshin-twin"
NODES = {
    "br": "024b42fffe000001",
    "m1": "024b42fffe000101",
    "m2": "024b42fffe000102",
    "m3": "024b42fffe000103",
    "t1": "024b42fffe000201",
    "t3": "024b42fffe000203",
}
ROLES = {"b": Role.BORDER_ROUTER, "m": Role.METER, "t": Role.TERMINAL}


@attrs.frozen(slots=True)
class Caught:
    sniffer: str
    start_ns: int
    end_ns: int
    psdu: bytes
    rssi_dbm: int
    channel: int = 10


def plan(seed: int = 1, profile: str = "TEST", loss: float = 0.0) -> MeshPlan:
    """br -- m1 -- m2 -- m3 with t1 at m1 and t3 at m3; sniffer ``all`` hears everything."""
    links = [("br", "m1"), ("m1", "m2"), ("m2", "m3"), ("m1", "t1"), ("m3", "t3")]
    return MeshPlan(
        network_name=NAME,
        gtk=GTK,
        pan_id=0x4B42,
        prefix=ipaddress.IPv6Network("fd00:4b42::/64"),
        seed=seed,
        nodes=tuple(
            NodePlan(n, bytes.fromhex(e), ROLES[n[0]], profile if n[0] == "t" else "TEST") for n, e in NODES.items()
        ),
        links=tuple(LinkPlan(a, b, -60, loss) for a, b in links),
        sniffers=(SnifferPlan("all", dict.fromkeys(NODES, -60)), SnifferPlan("s1", {"br": -60, "m1": -50, "t1": -70})),
    )


class Air:
    """A kernel with a mesh on it."""

    def __init__(self, plan_: MeshPlan) -> None:
        self.kernel = Kernel(EPOCH_NS)
        self.caught: list[Caught] = []
        self.mesh: Mesh = build(self.kernel, plan_, random.Random(plan_.seed), self._sink)

    def _sink(self, sniffer: str, start_ns: int, end_ns: int, psdu: bytes, rssi_dbm: int, channel: int) -> None:
        self.caught.append(Caught(sniffer, start_ns, end_ns, psdu, rssi_dbm, channel))

    def run(self, seconds: float) -> None:
        until = self.kernel.now_ns + int(seconds * NS_PER_S)
        while (t := self.kernel.peek_ns()) is not None and t <= until:
            self.kernel.step()
        self.kernel.set_now(until)

    def state(self, terminal: str) -> JoinState:
        """A terminal's join state of the moment."""
        return self.mesh.terminals[terminal].join_state

    def frames(self, sniffer: str = "all") -> list[Caught]:
        return [c for c in self.caught if c.sniffer == sniffer]


def write_pcap(path: Path, frames: Iterable[Caught]) -> None:
    """Link type 230 (no FCS), nanosecond stamps; deliberately not the project's own writer."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 230))
        for c in frames:
            seconds, ns = divmod(c.end_ns, NS_PER_S)
            file.write(struct.pack("<IIII", seconds, ns, len(c.psdu), len(c.psdu)) + c.psdu)


def tshark(path: Path, *fields: str, show: str = "") -> list[list[str]]:
    """Rows of fields that tshark reads with the network's key."""
    gak = keys.gak(NAME, GTK).hex()
    command = ["tshark", "-n", "-r", str(path), "-o", f'uat:ieee802154_keys:"{gak}","1","No hash"', "-T", "fields"]
    command += [part for field in fields for part in ("-e", field)] + (["-Y", show] if show else [])
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=500).stdout
    return [line.split("\t") for line in output.splitlines()]
