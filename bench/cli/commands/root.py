"""What all commands hang on: the application, what stands before a command, options that several have."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from bench.cli.helped import after

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hardware-in-the-loop test bench for joint gas and water meter reading (共同検針) over the smart-meter mesh.",
    epilog=after(
        "kenshin run", "kenshin decode night.pcapng --keys ieee802154_keys", "kenshin run --help", judges=True
    ),
)


def _say_version(asked: bool) -> None:
    if asked:
        from bench.identity import identity

        print(f"kenshin {identity()}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool, typer.Option("--version", help="Show version and commit, and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Options that stand before a command."""


class MeasureFormat(StrEnum):
    """For people, or for a machine."""

    TABLE = "table"
    JSON = "json"
