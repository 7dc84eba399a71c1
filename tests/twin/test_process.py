"""The twin's control protocol and ports over real sockets and ptys: the nine rules of time."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.records import NS_PER_DAY, NS_PER_S
from tests.skips import ONCE
from tests.twin.twin_process import DEFAULT, PATIENCE_S, Control, Twin, twin

pytestmark = ONCE

CENTURY_S = 100 * 365 * 86400
"""Virtual time that no test waits for."""


@pytest.fixture
def virtual(tmp_path: Path) -> Iterator[Twin]:
    with twin(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """One twin for the tests that change nothing in it."""
    with twin(tmp_path_factory.mktemp("twin")) as running:
        yield running


def lamp_due(virtual: Twin) -> int:
    """Press t1's key: the lamp starts to blink one second later, at the time returned."""
    assert virtual.say("panel.t1", "PRESS 1") == "OK PRESS 1\n"
    return virtual.now_ns + NS_PER_S


def install(virtual: Twin) -> None:
    """Terminal t1 is communicable, so that every virtual hour holds events; nobody listens to it."""
    virtual.switch_on()
    virtual.pty("panel.t1")
    lamp_due(virtual)
    virtual.control.ask("detach", port="panel.t1")
    virtual.advance(60)


def test_hello_declares_who_stamps(idle: Twin) -> None:
    answer = idle.control.ask("hello")
    assert answer["ports"] == idle.ports
    stamps = {name: d["stamp"] for name, d in answer["declares"].items()}
    assert {n for n, s in stamps.items() if s == "device"} == {
        "server",
        "gate",
        "mdms.gas",
        "mdms.water",
        "sniffer.s1",
        "sniffer.s2",
    }
    assert {"console.t1", "panel.t3", "meter.t3.water", "supply.dc", "supply.ac"} <= stamps.keys()
    assert answer["declares"]["sniffer.s1"]["unit"] == "packets"


def test_hello_of_an_unknown_format_is_refused(idle: Twin) -> None:
    assert "control channel version 99; expected 1 or 2" in idle.control.ask("hello", format=99)["error"]
    assert idle.control.ask("hello")["format"] == idle.control.ask("hello", format=2)["format"] == 2


def test_deadline_is_inclusive_and_exact(virtual: Twin) -> None:
    virtual.switch_on()
    virtual.pty("panel.t1")
    due_ns = lamp_due(virtual)
    early = virtual.control.ask("advance", until_ns=due_ns - 1, wake=[])
    assert (early["now_ns"], early["reason"]) == (due_ns - 1, "deadline")
    exact = virtual.control.ask("advance", until_ns=due_ns, wake=[])
    assert exact["now_ns"] == due_ns
    assert virtual.read("panel.t1") == "! LAMP blinking\n"


def test_two_counts_part_the_octets(virtual: Twin) -> None:
    virtual.switch_on()
    virtual.pty("panel.t1")
    due_ns = lamp_due(virtual)
    sent = {"panel.t1": len("PRESS 1\n") + len("LAMP\n")}
    advance = virtual.control.send("advance", until_ns=due_ns + 5 * NS_PER_S, wake=[], sent=sent)
    assert virtual.control.ask("state")["now_ns"] == virtual.now_ns  # time waits for what was announced
    os.write(virtual._open["panel.t1"], b"LAMP\n")
    stop = virtual.control.receive()
    assert stop["id"] == advance
    counts = stop["ports"]["panel.t1"]
    said = virtual.read("panel.t1", "blinking\n")
    assert said == "LAMP off\n! LAMP blinking\n"
    assert counts["before"] == len("OK PRESS 1\n") + len("LAMP off\n")
    assert counts["now"] - counts["before"] == len("! LAMP blinking\n")
    assert (stop["reason"], stop["now_ns"]) == ("wake", due_ns)


