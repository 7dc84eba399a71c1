"""labgrid resource and driver of the connection server, the bench in the role of the MDMS (stand-in interface).

Commands are plain HTTP requests, over TLS with a client certificate where the rig file says so. Events come as a
server-sent event stream over a socket of their own that the pump reads: no reader thread, and the count of the barrier
is the event id, so the stream resumes where it was cut. Where there is no stream, or it does not stand, they are asked
for (`devices.server.poll`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import Resource

from bench import kinds
from bench.drive.clock import Clock
from bench.errors import BenchError
from bench.records import Json
from devices.server.exchange import ClockQuestions, Exchange, stamp_in
from devices.server.line import Line
from devices.server.poll import PollChannel
from devices.server.protocol import Refused, ServerDriver
from devices.server.stream import CountedEvents, EventChannel, NoStream
from devices.wires.rest import ANSWER_S, Rest, RestRefused

EVENTS: Final = "/v1/events"
AT_ONCE_S: Final = 0.002
"""Between two questions to a virtual rig, whose time stands still meanwhile."""


class Events(StrEnum):
    """How events come."""

    AUTO = "auto"  # a stream, and by asking where it does not stand
    STREAM = "stream"
    POLL = "poll"


def _text(**more: Any) -> Any:
    return attr.ib(validator=attr.validators.instance_of(str), **more)


@target_factory.reg_resource
@attr.s(eq=False)
class ConnectionServer(Resource):  # type: ignore[misc]  # labgrid has no types
    """A connection server at ``url``. With https: the ``ca`` that vouches for it, and the bench's own ``certificate``
    and ``key`` where it wants them (PEM files, relative to the rig file). ``poll_s``: between two questions for events.
    """

    url: str = _text()
    ca: str = _text(default="")
    certificate: str = _text(default="")
    key: str = _text(default="")
    events: Events = attr.ib(default=Events.AUTO, converter=Events)
    poll_s: float = attr.ib(default=10.0, converter=float, validator=attr.validators.gt(0))


@target_factory.reg_driver
@attr.s(eq=False)
class ConnectionServerDriver(ServerDriver):
    """A server that is heard at once. On a real rig ``clock.exchange`` tells how its clock stands."""

    bindings = {"server": ConnectionServer}  # noqa: RUF012 -- labgrid's way

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.server: Any
        self._line: Line | None = None
        self._rest: Rest | None = None
        self._questions: ClockQuestions | None = None
        self._behind = 0

    @property
    def last_event_id(self) -> int:
        """Id of the last event received."""
        return self._events.count if self._events else 0

    @property
    def _events(self) -> CountedEvents | None:
        """The channel that brings events now: another one each time that it was lost and found."""
        if self._clock is None:
            return None
        pump = self._clock.pump
        found = pump.channels.get(self.port) or pump.ended.get(self.port)
        return found if isinstance(found, CountedEvents) else None

    def connect(self, clock: Clock, after: int = 0) -> None:
        """Open the event stream after event id ``after``. ``BenchError`` when the server does not answer."""
        self._line = Line.of(self.port, self.server, self.beside)
        self._clock = clock
        self._rest = Rest(self.port, self._line.base, self._line.session(), clock)
        clock.attach(self._opened(self._line, after))
        if not clock.devices_share_it:
            self._watch_clock(clock)

    def _opened(self, line: Line, after: int) -> CountedEvents:
        if self.server.events is Events.POLL:
            return self._polled(after)
        auto = self.server.events is Events.AUTO
        channel = EventChannel(self.port, after, self.take_event, self._polled_again if auto else None)
        try:
            channel.open(line, f"{line.path}{EVENTS}")
        except NoStream:
            channel.close()
            if not auto:
                raise
            return self._polled(after)
        except BaseException:
            channel.close()
            raise
        return channel

    def _polled(self, after: int) -> PollChannel:
        assert self._line is not None
        assert self._clock is not None
        shared = self._clock.devices_share_it  # a virtual rig answers when its time stands, however long it moved
        every_s, answer_s = (AT_ONCE_S, None) if shared else (self.server.poll_s, ANSWER_S)
        return PollChannel(self.port, after, self.take_event, self._line, EVENTS, every_s, answer_s)

    def _polled_again(self, after: int) -> PollChannel:
        """In the place of a stream that does not stand; the first answer proves that the server is there."""
        channel = self._polled(after)
        channel.settled = False
        return channel

    def disconnect(self) -> None:
        """Close stream and session."""
        if self._clock is not None:
            if self._each_minute in self._clock.each_minute:
                self._clock.each_minute.remove(self._each_minute)
            self._clock.detach(self.port)
        if self._rest is not None:
            self._rest.close()
        self._clock = self._rest = self._line = None

    @Driver.check_active  # type: ignore[untyped-decorator]
    def status(self) -> Mapping[str, Any]:
        answer, sent_ns = self._timed("GET", "/v1/status")
        self._record_exchange("status", sent_ns, stamp_in(answer, "now_ns"))
        return answer

    @Driver.check_active  # type: ignore[untyped-decorator]
    def is_reachable(self, terminal: str) -> bool:
        rows = self.status().get("terminals")
        known = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None
        if known is None:
            raise BenchError(f"{self.port}: no list of terminals in its status")
        return any(row.get("id") == terminal and row.get("reachable") is True for row in known)

    @Driver.check_active  # type: ignore[untyped-decorator]
    def request(self, terminal: str, body: Mapping[str, Any]) -> str:
        answer, sent_ns = self._timed("POST", f"/v1/terminals/{terminal}/requests", body)
        if "request" not in answer:
            raise BenchError(f"{self.port}: no request id in the answer {answer}")
        request = str(answer["request"])
        self._record_exchange("request", sent_ns, stamp_in(answer, "accepted_ns"), request=request)
        return request

    @Driver.check_active  # type: ignore[untyped-decorator]
    def deregister(self, terminal: str) -> None:
        self._request("DELETE", f"/v1/terminals/{terminal}/registration")

    # -- its clock -----------------------------------------------------------------------------------------------

    def _watch_clock(self, clock: Clock) -> None:
        """Ask what time it is there, now and every minute."""
        assert self._line is not None
        self._questions = ClockQuestions(f"{self._line.base}/v1/status", clock.now_ns, self._line.session)
        clock.each_minute.append(self._each_minute)
        self.status()

    def _each_minute(self) -> None:
        assert self._questions is not None
        for found in self._questions.taken():
            if found.stamp_ns is not None:
                self._publish_exchange("status", found)
            self._look_for_silence(found.last_event)
        self._questions.ask()

    def _look_for_silence(self, last_event: int | None) -> None:
        """A stream that brought nothing for a minute of what the server has had all the while is none."""
        channel = self._events
        if last_event is None or not isinstance(channel, EventChannel) or self._clock is None:
            return
        behind, self._behind = self._behind, last_event
        if channel.count < behind and self._clock.pump.is_open(self.port):
            channel.idle = True
            self._clock.pump.lose(self.port, f"silent, though the server has events up to {last_event}")

    def _timed(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], int]:
        """The answer, and the rig time at which its request left."""
        sent_ns = self._clock.now_ns() if self._clock is not None else 0
        return self._request(method, path, body), sent_ns

    def _record_exchange(self, what: str, sent_ns: int, stamp_ns: int | None, **more: Json) -> None:
        """On a real rig: what the server's clock read between a request and its answer, which is now."""
        assert self._clock is not None
        if self._clock.devices_share_it:
            return
        self._publish_exchange(what, Exchange(sent_ns, stamp_ns, self._clock.now_ns()), **more)

    def _publish_exchange(self, what: str, found: Exchange, **more: Json) -> None:
        assert self._clock is not None
        stamp = {} if found.stamp_ns is None else {"stamp_ns": found.stamp_ns}
        data = {"what": what, "sent_ns": found.sent_ns, "received_ns": found.received_ns, **stamp, **more}
        self._clock.pump.publish("clock", self.port, kinds.CLOCK_EXCHANGE, data)

    # -- the wire ------------------------------------------------------------------------------------------------

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One request. Repeated where that is harmless: a question, a deletion, and whatever was never sent.

        The gap is recorded. ``BenchError`` when the server refuses, or is not back within the rig's patience.
        """
        if self._rest is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        try:
            return self._rest.ask(method, path, body, harmless=method in ("GET", "DELETE"))
        except RestRefused as error:
            raise Refused(str(error)) from None
