"""What becomes of a run that does not end by itself, and which runs are made again."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from bench.cli.qualification import command, trials
from bench.cli.qualification.matrix import Case, Ran, Scope
from bench.cli.qualification.trials import Trial
from bench.records import Outcome

TRIAL = Trial("clean-7", 7, ("--profile=smoke", "--seed=7"))


class Stuck:
    """A bench that lives on until it is killed, and then has the code of a signal."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def wait(self, seconds: float) -> int | None:
        self.done.append(f"wait {seconds:g}")
        return -9 if "kill" in self.done else None

    def terminate(self) -> None:
        self.done.append("terminate")

    def kill(self) -> None:
        self.done.append("kill")


def test_a_run_that_takes_too_long_is_told_to_stop_then_killed_and_that_is_said() -> None:
    bench = Stuck()
    code, why = trials._ended(bench)  # type: ignore[arg-type]
    assert (code, why) == (3, "stopped, for it took longer than 1800 s")
    assert bench.done == ["wait 1800", "terminate", "wait 30", "kill", "wait 30"]


@pytest.mark.parametrize(
    ("told", "again"),
    [
        ({}, False),
        ({"options": ["--profile=nightly", "--seed=7"]}, True),
        ({"sha256": "another fault"}, True),
        ({"bench": "another code"}, True),
        ({"code": None}, True),
    ],
)
def test_a_run_is_made_again_where_options_fault_or_code_are_others(
    told: dict[str, object], again: bool, tmp_path: Path
) -> None:
    done = tmp_path / "done.json"
    known = {**trials._identity(TRIAL), "code": 0, "made_by": "0.1.0", **told}
    done.write_text(json.dumps(known), encoding="utf-8")
    assert (trials._known(done, TRIAL) is None) is again


def test_a_run_with_a_fault_is_another_one_than_without() -> None:
    faulty = attrs.evolve(TRIAL, case=Case("late-join", "t1"))
    assert trials._identity(faulty)["sha256"] != trials._identity(TRIAL)["sha256"]


def test_each_clean_seed_drives_all_parts_within_twenty_nights() -> None:
    driven: dict[tuple[int, int], set[str]] = {}
    for turn in range(20):
        for one in command._trials(command.Asked().at_night(turn), [], 7)[1:]:
            driven.setdefault((one.terminals, one.seed), set()).add(one.plan)
    assert {(terminals, len(plans)) for (terminals, _), plans in driven.items()} == {(0, 5), (30, 4)}


def shared(*options: str) -> list[list[str]]:
    """Which faults of those share a run."""
    steady, alarm = ("upload-daily",), ("alarm-normal",)
    rows = {"skip-day": steady, "late-midnight": steady, "late-alarm": alarm, "meter-alarm-lost": alarm}
    cases = [Case(spec, place, rows[spec]) for place, _, spec in (one.partition(":") for one in options)]
    made = command._trials(attrs.evolve(command.Asked().at_night(), clean=1, crowds=0), cases, 7)
    return [[one.case.option for one in group if one.case] for group in trials.grouped(made)][1:]


def test_faults_of_different_terminals_that_want_the_same_episodes_share_a_run() -> None:
    assert shared("t1:skip-day", "t3:late-midnight") == [["t1:skip-day", "t3:late-midnight"]]
    assert shared("t1:skip-day", "t1:late-midnight") == [["t1:skip-day"], ["t1:late-midnight"]]
    assert shared("t1:skip-day", "t3:late-alarm") == [["t1:skip-day"], ["t3:late-alarm"]]
    assert shared("t1:late-alarm", "t3.water:meter-alarm-lost") == [["t1:late-alarm", "t3.water:meter-alarm-lost"]]
    assert shared("t1:late-alarm", "t1.gas:meter-alarm-lost") == [["t1:late-alarm"], ["t1.gas:meter-alarm-lost"]]
    assert shared("server:skip-day", "t1:late-midnight") == [["server:skip-day"], ["t1:late-midnight"]]


PAIR = (
    Trial("one", 7, (), Case("skip-day", "t1", ("upload-daily",)), ("--episode=steady",), terminal="t1"),
    Trial("two", 7, (), Case("late-midnight", "t3", ("upload-daily",)), ("--episode=steady",), terminal="t3"),
)


@pytest.mark.parametrize(
    ("red", "alone"),
    [
        ({("upload-daily", "t1"), ("upload-daily", "t3")}, []),
        ({("upload-daily", "t1")}, ["two"]),
        ({("upload-daily", "t1"), ("upload-daily", "t3"), ("values-hourly", "t1")}, ["one"]),
        (set(), ["one", "two"]),
    ],
    ids=["both caught", "one missed", "one turned more", "none caught"],
)
def test_what_a_shared_run_does_not_catch_as_it_should_is_tried_by_itself(
    red: set[tuple[str, str]], alone: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [(name, place) for name in ("upload-daily", "values-hourly") for place in ("t1", "t3")]
    marks = [{"subject": one.case.subject, "fired": 1} for one in PAIR if one.case]
    made: list[Trial] = []

    def run(one: Trial, place: object) -> Ran:
        made.append(one)
        outcomes = {key: Outcome.FAIL if key in red else Outcome.PASS for key in rows}
        return Ran(1, outcomes, marks, processor_s=8.0)

    monkeypatch.setattr(trials, "_run", run)
    gave = trials._tried_together(PAIR, trials._Place(tmp_path, False, forker=None))  # type: ignore[arg-type]
    assert made[0].options == ("--fault=t3:late-midnight", "--episode=steady")
    assert [one.spec for one in made[0].cases] == ["skip-day", "late-midnight"]
    assert list(dict.fromkeys(one.title.removesuffix("-own") for one in made[1:])) == alone
    assert [one.title for one, ran in zip(PAIR, gave, strict=True) if ran.scope is not Scope.SHARED] == alone
    assert sum(ran.processor_s for ran in gave) == 8.0 * len(made)
    shared_ones = [ran for ran in gave if ran.scope is Scope.SHARED]
    assert all(len({place for _, place in ran.verdicts}) == ran.fired == 1 for ran in shared_ones)


def test_a_night_has_a_hundred_clean_seeds_ten_of_them_crowded_and_faults_on_their_own_episodes() -> None:
    case = Case("late-alarm", "t1", ("alarm-normal",))
    other = Case("odd", "t1", ("service-level",))
    made = command._trials(command.Asked().at_night(), [case, other], 7)
    clean = [one for one in made if one.case is None]
    assert len(clean) == len({one.seed for one in clean}) == len({one.title for one in clean}) == 100
    assert [one.terminals for one in clean].count(30) == 10
    assert made[0].options == ("--profile=smoke", "--seed=7"), "what faults are compared with"
    parts = {one.plan for one in clean[1:]}
    assert {"night: steady", "night: outage", "night: mdms, cut-off"} <= parts
    assert len(parts) == 5
    assert [one.plan for one in clean].count("night") == 4, "one in twenty on the whole plan, crowds never"
    crowded = next(one for one in clean if one.terminals)
    assert any(option.endswith("virtual-thirty.yaml") for option in crowded.options)
    narrow = {one.case: one.narrow for one in made if one.case is not None}
    assert narrow == {case: ("--episode=alarm",), other: ()}, "what no episode answers is tried on the whole plan"
    assert not any(one.narrow for one in command._trials(command.Asked(), [case], 7))
