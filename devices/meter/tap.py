"""Driver of a meter port in the tap role: it listens between a real meter and its terminal, by a stand-in protocol.

``standin-tap/1``: LF lines, unasked ``! TOLD <index>`` whenever the meter tells its terminal the index, ``ID`` -> ``ID
<serial> standin-tap/1``. The telegrams on such a line are not public (U-bus, 8-bit): a licence holder's tap decodes
them and speaks this.

- RawSerialPort: {name: tap.t1.gas, port: /dev/serial/by-id/meter-line-tap, speed: 115200}
- TapMeterDriver: {name: tap.t1.gas, bindings: {wire: tap.t1.gas}}       terminals: {t1: {meters: {t1.gas: tap.t1.gas}}}
"""

from __future__ import annotations

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from bench import kinds
from devices.meter.protocol import MeterPort
from devices.wires.line_driver import LineDriver

LONGEST_INDEX = 20


@target_factory.reg_driver
@attr.s(eq=False)
class TapMeterDriver(LineDriver, MeterPort):
    """Observation ``meter.told`` {index}: what the terminal was told, stamped when it was heard. It turns nothing."""

    def on_line(self, text: str) -> None:
        match text.split():
            case ["!", "TOLD", index] if index.isascii() and index.isdigit() and len(index) <= LONGEST_INDEX:
                self.publish(kinds.METER_TOLD, {"index": int(index)})
            case _:
                super().on_line(text)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def serial_number(self) -> str:
        """The tap's own: it cannot ask the meter."""
        return self.ask("ID", lambda words: words[:1] == ["ID"] and words[2:] == ["standin-tap/1"], harmless=True)[1]
