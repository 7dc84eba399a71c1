"""A sealed run that is altered is refused, with the place named, by the bench and by the verifier that knows no bench;
one that was only moved is not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

import pytest

from bench.cli.verify import integrity
from bench.evidence.seal.keys import SigningKey, public_place
from bench.evidence.seal.sealing import seal_run
from bench.yamlfile import load_source
from tests.evidence.seal.alterations import WAYS, Way, text
from tests.evidence.seal.sealed_run import seal, second_opinion
from tests.places import ROOT
from tests.skips import ONCE


def test_there_are_sixty_ways() -> None:
    assert len({way.name for way in WAYS}) == len(WAYS) >= 60


def test_the_run_is_as_it_was_sealed(original: Path, key: SigningKey) -> None:
    found = integrity(original, public_place(key.path))
    assert (found.altered, found.unproven) == ([], [])
    assert second_opinion(original, key)[0] == 0


@ONCE
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_an_altered_run_is_refused_with_the_place(sealed: Path, key: SigningKey, way: Way) -> None:
    way.alter(sealed)
    found = integrity(sealed, public_place(key.path))
    assert any(re.search(way.place, line) for line in found.altered), found.altered
    code, said = second_opinion(sealed, key)
    assert code == 1, said
    second = (way.second or way.place).removeprefix("^")
    assert re.search(f"ALTERED: .*{second}", said), said


AFTER: Final = (
    ("run.yaml", "alarm_delay_s: 90", "alarm_delay_s: 900", r"run\.yaml .*since seals/1\.json"),
    ("console/console.t1.log", "<", ">", r"console\.t1\.log line .*since seals/1\.json"),
)


@pytest.mark.parametrize(("name", "old", "new", "place"), AFTER, ids=[one[0] for one in AFTER])
def test_who_owns_the_key_cannot_undo_an_earlier_stop(
    sealed: Path, key: SigningKey, name: str, old: str, new: str, place: str
) -> None:
    text(name, old, new)(sealed)
    seal(sealed, key)
    found = integrity(sealed, public_place(key.path))
    assert any(re.search(place, line) for line in found.altered), found.altered
    code, said = second_opinion(sealed, key)
    assert code == 1, said
    assert re.search(place, said), said


def test_a_file_that_somebody_still_wrote_may_grow_and_not_change(sealed: Path, key: SigningKey) -> None:
    log = sealed / "console" / "console.t1.log"
    shutil.rmtree(sealed / "judged")
    seal_run(sealed, key, "stopped", load_source(sealed / "run.yaml").data, ["console/console.t1.log"])
    with log.open("a", encoding="utf-8") as file:
        file.write("2026-04-09T00:00:01.000000+09:00 < later\n")
    assert (integrity(sealed, None).altered, second_opinion(sealed, key)[0]) == ([], 0)
    text("console/console.t1.log", "<", ">")(sealed)
    assert integrity(sealed, None).altered
    assert "console.t1.log line" in second_opinion(sealed, key)[1]


def test_neither_name_nor_place_nor_times_matter(original: Path, tmp_path: Path, key: SigningKey) -> None:
    with tarfile.open(tmp_path / "run.tar", "w") as packed:
        packed.add(original, "a night")
    with tarfile.open(tmp_path / "run.tar") as packed:
        packed.extractall(tmp_path / "away", filter="data")
    run = tmp_path / "away" / "a night"
    for path in run.rglob("*"):
        os.utime(path, (1, 1))
    assert not integrity(run, public_place(key.path)).altered
    assert second_opinion(run, key)[0] == 0


def test_nothing_is_written_into_a_folder_that_is_verified(sealed: Path, key: SigningKey) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in sealed.rglob("*"))
    integrity(sealed, public_place(key.path))
    second_opinion(sealed, key)
    assert sorted((path, path.stat().st_mtime_ns) for path in sealed.rglob("*")) == before


def test_a_column_index_is_no_alteration(sealed: Path, key: SigningKey) -> None:
    (sealed / "captures" / "s1.kbx").write_bytes(b"derived")
    assert not integrity(sealed, public_place(key.path)).altered
    assert second_opinion(sealed, key)[0] == 0


def test_the_second_verifier_needs_nothing_of_the_bench(original: Path, tmp_path: Path, key: SigningKey) -> None:
    """Under 300 lines, and run where there is Python's own library alone."""
    alone = shutil.copy(ROOT / "tools" / "verify_run.py", tmp_path)
    assert len(Path(alone).read_text("utf-8").splitlines()) < 300
    command = [sys.executable, "-I", "-S", alone, str(original), "--key", str(public_place(key.path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "AS IT WAS SEALED" in done.stdout
