"""A run that is killed, interrupted, or loses a device: nothing recorded is lost, the rig is safe, the run goes on."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.air.capture import read_capture
from tests.run.bench_process import TOPOLOGY, VIRTUAL_RIG, kenshin, start_kenshin
from tests.run.test_wrong_input import changed

PATIENCE_S = 120.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll a condition of another process."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} within {PATIENCE_S:g} s"
        time.sleep(0.02)


def count(run: Path, where: str) -> int:
    """Observations of a run that is being written."""
    try:
        with closing(sqlite3.connect(f"file:{run}/timeline.sqlite?mode=ro", uri=True)) as timeline:
            return int(timeline.execute(f"SELECT COUNT(*) FROM observation WHERE {where}").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def hours_into(run: Path, episode: str) -> int:
    """How many register steps an episode has made."""
    return count(run, f"kind = 'intent.index' AND episode = '{episode}'") // 4


def timeline(run: Path) -> list[dict[str, Any]]:
    """The canonical timeline."""
    return [json.loads(line) for line in kenshin("timeline", run).stdout.splitlines()]


def verdicts(run: Path) -> dict[tuple[str, str], str]:
    """(requirement, subject) -> outcome."""
    document = json.loads((run / "verdicts.json").read_text(encoding="utf-8"))
    return {(v["requirement"], v["subject"]): v["outcome"] for v in document["verdicts"]}


@contextmanager
def driving(tmp_path: Path, run: Path, *options: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run in the background; whatever is left of it, twin included, is ended afterwards."""
    ready = run / ".twin" / "ready.json"
    process = start_kenshin("run", "--out", run, *options, log=tmp_path / "run.log")
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if ready.exists():
            os.kill(json.loads(ready.read_text())["pid"], signal.SIGKILL)


def long_profile(tmp_path: Path, steady_days: int = 7, outage_days: int = 8) -> Path:
    """Few joins, and phases long enough that a test never comes too late to interrupt them."""
    profile = tmp_path / "profile.yaml"
    counts = {"joins": 1, "round_trips": 1, "alarms": 1, "steady_days": steady_days, "outage_days": outage_days}
    lines = ["name: interrupted", "purpose: to be interrupted", *(f"{key}: {value}" for key, value in counts.items())]
    profile.write_text("\n".join(lines), encoding="utf-8")
    return profile


def rig_with(tmp_path: Path, old: str, new: str) -> Path:
    """The virtual rig with one thing changed."""
    rig = changed(VIRTUAL_RIG, tmp_path / "rig.yaml", "../topologies/default.yaml", str(TOPOLOGY))
    return changed(rig, rig, old, new)


