"""Who stops time, where, and with which counts, on a bare kernel without wires."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from bench.twin.core.engine import VOLUME_LIMIT, Engine, Reason, Stop
from bench.twin.core.kernel import Kernel


@attrs.define
class FakePort:
    """A counted port that speaks when told."""

    engine: Engine
    name: str
    stamp: str = "host"
    unit: str = "octets"
    epoch: int = 1
    count: int = 0
    volume: int = 0
    attached: bool = True
    resumed: int = 0

    def say(self, size: int = 1) -> None:
        self.count += size
        self.volume += size
        self.engine.spoke(self)

    def attach(self) -> None:
        self.attached = True

    def detach(self) -> None:
        self.attached = False

    def resume(self) -> None:
        self.resumed += 1


class Stage:
    """An engine with one port of each kind; slices run at once."""

    def __init__(self) -> None:
        self.kernel = Kernel(0)
        self.turns: list[Callable[[], None]] = []
        self.engine = Engine(self.kernel, self._later)
        self.host = FakePort(self.engine, "console")
        self.device = FakePort(self.engine, "sniffer", "device", "packets")
        self.engine.ports.update({p.name: p for p in (self.host, self.device)})
        self.between: Callable[[], object] = lambda: None

    def _later(self, turn: Callable[[], None]) -> None:
        self.turns.append(turn)
        self.between()
        turn()

    def advance(self, until_ns: int, *wake: str) -> Stop:
        stops: list[Stop] = []
        failures: list[Exception] = []
        self.engine.advance(until_ns, wake, stops.append, failures.append)
        if failures:
            raise failures[0]
        assert len(stops) == 1
        return stops[0]


def test_event_at_the_deadline_has_run() -> None:
    stage = Stage()
    stage.kernel.at(100, stage.device.say)
    stop = stage.advance(100)
    assert (stop.now_ns, stop.reason, stop.ports["sniffer"]["now"]) == (100, Reason.DEADLINE, 1)


def test_device_port_streams_unless_it_is_named() -> None:
    stage = Stage()
    for t in (10, 20, 30):
        stage.kernel.at(t, stage.device.say)
    assert stage.advance(15).now_ns == 15
    woken = stage.advance(100, "sniffer")
    assert (woken.now_ns, woken.reason) == (20, Reason.WAKE)
    assert dict(woken.ports["sniffer"]) == {"epoch": 1, "before": 1, "now": 2}


def test_one_instant_is_finished_whatever_it_sets_off() -> None:
    stage = Stage()
    later: list[int] = []
    stage.kernel.at(10, stage.host.say)

    def set_off() -> None:
        stage.kernel.after(0, lambda: later.append(stage.kernel.now_ns))

    stage.kernel.at(10, set_off)
    stage.kernel.at(11, lambda: later.append(11))
    stop = stage.advance(50)
    assert (stop.now_ns, stop.reason, later) == (10, Reason.WAKE, [10])


def test_unattached_port_neither_wakes_nor_counts() -> None:
    stage = Stage()
    stage.host.detach()
    stage.kernel.at(10, stage.host.say)
    stop = stage.advance(50)
    assert (stop.reason, set(stop.ports)) == (Reason.DEADLINE, {"sniffer"})


def test_stream_of_one_advance_is_bounded() -> None:
    stage = Stage()
    for t in range(1, 20):
        stage.kernel.at(t, lambda: stage.device.say(VOLUME_LIMIT // 4))
    stops = [stage.advance(100), stage.advance(100)]
    assert [(s.now_ns, s.reason) for s in stops] == [(5, Reason.WAKE), (10, Reason.WAKE)]


def test_stop_is_heard_between_slices_and_inputs_resume() -> None:
    stage = Stage()

    def forever() -> None:
        stage.kernel.after(1, forever)

    stage.kernel.after(1, forever)
    stage.between = lambda: stage.engine.stop() if len(stage.turns) == 2 else None
    stop = stage.advance(1 << 60)
    assert stop.reason is Reason.STOPPED
    assert 0 < stop.now_ns < 1 << 60
    assert len(stage.turns) == 2
    assert (stage.host.resumed, stage.engine.advancing) == (1, False)


def test_broken_model_is_reported_and_time_stands() -> None:
    stage = Stage()
    stage.kernel.at(10, lambda: 1 // 0)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        stage.advance(50)
    assert not stage.engine.advancing
