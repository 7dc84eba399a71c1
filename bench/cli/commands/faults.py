"""The command that finds out what the plan would catch: qualify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.commands.root import app
from bench.cli.ending import finish
from bench.cli.helped import QUALIFIED, after
from bench.rooms import look_here_last


@app.command(
    epilog=after(
        "kenshin qualify --jobs 2 --out runs/qualification",
        "kenshin qualify --nightly --out runs/night",
        "kenshin qualify --fault t3:late-join,seconds=2 --fault my_faults.py:StuckHour",
        "kenshin qualify --requirement alarm-normal",
        codes=QUALIFIED,
    )
)
def qualify(
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="[SUBJECT:]FAULT",
            help="Only this fault: a name, FILE.py:CLASS or FILE.py; may be repeated.",
        ),
    ] = None,
    requirement: Annotated[
        list[str] | None,
        typer.Option("--requirement", metavar="ID", help="Only this requirement and its faults; may be repeated."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", metavar="N", min=1, help="Runs at a time; default: one a processor.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Keep the runs, qualification.md and .json here.")
    ] = None,
    profile: Annotated[str, typer.Option("--profile", metavar="P", help="smoke, nightly or a file.")] = "smoke",
    seed: Annotated[int | None, typer.Option("--seed", help="Replaces the topology's seed.")] = None,
    clean: Annotated[int, typer.Option("--clean", metavar="N", min=1, help="Seeds that are run without a fault.")] = 2,
    thirty: Annotated[
        int, typer.Option("--thirty", metavar="N", min=0, help="Further clean seeds on the rig of thirty terminals.")
    ] = 0,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Each fault on the episodes of its requirements; on the whole plan if missed so."),
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="With --quick, faults of different terminals share a run where they can.")
    ] = False,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="As every night: quick, 90 clean seeds and 10 of thirty terminals.")
    ] = False,
    turn: Annotated[
        int, typer.Option("--turn", metavar="N", min=0, help="With --nightly, which night: seeds drive parts by turns.")
    ] = 0,
    rig: Annotated[Path | None, typer.Option("--rig", metavar="R", help="Another virtual rig.")] = None,
    topology: Annotated[
        Path | None, typer.Option("--topology", metavar="FILE", help="Replaces the virtual rig's topology.")
    ] = None,
    terminal: Annotated[
        Path | None, typer.Option("--terminal", metavar="T", help="Declaration of the terminal under test.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the captures of all runs as well.")] = False,
) -> None:
    """What the plan would catch: runs it over faults, and shows which requirement turned red for which."""
    from bench.cli.qualification.command import Asked, to_stderr
    from bench.cli.qualification.command import qualify as run_all

    look_here_last()
    named = tuple(fault or ()), tuple(requirement or ())
    asked = Asked(*named, jobs, out, profile, seed, clean, quick, rig, topology, terminal, keep, thirty, shared=shared)
    finish(lambda: run_all(asked.at_night(turn) if nightly else asked, to_stderr), judges=True)
