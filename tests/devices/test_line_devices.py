"""Console, meter and panel: each driver against its impersonator over a real pty, and against dead ports."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st
from labgrid.resource import NetworkSerialPort, RawSerialPort

from bench.errors import BenchError, InputError
from bench.records import NS_PER_S
from devices.console.driver import ConsoleDriver
from devices.console.impersonator import COMMANDS, UNSUPPORTED, ConsoleImpersonator
from devices.meter.driver import MeterDriver
from devices.meter.impersonator import MeterImpersonator
from devices.panel.driver import PanelDriver
from devices.panel.impersonator import PanelImpersonator
from devices.wires import wire
from devices.wires.line_driver import LineDriver
from tests.devices.device_bench import (
    T0_NS,
    FakeMeter,
    FakePanel,
    FakeTerminal,
    Heard,
    PtyDevice,
    Silent,
    StillClock,
    build,
)

Connect = Callable[..., Any]


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def connect(clock: StillClock) -> Iterator[Connect]:
    """Build a driver as labgrid does, on a device's pty, and take it into the clock."""
    drivers: list[LineDriver] = []

    def connected(kind: type[LineDriver], device: PtyDevice, subject: str) -> Any:
        driver = build(RawSerialPort, kind, device.name, port=device.path)
        driver.connect(clock, subject)
        drivers.append(driver)
        return driver

    yield connected
    for driver in drivers:
        driver.disconnect()


def said(clock: StillClock, kind: str) -> list[dict[str, Any]]:
    return [dict(o.data) for o in clock.seen if o.kind == kind]


class TestExchangePairs:
    """What goes over the wire, octet for octet."""

    def pairs(self, make: Callable[[Any], Any], exchanges: list[tuple[bytes, bytes]]) -> None:
        port = Heard()
        device = make(port)
        for sent, reply in exchanges:
            port.out = b""
            device.on_bytes(sent)
            assert port.out == reply, sent

    def test_meter(self) -> None:
        self.pairs(
            lambda port: MeterImpersonator(port, FakeMeter()),
            [
                (b"ID\n", b"ID SG-1 standin-meter/1\n"),
                (b"GET\n", b"INDEX 7\n"),
                (b"SET 4294967296\n", b"OK 4294967296\n"),
                (b"GE", b""),
                (b"T\nGET\r\n", b"INDEX 4294967296\nINDEX 4294967296\n"),
                (b"ALARM leak1\n", b"OK ALARM leak1\n"),
                (b"SET -1\n", b"ERR not an index\n"),
                (b"SET 18446744073709551616\n", b"ERR not an index\n"),  # nine octets
                (b"SET %s\n" % (b"0" * 900 + b"1"), b"ERR not an index\n"),
                (b"GET\n", b"INDEX 4294967296\n"),
                (b"SET 18446744073709551615\n", b"OK 18446744073709551615\n"),
                (b"ALARM %s\n" % (b"x" * 300), b"ERR not an alarm code\n"),
                (b"SET %s\nID\n" % (b"9" * 5000), b"ID SG-1 standin-meter/1\n"),  # an endless line is dropped
                (b"OPEN\n", b"ERR unknown command\n"),
            ],
        )

    def test_panel(self) -> None:
        self.pairs(
            lambda port: PanelImpersonator(port, FakePanel()),
            [
                (b"ID\n", b"ID standin-panel/1\n"),
                (b"LAMP\n", b"LAMP off\n"),
                (b"PRESS 1\n", b"! LAMP blinking\nOK PRESS 1\n"),
                (b"PRESS 10\n", b"! LAMP off\nOK PRESS 10\n"),
                (b"PRESS 0\n", b"ERR not a duration\n"),
                (b"PRESS nan\n", b"ERR not a duration\n"),
            ],
        )

    def test_console(self) -> None:
        terminal = FakeTerminal()
        self.pairs(
            lambda port: ConsoleImpersonator(port, terminal),
            [
                (b"wisun get wisun.join_state\n", b"wisun.join_state = State (0)\r\n> "),
                (
                    b"wisun join_fan11\r\n",
                    b'[Connecting to "standin"]\r\n[Join state: Select PAN (1)]\r\n> ',
                ),
                (b"wisun join_fan11\n", b"[Failed: unable to connect]\r\n> "),
                (b"wisun clear_credential_cache\n", b"> "),
                (b"wisun get wisun.nothing\n", b"[Failed: no match found]\r\n> "),
                (b"reboot\n", b"[Failed: unknown command]\r\n> "),
                (b"wisun\nwisun ping\nwisun get\n", b"[Failed: unknown command]\r\n> " * 3),
                (b"wisun set wisun.tx_power 7\n", b"> "),
                (b"wisun get wisun.tx_power\n", b"wisun.tx_power = 7\r\n> "),
                (b"wisun set wisun.x 7\n", b"[Failed: no wisun.x]\r\n> "),
                (b"wisun save\n", b"> "),
                (b"wisun ping ::1\n", b"PING ::1: 40 data bytes\r\n> "),
                (b"wisun mac_allow a\nwisun mac_deny b\n", b"> > "),
                (b"wisun socket_list\n", b"> "),
                (b"wisun join_fan10\n", b"[Failed: join_fan10 is not supported by this stand-in terminal]\r\n> "),
                (b"wisun udp_client ::1 5\n", b"[Failed: udp_client is not supported by this stand-in terminal]\r\n> "),
                (b"rftest start_tone\n", b"[Failed: rftest is not supported by this stand-in terminal]\r\n> "),
            ],
        )
        assert (terminal.cleared, terminal.saves) == (1, 1)
        assert terminal.filtered == [(True, "a"), (False, "b")]

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.one_of(st.sampled_from([*COMMANDS, *UNSUPPORTED, "wisun", "get", "set", ""]), st.text())))
    def test_each_console_line_ends_with_one_prompt(self, words: list[str]) -> None:
        """Whatever comes: an exception would mute the port, a missing prompt would hang the driver."""
        line = re.sub(r"[\r\n]", " ", " ".join(words))[:200].encode("utf-8", "replace")[:1000]
        wire = Heard()
        ConsoleImpersonator(wire, FakeTerminal()).on_bytes(b"x" + line + b"\nwisun " + line + b"\n")
        assert wire.out.count(b"\r\n> ") + wire.out.count(b"> > ") + wire.out.startswith(b"> ") == 2
        assert wire.out.endswith(b"> ")

    def test_a_dark_terminal_neither_hears_nor_speaks(self) -> None:
        terminal = FakeTerminal()
        terminal.power = False
        self.pairs(
            lambda port: ConsoleImpersonator(port, terminal),
            [(b"wisun get wisun.join_state\n", b""), (b"wisun get ", b"")],
        )


