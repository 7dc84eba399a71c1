"""Format versions: each is told once, stands in what is written, and an unknown one is refused by name."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from bench.cli.verify import verify_run
from bench.errors import InputError, KenshinError
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.seal.envelope import Envelope
from bench.evidence.seal.tree import canonical
from bench.evidence.timeline import Timeline
from bench.evidence.watch_log import log_rows
from bench.formats import FIGURES, FORMATS, FRAMES, TIMELINE, UNNUMBERED, WATCHDOG, Format, UnknownVersion
from bench.judge.verdicts import verdicts_from_json
from bench.plan.options import RunOptions
from fixtures.rig.watchdog import take_over
from fixtures.run.stored import StoredRun
from tests.evidence.seal.sealed_run import seal
from tests.fixtures.run.bench_process import kenshin
from tests.places import CAPTURES, ROOT, RUNS
from tests.skips import ONCE

UNKNOWN: Final = 99


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A stored run of today's formats, to be spoilt."""
    return shutil.copytree(RUNS / "2", tmp_path / "run")


def newer_record(run: Path) -> None:
    record = run / "run.yaml"
    record.write_text(record.read_text("utf-8").replace("format: 2\n", f"format: {UNKNOWN}\n", 1), "utf-8")


def newer_timeline(run: Path) -> None:
    with closing(sqlite3.connect(run / "timeline.sqlite")) as db:
        db.execute(f"PRAGMA user_version={UNKNOWN}")


def newer_verdicts(run: Path) -> None:
    verdicts = run / "verdicts.json"
    verdicts.write_text(json.dumps(json.loads(verdicts.read_text("utf-8")) | {"format": UNKNOWN}), "utf-8")


def newer_log(run: Path) -> None:
    (run / "watchdog.jsonl").write_text(json.dumps({"format": UNKNOWN, "wall": "", "event": "armed"}) + "\n")


def newer_door(run: Path) -> None:
    (run / "watchdog.json").write_text(json.dumps({"format": UNKNOWN, "port": 1, "word": "x", "pid": 1}))


@pytest.mark.parametrize(
    ("spoil", "read", "file", "what"),
    [
        (newer_record, lambda run: RunFolder.open(run).inputs(), "run.yaml", "run record"),
        (newer_timeline, lambda run: Timeline(run / "timeline.sqlite"), "timeline.sqlite", "timeline"),
        (newer_verdicts, lambda run: read_verdicts(run), "verdicts.json", "verdicts"),
        (newer_log, log_rows, "watchdog.jsonl", "watchdog file"),
        (newer_door, take_over, "watchdog.json", "watchdog file"),
    ],
)
def test_an_unknown_format_is_refused_by_name(
    run: Path, spoil: Callable[[Path], None], read: Callable[[Path], object], file: str, what: str
) -> None:
    read(run)
    spoil(run)
    with pytest.raises(
        InputError, match=rf"/{re.escape(file)}: {what} version 99; expected 1( or \d)*, which this bench reads$"
    ):
        read(run)


def read_verdicts(run: Path) -> object:
    return verdicts_from_json((run / "verdicts.json").read_text("utf-8"), str(run / "verdicts.json"))


def newer_register(run: Path) -> None:
    (run / "evidence.jsonl").write_text(json.dumps({"format": UNKNOWN, "added_as": "document"}) + "\n")


def newer_marks(run: Path) -> None:
    (run / "faults.json").write_text(json.dumps({"format": UNKNOWN, "faults": []}))


READ_BY_JUDGING = (newer_record, newer_timeline, newer_verdicts, newer_log, newer_register, newer_marks)


@pytest.mark.parametrize("spoil", READ_BY_JUDGING)
def test_judging_refuses_before_it_makes_anything(run: Path, spoil: Callable[[Path], None]) -> None:
    spoil(run)
    before = sorted(run.rglob("*"))
    with pytest.raises(UnknownVersion, match="version 99; expected"):
        StoredRun.open(run, RunOptions())
    assert sorted(run.rglob("*")) == before


def test_a_line_of_a_watchdog_that_the_power_cut_is_left_out(run: Path) -> None:
    row = json.dumps({"format": WATCHDOG.version, "wall": "", "event": "armed"})
    (run / "watchdog.jsonl").write_text(f"{row[:20]}{row}\n{row}\n{row[:9]}")
    assert [one["event"] for one in log_rows(run)] == ["armed"]