def test_all_of_one_instant_happens_before_the_stop(virtual: Twin) -> None:
    virtual.switch_on()
    for name in ("panel.t1", "panel.t3", "console.t1", "console.t3"):
        virtual.pty(name)
    virtual.say("panel.t1", "PRESS 1")
    virtual.say("panel.t3", "PRESS 1")
    ports = virtual.advance(10)["ports"]
    moved = {name for name, c in ports.items() if c["now"] > c["before"]}
    assert moved == {"panel.t1", "panel.t3", "console.t1", "console.t3"}


def test_server_wakes_only_where_it_is_named(virtual: Twin) -> None:
    virtual.switch_on()
    virtual.pty("panel.t1")
    virtual.control.ask("attach", port="server")
    lamp_due(virtual)
    virtual.control.ask("detach", port="panel.t1")
    woken = virtual.advance(60, wake=["server"])
    assert (woken["reason"], woken["ports"]["server"]) == ("wake", {"epoch": 1, "before": 0, "now": 1})
    start_ns = virtual.now_ns
    later = virtual.advance(3 * 86400)
    assert (later["reason"], later["now_ns"]) == ("deadline", start_ns + 3 * NS_PER_DAY)
    assert later["ports"]["server"]["now"] > 2  # it streamed meanwhile


def test_pty_is_raw_both_ways(virtual: Twin) -> None:
    virtual.pty("meter.t1.gas")
    answer = virtual.say("meter.t1.gas", "\x03\x04\x11\x1aGET")
    assert answer == "ERR unknown command\n"  # no echo, no signal, no end of file, no CR
    assert virtual.say("meter.t1.gas", "GET") == "INDEX 123456\n"


def test_unattached_port_is_not_in_the_barrier_and_attach_starts_at_nothing(virtual: Twin) -> None:
    virtual.switch_on()
    virtual.pty("panel.t1")
    lamp_due(virtual)
    virtual.control.ask("detach", port="panel.t1")
    stop = virtual.advance(30)
    assert stop["reason"] == "deadline"
    assert "panel.t1" not in stop["ports"]
    again = virtual.control.ask("attach", port="panel.t1")
    assert (again["epoch"], again["n"]) == (2, 0)
    assert virtual.silent("panel.t1")  # what it said meanwhile was said to nobody


def test_input_waits_while_time_moves_and_stop_aborts(virtual: Twin) -> None:
    install(virtual)
    virtual.pty("meter.t1.gas")
    until_ns = virtual.now_ns + CENTURY_S * NS_PER_S
    advance = virtual.control.send("advance", until_ns=until_ns, wake=[])
    os.write(virtual._open["meter.t1.gas"], b"GET\n")
    assert virtual.silent("meter.t1.gas", 0.2)
    status = virtual.tcp("server", attach=False)
    status.sendall(b"GET /v1/status HTTP/1.1\r\nHost: twin\r\n\r\n")
    assert "time is moving" in virtual.control.ask("hello")["error"]
    stop = virtual.control.send("stop")
    answers = {a["id"]: a for a in (virtual.control.receive(), virtual.control.receive())}
    stopped = answers[advance]
    assert stop in answers
    assert stopped["reason"] == "stopped"
    assert virtual.now_ns < stopped["now_ns"] < until_ns
    assert virtual.read("meter.t1.gas") == "INDEX 123456\n"
    body = b""
    while not body.endswith(b"}"):  # head and body may come apart
        body += status.recv(65536)
    assert f'"now_ns":{stopped["now_ns"]}'.encode() in body


def test_orphan_stops_and_the_next_client_finds_time_standing(virtual: Twin) -> None:
    install(virtual)
    virtual.pty("meter.t1.gas")
    virtual.control.send("advance", until_ns=virtual.now_ns + CENTURY_S * NS_PER_S, wake=[])
    virtual.control.close()
    virtual.control = Control(virtual.ready["control"])
    first = virtual.control.ask("state")
    second = virtual.control.ask("state")
    assert first["now_ns"] == second["now_ns"] < virtual.now_ns + CENTURY_S * NS_PER_S
    assert (first["advancing"], first["ports"]) == (False, {})
    assert virtual.say("meter.t1.gas", "GET") == "INDEX 123456\n"  # devices still answer


