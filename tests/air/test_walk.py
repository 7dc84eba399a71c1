"""Checks along a capture: what must come next, what must not, within a time, in any order; and the guide's example."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.air.capture.link import NO_FCS, Record
from bench.air.mac.frame import MacFrame, encode_mac
from bench.air.sequence import Capture
from bench.air.walk import SequenceError, Walk
from bench.errors import InputError
from tests.places import ROOT

A = bytes.fromhex("0200000000000001")
S = 1_000_000_000


def captured(*frames: tuple[int, float]) -> Capture:
    """Frames from 1 on, of sequence numbers and stamps in seconds."""
    octets = [
        encode_mac(MacFrame(version=1, sequence=number, dst_pan=1, dst=A, src=A, pan_id_compression=True))
        for number, _ in frames
    ]
    return Capture(
        [
            Record(place, round(at_s * S), NO_FCS, one, original_length=len(one))
            for place, ((_, at_s), one) in enumerate(zip(frames, octets, strict=True), start=1)
        ]
    )


def capture() -> Capture:
    """Frames 1 to 6, two seconds apart, whose sequence numbers are 10 to 15."""
    return captured(*((10 + n, 2.0 * n) for n in range(6)))


def test_what_must_come_next_moves_there() -> None:
    walk = capture().walk()
    assert walk.at is None
    assert walk.must_next("seq == 11").number == 2
    assert walk.must_next("seq > 10", within_s=2).number == 3
    assert walk.must_be_next("seq == 13").number == 4
    assert walk.among("seq == 15").must_be_next("wpan").number == 6
    assert walk.at is not None
    assert walk.at.number == 4


def test_any_order() -> None:
    walk = capture().walk()
    found = walk.must_next_in_any_order("seq == 13", "seq == 11", "seq > 10")
    assert [frame.number for frame in found] == [4, 2, 3]
    assert walk.at is not None
    assert walk.at.number == 4


def test_what_must_not_come_does_not_move() -> None:
    walk = capture().walk()
    walk.must_next("seq == 12")
    walk.must_not_next("seq == 12")
    walk.must_not_next("seq == 15", within_s=4)
    assert walk.at is not None
    assert walk.at.number == 3


DISORDER = ((10, 0.0), (20, 1.0005), (30, 0.9), (20, 0.999), (40, 5.0))
"""A frame past a limit of 1 s stands in front of two that are not."""


def test_a_frame_past_the_limit_does_not_end_the_look() -> None:
    walk = captured(*DISORDER).walk()
    start = walk.must_next("seq == 10")
    with pytest.raises(SequenceError, match=r"frame 3 \(0.900 s later: data\) matches .* must not come within 1 s"):
        walk.must_not_next("seq == 30", within_s=1)
    walk.must_not_next("seq == 30", within_s=0.8)
    assert [frame.number for frame in walk.must_next_in_any_order("seq == 20", "seq == 30", within_s=1)] == [4, 3]
    walk.at = start
    assert walk.must_next("seq == 20", within_s=1).number == 4
    walk.at = start
    assert walk.must_next("seq == 20").number == 2
    walk.at = start
    with pytest.raises(SequenceError, match=r"no frame within 1 s matches .*; frame 2 \(1.000 s later: data\)"):
        walk.must_be_next("seq == 20", within_s=1)
    assert walk.among("seq == 30").must_be_next("wpan", within_s=1).number == 3


def test_a_capture_lasts_to_its_latest_stamp() -> None:
    walk = captured((10, 0.0), (11, 3.0), (12, 2.9)).walk()
    walk.must_next("seq == 10")
    walk.must_not_next("seq == 99", within_s=3)
    with pytest.raises(SequenceError, match=r"ends after 3\.000 s"):
        walk.must_not_next("seq == 99", within_s=3.5)


def test_a_look_with_a_limit_ends_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames from where all are later are not decoded: a capture of a night may be checked by the second."""
    asked: list[int] = []
    long = captured(*((n, float(n)) for n in range(100)))
    read = long.__class__.__getitem__

    def told(self: Capture, place: int) -> object:
        asked.append(place)
        return read(self, place)

    monkeypatch.setattr(Capture, "__getitem__", told)
    long.walk().must_not_next("seq == 99", within_s=5)
    assert asked == [0, 1, 2, 3, 4, 5]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from((0.0, 0.5, 1.0, 1.5))), max_size=6),
    st.lists(st.sets(st.integers(0, 3), min_size=1), min_size=1, max_size=4),
    st.sampled_from((None, 1.0)),
)
def test_any_order_holds_where_any_choice_does(
    frames: list[tuple[int, float]], wanted: Sequence[set[int]], within_s: float | None
) -> None:
    """Against all choices of frames: the earliest ones that fit, whatever the order of filters and stamps."""
    walk = captured((9, 0.0), *frames).walk()
    walk.must_next("seq == 9")
    counts = [number for number, (_, at_s) in enumerate(frames, start=2) if within_s is None or at_s <= within_s]
    choices = [
        chosen
        for chosen in permutations(counts, len(wanted))
        if all(frames[number - 2][0] in fits for number, fits in zip(chosen, wanted, strict=True))
    ]
    filters = [" or ".join(f"seq == {one}" for one in sorted(fits)) for fits in wanted]
    if not choices:
        with pytest.raises(SequenceError):
            walk.must_next_in_any_order(*filters, within_s=within_s)
        return
    found = tuple(frame.number for frame in walk.must_next_in_any_order(*filters, within_s=within_s))
    assert found in choices
    assert sorted(found) == min(sorted(chosen) for chosen in choices)
    assert walk.at is not None
    assert walk.at.number == max(found)


