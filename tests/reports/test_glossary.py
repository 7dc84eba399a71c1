"""One file feeds code and reports: every word that the code can print stands in it."""

from __future__ import annotations

import pytest

from bench.records import Obligation, Outcome
from reports.glossary import glossary, obligation_term, outcome_term, term
from reports.plots import PHASE_COLOURS, STATES


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_its_words(outcome: Outcome) -> None:
    words = outcome_term(outcome)
    assert words.en == outcome.value
    assert words.ja


@pytest.mark.parametrize("obligation", Obligation)
def test_every_obligation_has_its_words(obligation: Obligation) -> None:
    assert obligation_term(obligation).ja in ("必須", "目標", "推奨", "協議")


def test_every_phase_and_cell_state_is_a_term() -> None:
    assert set(PHASE_COLOURS) | set(STATES) <= set(glossary())


def test_the_terms_that_the_field_fixed() -> None:
    fixed = {"TARGET MISSED": "目標未達", "NOT FOLLOWED": "推奨未充足", "INCONCLUSIVE": "判定不能", "missing": "欠測"}
    assert {word: term(word).ja for word in fixed} == fixed


def test_an_unknown_word_is_a_mistake_of_the_code() -> None:
    with pytest.raises(KeyError):
        term("no such word")
