"""A server's log on a real rig: its clock is known by declaration alone, and what that leaves open is in the figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import kinds
from bench.cli.server_log import add_logs
from bench.errors import InputError
from bench.evidence.added import register
from bench.evidence.evidence import Evidence
from bench.measurands.judged.registry import REGISTRY
from bench.plan.awaited import awaited
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Json
from devices.server.log import day_of, log_text
from devices.server.stamping import Stamping
from tests.measurands.real_rig import RealRun, alarms
from tests.measurands.synthetic import MIDNIGHT_NS, SETUP

DELAYS_S: list[float | None] = [0.2, 41.0, 88.5, 3.0]
BEGIN_NS = MIDNIGHT_NS + 23 * NS_PER_HOUR + 50 * 60 * NS_PER_S
"""Ten minutes before a day ends: the events stand in two files."""


class LoggedRun(RealRun):
    """A run whose server is not heard; what happens there is in ``log``, by its own clock."""

    def __init__(self, path: Path, clock: Stamping, declared: str) -> None:
        super().__init__(path, clock, told_by_status=False, synchronised=True)
        self.log: list[dict[str, Json]] = []
        with self.folder.inputs_path.open("a", encoding="utf-8") as inputs:
            inputs.write(f"rig: {{options: {{bench: {{server: server, clocks: {declared}}}}}}}\n")
        self.see(BEGIN_NS, "server", "server", kinds.EVIDENCE_DEFERRED, format="x")

    def happens(self, true_ns: int, kind: str, terminal: str = "t1", **data: Json) -> int:
        told: dict[str, Json] = {
            "id": len(self.log) + 1,
            "t_ns": self.clock.stamp(true_ns),
            "kind": kind,
            "terminal": terminal,
        }
        self.log.append({**told, **data})
        return true_ns

    def drop(self) -> list[Path]:
        """A file for each day that its clock has seen."""
        self.recorder.close()
        files = []
        for day in sorted({day_of(int(str(event["t_ns"]))) for event in self.log}):
            files.append(self.folder.path.parent / f"{day}.csv")
            events = [event for event in self.log if day_of(int(str(event["t_ns"]))) == day]
            files[-1].write_text(log_text(day, events), "utf-8")
        return files


@pytest.mark.parametrize("offset_s", [0.0, -4.0, 2.7])
@pytest.mark.parametrize("error_s", [-0.8, 0.0, 0.8])
def test_a_figure_by_a_log_holds_the_truth_within_its_bounds(tmp_path: Path, offset_s: float, error_s: float) -> None:
    """The offset is declared to 0.5 s (k = 1), and off by ``error_s``."""
    clock = Stamping(offset_ns=round((offset_s + error_s) * NS_PER_S), resolution_ns=NS_PER_S)
    run = LoggedRun(tmp_path, clock, f"{{server: {{offset_s: {offset_s}, u_s: 0.5, resolution_s: 1}}}}")
    alarms(run, BEGIN_NS, DELAYS_S)
    add_logs(run.folder.path, run.drop(), "A. Tester")
    evidence = run_evidence(run)
    (measured,) = REGISTRY["alarm.normal.2"]([evidence.episode("alarm")], SETUP, "maximum")
    assert measured.gate == ""
    assert measured.bounds is not None
    low, high = measured.bounds
    assert low - 0.05 <= 88.5 <= high + 0.05  # intent and answer lie some milliseconds apart
    assert 1.5 < high - low < 4.0, "a second of the stamp, and twice 0.5 s to either side"
    trials = measured.detail["trials"]
    assert isinstance(trials, list)
    for trial, true_s in zip(trials, DELAYS_S, strict=True):
        low, high = trial["bounds"]
        assert true_s is not None
        assert low - 0.05 <= true_s <= high + 0.05


def run_evidence(run: LoggedRun) -> Evidence:
    return Evidence.open(run.folder.path)


def test_days_are_awaited_and_events_come_once(tmp_path: Path) -> None:
    run = LoggedRun(tmp_path, Stamping(resolution_ns=NS_PER_S), "{server: {offset_s: 0.0, u_s: 0.1}}")
    alarms(run, BEGIN_NS, DELAYS_S)
    first, second = run.drop()
    days = [day_of(BEGIN_NS), day_of(BEGIN_NS + NS_PER_DAY)]
    assert awaited(run_evidence(run)) == days
    add_logs(run.folder.path, [first], "a")
    assert awaited(run_evidence(run)) == days[1:]
    before = run_evidence(run).last_row()
    add_logs(run.folder.path, [first], "a")
    assert run_evidence(run).last_row() == before, "the same file adds nothing"
    first.write_text(first.read_text("utf-8").replace("resolution_s=1", "resolution_s=1.0"), "utf-8")
    add_logs(run.folder.path, [first, second], "a")
    assert awaited(run_evidence(run)) == []
    heard = run_evidence(run).events(kinds.SERVER_ALARM)
    assert sorted(int(str(event.data["id"])) for event in heard) == [1, 2, 3, 4], "another file of a day repeats none"
    assert [entry.who for entry in register(run.folder.path)] == ["a", "a", "a"]


def test_what_nobody_knows_ends_no_day(tmp_path: Path) -> None:
    run = LoggedRun(tmp_path, Stamping(resolution_ns=NS_PER_S), "{server: {offset_s: 0.0, u_s: 0.1}}")
    alarms(run, BEGIN_NS, DELAYS_S)
    run.log[1]["kind"] = "party"
    add_logs(run.folder.path, run.drop(), "a")
    (odd,) = run_evidence(run).events(kinds.SERVER_ODD)
    assert (odd.data["id"], odd.data["why"]) == (2, "unknown kind 'party'")
    assert len(run_evidence(run).events(kinds.SERVER_ALARM)) == 3


def test_a_clock_of_which_nothing_is_known_places_no_event(tmp_path: Path) -> None:
    run = LoggedRun(tmp_path, Stamping(resolution_ns=NS_PER_S), "{}")
    alarms(run, BEGIN_NS, DELAYS_S)
    files = run.drop()
    rows = run_evidence(run).last_row()
    with pytest.raises(
        InputError, match=re.escape("nothing is known of the server's clock; expected clocks: {server:")
    ):
        add_logs(run.folder.path, files, "a")
    assert (run_evidence(run).last_row(), register(run.folder.path)) == (rows, [])
