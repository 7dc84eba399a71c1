"""Kills and stops of bench, watchdog, lab and exporters, filled disks, clock steps, at random moments of resumed runs.

    python -m tests.soak kills [--kills 200] [--exporters 20] [--fills 20] [--steps 20] [--seed N] [--keep FOLDER]

A plan is driven on a faulty lab (`tests.soak.plan`). At a random moment something happens to it; then

* where no bench lives, the outputs are safe within the rig's ``hold_s``, and stay so; where one ends, they are safe;
* every row that was on disk is still there, octet for octet;
* ``kenshin run --out`` goes on with the run, from the command line, until it ends or is struck again;
* no verdict is wrong: a right terminal fails nothing, a faulty one does not pass what its fault breaks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from bench.cli.ending import INTERRUPTED
from bench.records import NS_PER_S
from tests.soak.plan import Plan, planned
from tests.soak.zygote import Zygote
from tests.twin.lab_process import faulty_lab, until

MARGIN_S: Final = 40.0
"""Real seconds beyond ``hold_s``: tries of a slow instrument, and a busy host."""
MOST: Final = 20
"""Strikes on one run; then it is left alone until it ends."""
MOST_REMOTE: Final = 6
"""The same where exporters are struck, each of which costs a bench a minute."""
ENDS_S: Final = 600.0
DISK: Final = "size=96m"
HABITS: Final = {
    "supply.*": {"close_idle_s": 4.0, "old_errors": 2},
    "server": {"close_every_s": 9.0},
    "meter.*": {"late_s": 0.3, "late_every": 7},
}
"""What is odd of the lab all the time."""
FAULTS: Final = ((), (), ("t3:short-store",), ("t1:short-store",))
"""What is wrong in every outage: a fault that strikes once may strike in what is void, and blames nobody then."""


class Unlike(Exception):
    """Something was not as it must be; one line."""


@attrs.define
class Rows:
    """Rows of a timeline as they were on disk at one time."""

    number: int
    digest: str

    @classmethod
    def of(cls, folder: Path, number: int | None = None) -> Rows:
        """The first ``number`` rows, or all there are now."""
        try:
            with closing(sqlite3.connect(f"file:{folder}/timeline.sqlite?mode=ro", uri=True)) as timeline:
                limit = -1 if number is None else number
                rows = timeline.execute("SELECT * FROM observation ORDER BY row LIMIT ?", (limit,)).fetchall()
        except sqlite3.OperationalError:  # not there yet
            rows = []
        return cls(len(rows), hashlib.blake2b(repr(rows).encode()).hexdigest())


@attrs.define
class Tally:
    """What was done and found, by all workers together."""

    wanted: Counter[str]
    done: Counter[str] = attrs.field(factory=Counter)
    problems: list[str] = attrs.field(factory=list)
    ended: Counter[str] = attrs.field(factory=Counter)
    slowest_s: float = 0.0
    """Longest time from the end of ``hold_s`` until all outputs were safe."""
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    def wants(self, kinds: Collection[str]) -> bool:
        """Whether one of these kinds is still wanted."""
        with self.lock:
            return any(self.wanted[kind] > self.done[kind] for kind in kinds)

    def take(self, rng: random.Random, kinds: Collection[str]) -> str | None:
        """A kind of strike that is still wanted, of these."""
        with self.lock:
            left = sorted(kind for kind in (self.wanted - self.done).elements() if kind in kinds)
            if not left:
                return None
            kind = rng.choice(left)
            self.done[kind] += 1
            return kind


@attrs.define
class Campaign:
    """One run, struck again and again."""

    plan: Plan
    rng: random.Random
    tally: Tally
    hold_s: float
    tell: Callable[[str], None]
    struck: int = 0
    begun: int = 0
    """Times that it had to be started again because it did not begin."""
    over: bool = False
    rows: Rows = attrs.field(factory=lambda: Rows(0, ""))

    def run(self) -> None:
        """Drive, strike, look, go on, until the run ends or no more strikes are wanted. Raises :class:`Unlike`."""
        self.plan.start()
        while not self.over:
            kind = self.tally.take(self.rng, self.kinds) if self.struck < self.most else None
            if kind is None and self.struck < self.most:
                return  # all were done
            if self._ended_within(self._next_s() if kind is not None else ENDS_S):
                if kind is not None:
                    with self.tally.lock:
                        self.tally.done[kind] -= 1  # it came too late
                if self._did_not_begin():
                    self.go_on()
                    continue
                self._ended()
                return
            if kind is None:
                raise Unlike(f"did not end within {ENDS_S:g} s")
            self.struck += 1
            self.rows = Rows.of(self.plan.folder)
            self.tell(f"{kind} at row {self.rows.number}")
            STRIKES[kind](self)
            self._look()

    def _next_s(self) -> float:
        """Seconds to the next strike. A bench takes ten until it has acquired its place: within those, and later."""
        longest_s = 12.0 if self.plan.exporters is None else self.rng.choice((8.0, 40.0))
        return self.rng.uniform(0.5, longest_s)

    @property
    def kinds(self) -> Collection[str]:
        """What may strike this run."""
        return STRIKES.keys() - EXPORTERS if self.plan.exporters is None else EXPORTERS

    @property
    def most(self) -> int:
        """Strikes on this run."""
        return MOST if self.plan.exporters is None else MOST_REMOTE

    # -- what is looked at ---------------------------------------------------------------------------------------

    def expect(self, true: object, what: str) -> None:
        if not true:
            raise Unlike(f"{what}; outputs {self.plan.lab.outputs()}; said: {self.plan.said[-500:]}")

    def safe_without_a_bench(self, hold_s: float) -> None:
        """The watchdog makes the outputs safe after ``hold_s``."""
        began = time.monotonic()
        self.expect(self.plan.lab.await_safe(hold_s + MARGIN_S), "NOT SAFE")
        with self.tally.lock:
            self.tally.slowest_s = max(self.tally.slowest_s, time.monotonic() - began - hold_s)

    def ended_safely(self, codes: tuple[int, ...] = (3,)) -> None:
        """The bench ends by itself, and leaves the outputs safe."""
        assert self.plan.bench is not None
        code = self.plan.bench.wait(120)
        self.expect(code in codes, f"ended with {code}")
        if self.rows.number:  # before the first row nothing was touched
            self.expect(self.plan.lab.await_safe(self.hold_s + MARGIN_S), "NOT SAFE")
        self.expect("Traceback" not in self.plan.said, "a traceback")

    def go_on(self) -> None:
        """The run is gone on with from the command line."""
        self.plan.log.unlink(missing_ok=True)
        self.plan.start()

    def _look(self) -> None:
        now = Rows.of(self.plan.folder, self.rows.number)
        self.expect(now == self.rows, f"rows lost or changed: {now.number} of {self.rows.number}")
        if wrong := self.plan.wrong():
            raise Unlike(f"wrong verdicts: {wrong}")

    def _ended_within(self, seconds: float) -> bool:
        assert self.plan.bench is not None
        return self.plan.bench.wait(seconds) is not None

    def _did_not_begin(self) -> bool:
        """It could not have its place or open a port that an exporter took away, says so, and has driven nothing."""
        bench = self.plan.bench
        assert bench is not None
        if self.plan.exporters is None or bench.code not in (2, 3) or self.plan.verdicts():
            return False
        self.begun += 1
        self.expect(self.begun < MOST, "does not begin")
        self.tell(f"did not begin: {' '.join(self.plan.said.split())[-200:]}")
        return True

    def _ended(self) -> None:
        assert self.plan.bench is not None
        # Struck while it wrote its report, it had driven and judged all: there is nothing to go on with.
        finished = self.plan.bench.code == 2 and "holds a finished run" in self.plan.said
        self.expect(finished or self.plan.bench.code in (0, 1, 3, 4), f"ended with {self.plan.bench.code}")
        self.expect(self.plan.verdicts(), "no verdicts")
        self.expect(self.plan.lab.is_safe(), "NOT SAFE at the end")
        self._look()
        outcomes = Counter(v["outcome"] for v in self.plan.verdicts())
        with self.tally.lock:
            self.tally.ended.update(outcomes)
        self.tell(f"ended with {self.plan.bench.code} after {self.struck} strikes: {dict(outcomes)}")


# -- strikes ---------------------------------------------------------------------------------------------------------


def _kill_bench(campaign: Campaign) -> None:
    assert campaign.plan.bench is not None
    campaign.plan.bench.kill()
    campaign.plan.bench.wait(10)
    if campaign.rows.number and campaign.rng.random() < 0.5:  # before the first row nothing was touched
        campaign.safe_without_a_bench(campaign.hold_s)
    campaign.go_on()


def _signal(number: signal.Signals) -> Callable[[Campaign], None]:
    def strike(campaign: Campaign) -> None:
        assert campaign.plan.bench is not None
        for _ in range(campaign.rng.choice((1, 1, 2, 3))):
            campaign.plan.bench.send_signal(number)
            time.sleep(campaign.rng.uniform(0.0, 0.3))
        # Struck before its first breath, a process ends as its system ends it: it has driven nothing yet, and where it
        # was to go on with a run, the watchdog of the one before it still holds the outputs.
        breathed = bool(campaign.plan.said)
        campaign.ended_safely((3,) if breathed else (3, -number, INTERRUPTED))
        campaign.go_on()

    return strike


def _kill_watchdog(campaign: Campaign) -> None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        first = _watchdog(campaign)
        os.kill(first, signal.SIGKILL)
        campaign.expect(until(lambda: _watchdog(campaign) != first, 60), "no fresh watchdog")


def _watchdog(campaign: Campaign) -> int:
    return int(json.loads((campaign.plan.folder / "watchdog.json").read_text())["pid"])


def _stop_bench(campaign: Campaign) -> None:
    """Ctrl-Z for so long that it is taken for dead; what it drives then is an error of the bench."""
    assert campaign.plan.bench is not None
    campaign.plan.bench.send_signal(signal.SIGSTOP)
    if campaign.rows.number:
        campaign.safe_without_a_bench(max(10.0, campaign.hold_s))
    campaign.plan.bench.send_signal(signal.SIGCONT)


def _kill_lab(campaign: Campaign) -> None:
    """The laboratory goes, and is back under its addresses with its mains on. Its terminals remember nothing, so the
    run is not gone on with."""
    plan = campaign.plan
    assert plan.bench is not None
    plan.lab.kill()
    time.sleep(campaign.rng.uniform(0.0, 3.0))
    again = faulty_lab(plan.scratch / "again", "--again", str(plan.scratch / "ready.json"), hold_s=campaign.hold_s)
    (plan.scratch / "again").mkdir()
    with again as lab:
        plan.lab = lab
        reached = campaign.rows.number > 0
        plan.bench.send_signal(signal.SIGINT if campaign.rng.random() < 0.5 else signal.SIGKILL)
        plan.bench.wait(150)
        campaign.expect(plan.bench.code in (3, -9, -2), f"ended with {plan.bench.code}")
        if reached:
            campaign.safe_without_a_bench(campaign.hold_s)
        campaign.over = True
        campaign._look()


def _exporter(number: signal.Signals) -> Callable[[Campaign], None]:
    def strike(campaign: Campaign) -> None:
        plan = campaign.plan
        assert plan.bench is not None
        assert plan.exporters is not None
        campaign.tell(f"the exporter of {plan.exporters.strike(campaign.rng, number)}")
        campaign.expect("Traceback" not in plan.said, "a traceback")

    return strike


def _fill(campaign: Campaign) -> None:
    disk = campaign.plan.folder.parent
    fills = disk / "fills"
    with contextlib.suppress(OSError), fills.open("wb", buffering=0) as full:
        while True:
            full.write(bytes(1 << 16))
    with contextlib.suppress(OSError), fills.open("ab", buffering=0) as full:
        while True:
            full.write(bytes(64))
    try:
        campaign.ended_safely((2, 3))  # 2: it was just being started again
    finally:
        fills.unlink()
    campaign.go_on()


def _step(campaign: Campaign) -> None:
    seconds = campaign.rng.choice((0.2, 1.0, 5.0, 60.0, 3600.0)) * campaign.rng.choice((-1, 1))
    campaign.plan.steps.step(round(seconds * NS_PER_S))


STRIKES: Final[Mapping[str, Callable[[Campaign], None]]] = {
    "bench killed": _kill_bench,
    "SIGINT": _signal(signal.SIGINT),
    "SIGTERM": _signal(signal.SIGTERM),
    "SIGHUP": _signal(signal.SIGHUP),
    "bench stopped": _stop_bench,
    "watchdog killed": _kill_watchdog,
    "lab killed": _kill_lab,
    "exporter killed": _exporter(signal.SIGKILL),
    "exporter stopped": _exporter(signal.SIGSTOP),
    "disk filled": _fill,
    "clock stepped": _step,
}
EXPORTERS: Final = frozenset({"exporter killed", "exporter stopped"})
"""They strike runs of their own, on a labgrid place."""
SHARES: Final[Mapping[str, float]] = {
    "bench killed": 0.35,
    "SIGINT": 0.15,
    "SIGTERM": 0.1,
    "SIGHUP": 0.05,
    "bench stopped": 0.05,
    "watchdog killed": 0.2,
    "lab killed": 0.1,
}
"""Of the kills and stops."""


def wanted(kills: int, fills: int, steps: int, of_exporters: int = 0) -> Counter[str]:
    """So many of each kind."""
    found = Counter({kind: round(share * kills) for kind, share in SHARES.items()})
    found["bench killed"] += kills - found.total()
    exporter = {"exporter killed": of_exporters - of_exporters // 4, "exporter stopped": of_exporters // 4}
    return found + Counter({"disk filled": fills, "clock stepped": steps, **exporter})


def strike_all(
    what: Counter[str], seed: int, jobs: int, tell: Callable[[str], None], keep: Path | None = None
) -> Tally:
    """Runs on so many labs at once, until all strikes were made; ``keep``: where the run folders are left."""
    tally = Tally(what)

    def work(worker: int, scratch: Path, zygote: Zygote) -> None:
        number = 0
        while tally.done.total() < what.total():
            number += 1
            rng = random.Random(f"{seed}/{worker}/{number}")
            name = f"{worker}-{number}"
            kept = None if keep is None else keep / f"{seed}-{name}"
            _one_run(tally, rng, scratch / name, zygote, partial(_named, tell, name), kept)

    with tempfile.TemporaryDirectory(prefix="kenshin-kills-") as folder, ThreadPoolExecutor(jobs) as pool:
        zygote = Zygote(Path(folder) / "locks")
        try:
            for done in [pool.submit(work, n, Path(folder), zygote) for n in range(1, jobs + 1)]:
                done.result()
        finally:
            zygote.close()
    return tally


def _named(tell: Callable[[str], None], name: str, text: str) -> None:
    tell(f"{name}: {text}")


def _one_run(
    tally: Tally,
    rng: random.Random,
    scratch: Path,
    zygote: Zygote,
    tell: Callable[[str], None],
    keep: Path | None,
) -> None:
    hold_s, faults = rng.choice((1.0, 20.0)), rng.choice(FAULTS)
    remote = tally.wants(EXPORTERS)
    with planned(zygote, scratch, HABITS, faults, hold_s, remote=remote) as plan:
        tell(f"a run with hold_s {hold_s:g}, faults {faults}{', by a place' if remote else ''}")
        own = not subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "none", plan.disk], check=False).returncode
        campaign = Campaign(plan, rng, tally, hold_s, tell)
        try:
            campaign.run()
        except Unlike as unlike:
            with tally.lock:
                tally.problems.append(" ".join(str(unlike).split()))
            tell(f"PROBLEM {' '.join(str(unlike).split())}")
        finally:
            plan.close()
            if keep is not None:
                shutil.copytree(plan.disk, keep, ignore_dangling_symlinks=True)
                (keep / plan.log.name).write_text(plan.said, encoding="utf-8")
                for served in () if plan.exporters is None else plan.exporters.remote.served:
                    shutil.copy(served.log, keep)
            if own:
                subprocess.run(["umount", "-l", plan.disk], check=False)
