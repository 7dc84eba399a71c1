"""Rig time: one ``Clock`` for everything above the drivers, on a real rig and on the virtual one (design section 3).

Time passes only in ``step``. Between steps the bench stands at one instant: it looks at what it observed, sends
commands and gets their answers. ``WallClock`` is monotonic time re-anchored to UTC every minute; ``TwinClock`` asks the
twin over its control channel to run until something the bench waits for happens. Code above cannot tell them apart.

Conditions are fed each new observation and never rescan. Which ports must wake the bench is the *wake set*:
host-stamped ports (console, meter, panel) always do, device-stamped ones (sniffer, server) only where a condition
names them.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from bench.errors import BenchError
from bench.pump import ANSWER_S, EXCHANGE_LIMIT, Bus, Channel, Pump, Stamp, wait_readable
from bench.records import NS_PER_S, Observation

ANCHOR_EVERY_NS: Final = 60 * NS_PER_S
REOPEN_EVERY_NS: Final = 5 * NS_PER_S
"""Between two looks for a port that was lost."""
ADVANCE_WATCHDOG_S: Final = 600.0
"""Real seconds one advance may take before the twin counts as hung."""


class Condition(Protocol):
    """Something awaited. ``ports`` are the device-stamped ports that must wake the bench for it."""

    @property
    def ports(self) -> frozenset[str]: ...
    @property
    def met(self) -> bool: ...
    def feed(self, observation: Observation) -> None:
        """Take in one new observation; cheap, and never a rescan."""


class Clock(ABC):
    """Rig time in integer nanoseconds since the Unix epoch, and the only way to let it pass."""

    u_ns: int = 0
    """Standard uncertainty of a stamp that the host makes on arrival."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.pump = Pump(bus, self)

    @abstractmethod
    def now_ns(self) -> int: ...

    @abstractmethod
    def step(self, until_ns: int, wake: frozenset[str] = frozenset()) -> None:
        """Let time pass until a port woke the bench or ``until_ns`` (inclusive) is reached; publish what was said.

        May return early and even at the same instant: the caller looks at its conditions and steps again.
        """

    def attach(self, channel: Channel) -> None:
        """Take an opened channel into the rig: flush stale input, then count and read it."""
        self._take(channel, 1, channel.count)

    def _take(self, channel: Channel, epoch: int, n: int) -> None:
        channel.flush()
        self.pump.add(channel)
        channel.attached(epoch, n)

    def detach(self, port: str) -> None:
        """Close a port; on a virtual rig it leaves the barrier."""
        self.pump.remove(port)

    def sleep_until(self, t_ns: int) -> None:
        """Let time pass until ``t_ns``; observations are published on the way."""
        while self.now_ns() < t_ns:
            self.step(t_ns)

    def wait_for(self, condition: Condition, deadline_ns: int) -> bool:
        """Let time pass until ``condition`` is met or ``deadline_ns`` has come; whether it was met."""
        unsubscribe = self.bus.subscribe(condition.feed)
        try:
            while not condition.met and self.now_ns() < deadline_ns:
                self.step(deadline_ns, condition.ports)
        finally:
            unsubscribe()
        return condition.met

    def attended(self) -> AbstractContextManager[None]:
        """While the driving thread is busy with something else: no port waits. Virtual time stands meanwhile."""
        return contextlib.nullcontext()

    def check(self) -> None:  # noqa: B027 -- wall time does not die
        """Raise ``BenchError`` when whatever makes time pass on this rig is dead."""

    def close(self) -> None:
        """Close every port."""
        self.pump.close()


