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

from bench.cli.beginnings import new
from bench.cli.decode import DecodeOptions, decode_capture
from bench.cli.ending import INTERRUPTED, finish
from bench.cli.helped import QUALIFIED, after
from bench.cli.options import takes_run_options
from bench.errors import InputError
from bench.plan.options import For, RunOptions
from bench.rooms import PLAN, look_here_last, open_rooms

_PREFIX: Final = "Value error, "
"""What the library that checks options puts before its reason."""

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


@app.command(
    epilog=after(
        "kenshin decode night.pcapng --keys ieee802154_keys",
        "kenshin decode night.pcapng --filter 'icmpv6.type == 155' --format jsonl",
        "kenshin decode night.pcapng --frame 17",
        "kenshin decode tcp://127.0.0.1:5555 --follow",
        "kenshin decode a.pcapng b.pcapng --write merged.pcapng",
    )
)
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


@app.command(
    epilog=after(
        "kenshin measure night.pcapng --keys ieee802154_keys",
        "kenshin measure a.pcapng b.pcapng --format json > night.json",
    )
)
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
    from bench.cli.measure import measure_command

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


@app.command(
    epilog=after("kenshin twin --topology rig.yaml --seed 7", "kenshin twin --topology rig.yaml --fault t1:late-join")
)
def twin(
    topology: Annotated[Path, typer.Option("--topology", metavar="FILE", help="The rig to simulate.")],
    seed: Annotated[int | None, typer.Option("--seed", help="Replaces the topology's seed.")] = None,
    start_ns: Annotated[int | None, typer.Option("--start-ns", help="Virtual time to start at.")] = None,
    ready: Annotated[Path | None, typer.Option("--ready", metavar="FILE", help="Write the ready line here.")] = None,
    linger_s: Annotated[
        float | None, typer.Option("--linger", metavar="S", help="Wall seconds to stay without a control client.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="SUBJECT:FAULT", help="Seed a fault; may be repeated.")
    ] = None,
) -> None:
    """The virtual rig alone: ptys, SCPI supplies, sniffer streams and the connection server, in virtual time."""
    from bench.twin.process import run_twin

    look_here_last()  # a fault of one's own beside one's files: t1:my_faults:Late
    finish(lambda: run_twin(topology, seed, start_ns, ready, linger_s, fault or []))


@app.command(
    epilog=after(
        "kenshin lab --topology fixtures/topologies/default.yaml --rig lab.yaml",
        "kenshin lab --topology rig.yaml --faulty habits.yaml --rig lab.yaml",
    )
)
def lab(
    topology: Annotated[Path, typer.Option("--topology", metavar="FILE", help="The laboratory to play.")],
    faulty: Annotated[
        Path | None, typer.Option("--faulty", metavar="FILE", help="Bad habits by port (docs/guides/faulty-lab.md).")
    ] = None,
    rig: Annotated[
        Path | None, typer.Option("--rig", metavar="FILE", help="Write a rig file for its ports here.")
    ] = None,
    radio: Annotated[bool, typer.Option("--radio", help="A mesh with radio; else terminals join in seconds.")] = False,
    speed: Annotated[float, typer.Option("--speed", metavar="N", min=0.1, help="Times as fast as wall time.")] = 1.0,
    ready: Annotated[Path | None, typer.Option("--ready", metavar="FILE", help="Write the ready line here.")] = None,
    again: Annotated[
        Path | None,
        typer.Option("--again", metavar="FILE", help="Take the ports of the lab that wrote this."),
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="TERMINAL:FAULT", help="A seeded fault (repeatable).")
    ] = None,
) -> None:
    """A laboratory on wall time, with bad habits: the same devices as the twin's, to try a bench against."""
    from bench.twin.lab.process import run_lab

    look_here_last()
    finish(lambda: run_lab(topology, faulty, speed, radio, ready, rig, again, fault or []))


