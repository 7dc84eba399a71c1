"""``kenshin doctor --rig R``: what is wrong with a rig before it is used, a line each, with what to do."""

from __future__ import annotations

import json
from typing import Final, TextIO

from bench.errors import BenchError
from bench.plan.options import RunOptions
from fixtures.doctor.doctor import Doctor, worst
from fixtures.doctor.finding import Finding, Word

_STYLES: Final = {Word.OK: "green", Word.WARNING: "yellow", Word.FAULT: "bold red"}
WIDTH: Final = 150
"""Columns where nobody says how wide the terminal is."""


def look_over(options: RunOptions, still: bool, fmt: str, out: TextIO) -> int:
    """Print what is found, as it is found. ``BenchError`` in the end where there is a fault."""
    doctor = Doctor.of(options, still)
    found: list[Finding] = []
    for finding in doctor.findings():
        found.append(finding)
        if fmt != "json":
            _show(finding, out)
    if fmt == "json":
        print(json.dumps([finding.plain() for finding in found], ensure_ascii=False, indent=1), file=out)
    counts = [f"{n} {word}" for word in Word if (n := sum(finding.word is word for finding in found))]
    if worst(found) is Word.FAULT:
        raise BenchError(f"{options.rig or 'the virtual rig'}: {', '.join(counts)}")
    if fmt != "json":
        print(", ".join(counts), file=out)
    return 0


def _show(finding: Finding, out: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, width=None if out.isatty() else WIDTH)
    line = Text(
        f"{finding.word:<8} {finding.check:<12} {finding.about:<14} {finding.said}", style=_STYLES[finding.word]
    )
    console.print(line, soft_wrap=True)
    if finding.do:
        console.print(Text(f"{'':<8} do: {finding.do}", style="dim"), soft_wrap=True)
