"""A meter by pulses and by a tap: what is counted, what is heard, and what a cut step leaves unknown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import pytest
from labgrid import target_factory
from labgrid.resource import RawSerialPort

import devices.resources
from bench import kinds
from bench.errors import BenchError
from bench.measurands.judged.register import Register
from bench.records import NS_PER_HOUR, NS_PER_S, Observation
from devices.family import HeldOutput
from devices.meter.protocol import TurnsRegister
from devices.meter.pulse import PulseMeterDriver
from devices.meter.pulse_impersonator import PulseImpersonator
from devices.meter.tap import TapMeterDriver
from devices.meter.tap_impersonator import TapImpersonator
from devices.operator.task import NotAnswered
from fixtures.rig.abilities import RaisesAlarm, SetsIndex
from tests.devices.device_bench import FakeMeter, PtyDevice, StillClock, TcpDevice, build
from tests.measurands.synthetic import MIDNIGHT_NS, Run

assert devices.resources.RESOURCES
METER: Final = "t1.gas"


@pytest.fixture
def clock() -> StillClock:
    clock = StillClock()

    def step(until_ns: int, wake: frozenset[str] = frozenset()) -> None:
        clock.pump.release()
        clock.t_ns = until_ns

    clock.step = step  # type: ignore[method-assign]
    return clock


@pytest.fixture
def meter() -> FakeMeter:
    return FakeMeter(value=100)


@pytest.fixture
def pulse(clock: StillClock, meter: FakeMeter) -> Iterator[PulseMeterDriver]:
    device = TcpDevice(lambda port: PulseImpersonator(port, meter), "pulse")
    url = f"http://{device.host}:{device.port}/relay"
    target = target_factory.make_target(
        "main",
        {
            "resources": [
                {"cls": "HttpDigitalOutput", "name": "box", "url": url, "body_asserted": "1", "body_deasserted": "0"}
            ],
            "drivers": [
                {"cls": "HttpDigitalOutputDriver", "name": "relay", "bindings": {"http": "box"}},
                {"cls": "PulseMeterDriver", "name": "pulse", "index": 100, "bindings": {"output": "relay"}},
            ],
        },
    )
    driver: Any = target.get_driver(PulseMeterDriver)
    driver.connect(clock, METER)
    yield driver
    driver.disconnect()
    device.close()


class TestPulses:
    def test_as_many_as_the_register_is_to_go_up(
        self, pulse: PulseMeterDriver, meter: FakeMeter, clock: StillClock
    ) -> None:
        began_ns = clock.now_ns()
        assert pulse.set_index(107) == 107
        assert (meter.value, pulse.read_index()) == (107, 107)
        assert clock.now_ns() - began_ns == 7 * NS_PER_S // 10, "each as wide as its gap, 50 ms"
        assert [(o.kind, o.subject, dict(o.data)) for o in clock.seen] == [("meter.index", METER, {"index": 107})]

    def test_what_it_can_and_cannot(self, pulse: PulseMeterDriver) -> None:
        assert isinstance(pulse, SetsIndex)
        assert isinstance(pulse, TurnsRegister)
        assert isinstance(pulse, HeldOutput)
        assert not isinstance(pulse, RaisesAlarm)
        assert (pulse.turned_within(2.0), pulse.turned_within(0.01)) == (20, 1)

    def test_back_and_between_pulses_leads_nothing(self, pulse: PulseMeterDriver, meter: FakeMeter) -> None:
        with pytest.raises(BenchError, match="from 100 to no 99"):
            pulse.set_index(99)
        pulse.units = 10
        with pytest.raises(BenchError, match=r"from 100 to no 105, 10 a pulse"):
            pulse.set_index(105)
        assert (meter.value, pulse.read_index()) == (100, 100)

    def test_a_step_that_was_cut_leaves_the_register_unknown(
        self, pulse: PulseMeterDriver, meter: FakeMeter, clock: StillClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        step = clock.step

        def struck(until_ns: int, wake: frozenset[str] = frozenset()) -> None:
            if meter.value == 103:
                raise KeyboardInterrupt
            step(until_ns, wake)

        monkeypatch.setattr(clock, "step", struck)
        with pytest.raises(KeyboardInterrupt):
            pulse.set_index(110)
        with pytest.raises(NotAnswered):
            pulse.read_index()
        assert not pulse.output.get(), "the contact is open"
        pulse.count_from(None)
        [told] = clock.seen
        assert (told.kind, told.subject) == ("meter.unknown", METER)
        kinds.check(told)

    def test_a_run_goes_on_from_what_was_counted(self, pulse: PulseMeterDriver, clock: StillClock) -> None:
        pulse.count_from(140)
        assert pulse.read_index() == 140
        assert clock.seen == []


class TestTap:
    def test_what_the_terminal_is_told_is_heard(self, clock: StillClock) -> None:
        meter = FakeMeter(value=41)
        device = PtyDevice(lambda port: TapImpersonator(port, meter), "tap")
        still = StillClock()
        driver: Any = build(RawSerialPort, TapMeterDriver, device.name, port=device.path)
        driver.connect(still, METER)
        assert driver.serial_number() == "tap-of-SG-1"
        for meter.value in (42, 43):
            meter.tell()
            still.step(still.now_ns() + NS_PER_S)
        assert [(o.kind, o.subject, dict(o.data)) for o in still.seen] == [
            ("meter.told", METER, {"index": 42}),
            ("meter.told", METER, {"index": 43}),
        ]
        for observation in still.seen:
            kinds.check(observation)
        driver.disconnect()
        device.close()


class TestTruth:
    def told(self, run: Run, at: dict[int, int]) -> Register:
        for t_ns, index in at.items():
            run.recorder.observe(Observation(t_ns, "tap", METER, kinds.METER_TOLD, {"index": index}))
        return Register.of(run.evidence(), METER)

    def test_the_telegram_at_a_mark_is_its_truth(self, tmp_path: Path) -> None:
        second, hour = NS_PER_S, NS_PER_HOUR
        marks = {MIDNIGHT_NS + n * hour + second: 10 + n for n in range(4)}
        register = self.told(Run(tmp_path), marks)
        assert [register.indexes(MIDNIGHT_NS + n * hour) for n in range(4)] == [{10}, {11}, {12}, {13}]
        assert register.stepped(MIDNIGHT_NS + hour)
        assert register.known(MIDNIGHT_NS + hour)

    def test_a_mark_without_a_telegram_is_not_known(self, tmp_path: Path) -> None:
        at = {MIDNIGHT_NS + NS_PER_S: 10, MIDNIGHT_NS + NS_PER_HOUR // 2: 11}
        register = self.told(Run(tmp_path), at)
        assert register.at(MIDNIGHT_NS + NS_PER_HOUR) == []
        assert not register.known(MIDNIGHT_NS + NS_PER_HOUR)
        assert not register.stepped(MIDNIGHT_NS + NS_PER_HOUR)

    def test_two_that_differ_near_a_mark_may_both_be(self, tmp_path: Path) -> None:
        at = {MIDNIGHT_NS - 60 * NS_PER_S: 10, MIDNIGHT_NS + 60 * NS_PER_S: 11}
        register = self.told(Run(tmp_path), at)
        assert register.indexes(MIDNIGHT_NS) == {10, 11}
        assert not register.stepped(MIDNIGHT_NS)

    def test_steps_lie_between_two_telegrams(self, tmp_path: Path) -> None:
        at = {MIDNIGHT_NS: 10, MIDNIGHT_NS + NS_PER_HOUR: 10, MIDNIGHT_NS + 2 * NS_PER_HOUR: 12}
        [(before, after, limits)] = self.told(Run(tmp_path), at).steps(0, 1 << 62)
        assert (before.data["index"], after.data["index"]) == (10, 12)
        assert (limits.low, limits.high) == (MIDNIGHT_NS + NS_PER_HOUR, MIDNIGHT_NS + 2 * NS_PER_HOUR)

    def test_pulses_that_were_cut_are_no_known_mark(self, tmp_path: Path) -> None:
        run = Run(tmp_path)
        for t_ns, kind, data in (
            (MIDNIGHT_NS - NS_PER_HOUR, kinds.METER_INDEX, {"index": 5}),
            (MIDNIGHT_NS + NS_PER_HOUR, kinds.METER_UNKNOWN, {"why": "cut"}),
        ):
            run.recorder.observe(Observation(t_ns, "pulse", METER, kind, data))
        register = Register.of(run.evidence(), METER)
        assert register.known(MIDNIGHT_NS + NS_PER_HOUR // 2)
        assert not register.known(MIDNIGHT_NS + 2 * NS_PER_HOUR)


class Value(Enum):
    """gpiod's."""

    INACTIVE = 0
    ACTIVE = 1


