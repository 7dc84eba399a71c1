"""``alarm.outage`` at its edges: no alarm or no return, what is sure without any clock, and what UTC leaves open."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from bench import kinds
from bench.evidence.limits import Limits
from bench.measurands.judged.first.alarm import alarm_outage
from bench.records import NS_PER_HOUR, NS_PER_S, Json, Measurement
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, T1, Run

CUT = MIDNIGHT_NS
RESTORE = CUT + NS_PER_HOUR
BACK = RESTORE + 20 * NS_PER_S
ARRIVAL = BACK + MINUTE_NS


def raised(run: Run, t_ns: int, code: str) -> None:
    run.see(t_ns, "meter.t1.gas", "t1.gas", kinds.METER_ALARM, code=code)


def measured(run: Run, tolerance_s: float = 60.0) -> Measurement:
    setup = attrs.evolve(SETUP, alarm_time_tolerance_s=tolerance_s)
    (found,) = alarm_outage([run.evidence().episode("outage")], setup, "maximum")
    return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.begin(CUT - MINUTE_NS, "outage")
    run.mark(CUT, "outage", "cut")
    return run


LEFT, LOST = "not driven for want of means: nobody could", "the bench lost server: gone"


@pytest.mark.parametrize(
    ("alarm", "back", "left", "lost", "said"),
    [
        (True, False, False, False, "the network did not come back"),
        (True, False, True, False, "the network did not come back"),
        (True, False, False, True, LOST),
        (False, True, False, False, "no alarm was raised in the outage"),
        (False, True, True, False, LEFT),
        (False, True, True, True, LOST),
        (False, False, False, False, "no alarm was raised in the outage"),
    ],
)
def test_without_an_alarm_or_a_return_it_is_open(
    run: Run, alarm: bool, back: bool, left: bool, lost: bool, said: str
) -> None:
    if alarm:
        raised(run, CUT + MINUTE_NS, "leak1")
    run.mark(RESTORE, "outage", "restore")
    if back:
        run.server(BACK, "terminal.reachable")
    if left:
        run.bench(RESTORE, kinds.EPISODE_LEFT_OUT, "t1", name="outage", what="raise", why="nobody could")
    if lost:
        run.bench(RESTORE, kinds.BENCH_LOST_PORT, "server", port="server", reason="gone")
    run.end(ARRIVAL, "outage")
    found = measured(run)
    assert (found.value, found.gate, found.bench_error) == (None, said, lost)


@pytest.mark.parametrize(("number", "ordered"), [(3, True), (2, False), (1, False)])
def test_what_is_sure_without_the_servers_clock(run: Run, number: int, ordered: bool) -> None:
    """No event has a stamp. The network was usable between the command that restored it and the news of that, the
    alarm came between its stimulus, an hour before, and its news, and not before the network where the server's
    numbers say so."""
    run.anchor(CUT)
    stimulus, command = CUT + MINUTE_NS, RESTORE - 5 * NS_PER_S
    run.see(CUT, "supply.ac", "mesh", kinds.SUPPLY_OUTPUT, on=False)
    raised(run, stimulus, "leak1")
    run.bench(command, kinds.INTENT_MAINS, "mesh", on=True)
    run.see(RESTORE - 3, "supply.ac", "mesh", kinds.SUPPLY_OUTPUT, on=True)
    run.see(RESTORE - 2, "supply.dc", "t1", kinds.SUPPLY_OUTPUT, on=True)
    run.mark(RESTORE, "outage", "restore")
    run.see(BACK, "server", "t1", kinds.SERVER_REACHABLE, id=2, terminal="t1")
    told: dict[str, Json] = {"meter": "t1.gas", "code": "leak1", "occurred_ns": stimulus}
    run.see(ARRIVAL, "server", "t1", kinds.SERVER_ALARM, 0, id=number, terminal="t1", **told)
    run.end(ARRIVAL, "outage")
    found = measured(run)
    longest_s = (ARRIVAL - command) / NS_PER_S
    assert (found.value, found.bounds) == (60.0, (0.0, longest_s))
    off_s = 60.0 - (0.0 if ordered else (stimulus - BACK) / NS_PER_S)
    assert found.u == pytest.approx(off_s / math.sqrt(3), abs=1e-12)


STIMULUS = CUT + MINUTE_NS
TOLERANCE_NS = 1_000_000
KEPT, OPEN, OTHER = "kept", "open", "other"


@pytest.mark.parametrize(
    ("tolerance_ns", "occurred", "became"),
    [
        (0, lambda utc: utc.low, OPEN),
        (0, lambda utc: utc.high, OPEN),
        (0, lambda utc: utc.best, OPEN),
        (TOLERANCE_NS, lambda utc: utc.low, OPEN),
        (TOLERANCE_NS, lambda utc: utc.high, OPEN),
        (TOLERANCE_NS, lambda utc: utc.low - TOLERANCE_NS, OPEN),
        (TOLERANCE_NS, lambda utc: utc.low - TOLERANCE_NS - 1, OTHER),
        (TOLERANCE_NS, lambda utc: utc.high + TOLERANCE_NS, OPEN),
        (TOLERANCE_NS, lambda utc: utc.high + TOLERANCE_NS + 1, OTHER),
        (60 * NS_PER_S, lambda utc: utc.low, KEPT),
        (60 * NS_PER_S, lambda utc: utc.high - 60 * NS_PER_S, KEPT),
        (60 * NS_PER_S, lambda utc: utc.high - 60 * NS_PER_S - 1, OPEN),
        (60 * NS_PER_S, lambda utc: utc.low + 60 * NS_PER_S, KEPT),
        (60 * NS_PER_S, lambda utc: utc.low + 60 * NS_PER_S + 1, OPEN),
    ],
)
def test_what_utc_leaves_open_is_not_held_against_the_terminal(
    run: Run, tolerance_ns: int, occurred: Callable[[Limits], int], became: str
) -> None:
    """Of two alarms the second one's time of occurrence is right whatever UTC was."""
    known_ns = STIMULUS + NS_PER_HOUR // 2
    raised(run, STIMULUS, "leak1")
    run.anchor(known_ns)
    raised(run, known_ns, "tamper")
    run.mark(RESTORE, "outage", "restore")
    run.server(BACK, "terminal.reachable")
    told = {"meter": T1.meters[0]}
    utc = run.evidence().clocks.utc(STIMULUS)
    assert utc.width > 10 * TOLERANCE_NS
    run.server(ARRIVAL, "alarm", code="leak1", occurred_ns=occurred(utc), **told)
    run.server(ARRIVAL, "alarm", code="tamper", occurred_ns=known_ns, **told)
    run.end(ARRIVAL, "outage")
    found = measured(run, tolerance_ns / NS_PER_S)
    first, *_ = (row.citation for row in run.evidence().events(kinds.METER_ALARM))
    if became == OPEN:
        assert "whether the time of occurrence was kept is open" in found.gate
        assert (found.value, found.bench_error, found.cited) == (None, False, (first,))
    else:
        assert (found.value, found.gate) == (60.0 if became == KEPT else None, "")
        assert found.detail["never"] == ("" if became == KEPT else "1 of 2 arrived with another time of occurrence")
