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
from tests.corpus.shown import differences


def main() -> int:
    """0 where what is stored is what the code says today, 1 where it is not (and was not taken)."""
    asked = _asked()
    stored = read()
    corpus = _gathered(stored) if asked.gather else stored
    if asked.search is not None:
        corpus = Corpus(corpus.timelines, (*corpus.cases, *_searched(corpus, asked.search, asked.of, asked.seed)))
    today = attrs.evolve(corpus, cases=tuple(distinct(_answered(corpus))))
    before, figures = read_figures(), {one.id: one.figures() for one in all_measured()}
    changed = [*_changes(stored, today), *differences(before, figures)]
    print("\n".join([*changed, f"{len(today.cases) + len(figures)} cases, {len(changed)} lines of differences"]))
    if asked.write:
        write(today.used())
        write_figures(figures)
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


def _searched(corpus: Corpus, out: Path, of: str, seed: int) -> list[Case]:
    from tests.corpus.searched import Search
    from tests.mutation.__main__ import ROOMS, every_mutant
    from tests.mutation.selection import measured

    lived = {one["key"] for one in json.loads((out / "mutation.json").read_text("utf-8"))["tried"] if one["lived"]}
    search = Search(corpus, measured(ROOMS, out), seed)
    for mutant in every_mutant(of):
        if mutant.key in lived:
            found = search.killer(mutant)
            print(f"{mutant.key}: {found.id if found else 'not seen'}", file=sys.stderr, flush=True)
    return [case for cases in search.found.values() for case in cases]


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
