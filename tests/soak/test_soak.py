"""A small sample of what ``python -m tests.soak`` does by the hundred."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bench.twin.lab.trap import Point
from tests.skips import BY_NIGHT
from tests.soak import exporters, habits, kills, rows, ways
from tests.soak.plan import Plan, planned
from tests.soak.zygote import Forked, Zygote
from tests.twin.lab_process import until

pytestmark = pytest.mark.slow
SAMPLE = (
    ("supply.ac", Point.IN, "half-open"),
    ("supply.dc", Point.BEFORE, "1,100 open files"),
    ("meter.t1.gas", Point.AFTER, "disk full"),
    ("server", Point.IN, "SIGTERM in the teardown"),
    ("supply.ac", Point.AFTER, "read-only"),
)


def test_outputs_are_safe_whatever_happens_at_whatever_moment() -> None:
    found = ways.try_all(SAMPLE, 2, lambda _case, _wrong, _seconds: None)
    assert found == dict.fromkeys(SAMPLE, "")


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({ways.name_of(case) for case in ways.CASES}) == len(ways.PORTS) * len(Point) * len(ways.WAYS)
    assert set(SAMPLE) <= set(ways.CASES)


def test_a_run_that_is_struck_goes_on_from_the_command_line() -> None:
    what = kills.wanted(2, 1, 1)
    tally = kills.strike_all(what, seed=5, jobs=2, tell=lambda _text: None)
    assert tally.problems == []
    assert tally.done == what


def test_a_bench_killed_after_a_row_of_its_choice_blames_nobody(tmp_path: Path) -> None:
    struck: list[rows.Moment] = []
    runs = rows.Runs(tmp_path, ["join-time"])
    problems = rows.strike_all(runs, 2, 3, 1, lambda moment, _wrong, _open: struck.append(moment))
    assert problems == []
    assert len(struck) == 2


@BY_NIGHT
@pytest.mark.skipif(not exporters.THERE, reason="no ser2net here")
def test_a_run_whose_exporters_are_struck_ends_with_right_verdicts() -> None:
    what = kills.wanted(0, 0, 0, of_exporters=4)
    tally = kills.strike_all(what, seed=11, jobs=1, tell=lambda _text: None)
    assert tally.problems == []
    assert tally.done == what


def test_a_control_session_that_was_cut_off_with_a_valve_shut_blames_no_terminal(tmp_path: Path) -> None:
    given = '"name":"command"'
    zygote = Zygote(tmp_path / "locks")
    try:
        with planned(zygote, tmp_path / "plan") as plan:
            bench = plan.start("--requirement", "control-function")
            assert until(lambda: plan.count(given) > 0 or bench.code is not None, 90), plan.said
            bench.send_signal(signal.SIGINT)
            assert bench.wait(500) == 3, plan.said
            assert plan.start("--requirement", "control-function").wait(500) is not None
            assert {verdict["outcome"] for verdict in plan.verdicts()} == {"PASS"}
    finally:
        zygote.close()


def test_a_bench_that_is_killed_before_it_settles_what_it_found_leaves_it_to_the_next_one(tmp_path: Path) -> None:
    """The first one was killed and its outputs made safe. The second is killed while it opens its rig, and its own
    watchdog holds them: they are not as the first one left them, and what that one drove is void."""
    zygote = Zygote(tmp_path / "locks")
    try:
        with planned(zygote, tmp_path / "plan", hold_s=10.0) as plan:
            selected = ("--requirement", "upload-daily")
            bench = plan.start(*selected)
            assert until(lambda: plan.count('"name":"steady"') > 0 or bench.code is not None, 90), plan.said
            bench.kill()
            assert plan.lab.await_safe(60)
            plan.lab.ask("trap", port="server", point=Point.BEFORE.value, words="/v1/status")
            bench = plan.start(*selected)
            assert until(lambda: plan.lab.ask("caught")["command"] is not None, 60), plan.said
            bench.kill()
            plan.lab.ask("release")
            bench = plan.start(*selected)
            assert until(lambda: plan.count('"takeover":') > 0 or bench.code is not None, 60), plan.said
            assert plan.count('"takeover":"too late"') == 1
            assert plan.count('"reason":"the bench was gone') == 1, "what was cut off is void"
    finally:
        zygote.close()


def test_a_bench_that_stood_still_has_its_outputs_again_for_what_it_drives_next(tmp_path: Path) -> None:
    """It is stopped twice until its watchdog acts: two episodes are errors of the bench, the third one counts."""
    zygote = Zygote(tmp_path / "locks")
    try:
        with planned(zygote, tmp_path / "plan") as plan:
            chosen = ("join-time", "roundtrip-time", "alarm-normal")
            bench = plan.start(*(word for one in chosen for word in ("--requirement", one)))
            for number, begun in enumerate(('"name":"attempt"', '"op":"read"'), 1):
                assert until(partial(_came_to, plan.count, begun, 1, bench), 90), plan.said
                bench.send_signal(signal.SIGSTOP)
                assert plan.lab.await_safe(90), plan.lab.outputs()
                bench.send_signal(signal.SIGCONT)
                assert until(partial(_came_to, plan.kinds, "bench.took_back", number, bench), 90), plan.said
            assert bench.wait(500) == 3, plan.said
            outcomes = {(verdict["requirement"], verdict["outcome"]) for verdict in plan.verdicts()}
            struck = {("join-time", "ERROR"), ("roundtrip-time", "ERROR")}
            early = {("roundtrip-time", "PASS")}  # of a terminal whose request was over when the bench was stopped
            assert outcomes - early == {*struck, ("alarm-normal", "PASS")}, plan.said
            assert plan.kinds("bench.blind") == plan.kinds("bench.watchdog_lost") == 2
            assert plan.lab.is_safe()
    finally:
        zygote.close()


def _came_to(count: Callable[[str], int], what: str, number: int, bench: Forked) -> bool:
    return count(what) >= number or bench.code is not None


@BY_NIGHT
def test_thirty_bad_habits_at_once_make_no_wrong_verdict(tmp_path: Path) -> None:
    told: list[str] = []

    def tell(_name: str, _wrong: str, plan: Plan, _seconds: float) -> None:
        told.extend(plan.undecided())

    cases = {"all": habits.together(list(habits.HABITS.values()))}
    found = habits.drive_all(cases, 1, tell, tmp_path)
    assert found == {"all": ""}, told
