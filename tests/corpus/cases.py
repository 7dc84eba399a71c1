"""Timelines, changes, questions and answers, as ``tests/data/corpus`` keeps them."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from tests.places import ROOT

CORPUS: Final = ROOT / "tests" / "data" / "corpus"
TIMELINES: Final = CORPUS / "timelines.json.xz"
CASES: Final = CORPUS / "cases.json.xz"

Row = tuple[int, str, str, str, str, int, int, str]
"""``t_ns, source, subject, kind, data as JSON, u_ns, seq, episode``, in order of arrival: the first is row 1."""

Change = tuple[Any, ...]
"""What is otherwise, at or from a row:

* ``("without", row)``: it is left out; ``("without-all", row)``: with all others of its kind and subject
* ``("ends", row)``: it is the last one, as where the bench was killed
* ``("meets", row)``: it has the stamp of the one read before it; ``("moved", row, ns)``
* ``("again", row)``: it comes once more, at the same time
* ``("adds", row, source, subject, kind, data, episode)``: another one comes at its time, as the last of all
* ``("says", row, [key, ...], value)``: its data says that there, and without ``value`` nothing; row 0: the setup
"""


@attrs.frozen(slots=True)
class Written:
    """A timeline: rows and the inputs of its run."""

    rows: tuple[Row, ...]
    inputs: Mapping[str, Any]


@attrs.frozen(slots=True)
class Case:
    """A question to a timeline with changes. ``answer``: `asked.answered`, as it is stored; None: not yet."""

    timeline: str
    changes: tuple[Change, ...]
    measurand: str
    episodes: tuple[str, ...]
    statistic: str
    setup: Mapping[str, Any]
    answer: Any = attrs.field(default=None, eq=False)

    @property
    def id(self) -> str:
        """For people and for pytest; one each."""
        said = [*map(_said, self.changes), "" if self.statistic == "maximum" else self.statistic]
        return "/".join(filter(None, [self.measurand, self.timeline, *said]))


def _said(change: Change) -> str:
    word, row, *more = change
    if word == "adds":
        _, subject, kind, data, _ = more
        return "-".join([str(row), "adds", kind, subject, *map(str, data.values())])
    if word == "says":
        at = ".".join(map(str, more[0]))
        return f"{row}-{at}-{more[1]}" if len(more) > 1 else f"{row}-{at}-unsaid"
    return "-".join(map(str, (row, word, *more)))


@attrs.frozen(slots=True)
class Corpus:
    timelines: Mapping[str, Written]
    cases: tuple[Case, ...]

    def used(self) -> Corpus:
        """Without timelines that no case asks."""
        asked = {case.timeline for case in self.cases}
        return Corpus({name: one for name, one in self.timelines.items() if name in asked}, self.cases)


def read() -> Corpus:
    """What is stored; empty where nothing is."""
    if not CASES.exists():
        return Corpus({}, ())
    told = unpacked(TIMELINES)
    lines = {name: Written(tuple(map(tuple, one["rows"])), one["inputs"]) for name, one in told.items()}
    kept = unpacked(CASES)
    setups = kept["setups"]
    cases = [
        Case(
            one["timeline"],
            tuple(map(tuple, one["changes"])),
            one["measurand"],
            tuple(one["episodes"]),
            one["statistic"],
            setups[one["setup"]],
            one["answer"],
        )
        for one in kept["cases"]
    ]
    return Corpus(lines, tuple(cases))


def write(corpus: Corpus) -> None:
    """The same octets for the same corpus."""
    CORPUS.mkdir(exist_ok=True)
    pack(TIMELINES, {name: attrs.asdict(one) for name, one in sorted(corpus.timelines.items())})
    cases = sorted(corpus.cases, key=lambda case: (case.measurand, case.timeline, case.id))
    setups = sorted({text(case.setup) for case in cases})
    number = {setup: place for place, setup in enumerate(setups)}
    told = [{**_plain(case), "setup": number[text(case.setup)]} for case in cases]
    pack(CASES, {"setups": [json.loads(setup) for setup in setups], "cases": told})


def _plain(case: Case) -> dict[str, Any]:
    return {field.name: getattr(case, field.name) for field in attrs.fields(Case)}


def text(value: Any) -> str:
    """As JSON, the same for equal values."""
    return json.dumps(attrs.asdict(value) if attrs.has(type(value)) else value, sort_keys=True, ensure_ascii=False)


def pack(path: Path, value: Any) -> None:
    """The same octets for the same value."""
    path.write_bytes(lzma.compress(text(value).encode(), preset=9 | lzma.PRESET_EXTREME))


def unpacked(path: Path) -> Any:
    """What `pack` wrote."""
    return json.loads(lzma.decompress(path.read_bytes()))


def distinct(cases: Iterable[Case]) -> list[Case]:
    """The first of each id."""
    return list({case.id: case for case in reversed(list(cases))}.values())[::-1]
