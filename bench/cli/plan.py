"""``kenshin plan``: what can be judged with what is there, why the rest cannot, and what the run takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from bench.plan.options import RunOptions
from fixtures.rig.environment import open_environment
from fixtures.rig.means import Means
from fixtures.rig.options import ClockKind
from fixtures.rig.rig import Rig
from fixtures.run.asked import Asked
from fixtures.run.foresee import ABSENT, HELPS_THERE, MISSING, NEEDED_THERE, Foreseen, Foresight, foresee
from fixtures.run.room import Need, free_at

MARKS: Final = {NEEDED_THERE: "●", MISSING: "×", HELPS_THERE: "○", ABSENT: "-"}
LEGEND: Final = "● needed and there   × needed and missing   ○ explains   - would explain"
WIDTH: Final = 180
"""Columns where nobody says how wide the terminal is."""
SHOWN: Final = 4
"""Most terminals that a cell names."""


def show_plan(options: RunOptions, fmt: str, out: TextIO) -> None:
    """Print the plan. InputError as `kenshin run` would have it, for every file that it would read."""
    asked = Asked.of(options)
    # The ports of a twin are not known before it runs, and what a labgrid place brings not before it is acquired.
    if asked.rig.options.clock is ClockKind.WALL and not asked.rig.remote_places:
        environment = open_environment(asked.rig.path)
        Rig(environment, file=asked.rig).key_lines()
        environment.cleanup()
    foreseen = foresee(asked)
    if fmt == "json":
        print(json.dumps(foreseen.plain(), ensure_ascii=False, indent=1), file=out)
        return
    _table(foreseen, out)
    need = Need.of(asked.rig.options, foreseen.forecast.lab_hours)
    for line in (*_lines(foreseen), need.line(free_at(options.out or Path("runs")))):
        print(line, file=out)


def _table(foreseen: Foresight, out: TextIO) -> None:
    from rich.console import Console, JustifyMethod
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="")
    asked = [one for one in Means if any(one in row.evidence for row in foreseen.rows)]
    for name in ("clause", "requirement", "terminals", *asked):
        justify: JustifyMethod = "center" if name in list(Means) else "left"
        table.add_column(name, justify=justify, vertical="bottom", overflow="fold", no_wrap=name == "requirement")
    table.add_column("will be", no_wrap=True, vertical="bottom")
    for row in foreseen.rows:
        marks = (MARKS.get(row.evidence.get(one, ""), "") for one in asked)
        table.add_row(row.clause, row.requirement, _named(row), *marks, row.outcome)
    Console(file=out, width=None if out.isatty() else WIDTH).print(table)
    print(f"\n{LEGEND}", file=out)


def _lines(foreseen: Foresight) -> Iterator[str]:
    """Why, for what will not be judged; the order of driving; the forecast."""
    yield ""
    for row in foreseen.rows:
        if row.why:
            yield f"{row.outcome}: {row.requirement} {_named(row)}: {row.why}"
    for deviation in foreseen.deviations:
        yield f"DEVIATION: {deviation}"
    for left in foreseen.not_judged:
        yield f"NOT JUDGED: {left.requirement}: {left.why}"
    yield ""
    yield f"Order of episodes: {', '.join(episode.name for episode in foreseen.episodes) or 'none'}"
    yield from foreseen.forecast.lines()


def _named(row: Foreseen) -> str:
    more = len(row.terminals) - SHOWN
    return ", ".join(row.terminals[:SHOWN]) + (f" and {more} more" if more > 0 else "")
