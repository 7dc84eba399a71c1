"""``kenshin new ...``: files to begin with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.ending import finish
from bench.cli.helped import after

new = typer.Typer(no_args_is_help=True, help="Files to begin with.")


@new.command(
    epilog=after(
        "kenshin new rig --terminal terminal.yaml --at http://192.0.2.41:8080 --at 192.0.2.11:5555 --out lab.yaml",
        "kenshin new rig --terminal terminal.yaml --at http://192.0.2.41:8080 --yes --out lab.yaml",
    )
)
def rig(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The rig file to write.")],
    terminal: Annotated[Path, typer.Option("--terminal", metavar="T", help="Declaration of the terminal under test.")],
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="ADDRESS", help="http://HOST:PORT, HOST:PORT or a port's path; may be repeated."),
    ] = None,
    by_id: Annotated[
        Path | None, typer.Option("--by-id", metavar="DIR", help="Where serial ports have lasting names.")
    ] = Path("/dev/serial/by-id"),
    visa: Annotated[bool, typer.Option(help="Look for instruments on USB and GPIB.")] = True,
    volts: Annotated[float | None, typer.Option(help="Feed of a terminal; default: as the supply is set.")] = None,
    amps: Annotated[float | None, typer.Option(help="Its current limit; default: as the supply is set.")] = None,
    hops: Annotated[int, typer.Option(min=0, help="Smart meters between terminal and concentrator, as wired.")] = 1,
    rf: Annotated[str, typer.Option(help="conducted, shielded or open.")] = "open",
    hold_s: Annotated[float, typer.Option("--hold", min=0.0, help="Seconds for which a watchdog holds outputs.")] = 900,
    keys: Annotated[str, typer.Option(metavar="FILE", help="Key file beside the rig file.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what no name tells is taken in order.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """A rig file from what is plugged in, from addresses, and from answers. Asks each port who it is, sets nothing."""
    from bench.cli.rig.new_rig import Wanted, new_rig

    wanted = Wanted(out, terminal, tuple(at or ()), by_id, visa, volts, amps, hops, rf, hold_s, keys, force)
    ask = (
        None if yes or not sys.stdin.isatty() else lambda what: str(typer.prompt(what, default="", show_default=False))
    )
    finish(lambda: new_rig(wanted, ask, sys.stdout))
