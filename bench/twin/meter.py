"""A gas or water meter on a wire of its terminal.

Reading takes no time here: telegrams between meter and terminal (U-bus, 8-bit) are not modelled, and those of U-bus
are not public. A call (alarm) that the terminal cannot take, because it is dark, is held by the meter with its time.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.twin.kernel import Kernel

ALARM_CODES = ("leak1", "overflow", "reverse", "tamper")
"""Stand-in names of the alarms that public terminals know (domain.md 4.3); a meter passes on any code."""


class Meter:
    """One register and its alarms; implements ``bench.ports.MeterModel``. ``name`` is like ``t1.gas``."""

    def __init__(self, kernel: Kernel, name: str, serial: str, index: int) -> None:
        self.name, self.serial = name, serial
        self._kernel = kernel
        self._index = index
        self._held: list[tuple[str, int]] = []
        self._taker: Callable[[str, str, int], bool] | None = None

    def set_index(self, index: int) -> None:
        """Set the register; it never clips. Raises ValueError below 0."""
        if index < 0:
            raise ValueError(f"index {index} is negative")
        self._index = index

    def index(self) -> int:
        return self._index

    def raise_alarm(self, code: str) -> None:
        """Call the terminal; the call is held until it is taken."""
        self._held.append((code, self._kernel.now_ns))
        self.offer()

    def connect(self, taker: Callable[[str, str, int], bool]) -> None:
        """``taker(meter, code, occurred_ns)`` is the terminal; False when it cannot take the call now."""
        self._taker = taker

    def offer(self) -> None:
        """Offer held calls again, oldest first (the terminal asks for this when it boots)."""
        while self._held and self._taker is not None and self._taker(self.name, *self._held[0]):
            self._held.pop(0)
