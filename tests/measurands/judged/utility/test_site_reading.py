"""``site.reading``: what a handy terminal is given on site, right, wrong, and not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.measurands.judged.utility.site import site_reading
from bench.records import NS_PER_S, Measurement
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, Run

METERS = ("t1.gas", "t1.water")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def visit(run: Run, gas: int | None = 500, says: str = "reading", after_s: float = 5.0) -> None:
    """Both meters read while the mesh is down; ``gas`` is what the first gives, None: nothing comes."""
    run.begin(MIDNIGHT_NS, "outage")
    run.mark(MIDNIGHT_NS + MINUTE_NS, "outage", "cut")
    for n, meter in enumerate(METERS):
        at_ns = MIDNIGHT_NS + (2 + 5 * n) * MINUTE_NS
        run.mark(at_ns, "outage", "site", terminal="t1", meter=meter, fresh=500 + n)
        run.see(at_ns, "handy.lab", meter, "handy.asked")
        index = gas if n == 0 else 501
        if index is not None:
            data: dict[str, Any] = {"index": index} if says == "reading" or n else {}
            kind = f"handy.{says if n == 0 else 'reading'}"
            run.see(at_ns + round((after_s if n == 0 else 4.0) * NS_PER_S), "handy.lab", meter, kind, **data)
    run.end(MIDNIGHT_NS + 60 * MINUTE_NS, "outage")


def measured(run: Run) -> Measurement:
    (one,) = site_reading([run.evidence().episode("outage")], SETUP, "count")
    return one


def test_both_registers_are_read(run: Run) -> None:
    visit(run)
    found = measured(run)
    assert (found.value, found.conditions) == (0.0, {"n": 2, "slowest_s": 5.0})
    assert len(found.cited) == 4


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"gas": None}, "nothing came on site"),
        ({"says": "nothing"}, "the terminal gave nothing on site"),
        ({"gas": 499}, "read 499, the register stood at 500"),
        ({"after_s": 121.0}, "nothing came on site"),
    ],
)
def test_what_was_not_given_counts(run: Run, spoilt: dict[str, Any], why: str) -> None:
    visit(run, **spoilt)
    found = measured(run)
    told: Any = found.detail["unread"]
    assert (found.value, [(one["meter"], one["why"]) for one in told]) == (1.0, [("t1.gas", why)])


def test_what_a_blind_time_hides_is_left_out_and_too_little_is_left(run: Run) -> None:
    visit(run, gas=None)
    run.blind(MIDNIGHT_NS + 2 * MINUTE_NS, MIDNIGHT_NS + 3 * MINUTE_NS)
    assert "1 readings on site only, at least 2 are needed" in measured(run).gate


def test_a_lost_handy_terminal_is_the_benchs_failure(run: Run) -> None:
    visit(run, gas=None)
    run.bench(MIDNIGHT_NS + 2 * MINUTE_NS, "bench.lost_port", "handy.lab", port="handy.lab", reason="pulled")
    found = measured(run)
    assert found.bench_error or found.value == 1.0
    assert found.bench_error, found.gate


def test_without_one_nothing_is_judged(run: Run) -> None:
    run.begin(MIDNIGHT_NS, "outage")
    run.bench(MIDNIGHT_NS, "episode.left_out", "t1", name="outage", what="site", why="t1: no handy terminal")
    run.end(MIDNIGHT_NS + MINUTE_NS, "outage")
    assert measured(run).gate.endswith("t1: no handy terminal")


def test_the_first_that_comes_counts_and_stays_wrong_whatever_the_bench_missed(run: Run) -> None:
    """A second reading on site would give any terminal another try."""
    visit(run, gas=499, after_s=3.0)
    run.see(MIDNIGHT_NS + 2 * MINUTE_NS + 9 * NS_PER_S, "handy.lab", "t1.gas", "handy.reading", index=500)
    run.blind(MIDNIGHT_NS + 2 * MINUTE_NS + 1, MIDNIGHT_NS + 2 * MINUTE_NS + 2)
    found = measured(run)
    told: Any = found.detail["unread"]
    assert (found.value, [one["why"] for one in told]) == (1.0, ["read 499, the register stood at 500"])
