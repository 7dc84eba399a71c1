"""The twin's discrete-event kernel: SimPy with integer nanoseconds and cancellable calls.

Nodes and devices schedule plain callbacks; nobody sleeps. Delays are integers (design section 3, rule 9): a float
second would lose the nanosecond after 104 days and, worse, would make the order of events depend on rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import simpy


class Call:
    """A scheduled call; ``cancel()`` is idempotent and cheap (the event fires and does nothing)."""

    __slots__ = ("_fn", "t_ns")

    def __init__(self, fn: Callable[[], None], t_ns: int) -> None:
        self._fn: Callable[[], None] | None = fn
        self.t_ns = t_ns

    @property
    def pending(self) -> bool:
        return self._fn is not None

    def cancel(self) -> None:
        self._fn = None

    def _fire(self, _event: simpy.Event) -> None:
        fn, self._fn = self._fn, None
        if fn is not None:
            fn()


class Kernel:
    """Virtual time in integer nanoseconds since the Unix epoch.

    Events of one instant run in the order in which they were scheduled, so a seed fixes the whole run.
    """

    def __init__(self, epoch_ns: int) -> None:
        self._env = simpy.Environment(initial_time=epoch_ns)

    @property
    def now_ns(self) -> int:
        return int(self._env.now)

    def after(self, delay_ns: int, fn: Callable[[], None]) -> Call:
        """Call ``fn`` in ``delay_ns`` (an int, 0 or more) from now."""
        call = Call(fn, self.now_ns + delay_ns)
        event = self._env.timeout(delay_ns)
        assert event.callbacks is not None
        event.callbacks.append(call._fire)
        return call

    def at(self, t_ns: int, fn: Callable[[], None]) -> Call:
        """Call ``fn`` at rig time ``t_ns``, or now if that has passed."""
        return self.after(max(0, t_ns - self.now_ns), fn)

    def peek_ns(self) -> int | None:
        """Time of the next event, None when nothing is scheduled."""
        t = self._env.peek()
        return None if t == float("inf") else int(t)

    def step(self) -> None:
        """Run the next event."""
        self._env.step()

    def set_now(self, t_ns: int) -> None:
        """Move an idle clock forward to ``t_ns`` (no event may lie before it)."""
        upcoming = self.peek_ns()
        if upcoming is not None and upcoming < t_ns:
            raise ValueError(f"an event at {upcoming} lies before {t_ns}")
        if t_ns > self.now_ns:
            self._env.run(until=t_ns)
            if upcoming != t_ns and self.peek_ns() == t_ns:
                self._env.step()  # SimPy 4.1.2 leaves the end of a run in its queue: an event that never comes to rest
