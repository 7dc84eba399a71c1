"""Finds what a file of the repository cites, and whether it is there.

Two forms, and no other:

* ``design section 3, rule 5``: a numbered section of `docs/design.md`, and a numbered item in it;
* ``domain.md 5.4``: a numbered section of a page; the page is named by its path from the root, from the file that
  cites it, or by its bare name where it stands in one of `FOLDERS`. A page without a number is cited whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

DESIGN: Final = "docs/design.md"
FOLDERS: Final = ("docs", "docs/facts", "docs/guides")
"""Where a page may be cited by its bare name."""

_FOLDER: Final = r"(?:\.\.?/)*(?:(?:docs|facts|guides|tests|benchmarks)/(?:[\w-]+/)*)?"
_NUMBERS: Final = r"(?: \d+(?:\.\d+)*,?(?: and)?)*"
_PAGE: Final = re.compile(rf"(?<![\w/.:-])({_FOLDER}[a-z][a-z0-9.-]*\.md)\b({_NUMBERS})")
_DESIGN: Final = re.compile(r"\bdesign sections? (\d+)((?:,? (?:and |rules? )?\d+)*)", re.IGNORECASE)
_LINK: Final = re.compile(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)")
_BARE: Final = re.compile(r"\blab-practice\b(?!\.md)|\bfacts?: (?![a-z`]+\.md)(?=domain|devices|decode|labgrid)")
_HEADING: Final = re.compile(r"^#{1,6} +(.*)$", re.MULTILINE)


def wrong(path: Path, text: str, root: Path) -> Iterator[str]:
    """One line for each citation or link of ``text`` (the file at ``path``) that does not resolve."""
    words = _joined(text)
    where = path.relative_to(root)
    for match in _BARE.finditer(words):
        yield f"{where}: {match[0]!r} cites no page; write e.g. 'lab-practice.md 1'"
    for match in _PAGE.finditer(words):
        yield from (f"{where}: {match[0]!r}: {why}" for why in _wrong_page(match[1], match[2], path, root))
    for match in _DESIGN.finditer(words):
        yield from (f"{where}: {match[0]!r}: {why}" for why in _wrong_design(match[1], match[2], root))
    if path.suffix == ".md":
        for match in _LINK.finditer(_without_code(text)):
            yield from (f"{where}: link {match[0][1:]}: {why}" for why in _wrong_link(match[1], match[2], path, root))


def _joined(text: str) -> str:
    """The text on one line, marks of comments and line breaks taken out: a citation may be wrapped."""
    return re.sub(r"\s*\n[ \t]*(?:#:?|//|\*|>)?[ \t]*", " ", text)


def _without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def _wrong_page(name: str, numbers: str, path: Path, root: Path) -> Iterator[str]:
    page = next((found for found in _candidates(name, path, root) if found.is_file()), None)
    if page is None:
        yield f"no such page; expected one of the repository (bare names: in {' or '.join(FOLDERS)})"
        return
    for number in re.findall(r"\d+(?:\.\d+)*", numbers):
        if number not in sections(page):
            yield f"{page.relative_to(root)} has no section {number}"


def _candidates(name: str, path: Path, root: Path) -> Iterator[Path]:
    yield path.parent / name
    yield root / name
    if "/" not in name:
        yield from (root / folder / name for folder in FOLDERS)


def _wrong_design(section: str, rest: str, root: Path) -> Iterator[str]:
    page = root / DESIGN
    rules = re.search(r"rules? (\d+(?:(?:,| and) \d+)*)", rest)
    others = re.findall(r"\d+", rest[: rules.start()] if rules else rest)
    for number in (section, *others):
        if number not in sections(page):
            yield f"{DESIGN} has no section {number}"
    for rule in re.findall(r"\d+", rules[1]) if rules else ():
        if rule not in sections(page).get((others or [section])[-1], frozenset()):
            yield f"{DESIGN} {section} has no rule {rule}"


def _wrong_link(target: str, anchor: str | None, path: Path, root: Path) -> Iterator[str]:
    page = (path.parent / target).resolve() if target else path
    if not page.exists():
        yield "no such file"
    elif not page.is_relative_to(root):
        yield "leads out of the repository"
    elif anchor and page.suffix == ".md" and anchor not in _anchors(page):
        yield f"no heading #{anchor} there"


@cache
def sections(page: Path) -> dict[str, frozenset[str]]:
    """Numbers of a page's headings ("5.4 Join states" is 5.4), and of the list items below each."""
    found: dict[str, set[str]] = {}
    number = ""
    for line in page.read_text("utf-8").splitlines():
        if heading := re.match(r"#{1,6} +(\d+(?:\.\d+)*)\b", line):
            number = heading[1]
            found[number] = set()
        elif number and (item := re.match(r"(\d+)\. ", line)):
            found[number].add(item[1])
    return {number: frozenset(items) for number, items in found.items()}


@cache
def _anchors(page: Path) -> frozenset[str]:
    """Anchors of a page's headings, as forges make them."""
    return frozenset(
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(page.read_text("utf-8"))
    )
