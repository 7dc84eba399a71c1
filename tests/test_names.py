"""Names of tests tell them apart: a report or ``-k`` that names one names no other."""

from __future__ import annotations

from collections import Counter

from tests.places import ROOT


def test_no_two_test_modules_have_one_name() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
