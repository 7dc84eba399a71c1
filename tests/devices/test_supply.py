"""SCPI supplies: driver against impersonator over a real socket, and what instruments do to a line."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError, InputError
from devices.supply.dialect import DIALECTS
from devices.supply.driver import ScpiSocket, ScpiSupplyDriver
from devices.supply.impersonator import compile_header
from devices.supply.makes.gwinstek_asr2000 import AsrImpersonator
from devices.supply.makes.rigol_dp832 import RigolImpersonator
from devices.supply.supply import Safe, Supply, make_safe
from devices.wires.scpi import ScpiTransport
from devices.wires.session import SessionLost
from tests.devices.device_bench import Device, FakeOutput, FakeSupply, Heard, Silent, StillClock, TcpDevice, build

TIMEOUT_S = 0.2


def rigol(port: Any) -> RigolImpersonator:
    return RigolImpersonator(port, FakeSupply([FakeOutput(), FakeOutput()]))


@pytest.fixture
def serve() -> Iterator[Callable[..., TcpDevice]]:
    devices: list[Device] = []

    def start(make: Callable[[Any], Any]) -> TcpDevice:
        device = TcpDevice(make, "supply.dc")
        devices.append(device)
        return device

    yield start
    for device in devices:
        device.close()


def open_supply(device: TcpDevice, model: str = "rigol-dp832") -> Supply:
    supply = Supply(ScpiTransport("supply.dc", device.host, device.port, TIMEOUT_S), DIALECTS[model])
    supply.open()
    return supply


RIGOL_PAIRS = [
    ("*IDN?", "RIGOL TECHNOLOGIES,DP832,S123,00.01.16"),
    ("*OPC?", "1"),
    (":SOUR1:VOLT 3.6;:SOUR1:VOLT?", "3.600"),
    (":SOURCE1:VOLTAGE:LEVEL:IMMEDIATE:AMPLITUDE?", "3.600"),
    (":SOUR2:VOLT 5;CURR 0.25;CURR?", "0.250"),  # the path is kept after a semicolon
    (":APPL? CH2", "CH2:30V/3A,5.000,0.250"),
    (":OUTP? CH1", "OFF"),
    (":OUTP CH1,ON;:OUTP? CH1", "ON"),
    (":SOUR1:CURR 1;:MEAS:ALL? CH1", "3.6000,0.3600,1.2960"),
    (":MEAS:VOLT? CH2;:MEAS:CURR? CH1", "0.0000;0.3600"),
    (":OUTP:CVCC? CH1", "CV"),
    (":SYST:ERR?", '0,"No error"'),
    (":SOUR1:VOLT 31", None),
    (":SOUR1:VOLT?", "3.600"),  # refused, not clipped
    (":FOO 1", None),
    (":SYST:ERR?", '-222,"Data out of range"'),
    ("SYSTEM:ERROR?", '-113,"Undefined header"'),
    (":SYST:ERR?", '0,"No error"'),
    (":OUTP CH9,ON", None),
    (":SYST:ERR?", '-224,"Illegal parameter value"'),
    (":SOUR1:VOLT", None),
    (":SYST:ERR?", '-109,"Missing parameter"'),
    (":SOUR1:VOLT abc", None),
    ("*CLS;:SYST:ERR?", '0,"No error"'),
    (":APPL CH9,3.6,0.5;:SYST:ERR?", '-224,"Illegal parameter value"'),
    (":APPL? CH9;:SYST:ERR?", '-224,"Illegal parameter value"'),
    (":APPL CH1,2,9;:SYST:ERR?;:APPL? CH1", '-222,"Data out of range";CH1:30V/3A,3.600,1.000'),  # neither is set
    (":APPL CH1;:SYST:ERR?", '-109,"Missing parameter"'),
    (":APPL CH1,1,1,1;:SYST:ERR?", '-108,"Parameter not allowed"'),
    (":SOUR9:VOLT 1;:SYST:ERR?", '-224,"Illegal parameter value"'),
    (":SOUR1:VOLT nan;:SYST:ERR?", '-120,"Numeric data error"'),
    (":SOUR1:VOLT 1e999;:SYST:ERR?", '-222,"Data out of range"'),
    ("*IDN? 1;:SYST:ERR?", '-108,"Parameter not allowed"'),
    (":INST?;:INST:NSEL?", "CH1;1"),
    (":INST CH2;:INST:NSEL?;:APPL?", "2;CH2:30V/3A,5.000,0.250"),
    (":VOLT 4;:SOUR2:VOLT?", "4.000"),  # without a number: the selected channel
    (":INST:NSEL 1;:INST:SEL?;:MEAS:POWE? CH1", "CH1;1.2960"),
    (":INST CH3;:SYST:ERR?;:INST?", '-224,"Illegal parameter value";CH1'),  # this one has two channels
    (":INST:NSEL 1.5;:SYST:ERR?", '-224,"Illegal parameter value"'),
]
ASR_PAIRS = [
    ("*idn?", "GW-INSTEK,ASR-2050,S123,1.00"),
    (":SOUR:VOLT:LEV:IMM:AMPL 100;:SOUR:VOLT:LEV:IMM:AMPL?", "100.0"),
    (":SOUR:CURR:LIM:RMS 1.5;:SOUR:CURR:LIM:RMS?", "1.50"),
    (":OUTP ON;:OUTP?", "1"),
    (":MEAS:SCAL:VOLT:RMS?", "15.00"),  # 10 ohms at the 1.5 A limit
    (":MEAS:SCAL:FREQ?", "50.00"),
    (":SOUR:VOLT:RANG 100;:SOUR:VOLT:LEV:IMM:AMPL 200;:SYST:ERR?", '-222,"Data out of range"'),
    (":OUTP OFF;:OUTP?;:MEAS:SCAL:FREQ?", "0;0.00"),
    (":OUTP;:SYST:ERR?", '-109,"Missing parameter"'),
    (":SOUR:VOLT:RANG 300;:SYST:ERR?", '-224,"Illegal parameter value"'),
    (":OUTP? 1;:SYST:ERR?", '-108,"Parameter not allowed"'),
]
HEADERS = {
    RigolImpersonator: [
        "*IDN?",
        "*OPC?",
        "*CLS",
        "*RST",
        "*TST?",
        "*ESR?",
        ":SYST:ERR?",
        ":INST",
        ":INST?",
        ":INST:NSEL",
        ":INST:NSEL?",
        ":SOUR1:VOLT",
        ":SOUR2:VOLT?",
        ":SOUR9:VOLT",
        ":SOUR0:CURR",
        ":SOUR3:CURR?",
        ":VOLT",
        ":CURR",
        ":APPL",
        ":APPL?",
        ":OUTP",
        ":OUTP?",
        ":OUTP:CVCC?",
        ":OUTP:MODE?",
        ":MEAS?",
        ":MEAS:CURR?",
        ":MEAS:POWE?",
        ":MEAS:ALL?",
        ":SYST:REM",
        ":SYST:LOC",
    ],
    AsrImpersonator: [
        "*IDN?",
        "*OPC?",
        "*CLS",
        "*RST",
        "*TST?",
        "*ESR?",
        ":SYST:ERR?",
        ":SOUR:MODE?",
        ":SOUR:VOLT:RANG",
        ":SOUR:VOLT:RANG?",
        ":SOUR:VOLT",
        ":SOUR:VOLT?",
        ":SOUR:FREQ",
        ":SOUR:FREQ?",
        ":SOUR:CURR:LIM:RMS",
        ":SOUR:CURR:LIM:RMS?",
        ":OUTP",
        ":OUTP?",
        ":OUTP:PROT:CLE",
        ":MEAS:VOLT:RMS?",
        ":MEAS:CURR:RMS?",
        ":MEAS:FREQ?",
    ],
}
WORDS = st.one_of(
    st.sampled_from(
        ["CH1", "CH2", "CH3", "CH4", "CH9", "CH0", "CH", "CH-1", "ON", "off", "1", "0", "", "MAX", "nan", "inf", "1_0"]
    ),
    st.floats().map(repr),
    st.integers(-(10**30), 10**30).map(str),
    st.sampled_from(["9" * 5000, "CH" + "9" * 5000, "\u00b2", "CH\u0662", "1e400", "x" * 4000]),
    st.text(max_size=8),
)
COMMANDS = {
    make: st.lists(
        st.one_of(
            st.builds(lambda h, a: f"{h} {','.join(a)}", st.sampled_from(headers), st.lists(WORDS, max_size=5)),
            st.builds(lambda d, t: f":SOUR{d}{t}", st.from_regex(r"[0-9]{0,30}", fullmatch=True), st.text(max_size=9)),
            st.just(":SOUR" + "1" * 4400 + ":VOLT?"),
            st.text(max_size=30),
        ),
        max_size=5,
    )
    for make, headers in HEADERS.items()
}


class TestImpersonators:
    @pytest.mark.parametrize(("make", "pairs"), [(RigolImpersonator, RIGOL_PAIRS), (AsrImpersonator, ASR_PAIRS)])
    def test_exchange_pairs(self, make: Any, pairs: list[tuple[str, str | None]]) -> None:
        wire = Heard()
        device = make(wire, FakeSupply([FakeOutput(), FakeOutput()]))
        for sent, reply in pairs:
            wire.out = b""
            device.on_bytes(sent.encode() + b"\n")
            assert wire.out.decode() == ("" if reply is None else reply + "\n"), sent

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("make", HEADERS)
    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_no_command_silences_it(self, make: Any, channels: int, data: st.DataObject) -> None:
        """An exception in an impersonator mutes the port for good: whatever comes, it is answered or queued."""
        wire = Heard()
        outputs = [FakeOutput(ohms=1e6) for _ in range(channels)]
        device = make(wire, FakeSupply(outputs))
        line = ";".join(data.draw(COMMANDS[make])) + "\n"
        device.on_bytes(line.encode("utf-8", "replace"))
        wire.out = b""
        device.on_bytes(b"*CLS;*OPC?\n")
        assert wire.out == b"1\n"
        for output in outputs:
            assert 0 <= output.set_volts <= 350
            assert 0 <= output.set_amps <= 5

    @pytest.mark.parametrize("make", HEADERS)
    def test_no_header_with_any_three_words_silences_it(self, make: Any) -> None:
        """Exhaustive where the random commands are thin: ``:APPL CH9,3.6,0.5`` is one of these."""
        wire = Heard()
        device = make(wire, FakeSupply([FakeOutput(), FakeOutput()]))
        words = ["CH1", "CH9", "1", "ON", "", "x", "1e9"]
        for header in HEADERS[make]:
            for count in range(4):
                for args in itertools.product(words, repeat=count):
                    device.on_bytes(f"{header} {','.join(args)}\n".encode())
        wire.out = b""
        device.on_bytes(b"*CLS;*OPC?\n")
        assert wire.out == b"1\n"

    @pytest.mark.parametrize("make", HEADERS)
    def test_the_headers_of_that_test_are_known(self, make: Any) -> None:
        """Each with nothing after it is something other than an undefined header."""
        for header in HEADERS[make]:
            wire = Heard()
            make(wire, FakeSupply([FakeOutput(), FakeOutput(), FakeOutput()])).on_bytes(
                f"{header};:SYST:ERR?\n".encode()
            )
            assert b"-113" not in wire.out, header

    def test_a_command_may_come_in_pieces(self) -> None:
        wire = Heard()
        device = rigol(wire)
        device.on_bytes(b"*ID")
        device.on_bytes(b"N?\r")
        assert wire.out == b""
        device.on_bytes(b"\n*OPC?\n")
        assert wire.out == b"RIGOL TECHNOLOGIES,DP832,S123,00.01.16\n1\n"

    def test_half_a_command_dies_with_its_connection(self) -> None:
        wire = Heard()
        device = rigol(wire)
        device.on_bytes(b":OUTP CH1,ON;")
        device.on_connect()
        device.on_bytes(b"*OPC?\n")
        assert wire.out == b"1\n"
        assert device.model.channels[0].on is False

    @pytest.mark.parametrize("header", [":SOURC1:VOLT", ":SOUR1VOLT", ":VOL", ":SOUR1:VOLT?"])
    def test_only_short_and_long_forms_are_taken(self, header: str) -> None:
        pattern = compile_header("[:SOURce#]:VOLTage[:LEVel]")
        assert pattern.fullmatch(":VOLT")
        assert pattern.fullmatch(":SOUR2:VOLTAGE:LEV")
        assert not pattern.fullmatch(header)


class TestSupply:
    def test_rigol(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(rigol)
        supply = open_supply(device)
        assert supply.set_volts(1, 3.6) == 3.6
        assert supply.set_amps(1, 0.5) == 0.5
        assert supply.switch(1, True) is True
        output = supply.output(1)
        assert (output.on, output.volts, output.amps) == (True, 3.6, 0.5)
        assert (output.measured_volts, output.measured_amps) == (3.6, 0.36)
        assert supply.output(2).on is False
        supply.close()

    def test_asr(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(lambda port: AsrImpersonator(port, FakeSupply([FakeOutput(ohms=1000.0)])))
        supply = open_supply(device, "gwinstek-asr2000")
        assert supply.set_volts(1, 100.0) == 100.0
        assert supply.set_amps(1, 1.0) == 1.0
        assert supply.switch(1, True) is True
        assert supply.output(1).measured_volts == 100.0
        assert supply.switch(1, False) is False
        supply.close()

    def test_a_value_outside_is_refused_before_it_is_sent(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(rigol)
        supply = open_supply(device)
        with pytest.raises(InputError, match=r"^supply\.dc channel 1: 31 V; expected 0 to 30 V$"):
            supply.set_volts(1, 31.0)
        with pytest.raises(InputError, match="no channel 4; expected 1 to 3"):
            supply.switch(4, True)
        assert b"31" not in device.heard
        supply.close()

    @pytest.mark.slow
    def test_a_read_back_that_differs_is_a_bench_error(self, serve: Callable[..., TcpDevice]) -> None:
        class Clipping(RigolImpersonator):
            def _set_volts(self, n: Any, args: Any) -> None:
                self.output(n[0]).set_volts = 3.3

        device = serve(lambda port: Clipping(port, FakeSupply([FakeOutput()])))
        supply = open_supply(device)
        with pytest.raises(BenchError, match=r"^supply\.dc channel 1: set 3\.6 V, reads back 3\.3 V$"):
            supply.set_volts(1, 3.6)
        supply.close()

    @pytest.mark.slow
    def test_an_output_that_does_not_switch_is_a_bench_error(self, serve: Callable[..., TcpDevice]) -> None:
        class Stuck(FakeOutput):
            def switch(self, on: bool) -> None:
                pass

        device = serve(lambda port: RigolImpersonator(port, FakeSupply([Stuck()])))
        supply = open_supply(device)
        with pytest.raises(BenchError, match="switched on, reads back off"):
            supply.switch(1, True)
        supply.close()

    def test_a_refused_command_is_a_bench_error(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(rigol)  # has two channels; a DP832 has three
        supply = open_supply(device)
        with pytest.raises(BenchError, match=r"refused ':OUTP CH3,ON': -224"):
            supply.switch(3, True)
        supply.close()

    def test_another_make_is_a_bench_error(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(rigol)
        with pytest.raises(BenchError, match="expected a ASR-2"):
            open_supply(device, "gwinstek-asr2000")

    def test_safe_states(self, serve: Callable[..., TcpDevice]) -> None:
        outputs = [FakeOutput(), FakeOutput(on=True)]
        device = serve(lambda port: RigolImpersonator(port, FakeSupply(outputs)))
        supply = open_supply(device)
        held = make_safe(supply, 1, Safe.HOLD, 3.6, 0.5)
        assert (held.on, held.volts, held.amps) == (True, 3.6, 0.5)
        assert make_safe(supply, 2, Safe.OFF, 3.6, 0.5).on is False
        assert (outputs[0].on, outputs[0].set_amps, outputs[1].on) == (True, 0.5, False)
        supply.close()


class TestTraps:
    """What a line and its instrument do to a bench, each against its cure."""

    def test_nagle_is_off(self, serve: Callable[..., TcpDevice]) -> None:
        supply = open_supply(serve(rigol))
        line = supply.transport
        assert isinstance(line, ScpiTransport)
        raw = line._socket
        assert raw is not None
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        supply.close()

    def test_a_refused_port_does_not_open(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        transport = ScpiTransport("supply.dc", "127.0.0.1", port, TIMEOUT_S)
        with pytest.raises(BenchError) as caught:
            transport.open()
        assert str(caught.value).startswith("supply.dc: ")
        assert "\n" not in str(caught.value)

    def test_a_closed_peer_is_known_at_once(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(rigol)
        supply = Supply(ScpiTransport("supply.dc", device.host, device.port, 60.0), DIALECTS["rigol-dp832"])
        supply.open()
        device.hang_up()
        with pytest.raises(SessionLost, match=r"^supply\.dc: closed the connection"):
            supply.transport.query("*OPC?")
        assert supply.output(1).on is False, "a read is harmless: it is repeated in a new session"
        supply.close()

    def test_a_peer_that_closes_instead_of_answering_is_known_at_once(self, serve: Callable[..., TcpDevice]) -> None:
        class Quits(RigolImpersonator):
            def on_bytes(self, data: bytes) -> None:
                if b"MEAS" in data:
                    device.hang_up()
                else:
                    super().on_bytes(data)

        device = serve(lambda port: Quits(port, FakeSupply([FakeOutput()])))
        transport = ScpiTransport("supply.dc", device.host, device.port, 60.0)
        transport.open()
        with pytest.raises(BenchError, match=r"^supply\.dc: closed the connection \(asked ':MEAS:ALL\? CH1'\)$"):
            transport.query(":MEAS:ALL? CH1")

    def test_a_device_that_never_answers_is_one_line(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(Silent)
        with pytest.raises(BenchError, match=r"^supply\.dc: no answer to '\*IDN\?' within 0\.2 s$"):
            open_supply(device)

    def test_a_late_answer_does_not_meet_the_next_query(self, serve: Callable[..., TcpDevice]) -> None:
        class Late(RigolImpersonator):
            """Keeps one answer back and gives it with the next one."""

            kept = b""

            def on_bytes(self, data: bytes) -> None:
                if b"VOLT?" in data and not Late.kept:
                    Late.kept = b"99.000\n"
                    return
                if Late.kept:
                    self.port.say(Late.kept)
                super().on_bytes(data)

        device = serve(lambda port: Late(port, FakeSupply([FakeOutput()])))
        transport = ScpiTransport("supply.dc", device.host, device.port, TIMEOUT_S)
        transport.open()
        with pytest.raises(BenchError, match="no answer"):
            transport.query(":SOUR1:VOLT?")
        Late.kept = b""
        assert transport.query("*OPC?") == "1"
        assert device.connections == 2  # a new session: what is late cannot reach it
        transport.close()

    def test_what_lies_there_unasked_is_dropped(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(rigol)
        transport = ScpiTransport("supply.dc", device.host, device.port, TIMEOUT_S)
        transport.open()
        device.say(b"77\n")
        assert transport._readable(1.0)
        assert transport.query("*OPC?") == "1"
        transport.close()

    def test_both_directions_are_written_down(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(rigol)
        lines: list[tuple[str, str]] = []
        transport = ScpiTransport(
            "supply.dc", device.host, device.port, TIMEOUT_S, lambda direction, line: lines.append((direction, line))
        )
        transport.open()
        transport.query("*OPC?")
        assert lines[-2:] == [(">", "*OPC?"), ("<", "1")]
        transport.close()


class TestDriver:
    def test_each_set_is_observed_by_its_read_back(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(rigol)
        clock = StillClock()
        driver = build(
            ScpiSocket, ScpiSupplyDriver, "supply.dc", "rigol-dp832", host=device.host, port=str(device.port)
        )
        driver.connect(clock, {1: "t1", 2: "t3"})
        driver.set_volts(2, 3.6)
        driver.set_amps(2, 0.5)
        driver.switch(2, True)
        assert [(o.kind, o.subject, o.data["on"]) for o in clock.seen] == [
            ("supply.output", "t3", False),
            ("supply.output", "t3", False),
            ("supply.output", "t3", True),
        ]
        assert clock.seen[-1].data == {
            "channel": 2,
            "on": True,
            "volts": 3.6,
            "amps": 0.5,
            "measured_volts": 3.6,
            "measured_amps": 0.36,
        }
        assert clock.pump.touched
        driver.disconnect()

    def test_polling_is_a_bench_error_on_a_virtual_rig(self, serve: Callable[..., TcpDevice]) -> None:
        device = serve(rigol)
        clock = StillClock()
        clock.pump.exchange_limit = 100
        driver = build(ScpiSocket, ScpiSupplyDriver, "supply.dc", "rigol-dp832", host=device.host, port=device.port)
        driver.connect(clock, {})
        for _ in range(100):
            driver.output(1)
        with pytest.raises(BenchError, match=r"^supply\.dc: 101 exchanges without a clock step"):
            driver.output(1)
        clock.pump.time_moved()
        driver.output(1)
        driver.disconnect()
