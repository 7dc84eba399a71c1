"""How much of the project is test; the figures stand in CONTRIBUTING.md with the reason."""

from __future__ import annotations

import pytest

from tests.docs.sizes import code_lines, ratio, table
from tests.places import ROOT

LEAST = 0.6
"""What CONTRIBUTING.md says: real captures stand in for written-out cases. It may rise, and does not fall."""


@pytest.mark.slow
def test_tests_keep_pace_with_the_code() -> None:
    assert ratio(ROOT) >= LEAST, "more code than tests for it:\n" + table(ROOT)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("", 0),
        ('"""Only words."""\n\n# and a comment\n', 0),
        ("x = 1  # one\n\ny = (\n    2\n)\n", 4),
        ('def f():\n    """Says."""\n    return """a\n    b"""\n', 3),
    ],
)
def test_lines_that_say_something_are_counted(source: str, lines: int) -> None:
    assert code_lines(source) == lines
