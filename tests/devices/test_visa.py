"""SCPI over VISA: the same supply, the same impersonator, reached by pyvisa and its Python backend.

No USB or GPIB instrument is here. pyvisa-py opens ``TCPIP::HOST::PORT::SOCKET`` by the same calls, so everything above
the backend is run; what a USB-TMC instrument does below it is not.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from labgrid.resource.pyvisa import PyVISADevice

from devices.supply.dialect import DIALECTS
from devices.supply.driver import ScpiSupplyDriver
from devices.supply.makes.rigol_dp832 import RigolImpersonator
from devices.supply.safety import Instrument, SafeOutput, secure
from devices.supply.supply import Safe, Supply
from devices.wires.address import Address
from devices.wires.session import SessionLost
from devices.wires.visa import VisaTransport
from tests.devices.device_bench import FakeOutput, FakeSupply, Silent, StillClock, TcpDevice, build

OUTPUTS = 2


@pytest.fixture
def outputs() -> list[FakeOutput]:
    return [FakeOutput() for _ in range(OUTPUTS)]


@pytest.fixture
def device(outputs: list[FakeOutput]) -> Iterator[TcpDevice]:
    made = TcpDevice(lambda port: RigolImpersonator(port, FakeSupply(outputs)), "supply.dc")
    yield made
    made.close()


def resource(device: TcpDevice) -> str:
    return f"TCPIP::{device.host}::{device.port}::SOCKET"


def line(name: str, answer_s: float = 5.0) -> VisaTransport:
    return VisaTransport("supply.dc", name, answer_s=answer_s)


def test_a_supply_is_set_and_read_back(device: TcpDevice, outputs: list[FakeOutput]) -> None:
    supply = Supply(line(resource(device)), DIALECTS["rigol-dp832"])
    supply.open()
    assert supply.transport.identity.startswith("RIGOL TECHNOLOGIES,DP832")
    assert supply.set_volts(2, 3.6) == 3.6
    assert supply.switch(2, True)
    assert (outputs[0].on, outputs[1].on) == (False, True)
    supply.close()
    assert not supply.transport.is_open


def test_labgrids_resource_is_taken_and_its_address_told(device: TcpDevice, outputs: list[FakeOutput]) -> None:
    where = {"type": "TCPIP", "url": f"{device.host}::{device.port}::SOCKET"}
    driver: Any = build(PyVISADevice, ScpiSupplyDriver, "supply.dc", "rigol-dp832", **where)
    assert driver.address == Address(visa=resource(device), backend="@py")
    clock = StillClock()
    driver.connect(clock, {1: "t1"})
    driver.switch(1, True)
    assert outputs[0].on
    assert clock.kinds() == ["supply.output"]
    driver.disconnect()


def test_a_url_without_its_end_is_an_instrument() -> None:
    driver: Any = build(
        PyVISADevice, ScpiSupplyDriver, "supply.dc", "rigol-dp832", type="USB0", url="0x1ab1::0x0e11::1"
    )
    assert str(driver.address) == "USB0::0x1ab1::0x0e11::1::INSTR"


def test_outputs_are_made_safe_over_it_from_plain_data(device: TcpDevice, outputs: list[FakeOutput]) -> None:
    outputs[1].on = True
    wanted = SafeOutput(2, Safe.OFF, 3.6, 0.5)
    plan = Instrument("supply.dc", Address(visa=resource(device)), "rigol-dp832", (wanted,))
    [done] = secure([Instrument.of_json(plan.as_json())])
    assert done.ok, done.error
    assert not outputs[1].on


def test_a_refused_port_does_not_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SessionLost, match=r"^supply\.dc: [^\n]+$"):
        line(f"TCPIP::127.0.0.1::{port}::SOCKET", 0.5).open()


def test_a_silent_instrument_is_no_open_one() -> None:
    device = TcpDevice(Silent)
    try:
        silent = line(resource(device), 0.3)
        with pytest.raises(SessionLost, match=r"supply\.dc: no answer to '\*IDN\?'"):
            silent.open()
        assert not silent.is_open, "what it says late dies with the session"
    finally:
        device.close()


@pytest.mark.parametrize("name", ["USB0::0x1ab1::0x0e11::NOBODY::INSTR", "nonsense", "GPIB0::5::INSTR"])
def test_a_resource_that_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(SessionLost, match=r"^supply\.dc: [^\n]+$"):
        line(name, 0.5).open()


def test_a_session_that_was_hung_up_is_lost_and_the_next_one_works(device: TcpDevice) -> None:
    visa = line(resource(device), 0.5)
    visa.open()
    device.hang_up()
    with pytest.raises(SessionLost):
        visa.query("*IDN?")
    assert visa.query("*OPC?") == "1"
    visa.close()
