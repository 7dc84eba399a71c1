"""The runs of a qualification: several at a time, each a process of its own, and what each gave.

Each is the ``kenshin run`` that a person would start, so nothing here can make a plan look better than it is. In a
folder that is there it goes on: what was run with the same options, fault and code is not run again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

import attrs

from bench.air.octets import counted
from bench.cli.qualification.forked import Forked, Forker
from bench.cli.qualification.matrix import Case, Judged, Ran, Scope, Status
from bench.cli.qualification.page import told
from bench.errors import BenchError, InputError
from bench.evidence.folder import RunFolder
from bench.evidence.seal.keys import PLACE
from bench.identity import identity
from bench.judge.verdicts import verdicts_from_json
from bench.records import Outcome
from bench.rooms import ROOMS
from bench.twin import faults

PATIENCE_S: Final = 1800.0
"""Wall seconds that one run may take."""
GRACE_S: Final = 30.0
"""Wall seconds in which a run that is told to stop makes its rig safe."""
LONGEST_SAID: Final = 300
DIGITS: Final = 6
"""Of a title, those that tell it apart from all others (`command`)."""
CODE: Final = ("bench", "devices", "fixtures", "reports", "testplans")
APART: Final = ("bench/cli/qualification", "bench/twin/faults/catalogue")
"""Code that no run depends on but by its fault, whose source is told by itself."""


@attrs.frozen(slots=True)
class Trial:
    """One run to be made. ``options``: of ``kenshin run``; ``narrow``: those that leave out what the fault does not
    touch, tried first; empty where the whole plan is asked for. ``terminal``: where its fault sits if it may share a
    run with those of other terminals; ``beside``: the other faults of its run. ``plan``, ``terminals``: as
    `matrix.Clean` has them."""

    title: str
    seed: int
    options: tuple[str, ...]
    case: Case | None = None
    narrow: tuple[str, ...] = ()
    plan: str = ""
    terminals: int = 0
    terminal: str = ""
    beside: tuple[Case, ...] = ()

    @property
    def cases(self) -> tuple[Case, ...]:
        """All faults of its run."""
        return ((self.case,) if self.case is not None else ()) + self.beside

    @property
    def name(self) -> str:
        """For the line of progress."""
        if self.case is not None:
            return self.case.option
        return f"clean, seed {self.seed}" + (f", {counted(self.terminals, 'terminal')}" if self.terminals else "")


@attrs.frozen(slots=True)
class _Place:
    """Where the runs are made, and those that run now."""

    folder: Path
    keep: bool
    forker: Forker = attrs.field(factory=Forker)
    running: set[Forked] = attrs.field(factory=set)


def run_all(
    trials: Sequence[Trial], folder: Path, jobs: int | None, keep: bool, say: Callable[[str], None]
) -> dict[str, Ran]:
    """What each gave by its title, ``jobs`` at a time; said as it ends. Stopped, it gives what it has.

    The first trial is the clean run that faults are compared with.
    """
    ran: dict[str, Ran] = {}
    place = _Place(folder, keep)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = _Progress(len(trials), trials[0].title)
    with ThreadPoolExecutor(max_workers=jobs or os.cpu_count() or 1) as pool:
        waiting = {pool.submit(_tried_together, group, place): group for group in grouped(trials)}
        try:
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    for one, gave in zip(waiting.pop(future), future.result(), strict=True):
                        ran[one.title] = gave
                        say(progress.line(one, ran))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for bench in tuple(place.running):
                bench.terminate()
    return ran


@attrs.frozen(slots=True)
class _Progress:
    """A line a run, with the time that the rest will take at this pace."""

    runs: int
    reference: str
    _began_s: float = attrs.field(factory=time.monotonic)

    def line(self, one: Trial, ran: Mapping[str, Ran]) -> str:
        spent_s = time.monotonic() - self._began_s
        left_s = spent_s / len(ran) * (self.runs - len(ran))
        at = f"{len(ran):>{len(str(self.runs))}}/{self.runs} {spent_s:5.0f} s, {left_s:5.0f} s left "
        gave, clean = ran[one.title], ran.get(self.reference)
        if one.case is None or clean is None:
            return f"{at} {one.name}: {'done' if gave.ended else gave.why}"
        return f"{at} {told(Judged(one.case, gave, clean.verdicts))}"


def grouped(trials: Sequence[Trial]) -> list[tuple[Trial, ...]]:
    """Those that can share a run, else one by itself: faults at different terminals that want the same episodes."""
    groups: list[list[Trial]] = []
    for one in trials:
        group = next((group for group in groups if all(_share(one, other) for other in group)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return [tuple(group) for group in groups]


def _share(one: Trial, other: Trial) -> bool:
    return bool(one.terminal and other.terminal and one.narrow) and (
        one.narrow == other.narrow and one.terminal != other.terminal
    )


def _tried_together(group: Sequence[Trial], place: _Place) -> list[Ran]:
    """What each trial of a group gave: in one run first, where there are several. What that one does not catch just as
    it should is tried by itself."""
    first, *others = group
    if not others or first.case is None:
        return [_tried(one, place) for one in group]
    beside = tuple(one.case for one in others if one.case is not None)
    options = (*first.options, *(f"--fault={case.option}" for case in beside), *first.narrow)
    title = "-with-".join([first.title, *(one.title[-DIGITS:] for one in others)])
    gave = _run(attrs.evolve(first, title=title, options=options, beside=beside), place)
    share_s = gave.processor_s / len(group)
    return [_own(one, attrs.evolve(gave, processor_s=share_s), group, place) for one in group]


def _own(one: Trial, gave: Ran, group: Sequence[Trial], place: _Place) -> Ran:
    """What a shared run says of one of its faults; where that is not enough, what it gives by itself."""
    assert one.case is not None
    own = gave.apart(one.case.subject, [other.terminal for other in group if other is not one])
    if Judged(one.case, own, dict.fromkeys(own.verdicts, Outcome.PASS)).status is Status.CAUGHT:
        return attrs.evolve(own, scope=Scope.SHARED)
    return _with(_tried(one, place), gave.processor_s)


def _tried(one: Trial, place: _Place) -> Ran:
    """The run of a trial: the narrow one first where there is one, the whole plan where it did not catch its fault."""
    if not one.narrow or one.case is None:
        return _run(one, place)
    gave = _run(attrs.evolve(one, title=f"{one.title}-own", options=(*one.options, *one.narrow)), place)
    if Judged(one.case, gave, dict.fromkeys(gave.verdicts, Outcome.PASS)).status.good:
        return attrs.evolve(gave, scope=Scope.EPISODES)
    return _with(_run(one, place), gave.processor_s)


def _with(ran: Ran, more_s: float) -> Ran:
    """The run with what it took to come to it."""
    return attrs.evolve(ran, processor_s=ran.processor_s + more_s)


def _run(one: Trial, place: _Place) -> Ran:
    run, done = place.folder / one.title, place.folder / f"{one.title}.json"
    said = place.folder / f"{one.title}.log"
    if (known := _known(done, one)) is not None:
        spent_s = known.get("processor_s", 0.0)
        return attrs.evolve(_read(run, known["code"], ""), made_by=known["made_by"], processor_s=spent_s)
    shutil.rmtree(run, ignore_errors=True)  # one that was stopped
    # Unsigned: a run that is only tried does not enter the chain of the bench's key.
    bench = place.forker.start(["run", *one.options, "--no-report", f"--out={run}"], said, {PLACE: ""})
    place.running.add(bench)
    try:
        code, stopped = _ended(bench)
    finally:
        place.running.discard(bench)
    gave = _read(run, code, stopped or _last_line(said, code))
    gave = attrs.evolve(gave, made_by=str(identity()), processor_s=bench.take_processor_s())
    if gave.ended:
        known = {"code": code, "made_by": gave.made_by, "processor_s": gave.processor_s}
        done.write_text(json.dumps(_identity(one) | known) + "\n", encoding="utf-8")
        said.unlink()
        if not place.keep:
            _drop_bulk(run)
    return gave


def _ended(bench: Forked) -> tuple[int, str]:
    """The exit code; a run that takes too long is stopped, and why is said."""
    if (code := bench.wait(PATIENCE_S)) is not None:
        return code, ""
    bench.terminate()
    if bench.wait(GRACE_S) is None:
        bench.kill()
        bench.wait(GRACE_S)
    return BenchError.exit_code, f"stopped, for it took longer than {PATIENCE_S:g} s"


def _last_line(said: Path, code: int) -> str:
    """What a run said last: why it gave no verdicts."""
    last = [line for line in said.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return last[-1][:LONGEST_SAID] if last else f"exit code {code}"


def _known(done: Path, one: Trial) -> dict[str, Any] | None:
    """What is known of a run that is there from an earlier call, with the same options, code and fault; else None."""
    try:
        known = json.loads(done.read_text(encoding="utf-8"))
        same = isinstance(known["code"], int) and isinstance(known["made_by"], str)
        return known if same and _identity(one).items() <= known.items() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _identity(one: Trial) -> dict[str, object]:
    """What makes two runs the same."""
    sources = [faults.described(faults.make(case.spec), case.spec)["sha256"] for case in one.cases]
    source = sources if one.beside else next(iter(sources), None)
    return {"options": list(one.options), "sha256": source, "bench": _code_digest()}


def _code_digest() -> str:
    """SHA-256 over the code that a run executes: a commit that changes a note or a test makes no run another one."""
    if not _DIGEST:
        digest = hashlib.sha256()
        for path in sorted(path for room in CODE for path in (ROOMS / room).rglob("*") if _is_code(path)):
            digest.update(f"{path.relative_to(ROOMS)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
        _DIGEST.append(digest.hexdigest())
    return _DIGEST[0]


_DIGEST: Final[list[str]] = []
"""Taken once, before the first run: what is changed while they are made makes them another code's."""


def _is_code(path: Path) -> bool:
    place = path.relative_to(ROOMS).as_posix()
    return path.suffix in (".py", ".yaml", ".ini", ".html", ".j2") and not place.startswith(APART)


def _read(run: Path, code: int, last: str) -> Ran:
    """What a run folder holds: its verdicts and the marks of its fault."""
    folder = RunFolder(run)
    try:
        verdicts, _ = verdicts_from_json(folder.verdicts.read_text(encoding="utf-8"), str(folder.verdicts))
        outcomes = {(verdict.requirement, verdict.subject): verdict.outcome for verdict in verdicts}
        return Ran(code, outcomes, tuple(folder.marked()), "" if code in (0, 1, 4) else last)
    except (OSError, InputError):
        return Ran(code if code not in (0, 1, 4) else BenchError.exit_code, {}, (), last)


def _drop_bulk(run: Path) -> None:
    """Captures are large, and every run can be made again from its seed."""
    for path in (run / "captures").glob("*"):
        path.unlink()
