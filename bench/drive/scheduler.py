"""Episodes are generators that yield waits; one scheduler on the driving thread runs several of them at once.

A generator drives its stimuli and yields a :class:`Wait`: let time pass until a condition is met or a deadline comes
(inclusive). It is resumed with True when the condition was met. The scheduler moves the clock to the nearest deadline
of all tasks, with the union of the ports that their conditions need to be woken by, so that long observations of
disjoint samples overlap (design section 7). Order is fixed: tasks are resumed in the order in which they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TypeAlias

import attrs

from bench.drive.clock import Clock, Condition
from bench.records import Json, Observation


class Seen:
    """A condition: an observation of this kind, subject and content has arrived.

    ``ports`` are the device-stamped ports that must wake the bench for it (design section 3, rule 1); host-stamped
    ports always do. ``observation`` is the first one that matched, None until then.
    """

    def __init__(
        self,
        kind: str,
        subject: str | None = None,
        where: Callable[[Mapping[str, Json]], bool] | None = None,
        ports: frozenset[str] = frozenset(),
    ) -> None:
        self.kind, self.subject, self.ports = kind, subject, ports
        self._where = where
        self.observation: Observation | None = None

    @property
    def met(self) -> bool:
        return self.observation is not None

    def feed(self, observation: Observation) -> None:
        if self.met or observation.kind != self.kind:
            return
        if self.subject is not None and observation.subject != self.subject:
            return
        if self._where is None or self._where(observation.data):
            self.observation = observation


class AllOf:
    """A condition that is met when all its parts are."""

    def __init__(self, *parts: Condition) -> None:
        self.parts = parts
        self.ports: frozenset[str] = frozenset().union(*(part.ports for part in parts))

    @property
    def met(self) -> bool:
        return all(part.met for part in self.parts)

    def feed(self, observation: Observation) -> None:
        for part in self.parts:
            part.feed(observation)


class AnyOf:
    """A condition that is met when one of its parts is."""

    def __init__(self, *parts: Condition) -> None:
        self.parts = parts
        self.ports: frozenset[str] = frozenset().union(*(part.ports for part in parts))

    @property
    def met(self) -> bool:
        return any(part.met for part in self.parts)

    def feed(self, observation: Observation) -> None:
        for part in self.parts:
            part.feed(observation)


@attrs.frozen(slots=True)
class Wait:
    """Let time pass until ``condition`` is met, at the latest until ``deadline_ns`` (rig time, inclusive).

    ``what`` says to people what is awaited, where the condition does not.
    """

    deadline_ns: int
    condition: Condition | None = None
    what: str = ""


Task: TypeAlias = Generator[Wait, bool, None]


class _Running:
    """One task and the wait that it stands at."""

    def __init__(self, task: Task, background: bool) -> None:
        self.task, self.background = task, background
        self.wait: Wait | None = None
        self.advance(None)

    def advance(self, met: bool | None) -> None:
        try:
            self.wait = next(self.task) if met is None else self.task.send(met)
        except StopIteration:
            self.wait = None

    def due(self, now_ns: int) -> bool | None:
        """True: condition met. False: deadline reached. None: go on waiting."""
        assert self.wait is not None
        if self.wait.condition is not None and self.wait.condition.met:
            return True
        return False if now_ns >= self.wait.deadline_ns else None


def run_tasks(
    clock: Clock,
    tasks: Sequence[Task],
    background: Sequence[Task] = (),
    between: Callable[[Sequence[Wait]], None] = lambda _waits: None,
    after: Callable[[], None] = lambda: None,
) -> None:
    """Run ``tasks`` to their ends, with ``background`` tasks beside them that are closed afterwards.

    ``between`` is called before each step of the clock, with what is waited for (the tasks' own first): commits,
    progress and aborts live there. ``after`` is called behind each step, before a task hears that a deadline has come:
    what voids what happened meanwhile is found there.
    Whatever a task raises goes to the caller, after all tasks were closed.
    """
    running: list[_Running] = []
    try:
        running += [_Running(task, False) for task in tasks]
        running += [_Running(task, True) for task in background]
        while any(r.wait is not None and not r.background for r in running):
            _resume_due(running, clock)
            waits = [r.wait for r in running if r.wait is not None]
            if not any(r.wait is not None and not r.background for r in running):
                return
            between(waits)
            wake: frozenset[str] = frozenset().union(*(w.condition.ports for w in waits if w.condition is not None))
            clock.step(min(w.deadline_ns for w in waits), wake)
            after()
    finally:
        for r in running:
            r.task.close()


def _resume_due(running: Sequence[_Running], clock: Clock) -> None:
    """Resume every task that is due, again until none is: one task's stimulus may meet another's condition."""
    progressed = True
    # Without the second look a task whose condition was just met would sleep until the clock stops for somebody else.
    while progressed:
        progressed = False
        for r in running:
            if r.wait is None:
                continue
            met = r.due(clock.now_ns())
            if met is not None:
                r.advance(met)
                progressed = True
