"""Captures of which no FCS is right: the noise of the air never damages them all, so something else stands there.

Sniffers of TI's CC24xx radios write two octets of their own over the FCS, others leave it off and say that it is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.air.capture.capture import is_read_once, read_capture
from bench.air.capture.link import Record
from bench.air.mac.frame import fcs16, fcs32
from bench.air.octets import counted
from bench.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_CRC_OK: Final = 0x80
"""Bit of the second octet that a CC24xx radio writes: the FCS was right."""
_MOST: Final = 0.9
"""Of the frames: a few were damaged on the air, and show otherwise."""


class WrongFcs(NamedTuple):
    """How many frames there are, and what their last octets probably are."""

    frames: int
    probably: str

    def __str__(self) -> str:
        which = "only frame" if self.frames == 1 else f"all {counted(self.frames, 'frame')}"
        return f"the FCS of {'the ' if self.frames == 1 else ''}{which} is wrong: {self.probably}"


_TI: Final = "the last two octets are no FCS but level and CRC-OK bit, as sniffers of TI CC24xx radios write them"
_NONE: Final = "they probably end without one, though the file says that they have it (link type 230 has none)"

_FORMS: Final[tuple[tuple[str, Callable[[bytes], bool]], ...]] = (
    ("they end with a 32-bit FCS", lambda frame: len(frame) > 4 and fcs32(frame[:-4]) == frame[-4:]),
    ("they end with a 16-bit FCS", lambda frame: len(frame) > 2 and fcs16(frame[:-2]) == frame[-2:]),
    ("the octets of their FCS are swapped", lambda frame: len(frame) > 2 and fcs16(frame[:-2])[::-1] == frame[-2:]),
    ("zeros stand in its place", lambda frame: not any(frame[-2:])),
    (_TI, lambda frame: bool(frame[-1:]) and frame[-1] & _CRC_OK > 0),
)


def all_wrong(path: Path | str) -> WrongFcs | None:
    """What is said of a capture none of whose FCSs is right; None of any other, of one without, and of a pipe. Reads up
    to the first right one."""
    if is_read_once(path) or not os.path.isfile(path):
        return None
    try:
        return of_records(read_capture(path))
    except InputError:
        return None  # told by whoever reads the frames


def of_records(records: Iterable[Record]) -> WrongFcs | None:
    """The same of records."""
    frames = 0
    like = dict.fromkeys((name for name, _ in _FORMS), 0)
    for record in records:
        if record.fcs_ok is not False:
            if record.fcs_ok or not record.fcs_counted:
                return None
            continue
        frames += 1
        for name, holds in _FORMS:
            like[name] += holds(record.data + record.fcs)
    if not frames:
        return None
    return WrongFcs(frames, next((name for name, count in like.items() if count >= _MOST * frames), _NONE))
