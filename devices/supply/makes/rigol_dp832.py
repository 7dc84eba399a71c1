"""Impersonator of a Rigol DP832 (devices.md 6.5): three outputs at most, channels by name (``CH1``), states ON/OFF."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from bench.ports import OutputModel
from devices.supply.impersonator import Handler, ScpiFault, ScpiImpersonator, bare, boolean, number, one

MAX_VOLTS: Final = (30.0, 30.0, 5.0)
MAX_AMPS: Final = (3.0, 3.0, 3.0)
_CHANNEL: Final = re.compile(r"CH[0-9]{1,3}", re.IGNORECASE)


def channel_of(word: str) -> int:
    """``CH2`` -> 2."""
    if not _CHANNEL.fullmatch(word):
        raise ScpiFault(-224)
    return int(word[2:])


class RigolImpersonator(ScpiImpersonator):
    """DP832 over a ``SupplyModel`` of one to three channels."""

    def identity(self) -> str:
        return f"RIGOL TECHNOLOGIES,DP832,{self.model.serial},00.01.16"

    def commands(self) -> Mapping[str, Handler]:
        self._selected = 1
        return {
            ":INSTrument[:SELect]": self._select,
            ":INSTrument[:SELect]?": bare(lambda: f"CH{self._selected}"),
            ":INSTrument:NSELect": self._select_number,
            ":INSTrument:NSELect?": bare(lambda: str(self._selected)),
            "[:SOURce#]:VOLTage[:LEVel][:IMMediate][:AMPLitude]": self._set_volts,
            "[:SOURce#]:VOLTage[:LEVel][:IMMediate][:AMPLitude]?": self._asked_volts,
            "[:SOURce#]:CURRent[:LEVel][:IMMediate][:AMPLitude]": self._set_amps,
            "[:SOURce#]:CURRent[:LEVel][:IMMediate][:AMPLitude]?": self._asked_amps,
            ":APPLy": self._apply,
            ":APPLy?": self._applied,
            ":OUTPut[:STATe]": self._switch,
            ":OUTPut[:STATe]?": lambda _n, a: "ON" if self._named(a).on else "OFF",
            ":OUTPut:CVCC?": self._mode,
            ":OUTPut:MODE?": self._mode,
            ":MEASure[:VOLTage][:DC]?": lambda _n, a: f"{self._named(a).volts():.4f}",
            ":MEASure:CURRent[:DC]?": lambda _n, a: f"{self._named(a).amps():.4f}",
            ":MEASure:POWEr[:DC]?": self._power,
            ":MEASure:ALL[:DC]?": self._all,
            ":SYSTem:REMote": bare(lambda: None),
            ":SYSTem:LOCal": bare(lambda: None),
        }

    def output(self, n: int) -> OutputModel:
        """Channel ``n``; a DP832 has no fourth, whatever feeds it."""
        if n > len(MAX_VOLTS):
            raise ScpiFault(-224)
        return super().output(n)

    def _number_named(self, args: Sequence[str]) -> int:
        """The channel that the one argument names, or the selected one; -224 where there is no such channel."""
        n = channel_of(one(args)) if args else self._selected
        self.output(n)
        return n

    def _named(self, args: Sequence[str]) -> OutputModel:
        return self.output(self._number_named(args))

    def _source(self, suffixes: Sequence[int]) -> int:
        """The channel of ``:SOURn``; without its number the selected one."""
        n = suffixes[0] or self._selected
        self.output(n)
        return n

    def _select(self, _n: Sequence[int], args: Sequence[str]) -> None:
        self._selected = self._number_named([one(args)])

    def _select_number(self, _n: Sequence[int], args: Sequence[str]) -> None:
        wanted = number(args, 1, len(self.model.channels))
        if not wanted.is_integer():
            raise ScpiFault(-224)
        self.output(int(wanted))
        self._selected = int(wanted)

    def _set_volts(self, n: Sequence[int], args: Sequence[str]) -> None:
        channel = self._source(n)
        self.output(channel).set_volts = number(args, 0.0, MAX_VOLTS[channel - 1])

    def _set_amps(self, n: Sequence[int], args: Sequence[str]) -> None:
        channel = self._source(n)
        self.output(channel).set_amps = number(args, 0.0, MAX_AMPS[channel - 1])

    def _asked_volts(self, n: Sequence[int], args: Sequence[str]) -> str:
        if args:
            raise ScpiFault(-108)
        return f"{self.output(self._source(n)).set_volts:.3f}"

    def _asked_amps(self, n: Sequence[int], args: Sequence[str]) -> str:
        if args:
            raise ScpiFault(-108)
        return f"{self.output(self._source(n)).set_amps:.3f}"

    def _apply(self, _n: Sequence[int], args: Sequence[str]) -> None:
        """Both values or none: a refused current leaves the voltage as it was."""
        if len(args) != 3:
            raise ScpiFault(-109 if len(args) < 3 else -108)
        n = self._number_named(args[:1])
        volts = number(args[1:2], 0.0, MAX_VOLTS[n - 1])
        amps = number(args[2:3], 0.0, MAX_AMPS[n - 1])
        output = self.output(n)
        output.set_volts, output.set_amps = volts, amps

    def _applied(self, _n: Sequence[int], args: Sequence[str]) -> str:
        n = self._number_named(args)
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

    def _power(self, _n: Sequence[int], args: Sequence[str]) -> str:
        output = self._named(args)
        return f"{output.volts() * output.amps():.4f}"

    def _all(self, _n: Sequence[int], args: Sequence[str]) -> str:
        output = self._named(args)
        volts, amps = output.volts(), output.amps()
        return f"{volts:.4f},{amps:.4f},{volts * amps:.4f}"
