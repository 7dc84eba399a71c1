"""``roundtrip.server``: only answers proved fresh count, unanswered requests count as endless."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import kinds
from bench.measurands.judged.first.roundtrip_server import roundtrip_server
from bench.records import NS_PER_S, Measurement
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


@pytest.mark.parametrize(
    ("failed", "cited"),
    [
        ([("r1", 11), ("r1", 20)], [11]),
        ([("r2", 11), ("r1", 12), ("r2", 13)], [12]),
        ([("r2", 11)], []),
        ([("r1", 9), ("r2", 11)], []),
        ([], []),
    ],
)
def test_a_request_that_failed_is_endless_and_cites_its_own_failure(
    run: Run, failed: list[tuple[str, int]], cited: list[int]
) -> None:
    """Minutes at which the server says that a request failed; r1 leaves at minute 10, and at 15 the meter is gone."""
    rows: list[tuple[int, str]] = [(10, "r1"), *((at, request) for request, at in failed)]
    for at, request in sorted(rows):
        said = {"request": request, "op": "read"}
        run.server(AT + at * MINUTE_NS, "request.sent" if at == 10 else "request.failed", **said)
    run.mark(AT + 10 * MINUTE_NS, "roundtrip", "request", terminal="t1", meter="t1.gas", request="r1", n=1)
    run.bench(AT + 15 * MINUTE_NS, kinds.BENCH_LOST_PORT, port="meter.t1.gas", reason="gone")
    measured = measure(run)
    if cited:
        times = {row.citation: (row.t_ns - AT) // MINUTE_NS for row in run.evidence().events()}
        assert (measured.value, measured.gate, measured.conditions["unanswered"]) == (None, "", 1)
        assert [times[row] for row in measured.cited] == [10, *cited]
    else:
        assert measured.bench_error, "nobody said that it failed, so an answer might have come"


def test_an_index_that_stood_after_the_request_is_fresh_though_another_one_follows(run: Run) -> None:
    read_request(run, AT + 10 * MINUTE_NS, 123, None)
    run.index(AT + 11 * MINUTE_NS, "t1.gas", 456)
    run.server(AT + 12 * MINUTE_NS, "answer", request="r1", op="read", meter="t1.gas", index=123, read_ns=0)
    assert measure(run).value == 120.0


def test_a_round_trip_lasts_no_longer_than_from_its_own_intent_to_its_answer(run: Run) -> None:
    """The server stamps nothing. Another request was meant before, and the next one at the time of the milestone."""
    run.anchor(AT)
    at, intent = AT + 10 * MINUTE_NS, AT + 10 * MINUTE_NS - 3 * NS_PER_S
    run.bench(at - MINUTE_NS, kinds.INTENT_REQUEST, "t1", op="read", meter="t1.gas")
    run.bench(intent, kinds.INTENT_REQUEST, "t1", op="read", meter="t1.gas")
    read_request(run, at, 123, 7.0)
    run.bench(at, kinds.INTENT_REQUEST, "t1", op="read", meter="t1.gas")
    measured = measure(run)
    assert (measured.value, measured.bounds) == (7.0, (0.0, 10.0))


def test_a_request_is_waited_for_until_the_next_one(run: Run) -> None:
    """What nobody could read came after the next one had left, so it was no answer to the first."""
    at = AT + 10 * MINUTE_NS
    read_request(run, at, 123, None)
    read_request(run, at + 1, 456, 3.5)
    run.see(at + 2, "server", "t1", kinds.SERVER_ODD, event="not JSON", why="no JSON")
    measured = measure(run)
    assert (measured.value, measured.gate) == (None, "")
    assert measured.detail["never"] == "1 of 2 requests had no fresh answer"