class TestMeter:
    def test_sets_reads_back_and_records(self, clock: StillClock, connect: Connect) -> None:
        model = FakeMeter()
        device = PtyDevice(lambda port: MeterImpersonator(port, model), "meter.t1.gas")
        driver = connect(MeterDriver, device, "t1.gas")
        assert driver.set_index(123457) == 123457
        assert driver.read_index() == model.value == 123457
        driver.raise_alarm("leak1")
        assert model.alarms == ["leak1"]
        assert driver.serial_number() == "SG-1"
        assert said(clock, "meter.index") == [{"index": 123457}]
        assert [(o.source, o.subject, o.t_ns) for o in clock.seen][-1] == ("meter.t1.gas", "t1.gas", clock.t_ns)
        assert clock.pump.channels["meter.t1.gas"].count == len(
            b"OK 123457\nINDEX 123457\nOK ALARM leak1\nID SG-1 standin-meter/1\n"
            + 4 * b"ID SG-1 standin-meter/1\n"  # each command on a line that was proved to be in step
        )
        device.close()

    def test_a_valve_is_heard_behind_what_was_babbled_without_a_line_end(
        self, clock: StillClock, connect: Connect
    ) -> None:
        model = FakeMeter()
        device = PtyDevice(lambda port: MeterImpersonator(port, model), "meter.t1.gas")
        driver = connect(MeterDriver, device, "t1.gas")
        device.say(b"\x00\xffbabble " * 20)
        model.move("shut")
        device.say(b"babble! VALVE open or not\n")
        assert driver.read_index() == model.value
        clock.step(clock.now_ns())
        assert said(clock, "meter.valve") == [{"state": "shut"}]
        device.close()

    @pytest.mark.slow
    def test_an_index_that_reads_back_otherwise_is_a_bench_error(self, connect: Connect) -> None:
        class Stuck(FakeMeter):
            def set_index(self, index: int) -> None:
                pass

        device = PtyDevice(lambda port: MeterImpersonator(port, Stuck()), "meter.t1.gas")
        with pytest.raises(BenchError, match=r"^meter\.t1\.gas: odd answer to 'SET 9': 'OK 7'$"):
            connect(MeterDriver, device, "t1.gas").set_index(9)
        device.close()

    def test_a_refusal_is_one_line(self, connect: Connect) -> None:
        device = PtyDevice(lambda port: MeterImpersonator(port, FakeMeter()), "meter.t1.gas")
        with pytest.raises(BenchError, match=r"^meter\.t1\.gas: refused 'SET -4': not an index$"):
            connect(MeterDriver, device, "t1.gas").set_index(-4)
        device.close()


class TestPanel:
    def test_what_the_lamp_does_during_a_press_is_published_in_the_next_step(
        self, clock: StillClock, connect: Connect
    ) -> None:
        model = FakePanel()
        device = PtyDevice(lambda port: PanelImpersonator(port, model), "panel.t1")
        driver = connect(PanelDriver, device, "t1")
        assert driver.lamp() == "off"
        driver.press(1.0)
        assert clock.kinds() == ["panel.press"]  # a condition made now must still see the lamp
        clock.step(clock.t_ns + 1)
        assert said(clock, "panel.lamp") == [{"state": "blinking"}]
        assert [o.t_ns for o in clock.seen] == [clock.t_ns - 1] * 2
        model.show("on")
        clock.step(clock.t_ns + 1)
        assert said(clock, "panel.lamp")[-1] == {"state": "on"}
        device.close()


