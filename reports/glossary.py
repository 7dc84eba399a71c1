"""The field's words in Japanese and English, read from ``glossary.yaml`` beside this file.

One file feeds everything that a person reads, so a word is the same in table, plot and terminal. A word that is not
there is a mistake of the code, not of the reader: :func:`term` raises KeyError.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import attrs
from ruamel.yaml import YAML

from bench.records import Obligation, Outcome

PREFIXED = ("obligation", "count")
"""Sections whose words are ids elsewhere too; here they carry the section's name: ``obligation.target``."""


@attrs.frozen(slots=True)
class Term:
    """One word in both languages; ``note`` says what it means here where that could be misread."""

    ja: str
    en: str
    note: str = ""

    def __str__(self) -> str:
        """Both languages on one line, once where they are the same."""
        return self.en if self.ja == self.en else f"{self.ja} {self.en}"


@cache
def glossary() -> dict[str, Term]:
    """All terms by id. ValueError when an id stands in two sections."""
    sections = YAML(typ="safe", pure=True).load((Path(__file__).with_name("glossary.yaml")).read_text("utf-8"))
    terms: dict[str, Term] = {}
    for section, words in sections.items():
        for word, texts in words.items():
            key = f"{section}.{word}" if section in PREFIXED else str(word)
            if key in terms:
                raise ValueError(f"reports/glossary.yaml: {key} stands there twice")
            terms[key] = Term(**texts)
    return terms


def term(word: str) -> Term:
    """The term with this id, KeyError where there is none."""
    return glossary()[word]


def outcome_term(outcome: Outcome) -> Term:
    """A verdict's word in both languages."""
    return term(outcome.value)


def obligation_term(obligation: Obligation) -> Term:
    """必須, 目標, 推奨 or 協議."""
    return term(f"obligation.{obligation.value}")
