"""Captures of which no FCS is right: the noise of the air never damages them all, so something else stands there.

Sniffers of TI's CC24xx radios write two octets of their own over the FCS, others leave it off and say that it is there.
Whatever stands there is the right FCS by chance once in 65,536 frames (16 bits), so of a night's capture some are. They
are allowed for, as far as chance explains them; and only where the wrong ones are not what a bad radio would hear.
"""

from __future__ import annotations

import math
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
_BY_CHANCE: Final = 1e-4
"""So many right ones as one capture in 10,000 has, or more, are no chance. A choice of ours."""
_BY_NOISE: Final = 1e-6
"""What noise does in one capture of a million is not its doing. A choice of ours."""
_LEAST_RIGHT: Final = 0.01
"""A radio that hears frames at all hears at least this share of them right. A choice of ours."""


class WrongFcs(NamedTuple):
    """How many frames there are, what their last octets probably are, and how many of them are right by chance."""

    frames: int
    probably: str
    by_chance: int = 0

    def __str__(self) -> str:
        which = "the only frame" if self.frames == 1 else f"all {counted(self.frames, 'frame')}"
        if self.by_chance:
            which = f"{self.frames - self.by_chance} of {counted(self.frames, 'frame')}"
        return f"the FCS of {which} is wrong{self._besides}: {self.probably}"

    @property
    def _besides(self) -> str:
        return f", no more are right than chance makes so ({self.by_chance})" if self.by_chance else ""


_TI: Final = "the last two octets are no FCS but level and CRC-OK bit, as sniffers of TI CC24xx radios write them"
_NONE: Final = "they probably end without one, though the file says that they have it (link type 230 has none)"


class _Form(NamedTuple):
    """What may stand in the place of an FCS, the chance that octets at random look so, and whether a frame does."""

    probably: str
    chance: float
    holds: Callable[[bytes], bool]


_FORMS: Final = (
    _Form("they end with a 32-bit FCS", 2.0**-32, lambda frame: len(frame) > 4 and fcs32(frame[:-4]) == frame[-4:]),
    _Form("they end with a 16-bit FCS", 2.0**-16, lambda frame: len(frame) > 2 and fcs16(frame[:-2]) == frame[-2:]),
    _Form(
        "the octets of their FCS are swapped",
        2.0**-16,
        lambda frame: len(frame) > 2 and fcs16(frame[:-2])[::-1] == frame[-2:],
    ),
    _Form("zeros stand in its place", 2.0**-16, lambda frame: not any(frame[-2:])),
    _Form(_TI, 0.5, lambda frame: bool(frame[-1:]) and frame[-1] & _CRC_OK > 0),
)


def all_wrong(path: Path | str) -> WrongFcs | None:
    """What is said of a capture whose FCSs are all wrong, but for those that chance made right; None of any other, of
    one without, and of a pipe. Reads up to the right one that chance does not explain: in most captures the first."""
    if is_read_once(path) or not os.path.isfile(path):
        return None
    try:
        return of_records(read_capture(path))
    except InputError:
        return None  # told by whoever reads the frames


def of_records(records: Iterable[Record]) -> WrongFcs | None:
    """The same of records."""
    wrong = right = 0
    expected = 0.0
    like = dict.fromkeys((form.probably for form in _FORMS), 0)
    for record in records:
        if record.fcs_ok is None:
            if not record.fcs_counted:
                return None
            continue
        expected += 2.0 ** (-8 * (record.fcs_octets or record.fcs_counted))
        if record.fcs_ok:
            right += 1
            if _more_than_chance(right, expected):
                return None
            continue
        wrong += 1
        for form in _FORMS:
            like[form.probably] += form.holds(record.data + record.fcs)
    if not wrong:
        return None
    found = next((form for form in _FORMS if like[form.probably] >= _MOST * wrong), _Form(_NONE, 1.0, lambda _: True))
    if right and not _shows(found, like.get(found.probably, 0), wrong, right):
        return None
    return WrongFcs(wrong + right, found.probably, right)


def _more_than_chance(right: int, expected: float) -> bool:
    """Whether chance alone would hardly ever make so many FCSs right: the upper tail of their number. Frames are many
    and each one's chance is small, so it is Poisson's distribution (the limit of the binomial one)."""
    term = below = math.exp(-expected)
    for count in range(1, right):
        term *= expected / count
        below += term
    return 1.0 - below < _BY_CHANCE


def _shows(form: _Form, alike: int, wrong: int, right: int) -> bool:
    """Whether frames that noise damaged would hardly ever look so: that many of one form, or so few right among them
    that the radio heard nothing. Both are tails of the binomial distribution."""
    if form.chance < 1.0 and _upper_tail(alike, wrong, form.chance) < _BY_NOISE:
        return True
    return _upper_tail(wrong, wrong + right, 1.0 - _LEAST_RIGHT) < _BY_NOISE


def _upper_tail(at_least: int, of: int, share: float) -> float:
    """P(X >= ``at_least``) of a binomial X; by Chernoff's bound, which is never below it (Hoeffding, Probability
    inequalities for sums of bounded random variables, J. Am. Stat. Assoc. 58, 1963, theorem 1)."""
    part = at_least / of
    if part <= share:
        return 1.0
    rest = (1.0 - part) * math.log((1.0 - share) / (1.0 - part)) if part < 1.0 else 0.0
    return math.exp(of * (part * math.log(share / part) + rest))
