"""The top of the report holds what an auditor asks for, escaped, and nothing from outside the file."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import attrs
import pytest

from bench.records import Contribution, Distribution, Outcome, Verdict
from reports import html
from reports.model import CatalogueRow, RunReport
from tests.reports.report_sample import join, report

HOSTILE = "<script>alert('x')</script>\"&"


def words(markup: str) -> str:
    """The text of some HTML without style and drawing, spaces collapsed."""

    class Text(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.parts: list[str] = []
            self.skip = 0

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.skip += tag in ("style", "svg")

        def handle_endtag(self, tag: str) -> None:
            self.skip -= tag in ("style", "svg")

        def handle_data(self, data: str) -> None:
            if not self.skip:
                self.parts.append(data)

    parser = Text()
    parser.feed(markup)
    return " ".join(" ".join(parser.parts).split())


@pytest.fixture(scope="module")
def top() -> str:
    return html.summary(report())


def test_each_requirement_shows_its_words_apart_from_their_interpretation(top: str) -> None:
    text = words(top)
    for row in report().requirements[:-1]:
        assert row.title_ja in text
        assert row.title_en in text
        assert row.official in text
    assert "測定値 Value 判定値 Limit" in text
    assert re.search(r"試験での解釈 Interpretation measurand join.onsite limit 90 unit s", text)


def test_an_altered_run_is_told_at_the_top(top: str) -> None:
    text = words(html.summary(report(altered=f"altered since it was sealed: {HOSTILE} added after sealing")))
    assert "封印との相違 The run is not as it was sealed altered since it was sealed: " + HOSTILE in text
    assert text.index("封印との相違") < text.index("測定値")
    assert "封印との相違" not in words(top)


def test_each_verdict_shows_value_limit_conditions_evidence_and_claim(top: str) -> None:
    text = words(top)
    for piece in (
        "31.20 s ± 0.58 s (k = 2)", "≤ 90 s", "hops 3", "dodag depth 4", "start cold", "timers TEST", "timeline#17",
        "captures/s1.pcapng#1234", "n = 1 supports no rate", "guard band w = U", "TARGET MISSED", "目標未達",
    ):  # fmt: skip
        assert piece in text, piece


def test_uncertainty_stands_with_every_value_in_both_tables(top: str) -> None:
    overview, _, rest = top.partition('<section class="kb-requirement"')
    for part in (words(overview), words(rest)):
        assert "31.20 s ± 0.58 s (k = 2)" in part
        assert "± 0 s (k = 2)" in part, "exact is said, not kept silent"
        assert "3 wrong or doubled ± 0 (k = 2)" in part
        assert "120 values U not known 不確かさ未評価" in part
    assert "t1 (1 hop, cold, TEST): 31.20 s" in words(overview)


@pytest.mark.slow
def test_many_subjects_are_a_line_for_each_outcome_in_the_overview() -> None:
    """Each verdict has its row below all the same."""
    took = [(f"t{n}", 30.0 + n) for n in range(1, 31)]
    verdicts = [Verdict("join-time", t, Outcome.PASS, "in time", join(t, s, 1), 90.0, "s", 0.5) for t, s in took]
    late = [("t31", 110.0), ("t32", 99.0), ("t33", None)]
    missed = [Verdict("join-time", t, Outcome.TARGET_MISSED, "late", join(t, s, 1), 90.0, "s", 0.5) for t, s in late]
    alike = [Verdict("round-trip", f"t{n}", Outcome.PASS, "", join(f"t{n}", 5.0, 1), 90.0, "s", 0.0) for n in range(9)]
    top = html.summary(report(verdicts=(*verdicts, *missed, *alike)))
    overview, _, rest = top.partition('<section class="kb-requirement"')
    joins = "3 × TARGET MISSED (t31, t32, t33): 99.00 s … 110.00 s, never 30 × PASS: 31.00 s … 60.00 s ± 0.50 s"
    assert joins in words(overview)
    assert "9 × PASS: 5 s ± 0 s" in words(overview)
    assert all(f'<td class="kb-subject">{name}</td>' in rest for name, _ in (*took, *late))


def test_a_count_never_shows_the_bare_unit(top: str) -> None:
    assert "≤ 0 wrong or doubled" in words(top)
    assert "unit wrong or doubled" in words(top)
    assert "unit 1" not in words(top)


def test_wall_time_of_a_resumed_run_is_that_of_the_last_session(sample: RunReport) -> None:
    whole = attrs.evolve(sample.facts, void_episodes=(), blind=())
    for facts, said in (
        (whole, False), (attrs.evolve(whole, resumed=True), True),
        (attrs.evolve(whole, blind=sample.facts.blind), True),
        (attrs.evolve(whole, void_episodes=sample.facts.void_episodes), True),
    ):  # fmt: skip
        text = words(html.summary(report(facts=facts), draw=lambda verdict: None))
        assert text.count("44.0 s") == 2
        assert text.count("44.0 s (最後の実行分 last session)") == 2 * said


def test_many_citations_are_cut_with_a_count(top: str) -> None:
    assert "timeline#105 and 24 more" in words(top)


def test_the_facts_name_stand_ins_void_episodes_and_blind_intervals(top: str) -> None:
    text = words(top)
    for piece in (
        "SN-0003", "nightly", "17 d 03 h", "44.0 s", "meter line protocol", "fixed channel 10", "mesh_outage#2",
        "2026-04-02 00:00:00 JST, 90.0 s bench restarted", "server: gone at",
    ):  # fmt: skip
        assert piece in text, piece


def test_a_run_without_facts_says_none_and_does_not_keep_silent(sample: RunReport) -> None:
    bare = attrs.evolve(sample.facts, stand_ins=(), deviations=(), void_episodes=(), blind=())
    text = words(html.summary(report(facts=bare), draw=lambda verdict: None))
    for label in ("Stand-ins", "Deviations", "Void episodes", "Blind intervals"):
        assert f"{label} none" in text


def test_not_judged_says_why(top: str) -> None:
    assert "脆弱性の確認試験・管理 Penetration test 必須 mandatory no test yet" in words(top)


def test_every_requirement_has_its_anchor(top: str) -> None:
    assert set(re.findall(r'href="#(kb-[^"]+)"', top)) == set(re.findall(r'<section[^>]* id="(kb-[^"]+)"', top))


def test_nothing_is_loaded_from_outside(top: str) -> None:
    assert not re.search(r'(?:src|href)="(?!#)[^"]*"|url\((?!#)|@import', top)


def test_hostile_text_stays_text() -> None:
    row = CatalogueRow(
        HOSTILE, HOSTILE, HOSTILE, HOSTILE, report().requirements[0].obligation, HOSTILE, {HOSTILE: HOSTILE}
    )
    measurement = attrs.evolve(join(HOSTILE, 31.0, 1), conditions={HOSTILE: HOSTILE}, cited=(HOSTILE,))
    phase: dict[str, Any] = {"phase": HOSTILE, "from_ns": 0, "to_ns": 10**9}
    attempt: dict[str, Any] = {
        "start_ns": 0,
        "stop_ns": 2 * 10**9,
        "stop": HOSTILE,
        "phases": [phase],
        "label": HOSTILE,
    }
    measurement = attrs.evolve(measurement, detail={"attempts": [attempt]})
    verdict = Verdict(HOSTILE, HOSTILE, Outcome.PASS, HOSTILE, measurement, 90.0, "s", None, HOSTILE, HOSTILE)
    facts = attrs.evolve(report().facts, rig=HOSTILE, extra={HOSTILE: HOSTILE})
    top = html.summary(report(requirements=(row,), verdicts=(verdict,), facts=facts, errors=(HOSTILE,)))
    assert "<script" not in top
    assert HOSTILE in words(top)
    assert "<svg" in top


def test_bottom_line_names_the_worst_first() -> None:
    line = html.bottom_line(report())
    assert line.index("Failed: hourly-values") < line.index("Target missed: join-time")
    good = tuple(v for v in report().verdicts if v.outcome in (Outcome.PASS, Outcome.TARGET_MISSED))
    assert html.bottom_line(report(verdicts=good)) == (
        "No requirement failed. Target missed: join-time. Judged: 4 of 5 requirements."
    )
    assert html.bottom_line(report(verdicts=())) == "Nothing was judged."


@pytest.mark.parametrize(
    ("outcomes", "line"),
    [((Outcome.PASS,), "kb-line-good"), ((Outcome.PASS, Outcome.TARGET_MISSED), "kb-line-good"),
     ((Outcome.PASS, Outcome.INCONCLUSIVE), "kb-line-bad"), ((Outcome.ERROR,), "kb-line-bad")],
)  # fmt: skip
def test_colour_of_the_bottom_line(outcomes: tuple[Outcome, ...], line: str) -> None:
    verdicts = tuple(Verdict("join-time", "t1", outcome, "") for outcome in outcomes)
    assert f'class="kb-line {line}"' in html.summary(report(verdicts=verdicts), draw=lambda verdict: None)


def test_cell_shows_the_worst_verdict() -> None:
    verdicts = [Verdict("r", "t", outcome, "") for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.TARGET_MISSED)]
    assert ">FAIL<" in html.verdict_cell(verdicts)
    assert html.verdict_cell([]) == '<td class="col-verdict"></td>'


def test_the_same_report_gives_the_same_octets(top: str) -> None:
    assert html.summary(report()) == top


def test_the_budget_stands_under_its_verdict() -> None:
    budget = (
        Contribution("the server stamps in steps of 1 s", 0.289, "s", group="clocks"),
        Contribution("panel.press: stamp", 0.001, "s", Distribution.NORMAL, dof=9.0),
    )
    measured = attrs.evolve(join("t1", 31.2, 1), budget=budget, dof=None, bounds=(30.6, 31.8))
    verdict = Verdict("join-time", "t1", Outcome.PASS, "", measured, 90.0, "s", 0.58, coverage_factor=2.0)
    text = words(html.summary(attrs.evolve(report(), verdicts=(verdict,)), draw=lambda _: None))
    assert "不確かさの内訳 Uncertainty budget" in text
    assert "the server stamps in steps of 1 s rectangular 0.29 s 1 0.29 s ∞ clocks" in text
    assert "panel.press: stamp normal 0.001 s 1 0.001 s 9" in text
    assert "Combined standard uncertainty 0.29 s ∞" in text
    assert "Expanded uncertainty ± 0.58 s (k = 2)" in text
    assert "Bounds left by clocks 30.6 s … 31.8 s" in text


def test_what_has_no_budget_shows_none(top: str) -> None:
    assert "Uncertainty budget" not in words(top).partition("Glossary")[0]
