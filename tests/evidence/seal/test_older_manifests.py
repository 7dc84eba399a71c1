"""Manifests of version 1, which knew a row's columns but not the keys of its ``data``, are verified by both verifiers.

No run that was sealed so is left: the first release wrote version 2 already. So one is made from a sealed run, by
leaving out what version 2 added.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import attrs
import pytest

from bench.cli.verify import integrity
from bench.evidence.seal.contents import EARLIER, MANIFEST, File, read_file
from bench.evidence.seal.envelope import Envelope
from bench.evidence.seal.keys import SigningKey, public_place
from bench.evidence.seal.manifest import read_manifest
from tests.evidence.seal.alterations import sql
from tests.evidence.seal.sealed_run import second_opinion


@pytest.fixture
def old(sealed: Path, key: SigningKey) -> Path:
    """The sealed run as version 1 would have sealed it, before anybody judged it again."""
    shutil.rmtree(sealed / "judged")
    for place in (*sorted((sealed / EARLIER).glob("*.json")), sealed / MANIFEST):
        manifest = read_manifest(place).manifest
        files = tuple(_as_then(sealed, file) for file in manifest.files)
        told = attrs.evolve(manifest, files=files, version=1).statement()
        place.write_bytes(Envelope.signed(told, key.secret, key.id).octets())
    return sealed


def _as_then(run: Path, file: File) -> File:
    if file.path.startswith(EARLIER):
        return read_file(run, file.path)
    return file if file.rows is None else attrs.evolve(file, rows=attrs.evolve(file.rows, keys=(), data=b""))


def test_one_of_version_1_stands(old: Path, key: SigningKey) -> None:
    found = integrity(old, public_place(key.path))
    assert found.altered == []
    assert second_opinion(old, key)[0] == 0


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("UPDATE observation SET t_ns=t_ns-1 WHERE row=9", r"timeline\.sqlite row 9: changed \(t_ns\)"),
        ("""UPDATE observation SET data='{"on":1}' WHERE row=9""", r"timeline\.sqlite row 9: changed \(data\)"),
        ("DELETE FROM observation WHERE row=9", r"timeline\.sqlite row 9"),
    ],
)
def test_a_change_is_located_to_the_column(old: Path, key: SigningKey, change: str, place: str) -> None:
    sql(change)(old)
    found = integrity(old, public_place(key.path))
    assert any(re.search(place, line) for line in found.altered), found.altered
    code, said = second_opinion(old, key)
    assert code == 1
    assert re.search(f"ALTERED: .*{place}", said), said
