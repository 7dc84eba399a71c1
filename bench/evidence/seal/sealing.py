"""A folder is sealed: at the end of a run, at every stop, and after each later judgement.

Whoever goes on with a run opens it first (`reopen`): its manifest moves to ``seals/N.json``, so that the stop stays
provable, and what is there then must be the beginning of what is there at the end. A key chains what it seals: each
manifest names the one before it, by the ledger beside the key, so that a run that vanished leaves a gap.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import attrs

from bench import kinds
from bench.air.octets import counted
from bench.errors import InputError
from bench.evidence.evidence import Evidence
from bench.evidence.seal.compare import RECORD
from bench.evidence.seal.contents import EARLIER, LOG, MANIFEST, STAMPS, TIMELINE, File, names, read_file, read_rows
from bench.evidence.seal.envelope import Envelope
from bench.evidence.seal.held import seals_kept
from bench.evidence.seal.keys import SigningKey, pem
from bench.evidence.seal.manifest import Manifest, NoManifest, Seals, read_manifest
from bench.identity import identity

MARKS: Final = (
    kinds.BENCH_RESUMED,
    kinds.BENCH_EXTENDED,
    kinds.BENCH_BLIND,
    kinds.BENCH_ERROR,
    kinds.EPISODE_VOID,
    kinds.EPISODE_LEFT_OUT,
    kinds.EPISODE_NOT_READY,
)
"""Kinds of observations that somebody could wish away: the manifest names each."""


@attrs.frozen(slots=True)
class Sealed:
    """What was done: the manifest's place, SHA-256, signer (empty: nobody) and how much it covers."""

    path: Path
    sha256: str
    key_id: str
    files: int
    rows: int
    frames: int

    def __str__(self) -> str:
        by = f"signed by {self.key_id[:23]}" if self.key_id else "not signed (kenshin keys new makes a key)"
        of = ((self.files, "file"), (self.rows, "row"), (self.frames, "frame"))
        return f"{self.path}: {', '.join(counted(number, noun) for number, noun in of)}; {by}"


FOUND: Final = "found unsealed: the bench before had ended without a word"
"""Why a run is sealed that somebody goes on with after a kill or a power cut. Nothing was sealed then: what is there
now is what the end must begin with."""


def seal_run(
    folder: Path, key: SigningKey | None, why: str, inputs: Mapping[str, Any], growing: Sequence[str] = ()
) -> Sealed:
    """Seal a run folder as it stands. ``why``: what ended the session; ``growing``: files that another process still
    writes. Raises OSError where the folder takes no manifest."""
    files = read_folder(folder)
    facts = {"why": why, "inputs": inputs, "marks": _marks(folder), "growing": sorted(growing)}
    return _seal(folder, Seals.RUN, files, facts, key)


def seal_judgement(
    output: Path, key: SigningKey | None, results: Sequence[str], run: Path, inputs: Mapping[str, Any]
) -> Sealed:
    """Seal the results of a later judgement in ``output``, bound to the manifest of the run that was judged."""
    files = [read_file(output, name) for name in results if (output / name).is_file()]
    facts = {"run": _digest(run / MANIFEST), "record": _digest(run / RECORD), "inputs": inputs}
    return _seal(output, Seals.JUDGEMENT, files, facts, key)


def is_judgement_of(output: Path, run: Path) -> bool:
    """Whether what is sealed in ``output`` is a judgement of the run, in whatever state that was.

    It names a manifest that the run has or had; of a run that had none then, its inputs are the only word.
    """
    try:
        manifest = read_manifest(output / MANIFEST).manifest
    except (NoManifest, InputError):
        return False
    if manifest.seals is not Seals.JUDGEMENT:
        return False
    if (of := manifest.facts.get("run")) is not None:
        return of in (_digest(run / MANIFEST), *map(_digest, seals_kept(run)))
    return manifest.facts.get("record") == _digest(run / RECORD)


def _digest(path: Path) -> str | None:
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def reopen(folder: Path) -> bool:
    """Before anything is added to a sealed run: its manifest is kept as that of an earlier stop, with its time stamp.
    Whether there was one.

    InputError where the folder cannot be written.
    """
    sealed, kept = folder / MANIFEST, folder / EARLIER
    if not sealed.is_file():
        return False
    try:
        kept.mkdir(exist_ok=True)
        place = kept / f"{len(list(kept.glob('*.json'))) + 1}.json"
        for name in STAMPS:  # before the manifest: a kill between the two must not leave them beside another one
            with contextlib.suppress(FileNotFoundError):
                (folder / name).rename(place.with_suffix(Path(name).suffix))
        sealed.rename(place)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}); expected a run folder of one's own"
        ) from None
    return True


def read_folder(folder: Path) -> list[File]:
    """Every file of a run folder that a seal covers."""
    paths, _ = names(folder)
    return [_with_rows(folder, read_file(folder, path), LOG in paths) for path in paths]


def _with_rows(folder: Path, file: File, with_log: bool) -> File:
    if file.path != TIMELINE:
        return file
    try:
        return attrs.evolve(file, rows=read_rows(folder, with_log=with_log))
    except sqlite3.Error:
        return file  # sealed as it is, octet for octet


def _marks(folder: Path) -> list[dict[str, Any]]:
    if not (folder / TIMELINE).exists():
        return []
    with contextlib.closing(Evidence.open(folder)) as evidence:
        rows = sorted((row for kind in MARKS for row in evidence.events(kind)), key=lambda row: row.row)
    return [{"row": row.row, "kind": str(row.kind), "subject": row.subject} for row in rows]


def _seal(
    folder: Path, seals: Seals, files: Sequence[File], facts: Mapping[str, Any], key: SigningKey | None
) -> Sealed:
    with _ledger(key) as ledger:
        told = {
            **facts,
            "sealed_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "sealed_by": identity().plain(),
            "previous": ledger.previous,
        }
        public = "" if key is None else pem(key.public)
        manifest = Manifest(seals, tuple(files), json.loads(json.dumps(told)), public)
        octets = Envelope.signed(
            manifest.statement(), None if key is None else key.secret, key.id if key else ""
        ).octets()
        path = folder / MANIFEST
        draft = path.with_suffix(".new")
        with draft.open("wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        digest = sha256(octets).hexdigest()
        ledger.note(digest, folder.name, told["sealed_at"])
    rows = sum(len(file.rows.each()) for file in files if file.rows is not None)
    frames = sum(len(f.parts.each()) - len(f.parts.others) for f in files if f.parts.of == "frame")
    return Sealed(path, digest, key.id if key else "", len(files), rows, frames)


@attrs.define
class _Ledger:
    """What a key sealed last, and where the next one is noted; of no key nothing."""

    path: Path | None = None
    previous: dict[str, str] | None = None

    def note(self, digest: str, name: str, when: str) -> None:
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"sha256": digest, "sealed": name, "at": when}, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def _ledger(key: SigningKey | None) -> Iterator[_Ledger]:
    """The ledger of a key, held for one seal: two benches with one key seal one after the other."""
    if key is None:
        yield _Ledger()
        return
    try:
        with key.ledger.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            lines = [line for line in file.read().splitlines() if line]
            yield _Ledger(key.ledger, _entry(lines[-1], key.ledger) if lines else None)
    except PermissionError as error:
        raise InputError(f"{key.ledger}: {error.strerror}; expected a place for what the key sealed") from None


def _entry(line: str, path: Path) -> dict[str, str]:
    try:
        told = json.loads(line)
        return {"sha256": str(told["sha256"]), "sealed": str(told["sealed"])}
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: its last line is no entry; expected what the key sealed before") from None
