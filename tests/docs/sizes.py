"""How long the code is and how long its tests are, in lines that say something (``python -m tests.docs.sizes``).

Counted are lines with code on them: no blank lines, no comments, no docstrings. Left out are modules that are tables of
values out of public documents and nothing else (`TABLES`).
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from pathlib import Path
from typing import Final

ROOMS: Final = ("bench", "devices", "fixtures", "reports", "testplans")
TABLES: Final = ("bench/air/app/echonet_classes.py",)
_SILENT: Final = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> int:
    """Lines of a module that hold code."""
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in _SILENT
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def counted(root: Path) -> dict[str, tuple[int, int]]:
    """Room -> (lines of code, lines of its tests); ``tests`` itself holds what belongs to no one room."""
    code: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            if path.relative_to(root).as_posix() not in TABLES:
                code[_room(path.relative_to(root).parts)] += code_lines(path.read_text("utf-8"))
    for path in sorted((root / "tests").rglob("*.py")):
        tests[_tested(path.relative_to(root).parts[1:])] += code_lines(path.read_text("utf-8"))
    return {room: (code[room], tests[room]) for room in sorted({*code, *tests})}


def _room(parts: tuple[str, ...]) -> str:
    """``bench/air`` for what is in a folder of bench, the top folder for all else."""
    return "/".join(parts[:2]) if parts[0] == "bench" and len(parts) > 2 else parts[0]


def _tested(parts: tuple[str, ...]) -> str:
    """The room that a test file's folder mirrors."""
    if len(parts) == 1:
        return "tests"
    return parts[0] if parts[0] in (*ROOMS, "docs", "fuzz") else f"bench/{parts[0]}"


def ratio(root: Path) -> float:
    """Lines of test a line of code, over all."""
    rows = counted(root).values()
    return sum(tests for _, tests in rows) / sum(code for code, _ in rows)


def table(root: Path) -> str:
    """The figures as text, a room a line, the sum last."""
    rows = counted(root)
    code, tests = (sum(row[at] for row in rows.values()) for at in (0, 1))
    lines = [f"{'room':<18} {'code':>7} {'tests':>7}"]
    lines += [f"{room:<18} {one:>7,} {other:>7,}" for room, (one, other) in rows.items()]
    lines.append(f"{'sum':<18} {code:>7,} {tests:>7,}   {ratio(root):.2f} lines of test a line of code")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(Path(__file__).parents[2]))
    sys.exit()
