"""``storage.server``: a week without its MDMS, isolated terminals, and the pull; right, wrong, and every gate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest

from bench.measurands.judged.utility.storage import storage_server
from bench.records import NS_PER_DAY, NS_PER_HOUR, Json, Measurement
from tests.measurands.judged.utility.chain import link, pull, setup
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, T1, Run, day_marks, true_index, upload

BEGIN = MIDNIGHT_NS - 2 * NS_PER_HOUR
SHUT = MIDNIGHT_NS + 3 * NS_PER_HOUR
CUT = MIDNIGHT_NS + 7 * NS_PER_DAY + 8 * NS_PER_HOUR
PULL = CUT + 15 * MINUTE_NS
RESTORE = PULL + NS_PER_HOUR
MARKS = [mark for day in range(7) for mark in day_marks(day)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def drive(
    run: Run,
    *,
    shut_ns: int = SHUT,
    state: str = "shut",
    days: int = 7,
    kept: Collection[int] = tuple(MARKS),
    wrong: dict[int, int] | None = None,
    pull_ns: int = PULL,
    stored_at: str = "server",
    told_again: bool = False,
    meters: Collection[str] = T1.meters,
    pulls: Callable[[Run], None] = lambda _run: None,
    before: Sequence[Json] = (),
    between: Callable[[Run], None] = lambda _run: None,
) -> None:
    run.begin(BEGIN, "steady")
    link(run, BEGIN, "open")
    link(run, shut_ns, state)
    for day in range(days):
        upload(run, MIDNIGHT_NS + (day + 1) * NS_PER_DAY + 20 * MINUTE_NS, day_marks(day), seq=day)
        if told_again and day == 3:
            link(run, MIDNIGHT_NS + day * NS_PER_DAY, "shut")
    run.end(CUT - NS_PER_HOUR, "steady")
    between(run)
    run.begin(CUT - 30 * MINUTE_NS, "outage")
    if pull_ns > CUT:
        run.mark(CUT, "outage", "cut")
    link(run, pull_ns, "pull")
    for meter in meters:
        pull(run, pull_ns, meter, kept, wrong, stored_at, before)
    pulls(run)
    link(run, pull_ns + 1, "open")
    if pull_ns <= CUT:
        run.mark(CUT, "outage", "cut")
    run.mark(RESTORE, "outage", "restore")
    run.end(RESTORE + NS_PER_HOUR, "outage")


def stored(run: Run, storage_at: str = "server") -> Measurement:
    evidence = run.evidence()
    (one,) = storage_server(
        [evidence.episode("steady"), evidence.episode("outage")], setup(storage_at=storage_at), "minimum"
    )
    return one


def test_a_server_that_keeps_a_week(run: Run) -> None:
    drive(run)
    found = stored(run)
    assert (found.value, found.unit) == (168.0, "h")
    assert found.conditions["link_shut_h"] == (PULL - SHUT) / NS_PER_HOUR
    assert found.conditions["values"] == 168
    assert found.conditions["air"] == "not watched"


def test_six_days_are_not_seven(run: Run) -> None:
    drive(run, kept=MARKS[24:])
    assert stored(run).value == 144.0


def test_one_lost_and_one_changed_hour_are_two_less(run: Run) -> None:
    drive(run, kept=[mark for mark in MARKS if mark != MARKS[50]], wrong={MARKS[60]: true_index(MARKS[60]) + 1})
    found = stored(run)
    assert found.value == 166.0
    assert {one["mark_ns"] for one in found.detail["unkept"]} == {MARKS[50], MARKS[60]}  # type: ignore[union-attr, index, call-overload]


@pytest.mark.parametrize("other", [0, 5])
def test_an_hour_that_the_pull_gives_twice_is_one_less(run: Run, other: int) -> None:
    """Whether with the same index or with another one before the right one."""
    twice = [{"mark_ns": MARKS[50], "index": true_index(MARKS[50]) + other}]
    drive(run, before=twice)
    assert stored(run).value == 167.0


def test_a_link_that_was_not_shut_for_a_week_shows_nothing(run: Run) -> None:
    drive(run, shut_ns=SHUT + NS_PER_DAY)
    assert "shut for 149.2 h only" in stored(run).gate


def test_a_link_that_a_resumed_bench_found_shut_was_shut_all_the_time(run: Run) -> None:
    drive(run, told_again=True)
    assert stored(run).value == 168.0


def test_one_upload_that_the_terminal_missed_is_not_the_servers(run: Run) -> None:
    drive(run, days=6, kept=MARKS[: 6 * 24])
    assert stored(run).value == 168.0
    drive_more = Run(Path(run.folder.path).parent / "other")
    drive(drive_more, days=5, kept=MARKS[: 5 * 24])
    assert "120 values of t1.gas came to the server" in stored(drive_more).gate


def test_a_server_of_another_world_has_nothing_of_the_week(tmp_path: Path) -> None:
    for topology, gate in (({"terminals": []}, "started anew within the 168 h"), (None, "")):
        run = Run(tmp_path / str(bool(gate)), topology=topology)
        drive(
            run, kept=(), between=lambda run: run.resumed(CUT - 40 * MINUTE_NS, CUT - 40 * MINUTE_NS, "too late", True)
        )
        found = stored(run)
        assert gate in found.gate
        assert found.value == (None if gate else 0.0)


def test_a_pull_before_the_isolation_shows_nothing(run: Run) -> None:
    drive(run, pull_ns=CUT - 1)
    assert "was not pulled while the terminals were isolated" in stored(run).gate


def test_a_terminal_that_was_heard_of_may_have_been_asked_again(run: Run) -> None:
    drive(run)
    run.server(CUT + 10 * MINUTE_NS, "answer", request="h", op="history", meter="t1.gas", values=[], part=1, parts=1)
    assert "was heard of between its isolation and the pull" in stored(run).gate


def test_what_was_under_way_at_the_cut_is_no_fetching(run: Run) -> None:
    drive(run)
    run.server(CUT + MINUTE_NS, "answer", request="h", op="history", meter="t1.gas", values=[], part=1, parts=1)
    assert stored(run).value == 168.0


def test_the_agreed_place_must_have_kept_them(run: Run) -> None:
    drive(run, stored_at="mdms")
    assert stored(run, "mdms").value == 168.0
    found = stored(run, "server")
    assert found.gate == "the readings are kept at 'mdms', agreed is 'server'"
    assert not found.bench_error


@pytest.mark.parametrize(("less_ns", "gate"), [(0, ""), (1_000_000, "shut for 168.0 h only")])
def test_seven_days_of_a_shut_link_are_enough(less_ns: int, gate: str, run: Run) -> None:
    drive(run, shut_ns=PULL - 168 * NS_PER_HOUR + less_ns, kept=MARKS)
    found = stored(run)
    assert gate in found.gate
    assert (found.value is None) is bool(gate)


def test_a_link_that_was_never_shut_shows_nothing(run: Run) -> None:
    drive(run, state="open")
    assert "shut for 0.0 h only" in stored(run).gate


@pytest.mark.parametrize(("after_ns", "heard"), [(-1, False), (0, True)])
def test_two_minutes_after_the_cut_nothing_is_under_way_any_more(after_ns: int, heard: bool, run: Run) -> None:
    drive(run)
    run.server(CUT + 2 * MINUTE_NS + after_ns, "terminal.reachable")
    assert ("was heard of between its isolation and the pull" in stored(run).gate) is heard


@pytest.mark.parametrize(("early_ns", "value"), [(0, 167.0), (1, 168.0)])
def test_only_a_blind_time_that_began_before_the_week_excuses_what_may_have_come_before_it(
    early_ns: int, value: float, run: Run
) -> None:
    since = PULL - 168 * NS_PER_HOUR
    drive(run)
    upload(run, since + MINUTE_NS, [day_marks(7)[0]], seq=99)
    run.blind(since - early_ns, since + MINUTE_NS)
    assert stored(run).value == value
