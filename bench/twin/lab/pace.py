"""The twin's kernel on wall time: whatever is due has happened before anybody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from bench.records import NS_PER_S
from bench.twin.core.engine import CountedPort
from bench.twin.core.kernel import Kernel

LONGEST_SLEEP_S: Final = 1.0
SETTLED_S: Final = 0.05
"""What was said so long ago has reached the bench."""


class Pace:
    """Moves a kernel ``speed`` times as fast as wall time. Stands in for the engine where ports ask for one."""

    advancing = False

    def __init__(self, kernel: Kernel, speed: float = 1.0) -> None:
        self.kernel = kernel
        self.speed = speed
        self.ports: dict[str, CountedPort] = {}
        self.skipped_ns = 0
        """Quiet time that was left out (`skip`)."""
        self._pending, self._said_s = 0, 0.0
        self._loop = asyncio.get_running_loop()
        self._began_s, self.began_ns = self._loop.time(), kernel.now_ns
        self._timer: asyncio.TimerHandle | None = None

    @property
    def elapsed_s(self) -> float:
        """Wall seconds since the lab began."""
        return self._loop.time() - self._began_s

    def now_ns(self) -> int:
        """The lab's time now."""
        return self.began_ns + int(self.elapsed_s * self.speed * NS_PER_S) + self.skipped_ns

    def catch_up(self) -> None:
        """Let everything happen that is due, and sleep until the next thing is."""
        now_ns = self.now_ns()
        while (upcoming := self.kernel.peek_ns()) is not None and upcoming <= now_ns:
            self.kernel.step()
        self.kernel.set_now(now_ns)
        if self._timer is not None:
            self._timer.cancel()
        wait_s = LONGEST_SLEEP_S
        if (upcoming := self.kernel.peek_ns()) is not None:
            wait_s = min(wait_s, (upcoming - now_ns) / NS_PER_S / self.speed)
        self._timer = self._loop.call_later(wait_s, self.catch_up)

    def later(self, seconds: float, fn: Callable[[], None]) -> None:
        """Call ``fn`` in so many wall seconds, everything due before it having happened."""

        def call() -> None:
            self._pending -= 1
            self.catch_up()
            fn()

        self._pending += 1
        self._loop.call_later(seconds, call)

    async def sleep(self, seconds: float) -> None:
        """Wait so many wall seconds."""
        self._pending += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._pending -= 1

    def said(self) -> None:
        """Something is on its way to the bench."""
        self._said_s = self._loop.time()

    def skip(self, for_ns: int) -> None:
        """Leave out so much time, or what there is until something is said; none while a wire has something under way.

        Wall time, and what habits are told in it, goes on as before."""
        self.catch_up()
        until_ns = self.now_ns() + for_ns
        while not self._pending and self._loop.time() - self._said_s >= SETTLED_S:
            upcoming = self.kernel.peek_ns()
            next_ns = until_ns if upcoming is None else min(until_ns, upcoming)
            self.skipped_ns += max(0, next_ns - self.now_ns())
            self.catch_up()
            if next_ns >= until_ns:
                return

    def spoke(self, _port: CountedPort) -> None:
        """Nobody waits for a stop here."""