@app.command(
    epilog=after("kenshin operator", "kenshin operator --page 192.0.2.5:8070", "kenshin operator --name 山田"),
)
def operator(
    bench: Annotated[
        str, typer.Option("--bench", metavar="HOST:PORT", help="Where the bench finds it; a rig file names it.")
    ] = "127.0.0.1:7070",
    page: Annotated[
        str, typer.Option("--page", metavar="HOST:PORT", help="Where phone or tablet find it.")
    ] = "127.0.0.1:8070",
    token: Annotated[
        str | None, typer.Option("--token", help="Wanted in the page's address; made up where it is not this host's.")
    ] = None,
    hold_s: Annotated[
        float, typer.Option("--hold", metavar="S", min=0.0, max=60.0, help="For so long an undo costs nothing.")
    ] = 3.0,
    name: Annotated[str, typer.Option("--name", help="Who answers at this terminal.")] = "",
) -> None:
    """The operator's desk: asks people what the bench wants done, in this terminal and on a page for a phone."""
    from devices.operator.process import run_desk

    finish(lambda: run_desk(bench, page, token, hold_s, name))


@app.command(
    epilog=after(
        "kenshin exporter exporter.yaml --hostname 192.0.2.21",
        "kenshin exporter exporter.yaml --name lab1 --coordinator 192.0.2.5:20408",
    )
)
def exporter(
    resources: Annotated[Path, typer.Argument(help="Resources, as labgrid's exporter takes them.", show_default=False)],
    coordinator: Annotated[
        str, typer.Option("--coordinator", "-c", metavar="HOST:PORT", envvar="LG_COORDINATOR", help="Who is told.")
    ] = "127.0.0.1:20408",
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Public name of this exporter; default: the machine's.")
    ] = None,
    hostname: Annotated[
        str | None, typer.Option("--hostname", metavar="HOST", help="Where clients connect to; default: the machine's.")
    ] = None,
) -> None:
    """Offers devices of this machine to a labgrid coordinator, the bench's own resource classes included."""
    from devices.remote.exporter import run_exporter

    finish(lambda: run_exporter(resources, coordinator, name, hostname))


app.add_typer(new, name="new")


@app.command(hidden=True)
def notify(
    addresses: Annotated[Path, typer.Argument(help="Addresses, one a line.")],
    check: Annotated[bool, typer.Option("--check", help="Deliver nothing.")] = False,
) -> None:
    """Delivers the notice on standard input; only the bench starts it (fixtures/rig/notices.py)."""
    from fixtures.rig import notices

    finish(lambda: notices.check(addresses) if check else notices.deliver(addresses))


@app.command(hidden=True)
def watchdog() -> None:
    """Makes the outputs safe when the bench dies; only the bench starts it (fixtures/rig/guard.py)."""
    from fixtures.rig.guard import main

    finish(main)


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


