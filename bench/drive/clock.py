"""Rig time: one ``Clock`` for everything above the drivers, on a real rig and on the virtual one (design section 3).

Time passes only in ``step``. Between steps the bench stands at one instant: it looks at what it observed, sends
commands and gets their answers. ``WallClock`` is monotonic time and a record of where UTC stood; ``TwinClock`` asks the
twin over its control channel to run until something the bench waits for happens. Code above cannot tell them apart.

Conditions are fed each new observation and never rescan. Which ports must wake the bench is the *wake set*:
host-stamped ports (console, meter, panel) always do, device-stamped ones (sniffer, server) only where a condition
names them.
"""

from __future__ import annotations

import contextlib
import json
import math
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from bench import kinds
from bench.drive import host
from bench.drive.host import Continued
from bench.drive.pump import ANSWER_S, EXCHANGE_LIMIT, Bus, Channel, Pump, Stamp, wait_readable
from bench.errors import BenchError
from bench.formats import CONTROL, KEY, UNNUMBERED
from bench.records import NS_PER_S, Json, Observation

ANCHOR_EVERY_NS: Final = 60 * NS_PER_S
REOPEN_EVERY_NS: Final = 5 * NS_PER_S
"""Between two looks for a port that was lost."""
STEP_SEEN_NS: Final = 5_000_000
"""UTC that moved so far against monotonic time is looked at before the minute is over."""
SLEW_PPM: Final = 500.0
"""The fastest that a kernel slews (ntp_adjtime); what moved further was set."""
NOISE_NS: Final = 100_000
"""What two readings of one clock differ by on a loaded host."""
LATE_NS: Final = 1_000_000
"""A port that nobody looked at for longer than this may have spoken at any time of it."""
ADVANCE_WATCHDOG_S: Final = 600.0
"""Real seconds one advance may take before the twin counts as hung."""


class SimulationBroken(BenchError):
    """The virtual rig cannot go on, and said why: a seeded fault that failed. Nothing that follows could be judged."""


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
    patience_s: float = 0.0
    """Rig time for which a port that is gone may come back; none on a virtual rig, where it stays gone."""
    devices_share_it: bool = True
    """Whether devices that stamp themselves stamp in rig time, exactly (a virtual rig). On a real rig they have clocks
    of their own: what they say is stamped on arrival, and their own stamp is a datum."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.pump = Pump(bus, self)
        self.each_minute: list[Callable[[], None]] = []
        """Called on the driving thread once a minute of a real rig's time; must not wait for anybody."""
        self.each_second: list[Callable[[], None]] = []
        """The same once a second, also while nothing happens for hours: for people who look."""

        self.hopeless: Callable[[], bool] = lambda: False
        """Whether nothing is worth waiting for any more: the rig was taken away."""

    @abstractmethod
    def now_ns(self) -> int: ...

    def utc_ns(self) -> int:
        """UTC as well as it is known now: for hour marks and times of day, never for durations."""
        return self.now_ns()

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
            while not condition.met and self.now_ns() < deadline_ns and not self.hopeless():
                self.step(deadline_ns, condition.ports)
        finally:
            unsubscribe()
        return condition.met

    def moments(self, port: str, since_ns: int | None = None) -> Iterator[None]:
        """Let time pass, a second or less at a time, for as long as this rig waits for a port that is gone.

        It is waited for since it went (or ``since_ns``), whoever asks for it, and however often: so ports that went
        together are waited for together, and what stays away costs its patience once. There is one moment at least.
        """
        now_ns, patience_ns = self.now_ns(), round(self.patience_s * NS_PER_S)
        began_ns = self.pump.lost_ns.get(port, now_ns) if since_ns is None else since_ns
        end_ns = max(began_ns + patience_ns, now_ns + min(patience_ns, NS_PER_S))
        while (now_ns := self.now_ns()) < end_ns and not self.hopeless():
            self.step(min(end_ns, now_ns + NS_PER_S))
            yield

    def given_up(self) -> dict[str, int]:
        """Ports that have been gone for longer than this rig's patience, and since when (rig time, ns)."""
        latest_ns = self.now_ns() - round(self.patience_s * NS_PER_S)
        return {port: since_ns for port, since_ns in self.pump.lost_ns.items() if since_ns <= latest_ns}

    def _patient_until(self, until_ns: int) -> int:
        """``until_ns``, or sooner: when the patience with a port that is gone is over, who waits must look at it."""
        over = (since_ns + round(self.patience_s * NS_PER_S) for since_ns in self.pump.lost_ns.values())
        now_ns = self.now_ns()
        return min([until_ns, *(t_ns for t_ns in over if t_ns > now_ns)])

    def attended(self) -> AbstractContextManager[None]:
        """While the driving thread is busy with something else: no port waits. Virtual time stands meanwhile."""
        return contextlib.nullcontext()

    def check(self) -> None:  # noqa: B027 -- wall time does not die
        """Raise ``BenchError`` when whatever makes time pass on this rig is dead."""

    def close(self) -> None:
        """Close every port."""
        self.pump.close()


