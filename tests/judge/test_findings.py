"""The line of a missed requirement names where to look: meter, hour, alarm, request, day, attempt."""

from __future__ import annotations

import pytest

from bench.judge.decide import Comparison, Requirement, judge
from bench.judge.findings import explained
from bench.records import Json, Measurement, Obligation, Outcome

MARK_NS = 1_775_167_200_000_000_000  # 2026-04-03 07:00 JST


def alarm(delay_s: float | None, occurred_ns: int | None = MARK_NS) -> dict[str, Json]:
    return {
        "meter": "t1.gas",
        "code": "leak1",
        "stimulus_ns": MARK_NS,
        "delay_s": delay_s,
        "occurred_ns": None if delay_s is None else occurred_ns,
    }


WRONG: dict[str, Json] = {
    "meter": "t3.gas",
    "mark_ns": MARK_NS,
    "state": "wrong",
    "index": 122,
    "truth": 123,
    "cited": "timeline#996",
}
PROBE: dict[str, Json] = {"what": "a reading", "meter": "t1.gas", "sent_ns": MARK_NS, "scope": "gas"}
CASES: list[tuple[str, list[Json], float, str]] = [
    ("wrong", [WRONG], 1, "1 > 0: t3.gas 2026-04-03 07:00 JST: register 123, delivered 122 (timeline#996)"),
    (
        "wrong",
        [{**WRONG, "state": "duplicated", "index": 123}, WRONG],
        2,
        "2 > 0: t3.gas 2026-04-03 07:00 JST: register 123, delivered 123 again (timeline#996) and 1 more",
    ),
    ("wrong", [{**WRONG, "state": "future"}], 1, "t3.gas 2026-04-03 07:00 JST: a mark that was still to come, deliv"),
    (
        "not_asked_for",
        [{"why": "doubled", "meter": "t1.gas", "code": "leak1", "arrival_ns": MARK_NS, "cited": "timeline#9"}],
        1,
        "alarm leak1 of t1.gas, at the server 2026-04-03 07:00:00 JST: doubled (timeline#9)",
    ),
    (
        "not_passed_on",
        [{"meter": "t1.gas", "code": "leak1", "stimulus_ns": MARK_NS, "why": "not pushed"}] * 2,
        2,
        "alarm leak1 of t1.gas, due at the MDMS from 2026-04-03 07:00:00 JST: not pushed and 1 more",
    ),
    (
        "never_had",
        [{"meter": "t1.gas", "code": "leak1", "arrival_ns": MARK_NS, "cited": "timeline#9"}],
        1,
        "alarm leak1 of t1.gas, at the MDMS 2026-04-03 07:00:00 JST: the server never had it, or had it once",
    ),
    (
        "breaches",
        [{"rule": "clear text", "at_ns": MARK_NS, "said": "a data frame without security"}] * 2,
        2,
        "clear text, 2026-04-03 07:00:00 JST: a data frame without security and 1 more",
    ),
    (
        "sides",
        [{"meter": "t1.gas", "mark_ns": MARK_NS, "delta_s": 66.0, "read": "after the step", "error_s": 66.0}],
        66,
        "t1.gas 2026-04-03 07:00 JST: register stepped +66 s from the mark, read after the step",
    ),
    (
        "alarms",
        [{**alarm(None), "arrival_ns": MARK_NS, "occurred_ns": MARK_NS + 120_000_000_000}],
        1,
        "it told 2026-04-03 07:02:00 JST as its time of occurrence",
    ),
    ("missing", [{"meter": "t1.gas", "mark_ns": MARK_NS}], 1, "t1.gas 2026-04-03 07:00 JST: not delivered"),
    ("missed", [{"meter": "t1.gas", "day": "2026-04-03", "hours_missing": 3}], 1, "t1.gas 2026-04-03: 3 of 24 hours"),
    (
        "alarms",
        [alarm(2.0), alarm(9.5), alarm(3.0)],
        9.5,
        "leak1 of t1.gas, raised 2026-04-03 07:00:00 JST: it took 9.5 s",
    ),
    ("alarms", [alarm(2.0), alarm(None)], 9.5, "it never arrived"),
    ("alarms", [alarm(2.0), alarm(1.0, MARK_NS + 60_000_000_000)], 2, "after 1 s it told 2026-04-03 07:01:00 JST"),
    ("samples", [{"meter": "t1.gas", "sent_ns": MARK_NS, "rtt_s": 91.0}], 91, "t1.gas, sent 2026-04-03 07:00:00 JST"),
    ("alarms", [alarm(None), alarm(1.0, MARK_NS + 60_000_000_000)], 2, "it never arrived"),
    (
        "samples",
        [{"meter": "t1.gas", "sent_ns": MARK_NS, "rtt_s": rtt_s} for rtt_s in (91.0, None, 95.0)],
        95,
        "95 > 0: request for t1.gas, sent 2026-04-03 07:00:00 JST: no fresh answer",
    ),
    (
        "samples",
        [{"meter": "t1.gas", "sent_ns": MARK_NS, "rtt_s": 91.0}],
        91,
        "91 > 0: request for t1.gas, sent 2026-04-03 07:00:00 JST: answered after 91 s",
    ),
    ("attempts", [{"label": "attempt 2, cold", "join_s": None}], 1, "attempt 2, cold: never joined"),
    (
        "leaks",
        [{"what": "an alarm", "scope": "gas", "cited": "timeline#7"}],
        1,
        "1 > 0: an alarm passed while gas was cut off (timeline#7)",
    ),
    (
        "leaks",
        [{**PROBE, "phase": "window", "passed_ns": MARK_NS}, {**PROBE, "phase": "after", "passed_ns": None}],
        2,
        "2 > 0: a reading of t1.gas, 2026-04-03 07:00:00 JST: passed while cut off (gas) and 1 more",
    ),
    (
        "leaks",
        [{**PROBE, "phase": "after", "passed_ns": None}],
        1,
        "1 > 0: a reading of t1.gas, 2026-04-03 07:00:00 JST: did not pass after the cut-off (gas)",
    ),
]


def measured(detail: dict[str, Json], value: float) -> Measurement:
    return Measurement("any", "t1", value, "1", u=0.0, detail=detail)


def asked(limit: float, obligation: Obligation = Obligation.MANDATORY) -> Requirement:
    return Requirement("any", "1", obligation, "any", ("steady",), limit, "1", Comparison.AT_MOST)


@pytest.mark.parametrize(("key", "items", "value", "said"), CASES)
def test_a_miss_names_where_to_look(key: str, items: list[Json], value: float, said: str) -> None:
    measurement = measured({key: items}, value)
    verdict = judge(measurement, asked(0.0))
    assert verdict.outcome is Outcome.FAIL
    assert said in explained(verdict)
    assert (said == explained(verdict)) is (" > 0: " in said), "from its beginning to its end"
    assert said in explained(judge(measurement, asked(0.0, Obligation.TARGET)))


def test_what_conforms_and_what_names_nothing_is_said_as_before() -> None:
    assert explained(judge(measured({"alarms": [alarm(2.0)]}, 2.0), asked(90.0))) == "2 <= 90"
    assert explained(judge(measured({"wrong": []}, 1.0), asked(0.0))) == "1 > 0"
