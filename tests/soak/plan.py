"""A whole plan on a lab, in minutes of wall time (`tests.soak.skipping`), and whether its verdicts are right.

The lab's terminals do what the guideline asks unless a fault is seeded, so what each verdict must be is known: a right
terminal passes or is not decided, with the cause; a faulty one never passes the row that its fault breaks.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import attrs

from bench.plan.schema import DECLARATION
from bench.records import Outcome
from tests.soak.exporters import PLACE, Exporters, exported_lab
from tests.soak.skipping import Steps
from tests.soak.zygote import Forked, Zygote
from tests.twin.lab_process import TOPOLOGY, LabProcess, faulty_lab

PROFILE: Final[Mapping[str, Any]] = {
    "name": "soak",
    "purpose": "shows that nothing that a laboratory does makes a wrong verdict; supports no claim",
    "joins": 1,
    "round_trips": 2,
    "alarms": 1,
    "steady_days": 7,
    "outage_days": 8,
}
RIGHT: Final = frozenset(
    {Outcome.PASS, Outcome.CONDITIONAL_PASS, Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.NOT_APPLICABLE}
)
"""What a terminal that does all that is asked may get; of the two undecided ones the cause is looked at."""
UNDECIDED: Final = frozenset({Outcome.INCONCLUSIVE, Outcome.ERROR})
BREAKS: Final[Mapping[str, str]] = {
    "lose-hour": "values-hourly",
    "shift-hour": "values-hourly",
    "short-store": "storage-terminal",
}
"""Seeded faults, and the requirement that each one breaks."""
SHOWS: Final = frozenset({*BREAKS.values(), "storage-terminal", "store-type-server", "gap-filling"})
"""Rows in which an hour that is lost or shifted may show as well, by when it falls."""


@attrs.define
class Plan:
    """A run of the plan on a lab of its own, driven by one bench after another."""

    lab: LabProcess
    zygote: Zygote
    scratch: Path
    faults: Sequence[str] = ()
    quick: bool = True
    steps: Steps = attrs.field(init=False)
    bench: Forked | None = None
    exporters: Exporters | None = None
    """What the lab is reached through, where that is not its own ports."""

    def __attrs_post_init__(self) -> None:
        self.steps = Steps(self.scratch / "utc")
        self.disk.mkdir()
        self.profile.write_text(json.dumps(PROFILE), encoding="utf-8")

    @property
    def disk(self) -> Path:
        return self.scratch / "disk"

    @property
    def folder(self) -> Path:
        return self.disk / "run"

    @property
    def profile(self) -> Path:
        return self.scratch / "soak.yaml"

    @property
    def log(self) -> Path:
        return self.scratch / "run.log"

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def start(self, *more: str) -> Forked:
        """Begin the run, or go on with it where there is one."""
        asked: list[str | Path] = ["--out", self.folder, *more]
        if self.exporters is None:
            asked += ["--rig", self.lab.rig_file]
        else:
            asked += ["--rig", self.exporters.rig_file, "--place", PLACE]
        if not (self.folder / "run.yaml").exists():
            asked += ["--terminal", DECLARATION, "--profile", self.profile]
        self.bench = self.zygote.start(
            "run", *asked, log=self.log, quick=self.quick, world=self.lab.door, utc=str(self.scratch / "utc")
        )
        return self.bench

    def count(self, words: str) -> int:
        """Rows of the timeline whose data contain these words."""
        return self._rows("instr(data, ?)", words)

    def kinds(self, kind: str) -> int:
        """Rows of the timeline of this kind."""
        return self._rows("kind = ?", kind)

    def _rows(self, where: str, value: str) -> int:
        try:
            with closing(sqlite3.connect(f"file:{self.folder}/timeline.sqlite?mode=ro", uri=True)) as timeline:
                found = timeline.execute(f"SELECT COUNT(*) FROM observation WHERE {where}", (value,))
                return int(found.fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    def verdicts(self) -> list[dict[str, Any]]:
        """Those of the run folder; none where there are none yet."""
        path = self.folder / "verdicts.json"
        return list(json.loads(path.read_text("utf-8"))["verdicts"]) if path.exists() else []

    def wrong(self) -> list[str]:
        """Verdicts that are not right, a line each; a fault may show in another row than its own, never in none."""
        verdicts = self.verdicts()
        found = [line for verdict in verdicts if (line := self._wrong(verdict))]
        for fault in self.faults:
            subject, name = fault.split(":")[:2]
            own = {v["requirement"]: Outcome(v["outcome"]) for v in verdicts if v["subject"].startswith(subject)}
            if own.get(BREAKS[name]) is Outcome.PASS and not set(own.values()) - RIGHT:
                found.append(f"{fault}: {BREAKS[name]}: PASS, and no other row tells")
        return found

    def _wrong(self, verdict: Mapping[str, Any]) -> str:
        outcome, row, subject = Outcome(verdict["outcome"]), verdict["requirement"], verdict["subject"]
        faulty = any(subject.startswith(fault.split(":")[0]) for fault in self.faults)
        right = outcome in RIGHT or (faulty and row in SHOWS)
        return "" if right else f"{row} {subject}: {outcome}: {verdict['reason']}"

    def undecided(self) -> list[str]:
        """Verdicts without a decision, with the cause that is told."""
        return [
            f"{v['requirement']} {v['subject']}: {v['outcome']}: {v['reason']}"
            for v in self.verdicts()
            if Outcome(v["outcome"]) in UNDECIDED
        ]

    def close(self) -> None:
        """Bench and watchdog are gone."""
        if self.bench is not None:
            self.bench.kill()
        with contextlib.suppress(OSError, ValueError, KeyError):
            os.kill(int(json.loads((self.folder / "watchdog.json").read_text())["pid"]), signal.SIGKILL)


@contextlib.contextmanager
def planned(
    zygote: Zygote,
    scratch: Path,
    habits: Mapping[str, Any] | None = None,
    faults: Sequence[str] = (),
    hold_s: float = 2.0,
    quick: bool = True,
    topology: Path = TOPOLOGY,
    remote: bool = False,
) -> Iterator[Plan]:
    """A lab with these habits and faults, and a plan to be driven on it; ``remote``: by a labgrid place."""
    scratch.mkdir(parents=True, exist_ok=True)
    bad = scratch / "habits.yaml"
    bad.write_text(json.dumps({"ports": habits or {}}), encoding="utf-8")
    more = ["--ready", str(scratch / "ready.json")]
    more += [word for fault in faults for word in ("--fault", fault)]
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(
            faulty_lab(
                scratch,
                "--faulty",
                str(bad),
                *more,
                hold_s=hold_s,
                patience_s=60.0,
                answer_s=1.0 if quick else 2.0,
                topology=topology,
            )
        )
        exporters = stack.enter_context(exported_lab(lab, scratch)) if remote else None
        plan = Plan(lab, zygote, scratch, faults, quick, exporters=exporters)
        try:
            yield plan
        finally:
            plan.close()
