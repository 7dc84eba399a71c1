"""``reading.mdms``, ``delivery.mdms`` and ``gap.filling`` on runs written by hand: right, wrong, and every gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.measurands.judged.common import Measurand
from bench.measurands.judged.utility.delivery import delivery_mdms
from bench.measurands.judged.utility.gaps import gap_filling
from bench.measurands.judged.utility.reading import reading_mdms
from bench.records import NS_PER_HOUR, NS_PER_S, Measurement
from tests.measurands.judged.utility.chain import (
    BEGIN,
    END,
    FILLED,
    GAP,
    REMOVED,
    UPLOADED,
    ask,
    link,
    mdms,
    mdms_day,
    pull,
    push,
    setup,
    values_of,
)
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, T1, Run, day_marks, true_index, upload

AGREED = setup(gap_filling=True, mdms_ways=("push", "pull"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def measured(run: Run, measurand: Measurand, statistic: str = "count", agreed: Any = AGREED) -> Measurement:
    (one,) = measurand([run.evidence().episode("mdms")], agreed, statistic)
    return one


class TestReading:
    def drive(self, run: Run, *answers: tuple[int, int | None]) -> Measurement:
        run.begin(BEGIN, "mdms")
        link(run, BEGIN, "open")
        for n, (fresh, answered) in enumerate(answers, start=1):
            ask(run, BEGIN + n * 10 * MINUTE_NS, "t1.gas", fresh, answered, n=n)
        run.end(END, "mdms")
        return measured(run, reading_mdms)

    def test_every_request_is_answered_with_the_fresh_index(self, run: Run) -> None:
        found = self.drive(run, (100, 100), (200, 200))
        assert (found.value, found.unit, found.conditions["n"]) == (0.0, "1", 2)
        assert found.conditions["slowest_s"] == 5.0

    def test_no_answer_and_a_stale_one_count(self, run: Run) -> None:
        found = self.drive(run, (100, 100), (200, None), (300, 200))
        assert found.value == 2.0
        assert [one["why"] for one in found.detail["unread"]] == [  # type: ignore[union-attr, index, call-overload]
            "no answer",
            "answered 200, the register stood at 300",
        ]

    @pytest.mark.parametrize(("late", "left"), [(1, 1), (0, 0)])
    def test_an_answer_that_came_while_the_register_was_still_turned_proves_nothing(
        self, run: Run, late: int, left: int
    ) -> None:
        """Its port was gone, or pulses turn it: the terminal may have read it right."""
        run.begin(BEGIN, "mdms")
        link(run, BEGIN, "open")
        for n in range(1, 6):
            ask(run, BEGIN + n * 10 * MINUTE_NS, "t1.gas", 100 * n, 100 * n, n=n)
        at = BEGIN + 60 * MINUTE_NS
        run.index(at - MINUTE_NS, "t1.gas", 500)
        told: Any = {"terminal": "t1", "meter": "t1.gas", "request": "late", "fresh": 700, "n": 6}
        answer: Any = {"id": 99, "meter": "t1.gas", "op": "read", "request": "late", "index": 500, "terminal": "t1"}
        for turned in (False, True) if late else (True, False):
            if turned:
                run.mark(at + (11 if late else 1) * NS_PER_S, "mdms", "ask", **told)
            else:
                run.see(at + 7 * NS_PER_S, "mdms.gas", "t1", "mdms.answer", **answer)
        run.end(END, "mdms")
        found = measured(run, reading_mdms)
        assert found.value == 1.0 - left
        assert found.conditions.get("requests_left_out", 0) == left

    def early(self, run: Run, answered: int) -> Measurement:
        """One request, answered before the register was turned from 500 to 700 and, later, on to 900."""
        run.begin(BEGIN, "mdms")
        link(run, BEGIN, "open")
        run.index(BEGIN, "t1.gas", 500)
        told: Any = {"meter": "t1.gas", "op": "read", "request": "early", "index": answered, "terminal": "t1"}
        run.see(BEGIN + MINUTE_NS, "mdms.gas", "t1", "mdms.answer", id=99, **told)
        run.mark(BEGIN + 2 * MINUTE_NS, "mdms", "ask", terminal="t1", meter="t1.gas", request="early", fresh=700, n=1)
        run.index(BEGIN + 3 * MINUTE_NS, "t1.gas", 900)
        run.see(BEGIN + 4 * MINUTE_NS, "mdms.gas", "t1", "mdms.answer", id=100, **told)
        run.end(END, "mdms")
        return measured(run, reading_mdms)

    def test_that_it_came_too_early_is_no_failure_of_the_bench(self, run: Run) -> None:
        found = self.early(run, 500)
        assert "the answer came before the register was turned" in found.gate
        assert not found.bench_error

    def test_an_index_that_the_register_had_only_later_is_wrong_however_early(self, run: Run) -> None:
        """And is cited once, though it was told again."""
        found = self.early(run, 900)
        assert found.value == 1.0
        kinds = {event.citation: (event.kind, event.t_ns) for event in run.evidence().events()}
        assert [kinds[row] for row in found.cited] == [
            ("episode.milestone", BEGIN + 2 * MINUTE_NS),
            ("mdms.answer", BEGIN + MINUTE_NS),
        ]

    @pytest.mark.parametrize(
        ("read_s", "why"),
        [
            (-60.0, ""),
            (-60.1, "says that it was read 60 s before it was asked for"),
            (65.0, ""),
            (7205.0, "says that it was read 7200 s after it came"),
        ],
    )
    def test_an_answer_says_when_it_was_read(self, run: Run, read_s: float, why: str) -> None:
        run.begin(BEGIN, "mdms")
        link(run, BEGIN, "open")
        at_ns = BEGIN + 10 * MINUTE_NS
        ask(run, at_ns, "t1.gas", 100, 100, read_ns=at_ns + round(read_s * NS_PER_S))
        run.end(END, "mdms")
        found = measured(run, reading_mdms)
        assert found.value == float(bool(why))
        assert [one["why"] for one in found.detail["unread"]] == ([why] if why else [])  # type: ignore[union-attr, index, call-overload]

    @pytest.mark.parametrize(("index", "value"), [(100, 0.0), (99, 1.0)])
    def test_a_second_answer_says_the_same_or_is_wrong(self, run: Run, index: int, value: float) -> None:
        run.begin(BEGIN, "mdms")
        link(run, BEGIN, "open")
        ask(run, BEGIN + MINUTE_NS, "t1.gas", 100, 100)
        again: Any = {"request": f"r{run.requests}", "op": "read", "meter": "t1.gas", "index": index}
        mdms(run, BEGIN + 2 * MINUTE_NS, "t1.gas", "answer", **again)
        run.end(END, "mdms")
        assert measured(run, reading_mdms).value == value

    def test_a_refused_request_counts(self, run: Run) -> None:
        run.begin(BEGIN, "mdms")
        run.mark(BEGIN, "mdms", "ask", terminal="t1", meter="t1.gas", request=None, fresh=1, n=1)
        run.end(END, "mdms")
        assert measured(run, reading_mdms).value == 1.0

    def test_nothing_asked_is_a_gate(self, run: Run) -> None:
        assert self.drive(run).gate == "nothing was asked for at the MDMS"

    def test_what_a_blind_bench_missed_is_no_answer_and_none_that_lacks(self, run: Run) -> None:
        run.blind(BEGIN + 10 * MINUTE_NS, BEGIN + 20 * MINUTE_NS)
        found = self.drive(run, (100, None))
        assert "0 requests only, at least 1 are needed" in found.gate

    def test_a_stale_answer_stays_one_whatever_a_blind_bench_missed(self, run: Run) -> None:
        run.blind(BEGIN + 30 * MINUTE_NS, BEGIN + 90 * MINUTE_NS)
        found = self.drive(run, (100, 99), (100, 100), *[(100, None)] * 6)
        assert (found.value, found.conditions["requests_left_out"]) == (1.0, 6)

    def test_an_episode_that_was_broken_off_is_a_gate(self, run: Run) -> None:
        run.begin(BEGIN, "mdms")
        link(run, BEGIN, "open")
        ask(run, BEGIN + MINUTE_NS, "t1.gas", 5, None)
        assert "did not end" in measured(run, reading_mdms).gate

    def test_a_lost_link_is_the_benchs_failure(self, run: Run) -> None:
        run.begin(BEGIN, "mdms")
        link(run, BEGIN, "open")
        ask(run, BEGIN + MINUTE_NS, "t1.gas", 5, None)
        run.bench(BEGIN + MINUTE_NS, "bench.lost_port", "mdms.gas", port="mdms.gas", reason="closed by the device")
        run.end(END, "mdms")
        found = measured(run, reading_mdms)
        assert found.bench_error
        assert "lost mdms.gas" in found.gate


class TestDelivery:
    def test_what_came_is_pushed_and_pulled(self, run: Run) -> None:
        mdms_day(run)
        found = measured(run, delivery_mdms)
        assert found.value == 0.0
        assert [found.conditions[key] for key in ("values", "push", "pull", "stored_at")] == [48, 48, 48, ["server"]]

    def test_one_hour_that_is_not_pushed(self, run: Run) -> None:
        marks = day_marks(0)
        mdms_day(run, pushed=[mark for mark in marks if mark != marks[7]])
        found = measured(run, delivery_mdms)
        assert found.value == 2.0, "of both meters"
        assert {one["why"] for one in found.detail["undelivered"]} == {"not by push"}  # type: ignore[union-attr, index, call-overload]

    @pytest.mark.parametrize(
        ("ways", "value"), [((), 0.0), (("push",), 0.0), (("pull",), 1.0), (("push", "pull"), 1.0)]
    )
    def test_either_way_will_do_unless_it_was_agreed(self, ways: tuple[str, ...], value: float, run: Run) -> None:
        marks = day_marks(0)
        mdms_day(run, pulled=[mark for mark in marks if mark != marks[0]])
        pull(run, END - 1, "t1.gas", marks)
        assert measured(run, delivery_mdms, agreed=setup(mdms_ways=ways)).value == value

    @pytest.mark.parametrize("index", [0, 7])
    @pytest.mark.parametrize("way", ["push", "pull"])
    def test_an_hour_that_stands_twice_in_one_message_is_wrong(self, way: str, index: int, run: Run) -> None:
        """With the same index, or with another one before the right one, which whoever takes the last does not see."""
        marks = day_marks(0)
        mdms_day(run)
        values = [{"mark_ns": marks[9], "index": true_index(marks[9]) + index}, *values_of(marks)]
        if way == "push":
            mdms(run, END - 2, "t1.gas", "readings", meters=[{"meter": "t1.gas", "values": values}])
        else:
            span: Any = {"meter": "t1.gas", "from_ns": 0, "to_ns": END, "values": values, "stored_at": "server"}
            run.see(END - 2, "mdms.gas", "gas", "mdms.pulled", **span)
        found = measured(run, delivery_mdms)
        assert found.value == 1.0
        wrong: Any = found.detail["undelivered"]
        why = f"{way} gave {true_index(marks[9]) + 7}" if index else f"{way} gave it twice at once"
        assert [(one["mark_ns"], one["why"]) for one in wrong] == [(marks[9], why)]

    @pytest.mark.parametrize(("before", "behind", "value"), [(True, False, 0.0), (False, True, 1.0), (True, True, 0.0)])
    def test_an_hour_that_the_server_had_asked_for_before_is_not_new(
        self, run: Run, before: bool, behind: bool, value: float
    ) -> None:
        """Its upload was cut off meanwhile, and the push of what was asked for then, too."""
        marks = day_marks(0)
        answer: Any = {"request": "h1", "op": "history", "meter": "t1.gas", "values": values_of(marks[:1])}
        if before:
            run.server(BEGIN - NS_PER_HOUR, "answer", **answer)
        mdms_day(run, pushed=marks[1:])
        push(run, END - 2, "t1.water", marks[:1])
        if behind:
            run.server(END - 2, "answer", **answer)
        found = measured(run, delivery_mdms)
        assert (found.value, found.conditions["values"]) == (value, 48)

    def test_an_hour_that_the_server_had_before_is_pulled_all_the_same(self, run: Run) -> None:
        marks = day_marks(0)
        answer: Any = {"request": "h1", "op": "history", "meter": "t1.water", "values": values_of(marks[:1])}
        run.server(BEGIN - NS_PER_HOUR, "answer", **answer)
        mdms_day(run, pulled=marks[1:], pushed=marks[1:])
        assert measured(run, delivery_mdms).value == 2.0, "one was not pushed, the other not pulled"

    def test_two_messages_may_repeat_an_hour(self, run: Run) -> None:
        mdms_day(run)
        mdms(run, END - 2, "t1.gas", "readings", meters=[{"meter": "t1.gas", "values": values_of(day_marks(0))}])
        pull(run, END - 2, "t1.gas", day_marks(0))
        assert measured(run, delivery_mdms).value == 0.0

    @pytest.mark.parametrize("way", ["push_wrong", "pull_wrong"])
    def test_another_index_is_wrong_by_whatever_way(self, way: str, run: Run) -> None:
        mark = day_marks(0)[3]
        mdms_day(run, **{way: {mark: true_index(mark) - 1}})  # type: ignore[arg-type]
        assert measured(run, delivery_mdms, agreed=setup()).value == 2.0

    def test_what_came_while_the_link_was_shut_is_not_asked_for(self, run: Run) -> None:
        mdms_day(run, opened_ns=GAP - 2)
        assert "less than a day of t1.gas" in measured(run, delivery_mdms).gate

    @pytest.mark.parametrize(("later_ns", "asked"), [(0, False), (1, True)])
    def test_what_came_as_the_link_was_shut_is_not_asked_for(self, later_ns: int, asked: bool, run: Run) -> None:
        mdms_day(run, pushed=())
        link(run, UPLOADED + later_ns, "shut")
        assert ("less than a day of t1.gas" in measured(run, delivery_mdms).gate) is not asked

    def test_what_is_pushed_tells_by_itself_whose_meters_a_link_carries(self, run: Run) -> None:
        run.begin(BEGIN, "mdms")
        link(run, BEGIN, "open")
        upload(run, UPLOADED, day_marks(0))
        for meter in T1.meters:
            push(run, UPLOADED + 1, meter, day_marks(0))
        run.end(END, "mdms")
        found = measured(run, delivery_mdms, agreed=setup(mdms_ways=("push",)))
        assert (found.value, found.conditions["values"]) == (0.0, 48)

    def test_less_than_a_day_shows_nothing(self, run: Run) -> None:
        run.begin(BEGIN, "mdms")
        link(run, BEGIN, "open")
        upload(run, MIDNIGHT_NS + 20 * MINUTE_NS, day_marks(-1)[-2:])
        for meter in ("t1.gas", "t1.water"):
            pull(run, END - 1, meter, day_marks(-1)[-2:])
        run.end(END, "mdms")
        assert "less than a day" in measured(run, delivery_mdms).gate


class TestGapFilling:
    def gap(self, run: Run, agreed: Any = AGREED) -> Measurement:
        return measured(run, gap_filling, "maximum", agreed)

    def test_the_last_hour_that_comes_back_ends_it(self, run: Run) -> None:
        mdms_day(run)
        found = self.gap(run)
        assert (found.value, found.unit) == ((FILLED - GAP) / 1e9, "s")
        assert found.conditions["hours"] == 6

    def test_a_pull_shows_it_as_well(self, run: Run) -> None:
        mdms_day(run, filled=())
        assert self.gap(run).value == (END - 1 - GAP) / 1e9

    def test_an_hour_that_stays_away_is_a_gap_without_end(self, run: Run) -> None:
        mdms_day(run, filled=REMOVED[:-1], pulled=[mark for mark in day_marks(0) if mark != REMOVED[-1]])
        found = self.gap(run)
        assert found.value is None
        assert found.detail["never"] == "1 of 6 missing hours were not filled"

    def test_a_made_up_value_fills_nothing(self, run: Run) -> None:
        mdms_day(run, fill_wrong={REMOVED[2]: true_index(REMOVED[2]) + 1})
        found = self.gap(run)
        assert found.value is None
        assert "filled with" in str(found.detail["unfilled"])

    def test_without_an_agreement_nothing_is_judged(self, run: Run) -> None:
        mdms_day(run, filled=(), pulled=day_marks(0)[:10])
        found = self.gap(run, setup(gap_filling=False))
        assert (found.value, found.gate) == (0.0, "")

    def test_hours_that_were_never_gone_prove_nothing(self, run: Run) -> None:
        mdms_day(run, gone=False)
        assert "still there right after" in self.gap(run).gate

    def test_no_removal_is_a_gate(self, run: Run) -> None:
        run.begin(BEGIN, "mdms")
        run.end(END, "mdms")
        assert self.gap(run).gate == "no hour was removed at the server"

    def test_it_is_counted_from_the_first_removal(self, run: Run) -> None:
        mdms_day(run)
        data: dict[str, Any] = {"from_ns": REMOVED[0], "to_ns": REMOVED[-1], "removed": 6}
        run.see(GAP + NS_PER_HOUR, "gate", "gate", "gate.removed", meter="t3.gas", **data)
        assert self.gap(run).conditions["hours"] == 6, "another terminal's is none of it"

    def test_of_two_meters_it_is_counted_from_the_one_that_was_removed_first(self, run: Run) -> None:
        later = GAP + NS_PER_HOUR
        mdms_day(run)
        pull(run, later - 1, "t1.water", day_marks(0))
        data: dict[str, Any] = {"from_ns": REMOVED[0], "to_ns": REMOVED[-1], "removed": 6}
        run.see(later, "gate", "gate", "gate.removed", meter="t1.water", **data)
        pull(run, later + 1, "t1.water", day_marks(0)[:-6])
        pull(run, FILLED, "t1.water", day_marks(0))
        found = self.gap(run)
        assert (found.value, found.conditions["hours"]) == ((FILLED - GAP) / 1e9, 12)

    def test_an_hour_that_may_have_come_while_the_bench_was_blind_is_left_out(self, run: Run) -> None:
        mdms_day(run, filled=REMOVED[:-1], pulled=[mark for mark in day_marks(0) if mark != REMOVED[-1]])
        run.blind(END - 2, END - 2)
        found = self.gap(run)
        assert found.value == (FILLED - GAP) / 1e9
        assert (found.conditions["hours"], found.conditions["hours_left_out"]) == (5, 1)

    @pytest.mark.parametrize(("blind_ns", "low_ns"), [(GAP - 1, None), (GAP, 0), (GAP + 5, 5), (FILLED, None)])
    def test_hours_may_have_been_filled_since_the_bench_was_blind(
        self, run: Run, blind_ns: int, low_ns: int | None
    ) -> None:
        mdms_day(run)
        run.blind(blind_ns, blind_ns)
        high_s = (FILLED - GAP) / 1e9
        assert self.gap(run).bounds == (None if low_ns is None else (low_ns / 1e9, high_s))

    def test_a_server_that_had_none_of_the_hours_proves_nothing(self, run: Run) -> None:
        run.begin(BEGIN, "mdms")
        link(run, BEGIN, "open")
        pull(run, GAP - 1, "t1.gas", day_marks(0)[:-6])
        span: dict[str, Any] = {"from_ns": REMOVED[0], "to_ns": REMOVED[-1]}
        run.see(GAP, "gate", "gate", "gate.removed", meter="t1.gas", removed=0, **span)
        pull(run, GAP + 1, "t1.gas", day_marks(0)[:-6])
        run.end(END, "mdms")
        found = self.gap(run)
        assert ("had none of the hours of t1.gas" in found.gate, found.bench_error) == (True, False)

    def test_whichever_way_brings_it_first_ends_it(self, run: Run) -> None:
        mdms_day(run, filled=())
        push(run, END, "t1.gas", REMOVED)
        assert self.gap(run).value == (END - 1 - GAP) / 1e9