class TestConsole:
    def test_command_returns_the_lines_before_the_prompt(self, clock: StillClock, connect: Connect) -> None:
        terminal = FakeTerminal()
        device = PtyDevice(lambda port: ConsoleImpersonator(port, terminal), "console.t1")
        driver = connect(ConsoleDriver, device, "t1")
        assert driver.command("wisun get wisun") == ['wisun.network_name = "standin"', "wisun.join_state = State (0)"]
        assert driver.join_state() == 0
        driver.join()
        terminal.say("[Join state: Operational (5)]")
        while {"state": 5} not in said(clock, "console.join_state"):
            clock.step(clock.t_ns + 1)
        assert said(clock, "console.join_state") == [{"state": 1}, {"state": 5}]
        with pytest.raises(BenchError, match=r"^console\.t1: refused 'wisun join_fan11': \[Failed"):
            driver.join()
        device.close()

    def test_a_console_that_never_answers_is_one_line(self, connect: Connect) -> None:
        device = PtyDevice(Silent, "console.t1")
        driver = connect(ConsoleDriver, device, "t1")
        driver.clock.pump.answer_s = 0.05
        with pytest.raises(BenchError) as caught:
            driver.command("wisun get wisun")
        assert str(caught.value) == "console.t1: no prompt after 'wisun get wisun' within 0.05 s"
        device.close()


class TestHeldBack:
    """A line that stands for a while, and then gives all at once: what it tells late did not happen now."""

    @pytest.mark.parametrize(
        ("stands", "held_s", "middle_s", "width_s"),
        [
            ("ID", 8.0, 4.5, 9.0),  # since the last word before the question
            ("LAMP", 8.0, 5.0, 8.0),  # since the answer to ``ID``
            ("LAMP", 0.9, 1.9, 0.0),  # within what a panel may take
        ],
    )
    def test_a_change_has_the_time_and_the_doubt_of_the_gap(
        self, clock: StillClock, connect: Connect, stands: str, held_s: float, middle_s: float, width_s: float
    ) -> None:
        model = FakePanel()

        class Stuck(PanelImpersonator):
            def _answer(self, words: list[str]) -> str:
                if words == [stands] and clock.t_ns > T0_NS:
                    clock.t_ns += round(held_s * NS_PER_S)
                    model.show("on")
                return super()._answer(words)

        device = PtyDevice(lambda port: Stuck(port, model), "panel.t1")
        driver = connect(PanelDriver, device, "t1")
        driver.press(1.0)
        clock.t_ns = T0_NS + NS_PER_S
        driver._proved = False
        assert driver.lamp() == "on"
        clock.pump.release()
        [row] = [one for one in clock.seen if one.data == {"state": "on"}]
        assert (row.t_ns - T0_NS, row.u_ns) == (round(middle_s * NS_PER_S), round(width_s * NS_PER_S / math.sqrt(12)))
        device.close()


class TestDeadPorts:
    def test_a_pulled_port_is_lost_with_an_observation(self, clock: StillClock, connect: Connect) -> None:
        device = PtyDevice(lambda port: MeterImpersonator(port, FakeMeter()), "meter.t1.gas")
        driver = connect(MeterDriver, device, "t1.gas")
        device.pull()
        with pytest.raises(BenchError, match=r"^meter\.t1\.gas: the port is gone"):
            driver.read_index()
        assert said(clock, "bench.lost_port") == [{"port": "meter.t1.gas", "reason": "closed by the device"}]
        assert "meter.t1.gas" not in clock.pump.channels
        with pytest.raises(BenchError, match="the port is gone"):
            driver.read_index()

    def test_a_port_that_is_not_there_is_one_line(self, clock: StillClock) -> None:
        driver = build(RawSerialPort, ConsoleDriver, "console.t1", port="/dev/nonexistent")
        with pytest.raises(BenchError, match=r"^console\.t1: /dev/nonexistent: No such file or directory$"):
            driver.connect(clock, "t1")

    def test_a_protocol_that_nobody_speaks_is_refused(self, clock: StillClock) -> None:
        driver = build(NetworkSerialPort, ConsoleDriver, "console.t1", host="127.0.0.1", port=1, protocol="smoke")
        with pytest.raises(InputError, match="'smoke' of a NetworkSerialPort; expected 'raw' or 'rfc2217'"):
            driver.connect(clock, "t1")

    def test_stock_pyserial_is_refused_with_the_repair(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wire.check_serial_fork()
        monkeypatch.setattr(serial, "VERSION", "3.5")
        with pytest.raises(InputError, match="pip install --force-reinstall --no-deps pyserial-labgrid"):
            wire.check_serial_fork()
