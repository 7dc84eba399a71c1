"""Joining: order of states, times by profile, both depths, loss, determinism."""

from __future__ import annotations

import statistics

import attrs
import pytest

from bench.air.rpl import messages as rpl
from bench.errors import InputError
from bench.records import NS_PER_S
from bench.twin.mesh import LinkPlan
from bench.twin.mesh.dodag import INFINITE_RANK
from bench.twin.mesh.member import Terminal
from bench.twin.mesh.timers import profile
from bench.twin.terminal.network import JoinState
from tests.twin.mesh.air import EPOCH_NS, NODES, Air, Caught, plan

COLD = [
    JoinState.SELECT_PAN,
    JoinState.AUTHENTICATE,
    JoinState.ACQUIRE_CONFIG,
    JoinState.CONFIGURE_ROUTING,
    JoinState.OPERATIONAL,
]


def join(air: Air, *names: str, within_s: float = 400) -> dict[str, list[tuple[float, JoinState]]]:
    """Start the named terminals together; their states with seconds since the start."""
    log: dict[str, list[tuple[float, JoinState]]] = {name: [] for name in names}
    start = air.kernel.now_ns

    def listen(name: str) -> None:
        terminal = air.mesh.terminals[name]
        terminal.on_join_state(lambda s: log[name].append(((air.kernel.now_ns - start) / NS_PER_S, s)))
        terminal.power_on()
        terminal.start_join()

    for name in names:
        listen(name)
    air.run(within_s)
    return log


def operational_s(log: list[tuple[float, JoinState]]) -> float:
    return next(t for t, state in log if state is JoinState.OPERATIONAL)


def test_a_cold_join_passes_through_all_states_in_order() -> None:
    log = join(Air(plan()), "t1", "t3")
    assert [s for _, s in log["t1"]] == COLD
    assert [s for _, s in log["t3"]] == COLD


@pytest.mark.parametrize("name", ["t1", "t3"])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_test_timers_meet_90_s_at_both_depths(name: str, loss: float) -> None:
    times = [operational_s(join(Air(plan(seed, loss=loss)), name, within_s=150)[name]) for seed in range(12)]
    assert 38 < statistics.median(times) < 65
    assert max(times) < 85


def test_small_timers_miss_90_s_as_real_stacks_do() -> None:
    times = [operational_s(join(Air(plan(seed, "SMALL")), name)[name]) for seed in range(12) for name in ("t1", "t3")]
    assert 100 < statistics.median(times) < 180
    assert sum(t > 90 for t in times) >= 0.85 * len(times)
    assert max(times) < 260


def test_the_same_seed_gives_the_same_air_and_another_seed_another() -> None:
    def caught(seed: int) -> list[Caught]:
        air = Air(plan(seed, loss=0.03))
        join(air, "t1", "t3", within_s=200)
        return air.caught

    assert caught(3) == caught(3)
    assert caught(3) != caught(4)


def test_a_stranger_without_a_link_never_joins() -> None:
    lonely = attrs.evolve(plan(), links=(LinkPlan("br", "m1"), LinkPlan("m1", "m2"), LinkPlan("m2", "m3")))
    log = join(Air(lonely), "t1", within_s=3600)
    assert [s for _, s in log["t1"]] == [JoinState.SELECT_PAN]


def test_nothing_happens_without_power_or_command() -> None:
    air = Air(plan())
    terminal = air.mesh.terminals["t1"]
    terminal.start_join()
    assert terminal.join_state is JoinState.DISCONNECTED
    terminal.power_on()
    air.run(300)
    assert terminal.join_state is JoinState.DISCONNECTED
    assert not [c for c in air.frames() if bytes.fromhex(NODES["t1"])[::-1] in c.psdu]


def test_the_head_end_hears_of_the_registration_when_the_dao_arrives() -> None:
    air = Air(plan())
    registered: list[tuple[bytes, int]] = []
    air.mesh.head_end.on_registered(lambda eui64: registered.append((eui64, air.kernel.now_ns)))
    log = join(air, "t3", within_s=120)
    times = [t for eui64, t in registered if eui64 == bytes.fromhex(NODES["t3"])]
    assert len(times) == 1
    lag_s = operational_s(log["t3"]) - (times[0] - EPOCH_NS) / NS_PER_S
    assert 0 < lag_s < 1, "the DAO-ACK goes down four hops"


def test_datagrams_go_both_ways_also_fragmented() -> None:
    air = Air(plan())
    join(air, "t1", "t3", within_s=120)
    up: list[tuple[bytes, bytes]] = []
    down: list[bytes] = []
    air.mesh.head_end.on_datagram(lambda eui64, payload: up.append((eui64, payload)))
    air.mesh.terminals["t3"].on_datagram(down.append)
    small, large = bytes(range(40)), bytes(i % 251 for i in range(1200))
    t3 = bytes.fromhex(NODES["t3"])
    for payload in (small, large):
        assert air.mesh.terminals["t3"].send(payload)
        assert air.mesh.head_end.send(t3, payload)
        air.run(10)
    assert up == [(t3, small), (t3, large)]
    assert down == [small, large]
    assert not air.mesh.head_end.send(bytes(8), small), "no route"


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="TEST, SMALL, MEDIUM, LARGE"):
        profile("FAST")


@pytest.mark.parametrize("taken_back", [False, True])
def test_a_dio_that_comes_early_is_a_candidate_like_any_other(taken_back: bool) -> None:
    """With the keys in its flash a node reads DIOs before it has found its PAN; taken for the first one answered, and
    not for one to choose from, such a DIO left it without a parent until five DIS later it began anew."""
    air = Air(plan())
    join(air, "t1", within_s=150)
    t1, m1 = air.mesh.terminals["t1"], bytes.fromhex(NODES["m1"])
    assert isinstance(t1, Terminal)
    parent = t1.joiner.parent
    assert parent is not None
    options = (rpl.PrefixInformation(parent.address),)
    t1.power_off()
    log: list[JoinState] = []
    t1.on_join_state(log.append)
    t1.power_on()
    t1.start_join()
    t1.joiner.on_dio(m1, rpl.Dio(0, 240, parent.rank, parent.dodag_id, options=options))
    if taken_back:
        t1.joiner.on_dio(m1, rpl.Dio(0, 240, INFINITE_RANK, parent.dodag_id, options=options))
    air.run(60)
    assert log == [COLD[0], *COLD[2:]]
