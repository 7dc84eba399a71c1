"""Impersonator of a tap on a meter's line (protocol: `devices.meter.tap`)."""

from __future__ import annotations

from bench.ports import MeterModel, Port
from devices.wires.lines import LineSplitter


class TapImpersonator:
    """``standin-tap/1`` beside a ``MeterModel``; speaks unasked when the meter tells its index."""

    def __init__(self, port: Port, model: MeterModel) -> None:
        self._port, self._model = port, model
        self._lines = LineSplitter()
        model.on_told(lambda index: port.say(f"! TOLD {index}\n".encode()))

    def on_connect(self) -> None:
        self._lines.clear()

    def on_bytes(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            known = line.split() == ["ID"]
            self._port.say(
                f"ID tap-of-{self._model.serial} standin-tap/1\n".encode() if known else b"ERR unknown command\n"
            )
