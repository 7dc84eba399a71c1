"""Faults of radios, read off the air: what leaves, in which form, what is carried and how long a join lingers."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs

from bench.air.mac.frame import MacFrame, decode_mac
from bench.records import NS_PER_S
from bench.twin.faults import Context, Fault, Hooks, Place, Seeded, SentFrame
from bench.twin.terminal.network import JoinState
from tests.twin.mesh.air import NODES, Air, plan
from tests.twin.mesh.test_join import join

T1 = bytes.fromhex(NODES["t1"])


def joined(node: str = "", **hooks: Callable[..., Any]) -> Air:
    """t1 and t3 in the mesh, with a fault at ``node`` that only acts from now on."""
    air = Air(plan())
    join(air, "t1", "t3", within_s=120)
    seed(air, node, **hooks)
    air.caught.clear()
    return air


def seed(air: Air, node: str, **hooks: Callable[..., Any]) -> Seeded:
    fault = type("OnTheAir", (Fault,), dict(hooks))()
    context = Context(lambda: air.kernel.now_ns, air.kernel.after)
    seeded = Seeded(fault, Place.TERMINAL, node, random.Random(1), context)
    air.mesh.seed(node, Hooks([seeded]))
    return seeded


def sent_by(air: Air, eui64: bytes) -> list[MacFrame]:
    frames = [decode_mac(caught.psdu) for caught in air.frames()]
    return [frame for frame in frames if frame.src == eui64]


def arrived(air: Air) -> list[bytes]:
    found: list[bytes] = []
    air.mesh.head_end.on_datagram(lambda _eui64, payload: found.append(payload))
    return found


def test_a_frame_leaves_in_clear_as_well() -> None:
    air = joined("t1", frame_out=lambda _, frame: [frame, attrs.evolve(frame, secured=False)])
    got = arrived(air)
    air.mesh.terminals["t1"].send(b"reading")
    air.run(2)
    data = [frame for frame in sent_by(air, T1) if frame.ack_request]
    assert [frame.security is None for frame in data] == [False, True]
    assert b"reading" in air.frames()[2].psdu  # the frame, its acknowledgement, the copy
    assert got == [b"reading"]


def test_a_counter_that_fell_back_is_not_taken_and_the_frame_is_sent_again() -> None:
    seen: list[int] = []

    def once(_self: Fault, frame: SentFrame) -> SentFrame:
        assert frame.counter is not None
        seen.append(frame.counter)
        return attrs.evolve(frame, counter=frame.counter - 5) if len(seen) == 1 else frame

    air = joined("t1", frame_out=once)
    got = arrived(air)
    air.mesh.terminals["t1"].send(b"reading")
    air.run(2)
    counters = [frame.security.frame_counter for frame in sent_by(air, T1) if frame.security]
    assert counters == [seen[0] - 5, seen[1]]
    assert got == [b"reading"]


def test_acknowledgements_that_do_not_come_make_the_parent_repeat() -> None:
    air = joined("t1", frame_out=lambda _, frame: None if frame.kind == "ACK" else frame)
    air.mesh.head_end.send(T1, b"request")
    air.run(5)
    m1 = bytes.fromhex(NODES["m1"])
    repeated = [frame for frame in sent_by(air, m1) if frame.dst == T1 and frame.ack_request]
    assert len(repeated) == 8
    assert sent_by(air, T1) == []


def test_a_wrong_source_stands_on_the_air() -> None:
    other = bytes.fromhex("024b42fffe00ffff")
    air = joined("t1", frame_out=lambda _, f: attrs.evolve(f, frame=attrs.evolve(f.frame, src=other)))
    air.mesh.terminals["t1"].send(b"reading")
    air.run(1)
    assert sent_by(air, T1) == []
    assert sent_by(air, other)


def test_a_smart_meter_holds_and_loses_what_it_forwards() -> None:
    asked: list[tuple[str, str]] = []

    def carries(_self: Fault, source: str, destination: str) -> float | None:
        asked.append((source, destination))
        return 20.0 if len(asked) == 1 else None

    air = joined("m2", carry_delay_s=carries)
    got = arrived(air)
    air.mesh.terminals["t3"].send(b"first")
    air.run(10)
    assert got == []
    air.run(15)
    assert got == [b"first"]
    air.mesh.terminals["t3"].send(b"second")
    air.run(60)
    assert got == [b"first"]
    assert asked[0] == ("t3", "br")


def test_a_join_lingers_in_the_phase_that_is_named() -> None:
    for phase, state in (
        ("select-pan", JoinState.SELECT_PAN),
        ("authenticate", JoinState.AUTHENTICATE),
        ("acquire-config", JoinState.ACQUIRE_CONFIG),
        ("configure-routing", JoinState.CONFIGURE_ROUTING),
        ("operational", JoinState.CONFIGURE_ROUTING),
    ):
        air = Air(plan())
        fault = seed(air, "t1", join_delay_s=_lingers(phase))
        since: dict[JoinState, int] = {}
        radio = air.mesh.terminals["t1"]
        radio.on_join_state(partial(_note, since, air))
        radio.power_on()
        radio.start_join()
        air.run(600)
        assert air.state("t1") is JoinState.OPERATIONAL, phase
        assert fault.fired == 1, phase
        assert since[JoinState(state + 1)] - since[state] >= 300 * NS_PER_S, phase


def _lingers(phase: str) -> Callable[[Fault, str], float]:
    return lambda _, asked: 300.0 if asked == phase else 0.0


def _note(since: dict[JoinState, int], air: Air, now: JoinState) -> None:
    since.setdefault(now, air.kernel.now_ns)
