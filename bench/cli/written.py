"""Where a command may write the file that a person named: a new file, or with ``--force`` a plain one that is there.

A draft that takes a name's place takes it from whatever stands there: a device of this machine, a pipe that somebody
waits at, a file of a sealed run. None of these is ever what was meant.
"""

from __future__ import annotations

import stat
from pathlib import Path

from bench.errors import InputError
from bench.evidence.folder import refuse_inside_run


def refuse_file(out: Path, *, force: bool, why_not_stdout: str = "") -> None:
    """InputError unless ``out`` may be written. ``why_not_stdout``: what to do where ``-`` was meant to be a stream."""
    if str(out) == "-":
        raise InputError(f"-: names no file; expected one to write{why_not_stdout and f' ({why_not_stdout})'}")
    refuse_inside_run(out)
    refuse_odd(out)
    if out.exists() and not force:
        raise InputError(f"{out}: is there already; expected a new file, or --force to replace it")


def refuse_odd(out: Path) -> None:
    """InputError where a folder, a device, a pipe or a socket stands at ``out``, links followed."""
    try:
        mode = out.stat().st_mode
    except OSError:
        return  # nothing there; and what cannot be looked at says so when it is written
    if stat.S_ISDIR(mode):
        raise InputError(f"{out}: is a folder; expected a file to write")
    if not stat.S_ISREG(mode):
        raise InputError(f"{out}: is no plain file (a device, a pipe or a socket); expected a file to write")
