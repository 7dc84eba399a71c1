"""The commands and their options (contract: design section 10). Imports are made inside the commands, so that each
starts with what it needs: ``kenshin decode`` without labgrid, pytest or matplotlib.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from bench.cli_decode import DecodeOptions, decode_capture, finish

_INTERRUPTED: Final = 130
"""What a shell says of a program that Ctrl-C ended."""
_PREFIX: Final = "Value error, "
"""What the library that checks options puts before its reason."""
PLAN_DIRECTORY = Path(__file__).parents[1] / "testplans"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hardware-in-the-loop test bench for joint gas and water meter reading (共同検針) over the smart-meter mesh.",
)


def by_options() -> None:
    """Run what the command line says; a mistake in it is one line on stderr. Raises SystemExit."""
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        if message := error.format_message().replace(_PREFIX, ""):  # none: no command was named, the help is printed
            print(f"kenshin: {message} (see --help)", file=sys.stderr)
        raise SystemExit(2) from None
    except typer.Abort:
        print("kenshin: stopped", file=sys.stderr)
        raise SystemExit(_INTERRUPTED) from None
    raise SystemExit(code or 0)


class DecodeFormat(StrEnum):
    TABLE = "table"
    JSONL = "jsonl"


class MeasureFormat(StrEnum):
    TABLE = "table"
    JSON = "json"


Capture = Annotated[Path, typer.Argument(help="pcap or pcapng file, plain or gzip.", show_default=False)]
Keys = Annotated[
    Path | None, typer.Option("--keys", help="Key file in the format of Wireshark's ieee802154_keys.", metavar="FILE")
]

Contexts = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="N=PREFIX", help="6LoWPAN contexts: 0=fd00::/64, root=fd00::1."),
]


@app.command()
def decode(
    capture: Annotated[
        list[str],
        typer.Argument(
            help="pcap or pcapng file, plain or gzip, - for standard input; several to --write. To --follow also "
            "tcp://HOST:PORT, or zep://HOST:PORT (where to listen).",
            show_default=False,
        ),
    ],
    keys: Keys = None,
    fmt: Annotated[DecodeFormat, typer.Option("--format")] = DecodeFormat.TABLE,
    expression: Annotated[
        str | None,
        typer.Option("--filter", metavar="EXPR", help="Show only frames for which EXPR holds; Wireshark's language."),
    ] = None,
    number: Annotated[
        int | None, typer.Option("--frame", metavar="N", help="Show one frame whole: all layers, fields, octets.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show frames as they come, until the stream ends or Ctrl-C.")
    ] = False,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="A,B,...", help="Fields to show in place of the usual columns.")
    ] = None,
    context: Contexts = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Write the frames to a new pcapng file instead.")
    ] = None,
    marks: Annotated[
        Path | None, typer.Option("--marks", metavar="RUN", help="--write: what the bench did in a run, as comments.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="--write: replace a file that is there.")] = False,
) -> None:
    """Frames of a capture, one a line; or one frame whole; or the frames of captures in a new one."""
    finish(
        lambda: decode_capture(
            DecodeOptions(
                tuple(capture),
                str(keys) if keys else None,
                fmt.value,
                expression,
                number,
                follow,
                columns,
                tuple(context or ()),
                str(write) if write else None,
                str(marks) if marks else None,
                force,
            )
        )
    )


@app.command()
def measure(
    captures: Annotated[
        list[Path], typer.Argument(help="pcap or pcapng files: several are several sniffers.", show_default=False)
    ],
    keys: Keys = None,
    fmt: Annotated[MeasureFormat, typer.Option("--format")] = MeasureFormat.TABLE,
    bitrate: Annotated[
        int | None, typer.Option("--bitrate", metavar="BPS", help="Bit rate, where the air does not tell it.")
    ] = None,
    context: Contexts = None,
) -> None:
    """Join times, hops, round trips and air time from a bare capture."""
    from bench.measure_cli import measure_command

    finish(
        lambda: measure_command(
            [str(path) for path in captures],
            str(keys) if keys else None,
            fmt.value,
            sys.stdout,
            bitrate,
            tuple(context or ()),
        )
    )


@app.command()
def twin(
    topology: Annotated[Path, typer.Option("--topology", metavar="FILE", help="The rig to simulate.")],
    seed: Annotated[int | None, typer.Option("--seed", help="Replaces the topology's seed.")] = None,
    start_ns: Annotated[int | None, typer.Option("--start-ns", help="Virtual time to start at.")] = None,
    ready: Annotated[Path | None, typer.Option("--ready", metavar="FILE", help="Write the ready line here.")] = None,
    linger_s: Annotated[
        float | None, typer.Option("--linger", metavar="S", help="Wall seconds to stay without a control client.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="TERMINAL:FAULT", help="Seed a fault; may be repeated.")
    ] = None,
) -> None:
    """The virtual rig alone: ptys, SCPI supplies, sniffer streams and the connection server, in virtual time."""
    from bench.twin.process import run_twin

    finish(lambda: run_twin(topology, seed, start_ns, ready, linger_s, fault or []))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    rig: Annotated[
        Path | None, typer.Option("--rig", metavar="R", help="labgrid environment; default: the virtual rig.")
    ] = None,
    terminal: Annotated[
        Path | None, typer.Option("--terminal", metavar="T", help="Declaration of the terminal under test.")
    ] = None,
    agreement: Annotated[Path | None, typer.Option("--agreement", metavar="A", help="Agreement file.")] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="P", help="smoke, nightly, ... or a file.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Run folder; an interrupted run there is resumed.")
    ] = None,
    topology: Annotated[
        Path | None, typer.Option("--topology", metavar="FILE", help="Virtual rigs: replaces the rig's topology.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="TERMINAL:FAULT", help="Virtual rigs: seed a fault.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Replaces the topology's seed.")] = None,
    guideline: Annotated[Path | None, typer.Option("--guideline", metavar="G", help="Requirement catalogue.")] = None,
    strict_targets: Annotated[bool, typer.Option("--strict-targets", help="A missed target fails.")] = False,
) -> None:
    """Run a plan on a rig, judge and report; further options go to pytest. Resumes an interrupted run."""
    given: dict[str, object] = {
        "--rig": rig,
        "--terminal": terminal,
        "--agreement": agreement,
        "--profile": profile,
        "--out": out,
        "--topology": topology,
        "--seed": seed,
        "--guideline": guideline,
    }
    options = _options(given) + [f"--fault={f}" for f in fault or []] + ["--strict-targets"] * strict_targets
    finish(lambda: _pytest([*options, "--drive", *context.args]))


@app.command()
def judge(
    run: Annotated[Path, typer.Argument(help="A stored run folder.", show_default=False)],
    guideline: Annotated[Path | None, typer.Option("--guideline", metavar="G", help="Another catalogue.")] = None,
    agreement: Annotated[Path | None, typer.Option("--agreement", metavar="A", help="Another agreement.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the new verdicts go.")] = None,
    strict_targets: Annotated[bool, typer.Option("--strict-targets", help="A missed target fails.")] = False,
) -> None:
    """Verdicts again from a stored run, without a rig."""
    given: dict[str, object] = {"--judge": run, "--guideline": guideline, "--agreement": agreement, "--out": out}
    finish(lambda: _pytest(_options(given) + ["--strict-targets"] * strict_targets))


@app.command()
def timeline(run: Annotated[Path, typer.Argument(help="A stored run folder.", show_default=False)]) -> None:
    """The canonical timeline of a run: one observation a line, equal for two runs of one seed."""
    from bench.evidence import Evidence

    def show() -> None:
        for line in Evidence.open(run).canonical():
            print(line)

    finish(show)


def _options(given: dict[str, object]) -> list[str]:
    return [f"{name}={value}" for name, value in given.items() if value is not None]


def _pytest(arguments: list[str]) -> int:
    """Run the plan with pytest in this process; exit code of the contract, not pytest's."""
    from fixtures.plan import run_plan

    return run_plan([str(PLAN_DIRECTORY), *arguments])
