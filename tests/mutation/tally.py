"""When each mutant was last tried, night after night: so that a share of them each night is all of them in the end.

A file beside the results: the night (a number that grows) by the mutant's key. A mutant whose line or function changed
has another key, and was never tried.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from tests.mutation.mutants import Mutant

NEVER: Final = -1


@attrs.frozen(slots=True)
class Tally:
    """``nights``: the last one of each mutant, by `names`."""

    nights: Mapping[str, int] = attrs.field(factory=dict)

    @classmethod
    def read(cls, path: Path) -> Tally:
        """An empty one where there is none, or none that can be read: then the cycle begins anew."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return cls({str(name): int(night) for name, night in told.items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.nights, indent=0, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")

    def next(self, every: Sequence[Mutant], night: int) -> list[Mutant]:
        """All, those first that were tried longest ago; among equals by chance, so that each night sees all modules."""
        found = list(_named(every))
        random.Random(night).shuffle(found)
        return [one for name, one in sorted(found, key=lambda pair: self.nights.get(pair[0], NEVER))]

    def tried(self, every: Sequence[Mutant], now: Iterable[Mutant], night: int) -> Tally:
        """With those that were tried in this night, and without what there is no more."""
        fresh = set(now)
        last = {name: night if one in fresh else self.nights.get(name, NEVER) for name, one in _named(every)}
        return Tally({name: night for name, night in last.items() if night != NEVER})

    def since(self, every: Sequence[Mutant], night: int) -> int:
        """How many have been tried in this night or later."""
        return sum(self.nights.get(name, NEVER) >= night for name in names(every))


def names(every: Iterable[Mutant]) -> list[str]:
    """One each: its key, and which of those that are alike."""
    seen: Counter[str] = Counter()
    found = []
    for one in every:
        seen[one.key] += 1
        found.append(f"{one.key} #{seen[one.key]}")
    return found


def _named(every: Sequence[Mutant]) -> Iterable[tuple[str, Mutant]]:
    return zip(names(every), every, strict=True)
