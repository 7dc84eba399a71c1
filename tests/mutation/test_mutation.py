"""The mutation runner itself: which changes it makes, that they are made in loaded code, and what is called killed."""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation import trials
from tests.mutation.__main__ import every_mutant
from tests.mutation.live import NotLive, make_live
from tests.mutation.mutants import Mutant, mutants, mutated
from tests.mutation.page import accepted, section, survivors
from tests.mutation.selection import Selection, _plain, _read
from tests.mutation.tally import Tally
from tests.mutation.trials import Fate, Tried, _fate
from tests.places import ROOT

SOURCE = '''\
"""Made up."""
from functools import lru_cache
from typing import TypeAlias
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


Thing: TypeAlias = Box | list
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


def test_a_comparison_of_rows_is_turned_and_not_moved_by_one(tmp_path: Path) -> None:
    (tmp_path / "rows.py").write_text("def f(a, b):\n    return a.row < b.row <= b.t_ns < 3\n", encoding="utf-8")
    assert [one.what for one in mutants(Path("rows.py"), tmp_path)] == ["3 as 4", "< as >", "<= as >=", "< as <="]


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


def test_each_reason_is_of_a_mutant_that_there_is() -> None:
    """Or a line that changed would keep the reason of another one."""
    assert set(accepted()) <= {one.key for one in every_mutant()}


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


class Shown:
    """Functions in place of what pytest collected."""

    def __init__(self, tests: Mapping[str, Callable[[], object]]) -> None:
        self.tests = tests

    def first_failing(self, tests: Sequence[str], before: Callable[[str], None]) -> str:
        for test in tests:
            before(test)
            with contextlib.suppress(ValueError):  # of an empty sequence: as a test that raises
                if self.tests[test]():
                    continue
            return test
        return ""


def selection(*tests: str) -> Selection:
    """All of them run each line of the function."""
    return Selection({"made_up.py": dict.fromkeys(range(20, 25), tests)}, dict.fromkeys(tests, 0.0))


def test_a_mutant_is_shown_one_case_after_the_other_until_one_fails(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worst = importlib.import_module("made_up").worst
    monkeypatch.setattr(trials, "ROOT", root)
    shown = Shown({"a": lambda: worst((1,)) == 1, "b": lambda: worst((1, 2)) == 2, "c": lambda: worst((0, 1)) == 1})
    every = [of(root, what) for what in ("max as min", "filter reversed", "1 as 2", ">= as >")]
    said: list[Tried] = []
    found = list(trials.tried(every, selection("a", "b", "c"), shown, 1, said.append))
    assert said == found
    assert [(one.fate, one.tests, one.by) for one in found] == [
        (Fate.KILLED, 3, "b"),
        (Fate.KILLED, 3, "b"),  # which saw another one of the module, so it is asked before "a"
        (Fate.SURVIVED, 3, ""),
        (Fate.NO_TEST, 0, ""),
    ]
    assert worst((1, 2)) == 2, "here nothing was changed"


def test_a_case_that_does_not_end_saw_the_mutant(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worst = importlib.import_module("made_up").worst

    def waits() -> bool:
        while worst((1, 2)) != 2:
            pass
        return True

    monkeypatch.setattr(trials, "ROOT", root)
    monkeypatch.setattr(trials, "LEAST_CPU_S", 0.05)
    found = list(trials.tried([of(root, "max as min")], selection("a"), Shown({"a": waits}), 1, lambda one: None))
    assert [one.fate for one in found] == [Fate.ENDLESS]


def test_a_module_that_cannot_be_loaded_any_more_is_seen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "made_up.py").write_text('"""Made up."""\nEITHER = int | None\n\n\ndef worst():\n    return 1\n')
    importlib.import_module("made_up")
    monkeypatch.setattr(trials, "ROOT", root)
    chosen = Selection({"made_up.py": {6: ["a"]}}, {"a": 0.0})
    found = list(trials.tried([of(root, "| as &")], chosen, Shown({"a": lambda: True}), 1, lambda one: None))
    assert [one.fate for one in found] == [Fate.KILLED]


def test_where_the_cases_fail_without_a_mutant_nothing_is_tried() -> None:
    right, wrong = Shown({"a": lambda: True}), Shown({"a": lambda: False})
    trials.check_control(selection("a"), right)
    with pytest.raises(RuntimeError, match="do not pass in a fork without a mutant"):
        trials.check_control(selection("a"), wrong)


def test_what_pytest_collects_is_run_in_the_order_that_is_asked(tmp_path: Path) -> None:
    """In a process of its own: it is pytest within pytest."""
    (tmp_path / "test_two.py").write_text("def test_right(): pass\ndef test_wrong(): assert 0\n", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", ASKED, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert "asked: ['right', 'wrong'], failed: test_wrong" in ran.stdout.decode().splitlines(), ran.stdout.decode()


ASKED = """\
import sys
from tests.mutation.trials import with_collected

def work(collected):
    told = []
    ids = sorted(collected.items, key=lambda name: name.endswith("wrong"))
    failed = collected.first_failing(ids, told.append)
    print(f"\\nasked: {[name.rpartition('_')[2] for name in told]}, failed: {failed.rpartition(':')[2]}")

try:
    with_collected([sys.argv[1]], work)
except RuntimeError:  # for here it was the session's own process in which a case failed
    pass
"""


def test_no_mutant_is_begun_once_it_is_enough(root: Path) -> None:
    every = mutants(Path("made_up.py"), root)
    nothing, shown = Selection({}, {}), Shown({})
    assert len(list(trials.tried(every, nothing, shown, 1, lambda one: None))) == len(every)
    assert not list(trials.tried(every, nothing, shown, 1, lambda one: None, lambda: True))


def test_a_selection_is_read_as_it_was_written() -> None:
    one = Selection({"a.py": {7: ["t::x[1]", "t::y"], 9: []}}, {"t::x[1]": 0.25, "t::y": 1.0}, ["t::z"])
    assert _read(json.loads(json.dumps(_plain(one)))) == one
