"""Collection rate by an operator's log: as good as the mesh's own meters, or not, or not to be told."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.evidence.added import AddedAs, add
from bench.evidence.collection import COLUMNS, Collected, Of, read_collection
from bench.evidence.evidence import Evidence
from bench.judge.decide import DecisionRule, Requirement
from bench.judge.statistics import design_effect, difference
from bench.measurands.judged.collection_rate import NO_LOG, collection_rate
from bench.plan.awaited import not_added
from bench.records import Obligation, Outcome
from tests.measurands.synthetic import Run

DAYS = [f"2026-04-{day:02d}" for day in range(1, 31)]


def text(rows: list[Collected]) -> str:
    lines = [f"{row.day},{row.unit},{row.of},{row.attempts},{row.collected}" for row in rows]
    return "\n".join(["# standin-collection-log/1", ",".join(COLUMNS), *lines, f"end,{len(lines)}", ""])


def drawn(of: Of, units: int, share: float, seed: int, spread: float = 0.0) -> list[Collected]:
    """Four attempts a unit and day; the units' own shares lie ``spread`` around."""
    rng = random.Random(f"{seed}/{of}")
    rows = []
    for unit in range(units):
        own = min(1.0, max(0.0, share + rng.uniform(-spread, spread)))
        for day in DAYS:
            rows.append(Collected(day, f"{of}-{unit}", of, 4, sum(rng.random() < own for _ in range(4))))
    return rows


def evidence_of(tmp_path: Path, *logs: list[Collected]) -> Evidence:
    run = Run(tmp_path)
    for number, rows in enumerate(logs):
        path = tmp_path / f"{number}.csv"
        path.write_text(text(rows), "utf-8")
        add(run.folder.path, path, AddedAs.COLLECTION_LOG, "a")
    return run.evidence()


def outcome(evidence: Evidence, margin: float | None) -> tuple[Outcome, str]:
    asked = Requirement("collection-rate", "1-5", Obligation.AGREEMENT, "collection.rate", (), margin, "%")
    verdict = not_added(collection_rate(evidence, 0.95), asked, DecisionRule())
    return verdict.outcome, verdict.reason


@pytest.mark.parametrize(
    ("share", "margin", "found"),
    [
        (0.98, 2.0, Outcome.PASS),
        (0.90, 2.0, Outcome.FAIL),
        (0.96, 2.0, Outcome.INCONCLUSIVE),
        (1.0, 0.5, Outcome.PASS),
        (0.98, None, Outcome.NOT_APPLICABLE),
    ],
)
def test_against_meters_of_98_percent(tmp_path: Path, share: float, margin: float | None, found: Outcome) -> None:
    rows = drawn(Of.METER, 200, 0.98, 1) + drawn(Of.TERMINAL, 40, share, 1)
    assert outcome(evidence_of(tmp_path, rows), margin)[0] is found


def test_what_clusters_is_known_less_well(tmp_path: Path) -> None:
    meters = drawn(Of.METER, 200, 0.9, 3)
    alike = collection_rate(evidence_of(tmp_path / "a", meters + drawn(Of.TERMINAL, 20, 0.7, 3)), 0.95)
    apart = collection_rate(evidence_of(tmp_path / "b", meters + drawn(Of.TERMINAL, 20, 0.7, 3, spread=0.3)), 0.95)
    assert alike.bounds is not None
    assert apart.bounds is not None
    assert apart.bounds[1] - apart.bounds[0] > 1.5 * (alike.bounds[1] - alike.bounds[0])


def test_only_days_on_which_both_were_tried_count(tmp_path: Path) -> None:
    """An outage of the mesh on days without terminals must not make them look better."""
    meters, terminals = drawn(Of.METER, 50, 0.98, 5), drawn(Of.TERMINAL, 50, 0.98, 5)
    dark = [Collected("2026-05-01", f"meter-{n}", Of.METER, 4, 0) for n in range(50)]
    with_dark = collection_rate(evidence_of(tmp_path / "a", meters + terminals + dark), 0.95)
    without = collection_rate(evidence_of(tmp_path / "b", meters + terminals), 0.95)
    assert with_dark.value == without.value
    assert (with_dark.conditions["days"], with_dark.conditions["days left out"]) == (30, 1)


@pytest.mark.parametrize("other_way", [False, True])
def test_five_units_of_each_are_enough_and_the_figure_is_in_percent(tmp_path: Path, other_way: bool) -> None:
    """What `difference` finds (its own tests are below), less what was tried on a day without the other kind; u by
    the wider bound and the 95 % point of a normal distribution, which is 1.645."""
    meters = [(40, 40), (39, 40), (31, 40), (40, 40), (38, 40)]
    terminals = [(40, 40), (40, 40), (36, 40), (40, 40), (33, 40)]
    meters, terminals = (terminals, meters) if other_way else (meters, terminals)
    kinds = ((Of.METER, meters), (Of.TERMINAL, terminals))
    rows = [
        Collected("2026-04-01", f"{of}-{n}", of, tried, got)
        for of, counts in kinds
        for n, (got, tried) in enumerate(counts)
    ]
    alone = [
        Collected("2026-04-02", "terminal-0", Of.TERMINAL, 9, 0),
        Collected("2026-04-03", "meter-0", Of.METER, 9, 0),
    ]
    measured = collection_rate(evidence_of(tmp_path, rows + alone), 0.95)
    found = difference(meters, terminals, 0.95)
    assert found.value == pytest.approx(0.005 if other_way else -0.005)
    below, above = found.value - found.low, found.high - found.value
    assert (above > 1.01 * below) if other_way else (below > 1.01 * above)
    u = 100 * max(below, above) / 1.6448536
    assert measured.value == pytest.approx(0.5 if other_way else -0.5)
    assert measured.bounds == pytest.approx((100 * found.low, 100 * found.high))
    assert [measured.u, *(one.u for one in measured.budget)] == pytest.approx([u, u])
    assert measured.conditions == {
        "days": 1,
        "days left out": 2,
        "terminals": f"{sum(got for got, _ in terminals)} of 200",
        "meters": f"{sum(got for got, _ in meters)} of 200",
        "design effect": [round(design_effect(counts), 2) for _, counts in kinds],
    }


