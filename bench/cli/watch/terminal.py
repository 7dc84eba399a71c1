"""``kenshin watch RUN``: how a run is going, from another shell or on a page; live until it has ended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from bench.cli.watch.view import View, Watched
from bench.errors import BenchError
from bench.evidence.status import Life

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

LOOK_S: Final = 1.0
WIDTH: Final = 110
"""Columns where nobody says how wide the terminal is."""
MOST_PORTS: Final = 40
_STYLES: Final = {
    Life.LIVING: "bold green",
    Life.SILENT: "bold yellow",
    Life.GONE: "bold red",
    Life.ENDED: "bold",
    None: "bold",
}
_MARKS: Final = {"done": "●", "driving": "▶", "to come": "○", "cut": "◐"}


def watch_run(run: Path, once: bool, out: TextIO) -> int:
    """Show it until it has ended or Ctrl-C; once where ``once`` is asked or ``out`` is no terminal.

    ``BenchError`` in the end, where it was stopped or its bench is gone.
    """
    from rich.console import Console
    from rich.live import Live

    watched = Watched.open(run)
    view = watched.look()
    console = Console(file=out, width=None if out.isatty() else WIDTH)
    if once or not out.isatty():
        console.print(shown(view))
    else:
        with Live(shown(view), console=console, auto_refresh=False) as live:
            while not view.finished and view.life is not None and view.life is not Life.ENDED:
                time.sleep(LOOK_S)
                view = watched.look()
                live.update(shown(view), refresh=True)
    if view.life is Life.GONE or (view.life is Life.ENDED and not view.finished):
        raise BenchError(f"{run}: {view.headline}")
    return 0


def shown(view: View) -> RenderableType:
    """A view as rich prints it."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(view.headline, style=_STYLES[view.life]), _facts(view)]
    if view.stages:
        parts += [Text(), _stages(view)]
    if view.ports:
        parts += [Text(), _ports(view)]
    if view.verdicts:
        parts += [Text(), Text(", ".join(f"{count} {outcome}" for outcome, count in view.outcomes))]
    parts += [Text(f"! {line}", style="yellow") for line in view.warnings]
    return Group(*parts)


def _facts(view: View) -> Table:
    table = _plain_table()
    waits = view.waits
    rows = {
        "run": f"{view.run} (rig {view.rig})",
        "rig time": view.now,
        "episode": view.episode,
        "last step": view.step,
        "waits for": "" if waits is None else f"{waits.what}: since {waits.since}, at most {waits.left} more",
        "left": view.left and f"{view.left} ({view.share:.0%} done)",
        "report": view.report,
        "go on with": view.resume,
    }
    for name, text in rows.items():
        if text:
            table.add_row(name, text)
    return table


def _stages(view: View) -> Table:
    table = _plain_table()
    for stage in view.stages:
        hours = f"{stage.hours:.1f} h" if stage.hours else ""
        style = {"driving": "bold", "done": "dim"}.get(stage.state, "")
        table.add_row(_MARKS.get(stage.state, " "), stage.name, stage.state, hours, style=style)
    return table


def _ports(view: View) -> Table:
    """Those that are gone first; of many that are there the first ones."""
    table = _plain_table()
    ordered = sorted(view.ports, key=lambda port: port.there is not False)
    for port in ordered[:MOST_PORTS]:
        state = {True: "there", False: "GONE", None: ""}[port.there]
        table.add_row(port.port, state, port.about, port.said, style="bold red" if port.there is False else "")
    if len(ordered) > MOST_PORTS:
        table.add_row("", "", "", f"and {len(ordered) - MOST_PORTS} more, which are there")
    return table


def _plain_table() -> Table:
    from rich.table import Table

    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
