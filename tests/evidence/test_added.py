"""Evidence that comes later: added and never replaced, known by its digest, readable after a crash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.evidence.added import REGISTER, AddedAs, add, register, shown


def test_what_is_added_is_copied_and_registered(tmp_path: Path) -> None:
    paper = tmp_path / "外部 接続/基準.pdf"
    paper.parent.mkdir()
    paper.write_bytes(b"rules")
    added = add(tmp_path, paper, AddedAs.DOCUMENT, "A. Tester", "EX-2")
    assert added is not None
    assert (added.citation, added.octets, added.who, added.document) == ("evidence#1", 5, "A. Tester", "EX-2")
    assert (tmp_path / added.file).read_bytes() == b"rules"
    assert register(tmp_path) == [added]
    assert json.loads((tmp_path / REGISTER).read_text("utf-8"))["format"] == 1
    assert [one.intact for one in shown(tmp_path)["EX-2"]] == [True]


def test_the_same_file_is_added_once_and_another_of_its_name_beside_it(tmp_path: Path) -> None:
    paper = tmp_path / "rules.pdf"
    paper.write_bytes(b"one")
    assert add(tmp_path, paper, AddedAs.DOCUMENT, "a", "D") is not None
    assert add(tmp_path, paper, AddedAs.DOCUMENT, "b", "D") is None
    assert add(tmp_path, paper, AddedAs.DOCUMENT, "b", "E") is not None
    paper.write_bytes(b"two")
    assert add(tmp_path, paper, AddedAs.DOCUMENT, "a", "D") is not None
    assert [(tmp_path / entry.file).read_bytes() for entry in register(tmp_path)] == [b"one", b"one", b"two"]


def test_a_copy_that_is_changed_or_gone_is_known(tmp_path: Path) -> None:
    paper = tmp_path / "rules.pdf"
    for text in (b"one", b"two"):
        paper.write_bytes(text)
        add(tmp_path, paper, AddedAs.DOCUMENT, "a", "D")
    first, second = register(tmp_path)
    (tmp_path / first.file).write_bytes(b"0ne")
    (tmp_path / second.file).unlink()
    assert [one.intact for one in shown(tmp_path)["D"]] == [False, False]


def test_a_line_that_a_crash_cut_hides_nothing(tmp_path: Path) -> None:
    paper = tmp_path / "rules.pdf"
    paper.write_bytes(b"one")
    add(tmp_path, paper, AddedAs.DOCUMENT, "a", "D")
    whole = (tmp_path / REGISTER).read_bytes()
    (tmp_path / REGISTER).write_bytes(whole + whole[:40])
    assert len(register(tmp_path)) == 1
    paper.write_bytes(b"two")
    add(tmp_path, paper, AddedAs.DOCUMENT, "a", "D")
    assert [entry.number for entry in register(tmp_path)] == [1, 2]


@pytest.mark.parametrize("line", ['{"format": 99}', '{"format": 1, "number": 1}', "[1]"])
def test_a_line_of_another_kind_is_refused_by_name(tmp_path: Path, line: str) -> None:
    (tmp_path / REGISTER).write_text(line + "\n")
    with pytest.raises(InputError, match=r"evidence\.jsonl:1: "):
        register(tmp_path)


def test_what_cannot_be_read_or_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        add(tmp_path, tmp_path / "nothing.pdf", AddedAs.DOCUMENT, "a", "D")
    with pytest.raises(InputError, match="cannot be read"):
        add(tmp_path, tmp_path, AddedAs.DOCUMENT, "a", "D")
    paper = tmp_path / "rules.pdf"
    paper.write_bytes(b"one")
    with pytest.raises(InputError, match="cannot be written"):
        add(tmp_path / "nowhere", paper, AddedAs.DOCUMENT, "a", "D")
