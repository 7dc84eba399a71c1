"""Judging under clocks as they are: no right terminal fails, no wrong one passes, and U says what is known.

True events are known to the test, clocks are not known to the judge; `tests.measurands.real_rig` writes what a bench on
a real rig would have recorded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.judge.decide import DecisionRule, Requirement, RuleKind, judge
from bench.measurands.judged.alarm import alarm_normal
from bench.measurands.judged.common import Measurand
from bench.measurands.judged.join_onsite import join_onsite
from bench.measurands.judged.roundtrip_server import roundtrip_server
from bench.records import NS_PER_S, Measurement, Obligation, Outcome, Verdict
from devices.server.stamping import TRUE_TIME, Stamping
from tests.measurands.real_rig import RealRun, alarms, joins, round_trips
from tests.measurands.synthetic import MIDNIGHT_NS, SETUP
from tests.skips import ONCE

pytestmark = ONCE

AT = MIDNIGHT_NS
LIMIT_S = 90.0
REQUIREMENT = Requirement("r", "2-1", Obligation.MANDATORY, "m", ("e",), LIMIT_S, "s")
FAILED = (Outcome.FAIL, Outcome.CONDITIONAL_FAIL)
EXAMPLES = int(os.environ.get("KENSHIN_CLOCK_EXAMPLES", "60"))
"""Random clocks a run; thousands by hand."""
SERVER_ENDS = attrs.evolve(SETUP, terminals=tuple(attrs.evolve(one, indicator=False) for one in SETUP.terminals))

Drive = Callable[[RealRun, int, list[float]], None]
CASES: dict[str, tuple[str, Drive, Measurand]] = {
    "round trip": ("roundtrip", round_trips, roundtrip_server),
    "alarm": ("alarm", lambda run, at, took: alarms(run, at, [*took]), alarm_normal),
    "join": ("join", joins, join_onsite),
}

CLOCKS = {
    "true": TRUE_TIME,
    "20 ms late": Stamping(offset_ns=-20_000_000),
    "half a second early": Stamping(offset_ns=NS_PER_S // 2),
    "2 s late": Stamping(offset_ns=-2 * NS_PER_S),
    "5 s early": Stamping(offset_ns=5 * NS_PER_S),
    "an hour late": Stamping(offset_ns=-3600 * NS_PER_S),
    "whole seconds": Stamping(resolution_ns=NS_PER_S),
    "whole seconds, 3 s late": Stamping(resolution_ns=NS_PER_S, offset_ns=-3 * NS_PER_S),
    "50 ppm": Stamping(drift_ppm=50.0, since_ns=AT),
    "stepped by -5 s": Stamping(step_ns=-5 * NS_PER_S, step_at_ns=AT + 350 * NS_PER_S),
    "stepped by 2 s, whole seconds": Stamping(
        step_ns=2 * NS_PER_S, step_at_ns=AT + 300 * NS_PER_S, resolution_ns=NS_PER_S
    ),
    "no stamps at all": Stamping(leave_out=True),
}


def measured(run: RealRun, case: str) -> Measurement:
    episode, _, measurand = CASES[case]
    setup = SERVER_ENDS if case == "join" else SETUP
    (figure,) = measurand([run.evidence().episode(episode)], setup, "maximum")
    return figure


def driven(path: Path, case: str, took: list[float], clock: Stamping, **more: object) -> RealRun:
    run = RealRun(path, clock, **more)  # type: ignore[arg-type]
    CASES[case][1](run, AT, took)
    return run


def judged(figure: Measurement, rule: RuleKind = RuleKind.SIMPLE) -> Verdict:
    return judge(figure, REQUIREMENT, DecisionRule(rule))


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS.keys())
@pytest.mark.parametrize("case", CASES)
def test_far_from_the_limit_every_clock_gives_the_right_verdict(case: str, clock: Stamping, tmp_path: Path) -> None:
    """A join of 100 s became PASS, one of 80 s TARGET MISSED: never again."""
    for name, took, outcome in (("right", 80.0, Outcome.PASS), ("late", 100.0, Outcome.FAIL)):
        (tmp_path / name).mkdir()
        figure = measured(driven(tmp_path / name, case, [7.5, took, 3.0], clock), case)
        verdict = judged(figure)
        if clock.leave_out and outcome is Outcome.FAIL:
            outcome = Outcome.INCONCLUSIVE  # it was heard of late; when it happened nobody knows
        assert verdict.outcome is outcome, verdict.reason
        assert figure.value is not None
        assert figure.u is not None
        assert verdict.expanded_u is not None
        assert abs(figure.value - took) <= verdict.expanded_u, "U covers what is not known"
        assert 0.0 < verdict.expanded_u < (200.0 if clock.leave_out else 3.0)
        assert figure.budget


@pytest.mark.parametrize("case", CASES)
def test_a_good_clock_is_known_to_milliseconds(case: str, tmp_path: Path) -> None:
    figure = measured(driven(tmp_path, case, [42.0], Stamping(offset_ns=-5 * NS_PER_S)), case)
    assert figure.value == pytest.approx(42.0, abs=0.03)
    assert figure.u is not None
    assert 0.0005 < figure.u < 0.03


@pytest.mark.parametrize("case", ["round trip", "alarm"])
def test_whole_seconds_are_a_second_in_the_budget(case: str, tmp_path: Path) -> None:
    figure = measured(driven(tmp_path, case, [42.0], Stamping(resolution_ns=NS_PER_S)), case)
    assert figure.bounds is not None
    assert figure.bounds[0] <= 42.0 <= figure.bounds[1]
    assert figure.bounds[1] - figure.bounds[0] <= 2.2
    assert any("steps of 1 s" in row.source for row in figure.budget)


def clocks() -> st.SearchStrategy[Stamping]:
    return st.builds(
        Stamping,
        offset_ns=st.integers(-5 * NS_PER_S, 5 * NS_PER_S),
        drift_ppm=st.floats(-50.0, 50.0),
        since_ns=st.just(AT),
        step_ns=st.sampled_from(
            [0, 0, 30_000_000, NS_PER_S // -5, NS_PER_S // 2, -2 * NS_PER_S, 5 * NS_PER_S, -3600 * NS_PER_S]
        ),
        step_at_ns=st.integers(AT - 60 * NS_PER_S, AT + 1200 * NS_PER_S)
        | st.integers(AT + 480 * NS_PER_S, AT + 590 * NS_PER_S),
        resolution_ns=st.sampled_from([1, 1000, 1_000_000, NS_PER_S // 10, NS_PER_S]),
        leave_out=st.sampled_from([False] * 7 + [True]),
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    case=st.sampled_from(sorted(CASES)),
    clock=clocks(),
    took=st.floats(-3.0, 3.0).map(lambda beside: LIMIT_S + beside),
    late_ms=st.sampled_from([(1.0, 20.0), (1.0, 800.0), (500.0, 5000.0)]),
    told=st.booleans(),
    rule=st.sampled_from(RuleKind),
    seed=st.integers(0, 1 << 30),
)
def test_near_the_limit_no_right_terminal_fails_and_no_wrong_one_passes(
    case: str, clock: Stamping, took: float, late_ms: tuple[float, float], told: bool, rule: RuleKind, seed: int
) -> None:
    with TemporaryDirectory() as folder:
        run = driven(Path(folder), case, [5.0, took], clock, late_ms=late_ms, told_by_status=told, seed=seed)
        figure = measured(run, case)
        verdict = judged(figure, rule)
    assert figure.value is not None, figure.gate
    assert figure.bounds is not None
    jitter_s = 0.004  # of the bench's own stamps: random, and so not in the bounds
    assert figure.bounds[0] - jitter_s <= took <= figure.bounds[1] + jitter_s
    if took <= LIMIT_S - jitter_s:
        assert verdict.outcome not in FAILED, verdict.reason
    if took > LIMIT_S + jitter_s:
        assert verdict.outcome not in (Outcome.PASS, Outcome.CONDITIONAL_PASS), verdict.reason


def test_a_step_that_no_reading_excludes_is_left_open(tmp_path: Path) -> None:
    """Requests alone tell the time of this server, and none came after the second: its answer's stamp may lie behind a
    step that is smaller than its news are late. The figure was off by 0.49 s, and within bounds of 9 ms."""
    stepped = Stamping(step_ns=NS_PER_S // 2, step_at_ns=1774969686001157763)
    seen = {"late_ms": (1.0, 800.0), "told_by_status": False}
    figure = measured(driven(tmp_path, "round trip", [5.0, 89.99], stepped, **seen), "round trip")
    assert figure.bounds is not None
    assert figure.bounds[0] <= 89.99 <= figure.bounds[1]
    assert judged(figure).outcome is Outcome.INCONCLUSIVE
    assert "not stepped" in figure.doubt


def test_a_request_after_it_tells_that_no_clock_was_stepped(tmp_path: Path) -> None:
    seen = {"late_ms": (1.0, 40.0), "told_by_status": False}
    run = driven(tmp_path, "round trip", [5.0, 91.0, 5.0], Stamping(offset_ns=NS_PER_S), **seen)
    figure = measured(run, "round trip")
    assert figure.bounds is not None
    assert figure.bounds[1] - figure.bounds[0] < 0.3
    assert judged(figure).outcome is Outcome.FAIL


@pytest.mark.parametrize("moved_s", [-7200, -120, -20, 20, 3600])
@pytest.mark.parametrize("case", CASES)
def test_a_step_of_the_hosts_utc_changes_no_interval(case: str, moved_s: int, tmp_path: Path) -> None:
    steps = ((AT + 200 * NS_PER_S, moved_s * NS_PER_S),)
    figure = measured(driven(tmp_path, case, [80.0, 100.0], TRUE_TIME, steps=steps), case)
    assert figure.value == pytest.approx(100.0, abs=0.05)
    assert judged(figure).outcome is Outcome.FAIL


def test_a_slow_answer_to_the_key_press_is_in_the_bounds(tmp_path: Path) -> None:
    """The panel takes 8 s to confirm: the press was somewhere in between."""
    run = RealRun(tmp_path)
    joins(run, AT, [87.0], slow_ms=8000.0)
    (figure,) = join_onsite([run.evidence().episode("join")], SETUP, "maximum")
    assert figure.bounds is not None
    assert figure.bounds[0] <= 87.0 <= figure.bounds[1]
    assert any("between command and answer" in row.source for row in figure.budget)


def test_an_alarm_that_is_lost_is_not_found_among_its_like(tmp_path: Path) -> None:
    run = RealRun(tmp_path, Stamping(offset_ns=-5 * NS_PER_S, resolution_ns=NS_PER_S))
    alarms(run, AT, [3.0, None, 4.0])
    figure = measured(run, "alarm")
    assert figure.value is None
    assert figure.detail["never"] == "1 of 3 alarms never arrived"


@pytest.mark.parametrize(
    ("event", "gated"),
    [
        ('{"id": 9, "kind": "alarm", "terminal": "t1"}', True),
        ('{"id": 9, "kind": "alarm", "terminal": "t2"}', False),
        ('{"id": 9, "kind": "heartbeat"}', False),
        ("not JSON", True),
    ],
)
def test_a_lost_alarm_may_be_what_nobody_could_read(event: str, gated: bool, tmp_path: Path) -> None:
    run = RealRun(tmp_path)
    run.see(AT + 200 * NS_PER_S, "server", "t1", "server.odd", event=event, why="no field 'code'")
    alarms(run, AT, [3.0, None])
    figure = measured(run, "alarm")
    assert figure.value is None
    assert ("cannot be read" in figure.gate) is gated


def test_a_run_that_recorded_no_clocks_has_no_u(tmp_path: Path) -> None:
    """A real rig's run from before clocks were recorded: judged as it was, and nothing is said of its uncertainty."""
    run = RealRun(tmp_path)
    round_trips(run, AT, [42.0])
    run.recorder.commit()
    run.recorder._db.execute("UPDATE observation SET data = '{\"step_ns\":0}' WHERE kind = 'clock.anchor'")
    figure = measured(run, "round trip")
    assert figure.value == pytest.approx(42.0, abs=0.05)
    assert figure.u is None


