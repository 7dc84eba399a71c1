"""Puts the faults of a topology into their places, and gives each what it may do there by itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias

from bench.twin import faults
from bench.twin.faults import Context, Message, Place, Seeded
from bench.twin.terminal.meter import Meter
from bench.twin.terminal.terminal import Terminal
from bench.twin.topology import Topology, canonical
from bench.twin.utility.headend import HeadEnd
from bench.twin.utility.server_model import ConnectionServer

Action: TypeAlias = Callable[..., None]


class Subjects(Protocol):
    """What a fault can sit at: a rig."""

    meters: dict[str, Meter]
    terminals: dict[str, Terminal]
    head_end: HeadEnd
    server: ConnectionServer

    def mains(self, node: str, on: bool) -> None:
        """Switch a smart meter now, whatever its supply does."""


def seeded_faults(topology: Topology, context: Context, rng: Callable[[str], random.Random]) -> list[Seeded]:
    """Every fault of the topology, made anew, with a generator of its own."""
    found: list[Seeded] = []
    for number, (subject, spec) in enumerate(topology.fault_specs):
        fault, name = faults.make(spec), canonical(topology, subject)
        described = {"subject": name, **faults.described(fault, spec)}
        place = topology.fault_places[name]
        found.append(Seeded(fault, place, name, rng(f"fault {number} {name}"), context, described))
    return found


def actions_of(rig: Subjects, one: Seeded) -> Mapping[str, Action]:
    """What a fault may do at its subject (`bench.twin.faults.Fault`)."""
    match one.place:
        case Place.TERMINAL:
            return _at_terminal(rig, one.subject)
        case Place.METER:
            return {"raise_alarm": lambda _meter, code, _occurred: rig.meters[one.subject].call(code)}
        case Place.SMART_METER:
            return {"reboot": partial(_reboot, rig, one.subject), "switch_supply": partial(rig.mains, one.subject)}
        case Place.CONCENTRATOR:
            return {"send_message": rig.head_end.say, "hear_message": rig.head_end.hear}
        case Place.SERVER:
            return _at_server(rig)


def _at_terminal(rig: Subjects, name: str) -> Mapping[str, Action]:
    terminal = rig.terminals[name]

    def send(message: Message, _terminal: str) -> None:
        terminal.say(message)

    def hear(message: Message, _terminal: str) -> None:
        terminal.hear(message)

    return {
        "reboot": terminal.reboot,
        "switch_supply": terminal.feed,
        "raise_alarm": terminal.invent_alarm,
        "show_lamp": terminal.show_lamp,
        "send_message": send,
        "hear_message": hear,
        "send_past_radio": lambda message: rig.head_end.hear(message, name),
        "forget": terminal.forget,
    }


def _at_server(rig: Subjects) -> Mapping[str, Action]:
    server = rig.server

    def tell(kind: str, terminal: str, fields: dict[str, Any]) -> None:
        server.tell(kind, terminal, fields)

    return {"send_message": server.say, "hear_message": server.hear, "tell_event": tell}


def _reboot(rig: Subjects, node: str) -> None:
    rig.mains(node, False)
    rig.mains(node, True)
