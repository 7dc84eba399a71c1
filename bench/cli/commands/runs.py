"""Commands for a run folder: watch it, show what it holds, verify and stamp it; and the key that signs runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.commands.root import app
from bench.cli.ending import finish
from bench.cli.helped import after
from bench.errors import InputError


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
