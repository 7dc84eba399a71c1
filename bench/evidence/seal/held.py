"""A run folder held against its last seal, by whoever is about to judge it, to add to it or to go on with it.

`kenshin verify` asks for more: who signed, all earlier stops, later judgements, time stamps. Here one question counts:
is the evidence still what was sealed? Of a run that went on and was not sealed again (its bench was killed) the last
stop is what it must begin with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.errors import InputError
from bench.evidence.seal.compare import Change, begun_by, compare
from bench.evidence.seal.contents import EARLIER, MANIFEST
from bench.evidence.seal.manifest import NoManifest, Seals, read_manifest

_MOST: Final = 3
"""Differences that are told in one line; `kenshin verify` tells all."""


def altered(run: Path) -> list[Change]:
    """What a run holds otherwise than its last seal says; none of a run that was never sealed.

    InputError where the folder or its manifest cannot be read, or the manifest is of an unknown version.
    """
    if (run / MANIFEST).is_file():
        return _since(run, run / MANIFEST, stopped=False)
    kept = seals_kept(run)
    return _since(run, kept[-1], stopped=True) if kept else []


def _since(run: Path, path: Path, *, stopped: bool) -> list[Change]:
    """Against one manifest; ``stopped``: of a stop after which the run went on."""
    name = path.relative_to(run).as_posix()
    try:
        sealed = read_manifest(path)
    except NoManifest as error:
        return [Change(name, str(error))]
    if sealed.manifest.seals is not Seals.RUN:
        return [Change(name, f"seals a {sealed.manifest.seals}, not a run")]
    wrong = sealed.wrong_with_signature()
    found = begun_by(run, sealed.manifest, name) if stopped else compare(run, sealed.manifest)
    return [*([Change(name, wrong)] if wrong else []), *found]


def seals_kept(run: Path) -> list[Path]:
    """The manifests of a run's earlier stops, the first one first."""
    return sorted((run / EARLIER).glob("*.json"), key=by_number)


def by_number(path: Path) -> tuple[int, str]:
    """Sorts what is numbered by its name: 2 before 10."""
    return len(path.name), path.name


def in_a_line(found: list[Change]) -> str:
    """Differences in one line, the first few by their places."""
    more = f"; {len(found) - _MOST} more (kenshin verify tells all)" if len(found) > _MOST else ""
    return f"altered since it was sealed: {'; '.join(map(str, found[:_MOST]))}{more}"


def word_of_seal(run: Path) -> str:
    """What whoever judges a run has to say of its seal, in one line; empty where nothing is wrong, or it has none."""
    try:
        found = altered(run)
    except (InputError, OSError) as error:
        return f"not held against its seal: {error}"
    return in_a_line(found) if found else ""
