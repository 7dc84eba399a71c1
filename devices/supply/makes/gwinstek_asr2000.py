"""Impersonator of a GW Instek ASR-2000 AC source (devices.md 6.3): one output, states 1/0, rms measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from devices.supply.impersonator import Handler, ScpiFault, ScpiImpersonator, bare, boolean, number, one

MAX_VOLTS: Final = {"100": 175.0, "200": 350.0, "AUTO": 350.0}
MAX_AMPS: Final = 5.0
"""Current limit of the smallest model of the family; a stand-in where a lab has a larger one."""
FREQUENCY_HZ: Final = (40.0, 999.9)


class AsrImpersonator(ScpiImpersonator):
    """ASR-2000 over a ``SupplyModel`` of one channel."""

    def identity(self) -> str:
        return f"GW-INSTEK,ASR-2050,{self.model.serial},1.00"

    def commands(self) -> Mapping[str, Handler]:
        self._range = "AUTO"
        self._hertz = 50.0
        return {
            "[:SOURce]:MODE?": bare(lambda: "AC-INT"),
            "[:SOURce]:VOLTage:RANGe": self._set_range,
            "[:SOURce]:VOLTage:RANGe?": bare(lambda: self._range),
            "[:SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude]": self._set_volts,
            "[:SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude]?": bare(lambda: f"{self.output(1).set_volts:.1f}"),
            "[:SOURce]:FREQuency[:IMMediate]": self._set_hertz,
            "[:SOURce]:FREQuency[:IMMediate]?": bare(lambda: f"{self._hertz:.2f}"),
            "[:SOURce]:CURRent:LIMit:RMS[:AMPLitude]": self._set_amps,
            "[:SOURce]:CURRent:LIMit:RMS[:AMPLitude]?": bare(lambda: f"{self.output(1).set_amps:.2f}"),
            ":OUTPut[:STATe]": self._switch,
            ":OUTPut[:STATe]?": bare(lambda: "1" if self.output(1).on else "0"),
            ":OUTPut:PROTection:CLEar": bare(lambda: None),
            ":MEASure[:SCALar]:VOLTage:RMS?": bare(lambda: f"{self.output(1).volts():.2f}"),
            ":MEASure[:SCALar]:CURRent:RMS?": bare(lambda: f"{self.output(1).amps():.3f}"),
            ":MEASure[:SCALar]:FREQuency?": bare(lambda: f"{self._hertz if self.output(1).on else 0.0:.2f}"),
        }

    def _set_range(self, _n: Sequence[int], args: Sequence[str]) -> None:
        word = one(args).upper()
        if word not in MAX_VOLTS:
            raise ScpiFault(-224)
        self._range = word

    def _set_volts(self, _n: Sequence[int], args: Sequence[str]) -> None:
        self.output(1).set_volts = number(args, 0.0, MAX_VOLTS[self._range])

    def _set_hertz(self, _n: Sequence[int], args: Sequence[str]) -> None:
        self._hertz = number(args, *FREQUENCY_HZ)

    def _set_amps(self, _n: Sequence[int], args: Sequence[str]) -> None:
        self.output(1).set_amps = number(args, 0.0, MAX_AMPS)

    def _switch(self, _n: Sequence[int], args: Sequence[str]) -> None:
        self.output(1).switch(boolean(one(args)))
