"""Evidence that comes after a run: a certificate, an operator's rules, the server's log of the next day.

It is added, never put in the place of anything: a copy goes to ``evidence/N-NAME`` in the run folder, a line with its
digest to ``evidence.jsonl``. Judging looks at both, so a run says the same on any machine; a copy that no longer has
its digest counts for nothing and says so. Cited as ``evidence#N``.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import attrs

from bench.errors import InputError
from bench.formats import ADDED, KEY, UNNUMBERED

REGISTER: Final = "evidence.jsonl"
FOLDER: Final = "evidence"
LARGEST_OCTETS: Final = 1 << 30
"""Of one file; a server's log of nine days has some megabytes."""
_UNFIT: Final = re.compile(r"[^\w.-]+")


class AddedAs(StrEnum):
    """What a file is to the run."""

    DOCUMENT = "document"
    SERVER_LOG = "server log"
    COLLECTION_LOG = "collection log"


@attrs.frozen(slots=True)
class Added:
    """One line of the register. ``document``: the id or number under which the parties name the paper; ``wall``: UTC
    when it was added, ``who`` added it: for people, no verdict reads them."""

    number: int
    file: str
    sha256: str
    octets: int
    added_as: AddedAs
    document: str
    who: str
    wall: str

    @property
    def citation(self) -> str:
        return f"evidence#{self.number}"

    def is_intact(self, run: Path) -> bool:
        """Whether the copy in the run still is what was added."""
        path = run / self.file
        try:
            return digest(path)[0] == self.sha256
        except (OSError, InputError):
            return False


@attrs.frozen(slots=True)
class Shown:
    """A file that is there for a paper, as far as a verdict asks."""

    sha256: str
    intact: bool = True
    citation: str = ""


def register(run: Path) -> list[Added]:
    """All that was added to the run at ``run``, in order. InputError for a line of an unknown format, or none of ours.

    A line that is no JSON was being written when the power went: what it was about can be added again.
    """
    path = run / REGISTER
    if not path.exists():
        return []
    lines = path.read_text("utf-8", "replace").split("\n")[:-1]
    read = (_read(line, f"{path}:{number}") for number, line in enumerate(lines, 1))
    return [entry for entry in read if entry is not None]


def shown(run: Path) -> Mapping[str, tuple[Shown, ...]]:
    """The files added as documents, by the names of their papers, in order."""
    found: dict[str, tuple[Shown, ...]] = {}
    for entry in register(run):
        if entry.added_as is AddedAs.DOCUMENT:
            one = Shown(entry.sha256, entry.is_intact(run), entry.citation)
            found[entry.document] = (*found.get(entry.document, ()), one)
    return found


def add(run: Path, file: Path, added_as: AddedAs, who: str, document: str = "") -> Added | None:
    """Copy ``file`` into the run and register it; None where the same file is there for the same already.

    InputError where it cannot be read, is too large, or the run cannot be written.
    """
    try:
        sha256, octets = digest(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); expected a file") from None
    try:
        with _locked(run / REGISTER) as descriptor:
            entries = register(run)
            if any((e.sha256, e.added_as, e.document) == (sha256, added_as, document) for e in entries):
                return None
            number = 1 + max((entry.number for entry in entries), default=0)
            name = f"{FOLDER}/{number}-{_UNFIT.sub('_', file.name)[-100:]}"
            _copy(file, run / name, sha256)
            entry = Added(number, name, sha256, octets, added_as, document, who, _now())
            _append(descriptor, _line(entry))
            return entry
    except OSError as error:
        raise InputError(f"{run}: cannot be written ({error.strerror}); expected a run folder of one's own") from None


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 of a file, and its octets. InputError for one that is larger than any evidence; OSError as it comes."""
    found, octets = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
            octets += len(piece)
            if octets > LARGEST_OCTETS:
                raise InputError(f"{path}: more than {LARGEST_OCTETS >> 20} MiB; expected a smaller file")
    return found.hexdigest(), octets


def _copy(file: Path, target: Path, sha256: str) -> None:
    """The copy is whole on disk before its line is; a file that changes meanwhile is refused."""
    target.parent.mkdir(exist_ok=True)
    draft = target.with_name(f".{target.name}")
    with file.open("rb") as source, draft.open("wb") as copy:
        while piece := source.read(1 << 20):
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
    if digest(draft)[0] != sha256:
        draft.unlink()
        raise InputError(f"{file}: changed while it was read; expected a file that is written")
    draft.replace(target)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _append(descriptor: int, line: str) -> None:
    end = os.lseek(descriptor, 0, os.SEEK_END)
    torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
    os.write(descriptor, (("\n" if torn else "") + line + "\n").encode())
    os.fsync(descriptor)


def _line(entry: Added) -> str:
    return json.dumps({KEY: ADDED.version, **attrs.asdict(entry)}, ensure_ascii=False)


def _read(line: str, where: str) -> Added | None:
    try:
        said: Any = json.loads(line)
    except ValueError:
        return None
    try:
        ADDED.check(said.pop(KEY, UNNUMBERED), where)
        return Added(**{**said, "added_as": AddedAs(said["added_as"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{where}: no line of late evidence ({error}); expected what add-evidence wrote") from None


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
