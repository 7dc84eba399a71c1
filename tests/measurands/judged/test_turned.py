"""Answers that a person proved fresh: the register was turned, tapped, and the request left at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import kinds
from bench.measurands.judged.backup_hold import backup_meters
from bench.measurands.judged.roundtrip_server import roundtrip_server
from bench.measurands.judged.utility.reading import reading_mdms
from bench.records import NS_PER_HOUR, NS_PER_S, Json, Measurement
from tests.measurands.judged.utility.chain import ask, link, setup
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, Run

AT = MIDNIGHT_NS
REACTION_U_NS = round(0.35 * NS_PER_S / 3**0.5)
WHO = "operator.people"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def turned(run: Run, tap_ns: int, index: int) -> None:
    """Somebody turned the register and tapped."""
    run.see(tap_ns - round(0.35 * NS_PER_S), WHO, "t1.gas", kinds.METER_INDEX, REACTION_U_NS, index=index)


def doubted(run: Run, t_ns: int, after_s: float, do: str = "again") -> None:
    """Whoever looked saw another index; or (``turn``) took back that it was turned."""
    if do == "again":
        why = "it shows 9, not 101"
        run.see(t_ns, WHO, "t1.gas", kinds.OPERATOR_CANNOT, task=1, do=do, after_s=after_s, why=why)
    else:
        run.see(t_ns, WHO, "t1.gas", kinds.OPERATOR_UNDONE, task=1, do=do, after_s=after_s)


class TestRoundTrip:
    def trip(
        self,
        run: Run,
        tap_ns: int,
        index: int,
        answered: int,
        late_s: float = 0.0,
        meter: str = "t1.gas",
        read_s: float = 1.0,
        held_s: float = 0.0,
    ) -> None:
        """Turned and tapped, asked for ``late_s`` later, sent ``held_s`` after that, answered three seconds later, and
        read ``read_s`` after it was asked for."""
        turned(run, tap_ns, index)
        run.requests += 1
        request, at_ns = f"r{run.requests}", tap_ns + round(late_s * NS_PER_S)
        read_ns = at_ns + round(read_s * NS_PER_S)
        run.bench(at_ns, kinds.INTENT_REQUEST, "t1", op="read", meter="t1.gas")
        at_ns += round(held_s * NS_PER_S)
        run.server(at_ns, "request.sent", request=request, op="read", meter="t1.gas")
        run.mark(at_ns, "roundtrip", "request", terminal="t1", meter="t1.gas", request=request, n=1, turned="before")
        run.server(
            at_ns + 3 * NS_PER_S, "answer", request=request, op="read", meter=meter, index=answered, read_ns=read_ns
        )

    def measured(self, run: Run) -> Measurement:
        run.end(AT + 600 * MINUTE_NS, "roundtrip")
        (found,) = roundtrip_server([run.evidence().episode("roundtrip")], SETUP, "maximum")
        return found

    @pytest.fixture(autouse=True)
    def begun(self, run: Run) -> None:
        run.begin(AT, "roundtrip")
        run.index(AT, "t1.gas", 100)

    def test_the_answer_is_no_older_than_the_reaction(self, run: Run) -> None:
        self.trip(run, AT + MINUTE_NS, 101, 101)
        self.trip(run, AT + 2 * MINUTE_NS, 102, 102, late_s=0.2004)
        found = self.measured(run)
        assert (found.value, found.conditions["n"], found.conditions["read_before_s"]) == (3.0, 2, 0.9)

    def test_an_answer_out_of_a_memory_is_none(self, run: Run) -> None:
        self.trip(run, AT + MINUTE_NS, 101, 100)
        found = self.measured(run)
        assert found.value is None
        assert not found.gate
        assert found.detail["stale"] == ["answered 100, the register stood at 101"]

    def test_an_answer_of_another_meter_is_none(self, run: Run) -> None:
        self.trip(run, AT + MINUTE_NS, 101, 101, meter="t1.water")
        assert self.measured(run).detail["stale"] == ["asked for t1.gas, answered t1.water"]

    def test_an_answer_that_says_that_it_was_read_hours_before_is_none(self, run: Run) -> None:
        self.trip(run, AT + MINUTE_NS, 101, 101, read_s=-7200.0)
        assert self.measured(run).detail["stale"] == ["says that it was read 7200 s before it was asked for"]

    def test_a_request_that_the_server_held_may_be_read_before_it_was_sent(self, run: Run) -> None:
        """Who asks does not see when it leaves: it was asked for, and read after that."""
        self.trip(run, AT + MINUTE_NS, 101, 101, read_s=1.0, held_s=120.0)
        found = self.measured(run)
        assert (found.value, found.conditions["read_before_s"]) == (3.0, 0.7)

    @pytest.mark.parametrize(("late_s", "proved"), [(4.3, True), (4.31, False)])
    def test_what_was_turned_long_before_proves_nothing(self, run: Run, late_s: float, proved: bool) -> None:
        """5 s, of which the reaction takes 0.7: a terminal may look at its meter now and then."""
        self.trip(run, AT + MINUTE_NS, 101, 101, late_s)
        found = self.measured(run)
        assert ("up to 5.0 s before the request" not in found.gate) is proved
        assert not found.bench_error, "a person is no bench"

    @pytest.mark.parametrize("indexes", [[100], [101, 102, 101]])
    def test_an_index_that_it_had_before_proves_nothing(self, run: Run, indexes: list[int]) -> None:
        for n, index in enumerate(indexes, start=1):
            self.trip(run, AT + n * MINUTE_NS, index, index)
        found = self.measured(run)
        assert "an old one" in found.gate
        assert not found.bench_error

    @pytest.mark.parametrize("do", ["again", "turn"])
    def test_a_register_that_was_turned_otherwise_blames_nobody(self, run: Run, do: str) -> None:
        """The terminal answered what the register shows, which is not what the person was asked for."""
        self.trip(run, AT + MINUTE_NS, 101, 9)
        doubted(run, AT + 2 * MINUTE_NS, 61.0, do)
        found = self.measured(run)
        assert "was not turned as it was asked for" in found.gate
        assert not found.bench_error

    def test_each_turn_has_its_own_doubt(self, run: Run) -> None:
        for n in range(1, 11):
            self.trip(run, AT + n * 3 * MINUTE_NS, 100 + n, 9 if n in (2, 8) else 100 + n)
            if n in (2, 8):
                doubted(run, AT + (n * 3 + 1) * MINUTE_NS, 61.0)
        found = self.measured(run)
        assert (found.value, found.conditions["n"], found.conditions["requests_left_out"]) == (3.0, 8, 2)

    def test_a_doubt_of_a_later_turn_is_no_doubt_of_this_one(self, run: Run) -> None:
        for n in range(1, 6):
            self.trip(run, AT + n * 3 * MINUTE_NS, 100 + n, 100 + n if n < 5 else 9)
        doubted(run, AT + 16 * MINUTE_NS, 61.0)
        found = self.measured(run)
        assert (found.conditions["n"], found.conditions["requests_left_out"]) == (4, 1)

    def test_a_register_that_nobody_turned_proves_nothing(self, tmp_path: Path) -> None:
        other = Run(tmp_path / "other")
        other.begin(AT, "roundtrip")
        other.server(AT + MINUTE_NS, "request.sent", request="r1", op="read", meter="t1.gas")
        other.mark(
            AT + MINUTE_NS, "roundtrip", "request", terminal="t1", meter="t1.gas", request="r1", n=1, turned="before"
        )
        other.server(AT + 2 * MINUTE_NS, "answer", request="r1", op="read", meter="t1.gas", index=1, read_ns=AT)
        found = self.measured(other)
        assert "was not turned for the request" in found.gate
        assert not found.bench_error


@pytest.mark.parametrize("accepted_s", [0.0, 10.0])
@pytest.mark.parametrize(("late_s", "answered", "wrong", "left"), [(0.1, 101, 0, 0), (0.1, 100, 1, 0), (60, 101, 0, 1)])
def test_readings_at_the_mdms(run: Run, late_s: float, answered: int, wrong: int, left: int, accepted_s: float) -> None:
    """Five of them; the first is asked for at once or late, and answered right or out of a memory. It is asked for when
    the bench asks, however long it takes the server to accept it."""
    run.begin(AT, "mdms")
    link(run, AT, "open")
    run.index(AT, "t1.gas", 100)
    for n in range(1, 6):
        tap_ns, index = AT + n * 10 * MINUTE_NS, 100 + n
        turned(run, tap_ns, index)
        at_ns = tap_ns + round((late_s if n == 1 else 0.1) * NS_PER_S)
        run.bench(at_ns, kinds.INTENT_ASK, "gas", op="read", meter="t1.gas")
        at_ns += round(accepted_s * NS_PER_S)
        ask(run, at_ns, "t1.gas", index, answered if n == 1 else index, n=n, turned="before")
    run.end(AT + 60 * MINUTE_NS, "mdms")
    (found,) = reading_mdms([run.evidence().episode("mdms")], setup(mdms_ways=("push",)), "count")
    assert (found.value, found.conditions.get("requests_left_out", 0)) == (wrong, left)


@pytest.mark.parametrize(("closed_h", "on_h"), [(None, None), (2, 2.0)])
def test_a_backup_whose_mains_a_person_cut(run: Run, closed_h: int | None, on_h: float | None) -> None:
    """Cut and closed by people; one request in it proves nothing, for the register was turned to something else. How
    long the mains had been on is known where somebody had closed the breaker before."""
    run.begin(AT, "backup")
    run.index(AT, "t1.gas", 100)
    cut_ns, n = AT + 10 * MINUTE_NS, 0

    def probe(at_ns: int, answered: bool, wrong: bool = False) -> None:
        nonlocal n
        index, request = 101 + n, f"r{n}"
        turned(run, at_ns, index)
        run.bench(at_ns, kinds.INTENT_REQUEST, "t1", op="read", meter="t1.gas")
        at_ns += 10 * NS_PER_S  # until the server has taken it
        said: dict[str, Json] = {"terminal": "t1", "meter": "t1.gas", "request": request, "fresh": index, "n": n}
        run.mark(at_ns, "backup", "probe", what="mesh", turned="before", **said)
        if answered:
            said["index"] = 9 if wrong else index
            run.server(
                at_ns + 5 * NS_PER_S,
                "answer",
                request=request,
                op="read",
                meter="t1.gas",
                index=said["index"],
                read_ns=0,
            )
        if wrong:
            doubted(run, at_ns + 30 * NS_PER_S, 31.0)
        n += 1

    def breaker(at_ns: int, do: str) -> None:
        run.see(at_ns, WHO, "mesh", kinds.OPERATOR_DONE, task=n, do=do)

    if closed_h is not None:
        breaker(cut_ns - closed_h * NS_PER_HOUR, "restore")
    probe(cut_ns - MINUTE_NS, True)
    breaker(cut_ns, "cut")
    run.mark(cut_ns, "backup", "cut", what="mesh")
    probe(cut_ns + 10 * MINUTE_NS, True)
    probe(cut_ns + 20 * MINUTE_NS, True, wrong=True)
    probe(cut_ns + 30 * MINUTE_NS, True)
    probe(cut_ns + 40 * MINUTE_NS, False)
    breaker(cut_ns + 50 * MINUTE_NS, "restore")
    run.mark(cut_ns + 50 * MINUTE_NS, "backup", "restore", what="mesh")
    probe(cut_ns + 55 * MINUTE_NS, True)
    run.end(cut_ns + 60 * MINUTE_NS, "backup")
    (found,) = backup_meters([run.evidence().episode("backup")], SETUP, "minimum")
    assert found.value == pytest.approx(1800 + 10 + 5, abs=0.5)
    assert (found.conditions["requests"], found.conditions["mains_on_h"]) == (3, on_h)