class FakeGpiod(ModuleType):
    """The calls of gpiod 2.x that the driver makes, on lines of this process: no chip is there to be tried on."""

    def __init__(self) -> None:
        super().__init__("gpiod")
        self.levels: dict[tuple[str, int], Value] = {}
        self.held: set[tuple[str, int]] = set()
        self.line = SimpleNamespace(Value=Value, Direction=Enum("Direction", ["AS_IS", "OUTPUT"]))
        self.LineSettings = SimpleNamespace

    def request_lines(self, chip: str, consumer: str, config: dict[int, Any]) -> Any:
        [(number, settings)] = config.items()
        key = chip, number
        if key in self.held:
            raise OSError(16, "Device or resource busy")
        assert consumer == "kenshin"
        self.held.add(key)
        if settings.direction is self.line.Direction.OUTPUT:
            self.levels[key] = settings.output_value
        return FakeRequest(self, key)


class FakeRequest:
    def __init__(self, chip: FakeGpiod, key: tuple[str, int]) -> None:
        self._chip, self._key = chip, key

    def __enter__(self) -> FakeRequest:
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()

    def release(self) -> None:
        self._chip.held.discard(self._key)

    def get_value(self, _line: int) -> Value:
        return self._chip.levels.get(self._key, Value.INACTIVE)

    def set_value(self, _line: int, value: Value) -> None:
        self._chip.levels[self._key] = value


class TestGpio:
    def driver(self) -> Any:
        target = target_factory.make_target(
            "main",
            {
                "resources": [{"cls": "GpioLine", "name": "line", "chip": "/dev/gpiochip9", "line": 17}],
                "drivers": [{"cls": "GpioLineDriver", "name": "out", "bindings": {"line": "line"}}],
            },
        )
        return target.get_driver("GpioLineDriver")

    def test_a_line_is_set_and_read_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        chip = FakeGpiod()
        monkeypatch.setitem(sys.modules, "gpiod", chip)
        driver = self.driver()
        assert driver.get() is False
        assert chip.held == set(), "a look leaves it to others"
        for on in (True, False, True):
            driver.set(on)
            assert driver.get() is on
        assert chip.levels == {("/dev/gpiochip9", 17): Value.ACTIVE}
        driver.target.deactivate(driver)
        assert chip.held == set()

    def test_without_the_package_it_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "gpiod", None)
        with pytest.raises(BenchError, match="pip install gpiod"):
            self.driver().get()
