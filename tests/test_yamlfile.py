"""Errors in files that people write: one line, with the line at which they stand and what was expected."""

from __future__ import annotations

from enum import Enum
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