class WallClock(Clock):
    """A real rig's time: monotonic, set to UTC once, when the rig is opened, and never moved again.

    So whatever a time daemon or a person does to the host's clock, a duration is a duration, no stamp is rewritten, and
    rows stand in the order in which things happened. What UTC was at a stamp matters for hour marks and times of day
    only: for these ``clock.anchor`` records where UTC stands against rig time, at the opening, every minute, and as
    soon as UTC is seen to have moved. ``bench.evidence.clocks`` makes the piecewise model of them.

    ``u_ns``: standard uncertainty of the stamp of what was just read (more where it waited)."""

    devices_share_it = False
    u_ns = 1_000_000  # arrival to stamp on a loaded host, an estimate until a rig is characterised

    def __init__(
        self,
        bus: Bus,
        utc_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        *,
        continued: Continued | None = None,
        discipline: Callable[[], host.Discipline] = host.read_discipline,
    ) -> None:
        super().__init__(bus)
        self._utc_ns, self._monotonic_ns, self._discipline = utc_ns, monotonic_ns, discipline
        first = host.read_utc(utc_ns, monotonic_ns)
        self._zero = first.difference_ns if continued is None else continued.zero_ns(first)
        self._steered = host.steered() if monotonic_ns is time.monotonic_ns else None
        self._anchor = first
        self._reopen_mono = self._second_mono = 0
        self._looked_ns = self.now_ns()
        again = continued is not None and continued.boot != host.boot()
        moved_ns, elapsed_ns = (0, 0) if continued is None or again else continued.moved(first)
        stepped = _change(moved_ns, elapsed_ns) == "step"  # while no bench was there to see it
        self._publish(first, moved_ns if stepped else 0, "step" if stepped else "boot" if again else "first")

    def now_ns(self) -> int:
        return self._zero + self._monotonic_ns()

    def utc_ns(self) -> int:
        return self.now_ns() + self._anchor.difference_ns - self._zero

    def step(self, until_ns: int, wake: frozenset[str] = frozenset()) -> None:
        if self.pump.release():
            return
        while (now := self.now_ns()) < (until_ns := self._patient_until(until_ns)):
            self._anchor_if_due()
            self._reopen_if_due()
            next_second = self._second_over()
            next_anchor = self._anchor.monotonic_ns + ANCHOR_EVERY_NS - self._monotonic_ns()
            next_reopening = REOPEN_EVERY_NS if self.pump.ended else next_anchor
            pause_s = max(0, min(until_ns - now, next_anchor, next_reopening, next_second)) / NS_PER_S
            began_ns = self.now_ns()
            by_fd = {c.fileno(): c for c in self.pump.channels.values()}
            ready = self._wait(by_fd, pause_s)
            self._stamp_by(began_ns)
            for channel in ready:
                self.pump.read(channel)
            self.u_ns = WallClock.u_ns
            self.pump.time_moved()
            # A sniffer hears hundreds of frames a second: a stream that nobody awaits must not end the step.
            if any(c.stamp is Stamp.HOST or c.port in wake for c in ready) or self.pump.release():
                return

    def attended(self) -> AbstractContextManager[None]:
        return self.pump.attended()

    def _wait(self, by_fd: Mapping[int, Channel], pause_s: float) -> list[Channel]:
        """Let real time pass until a port speaks, for ``pause_s`` at most; the ports that did."""
        return wait_readable(by_fd, pause_s, self.pump.bell)

    def _stamp_by(self, began_ns: int) -> None:
        """What was there at once may have waited since ports were last looked at; what was waited for has not."""
        now = self.now_ns()
        waited = began_ns - self._looked_ns if now - began_ns < LATE_NS else 0
        self._looked_ns = now
        if waited > LATE_NS:
            self.u_ns = round(math.hypot(WallClock.u_ns, waited / math.sqrt(3)))

    def _second_over(self) -> int:
        """Tell whoever looks each second, when one is over; ns until the next one is (nobody looks: no end)."""
        monotonic = self._monotonic_ns()
        if not self.each_second:
            return ANCHOR_EVERY_NS
        if monotonic >= self._second_mono:
            self._second_mono = monotonic + NS_PER_S
            for call in self.each_second:
                call()
        return self._second_mono - monotonic

    def _reopen_if_due(self) -> None:
        """A sniffer that restarts is found again. On a virtual rig a port that closed stays closed."""
        monotonic = self._monotonic_ns()
        if self.pump.ended and monotonic >= self._reopen_mono:
            self._reopen_mono = monotonic + REOPEN_EVERY_NS
            self.pump.reopen()

    def _anchor_if_due(self) -> None:
        """An anchor when a minute is over, or when UTC is seen to have moved."""
        monotonic, utc = self._monotonic_ns(), self._utc_ns()
        elapsed = monotonic - self._anchor.monotonic_ns
        due = elapsed >= ANCHOR_EVERY_NS
        if not due and abs(utc - monotonic - self._anchor.difference_ns) < STEP_SEEN_NS:
            return
        reading = host.read_utc(self._utc_ns, self._monotonic_ns)
        moved_ns = reading.difference_ns - self._anchor.difference_ns
        if not due and abs(moved_ns) < STEP_SEEN_NS:
            return  # the host was busy between the two readings
        self._anchor = reading
        self._publish(reading, moved_ns, _change(moved_ns, elapsed))
        for call in self.each_minute:
            call()

    def _publish(self, reading: host.Reading, moved_ns: int, change: str) -> None:
        state = self._discipline()
        data: dict[str, Json] = {
            "step_ns": moved_ns,
            "change": change,
            "offset_ns": reading.difference_ns - self._zero,
            "half_ns": reading.half_ns,
            "boot": host.boot(),
            "monotonic_ns": reading.monotonic_ns,
        }
        where_told = {
            "synchronised": state.synchronised,
            "max_error_ns": state.max_error_ns,
            "rate_ppm": self._rate_ppm(),
        }
        data |= {key: value for key, value in where_told.items() if value is not None}
        at_ns = self._zero + reading.monotonic_ns
        self.pump.publish("clock", "bench", kinds.CLOCK_ANCHOR, data, t_ns=at_ns, u_ns=self.u_ns)

    def _rate_ppm(self) -> float | None:
        """How a time daemon steers monotonic time (a slew), since the last anchor; None where that cannot be told."""
        if self._steered is None:
            return None
        before, self._steered = self._steered, host.steered()
        found = host.rate_ppm(before, self._steered)
        return None if found is None or before == self._steered else round(found, 1)


