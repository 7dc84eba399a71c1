"""What the tests of measurands write and ask: each question that they put to a measurand, with its timeline.

A plugin of pytest. Measurands that look into captures are left out: their tests make frames up that no file holds.
Of a measurand that was mended the first edition is asked the same: it must judge stored runs as it always did.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import Any, Final

import attrs
import pytest

from bench.evidence.evidence import Episode, Evidence
from bench.measurands.judged.common import Measurand
from bench.measurands.judged.registry import FIGURES, REGISTRY
from bench.measurands.judged.setup import Setup
from bench.records import Measurement
from tests.corpus.cases import Case, Corpus, Written, distinct

TESTS: Final = "tests/measurands/judged"
WITH_FRAMES: Final = frozenset({"air.rules", "radio.method"})
MOST_ROWS: Final = 1200
"""Longer ones are weeks that cost a second each, and what they are about is their length."""


class Gatherer:
    """``cases`` and ``timelines`` of all that was asked."""

    def __init__(self) -> None:
        self.timelines: dict[str, Written] = {}
        self.cases: list[Case] = []
        self._names: dict[str, str] = {}
        self._test = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        listening = {name: self._listening(name, measurand) for name, measurand in REGISTRY.items()}
        for name, measurand in REGISTRY.items():
            _replace(measurand, listening[name])
        _replace(REGISTRY, MappingProxyType(listening))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._test = re.sub(r"[^a-z0-9]+", "-", item.name.removeprefix("test_").lower()).strip("-")
        return (yield)

    def corpus(self) -> Corpus:
        return Corpus(self.timelines, tuple(distinct(self.cases))).used()

    def _listening(self, name: str, measurand: Measurand) -> Measurand:
        def listening(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
            found = measurand(episodes, setup, statistic)
            if name not in WITH_FRAMES and episodes:
                self._take(name, episodes, setup, statistic)
            return found

        return listening

    def _take(self, name: str, episodes: Sequence[Episode], setup: Setup, statistic: str) -> None:
        written = _written(episodes[0].evidence)
        if len(written.rows) > MOST_ROWS:
            return
        digest = hashlib.sha256(json.dumps([written.rows, written.inputs]).encode()).hexdigest()
        if digest not in self._names:
            alike = sum(known.startswith(self._test) for known in self._names.values())
            self._names[digest] = f"{self._test}-{alike + 1}" if alike else self._test
            self.timelines[self._names[digest]] = written
        plain = json.loads(json.dumps(attrs.asdict(setup)))
        driven = tuple(episode.name for episode in episodes)
        self.cases.append(Case(self._names[digest], (), name, driven, statistic, plain))


def _written(evidence: Evidence) -> Written:
    rows = tuple(
        (one.t_ns, one.source, one.subject, one.kind, json.dumps(one.data), one.u_ns, one.seq, one.episode)
        for one in evidence.rows(0, evidence.last_row())
    )
    inputs = {key: value for key, value in evidence.folder.inputs().items() if key != "driven_by"}
    return Written(rows, inputs)


def _replace(old: object, new: object) -> None:
    """Wherever a module named it."""
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()):
            if value is old:
                setattr(module, name, new)


def first_editions(cases: Iterable[Case]) -> Iterator[Case]:
    """The same questions to first editions, as far as they know the statistic."""
    for case in cases:
        name = case.measurand.removesuffix(".2")
        if name != case.measurand and case.statistic in FIGURES[name].statistics:
            yield attrs.evolve(case, measurand=name, answer=None)


def gathered() -> Corpus:
    """Run the tests and listen."""
    gatherer = Gatherer()
    code = pytest.main(["-q", TESTS], plugins=[gatherer])
    if code != pytest.ExitCode.OK:
        raise SystemExit(f"the tests do not pass (pytest's exit code {int(code)})")
    return gatherer.corpus()
