"""A capture written out again with the bench's own marks as comments, so that Wireshark shows them beside the frames.

pcapng has no comment of its own between packets: a mark stands at the first frame at or after it, one later than all
frames at the last. What a capture said about a frame beyond 802.15.4 (TAP's TLVs, comments) is kept; its link type
becomes TAP.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from bench.air.capture.link import Record
from bench.air.capture.pcapng import ByteSink, PcapngWriter
from bench.air.capture.tap import Tap
from bench.air.frozen import frozen

_NS_PER_S: Final = 1_000_000_000


@frozen
class Mark:
    """Something that the bench did or saw, on the capture's clock (Unix ns)."""

    time_ns: int
    text: str


def write_marked(
    records: Iterable[Record], marks: Iterable[Mark], out: ByteSink, *, name: str = "", comments: Iterable[str] = ()
) -> int:
    """Writes records (in their order) with marks; ``comments`` are about the whole capture. Gives the frames written.

    A frame whose FCS was wrong is written without one and says so: its wrong octets are not kept in a record."""
    writer = PcapngWriter(out)
    waiting = deque(sorted(marks, key=lambda mark: mark.time_ns))
    written = 0
    started = False
    for record, last in _with_last(records):
        if not started:
            writer.section(name, comments)
            started = True
        due = []
        while waiting and (last or waiting[0].time_ns <= record.time_ns):
            due.append(_words(waiting.popleft(), record))
        _write(writer, record, due)
        written += 1
    if not started:
        writer.section(name, (*comments, *(mark.text for mark in waiting)))
    return written


def _with_last(records: Iterable[Record]) -> Iterator[tuple[Record, bool]]:
    """Each record, and whether it is the last."""
    waiting: Record | None = None
    for record in records:
        if waiting is not None:
            yield waiting, False
        waiting = record
    if waiting is not None:
        yield waiting, True


def _words(mark: Mark, record: Record) -> str:
    before_ns = record.time_ns - mark.time_ns
    if not before_ns:
        return mark.text
    when = "before" if before_ns > 0 else "after"
    return f"{mark.text} [{abs(before_ns) / _NS_PER_S:.6f} s {when} this frame]"


def _write(writer: PcapngWriter, record: Record, marks: list[str]) -> None:
    said = [*record.comments, *marks]
    if record.fcs_ok is False:
        said.append("the FCS was wrong")
    if record.damage:
        said.append(f"damaged: {record.damage}")
    whole = record.fcs_ok is True and not record.cut
    writer.packet(
        record.data,
        record.time_ns,
        fcs=whole,
        rssi_dbm=record.rssi_dbm,
        channel=record.channel,
        start_ns=record.start_ns,
        end_ns=record.end_ns,
        tlvs=Tap.of(record).tlvs(),
        fcs_octets=record.fcs_octets if whole else 4,
        comments=said,
        missing=max(0, record.original_length - len(record.data)) if record.cut else 0,
    )
