"""``alarm.mdms`` on runs written by hand: right, each way of being wrong, and every gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.measurands.judged.utility.alarms import alarm_mdms
from bench.records import NS_PER_HOUR, NS_PER_S, Json, Measurement
from tests.measurands.judged.utility.chain import BEGIN, END, link, mdms, pull, setup
from tests.measurands.synthetic import MINUTE_NS, Run

AGREED = setup(alarm_delay_s=90.0)
CAME = BEGIN + 10 * MINUTE_NS


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.begin(BEGIN, "outage")
    return run


def came(run: Run, t_ns: int = CAME, meter: str = "t1.gas", code: str = "leak1") -> dict[str, Json]:
    """An alarm at the server; what the MDMS should be told of it."""
    run.server(t_ns, "alarm", meter=meter, code=code, occurred_ns=t_ns - 1)
    return {"meter": meter, "code": code, "occurred_ns": t_ns - 1}


def pushed(run: Run, alarm: dict[str, Json], t_ns: int = CAME + NS_PER_S, **changed: Any) -> None:
    told: dict[str, Any] = alarm | changed
    mdms(run, t_ns, str(alarm["meter"]), "alarm", **told)


def measured(run: Run, agreed: object = AGREED, end: bool = True) -> Measurement:
    if end:
        run.end(END, "outage")
    (one,) = alarm_mdms([run.evidence().episode("outage")], agreed, "count")  # type: ignore[arg-type]
    return one


def whys(found: Measurement) -> list[str]:
    return [one["why"] for one in found.detail["not_passed_on"]]  # type: ignore[union-attr, index, call-overload, misc]


def test_each_alarm_is_passed_on(run: Run) -> None:
    link(run, BEGIN, "open")
    for meter in ("t1.gas", "t1.water"):
        pushed(run, came(run, meter=meter))
    found = measured(run)
    assert (found.value, found.conditions["n"], found.conditions["slowest_s"]) == (0.0, 2, 1.0)


def test_one_that_is_not_pushed(run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run))
    came(run, CAME + NS_PER_HOUR, code="tamper")
    found = measured(run)
    assert (found.value, whys(found)) == (1.0, ["not pushed"])


@pytest.mark.parametrize(("delay_s", "late"), [(90.0, True), (None, False)])
def test_one_that_is_late_where_a_delay_is_agreed(delay_s: float | None, late: bool, run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run), CAME + 91 * NS_PER_S)
    found = measured(run, setup(alarm_delay_s=delay_s))
    assert whys(found) == (["pushed after 91 s"] if late else [])


@pytest.mark.parametrize("changed", [{"code": "tamper"}, {"occurred_ns": 7}, {"meter": "t1.water"}])
def test_another_than_came_is_one_too_few_and_one_too_many(changed: dict[str, Json], run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run) | changed)
    pushed(run, came(run, CAME + NS_PER_HOUR), CAME + NS_PER_HOUR)
    found = measured(run)
    assert (found.value, found.conditions["not_asked_for"]) == (2.0, 1)


def test_twice_is_one_too_many_unless_the_link_repeats_the_message(run: Run) -> None:
    link(run, BEGIN, "open")
    alarm = came(run)
    pushed(run, alarm)
    run.events -= 1  # the same message's number
    pushed(run, alarm)
    assert measured(run, end=False).value is None, "the episode did not end"
    pushed(run, alarm)
    assert measured(run).value == 1.0


def test_what_came_while_the_link_was_shut_follows_when_it_is_opened(run: Run) -> None:
    link(run, BEGIN, "shut")
    alarms = [came(run, CAME), came(run, CAME + MINUTE_NS)]
    link(run, CAME + NS_PER_HOUR, "open")
    pushed(run, alarms[0], CAME + NS_PER_HOUR)
    found = measured(run)
    assert (whys(found), found.conditions["slowest_s"]) == (["not pushed"], 0.0)


def test_a_link_that_was_shut_before_it_was_due_shows_nothing(run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run))
    came(run, CAME + NS_PER_HOUR)
    link(run, CAME + NS_PER_HOUR + 30 * NS_PER_S, "shut")
    found = measured(run)
    assert (found.value, found.conditions["n"]) == (0.0, 1)


def test_what_a_cut_off_may_have_held_is_not_judged_here(run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run))
    run.see(CAME + NS_PER_HOUR, "gate", "gate", "gate.cut_off", utility="gas")
    came(run, CAME + NS_PER_HOUR + MINUTE_NS)
    run.see(CAME + 2 * NS_PER_HOUR, "gate", "gate", "gate.reconnected", utility="gas")
    found = measured(run)
    assert (found.value, found.conditions["n"]) == (0.0, 1)
    came(run, END + MINUTE_NS)
    run.begin(END + NS_PER_HOUR, "later")
    assert measured(run, end=False).value == 1.0, "after the reconnection"


def test_what_the_server_alone_lost_is_no_fault_of_this_way(run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run))
    run.see(CAME + NS_PER_HOUR, "meter.t1.gas", "t1.gas", "meter.alarm", code="tamper")
    lost: dict[str, Json] = {"meter": "t1.gas", "code": "tamper", "occurred_ns": CAME + NS_PER_HOUR}
    pushed(run, lost, CAME + NS_PER_HOUR + NS_PER_S)
    assert measured(run).value == 0.0


def test_what_a_blind_bench_missed_is_no_miss(run: Run) -> None:
    link(run, BEGIN, "open")
    pull(run, BEGIN, "t1.gas", [])
    came(run)
    run.blind(CAME + 1, CAME + NS_PER_HOUR)
    assert "0 alarms only, at least 1 are needed" in measured(run).gate


@pytest.mark.parametrize("state", ["shut", "pull"])
def test_a_link_that_was_never_open_is_a_gate(state: str, run: Run) -> None:
    link(run, BEGIN, state)
    came(run)
    assert "no alarm came to the server while the MDMS link" in measured(run).gate


@pytest.mark.parametrize("missed", [False, True])
@pytest.mark.parametrize("step", ["cut", "raise"])
def test_what_was_not_driven_is_a_gate_and_takes_no_miss_back(step: str, missed: bool, run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run))
    run.bench(BEGIN, "episode.left_out", "t1", name="outage", what=step, why="nobody may")
    if missed:
        came(run, CAME + NS_PER_HOUR)
    found = measured(run)
    assert (found.value, "nobody may" in found.gate) == ((1.0, False) if missed else (None, True))


def test_a_lost_link_is_the_benchs_failure(run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run))
    run.bench(CAME + MINUTE_NS, "bench.lost_port", "mdms.gas", port="mdms.gas", reason="closed by the device")
    assert measured(run).bench_error


@pytest.mark.parametrize(("waited_h", "value"), [(168, 1.0), (169, 0.0)])
def test_what_waits_for_its_link_longer_than_a_server_must_keep_it_is_not_asked_for(
    waited_h: int, value: float, run: Run
) -> None:
    opened = CAME + waited_h * NS_PER_HOUR
    link(run, BEGIN, "shut")
    came(run)
    link(run, opened, "open")
    pushed(run, came(run, opened + NS_PER_HOUR), opened + NS_PER_HOUR)
    run.end(opened + 2 * NS_PER_HOUR, "outage")
    assert measured(run, end=False).value == value


def test_what_is_said_of_several_is_the_slowest_and_each_for_itself(run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run), CAME + 2 * NS_PER_S)
    pushed(run, came(run, CAME + MINUTE_NS), CAME + MINUTE_NS + NS_PER_S)
    came(run, CAME + 2 * MINUTE_NS)
    found = measured(run)
    assert (found.value, found.u, found.conditions["slowest_s"]) == (1.0, 0.0, 2.0)
    assert found.detail["trials"] == [{"ok": True}, {"ok": True}, {"ok": False}]


@pytest.mark.parametrize(
    ("u_ns", "after_ns", "late"),
    [
        (0, 90 * NS_PER_S, False),
        (0, 90 * NS_PER_S + 1, True),
        (NS_PER_S, 90 * NS_PER_S + 1_732_050_808, False),
        (NS_PER_S, 90 * NS_PER_S + 1_732_050_809, True),
    ],
)
def test_it_is_late_where_the_stamp_says_so_for_sure(run: Run, u_ns: int, after_ns: int, late: bool) -> None:
    """A bench that stood still stamps as well as it can."""
    link(run, BEGIN, "open")
    told: dict[str, Any] = came(run) | {"id": 9, "terminal": "t1"}
    run.see(CAME + after_ns, "mdms.gas", "t1", "mdms.alarm", u_ns, **told)
    assert measured(run).value == float(late)


def test_one_that_was_late_stays_late_though_the_bench_was_blind_before_it_came(run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run), CAME + 91 * NS_PER_S)
    run.blind(CAME + 10, CAME + 20)
    assert measured(run).value == 1.0


def test_two_of_the_same_at_the_server_are_two_at_the_mdms(run: Run) -> None:
    link(run, BEGIN, "open")
    alarm = came(run)
    run.server(CAME + 1, "alarm", **alarm)  # type: ignore[arg-type]
    pushed(run, alarm)
    found = measured(run)
    assert (found.value, whys(found)) == (1.0, ["not pushed"])


@pytest.mark.parametrize(("gas", "water", "n"), [("open", "shut", 1), ("shut", "open", 0), ("open", "open", 1)])
def test_an_alarm_needs_the_link_of_its_own_meter(run: Run, gas: str, water: str, n: int) -> None:
    """Before it was shut, each told whose meters it carries."""
    for meter in ("t1.gas", "t1.water"):
        pull(run, BEGIN, meter, [])
    link(run, BEGIN, gas, ["mdms.gas"])
    link(run, BEGIN, water, ["mdms.water"])
    came(run)
    found = measured(run)
    assert found.value == (1.0 if n else None)
    assert ("link of its meter was open" in found.gate) is (n == 0)


@pytest.mark.parametrize(("later_ns", "n"), [(0, 0), (1, 1)])
def test_a_link_that_is_shut_as_an_alarm_comes_shows_nothing(run: Run, later_ns: int, n: int) -> None:
    pull(run, BEGIN, "t1.gas", [])
    link(run, BEGIN, "open")
    link(run, CAME + later_ns, "shut")
    pushed(run, came(run))
    assert measured(run).conditions.get("n", 0) == n


def test_another_reconnection_ends_no_cut_off(run: Run) -> None:
    link(run, BEGIN, "open")
    pushed(run, came(run))
    for kind, utility in (("cut_off", "water"), ("cut_off", "gas"), ("reconnected", "water")):
        run.see(CAME + NS_PER_HOUR, "gate", "gate", f"gate.{kind}", utility=utility)
    came(run, CAME + NS_PER_HOUR + MINUTE_NS)
    run.see(CAME + 2 * NS_PER_HOUR, "gate", "gate", "gate.reconnected", utility="gas")
    found = measured(run)
    assert (found.value, found.conditions["n"]) == (0.0, 1)
