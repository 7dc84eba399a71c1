"""The mesh of `tests.twin.mesh.air` with LFNs in it, and its frames with the keys of both kinds."""

from __future__ import annotations

from typing import Final

import attrs

from bench.air.capture.link import NO_FCS, Record
from bench.air.frame.decoder import Decoder, Frame
from bench.air.keys.table import KeyTable, gak
from bench.records import NS_PER_S
from bench.twin.mesh.lfn.node import LfnTerminal
from bench.twin.mesh.plan import KeyCalendar, LfnPlan, LinkPlan, MeshPlan
from bench.twin.terminal.network import JoinState
from tests.twin.mesh.air import EPOCH_NS, GTK, NAME, NODES, Air, plan

LGTK: Final = bytes(range(100, 116))
LISTENS_S: Final = 6
KEYS: Final = [(1, gak(NAME, GTK)), (5, gak(NAME, LGTK))]
LFNS: Final = {name: bytes.fromhex(NODES[name]) for name in ("t1", "t3")}


def lfn_plan(
    seed: int = 1,
    *,
    loss: float = 0.0,
    listens_s: int = LISTENS_S,
    lfns: tuple[str, ...] = ("t1", "t3"),
    links: tuple[LinkPlan, ...] = (),
    calendar: KeyCalendar | None = None,
) -> MeshPlan:
    """The line of three smart meters with these terminals as LFNs, and further links."""
    one = plan(seed, loss=loss)
    nodes = tuple(
        attrs.evolve(node, listens_each_ns=listens_s * NS_PER_S) if node.name in lfns else node for node in one.nodes
    )
    return attrs.evolve(one, nodes=nodes, links=(*one.links, *links), lfn=LfnPlan(LGTK, calendar=calendar))


def lfn(air: Air, name: str) -> LfnTerminal:
    """A terminal that is an LFN."""
    terminal = air.mesh.terminals[name]
    assert isinstance(terminal, LfnTerminal)
    return terminal


def states(air: Air, name: str) -> list[tuple[float, JoinState]]:
    """A list that the terminal's states go to from now on, with seconds since the start of the world."""
    found: list[tuple[float, JoinState]] = []
    air.mesh.terminals[name].on_join_state(
        lambda state: found.append(((air.kernel.now_ns - EPOCH_NS) / NS_PER_S, state))
    )
    return found


def decoded(air: Air, keys: list[tuple[int, bytes]] | None = None) -> list[Frame]:
    """All frames that the sniffer of everything caught."""
    decoder = Decoder(KeyTable(keys or KEYS))
    return [
        decoder.decode(Record(n, c.end_ns, NO_FCS, c.psdu, start_ns=c.start_ns)) for n, c in enumerate(air.frames(), 1)
    ]


def answers(air: Air, name: str, payload: bytes = b"down", within_s: float = 60.0) -> float | None:
    """Send something down to a terminal: seconds until it is there, None where it does not come in time."""
    came: list[int] = []
    air.mesh.terminals[name].on_datagram(lambda heard: came.append(air.kernel.now_ns) if heard == payload else None)
    began_ns = air.kernel.now_ns
    if not air.mesh.head_end.send(LFNS[name], payload):
        return None
    air.run(within_s)
    return (came[0] - began_ns) / NS_PER_S if came else None
