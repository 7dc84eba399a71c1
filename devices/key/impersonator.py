"""Impersonator of a relay that presses a terminal's installation key (`devices.switch.impersonator` is the box)."""

from __future__ import annotations

from bench.ports import PanelModel, Port
from bench.records import NS_PER_S
from devices.switch.impersonator import RelayImpersonator


class KeyRelayImpersonator(RelayImpersonator):
    """The key is down while the relay is closed; the terminal acts when it is let go, as it is told how long then."""

    def __init__(self, port: Port, model: PanelModel) -> None:
        super().__init__(port)
        self._model = model
        self._down_ns = 0

    def on_switch(self, closed: bool) -> None:
        if closed:
            self._down_ns = self._port.now_ns()
        else:
            self._model.press_key((self._port.now_ns() - self._down_ns) / NS_PER_S)
