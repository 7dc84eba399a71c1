"""What the bench asks of a connection server, whatever line leads to it: the base of every adapter.

An adapter is a driver of its own beside `ConnectionServerDriver` (docs/guides/server.md). It gives what the server
says to `ServerDriver.take_event`, which records it in the bench's vocabulary, and answers the five questions of
`ServerProtocol`. One that is not ``live`` hears nothing while the bench drives: the server's record comes later, as
files (``kenshin add-evidence --server-log``).
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import attr
from labgrid.driver import Driver

from bench import kinds
from bench.drive.clock import Clock
from bench.errors import BenchError, KenshinError
from devices.server.events import NO_STAMP, is_whole, odd, plain, printable
from devices.server.exchange import stamp_in

MOST_ODD: Final = 1000
"""Odd events that are recorded: a heartbeat that nobody knows must not fill the disk in nine days."""


class Refused(BenchError):
    """The server answered, and the answer is no: it does not know the terminal, or not the request."""


class ServerProtocol(ABC):
    """What the bench asks of a connection server; each request is answered at once, its effect comes as events."""

    @abstractmethod
    def status(self) -> Mapping[str, Any]:
        """``{"now_ns": .., "terminals": [{"id", "eui64", "registered", "reachable"}]}``."""

    @abstractmethod
    def is_reachable(self, terminal: str) -> bool:
        """Whether the server holds the terminal for communicable now; False for one it does not know."""

    @abstractmethod
    def request(self, terminal: str, body: Mapping[str, Any]) -> str:
        """Submit a request, return its id.

        ``{"op": "read", "meter": ..}`` asks for the present index, ``{"op": "history", "meter": .., "from_ns": ..,
        "to_ns": ..}`` for the stored hourly values of ``from_ns <= mark <= to_ns``.
        """

    @abstractmethod
    def deregister(self, terminal: str) -> None:
        """Forget the terminal's registration, so that the next join is a first one."""


@attr.s(eq=False)
class ServerDriver(Driver, ServerProtocol):  # type: ignore[misc]  # labgrid has no types
    """Observations ``server.<kind>`` with the event's data; subject is the terminal's id.

    On a virtual rig the server's stamp is rig time. On a real rig it is a reading of another clock: the observation is
    stamped on arrival, ``stamp_ns`` is what the server said.
    """

    live: ClassVar[bool] = True
    """Whether it is heard, and takes requests, while the bench drives."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.beside = Path()
        """Where files that the rig file names are looked for; the rig says it."""
        self._clock: Clock | None = None
        self._odd = 0

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    @property
    def last_event_id(self) -> int:
        """Id of the last event received."""
        return 0

    @abstractmethod
    def connect(self, clock: Clock, after: int = 0) -> None:
        """Take the server into the rig's clock; events after event id ``after``. ``BenchError`` where it is away."""

    @abstractmethod
    def disconnect(self) -> None:
        """Let go of the server."""

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver: let go of the server; that it is dead already is no news then."""
        with contextlib.suppress(KenshinError):
            self.disconnect()

    def take_event(self, event: Any) -> None:
        """Publish one event; what this bench cannot take it for is kept aside as ``server.odd``, with the reason.

        A server's next version, or a lie, ends no run. An event that only lacks its stamp is known by its arrival.
        """
        assert self._clock is not None
        shared, stamp_ns, why = self._clock.devices_share_it, stamp_in(event, "t_ns"), odd(event)
        if isinstance(event, dict) and stamp_ns is None and (shared or not why):
            self._keep_aside(event, NO_STAMP if shared else f"{NO_STAMP}; it is known by its arrival", None)
            if shared:
                return
        if why:
            self._keep_aside(event, why, stamp_ns if shared else None)
            return
        data = {key: value for key, value in event.items() if key not in ("t_ns", "kind")}
        if not shared and stamp_ns is not None:
            data["stamp_ns"] = stamp_ns
        subject, kind = event["terminal"] or self.port, kinds.SERVER + event["kind"]
        self._clock.pump.publish(self.port, subject, kind, data, t_ns=stamp_ns if shared else None)

    def _keep_aside(self, event: Any, why: str, t_ns: int | None) -> None:
        assert self._clock is not None
        self._odd += 1
        if self._odd > MOST_ODD:
            return
        said = event if isinstance(event, dict) else {}
        terminal = said.get("terminal")
        subject = printable(terminal) if isinstance(terminal, str) and terminal else self.port
        number = {"id": said["id"]} if is_whole(said.get("id")) else {}
        data = {**number, "event": plain(event), "why": why}
        self._clock.pump.publish(self.port, subject, kinds.SERVER_ODD, data, t_ns=t_ns)