def test_events_of_another_clock_than_the_status(tmp_path: Path) -> None:
    """A front end tells the time, the machine behind it stamps: one request is enough to see that they differ, and one
    more, after the alarms, to know that the clock behind ran on without a step."""
    run = RealRun(tmp_path, Stamping(offset_ns=-3 * NS_PER_S), status=TRUE_TIME)

    def ask(asked_ns: int, request: str) -> None:
        run.exchange(asked_ns, "request", request=request)
        run.happens(asked_ns + 5_000_000, "request.sent", request=request, op="read")

    ask(AT + NS_PER_S, "r1")
    alarms(run, AT, [92.0, 0.5])
    figure = measured(run, "alarm")
    assert figure.value == pytest.approx(92.0, abs=0.05)
    assert judged(figure).outcome is Outcome.INCONCLUSIVE
    assert "not stepped" in figure.doubt
    ask(AT + 1200 * NS_PER_S, "r2")
    figure = measured(run, "alarm")
    assert figure.value == pytest.approx(92.0, abs=0.05)
    assert judged(figure).outcome is Outcome.FAIL


def test_a_stamp_before_its_cause_says_nothing(tmp_path: Path) -> None:
    """No request told that the events' clock is another one: the order of events still holds."""
    run = RealRun(tmp_path, Stamping(offset_ns=-3 * NS_PER_S), status=TRUE_TIME)
    alarms(run, AT, [0.5])
    figure = measured(run, "alarm")
    assert figure.bounds is not None
    assert 0.0 <= figure.bounds[0] <= 0.5 <= figure.bounds[1] < 0.7
    assert "contradicts the order of events" in figure.doubt


