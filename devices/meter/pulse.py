"""Driver of a meter port in the pulse role: a contact that the bench closes, for a terminal that counts pulses.

- FileDigitalOutputDriver: {name: relay.gas, ...}                      a relay, or a line of `devices.switch.gpio`
- PulseMeterDriver: {name: pulse.t1.gas, bindings: {output: relay.gas}, index: 123456, units: 1}
                                                                       terminals: {t1: {meters: {t1.gas: pulse.t1.gas}}}

The bench has no meter to read: the register is what it stood at (``index``, as somebody read it when the terminal was
installed) and the pulses since. It only goes up. Where a bench died among pulses nobody knows how many the terminal
counted; the register is then unknown for the rest of the run, which the timeline says, and its marks are left out.
"""

from __future__ import annotations

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from bench import kinds
from bench.drive.clock import Clock
from bench.errors import BenchError
from bench.records import NS_PER_S
from devices.meter.protocol import MeterPort, TurnsRegister
from devices.operator.task import NotAnswered
from devices.switch.held import HeldRelay
from devices.switch.switch import bounded
from devices.switch.waiting import Elapsed

_seconds = attr.validators.and_(attr.validators.instance_of(float), attr.validators.gt(0.0))
_count = attr.validators.and_(attr.validators.instance_of(int), attr.validators.ge(0))


@target_factory.reg_driver
@attr.s(eq=False)
class PulseMeterDriver(HeldRelay, TurnsRegister, MeterPort):
    """A register that is turned by pulses. Observation ``meter.index`` {index} after the last pulse of a step.

    ``index``: what the register stands at before the first pulse, in its least count. ``units``: least counts a pulse.
    ``width_s``, ``gap_s``: how long the contact is closed, and open at least, as the terminal's paper asks.
    """

    index: int = attr.ib(default=0, validator=_count)
    units: int = attr.ib(
        default=1, validator=attr.validators.and_(attr.validators.instance_of(int), attr.validators.ge(1))
    )
    width_s: float = attr.ib(default=0.05, converter=float, validator=_seconds)
    gap_s: float = attr.ib(default=0.05, converter=float, validator=_seconds)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._now: int | None = self.index

    def connect(self, clock: Clock, subject: str) -> None:
        """Take it into a rig; the contact is opened. ``BenchError`` where the relay does not obey."""
        super().connect(clock, subject)
        self._contact(False)

    def count_from(self, index: int | None) -> None:
        """Go on with a run: what the register stood at, None where a step was cut off. The timeline is told that."""
        self._now = index
        if index is None:
            why = "a step of it was cut off: how many pulses were counted is not known"
            self.clock.pump.publish(self.port, self._subject, kinds.METER_UNKNOWN, {"why": why})

    @Driver.check_active  # type: ignore[untyped-decorator]
    def read_index(self) -> int:
        """What it stood at, and the pulses since. `NotAnswered` where nobody knows."""
        if self._now is None:
            raise NotAnswered(f"{self.port}: how many pulses were counted is not known")
        return self._now

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set_index(self, index: int) -> int:
        """Pulses up to ``index``. ``BenchError`` for one that no whole number of pulses leads up to."""
        pulses, rest = divmod(index - self.read_index(), self.units)
        if pulses < 0 or rest:
            raise BenchError(f"{self.port}: pulses lead from {self._now} to no {index}, {self.units} a pulse")
        self._now = None  # until the last one is made
        for _pulse in range(pulses):
            self._pulse()
        self._now = index
        self.clock.pump.publish(self.port, self._subject, kinds.METER_INDEX, {"index": index})
        return index

    def turned_within(self, seconds: float) -> int:
        return max(1, int(seconds / (self.width_s + self.gap_s))) * self.units

    def _pulse(self) -> None:
        self.clock.pump.exchange(self.port)
        try:
            self._contact(True)
            self._wait(self.width_s)
        finally:
            self._contact(False)
        self._wait(self.gap_s)

    def _wait(self, seconds: float) -> None:
        self.clock.wait_for(Elapsed(), self.clock.now_ns() + round(seconds * NS_PER_S))

    def _contact(self, closed: bool) -> None:
        bounded(self.port, "close" if closed else "open", lambda: self.output.set(closed))
        if bounded(self.port, "get", lambda: bool(self.output.get())) is not closed:
            raise BenchError(f"{self.port}: the contact reads back {'open' if closed else 'closed'}")
