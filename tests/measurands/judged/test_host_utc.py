"""Hour marks and deadlines when the host's UTC is stepped, free or wrong: a doubt is named, no verdict is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import kinds
from bench.evidence.evidence import Episode
from bench.judge.decide import Requirement, judge
from bench.measurands.judged.alarm import alarm_outage
from bench.measurands.judged.arrivals import arrivals
from bench.measurands.judged.storage_terminal import storage_terminal
from bench.measurands.judged.upload_daily import upload_daily
from bench.measurands.judged.values_hourly import values_hourly
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Json, Measurement, Obligation, Observation, Outcome
from tests.measurands.judged.test_hourly_values import spoilt_week
from tests.measurands.judged.test_outage import outage
from tests.measurands.synthetic import MIDNIGHT_NS, SETUP, Run, day_marks, steady_week
from tests.skips import ONCE, slow_but

pytestmark = ONCE

WEEK = (MIDNIGHT_NS - 15 * NS_PER_HOUR, MIDNIGHT_NS + 9 * NS_PER_DAY)
NOTHING_WRONG = Requirement("r", "2-1", Obligation.MANDATORY, "m", ("e",), 0.0, "1")
TEN_MINUTES_NS = 600 * NS_PER_S


class HostRun(Run):
    """A run whose rows are written in UTC and recorded in rig time, which lies ``behind_s`` behind.

    ``steps``: (rig time, seconds that UTC was moved by), from an offset of ``offset_s`` on.
    """

    behind_s = 0.0

    def see(self, t_ns: int, source: str, subject: str, kind: str, u_ns: int = 0, **data: Json) -> None:
        super().see(t_ns - round(self.behind_s * NS_PER_S), source, subject, kind, u_ns, **data)

    def bench(self, t_ns: int, kind: str, subject: str = "", **data: Json) -> None:
        super().bench(t_ns - round(self.behind_s * NS_PER_S), kind, subject, **data)

    def anchors(
        self,
        steps: Sequence[tuple[int, float]] = (),
        offset_s: float = 0.0,
        synchronised: Sequence[bool | None] = (None,),
    ) -> None:
        """Anchors over the week; ``synchronised`` before and after each step (the last one goes on)."""
        before = offset_s
        for t_ns in range(*WEEK, TEN_MINUTES_NS):
            done = [moved for since, moved in steps if t_ns >= since]
            offset = offset_s + sum(done)
            state = synchronised[min(len(done), len(synchronised) - 1)]
            told: dict[str, Json] = {} if state is None else {"synchronised": state}
            told |= {"max_error_ns": 50_000_000} if state else {}
            told |= {"offset_ns": round(offset * NS_PER_S), "half_ns": 500, "boot": "b", "monotonic_ns": t_ns}
            told |= {"step_ns": round((offset - before) * NS_PER_S), "change": "none" if offset == before else "step"}
            self.recorder.observe(Observation(t_ns, "clock", "bench", kinds.CLOCK_ANCHOR, told))
            before = offset


@pytest.fixture
def run(tmp_path: Path) -> HostRun:
    return HostRun(tmp_path)


def episode(run: Run, name: str) -> Episode:
    return run.evidence().episode(name)


def week(run: Run) -> tuple[Measurement, Measurement]:
    (uploads,) = upload_daily([episode(run, "steady")], SETUP, "count")
    (values,) = values_hourly([episode(run, "steady")], SETUP, "count")
    return uploads, values


def outcome(figure: Measurement) -> Outcome:
    return judge(figure, NOTHING_WRONG).outcome


MIDDLE = MIDNIGHT_NS + 3 * NS_PER_DAY + 1234 * NS_PER_S


@pytest.mark.parametrize("moved_s", slow_but([-60.0, 0.0], [-60.0, -20.0, -0.02, 0.0, 5.0, 60.0]))
def test_a_small_step_changes_nothing_of_a_week(run: HostRun, moved_s: float) -> None:
    run.anchors([(MIDDLE, moved_s)] if moved_s else [])
    steady_week(run)
    for figure in week(run):
        assert outcome(figure) is Outcome.PASS
        assert figure.conditions["utc"] == "the host's clock was not disciplined; taken as it stood"


@pytest.mark.parametrize("moved_s", slow_but([-7200.0], [-7200.0, -3600.0, 3600.0, 7200.0]))
def test_a_step_of_hours_leaves_hour_marks_open_and_says_why(run: HostRun, moved_s: float) -> None:
    run.anchors([(MIDDLE, moved_s)])
    steady_week(run)
    _, values = week(run)
    assert outcome(values) is Outcome.INCONCLUSIVE
    assert f"UTC was stepped by {moved_s:+.3g} s" in values.gate


def test_a_wrong_value_stays_wrong_whatever_small_step(run: HostRun) -> None:
    wrong = day_marks(2)[5]
    run.anchors([(MIDDLE, -20.0)])
    spoilt_week(run, 2, day_marks(2), wrong={wrong: 7})
    uploads, values = week(run)
    assert (outcome(uploads), outcome(values)) == (Outcome.PASS, Outcome.FAIL)
    assert values.value == 2.0


def test_a_lost_hour_is_a_missed_upload_whatever_step(run: HostRun) -> None:
    run.anchors([(MIDDLE, 900.0)])
    spoilt_week(run, 2, day_marks(2)[:-1])
    uploads, _ = week(run)
    assert outcome(uploads) is Outcome.FAIL
    assert uploads.value == 2.0


def test_an_upload_beside_its_deadline_is_open_within_a_step(run: HostRun) -> None:
    """At 06:00 less 10 s by one side of a step, 10 s late by the other."""
    run.anchors([(MIDDLE, 20.0)])
    spoilt_week(run, 2, day_marks(2), late_ns=(5 * 3600 + 40 * 60 - 10) * NS_PER_S)
    uploads, _ = week(run)
    verdict = judge(uploads, NOTHING_WRONG)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "may have been in time or late" in verdict.reason
    assert "UTC was stepped by +20 s" in verdict.reason


def test_a_host_that_is_synchronised_later_tells_what_utc_was_before(run: HostRun) -> None:
    """Its clock stood an hour behind when the rig was opened; the time daemon found it after some minutes."""
    run.behind_s = 3600.0
    run.anchors([(WEEK[0] + 1800 * NS_PER_S, 3600.0)], synchronised=(False, True))
    steady_week(run)
    for figure in week(run):
        assert outcome(figure) is Outcome.PASS
        assert "utc" not in figure.conditions


def test_a_step_between_two_synchronised_states_is_a_doubt(run: HostRun) -> None:
    run.anchors([(MIDDLE, 3600.0)], synchronised=(True, True))
    steady_week(run)
    assert outcome(week(run)[1]) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("moved_s", "right"), [(-50.0, True), (30.0, True), (3600.0, False), (-3600.0, False)])
def test_an_outage_under_a_step(run: HostRun, moved_s: float, right: bool) -> None:
    run.anchors([(MIDNIGHT_NS + 4 * NS_PER_DAY, moved_s)])
    outage(run)
    (storage,) = storage_terminal([episode(run, "outage")], SETUP, "minimum")
    (alarm,) = alarm_outage([episode(run, "outage")], SETUP, "maximum")
    if right:
        assert storage.value == 168.0
    else:
        assert storage.value in (168.0, None), "what UTC leaves open is not held against the terminal"
    assert bool(alarm.gate) is not right
    if not right:
        assert "time of occurrence was kept is open: the host's UTC was stepped" in alarm.gate


@pytest.mark.parametrize("lost", [False, True], ids=["each came", "the second was lost"])
def test_alarms_of_one_code_within_the_doubt_are_each_their_own(run: HostRun, lost: bool) -> None:
    """Where an hour's step leaves UTC open, the time of occurrence (50 ms off, as stamps are) tells nothing: an alarm
    that came once was not sent twice."""
    run.anchors(steps=((WEEK[1] - NS_PER_DAY, 3600.0),))
    raised = [MIDNIGHT_NS + minutes * 60 * NS_PER_S for minutes in (0, 37, 50)]
    run.begin(MIDNIGHT_NS - 1, "alarm")
    for n, t_ns in enumerate(raised):
        run.bench(t_ns, "intent.alarm", "t1.gas", code="leak1")
        run.see(t_ns + 1000, "meter.t1.gas", "t1.gas", "meter.alarm", code="leak1")
        if not (lost and n == 1):
            occurred_ns = t_ns - (50_000_000 if n else 0)
            run.server(t_ns + NS_PER_S, "alarm", meter="t1.gas", code="leak1", occurred_ns=occurred_ns)
    run.end(MIDNIGHT_NS + NS_PER_HOUR, "alarm")
    evidence = run.evidence()
    come = arrivals(evidence, SETUP.terminals[0], NS_PER_S)
    assert come.unasked == ()
    took_ns = [
        come.of[stimulus.row].t_ns - stimulus.t_ns if stimulus.row in come.of else None
        for stimulus in evidence.events(kinds.METER_ALARM)
    ]
    on_time_ns = NS_PER_S - 1000
    assert took_ns == [on_time_ns, None if lost else on_time_ns, on_time_ns]


@pytest.mark.parametrize("changed", [False, True], ids=["each within the doubt", "one surely changed"])
def test_a_time_that_was_surely_changed_is_a_miss_whatever_is_open_of_others(run: HostRun, changed: bool) -> None:
    """Of two alarms in an outage under an hour's doubt, one comes with a time of occurrence two hours early."""
    run.anchors(steps=((MIDNIGHT_NS + 4 * NS_PER_DAY, 3600.0),))
    outage(run, goes_on=True)
    raised_ns = MIDNIGHT_NS + 3 * NS_PER_DAY
    run.see(raised_ns, "meter.t1.gas", "t1.gas", "meter.alarm", code="tamper")
    occurred_ns = raised_ns - (2 * NS_PER_HOUR if changed else 0)
    arrived_ns = MIDNIGHT_NS + 9 * NS_PER_DAY
    run.server(arrived_ns, "alarm", meter="t1.gas", code="tamper", occurred_ns=occurred_ns)
    run.end(arrived_ns + NS_PER_HOUR, "outage")
    (alarm,) = alarm_outage([episode(run, "outage")], SETUP, "maximum")
    if changed:
        assert not alarm.gate
        assert alarm.detail["never"] == "1 of 2 arrived with another time of occurrence"
    else:
        assert "whether the time of occurrence was kept is open" in alarm.gate
