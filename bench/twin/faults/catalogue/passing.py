"""Faults on the way of what a transparent terminal passes (``transparent-type``), on a rig that has some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from bench.twin.faults.fault import Answer, Fault


@attrs.define
class CallNotPushed(Fault):
    """Every ``nth`` call of a meter comes to the server and goes no further."""

    nth: int = 3
    name = "call-not-pushed"
    at = "server"
    turns = ("transparent-type",)
    _seen: int = attrs.field(default=0, init=False)

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        if message["kind"] != "readings":
            return message
        self._seen += 1
        return None if self._seen % self.nth == 0 else message


@attrs.define
class CallLosesMidnight(Fault):
    """Each call goes on to the MDMS without its last hour, 24:00: it bears the next day's date."""

    name = "call-loses-midnight"
    at = "server"
    turns = ("transparent-type",)

    def pushed_message(self, message: Mapping[str, Any], utility: str) -> Answer[Mapping[str, Any]]:
        if message["kind"] != "readings":
            return message
        return {**message, "meters": [{**part, "values": part["values"][:-1]} for part in message["meters"]]}


FAULTS: Final[tuple[type[Fault], ...]] = (CallNotPushed, CallLosesMidnight)
