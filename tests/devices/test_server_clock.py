"""A server's clock with every bad habit, asked over real HTTP in real time: what is then known of it holds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench import kinds
from bench.drive.clock import WallClock
from bench.drive.pump import Bus
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.timeline import CitedObservation, Recorder
from bench.records import NS_PER_S, Observation
from devices.server.stamping import Stamping
from tests.devices.test_server import Event, FakeModel, driver_at, served

MS = 1_000_000
REQUESTS = 12


class LiveModel(FakeModel):
    """A server in real time; ``true_ns`` keeps when each event truly happened."""

    def __init__(self) -> None:
        super().__init__()
        self.true_ns: list[int] = []

    def now_ns(self) -> int:
        return time.time_ns()

    def status(self) -> Event:
        return {**super().status(), "now_ns": time.time_ns()}

    def emit(self, kind: str, terminal: str = "t1", **data: object) -> None:
        self.true_ns.append(time.time_ns())
        event: Event = {"id": len(self.true_ns), "t_ns": self.true_ns[-1], "kind": kind, "terminal": terminal}
        event |= data  # type: ignore[arg-type]
        self.events.append(event)
        for listener in list(self.listeners):
            listener(event)

    def request(self, terminal: str, body: object) -> Event:
        request = f"r{len(self.true_ns) + 1}"
        self.emit("request.sent", terminal, request=request, op="read")
        return {"request": request, "accepted_ns": time.time_ns()}


@pytest.mark.parametrize(
    ("clock", "width_ns"),
    [
        (Stamping(), 250 * MS),
        (Stamping(offset_ns=-20 * MS), 250 * MS),
        (Stamping(offset_ns=5 * NS_PER_S, drift_ppm=50.0, since_ns=time.time_ns()), 250 * MS),
        (Stamping(resolution_ns=NS_PER_S, offset_ns=-3 * NS_PER_S), 2100 * MS),
        (Stamping(step_ns=-2 * NS_PER_S, step_at_ns=time.time_ns() + NS_PER_S // 2), 2500 * MS),
    ],
    ids=["true", "20 ms late", "5 s early, 50 ppm", "whole seconds, 3 s late", "stepped by -2 s"],
)
def test_what_is_known_of_a_servers_clock_holds(clock: Stamping, width_ns: int, tmp_path: Path) -> None:
    folder, model, bus = RunFolder.create(tmp_path / "run", {"seed": 1}), LiveModel(), Bus()
    recorder = Recorder(folder.timeline)

    def record(observation: Observation) -> None:
        recorder.observe(observation)

    bus.subscribe(record)
    rig_clock = WallClock(bus)
    with served(model, clock) as url:
        driver = driver_at(url)
        driver.connect(rig_clock)
        for n in range(1, REQUESTS + 1):
            rig_clock.sleep_until(rig_clock.now_ns() + 97 * MS)  # a phase of its own to the server's seconds
            driver.request("t1", {"op": "read", "meter": "t1.gas"})
            while driver.last_event_id < n:
                rig_clock.step(rig_clock.now_ns() + NS_PER_S, frozenset({"server"}))
        driver.disconnect()
    recorder.close()
    evidence = Evidence.open(folder.path)
    (first,) = (row for row in evidence.events(kinds.CLOCK_ANCHOR) if row.data["change"] == "first")
    rig_less_utc = -int(str(first.data["offset_ns"]))
    seen = evidence.events(kinds.SERVER_REQUEST_SENT)
    assert len(seen) == REQUESTS
    for event, true_ns in zip(seen, model.true_ns, strict=True):
        holds(evidence, event, true_ns + rig_less_utc, width_ns)


def holds(evidence: Evidence, event: CitedObservation, true_ns: int, width_ns: int) -> None:
    limits = evidence.clocks.heard(event, event.t_ns - 3600 * NS_PER_S)
    assert limits.low - MS <= true_ns <= limits.high + MS  # both clocks are read within a millisecond
    assert limits.width <= width_ns
