"""How every command ends: an exit code of the contract, and one line on stderr where something went wrong.

`finish` knows what a person can cause. What nobody foresaw passes through it to `unforeseen`, the last thing before
the process ends, so that no command and no import inside one can end in a traceback, or in a code that is not its own.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import Final

from bench.errors import BenchError, KenshinError
from bench.streams import outlive_reader
from bench.unforeseen import recorded

INTERRUPTED: Final = 130
"""What a shell says of a program that Ctrl-C ended."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def finish(command: Callable[[], int | None], *, judges: bool = False) -> None:
    """Run a command; its errors become one line and an exit code. Raises SystemExit unless an error is unforeseen.

    Where the reader of its output goes away, a command that only prints has done what was asked. One that ``judges``
    goes on: its verdicts are what was asked.
    """
    if judges:
        outlive_reader()
    code = 0
    try:
        try:
            code = command() or 0
        except KenshinError as error:
            complain(str(error))
            code = error.exit_code
        sys.stdout.flush()
    except BrokenPipeError as error:  # the reader (head, less) has seen enough
        if judges:
            raise SystemExit(_lost(error)) from None
        _close_stdout()
    except OSError as error:
        if error.errno not in _FULL:
            raise
        complain(f"{error.filename or 'standard output'}: {error.strerror}")
        code = BenchError.exit_code
        _close_stdout()
    raise SystemExit(code)


def unforeseen(error: Exception) -> int:
    """The exit code of a command that ended so; its line is said, its details are in a file."""
    _close_stdout()  # what is half printed may be what cannot be
    return _lost(error)


def complain(text: str) -> None:
    """One line on stderr."""
    print(f"kenshin: {text}", file=sys.stderr, flush=True)


def _lost(error: Exception) -> int:
    complain(recorded(error))
    return BenchError.exit_code


def _close_stdout() -> None:
    """Python would complain once more of what it could not write when it closes stdout itself."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
