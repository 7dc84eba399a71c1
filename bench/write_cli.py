"""`kenshin decode --write`: frames of one or several captures into a new pcapng file that Wireshark reads.

Each frame keeps what its capture said of it (TAP, comments); what the decoder found wrong with it (a MIC, a frame
counter, octets that make no sense) and what the bench did then (``marks``: a run folder) stand beside it as comments.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from bench.air.counters import Freshness
from bench.air.filter import Filter, compile_filter
from bench.air.frame import Frame
from bench.air.keys import KeyTable
from bench.air.link import Record
from bench.air.marked import Mark, write_marked
from bench.air.rows import JSONL_FIELDS
from bench.air.selection import matching_rows
from bench.errors import InputError
from bench.evidence import Evidence

_TOLD: Final = ("intent.", "episode.", "bench.")
"""Kinds of observations that are the bench's own doing."""


def write_command(
    paths: Sequence[str],
    out: str,
    keys: str | None = None,
    expression: str | None = None,
    contexts: Mapping[int, bytes] | None = None,
    *,
    marks: str | None = None,
    force: bool = False,
    say: Callable[[str], object] = print,
) -> None:
    """Writes the frames of captures that match to ``out``, several captures merged by their stamps.

    ``marks`` names a run folder whose timeline gives the comments; ``force`` replaces a file that is there. What was
    written is said in one line. Raises `InputError` for what is wrong with files, keys or expression; a damaged capture
    raises after the frames before the damage were written.
    """
    place = Path(out)
    _refuse(paths, place, force)
    wanted = compile_filter(expression, JSONL_FIELDS) if expression else None
    table = KeyTable.read(keys) if keys else None
    told = _marks(marks) if marks else []
    sources = [_Source(path, table, contexts, wanted, len(paths) > 1) for path in paths]
    draft = place.with_name(f"{place.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            records = heapq.merge(*(source.records() for source in sources), key=lambda record: record.time_ns)
            comments = [f"written by kenshin from {', '.join(Path(path).name for path in paths)}"]
            count = write_marked(records, told, file, name="kenshin", comments=comments)
        damage = [source.damage for source in sources if source.damage is not None]
        if damage and not any(source.read for source in sources):
            raise damage[0]
        draft.replace(place)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror or error}; expected a place to write a capture") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    say(f"{out}: {count} frames, {len(told)} marks")
    if damage:
        raise damage[0]


def _refuse(paths: Sequence[str], out: Path, force: bool) -> None:
    """Raises `InputError` where writing would take something away."""
    if not out.exists():
        return
    for path in paths:
        if os.path.exists(path) and os.path.samefile(path, out):
            raise InputError(f"{out}: is what is read; expected another file to write")
    if out.is_dir():
        raise InputError(f"{out}: is a folder; expected a file to write")
    if not force:
        raise InputError(f"{out}: is there already; expected a new file, or --force to replace it")


@attrs.define
class _Source:
    """Frames of one capture that match; what is wrong with it is kept until the others are read."""

    path: str
    keys: KeyTable | None
    contexts: Mapping[int, bytes] | None
    wanted: Filter | None
    named: bool
    read: int = 0
    damage: InputError | None = None

    def records(self) -> Iterator[Record]:
        try:
            for record, row in matching_rows(self.path, self.keys, self.contexts, self.wanted):
                self.read += 1
                said = [*([Path(self.path).name] if self.named else ()), *_wrong(row.frame)]
                yield attrs.evolve(record, comments=(*record.comments, *said)) if said else record
        except InputError as error:
            self.damage = error


def _wrong(frame: Frame) -> list[str]:
    """What the decoder holds against a frame."""
    said = []
    if frame.mic == "bad":
        said.append("kenshin: the MIC is wrong")
    if frame.freshness in (Freshness.REPLAY, Freshness.REUSE, Freshness.OLD):
        said.append(f"kenshin: frame counter: {frame.freshness}")
    if frame.info.startswith("malformed"):
        said.append(f"kenshin: {frame.info}")
    return said


def _marks(run: str) -> list[Mark]:
    """What the bench did in a run: its intents, episodes and own troubles."""
    evidence = Evidence.open(Path(run))
    found = [
        Mark(event.t_ns, f"{event.kind} {event.subject} {json.dumps(event.data, ensure_ascii=False)}")
        for prefix in _TOLD
        for event in evidence.events(kind_prefix=prefix, source="bench")
    ]
    evidence.close()
    return found