def _change(moved_ns: int, elapsed_ns: int) -> str:
    if abs(moved_ns) <= NOISE_NS:
        return "none"
    return "slew" if abs(moved_ns) <= elapsed_ns * SLEW_PPM * 1e-6 + NOISE_NS else "step"


class TwinClock(Clock):
    """Virtual time, owned by the twin and moved over its control channel (TCP, one JSON object a line).

    An answer to ``advance`` holds two counts per attached port (rule 2): what lies up to ``before`` is drained and
    stamped with the old time, the rest with the new. Raises ``BenchError`` when the twin dies, hangs or complains,
    ``InputError`` where it speaks a control channel of an unknown format.
    """

    def __init__(self, control: str, bus: Bus) -> None:
        super().__init__(bus)
        self.pump.exchange_limit = EXCHANGE_LIMIT
        self._buffer = b""
        self._last_id = 0
        self._socket = _connect(control)
        try:
            hello = self._call("hello", **{KEY: CONTROL.version})
            CONTROL.check(hello.get(KEY, UNNUMBERED), f"twin at {control}")
        except BaseException:
            self._socket.close()
            raise
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
            sent = {port: channel.sent for port, channel in self.pump.channels.items() if channel.sent}
            self._send({"id": request_id, "op": "advance", "until_ns": until_ns, "wake": sorted(wake), "sent": sent})
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
        # Lost only after the rest was read: what others said at this instant must not stand behind the loss.
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
                if answer.get("broken"):
                    raise SimulationBroken(str(answer["error"]))
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
