"""``python -m tests.corpus``: see the package."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from tests.corpus.asked import answered
from tests.corpus.cases import Case, Corpus, distinct, read, text, write
from tests.corpus.figures import all_measured, read_figures, write_figures
from tests.corpus.parts import Part, read_parts, write_parts
from tests.corpus.shown import differences
from tests.mutation.mutants import Mutant


def main() -> int:
    """0 where what is stored is what the code says today, 1 where it is not (and was not taken)."""
    asked = _asked()
    stored = read()
    corpus = _gathered(stored) if asked.gather else stored
    kept = read_parts()
    parts = [one.part for one in kept]
    if asked.search is not None:
        lived = _lived(asked.search, asked.of)
        corpus = Corpus(corpus.timelines, (*corpus.cases, *_searched(corpus, asked.search, lived, asked.seed)))
        parts += _sought(lived, asked.seed)
    today = attrs.evolve(corpus, cases=tuple(distinct(_answered(corpus))))
    before, figures = read_figures(), {one.id: one.figures() for one in all_measured()}
    said = {one.part.id: one.figures for one in kept}, {part.id: part.figures() for part in parts}
    changed = [*_changes(stored, today), *differences(before, figures), *differences(*said)]
    count = len(today.cases) + len(figures) + len(parts)
    print("\n".join([*changed, f"{count} cases, {len(changed)} lines of differences"]))
    if asked.write:
        write(today.used())
        write_figures(figures)
        write_parts(parts)
    return 1 if changed and not asked.write else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description="Timelines and what is said of them.")
    parser.add_argument("--write", action="store_true", help="take what the code says today")
    parser.add_argument("--gather", action="store_true", help="take the timelines that the tests write today")
    parser.add_argument("--search", type=Path, metavar="OUT", help="cases for what lived in OUT of tests.mutation")
    parser.add_argument("--of", default="", metavar="TEXT", help="search for modules whose path holds this")
    parser.add_argument("--seed", type=int, default=1, help="which changes are tried")
    return parser.parse_args()


def _gathered(stored: Corpus) -> Corpus:
    """The timelines of today; with the changes of old where the timeline is still the same, by whatever name."""
    from tests.corpus.gathered import first_editions, gathered

    fresh = gathered()
    names = {text(one): name for name, one in fresh.timelines.items()}
    now = {name: names[said] for name, one in stored.timelines.items() if (said := text(one)) in names}
    changed = [case for case in stored.cases if case.changes]
    kept = [attrs.evolve(case, timeline=now[case.timeline]) for case in changed if case.timeline in now]
    print(f"{len(changed) - len(kept)} cases were changes of timelines that are no more", file=sys.stderr)
    cases = [*fresh.cases, *kept]
    return Corpus(fresh.timelines, tuple(distinct([*cases, *first_editions(cases)])))


def _lived(out: Path, of: str) -> list[Mutant]:
    from tests.mutation.__main__ import every_mutant

    lived = {one["key"] for one in json.loads((out / "mutation.json").read_text("utf-8"))["tried"] if one["lived"]}
    return [mutant for mutant in every_mutant(of) if mutant.key in lived]


def _searched(corpus: Corpus, out: Path, lived: Iterable[Mutant], seed: int) -> list[Case]:
    """Cases of timelines, for mutants of what judges."""
    from tests.corpus.searched import Search
    from tests.mutation.__main__ import ROOMS
    from tests.mutation.selection import measured

    search = Search(corpus, measured(ROOMS, out), seed)
    for mutant in lived:
        if not _is_of_air(mutant):
            found = search.killer(mutant)
            print(f"{mutant.key}: {found.id if found else 'not seen'}", file=sys.stderr, flush=True)
    return [case for cases in search.found.values() for case in cases]


def _sought(lived: Iterable[Mutant], seed: int) -> list[Part]:
    """Parts of captures, for mutants of what is told from the air alone."""
    from tests.corpus.drawn import sought

    found: dict[str, Part] = {}
    for mutant, part in sought(filter(_is_of_air, lived), seed):
        print(f"{mutant.key}: {part.id if part else 'not seen'}", file=sys.stderr, flush=True)
        found |= {part.id: part} if part else {}
    return list(found.values())


def _is_of_air(mutant: Mutant) -> bool:
    return mutant.path.is_relative_to("bench/measurands/air")


def _answered(corpus: Corpus) -> Iterator[Case]:
    for case in corpus.cases:
        yield attrs.evolve(case, answer=answered(case, corpus.timelines[case.timeline]))


def _changes(stored: Corpus, today: Corpus) -> Iterable[str]:
    """What a reviewer looks at, case by case."""
    old, new = ({case.id: case for case in corpus.cases} for corpus in (stored, today))
    for name in sorted({*old, *new}):
        if name not in new:
            yield f"{name}: is no more"
        elif name not in old:
            yield f"{name}: is new: {_words(new[name])}"
        else:
            yield from (f"{name}: {line}" for line in differences(old[name].answer, new[name].answer))


def _words(case: Case) -> str:
    """What is said in few words, a measurement after the other."""
    return "; ".join(f"{one['subject']}: {one.get('gate') or one.get('value')} {one['unit']}" for one in case.answer)


if __name__ == "__main__":
    sys.exit(main())
