"""What the host tells of time: UTC against monotonic time in one reading, and how well its UTC is disciplined.

Read only: nothing here sets a clock. The discipline state is the kernel's own (``adjtimex(2)``, which chrony, ntpd,
systemd-timesyncd and phc2sys all feed): whether UTC is synchronised, and the bound that the kernel keeps on its error
(``maxerror``, which grows by 500 ppm while nobody corrects it). Where it cannot be asked, nothing is known.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from bench.records import Observation

READINGS: Final = 5
"""UTC is read so often between two readings of monotonic time; the quickest counts."""
QUICK_NS: Final = 20_000
"""A reading as quick as this needs no better one."""
_UNSYNCHRONISED: Final = 0x0040
"""STA_UNSYNC of ``struct timex.status``."""
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@attrs.frozen(slots=True)
class Reading:
    """UTC less monotonic time, ns, at ``monotonic_ns``; the true difference lies within ``half_ns`` of it."""

    monotonic_ns: int
    difference_ns: int
    half_ns: int


@attrs.frozen(slots=True)
class Discipline:
    """How well the host's UTC is kept. ``synchronised`` None: nobody says. ``max_error_ns``: bound on its error."""

    synchronised: bool | None = None
    max_error_ns: int | None = None


def read_utc(utc_ns: Callable[[], int], monotonic_ns: Callable[[], int]) -> Reading:
    """The quickest of a few readings of UTC between two of monotonic time."""
    best: Reading | None = None
    for _ in range(READINGS):
        before, utc, after = monotonic_ns(), utc_ns(), monotonic_ns()
        half = -(-(after - before) // 2)
        if best is None or half < best.half_ns:
            best = Reading(before + half, utc - before - half, half)
        if half <= QUICK_NS:
            break
    assert best is not None
    return best


class _Timex(ctypes.Structure):
    """``struct timex`` of Linux up to what is read; the kernel may write more, so room is left."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def read_discipline() -> Discipline:
    """The kernel's word on the host's UTC; nothing known where it has none (``modes`` 0 changes nothing)."""
    with contextlib.suppress(AttributeError, OSError):
        timex = _Timex()
        if ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) >= 0:
            if timex.status & _UNSYNCHRONISED:
                return Discipline(False)
            return Discipline(True, timex.maxerror * 1000)
    return Discipline()


def rate_ppm(since: tuple[int, int], now: tuple[int, int]) -> float | None:
    """How much faster monotonic time ran than the bare oscillator between two ``steered`` readings; None: not known."""
    elapsed, raw = now[0] - since[0], now[1] - since[1]
    return (elapsed / raw - 1) * 1e6 if raw > 0 else None


def steered() -> tuple[int, int]:
    """Monotonic time, which a time daemon may run faster or slower, and the oscillator's own (zero: there is none)."""
    raw = getattr(time, "CLOCK_MONOTONIC_RAW", None)
    return time.monotonic_ns(), 0 if raw is None else time.clock_gettime_ns(raw)


def boot() -> str:
    """Names the present run of the host's kernel: monotonic time goes on within it. Empty where nobody says."""
    with contextlib.suppress(OSError):
        return _BOOT.read_text(encoding="ascii").strip()
    return ""


@attrs.frozen(slots=True)
class Continued:
    """Where an earlier session of the same run left rig time: its last anchor and its last stamp."""

    boot: str
    monotonic_ns: int
    anchor_ns: int
    offset_ns: int
    last_ns: int

    @classmethod
    def of(cls, anchor: Observation, last_ns: int) -> Continued | None:
        """From a run's last ``clock.anchor``; None where an older bench wrote it."""
        boot, monotonic, offset = (anchor.data.get(key) for key in ("boot", "monotonic_ns", "offset_ns"))
        if not isinstance(boot, str) or not isinstance(monotonic, int) or not isinstance(offset, int):
            return None
        return cls(boot, monotonic, anchor.t_ns, offset, last_ns)

    def zero_ns(self, reading: Reading) -> int:
        """Rig time less monotonic time for a session that begins now.

        Within one boot monotonic time went on by itself. After another one only UTC leads over the gap.
        """
        if self.boot and self.boot == boot():
            return self.anchor_ns - self.monotonic_ns
        return max(reading.difference_ns - self.offset_ns, self.last_ns + 1 - reading.monotonic_ns)

    def moved(self, reading: Reading) -> tuple[int, int]:
        """What UTC moved by against monotonic time since the last anchor, and after how long, ns; within one boot."""
        zero_ns = self.anchor_ns - self.monotonic_ns
        return reading.difference_ns - zero_ns - self.offset_ns, reading.monotonic_ns - self.monotonic_ns
