"""``roundtrip.server``: only answers proved fresh count, unanswered requests count as endless."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.measurands.judged.first.roundtrip_server import roundtrip_server
from bench.records import Measurement
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
    assert measured.detail["never"] == "1 of 2 requests had no fresh answer"
    assert measured.detail["stale"] == ["answered 123, the register stood at 456"]


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
