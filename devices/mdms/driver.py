"""labgrid resource and driver of one utility's MDMS: the bench's end of the link to the connection server (stand-in).

The link is `shut`, open for `pull` alone, or `open`: then what the server pushes streams in, counted by the messages'
numbers, so that a link that was shut takes up where it was. Opening and shutting is the bench's own doing.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import Resource

from bench import kinds
from bench.drive.clock import Clock
from bench.errors import BenchError, KenshinError
from bench.records import Json
from devices.server.events import is_whole, odd, plain
from devices.server.line import Line
from devices.server.stream import EventChannel
from devices.wires.rest import Rest, RestRefused

MOST_ODD: Final = 1000
"""Odd messages that are recorded."""


class Link(StrEnum):
    """What the bench lets pass on its end."""

    SHUT = "shut"
    PULL = "pull"
    OPEN = "open"


class MdmsProtocol(ABC):
    """What an MDMS does. Requests are answered at once, what they ask for comes as messages."""

    @abstractmethod
    def set_link(self, link: Link) -> None:
        """Open or shut the link. Opened, it delivers what was not taken yet, and goes on."""

    @abstractmethod
    def link(self) -> Link:
        """As it was set last; shut at first."""

    @abstractmethod
    def meters(self) -> Mapping[str, str]:
        """The utility's meters, by name, with the terminal that each hangs on. The link must not be shut."""

    @abstractmethod
    def pull(self, meter: str, from_ns: int, to_ns: int) -> Sequence[Mapping[str, Any]]:
        """What the server keeps of a meter with hour marks in ``from_ns..to_ns``: ``{mark_ns, index}``, recorded."""

    @abstractmethod
    def request(self, body: Mapping[str, Any]) -> str | None:
        """Ask for ``{"op": "read", "meter": ..}`` and the like; the request's id. None: refused, which is recorded."""


@target_factory.reg_resource
@attr.s(eq=False)
class MdmsLink(Resource):  # type: ignore[misc]  # labgrid has no types
    """The connection server's place for one utility's MDMS: ``url``, and the papers of an https one (PEM files)."""

    url: str = attr.ib(validator=attr.validators.instance_of(str))
    ca: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    certificate: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    key: str = attr.ib(default="", validator=attr.validators.instance_of(str))


