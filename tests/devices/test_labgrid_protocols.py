"""labgrid's protocols on the bench's drivers, and labgrid's own drivers where they serve a bench."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from labgrid import Target, target_factory
from labgrid.driver import DigitalOutputPowerDriver, NetworkPowerDriver, SerialDriver
from labgrid.resource import RawSerialPort
from labgrid.step import step
from pexpect import TIMEOUT

import devices.resources
from bench import kinds
from bench.errors import BenchError
from bench.evidence.watch_log import log_rows
from bench.records import NS_PER_S
from devices.console.driver import ConsoleDriver
from devices.console.impersonator import ConsoleImpersonator
from devices.cut.driver import CutDriver
from devices.family import CutsMesh, MakesSafe
from devices.key.driver import KeyDriver
from devices.meter.driver import MeterDriver
from devices.meter.impersonator import MeterImpersonator
from devices.panel.driver import PanelDriver
from devices.panel.impersonator import PanelImpersonator
from devices.supply.driver import ScpiSocket, ScpiSupplyDriver, SupplyOutputDriver
from devices.supply.makes.rigol_dp832 import RigolImpersonator
from devices.supply.safety import Instrument, SafeOutput, secure
from devices.supply.supply import Safe
from devices.switch.driver import PowerSwitchDriver
from devices.switch.switch import bounded, built, recipe
from devices.wires.address import Address
from fixtures.rig.watchdog import Watchdog
from tests.devices.device_bench import (
    FakeMeter,
    FakeOutput,
    FakePanel,
    FakeSupply,
    FakeTerminal,
    PtyDevice,
    StillClock,
    TcpDevice,
    build,
)

assert devices.resources.RESOURCES


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


def made(*drivers: dict[str, Any], resources: tuple[dict[str, Any], ...] = ()) -> Target:
    """A target as labgrid makes it from a file."""
    return target_factory.make_target("main", {"resources": list(resources), "drivers": list(drivers)})


@pytest.fixture
def outputs() -> Iterator[tuple[list[FakeOutput], TcpDevice]]:
    channels = [FakeOutput(), FakeOutput()]
    device = TcpDevice(lambda port: RigolImpersonator(port, FakeSupply(channels)), "supply.dc")
    yield channels, device
    device.close()


class TestSupply:
    def supply(self, device: TcpDevice) -> Target:
        socket = {"cls": "ScpiSocket", "name": "s", "host": device.host, "port": device.port}
        return made(
            {"cls": "ScpiSupplyDriver", "name": "dc", "model": "rigol-dp832", "delay": 0, "bindings": {"socket": "s"}},
            {"cls": "SupplyOutputDriver", "name": "dc.2", "channel": 2, "bindings": {"supply": "dc"}},
            {"cls": "DigitalOutputPowerDriver", "name": "by labgrid", "delay": 0.0, "bindings": {"output": "dc.2"}},
            resources=(socket,),
        )

    @pytest.mark.parametrize("in_a_rig", [False, True])
    def test_on_off_get_set_cycle(self, outputs: Any, clock: StillClock, in_a_rig: bool) -> None:
        channels, device = outputs
        target = self.supply(device)
        first = target.get_driver(ScpiSupplyDriver)
        second = target.get_driver(SupplyOutputDriver)
        if in_a_rig:
            first.connect(clock, {1: "t1", 2: "t3"})
        first.on()
        second.set(True)
        assert [channel.on for channel in channels] == [True, True]
        assert (first.get(), second.get()) == (True, True)
        first.off()
        assert [channel.on for channel in channels] == [False, True]
        first.cycle()
        assert channels[0].switched[-2:] == [False, True]
        if in_a_rig:
            assert [(o.subject, o.data["on"]) for o in clock.seen] == [
                ("t1", True),
                ("t3", True),
                ("t1", False),
                ("t1", False),
                ("t1", True),
            ]
        first.disconnect()

    def test_labgrids_own_driver_stands_on_an_output(self, outputs: Any) -> None:
        channels, device = outputs
        power = self.supply(device).get_driver(DigitalOutputPowerDriver)
        power.on()
        assert channels[1].on
        power.off()
        assert not channels[1].on


class TestConsole:
    def test_expect_without_a_rig_and_in_one(self, clock: StillClock) -> None:
        device = PtyDevice(lambda port: ConsoleImpersonator(port, FakeTerminal()), "console.t1")
        console = build(RawSerialPort, ConsoleDriver, device.name, port=device.path)
        console.sendline("wisun get wisun.join_state")
        _, _, match, _ = console.expect(r"join_state = State \((\d)\)", timeout=60)
        assert match[1] == b"0"
        console.connect(clock, "t1")
        console.sendline("wisun get wisun.network_name")
        assert console.expect('wisun.network_name = "(.*)"', timeout=60)[2][1] == b"standin"
        assert console.join_state() == 0
        assert b"join_state" in console.read(timeout=0.01)
        with pytest.raises(TIMEOUT):
            console.read(timeout=0.01)
        console.disconnect()
        device.close()

    def test_a_driver_of_labgrids_is_a_wire(self, clock: StillClock) -> None:
        meter = FakeMeter()
        device = PtyDevice(lambda port: MeterImpersonator(port, meter), "meter.t1")
        target = made(
            {"cls": "SerialDriver", "name": "line", "bindings": {"port": "tty"}},
            {"cls": "MeterDriver", "name": "meter.t1", "bindings": {"wire": "line"}},
            resources=({"cls": "RawSerialPort", "name": "tty", "port": device.path},),
        )
        driver = target.get_driver(MeterDriver)
        assert isinstance(driver.wire, SerialDriver)
        driver.connect(clock, "t1.gas")
        assert driver.read_index() == 7
        driver.set_index(9)
        assert meter.value == 9
        driver.disconnect()
        device.close()
        target.cleanup()


@pytest.fixture
def relay(tmp_path: Path) -> Path:
    """What a GPIO line shows: labgrid's driver writes and reads it."""
    path = tmp_path / "relay"
    path.write_text("1\n")
    return path


