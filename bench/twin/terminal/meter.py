"""A gas or water meter on a wire of its terminal.

Reading takes no time here: telegrams between meter and terminal (U-bus, 8-bit) are not modelled, and those of U-bus
are not public. A call (alarm) that the terminal cannot take, because it is dark, is held by the meter with its time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.twin.core.kernel import Kernel
from bench.twin.faults import NO_FAULTS, Hooks
from bench.twin.terminal.valve import Valve

ALARM_CODES = ("leak1", "overflow", "reverse", "tamper")
"""Stand-in names of the alarms that public terminals know (domain.md 4.3); a meter passes on any code."""


class Meter:
    """One register and its alarms; implements ``bench.ports.MeterModel``. ``name`` is like ``t1.gas``."""

    def __init__(
        self, kernel: Kernel, name: str, serial: str, index: int, faults: Hooks = NO_FAULTS, valve: bool = False
    ) -> None:
        self.name, self.serial = name, serial
        self._kernel, self._faults = kernel, faults
        self._index = index
        self.valve = Valve(kernel, faults) if valve else None
        """A gas meter's; None where it has none."""
        self._held: list[tuple[str, int]] = []
        self._tapped: list[Callable[[int], None]] = []
        self._taker: Callable[[str, str, int], bool] | None = None

    def set_index(self, index: int) -> None:
        """Set the register; it never clips. Raises ValueError below 0."""
        if index < 0:
            raise ValueError(f"index {index} is negative")
        self._index = index

    def index(self) -> int:
        return self._index

    def valve_state(self) -> str:
        """``open``, ``shut`` or ``checking``; ``none`` where there is no valve."""
        return self.valve.state if self.valve is not None else "none"

    def set_leak(self, leak: bool) -> None:
        """Have gas lost behind the valve, so that no leak check passes. Raises ValueError where there is no valve."""
        if self.valve is None:
            raise ValueError(f"{self.name} has no valve")
        self.valve.leak = leak

    def on_valve(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with the valve's new state at each change; never where there is none."""
        if self.valve is not None:
            self.valve.subscribe(listener)

    def on_told(self, listener: Callable[[int], None]) -> None:
        """Call ``listener`` with the index whenever the terminal is told it."""
        self._tapped.append(listener)

    def told(self) -> int:
        """The register as the terminal hears it; a fault lies in the terminal's ear, the line carries what is right."""
        for listener in self._tapped:
            listener(self._index)
        return self._faults.changed("meter_read", self._index, kind=int)

    def raise_alarm(self, code: str) -> None:
        """Call the terminal; the call is held until it is taken."""
        for delay_ns, called in self._faults.several("meter_alarm", code, kind=str):
            if delay_ns:
                self._kernel.after(delay_ns, partial(self.call, called))
            else:
                self.call(called)

    def call(self, code: str) -> None:
        """Call the terminal with this alarm, which occurs now."""
        self._held.append((code, self._kernel.now_ns))
        self.offer()

    def connect(self, taker: Callable[[str, str, int], bool]) -> None:
        """``taker(meter, code, occurred_ns)`` is the terminal; False when it cannot take the call now."""
        self._taker = taker

    def offer(self) -> None:
        """Offer held calls again, oldest first (the terminal asks for this when it boots)."""
        while self._held and self._taker is not None and self._taker(self.name, *self._held[0]):
            self._held.pop(0)