def test_killed_in_the_outage_and_resumed_in_time(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with driving(tmp_path, run, "--profile", long_profile(tmp_path, outage_days=25)) as process:
        wait_until(lambda: hours_into(run, "outage") > 40, "the outage")
        process.kill()
        process.wait()
        before = timeline(run)
        assert before[-1]["episode"] == "outage"

        # Readable as it is: what ended is judged, what was cut is inconclusive.
        assert kenshin("judge", run, "--out", tmp_path / "judged").code == 4
        assert verdicts(tmp_path / "judged")["join-time", "t1"] == "PASS"
        assert verdicts(tmp_path / "judged")["storage-terminal", "t1"] == "INCONCLUSIVE"

        resumed = kenshin("run", "--out", run)
        assert resumed.code == 0, resumed.said
    after = timeline(run)
    assert [row for row in before if row not in after] == [], "nothing recorded was lost or rewritten"
    kinds = [row["kind"] for row in after]
    assert kinds.count("bench.blind") == 1
    assert "episode.void" not in kinds
    cuts = [row for row in after if row["kind"] == "intent.mains" and row["data"]["on"] is False]
    assert len(cuts) == 1, "the outage went on: the mains were cut once"
    assert set(verdicts(run).values()) == {"PASS"}


def test_killed_in_the_outage_and_resumed_too_late(tmp_path: Path) -> None:
    run, rig = tmp_path / "run", rig_with(tmp_path, "hold_s: 120 ", "hold_s: 0.2 ")
    with driving(tmp_path, run, "--rig", rig, "--profile", long_profile(tmp_path, outage_days=25)) as process:
        wait_until(lambda: hours_into(run, "outage") > 40, "the outage")
        process.kill()
        process.wait()
        log = run / "watchdog.jsonl"
        wait_until(lambda: '"done"' in log.read_text(), "the watchdog's work")
        safe = [row for row in map(json.loads, log.read_text().splitlines()) if row["event"] == "safe"]
        assert {(row["supply"], row["read_back"]["on"]) for row in safe} == {("supply.ac", False), ("supply.dc", True)}

        resumed = kenshin("run", "--out", run, "--rig", rig)
        assert resumed.code == 0, resumed.said
    after = timeline(run)
    voided = [row["data"]["name"] for row in after if row["kind"] == "episode.void"]
    assert voided == ["outage"]
    begun = [row["data"]["name"] for row in after if row["kind"] == "episode.begin"]
    assert begun == ["join", "roundtrip", "steady", "alarm", "outage", "outage"], "only the cut one is driven again"
    resumed_ns = next(row["t_ns"] for row in after if row["kind"] == "bench.resumed")
    mains = [row for row in after if row["kind"] == "supply.output" and row["subject"] == "mesh"]
    found = min((row for row in mains if row["t_ns"] == resumed_ns), key=lambda row: row["seq"])
    assert found["data"]["on"] is False, "the mains were found off"
    assert set(verdicts(run).values()) == {"PASS"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_runs_leave_a_safe_rig_and_can_be_resumed(number: signal.Signals, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with driving(tmp_path, run, "--profile", long_profile(tmp_path, steady_days=20)) as process:
        wait_until(lambda: hours_into(run, "steady") > 20, "the steady week")
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 3
    said = (tmp_path / "run.log").read_text()
    assert "interrupted; the rig is safe" in said
    assert "Traceback" not in said
    rows = timeline(run)
    assert [row["data"]["failed"] for row in rows if row["kind"] == "bench.safe"] == [[]]
    last = {row["subject"]: row["data"]["on"] for row in rows if row["kind"] == "supply.output"}
    assert last == {"mesh": False, "t1": True, "t3": True}, "mains off, the terminals' feeds held"
    assert not (run / "verdicts.json").exists()

    other = kenshin("run", "--out", run, "--profile", "smoke", "--seed", "9")
    assert other.code == 2, "an interrupted run keeps its inputs"
    assert "--profile, --seed" in other.said
    resumed = kenshin("run", "--out", run)
    assert resumed.code == 0, resumed.said
    assert set(verdicts(run).values()) == {"PASS"}, "a new twin, a new server, and still no terminal is blamed"
    assert [row["data"]["name"] for row in timeline(run) if row["kind"] == "episode.void"] == ["steady"]


def test_a_killed_twin_ends_the_run_with_one_line(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with driving(tmp_path, run, "--profile", long_profile(tmp_path, steady_days=60)) as process:
        wait_until(lambda: hours_into(run, "steady") > 20, "the steady week")
        os.kill(json.loads((run / ".twin" / "ready.json").read_text())["pid"], signal.SIGKILL)
        assert process.wait(PATIENCE_S) == 3
    said = (tmp_path / "run.log").read_text()
    assert "the twin died" in said
    assert "Traceback" not in said
    outcome = verdicts(run)
    assert outcome["join-time", "t1"] == "PASS", "what was driven before is judged"
    assert outcome["upload-daily", "t1"] == "ERROR"


class Proxy:
    """Stands between the bench and the twin's connection server, until it is cut."""

    def __init__(self, run: Path) -> None:
        self._ready = run / ".twin" / "ready.json"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            host, _, port = (
                json.loads(self._ready.read_text())["ports"]["server"].removeprefix("http://").partition(":")
            )
            far = socket.create_connection((host, int(port)))
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=(source, sink), daemon=True).start()

    def cut(self) -> None:
        """The server is gone: no connection lives on, no new one is accepted."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            with closing(end):
                end.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_lost_server_is_an_error_of_what_it_touches_only(tmp_path: Path) -> None:
    run = tmp_path / "run"
    proxy = Proxy(run)
    rig = rig_with(tmp_path, '!template "$LG_TWIN_SERVER_URL"', f'"http://127.0.0.1:{proxy.port}"')
    with driving(tmp_path, run, "--rig", rig, "--profile", long_profile(tmp_path, steady_days=60)) as process:
        wait_until(lambda: hours_into(run, "steady") > 20, "the steady week")
        proxy.cut()
        assert process.wait(PATIENCE_S) == 3
    said = (tmp_path / "run.log").read_text()
    assert "Traceback" not in said
    assert any("server" in line and "lost" in line for line in said.splitlines()), said
    outcome = verdicts(run)
    before = {"join-time", "roundtrip-time"}
    assert {o for (requirement, _), o in outcome.items() if requirement in before} == {"PASS"}
    assert {o for (requirement, _), o in outcome.items() if requirement not in before} == {"ERROR"}
    assert any(row["kind"] == "bench.lost_port" for row in timeline(run))


def test_a_lost_sniffer_is_said_and_costs_no_verdict(tmp_path: Path) -> None:
    run = tmp_path / "run"
    topology = tmp_path / "topology.yaml"
    breaks = "breakdowns:\n  - {port: sniffer.s1, after_s: 200, how: close}\n"
    topology.write_text(TOPOLOGY.read_text(encoding="utf-8") + breaks, encoding="utf-8")
    ended = kenshin("run", "--out", run, "--topology", topology, "-k", "join")
    assert ended.code == 0, ended.stderr
    said = [line for line in ended.stdout.splitlines() if "sniffer.s1 is lost (closed by the device)" in line]
    assert said
    assert set(verdicts(run).values()) == {"PASS"}
    assert len(list(read_capture(run / "captures" / "s1.pcapng"))) > 0  # to its end, which is no damage