@app.command(
    epilog=after(
        "kenshin watch runs/night",
        "kenshin watch runs/night --once",
        "kenshin watch runs/night --page",
        "kenshin watch runs/night --page 192.0.2.5:8071 --token s3cret",
    )
)
def watch(
    run: Annotated[Path, typer.Argument(help="A run folder, whatever its bench is at.", show_default=False)],
    at: Annotated[
        str | None, typer.Argument(metavar="[HOST:PORT]", help="--page: where; 127.0.0.1:8071.", show_default=False)
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Show it once; 3 where it was stopped or is gone.")] = False,
    page: Annotated[bool, typer.Option("--page", help="Serve it as a page, until Ctrl-C.")] = False,
    token: Annotated[
        str | None, typer.Option("--token", help="--page: wanted in its address; made up where it is not this host's.")
    ] = None,
) -> None:
    """How a run is going: its step, what it waits for, time left, ports and verdicts; live, from another shell."""

    def show() -> int:
        if not page and (at or token):
            raise InputError(f"{at or '--token'}: without --page; expected both, or a run folder alone")
        if page:
            from bench.cli.watch.page import serve_page

            return serve_page(run, at, token, sys.stdout)
        from bench.cli.watch.terminal import watch_run

        return watch_run(run, once, sys.stdout)

    finish(show)


@app.command(epilog=after("kenshin timeline runs/night", "kenshin timeline runs/night | diff - other.jsonl"))
def timeline(run: Annotated[Path, typer.Argument(help="A stored run folder.", show_default=False)]) -> None:
    """The canonical timeline of a run: one observation a line, equal for two runs of one seed."""
    from bench.evidence.evidence import Evidence

    def show() -> None:
        for line in Evidence.open(run).canonical():
            print(line)

    finish(show)


@app.command(epilog=after("kenshin show runs/night timeline#996", "kenshin show runs/night captures/s1.pcapng#1234"))
def show(
    run: Annotated[Path, typer.Argument(help="A stored run folder.", show_default=False)],
    citations: Annotated[
        list[str],
        typer.Argument(
            help="As reports cite: timeline#ROW, captures/SNIFFER.pcapng#FRAME, evidence#NUMBER.", show_default=False
        ),
    ],
    around: Annotated[
        int, typer.Option("--around", min=0, metavar="N", help="Rows of the timeline before and after the cited one.")
    ] = 3,
) -> None:
    """What a citation of a report stands for: the observation with its neighbours, or the frame whole."""
    from bench.cli.cited import show_cited

    finish(lambda: show_cited(run, citations, around, sys.stdout))


@app.command(
    epilog=after(
        "kenshin verify runs/night",
        "kenshin verify runs/night --key bench-key.pub.pem",
        "kenshin verify runs/night --after runs/evening",
        "kenshin verify runs/night --stamp authority.pem",
        codes={0: "as it was sealed and judged, and signed", 1: "altered", 4: "not proven: not sealed or not signed"},
    )
)
def verify(
    run: Annotated[Path, typer.Argument(help="A stored run folder.", show_default=False)],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PUB", help="The public key that must have signed.")
    ] = None,
    after: Annotated[
        Path | None, typer.Option("--after", metavar="RUN", help="The run that the same key must have sealed before.")
    ] = None,
    stamp: Annotated[
        Path | None,
        typer.Option("--stamp", metavar="PEM", help="Certificates by which the manifest must be time-stamped."),
    ] = None,
) -> None:
    """Is a stored run as it was sealed, and do its verdicts follow from it again? Each difference with its place."""
    from bench.cli.verify import verify_run

    finish(lambda: verify_run(run, key, after, sys.stdout, stamp))


@app.command(
    epilog=after(
        "kenshin stamp runs/night",
        "kenshin stamp runs/night --answer reply.tsr",
        "kenshin stamp runs/night --ask http://tsa.example/tsr",
    )
)
def stamp(
    run: Annotated[Path, typer.Argument(help="A sealed run folder.", show_default=False)],
    ask: Annotated[
        str | None, typer.Option("--ask", metavar="URL", help="Ask this time stamping authority, over HTTP.")
    ] = None,
    answer: Annotated[
        Path | None, typer.Option("--answer", metavar="FILE", help="Take the answer of an authority asked elsewhere.")
    ] = None,
) -> None:
    """A time stamp (RFC 3161) of a sealed run: writes the request, asks an authority, or takes its answer."""
    from bench.cli.stamp import stamp_run

    finish(lambda: stamp_run(run, ask, answer, sys.stdout))


keys_app = typer.Typer(no_args_is_help=True, help="The key that signs what this bench recorded.")
app.add_typer(keys_app, name="keys")


@keys_app.command("new", epilog=after("kenshin keys new", "kenshin keys new --out lab-key.pem --passphrase"))
def new_key(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where; default: its usual place.")] = None,
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Encrypt it; asks for the passphrase.")] = False,
) -> None:
    """Make a key: the secret for this bench alone, and beside it the public half for those who verify."""
    from bench.cli.keys import make_key

    finish(lambda: make_key(out, passphrase, sys.stdout))


@keys_app.command("show", epilog=after("kenshin keys show", "kenshin keys show lab-key.pub.pem"))
def show_key(
    key: Annotated[Path | None, typer.Argument(help="A public key; default: this bench's.", show_default=False)] = None,
) -> None:
    """The fingerprint of a public key, to be compared with what a report or a manifest names."""
    from bench.cli.keys import show_key as show

    finish(lambda: show(key, sys.stdout))


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


def _pytest(arguments: list[str]) -> int:
    """Run the plan with pytest in this process; exit code of the contract, not pytest's."""
    from fixtures.run.plan import run_plan

    return run_plan([str(PLAN), *arguments])
