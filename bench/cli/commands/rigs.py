"""Commands for rigs: the virtual one, a laboratory on wall time, and what serves a rig."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.beginnings import new
from bench.cli.commands.root import app
from bench.cli.ending import finish
from bench.cli.helped import after
from bench.rooms import look_here_last


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

    def play() -> int:
        _refuse_odd(ready)
        return run_twin(topology, seed, start_ns, ready, linger_s, fault or [])

    look_here_last()  # a fault of one's own beside one's files: t1:my_faults:Late
    finish(play)


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

    def play() -> int:
        _refuse_odd(ready, rig)
        return run_lab(topology, faulty, speed, radio, ready, rig, again, fault or [])

    look_here_last()
    finish(play)


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


def _refuse_odd(*written: Path | None) -> None:
    """Ready and rig files are replaced whenever they are named, and never in place of a device or a pipe."""
    from bench.cli.written import refuse_odd

    for path in filter(None, written):
        refuse_odd(path)
