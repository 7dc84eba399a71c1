"""Cases that tell a mutant from the right code: the corpus' questions with one or two things changed.

Each mutant is made in a fork. Asked there are cases of measurands that run its line, first those that told an earlier
mutant of the module apart. What raises in the right code is no case: no bench records it.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from tests.corpus.asked import SETUP, Impossible, answered
from tests.corpus.cases import Case, Change, Corpus, Written
from tests.mutation.live import NotLive, Unloadable, make_live
from tests.mutation.mutants import Mutant, mutated
from tests.mutation.selection import Selection
from tests.places import ROOT

TRIES: Final = 400
"""Cases that are made up for one module."""
MOST_ROWS: Final = 150
"""Of a timeline whose changes are tried: longer ones take long to ask."""
TEST: Final = "tests/corpus/test_corpus.py::test_the_answer_is_as_stored["
_MOVES_NS: Final = (
    -1,
    1,
    123_456_789,
    -1_000_000_000,
    1_000_000_000,
    60_000_000_000,
    -60_000_000_000,
    3_600_000_000_000,
)


@attrs.define(slots=True)
class Search:
    """``found``: cases with the right code's answer, by the module whose mutants they tell apart."""

    corpus: Corpus
    selection: Selection
    seed: int = 1
    found: dict[Path, list[Case]] = attrs.field(factory=dict)
    _made: dict[Path, list[tuple[str, Case]]] = attrs.field(factory=dict)
    """What was made up for a module, each with the case that it changes."""

    def killer(self, mutant: Mutant) -> Case | None:
        """A case by which the mutant is seen; it is added to ``found`` where it is new."""
        earlier = self.found.setdefault(mutant.path, [])
        if mutant.path not in self._made:
            self._made[mutant.path] = list(self._make_up(mutant.path))
        running = self._running(mutant)
        made = self._made[mutant.path]
        near = [case for base, case in made if base in running]
        candidates = [*earlier, *(near or [case for _, case in made])]
        place = first_telling(mutant, [partial(_tells, case, self.corpus.timelines) for case in candidates])
        if place is None:
            return None
        if place >= len(earlier):
            earlier.append(candidates[place])
        return candidates[place]

    def _make_up(self, module: Path) -> Iterator[tuple[str, Case]]:
        """Cases of all that run the module, with the right code's answers."""
        rng = random.Random(f"{self.seed} {module.as_posix()}")
        ids = _cases_of(test for tests in self.selection.by_line.get(module.as_posix(), {}).values() for test in tests)
        bases = [case for case in self.corpus.cases if case.id in ids and self._rows(case) <= MOST_ROWS]
        for _ in range(TRIES if bases else 0):
            base = rng.choice(bases)
            case = changed_by_chance(base, self.corpus.timelines[base.timeline], rng)
            try:
                if case is not None:
                    yield base.id, attrs.evolve(case, answer=answered(case, self.corpus.timelines[case.timeline]))
            except Exception:
                continue  # no bench records what the right code stumbles over

    def _rows(self, case: Case) -> int:
        return len(self.corpus.timelines[case.timeline].rows)

    def _running(self, mutant: Mutant) -> set[str]:
        return _cases_of(self.selection.of(mutant.path, mutant.line, mutant.function))


def _cases_of(tests: Iterable[str]) -> set[str]:
    return {test.removeprefix(TEST)[:-1] for test in tests if test.startswith(TEST)}


def changed_by_chance(base: Case, written: Written, rng: random.Random) -> Case | None:
    """With one or two changes more; None where chance gave one that cannot be."""
    made = [_change(base, written, rng) for _ in range(rng.choice((1, 1, 2)))]
    if None in made or any(change[1] in {old[1] for old in base.changes if old[1]} for change in made if change):
        return None
    statistic = rng.choice(("median", "p95", "minimum")) if rng.random() < 0.03 else base.statistic
    changes = (*base.changes, *(change for change in made if change is not None))
    return attrs.evolve(base, changes=changes, statistic=statistic, answer=None)


