"""Which code this is: what git says in a checkout, nothing where nobody knows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.identity import Identity, asked_git


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "a.py").write_text("A = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_a_checkout_has_a_commit(checkout: Path) -> None:
    assert asked_git(checkout) == (git(checkout, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize("name", ["bench/a.py", "bench/new.py", "fixtures/new.yaml"])
def test_changed_or_new_code_is_another(checkout: Path, name: str) -> None:
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("A = 2\n")
    assert asked_git(checkout) == (git(checkout, "rev-parse", "HEAD"), True)


def test_notes_are_no_code(checkout: Path) -> None:
    (checkout / "README.md").write_text("words\n")
    (checkout / "runs").mkdir()
    (checkout / "runs" / "x").write_text("a run\n")
    assert asked_git(checkout)[1] is False


def test_the_environment_of_a_hook_names_another_tree(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(checkout / "elsewhere"))
    monkeypatch.delenv("GIT_DIR")
    commit = git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(checkout / "elsewhere"))
    assert asked_git(checkout) == (commit, False)


def test_nobody_knows_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_git(tmp_path) == (None, None)
    (tmp_path / ".git").mkdir()
    assert asked_git(tmp_path) == (None, None), "no checkout behind it"
    monkeypatch.setenv("PATH", "")
    assert asked_git(tmp_path) == (None, None), "no git to ask"


def test_it_is_said_in_few_words() -> None:
    assert str(Identity("1.2", "0123456789abcdef" * 2 + "01234567", True)) == "1.2 (commit 0123456789ab, changed)"
    assert str(Identity("1.2")) == "1.2 (commit not known)"
