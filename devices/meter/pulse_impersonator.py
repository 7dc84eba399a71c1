"""Impersonator of a contact at a terminal's pulse input (`devices.switch.impersonator` is the box).

Counting is the terminal's affair; the twin's terminals read a register, so each pulse turns that by one count: a
stand-in for the counter in the terminal.
"""

from __future__ import annotations

from bench.ports import MeterModel, Port
from devices.switch.impersonator import RelayImpersonator


class PulseImpersonator(RelayImpersonator):
    """The terminal counts a pulse when the contact closes."""

    def __init__(self, port: Port, model: MeterModel) -> None:
        super().__init__(port)
        self._model = model

    def on_switch(self, closed: bool) -> None:
        if closed:
            self._model.set_index(self._model.index() + 1)
