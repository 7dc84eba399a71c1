"""The manifest of a run: an in-toto statement about every file of its folder, in a DSSE envelope (docs/formats.md).

``subject`` names each file with its SHA-256, as any in-toto tool reads it; ``predicate`` adds what lets a change be
found: the parts of each file, the rows of the timeline, the inputs by value, what interrupted the run, which code drove
and sealed it, and the manifest that the same key signed before. ``root`` is the root of a hash tree over all of that.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bench.errors import InputError
from bench.evidence.seal.contents import File, Parts, Rows
from bench.evidence.seal.envelope import Envelope
from bench.evidence.seal.keys import fingerprint, public_of
from bench.evidence.seal.tree import canonical, leaf, root
from bench.formats import KEY, RUN_MANIFEST

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "urn:kenshin-bench:run-manifest:1"
_MOST: Final = 1 << 30


class Seals(StrEnum):
    """What a manifest is about."""

    RUN = "run"
    JUDGEMENT = "judgement"


class NoManifest(ValueError):
    """A manifest that is damaged, or that somebody else wrote; says why in a few words."""


@attrs.frozen(slots=True)
class Manifest:
    """What was sealed. ``facts`` are plain JSON (docs/formats.md), ``public_key`` is PEM, empty of an unsigned one."""

    seals: Seals
    files: tuple[File, ...]
    facts: Mapping[str, Any]
    public_key: str = ""
    version: int = RUN_MANIFEST.version

    def file(self, path: str) -> File | None:
        """What was sealed of one file."""
        return next((file for file in self.files if file.path == path), None)

    def statement(self) -> bytes:
        """As the payload of an envelope: canonical JSON."""
        told = self._told()
        return canonical(told)

    def _told(self) -> dict[str, Any]:
        predicate: dict[str, Any] = {
            KEY: self.version,
            "seals": str(self.seals),
            "facts": self.facts,
            "files": {file.path: _plain(file) for file in self.files},
            "public_key": self.public_key,
        }
        subject = [{"name": file.path, "digest": {"sha256": file.sha256}} for file in self.files]
        predicate["root"] = _root(subject, predicate)
        return {"_type": STATEMENT, "subject": subject, "predicateType": PREDICATE, "predicate": predicate}


@attrs.frozen(slots=True)
class Read:
    """A manifest as it was found: its octets' SHA-256, its envelope and what it says."""

    sha256: str
    envelope: Envelope
    manifest: Manifest

    @property
    def key(self) -> Ed25519PublicKey | None:
        """The key that signed, by the manifest's own word; None of an unsigned one."""
        return public_of(self.manifest.public_key, "manifest") if self.manifest.public_key else None

    def wrong_with_signature(self) -> str:
        """Why the signature does not stand; empty where it does, or where there is none and none is claimed."""
        signatures = self.envelope.signatures
        if not self.manifest.public_key:
            return "is signed by a key that it does not name" if signatures else ""
        if not signatures:
            return "its signature was taken away"
        try:
            key = public_of(self.manifest.public_key, "manifest")
        except InputError:
            return "names a public key that is none"
        if [key_id for key_id, _ in signatures] != [fingerprint(key)]:
            return "names another key than the one that it holds"
        return "" if self.envelope.is_signed_by(key) else "its signature is wrong"


def read_manifest(path: Path) -> Read:
    """The manifest at ``path``. NoManifest where it is none or was damaged, InputError where it cannot be read or is
    of an unknown version."""
    try:
        with path.open("rb") as file:
            octets = file.read(_MOST)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a manifest") from None
    try:
        envelope = Envelope.read(octets)
        told = json.loads(envelope.payload)
        if told["_type"] != STATEMENT or told["predicateType"] != PREDICATE:
            raise NoManifest("no manifest of a run")
        version = told["predicate"][KEY]
        if version in RUN_MANIFEST.reads or not isinstance(version, int):
            manifest = _manifest(told)
            if manifest.statement() != envelope.payload:
                raise NoManifest("its root does not follow from what it says")
    except NoManifest:
        raise
    except ValueError as error:
        known = error.args and str(error).startswith(("no ", "not ", "holds "))
        raise NoManifest(str(error) if known else "damaged") from None
    except (KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise NoManifest("damaged") from None
    RUN_MANIFEST.check(version, path)
    return Read(sha256(octets).hexdigest(), envelope, manifest)


def _root(subject: Sequence[Mapping[str, Any]], predicate: Mapping[str, Any]) -> str:
    """Over what the predicate says of the run, and each file with its digest and its parts, in order of their paths."""
    general = {key: value for key, value in predicate.items() if key not in ("files", "root")}
    leaves = [leaf(canonical(general))]
    for one in subject:
        leaves.append(leaf(canonical([one["name"], one["digest"]["sha256"], predicate["files"][one["name"]]])))
    return root(leaves).hex()


def _plain(file: File) -> dict[str, Any]:
    parts = file.parts
    said: dict[str, Any] = {"octets": file.octets, "of": parts.of, "root": parts.root, "tags": _text(parts.tags)}
    if parts.of == "frame":
        said["others"] = list(parts.others)
    if (rows := file.rows) is not None:
        said["rows"] = {
            "root": rows.root,
            "tags": _text(rows.tags),
            "columns": _text(rows.columns),
            "schema": list(rows.schema),
            "numbers": list(rows.numbers),
        }
        if rows.data:
            said["rows"] |= {"keys": list(rows.keys), "data": _text(rows.data)}
    return said


def _manifest(told: Mapping[str, Any]) -> Manifest:
    predicate = told["predicate"]
    files = tuple(
        _file(one["name"], one["digest"]["sha256"], predicate["files"][one["name"]]) for one in told["subject"]
    )
    seals, facts = Seals(predicate["seals"]), dict(predicate["facts"])
    return Manifest(seals, files, facts, str(predicate["public_key"]), predicate[KEY])


def _file(path: str, digest: str, said: Mapping[str, Any]) -> File:
    parts = Parts(said["of"], said["root"], _octets(said["tags"]), tuple(said.get("others", ())))
    rows = None
    if "rows" in said:
        told = said["rows"]
        tags, columns = _octets(told["tags"]), _octets(told["columns"])
        keys, data = tuple(told.get("keys", ())), _octets(told.get("data", ""))
        rows = Rows(told["root"], tags, columns, tuple(told["schema"]), tuple(told["numbers"]), keys, data)
    return File(path, said["octets"], digest, parts, rows)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
