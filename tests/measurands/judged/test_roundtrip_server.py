"""``roundtrip.server``: only answers proved fresh count, unanswered requests count as endless."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from bench.measurands.judged.roundtrip_server import roundtrip_server
from bench.records import NS_PER_S, Measurement
from devices.server.stamping import Stamping
from tests.measurands.real_rig import RealRun, round_trips
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, Run, read_request

AT = MIDNIGHT_NS


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.begin(AT, "roundtrip")
    run.index(AT, "t1.gas", 100)
    return run


def measure(run: Run) -> Measurement:
    run.end(AT + 600 * MINUTE_NS, "roundtrip")
    (measured,) = roundtrip_server([run.evidence().episode("roundtrip")], SETUP, "maximum")
    return measured


def test_slowest_round_trip_by_the_servers_own_stamps(run: Run) -> None:
    read_request(run, AT + 10 * MINUTE_NS, 123, 3.5)
    read_request(run, AT + 20 * MINUTE_NS, 456, 7.25)
    measured = measure(run)
    assert measured.value == 7.25
    assert [sample["rtt_s"] for sample in measured.detail["samples"]] == [3.5, 7.25]  # type: ignore[index, union-attr, call-overload]
    assert measured.conditions["unanswered"] == 0


def test_an_old_index_is_no_answer(run: Run) -> None:
    """A terminal that answers from a cache must not pass on its other requests."""
    read_request(run, AT + 10 * MINUTE_NS, 123, 3.5)
    read_request(run, AT + 20 * MINUTE_NS, 456, 0.5, answered=123)
    measured = measure(run)
    assert measured.value is None
    assert not measured.gate
    assert measured.detail["never"] == ("1 of 2 requests had no fresh answer: answered 123, the register stood at 456")
    assert measured.detail["stale"] == ["answered 123, the register stood at 456"]


@pytest.mark.parametrize(
    ("off_s", "said"),
    [
        (-7200.0, "says that it was read 7200 s before it was asked for"),
        (-60.1, "says that it was read 60 s before it was asked for"),
        (-60.0, ""),
        (63.5, ""),
        (63.6, "says that it was read 60 s after it came"),
        (7203.5, "says that it was read 7200 s after it came"),
    ],
)
def test_an_answer_says_when_it_was_read_but_for_the_agreed_tolerance(run: Run, off_s: float, said: str) -> None:
    """Asked for at 10:00, answered 3.5 s later; a minute is agreed for a terminal's times."""
    read_request(run, AT + 10 * MINUTE_NS, 123, 3.5, read_s=off_s)
    read_request(run, AT + 20 * MINUTE_NS, 456, 3.5)
    measured = measure(run)
    assert measured.detail["stale"] == ([said] if said else [])
    assert measured.value == (None if said else 3.5)


def test_a_register_that_was_not_set_proves_nothing(run: Run) -> None:
    run.server(AT + MINUTE_NS, "request.sent", request="r1", op="read")
    run.server(AT + 2 * MINUTE_NS, "answer", request="r1", op="read", meter="t1.gas", index=100, read_ns=0)
    assert "not proved fresh" in measure(run).gate


def test_a_register_that_returned_to_an_old_index_proves_nothing(run: Run) -> None:
    read_request(run, AT + 10 * MINUTE_NS, 100, 3.5)
    assert "an old one" in measure(run).gate


def test_an_unanswered_request_is_endless(run: Run) -> None:
    read_request(run, AT + 10 * MINUTE_NS, 123, 3.5)
    read_request(run, AT + 20 * MINUTE_NS, 456, None)
    read_request(run, AT + 40 * MINUTE_NS, 789, 3.5)
    measured = measure(run)
    assert measured.value is None
    assert not measured.gate
    assert measured.detail["never"] == "1 of 3 requests had no fresh answer"


def test_a_server_lost_while_waiting_is_the_benchs_failure(run: Run) -> None:
    read_request(run, AT + 10 * MINUTE_NS, 456, None)
    run.bench(AT + 11 * MINUTE_NS, "bench.lost_port", "server", port="server", reason="gone")
    measured = measure(run)
    assert measured.bench_error


def test_history_answers_are_no_round_trips(run: Run) -> None:
    run.server(AT + MINUTE_NS, "request.sent", request="h1", op="history")
    read_request(run, AT + 10 * MINUTE_NS, 123, 3.5)
    assert measure(run).conditions["n"] == 1


def test_an_answer_of_another_meter_is_wrong_and_says_so(run: Run) -> None:
    """The other meter's register was not set meanwhile: no reason to leave the trial out."""
    run.index(AT, "t1.water", 500)
    read_request(run, AT + 10 * MINUTE_NS, 123, 3.5)
    run.server(AT + 20 * MINUTE_NS, "request.sent", request="r9", op="read")
    run.index(AT + 20 * MINUTE_NS, "t1.gas", 456)
    run.mark(AT + 20 * MINUTE_NS, "roundtrip", "request", terminal="t1", meter="t1.gas", request="r9", n=9)
    run.server(AT + 21 * MINUTE_NS, "answer", request="r9", op="read", meter="t1.water", index=500, read_ns=0)
    measured = measure(run)
    assert (measured.value, measured.gate) == (None, "")
    assert "asked for t1.gas, answered t1.water" in str(measured.detail["never"])


