"""What makes measuring flat: values kept exactly and small, tables that forget, sightings outside memory."""

from __future__ import annotations

import errno
import random
import zlib
from collections import defaultdict
from itertools import pairwise
from statistics import median
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.measurands.air.figures.report import as_json, measure
from bench.measurands.air.sightings import acks, expiry, samples, spool
from bench.measurands.air.sightings.acks import RETRY_WINDOW_NS, Ledger
from bench.measurands.air.sightings.digest import digest
from bench.measurands.air.sightings.expiry import Expiry
from bench.measurands.air.sightings.samples import Pairs, Samples
from bench.measurands.air.sightings.sighting import Sighting
from bench.measurands.air.sightings.spool import Spool, pack
from bench.measurands.air.sniffers import numbering, transfers
from bench.measurands.air.sniffers.numbering import LATE, Keys, Numbers, Tally
from bench.records import NS_PER_S
from tests.measurands.air.real import frames

WIDTH = 60 * NS_PER_S


@settings(deadline=None)  # the first one loads numpy
@given(st.lists(st.integers(-(1 << 62), 1 << 62), min_size=1), st.integers(1, 40))
def test_medians_are_those_of_all_values(values: list[int], few: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "FEW", few)
        kept = Samples(int)
        for value in values:
            kept.add(value)
    assert kept.ordered().tolist() == sorted(values)
    assert (kept.n, kept.least(), kept.greatest()) == (len(values), min(values), max(values))
    assert kept.median() == median(values)


@given(st.lists(st.tuples(st.integers(3, 9), st.integers(0, 99))), st.integers(1, 30), st.integers(1, 5))
def test_pairs_are_sampled_in_their_order(pairs: list[tuple[int, int]], few: int, step: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "FEW", few)
        kept = Pairs(pairs)
    assert list(kept.every(step)) == sorted(pairs)[::step]


