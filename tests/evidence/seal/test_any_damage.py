"""Whatever octet of a sealed run is flipped, cut out or put in, both verifiers refuse it, name the file, and break at
nothing. Which octets is hypothesis' choice."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.cli.verify import integrity
from bench.evidence.seal.compare import Edit, edited
from bench.evidence.seal.keys import SigningKey, public_place
from tests.evidence.seal.sealed_run import PHOTO, second_opinion
from tests.skips import ONCE

FILES: Final = (
    "run.yaml",
    "timeline.sqlite",
    "captures/s1.pcapng",
    "verdicts.json",
    "junit.xml",
    "console/console.t1.log",
    "keys/ieee802154_keys",
    "watchdog.jsonl",
    "seals/1.json",
    "judged/1/manifest.json",
    "judged/1/verdicts.json",
    PHOTO,
    "manifest.json",
)
FEW: Final = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def damaged(original: Path, file: str, octets: bytes) -> Iterator[Path]:
    """A copy of the run in which one file holds other octets; unchanged files are linked, for speed."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        shutil.copytree(original, run, copy_function=lambda source, target: Path(target).hardlink_to(source))
        (run / file).unlink()
        (run / file).write_bytes(octets)
        yield run


def refused(run: Path, file: str, key: SigningKey) -> None:
    altered = integrity(run, public_place(key.path)).altered
    assert any(line.startswith(file) for line in altered), altered
    code, said = second_opinion(run, key)
    assert code == 1, said
    assert f"ALTERED: {file}" in said, said


@ONCE
@pytest.mark.parametrize("file", FILES)
@FEW
@given(data=st.data())
def test_a_flipped_bit(original: Path, key: SigningKey, file: str, data: st.DataObject) -> None:
    octets = bytearray((original / file).read_bytes())
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with damaged(original, file, bytes(octets)) as run:
        refused(run, file, key)


@ONCE
@pytest.mark.parametrize("file", FILES)
@FEW
@given(data=st.data())
def test_octets_cut_out_or_put_in(original: Path, key: SigningKey, file: str, data: st.DataObject) -> None:
    octets = (original / file).read_bytes()
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(octets))] * 2)))
    other = octets[:first] + data.draw(st.binary(max_size=40)) + octets[last:]
    if other != octets:
        with damaged(original, file, other) as run:
            refused(run, file, key)


@given(st.lists(st.integers(0, 30)), st.lists(st.integers(0, 30)))
def test_edits_are_found_where_lists_differ_and_nowhere_else(was: list[int], now: list[int]) -> None:
    edits = edited([bytes([one]) for one in was], [bytes([one]) for one in now])
    assert (edits == []) == (was == now)
    gone = sum(one.last - one.first + 1 for one in edits if one.edit is Edit.REMOVED)
    come = sum(one.last - one.first + 1 for one in edits if one.edit is Edit.ADDED)
    assert len(was) - gone + come == len(now)


@given(st.lists(st.integers(0, 10**6), unique=True, min_size=1, max_size=50), st.data())
def test_one_that_is_gone_is_named(was: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(was) - 1))
    tags = [one.to_bytes(4, "big") for one in was]
    (found,) = edited(tags, tags[:place] + tags[place + 1 :])
    assert (found.edit, found.first, found.last) == (Edit.REMOVED, place, place)
