"""Runs what a guide shows: its python blocks in order in one process, and what follows as text is what they print."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@attrs.frozen(slots=True)
class Example:
    """One python block, and the text block that stands behind it (None: nothing is said about what it prints)."""

    line: int
    code: str
    prints: str | None


def examples(guide: Path) -> Iterator[Example]:
    """The python blocks of a guide, in order."""
    text = guide.read_text("utf-8")
    blocks = list(_FENCE.finditer(text))
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block[1] == "python":
            shown = following[2] if following and following[1] == "text" else None
            yield Example(text.count("\n", 0, block.start()) + 2, block[2], shown)


def run(guide: Path) -> list[tuple[Example, str]]:
    """Each example with what it printed, in the present folder. Errors name the guide and its line."""
    names: dict[str, object] = {"__name__": guide.stem}
    found = []
    for example in examples(guide):
        out = io.StringIO()
        code = compile("\n" * (example.line - 1) + example.code, str(guide), "exec")
        with contextlib.redirect_stdout(out):
            exec(code, names)
        found.append((example, out.getvalue()))
    return found