def trials(times: dict[int, int]) -> tuple[dict[int, list[int]], int]:
    """Numbers between the ends of a run by interval, captured and in all, and how many were missed: as `coverage`
    defines them, from all numbers at once. Missed ones lie evenly between their neighbours."""
    parts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    ordered = sorted(times.items())
    for _, t_ns in ordered[1:-1]:
        parts[t_ns // WIDTH][0] += 1
        parts[t_ns // WIDTH][1] += 1
    missed = 0
    for (low, low_ns), (high, high_ns) in pairwise(ordered):
        gap = high - low - 1
        missed += gap
        for i in range(1, gap + 1):
            parts[(low_ns + max(1, high_ns - low_ns) * i // (gap + 1)) // WIDTH][1] += 1
    return dict(parts), missed


def matches(tally: Tally, times: dict[int, int]) -> None:
    parts, missed = trials(times)
    assert tally.captured == len(times)
    assert tally.missed == missed
    assert {at: counts for at, counts in tally.parts.items() if any(counts)} == parts


def heard(rng: random.Random, numbers: range, share: float) -> list[tuple[int, int]]:
    """Numbers that a sniffer caught, nearly in order, with their times: whole seconds, so that no rounding differs."""
    caught = [(n, (n - numbers.start) * 3 * NS_PER_S) for n in numbers if rng.random() < share]
    for at in range(0, len(caught) - 3, 5):
        (a, a_ns), (b, b_ns) = caught[at], caught[at + 2]
        if b - a < LATE // 2:
            caught[at], caught[at + 2] = (b, a_ns), (a, b_ns)
    return caught


@given(st.integers(0, 1 << 32), st.sampled_from((0.3, 0.7, 1.0)))
def test_counters_are_counted_as_they_come(seed: int, share: float) -> None:
    caught = heard(random.Random(seed), range(5, 400), share)
    keys = Keys(0, WIDTH)
    for value, t_ns in caught:
        keys.take(1, value, t_ns, solicited=False)
    assert keys.restarts == 0
    matches(keys.tally, dict(reversed(caught)))


@pytest.mark.parametrize("skips_zero", [False, True])
@given(seed=st.integers(0, 1 << 32))
def test_sequence_numbers_with_and_without_zero(skips_zero: bool, seed: int) -> None:
    """A sender that never uses 0 is counted over the 255 others; where every step over it was heard."""
    rng = random.Random(seed)
    caught = [
        (n, t_ns)
        for n, t_ns in heard(rng, range(5, 900), 1.0)
        if n % 256 in (253, 254, 255, 1, 2, 3) or (n % 256 and rng.random() < 0.6) or (not n % 256 and not skips_zero)
    ]
    numbers = Numbers(0, WIDTH)
    for value, t_ns in caught:
        numbers.take(value % 256, t_ns)
    wanted = {value - (value >> 8) if skips_zero else value: t_ns for value, t_ns in reversed(caught)}
    matches(numbers.tally, wanted)


def test_a_run_remembers_only_what_may_still_change() -> None:
    keys = Keys(0, WIDTH)
    for value in range(100_000):
        keys.take(None, value, value * NS_PER_S, solicited=False)
        waiting = len(keys._runs[None][0].waiting)
        assert waiting <= numbering._WAITING + 1
    assert keys.tally.captured == 100_000
    assert LATE < numbering._WAITING


def test_a_table_forgets_what_is_over_and_nothing_else() -> None:
    forgetting: Expiry[int, int] = Expiry()
    table: dict[int, int] = {}
    gone: list[int] = []
    for now in range(100_000):
        table[now] = now
        gone += forgetting.sweep(table, lambda then, now=now: now - then >= 100)  # type: ignore[misc]
        assert len(table) <= 2 * expiry.FEW
    assert sorted([*gone, *table.values()]) == list(range(100_000))
    assert all(now in table for now in range(99_901, 100_000))


def test_a_table_is_looked_through_each_time_it_has_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """So an entry costs a constant, however many stay."""
    monkeypatch.setattr(expiry, "FEW", 4)
    forgetting: Expiry[int, int] = Expiry()
    table: dict[int, int] = {}
    asked: list[int] = []

    def over(then: int) -> bool:
        asked.append(len(table))
        return False

    for now in range(40):
        table[now] = now
        assert forgetting.sweep(table, over) == []
    assert asked == [size for size in (4, 8, 16, 32) for _ in range(size)]


def unicast(ordinal: int, t_ns: int, **what: Any) -> Sighting:
    """A frame of one of 50 pairs of nodes that asks and is not answered."""
    pair = ordinal % 50
    ends = bytes(7) + bytes((pair,)), bytes(7) + bytes((pair + 100,))
    rest = dict.fromkeys(Sighting._fields) | {"kind": "DATA", "octets": 60, "asks": True, "mic": "none"}
    made = rest | {"ordinal": ordinal, "number": ordinal + 1, "start_ns": t_ns, "src": ends[0], "dst": ends[1]}
    return Sighting(**(made | {"seq": ordinal // 50 % 256} | what))  # type: ignore[arg-type]


def test_a_ledger_is_as_large_as_what_is_on_the_air() -> None:
    """50 links with 256 sequence numbers each would be 12,800 entries; ten seconds hold 100 frames."""
    ledger = Ledger()
    for ordinal in range(40_000):
        ledger.enter(unicast(ordinal, ordinal * RETRY_WINDOW_NS // 100))
        assert len(ledger._open) <= 2 * expiry.FEW


@pytest.mark.parametrize("name", ["star3", "mcast", "twopan", "contiki-rpl-lite-line4"])
def test_forgetting_early_changes_no_result(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With tables that are swept at every entry, and spooled rows a few at a time, as in a capture of years."""
    wanted = as_json(measure(frames(name)))
    monkeypatch.setattr(expiry, "FEW", 1)
    monkeypatch.setattr(samples, "FEW", 1)
    monkeypatch.setattr(transfers, "WAITING", 0)
    monkeypatch.setattr(numbering, "_WAITING", 1)
    monkeypatch.setattr(spool, "ROWS", 7)
    monkeypatch.setattr(spool, "IN_MEMORY_OCTETS", 100)
    assert as_json(measure(frames(name))) == wanted


def test_rows_between_two_times_are_those_that_began_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds inclusive, wherever a block of rows ends; and no block is unpacked that has none of them."""
    monkeypatch.setattr(spool, "ROWS", 4)
    kept, unpacked = Spool(), 0
    decompress = zlib.decompress

    def counted(data: bytes) -> bytes:
        nonlocal unpacked
        unpacked += 1
        return decompress(data)

    rows = [pack(unicast(ordinal, 10 * ordinal)) for ordinal in range(22)]
    monkeypatch.setattr(zlib, "decompress", counted)
    for row in rows:
        kept.add(row)
        assert next(kept.rows()) == rows[0], "and rows go on behind the others"
    assert list(kept.rows()) == rows
    for since in range(-1, 22):
        for until in range(since, 23):
            unpacked = 0
            wanted = rows[max(since, 0) : until + 1]
            assert list(kept.between(10 * since, 10 * until)) == wanted
            assert unpacked == len({at // 4 for at in range(20) if since <= at <= until})


def test_swept_at_once_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that the test above changes are those that count."""
    monkeypatch.setattr(expiry, "FEW", 1)
    ledger = Ledger()
    for ordinal in range(1000):
        ledger.enter(unicast(ordinal, ordinal * acks.RETRY_WINDOW_NS))
    assert len(ledger._open) == 1


def test_a_full_temporary_folder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def seek(self, at: int) -> None: ...
        def close(self) -> None: ...
        def write(self, octets: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", lambda size: Full())
    with pytest.raises(InputError, match=r"No space left on device after \d+ frames; expected room .* TMPDIR"):
        digest(frame for _ in range(100) for frame in frames("line2"))


@pytest.mark.parametrize("name", ["star3", "line2"])
def test_stamps_of_any_size_are_measured(name: str) -> None:
    """A damaged capture's times may be anything that its fields hold."""
    rng = random.Random(3)
    odd = (-(1 << 70), -1, 0, 1 << 61, (1 << 63) - 1, 1 << 70)
    told = [
        attrs.evolve(
            f,
            time_ns=(at := rng.choice((*odd, *(f.time_ns,) * 6))),
            start_ns=rng.choice((None, at)),
            end_ns=rng.choice(odd),
        )
        for f in frames(name)
    ]
    assert measure(told).frames == len(told)
