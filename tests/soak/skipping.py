"""Wall time without its quiet hours: a plan of days in minutes, over real wires at their real pace.

A bench on wall time waits for something or until something is due. Where nothing speaks, and nothing is under way in
the lab either, both leave out the time until the next thing is due on either side, the same stretch of it, and go on at
the pace of wall time. So commands, answers, habits, time-outs and kills take the real seconds that they take, and only
the hours between them are left out. While a port is gone nothing is left out: patience is as long as it is.

The host's UTC can be stepped as a time daemon would: by a number in a file, in this bench's process only.
"""

from __future__ import annotations

import json
import mmap
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import bench.drive.clock
import fixtures.rig.rig
from bench.drive.clock import WallClock
from bench.drive.host import Continued
from bench.drive.pump import Bus, Channel
from bench.records import NS_PER_S

QUIET_S: Final = 0.02
"""Real seconds in which nobody spoke: then the lab is asked whether there is time to leave out."""
ANCHOR_EVERY_S: Final = 900
"""Between two looks at UTC, of rig time: a minute would be half of all that is done in a day."""
STOOD_S: Final = 1.0
REOPEN_EVERY_NS: Final = NS_PER_S // 2
"""Between two looks for a port that was lost: nothing is left out meanwhile."""


class Steps:
    """What the host's UTC is stepped by, in a file that two processes share."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 8)

    @property
    def ns(self) -> int:
        return int(struct.unpack("<q", self._shared[:])[0])

    def step(self, ns: int) -> None:
        self._shared[:] = struct.pack("<q", self.ns + ns)


class SkippingClock(WallClock):
    """A wall clock that leaves out what its lab leaves out."""

    lab: tuple[str, int]
    steps: Steps

    def __init__(self, bus: Bus, *, continued: Continued | None = None) -> None:
        self._connection = socket.create_connection(self.lab, 10)
        self._answers = self._connection.makefile("rb")
        self._skipped_ns = 0
        self._looked_s = 0.0
        self._skip(0)
        super().__init__(
            bus,
            lambda: time.time_ns() + self._skipped_ns + self.steps.ns,
            lambda: time.monotonic_ns() + self._skipped_ns,
            continued=continued,
        )

    def close(self) -> None:
        super().close()
        self._answers.close()
        self._connection.close()

    def _wait(self, by_fd: Mapping[int, Channel], pause_s: float) -> list[Channel]:
        began_s = time.monotonic()
        ready = super()._wait(by_fd, min(pause_s, QUIET_S))
        if time.monotonic() - began_s > STOOD_S:
            return ready  # this process stood still: who looks after it must be heard before time goes on
        if not ready and pause_s > QUIET_S and not self.pump.lost_ns and not self.pump.ended:
            self._skip(round((pause_s - QUIET_S) * NS_PER_S))
        return ready

    def _second_over(self) -> int:
        """What is looked at every second is looked at every second of real time."""
        if time.monotonic() - self._looked_s >= 1.0:
            self._looked_s = time.monotonic()
            super()._second_over()
        return ANCHOR_EVERY_S * NS_PER_S

    def _skip(self, for_ns: int) -> None:
        try:
            self._connection.sendall(json.dumps({"op": "skip", "for_ns": for_ns}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(self._answers.readline())
        except (OSError, ValueError):
            return  # the lab is gone: time goes on as it does
        self._skipped_ns = answer["skipped_ns"]


def skip_with(lab: str, utc: str) -> None:
    """Give this process's rig on wall time such a clock."""
    host, _, port = lab.rpartition(":")
    SkippingClock.lab = host, int(port)
    SkippingClock.steps = Steps(Path(utc))
    bench.drive.clock.REOPEN_EVERY_NS = REOPEN_EVERY_NS  # type: ignore[misc]
    bench.drive.clock.ANCHOR_EVERY_NS = ANCHOR_EVERY_S * NS_PER_S  # type: ignore[misc]
    vars(fixtures.rig.rig)["WallClock"] = SkippingClock