def test_two_logs_are_one_and_a_later_line_of_a_day_counts(tmp_path: Path) -> None:
    meters, terminals = drawn(Of.METER, 50, 0.98, 6), drawn(Of.TERMINAL, 50, 0.5, 6)
    mended = drawn(Of.TERMINAL, 50, 0.99, 7)
    assert outcome(evidence_of(tmp_path, meters, terminals, mended), 3.0)[0] is Outcome.PASS


def test_without_a_log_it_is_pending_or_not_asked_for(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path)
    assert outcome(evidence, 1.0) == (Outcome.PENDING_EVIDENCE, NO_LOG)
    assert outcome(evidence, None) == (Outcome.NOT_APPLICABLE, "no margin is agreed, and no log was added")


def test_few_units_and_a_changed_copy_say_nothing(tmp_path: Path) -> None:
    few = evidence_of(tmp_path / "a", drawn(Of.METER, 50, 0.98, 1) + drawn(Of.TERMINAL, 3, 0.98, 1))
    assert outcome(few, 2.0) == (
        Outcome.INCONCLUSIVE, "3 terminals on 30 common days, at least 5 of each are needed"
    )  # fmt: skip
    whole = evidence_of(tmp_path / "b", drawn(Of.METER, 50, 0.98, 1) + drawn(Of.TERMINAL, 50, 0.98, 1))
    copy = next((whole.folder.path / "evidence").iterdir())
    copy.write_text(copy.read_text("utf-8").replace(",4,4\n", ",4,3\n"), "utf-8")
    assert outcome(whole, 2.0) == (Outcome.INCONCLUSIVE, "evidence#1: its copy in the run was changed")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# standin-collection-log/1", "# other", ":1: no head"),
        ("day,unit", "unit,day", ":2: other columns"),
        (",4,4", ",4,5", ":3: no unit, or more collected than tried"),
        (",4,4", ",-4,-4", ":3: '-4' is no count"),
        (",terminal,", ",fridge,", ":3: 'fridge' is not a valid Of"),
        ("2026-04-01,", "April,", ":3: Invalid isoformat"),
        ("end,2", "end,3", ":5: no end after 2 lines"),
        ("2026-04-02", "2026-04-01", ":4: terminal t1 is there twice on 2026-04-01"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    good = text([Collected(day, "t1", Of.TERMINAL, 4, 4) for day in DAYS[:2]])
    path = tmp_path / "log.csv"
    path.write_text(good, "utf-8")
    assert len(read_collection(path)) == 2
    path.write_text(good.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError, match=said):
        read_collection(path)


def test_the_bounds_cover_as_they_promise() -> None:
    """One-sided 95 % at either side: in 400 draws of clustered counts at most a few per cent more may lie beyond."""
    rng = random.Random(11)

    def clusters(n: int, share: float) -> list[tuple[int, int]]:
        shares = [min(1.0, max(0.0, rng.gauss(share, 0.03))) for _ in range(n)]
        return [(sum(rng.random() < own for _ in range(40)), 40) for own in shares]

    beyond = [0, 0]
    for _ in range(400):
        found = difference(clusters(60, 0.92), clusters(30, 0.90), 0.95)
        beyond[0] += found.high < 0.02
        beyond[1] += found.low > 0.02
    assert max(beyond) <= 400 * 0.08


def test_design_effect_of_independent_and_of_whole_clusters() -> None:
    """By hand: half of the clusters all, half of them nothing: variance 20 times that of independent trials."""
    assert design_effect([(10, 20), (10, 20), (10, 20)]) == 1.0
    assert design_effect([(20, 20), (0, 20)] * 50) == pytest.approx(20 * 100 / 99)
    with pytest.raises(ValueError, match="1 cluster with"):
        difference([(1, 2)], [(1, 2), (2, 2)])


def test_bounds_of_a_published_example() -> None:
    """56 of 70 less 48 of 80 (Newcombe, Stat. Med. 17, 1998, example a): exact bounds recovered, a little wider than
    his score interval of 0.0524 to 0.3339 at 95 % two-sided."""
    found = difference([(28, 35), (28, 35)], [(24, 40), (24, 40)], 0.975)
    assert found.value == pytest.approx(0.2)
    assert 0.03 < found.low < 0.0524
    assert 0.3339 < found.high < 0.36
