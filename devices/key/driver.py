"""Driver of an installation key that a relay of labgrid's presses.

- FileDigitalOutputDriver: {name: relay.dut, filepath: /sys/class/gpio/gpio17/value}
- KeyDriver: {name: key.dut, bindings: {output: relay.dut}}          terminals: {dut: {key: key.dut, ...}}
"""

from __future__ import annotations

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from bench import kinds
from bench.drive.clock import Clock
from bench.errors import BenchError
from bench.records import NS_PER_S
from devices.switch.held import HeldRelay
from devices.switch.switch import bounded
from devices.switch.waiting import Elapsed


@target_factory.reg_driver
@attr.s(eq=False)
class KeyDriver(HeldRelay):
    """Closes the relay for as long as the key is pressed, in rig time, with every port read meanwhile.

    Observation ``panel.press`` {duration_s}, stamped half-way through the switching that began it. A bench that dies
    meanwhile has its watchdog let go of the key.
    """

    def connect(self, clock: Clock, subject: str) -> None:
        """Take it into a rig; the key is let go. ``BenchError`` where the relay does not obey."""
        super().connect(clock, subject)
        self._set(False)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def press(self, duration_s: float) -> None:
        """Press the key for ``duration_s``; returns when it is let go."""
        clock = self.clock
        clock.pump.exchange(self.port)
        before_ns = clock.now_ns()
        self._set(True)
        after_ns = clock.now_ns()
        clock.pump.publish(
            self.port,
            self._subject,
            kinds.PANEL_PRESS,
            {"duration_s": duration_s},
            t_ns=(before_ns + after_ns) // 2,
            u_ns=clock.u_ns + (after_ns - before_ns) // 2,
        )
        try:
            clock.wait_for(Elapsed(), after_ns + round(duration_s * NS_PER_S))
        finally:
            self._set(False)

    def lamp(self) -> str:
        """A relay sees no indicator; nobody asks it where none is declared (`fixtures.rig.means`)."""
        raise BenchError(f"{self.port}: a relay sees no indicator")

    def _set(self, pressed: bool) -> None:
        bounded(self.port, "press" if pressed else "let go", lambda: self.output.set(pressed))
        got = bounded(self.port, "get", lambda: bool(self.output.get()))
        if got is not pressed:
            raise BenchError(f"{self.port}: the relay reads back {'closed' if got else 'open'}")
