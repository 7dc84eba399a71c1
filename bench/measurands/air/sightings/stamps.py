"""Which stamp stands for a frame, of a capture record or of a decoded frame alike."""

from __future__ import annotations

from typing import Final, Protocol

from bench.records import NS_PER_S

ONE_CLOCK_NS: Final = 10 * NS_PER_S
"""A start of frame further from the capture's stamp than this counts on a clock of its own (TAP: since power-on)."""

FAR_NS: Final = 1 << 62
"""Stamps count up to here (the year 2116), and down to the half of it below zero: any two differ by 63 bits."""


class Stamped(Protocol):
    """A record or a frame; times in ns."""

    @property
    def time_ns(self) -> int: ...

    @property
    def start_ns(self) -> int | None: ...


def start_ns(heard: Stamped) -> int:
    """The capture's own start of the frame, where it is on the capture's clock; else the stamp."""
    return start_of(heard.time_ns, heard.start_ns)


def start_of(time_ns: int, start: int | None) -> int:
    """The same of a stamp and a start that may be there."""
    if start is not None and abs(start - time_ns) < ONE_CLOCK_NS:
        return max(-FAR_NS // 2, min(start, FAR_NS))
    return max(-FAR_NS // 2, min(time_ns, FAR_NS))
