"""`kenshin verify`: is a stored run as it was sealed, by whom, and does every verdict follow from it again?

Integrity first (`bench.evidence.seal`): each difference is a line with its place. Then the verdicts are derived again
and compared with those that were written, of the run and of each later judgement. Nothing is written.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TextIO

import attrs
from cryptography.x509 import Certificate

from bench.air.octets import counted
from bench.errors import BenchError, InputError
from bench.evidence.added import REGISTER
from bench.evidence.folder import RunFolder
from bench.evidence.seal.compare import Change, begun_by, compare
from bench.evidence.seal.contents import EARLIER, JUDGED, LOG, MANIFEST, TIMELINE, read_rows
from bench.evidence.seal.held import by_number, seals_kept
from bench.evidence.seal.keys import fingerprint, read_public
from bench.evidence.seal.manifest import Manifest, NoManifest, Read, Seals, read_manifest
from bench.evidence.seal.sealing import FOUND
from bench.evidence.seal.stamp import ANSWER, NoStamp, read_certificates, read_stamp
from bench.evidence.status import Life, read_status
from bench.evidence.upgrade import upgraded
from bench.formats import VERDICTS, UnknownVersion
from bench.identity import identity
from bench.plan.again import AsOf, derived_again
from bench.plan.catalogue import Plan

VERIFIED: Final = 0
ALTERED: Final = 1
_KILLED: Final = "its bench had ended without a word (killed, or a power cut)"
NOT_PROVEN: Final = 4
"""Not sealed, not signed, or judged otherwise by another bench: nothing is known to be wrong."""


@attrs.define
class Found:
    """What is said in the end: alterations, and what keeps the run from being proven; ``unknown``: versions of files
    that this bench does not read, so that nothing follows from them."""

    altered: list[str] = attrs.field(factory=list)
    unknown: list[str] = attrs.field(factory=list)
    unproven: list[str] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)


def verify_run(run: Path, key: Path | None, after: Path | None, out: TextIO, stamp: Path | None = None) -> int:
    """Verify a run folder; ``key``: the public key that must have signed, ``after``: the run that the same key must
    have sealed before, ``stamp``: certificates by which it must be time-stamped. Exit code by the contract. InputError
    where ``run`` is no folder, ``key`` no key, or ``stamp`` no certificates; UnknownVersion where the run holds a file
    of a version that this bench does not read, and is not found altered without it."""
    trusted = None if stamp is None else read_certificates(stamp)
    found = integrity(run, key, after)
    _check_stamp(run, trusted, found)
    _derive(run, run, None, _when_judged(run), found)
    for folder in _judgements(run):
        _derive_judgement(run, folder, found)
    return _say(run, found, out)


def integrity(run: Path, key: Path | None = None, after: Path | None = None) -> Found:
    """Whether a run and its later judgements are as they were sealed; arguments and errors as of `verify_run`."""
    if not run.is_dir():
        raise InputError(f"{run}: no such folder; expected a run folder")
    found = Found()
    asked = None if key is None else fingerprint(read_public(key))
    previous = None if after is None else _digest_of(after)
    if (run / MANIFEST).is_file():
        sealed = _sealed(run, asked, found)
        if sealed is not None and after is not None:
            _check_chain(sealed, previous, after, found)
    else:
        RunFolder.open(run)
        _check_begun(run, found)
    for folder in _judgements(run):
        _check_judgement(run, folder, asked, found)
    return found


def _say(run: Path, found: Found, out: TextIO) -> int:
    for note in found.notes:
        print(note, file=out)
    for line in found.altered:
        print(f"ALTERED: {line}", file=out)
    for line in found.unproven:
        print(f"NOT PROVEN: {line}", file=out)
    if found.unknown and not found.altered:
        raise UnknownVersion(found.unknown[0])
    for line in found.unknown:
        print(f"NOT READ: {line}", file=out)
    if found.altered:
        print(f"{run}: ALTERED, {counted(len(found.altered), 'difference')}", file=out)
        return ALTERED
    if found.unproven:
        print(f"{run}: no alteration found, and not proven", file=out)
        return NOT_PROVEN
    print(f"{run}: VERIFIED", file=out)
    return VERIFIED


def _sealed(run: Path, asked: str | None, found: Found) -> Read | None:
    """The run's manifest, and what the folder holds against it."""
    sealed = _manifest(run, run / MANIFEST, asked, found)
    if sealed is None:
        return None
    manifest = sealed.manifest
    if manifest.seals is not Seals.RUN:
        found.altered.append(f"{MANIFEST}: seals a {manifest.seals}, not a run")
        return None
    found.altered += map(str, compare(run, manifest))
    rows = sum(len(file.rows.each()) for file in manifest.files if file.rows is not None)
    frames = sum(len(f.parts.each()) - len(f.parts.others) for f in manifest.files if f.parts.of == "frame")
    facts = manifest.facts
    _unsealed_until(run, found)
    found.notes.append(
        f"sealed {facts.get('sealed_at')} ({facts.get('why')}): {counted(len(manifest.files), 'file')}, "
        f"{counted(rows, 'row')}, {counted(frames, 'frame')}, "
        f"interruptions, voids and steps left out: {len(facts.get('marks', []))}"
    )
    found.notes.append(f"signed by {fingerprint(sealed.key)}" if sealed.key else "not signed")
    return sealed


