"""Relays that must not stay as they are: a key that is pressed, a mesh that is cut, as the relay boxes themselves tell.

The boxes are the lab's (`bench.twin.lab`), over HTTP, behind labgrid's own driver.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from bench.errors import InputError
from devices.cut.driver import CutDriver
from devices.key.driver import KeyDriver
from devices.key.impersonator import KeyRelayImpersonator
from devices.switch.impersonator import RelayImpersonator
from fixtures.rig.environment import open_environment
from fixtures.rig.rig import Rig, drivers
from tests.places import ROOT
from tests.skips import ONCE
from tests.twin.lab_process import LabProcess, faulty_lab, until

pytestmark = ONCE

RELAYS: Final = ROOT / "fixtures" / "topologies" / "relays.yaml"
HOLD_S: Final = 2.0
MARGIN_S: Final = 40.0
"""For a busy machine."""
KEY_DOWN_AND_MESH_CUT: Final = """
import sys, time
from pathlib import Path
from fixtures.rig.environment import open_environment
from fixtures.rig.rig import Rig
from fixtures.rig.watchdog import Watchdog

folder = Path(sys.argv[2])
rig = Rig(open_environment(sys.argv[1]))
rig.open(folder / "captures")
watchdog = Watchdog.start(folder, rig.safe_plan(), rig.options.hold_s, locks=rig.output_locks.descriptors)
rig.held["cut.rf"].cut_mesh(True)
print("cut", flush=True)
rig.held["key.t1"].press(3600.0)
"""

BLIND: Final = """
import attr
from labgrid import target_factory
from labgrid.driver import Driver
from labgrid.protocol import DigitalOutputProtocol

@target_factory.reg_driver
@attr.s(eq=False)
class BlindOutputDriver(Driver, DigitalOutputProtocol):
    bindings = {"http": "HttpDigitalOutput"}
    get = None
    def set(self, status): ...
