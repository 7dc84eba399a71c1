"""``docs/twin.md``: how long things take in the twin, beside real stacks (``python -m tests.docs.twin`` writes it).

Every figure of the twin is measured here, in virtual time, over seeds; those beside it are quoted from domain.md 6. The
run takes some seconds and gives the same page each time.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from bench.air.ip.icmpv6 import EchoReply, EchoRequest
from bench.air.ip.packet import Packet
from bench.records import NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.heard import Link
from bench.twin.mesh import Mesh, build
from bench.twin.pan import Timers
from bench.twin.terminal.network import JoinState
from bench.twin.topology import SmartMeter, Topology, load
from tests.places import DEFAULT_TOPOLOGY, ROOT
from tests.twin.radio.world import TOPOLOGIES, World

PAGE: Final = ROOT / "docs" / "twin.md"
HOPS: Final = (1, 2, 3, 4)
SEEDS: Final = range(1, 13)
METHOD_SEEDS: Final = range(1, 9)
PINGS: Final = 40
METHODS: Final = ("enhanced-han", "u-bus-air", "u-bus-air-star", "u-bus-air-base", "lfn")
DIRECT: Final = ("u-bus-air-star", "lfn")
"""Of these t3 hangs on a smart meter, too."""
NEAR: Final = 0.25

REAL_JOIN_S: Final = {1: (87, 125, 211), 2: (163, 246, 368), 3: (223, 331, 408), 4: (356, 464, 552)}
"""Real stacks, all nodes switched on at once: minimum, median, maximum until operational (domain.md 6)."""
REAL_AFTER_PARENT_S: Final = {2: (37, 119, 158), 3: (48, 89, 231), 4: (134, 145, 198)}
"""The same after the node's parent was operational."""
REAL_PHASE_S: Final = {
    JoinState.AUTHENTICATE: 15.0,
    JoinState.ACQUIRE_CONFIG: 27.0,
    JoinState.CONFIGURE_ROUTING: 9.0 + 38.0,
}
"""Medians of phases; choosing a parent (9 s) and DHCP, NS, DAO (38 s) are one state in the twin."""
REAL_PING_MS: Final = {1: 38.0, 2: 82.0}
"""16 octets at 100 kbit/s."""
TI_PING_MS: Final = {1: 373, 2: 471, 3: 574, 4: 760}
TI_JOIN_MIN: Final = {1: 37.3, 2: 27.2, 3: 58.8, 4: 60.5}


class Line:
    """A border router and a line of smart meters that are all cold, and all switched on at the start."""

    def __init__(self, seed: int, timers: Timers = Timers.SMALL, *, cold: bool = True) -> None:
        self.kernel = Kernel(load(DEFAULT_TOPOLOGY).epoch_ns)
        self.mesh: Mesh = build(self.kernel, line(seed, timers), random.Random(seed), lambda *_heard: None)
        self.began_ns = self.kernel.now_ns
        self.entered: dict[str, dict[JoinState, int]] = {name: {} for name in self.mesh.meters}
        if cold:
            for name, meter in self.mesh.meters.items():
                self.mesh.mains(name, False)
                meter.flash.forget_keys()
                self._watch(name)
                self.mesh.mains(name, True)

    def _watch(self, name: str) -> None:
        joiner = self.mesh.meters[name].joiner
        enter = joiner._enter

        def entered(state: JoinState) -> None:
            self.entered[name][state] = self.kernel.now_ns
            enter(state)

        setattr(joiner, "_enter", entered)  # noqa: B010 (an instance's own, for this measurement)

    def run_until_all_joined(self, at_most_s: float = 3600.0) -> None:
        """Until the last smart meter is operational."""
        end_ns = self.began_ns + round(at_most_s * NS_PER_S)
        while not all(JoinState.OPERATIONAL in seen for seen in self.entered.values()):
            due = self.kernel.peek_ns()
            assert due is not None
            assert due < end_ns, self.entered
            self.kernel.step()

    def join_s(self, hop: int) -> float:
        """From mains on to operational."""
        return (self.entered[f"m{hop}"][JoinState.OPERATIONAL] - self.began_ns) / NS_PER_S

    def phase_s(self, hop: int, state: JoinState) -> float:
        """How long a state lasted, the last time."""
        seen = self.entered[f"m{hop}"]
        return (seen[JoinState(state + 1)] - seen[state]) / NS_PER_S

    def ping_ms(self, hop: int, octets: int, identifier: int) -> float:
        """A ping from the border router: echo request to reply."""
        router, meter = self.mesh.border_router, self.mesh.meters[f"m{hop}"]
        answered: list[int] = []
        hear = router.on_ip

        def heard(packet: Packet, neighbour: bytes) -> None:
            if isinstance(packet.upper, EchoReply) and packet.upper.identifier == identifier:
                answered.append(self.kernel.now_ns)
            hear(packet, neighbour)

        setattr(router, "on_ip", heard)  # noqa: B010
        assert router.address is not None
        assert meter.address is not None
        began_ns = self.kernel.now_ns
        router.send_packet(Packet(router.address, meter.address, EchoRequest(identifier, 1, bytes(octets)), 64))
        while not answered:
            self.kernel.step()
        setattr(router, "on_ip", hear)  # noqa: B010
        return (answered[0] - began_ns) / 1e6