def _manifest(run: Path, path: Path, asked: str | None, found: Found) -> Read | None:
    """A manifest that can be read, and what is wrong with its signature."""
    name = path.relative_to(run).as_posix()
    try:
        sealed = read_manifest(path)
        wrong = sealed.wrong_with_signature()
        signer = None if wrong or sealed.key is None else fingerprint(sealed.key)
    except NoManifest as error:
        found.altered.append(f"{name}: {error}")
        return None
    if wrong:
        found.altered.append(f"{name}: {wrong}")
    elif asked is not None and signer is not None and signer != asked:
        found.altered.append(f"{name}: signed by {signer}; expected {asked}")
    elif signer is None:
        whose = f", expected {asked}" if asked else ""
        found.unproven.append(f"{name}: not signed{whose}; whoever altered the run could have sealed it anew")
    return sealed


def _check_begun(run: Path, found: Found) -> None:
    """A run without a manifest: never sealed, or gone on with and not ended in order."""
    kept = seals_kept(run)
    went_on = f"; it went on after {EARLIER}/{kept[-1].name} and was not ended in order" if kept else ""
    found.unproven.append(f"no {MANIFEST}: not sealed{went_on}{_left_by(run)}")
    for path in kept:
        earlier = _manifest(run, path, None, Found())
        if earlier is None or (wrong := earlier.wrong_with_signature()):
            found.altered.append(f"{EARLIER}/{path.name}: {'damaged' if earlier is None else wrong}")
        else:
            found.altered += map(str, begun_by(run, earlier.manifest, f"{EARLIER}/{path.name}"))


def _left_by(run: Path) -> str:
    """What became of the bench of a run that is not sealed, as far as its folder tells."""
    try:
        status = read_status(run)
    except InputError as error:
        return f"; {error}"
    if status is None:
        return ""
    life = status.life(datetime.now(UTC))
    if life in (Life.LIVING, Life.SILENT):
        return f"; its bench is {status.doing} (process {status.process.pid} of {status.process.host})"
    rows = _rows_now(run)
    kept = "" if rows is None else f", {counted(rows, 'row')} there"
    if life is Life.GONE:
        went_on = "kenshin run --out seals what it finds and goes on"
        return f"; its bench ended without a word after {status.beat} (killed, or a power cut){kept}; {went_on}"
    return f"; its bench ended at {status.beat} ({status.why}) and could not seal it{kept}"


def _rows_now(run: Path) -> int | None:
    try:
        return len(read_rows(run, with_log=(run / LOG).is_file()).each())
    except (OSError, sqlite3.Error):
        return None


def _unsealed_until(run: Path, found: Found) -> None:
    """Where a bench was killed: what it had written was under no seal until another one found it and went on."""
    before = 0
    for number, seal in enumerate(_seals(run), start=1):
        file, facts = seal.manifest.file(TIMELINE), seal.manifest.facts
        rows = len(file.rows.each()) if file is not None and file.rows is not None else before
        if facts.get("why") == FOUND and rows > before:
            span = f"row {rows}" if rows == before + 1 else f"rows {before + 1} to {rows}"
            found.notes.append(f"{EARLIER}/{number}.json: {span} unsealed until {facts.get('sealed_at')}: {_KILLED}")
        before = rows


def _check_chain(sealed: Read, previous: str | None, after: Path, found: Found) -> None:
    named = (sealed.manifest.facts.get("previous") or {}).get("sha256")
    if named != previous:
        found.altered.append(f"{MANIFEST}: does not follow {after}: what its key sealed before is {named or 'nothing'}")


def _check_stamp(run: Path, trusted: list[Certificate] | None, found: Found) -> None:
    """An authority's time stamp beside the manifest. Nobody is asked for one, so what is wrong with it counts for those
    who name certificates."""
    answer, sealed = run / ANSWER, run / MANIFEST
    if not answer.is_file() or not sealed.is_file():
        if trusted is not None:
            found.unproven.append(f"no {ANSWER}: not time-stamped")
        return
    try:
        stamp = read_stamp(answer.read_bytes(), sealed.read_bytes())
        wrong = "" if trusted is None else stamp.wrong_with_signature(trusted)
    except NoStamp as error:
        (found.notes if trusted is None else found.altered).append(f"{ANSWER}: {error}")
        return
    if wrong:
        found.altered.append(f"{ANSWER}: none of the certificates vouches for it ({wrong})")
    else:
        checked = "not checked: --stamp CERTIFICATES" if trusted is None else "its signature stands"
        found.notes.append(f"time-stamped {stamp}; {checked}")