def test_left_alone_it_ends_after_its_linger_time(tmp_path: Path) -> None:
    start_ns = 1_800_000_000_000_000_000
    with twin(tmp_path, linger_s=0.2, start_ns=start_ns) as virtual:
        assert virtual.control.ask("state")["now_ns"] == start_ns  # with a client it stays
        virtual.control.close()
        assert virtual.process.wait(PATIENCE_S) == 0
        virtual.control.socket.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly_even_while_time_moves(tmp_path: Path, number: signal.Signals) -> None:
    with twin(tmp_path) as virtual:
        install(virtual)
        virtual.control.send("advance", until_ns=virtual.now_ns + CENTURY_S * NS_PER_S, wake=[])
        virtual.process.send_signal(number)
        assert virtual.process.wait(PATIENCE_S) == 0


def test_shutdown_is_answered(virtual: Twin) -> None:
    assert "error" not in virtual.control.ask("shutdown")
    assert virtual.process.wait(PATIENCE_S) == 0


def test_one_control_client_at_a_time(idle: Twin) -> None:
    second = Control(idle.ready["control"])
    second.send("hello")
    assert "one at a time" in second.receive()["error"]
    second.close()
    assert "now_ns" in idle.control.ask("state")


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"op": "fly"}, "unknown op 'fly'"),
        ({"op": "attach", "port": "console.t9"}, "no port 'console.t9'"),
        ({"op": "attach", "port": "supply.dc"}, "has no connection"),
        ({"op": "advance", "until_ns": 1, "wake": []}, "until_ns is 1; expected"),
        ({"op": "advance", "until_ns": 1.5, "wake": []}, "expected an integer"),
        ({"op": "advance", "until_ns": 1 << 62, "wake": ["sniffer.s9"]}, "no port 'sniffer.s9'"),
        ({"op": "advance", "until_ns": 1 << 62, "wake": 5}, "wake is 5; expected a list"),
        ({"op": "advance", "until_ns": 1 << 62, "wake": "server"}, "wake is 'server'; expected a list"),
        ({"op": "advance", "until_ns": 1 << 62, "wake": [["server"]]}, "no port ['server']"),
        ({"op": "advance", "until_ns": 1 << 62, "sent": {"console.t1": "x"}}, "sent to console.t1 is 'x'; expected"),
        ({"op": "advance", "until_ns": 1 << 62, "sent": {"console.t1": -1}}, "sent to console.t1 is -1; expected"),
        ({"op": "advance", "until_ns": 1 << 62, "sent": ["console.t1"]}, "expected octets by port name"),
        ({"op": "advance", "until_ns": 1 << 63}, "the year 2200"),
        ({"op": "attach", "port": {}}, "no port {}"),
    ],
)
def test_refusals_name_what_was_expected(idle: Twin, request_: dict[str, Any], says: str) -> None:
    assert says in idle.control.ask(**request_)["error"]
    assert "now_ns" in idle.control.ask("state")


def test_time_stands_until_all_that_the_bench_sent_was_read(virtual: Twin) -> None:
    console = virtual.pty("console.t1")
    until_ns = virtual.now_ns + 1
    moving = virtual.control.send("advance", until_ns=until_ns, wake=[], sent={"console.t1": 5})
    state = virtual.control.ask("state")  # answered first, though asked later
    assert (state["now_ns"], state["advancing"]) == (virtual.now_ns, False)
    os.write(console, b"wisun")
    moved = virtual.control.receive()
    assert (moved["id"], moved["now_ns"]) == (moving, until_ns)


def test_closed_connection_leaves_the_barrier_and_a_new_one_is_a_new_epoch(virtual: Twin) -> None:
    wire = virtual.tcp("supply.dc")
    wire.sendall(b"*IDN?\n")
    identity = wire.recv(200)
    assert virtual.advance(1)["ports"]["supply.dc"]["now"] == len(identity)
    wire.close()
    wire = virtual.tcp("supply.dc", attach=False)
    answer = virtual.control.ask("attach", port="supply.dc")
    assert (answer["epoch"], answer["n"]) == (2, 0)
    wire.sendall(b"*OPC?\n")
    assert wire.recv(10) == b"1\n"
    wire.close()
    while "supply.dc" in virtual.advance(1)["ports"]:
        pass  # the close arrives through the kernel's loopback in its own time


