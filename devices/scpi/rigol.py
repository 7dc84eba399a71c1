"""Impersonator of a Rigol DP832 (devices.md 6.5): three outputs at most, channels by name (``CH1``), states ON/OFF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bench.ports import OutputModel
from devices.scpi.instrument import Handler, ScpiFault, ScpiImpersonator, boolean, number

MAX_VOLTS: Final = (30.0, 30.0, 5.0)
MAX_AMPS: Final = (3.0, 3.0, 3.0)


def channel_of(word: str) -> int:
    """``CH2`` -> 2."""
    if not word.upper().startswith("CH") or not word[2:].isdigit():
        raise ScpiFault(-224)
    return int(word[2:])


class RigolImpersonator(ScpiImpersonator):
    """DP832 over a ``SupplyModel`` of one to three channels."""

    def identity(self) -> str:
        return f"RIGOL TECHNOLOGIES,DP832,{self.model.serial},00.01.16"

    def commands(self) -> Mapping[str, Handler]:
        self._selected = 1
        return {
            ":INSTrument:NSELect": self._select,
            ":INSTrument:NSELect?": lambda _n, _a: str(self._selected),
            "[:SOURce#]:VOLTage[:LEVel][:IMMediate][:AMPLitude]": self._set_volts,
            "[:SOURce#]:VOLTage[:LEVel][:IMMediate][:AMPLitude]?": lambda n, _a: f"{self.output(n[0]).set_volts:.3f}",
            "[:SOURce#]:CURRent[:LEVel][:IMMediate][:AMPLitude]": self._set_amps,
            "[:SOURce#]:CURRent[:LEVel][:IMMediate][:AMPLitude]?": lambda n, _a: f"{self.output(n[0]).set_amps:.3f}",
            ":APPLy": self._apply,
            ":APPLy?": self._applied,
            ":OUTPut[:STATe]": self._switch,
            ":OUTPut[:STATe]?": lambda _n, a: "ON" if self._named(a).on else "OFF",
            ":OUTPut:CVCC?": self._mode,
            ":OUTPut:MODE?": self._mode,
            ":MEASure[:VOLTage][:DC]?": lambda _n, a: f"{self._named(a).volts():.4f}",
            ":MEASure:CURRent[:DC]?": lambda _n, a: f"{self._named(a).amps():.4f}",
            ":MEASure:ALL[:DC]?": self._all,
            ":SYSTem:REMote": lambda _n, _a: None,
            ":SYSTem:LOCal": lambda _n, _a: None,
        }

    def _named(self, args: Sequence[str]) -> OutputModel:
        """The channel that the first argument names, or the selected one."""
        return self.output(channel_of(args[0]) if args else self._selected)

    def _select(self, _n: Sequence[int], args: Sequence[str]) -> None:
        n = int(number(args, 1, 3))
        self.output(n)
        self._selected = n

    def _set_volts(self, n: Sequence[int], args: Sequence[str]) -> None:
        self.output(n[0]).set_volts = number(args, 0.0, MAX_VOLTS[n[0] - 1])

    def _set_amps(self, n: Sequence[int], args: Sequence[str]) -> None:
        self.output(n[0]).set_amps = number(args, 0.0, MAX_AMPS[n[0] - 1])

    def _apply(self, _n: Sequence[int], args: Sequence[str]) -> None:
        if len(args) != 3:
            raise ScpiFault(-109)
        n = channel_of(args[0])
        self._set_volts([n], args[1:2])
        self._set_amps([n], args[2:3])

    def _applied(self, _n: Sequence[int], args: Sequence[str]) -> str:
        n = channel_of(args[0]) if args else self._selected
        output = self.output(n)
        limits = f"{MAX_VOLTS[n - 1]:.0f}V/{MAX_AMPS[n - 1]:.0f}A"
        return f"CH{n}:{limits},{output.set_volts:.3f},{output.set_amps:.3f}"

    def _switch(self, _n: Sequence[int], args: Sequence[str]) -> None:
        if not args:
            raise ScpiFault(-109)
        self._named(args[:-1]).switch(boolean(args[-1]))

    def _mode(self, _n: Sequence[int], args: Sequence[str]) -> str:
        output = self._named(args)
        return "CC" if output.on and output.amps() >= output.set_amps else "CV"

    def _all(self, _n: Sequence[int], args: Sequence[str]) -> str:
        output = self._named(args)
        volts, amps = output.volts(), output.amps()
        return f"{volts:.4f},{amps:.4f},{volts * amps:.4f}"