def line(seed: int, timers: Timers) -> Topology:
    """br - m1 - m2 - m3 - m4."""
    topology = load(DEFAULT_TOPOLOGY)
    meters = tuple(SmartMeter(id=f"m{n}", eui64=f"02:4b:42:ff:fe:00:01:{n:02x}") for n in HOPS)
    names = [topology.border_router.id, *(meter.id for meter in meters)]
    links = tuple(Link(between=pair) for pair in pairwise(names))
    network = topology.network.model_copy(update={"timers": timers})
    return topology.model_copy(
        update={"seed": seed, "smart_meters": meters, "links": links, "network": network, "sniffers": ()}
    )


def off(ours: float, theirs: float) -> float:
    """How far off, as a share of theirs."""
    return (ours - theirs) / theirs


def beside(ours: float, theirs: float) -> str:
    """The same as a percentage; with a star where it is more than the 25 % that need no reason."""
    share = off(ours, theirs)
    return f"{100 * share:+.0f} %" + (" \\*" if abs(share) > NEAR else "")


def three(values: Sequence[float]) -> str:
    """Minimum, median, maximum."""
    return f"{min(values):.0f} / {median(values):.0f} / {max(values):.0f}"


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """A table in Markdown."""
    heads = list(heads)
    return [_row(heads), _row("---" for _ in heads), *map(_row, rows), ""]


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def joins() -> list[str]:
    """Join times of FAN 1.1 by hop and phase."""
    lines = []
    for seed in SEEDS:
        one = Line(seed)
        one.run_until_all_joined()
        lines.append(one)
    rows: list[list[object]] = []
    for hop in HOPS:
        took = [one.join_s(hop) for one in lines]
        after = [one.join_s(hop) - one.join_s(hop - 1) for one in lines] if hop > 1 else []
        rows.append(
            [
                hop,
                three(took),
                " / ".join(map(str, REAL_JOIN_S[hop])),
                beside(median(took), REAL_JOIN_S[hop][1]),
                three(after) if after else "-",
                " / ".join(map(str, REAL_AFTER_PARENT_S[hop])) if after else "-",
                f"{TI_JOIN_MIN[hop]:g}",
            ]
        )
    phases: list[list[object]] = []
    for state, real in REAL_PHASE_S.items():
        values = [one.phase_s(hop, state) for one in lines for hop in HOPS]
        phases.append([state.name.lower().replace("_", " "), three(values), f"{real:g}", beside(median(values), real)])
    heads = ("hops", "twin, s", "real stacks, s", "median", "twin after its parent, s", "real, s", "TI, 100 nodes, min")
    return [
        *table(heads, rows),
        f"n = {len(lines)} a hop. Phases over all hops:",
        "",
        *table(("phase", "twin, s", "real stacks, median s", "median"), phases),
    ]


def pings() -> list[str]:
    """Round trips in the settled mesh."""
    rows = []
    for hop in HOPS:
        took: dict[int, list[float]] = {16: [], 50: []}
        one = Line(1, Timers.TEST, cold=False)
        for n in range(PINGS):
            for octets, values in took.items():
                values.append(one.ping_ms(hop, octets, 2 * n + (octets == 50)))
        real = REAL_PING_MS.get(hop)
        small = median(took[16])
        rows.append(
            [
                hop,
                f"{small:.0f}",
                f"{real:g}" if real else "-",
                beside(small, real) if real else "-",
                f"{median(took[50]):.0f}",
                TI_PING_MS[hop],
            ]
        )
    heads = (
        "hops",
        "twin, 16 octets, ms",
        "real stacks, 100 kbit/s, ms",
        "median",
        "twin, 50 octets, ms",
        "TI, 50 octets, ms",
    )
    return table(heads, rows)


