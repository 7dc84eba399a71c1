"""Supplies: what an output feeds goes dark and comes back with it, and what it measures is the load's."""

from __future__ import annotations

import pytest

from bench.twin.core.kernel import Kernel
from bench.twin.rig import generator
from bench.twin.topology import Channel
from bench.twin.utility.power import BackedUpLoad, ConstantCurrentLoad, Output

MINUTE_NS = 60_000_000_000


def output(
    load: BackedUpLoad | ConstantCurrentLoad, volts: float = 3.6, amps: float = 0.5, least: float = 2.2
) -> Output:
    plan = Channel(feeds=("t1",), volts=volts, amps=amps, min_volts=least)
    return Output(plan, [load], generator(1, "test"))


def test_switch_set_voltage_and_current_limit_all_darken_the_load() -> None:
    seen: list[bool] = []
    feed = output(ConstantCurrentLoad(45.0, seen.append))
    feed.switch(True)
    feed.set_volts = 2.0
    feed.set_volts = 3.3
    feed.set_amps = 0.01
    feed.set_amps = 0.5
    feed.switch(False)
    assert seen == [False, True, False, True, False, True, False]


def test_read_back_is_the_loads_current_with_a_little_noise() -> None:
    feed = output(ConstantCurrentLoad(45.0, lambda on: None))
    assert (feed.volts(), feed.amps()) == (0.0, 0.0)
    feed.switch(True)
    volts = [feed.volts() for _ in range(20)]
    assert volts == [pytest.approx(3.6, rel=2e-3)] * 20
    assert len(set(volts)) > 1
    assert feed.amps() == pytest.approx(0.045, rel=2e-3)
    feed.set_amps = 0.0225  # constant current: half the voltage
    assert feed.volts() == pytest.approx(1.8, rel=2e-3)


def test_battery_bridges_short_cuts_only() -> None:
    kernel = Kernel(0)
    seen: list[tuple[int, bool]] = []
    load = BackedUpLoad(kernel, 3.0, lambda: 600.0, lambda on: seen.append((kernel.now_ns, on)))
    mains = output(load, volts=100.0, amps=1.0, least=70.0)

    def run_to(minutes: int) -> None:
        while (upcoming := kernel.peek_ns()) is not None and upcoming <= minutes * MINUTE_NS:
            kernel.step()
        kernel.set_now(minutes * MINUTE_NS)

    mains.switch(True)
    run_to(100)
    mains.switch(False)
    run_to(109)
    mains.switch(True)
    run_to(200)
    mains.switch(False)
    run_to(300)
    mains.switch(True)
    assert [(t // MINUTE_NS, on) for t, on in seen if t] == [(210, False), (300, True)]
    assert mains.amps() == pytest.approx(0.03, rel=2e-3)
