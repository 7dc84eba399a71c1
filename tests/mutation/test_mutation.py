"""The mutation runner itself: which changes it makes, that they are made in loaded code, and what is called killed."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.live import NotLive, make_live
from tests.mutation.mutants import Mutant, mutants, mutated
from tests.mutation.page import section, survivors
from tests.mutation.tally import Tally
from tests.mutation.trials import Fate, Tried, _fate

SOURCE = '''\
"""Made up."""
from functools import lru_cache

LIMIT = 3
__all__ = ["LIMIT"]


class Box:
    """A box."""

    @property
    def full(self) -> bool:
        return len(self.things) >= LIMIT

    def __init__(self, things):
        self.things = things


@lru_cache
def worst(values, least=0):
    """The largest that counts."""
    if values and not least:
        return max(value for value in values if value)
    return -1
'''


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "made_up.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("made_up", None)


def of(root: Path, what: str) -> Mutant:
    return next(one for one in mutants(Path("made_up.py"), root) if one.what == what)


def test_every_small_change_is_found_once_and_texts_and_defaults_stay(root: Path) -> None:
    found = mutants(Path("made_up.py"), root)
    assert [(one.line, one.function, one.what) for one in found] == [
        (4, "", "3 as 4"),
        (13, "Box.full", ">= as >"),
        (22, "worst", "not left out"),
        (22, "worst", "and as or"),
        (22, "worst", "condition reversed"),
        (23, "worst", "filter reversed"),
        (23, "worst", "max as min"),
        (24, "worst", "1 as 2"),
        (24, "worst", "minus left out"),
    ]


@pytest.mark.parametrize(
    ("what", "gives"),
    [
        (">= as >", (False, 2, -1)),
        ("3 as 4", (False, 2, -1)),
        ("max as min", (True, 1, -1)),
        ("and as or", (True, 2, "ValueError")),
        ("minus left out", (True, 2, 1)),
        ("", (True, 2, -1)),
    ],
)
def test_a_change_is_made_in_loaded_code(root: Path, what: str, gives: tuple[object, ...]) -> None:
    import importlib

    module = importlib.import_module("made_up")
    module.worst(())  # whose answer is kept
    if what:
        mutant = of(root, what)
        make_live(mutant, mutated(mutant, root))
    assert (module.Box([1, 2, 3]).full, module.worst((0, 1, 2)), tried(module)) == gives


def tried(module: ModuleType) -> object:
    try:
        return module.worst(())
    except ValueError as error:
        return type(error).__name__


def test_a_change_of_what_is_not_loaded_is_told_apart(root: Path) -> None:
    mutant = Mutant(Path("made_up.py"), 0, 99, "nowhere", "x", "")
    with pytest.raises(NotLive):
        make_live(mutant, ast.parse("def nowhere(): pass"))


@pytest.mark.parametrize(
    ("code", "fate"), [(0, Fate.SURVIVED), (1, Fate.KILLED), (-9, Fate.ENDLESS), (99, Fate.NOT_MADE)]
)
def test_killed_is_what_a_test_saw(code: int, fate: Fate) -> None:
    assert _fate(status(code)) is fate


@pytest.mark.parametrize("code", [2, 3, 4, 5])
def test_tests_that_could_not_run_kill_nothing(code: int) -> None:
    with pytest.raises(RuntimeError, match="could not be run"):
        _fate(status(code))


def status(code: int) -> int:
    """As ``os.wait`` has it."""
    found = code << 8 if code >= 0 else -code
    assert os.waitstatus_to_exitcode(found) == code
    return found


def test_the_section_has_what_survived_on_top_and_reasons_for_the_rest() -> None:
    lives, known, dead = (Mutant(Path(f"bench/{name}.py"), 0, 7, "f", "< as <=", "a < b") for name in "abc")
    found = [Tried(lives, Fate.SURVIVED, 3), Tried(known, Fate.NO_TEST, 0), Tried(dead, Fate.KILLED, 3)]
    reasons = {known.key: "both sides are equal there"}
    assert [one.mutant for one in survivors(found, reasons)] == [lives]
    text = section(found, 9, "python -m tests.mutation", "0.1.0", reasons)
    assert (
        text.index("bench/a.py:7") < text.index("| `bench/c.py` | 1 | 1 | 0 | 0 |") < text.index("both sides are equal")
    )


def test_night_after_night_those_that_were_not_tried_for_longest(root: Path, tmp_path: Path) -> None:
    every = mutants(Path("made_up.py"), root)
    place, tally, seen = tmp_path / "tally.json", Tally(), list[Mutant]()
    for night in (1, 2, 3):
        now = tally.next(every, night)[:4]
        seen += now
        tally.tried(every, now, night).write(place)
        tally = Tally.read(place)
    assert {*seen[:9]} == {*every}, "9 mutants, 4 a night: all within three nights"
    assert {*seen[9:]} <= {*seen[:4]}, "and then those of the first night again"
    assert (tally.since(every, 0), tally.since(every, 2), tally.since(every, 3)) == (9, 8, 4)


def test_a_mutant_whose_line_changed_was_never_tried(root: Path) -> None:
    every = mutants(Path("made_up.py"), root)
    tally = Tally().tried(every, every, 1)
    (root / "made_up.py").write_text(SOURCE.replace("return -1", "return -2"), encoding="utf-8")
    changed = mutants(Path("made_up.py"), root)
    assert {one.what for one in tally.next(changed, 2)[:2]} == {"2 as 3", "minus left out"}
    assert len(tally.tried(changed, (), 2).nights) == len(every) - 2, "what there is no more is forgotten"


def test_a_tally_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    place = tmp_path / "tally.json"
    for broken in ("", "[]", '{"a": "x"}'):
        place.write_text(broken, encoding="utf-8")
        assert Tally.read(place) == Tally() == Tally.read(tmp_path / "none.json")


def test_no_mutant_is_begun_once_it_is_enough(root: Path) -> None:
    from tests.mutation.selection import Selection
    from tests.mutation.trials import tried as try_all

    every = mutants(Path("made_up.py"), root)
    nothing = Selection({}, {})
    assert len(list(try_all(every, nothing, 1, lambda one: None))) == len(every)
    assert not list(try_all(every, nothing, 1, lambda one: None, lambda: True))
