"""The bounded regular expressions: what Python's own engine finds, and never more than a moment."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.filter.pattern import PatternError, compile_pattern

PATTERNS = (
    *("", "a", "ab", "a|b", "a*", "a+b", "ab?c", "^a", "a$", "^$", "^a*$", ".", "a.c", "[ab]c", "[^ab]", "[a-c]+$"),
    *("(ab)+", "(?:a|bc)*c", "a{2}", "a{1,}b", "a{0,2}c", r"\d", r"\w+", r"\s", r"\.", r"[\d.]", "(a|)b", "a+?b"),
    *("(a*)*b", "^(a|b)*abb$", "[]a]", "[a-]"),
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PATTERNS), st.text("abcAB1. -]", max_size=9))
def test_it_finds_what_python_finds(pattern: str, text: str) -> None:
    assert compile_pattern(pattern)(text) == bool(re.search(pattern, text, re.IGNORECASE)), (pattern, text)


def test_a_pattern_that_would_backtrack_for_ever_takes_a_moment() -> None:
    started = time.perf_counter()
    assert not compile_pattern("(a+)+(a*)*$b")("a" * 4000)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a", "expected more"),
        ("a)", r"expected no '\)' at character 2"),
        ("*a", "expected something to repeat at character 1"),
        ("[a", "expected more"),
        ("a{x}", "expected {m}"),
        ("a{3,2}", "in order"),
        ("[z-a]", "a range in order"),
        (r"\q", "is not known"),
        (r"(?<x>a)", r"expected \(\?:"),
        ("((a{500}){500}){500}", "too large"),
        ("a" * 201, "at most 200"),
        ("(" * 30, "nest too deep"),
        ("a**", "no second"),
    ],
)
def test_a_wrong_pattern_is_said(pattern: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        compile_pattern(pattern)
