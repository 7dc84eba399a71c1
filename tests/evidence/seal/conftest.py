"""One sealed run a session, copied for each test that alters it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.evidence.seal.keys import SigningKey
from tests.evidence.seal.sealed_run import make_key, make_sealed


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return make_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    """Not to be altered."""
    return make_sealed(tmp_path_factory.mktemp("sealed") / "run", key)


@pytest.fixture
def sealed(original: Path, tmp_path: Path) -> Path:
    """A copy to be altered."""
    return shutil.copytree(original, tmp_path / "run")