@pytest.mark.parametrize("told", ["[]", "{}", "no JSON"])
def test_marks_that_are_none_are_one_line(run: Path, told: str) -> None:
    (run / "faults.json").write_text(told)
    with pytest.raises(InputError, match=r"/faults\.json: no marks of faults"):
        RunFolder.open(run).marked()


@pytest.mark.parametrize("spoil", [newer_record, newer_verdicts])
def test_a_seal_vouches_for_a_version_that_verify_does_not_read(run: Path, spoil: Callable[[Path], None]) -> None:
    """Sealed so it is no alteration: another bench wrote it. Refused, for no verdict follows from what is not read."""
    spoil(run)
    seal(run, None)
    with pytest.raises(UnknownVersion, match="version 99; expected"):
        verify_run(run, None, None, io.StringIO())


def test_a_version_that_was_altered_after_the_seal_is_an_alteration(run: Path) -> None:
    seal(run, None)
    newer_verdicts(run)
    said = io.StringIO()
    assert verify_run(run, None, None, said) == 1
    assert re.search(r"ALTERED: verdicts\.json", said.getvalue())
    assert re.search(r"NOT READ: .*verdicts version 99", said.getvalue())
    assert "cannot be derived again" not in said.getvalue()


def test_an_earlier_stop_of_an_unknown_version_is_refused_and_not_called_altered(run: Path) -> None:
    seal(run, None)
    (run / "seals").mkdir(exist_ok=True)
    told = json.loads(Envelope.read((run / "manifest.json").read_bytes()).payload)
    told["predicate"]["format"] = UNKNOWN
    (run / "manifest.json").unlink()
    (run / "seals" / "1.json").write_bytes(Envelope(canonical(told), ()).octets())
    seal(run, None)
    with pytest.raises(UnknownVersion, match=r"1\.json: run manifest version 99"):
        verify_run(run, None, None, io.StringIO())


@ONCE
@pytest.mark.parametrize("spoil", [newer_record, newer_timeline, newer_verdicts, newer_log])
def test_the_command_line_says_so_in_one_line(run: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(run)
    ended = kenshin("judge", run, "--out", tmp_path / "again")
    assert ended.code == 2, ended.said
    refusals = [line for line in ended.stderr.splitlines() if "version 99; expected" in line]
    assert len(refusals) == 1
    assert not (tmp_path / "again").exists()
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize("found", [0, True, "2", 2.0, None])
def test_only_a_whole_number_is_a_version(found: object) -> None:
    numbered = Format("thing", 2, (1, 2), "nowhere")
    assert [numbered.check(version, "f") for version in (1, 2)] == [1, 2]
    with pytest.raises(InputError, match=r"^f: thing version .*; expected 1 or 2, which"):
        numbered.check(found, "f")


def test_what_is_written_can_be_read() -> None:
    for known in FORMATS:
        assert not known.reads or max(known.reads) == known.version, known.name


def test_the_documents_list_every_format() -> None:
    rows = [f"| {f.name} | {f.version} | {', '.join(map(str, f.reads)) or '-'} | {f.where} |" for f in FORMATS]
    text = (ROOT / "docs" / "formats.md").read_text("utf-8")
    table = text.partition("## Versions\n")[2].partition("\n## ")[0]
    assert [line for line in table.splitlines() if line.startswith("| ")][1:] == rows


def test_the_stored_run_says_its_formats() -> None:
    evidence = Evidence.open(RUNS / "2")
    with closing(sqlite3.connect(f"file:{RUNS / '2' / 'timeline.sqlite'}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (TIMELINE.version,)
    assert json.loads((RUNS / "2" / "verdicts.json").read_text("utf-8"))["format"] == 2
    assert {row["format"] for row in log_rows(evidence.folder.path)} <= set(WATCHDOG.reads) - {UNNUMBERED}
    assert 'name="kenshin.format" value="2"' in (RUNS / "2" / "junit.xml").read_text("utf-8")


@ONCE
def test_frames_and_figures_say_their_format() -> None:
    capture, keys = CAPTURES / "fixedch.pcapng", CAPTURES / "fixedch.ieee802154_keys"
    lines = kenshin("decode", capture, "--keys", keys, "--format", "jsonl").stdout.splitlines()
    assert {json.loads(line)["format"] for line in lines} == {FRAMES.version}
    figures = kenshin("measure", capture, "--keys", keys, "--format", "json").stdout
    assert json.loads(figures)["format"] == FIGURES.version


def test_an_error_of_a_format_is_the_persons_not_the_benchs() -> None:
    with pytest.raises(KenshinError) as refused:
        TIMELINE.check(UNKNOWN, "t")
    assert refused.value.exit_code == 2
