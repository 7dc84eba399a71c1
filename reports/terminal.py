"""What a person sees in the terminal: progress while the rig runs, and a summary table at the end."""

from __future__ import annotations

import io
import sys
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from bench.judge.findings import explained
from bench.records import Outcome, Verdict
from reports import figures
from reports.model import RunReport

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

STYLES = {
    Outcome.PASS: "green",
    Outcome.CONDITIONAL_PASS: "green",
    Outcome.NOT_FOLLOWED: "yellow",
    Outcome.TARGET_MISSED: "yellow",
    Outcome.PENDING_EVIDENCE: "blue",
    Outcome.INCONCLUSIVE: "magenta",
    Outcome.CONDITIONAL_FAIL: "red",
    Outcome.FAIL: "bold white on red",
    Outcome.ERROR: "bold white on red",
    Outcome.NOT_APPLICABLE: "dim",
}
PLAIN_WIDTH = 120
"""Columns where nobody says how wide the terminal is: a log file, a pipe."""
LAST_LINES = (
    (Outcome.FAIL, "FAILED"),
    (Outcome.CONDITIONAL_FAIL, "CONDITIONALLY FAILED"),
    (Outcome.ERROR, "BENCH ERROR"),
    (Outcome.INCONCLUSIVE, "INCONCLUSIVE"),
    (Outcome.PENDING_EVIDENCE, "EVIDENCE STILL TO COME"),
    (Outcome.NOT_FOLLOWED, "RECOMMENDATION NOT FOLLOWED"),
    (Outcome.TARGET_MISSED, "TARGET MISSED"),
)
"""What follows the table, in this order: missed targets stand on the last lines (lab-practice.md 9)."""


def summary_table(report: RunReport, width: int = PLAIN_WIDTH) -> str:
    """Clause, requirement, subject, value, U, limit and verdict as plain text; missed targets on the last lines."""
    from rich.console import Console

    out = io.StringIO()
    _print(Console(file=out, width=width, color_system=None, force_terminal=False), report)
    return out.getvalue()


def print_summary(report: RunReport, stream: TextIO | None = None) -> None:
    """The same on a stream (default: stdout), coloured where that is a tty."""
    from rich.console import Console

    stream = stream or sys.stdout
    _print(Console(file=stream, width=None if stream.isatty() else PLAIN_WIDTH), report)


def _print(console: Console, report: RunReport) -> None:
    console.print(_table(report, wide=console.width >= PLAIN_WIDTH))
    for outcome, words in LAST_LINES:
        for verdict in report.verdicts:
            if verdict.outcome is outcome:
                line = f"{words}: {verdict.requirement} {verdict.subject}: {explained(verdict)}"
                console.print(line, style=STYLES[outcome], markup=False, highlight=False, soft_wrap=True)
    if report.partial:
        console.print(report.partial, style="magenta", markup=False, highlight=False, soft_wrap=True)
    if report.altered:
        console.print(report.altered, style="bold red", markup=False, highlight=False, soft_wrap=True)
    for line in _compared(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in report.deviations:
        console.print(line, style="bold yellow", markup=False, highlight=False, soft_wrap=True)


def _table(report: RunReport, wide: bool) -> RenderableType:
    """Where it is not wide, subject and value are folded rather than cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Clause", no_wrap=True)
    table.add_column("Requirement", overflow="fold")
    table.add_column("Subject", overflow="fold", no_wrap=wide)
    table.add_column("Value", justify="right", overflow="fold", no_wrap=wide)
    table.add_column(_u_header(report), justify="right", no_wrap=True)
    table.add_column("Limit", justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    before = ""
    for verdict in _in_catalogue_order(report):
        row = report.row(verdict.requirement)
        first = verdict.requirement != before
        before = verdict.requirement
        comparison = str(row.interpretation.get("comparison", "")) if row else ""
        table.add_row(
            Text(row.clause if row and first else ""),
            Text((row.title_en if row else verdict.requirement) if first else ""),
            Text(figures.subject(verdict)),
            Text(figures.verdict_value(verdict)),
            Text(figures.expanded_uncertainty(verdict).removeprefix("U ")),
            Text(figures.verdict_limit(verdict, comparison, beside_value=True)),
            _word(verdict),
        )
    return table


def _compared(report: RunReport) -> tuple[str, ...]:
    if report.changes is None:
        return ()
    return report.changes or ("No verdict is another one than the run's own.",)


def _word(verdict: Verdict) -> Text:
    from rich.text import Text

    word = Text(verdict.outcome.value, style=STYLES[verdict.outcome])
    return word if verdict.deviation is None else word.append("\nDEVIATION", style="bold yellow")


def _u_header(report: RunReport) -> str:
    """``U (k = 2)``: one decision rule holds for a run; plain ``U`` where none was named."""
    factors = {k for verdict in report.verdicts if (k := figures.coverage(verdict))}
    return f"U ({', '.join(sorted(factors))})" if factors else "U"


def _in_catalogue_order(report: RunReport) -> list[Verdict]:
    """Verdicts by the catalogue's order of requirements; those it does not know come last."""
    order = {row.id: place for place, row in enumerate(report.requirements)}
    return sorted(report.verdicts, key=lambda verdict: order.get(verdict.requirement, len(order)))


class Progress:
    """One line on the state of a run: episode, rig time, wall time.

    On a tty the line is rewritten in place; elsewhere one line is printed when the episode or the note changes, and at
    most each ``every_s`` wall seconds otherwise, later on each ``SLOW_S``: a log of nine days can be read. Wall seconds
    come from the caller: nothing here reads a clock. Use it as a context manager, so that an exception does not leave
    half a line behind.
    """

    SLOW_S = 600.0

    def __init__(self, stream: TextIO | None = None, every_s: float = 10.0) -> None:
        self._stream = stream or sys.stderr
        self._in_place = self._stream.isatty()
        self._every_s = every_s
        self._shown = ("", "")
        self._shown_at_s = float("-inf")
        self._open_line = False

    def update(self, episode: str, virtual_ns: int, wall_s: float, note: str = "", state: str = "") -> None:
        """Show where the run is: rig time as JST, wall seconds since the start of the run.

        ``note`` is worth a line of its own in a log, ``state`` (time left, what is waited for) is not.
        """
        if not self._due((episode, note), wall_s):
            return
        self._shown, self._shown_at_s = (episode, note), wall_s
        said = "; ".join(filter(None, (note, state)))
        line = f"{episode:<16} {figures.jst(virtual_ns)}  {wall_s:6.1f} s  {said}".rstrip()
        if self._in_place:
            self._stream.write(f"\r\x1b[K{line[: self._columns()]}")
            self._open_line = True
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def _due(self, shown: tuple[str, str], wall_s: float) -> bool:
        """A tty may be rewritten ten times a second; a log gets changes, and a sign of life now and then."""
        every_s = self._every_s if wall_s < self.SLOW_S else self.SLOW_S
        pause_s = 0.1 if self._in_place else every_s
        return shown != self._shown or wall_s - self._shown_at_s >= pause_s

    def _columns(self) -> int:
        import shutil

        return shutil.get_terminal_size().columns - 1

    def close(self) -> None:
        """End a line that is still open; may be called twice."""
        if self._open_line:
            self._stream.write("\n")
            self._stream.flush()
            self._open_line = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
