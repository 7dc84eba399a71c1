"""Impersonator of the node CLI: prompt ``> ``, ``wisun ...`` commands, unsolicited ``[Join state: ...]`` lines.

A powerless terminal neither hears nor speaks, so a command to it gets no answer at all, not even the prompt. What the
real CLI can and this stand-in cannot do is refused by name.
"""

from __future__ import annotations

from typing import Final

from bench.ports import ConsoleModel, ConsoleRefused, Port
from devices.wires.lines import LineSplitter

COMMANDS: Final = (
    "wisun get <section>[.<setting>]",
    "wisun set <section>.<setting> <value>",
    "wisun join_fan11",
    "wisun disconnect",
    "wisun ping <address>",
    "wisun mac_allow <mac>",
    "wisun mac_deny <mac>",
    "wisun socket_list",
    "wisun clear_credential_cache",
    "wisun reset_statistics",
    "wisun save",
    "wisun reset",
)
"""What ``help`` lists."""
UNSUPPORTED: Final = frozenset(
    "join_fan10 join_explicit join_ids tcp_client udp_client tcp_server udp_server socket_close socket_read "  # noqa: SIM905
    "socket_write socket_writeto socket_set_option socket_get_option set_trace_level set_unicast_tx_mode "
    "set_lfn_support mode_switch".split()
)
"""Commands of the real CLI (devices.md 2.6) that this stand-in does not follow; with them all of ``rftest``."""


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
            try:
                answers = self._answer(line.split())
            except ConsoleRefused as refused:
                answers = [f"[Failed: {refused}]"]
            for answer in answers:
                self._say(answer)
            self._port.say(b"> ")

    def _answer(self, words: list[str]) -> list[str]:
        match words:
            case ["help"]:
                return list(COMMANDS)
            case ["wisun", command, *args] if command not in UNSUPPORTED:
                return self._wisun(command, args)
            case ["wisun", command, *_]:
                raise ConsoleRefused(f"{command} is not supported by this stand-in terminal")
            case ["rftest", *_]:
                raise ConsoleRefused("rftest is not supported by this stand-in terminal")
        raise ConsoleRefused("unknown command")

    def _wisun(self, command: str, args: list[str]) -> list[str]:
        model = self._model
        match command, args:
            case "get", [section]:
                return self._get(section)
            case "set", [name, value]:
                model.set(name, value)
            case "join_fan11", []:
                if not model.join():
                    raise ConsoleRefused("unable to connect")
            case "disconnect", []:
                if not model.disconnect():
                    raise ConsoleRefused("unable to disconnect")
            case "ping", [address]:
                return [model.ping(address)]
            case (("mac_allow" | "mac_deny"), [mac]):
                model.filter_mac(command == "mac_allow", mac)
            case "socket_list", []:
                pass  # the sockets of the application are not the console's
            case "clear_credential_cache", []:
                model.clear_credential_cache()
            case "reset_statistics", []:
                model.reset_statistics()
            case "save", []:
                model.save()
            case "reset", []:
                model.reset()
            case _:
                raise ConsoleRefused("unknown command")
        return []

    def _get(self, section: str) -> list[str]:
        found = self._model.get(section)
        if not found:
            raise ConsoleRefused("no match found")
        return [f"{name} = {value}" for name, value in found]

    def _unsolicited(self, line: str) -> None:
        if self._model.powered():
            self._say(line)

    def _say(self, line: str) -> None:
        self._port.say(line.encode() + b"\r\n")
