"""Frames that cannot be read whole: no more than their header, marked with what is wrong, or with a bug of ours."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Final, TypeVar

import attrs

from bench.air.capture.link import Record
from bench.air.errors import Malformed
from bench.air.frame.frame import Frame
from bench.air.mac.frame import decode_header
from bench.air.octets import counted

T = TypeVar("T")

BUG: Final = "bug in the decoder"
WRONG_FCS: Final = "FCS wrong"
MALFORMED: Final = "malformed: "
CUT: Final = "cut by the capture"


class Steps:
    """Runs the steps in which one frame is decoded. ``bug`` is the first failure of one that is no `Malformed`."""

    def __init__(self) -> None:
        self.bug = ""

    def run(self, step: Callable[[], T], otherwise: T) -> T:
        """What a step gives; ``otherwise`` where it fails by a bug. Raises `Malformed` as the step does."""
        try:
            return step()
        except Malformed:
            raise
        except Exception as error:  # a capture may hold anything, and one frame must not end a run
            self.bug = self.bug or _place(error)
            return otherwise


def _place(error: Exception) -> str:
    """What failed and where: ``KeyError: 5 (bench.air.rpl.messages, line 12)``."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    file = at.filename.replace("\\", "/").rpartition("/bench/")[2].removesuffix(".py").replace("/", ".")
    return f"{type(error).__name__}: {error} ({file}, line {at.lineno})"


def octets_on_air(record: Record, version: int) -> int:
    """Octets of a PSDU with its FCS, of which nobody tells the length where the capture's format has none."""
    return record.original_length + (0 if record.fcs_counted else 2 if version < 2 else 4)


def bare(record: Record, info: str) -> Frame:
    """The frame of a record of which nothing can be read: when, how long, and why not."""
    return Frame(
        number=record.number,
        time_ns=record.time_ns,
        start_ns=record.start_ns,
        end_ns=record.end_ns,
        rssi_dbm=record.rssi_dbm,
        channel=record.channel,
        length_octets=octets_on_air(record, 2),
        info=info,
        fcs_ok=record.fcs_ok,
        cut=record.cut,
    )


def headed(record: Record, trouble: str, level_2003: int | None) -> Frame:
    """The frame of a record of which nothing but the MAC header can be read, and perhaps not all of that."""
    frame = bare(record, f"{MALFORMED}{trouble}")
    try:
        head, _ = decode_header(record.data, level_2003)
    except Malformed:
        return frame
    return attrs.evolve(
        frame,
        header=head,
        length_octets=octets_on_air(record, head.version),
        src=head.src,
        dst=head.dst,
        seq=head.sequence,
        pan=head.src_pan if head.src_pan is not None else head.dst_pan,
        secured=head.security is not None and head.security.level > 0,
        key_index=head.security.key_index if head.security else None,
        frame_counter=head.security.frame_counter if head.security else None,
    )


def marked(frame: Frame, record: Record) -> Frame:
    """A frame that the capture cut, or whose FCS is wrong: what is wrong, behind what it says.

    That its MIC is wrong, too, says nothing of keys: it is as if it had none. That it ends too early is no news."""
    wrong = [f"{CUT} to {counted(len(record.data))}"] if record.cut else []
    wrong += [WRONG_FCS] if record.fcs_ok is False else []
    info = "" if frame.mic == "bad" else frame.info
    if record.cut:
        info = "" if info.startswith(MALFORMED) else info.partition(f" [{MALFORMED}")[0]
    said = f"[{', '.join(wrong)}]"
    return attrs.evolve(
        frame,
        mic="none" if frame.mic == "bad" else frame.mic,
        freshness=None,
        info=f"{info} {said}" if info else said,
    )
