"""Driver of a meter port in the emulator role (stand-in protocol: see the package)."""

from __future__ import annotations

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from bench import kinds
from devices.meter.protocol import MeterPort, MeterProtocol
from devices.wires.line_driver import LineDriver


@target_factory.reg_driver
@attr.s(eq=False)
class MeterDriver(LineDriver, MeterProtocol, MeterPort):
    """``standin-meter/1``. Observations: ``meter.index`` {index} after each set, ``meter.alarm`` {code}, ``meter.leak``
    {leak}, ``meter.valve`` {state} at each change and when it is read."""

    def on_line(self, text: str) -> None:
        match text.split():
            case ["!", "VALVE", state] if state in VALVE_STATES:
                self.publish(kinds.METER_VALVE, {"state": state})
            case words:
                # What was babbled without a line end stands before it in the same line.
                at_end = words[-3:]
                if len(words) > 3 and at_end[0].endswith("!") and at_end[1] == "VALVE" and at_end[2] in VALVE_STATES:
                    self.publish(kinds.METER_VALVE, {"state": at_end[2]})
                else:
                    super().on_line(text)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set_index(self, index: int) -> int:
        self.ask(f"SET {index}", lambda words: words == ["OK", str(index)], harmless=True, tied=True)
        self.publish(kinds.METER_INDEX, {"index": index})
        return index

    @Driver.check_active  # type: ignore[untyped-decorator]
    def read_index(self) -> int:
        words = self.ask("GET", lambda words: words[:1] == ["INDEX"] and words[1:2] != [] and _is_index(words[1]), True)
        return int(words[1])

    @Driver.check_active  # type: ignore[untyped-decorator]
    def raise_alarm(self, code: str) -> None:
        self.ask(f"ALARM {code}", lambda words: words == ["OK", "ALARM", code])
        self.publish(kinds.METER_ALARM, {"code": code})

    @Driver.check_active  # type: ignore[untyped-decorator]
    def read_valve(self) -> str:
        state = self.ask("VALVE", lambda w: len(w) == 2 and w[0] == "VALVE" and w[1] in VALVE_STATES, harmless=True)[1]
        self.publish(kinds.METER_VALVE, {"state": state})
        return state

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set_leak(self, leak: bool) -> None:
        word = "on" if leak else "off"
        self.ask(f"LEAK {word}", lambda words: words == ["OK", "LEAK", word], harmless=True, tied=True)
        self.publish(kinds.METER_LEAK, {"leak": leak})

    @Driver.check_active  # type: ignore[untyped-decorator]
    def serial_number(self) -> str:
        return self.ask("ID", lambda words: words[:1] == ["ID"] and len(words) == 3, harmless=True)[1]


VALVE_STATES = ("open", "shut", "checking", "none")


def _is_index(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 20
