"""The vocabulary of observations: what it refuses, and that code and docs say nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from bench import kinds
from bench.evidence.timeline import Recorder, Timeline
from bench.kinds import Field, Kind, Type, WrongObservation
from bench.records import Observation
from tests.places import ROOT

ROOMS = ("bench", "devices", "fixtures", "reports", "testplans")
"""Rooms whose code speaks of observations."""


def press(**data: Any) -> Observation:
    return Observation(1, "panel.t1", "t1", kinds.PANEL_PRESS, data)


@pytest.mark.parametrize(
    ("observation", "says"),
    [
        (Observation(1, "panel.t1", "t1", "panel.lampp", {"state": "on"}), "unknown kind of observation 'panel.lampp'"),
        (press(), "no field 'duration_s'"),
        (press(duration_s="1"), "field 'duration_s' is '1', not number"),
        (press(duration_s=True), "field 'duration_s' is True, not number"),
        (press(duration_s=1.0, colour="red"), "a field 'colour' that it has not"),
        (Observation(1, "bench", "x", kinds.BENCH_ERROR, {"what": "x", "touches": "t1"}), "not list of texts"),
        (Observation(1, "bench", "x", kinds.EPISODE_MILESTONE, {"n": 1}), "no field 'name'"),
    ],
)
def test_what_the_vocabulary_does_not_know_is_never_on_disk(
    observation: Observation, says: str, tmp_path: Path
) -> None:
    with Recorder(tmp_path / "timeline.sqlite") as recorder, pytest.raises(WrongObservation, match=re.escape(says)):
        recorder.observe(observation)
    assert Timeline(tmp_path / "timeline.sqlite").events() == []


def test_what_may_be_absent_or_more_is_taken() -> None:
    kinds.check(press(duration_s=1))
    kinds.check(Observation(1, "bench", "t1", kinds.INTENT_REQUEST, {"op": "read"}))
    kinds.check(Observation(1, "bench", "join", kinds.EPISODE_MILESTONE, {"name": "attempt", "n": 1, "by": [1, "x"]}))


def test_a_kind_is_declared_once() -> None:
    with pytest.raises(ValueError, match=r"'panel\.lamp' is declared twice"):
        kinds.register(Kind("panel.lamp", "x", "x", Field("colour", Type.TEXT)))
    again = Kind("panel.lamp", "x", "x", *kinds.PANEL_LAMP.fields)
    assert kinds.register(again) is kinds.PANEL_LAMP


def test_the_table_of_the_docs_is_up_to_date() -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert kinds.with_table(page) == page, "run: python -m bench.kinds docs/formats.md"


def test_no_other_module_spells_a_kind() -> None:
    """Constants only: a bare string that is a kind's name, or one of its prefixes, stands in the vocabulary alone."""
    names = {*kinds.KINDS, kinds.INTENT, kinds.SERVER, kinds.EPISODE, kinds.BENCH}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if path != ROOT / "bench" / "kinds.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert found == []
