"""``storage.terminal.2`` at its edges: one meter of several, one part of an answer, the hour of a cut or a restore."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from bench.measurands.judged.storage_terminal import storage_terminal
from bench.records import NS_PER_DAY, NS_PER_HOUR, Measurement
from tests.measurands.judged.test_outage import WITH_REFERENCE
from tests.measurands.synthetic import (
    MIDNIGHT_NS,
    MINUTE_NS,
    SETUP,
    STEADY_CLOCKS,
    T1,
    Run,
    upload,
    utc_is_open_by,
)

CUT = MIDNIGHT_NS
RESTORE = CUT + 8 * NS_PER_DAY + 15 * MINUTE_NS
READ = RESTORE + 2 * NS_PER_HOUR
NEWEST = READ // NS_PER_HOUR * NS_PER_HOUR
MARKS = range(NEWEST - 167 * NS_PER_HOUR, NEWEST + 1, NS_PER_HOUR)
LOST = MARKS[50]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def isolated(run: Run, restore_ns: int = RESTORE, *, back: bool = True) -> None:
    run.begin(CUT - MINUTE_NS, "outage")
    run.mark(CUT, "outage", "cut")
    run.mark(restore_ns, "outage", "restore")
    if back:
        run.server(restore_ns + MINUTE_NS, "terminal.reachable", eui64=T1.eui64)


def read(
    run: Run,
    meter: str,
    lost: Collection[int] = (),
    *,
    name: str = "read",
    from_ns: int = 0,
    parts: Any = ((1, 1),),
    at_ns: int = READ,
) -> None:
    """A history request of its own, and its answer: number and count of the parts that came, the first has it all."""
    request = f"{name} {meter}"
    run.mark(at_ns, "outage", name, terminal="t1", meter=meter, request=request, from_ns=from_ns, to_ns=NEWEST)
    values: list[Any] = [{"mark_ns": mark, "index": 1} for mark in MARKS if mark not in lost]
    for n, part in enumerate(parts):
        told: Any = {} if part is None else {"part": part[0], "parts": part[1]}
        some = values if n == 0 else []
        run.server(at_ns + n, "answer", op="history", request=request, meter=meter, values=some, **told)


def stored(run: Run, *, end: bool = True, setup: Any = SETUP) -> Measurement:
    if end:
        run.end(READ + NS_PER_HOUR, "outage")
    (found,) = storage_terminal([run.evidence().episode("outage")], setup, "minimum")
    return found


# -- one meter of several ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["read", "read.again"])
def test_each_meter_gives_what_its_own_answer_holds(run: Run, name: str) -> None:
    isolated(run)
    if name != "read":
        for meter in T1.meters:
            read(run, meter)
    read(run, "t1.gas", [LOST], name=name)
    read(run, "t1.water", MARKS[10:12], name=name)
    found = stored(run)
    assert (found.value, found.conditions["fewest"]) == (166.0, "t1.water")
    told: Any = found.detail["missing"]
    assert [(one["meter"], one["mark_ns"]) for one in told] == [
        ("t1.gas", LOST),
        *(("t1.water", mark) for mark in MARKS[10:12]),
    ]


def test_a_meter_that_was_not_read_leaves_it_open_and_says_why(run: Run) -> None:
    isolated(run)
    read(run, "t1.gas")
    assert stored(run, end=False).gate == "episode 'outage' did not end"
    found = stored(run)
    assert (found.gate, found.bench_error) == ("t1.water was not read after the outage", False)
    run.bench(READ, "episode.left_out", "t1", name="outage", what="read", why="no means")
    assert "no means" in stored(run, end=False).gate


def test_an_hour_of_one_meter_may_be_at_a_server_that_the_bench_lost(run: Run) -> None:
    isolated(run)
    read(run, "t1.gas", [LOST])
    read(run, "t1.water")
    run.see(READ + MINUTE_NS, "server", "t1", "server.odd", event="not JSON", why="not JSON")
    found = stored(run)
    assert "cannot be read" in found.gate
    assert found.value is None


def test_an_hour_of_one_meter_in_which_the_bench_was_blind_leaves_it_open(run: Run) -> None:
    isolated(run)
    read(run, "t1.gas", [LOST])
    read(run, "t1.water")
    run.blind(LOST, LOST)
    assert "only where the feed was off or the bench blind" in stored(run).gate


def test_a_terminal_that_was_back_and_not_read_did_not_stay_away(run: Run) -> None:
    isolated(run)
    run.server(RESTORE + 2 * MINUTE_NS, "terminal.reachable", "r1")
    found = stored(run, setup=WITH_REFERENCE)
    assert (found.value, found.gate, found.bench_error) == (None, "its store was not read", False)


def test_none_that_came_back_and_no_reference_is_no_failure_of_the_bench(run: Run) -> None:
    isolated(run, back=False)
    found = stored(run)
    assert found.gate == "the terminal did not come back, so its store was not read"
    assert not found.bench_error


# -- isolation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "open_"), [(167.9, True), (168.0, False)])
def test_seven_days_prove_seven_days(run: Run, hours: float, open_: bool) -> None:
    isolated(run, CUT + round(hours * NS_PER_HOUR))
    for meter in T1.meters:
        read(run, meter)
    assert stored(run).gate == ("isolated for 167.9 h only, at least 168 h are needed" if open_ else "")


@pytest.mark.parametrize(
    ("heard_ns", "isolated_h"),
    [
        ([CUT + NS_PER_HOUR], 191.25),
        ([CUT + NS_PER_HOUR, CUT + 2 * NS_PER_DAY], None),
        ([RESTORE - 1], None),
        ([RESTORE], 192.25),
    ],
)
def test_it_was_isolated_since_it_was_heard_of_the_last_time_before_the_restore(
    run: Run, heard_ns: list[int], isolated_h: float | None
) -> None:
    isolated(run)
    for at_ns in heard_ns:
        run.server(at_ns, "terminal.reachable", eui64=T1.eui64)
    for meter in T1.meters:
        read(run, meter)
    found = stored(run)
    assert found.conditions.get("isolated_h") == isolated_h
    assert ("isolated for" in found.gate) is (isolated_h is None)


# -- what was asked and what came -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (((1, 1),), True),
        ((None,), True),
        (((1, 2), (2, 2)), True),
        (((1, 2),), False),
        (((1, 2), (1, 2)), False),
        (((1, 2), (2, 3)), False),
        (((1, 3), (2, 2)), False),
    ],
)
def test_an_answer_is_whole_where_all_its_parts_came(run: Run, parts: Any, whole: bool) -> None:
    isolated(run)
    read(run, "t1.gas", parts=parts)
    read(run, "t1.water")
    found = stored(run)
    assert (found.value, found.conditions.get("unanswered")) == (168.0, None if whole else ["t1.gas"])


def test_an_hour_that_was_not_asked_for_is_not_missing(run: Run) -> None:
    """The request began later; an hour that it asked for and did not bring is."""
    isolated(run)
    read(run, "t1.gas", MARKS[:3], from_ns=MARKS[3])
    read(run, "t1.water")
    assert "values are missing only where" in stored(run, end=False).gate
    read(run, "t1.water", [LOST], name="read.again", from_ns=MARKS[3])
    read(run, "t1.gas", MARKS[:4], name="read.again", from_ns=MARKS[3])
    found = stored(run)
    assert [one["mark_ns"] for one in found.detail["missing"]] == [MARKS[3], LOST]  # type: ignore[union-attr, index, call-overload]


@pytest.mark.parametrize(("lost", "excused"), [(MARKS[0], True), (MARKS[1], False)])
def test_an_hour_that_is_one_of_the_newest_by_one_side_of_utc_alone_is_not_missing(
    tmp_path: Path, lost: int, excused: bool
) -> None:
    """Read a minute before an hour mark, or half a minute behind it."""
    run = Run(tmp_path, rig=STEADY_CLOCKS)
    utc_is_open_by(run, 90.0)
    isolated(run)
    for meter in T1.meters:
        read(run, meter, [lost], at_ns=NEWEST + 59 * MINUTE_NS)
    found = stored(run)
    assert ("UTC not known (the host's UTC was stepped by +90 s" in found.gate) is excused
    assert found.value == (None if excused else 167.0)


@pytest.mark.parametrize(
    ("feed", "excused"),
    [
        (((-60, False), (60, True)), True),
        (((-60, False), (30, False), (60, True)), True),
        (((-90, True), (-60, False), (60, True)), True),
        (((-60, False),), True),
        (((-60, False), (-30, True)), False),
        (((-60, True),), False),
    ],
)
def test_an_hour_in_which_its_own_feed_was_off_is_not_missing(
    run: Run, feed: Collection[tuple[int, bool]], excused: bool
) -> None:
    """Seconds from the hour mark, and what the supply was read back as."""
    isolated(run)
    for after_s, on in feed:
        run.see(LOST + after_s * (MINUTE_NS // 60), "supply.dc", "t1", "supply.output", on=on)
    read(run, "t1.gas", [LOST])
    read(run, "t1.water")
    found = stored(run)
    assert ("feed was off" in found.gate) is excused
    assert found.value == (None if excused else 167.0)


# -- what was kept, reported only -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("restore_ns", "marks"),
    [(MARKS[-3] - 1, 192), (MARKS[-3], 193), (MARKS[-3] + 1, 193), (MARKS[-2] - 1, 193), (MARKS[-2], 194)],
)
def test_marks_of_the_outage_are_those_from_the_cut_to_the_restore(run: Run, restore_ns: int, marks: int) -> None:
    isolated(run, restore_ns)
    for meter in T1.meters:
        read(run, meter)
    assert stored(run).detail["overwrite_policy"]["t1.gas"]["outage_marks"] == marks  # type: ignore[index, call-overload]


OUTAGE = range(CUT, RESTORE, NS_PER_HOUR)


@pytest.mark.parametrize(
    ("kept", "policy"),
    [
        (OUTAGE, "nothing was overwritten"),
        (OUTAGE[30:], "the oldest were overwritten"),
        ([*OUTAGE[:9], *OUTAGE[30:]], "newest kept, with gaps"),
        (OUTAGE[:9], "the newest were not kept"),
        ((), "the newest were not kept"),
    ],
)
def test_what_became_of_the_oldest_is_told_by_what_was_uploaded_as_well(
    run: Run, kept: Collection[int], policy: str
) -> None:
    isolated(run)
    for meter in T1.meters:
        read(run, meter, MARKS)
    upload(run, READ + MINUTE_NS, list(kept))
    told: Any = stored(run).detail["overwrite_policy"]
    assert (told["t1.gas"]["policy"], told["t1.gas"]["delivered"]) == (policy, len(kept))


def test_uploads_of_one_meter_keep_nothing_of_another(run: Run) -> None:
    isolated(run)
    for meter in T1.meters:
        read(run, meter, MARKS)
    values: Any = [{"mark_ns": mark, "index": 1} for mark in OUTAGE]
    run.server(READ + MINUTE_NS, "upload", meters=[{"meter": "t1.gas", "values": values}])
    told: Any = stored(run).detail["overwrite_policy"]
    assert [told[meter]["delivered"] for meter in T1.meters] == [len(OUTAGE), 0]
