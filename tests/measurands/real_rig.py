"""Synthetic runs of a real rig: true events, and what a bench with the clocks of host and server records of them.

``RealRun`` is told when things truly happened (rig time) and writes what the bench would have: anchors every minute,
exchanges with the server, stimuli between intent and answer, the server's events on arrival with its own stamp.
"""

from __future__ import annotations

import random
from pathlib import Path

from bench import kinds
from bench.records import NS_PER_S, Json, Observation
from devices.server.stamping import TRUE_TIME, Stamping
from tests.measurands.synthetic import MINUTE_NS, Run

MS = 1_000_000


class RealRun(Run):
    """``clock``: the server's; ``late_ms``: how long its news are under way; ``steps``: (from when, UTC moved by)."""

    def __init__(
        self,
        path: Path,
        clock: Stamping = TRUE_TIME,
        late_ms: tuple[float, float] = (2.0, 40.0),
        steps: tuple[tuple[int, int], ...] = (),
        synchronised: bool | None = None,
        seed: int = 1,
        told_by_status: bool = True,
        status: Stamping | None = None,
    ) -> None:
        super().__init__(path)
        self.clock, self.late_ms, self.steps, self.synchronised = clock, late_ms, steps, synchronised
        self.rng = random.Random(seed)
        self.told_by_status = told_by_status
        self.status = clock if status is None else status
        self.waiting: list[tuple[int, str, str, dict[str, Json]]] = []
        self.heard_ns = 0

    def utc_offset_ns(self, t_ns: int) -> int:
        return sum(moved for since, moved in self.steps if t_ns >= since)

    def watch_clocks(self, since_ns: int, until_ns: int) -> None:
        """Anchors and exchanges, one each minute."""
        before = self.utc_offset_ns(since_ns)
        for t_ns in range(since_ns, until_ns + 1, MINUTE_NS):
            offset = self.utc_offset_ns(t_ns)
            data: dict[str, Json] = {"step_ns": offset - before, "offset_ns": offset, "half_ns": 500}
            data |= {"change": "none" if offset == before else "step", "boot": "b", "monotonic_ns": t_ns}
            if self.synchronised is not None:
                data |= {"synchronised": self.synchronised}
                data |= {"max_error_ns": 20 * MS} if self.synchronised else {}
            self.recorder.observe(Observation(t_ns, "clock", "bench", kinds.CLOCK_ANCHOR, data))
            before = offset
            if self.told_by_status:
                self.exchange(t_ns, "status")

    def exchange(self, t_ns: int, what: str, **more: Json) -> None:
        """The server read its clock at some time between question and answer."""
        sent, received = t_ns, t_ns + self._delay(1.0, 30.0)
        stamp_ns = self.status.stamp(self.rng.randint(sent, received))
        data: dict[str, Json] = {"what": what, "sent_ns": sent, "received_ns": received, "stamp_ns": stamp_ns, **more}
        self.recorder.observe(Observation(received, "clock", "server", kinds.CLOCK_EXCHANGE, data))

    def happens(self, true_ns: int, kind: str, terminal: str = "t1", **data: Json) -> int:
        """The server's event, stamped by its clock and heard of later, in order; when it was heard of."""
        self.heard_ns = max(self.heard_ns, true_ns + self._delay(*self.late_ms))
        stamp = {} if self.clock.leave_out else {"stamp_ns": self.clock.stamp(true_ns)}
        self.server(self.heard_ns, kind, terminal, **data, **stamp)
        return self.heard_ns

    def acts(
        self, true_ns: int, source: str, subject: str, kind: str, intent: str, slow_ms: float = 10.0, **data: Json
    ) -> int:
        """A stimulus that takes effect between its intent and its answer; when the answer was there."""
        before, after = self._delay(0.1, slow_ms), self._delay(0.1, slow_ms)
        said = {key: value for key, value in data.items() if key in ("duration_s", "code", "index", "on")}
        self.bench(true_ns - before, intent, subject, **said)
        self.see(true_ns + after, source, subject, kind, u_ns=MS, **data)
        return true_ns + after

    def _delay(self, low_ms: float, high_ms: float) -> int:
        return round(self.rng.uniform(low_ms, high_ms) * MS)