def switched(relay: Path) -> PowerSwitchDriver:
    target = made(
        {"cls": "FileDigitalOutputDriver", "name": "relay", "filepath": str(relay)},
        {"cls": "PowerSwitchDriver", "name": "mains", "bindings": {"power": "relay"}},
    )
    driver = target.get_driver(PowerSwitchDriver)
    assert isinstance(driver, PowerSwitchDriver)
    return driver


class TestSwitch:
    def test_it_is_switched_read_back_and_recorded(self, relay: Path, clock: StillClock) -> None:
        driver = switched(relay)
        driver.connect(clock, {1: "mesh"})
        assert driver.switch(1, False) is False
        assert relay.read_text() == "0\n"
        assert [(o.kind, o.subject, dict(o.data)) for o in clock.seen] == [
            ("supply.output", "mesh", {"channel": 1, "on": False})
        ]
        for observation in clock.seen:
            kinds.check(observation)

    def test_one_that_does_not_obey_is_an_error(self, relay: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        driver = switched(relay)
        monkeypatch.setattr("devices.switch.switch.PAUSES_S", (0.0, 0.0))
        monkeypatch.setattr("devices.switch.switch.SETTLE_S", 0.0)
        monkeypatch.setattr(driver.power, "set", lambda _status: None)
        with pytest.raises(BenchError, match=r"^mains: switched off, reads back on$"):
            driver.bare().switch(1, False)

    def test_one_that_reads_nothing_back_is_refused(self) -> None:
        target = made(
            {"cls": "ExternalPowerDriver", "name": "x", "cmd_on": "true", "cmd_off": "true"},
            {"cls": "PowerSwitchDriver", "name": "mains", "bindings": {"power": "x"}},
        )
        assert target.get_driver(PowerSwitchDriver).unfit == "ExternalPowerDriver reads nothing back"

    def test_a_mute_box_is_waited_for_no_longer_than_said(self) -> None:
        hung = threading.Event()
        with pytest.raises(BenchError, match=r"^pdu: on: no answer within 0\.05 s$"):
            bounded("pdu", "on", hung.wait, 0.05)
        hung.set()

    def test_what_labgrid_raises_is_one_line(self) -> None:
        with pytest.raises(BenchError, match=r"^pdu: get: division by zero$"):
            bounded("pdu", "get", lambda: 1 / 0)

    def test_a_network_power_port(self) -> None:
        state = {"3": "0"}

        class Pdu(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index, _, value = self.path.removeprefix("/relay/").partition("/")
                if value:
                    state[index] = value
                self.send_response(200)
                self.end_headers()
                self.wfile.write(state[index].encode())

            def log_message(self, *_words: object) -> None: ...

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pdu)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/relay/{{index}}/{{value}}"
        target = made(
            {"cls": "NetworkPowerDriver", "name": "pdu", "bindings": {"port": "port"}},
            {"cls": "PowerSwitchDriver", "name": "mains", "bindings": {"power": "pdu"}},
            resources=({"cls": "NetworkPowerPort", "name": "port", "model": "simplerest", "host": url, "index": "3"},),
        )
        driver = target.get_driver(PowerSwitchDriver)
        assert isinstance(driver.power, NetworkPowerDriver)
        assert driver.bare().switch(1, True)
        assert state == {"3": "1"}
        # The same by what a watchdog is told, in an order of its own.
        again = built("mains", driver.address.labgrid)
        assert again.state(1)
        again.act_off(1)
        assert state == {"3": "0"}
        server.shutdown()
        server.server_close()

    def test_the_recipe_is_built_in_another_process(self, relay: Path) -> None:
        driver = switched(relay)
        code = (
            "import sys; from devices.switch.switch import built; print(built('mains', sys.argv[1]).switch(1, False))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, recipe(driver.power)], capture_output=True, text=True, timeout=500
        )
        assert (done.stdout.strip(), relay.read_text()) == ("False", "0\n"), done.stderr

    def test_it_is_made_safe_with_the_other_outputs(self, relay: Path) -> None:
        driver = switched(relay)
        plan = [Instrument("mains", driver.address, "", (SafeOutput(1, Safe.OFF, 0.0, 0.0),))]
        plan = [Instrument.of_json(json.loads(json.dumps(one.as_json()))) for one in plan]
        [result] = secure(plan)
        assert (result.ok, relay.read_text()) == (True, "0\n")

    def test_the_watchdog_of_a_killed_bench_makes_it_safe(self, relay: Path, tmp_path: Path) -> None:
        driver = switched(relay)
        plan = [Instrument("mains", driver.address, "", (SafeOutput(1, Safe.OFF, 0.0, 0.0),))]
        watchdog = Watchdog.start(tmp_path, plan, 0.0)
        watchdog.stop_keeping()
        assert watchdog.process.stdin is not None
        assert watchdog.process.stdout is not None
        watchdog.process.stdin.close()
        assert watchdog.process.wait(60) == 0
        watchdog.process.stdout.close()
        assert relay.read_text() == "0\n"
        assert [row["read_back"]["on"] for row in log_rows(tmp_path) if row["event"] == "safe"] == [False]

    def test_a_recipe_that_cannot_be_built_is_one_line(self) -> None:
        told = json.dumps({"imports": ["no.such"], "resources": [], "drivers": [], "driver": ["X", "x"]})
        with pytest.raises(BenchError, match=r"^mains: cannot be built \(No module named 'no'\)$"):
            Instrument("mains", Address(labgrid=told), "", ()).supply()


class TestKey:
    def test_a_relay_presses_for_as_long_as_it_is_told(self, relay: Path, clock: StillClock) -> None:
        target = made(
            {"cls": "FileDigitalOutputDriver", "name": "relay", "filepath": str(relay)},
            {"cls": "KeyDriver", "name": "key.t1", "bindings": {"output": "relay"}},
        )
        key = target.get_driver(KeyDriver)
        key.connect(clock, "t1")
        assert relay.read_text() == "0\n", "let go to begin with"
        down: list[str] = []

        def step(until_ns: int, wake: frozenset[str] = frozenset()) -> None:
            down.append(relay.read_text())
            clock.t_ns = until_ns

        clock.step = step  # type: ignore[method-assign]
        began_ns = clock.now_ns()
        key.press(10.0)
        assert down == ["1\n"]
        assert relay.read_text() == "0\n"
        assert clock.now_ns() - began_ns == 10 * NS_PER_S
        [press] = clock.seen
        assert (press.kind, press.subject, press.t_ns, dict(press.data)) == (
            "panel.press",
            "t1",
            began_ns,
            {"duration_s": 10.0},
        )


class TestCut:
    @pytest.mark.parametrize("closed_cuts", [True, False])
    def test_a_relay_takes_the_mesh_away_and_every_way_out_gives_it_back(
        self, relay: Path, clock: StillClock, closed_cuts: bool
    ) -> None:
        cuts, gives = ("1\n", "0\n") if closed_cuts else ("0\n", "1\n")
        relay.write_text(gives)
        target = made(
            {"cls": "FileDigitalOutputDriver", "name": "relay", "filepath": str(relay)},
            {
                "cls": "CutDriver",
                "name": "cut.rf",
                "outage": "RF shading",
                "closed_cuts": closed_cuts,
                "bindings": {"output": "relay"},
            },
        )
        cut: Any = target.get_driver(CutDriver)
        assert all(isinstance(cut, ability) for ability in (CutsMesh, MakesSafe))
        cut.connect(clock, "bench")
        assert relay.read_text() == gives, "opening a rig switches nothing"
        cut.cut_mesh(True)
        assert (relay.read_text(), cut.outage) == (cuts, "RF shading")
        cut.cut_mesh(False)
        assert relay.read_text() == gives
        cut.cut_mesh(True)
        cut.make_safe()
        assert relay.read_text() == gives


class TestStrategy:
    def strategy(self, folder: Path, panel: PtyDevice) -> tuple[Any, Callable[[], str]]:
        for name in ("mains", "feed"):
            (folder / name).write_text("0\n")
        target = made(
            *(
                {"cls": "FileDigitalOutputDriver", "name": f"relay.{name}", "filepath": str(folder / name)}
                for name in ("mains", "feed")
            ),
            *(
                {"cls": "DigitalOutputPowerDriver", "name": name, "bindings": {"output": f"relay.{name}"}}
                for name in ("mains", "feed")
            ),
            {"cls": "PanelDriver", "name": "panel", "bindings": {"wire": "tty"}},
            {
                "cls": "KenshinStrategy",
                "settle_s": 0.01,
                "join_s": 20,
                "bindings": {"mains": "mains", "feed": "feed", "key": "panel"},
            },
            resources=({"cls": "RawSerialPort", "name": "tty", "port": panel.path},),
        )
        return target.get_strategy(), lambda: "".join((folder / n).read_text()[0] for n in ("mains", "feed"))

    def test_states_are_reached_from_where_the_rig_is(self, tmp_path: Path) -> None:
        model = FakePanel()
        panel = PtyDevice(lambda port: PanelImpersonator(port, model), "panel")
        strategy, power = self.strategy(tmp_path, panel)
        assert power() == "00"
        strategy.transition("mesh")
        assert power() == "10"
        joins = threading.Timer(0.5, lambda: model.show("on"))
        joins.start()
        strategy.transition("joined")
        assert (power(), model.presses, strategy.status.name) == ("11", [1.0], "joined")
        strategy.transition("joined")
        assert model.presses == [1.0]
        strategy.transition("mesh")
        assert power() == "10"
        strategy.transition("off")
        assert power() == "00"
        strategy.target.get_driver(PanelDriver).disconnect()
        panel.close()

    def test_a_state_that_nobody_knows_and_one_that_is_not_reached(self, tmp_path: Path) -> None:
        panel = PtyDevice(lambda port: PanelImpersonator(port, FakePanel()), "panel")
        strategy, _ = self.strategy(tmp_path, panel)
        strategy.join_s = 0.05
        with pytest.raises(Exception, match="no state 'on'; expected off, mesh or joined"):
            strategy.transition("on")
        with pytest.raises(Exception, match=r"the terminal did not join within 0\.05 s"):
            strategy.transition("joined")
        strategy.target.get_driver(PanelDriver).disconnect()
        panel.close()


def test_steps_of_two_threads_do_not_meet() -> None:
    """labgrid.md 2.6: 794 of 1,000 calls failed with one stack for all."""

    class Talker:
        @step()  # type: ignore[untyped-decorator]
        def talk(self) -> None:
            time.sleep(0.0005)

    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(200):
                Talker().talk()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_socket_without_a_rig_is_left_alone(outputs: Any) -> None:
    _, device = outputs
    driver = build(ScpiSocket, ScpiSupplyDriver, "dc", "rigol-dp832", host=device.host, port=device.port)
    with pytest.raises(BenchError, match="dc: not connected to a rig"):
        driver.switch(1, True)
