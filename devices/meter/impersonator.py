"""Impersonator of the stand-in meter port (protocol: see the package)."""

from __future__ import annotations

import re
from typing import Final

from bench.ports import MeterModel, Port
from devices.wires.lines import LineSplitter

LARGEST_INDEX: Final = 2**64 - 1
"""An index travels in 8 octets (the terminal's stand-in codec); a meter with a larger one could not be read."""

_CODE: Final = re.compile(r"[!-~]{1,64}")


class MeterImpersonator:
    """``standin-meter/1`` in front of a ``MeterModel``; speaks unasked when its valve moves."""

    def __init__(self, port: Port, model: MeterModel) -> None:
        self._port = port
        self._model = model
        self._lines = LineSplitter()
        model.on_valve(lambda state: port.say(f"! VALVE {state}\n".encode()))

    def on_connect(self) -> None:
        self._lines.clear()

    def on_bytes(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._port.say(self._answer(line.split()).encode() + b"\n")

    def _answer(self, words: list[str]) -> str:
        match words:
            case ["SET", text]:
                if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) > LARGEST_INDEX:
                    return "ERR not an index"
                self._model.set_index(int(text))
                return f"OK {self._model.index()}"
            case ["GET"]:
                return f"INDEX {self._model.index()}"
            case ["ALARM", code]:
                if not _CODE.fullmatch(code):
                    return "ERR not an alarm code"
                self._model.raise_alarm(code)
                return f"OK ALARM {code}"
            case ["VALVE"]:
                return f"VALVE {self._model.valve_state()}"
            case ["LEAK", "on" | "off" as word]:
                if self._model.valve_state() == "none":
                    return "ERR no valve"
                self._model.set_leak(word == "on")
                return f"OK LEAK {word}"
            case ["ID"]:
                return f"ID {self._model.serial} standin-meter/1"
        return "ERR unknown command"