def test_feed_off_darkens_console_and_lamp_at_once(virtual: Twin) -> None:
    dc = virtual.tcp("supply.dc")
    dc.sendall(b":OUTP CH1,ON;*OPC?\n")
    assert dc.recv(10) == b"1\n"
    virtual.pty("panel.t1")
    virtual.pty("console.t1")
    assert virtual.say("console.t1", "wisun get wisun.join_state").startswith("wisun.join_state = Disconnected (0)")
    lamp_due(virtual)
    virtual.advance(1)
    virtual.read("panel.t1")
    virtual.say("console.t1", "wisun get wisun.join_state")  # nothing that it said before is still to come
    dc.sendall(b":OUTP CH1,OFF;*OPC?\n")
    assert dc.recv(10) == b"1\n"
    assert virtual.read("panel.t1") == "! LAMP off\n"
    os.write(virtual._open["console.t1"], b"wisun get wisun.join_state\n")
    assert virtual.silent("console.t1", 0.2)


def test_ping_on_the_console_takes_virtual_time(virtual: Twin) -> None:
    virtual.switch_on()
    virtual.pty("console.t1")
    assert virtual.say("console.t1", "wisun ping ::1") == "PING ::1: 40 data bytes\r\n> "
    assert virtual.say("console.t1", "wisun ping ::1") == "[Failed: a ping is running]\r\n> "
    stops = []
    for _ in range(5):
        virtual.advance(10)
        stops.append((virtual.now_ns - virtual.ready["now_ns"]) / NS_PER_S)
    assert stops == [0, 1, 2, 3, 4]
    said = virtual.read("console.t1", "Average = 0 ms\r\n")
    assert said.startswith("[Destination is unreachable]\r\n" * 4 + "Packets: Sent = 4, Received = 0, Lost = 4, ")


def test_bad_commands_leave_the_supply_alive(virtual: Twin) -> None:
    wire = virtual.tcp("supply.dc")
    wire.sendall(b":APPL CH9,3.6,0.5\n:SYST:ERR?\n")
    assert wire.recv(100) == b'-224,"Illegal parameter value"\n'


def test_breakdowns_close_and_mute_ports(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    text += "breakdowns:\n" + "".join(
        f"  - {{port: {port}, after_s: 100, how: {how}}}\n"
        for port, how in [("console.t1", "mute"), ("supply.ac", "close"), ("server", "close"), ("panel.t1", "close")]
    )
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with twin(tmp_path, topology_path=str(path)) as virtual:
        virtual.switch_on()
        virtual.pty("console.t1")
        virtual.pty("panel.t1")
        ac = virtual.tcp("supply.ac")
        virtual.control.ask("attach", port="server")
        assert virtual.say("console.t1", "wisun get wisun.join_state")
        stop = virtual.advance(1000)
        assert (virtual.now_ns - virtual.ready["now_ns"], stop["reason"]) == (100 * NS_PER_S, "wake")
        assert set(stop["ports"]) == {"console.t1", "supply.dc"}
        assert ac.recv(10) == b""
        os.write(virtual._open["console.t1"], b"wisun get wisun.join_state\n")
        assert virtual.silent("console.t1", 0.2)
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(virtual.ports["server"] + "/v1/status", timeout=PATIENCE_S)


def test_request_over_http_is_answered_in_virtual_time(virtual: Twin) -> None:
    install(virtual)
    virtual.control.ask("attach", port="server")
    request = urllib.request.Request(
        virtual.ports["server"] + "/v1/terminals/t1/requests",
        data=json.dumps({"op": "read", "meter": "t1.gas"}).encode(),
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
        assert json.load(response) == {"request": "r1", "accepted_ns": virtual.now_ns}
    assert virtual.advance(60, wake=["server"])["reason"] == "wake"
