"""``storage.terminal`` at its edges: meters of which one differs, isolation to the nanosecond, and excuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from bench import kinds
from bench.measurands.judged.first.storage_terminal import storage_terminal
from bench.records import NS_PER_HOUR, Json, Measurement
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, T1, Run

CUT: Final = MIDNIGHT_NS + 10 * NS_PER_HOUR + 15 * MINUTE_NS
RESTORE: Final = CUT + 192 * NS_PER_HOUR
GAS, WATER = T1.meters
WHOLE: Final = frozenset(range(168))
LEFT: Final = "not driven for want of means: nobody could"
LOST: Final = "the bench lost server: gone"
EXCUSED: Final = "values are missing only where the feed was off or the bench blind"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def hour(back: int, restore_ns: int = RESTORE) -> int:
    """The hour mark so many before the newest one at the read, three hours after the restore."""
    return (restore_ns // NS_PER_HOUR + 3 - back) * NS_PER_HOUR


def measured(
    run: Run,
    lost: Mapping[str, frozenset[int]] = {},
    *,
    cut_ns: int = CUT,
    restore_ns: int = RESTORE,
    heard_ns: Sequence[int] = (),
    before: Sequence[int] = (),
    unasked: Mapping[str, int] = {},
    read: Sequence[str] = T1.meters,
    left_out: bool = False,
    gone: bool = False,
) -> Measurement:
    """Of an outage after which the history of each meter in ``read`` is asked for.

    ``lost``, ``unasked``: by meter, hours before the newest mark that are not in the answer, and from which on back
    nothing is asked. ``before``: marks of the gas meter that are uploaded at the cut.
    """
    run.begin(cut_ns - 30 * MINUTE_NS, "outage")
    if before:
        part: Any = {"meter": GAS, "values": [{"mark_ns": mark, "index": 1} for mark in before]}
        run.server(cut_ns, "upload", meters=[part])
    run.mark(cut_ns, "outage", "cut")
    for t_ns in heard_ns:
        run.server(t_ns, "terminal.reachable")
    run.mark(restore_ns, "outage", "restore")
    run.server(restore_ns + MINUTE_NS, "terminal.reachable")
    newest = hour(0, restore_ns)
    for meter in read:
        from_ns = hour(unasked.get(meter, 168), restore_ns)
        run.mark(newest, "outage", "read", terminal="t1", meter=meter, from_ns=from_ns)
        held = [hour(back, restore_ns) for back in sorted(WHOLE - lost.get(meter, frozenset()))]
        values: Json = [{"mark_ns": mark, "index": 1} for mark in held]
        run.server(newest + 1, "answer", op="history", request=meter, meter=meter, values=values)
    if left_out:
        run.bench(newest, kinds.EPISODE_LEFT_OUT, "t1", name="outage", what="read", why="nobody could")
    if gone:
        run.bench(newest + 2, kinds.BENCH_LOST_PORT, "server", port="server", reason="gone")
    run.end(newest + NS_PER_HOUR, "outage")
    (found,) = storage_terminal([run.evidence().episode("outage")], SETUP, "minimum")
    return found


FIFTH = frozenset({5})


@pytest.mark.parametrize(
    ("given", "value", "gate"),
    [
        ({}, 168.0, ""),
        ({"gone": True}, 168.0, ""),
        ({"lost": {GAS: FIFTH}}, 167.0, ""),
        ({"lost": {WATER: FIFTH}}, 167.0, ""),
        ({"lost": {GAS: FIFTH}, "gone": True}, None, LOST),
        ({"lost": {GAS: WHOLE}}, 0.0, ""),
        ({"lost": {GAS: FIFTH, WATER: FIFTH}, "unasked": {WATER: 4}}, 167.0, ""),
        ({"lost": {WATER: FIFTH}, "unasked": {WATER: 4}}, None, EXCUSED),
        ({"lost": {GAS: WHOLE}, "unasked": {GAS: -1}}, None, EXCUSED),
        ({"read": [GAS]}, None, f"{WATER} was not read after the outage"),
        ({"read": []}, None, f"{GAS} was not read after the outage"),
        ({"read": [GAS], "left_out": True}, None, LEFT),
        ({"read": [GAS], "left_out": True, "gone": True}, None, LOST),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_meter_with_the_fewest_decides(run: Run, given: dict[str, Any], value: float | None, gate: str) -> None:
    found = measured(run, **given)
    assert (found.value, found.gate, found.bench_error) == (value, gate, gate == LOST)
    if value is not None:
        lost, own = given.get("lost", {}), given.get("unasked", {})
        missing = [(meter, hour(back)) for meter in T1.meters for back in lost.get(meter, ()) if meter not in own]
        told: Any = found.detail["missing"]
        assert [(one["meter"], one["mark_ns"]) for one in told] == sorted(missing)


@pytest.mark.parametrize(
    ("restore_ns", "heard", "hours"),
    [
        (CUT + 168 * NS_PER_HOUR, [], None),
        (CUT + 168 * NS_PER_HOUR - 36 * NS_PER_HOUR // 100, [], "167.6"),
        (RESTORE, [RESTORE], None),
        (RESTORE, [RESTORE - 1], "0.0"),
        (RESTORE, [CUT - 1], None),
        (CUT + 170 * NS_PER_HOUR, [CUT + NS_PER_HOUR, CUT + 2 * NS_PER_HOUR], None),
        (CUT + 170 * NS_PER_HOUR, [CUT + NS_PER_HOUR, CUT + 3 * NS_PER_HOUR], "167.0"),
    ],
)
def test_isolated_is_a_terminal_since_it_was_last_heard(
    run: Run, restore_ns: int, heard: list[int], hours: str | None
) -> None:
    found = measured(run, restore_ns=restore_ns, heard_ns=heard)
    assert found.value == (168.0 if hours is None else None)
    assert found.gate == ("" if hours is None else f"isolated for {hours} h only, at least 168 h are needed")


@pytest.mark.parametrize(
    ("supply", "missing"),
    [
        ([(-1, False), (1, True)], False),
        ([(-1, False)], False),
        ([(-1, False), (1, False), (2, True)], False),
        ([(-2, False), (-1, False), (1, True)], False),
        ([(-2, False), (-1, True)], True),
        ([(-3, True), (1, False), (2, True)], True),
        ([(-4, False), (-3, True), (-2, True), (1, True)], True),
    ],
)
def test_what_was_lost_while_its_feed_was_off_is_not_the_terminals(
    run: Run, supply: list[tuple[int, bool]], missing: bool
) -> None:
    """Minutes around the lost mark at which the supply was read back."""
    for minutes, on in supply:
        run.see(hour(5) + minutes * MINUTE_NS, "supply.dc", "t1", kinds.SUPPLY_OUTPUT, on=on)
    found = measured(run, {GAS: FIFTH}, restore_ns=RESTORE)
    assert (found.value, found.gate) == ((167.0, "") if missing else (None, EXCUSED))


ON_THE_HOUR: Final = RESTORE - 15 * MINUTE_NS


@pytest.mark.parametrize(
    ("restore_ns", "lost", "marks", "policy"),
    [
        (ON_THE_HOUR, frozenset(), 192, "the oldest were overwritten"),
        (ON_THE_HOUR - 1, frozenset(), 191, "the oldest were overwritten"),
        (ON_THE_HOUR + 1, frozenset(), 192, "the oldest were overwritten"),
        (ON_THE_HOUR, frozenset({3}), 192, "the newest were not kept"),
        (ON_THE_HOUR, frozenset({4}), 192, "newest kept, with gaps"),
        (ON_THE_HOUR, WHOLE, 192, "the newest were not kept"),
    ],
)
def test_what_became_of_the_outages_marks_is_told(
    run: Run, restore_ns: int, lost: frozenset[int], marks: int, policy: str
) -> None:
    """The first mark after the cut is at 11:00; a restore on the hour is the last one."""
    told: Any = measured(run, {GAS: lost}, restore_ns=restore_ns).detail["overwrite_policy"]
    assert (told[GAS]["outage_marks"], told[GAS]["policy"]) == (marks, policy)


def test_the_mark_of_a_cut_on_the_hour_is_older_than_those_that_are_judged(run: Run) -> None:
    """Isolated for 168 h to the nanosecond; the mark was uploaded at the cut."""
    cut_ns = MIDNIGHT_NS + 10 * NS_PER_HOUR
    found = measured(run, {GAS: FIFTH}, cut_ns=cut_ns, restore_ns=cut_ns + 168 * NS_PER_HOUR, before=[cut_ns])
    (upload,) = run.evidence().events(kinds.SERVER_UPLOAD)
    assert (found.value, upload.citation in found.cited) == (167.0, False)


def test_a_mark_to_come_that_was_uploaded_before_the_cut_counts(run: Run) -> None:
    """No right terminal has it; the first edition is defined so."""
    found = measured(run, {GAS: FIFTH}, before=[hour(5)])
    (upload,) = run.evidence().events(kinds.SERVER_UPLOAD)
    assert (found.value, upload.citation in found.cited) == (168.0, True)