def round_trips(run: RealRun, begin_ns: int, rtts_s: list[float]) -> None:
    """An episode of read requests, each answered after so long; the register is set as the bench does it."""
    run.watch_clocks(begin_ns, begin_ns + (len(rtts_s) + 1) * 5 * MINUTE_NS)
    run.begin(begin_ns, "roundtrip")
    at = begin_ns
    for n, rtt_s in enumerate(rtts_s, start=1):
        at += 4 * MINUTE_NS + run.rng.randrange(NS_PER_S)
        request = f"r{n}"
        run.bench(at, kinds.INTENT_REQUEST, "t1", op="read", meter="t1.gas")
        leaves = at + 5 * MS
        run.exchange(at + 2 * MS, "request", request=request)
        set_ns = run.acts(at + 50 * MS, "meter.t1.gas", "t1.gas", kinds.METER_INDEX, kinds.INTENT_INDEX, index=1000 + n)
        run.mark(set_ns + MS, "roundtrip", "request", terminal="t1", meter="t1.gas", request=request, n=n)
        run.happens(leaves, "request.sent", request=request, op="read", meter="t1.gas")
        true_ns = leaves + round(rtt_s * NS_PER_S)
        run.happens(true_ns, "answer", request=request, op="read", meter="t1.gas", index=1000 + n, read_ns=true_ns)
        at = true_ns
    run.end(at + MINUTE_NS, "roundtrip")


def alarms(run: RealRun, begin_ns: int, delays_s: list[float | None]) -> None:
    """An episode of alarms, all of one meter and code, each at the server after so long (None: lost)."""
    run.watch_clocks(begin_ns, begin_ns + (len(delays_s) + 1) * 10 * MINUTE_NS)
    run.begin(begin_ns, "alarm")
    at = begin_ns
    for n, delay_s in enumerate(delays_s, start=1):
        at += 2 * MINUTE_NS + run.rng.randrange(NS_PER_S)
        known = run.acts(at, "meter.t1.gas", "t1.gas", kinds.METER_ALARM, kinds.INTENT_ALARM, code="leak1")
        run.mark(known + MS, "alarm", "raise", meter="t1.gas", code="leak1", n=n)
        if delay_s is not None:
            true_ns = at + round(delay_s * NS_PER_S)
            run.happens(true_ns, "alarm", meter="t1.gas", code="leak1", occurred_ns=at + run.utc_offset_ns(0))
            at = true_ns
    run.end(at + MINUTE_NS, "alarm")


def joins(run: RealRun, begin_ns: int, joins_s: list[float], slow_ms: float = 10.0) -> None:
    """Warm installations that the server confirms after so long."""
    run.watch_clocks(begin_ns, begin_ns + (len(joins_s) + 1) * 10 * MINUTE_NS)
    run.begin(begin_ns, "join")
    at = begin_ns
    for n, join_s in enumerate(joins_s, start=1):
        at += 2 * MINUTE_NS
        run.mark(at - NS_PER_S, "join", "attempt", terminal="t1", n=n)
        run.acts(at, "panel.t1", "t1", kinds.PANEL_PRESS, kinds.INTENT_PRESS, slow_ms, duration_s=1.0)
        true_ns = at + round(join_s * NS_PER_S)
        run.see(true_ns, "panel.t1", "t1", kinds.PANEL_LAMP, u_ns=MS, state="on")
        heard = run.happens(true_ns, "terminal.reachable", eui64="02:4b:42:ff:fe:00:02:01")
        run.mark(heard + MS, "join", "attempt.end", terminal="t1", n=n, reason="joined")
        at = heard
    run.end(at + MINUTE_NS, "join")
