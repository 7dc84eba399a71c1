"""What a mutation run found: a section of docs/qualification.md, the same for machines; and what was accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.yamlfile import load_source
from tests.mutation.trials import Fate, Tried

ACCEPTED: Final = Path(__file__).with_name("accepted.yaml")
GOOD: Final = (Fate.KILLED, Fate.ENDLESS)
LIVED: Final = (Fate.SURVIVED, Fate.NO_TEST)


def accepted() -> dict[str, str]:
    """Reasons by the mutant's key: why no test can tell it from the right code."""
    data = load_source(ACCEPTED).data or {}
    return {str(key): str(why) for key, why in data.items()}


def survivors(found: Sequence[Tried], reasons: Mapping[str, str]) -> list[Tried]:
    """Those that nobody explained."""
    bad = [one for one in found if one.fate in LIVED and one.mutant.key not in reasons]
    return sorted(bad, key=lambda one: (one.mutant.path, one.mutant.line, one.mutant.number))


def section(
    found: Sequence[Tried], total: int, command: str, code: str, reasons: Mapping[str, str], cycle: str = ""
) -> str:
    """The section: what survived on top, then the score by module, then what was accepted. ``cycle``: what the nights
    have tried so far."""
    lines = ["## Mutants of judge and measurands", "", f"Made by `{command}`, by {code}; nothing is written by hand."]
    lines += [
        f"{len(found)} of {total} small changes of the code were tried, each by itself, on the tests that run the"
    ]
    lines += ["changed line. One that no test notices is a hole in the tests.", *([cycle] if cycle else []), ""]
    bad = survivors(found, reasons)
    lines += [*_listed("Survived:", bad), *_modules(found, reasons)]
    known = [one for one in found if one.fate not in GOOD and one.mutant.key in reasons]
    lines += [*_listed("Accepted, because nobody could tell:", known, reasons)]
    unmade = sum(one.fate is Fate.NOT_MADE for one in found)
    lines += [f"{unmade} could not be made in code that is loaded (defaults, class bodies).", ""] if unmade else []
    return "\n".join(lines).rstrip("\n") + "\n"


def _listed(title: str, tried: Sequence[Tried], reasons: Mapping[str, str] | None = None) -> Iterable[str]:
    if not tried:
        return
    yield from (title, "")
    for one in tried:
        why = f" -- {reasons[one.mutant.key]}" if reasons else ""
        at = f"{one.mutant.path.as_posix()}:{one.mutant.line}"
        yield f"* `{at}` {one.mutant.what}: `{one.mutant.source.replace('`', '')}` ({one.fate}){why}"
    yield ""


def _modules(found: Sequence[Tried], reasons: Mapping[str, str]) -> Iterable[str]:
    yield from ("| module | tried | killed | accepted | survived |", "|---|---|---|---|---|")
    rows: dict[str, Counter[str]] = {}
    for one in found:
        row = rows.setdefault(one.mutant.path.as_posix(), Counter())
        if one.fate is Fate.NOT_MADE:
            continue
        word = "killed" if one.fate in GOOD else "accepted" if one.mutant.key in reasons else "survived"
        row.update(["tried", word])
    for name, row in sorted(rows.items()):
        yield f"| `{name}` | {row['tried']} | {row['killed']} | {row['accepted']} | {row['survived']} |"
    yield ""


def as_json(found: Sequence[Tried], total: int) -> dict[str, Any]:
    """The same for machines."""
    return {
        "mutants": total,
        "tried": [
            {
                "path": one.mutant.path.as_posix(),
                "line": one.mutant.line,
                "key": one.mutant.key,
                "fate": str(one.fate),
                "lived": one.fate in LIVED,
                "tests": one.tests,
                "by": one.by,
            }
            for one in found
        ],
    }
