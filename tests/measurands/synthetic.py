"""Synthetic runs: small timelines with the observations that a rig would give, good ones and spoilt ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import kinds
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.timeline import Recorder
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Json, Observation

MIDNIGHT_NS = 1_774_969_200 * NS_PER_S
"""2026-04-01T00:00:00+09:00."""

T1 = TerminalSetup("t1", "02:4b:42:ff:fe:00:02:01", ("t1.gas", "t1.water"), hops=1, timers="short")
SETUP = Setup(terminals=(T1,), upload_deadline_s=6 * 3600.0, alarm_time_tolerance_s=60.0)
MINUTE_NS = 60 * NS_PER_S
FILLED: dict[str, dict[str, Json]] = {
    kinds.SUPPLY_OUTPUT: {"channel": 1, "volts": 3.6, "amps": 0.5, "measured_volts": 3.6, "measured_amps": 0.01},
}
STEADY_CLOCKS: Any = {
    "options": {"bench": {"clocks": {"host": {"drift_ppm": 0.0}, "server": {"by": "bench", "u_s": 1e-9}}}}
}
"""For the ``rig`` of a run whose UTC is told (`utc_is_open_by`): a host that does not drift, a server whose news the
bench stamps, late by two nanoseconds at most."""


class Run:
    """A run being written by hand; ``evidence()`` reads it back."""

    def __init__(self, path: Path, **inputs: Any) -> None:
        self.folder = RunFolder.create(path / "run", {"seed": 1, **inputs})
        self.recorder = Recorder(self.folder.timeline)
        self.requests = self.events = 0

    def __del__(self) -> None:
        self.recorder.close()

    def resumed(self, from_ns: int, to_ns: int, takeover: str = "in time", anew: bool = False) -> None:
        """The bench was killed and went on; ``anew``: it found another server, which numbers its events anew."""
        self.bench(to_ns, "bench.resumed", "bench", takeover=takeover)
        self.blind(from_ns, to_ns)
        self.events = 0 if anew else self.events

    def blind(self, from_ns: int, to_ns: int) -> None:
        self.bench(to_ns, "bench.blind", "bench", from_ns=from_ns, to_ns=to_ns, why="the bench was killed and resumed")

    def see(self, t_ns: int, source: str, subject: str, kind: str, u_ns: int = 0, **data: Json) -> None:
        """One observation; what a test does not care about is filled in as a device would."""
        data = {**FILLED.get(kind, {}), **data}
        self.recorder.observe(Observation(t_ns, source, subject, kind, data, u_ns=u_ns))

    def bench(self, t_ns: int, kind: str, subject: str = "", **data: Json) -> None:
        self.recorder.observe(Observation(t_ns, "bench", subject, kind, data))

    def anchor(self, t_ns: int) -> None:
        """UTC was rig time then, and is known the less the farther away: clocks are not exact from here on."""
        data: dict[str, Json] = {"step_ns": 0, "change": "first", "offset_ns": 0, "half_ns": 0}
        self.see(t_ns, "clock", "bench", kinds.CLOCK_ANCHOR, 0, boot="b", monotonic_ns=t_ns, **data)

    def begin(self, t_ns: int, name: str) -> None:
        self.bench(t_ns, "episode.begin", name, name=name)

    def end(self, t_ns: int, name: str) -> None:
        self.bench(t_ns, "episode.end", name, name=name)

    def mark(self, t_ns: int, episode: str, name: str, **data: Json) -> None:
        self.bench(t_ns, "episode.milestone", episode, **{"name": name, **data})

    def server(self, t_ns: int, kind: str, terminal: str = "t1", **data: Json) -> None:
        self.events += 1
        self.see(t_ns, "server", terminal, f"server.{kind}", 0, id=self.events, terminal=terminal, **data)

    def index(self, t_ns: int, meter: str, index: int) -> None:
        self.see(t_ns, f"meter.{meter}", meter, "meter.index", index=index)

    def evidence(self) -> Evidence:
        self.recorder.commit()
        return Evidence.open(self.folder.path)


def utc_is_open_by(run: Run, moved_s: float) -> None:
    """UTC is rig time, or so much more: the host was stepped a month later, and nobody knows which side was right."""
    stepped_ns = MIDNIGHT_NS + 30 * NS_PER_DAY
    for at_ns, offset_s in ((MIDNIGHT_NS - NS_PER_DAY, 0.0), (stepped_ns, 0.0), (stepped_ns + NS_PER_S, moved_s)):
        told: dict[str, Json] = {"offset_ns": round(offset_s * NS_PER_S), "half_ns": 0, "boot": "b"}
        told |= {"monotonic_ns": at_ns, "step_ns": round(offset_s * NS_PER_S)}
        told |= {"change": "step" if offset_s else "none"}
        run.recorder.observe(Observation(at_ns, "clock", "bench", kinds.CLOCK_ANCHOR, told))


def join_attempt(
    run: Run, at_ns: int, n: int, join_s: float | None, cold: bool = True, u_ns: int = 0, retest: bool = False
) -> int:
    """One installation as the join episode drives it; the time at which it ended."""
    if cold:
        run.see(at_ns, "panel.t1", "t1", "panel.press", duration_s=10.0)
        run.see(at_ns + 1, "supply.dc", "t1", "supply.output", channel=1, on=False, volts=0.0, amps=0.0)
        run.bench(at_ns + 2, "intent.deregister", "t1")
        run.see(at_ns + MINUTE_NS, "supply.dc", "t1", "supply.output", channel=1, on=True, volts=3.6, amps=0.01)
    start_ns = at_ns + 2 * MINUTE_NS
    run.mark(start_ns, "join", "attempt", terminal="t1", n=n, **({"retest": True} if retest else {}))
    run.see(start_ns, "panel.t1", "t1", "panel.press", u_ns=u_ns, duration_s=1.0)
    run.see(start_ns + NS_PER_S, "panel.t1", "t1", "panel.lamp", state="blinking")
    end_ns = start_ns + 30 * MINUTE_NS
    if join_s is not None:
        end_ns = start_ns + round(join_s * NS_PER_S)
        run.see(end_ns, "panel.t1", "t1", "panel.lamp", u_ns=u_ns, state="on")
        run.server(end_ns, "terminal.reachable", eui64=T1.eui64)
    run.mark(end_ns, "join", "attempt.end", terminal="t1", n=n, reason="joined" if join_s is not None else "gave up")
    return end_ns + MINUTE_NS


def read_request(
    run: Run,
    at_ns: int,
    fresh: int,
    rtt_s: float | None,
    answered: int | None = None,
    read_s: float | None = None,
) -> None:
    """A read request, the register set to ``fresh`` right after it, and its answer with ``answered`` (or fresh).

    ``read_s``: when it says that it was read, in seconds after the request; as it comes where none is given.
    """
    run.requests += 1
    request = f"r{run.requests}"
    run.server(at_ns, "request.sent", request=request, op="read")
    run.index(at_ns, "t1.gas", fresh)
    run.mark(at_ns, "roundtrip", "request", terminal="t1", meter="t1.gas", request=request, n=run.requests)
    if rtt_s is not None:
        said = fresh if answered is None else answered
        t_ns = at_ns + round(rtt_s * NS_PER_S)
        read_ns = t_ns if read_s is None else at_ns + round(read_s * NS_PER_S)
        run.server(t_ns, "answer", request=request, op="read", meter="t1.gas", index=said, read_ns=read_ns)


def true_index(mark_ns: int) -> int:
    """Strictly growing, with another increment every hour."""
    hours = (mark_ns - MIDNIGHT_NS) // NS_PER_HOUR + 1000
    return hours * (hours + 1) // 2


def hourly_steps(run: Run, since_ns: int, until_ns: int, skip: frozenset[int] = frozenset()) -> None:
    """Both registers step in the middle of every hour; the register then holds until the next hour's middle.

    ``skip``: hour marks before which no step is made.
    """
    for mark in range(since_ns + NS_PER_HOUR, until_ns + 1, NS_PER_HOUR):
        if mark not in skip:
            for meter in T1.meters:
                run.index(mark - 30 * MINUTE_NS, meter, true_index(mark))


def upload(
    run: Run,
    t_ns: int,
    marks: list[int],
    delivery: str = "scheduled",
    wrong: dict[int, int] | None = None,
    seq: int = 0,
) -> None:
    """One upload of both meters; ``wrong``: mark to the index delivered instead."""
    values = [{"mark_ns": mark, "index": (wrong or {}).get(mark, true_index(mark))} for mark in marks]
    meters: Any = [{"meter": meter, "values": values} for meter in T1.meters]
    run.server(t_ns, "upload", upload_seq=seq, delivery=delivery, meters=meters)


def day_marks(day: int) -> list[int]:
    """Hour marks 01:00 to 24:00 of the day ``day`` days after the first midnight."""
    return [MIDNIGHT_NS + day * NS_PER_DAY + hour * NS_PER_HOUR for hour in range(1, 25)]


def steady_week(run: Run, days: int = 7, until_ns: int | None = None) -> int:
    """A good steady episode from noon before the first whole day; the uploads are at 00:20. Its end."""
    begin_ns = MIDNIGHT_NS - 12 * NS_PER_HOUR
    end_ns = until_ns or MIDNIGHT_NS + days * NS_PER_DAY + 7 * NS_PER_HOUR
    run.begin(begin_ns, "steady")
    hourly_steps(run, begin_ns - 2 * NS_PER_HOUR, end_ns)
    for day in range(days):
        upload(run, MIDNIGHT_NS + (day + 1) * NS_PER_DAY + 20 * MINUTE_NS, day_marks(day), seq=day)
    run.end(end_ns, "steady")
    return end_ns
