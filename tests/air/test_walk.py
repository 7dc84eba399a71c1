"""Checks along a capture: what must come next, what must not, within a time, in any order; and the guide's example."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.air.capture.link import NO_FCS, Record
from bench.air.mac.frame import MacFrame, encode_mac
from bench.air.sequence import Capture
from bench.air.walk import SequenceError, Walk
from bench.errors import InputError
from tests.places import ROOT

A = bytes.fromhex("0200000000000001")
S = 1_000_000_000


def capture() -> Capture:
    """Frames 1 to 6, two seconds apart, whose sequence numbers are 10 to 15."""
    frames = [
        encode_mac(MacFrame(version=1, sequence=10 + n, dst_pan=1, dst=A, src=A, pan_id_compression=True))
        for n in range(6)
    ]
    return Capture(
        [Record(n + 1, n * 2 * S, NO_FCS, octets, original_length=len(octets)) for n, octets in enumerate(frames)]
    )


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
            r"no frame within 4 s matches 'seq == 15' \('seq == 12' is frame 3\)",
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
