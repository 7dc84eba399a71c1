"""One frame is "1 frame": what is counted in a message goes through `bench.air.octets.counted`.

Read from the source, for no test meets each message with exactly one of what it counts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.places import ROOT

ROOMS = ("bench", "devices", "fixtures", "reports", "testplans")
SAID_BEFORE = ROOT / "bench" / "measurands" / "judged"
"""What a verdict says is derived again, word for word, of runs that were judged before: its words stay."""

THINGS = (
    "alarm|bit|capture|cell|character|cluster|cycle|datagram|day|difference|digit|event|fault|file|fragment|frame|hop|input"
    "|item|key|line|link|mark|octet|packet|place|record|requirement|row|run|second|segment|step|terminal|time|transmission"
    "|trial|value|verdict|word"
)
COUNTED = re.compile(rf" (?:(?:common|more|secured) )?(?:{THINGS})s\b")
CONSTANT = re.compile(r"[A-Z_0-9]+|\d+ \* .*")
SEVERAL = {
    "len(keys)",  # of a frame: more than one
    "len(hops)",  # of a source route that no header holds
    "len(options.captures)",  # as many
    "len(expression)",  # longer than the longest
    "len(pattern)",
    "len(photo)",
    "len(values)",
    "network.prefixlen",
    "total",
    "last - first + 1",
    "preamble",  # of a PHY: four at least
    "name",  # of what it is, not how many
    "path",
}
"""What is no count, or never one where a message tells it."""


def plurals(source: str) -> Iterator[tuple[int, str]]:
    """Values of f-strings before a word of several, by line."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, text in zip(node.values, node.values[1:], strict=False):
            if (
                isinstance(value, ast.FormattedValue)
                and isinstance(text, ast.Constant)
                and (found := COUNTED.match(str(text.value)))
                and not CONSTANT.fullmatch(said := ast.unparse(value.value))
                and said not in SEVERAL
            ):
                yield value.lineno, f"{{{said}}}{found.group()}"


def test_what_is_counted_may_be_one() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {said}; expected counted(..)"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if SAID_BEFORE not in path.parents
        for line, said in plurals(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "several"),
    [
        ('f"{n} frames in {s}"', ["{n} frames"]),
        ('f"{len(rows)} more rows"', ["{len(rows)} more rows"]),
        ("f\"{counted(n, 'frame')} in {s} s\"", []),
        ('f"{LONGEST} octets at most, frames {first} to {last}"', []),
    ],
)
def test_a_word_of_several_is_found(source: str, several: list[str]) -> None:
    assert [said for _, said in plurals(source)] == several
