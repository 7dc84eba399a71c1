"""What becomes of a run that does not end by itself, and which runs are made again."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from bench.cli.qualification import command, trials
from bench.cli.qualification.matrix import Case
from bench.cli.qualification.trials import Trial

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


def test_a_night_has_a_hundred_clean_seeds_ten_of_them_crowded_and_faults_on_their_own_episodes() -> None:
    case = Case("late-alarm", "t1", ("alarm-normal",))
    other = Case("odd", "t1", ("service-level",))
    made = command._trials(command.Asked().at_night(), [case, other], 7)
    clean = [one for one in made if one.case is None]
    assert len(clean) == len({one.seed for one in clean}) == len({one.title for one in clean}) == 100
    assert [one.terminals for one in clean].count(30) == 10
    assert made[0].options == ("--profile=smoke", "--seed=7"), "what faults are compared with"
    assert {one.plan for one in clean[1:]} == {"night"}
    crowded = next(one for one in clean if one.terminals)
    assert any(option.endswith("virtual-thirty.yaml") for option in crowded.options)
    narrow = {one.case: one.narrow for one in made if one.case is not None}
    assert narrow == {case: ("--episode=alarm",), other: ()}, "what no episode answers is tried on the whole plan"
    assert not any(one.narrow for one in command._trials(command.Asked(), [case], 7))
