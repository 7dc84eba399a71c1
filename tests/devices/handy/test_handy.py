"""Handy terminal: octet for octet, driver against impersonator over a real pty, and what it publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from labgrid.resource import RawSerialPort

from bench import kinds
from bench.errors import BenchError
from devices.handy.driver import HandyDriver
from devices.handy.impersonator import TAKES_NS, HandyImpersonator
from tests.devices.device_bench import Heard, PtyDevice, StillClock, build


class Lab:
    """A laboratory with two meters; ``later`` are the calls that wait for their time."""

    seed = 1

    def __init__(self) -> None:
        self.panels: Mapping[str, Any] = {}
        self.meters: Mapping[str, Any] = {"t1.gas": None, "t1.water": None}
        self.index: int | None = 4711
        self.later: list[tuple[int, Callable[[], None]]] = []

    def switch(self, load: str, on: bool) -> None: ...

    def breaker(self, fed: str, on: bool) -> None: ...

    def after(self, delay_ns: int, call: Callable[[], None]) -> None:
        self.later.append((delay_ns, call))

    def read_on_site(self, meter: str) -> int | None:
        return self.index

    def request(self, terminal: str, body: Mapping[str, Any]) -> str:
        raise AssertionError

    def pass_time(self) -> None:
        for _, call in self.later:
            call()
        self.later.clear()


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"ID\n", b"ID standin-handy/1\n"),
        (b"READ t1.gas\n", b"OK READ t1.gas\n"),
        (b"READ t9.gas\n", b"ERR no such meter\n"),
        (b"READ\n", b"ERR unknown command\n"),
    ],
)
def test_exchange_pairs(sent: bytes, reply: bytes) -> None:
    port = Heard()
    HandyImpersonator(port, Lab()).on_bytes(sent)
    assert port.out == reply


@pytest.mark.parametrize(("index", "said"), [(4711, b"! READING t1.gas 4711\n"), (None, b"! NOTHING t1.gas\n")])
def test_the_answer_comes_when_the_terminal_has_given_it(index: int | None, said: bytes) -> None:
    port, lab = Heard(), Lab()
    lab.index = index
    HandyImpersonator(port, lab).on_bytes(b"READ t1.gas\n")
    assert [delay for delay, _ in lab.later] == [TAKES_NS]
    port.out = b""
    lab.pass_time()
    assert port.out == said


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def handy(lab: Lab, clock: StillClock) -> Iterator[HandyDriver]:
    device = PtyDevice(lambda port: HandyImpersonator(port, lab))
    driver = build(RawSerialPort, HandyDriver, "handy.lab", port=device.path)
    driver.connect(clock, "handy")
    yield driver
    driver.disconnect()
    device.close()


def seen(clock: StillClock) -> list[tuple[str, str, dict[str, Any]]]:
    own = (kinds.HANDY_ASKED, kinds.HANDY_READING, kinds.HANDY_NOTHING)
    return [(o.kind, o.subject, dict(o.data)) for o in clock.seen if o.kind in own]


def test_the_driver_tells_what_was_asked_and_what_came(handy: HandyDriver, lab: Lab, clock: StillClock) -> None:
    handy.read("t1.gas")
    assert seen(clock) == [(kinds.HANDY_ASKED, "t1.gas", {})], "the answer takes its time"
    lab.pass_time()
    clock.step(clock.t_ns + 1)
    lab.index = None
    handy.read("t1.water")
    lab.pass_time()
    clock.step(clock.t_ns + 1)
    assert seen(clock)[1:] == [
        (kinds.HANDY_READING, "t1.gas", {"index": 4711}),
        (kinds.HANDY_ASKED, "t1.water", {}),
        (kinds.HANDY_NOTHING, "t1.water", {}),
    ]


def test_a_meter_that_it_does_not_know_is_refused(handy: HandyDriver) -> None:
    with pytest.raises(BenchError, match=r"handy\.lab: refused 'READ t9\.gas': no such meter"):
        handy.read("t9.gas")
