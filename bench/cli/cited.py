"""`kenshin show`: what a citation stands for. A report cites ``timeline#996``, ``captures/s1.pcapng#1234`` and
``evidence#2``; a reader who doubts a verdict asks for them by these names and sees the observation with its neighbours,
the frame whole, or which file was added, when and by whom.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

from bench.air.octets import counted
from bench.cli.decode import DecodeOptions, decode_capture
from bench.errors import InputError, echoed
from bench.evidence.added import register
from bench.evidence.evidence import Evidence
from bench.evidence.timeline import CitedObservation
from bench.records import JST_OFFSET_NS, NS_PER_S

_CITATION: Final = re.compile(r"(timeline|evidence|captures/[^/#]+)#([1-9]\d{0,30})", re.ASCII)
EXPECTED: Final = "timeline#ROW, captures/SNIFFER.pcapng#FRAME or evidence#NUMBER"


def show_cited(run: Path, citations: Iterable[str], around: int, out: TextIO) -> None:
    """Write each cited observation (``around`` rows before and after it) or frame to ``out``.

    InputError for a folder that is no run, a citation that is none, or one that the run does not hold.
    """
    evidence = Evidence.open(run)
    for number, citation in enumerate(citations):
        found = _CITATION.fullmatch(citation)
        if found is None:
            raise InputError(f"{echoed(citation)}: no citation; expected {EXPECTED}")
        if number:
            out.write("\n")
        if found[1] == "timeline":
            _show_rows(evidence, int(found[2]), around, out)
        elif found[1] == "evidence":
            _show_added(evidence.folder.path, int(found[2]), out)
        else:
            out.flush()  # the frame is written by its own command
            _show_frame(evidence, found[1], int(found[2]))


def _show_frame(evidence: Evidence, capture: str, number: int) -> None:
    folder = evidence.folder
    path = folder.path / capture
    if not path.is_file():
        known = ", ".join(f"captures/{name}.pcapng" for name in evidence.sniffers()) or "none"
        raise InputError(f"{path}: no such capture in the run; expected one of {known}")
    keys = str(folder.keys) if evidence.keys() is not None else None
    decode_capture(DecodeOptions((str(path),), keys, number=number))


def _show_added(run: Path, number: int, out: TextIO) -> None:
    """What was added to the run later, a line a field."""
    entries = register(run)
    cited = next((entry for entry in entries if entry.number == number), None)
    if cited is None:
        known = ", ".join(entry.citation for entry in entries) or "none: nothing was added to this run"
        raise InputError(f"{run}: no evidence#{number}; expected one of {known}")
    copy = "as it was added" if cited.is_intact(run) else "CHANGED since it was added"
    fields = {
        "file": f"{cited.file} ({counted(cited.octets)}, {copy})",
        "sha256": cited.sha256,
        "added as": f"{cited.added_as} {cited.document}".rstrip(),
        "by": cited.who,
        "on": cited.wall,
    }
    out.write(f"{cited.citation}\n" + "".join(f"    {name:<12} {value}\n" for name, value in fields.items()))


def _show_rows(evidence: Evidence, row: int, around: int, out: TextIO) -> None:
    near = evidence.rows(row - around, row + around)
    cited = next((seen for seen in near if seen.row == row), None)
    if cited is None:
        raise InputError(f"{evidence.folder.timeline}: no row {row}; expected 1 to {evidence.last_row()}")
    for seen in near:
        if seen is cited:
            out.write(_whole(seen))
        else:
            data = json.dumps(seen.data, ensure_ascii=False)
            out.write(f"  {seen.citation}  {_stamp(seen.t_ns)}  {seen.subject}  {seen.kind}  {data}\n")


def _whole(seen: CitedObservation) -> str:
    """The cited observation, a line a field."""
    fields = {
        "when": f"{_stamp(seen.t_ns)} ({seen.t_ns} ns)",
        "uncertainty": "exact" if seen.u_ns == 0 else f"u = {seen.u_ns / NS_PER_S:g} s (k = 1)",
        "source": f"{seen.source} (its observation {seen.seq})",
        "subject": seen.subject,
        "kind": seen.kind,
        "episode": seen.episode or "none",
        **{f"  {key}": json.dumps(value, ensure_ascii=False) for key, value in seen.data.items()},
    }
    return f"{seen.citation}\n" + "".join(f"    {name:<12} {value}\n" for name, value in fields.items())


def _stamp(t_ns: int) -> str:
    """``2026-04-01 00:20:03.123456789 JST``."""
    seconds, rest_ns = divmod(t_ns + JST_OFFSET_NS, NS_PER_S)
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{day:%Y-%m-%d %H:%M:%S}.{rest_ns:09d} JST"
