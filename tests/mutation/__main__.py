"""``python -m tests.mutation``: see the package."""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import time
from pathlib import Path
from typing import Final

import attrs

from bench.identity import identity
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.page import accepted, as_json, section, survivors
from tests.mutation.selection import TESTS, measured
from tests.mutation.tally import Tally
from tests.mutation.trials import Collected, Tried, check_control, spent_s, tried, with_collected
from tests.places import ROOT

ROOMS: Final = ("bench/judge", "bench/measurands")
SAMPLE: Final = 300
SEED: Final = 1


@attrs.frozen(slots=True)
class Progress:
    """How far it is, and whether it may go on. ``limit_s``: processor seconds, 0 where nobody set a limit."""

    mutants: int
    limit_s: float
    _began_s: float = attrs.field(factory=time.monotonic)
    _spent_s: float = attrs.field(factory=spent_s)

    @property
    def used_s(self) -> float:
        """Processor seconds since it began."""
        return spent_s() - self._spent_s

    def enough(self) -> bool:
        """Whether the limit is used up."""
        return bool(self.limit_s) and self.used_s >= self.limit_s

    def line(self, done: int) -> str:
        """Which one, wall seconds so far, and those that the rest will take at this pace."""
        wall_s = time.monotonic() - self._began_s
        share = max(done / self.mutants, self.used_s / self.limit_s if self.limit_s else 0.0)
        return f"{done:>4}/{self.mutants} {wall_s:5.0f} s, {wall_s / share - wall_s:5.0f} s left"


def main() -> int:
    """0 where every mutant is killed or accepted, 1 where one is not."""
    asked = _asked()
    asked.out.mkdir(parents=True, exist_ok=True)
    every = every_mutant(asked.of)
    tally, place = Tally.read(asked.out / "tally.json"), asked.out / "tally.json"
    picked = tally.next(every, asked.night) if asked.night else _picked(every, asked)
    print(f"{len(picked)} of {len(every)} mutants; which tests run which line ...", file=sys.stderr, flush=True)
    selection = measured(ROOMS, asked.out)
    for test in selection.failing:
        print(f"fails without any mutant, and is left out: {test}", file=sys.stderr, flush=True)
    found: list[Tried] = []
    progress = Progress(len(picked), asked.processor_s)

    def say(one: Tried) -> None:
        at = progress.line(len(found) + 1)
        print(f"{at}  {one.fate}: {one.mutant.path}:{one.mutant.line} {one.mutant.what}", file=sys.stderr, flush=True)

    def work(collected: Collected) -> None:
        check_control(selection, collected)
        for one in tried(picked, selection, collected, asked.jobs, say, progress.enough):
            found.append(one)

    with_collected(TESTS, work)
    cycle = ""
    if asked.night:
        tally = tally.tried(every, [one.mutant for one in found], asked.night)
        tally.write(place)
        cycle = _cycle(tally, every, len(found))
    reasons = accepted()
    text = section(found, len(every), _command(asked), str(identity()), reasons, cycle)
    (asked.out / "mutation").with_suffix(".md").write_text(text, encoding="utf-8")
    (asked.out / "mutation.json").write_text(json.dumps(as_json(found, len(every)), indent=1) + "\n", encoding="utf-8")
    print(text)
    return 1 if survivors(found, reasons) else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutants of judge and measurands.")
    parser.add_argument("--all", action="store_true", help="every mutant, no sample")
    parser.add_argument("--sample", type=int, default=SAMPLE, help=f"so many, spread over the modules ({SAMPLE})")
    parser.add_argument("--seed", type=int, default=SEED, help="which sample")
    parser.add_argument(
        "--night", type=int, default=0, metavar="N", help="those not tried for longest, by OUT/tally.json"
    )
    parser.add_argument("--processor-s", type=float, default=0.0, metavar="S", help="no more than this takes")
    parser.add_argument("--of", default="", metavar="TEXT", help="only modules whose path holds this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "mutation")
    return parser.parse_args()


def every_mutant(of: str = "") -> list[Mutant]:
    """Of the modules of these rooms whose path holds ``of``."""
    paths = (path.relative_to(ROOT) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))
    return [one for path in paths if of in path.as_posix() for one in mutants(path, ROOT)]


def _picked(every: list[Mutant], asked: argparse.Namespace) -> list[Mutant]:
    return every if asked.all else _sample(every, asked.sample, asked.seed)


def _cycle(tally: Tally, every: list[Mutant], now: int) -> str:
    """How far the cycle is, and how long one is at this pace."""
    nights = math.ceil(len(every) / max(1, now))
    ever, last = tally.since(every, 0), min(tally.nights.values(), default=0)
    done = f"all since night {last}" if ever == len(every) else f"{ever} since the tally began in night {last}"
    return f"A night tries those that were not tried for longest: {done}; at this pace all in {nights} nights."


def _sample(every: list[Mutant], size: int, seed: int) -> list[Mutant]:
    picked = set(random.Random(seed).sample(range(len(every)), min(size, len(every))))
    return [one for number, one in enumerate(every) if number in picked]


def _command(asked: argparse.Namespace) -> str:
    which = "--all" if asked.all else f"--sample {asked.sample} --seed {asked.seed}"
    said = ["python -m tests.mutation", f"--night {asked.night}" if asked.night else which]
    said += [f"--processor-s {asked.processor_s:g}"] if asked.processor_s else []
    return " ".join(said + ([f"--of {asked.of}"] if asked.of else []))


if __name__ == "__main__":
    sys.exit(main())
