"""`kenshin decode --frame`: one frame found in its capture, and how it was read: key, counter, parts, comments.

In a large capture the column index says where the frame is and which frames it is read by; in a small one all frames
before it are decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from bench.air.bulk.decoder import suits
from bench.air.capture.capture import read_capture
from bench.air.capture.link import Record
from bench.air.capture.tap import Tap
from bench.air.fields.rows import Row
from bench.air.frame.decoder import Decoder, Frame
from bench.air.index.selection import is_large, rows_of
from bench.air.keys.security import unprotect_readable
from bench.air.keys.table import KeyTable
from bench.air.lowpan.datagram import Fragment
from bench.air.lowpan.fragment import TIMEOUT_NS
from bench.air.mac.frame import decode_readable
from bench.errors import InputError

_TITLE: Final = "How it was read"


class Found(NamedTuple):
    """A frame, and the numbers of the frames that it puts together with itself."""

    record: Record
    row: Row
    parts: list[int]


def find_frame(path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, number: int) -> Found:
    """The frame with a number. Raises `InputError` where there is none, or the capture is damaged before it."""
    candidates = _by_index(path, keys, contexts, number) if is_large(path) and suits(keys) else None
    if candidates is None:
        candidates = rows_of(read_capture(path), Decoder(keys, contexts))
    count = 0
    earlier: list[tuple[Record, Frame]] = []
    for record, row in candidates:
        count += 1
        if record.number == number:
            return Found(record, row, _parts(row.frame, earlier))
        if isinstance(row.frame.piece, Fragment):
            earlier.append((record, row.frame))
    raise InputError(f"{path}: no frame {number}; expected 1 to {count}")


def _by_index(
    path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, number: int
) -> Iterator[tuple[Record, Row]] | None:
    """The frame and those before it that are read with others; None where the index does not tell where it is."""
    import numpy as np

    from bench.air.index.columns import ABSENT, IN_ORDER
    from bench.air.index.index import Index
    from bench.air.index.records import read_frames

    index = Index.open(path, keys, contexts)
    if not 0 < number <= len(index) or not index.apart:
        return None
    at = np.array([number - 1])
    if index.column("offset", at)[0] == ABSENT:
        return None
    start_ns = int(index.values(0, "time_ns")[0])
    if index.column("notes", at)[0] & IN_ORDER:
        since_ns = int(index.column("time_ns", at)[0]) - TIMEOUT_NS
        before = index.select(from_ns=since_ns)
        before = before[(before < number - 1) & ((index.column("notes", before) & IN_ORDER) != 0)]
        at = np.concatenate((before, at))
    return ((record, Row(frame, record, start_ns)) for record, frame in read_frames(index, at))


def _parts(frame: Frame, earlier: Iterable[tuple[Record, Frame]]) -> list[int]:
    """Numbers of the fragments before a frame that completes a datagram: of its hop, size and tag, in time."""
    piece = frame.piece
    if not isinstance(piece, Fragment) or not frame.datagram:
        return []
    same = (frame.src, frame.dst, piece.size, piece.tag)
    return [
        record.number
        for record, other in earlier
        if isinstance(other.piece, Fragment)
        and not other.piece.trouble
        and (other.src, other.dst, other.piece.size, other.piece.tag) == same
        and frame.time_ns - record.time_ns <= TIMEOUT_NS
    ]


def reading_lines(found: Found, keys: KeyTable | None) -> Iterator[str]:
    """Lines about what is not in the frame's octets; none where there is nothing to say."""
    record, frame = found.record, found.row.frame
    said: list[tuple[str, str]] = []
    if frame.mic == "ok":
        said.append(("Key", _key(record, frame, keys)))
    if frame.unauthenticated:
        said.append(("Key", "the only one of its key index; no MIC shows whether it is the right one"))
    if frame.freshness is not None:
        said.append(("Frame counter", f"{frame.freshness} (against those of its sender and key before)"))
    if found.parts:
        said.append(("Put together", f"of frames {', '.join(map(str, (*found.parts, frame.number)))}"))
    said.extend(("Comment", text) for text in record.comments)
    if said:
        yield _TITLE
        yield from (f"  {title + ':':<38} {text}" for title, text in said)


def _key(record: Record, frame: Frame, keys: KeyTable | None) -> str:
    """Which of the given keys verifies the frame."""
    candidates = keys.candidates(frame.key_index) if keys else ()
    asn = Tap.of(record).asn
    for place, key in enumerate(candidates, 1):
        try:
            unprotect_readable(record.data, decode_readable(record.data), key, eui64=frame.src, asn=asn)
        except ValueError:
            continue
        of = f" of {len(candidates)}" if len(candidates) > 1 else ""
        index = "" if frame.key_index is None else f" for key index {frame.key_index}"
        return f"number {place}{of} of the key file{index}"
    return "learnt from the capture, or of a sender that other frames name"
