"""docs/licence.md has a row for every direct dependency, and does not name a licence that its metadata contradicts."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata

import pytest

from tests.places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DIRECT = [
    re.split(r"[\[><=!~; ]", requirement)[0]
    for requirement in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
]


def told(name: str) -> str:
    """What a package's metadata says of its licence."""
    about = metadata(name)
    said = [*(about.get_all("License-Expression") or ()), *(about.get_all("Classifier") or ())]
    return "; ".join(line for line in said if "License" in line or "::" not in line)


COPYLEFT = {"scapy": "GPL-2.0-only", "labgrid": "LGPL-2.1-or-later"}


def rows() -> dict[str, str]:
    """Dependency -> what the page says its licence is."""
    found = {}
    for line in (ROOT / "docs" / "licence.md").read_text("utf-8").splitlines():
        if line.startswith("| ") and line.count("|") == 4:
            names, licence, _ = (cell.strip() for cell in line.strip("|").split("|"))
            found.update(dict.fromkeys(names.split(", "), licence.replace("*", "")))
    return found


@pytest.mark.parametrize("name", DIRECT)
def test_every_direct_dependency_has_a_row(name: str) -> None:
    assert name in rows(), f"add a row for {name} to docs/licence.md: {told(name)}"


@pytest.mark.parametrize(("name", "licence"), COPYLEFT.items())
def test_the_licences_that_narrow_the_choice_are_told(name: str, licence: str) -> None:
    assert rows()[name] == licence
    assert "GPL" in told(name), f"{name} has changed its licence: read docs/licence.md again"


def test_no_other_dependency_is_under_a_gpl() -> None:
    under = {name for name in DIRECT if re.search(r"\bA?L?GPL|General Public", told(name))}
    assert under == set(COPYLEFT)
