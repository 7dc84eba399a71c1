"""``python -m tests.soak COMMAND``: see the package."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.soak import exporters, habits, kills, rows, ways
from tests.soak.plan import Plan


def main(arguments: Sequence[str]) -> int:
    """0 where all was as it must be, 1 where something was not."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=sys.modules["tests.soak"].__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    matrix = commands.add_parser("ways", help="every driver x a moment of a command x what may go wrong")
    matrix.add_argument("--jobs", type=int, default=4, metavar="N", help="so many labs and benches at once")
    matrix.add_argument("--only", default="", metavar="TEXT", help="cases whose name contains it, e.g. 'ac, in: SIG'")
    matrix.add_argument("--sample", type=int, metavar="N", help="so many of them")
    matrix.add_argument("--seed", type=int, default=1, metavar="N", help="which ones")
    matrix.set_defaults(run=_ways)
    bad = commands.add_parser("habits", help="the whole plan with thirty bad habits, at once and one by one")
    bad.add_argument("--at-once", action="store_true", help="only all together")
    bad.add_argument("--one-by-one", action="store_true", help="only each for itself")
    bad.add_argument("--only", default="", metavar="TEXT", help="those whose name contains it")
    bad.add_argument("--fault", action="append", default=[], metavar="TERMINAL:FAULT", help="seed one (lose-hour ...)")
    bad.add_argument("--jobs", type=int, default=2, metavar="N", help="so many labs and benches at once")
    bad.add_argument("--longest", type=float, default=habits.LONGEST_S, metavar="S", help="wall seconds for one plan")
    bad.add_argument("--keep", type=Path, metavar="FOLDER", help="keep run folders and logs here")
    bad.set_defaults(run=_habits)
    strikes = commands.add_parser("kills", help="kills, stops, filled disks and clock steps at random moments")
    strikes.add_argument("--kills", type=int, default=200, metavar="N", help="of bench, watchdog and lab")
    default = 20 if exporters.THERE else 0
    strikes.add_argument("--exporters", type=int, default=default, metavar="N", help="kills and stops of exporters")
    strikes.add_argument("--fills", type=int, default=20, metavar="N")
    strikes.add_argument("--steps", type=int, default=20, metavar="N")
    strikes.add_argument("--seed", type=int, default=1, metavar="N")
    strikes.add_argument("--jobs", type=int, default=3, metavar="N", help="so many labs and benches at once")
    strikes.add_argument("--keep", type=Path, metavar="FOLDER", help="keep run folders and logs here")
    strikes.set_defaults(run=_kills)
    each = commands.add_parser("rows", help="a kill after each kind of row that a bench writes, on the virtual rig")
    each.add_argument("requirements", nargs="+", metavar="REQUIREMENT")
    each.add_argument("--sample", type=int, metavar="N", help="so many kinds of rows")
    each.add_argument("--seed", type=int, default=1, metavar="N", help="which row of each kind, and which kinds")
    each.add_argument("--jobs", type=int, default=2, metavar="N", help="so many benches at once")
    each.add_argument("--keep", type=Path, metavar="FOLDER", help="keep run folders and logs here")
    each.set_defaults(run=_rows)
    options = parser.parse_args(arguments)
    return int(options.run(options))


def _ways(options: argparse.Namespace) -> int:
    cases = ways.CASES if options.sample is None else ways.sample(options.sample, options.seed)
    cases = [case for case in cases if options.only in ways.name_of(case)]

    def tell(case: ways.Case, wrong: str, seconds: float) -> None:
        print(f"{seconds:6.1f} s  {ways.name_of(case):<44} {wrong or 'ok'}", flush=True)

    found = ways.try_all(cases, options.jobs, tell)
    print(ways.table(found))
    wrong = sum(bool(text) for text in found.values())
    print(f"{len(found)} cases, {wrong} not as they must be")
    return 1 if wrong else 0


def _habits(options: argparse.Namespace) -> int:
    chosen = {name: bad for name, bad in habits.HABITS.items() if options.only in name}
    cases = {} if options.one_by_one else {"all at once": habits.together(list(chosen.values()))}
    if not options.at_once:
        cases |= {"none": habits.Bad({}, "nothing"), **chosen}

    def tell(name: str, wrong: str, plan: Plan, seconds: float) -> None:
        print(f"{seconds:6.0f} s  {name:<56} {wrong or 'ok'}", flush=True)
        for line in plan.undecided():
            print(f"          {line}", flush=True)

    found = habits.drive_all(cases, options.jobs, tell, options.keep, options.fault, options.longest)
    wrong = sum(bool(text) for text in found.values())
    print(f"{len(found)} plans, {wrong} not as they must be")
    return 1 if wrong else 0


def _kills(options: argparse.Namespace) -> int:
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    what = kills.wanted(options.kills, options.fills, options.steps, options.exporters)
    tally = kills.strike_all(what, options.seed, options.jobs, tell, options.keep)
    print(f"done: {dict(tally.done)}; verdicts of the runs that ended: {dict(tally.ended)}")
    print(f"safe at most {tally.slowest_s:.1f} s after hold_s; {len(tally.problems)} problems")
    for problem in tally.problems:
        print(f"  {problem}")
    return 1 if tally.problems else 0


def _rows(options: argparse.Namespace) -> int:
    def tell(moment: rows.Moment, wrong: list[str], undecided: list[str]) -> None:
        print(f"row {moment.row:5}  {moment.kind:<56} {'; '.join(wrong) or 'ok'}", flush=True)
        for text in undecided:
            print(f"           {text}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        runs = rows.Runs(folder, options.requirements)
        problems = rows.strike_all(runs, options.sample, options.seed, options.jobs, tell)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
