"""Every citation in code, tests, yaml and pages, and every relative link, leads to a place in this repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.citations import sections, wrong
from tests.places import ROOT

KINDS = {".py", ".yaml", ".yml", ".toml", ".md", ".sh", ".j2", ".css", ""}
"""Suffixes of files that people write; captures, tables and the lock file cite nothing."""


EXAMPLES = {Path(__file__), Path(__file__).with_name("citations.py")}
"""These two hold citations that must not resolve."""


def written_by_people() -> list[Path]:
    """Tracked files where there is a git to ask, else every file outside hidden folders, ``.venv`` and ``runs``."""
    asked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if asked.returncode == 0 and asked.stdout:
        names = [ROOT / name for name in asked.stdout.split("\0") if name]
    else:
        names = [path for path in ROOT.rglob("*") if not re.search(r"/(\.|runs/|build/)", f"/{path.relative_to(ROOT)}")]
    return sorted(path for path in names if path.suffix in KINDS and path.is_file() and path not in EXAMPLES)


def test_every_citation_and_link_resolves() -> None:
    files = written_by_people()
    assert len(files) > 300
    found = [line for path in files for line in wrong(path, path.read_text("utf-8"), ROOT)]
    assert not found, "\n".join(found)


def test_no_path_of_a_machine_and_none_beside_the_repository() -> None:
    """What the project needs stands in it: no absolute home, no sibling folder of the checkout."""
    outside = re.compile(r"(?<![\w.])(?:\.\./)+shared\b|(?<![\w.])/(?:work|home|Users)/\w")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in written_by_people()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if outside.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("see domain.md 99", "docs/facts/domain.md has no section 99"),
        ("see domain.md 5.4, devices.md 77.1", "docs/facts/devices.md has no section 77.1"),
        ("see dmain.md 5.4", "no such page"),
        ("(design section 3,\n    rule 99)", "docs/design.md 3 has no rule 99"),
        ("(design\n# section 33)", "docs/design.md has no section 33"),
        ("design sections 3 and 44", "docs/design.md has no section 44"),
        ("as in lab-practice", "cites no page"),
        ("see docs/facts/nothing.md", "no such page"),
    ],
)
def test_what_does_not_resolve_is_told(text: str, says: str) -> None:
    [line] = wrong(ROOT / "bench" / "errors.py", text, ROOT)
    assert says in line


@pytest.mark.parametrize(
    "text",
    [
        "domain.md 5.4 and devices.md 2.6",
        "design section 3, rule 5",
        "design sections 3 and 4; contract, design section 10",
        "docs/facts/labgrid.md 4.1",
        "another project's doc/commands.md or HIF.md",
    ],
)
def test_what_resolves_is_let_be(text: str) -> None:
    assert list(wrong(ROOT / "bench" / "errors.py", text, ROOT)) == []


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("[a](nowhere.md)", "no such file"),
        ("[a](design.md#13-nothing)", "no heading"),
        ("[a](../../..)", "leads out"),
    ],
)
def test_links_that_lead_nowhere_are_told(link: str, says: str) -> None:
    assert any(says in line for line in wrong(ROOT / "docs" / "decisions.md", link, ROOT))


def test_sections_and_rules_are_found() -> None:
    found = sections(ROOT / "docs" / "design.md")
    assert found["3"] == {str(number) for number in range(1, 10)}
    assert {"1", "10", "13"} <= set(found)
