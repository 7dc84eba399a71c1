"""Where the rooms beside `bench` stand: devices, fixtures, reports, testplans; and how a process gets at them.

In a checkout they are the folders at the repository's top. A wheel has one top-level name only, because `fixtures` and
`reports` are names that many projects use: there the same folders stand in ``bench/_rooms``. They keep their names in
both (`import devices.supply`), so a process of the bench puts that folder at the front of its path: the command line,
what it starts, and pytest where a plan is asked for. Nobody else's process sees them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

_PACKED: Final = Path(__file__).parent / "_rooms"
ROOMS: Final = _PACKED if _PACKED.is_dir() else Path(__file__).parents[1]
"""The folder that holds the other rooms."""

PLAN: Final = ROOMS / "testplans"
VIRTUAL_RIG: Final = ROOMS / "fixtures" / "rigs" / "virtual.yaml"


def open_rooms() -> None:
    """Make the other rooms importable in this process, before whatever else is called so."""
    if str(ROOMS) not in sys.path[:1]:
        sys.path.insert(0, str(ROOMS))


def look_here_last() -> None:
    """Let modules of the working directory be found, after all others: what a person names by a dotted path."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def own_process(*arguments: str) -> list[str]:
    """The command line of another process of the bench: ``kenshin ARGUMENTS`` in this interpreter.

    ``-P``: what lies in the working directory (a `bench.py`) is not taken for the bench.
    """
    return [sys.executable, "-P", "-m", "bench.cli", *arguments]
