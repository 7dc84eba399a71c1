"""``kenshin watch``: runs that are driven, killed, resumed, finished, and of an earlier version; terminal and page."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from bench.cli.watch.view import Watched
from bench.evidence.status import NAME, Doing, Life, PortState, Process, Stage, Status, StatusFile, Waiting
from tests.devices.browser import WIDTH, Phone
from tests.fixtures.run.bench_process import kenshin, start_kenshin
from tests.places import ROOT, RUNS
from tests.twin.lab_process import until

NS_PER_S = 1_000_000_000
HOUR_NS = 3600 * NS_PER_S
NOW_NS = 1_775_000_000 * NS_PER_S


def driving(**more: object) -> Status:
    """A nine-day run in its steady week, with a port that is gone."""
    told = Status(
        Doing.DRIVING,
        Process.this(),
        "2026-11-29T06:00:00+00:00",
        rig="lab",
        began_ns=NOW_NS - 10 * HOUR_NS,
        now_ns=NOW_NS,
        episode="steady",
        step="index t1.gas (index 1234)",
        step_ns=NOW_NS - 60 * NS_PER_S,
        waiting=Waiting("the registers' next step", NOW_NS - 60 * NS_PER_S, NOW_NS + 1200 * NS_PER_S),
        stages=(Stage("join", "done", 1.0), Stage("steady", "driving", 192.0), Stage("outage", "to come", 198.0)),
        left_s=381.0 * 3600,
        ports=(
            PortState("meter.t1.gas", "meter", "t1.gas", said_ns=NOW_NS - 60 * NS_PER_S),
            PortState("sniffer.s1", "sniffer", "s1", gone_ns=NOW_NS - 90 * NS_PER_S, reason="closed by the device"),
        ),
        errors=("join: t3 was not confirmed",),
    )
    return attrs.evolve(told, **more)  # type: ignore[arg-type]


@attrs.define
class Told:
    """A run folder in which this test is the bench."""

    path: Path

    def says(self, status: Status) -> None:
        StatusFile(self.path, status).close(status)


@pytest.fixture
def run(tmp_path: Path) -> Told:
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(RUNS / "2" / "run.yaml", folder)
    return Told(folder)


def test_a_run_that_is_driven(run: Told) -> None:
    run.says(driving())
    ended = kenshin("watch", run.path)
    assert ended.code == 0
    text = " ".join(ended.stdout.split())
    assert text.startswith("driving since 2026-11-29 15:00:00 JST (process ")
    for told in (
        "last step index t1.gas (index 1234), 1 min 00 s ago",
        "waits for the registers' next step: since 1 min 00 s, at most 20 min 00 s more",
        "left 15 d 21 h of rig time (3% done)",
        "▶ steady driving 192.0 h",
        "sniffer.s1 GONE sniffer s1 gone for 1 min 30 s: closed by the device",
        "! join: t3 was not confirmed",
    ):
        assert told in text
    assert text.index("sniffer.s1 GONE") < text.index("meter.t1.gas there"), "what is gone stands first"
    assert "go on with" not in text


def test_a_bench_that_is_gone(run: Told) -> None:
    run.says(driving(process=attrs.evolve(Process.this(), born=1)))
    rows = [{"format": 3, "wall": "2026-11-29T07:00:00+00:00", "event": event} for event in ("bench gone", "done")]
    (run.path / "watchdog.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = kenshin("watch", run.path)
    assert ended.code == 3
    assert "the bench is gone: process " in ended.stderr
    text = " ".join(ended.stdout.split())
    assert f"go on with kenshin run --out {run.path}" in text
    assert "! watchdog, 2026-11-29T07:00:00Z: bench gone ! watchdog, 2026-11-29T07:00:00Z: done" in text
    assert "at most" not in text, "nobody waits"


def test_a_run_that_was_stopped_and_one_that_ended(run: Told) -> None:
    run.says(driving(doing=Doing.ENDED, why="interrupted"))
    ended = kenshin("watch", run.path)
    assert (ended.code, ended.stdout.splitlines()[0]) == (3, "stopped: interrupted")
    shutil.copy(RUNS / "2" / "verdicts.json", run.path)
    run.says(driving(doing=Doing.ENDED, why="the run ended"))
    ended = kenshin("watch", run.path)
    assert (ended.code, ended.stdout.splitlines()[0]) == (0, "finished")
    assert "9 PASS, 1 TARGET MISSED" in ended.stdout
    assert "go on with" not in ended.stdout


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_run_of_an_earlier_version(version: str) -> None:
    before = sorted((RUNS / version).iterdir())
    ended = kenshin("watch", RUNS / version)
    assert ended.code == 0
    assert ended.stdout.startswith("finished; its bench left no status")
    assert "● outage done" in " ".join(ended.stdout.split())
    assert sorted((RUNS / version).iterdir()) == before, "nothing is written"


def test_an_interrupted_run_of_an_earlier_version(run: Told) -> None:
    shutil.copy(RUNS / "2" / "timeline.sqlite", run.path)
    ended = kenshin("watch", run.path)
    assert ended.stdout.startswith("not finished; its bench left no status")
    assert "go on with" in ended.stdout


def test_what_is_no_run_and_what_cannot_be_read(run: Told, tmp_path: Path) -> None:
    assert kenshin("watch", tmp_path).code == 2
    (run.path / NAME).write_text('{"format": 99}')
    ended = kenshin("watch", run.path)
    assert (ended.code, ended.stdout) == (2, "")
    assert "status of a run version 99; expected 1, which this bench reads" in ended.stderr
    assert kenshin("watch", run.path, "127.0.0.1:1").code == 2, "an address without --page"
    assert kenshin("watch", run.path, "--page", "nowhere").code == 2


@pytest.mark.slow
def test_a_real_run_killed_and_gone_on_with(tmp_path: Path) -> None:
    """The status as a driving bench writes it: from its rig's opening over a kill to its end."""
    out = tmp_path / "run"
    first = start_kenshin("run", "--out", out, "--episode", "steady", "-k", "upload", log=tmp_path / "first.log")
    try:
        assert until(lambda: (out / NAME).exists() or first.poll() is not None), (tmp_path / "first.log").read_text()
        watched = Watched.open(out)

        def in_the_week() -> bool:
            view = watched.look()
            return (view.episode == "steady" and view.waits is not None) or first.poll() is not None

        assert until(in_the_week)
        assert first.poll() is None, (tmp_path / "first.log").read_text()
        first.send_signal(signal.SIGSTOP)
        view = watched.look()
        assert view.life is Life.LIVING
        assert {stage.name for stage in view.stages} == {"steady"}
        assert {port.port for port in view.ports} >= {"supply.ac", "server", "sniffer.s1", "meter.t3.water"}
        assert all(port.there for port in view.ports)
        assert "of rig time" in view.left
    finally:
        first.kill()
        first.wait()
    assert watched.look().life is Life.GONE
    ended = kenshin("run", "--out", out, "--episode", "steady", "-k", "upload", report=True)
    assert ended.code == 4, ended.said
    view = watched.look()
    assert (view.life, view.finished, view.headline) == (Life.ENDED, True, "finished")
    assert dict(view.outcomes) == {"PASS": 2}
    assert view.report.endswith("report.html")