"""


class Said:
    """A port that keeps what is said."""

    name = "key.t1"

    def __init__(self) -> None:
        self.t_ns = 0
        self.octets = b""

    def say(self, data: bytes) -> None:
        self.octets += data

    def now_ns(self) -> int:
        return self.t_ns


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    with faulty_lab(tmp_path_factory.mktemp("relays"), hold_s=HOLD_S, topology=RELAYS) as one:
        yield one


@pytest.fixture
def rig(lab: LabProcess, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(open_environment(lab.rig_file))
    rig.open(tmp_path / "captures")
    try:
        yield rig
    finally:
        rig.make_safe("end of test")
        rig.close()


def relays(lab: LabProcess) -> dict[str, bool]:
    """What the boxes themselves hold."""
    return {name: on[0] for name, on in lab.outputs().items() if name.startswith(("key.", "cut."))}


def test_the_safe_plan_holds_them_behind_the_supplies(rig: Rig) -> None:
    plan = rig.safe_plan()
    assert [one.name for one in plan] == ["supply.ac", "supply.dc", "key.t1", "pulse.t1.gas", "cut.rf"]
    assert [one.outputs[0].safe.value for one in plan[2:]] == ["off", "off", "off"]


def test_a_rig_that_is_made_safe_lets_go_of_key_and_mesh(lab: LabProcess, rig: Rig) -> None:
    (key,), (cut,) = (drivers(devices, kind).values() for devices, kind in _places(rig))
    key._set(True)
    cut.cut_mesh(True)
    assert relays(lab) == {"key.t1": True, "cut.rf": True}
    assert rig.make_safe("a test") == []
    assert relays(lab) == {"key.t1": False, "cut.rf": False}


def _places(rig: Rig) -> list[tuple[Any, Any]]:
    return [(rig.terminals["t1"].devices, KeyDriver), (rig.devices, CutDriver)]


def test_the_watchdog_of_a_killed_bench_lets_go_within_hold_s(lab: LabProcess, tmp_path: Path) -> None:
    """SIGKILL while the key is down for an hour and the mesh is cut."""
    bench = subprocess.Popen(
        [sys.executable, "-c", KEY_DOWN_AND_MESH_CUT, lab.rig_file, tmp_path], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert bench.stdout is not None
    try:
        assert bench.stdout.readline() == b"cut\n"
        assert until(lambda: relays(lab) == {"key.t1": True, "cut.rf": True}), relays(lab)
        os.kill(bench.pid, signal.SIGKILL)
        assert until(lambda: relays(lab) == {"key.t1": False, "cut.rf": False}, HOLD_S + MARGIN_S), relays(lab)
        log = tmp_path / "watchdog.jsonl"
        assert until(lambda: '"done"' in log.read_text("utf-8"))
        rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        assert {row["supply"] for row in rows if row["event"] == "safe"} >= {"key.t1", "cut.rf"}
    finally:
        bench.kill()
        bench.wait()
        bench.stdout.close()


@pytest.mark.slow
def test_a_box_that_does_not_answer_keeps_no_other_output_on(lab: LabProcess, rig: Rig) -> None:
    rig.held["cut.rf"].bare().switch(1, True)
    lab.ask("habits", ports={"key.t1": {"half_open": True}})
    try:
        failed = rig.make_safe("a test")
        assert len(failed) == 1
        assert failed[0].startswith("key.t1")
        assert relays(lab)["cut.rf"] is False
    finally:
        lab.habits()


class TestImpersonator:
    def asked(self, impersonator: RelayImpersonator, port: Said, octets: bytes) -> bytes:
        port.octets = b""
        impersonator.on_bytes(octets)
        return port.octets

    def test_requests_in_pieces_and_two_at_once(self) -> None:
        port = Said()
        box = RelayImpersonator(port)
        put = b"PUT /relay HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
        for octet in put[:-1]:
            assert self.asked(box, port, bytes([octet])) == b""
        assert self.asked(box, port, put[-1:] + b"GET /relay HTTP/1.1\r\n\r\n").count(b"200 OK") == 2
        assert port.octets.endswith(b"\r\n\r\n1")

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (b"PUT /relay HTTP/1.1\r\nContent-Length: 2\r\n\r\non", b"422"),
            (b"GET /other HTTP/1.1\r\n\r\n", b"404"),
            (b"nonsense\r\n\r\n", b"404"),
        ],
    )
    def test_what_it_does_not_know_moves_nothing(self, request_: bytes, status: bytes) -> None:
        port = Said()
        box = RelayImpersonator(port)
        assert self.asked(box, port, request_).split(b" ")[1] == status
        assert not box.closed

    def test_a_key_is_pressed_for_as_long_as_the_relay_was_closed(self) -> None:
        pressed: list[float] = []

        class Panel:
            def press_key(self, duration_s: float) -> None:
                pressed.append(duration_s)

        port = Said()
        key = KeyRelayImpersonator(port, Panel())  # type: ignore[arg-type]
        put = b"PUT /relay HTTP/1.1\r\nContent-Length: 1\r\n\r\n%d"
        for state, t_s in ((1, 5), (1, 6), (0, 17), (0, 18)):
            port.t_ns = t_s * 10**9
            key.on_bytes(put % state)
        assert pressed == [12.0]


def test_a_relay_that_reads_nothing_back_is_refused(lab: LabProcess, tmp_path: Path) -> None:
    """labgrid's own digital outputs all read back; one of somebody else's may not."""
    text = lab.rig_file.read_text("utf-8").replace("imports: [", f"imports: [{tmp_path}/blind.py, ")
    (tmp_path / "blind.py").write_text(BLIND)
    at = text.index("HttpDigitalOutputDriver: {name: relay.key.t1")
    path = tmp_path / "rig.yaml"
    path.write_text(text[:at] + text[at:].replace("HttpDigitalOutputDriver", "BlindOutputDriver", 1))
    with pytest.raises(InputError, match=r"key\.t1: BlindOutputDriver reads nothing back; expected a relay's driver"):
        Rig(open_environment(path))
