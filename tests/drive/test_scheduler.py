"""The scheduler on a clock of its own: order, deadlines, wake sets, background tasks, errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.drive.clock import Clock
from bench.drive.pump import Bus
from bench.drive.scheduler import AllOf, Seen, Task, Wait, run_tasks
from bench.records import Observation


class ScriptedClock(Clock):
    """Time jumps to the next scripted event or the deadline; events publish observations."""

    def __init__(self, bus: Bus, script: dict[int, Callable[[], None]]) -> None:
        super().__init__(bus)
        self._now = 0
        self._script = script
        self.steps: list[tuple[int, frozenset[str]]] = []

    def now_ns(self) -> int:
        return self._now

    def step(self, until_ns: int, wake: frozenset[str] = frozenset()) -> None:
        self.steps.append((until_ns, wake))
        due = sorted(t for t in self._script if self._now < t <= until_ns)
        self._now = due[0] if due else until_ns
        for t in due[:1]:
            self._script[t]()


def _clock(script: dict[int, str]) -> ScriptedClock:
    bus = Bus()

    def say(kind: str) -> Callable[[], None]:
        def speak() -> None:
            bus.publish(Observation(clock.now_ns(), "port", "t1", kind))

        return speak

    clock = ScriptedClock(bus, {t: say(kind) for t, kind in script.items()})
    return clock


def _watching(clock: Clock, seen: Seen) -> Seen:
    clock.bus.subscribe(seen.feed)
    return seen


def test_a_met_condition_resumes_with_true_at_its_instant() -> None:
    clock = _clock({30: "lamp"})
    results: list[tuple[bool, int]] = []

    def task() -> Task:
        met = yield Wait(100, _watching(clock, Seen("lamp")))
        results.append((met, clock.now_ns()))

    run_tasks(clock, [task()])
    assert results == [(True, 30)]


def test_a_deadline_resumes_with_false_and_is_inclusive() -> None:
    clock = _clock({100: "lamp", 101: "late"})
    results: list[bool] = []

    def task() -> Task:
        results.append((yield Wait(100, _watching(clock, Seen("lamp")))))
        results.append((yield Wait(100, _watching(clock, Seen("late")))))

    run_tasks(clock, [task()])
    assert results == [True, False]


def test_two_tasks_overlap_and_the_clock_stops_for_the_nearest_deadline() -> None:
    clock = _clock({})
    order: list[tuple[str, int]] = []

    def task(name: str, *deadlines: int) -> Task:
        for deadline in deadlines:
            yield Wait(deadline)
            order.append((name, clock.now_ns()))

    run_tasks(clock, [task("a", 10, 30), task("b", 20, 30)])
    assert order == [("a", 10), ("b", 20), ("a", 30), ("b", 30)]
    assert [until for until, _ in clock.steps] == [10, 20, 30]


def test_only_the_ports_that_conditions_name_wake_the_bench() -> None:
    clock = _clock({})

    def task(ports: frozenset[str]) -> Task:
        yield Wait(5, Seen("x", ports=ports))

    run_tasks(clock, [task(frozenset({"server"})), task(frozenset())])
    assert clock.steps[0] == (5, frozenset({"server"}))


def test_all_of_needs_every_part() -> None:
    clock = _clock({10: "lamp", 20: "server"})
    both = AllOf(_watching(clock, Seen("lamp")), _watching(clock, Seen("server", ports=frozenset({"server"}))))
    assert both.ports == {"server"}
    met_at: list[int] = []

    def task() -> Task:
        assert (yield Wait(100, both))
        met_at.append(clock.now_ns())

    run_tasks(clock, [task()])
    assert met_at == [20]


def test_background_tasks_are_closed_when_the_last_task_ends() -> None:
    clock = _clock({})
    ticks: list[int] = []
    closed: list[bool] = []

    def background() -> Task:
        try:
            while True:
                yield Wait(clock.now_ns() + 10)
                ticks.append(clock.now_ns())
        finally:
            closed.append(True)

    def task() -> Task:
        yield Wait(35)

    run_tasks(clock, [task()], [background()])
    assert ticks == [10, 20, 30]
    assert closed == [True]


def test_an_error_of_one_task_closes_the_others_and_reaches_the_caller() -> None:
    clock = _clock({})
    closed: list[bool] = []

    def patient() -> Task:
        try:
            yield Wait(1000)
        finally:
            closed.append(True)

    def failing() -> Task:
        yield Wait(1)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run_tasks(clock, [patient(), failing()])
    assert closed == [True]


def test_seen_looks_at_kind_subject_and_content() -> None:
    seen = Seen("lamp", "t1", lambda data: data.get("state") == "on")
    seen.feed(Observation(1, "p", "t2", "lamp", {"state": "on"}))
    seen.feed(Observation(2, "p", "t1", "key", {"state": "on"}))
    seen.feed(Observation(3, "p", "t1", "lamp", {"state": "off"}))
    assert not seen.met
    seen.feed(Observation(4, "p", "t1", "lamp", {"state": "on"}))
    assert seen.observation is not None
    assert seen.observation.t_ns == 4
