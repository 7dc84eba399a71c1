"""The line between a mesh and what uses it: five radio methods, one interface (design section 4).

The mesh (``bench/twin/mesh``) knows radio, joining and routing; the application (``bench/twin/terminal/terminal.py``,
``bench/twin/utility/headend.py``) knows meters, storage and uploads. They meet here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Protocol


class JoinState(IntEnum):
    """Join states as the Silicon Labs node CLI numbers them (devices.md 2.6, domain.md 5.4)."""

    DISCONNECTED = 0
    SELECT_PAN = 1
    AUTHENTICATE = 2
    ACQUIRE_CONFIG = 3
    CONFIGURE_ROUTING = 4
    OPERATIONAL = 5


class TerminalRadio(Protocol):
    """A terminal's radio with its network stack.

    Supply and keys are separate: ``power_off`` is instant and silent (RAM lost: join state, routes, neighbours,
    pending frames); flash (keys, frame counters) survives until ``erase_keys``.
    """

    eui64: bytes
    join_state: JoinState

    def power_on(self) -> None:
        """Boot. Joining starts only when ``start_join`` is called."""

    def power_off(self) -> None: ...
    def start_join(self) -> None:
        """Join, cold when flash holds no keys, else by reconnection. No effect unless DISCONNECTED and powered."""

    def leave(self) -> None: ...
    def erase_keys(self) -> None: ...
    def send(self, payload: bytes) -> bool:
        """Send one UDP payload to the head end (any length up to 1,200 octets); False when not operational."""

    def on_join_state(self, listener: Callable[[JoinState], None]) -> None: ...
    def on_datagram(self, listener: Callable[[bytes], None]) -> None:
        """``listener`` gets each UDP payload that the head end sent to this terminal."""


class HeadEndRadio(Protocol):
    """The mesh seen from the head end, through the border router (concentrator)."""

    def send(self, eui64: bytes, payload: bytes) -> bool:
        """Send one UDP payload to a terminal; False when there is no route to it."""

    def on_datagram(self, listener: Callable[[bytes, bytes], None]) -> None:
        """``listener(eui64, payload)`` gets each UDP payload that arrives from a terminal."""

    def on_registered(self, listener: Callable[[bytes], None]) -> None:
        """``listener(eui64)`` is called when a node's DAO was accepted."""
