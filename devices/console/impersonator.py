"""Impersonator of the node CLI: prompt ``> ``, ``wisun …`` commands, unsolicited ``[Join state: …]`` lines.

A powerless terminal neither hears nor speaks, so a command to it gets no answer at all, not even the prompt.
"""

from __future__ import annotations

from typing import Final

from bench.ports import ConsoleModel, Port
from devices.lines import LineSplitter

SETTINGS: Final = (
    "network_name",
    "regulatory_domain",
    "chan_plan_id",
    "phy_mode_id",
    "network_size",
    "ip_addresses",
    "border_router",
    "parents",
    "neighbors",
    "join_state",
    "mac",
    "device_type",
)
"""What ``wisun get wisun`` lists, in this order, where the terminal knows it."""


class ConsoleImpersonator:
    """The node CLI in front of a ``ConsoleModel``."""

    def __init__(self, port: Port, model: ConsoleModel) -> None:
        self._port = port
        self._model = model
        self._lines = LineSplitter()
        model.subscribe(self._unsolicited)

    def on_connect(self) -> None:
        self._lines.clear()

    def on_bytes(self, data: bytes) -> None:
        if not self._model.powered():
            self._lines.clear()
            return
        for line in self._lines.feed(data):
            for answer in self._answer(line.split()):
                self._say(answer)
            self._port.say(b"> ")

    def _answer(self, words: list[str]) -> list[str]:
        match words:
            case ["wisun", "get", name]:
                return self._get(name)
            case ["wisun", "join_fan11"]:
                if self._model.join():
                    network = self._model.get("network_name") or ""
                    return [f'[Connecting to "{network}"]']
                return ["[Failed: unable to connect]"]
            case ["wisun", "disconnect"]:
                return [] if self._model.disconnect() else ["[Failed: unable to disconnect]"]
            case ["wisun", "clear_credential_cache"]:
                self._model.clear_credential_cache()
                return []
            case ["wisun", "reset"]:
                self._model.reset()
                return []
            case ["wisun", "save"]:
                return []
        return ["[Failed: unknown command]"]

    def _get(self, name: str) -> list[str]:
        section, _, setting = name.partition(".")
        if section == "wisun":
            found = [(s, self._model.get(s)) for s in ((setting,) if setting else SETTINGS)]
            known = [f"wisun.{s} = {value}" for s, value in found if value is not None]
            if known:
                return known
        return ["[Failed: no match found]"]

    def _unsolicited(self, line: str) -> None:
        if self._model.powered():
            self._say(line)

    def _say(self, line: str) -> None:
        self._port.say(line.encode() + b"\r\n")
