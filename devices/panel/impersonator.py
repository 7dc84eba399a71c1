"""Impersonator of the stand-in key and indicator box (protocol: see the package)."""

from __future__ import annotations

import math

from bench.ports import PanelModel, Port
from devices.wires.lines import LineSplitter


class PanelImpersonator:
    """``standin-panel/1`` in front of a ``PanelModel``."""

    def __init__(self, port: Port, model: PanelModel) -> None:
        self._port = port
        self._model = model
        self._lines = LineSplitter()
        model.subscribe(lambda state: self._say(f"! LAMP {state}"))

    def on_connect(self) -> None:
        self._lines.clear()

    def on_bytes(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._say(self._answer(line.split()))

    def _answer(self, words: list[str]) -> str:
        match words:
            case ["PRESS", text]:
                try:
                    seconds = float(text)
                except ValueError:
                    return "ERR not a duration"
                if not math.isfinite(seconds) or seconds <= 0:
                    return "ERR not a duration"
                self._model.press_key(seconds)
                return f"OK PRESS {text}"
            case ["LAMP"]:
                return f"LAMP {self._model.indicator()}"
            case ["ID"]:
                return "ID standin-panel/1"
        return "ERR unknown command"

    def _say(self, line: str) -> None:
        self._port.say(line.encode() + b"\n")
