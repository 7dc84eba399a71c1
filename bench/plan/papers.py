"""Files of papers that stand beside the agreement or the declaration that names them: kept with the run from its start.

A file that is named and not there is no wrong input: it is still to come (``kenshin add-evidence``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from bench.errors import InputError
from bench.evidence.added import AddedAs, Shown, add, digest
from bench.plan.answered import Files
from bench.plan.documents import Paper
from bench.plan.inputs import Written

WHO: Final = "kenshin run"
"""Who added what was there when the run began."""


def beside(written: Written) -> Files:
    """What a run of these files would keep, as far as its verdicts ask. InputError where a file cannot be read."""
    found = {}
    for paper, path in _files(written):
        try:
            found[paper.key] = (Shown(digest(path)[0]),)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); expected the file of a paper") from None
    return found


def keep(written: Written, run: Path) -> None:
    """Copy the files that are there into the run folder. InputError where one cannot be read."""
    for paper, path in _files(written):
        add(run, path, AddedAs.DOCUMENT, WHO, paper.key)


def _files(written: Written) -> Iterator[tuple[Paper, Path]]:
    plan = written.plan
    yield from _named(Path(written.agreement.path), plan.agreement.documents)
    yield from _named(Path(written.declaration.path), plan.declaration.certificates)


def _named(by: Path, papers: Iterable[Paper]) -> Iterator[tuple[Paper, Path]]:
    for paper in papers:
        path = by.parent / paper.file
        if paper.file and path.is_file():
            yield paper, path
