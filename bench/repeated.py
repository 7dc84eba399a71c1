"""Parts of a YAML file that are written once and stand many times: thirty terminals are not thirty paragraphs.

    resources:                                             terminals:
      - for: {n: 1..30}                                      t{n}:
        each:                                                  for: {n: 1..30}
          RawSerialPort: {name: "console.t{n}", ...}           each: {console: "console.t{n}", ...}

In a list, an item ``{for: ..., each: ...}`` stands for as many items (each of a list, where ``each`` is one); as the
value of a key, for as many entries. ``for`` gives each name a range ``FIRST..LAST`` or a list; of several names the
last runs fastest, like nested loops. ``{NAME}`` in a key or a text becomes the value, formatted as Python does
(``{n:02x}``); a text that is nothing but ``{NAME}`` becomes the value itself, a number. ``{i}`` counts from 1.

Nodes are copied with the marks of what was written, so whatever is wrong in the hundredth entry is reported with the
line that somebody can mend.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.errors import InputError

FOR: Final = "for"
EACH: Final = "each"
COUNT: Final = "i"
MOST: Final = 10_000
"""Most entries that one repetition may stand for."""

Values: TypeAlias = Mapping[str, int | str]
Wrong: TypeAlias = Callable[[Node, str, str], InputError]
"""``wrong(node, what, expected)``: the error to raise, with the node's line."""

_RANGE: Final = re.compile(r"(\d{1,6})\.\.(\d{1,6})")
_HOLE: Final = re.compile(r"\{([A-Za-z]\w*)(:[^{}]*)?\}")
_INT_TAG: Final = "tag:yaml.org,2002:int"
_STR_TAG: Final = "tag:yaml.org,2002:str"


def expanded(root: Node, path: str) -> Node:
    """The document with every repetition written out. InputError, with its line, for one that is none."""

    def wrong(node: Node, what: str, expected: str) -> InputError:
        return InputError(f"{path}:{node.start_mark.line + 1}: {what}; expected {expected}")

    return _written(root, {}, wrong)


def _written(node: Node, values: Values, wrong: Wrong) -> Node:
    """A node with these values in its texts, and what is repeated in it written out."""
    if isinstance(node, ScalarNode):
        return _filled(node, values, wrong) if values else node
    if isinstance(node, SequenceNode):
        items = [item for one in node.value for item in _items(one, values, wrong)]
        return SequenceNode(node.tag, items, node.start_mark, node.end_mark, node.flow_style)
    if isinstance(node, MappingNode):
        if _repeats(node):
            raise wrong(
                node, "'for' and 'each' where one value stands", "them as an item of a list, or under a key {n}"
            )
        pairs = [pair for key, one in node.value for pair in _pairs(key, one, values, wrong)]
        return MappingNode(node.tag, pairs, node.start_mark, node.end_mark, node.flow_style)
    return node


def _items(node: Node, values: Values, wrong: Wrong) -> Iterator[Node]:
    if not _repeats(node):
        yield _written(node, values, wrong)
        return
    runs, body = _parts(node)
    for step in _steps(runs, values, wrong):
        each = _written(body, step, wrong)
        yield from each.value if isinstance(each, SequenceNode) else [each]


def _pairs(key: Node, node: Node, values: Values, wrong: Wrong) -> Iterator[tuple[Node, Node]]:
    if not _repeats(node):
        yield _written(key, values, wrong), _written(node, values, wrong)
        return
    runs, body = _parts(node)
    for step in _steps(runs, values, wrong):
        yield _written(key, step, wrong), _written(body, step, wrong)


def _repeats(node: Node) -> bool:
    """Whether a mapping is ``{for: ..., each: ...}`` and nothing else."""
    return isinstance(node, MappingNode) and {str(key.value) for key, _ in node.value} == {FOR, EACH}


def _parts(node: Node) -> tuple[Node, Node]:
    found = {str(key.value): value for key, value in node.value}
    return found[FOR], found[EACH]


def _steps(runs: Node, outer: Values, wrong: Wrong) -> Iterator[Values]:
    """The values of each step, in order."""
    if not isinstance(runs, MappingNode) or not runs.value:
        raise wrong(runs, "'for' without names", "names with their ranges, like {n: 1..30}")
    names = [str(key.value) for key, _ in runs.value]
    for (key, _), name in zip(runs.value, names, strict=True):
        if not re.fullmatch(r"[A-Za-z]\w*", name) or name == COUNT or name in outer:
            raise wrong(key, f"'for' cannot name '{name}'", f"a word of its own, not '{COUNT}'")
    ranges = [_range(node, outer, wrong) for _, node in runs.value]
    total = 1
    for one in ranges:
        total *= len(one)
    if total > MOST:
        raise wrong(runs, f"'for' of {total:,} steps", f"at most {MOST:,}")
    inner = {name: value for name, value in outer.items() if name != COUNT}
    for count, step in enumerate(itertools.product(*ranges), 1):
        yield {**inner, **dict(zip(names, step, strict=True)), COUNT: count}


def _range(node: Node, outer: Values, wrong: Wrong) -> list[int | str]:
    if isinstance(node, SequenceNode) and node.value and all(isinstance(item, ScalarNode) for item in node.value):
        items = [_filled(item, outer, wrong) for item in node.value]
        return [int(item.value) if item.tag == _INT_TAG and item.value.isdecimal() else item.value for item in items]
    match = _RANGE.fullmatch(str(node.value)) if isinstance(node, ScalarNode) else None
    if match is None or int(match[1]) > int(match[2]):
        raise wrong(node, "'for' without a range", "FIRST..LAST in whole numbers, like 1..30, or a list")
    first, last = int(match[1]), int(match[2])
    if last - first >= MOST:
        raise wrong(node, f"'for' of {last - first + 1:,} steps", f"at most {MOST:,}")
    return list(range(first, last + 1))


def _filled(node: ScalarNode, values: Values, wrong: Wrong) -> ScalarNode:
    """A text with its holes filled; a text that is one hole alone becomes the value, number or text."""

    def value(hole: re.Match[str]) -> str:
        name, form = hole[1], (hole[2] or ":")[1:]
        if name not in values:
            raise wrong(node, f"'{{{name}}}' is not named in 'for'", f"one of {', '.join(values)}")
        try:
            return format(values[name], form)
        except ValueError:
            raise wrong(node, f"'{hole[0]}' cannot be formatted", "a format like {n:02d} or {n:02x}") from None

    text = str(node.value)
    filled = _HOLE.sub(value, text)
    whole = _HOLE.fullmatch(text)
    tag = node.tag
    if whole is not None and node.tag == _STR_TAG:
        tag = _INT_TAG if not whole[2] and isinstance(values[whole[1]], int) else _STR_TAG
    style = None if tag == _INT_TAG else node.style
    return ScalarNode(tag, filled, node.start_mark, node.end_mark, style=style)
