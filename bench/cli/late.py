"""``kenshin add-evidence``: what comes after a run is added to it, and the run is judged again.

Nothing is replaced: files are copied into the run and registered with digest, time and who added them
(`bench.evidence.added`), what a server's log says is appended to the timeline, and the verdicts go beside the earlier
ones.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from bench.errors import InputError
from bench.evidence.added import AddedAs, add
from bench.evidence.collection import read_collection
from bench.evidence.folder import RunFolder
from bench.evidence.seal.sealing import reopen
from bench.plan.answered import papers
from bench.plan.inputs import stored_plan
from fixtures.rig.lock import Locks
from fixtures.run.sealed import Sealer, refuse_altered

NOBODY: Final = "unknown"


@attrs.frozen(slots=True)
class LateAs:
    """What the command says that its files are: one of these."""

    document: str | None = None
    server_log: bool = False
    collection_log: bool = False
    watch: bool = False

    def check(self) -> None:
        """InputError unless it is said once."""
        said = [self.document is not None, self.server_log, self.collection_log].count(True)
        if said != 1 or (self.watch and not self.server_log):
            what = "what these files are is not said, or more than once"
            raise InputError(f"{what}; expected --document ID, --server-log [--watch] or --collection-log")


def add_late(run: Path, files: Sequence[Path], told: LateAs, agreement: Path | None, who: str | None) -> None:
    """What the command was given. InputError unless it is said what the files are, and they are that."""
    told.check()
    if told.document is not None:
        add_documents(run, files, told.document, agreement, who)
    elif told.collection_log:
        _add_collection(RunFolder.open(run), files, who or user())
    else:
        from bench.cli.server_log import add_logs

        with _sealed_anew(RunFolder.open(run)):
            add_logs(run, files, who or user(), told.watch)


def _add_collection(folder: RunFolder, files: Sequence[Path], who: str) -> None:
    for file in files:
        read_collection(file)
    with _sealed_anew(folder):
        for file in files:
            added = add(folder.path, file, AddedAs.COLLECTION_LOG, who)
            print(f"{file}: added, {added.citation}" if added else f"{file}: is in the run already")


def add_documents(run: Path, files: Sequence[Path], document: str, agreement: Path | None, who: str | None) -> None:
    """Add files as the paper that the run's agreement (or the one given) or its declaration names ``document``.

    InputError where nothing is named so, or a file or the run cannot be used.
    """
    folder = RunFolder.open(run)
    plan = stored_plan(folder.inputs(), None, agreement)
    named = [paper.key for paper in papers(plan.agreement, plan.declaration)]
    if document not in named:
        known = ", ".join(named) or "none, for neither agreement nor declaration names any"
        raise InputError(f"--document {document}: no paper of that name; expected one of {known}")
    with _sealed_anew(folder):
        for file in files:
            added = add(folder.path, file, AddedAs.DOCUMENT, who or user(), document)
            print(f"{file}: added as {document}, {added.citation}" if added else f"{file}: is in the run already")


@contextmanager
def _sealed_anew(folder: RunFolder) -> Iterator[None]:
    """What is added is sealed with the rest; a run that nobody sealed when it was made is not sealed now.

    From the look at the seal to the next one nobody else may add: that seal would cover half of what he adds, or lack
    it. InputError where somebody is at it, drives the run, or where it is not as it was sealed.
    """
    sealer, locks = Sealer.with_key(None), Locks()
    locks.take_folder(folder.path, f"kenshin add-evidence {folder.path}")
    try:
        refuse_altered(folder.path)
        was_sealed = reopen(folder.path)
        try:
            yield
        finally:
            if was_sealed:
                sealer.seal_run(folder, "evidence was added")
    finally:
        locks.release()


def user() -> str:
    """Who is at the keyboard, where the host knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return NOBODY
