"""What is written once stands many times, and whatever is wrong in it has the line that was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.yamlfile import FileModel, check, load_source


def loaded(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return load_source(path).data


def test_items_of_a_list(tmp_path: Path) -> None:
    text = 'all:\n  - first\n  - for: {n: 9..11}\n    each: "t{n}"\n  - {for: {n: [a, b]}, each: ["{n}1", "{n}2"]}\n'
    assert loaded(tmp_path, text) == {"all": ["first", "t9", "t10", "t11", "a1", "a2", "b1", "b2"]}


def test_entries_of_a_mapping_and_values_that_are_numbers(tmp_path: Path) -> None:
    text = 't{n}: {for: {n: 1..2}, each: {port: "{n}", hex: "{n:02x}", text: "t{n}", "k{n}": x}}\n'
    assert loaded(tmp_path, text) == {
        "t1": {"port": 1, "hex": "01", "text": "t1", "k1": "x"},
        "t2": {"port": 2, "hex": "02", "text": "t2", "k2": "x"},
    }


def test_the_last_name_runs_fastest_and_steps_are_counted(tmp_path: Path) -> None:
    text = '- for: {s: 1..2, c: 1..3}\n  each: "{s}{c}{i}"\n'
    assert loaded(tmp_path, text) == ["111", "122", "133", "214", "225", "236"]


def test_one_within_another(tmp_path: Path) -> None:
    text = 't{n}:\n  for: {n: 1..2}\n  each:\n    - for: {m: [gas, water]}\n      each: "t{n}.{m}"\n'
    assert loaded(tmp_path, text) == {"t1": ["t1.gas", "t1.water"], "t2": ["t2.gas", "t2.water"]}


def test_braces_are_plain_text_elsewhere(tmp_path: Path) -> None:
    assert loaded(tmp_path, 'a: "{n}"\neach: {b: 1}\n') == {"a": "{n}", "each": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a:\n  - {for: {n: 1..2}, each: '{m}'}\n", 2, "'{m}' is not named in 'for'; expected one of n, i"),
        ("a:\n  - {for: {n: 2..1}, each: x}\n", 2, "'for' without a range; expected FIRST..LAST"),
        ("a:\n  - {for: {n: 5}, each: x}\n", 2, "'for' without a range"),
        ("a:\n  - {for: {}, each: x}\n", 2, "'for' without names"),
        ("a:\n  - {for: {n: 1..200, m: 1..200}, each: x}\n", 2, "'for' of 40,000 steps; expected at most 10,000"),
        ("a:\n  - {for: {n: 1..99999}, each: x}\n", 2, "'for' of 99,999 steps"),
        ("a:\n  - {for: {i: 1..2}, each: x}\n", 2, "'for' cannot name 'i'"),
        ("a:\n  - {for: {n: 1..2}, each: '{n:q}'}\n", 2, "'{n:q}' cannot be formatted"),
        ("a: x\nb:\n  t:\n    for: {n: 1..2}\n    each: {x: 1}\n", 3, "t"),
        ("for: {n: 1..2}\neach: x\n", 1, "'for' and 'each' where one value stands"),
    ],
)
def test_what_is_wrong_names_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'file.yaml'}:{line}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


class One(FileModel):
    port: int


class Many(FileModel):
    ports: dict[str, One]


def test_an_error_in_the_last_entry_has_the_line_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text('ports:\n  p{n}:\n    for: {n: [1, 2, x]}\n    each:\n      port: "{n}"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r'file\.yaml:5: port: "x" is wrong; expected a valid integer'):
        check(load_source(path), Many)


def test_written_out_it_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text('- off\n- {for: {n: 1..3}, each: {a: !template "$X_{n}", b: "{n}"}}\n', encoding="utf-8")
    source = load_source(path)
    assert source.repeats
    assert "!template" in source.written_out()
    again = tmp_path / "again.yaml"
    again.write_text(source.written_out(), encoding="utf-8")
    assert load_source(again).data == source.data
    assert not load_source(again).repeats