@pytest.mark.parametrize(("answered", "gated"), [(8, False), (7, True)])
def test_what_the_bench_left_out_must_leave_four_in_five(run: Run, answered: int, gated: bool) -> None:
    for n in range(10):
        fresh = 1000 + n if n < answered else 100  # an index that the register had already: the bench's doing
        read_request(run, AT + (n + 1) * 10 * MINUTE_NS, fresh, 3.5)
    run.end(AT + 600 * MINUTE_NS, "roundtrip")
    (measured,) = roundtrip_server([run.evidence().episode("roundtrip")], SETUP, "maximum")
    assert bool(measured.gate) is gated
    assert measured.value == (None if gated else 3.5)
    if gated:
        assert "7 round trips only, at least 8 are needed" in measured.gate


def test_requests_that_were_not_driven_any_more_are_too_few_and_that_is_why(run: Run) -> None:
    read_request(run, AT + 10 * MINUTE_NS, 123, 3.5)
    setup = attrs.evolve(SETUP, planned={"round_trips": 5})
    (measured,) = roundtrip_server([run.evidence().episode("roundtrip")], setup, "maximum")
    assert measured.gate == "1 round trips only, at least 4 are needed (episode 'roundtrip' did not end)"
    assert not measured.bench_error


def sent(run: Run, at_ns: int, request: str, terminal: str = "t1") -> None:
    run.server(at_ns, "request.sent", terminal, request=request, op="read", meter="t1.gas")
    run.index(at_ns, "t1.gas", 500 + len(request))


def failed(run: Run, at_ns: int, request: str, terminal: str = "t1") -> None:
    run.server(at_ns, "request.failed", terminal, request=request, why="no answer")


def lost(run: Run, at_ns: int) -> None:
    run.bench(at_ns, "bench.lost_port", "server", port="server", reason="gone")


@pytest.mark.parametrize(
    ("request_", "terminal", "after_ns", "ended"),
    [
        ("r1", "t1", 1, True),
        ("r2", "t1", 1, False),
        ("r2", "t2", 1, False),
        ("r1", "t1", -1, False),
    ],
)
def test_what_failed_is_waited_for_no_longer(
    run: Run, request_: str, terminal: str, after_ns: int, ended: bool
) -> None:
    """Where the server is lost only after that, it hides nothing. Another request's failure ends nothing, nor one of
    before: the server numbers its requests anew."""
    if after_ns < 0:
        failed(run, AT + MINUTE_NS - 1, request_, terminal)
    sent(run, AT + MINUTE_NS, "r1")
    if after_ns > 0:
        failed(run, AT + MINUTE_NS + after_ns, request_, terminal)
    lost(run, AT + MINUTE_NS + 2)
    assert measure(run).bench_error is not ended


def test_a_failure_that_is_told_twice_is_cited_once(run: Run) -> None:
    sent(run, AT + MINUTE_NS, "r1")
    failed(run, AT + 2 * MINUTE_NS, "r1")
    failed(run, AT + 3 * MINUTE_NS, "r1")
    rows = {event.citation: (event.kind, event.t_ns) for event in run.evidence().events()}
    assert [rows[row] for row in measure(run).cited] == [
        ("server.request.sent", AT + MINUTE_NS),
        ("server.request.failed", AT + 2 * MINUTE_NS),
    ]


def test_the_next_request_to_the_terminal_ends_the_wait_however_soon_it_comes(run: Run) -> None:
    sent(run, AT + MINUTE_NS, "r1")
    sent(run, AT + MINUTE_NS + 1, "r2")
    run.server(AT + MINUTE_NS + 2, "answer", request="r2", op="read", meter="t1.gas", index=502, read_ns=0)
    lost(run, AT + MINUTE_NS + 3)
    measured = measure(run)
    assert (measured.value, measured.gate, measured.conditions["unanswered"]) == (None, "", 1)


def test_what_a_bench_missed_between_its_intent_and_the_news_that_the_request_left_is_open(run: Run) -> None:
    asked = AT + MINUTE_NS
    run.bench(asked, "intent.request", "t1", op="read", meter="t1.gas")
    run.blind(asked + 1, asked + 2)
    run.mark(asked + 3, "roundtrip", "request", terminal="t1", meter="t1.gas", request="r1", n=1)
    sent(run, asked + 9, "r1")
    assert measure(run).gate == "the bench was blind meanwhile"


@pytest.mark.parametrize(("answered", "right"), [(201, True), (202, True), (203, False)])
def test_a_register_that_was_set_twice_may_be_read_at_either(run: Run, answered: int, right: bool) -> None:
    sent(run, AT + MINUTE_NS, "r1")
    run.index(AT + MINUTE_NS + 1, "t1.gas", 201)
    run.index(AT + MINUTE_NS + 2, "t1.gas", 202)
    run.mark(AT + MINUTE_NS + 2, "roundtrip", "request", terminal="t1", meter="t1.gas", request="r1", n=1)
    run.server(AT + 2 * MINUTE_NS, "answer", request="r1", op="read", meter="t1.gas", index=answered)
    assert measure(run).value == (60.0 if right else None)


def test_an_answer_in_the_same_second_may_have_taken_nothing(tmp_path: Path) -> None:
    run = RealRun(tmp_path, Stamping(resolution_ns=NS_PER_S))
    round_trips(run, AT, [0.001])
    (measured,) = roundtrip_server([run.evidence().episode("roundtrip")], SETUP, "maximum")
    assert measured.bounds is not None
    assert measured.bounds[0] == 0.0
