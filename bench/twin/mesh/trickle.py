"""Trickle timer (RFC 6206) on the kernel."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.twin.core.kernel import Call
from bench.twin.mesh.agenda import Agenda


class Trickle:
    """Fires once an interval at a random point of its second half; the interval doubles from ``i_min`` to ``i_max``.

    ``k`` consistent messages heard in an interval suppress its transmission (0: never). All times in ns.
    """

    def __init__(
        self, kernel: Agenda, rng: random.Random, i_min_ns: int, i_max_ns: int, fire: Callable[[], None], k: int = 0
    ) -> None:
        self._kernel, self._rng, self._fire, self._k = kernel, rng, fire, k
        self.i_min_ns, self.i_max_ns = i_min_ns, i_max_ns
        self._interval_ns = 0
        self._end_ns = 0
        self._heard = 0
        self._calls: tuple[Call, ...] = ()

    @property
    def running(self) -> bool:
        return bool(self._calls)

    @property
    def interval_end_ns(self) -> int:
        """End of the running interval."""
        return self._end_ns

    def start(self) -> None:
        """Begin with an interval of ``i_min``."""
        self._begin(self.i_min_ns)

    def start_settled(self) -> None:
        """Begin inside an interval of ``i_max``, at a random phase, as a node that has been up for long."""
        phase = self._rng.randrange(self.i_max_ns)
        self.stop()
        self._calls = (self._kernel.after(phase, lambda: self._begin(self.i_max_ns)),)
        self._interval_ns, self._end_ns = self.i_max_ns, self._kernel.now_ns + phase

    def stop(self) -> None:
        for call in self._calls:
            call.cancel()
        self._calls = ()

    def reset(self) -> None:
        """An inconsistency: back to ``i_min`` unless there already (RFC 6206 section 4.2 step 6)."""
        if self.running and self._interval_ns > self.i_min_ns:
            self._begin(self.i_min_ns)

    def hear_consistent(self) -> None:
        self._heard += 1

    def _begin(self, interval_ns: int) -> None:
        self.stop()
        self._interval_ns, self._heard = interval_ns, 0
        self._end_ns = self._kernel.now_ns + interval_ns
        at = interval_ns // 2 + self._rng.randrange(interval_ns - interval_ns // 2)
        self._calls = (
            self._kernel.after(at, self._transmit),
            self._kernel.after(interval_ns, lambda: self._begin(min(2 * interval_ns, self.i_max_ns))),
        )

    def _transmit(self) -> None:
        if self._k == 0 or self._heard < self._k:
            self._fire()