def _change(base: Case, written: Written, rng: random.Random) -> Change | None:
    row = rng.randint(1, len(written.rows))
    words = ("without", "without-all", "ends", "meets", "moved", "again", "adds", "says", "setup")
    word = rng.choices(words, (4, 3, 2, 5, 3, 2, 4, 6, 1))[0]
    if word == "setup":
        spoken = _spoken(base.setup, rng)
        return None if spoken is None else ("says", SETUP, *spoken)
    if word == "says":
        spoken = _spoken(json.loads(written.rows[row - 1][4]), rng)
        return None if spoken is None else ("says", row, *spoken)
    if word == "adds":
        return ("adds", row, *_trouble(base, written, row, rng))
    return (word, row, rng.choice(_MOVES_NS)) if word == "moved" else (word, row)


def _trouble(base: Case, written: Written, row: int, rng: random.Random) -> tuple[Any, ...]:
    """What goes wrong with a bench and its rig."""
    sources = sorted({other[1] for other in written.rows} - {"bench", "clock"})
    port, episode = rng.choice(sources or ["server"]), rng.choice(base.episodes)
    terminal = rng.choice([one["id"] for one in base.setup["terminals"]] or ["t1"])
    t_ns, name = written.rows[row - 1][0], {"name": episode}
    far = rng.choice((0, 1, 3_600_000_000_000))
    step = rng.choice(("attempt", "request", "step", "sweep", "raise", "cut", "read", "control"))
    odd = json.dumps({"kind": rng.choice(("upload", "alarm", "heartbeat")), "terminal": rng.choice((terminal, "t9"))})
    touched = rng.choice(((port,), (terminal,), (episode,), ()))
    return rng.choice(
        (
            ("bench", terminal, "episode.not_ready", {**name, "why": "not joined"}, episode),
            ("bench", terminal, "episode.left_out", {**name, "what": step, "why": "no means"}, episode),
            ("bench", episode, "episode.void", name, episode),
            ("bench", "bench", "bench.blind", {"from_ns": t_ns - far, "to_ns": t_ns}, ""),
            ("bench", port, "bench.lost_port", {"port": port, "reason": "gone"}, ""),
            ("bench", port, "bench.found_port", {"port": port}, ""),
            ("bench", port, "bench.noise", {"port": port, "octets": 7}, ""),
            ("bench", episode, "bench.error", {"what": "it broke", "touches": list(touched)}, ""),
            ("server", terminal, "server.odd", {"event": odd, "why": "unknown"}, ""),
        )
    )


def _spoken(data: Mapping[str, Any], rng: random.Random) -> tuple[Any, ...] | None:
    places = list(_places(data, []))
    if not places:
        return None
    path, value = rng.choice(places)
    other = _other(value, rng)
    return (path,) if other is None else (path, other)


def _places(value: Any, path: list[str | int]) -> Iterator[tuple[list[str | int], Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield [*path, key], item
        yield from _places(item, [*path, key])


def _other(value: Any, rng: random.Random) -> Any:
    """Another value, None: nothing at all."""
    if isinstance(value, bool):
        return rng.choice((not value, None))
    if isinstance(value, int):
        return rng.choice((value + 1, value - 1, 0, value + 60_000_000_000, None))
    if isinstance(value, float):
        return rng.choice((value + 1, value - 1, 0.0, None))
    if isinstance(value, str):
        return rng.choice(("?", "", None))
    return rng.choice((value[:-1], value[1:])) if isinstance(value, list) and value else None


def first_telling(mutant: Mutant, tells: Iterable[Callable[[], bool]]) -> int | None:
    """The place of the first question whose answer is another one under the mutant; asked in a fork."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = ""
        try:
            os.close(told)
            make_live(mutant, mutated(mutant, ROOT))
            said = next((str(place) for place, differs in enumerate(tells) if differs()), "")
        except (NotLive, Unloadable):
            pass
        finally:
            os.write(tell, said.encode())
            os._exit(0)
    os.close(tell)
    with open(told, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return int(said) if said else None


def _tells(case: Case, timelines: Mapping[str, Written]) -> bool:
    try:
        return bool(answered(case, timelines[case.timeline]) != case.answer)
    except Impossible:
        return False
    except Exception:
        return True
