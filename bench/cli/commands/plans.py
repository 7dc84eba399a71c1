"""Commands of a plan: drive it, look at it and at the rig beforehand, judge a stored run by it again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.commands.root import MeasureFormat, app
from bench.cli.ending import finish
from bench.cli.helped import after
from bench.cli.options import takes_run_options
from bench.plan.options import For, RunOptions
from bench.rooms import PLAN


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog=after(
        "kenshin run",
        "kenshin run --profile nightly --out runs/night",
        "kenshin run --rig lab.yaml --terminal terminal.yaml --agreement ours.yaml",
        "kenshin run --requirement alarm-normal --requirement 2-1 --out runs/short",
        "kenshin run -k join --fault t3:late-join",
        judges=True,
    ),
)
@takes_run_options(For.RUN)
def run(context: typer.Context, options: RunOptions) -> None:
    """Run a plan on a rig, judge and report; further options go to pytest.

    Resumes an interrupted run. A run of a selection (-k, --requirement, --episode) can be extended in its folder: what
    it lacks is driven, what it has is kept.
    """
    finish(lambda: _pytest([*options.arguments(), "--drive", *context.args]), judges=True)


@app.command(
    epilog=after(
        "kenshin plan",
        "kenshin plan --rig lab.yaml --terminal terminal.yaml --profile certification",
        "kenshin plan --requirement join-time --format json",
    )
)
@takes_run_options(For.RUN)
def plan(fmt: Annotated[MeasureFormat, typer.Option("--format")] = MeasureFormat.TABLE, *, options: RunOptions) -> None:
    """What a run with these options could judge with what is there, and what it takes; nothing is opened."""

    def show_it() -> None:
        from bench.cli.plan import show_plan  # which loads every family of devices, and one may be none

        show_plan(options, fmt.value, sys.stdout)

    finish(show_it)


@app.command(
    epilog=after(
        "kenshin doctor",
        "kenshin doctor --rig lab.yaml --terminal terminal.yaml --profile certification",
        "kenshin doctor --rig lab.yaml --terminal terminal.yaml --still --format json",
    )
)
@takes_run_options(For.RUN)
def doctor(
    still: Annotated[bool, typer.Option("--still", help="Switch nothing and press no key.")] = False,
    fmt: Annotated[MeasureFormat, typer.Option("--format")] = MeasureFormat.TABLE,
    *,
    options: RunOptions,
) -> None:
    """Look over a rig before it is used: who is there, calibration, wiring, clock, disk, keys, server.

    Feeds, mains and keys are switched, and left safe.
    """
    from bench.cli.rig.doctor import look_over

    finish(lambda: look_over(options, still, fmt.value, sys.stdout))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog=after(
        "kenshin judge runs/night",
        "kenshin judge runs/night --requirement join-time",
        "kenshin judge runs/night --agreement theirs.yaml --out judged",
        judges=True,
    ),
)
@takes_run_options(For.JUDGE)
def judge(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="A stored run folder.", show_default=False)],
    options: RunOptions,
) -> None:
    """Verdicts again from a stored run, without a rig; further options go to pytest."""
    finish(lambda: _pytest([f"--judge={run}", *options.arguments(), *context.args]), judges=True)


@app.command(
    epilog=after(
        "kenshin add-evidence runs/night rules.pdf --document EX-2",
        "kenshin add-evidence runs/night certificate.pdf --document MADE-UP-0001 --who 'A. Tester'",
        "kenshin add-evidence runs/night server-2026-04-01.csv --server-log",
        "kenshin add-evidence runs/night /mnt/sftp/logs --server-log --watch",
        "kenshin add-evidence runs/night april.csv --collection-log",
        judges=True,
    )
)
def add_evidence(
    run: Annotated[Path, typer.Argument(help="A stored run folder.", show_default=False)],
    files: Annotated[list[Path], typer.Argument(help="What came later.", show_default=False)],
    document: Annotated[
        str | None, typer.Option("--document", metavar="ID", help="A paper, as agreement or declaration name it.")
    ] = None,
    server_log: Annotated[
        bool, typer.Option("--server-log", help="The server's log, a file a day; or folders of such files.")
    ] = False,
    collection_log: Annotated[
        bool, typer.Option("--collection-log", help="The operator's log of attempts, of terminals and of meters.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="--server-log: wait until no day is missing.")] = False,
    agreement: Annotated[
        Path | None, typer.Option("--agreement", metavar="A", help="Judge by this agreement, which names the paper.")
    ] = None,
    who: Annotated[str | None, typer.Option("--who", metavar="NAME", help="Who adds it; default: the user.")] = None,
) -> None:
    """Add to a stored run what came later, and judge it again; nothing in it is replaced."""

    def added() -> int:
        from bench.cli.late import LateAs, add_late

        add_late(run, files, LateAs(document, server_log, collection_log, watch), agreement, who)
        return _pytest([f"--judge={run}", *RunOptions(agreement=agreement).arguments()])

    finish(added, judges=True)


def _pytest(arguments: list[str]) -> int:
    """Run the plan with pytest in this process; exit code of the contract, not pytest's."""
    from fixtures.run.plan import run_plan

    return run_plan([str(PLAN), *arguments])