def method_rows(method: str, seeds: Iterable[int] = METHOD_SEEDS) -> list[list[object]]:
    """Join and round trip of each sample of a method's example topology."""
    took: dict[str, list[float]] = {}
    trips: dict[str, list[float]] = {}
    for seed in seeds:
        topology = load(TOPOLOGIES / f"{method}.yaml").model_copy(update={"seed": seed})
        one = World(topology)
        one.until(lambda one=one: one.lit("r1"), 300)  # type: ignore[misc]
        for name in ("t1", "t3"):
            took.setdefault(name, []).append(one.joined(name, within_s=300))
            one.run(60)
            for _ in range(3):
                trips.setdefault(name, []).append(one.round_trip_s(name))
                one.run(97)
    behind = {"t1": "smart meter", "t3": "smart meter" if method in DIRECT else "one relay"}
    return [[method, name, behind[name], three(took[name]), three(trips[name])] for name in took]


def methods(seeds: Iterable[int] = METHOD_SEEDS) -> list[str]:
    """The table of methods ① to ④, and of LFNs."""
    rows = [row for method in METHODS for row in method_rows(method, seeds)]
    return table(("method", "terminal", "hangs on", "cold join on site, s", "reading on request, s"), rows)


def page() -> str:
    """The whole page."""
    return "\n".join(_page(joins(), pings(), methods()))


def _page(join: list[str], ping: list[str], method: list[str]) -> list[str]:
    words = [part.splitlines() for part in (HEAD, JOIN_WORDS, PING_WORDS, METHOD_WORDS)]
    return [*words[0], *join, *words[1], *ping, *words[2], *method, *words[3], ""]


HEAD: Final = """# The twin beside real stacks

Made by a command: `python -m tests.docs.twin`. Figures of the twin are measured in virtual time over seeds, the
others are quoted from domain.md 6. Where several stand in a cell they are minimum / median /
maximum. "Median" is how far the twin's median lies from the other one; \\* marks more than 25 %, with its reason
below the table.

## Joining a FAN 1.1 mesh

A border router and smart meters in a line, timers SMALL, 100 kbit/s. All smart meters are cold and are switched on
at the same moment, as the real stacks were.

"""
JOIN_WORDS: Final = """\
\\* The phase *authenticate* is longer, and with it the joins at three hops: the twin waits for up to 60 s before
its first key request, as the published configurations of SMALL say (domain.md 5.4). On the real stacks the whole
phase took 15 s in the median, so they waited less; by what rule is not documented, and the twin invents none.

TI's figures come from 100 nodes of FAN 1.0 with channel hopping and advertisement intervals of a large network, and
are not to be compared with a line of four: they show what a full network costs, and that hop 2 may join faster than
hop 1.

## Round trips in the mesh

Echo request from the border router to reply, mesh at rest, 100 kbit/s: the twin plays one rate. At 50 kbit/s real
stacks took 60-65 / 140-190 / 220-260 / 340 ms over one to four hops.

"""
PING_WORDS: Final = """\
\\* The twin's round trips are longer by some 15 ms a hop. Its first backoff is 1 to 8 ms before each frame, an
acknowledgement holds the elements of a secured FAN acknowledgement (52 octets, 5.4 ms), and each hop's packet
travels in a tunnel of its own; the medium under the real stacks was a model, too, and its figures are orders of
magnitude (domain.md 6). TI's delays hold channel hopping (a frame waits for the receiver's slot), a loaded network
of 100 nodes and the path to a host behind the border router.

## The other radio methods, and limited function nodes

The terminals of the example topologies, cold, from the press of the installation key to the lamp; and a reading on
request, from the connection server's question to the answer, which holds the wait for a terminal that sleeps and
0.5 s of head end each way. Settled smart meters, 100 kbit/s. `lfn`: limited function nodes of FAN 1.1 with timers
TEST, which listen each 6 s and each second while they join.

"""
METHOD_WORDS: Final = """\
What else is known: a real HAN terminal took up to 2 minutes for its scan and up to one minute for PANA (domain.md
2.1, momonga). The scan of the example (14 channels at 2^6 x 9.64 ms) takes 8.6 s by that formula; with 2^9,
`scan_duration: 9`, it takes 69 s, and most of the 90 s are gone. Of U-bus Air no join time is published, and the
RIT period is not public: with another `listen_interval_s` other waits follow, so these figures are no statement on
U-bus Air. Of LFNs it is known that they shorten their listening interval while they authenticate themselves, not how
far, nor how they solicit: those are the twin's own choices. What is public is kept: see [radio.md](radio.md).
"""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}", file=sys.stderr)