@pytest.mark.parametrize("filters", [("wpan", "seq == 11"), ("seq == 11", "wpan")])
def test_a_frame_is_left_to_the_filter_that_needs_it(filters: tuple[str, str]) -> None:
    walk = capture().walk()
    walk.must_next("seq == 10")
    found = dict(zip(filters, walk.must_next_in_any_order(*filters), strict=True))
    assert (found["seq == 11"].number, found["wpan"].number) == (2, 3)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (
            lambda walk: walk.must_next("seq == 99"),
            "after frame 2: no frame matches 'seq == 99'; the capture ends with",
        ),
        (
            lambda walk: walk.must_next("seq == 14", within_s=3),
            r"no frame within 3 s matches 'seq == 14'; frame 5 \(6.000 s later: data\) is the next",
        ),
        (
            lambda walk: walk.must_be_next("seq == 13"),
            r"frame 3 \(2.000 s later: data\) comes next, expected one that matches 'seq == 13'",
        ),
        (lambda walk: walk.must_not_next("seq == 14"), r"frame 5 .* matches 'seq == 14', which must not come;"),
        (
            lambda walk: walk.must_not_next("seq == 99", within_s=60),
            "the capture ends after 8.000 s: it cannot show that nothing matches 'seq == 99' within 60 s",
        ),
        (
            lambda walk: walk.must_next_in_any_order("seq == 12", "seq == 15", within_s=4),
            r"no other frame within 4 s matches 'seq == 15' \('seq == 12' is frame 3\)",
        ),
        (lambda walk: walk.among("seq < 12").must_be_next("wpan"), "among 'seq < 12': no frame comes, expected one"),
    ],
)
def test_what_fails_is_one_line(check: Callable[[Walk], object], words: str) -> None:
    walk = capture().walk()
    walk.must_next("seq == 11")
    with pytest.raises(SequenceError, match=words) as error:
        check(walk)
    assert "\n" not in str(error.value)
    assert walk.at is not None
    assert walk.at.number == 2


def test_what_is_no_filter_or_time_is_refused() -> None:
    with pytest.raises(InputError):
        capture().walk().must_next("no.such.field == 1")
    with pytest.raises(InputError, match="within_s: 0; expected seconds above 0"):
        capture().walk().must_next("seq == 11", within_s=0)


def test_the_guides_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "guides" / "sequence.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(compile(example, str(Path(os.sep) / "sequence.md"), "exec"), {})
    assert re.fullmatch(r"frame \d+, \d+\.\d s after the first EAPOL frame\n", capsys.readouterr().out)
