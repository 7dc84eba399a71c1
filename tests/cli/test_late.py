"""``kenshin add-evidence``: PENDING EVIDENCE until it is there, then judged again; nothing is replaced."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.fixtures.run.bench_process import kenshin
from tests.places import ROOT, RUNS

AGREEMENT = ROOT / "testplans" / "agreements" / "default.yaml"
ROW = "security-connection-guideline"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A stored run whose agreement names made-up papers."""
    return shutil.copytree(RUNS / "3", tmp_path / "run")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    paper = tmp_path / "rules.txt"
    paper.write_text("made-up rules for external connections")
    return paper


def agreement(folder: Path, more: str) -> Path:
    """An agreement that wants to see the file of EX-2."""
    text = AGREEMENT.read_text("utf-8")
    path = folder / "agreement.yaml"
    path.write_text(text.replace("  - id: EX-2\n", f"  - id: EX-2\n    {more}\n"), "utf-8")
    return path


def judged(run: Path, number: int) -> dict[str, tuple[str, str]]:
    told = json.loads((run / "judged" / str(number) / "verdicts.json").read_text("utf-8"))
    return {
        one["requirement"]: (one["outcome"], one["reason"]) for one in told["verdicts"] if one["subject"] == "system"
    }


@pytest.mark.slow
def test_pending_until_it_is_there_and_after_a_restart(run: Path, rules: Path, tmp_path: Path) -> None:
    wants = agreement(tmp_path, f"sha256: {hashlib.sha256(rules.read_bytes()).hexdigest()}")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    ended = kenshin("judge", run, "--agreement", wants)
    assert ended.code == 4, ended.said
    assert f"EVIDENCE STILL TO COME: {ROW} system: " in ended.stdout
    ended = kenshin("add-evidence", run, rules, "--document", "EX-2", "--agreement", wants, "--who", "A. Tester")
    assert "added as EX-2, evidence#1" in ended.stdout
    assert judged(run, 1)[ROW][0] == "PENDING EVIDENCE"
    assert judged(run, 2)[ROW] == (
        "PASS",
        'by document "Example rules for external connections, with risk assessment" of 2026-01-20 (made up)',
    )
    kenshin("judge", run, "--agreement", wants)
    assert judged(run, 3)[ROW][0] == "PASS", "what was added stays"
    assert {path: path.read_bytes() for path in before} == before, "nothing was replaced"
    shown = kenshin("show", run, "evidence#1").stdout
    assert "A. Tester" in shown
    assert "as it was added" in shown


def test_another_file_is_inconclusive(run: Path, rules: Path, tmp_path: Path) -> None:
    wants = agreement(tmp_path, f"sha256: {'a' * 64}")
    ended = kenshin("add-evidence", run, rules, "--document", "EX-2", "--agreement", wants)
    assert ended.code == 4, ended.said
    assert judged(run, 1)[ROW][0] == "INCONCLUSIVE"
    assert "another file than was named" in judged(run, 1)[ROW][1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--document", "EX-9"), "--document EX-9: no paper of that name; expected one of EX-1, EX-2, "),
        ((), "expected --document ID, --server-log [--watch] or"),
    ],
)
def test_what_is_wrong_is_one_line_and_adds_nothing(
    run: Path, rules: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = kenshin("add-evidence", run, rules, *arguments)
    assert ended.code == 2
    assert said in ended.stderr
    assert not (run / "evidence.jsonl").exists()
    assert not (run / "judged").exists()


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_run_of_an_older_guideline_is_judged_by_what_it_knows(version: str, tmp_path: Path) -> None:
    ended = kenshin("judge", RUNS / version, "--out", tmp_path / "again")
    assert ended.code == 4, ended.said  # too few days for two of its rows
    told = json.loads((tmp_path / "again" / "verdicts.json").read_text("utf-8"))
    assert len(told["verdicts"]) == 14


def test_a_run_from_before_papers_names_none(rules: Path, tmp_path: Path) -> None:
    run = shutil.copytree(RUNS / "2", tmp_path / "old")
    ended = kenshin("add-evidence", run, rules, "--document", "EX-2")
    assert ended.code == 2
    assert "expected one of none, for neither agreement nor declaration names any" in ended.stderr