class WallClock(Clock):
    """A real rig's time: monotonic, anchored to UTC and re-anchored every minute, each anchor an observation.

    The host's UTC is taken to be disciplined (NTP, PTP); a free-running 20 ppm oscillator is 12 s off after a week.
    ``clock.anchor`` carries ``step_ns``, what UTC had moved against the last anchor's prediction. Rig time never runs
    backwards: after a negative step it stands until UTC has caught up.
    """

    u_ns = 1_000_000  # arrival to stamp on a loaded host, an estimate until a rig is characterised

    def __init__(
        self,
        bus: Bus,
        utc_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        super().__init__(bus)
        self._utc_ns, self._monotonic_ns = utc_ns, monotonic_ns
        self._anchor_utc, self._anchor_mono = utc_ns(), monotonic_ns()
        self._last = self._anchor_utc
        self._reopen_mono = 0

    def now_ns(self) -> int:
        self._last = max(self._last, self._anchor_utc + self._monotonic_ns() - self._anchor_mono)
        return self._last

    def step(self, until_ns: int, wake: frozenset[str] = frozenset()) -> None:
        if self.pump.release():
            return
        while (now := self.now_ns()) < until_ns:
            self._anchor_if_due()
            self._reopen_if_due()
            next_anchor = self._anchor_mono + ANCHOR_EVERY_NS - self._monotonic_ns()
            next_reopening = REOPEN_EVERY_NS if self.pump.ended else next_anchor
            pause_s = max(0, min(until_ns - now, next_anchor, next_reopening)) / NS_PER_S
            ready = wait_readable({c.fileno(): c for c in self.pump.channels.values()}, pause_s)
            for channel in ready:
                self.pump.read(channel)
            self.pump.time_moved()
            if any(c.stamp is Stamp.HOST or c.port in wake for c in ready):
                return

    def attended(self) -> AbstractContextManager[None]:
        return self.pump.attended()

    def _reopen_if_due(self) -> None:
        """A sniffer that restarts is found again. On a virtual rig a port that closed stays closed."""
        monotonic = self._monotonic_ns()
        if self.pump.ended and monotonic >= self._reopen_mono:
            self._reopen_mono = monotonic + REOPEN_EVERY_NS
            self.pump.reopen()

    def _anchor_if_due(self) -> None:
        monotonic, utc = self._monotonic_ns(), self._utc_ns()
        elapsed = monotonic - self._anchor_mono
        if elapsed < ANCHOR_EVERY_NS:
            return
        step_ns = utc - (self._anchor_utc + elapsed)
        self._anchor_utc, self._anchor_mono = utc, monotonic
        self.pump.publish("clock", "bench", "clock.anchor", {"step_ns": step_ns})


class TwinClock(Clock):
    """Virtual time, owned by the twin and moved over its control channel (TCP, one JSON object a line).

    An answer to ``advance`` holds two counts per attached port (rule 2): what lies up to ``before`` is drained and
    stamped with the old time, the rest with the new. Raises ``BenchError`` when the twin dies, hangs or complains.
    """

    def __init__(self, control: str, bus: Bus) -> None:
        super().__init__(bus)
        self.pump.exchange_limit = EXCHANGE_LIMIT
        self._buffer = b""
        self._last_id = 0
        self._socket = _connect(control)
        hello = self._call("hello")
        self._now = int(hello["now_ns"])
        self._declares: dict[str, Mapping[str, str]] = dict(hello.get("declares", {}))

    def now_ns(self) -> int:
        return self._now

    def attach(self, channel: Channel) -> None:
        try:
            self._attach(channel)
        except BaseException:
            channel.close()
            raise

    def _attach(self, channel: Channel) -> None:
        declared = self._declares.get(channel.port, {}).get("stamp")
        if declared is None:
            raise BenchError(f"{channel.port}: the twin has no such port")
        if declared != channel.stamp:
            raise BenchError(f"{channel.port}: the twin says {declared}-stamped, the driver {channel.stamp}-stamped")
        answer = self._call("attach", port=channel.port)
        self._take(channel, int(answer["epoch"]), int(answer["n"]))

    def detach(self, port: str) -> None:
        if port in self.pump.channels:
            self._call("detach", port=port)
        super().detach(port)

    def step(self, until_ns: int, wake: frozenset[str] = frozenset()) -> None:
        if self.pump.touched:
            # A command may have made other ports speak at this very instant; look at that before time goes on.
            self.pump.touched = False
            seen = self.bus.published
            self.pump.release()
            self._advance(self._now, wake)
            if self.bus.published > seen:
                return
        if until_ns > self._now:
            self._advance(until_ns, wake)

    def check(self) -> None:
        """Ask the twin for a sign of life: ports that closed may be a device's end or the twin's."""
        self._call("state")

    def shutdown(self) -> None:
        """Ask the twin to end, and close every port."""
        self._call("shutdown")
        self.close()

    def close(self) -> None:
        super().close()
        self._socket.close()

    def _advance(self, until_ns: int, wake: frozenset[str]) -> None:
        request_id = self._next_id()
        try:
            self._send({"id": request_id, "op": "advance", "until_ns": until_ns, "wake": sorted(wake), "sent": {}})
            answer = self._answer_to(request_id, "advance", ADVANCE_WATCHDOG_S, streams=True)
        except BenchError:
            raise
        except BaseException:
            # Ctrl-C in mid-advance: virtual time must stand before the supplies can be made safe.
            with contextlib.suppress(BenchError):
                self._send({"id": self._next_id(), "op": "stop"})
                self._arrive(self._answer_to(request_id, "advance", ANSWER_S))
            raise
        self._arrive(answer)

    def _arrive(self, answer: Mapping[str, Any]) -> None:
        """Drain up to the count before the advance with the old time, then the rest with the new (rule 2)."""
        counts: dict[str, tuple[int, int]] = {}
        gone: list[str] = []
        for port, channel in self.pump.channels.items():
            entry = answer.get("ports", {}).get(port)
            if entry is None or entry["epoch"] != channel.epoch:
                gone.append(port)
            else:
                counts[port] = (entry["before"], entry["now"])
        try:
            self.pump.drain_to({port: before for port, (before, _now) in counts.items()})
        finally:
            # Also when draining was cut short: the twin is there already.
            now_ns = int(answer["now_ns"])
            if now_ns > self._now:
                self._now = now_ns
                self.pump.time_moved()
        self.pump.drain_to({port: now for port, (_before, now) in counts.items()})
        for port in gone:
            self.pump.lose(port, "closed by the device")

    def _call(self, op: str, **fields: Any) -> dict[str, Any]:
        request_id = self._next_id()
        self._send({"id": request_id, "op": op, **fields})
        return self._answer_to(request_id, op, ANSWER_S)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _answer_to(self, request_id: int, op: str, watchdog_s: float, streams: bool = False) -> dict[str, Any]:
        """The answer to one request. ``streams``: it may take long; device-stamped ports are read meanwhile."""
        deadline = time.monotonic() + watchdog_s
        while True:
            for line in self._lines():
                answer: dict[str, Any] = json.loads(line)
                if answer.get("id") != request_id:
                    continue  # the answer to a stop
                if "error" in answer:
                    raise BenchError(f"the twin refused {op!r}: {answer['error']}")
                return answer
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise BenchError(f"the twin did not answer {op!r} within {watchdog_s:g} s")
            streaming = self._streaming() if streams else {}
            for channel in wait_readable(streaming, remaining_s, self._socket.fileno()):
                self.pump.read(channel)

    def _streaming(self) -> dict[int, Channel]:
        return {c.fileno(): c for c in self.pump.channels.values() if c.stamp is Stamp.DEVICE}

    def _lines(self) -> list[bytes]:
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return []
        except OSError as error:
            raise BenchError("the twin died (control channel reset)") from error
        if not data:
            raise BenchError("the twin died (control channel closed)")
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return lines

    def _send(self, request: Mapping[str, Any]) -> None:
        try:
            self._socket.sendall(json.dumps(request, separators=(",", ":")).encode() + b"\n")
        except OSError as error:
            raise BenchError("the twin died (control channel closed)") from error


def _connect(control: str) -> socket.socket:
    host, _, port = control.rpartition(":")
    try:
        connection = socket.create_connection((host, int(port)), timeout=ANSWER_S)
    except (OSError, ValueError) as error:
        raise BenchError(f"no twin answers on its control channel {control!r}") from error
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)
    return connection
