"""The matrix of a qualification from made-up verdicts: what counts as caught, as missed, as a hole, as an extra."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from bench.cli.qualification.matrix import Case, Clean, Judged, Qualification, Ran, Status
from bench.cli.qualification.page import as_json, as_markdown, as_text, told
from bench.records import Outcome

ROWS = ("join-time", "values-hourly", "alarm-normal")
GREEN = {(row, subject): Outcome.PASS for row in ROWS for subject in ("t1", "t3")}


def ran(*changes: tuple[str, str, Outcome], fired: int = 1, code: int = 0) -> Ran:
    verdicts = GREEN | {(row, subject): word for row, subject, word in changes}
    return Ran(code, verdicts, ({"fired": fired},))


def judged(gave: Ran, subject: str = "t1", **case: Any) -> Judged:
    return Judged(Case("some-fault", subject, **{"turns": ("values-hourly",), **case}), gave, GREEN)


WRONG = ("values-hourly", "t1", Outcome.FAIL)


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (judged(ran(WRONG)), Status.CAUGHT),
        (judged(ran(("values-hourly", "t1", Outcome.NOT_FOLLOWED))), Status.CAUGHT),
        (judged(ran()), Status.MISSED),
        (judged(ran(("join-time", "t1", Outcome.TARGET_MISSED))), Status.MISSED),
        (judged(ran(("values-hourly", "t1", Outcome.INCONCLUSIVE))), Status.MISSED),
        (judged(ran(("values-hourly", "t3", Outcome.FAIL))), Status.MISSED),
        (judged(ran(("values-hourly", "t3", Outcome.FAIL)), "server"), Status.CAUGHT),
        (judged(ran(WRONG), "t1.gas"), Status.CAUGHT),
        (judged(ran(WRONG, fired=0)), Status.NEVER_FIRED),
        (judged(ran(WRONG, ("join-time", "t1", Outcome.FAIL))), Status.EXTRA),
        (judged(ran(WRONG, ("join-time", "t1", Outcome.FAIL)), also=("join-time",)), Status.CAUGHT),
        (judged(ran(WRONG, ("values-hourly", "t3", Outcome.FAIL))), Status.EXTRA),
        (judged(ran(("join-time", "t1", Outcome.TARGET_MISSED)), turns=()), Status.CAUGHT),
        (judged(Ran(3, {}, (), "the twin died")), Status.FAILED),
        (judged(Ran.none()), Status.NOT_TRIED),
    ],
)
def test_what_becomes_of_a_fault(one: Judged, status: Status) -> None:
    assert one.status is status


def test_what_was_red_without_the_fault_proves_nothing() -> None:
    clean = GREEN | {("values-hourly", "t1"): Outcome.FAIL}
    assert Judged(Case("x", "t1", ("values-hourly",)), ran(WRONG), clean).status is Status.MISSED


@pytest.mark.parametrize(
    ("trials", "clean", "code"),
    [
        ([judged(ran(WRONG))], ran(), 0),
        ([judged(ran(WRONG)), judged(ran())], ran(), 1),
        ([judged(ran(WRONG, fired=0))], ran(), 1),
        ([judged(ran(WRONG, ("join-time", "t1", Outcome.FAIL)))], ran(), 1),
        ([judged(ran(WRONG))], ran(("join-time", "t3", Outcome.TARGET_MISSED)), 1),
        ([judged(ran(WRONG)), judged(Ran(3, {}))], ran(), 3),
        ([judged(ran(WRONG)), judged(Ran.none())], ran(), 3),
        ([], Ran(3, {}), 3),
    ],
)
def test_the_exit_code_says_whether_all_is_as_it_should_be(trials: list[Judged], clean: Ran, code: int) -> None:
    assert Qualification("kenshin qualify", [Clean(1, clean)], trials).code == code


FOUND = Qualification(
    "kenshin qualify --seed 7",
    [Clean(7, ran()), Clean(8, ran(("join-time", "t3", Outcome.TARGET_MISSED)))],
    [
        judged(ran(WRONG, ("alarm-normal", "t1", Outcome.INCONCLUSIVE))),
        Judged(Case("quiet", "t3", ("alarm-normal",), says="Says nothing."), ran(fired=4), GREEN),
        Judged(Case("idle", "t3", ("join-time",)), ran(fired=0), GREEN),
    ],
)


def test_what_nobody_can_decide_on_a_rig_is_no_alarm_and_is_named() -> None:
    opened = ran(("radio-method", "t1", Outcome.INCONCLUSIVE), ("radio-method", "t3", Outcome.FAIL))
    crowd = Clean(9, opened, "night", 30, frozenset({"radio-method"}))
    found = Qualification("kenshin qualify", [Clean(7, ran()), Clean(8, ran()), crowd], [])
    assert found.false_alarms == [(crowd, ("radio-method", "t3"))], "what is red is one all the same"
    assert "| night | 30 | 1 | 9 | 1 | radio-method |" in as_markdown(found)
    without = attrs.evolve(crowd, may_stay_open=frozenset())
    assert len(Qualification("kenshin qualify", [without], []).false_alarms) == 2


def test_a_page_says_what_its_runs_took_of_the_processors() -> None:
    took = attrs.evolve(ran(), processor_s=21.4)
    text = as_markdown(Qualification("kenshin qualify", [Clean(7, took)], []))
    assert "They took 0 processor seconds with a fault, 21 without." in text


def test_the_matrix_has_a_sign_for_each_fault_and_requirement() -> None:
    text = as_text(FOUND)
    rows = {line.split()[0]: line.split()[1:4] for line in text.splitlines() if line.startswith(("t1:", "t3:"))}
    assert rows["t1:some-fault"] == ["·", "●", "?"]
    assert rows["t3:quiet"] == ["·", "·", "○"]
    assert "1 of 3 faults caught" in text
    assert "1 never fired" in text
    assert "seeds 7, 8): join-time of t3 with seed 8" in text
    assert text.splitlines()[-1].startswith("t3:idle: never fired")


def test_the_page_begins_with_what_was_missed() -> None:
    page = as_markdown(FOUND)
    assert page.index("t3:idle: never fired") < page.index("## Score") < page.index("| `t1:some-fault` |")
    assert "`t3:quiet: missed; should turn alarm-normal red`. Says nothing." in page
    assert max(len(line) for line in page.splitlines() if not line.startswith(("|", "*", "●"))) < 120


def test_machines_get_the_same() -> None:
    told_ = as_json(FOUND)
    assert told_["score"] == {"caught": 1, "tried": 3, "faults": 3}
    assert told_["false_alarms"] == [[8, "join-time", "t3"]]
    assert [one["status"] for one in told_["faults"]] == ["caught", "missed", "never fired"]


def test_a_run_that_failed_says_why() -> None:
    assert told(judged(Ran(3, {}, (), "kenshin: fault 'x' at t1: boom"))).endswith(
        "run failed; kenshin: fault 'x' at t1: boom"
    )
