"""A bench killed after each kind of row that it writes, on the virtual rig, and gone on with in time.

Kills at random moments (`tests.soak.kills`) seldom fall between a word and its act, or between an act and the note of
it: these are microseconds. Here a bench kills itself as soon as the row is on the disk. Where it goes on, each verdict
is that of a run that nobody killed, or open with a cause: no terminal and no server is blamed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from bench.records import Outcome
from tests.fixtures.run.test_interrupted import long_profile, rig_with, verdicts
from tests.places import ROOT

EACH_S: Final = 900.0
"""Patience with one bench."""
BENCH: Final = """
import json, os, signal, sys
from bench.cli.__main__ import main
from bench.evidence.timeline import Recorder

record, count, at = Recorder.observe, 0, int(os.environ.get("AT_ROW", "0"))

def observe(self, observation):
    global count
    done, count = record(self, observation), count + 1
    if told := os.environ.get("TELL_ROWS"):
        with open(told, "a", encoding="utf-8") as rows:
            said = [count, done.source, done.kind, done.episode, dict(done.data)]
            rows.write(json.dumps(said) + chr(10))
    if count == at:
        self.commit(force=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return done

Recorder.observe = observe
main()
"""
"""``kenshin``, which tells each row as it is recorded, or dies after one of them."""

TELLING: Final = ("name", "scope", "phase", "do")
"""What tells rows of one kind apart, of those that the bench itself writes."""

Verdicts: TypeAlias = Mapping[tuple[str, str], str]


@attrs.frozen(slots=True)
class Moment:
    """The ``row`` after which the bench dies, and what kind of row it is, in words."""

    row: int
    kind: str


@attrs.frozen(slots=True)
class Runs:
    """Runs of some requirements in ``scratch``, of two terminals, with one trial of each kind."""

    scratch: Path
    requirements: Sequence[str]

    def moments(self, sample: int | None, seed: int) -> tuple[list[Moment], Verdicts]:
        """One row of each kind that a run has, at random (``sample``: so many of them), and its verdicts."""
        rig_with(self.scratch, "hold_s: 120 ", "hold_s: 1200 ")  # nobody is late
        long_profile(self.scratch)
        whole, told = self.scratch / "whole", self.scratch / "rows.jsonl"
        self._kenshin(whole, "--profile", self._profile, TELL_ROWS=str(told))
        rng, kinds = random.Random(seed), dict[str, list[int]]()
        for row, source, kind, episode, data in map(json.loads, told.read_text("utf-8").splitlines()):
            if episode:
                more = (
                    [data.get(key, "") for key in ("name", "scope", "phase", "do")] if source == "bench" else [source]
                )
                kinds.setdefault(" ".join(filter(None, [f"{episode}:", kind, *map(str, more)])), []).append(row)
        found = [Moment(rng.choice(rows), kind) for kind, rows in kinds.items()]
        rng.shuffle(found)
        return found[:sample], verdicts(whole)

    def strike(self, expected: Verdicts, moment: Moment) -> tuple[list[str], list[str]]:
        """What is wrong after a kill at this moment, and what is open."""
        run = self.scratch / str(moment.row)
        self._kenshin(run, "--profile", self._profile, AT_ROW=str(moment.row))
        said = self._kenshin(run)
        with suppress(OSError, ValueError, KeyError):  # a twin whose bench could not go on
            os.kill(json.loads((run / ".twin" / "ready.json").read_text())["pid"], signal.SIGKILL)
        try:
            found = verdicts(run)
        except OSError:
            return [f"no verdicts: {said.splitlines()[-1:]}"], []
        differ = {key: found.get(key) for key, outcome in expected.items() if found.get(key) != outcome}
        told = {key: f"{' '.join(key)}: {outcome}" for key, outcome in differ.items()}
        wrong = [told[key] for key, outcome in differ.items() if outcome != Outcome.INCONCLUSIVE]
        if not wrong:
            shutil.rmtree(run)
        return wrong, [text for text in told.values() if text not in wrong]

    @property
    def _rig(self) -> Path:
        return self.scratch / "rig.yaml"

    @property
    def _profile(self) -> Path:
        return self.scratch / "profile.yaml"

    def _kenshin(self, run: Path, *options: str | Path, **told: str) -> str:
        asked = [f"--requirement={name}" for name in self.requirements]
        command = [
            sys.executable,
            "-c",
            BENCH,
            "run",
            "--out",
            run,
            "--rig",
            self._rig,
            *options,
            *asked,
            "--no-report",
        ]
        log = self.scratch / f"{run.name}.log"  # a pipe would stay open with the twin
        with log.open("a") as said:
            subprocess.run(
                command, cwd=ROOT, env={**os.environ, "KENSHIN_KEY": "", **told}, stdout=said, stderr=said,
                timeout=EACH_S, check=False,
            )  # fmt: skip
        return log.read_text("utf-8")


def strike_all(
    runs: Runs, sample: int | None, seed: int, jobs: int, tell: Callable[[Moment, list[str], list[str]], None]
) -> list[str]:
    """Every moment in turn; what was wrong."""
    moments, expected = runs.moments(sample, seed)
    problems: list[str] = []
    with ThreadPoolExecutor(jobs) as team:
        for moment, (wrong, undecided) in zip(moments, team.map(partial(runs.strike, expected), moments), strict=True):
            tell(moment, wrong, undecided)
            problems += [f"killed after {moment.kind} (row {moment.row}): {text}" for text in wrong]
    return problems
