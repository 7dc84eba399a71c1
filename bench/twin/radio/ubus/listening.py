"""Receiver-initiated transmission: a node tells now and then that it listens; who has something for it waits for that.

A request for data is IEEE 802.15.4's command (clause 7.5.23) with the schedule in it, so a sender knows how long it may
have to wait. The receiver listens for a short window after its request, and again after each frame that came. A sender
listens all the time while it has something to send. The period (T) is a parameter: it is not public.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import attrs

from bench.air.app import u_bus_standin as standin
from bench.air.errors import Malformed
from bench.air.mac import command
from bench.air.mac.command import RitDataRequest
from bench.air.mac.frame import FrameType, MacFrame
from bench.records import NS_PER_S
from bench.twin.core.kernel import Call
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.timers import MS
from bench.twin.radio.link import BROADCAST, Link, Received

UNIT_NS: Final = 9_600_000
"""aBaseSuperframeDuration, 960 symbols at 100 kbit/s of 2-FSK."""
WINDOW_NS: Final = 200 * MS
"""Listening after a request or a frame, so that several senders find room in it; own choice."""
SPREAD_NS: Final = 120 * MS
"""A sender draws its moment within this: others may wait for the same receiver, and need not hear each other."""
QUICK_NS: Final = 1 * NS_PER_S
QUICK_FOR_NS: Final = 10 * NS_PER_S
"""For this long after it sent something a node asks this often, for an answer is likely: own choice."""
JITTER: Final = 50
"""A period is shorter by up to its fiftieth part: asynchronous nodes do not stay in step; own choice."""
ESTABLISH_NS: Final = 12 * NS_PER_S
"""Least wait for a receiver's request before a sender gives up (domain.md 4.1: above 10 s)."""
UNKNOWN_NS: Final = 60 * NS_PER_S
"""What is taken for the period of a neighbour that was not heard yet: own choice."""
ATTEMPTS: Final = 3
"""Sendings within one window."""
FOREVER: Final = 255


@attrs.frozen(slots=True)
class Neighbour:
    """One that was heard to listen: its network, hops and next hop, how strongly, its period, and when last."""

    eui64: bytes
    network: int
    hops: int
    up: bytes
    rssi_dbm: int
    period_ns: int
    at_ns: int


@attrs.define(slots=True)
class _Waiting:
    payload: bytes
    done: Callable[[bool], None]
    until: Call | None = None
    sent: bool = False


class Listening:
    """``advert()`` says what requests tell (None: no request now); ``heard`` gets every neighbour's request, ``take``
    each payload with its sender."""

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        link: Link,
        advert: Callable[[], standin.Listening | None],
        heard: Callable[[Neighbour], None],
        take: Callable[[bytes, bytes], None],
    ) -> None:
        self._agenda, self._rng, self._link = agenda, rng, link
        self._advert, self._heard, self._take = advert, heard, take
        self.period_ns = 10 * NS_PER_S
        self.reset()

    def reset(self) -> None:
        """RAM is gone."""
        self._waiting: dict[bytes, list[_Waiting]] = {}
        self._quick_until_ns = 0
        self._next: Call | None = None
        self._window: Call | None = None
        self.periods: dict[bytes, int] = {}

    # -- receiving ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Ask for data from now on, at a phase of its own."""
        self._ask_in(self._rng.randrange(self.period_ns))

    def _ask_in(self, delay_ns: int) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = self._agenda.after(delay_ns, self._ask)

    def _ask(self) -> None:
        quick = self._agenda.now_ns < self._quick_until_ns
        self._ask_in(QUICK_NS if quick else self.period_ns - self._rng.randrange(self.period_ns // JITTER))
        told = self._advert()
        if told is None:
            return
        interval = min(self.period_ns // UNIT_NS, 0xFFFF)
        request = RitDataRequest(0, FOREVER, interval, standin.build_listening(told))
        frame = MacFrame(
            FrameType.COMMAND,
            2,
            dst_pan=told.network,
            dst=BROADCAST,
            src=self._link.eui64,
            pan_id_compression=True,
            payload=command.build(request),
        )
        self._link.send(frame, secured=False, done=lambda _sent, _pending: self._open())

    def _open(self) -> None:
        """Listen for a moment."""
        self._link.tuner.listen("window")
        if self._window is not None:
            self._window.cancel()
        self._window = self._agenda.after(WINDOW_NS, lambda: self._link.tuner.rest("window"))

    def on_frame(self, received: Received) -> None:
        """A frame of the link."""
        frame = received.frame
        if frame.frame_type == FrameType.COMMAND:
            self._on_request(received)
        elif frame.frame_type == FrameType.DATA and received.secured:
            self._open()
            self._take(frame.payload, received.src)

    def _on_request(self, received: Received) -> None:
        try:
            request = command.parse(received.frame.payload)
            told = standin.parse_listening(request.rest) if isinstance(request, RitDataRequest) else None
        except Malformed:
            return
        if told is None or not isinstance(request, RitDataRequest):
            return
        period_ns = (request.interval or 0) * UNIT_NS
        self.periods[received.src] = period_ns
        now_ns = self._agenda.now_ns
        self._heard(Neighbour(received.src, told.network, told.hops, told.up, received.rssi_dbm, period_ns, now_ns))
        self._send_to(received.src, received.frame.dst_pan or 0)

    # -- sending ------------------------------------------------------------------------------------------------------

    def send(self, neighbour: bytes, payload: bytes, done: Callable[[bool], None]) -> None:
        """When that neighbour asks next; ``done(acknowledged)``, False after 2.5 of its periods."""
        waiting = _Waiting(payload, done)
        limit_ns = max(ESTABLISH_NS, self.periods.get(neighbour, UNKNOWN_NS) * 5 // 2)
        waiting.until = self._agenda.after(limit_ns, lambda: self._end(neighbour, waiting, False))
        self._waiting.setdefault(neighbour, []).append(waiting)
        self._link.tuner.listen("await")

    def quick(self) -> None:
        """An answer is likely: ask often for a while."""
        self._quick_until_ns = self._agenda.now_ns + QUICK_FOR_NS
        self._ask_in(QUICK_NS)

    def _send_to(self, neighbour: bytes, network: int) -> None:
        """It listens now."""
        first = next(iter(self._waiting.get(neighbour, ())), None)
        if first is None or first.sent:
            return
        first.sent = True
        self._agenda.after(self._rng.randrange(SPREAD_NS), lambda: self._put(neighbour, network, first))

    def _put(self, neighbour: bytes, network: int, first: _Waiting) -> None:
        if first not in self._waiting.get(neighbour, ()):
            return
        frame = MacFrame(
            FrameType.DATA,
            2,
            dst_pan=network,
            dst=neighbour,
            src=self._link.eui64,
            ack_request=True,
            payload=first.payload,
        )

        def result(success: bool, _pending: bool) -> None:
            first.sent = False
            if success:
                self._end(neighbour, first, True)
                self._send_to(neighbour, network)

        self._link.send(frame, secured=True, done=result, attempts=ATTEMPTS)

    def _end(self, neighbour: bytes, waiting: _Waiting, success: bool) -> None:
        queue = self._waiting.get(neighbour, [])
        if waiting not in queue:
            return
        queue.remove(waiting)
        if waiting.until is not None:
            waiting.until.cancel()
        if not queue:
            self._waiting.pop(neighbour, None)
        if not self._waiting:
            self._link.tuner.rest("await")
        waiting.done(success)
