"""`kenshin decode --write`: frames of one or several captures into a new pcapng file that Wireshark reads.

Each frame keeps what its capture said of it (TAP, comments); what the decoder found wrong with it (a MIC, a frame
counter, octets that make no sense) and what the bench did then (``marks``: a run folder) stand beside it as comments.

Several captures are sniffers of one air (`measurands.air.merge`): each transmission is written once, on the first one's
clock, with a comment that says who heard it. Captures that share no frame keep their stamps.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from bench import kinds
from bench.air.capture.capture import captures_of
from bench.air.capture.link import Record
from bench.air.capture.marked import Mark, write_marked
from bench.air.fields.base import Kind, show
from bench.air.fields.rows import JSONL_FIELDS
from bench.air.filter.language import Filter, compile_filter
from bench.air.frame.decoder import Decoder, Frame
from bench.air.frame.partly import MALFORMED
from bench.air.frame.settle import settle
from bench.air.index.selection import matching_rows, rows_of
from bench.air.keys.counters import Freshness
from bench.air.keys.table import KeyTable
from bench.air.octets import counted
from bench.cli.written import refuse_file
from bench.errors import InputError
from bench.evidence.evidence import Evidence
from bench.measurands.air.sniffers.clocks import Clock, whole
from bench.measurands.air.sniffers.merge import Air, Hearing, Transmission

_TOLD: Final = (kinds.INTENT, kinds.EPISODE, kinds.BENCH)
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
    """Writes the frames of captures that match to ``out``, each transmission that several captures hold once.

    ``marks`` names a run folder whose timeline gives the comments; ``force`` replaces a file that is there. What was
    written is said in one line, and of several captures each one's clock in another. Raises `InputError` for what is
    wrong with files, keys or expression; a damaged capture raises after the frames before the damage were written.
    """
    place = Path(out)
    _refuse(paths, place, force)
    wanted = compile_filter(expression, JSONL_FIELDS) if expression else None
    table = KeyTable.read(keys) if keys else None
    told = _marks(marks) if marks else []
    paths = list(dict.fromkeys(paths))
    table = settle(paths, table, contexts)
    several = len(paths) > 1
    source = _Sniffers(paths, table, contexts, wanted) if several else _Source(paths[0], table, contexts, wanted)
    draft = place.with_name(f"{place.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            comments = [f"written by kenshin from {', '.join(Path(path).name for path in paths)}", *source.about]
            count = write_marked(_storable(source.records()), told, file, name="kenshin", comments=comments)
        if source.damage is not None and not source.read:
            raise source.damage
        draft.replace(place)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror or error}; expected a place to write a capture") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    for line in (f"{out}: {counted(count, 'frame')}, {counted(len(told), 'mark')}", *source.about):
        say(line)
    if source.damage is not None:
        raise source.damage


def _storable(records: Iterable[Record]) -> Iterator[Record]:
    """Raises `InputError` for a stamp that pcapng has no place for."""
    for record in records:
        if not 0 <= record.time_ns < 1 << 64:
            at = show(Kind.SECONDS, record.time_ns)
            raise InputError(
                f"frame {record.number}: stamp {at} s; expected one from 1970 on (of several captures, the "
                f"first one's clock counts)"
            )
        yield record


def _refuse(paths: Sequence[str], out: Path, force: bool) -> None:
    """Raises `InputError` where writing would take something away."""
    for path in paths:
        if os.path.exists(path) and os.path.exists(out) and os.path.samefile(path, out):
            raise InputError(f"{out}: is what is read; expected another file to write")
    refuse_file(out, force=force, why_not_stdout="without --write frames go to standard output, as text")


@attrs.define
class _Source:
    """Frames of one capture that match; what is wrong with it is kept until they are written."""

    path: str
    keys: KeyTable | None
    contexts: Mapping[int, bytes] | None
    wanted: Filter | None
    read: int = 0
    damage: InputError | None = None
    about: Sequence[str] = ()

    def records(self) -> Iterator[Record]:
        try:
            for record, row in matching_rows(self.path, self.keys, self.contexts, self.wanted):
                self.read += 1
                yield _told(record, row.frame)
        except InputError as error:
            self.damage = error


class _Sniffers:
    """Frames of several sniffers that match; a frame's number is that of its transmission. ``about`` says how each
    one's clock stands. What is wrong with captures is kept until the frames are written."""

    def __init__(
        self,
        paths: Sequence[str],
        keys: KeyTable | None,
        contexts: Mapping[int, bytes] | None,
        wanted: Filter | None,
    ) -> None:
        self._captures = captures_of(paths)
        self._air = Air.of(self._captures)
        self._decoder, self._wanted = Decoder(keys, contexts), wanted
        names = {path: Path(path).name for path in paths}
        self._names = names if len(set(names.values())) == len(names) else {path: path for path in paths}
        self.read = 0
        self.about = [self._clock(clock) for clock in self._air.clocks.values()]

    @property
    def damage(self) -> InputError | None:
        return next((capture.error for capture in self._captures.values() if capture.error is not None), None)

    def records(self) -> Iterator[Record]:
        sent = (self._record(number, one) for number, one in enumerate(self._air.transmissions(), 1))
        for record, row in rows_of(sent, self._decoder):
            self.read += 1
            if self._wanted is None or self._wanted(row):
                yield _told(record, row.frame)

    def _record(self, number: int, sent: Transmission) -> Record:
        said = dict.fromkeys(comment for hearing in sent.hearings for comment in hearing.record.comments)
        heard = f"heard by {', '.join(map(self._hearing, sent.hearings))}"
        return attrs.evolve(sent.record, number=number, comments=(*said, heard))

    def _hearing(self, hearing: Hearing) -> str:
        rssi = hearing.record.rssi_dbm
        more = [*([] if rssi is None else [f"{rssi:g} dBm"]), *([] if whole(hearing.record) else ["not whole"])]
        return self._names[hearing.sniffer] + (f" ({', '.join(more)})" if more else "")

    def _clock(self, clock: Clock) -> str:
        name = self._names[clock.sniffer]
        if clock.sniffer == clock.reference:
            return f"{name}: its clock is the one of all stamps"
        if not clock.known:
            return f"{name}: too few frames in common with the others to tell its clock; stamps as they were"
        offset = ("+" if clock.offset_ns >= 0 else "") + show(Kind.SECONDS, clock.offset_ns)
        at = show(Kind.SECONDS, clock.middle_ns)
        u_offset = "unknown" if clock.u_offset_ns is None else f"{clock.u_offset_ns / 1000:.3g} us"
        u_drift = "unknown" if clock.u_drift_ppm is None else f"{clock.u_drift_ppm:.2g} ppm"
        return (
            f"{name}: {offset} s against {self._names[clock.reference]} at {at} (standard uncertainty {u_offset}), "
            f"drift {clock.drift_ppm:+.6f} ppm ({u_drift}), from {counted(clock.pairs, 'common frame')}"
        )


def _told(record: Record, frame: Frame) -> Record:
    """A record with what the decoder holds against its frame."""
    said = _wrong(frame)
    return attrs.evolve(record, comments=(*record.comments, *said)) if said else record


def _wrong(frame: Frame) -> list[str]:
    """What the decoder holds against a frame."""
    said = []
    if frame.mic == "bad":
        said.append("kenshin: the MIC is wrong")
    if frame.freshness in (Freshness.REPLAY, Freshness.REUSE, Freshness.OLD):
        said.append(f"kenshin: frame counter: {frame.freshness}")
    _, wrong, trouble = frame.info.rpartition(MALFORMED)
    if wrong:
        said.append(f"kenshin: {wrong}{trouble.removesuffix(']')}")
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
