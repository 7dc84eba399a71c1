"""The command line by the library that reads options: all commands, and how a mistake in one is told."""

from __future__ import annotations

import sys
from typing import Final

import typer
from typer.exceptions import TyperException

from bench.cli.commands.root import app
from bench.cli.ending import INTERRUPTED
from bench.rooms import open_rooms

# Each makes its commands known, and the help names them in this order.
# isort: off
from bench.cli.commands import air, rigs, plans, runs, faults
# isort: on

__all__ = ["air", "app", "by_options", "faults", "plans", "rigs", "runs"]

_PREFIX: Final = "Value error, "
"""What the library that checks options puts before its reason."""


def by_options() -> None:
    """Run what the command line says; a mistake in it is one line on stderr. Raises SystemExit."""
    open_rooms()
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        if message := error.format_message().replace(_PREFIX, ""):  # none: no command was named, the help is printed
            print(f"kenshin: {message} (see --help)", file=sys.stderr)
        raise SystemExit(2) from None
    except typer.Abort:
        print("kenshin: stopped", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    raise SystemExit(code or 0)
