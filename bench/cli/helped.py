"""What stands below a command's help: examples to copy, and the exit codes that it can end with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_EXIT_CODES: Final = {
    0: "no requirement failed",
    1: "a requirement failed",
    2: "wrong input",
    3: "the bench failed",
    4: "inconclusive, pending, or judged in part",
    130: "ended by Ctrl-C, with no run begun (one that was begun is 3, and says how to go on)",
}
"""What each exit code means (contract: design section 10)."""
_DONE: Final = {0: "done"}
"""Of a command that judges nothing."""


QUALIFIED: Final = {
    0: "every fault was caught as it should be, and no clean run was red",
    1: "a fault was missed or turned more than it should, or a clean run was red",
    3: "a run failed",
}


def after(*examples: str, judges: bool = False, codes: Mapping[int, str] = _DONE) -> str:
    """What stands below a command's help: examples to copy, and the exit codes that it can end with."""
    codes = _EXIT_CODES if judges else {**{code: _EXIT_CODES[code] for code in (2, 3, 130)}, **codes}
    shown = ["Examples:", *(f"  {example}" for example in examples), "", "Exit codes:"]
    return "\n".join([*shown, *(f"  {code}  {codes[code]}" for code in sorted(codes))])
