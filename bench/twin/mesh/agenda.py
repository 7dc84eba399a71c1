"""A node's own view of the kernel: everything it planned dies with its power."""

from __future__ import annotations

from collections.abc import Callable

from bench.twin.core.kernel import Call, Kernel


class Agenda:
    """Schedules like :class:`Kernel`; ``clear`` makes every call planned so far do nothing."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._generation = 0

    @property
    def now_ns(self) -> int:
        return self._kernel.now_ns

    def after(self, delay_ns: int, fn: Callable[[], None]) -> Call:
        """Call ``fn`` in ``delay_ns`` unless :meth:`clear` comes first."""
        generation = self._generation

        def run() -> None:
            if generation == self._generation:
                fn()

        return self._kernel.after(delay_ns, run)

    def clear(self) -> None:
        self._generation += 1
