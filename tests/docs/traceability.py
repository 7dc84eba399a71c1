"""docs/traceability.md: from each clause of the guideline to what judges it (``make traceability``).

    clause ─> row of the catalogue ─> stimulus (episode) ─> measurand ─> faults that must turn the row red

Everything is read from where it is used: the guideline file, the registry of measurands, the declared episodes, the
catalogue of faults. So the page says what the bench does and not what somebody meant it to do, and a test holds it to
that.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.measurands.judged.registry import ADDED, REGISTRY
from bench.plan.schema import RequirementRow, load_guideline
from bench.twin.faults import BUILT_IN, Fault
from fixtures.episodes.declared import episodes

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "traceability.md"
HEAD: Final = """\
# Traceability

Made by `make traceability`; nothing here is written by hand. From each clause of the guideline's excerpt to the row
that reads it, what is done to provoke it, the quantity that is judged, and the faults of the catalogue that must turn
the row red. How they did is in [qualification.md](qualification.md); the words and their reading stand in
`testplans/guideline-1.1.yaml`.
"""


def page() -> str:
    """The whole page."""
    rows = load_guideline().requirements
    clauses = dict.fromkeys(row.clause for row in rows)
    return "\n".join([HEAD, *_summary(rows), *(line for clause in clauses for line in _clause(clause, rows))]) + "\n"


def _summary(rows: tuple[RequirementRow, ...]) -> Iterator[str]:
    measured = [row for row in rows if row.interpretation is not None]
    papers, left = sum(row.by_document is not None for row in rows), sum(bool(row.not_judged) for row in rows)
    seeded = sum(len(_faults(row.id)) for row in measured)
    yield f"{len(rows)} rows: {len(measured)} measured, {papers} by document, {left} without a verdict of their own."
    yield f"{seeded} faults in the catalogue."
    bare = [f"`{row.id}`" for row in measured if len(_faults(row.id)) < 2]
    if bare:
        yield f"\nFewer than two faults: {', '.join(bare)}."


def _clause(clause: str, rows: tuple[RequirementRow, ...]) -> Iterator[str]:
    yield f"\n## {clause}"
    for row in rows:
        if row.clause == clause:
            yield f"\n### `{row.id}`: {row.title.en}\n"
            yield f"> {row.official}\n"
            yield from _answered(row)


def _answered(row: RequirementRow) -> Iterator[str]:
    label = f" {row.label}" if row.label else ""
    yield f"* obligation: {row.obligation}{label}"
    if row.by_document is not None:
        yield f"* by document: {row.by_document.asked.en}"
        return
    if row.interpretation is None:
        yield f"* no verdict: {row.not_judged}"
        return
    read = row.interpretation
    for name in read.episodes:
        yield f"* stimulus: episode `{name}`: {_episode(name)}"
    for name in read.also:
        yield f"* counts where it was driven: episode `{name}`"
    if not read.episodes:
        yield "* stimulus: none; from what is added to the run"
    yield f"* measurand: `{read.measurand}` (`{_where(read.measurand)}`)"
    yield f"* applies to: {read.applicability or 'every terminal'}"
    for fault in _faults(row.id):
        yield f"* fault `{fault.name}`: {_first(inspect.getdoc(fault) or '')}"
    if not _faults(row.id):
        yield "* fault: none"


def _episode(name: str) -> str:
    module = inspect.getmodule(episodes()[name].body)
    assert module is not None
    return _first(module.__doc__ or "")


def _where(measurand: str) -> str:
    function = {**REGISTRY, **ADDED}[measurand]
    return Path(function.__code__.co_filename).resolve().relative_to(ROOT).as_posix()


def _faults(requirement: str) -> list[type[Fault]]:
    """Those of the catalogue that should turn this row; not those that turn it as a consequence of another."""
    return [cls for cls in BUILT_IN if requirement in cls.turns]


def _first(text: str) -> str:
    """The first paragraph, on one line."""
    return " ".join(text.strip().split("\n\n")[0].split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}", file=sys.stderr)