def _digest_of(run: Path) -> str:
    try:
        return read_manifest(run / MANIFEST).sha256
    except NoManifest as error:
        raise InputError(f"{run / MANIFEST}: {error}; expected the manifest of a sealed run") from None


# -- verdicts derived again --------------------------------------------------------------------------------------------


def _derive(run: Path, results: Path, inputs: dict[str, Any] | None, as_of: AsOf | None, found: Found) -> None:
    """Derive the verdicts in ``results`` again, by the run's inputs or by ``inputs``, from what was there then."""
    name = (results / "verdicts.json").relative_to(run).as_posix()
    if not (results / "verdicts.json").is_file():
        found.notes.append(f"{name}: not there, nothing was judged")
        return
    try:
        stored = json.loads((results / "verdicts.json").read_text(encoding="utf-8"))
        VERDICTS.check(stored["format"], results / "verdicts.json")
        told = RunFolder(run).inputs() if inputs is None else upgraded(inputs, name)
        lines = derived_again(run, Plan.from_inputs(told), stored, as_of)
    except UnknownVersion as error:
        found.unknown.append(str(error))
        return
    except (InputError, BenchError, OSError, sqlite3.Error) as error:
        found.altered.append(f"{name}: cannot be derived again: {error}")
        return
    except Exception as error:  # whatever a damaged run makes a measurand do
        found.altered.append(f"{name}: cannot be derived again: {type(error).__name__}: {' '.join(str(error).split())}")
        return
    own = {**dict.fromkeys(identity().plain()), **stored.get("judged_by", {})} == identity().plain()
    if not lines:
        found.notes.append(f"{name}: {counted(len(stored['verdicts']), 'verdict')} derived again, all the same")
    elif own or found.altered:
        found.altered += [f"{name}: {line}" for line in lines]
    else:
        by = stored.get("judged_by", {})
        found.unproven += [
            f"{name}: {line} (judged by bench {by.get('version')} {str(by.get('commit'))[:12]})" for line in lines
        ]


def _judgements(run: Path) -> Iterator[Path]:
    """Later judgements, in their order."""
    if (run / JUDGED).is_dir():
        yield from sorted((run / JUDGED).iterdir(), key=by_number)


def _check_judgement(run: Path, folder: Path, asked: str | None, found: Found) -> None:
    name = folder.relative_to(run).as_posix()
    if not (folder / MANIFEST).is_file():
        words = f"{name}: not sealed; a later judgement, or added by somebody"
        (found.altered if (run / MANIFEST).is_file() else found.unproven).append(words)
        return
    sealed = _manifest(run, folder / MANIFEST, asked, found)
    if sealed is None:
        return
    changes = compare(folder, sealed.manifest)
    found.altered += [f"{Change(f'{name}/{change.place}', change.what)}" for change in changes]
    of, now = sealed.manifest.facts.get("run"), _digest(run)
    if of is None and now is not None:
        found.unproven.append(f"{name}: judged before the run was sealed")
    elif of not in (now, *_earlier_digests(run)):
        found.altered.append(f"{name}/{MANIFEST}: judged another state of the run than those that were sealed")


def _derive_judgement(run: Path, folder: Path, found: Found) -> None:
    """A judgement is derived from what the run held when it was made."""
    try:
        facts = read_manifest(folder / MANIFEST).manifest.facts
    except (NoManifest, InputError):
        return  # told already
    state = next((_as_of(seal.manifest) for seal in _seals(run) if seal.sha256 == facts.get("run")), None)
    _derive(run, folder, dict(facts.get("inputs", {})), state, found)


def _when_judged(run: Path) -> AsOf | None:
    """What the run held when its own verdicts were written: by the first seal that holds them as they are."""
    path = run / "verdicts.json"
    digest = sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    for seal in _seals(run):
        file = seal.manifest.file("verdicts.json")
        if file is not None and file.sha256 == digest:
            return _as_of(seal.manifest)
    return None


def _as_of(sealed: Manifest) -> AsOf | None:
    timeline, added = sealed.file(TIMELINE), sealed.file(REGISTER)
    if timeline is None or timeline.rows is None:
        return None
    return AsOf(len(timeline.rows.each()), 0 if added is None else len(added.parts.each()))


def _seals(run: Path) -> Iterator[Read]:
    """The manifests of a run that can be read, the earliest first."""
    for path in (*seals_kept(run), run / MANIFEST):
        with contextlib.suppress(NoManifest, InputError):
            yield read_manifest(path)


def _earlier_digests(run: Path) -> list[str]:
    return [sha256(path.read_bytes()).hexdigest() for path in seals_kept(run)]


def _digest(run: Path) -> str | None:
    if not (run / MANIFEST).is_file():
        return None
    try:
        return read_manifest(run / MANIFEST).sha256
    except NoManifest:
        return None