@target_factory.reg_driver
@attr.s(eq=False)
class MdmsDriver(Driver, MdmsProtocol):  # type: ignore[misc]
    """``standin-mdms/1``. Observations ``mdms.<kind>``; the subject is the terminal, else the utility.

    Messages are stamped like a server's events: with rig time where the virtual rig stamps them, else on arrival.
    """

    bindings = {"place": MdmsLink}  # noqa: RUF012 -- labgrid's way

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.place: Any
        self.utility = ""
        self._clock: Clock | None = None
        self.beside = Path()
        """The folder of the rig file, to which the names of files are relative."""
        self._line: Line | None = None
        self._rest: Rest | None = None
        self._state = Link.SHUT
        self._last = self._odd = 0

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    def connect(self, clock: Clock, utility: str, after: int = 0) -> None:
        """Take the link into the rig, shut; ``after`` is the number of the last message that a resumed run has."""
        self._line = line = Line.of(self.port, self.place, self.beside)
        self._clock, self.utility, self._last = clock, utility, after
        self._rest = Rest(self.port, line.base, line.session(), clock)
        self._publish(kinds.MDMS_LINK, utility, {"state": str(Link.SHUT)})

    def disconnect(self) -> None:
        """Let go of the link."""
        self._close_channel()
        if self._rest is not None:
            self._rest.close()
        self._clock = self._rest = None
        self._state = Link.SHUT

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver: let go; that the server is dead already is no news then."""
        with contextlib.suppress(KenshinError):
            self.disconnect()

    @Driver.check_active  # type: ignore[untyped-decorator]
    def link(self) -> Link:
        return self._state

    @Driver.check_active  # type: ignore[untyped-decorator]
    def set_link(self, link: Link) -> None:
        if link is self._state:
            return
        self._state = link
        self._publish(kinds.MDMS_LINK, self.utility, {"state": str(link)})
        if link is Link.OPEN:
            self._open_channel()
        else:
            self._close_channel()

    @Driver.check_active  # type: ignore[untyped-decorator]
    def meters(self) -> Mapping[str, str]:
        told = self._ask("GET", "/v1/meters", harmless=True).get("meters")
        if not isinstance(told, dict) or not all(isinstance(terminal, str) for terminal in told.values()):
            raise BenchError(f"{self.port}: no meters in its answer")
        return told

    @Driver.check_active  # type: ignore[untyped-decorator]
    def pull(self, meter: str, from_ns: int, to_ns: int) -> Sequence[Mapping[str, Any]]:
        path = f"/v1/readings/{quote(meter, safe='')}?from_ns={from_ns}&to_ns={to_ns}"
        try:
            answer = self._ask("GET", path, harmless=True)
        except RestRefused as error:
            self._refused("pull", meter, error)
            return []
        values = answer.get("values")
        if not isinstance(values, list) or not all(_is_value(value) for value in values):
            raise BenchError(f"{self.port}: no values in the answer to a pull of {meter}")
        kept: list[dict[str, Json]] = [{"mark_ns": value["mark_ns"], "index": value["index"]} for value in values]
        told: dict[str, Json] = {"meter": meter, "from_ns": from_ns, "to_ns": to_ns, "values": kept}
        self._publish(kinds.MDMS_PULLED, self.utility, {**told, "stored_at": str(answer.get("stored_at", ""))})
        return kept

    @Driver.check_active  # type: ignore[untyped-decorator]
    def request(self, body: Mapping[str, Any]) -> str | None:
        op, meter = str(body.get("op")), str(body.get("meter"))
        try:
            answer = self._ask("POST", "/v1/requests", body)
        except RestRefused as error:
            self._refused(op, meter, error)
            return None
        if "request" not in answer:
            raise BenchError(f"{self.port}: no request id in the answer {answer}")
        request = str(answer["request"])
        self._publish(kinds.MDMS_ACCEPTED, self.utility, {"request": request, "op": op, "meter": meter})
        return request

    # -- the wire ------------------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, harmless: bool = False) -> Any:
        if self._rest is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        if self._state is Link.SHUT:
            raise BenchError(f"{self.port}: the link is shut; expected it open ({method} {path})")
        return self._rest.ask(method, path, body, harmless=harmless)

    def _open_channel(self) -> None:
        assert self._clock is not None
        assert self._line is not None
        channel = EventChannel(self.port, self._last, self._on_message)
        try:
            channel.open(self._line, f"{self._line.path}/v1/push")
        except BaseException:
            channel.close()
            raise
        self._clock.attach(channel)

    def _close_channel(self) -> None:
        if self._clock is None:
            return
        pump = self._clock.pump
        channel = pump.channels.get(self.port) or pump.ended.get(self.port)
        if isinstance(channel, EventChannel):
            self._last = channel.count
            self._clock.detach(self.port)

    def _on_message(self, message: Any) -> None:
        """Publish a message; what this bench cannot take it for is kept aside, with the reason."""
        assert self._clock is not None
        shared = self._clock.devices_share_it
        stamp_ns = message.get("t_ns") if isinstance(message, dict) and is_whole(message.get("t_ns")) else None
        why = odd(message, kinds.MDMS) or ("no stamp 't_ns'" if shared and stamp_ns is None else "")
        if why:
            self._odd += 1
            if self._odd <= MOST_ODD:
                self._publish(kinds.MDMS_ODD, self.utility, {"message": plain(message), "why": why})
            return
        data = {key: value for key, value in message.items() if key not in ("t_ns", "kind")}
        if not shared and stamp_ns is not None:
            data["stamp_ns"] = stamp_ns
        t_ns = stamp_ns if shared else None
        self._clock.pump.publish(self.port, message["terminal"], kinds.MDMS + message["kind"], data, t_ns=t_ns)

    def _refused(self, op: str, meter: str, error: RestRefused) -> None:
        told: dict[str, Json] = {"op": op, "meter": meter, "status": error.status, "why": error.why}
        self._publish(kinds.MDMS_REFUSED, self.utility, told)

    def _publish(self, kind: kinds.Kind, subject: str, data: Mapping[str, Json]) -> None:
        if self._clock is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        self._clock.pump.publish(self.port, subject, kind, data)


def _is_value(value: Any) -> bool:
    return isinstance(value, dict) and is_whole(value.get("mark_ns")) and is_whole(value.get("index"))
