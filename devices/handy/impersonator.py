"""Impersonator of a handy terminal, carried about in the laboratory (stand-in protocol: see the package)."""

from __future__ import annotations

from functools import partial
from typing import Final

from bench.ports import LabModel, Port
from devices.wires.lines import LineSplitter

TAKES_NS: Final = 4_000_000_000
"""From the key to the display."""


class HandyImpersonator:
    """``standin-handy/1`` in front of a ``LabModel``: it stands where it is asked to read."""

    def __init__(self, port: Port, model: LabModel) -> None:
        self._port, self._model = port, model
        self._lines = LineSplitter()

    def on_connect(self) -> None:
        self._lines.clear()

    def on_bytes(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._say(self._answer(line.split()))

    def _answer(self, words: list[str]) -> str:
        match words:
            case ["READ", meter]:
                if meter not in self._model.meters:
                    return "ERR no such meter"
                self._model.after(TAKES_NS, partial(self._read, meter))
                return f"OK READ {meter}"
            case ["ID"]:
                return "ID standin-handy/1"
        return "ERR unknown command"

    def _read(self, meter: str) -> None:
        index = self._model.read_on_site(meter)
        self._say(f"! NOTHING {meter}" if index is None else f"! READING {meter} {index}")

    def _say(self, line: str) -> None:
        self._port.say(line.encode() + b"\n")
