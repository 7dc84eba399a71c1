"""How a run is going, as its bench says: ``status.json`` in the run folder, for people and ``kenshin watch``.

It is no evidence. It is written anew every wall second, whole or not at all, and nothing is judged from it; a disk that
takes it no more, or hangs, ends no run (`StatusFile` writes on a thread of its own). Who reads it can tell a bench that
drives from one that is gone: the process is named so that a number given to another one is not taken for it, and
``beat`` is the wall second in which it last wrote.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import attrs

from bench.errors import InputError
from bench.formats import KEY, STATUS, UNNUMBERED

NAME: Final = "status.json"
EVERY_S: Final = 1.0
SILENT_S: Final = 15.0
"""Without a beat for so long a bench counts as silent, though its process is there."""
END_S: Final = 5.0
"""Real seconds for which the last word waits for the disk."""


class Doing(StrEnum):
    """What a bench is at."""

    OPENING = "opening the rig"
    DRIVING = "driving"
    JUDGING = "judging"
    SECURING = "making the rig safe"
    WRITING = "judging and writing the report"
    ENDED = "ended"


class Life(StrEnum):
    """What a reader finds of the bench that wrote a status."""

    LIVING = "living"
    SILENT = "silent"  # the process is there and does not write
    GONE = "gone"  # it is not there, and did not say that it ends
    ENDED = "ended"


@attrs.frozen(slots=True)
class Process:
    """One process of one host, by its number and its birth (clock ticks since the host's start)."""

    pid: int
    born: int
    host: str

    @classmethod
    def this(cls) -> Process:
        """The process that asks."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> Process:
        """A process of this host."""
        return cls(pid, _born(pid), socket.gethostname())

    def is_there(self) -> bool | None:
        """Whether it lives; None where that cannot be told from here."""
        if self.host != socket.gethostname():
            return None
        return _born(self.pid) == self.born != 0


@attrs.frozen(slots=True)
class Waiting:
    """What is waited for, since when, and until when at the longest (rig time, ns)."""

    what: str
    since_ns: int
    until_ns: int


@attrs.frozen(slots=True)
class Stage:
    """One episode of the session: ``to come``, ``driving`` or ``done``; ``hours`` of rig time that it should take."""

    name: str
    state: str
    hours: float


@attrs.frozen(slots=True)
class PortState:
    """One port. ``gone_ns``: rig time since which it is gone, with the reason; ``said_ns``: when it last said
    something; ``packets``: of a sniffer's present connection."""

    port: str
    family: str
    about: str
    gone_ns: int | None = None
    reason: str = ""
    said_ns: int | None = None
    packets: int | None = None


@attrs.frozen(slots=True)
class Status:
    """All of it. Times in rig time, ns; ``began`` and ``beat`` are wall time (UTC, ISO 8601).

    ``began_ns`` is the rig time at which this session opened its rig; ``left_s`` what the forecast leaves of rig time
    (None before the rig is open). ``why``: how it ended.
    """

    doing: Doing
    process: Process
    began: str
    beat: str = ""
    rig: str = ""
    virtual: bool = False
    began_ns: int = 0
    now_ns: int = 0
    episode: str = ""
    step: str = ""
    step_ns: int | None = None
    waiting: Waiting | None = None
    stages: tuple[Stage, ...] = ()
    left_s: float | None = None
    ports: tuple[PortState, ...] = ()
    errors: tuple[str, ...] = ()
    why: str = ""
    room: str = ""
    """What there is to say of the disk; empty while there is room."""
    notices: str = ""
    """What became of the notices; empty where none are asked for or all were delivered."""

    def life(self, now: datetime) -> Life:
        """Whether the bench that wrote this is there."""
        if self.doing is Doing.ENDED:
            return Life.ENDED
        there = self.process.is_there()
        if there is False:
            return Life.GONE
        if self.silent_s(now) > SILENT_S:
            return Life.SILENT if there else Life.GONE
        return Life.LIVING

    def silent_s(self, now: datetime) -> float:
        """Wall seconds since it last wrote; none where the clock was set back since."""
        try:
            return max(0.0, (now - datetime.fromisoformat(self.beat)).total_seconds())
        except ValueError:
            return float("inf")

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {KEY: STATUS.version, **attrs.asdict(self)}


def read_status(folder: Path) -> Status | None:
    """What the folder's bench last said of itself; None where none wrote one. InputError for an unknown format."""
    path = folder / NAME
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected what a bench wrote") from None
    if not isinstance(told, dict):
        raise InputError(f"{path}: no object; expected what a bench wrote")
    STATUS.check(told.get(KEY, UNNUMBERED), path)
    try:
        return _status(told)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: {error} is missing or wrong; expected what a bench wrote") from None


class StatusFile:
    """Writes the newest status that it was shown, with a beat, once a wall second, until it is closed.

    ``show`` costs the caller nothing and waits for nobody; a disk that is full, read-only or hanging costs the file
    alone.
    """

    def __init__(self, folder: Path, first: Status, every_s: float = EVERY_S) -> None:
        self._path = folder / NAME
        self._latest = first
        self._every_s = every_s
        self._over = threading.Event()
        self.failed = ""
        """Why the last try to write failed; empty while it is written."""
        self._thread = threading.Thread(target=self._write_on, name="status", daemon=True)
        self._thread.start()

    def show(self, status: Status) -> None:
        """From now on this is written."""
        self._latest = status

    def close(self, last: Status) -> None:
        """Write ``last``, if the disk takes it within ``END_S``, and nothing more. May be called twice."""
        self._latest = last
        self._over.set()
        self._thread.join(END_S)

    def _write_on(self) -> None:
        while True:
            over = self._over.is_set()  # asked before: the last word must be among what is written
            try:
                self._write()
                self.failed = ""
            except Exception as error:  # no disk, no memory: it is tried again, and the run goes on
                self.failed = type(error).__name__
            if over:
                return
            self._over.wait(self._every_s)

    def _write(self) -> None:
        beat = datetime.now(UTC).isoformat(timespec="seconds")
        text = json.dumps(attrs.evolve(self._latest, beat=beat).plain(), ensure_ascii=False)
        draft = self._path.with_name(f".{NAME}.new")
        try:
            draft.write_text(text + "\n", encoding="utf-8")
            draft.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()  # half a file is room for somebody else
            raise


def _status(told: Mapping[str, Any]) -> Status:
    """What is new to this bench is left out; what is left out has its default."""
    known = _known(Status, told)
    known["doing"] = Doing(told["doing"])
    known["process"] = Process(**_known(Process, told["process"]))
    known["waiting"] = None if told.get("waiting") is None else Waiting(**_known(Waiting, told["waiting"]))
    known["stages"] = tuple(Stage(**_known(Stage, one)) for one in told.get("stages", ()))
    known["ports"] = tuple(PortState(**_known(PortState, one)) for one in told.get("ports", ()))
    known["errors"] = tuple(map(str, told.get("errors", ())))
    return Status(**known)


def _known(kind: type[attrs.AttrsInstance], told: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in attrs.fields(kind)}
    return {name: value for name, value in told.items() if name in names}


def _born(pid: int) -> int:
    """When a process of this host was born, in clock ticks (proc(5), field 22 of ``stat``); 0 where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()
        return 0 if fields[0] == "Z" else int(fields[19])  # a zombie has ended
    except (OSError, ValueError, IndexError):
        return 0
