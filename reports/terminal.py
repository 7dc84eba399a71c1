"""What a person sees in the terminal: progress while the rig runs, and a summary table at the end."""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

from reports.model import RunReport


def summary_table(report: RunReport, width: int | None = None) -> str:
    """Clause, requirement, subject, value, limit and verdict as plain text; missed targets on the last lines."""
    raise NotImplementedError


def print_summary(report: RunReport, stream: TextIO | None = None) -> None:
    """The same on a stream, coloured where that is a tty."""
    raise NotImplementedError


class Progress:
    """One line on the state of a run: episode, virtual time, wall time.

    On a tty the line is rewritten in place; elsewhere one line is printed when the episode or note changes, and at
    most each ``every_s`` wall seconds otherwise. Wall seconds come from the caller: nothing here reads a clock.
    """

    def __init__(self, stream: TextIO | None = None, every_s: float = 10.0) -> None:
        raise NotImplementedError

    def update(self, episode: str, virtual_ns: int, wall_s: float, note: str = "") -> None:
        """Show where the run is: rig time as JST, wall seconds since the start."""
        raise NotImplementedError

    def close(self) -> None:
        """Finish the line; later updates are errors."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
