"""A virtual rig of an example topology without wires: its kernel is stepped here, and its sniffers are decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bench import kinds
from bench.air.capture.link import NO_FCS, make_record
from bench.air.frame.decoder import Decoder, Frame
from bench.air.keys.table import KeyTable
from bench.records import NS_PER_S
from bench.twin.radio import build
from bench.twin.rig import Rig
from bench.twin.topology import Topology, load
from tests.places import ROOT

TOPOLOGIES: Final = ROOT / "fixtures" / "topologies"
KEYS: Final = ROOT / "fixtures" / "rigs" / "virtual-methods.keys"
SAMPLES: Final = ("t1", "t3")


class World:
    """A rig that is driven by hand. ``events``: (seconds since the start, who, what)."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.captured: list[tuple[int, str, bytes, int]] = []
        self.rig = Rig(topology, topology.epoch_ns, build, self._sniffed)
        self.events: list[tuple[float, str, str]] = []
        for name, terminal in self.rig.terminals.items():
            terminal.on_indicator(lambda lamp, name=name: self._note(name, lamp))  # type: ignore[misc]
            terminal.radio.on_join_state(lambda state, name=name: self._note(name, state.name))  # type: ignore[misc]

    def _note(self, who: str, what: str) -> None:
        self.events.append((self.now_s, who, what))

    def _sniffed(self, sniffer: str, start_ns: int, end_ns: int, psdu: bytes, rssi: int, channel: int) -> None:
        self.captured.append((start_ns, sniffer, psdu, channel))

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return (self.rig.kernel.now_ns - self.topology.epoch_ns) / NS_PER_S

    def run(self, seconds: float) -> None:
        """Let this much virtual time pass."""
        self.until(lambda: False, seconds)

    def until(self, condition: Callable[[], bool], seconds: float) -> float:
        """Run until the condition holds, at most so long; when it held (or the end)."""
        kernel, end_ns = self.rig.kernel, self.rig.kernel.now_ns + round(seconds * NS_PER_S)
        while not condition():
            due = kernel.peek_ns()
            if due is None or due > end_ns:
                kernel.set_now(end_ns)
                break
            kernel.step()
        return self.now_s

    def install(self, *names: str) -> None:
        """Feed terminals and press their keys."""
        for name in names:
            self.rig.terminals[name].power(True)
            self.rig.terminals[name].press_key(1.0)

    def lit(self, name: str) -> bool:
        """Its lamp says that the server confirmed it."""
        return self.rig.terminals[name].indicator == "on"

    def joined(self, *names: str, within_s: float = 120.0) -> float:
        """Install these and wait for their lamps; seconds from the press to the last."""
        began = self.now_s
        self.install(*names)
        ended = self.until(lambda: all(map(self.lit, names)), within_s)
        assert all(map(self.lit, names)), self.events
        return ended - began

    def frames(self, since: int = 0, *, channel: int | None = None) -> list[Frame]:
        """The captured frames from the ``since``-th on, each transmission once, decoded with the rig's keys."""
        decoder, seen, found = Decoder(KeyTable.read(KEYS)), set[tuple[int, bytes]](), list[Frame]()
        for start_ns, _, psdu, on in sorted(self.captured[since:]):
            if (start_ns, psdu) not in seen and channel in (None, on):
                seen.add((start_ns, psdu))
                found.append(decoder.decode(make_record(len(found) + 1, start_ns, NO_FCS, psdu, len(psdu))))
        return found

    def round_trip_s(self, name: str, meter: str = "gas", within_s: float = 300.0) -> float:
        """How long a reading on request takes, from the server's question to its answer."""
        answered: list[object] = []
        stop = self.rig.server.subscribe(
            lambda event: answered.append(
                event.get("request") if event["kind"] == kinds.SERVER_ANSWER.removeprefix(kinds.SERVER) else None
            )
        )
        began = self.now_s
        number = self.rig.server.request(name, {"op": "read", "meter": f"{name}.{meter}"})["request"]
        ended = self.until(lambda: number in answered, within_s)
        stop()
        return ended - began


def world(method: str, **changes: object) -> World:
    """The example of a method, with other values in places of the topology."""
    return World(load(TOPOLOGIES / f"{method}.yaml").model_copy(update=changes))
