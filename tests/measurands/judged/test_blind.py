"""Every measurand that waits for something: what it waits for may have come while the bench was blind.

Each case is a run that is wrong, and the time at which what is wanting should have come. With eyes open that is a FAIL;
a blind span over it, or a port that was gone, must never blame a terminal (or a server) for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from bench.judge.decide import Comparison, Requirement, judge
from bench.measurands.judged.registry import REGISTRY
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Obligation, Outcome
from tests.measurands.judged import test_backup_hold
from tests.measurands.judged.test_outage import BACK, READ, outage
from tests.measurands.judged.utility import (
    chain,
    test_control,
    test_cutoff,
    test_site_reading,
    test_storage,
    test_transparent,
)
from tests.measurands.synthetic import (
    MIDNIGHT_NS,
    MINUTE_NS,
    SETUP,
    Run,
    day_marks,
    hourly_steps,
    join_attempt,
    read_request,
    true_index,
    upload,
)

AGREED = attrs.evolve(
    SETUP,
    functions=test_transparent.BOTH,
    gap_filling=True,
    mdms_ways=("push", "pull"),
    references=(TerminalSetup("r1", "02:4b:42:ff:fe:00:02:02", ()),),
)
AT = MIDNIGHT_NS
Spoil = Callable[[Run], None]


@attrs.frozen(slots=True)
class Case:
    """``spoil`` writes the run; ``at_ns``: where the bench is blind, for ``long_ns``."""

    name: str
    measurand: str
    episodes: tuple[str, ...]
    spoil: Spoil
    at_ns: int
    limit: float = 0.0
    at_least: bool = False
    statistic: str = "maximum"
    long_ns: int = NS_PER_S
    ports: tuple[str, ...] = ("server",)
    """Ports that the row needs: one that is gone then must not be held against a terminal either."""

    def outcome(self, run: Run, setup: Setup = AGREED) -> Outcome:
        evidence = run.evidence()
        (measured,) = REGISTRY[self.measurand]([evidence.episode(e) for e in self.episodes], setup, self.statistic)
        comparison = Comparison.AT_LEAST if self.at_least else Comparison.AT_MOST
        row = Requirement(
            "row", "2-1", Obligation.AGREEMENT, self.measurand, self.episodes, self.limit, measured.unit, comparison
        )
        return judge(measured, row).outcome


def _control(**wrong: Any) -> Spoil:
    def spoil(run: Run) -> None:
        run.begin(test_control.BEGIN, "control")
        chain.link(run, test_control.BEGIN, "open")
        for meter in ("t1.gas", "t1.water"):
            run.see(test_control.BEGIN, f"meter.{meter}", meter, "meter.valve", state="open")
        test_control.command(run, test_control.SHUT, "shut", **wrong)
        run.end(test_control.END, "control")

    return spoil


def _cut_off(changed: test_cutoff.Probe) -> Spoil:
    return lambda run: test_cutoff.drive(run, test_cutoff.RIGHT ^ {changed})


def _leaks_late(run: Run) -> None:
    """Of a cut-off that a resumed bench undid: what was kept comes then, and no window mark says so."""
    test_cutoff.drive(run)
    at_ns = test_cutoff.PHASES["window"]
    chain.mdms(run, at_ns + 5 * MINUTE_NS, "t1.gas", "alarm", meter="t1.gas", code="leak1", occurred_ns=at_ns)


def _reading(answered: int | None) -> Spoil:
    def spoil(run: Run) -> None:
        run.begin(AT, "mdms")
        chain.link(run, AT, "open")
        chain.ask(run, AT + MINUTE_NS, "t1.gas", 5, answered)
        run.end(AT + NS_PER_HOUR, "mdms")

    return spoil


def _mdms(**wrong: Any) -> Spoil:
    return lambda run: chain.mdms_day(run, **wrong)


def _roundtrip(rtt_s: float | None, answered: int | None = None) -> Spoil:
    def spoil(run: Run) -> None:
        run.begin(AT, "roundtrip")
        run.index(AT, "t1.gas", 100)
        read_request(run, AT + MINUTE_NS, 123, rtt_s, answered)
        run.end(AT + NS_PER_HOUR, "roundtrip")

    return spoil


def _alarm(run: Run) -> None:
    run.begin(AT, "alarm")
    run.see(AT + MINUTE_NS, "meter.t1.gas", "t1.gas", "meter.alarm", code="leak1")
    run.end(AT + NS_PER_HOUR, "alarm")


def _join(run: Run) -> None:
    run.begin(AT, "join")
    run.end(join_attempt(run, AT, 1, None), "join")


def _missed_upload(run: Run) -> None:
    begin_ns, end_ns = MIDNIGHT_NS - 12 * NS_PER_HOUR, MIDNIGHT_NS + 7 * NS_PER_DAY + 7 * NS_PER_HOUR
    run.begin(begin_ns, "steady")
    for day in range(7):
        if day != 3:
            upload(run, MIDNIGHT_NS + (day + 1) * NS_PER_DAY + 20 * MINUTE_NS, day_marks(day), seq=day)
    run.end(end_ns, "steady")


MARK = day_marks(2)[6]


def _wrong_value(run: Run) -> None:
    """The register was stepped half a minute behind a mark and read then; the bench died before it wrote that down."""
    run.begin(MIDNIGHT_NS, "steady")
    hourly_steps(run, MIDNIGHT_NS - 2 * NS_PER_HOUR, MIDNIGHT_NS + 4 * NS_PER_DAY)
    upload(run, MIDNIGHT_NS + 3 * NS_PER_DAY + 20 * MINUTE_NS, day_marks(2), wrong={MARK: true_index(MARK) + 3})
    run.end(MIDNIGHT_NS + 4 * NS_PER_DAY, "steady")


def _late_reading(run: Run) -> None:
    run.begin(AT, "steady")
    run.index(AT, "t1.gas", 1000)
    told: list[Any] = []
    for n, delta_s in enumerate((-70, 70), start=1):
        mark, step_ns = AT + 4 * n * NS_PER_HOUR, round(delta_s * NS_PER_S)
        run.index(mark - NS_PER_HOUR // 2, "t1.gas", 1000 * n + 7)
        run.index(mark + step_ns, "t1.gas", 1000 * n + 9)
        run.mark(mark + step_ns, "steady", "swept", terminal="t1", meter="t1.gas", mark_ns=mark)
        told.append({"mark_ns": mark, "index": 1000 * n + 9})
    run.server(AT + 9 * NS_PER_HOUR, "upload", meters=[{"meter": "t1.gas", "values": told}])
    run.end(AT + 10 * NS_PER_HOUR, "steady")


def _out(**wrong: Any) -> Spoil:
    return lambda run: outage(run, **wrong)


def _kept_back(run: Run) -> None:
    """An alarm that the server has and does not push."""
    run.begin(AT, "outage")
    chain.link(run, AT, "open")
    chain.pull(run, AT, "t1.gas", [])
    run.server(AT + MINUTE_NS, "alarm", meter="t1.gas", code="leak1", occurred_ns=AT + MINUTE_NS)
    chain.link(run, AT + NS_PER_DAY, "shut")
    run.end(AT + NS_PER_DAY, "outage")


def _empty_early(fed: str) -> Spoil:
    """A battery that is empty after half an hour less than was agreed."""
    return lambda run: test_backup_hold.outage(run, [900.0], [1500.0], fed=fed)


MDMS = ("server", "mdms.gas")
CONTROL = (*MDMS, "meter.t1.gas")
GATE = (*MDMS, "gate")
WINDOW = test_cutoff.PHASES["window"]
SHUT = test_control.SHUT
DUE = MIDNIGHT_NS + NS_PER_DAY + 20 * MINUTE_NS
WEEK = test_storage.PULL - 168 * NS_PER_HOUR
CASES: Sequence[Case] = (
    Case("no answer", "control.function", ("control",), _control(answer=None), SHUT + 6 * NS_PER_S, ports=CONTROL),
    Case("no move", "control.function", ("control",), _control(moves=()), SHUT + 5 * NS_PER_S, ports=CONTROL),
    Case("shut before", "control.function", ("control",), _control(moves=()), SHUT - 9 * NS_PER_S, ports=CONTROL),
    Case(
        "no answer",
        "control.success",
        ("control",),
        _control(answer=None),
        SHUT + 6 * NS_PER_S,
        limit=0.99,
        at_least=True,
        ports=CONTROL,
    ),
    Case("neighbour", "cutoff.holds", ("cut-off",), _cut_off(("window", "t1.water", "read")), WINDOW + 14 * NS_PER_S),
    Case("not undone", "cutoff.holds", ("cut-off",), _cut_off(("after", "t1.gas", "alarm")), test_cutoff.END - 9),
    Case("kept", "cutoff.holds", ("cut-off",), _leaks_late, WINDOW + MINUTE_NS, ports=GATE),
    Case("no answer", "reading.mdms", ("mdms",), _reading(None), AT + MINUTE_NS + 5 * NS_PER_S, ports=MDMS),
    Case("stale", "reading.mdms", ("mdms",), _reading(4), AT + MINUTE_NS + 3 * NS_PER_S, ports=MDMS),
    Case(
        "not pushed",
        "delivery.mdms",
        ("mdms",),
        _mdms(pushed=day_marks(0)[1:]),
        chain.UPLOADED + 1,
        ports=("server", "mdms.gas", "mdms.water"),
    ),
    Case("not passed on", "alarm.mdms", ("outage",), _kept_back, AT + MINUTE_NS + NS_PER_S, ports=MDMS),
    Case(
        "not filled",
        "gap.filling",
        ("mdms",),
        _mdms(filled=(), pulled=day_marks(0)[:-6]),
        chain.FILLED,
        limit=86400.0,
        ports=GATE,
    ),
    Case(
        "filled late",
        "gap.filling",
        ("mdms",),
        _mdms(),
        chain.GAP + MINUTE_NS,
        limit=3600.0,
        long_ns=22 * NS_PER_HOUR,
        ports=GATE,
    ),
    Case(
        "older than a week",
        "storage.server",
        ("steady", "outage"),
        lambda run: test_storage.drive(run, kept=test_storage.MARKS[24:]),
        WEEK - NS_PER_HOUR,
        limit=168.0,
        at_least=True,
        statistic="minimum",
        long_ns=DUE - WEEK + NS_PER_HOUR - 1,
        ports=(),
    ),
    *(
        Case(
            "empty early",
            measurand,
            ("backup",),
            _empty_early(fed),
            test_backup_hold.CUT + 1502 * NS_PER_S,
            limit=test_backup_hold.AGREED_S,
            at_least=True,
            statistic="minimum",
        )
        for measurand, fed in (("backup.meters", "mesh"), ("backup.concentrator", "concentrator"))
    ),
    Case(
        "nothing",
        "site.reading",
        ("outage",),
        lambda run: test_site_reading.visit(run, gas=None),
        MIDNIGHT_NS + 2 * MINUTE_NS + NS_PER_S,
        ports=("handy.lab",),
    ),
    Case(
        "no call",
        "transparent.mdms",
        ("mdms",),
        lambda run: test_transparent.drive(run, gas=()),
        test_transparent.CALLED + NS_PER_S,
        ports=MDMS,
    ),
    Case("no answer", "roundtrip.server.2", ("roundtrip",), _roundtrip(None), AT + 2 * MINUTE_NS, limit=90.0),
    Case("stale", "roundtrip.server.2", ("roundtrip",), _roundtrip(9.0, 99), AT + MINUTE_NS + NS_PER_S, limit=90.0),
    Case("lost", "alarm.normal.2", ("alarm",), _alarm, AT + 2 * MINUTE_NS, limit=90.0),
    Case("lost", "alarm.outage.2", ("outage",), _out(alarm_s=None, reference_s=1.0), BACK + 9, limit=600.0),
    Case("never", "join.onsite.2", ("join",), _join, AT + 3 * MINUTE_NS, limit=90.0),
    Case("missed", "upload.daily", ("steady",), _missed_upload, DUE + 3 * NS_PER_DAY, statistic="count"),
    Case("not recorded", "values.hourly.2", ("steady",), _wrong_value, MARK + 30 * NS_PER_S, ports=()),
    Case("not recorded", "hourmark.error", ("steady",), _late_reading, AT + 8 * NS_PER_HOUR + 9, limit=60.0, ports=()),
    Case(
        "no answer",
        "storage.terminal.2",
        ("outage",),
        _out(answered=False),
        READ + NS_PER_S,
        limit=168.0,
        at_least=True,
        statistic="minimum",
    ),
    Case(
        "stays away",
        "storage.terminal.2",
        ("outage",),
        _out(stays_away=True, reference_s=1.0),
        BACK,
        limit=168.0,
        at_least=True,
        statistic="minimum",
    ),
)
NAMES = [f"{case.measurand}, {case.name}" for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_with_open_eyes_it_is_a_fail(case: Case, tmp_path: Path) -> None:
    run = Run(tmp_path)
    case.spoil(run)
    assert case.outcome(run) is Outcome.FAIL


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_blind_bench_blames_nobody(case: Case, tmp_path: Path) -> None:
    run = Run(tmp_path)
    case.spoil(run)
    run.blind(case.at_ns, case.at_ns + case.long_ns)
    assert case.outcome(run) in (Outcome.INCONCLUSIVE, Outcome.PASS)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_blind_time_long_after_or_before_takes_nothing_back(case: Case, tmp_path: Path) -> None:
    run = Run(tmp_path)
    case.spoil(run)
    run.blind(AT - 90 * NS_PER_DAY, AT - 89 * NS_PER_DAY)
    run.blind(AT + 89 * NS_PER_DAY, AT + 90 * NS_PER_DAY)
    assert case.outcome(run) is Outcome.FAIL


@pytest.mark.parametrize("found", [False, True], ids=["gone", "found again"])
@pytest.mark.parametrize(("case", "port"), [(case, port) for case in CASES for port in case.ports])
def test_a_port_that_was_gone_blames_nobody(case: Case, port: str, found: bool, tmp_path: Path) -> None:
    run = Run(tmp_path)
    case.spoil(run)
    run.bench(case.at_ns - 1, "bench.lost_port", port, port=port, reason="gone")
    if found and not port.startswith("server"):  # what the server says is read again: it misses nothing
        run.bench(case.at_ns + case.long_ns, "bench.found_port", port, port=port)
    assert case.outcome(run) is not Outcome.FAIL


VALVES = [
    (case, port) for case in CASES for port in case.ports if case.measurand.startswith("control.") and "meter." in port
]


@pytest.mark.parametrize(("case", "port"), VALVES, ids=[case.measurand + port for case, port in VALVES])
def test_a_valve_that_was_not_heard_for_noise_blames_nobody(case: Case, port: str, tmp_path: Path) -> None:
    """A meter's port babbled without a line end, and the line in which it told of its valve was dropped."""
    run = Run(tmp_path)
    case.spoil(run)
    run.bench(case.at_ns + 1, "bench.noise", port, port=port, octets=50_000)
    assert case.outcome(run) is not Outcome.FAIL


def test_every_measurand_that_waits_is_in_the_table() -> None:
    passive = {"air.rules", "radio.method"}  # of what was heard: what nobody heard is left out by the counters
    first = {name.removesuffix(".2") for name in REGISTRY if name.endswith(".2")}
    assert {case.measurand for case in CASES} == set(REGISTRY) - passive - first
