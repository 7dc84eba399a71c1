"""The operator's page on a phone-sized screen, in a browser, over a desk that a bench speaks to."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.operator.task import Do, Task
from tests.devices.browser import WIDTH, Phone
from tests.skips import ONCE

pytestmark = [ONCE, pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")]


class DeskProcess:
    """``kenshin operator`` with a bench that is this test."""

    def __init__(self, *options: str) -> None:
        ports = [_free() for _ in range(2)]
        command = [sys.executable, "-m", "bench.cli", "operator", "--hold", "0.2"]
        command += ["--bench", f"127.0.0.1:{ports[0]}", "--page", f"127.0.0.1:{ports[1]}", *options]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("bench: ")
        self.url = self.process.stdout.readline().split()[1]
        self.port = ports[1]
        self._wire = socket.create_connection(("127.0.0.1", ports[0]))
        self._wire.settimeout(20)
        self._file = self._wire.makefile("rw", encoding="utf-8")

    def say(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()

    def hears(self) -> str:
        return self._file.readline().strip()

    def ask(self, task: Task) -> None:
        self.say(f"ASK {task.line()}")
        assert self.hears() == f"OK ASK {task.task}"

    def close(self) -> None:
        self._file.close()
        self._wire.close()
        self.process.kill()
        self.process.communicate()


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def desk() -> Iterator[DeskProcess]:
    found = DeskProcess()
    yield found
    found.close()


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    found = Phone(tmp_path / "profile")
    yield found
    found.close()


def test_a_task_from_question_to_answer(desk: DeskProcess, phone: Phone, tmp_path: Path) -> None:
    desk.ask(Task(1, Do.SET, "t1.gas", "124500", 600))
    desk.ask(Task(2, Do.PRESS, "t3", "1", 600))
    phone.go(desk.url)
    phone.until("document.getElementById('ja').textContent.includes('124500')")
    assert phone.value("document.documentElement.scrollWidth") <= WIDTH
    assert phone.value("performance.getEntriesByType('resource').every((e) => e.name.startsWith(location.origin))")
    phone.value("document.getElementById('number').value = '１２４500'")  # as a Japanese keyboard gives it
    phone.picture(tmp_path / "number.png")
    phone.value("document.getElementById('go').click()")
    said = desk.hears()
    assert said.startswith("! DONE ")
    told = json.loads(said.removeprefix("! DONE "))
    assert (told["task"], told["value"]) == (1, "124500")
    assert 0.2 <= told["held_s"] < 5
    phone.until("document.getElementById('ja').textContent.includes('t3')")
    height = phone.value("document.getElementById('go').getBoundingClientRect().height")
    assert height > 150, "one big button"
    phone.picture(tmp_path / "press.png")
    assert phone.value("document.getElementById('lasttext').textContent").startswith("t1.gas: 124500")
    phone.value("document.getElementById('undo').click()")
    assert json.loads(desk.hears().removeprefix("! UNDONE ")) == {"task": 1}
    phone.until("document.getElementById('ja').textContent.includes('124500')")


def test_what_a_valve_shows_is_chosen(desk: DeskProcess, phone: Phone, tmp_path: Path) -> None:
    desk.ask(Task(1, Do.MOVES, "t1.gas", "open", 600))
    desk.ask(Task(2, Do.TURN, "t1.gas", "124501", 600))
    phone.go(desk.url)
    phone.until("document.querySelectorAll('[data-choice]').length === 3")
    assert phone.value("document.getElementById('go').hidden")
    assert phone.value("document.documentElement.scrollWidth") <= WIDTH
    phone.picture(tmp_path / "valve.png")
    phone.value("document.querySelector('[data-choice=shut]').click()")
    told = json.loads(desk.hears().removeprefix("! DONE "))
    assert (told["task"], told["value"]) == (1, "shut")
    assert told["held_s"] < 2, "the bench goes on from that moment: nothing is held back"
    phone.until("document.getElementById('ja').textContent.includes('124501')")
    assert phone.value("document.getElementById('choices').hidden")
    phone.picture(tmp_path / "turn.png")


@pytest.mark.slow
def test_a_tap_without_a_link_is_told_later_with_its_age(desk: DeskProcess, phone: Phone) -> None:
    desk.ask(Task(1, Do.PRESS, "t1", "1", 600))
    phone.go(desk.url)
    phone.until("!document.getElementById('task').hidden")
    phone.call("Network.enable")
    away = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    phone.call("Network.emulateNetworkConditions", offline=True, **away)
    phone.value("document.getElementById('go').click()")
    phone.value("new Promise((done) => setTimeout(done, 1500))")
    phone.call("Network.emulateNetworkConditions", offline=False, **away)
    told = json.loads(desk.hears().removeprefix("! DONE "))
    assert told["task"] == 1
    assert told["held_s"] >= 1.5


def test_another_page_cannot_confirm(desk: DeskProcess) -> None:
    """Neither without the token, nor by a name that a browser was led to."""
    desk.ask(Task(1, Do.CUT, "mesh"))
    body = json.dumps({"task": 1})
    assert _post(desk.port, body, {"Content-Type": "application/json", "Host": "evil.example"}) == 403
    assert _post(desk.port, body, {"Content-Type": "text/plain"}) == 415
    assert _post(desk.port, json.dumps({"task": 1, "value": "7"}), {"Content-Type": "application/json"}) == 409
    assert _post(desk.port, body, {"Content-Type": "application/json"}) == 200


def test_with_a_token() -> None:
    desk = DeskProcess("--token", "s3cret")
    try:
        assert desk.url.endswith("/?token=s3cret")
        desk.ask(Task(1, Do.CUT, "mesh"))
        plain = {"Content-Type": "application/json"}
        assert _post(desk.port, '{"task": 1}', plain) == 403
        assert _post(desk.port, '{"task": 1}', plain, "/confirm?token=s3cre") == 403
        assert _post(desk.port, '{"task": 1}', plain, "/confirm?token=s3cret") == 200
    finally:
        desk.close()


def _post(port: int, body: str, headers: dict[str, str], path: str = "/confirm") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
