"""docs/traceability.md is what the bench does today, and leaves no row open."""

from __future__ import annotations

from bench.plan.schema import load_guideline
from bench.twin.faults import BUILT_IN
from tests.docs.traceability import PAGE, page

WITHOUT_FAULTS = {"collection-rate", "control-success-rate"}
"""Judged by an operator's log; by how often the same faults as those of ``control-function`` strike."""


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make traceability"


def test_every_measured_row_has_two_faults_of_its_own() -> None:
    measured = {row.id for row in load_guideline().requirements if row.interpretation is not None}
    few = {one for one in measured if sum(one in fault.turns for fault in BUILT_IN) < 2}
    assert few <= WITHOUT_FAULTS, f"too few faults in the catalogue for {', '.join(sorted(few))}"


def test_a_row_that_nobody_judges_says_where_its_words_are_judged() -> None:
    for row in load_guideline().requirements:
        if row.not_judged:
            others = {one.id for one in load_guideline().requirements if one.interpretation is not None}
            assert any(one in row.not_judged for one in others), row.id