@pytest.mark.parametrize("off_s", [-7200, -3600, -61, 61, 3600])
def test_a_host_that_nobody_set_right_and_the_server_contradicts_blames_no_terminal(off_s: int, tmp_path: Path) -> None:
    """Its UTC was wrong when the rig was opened, so no step shows. Alarms of one meter and code, one after the other,
    carry the true time of occurrence."""
    run = RealRun(tmp_path, steps=((1, off_s * NS_PER_S),), synchronised=False)
    alarms(run, AT, [3.0, 2.0, 4.0, 3.0])
    figure = measured(run, "alarm")
    assert (figure.detail["never"], figure.conditions["n"]) == ("", 4)
    assert judge(figure, REQUIREMENT).outcome is Outcome.PASS


def test_a_host_that_is_known_to_be_right_is_believed_whatever_the_server_says(tmp_path: Path) -> None:
    run = RealRun(tmp_path, steps=((1, 3600 * NS_PER_S),), synchronised=True)
    alarms(run, AT, [3.0])
    assert measured(run, "alarm").detail["never"] == "1 of 1 arrived with another time of occurrence"


def test_a_time_of_occurrence_that_no_clock_explains_is_wrong_all_the_same(tmp_path: Path) -> None:
    """Ten minutes by the host, right by the server, an hour early by the terminal."""
    run = RealRun(tmp_path, steps=((0, -3600 * NS_PER_S), (1, 4200 * NS_PER_S)), synchronised=False)
    alarms(run, AT, [3.0])
    assert judge(measured(run, "alarm"), REQUIREMENT).outcome is Outcome.FAIL