# -- the page ----------------------------------------------------------------------------------------------------------


class Page:
    """``kenshin watch RUN --page`` as a process."""

    def __init__(self, run: Path, *options: str, port: int = 0) -> None:
        self.port = port or _free()
        command = [sys.executable, "-m", "bench.cli", "watch", str(run), "--page", f"127.0.0.1:{self.port}", *options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[1]
        assert until(self._listens)

    def get(self, path: str, host: str = "") -> tuple[int, Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET", path, headers={"Host": host} if host else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except OSError:
            return False
        return True


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def page(run: Told) -> Iterator[Page]:
    run.says(driving())
    found = Page(run.path)
    yield found
    found.close()


def test_the_page_is_for_this_host_or_for_who_has_the_token(run: Told, page: Page) -> None:
    status, view = page.get("/state")
    assert (status, view["episode"], view["life"]) == (200, "steady", "living")
    assert page.get("/state", host="evil.example")[0] == 403, "a page that a browser was led to"
    guarded = Page(run.path, "--token", "s3cret")
    try:
        assert guarded.url.endswith("/?token=s3cret")
        assert [guarded.get(path)[0] for path in ("/state", "/state?token=s3cre", "/events", "/")] == [403] * 4
        assert guarded.get("/state?token=s3cret")[0] == 200
    finally:
        guarded.close()


def test_an_address_of_the_network_gets_a_token(run: Told) -> None:
    from bench.pages import token_for

    assert token_for("127.0.0.1", None) is None
    assert len(token_for("192.0.2.5", None) or "") > 16
    assert token_for("192.0.2.5", "s3cret") == "s3cret"


def test_ctrl_c_ends_the_page_in_order(page: Page) -> None:
    page.process.send_signal(signal.SIGINT)
    assert page.process.wait(30) == 0


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.slow
def test_the_page_in_a_browser_lives_through_all_that_a_run_does(run: Told, page: Page, tmp_path: Path) -> None:
    browser = Phone(tmp_path / "profile")
    pictures = Path(os.environ.get("KENSHIN_PICTURES", tmp_path))
    try:
        browser.go(page.url)
        browser.until("document.getElementById('headline').textContent.startsWith('driving since')")
        assert browser.value("document.documentElement.scrollWidth") <= WIDTH
        assert browser.value("performance.getEntriesByType('resource').every((e) => e.name.includes(location.host))")
        assert browser.value("document.querySelector('#ports li').className") == "gone"
        assert browser.value("document.querySelector('#ports li').textContent").startswith("sniffer.s1gone for 1 min")
        assert "registers' next step" in browser.value("document.getElementById('now').textContent")
        assert browser.value("document.getElementById('bar').getAttribute('aria-valuenow')") == "2.6"
        browser.picture(pictures / "watch-phone.png")

        run.says(driving(process=attrs.evolve(Process.this(), born=1)))
        browser.until("document.getElementById('headline').className === 'gone'")
        assert "kenshin run --out" in browser.value("document.getElementById('now').textContent")
        run.says(driving(step="press t1"))  # it was gone on with
        browser.until("document.getElementById('headline').className === 'living'")

        page.close()  # the page's own server goes, and is back at its address
        browser.until("document.getElementById('link').className === 'alone'", 40)
        again = Page(run.path, port=page.port)
        try:
            browser.until("document.getElementById('link').className === ''", 40)
            shutil.copy(RUNS / "2" / "verdicts.json", run.path)
            run.says(driving(doing=Doing.ENDED, why="the run ended"))
            browser.until("document.getElementById('headline').textContent === 'finished'")
            assert browser.value("document.querySelectorAll('#verdicts li').length") == 14
            browser.call(
                "Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False
            )
            browser.picture(pictures / "watch-desktop.png")
        finally:
            again.close()
    finally:
        browser.close()
