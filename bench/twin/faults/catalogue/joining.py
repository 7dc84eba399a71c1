"""Faults of joining: late, or shown otherwise than it is (``join-time``)."""

from __future__ import annotations

from typing import Final

import attrs

from bench.twin.faults.fault import Answer, Fault

TARGET_S: Final = 90
"""The guideline's join target (2-1)."""
ERASE_S: Final = 10.0


@attrs.define
class LateJoin(Fault):
    """Communicable only ``seconds`` after the 90 s target: the mesh has it in time, the server hears of it late."""

    seconds: float = 20.0
    name = "late-join"
    turns = ("join-time",)

    def registers_after_s(self) -> float:
        return TARGET_S + self.seconds


@attrs.define
class BarelyLateJoin(LateJoin):
    """The same by two seconds."""

    seconds: float = 2.0
    name = "barely-late-join"
    at = "t3"


@attrs.define
class LateEverySecondJoin(Fault):
    """Every second installation takes ``seconds`` longer than the target, the others are right."""

    seconds: float = 5.0
    name = "late-every-second-join"
    at = "t3"
    turns = ("join-time",)
    _installations: int = attrs.field(default=0, init=False)

    def registers_after_s(self) -> float:
        self._installations += 1
        # Each attempt of the plan erases first, and the long press installs as well.
        return TARGET_S + self.seconds if self._installations % 4 == 0 else 0.0


@attrs.define
class SlowAuthentication(Fault):
    """It waits ``seconds`` before it asks for keys: the mesh itself has it late."""

    seconds: float = 60.0
    name = "slow-authentication"
    turns = ("join-time",)

    def join_delay_s(self, phase: str) -> float:
        return self.seconds if phase == "authenticate" else 0.0


@attrs.define
class LampBeforeReachable(Fault):
    """The lamp says that it can communicate ``seconds`` after it began to join, long before the server knows it."""

    seconds: float = 15.0
    name = "lamp-before-reachable"
    turns = ("join-time",)

    def lamp_shown(self, state: str) -> Answer[str]:
        return [state, (self.seconds, "on")] if state == "blinking" else state


@attrs.define
class LampFlash(Fault):
    """The lamp flashes on for ``seconds`` while it still joins."""

    seconds: float = 0.4
    name = "lamp-flash"
    at = "t3"
    turns = ("join-time",)

    def lamp_shown(self, state: str) -> Answer[str]:
        return [state, (12.0, "on"), (12.0 + self.seconds, "blinking")] if state == "blinking" else state


@attrs.define
class LampNeverOn(Fault):
    """The lamp goes on blinking when it can communicate: on site nobody would know."""

    name = "lamp-never-on"
    turns = ("join-time",)

    def lamp_shown(self, state: str) -> Answer[str]:
        return None if state == "on" else state


@attrs.define
class DeafKey(Fault):
    """The ``nth`` short press of the installation key does nothing."""

    nth: int = 3
    name = "deaf-key"
    turns = ("join-time",)
    _presses: int = attrs.field(default=0, init=False)

    def key_pressed(self, duration_s: float) -> Answer[float]:
        if duration_s >= ERASE_S:
            return duration_s
        self._presses += 1
        return None if self._presses == self.nth else duration_s


FAULTS: Final[tuple[type[Fault], ...]] = (
    LateJoin,
    BarelyLateJoin,
    LateEverySecondJoin,
    SlowAuthentication,
    LampBeforeReachable,
    LampFlash,
    LampNeverOn,
    DeafKey,
)
