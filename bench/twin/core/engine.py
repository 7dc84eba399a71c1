"""Who moves virtual time: runs the kernel in slices, stops where the wake set says, counts what the ports said.

Design section 3. A stop depends on virtual state only (rule 1): which attached ports spoke, and the deadline. Wall time
only cuts the work into slices, between which the event loop flushes output and reads the control channel; input from
other ports waits for the stop (rule 7).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final, Protocol

import attrs

from bench.twin.core.kernel import Kernel

SLICE_NS: Final = 20_000_000
"""Wall time of one slice."""
STEPS_BETWEEN_LOOKS: Final = 64
"""Events between two looks at the wall clock."""
VOLUME_LIMIT: Final = 8 << 20
"""Octets one attached port may say in one advance; more stops it, so that buffers stay bounded by virtual volume."""


class Reason(StrEnum):
    """Why an advance ended."""

    DEADLINE = "deadline"
    WAKE = "wake"
    STOPPED = "stopped"


class CountedPort(Protocol):
    """What the engine knows of a port. ``count`` runs within ``epoch``: octets, packets or events."""

    name: str
    attached: bool

    @property
    def stamp(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def volume(self) -> int:
        """Octets or events said since the twin started."""

    def attach(self) -> None: ...
    def detach(self) -> None: ...
    def resume(self) -> None:
        """Read again: the advance is over."""


@attrs.frozen(slots=True)
class Stop:
    """The answer to an advance: where time stands, why, and per attached port ``epoch``, ``before``, ``now``."""

    now_ns: int
    reason: Reason
    ports: Mapping[str, Mapping[str, int]]


class Engine:
    """Advances the kernel. One advance at a time; ``later`` runs a callback after a turn of the event loop."""

    def __init__(self, kernel: Kernel, later: Callable[[Callable[[], None]], object]) -> None:
        self.kernel = kernel
        self.ports: dict[str, CountedPort] = {}
        self.advancing = False
        self._later = later
        self._woken = False
        self._stop_asked = False
        self.broken: Exception | None = None
        """Why the simulation is wrong from now on: time does not move any more."""
        self._until_ns = 0
        self._wake: frozenset[str] = frozenset()
        self._before: dict[str, tuple[int, int, int]] = {}
        self._done: Callable[[Stop], None] = lambda stop: None
        self._failed: Callable[[Exception], None] = lambda error: None

    def spoke(self, port: CountedPort) -> None:
        """A port said something (called by the port, after counting)."""
        if not self.advancing or not port.attached:
            return
        if port.stamp == "host" or port.name in self._wake or self._flooded(port):
            self._woken = True

    def interrupt(self) -> None:
        """Something in the simulation wants the bench to look: end the advance after this instant."""
        if self.advancing:
            self._woken = True

    def _flooded(self, port: CountedPort) -> bool:
        before = self._before.get(port.name)
        return before is not None and port.volume - before[2] > VOLUME_LIMIT

    def advance(
        self,
        until_ns: int,
        wake: Iterable[str],
        done: Callable[[Stop], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Run to ``until_ns`` (inclusive) or to the instant in which a port of the wake set speaks.

        ``done`` is called once, from here when the first slice is enough; ``failed`` when the simulation broke.
        """
        self.advancing, self._woken, self._stop_asked = True, False, False
        self._until_ns, self._wake = until_ns, frozenset(wake)
        self._before = {p.name: (p.epoch, p.count, p.volume) for p in self.ports.values() if p.attached}
        self._done, self._failed = done, failed
        self._slice()

    def stop(self) -> None:
        """End the running advance at the end of the instant in which it is."""
        self._stop_asked = True

    def _slice(self) -> None:
        try:
            reason = self._run_slice()
        except Exception as error:  # a bug in a model must reach the bench as an answer, not as silence
            self._end()
            self._failed(error)
            return
        if reason is None:
            self._later(self._slice)
            return
        self._end()
        self._done(Stop(self.kernel.now_ns, reason, self.counts()))

    def _end(self) -> None:
        self.advancing = False
        for port in self.ports.values():
            port.resume()

    def _run_slice(self) -> Reason | None:
        """One slice; None when there is more to run."""
        kernel, until_ns = self.kernel, self._until_ns
        pause_at = time.perf_counter_ns() + SLICE_NS
        while time.perf_counter_ns() < pause_at:
            for _ in range(STEPS_BETWEEN_LOOKS):
                if self.broken is not None:
                    raise self.broken
                upcoming = kernel.peek_ns()
                # Whoever asked for the stop, the instant is finished first.
                if (self._woken or self._stop_asked) and upcoming != kernel.now_ns:
                    return Reason.WAKE if self._woken else Reason.STOPPED
                if upcoming is None or upcoming > until_ns:
                    kernel.set_now(until_ns)
                    return Reason.DEADLINE
                kernel.step()
        return None

    def counts(self) -> dict[str, dict[str, int]]:
        """Per attached port ``epoch``, ``before`` (at the start of the last advance) and ``now``."""
        counts: dict[str, dict[str, int]] = {}
        for port in self.ports.values():
            if port.attached:
                epoch, before, _ = self._before.get(port.name, (port.epoch, port.count, 0))
                before = before if epoch == port.epoch else 0
                counts[port.name] = {"epoch": port.epoch, "before": before, "now": port.count}
        return counts
