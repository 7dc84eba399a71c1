"""RFC 2217 as a labgrid exporter gives it: by octets written by hand after the RFCs, and against ser2net itself."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import threading
import tty
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labgrid import Target
from labgrid.remote.common import ResourceEntry
from labgrid.resource import NetworkSerialPort

from bench.drive.pump import PortLost
from bench.errors import BenchError
from bench.sockets import readable
from devices.remote.cures import refresh
from devices.wires.telnet import Rfc2217Wire, Telnet, escaped
from devices.wires.wire import SocketWire
from tests.twin.lab_process import until

WILL_COM, DO_COM = b"\xff\xfb\x2c", b"\xff\xfd\x2c"


def telnet(speed: int = 9600) -> tuple[Telnet, list[bytes]]:
    said: list[bytes] = []
    return Telnet(said.append, speed), said


class TestOctets:
    def test_the_line_is_set_once_the_option_is_agreed(self) -> None:
        line, said = telnet()
        line.begin()
        assert WILL_COM in said[0]
        assert line.agreed is None
        assert line.feed(DO_COM) == b""
        assert line.agreed is True
        # RFC 2217, 3: SET-BAUDRATE 9600, 8 data bits, no parity, 1 stop bit, no flow control
        expected = "ff fa 2c 01 00 00 25 80 ff f0 | ff fa 2c 02 08 ff f0 | ff fa 2c 03 01 ff f0 | ff fa 2c 04 01 ff f0"
        assert said[1:] == [bytes.fromhex((expected + " ff fa 2c 05 01 ff f0").replace("|", ""))]

    def test_a_speed_that_holds_0xff_is_escaped(self) -> None:
        line, said = telnet(speed=0xFF00)
        line.begin()
        line.feed(DO_COM)
        assert said[1].startswith(bytes.fromhex("ff fa 2c 01 00 00 ff ff 00 ff f0"))

    def test_refused_is_not_agreed(self) -> None:
        line, said = telnet()
        line.begin()
        line.feed(b"\xff\xfe\x2c")
        assert line.agreed is False
        assert len(said) == 1

    @pytest.mark.parametrize(
        ("asked", "answer"),
        [
            ("ff fd 18", "ff fc 18"),  # DO TERMINAL-TYPE: WONT
            ("ff fb 01", "ff fd 01"),  # WILL ECHO: DO
            ("ff fb 22", "ff fe 22"),  # WILL LINEMODE: DONT
            ("ff fc 01", ""),  # WONT is no question
        ],
    )
    def test_what_the_other_side_asks_is_answered(self, asked: str, answer: str) -> None:
        line, said = telnet()
        assert line.feed(bytes.fromhex(asked)) == b""
        assert b"".join(said) == bytes.fromhex(answer)

    def test_an_answer_is_not_answered_again(self) -> None:
        line, said = telnet()
        line.begin()
        line.feed(bytes.fromhex("ff fd 00 ff fb 00 ff fb 03 ff fd 03"))
        assert len(said) == 1

    @given(st.binary(), st.lists(st.integers(0, 300)))
    def test_payload_survives_escaping_and_any_division(self, payload: bytes, cuts: list[int]) -> None:
        line, _ = telnet()
        # Beside the payload, notices of the port's state as they come unasked (RFC 2217, 3: NOTIFY-MODEMSTATE).
        stream = bytes.fromhex("ff fa 2c 6b ff ff ff f0") + escaped(payload) + bytes.fromhex("ff f1")
        bounds = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
        got = b"".join(line.feed(stream[a:b]) for a, b in itertools.pairwise(bounds))
        assert got == payload

    def test_a_subnegotiation_without_end_is_no_telnet(self) -> None:
        line, _ = telnet()
        with pytest.raises(PortLost, match="sends no telnet"):
            line.feed(b"\xff\xfa\x2c" + bytes(2000))


def resource(port: int, speed: int = 115200) -> Any:
    return NetworkSerialPort(Target("main"), name="line", host="127.0.0.1", port=port, speed=speed)


def test_who_speaks_no_rfc_2217_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            connection.sendall(b"\xff\xfe\x2c")
            connection.recv(100)
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(BenchError, match=r"^line: does not take the COM port option \(protocol rfc2217\)$"):
            Rfc2217Wire.open_at("line", resource(server.getsockname()[1]))
        thread.join()


def test_a_port_that_an_exporter_moved_is_opened_where_it_is_then() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        line = resource(first.getsockname()[1])
        line.protocol = "raw"
        wire = SocketWire.open("line", line)
        first.accept()[0].close()
        line.avail = False
        assert wire.again() is None, "its exporter is away"
        line.avail, line.port = True, second.getsockname()[1]
        again = wire.again()
        assert again is not None
        assert readable(second.fileno(), 5)
        wire.close()
        again.close()


def test_what_a_coordinator_says_of_a_resource_is_taken_over() -> None:
    line = resource(4000)
    line._remote_entry = ResourceEntry({})
    refresh(line)
    assert not line.avail, "labgrid raises KeyError: 'params'"
    params = {"host": "192.0.2.7", "port": 4001, "speed": 9600, "extra": {}, "newer": 1}
    line._remote_entry.data = {"cls": "NetworkSerialPort", "avail": True, "params": params}
    refresh(line)
    assert (line.avail, line.host, line.port, line.speed) == (True, "192.0.2.7", 4001, 9600)


@pytest.fixture
def ser2net() -> Iterator[tuple[int, int]]:
    """ser2net before a pty, called as labgrid's exporter calls it: the device's end, and the port."""
    program = shutil.which("ser2net") or shutil.which("ser2net", path="/usr/sbin")
    if program is None:
        pytest.skip("no ser2net here")
    device, line = os.openpty()
    tty.setraw(line)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    accepter = f"connection: &con01#  accepter: telnet(rfc2217,mode=server),tcp,{port}"
    connector = f"  connector: serialdev(nouucplock=true),{os.ttyname(line)},115200n81,local"
    process = subprocess.Popen([program, "-d", "-n", "-Y", accepter, "-Y", connector])
    try:
        yield device, port
    finally:
        process.kill()
        process.wait()
        os.close(device)
        os.close(line)


def test_every_octet_passes_ser2net_both_ways(ser2net: tuple[int, int]) -> None:
    device, port = ser2net

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    assert until(listens)
    wire = Rfc2217Wire.open_at("line", resource(port))
    octets = bytes(range(256))
    wire.write(octets)
    heard = b""
    while len(heard) < 256 and readable(device, 5):
        heard += os.read(device, 1024)
    assert heard == octets
    os.write(device, octets)
    said = b""
    while len(said) < 256 and readable(wire.fileno(), 5):
        said += wire.read(1024)
    assert said == octets
    wire.close()
