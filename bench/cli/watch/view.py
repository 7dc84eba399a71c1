"""How a run is going, as ``kenshin watch`` shows it: one record in words, for the terminal and for the page alike.

Taken from what the run folder holds: the status of the bench that drives, the verdicts, the watchdog's log. A run from
before there was a status is read from its timeline. Nothing is written, and what is read may be half there: a bench is
at work in it.
"""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs

from bench.air.octets import counted
from bench.errors import InputError, KenshinError
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.status import Life, PortState, Stage, Status, read_status
from bench.evidence.watch_log import log_rows
from bench.judge.verdicts import verdicts_from_json
from bench.records import NS_PER_S
from reports import figures

IN_ORDER: Final = "the run ended"
"""How a session ends that nothing stopped."""
GUARD_ROWS: Final = 3


@attrs.frozen(slots=True)
class Wanted:
    """What is waited for, since when and for how long at the most, in words."""

    what: str
    since: str
    left: str


@attrs.frozen(slots=True)
class Port:
    """One port in words. ``there`` is None where nobody has its wire now."""

    port: str
    about: str
    there: bool | None
    said: str


@attrs.frozen(slots=True)
class View:
    """All of it, for people. ``left``: what the forecast leaves, ``share``: how much of it is behind (0 to 1)."""

    run: str
    life: Life | None
    """None: no bench left a status here."""
    finished: bool
    headline: str
    rig: str
    now: str = ""
    beat: str = ""
    episode: str = ""
    step: str = ""
    waits: Wanted | None = None
    left: str = ""
    share: float = 0.0
    stages: tuple[Stage, ...] = ()
    ports: tuple[Port, ...] = ()
    warnings: tuple[str, ...] = ()
    outcomes: tuple[tuple[str, int], ...] = ()
    verdicts: tuple[tuple[str, str, str], ...] = ()
    """Requirement, subject, outcome."""
    report: str = ""
    resume: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return attrs.asdict(self)


@attrs.define
class Watched:
    """A run folder that is looked at again and again."""

    folder: RunFolder
    _rig: str = ""
    _verdicts: tuple[tuple[str, str, str], ...] = ()
    _verdicts_of: tuple[int, int] = (0, 0)

    @classmethod
    def open(cls, run: Path) -> Watched:
        """``InputError`` where it is no run, or of an unknown format."""
        folder = RunFolder.open(run)
        return cls(folder, str(folder.inputs().get("rig_name", "")))

    def look(self, now: datetime | None = None) -> View:
        """How it is going now. ``InputError`` where the status is of an unknown format."""
        now = now or datetime.now(UTC)
        self._read_verdicts()
        status = read_status(self.folder.path)
        view = self._stored() if status is None else self._driven(status, now)
        names = [outcome for _, _, outcome in self._verdicts]
        counts = tuple((name, names.count(name)) for name in dict.fromkeys(names))
        report = self.folder.path / "report.html"
        return attrs.evolve(
            view,
            outcomes=counts,
            verdicts=self._verdicts,
            report=str(report) if report.exists() and (view.finished or view.life is Life.ENDED) else "",
            resume="" if view.finished or view.life in (Life.LIVING, Life.SILENT) else self._resume(),
        )

    # -- a run with a status -------------------------------------------------------------------------------------

    def _driven(self, status: Status, now: datetime) -> View:
        life = status.life(now)
        finished = life is Life.ENDED and status.why == IN_ORDER
        live = life in (Life.LIVING, Life.SILENT)
        waits = status.waiting if live else None
        return View(
            str(self.folder.path),
            life,
            finished,
            _headline(status, life, now),
            status.rig,
            figures.jst(status.now_ns) if status.now_ns else "",
            _wall(status.beat),
            status.episode,
            _step(status),
            None
            if waits is None
            else Wanted(
                waits.what,
                _span(status.now_ns - waits.since_ns),
                _span(waits.until_ns - status.now_ns),
            ),
            "" if finished else _left(status, live),
            1.0 if finished else _share(status),
            status.stages,
            tuple(_port(port, status, live) for port in status.ports),
            tuple(self._warnings(status, life)),
        )

    def _warnings(self, status: Status, life: Life) -> list[str]:
        told = [*status.errors, *filter(None, (status.room, status.notices))]
        if life is Life.GONE:
            told += self._guard()
        return told

    def _guard(self) -> list[str]:
        """What the watchdog of a bench that is gone has done."""
        with contextlib.suppress(KenshinError, ValueError, OSError):
            rows = log_rows(self.folder.path)[-GUARD_ROWS:]
            return [f"watchdog, {row['wall'][:19]}Z: {_guard_words(row)}" for row in rows]
        return []

    # -- a run from before there was one -------------------------------------------------------------------------

    def _stored(self) -> View:
        """By its timeline; whether a bench of that time drives it cannot be told."""
        stages: tuple[Stage, ...] = ()
        last, finished = "", bool(self._verdicts)
        with contextlib.suppress(KenshinError, sqlite3.Error), closing(Evidence.open(self.folder.path)) as evidence:
            attempts = [evidence.episode(name) for name in evidence.episodes()]
            stages = tuple(
                Stage(one.name, "done" if one.complete else "cut", round((one.t1_ns - one.t0_ns) / 3.6e12, 3))
                for one in attempts
            )
            last = figures.jst(evidence.last_ns())
        words = "finished" if finished else "not finished"
        headline = f"{words}; its bench left no status (a run of an earlier version)"
        share = 1.0 if finished else 0.0
        return View(str(self.folder.path), None, finished, headline, self._rig, last, stages=stages, share=share)

    # -- verdicts ------------------------------------------------------------------------------------------------

    def _read_verdicts(self) -> None:
        path = self.folder.verdicts
        try:
            stat = path.stat()
            which = (stat.st_mtime_ns, stat.st_size)
            if which != self._verdicts_of:
                found, _ = verdicts_from_json(path.read_text(encoding="utf-8"), str(path))
                self._verdicts = tuple((v.requirement, v.subject, str(v.outcome)) for v in found)
                self._verdicts_of = which
        except FileNotFoundError:
            self._verdicts = ()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); expected the verdicts of a run") from None

    def _resume(self) -> str:
        return f"kenshin run --out {shlex.quote(str(self.folder.path))}"


