"""What each make of supply calls things (labgrid.md 4.3, devices.md 6): small tables, one driver over them all.

A dialect gives the command strings and says how an answer is read; it does no I/O, so the driver and the watchdog share
it. Limits are the instrument's: a value outside is refused by the driver, never clipped.
"""

from __future__ import annotations

from typing import Final, Protocol

import attrs


@attrs.frozen(slots=True)
class Limits:
    """The largest set values of one channel."""

    volts: float
    amps: float


class Dialect(Protocol):
    """Commands of one family; ``channel`` counts from 1."""

    @property
    def model(self) -> str:
        """A word of the ``*IDN?`` answer by which the family is known."""

    @property
    def channels(self) -> tuple[Limits, ...]: ...
    @property
    def resolution(self) -> float:
        """Largest difference of a read-back to what was set, in V or A."""

    def set_volts(self, channel: int, volts: float) -> str: ...
    def ask_volts(self, channel: int) -> str: ...
    def set_amps(self, channel: int, amps: float) -> str: ...
    def ask_amps(self, channel: int) -> str: ...
    def switch(self, channel: int, on: bool) -> str: ...
    def ask_switch(self, channel: int) -> str: ...
    def measure_volts(self, channel: int) -> str: ...
    def measure_amps(self, channel: int) -> str: ...


@attrs.frozen(slots=True)
class RigolDp832:
    """Rigol DP832: ``:SOURn`` for set values, ``CHn`` elsewhere (devices.md 6.5)."""

    model: str = "DP832"
    channels: tuple[Limits, ...] = (Limits(30.0, 3.0), Limits(30.0, 3.0), Limits(5.0, 3.0))
    resolution: float = 0.001

    def set_volts(self, channel: int, volts: float) -> str:
        return f":SOUR{channel}:VOLT {volts:.3f}"

    def ask_volts(self, channel: int) -> str:
        return f":SOUR{channel}:VOLT?"

    def set_amps(self, channel: int, amps: float) -> str:
        return f":SOUR{channel}:CURR {amps:.3f}"

    def ask_amps(self, channel: int) -> str:
        return f":SOUR{channel}:CURR?"

    def switch(self, channel: int, on: bool) -> str:
        return f":OUTP CH{channel},{'ON' if on else 'OFF'}"

    def ask_switch(self, channel: int) -> str:
        return f":OUTP? CH{channel}"

    def measure_volts(self, channel: int) -> str:
        return f":MEAS:VOLT? CH{channel}"

    def measure_amps(self, channel: int) -> str:
        return f":MEAS:CURR? CH{channel}"


@attrs.frozen(slots=True)
class Asr2000:
    """GW Instek ASR-2000: one AC output, rms values (devices.md 6.3)."""

    model: str = "ASR-2"
    channels: tuple[Limits, ...] = (Limits(350.0, 5.0),)
    resolution: float = 0.1

    def set_volts(self, channel: int, volts: float) -> str:
        return f":SOUR:VOLT:LEV:IMM:AMPL {volts:.1f}"

    def ask_volts(self, channel: int) -> str:
        return ":SOUR:VOLT:LEV:IMM:AMPL?"

    def set_amps(self, channel: int, amps: float) -> str:
        return f":SOUR:CURR:LIM:RMS {amps:.2f}"

    def ask_amps(self, channel: int) -> str:
        return ":SOUR:CURR:LIM:RMS?"

    def switch(self, channel: int, on: bool) -> str:
        return f":OUTP {'ON' if on else 'OFF'}"

    def ask_switch(self, channel: int) -> str:
        return ":OUTP?"

    def measure_volts(self, channel: int) -> str:
        return ":MEAS:SCAL:VOLT:RMS?"

    def measure_amps(self, channel: int) -> str:
        return ":MEAS:SCAL:CURR:RMS?"


DIALECTS: Final[dict[str, Dialect]] = {"rigol-dp832": RigolDp832(), "gwinstek-asr2000": Asr2000()}
"""By the name that a rig file gives as ``model``."""
