"""``python -m tests.mutation``: see the package."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Final

from bench.identity import identity
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.page import accepted, as_json, section, survivors
from tests.mutation.selection import TESTS, measured
from tests.mutation.trials import Tried, check_control, load, tried
from tests.places import ROOT

ROOMS: Final = ("bench/judge", "bench/measurands")
SAMPLE: Final = 300
SEED: Final = 1


def main() -> int:
    """0 where every mutant is killed or accepted, 1 where one is not."""
    asked = _asked()
    asked.out.mkdir(parents=True, exist_ok=True)
    every = [one for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) for one in _of(path)]
    every = [one for one in every if asked.of in one.path.as_posix()]
    picked = every if asked.all else _sample(every, asked.sample, asked.seed)
    print(f"{len(picked)} of {len(every)} mutants; which tests run which line ...", file=sys.stderr, flush=True)
    selection = measured(ROOMS, asked.out)
    for test in selection.failing:
        print(f"fails without any mutant, and is left out: {test}", file=sys.stderr, flush=True)
    load(TESTS)
    check_control(selection)
    found: list[Tried] = []
    began_s = time.monotonic()

    def say(one: Tried) -> None:
        spent_s = time.monotonic() - began_s
        at = f"{len(found) + 1:>4}/{len(picked)} {spent_s:5.0f} s"
        print(f"{at}  {one.fate}: {one.mutant.path}:{one.mutant.line} {one.mutant.what}", file=sys.stderr, flush=True)

    for one in tried(picked, selection, asked.jobs, say):
        found.append(one)
    reasons = accepted()
    text = section(found, len(every), _command(asked), str(identity()), reasons)
    (asked.out / "mutation").with_suffix(".md").write_text(text, encoding="utf-8")
    (asked.out / "mutation.json").write_text(json.dumps(as_json(found, len(every)), indent=1) + "\n", encoding="utf-8")
    print(text)
    return 1 if survivors(found, reasons) else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutants of judge and measurands.")
    parser.add_argument("--all", action="store_true", help="every mutant, no sample")
    parser.add_argument("--sample", type=int, default=SAMPLE, help=f"so many, spread over the modules ({SAMPLE})")
    parser.add_argument("--seed", type=int, default=SEED, help="which sample")
    parser.add_argument("--of", default="", metavar="TEXT", help="only modules whose path holds this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "mutation")
    return parser.parse_args()


def _of(path: Path) -> list[Mutant]:
    return mutants(path.relative_to(ROOT), ROOT)


def _sample(every: list[Mutant], size: int, seed: int) -> list[Mutant]:
    picked = set(random.Random(seed).sample(range(len(every)), min(size, len(every))))
    return [one for number, one in enumerate(every) if number in picked]


def _command(asked: argparse.Namespace) -> str:
    said = ["python -m tests.mutation", "--all" if asked.all else f"--sample {asked.sample} --seed {asked.seed}"]
    return " ".join(said + ([f"--of {asked.of}"] if asked.of else []))


if __name__ == "__main__":
    sys.exit(main())