def _headline(status: Status, life: Life, now: datetime) -> str:
    pid = f"process {status.process.pid} on {status.process.host}"
    if life is Life.ENDED:
        return "finished" if status.why == IN_ORDER else f"stopped: {status.why}"
    if life is Life.GONE:
        return f"the bench is gone: {pid} said its last at {_wall(status.beat)}, {status.doing}"
    if life is Life.SILENT:
        silent = figures.duration(round(status.silent_s(now) * NS_PER_S))
        return f"the bench has said nothing for {silent}: {pid} is there ({status.doing})"
    return f"{status.doing} since {_wall(status.began)} ({pid})"


def _wall(iso: str) -> str:
    """Wall time for people, JST."""
    with contextlib.suppress(ValueError):
        return figures.jst(round(datetime.fromisoformat(iso).timestamp()) * NS_PER_S)
    return iso


def _step(status: Status) -> str:
    if not status.step or status.step_ns is None:
        return status.step
    return f"{status.step}, {_span(status.now_ns - status.step_ns)} ago"


def _left(status: Status, live: bool) -> str:
    """Rig time that the forecast leaves; on a virtual rig also wall time, as it went so far."""
    if status.left_s is None:
        return ""
    left = f"{_span(round(status.left_s * NS_PER_S))} of rig time"
    passed_s = (status.now_ns - status.began_ns) / NS_PER_S
    if live and status.virtual and passed_s > 0:
        with contextlib.suppress(ValueError):
            wall_s = (datetime.fromisoformat(status.beat) - datetime.fromisoformat(status.began)).total_seconds()
            left += f", about {_span(round(status.left_s * wall_s / passed_s * NS_PER_S))} as it goes"
    return left


def _share(status: Status) -> float:
    whole_s = sum(stage.hours for stage in status.stages) * 3600.0
    if status.left_s is None or whole_s <= 0:
        return 0.0
    return round(min(1.0, max(0.0, 1.0 - status.left_s / whole_s)), 4)


def _port(port: PortState, status: Status, live: bool) -> Port:
    about = " ".join(filter(None, (port.family, port.about)))
    if port.gone_ns is not None:
        return Port(port.port, about, False, f"gone for {_span(status.now_ns - port.gone_ns)}: {port.reason}")
    packets = f", {counted(port.packets, 'frame')}" if port.packets is not None else ""
    said = "nothing yet" if port.said_ns is None else f"{_span(status.now_ns - port.said_ns)} ago"
    return Port(port.port, about, True if live else None, f"last heard {said}{packets}")


def _guard_words(row: dict[str, Any]) -> str:
    said = {key: value for key, value in row.items() if key in ("supply", "channel", "safe", "error")}
    return " ".join([str(row["event"]), *(f"{key} {value}" for key, value in said.items())])


def _span(ns: int) -> str:
    return figures.duration(max(0, ns))
