"""Errors in files that people write: one line, with the line at which they stand and what was expected."""

from __future__ import annotations

from enum import Enum
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import Field

from bench.errors import InputError
from bench.yamlfile import FileModel, check, load_model, load_source


class Colour(Enum):
    RED = "red"
    OFF = "off"


class Item(FileModel):
    count: int
    colour: Colour = Colour.RED
    hold: bool = False
    names: dict[int, str] = Field(default_factory=dict)


class Document(FileModel):
    items: tuple[Item, ...]
    day: str = ""
    more: dict[str, Item] = Field(default_factory=dict)


def write(path: Path, text: str) -> Path:
    file = path / "doc.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_words_and_dates_stay_words(tmp_path: Path) -> None:
    path = write(tmp_path, "day: 2026-04-01\nitems:\n  - {count: 1, colour: off, names: {1: a}}\n")
    document = load_model(path, Document)
    assert (document.day, document.items[0].colour, document.items[0].names) == ("2026-04-01", Colour.OFF, {1: "a"})


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("items:\n- count: 1\n  cuont: 2\n", 3, "unknown key 'cuont'; expected one of colour, count, hold, names"),
        ("items: []\nmore:\n  a:\n    count: 1\n    b: 1\n", 5, "unknown key 'b'; expected one of colour,"),
        ("items:\n- colour: red\n", 2, "missing key 'count'; expected"),
        ("items:\n- count: '1'\n", 2, 'count: "1" is wrong; expected a valid integer'),
        ("items:\n- count: 1\n  hold: off\n", 3, 'hold: "off" is wrong; expected a valid boolean'),
        ("items:\n- count: 1\n  colour: blue\n", 3, "colour: \"blue\" is wrong; expected 'red' or 'off'"),
        ("items: []\nitems: []\n", 2, "duplicate key"),
        ("items: [\n", 2, "expected YAML 1.2"),
        ("- 1\n", 1, "no mapping at the top; expected keys items, day, more"),
        ("", 1, "no mapping at the top"),
        ("items:\n- count: x\n- count: y\n", 2, 'count: "x"'),
    ],
)
def test_error_names_file_line_and_expectation(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as error:
        load_model(path, Document)
    message = str(error.value)
    assert message.startswith(f"{path}:{line}: ")
    assert says in message
    assert "\n" not in message


def test_missing_file_and_wrong_encoding(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; expected a YAML file"):
        load_source(tmp_path / "none.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"day: \xe9\n")
    with pytest.raises(InputError, match="expected a YAML file in UTF-8"):
        load_source(path)


def test_callers_can_point_at_places_too(tmp_path: Path) -> None:
    source = load_source(write(tmp_path, "items:\n- count: 1\n- count: 2\n"))
    assert check(source, Document).items[1].count == 2
    error = source.error(("items", 1, "count"), "2 is too much", "1")
    assert str(error).endswith("doc.yaml:3: 2 is too much; expected 1")


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return path


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in pairwise("abcdefghij")
)
"""About 700 octets that stand for 10,000,000,000 values."""


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (BOMB, 7, "stands for more than 2,000,000 values"),
        ("a: &a [*a]\n", 1, "holds itself"),
        ("x: 1\na: &a\n  b: *a\n", 3, "holds itself"),
        ("[" * 20_000 + "]" * 20_000, 1, "nested too deep"),
        ("".join(" " * level + "a:\n" for level in range(100)), 25, "nested too deep"),
        ("? [a]\n: b\n", 1, "a list or mapping as a key"),
        ('a: "\\uD800"\n', 1, "half a surrogate pair"),
        ("a: " + "9" * 5000 + "\n", 1, "limit"),
        ("a: !!float x\n", 1, "could not convert"),
        ("a: \0\n", 1, "unacceptable character"),
    ],
)
def test_out_of_bounds_is_one_line_and_not_made(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load_source(_written(tmp_path, text))
    assert says in str(caught.value)
    assert "file.yaml:" in str(caught.value)
    assert "\n" not in str(caught.value)
    if says != "holds itself":
        assert f"file.yaml:{line}:" in str(caught.value)


def test_a_file_too_large_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.yamlfile.MAX_OCTETS", 1 << 20)
    with pytest.raises(InputError, match="more than 1 MiB"):
        load_source(_written(tmp_path, "a: " + "x" * (1 << 20)))


def test_aliases_and_merge_keys_within_bounds_are_followed(tmp_path: Path) -> None:
    source = load_source(_written(tmp_path, "usual: &usual {count: 1}\nitem:\n  <<: *usual\n  hold: off\n"))
    assert source.data == {"usual": {"count": 1}, "item": {"count": 1, "hold": "off"}}


class Listed(FileModel):
    items: tuple[Item, ...] = Field(min_length=1)


def test_a_wrong_item_is_named_and_not_the_list_that_it_empties(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text('items:\n  - count: "one"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r'list\.yaml:2: count: "one" is wrong'):
        load_model(path, Listed)


def test_what_is_read_again_is_what_stands_there_now_and_no_caller_alters_it(tmp_path: Path) -> None:
    path = write(tmp_path, "base: &base {x: 1, y: 2}\nmerged: {<<: *base, x: 3}\n")
    first = load_source(path)
    first.data["merged"]["x"] = "altered"
    assert load_source(path).data == {"base": {"x": 1, "y": 2}, "merged": {"x": 3, "y": 2}}
    write(tmp_path, "base: &base {x: 1, y: 4}\nmerged: {<<: *base, x: 3}\n")
    assert load_source(path).data["merged"] == {"x": 3, "y": 4}
    other = tmp_path / "other.yaml"
    path.rename(other)
    assert load_source(other).error(("merged",), "wrong").args[0].startswith(f"{other}:2:")
    with pytest.raises(InputError, match="no such file"):
        load_source(path)
