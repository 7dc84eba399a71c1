"""How the twin asks its faults: hook by hook, one fault after the other, each answer checked and each change marked.

A fault that raises, or returns what its hook does not allow, is `FaultFailed`: one line that names the fault. The twin
then goes on with the right thing until it ends, so no wrong type travels on and no loop starts. A change that a hook
makes is a *mark*: the positive control that the fault did its wrong thing. Marks leave the twin by its control channel,
which no laboratory has, and no verdict looks at them.
"""

from __future__ import annotations

import inspect
import math
import random
import struct
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from bench.errors import BenchError
from bench.records import NS_PER_S
from bench.twin.faults.fault import Fault, Place, overridden
from bench.unforeseen import one_line

T = TypeVar("T")
Kind: TypeAlias = type | tuple[type, ...]
MOST_ANSWERS: Final = 1000
"""Things that one answer may hold."""
MOST_AT_ONCE: Final = 10_000
"""Calls that a fault may plan for one and the same instant: more is a loop in which time would stand for ever."""
MARKS_KEPT: Final = 20
"""Marks that are told with their time; all are counted."""
LONGEST_S: Final = 366 * 86400.0


class FaultFailed(BenchError):
    """A fault raised, or returned what its hook does not allow."""


@attrs.define
class Context:
    """What all faults of a rig share: its time, and what happens when one of them fails."""

    now_ns: Callable[[], int]
    after_ns: Callable[[int, Callable[[], None]], object]
    broken: Callable[[FaultFailed], None] | None = None
    """Told of a failure, after which the subject goes on as a right one; None: the failure is raised."""

    def failed(self, error: FaultFailed) -> None:
        if self.broken is None:
            raise error
        self.broken(error)


@attrs.define(eq=False)
class Seeded:
    """A fault in its place, and what it did there. ``described``: name, options, class, hash of its source."""

    fault: Fault
    place: Place
    subject: str
    rng: random.Random
    context: Context
    described: Mapping[str, Any] = attrs.field(factory=dict)
    actions: Mapping[str, Callable[..., None]] = attrs.field(factory=dict)
    fired: int = 0
    first: list[tuple[int, str]] = attrs.field(factory=list)
    last_ns: int | None = None
    _instant: tuple[int, int] = (-1, 0)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self.fault, "_seat", self)

    @property
    def title(self) -> str:
        return f"fault '{self.described.get('name', self.fault.name)}' at {self.subject}"

    def told(self) -> dict[str, Any]:
        """What reaches run and report."""
        marks = [{"t_ns": t_ns, "what": what} for t_ns, what in self.first]
        return {**self.described, "fired": self.fired, "last_ns": self.last_ns, "first": marks}

    # What the fault is given (`fault.Seat`)

    def now_ns(self) -> int:
        return self.context.now_ns()

    def mark(self, what: str) -> None:
        self.fired += 1
        self.last_ns = self.now_ns()
        if len(self.first) < MARKS_KEPT:
            self.first.append((self.last_ns, str(what)))

    def after(self, delay_s: float, call: Callable[[], None]) -> None:
        """Plan ``call``; FaultFailed for a delay that is none, and for more calls at one instant than make sense."""
        delay_ns = self._delay_ns("after", delay_s)
        if delay_ns == 0:
            now_ns, count = self.now_ns(), self._instant[1]
            self._instant = (now_ns, count + 1 if now_ns == self._instant[0] else 1)
            if self._instant[1] > MOST_AT_ONCE:
                raise self.failure(f"after(0, ...) was called {MOST_AT_ONCE} times at one instant: time would stand")
        self.context.after_ns(delay_ns, lambda: self._guarded(call))

    def act(self, what: str, *arguments: object) -> None:
        action = self.actions.get(what)
        if action is None:
            raise self.failure(f"{what}() cannot be done at a {self.place}")
        try:
            action(*arguments)
        except (ValueError, TypeError, KeyError) as error:
            raise self.failure(f"{what}{arguments!r}: {one_line(error)}") from error

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except FaultFailed as failed:
            self.context.failed(failed)
        except Exception as error:
            self.context.failed(self.failure(f"a call that it planned raised {one_line(error)}"))

    # What the twin asks with

    def failure(self, what: str) -> FaultFailed:
        return FaultFailed(f"{self.title}: {what}")

    def ask(self, hook: str, *arguments: object) -> Any:
        """The hook's answer; FaultFailed where it raises."""
        try:
            return getattr(self.fault, hook)(*arguments)
        except FaultFailed:
            raise
        except Exception as error:
            raise self.failure(f"{hook} raised {one_line(error)}") from error

    def wrong(self, hook: str, answer: object, expected: str) -> FaultFailed:
        shown = repr(answer)
        return self.failure(f"{hook} returned {shown if len(shown) < 80 else shown[:77] + '...'}; expected {expected}")

    def timed(self, hook: str, answer: object, kind: Kind, allowed: Collection[object]) -> list[tuple[int, Any]]:
        """An ``Answer`` as (delay in ns, thing) pairs."""
        if answer is None:
            return []
        if _fits(answer, kind):
            items: list[object] = [answer]
        elif _is_pair(answer, kind) and not _fits(answer[0], kind):  # type: ignore[index]
            items = [answer]
        elif isinstance(answer, list | tuple) or inspect.isgenerator(answer):
            items = self._listed(hook, answer)
        elif isinstance(answer, set | frozenset) and kind is str:
            items = sorted(answer)
        else:
            raise self.wrong(hook, answer, _expected(kind))
        return [self._item(hook, item, kind, allowed) for item in items]

    def _listed(self, hook: str, answer: Iterable[object]) -> list[object]:
        try:
            items = list(islice(answer, MOST_ANSWERS + 1))
        except Exception as error:  # a generator raises while it is read
            raise self.failure(f"{hook} raised {one_line(error)}") from error
        if len(items) > MOST_ANSWERS:
            raise self.failure(f"{hook} returned more than {MOST_ANSWERS} things")
        return items

    def _item(self, hook: str, item: object, kind: Kind, allowed: Collection[object]) -> tuple[int, Any]:
        delay: object = 0.0
        if not _fits(item, kind) and _is_pair(item, kind):
            delay, item = item  # type: ignore[misc]
        if not _fits(item, kind):
            raise self.wrong(hook, item, _expected(kind))
        if allowed and item not in allowed:
            raise self.wrong(hook, item, f"one of {', '.join(map(str, allowed))}")
        return self._delay_ns(hook, delay), item

    def _delay_ns(self, hook: str, delay_s: object) -> int:
        if not _is_number(delay_s) or not 0 <= float(delay_s) <= LONGEST_S:  # type: ignore[arg-type]
            raise self.wrong(hook, delay_s, "seconds of 0 or more")
        return round(float(delay_s) * NS_PER_S)  # type: ignore[arg-type]


class Hooks:
    """The faults of one subject. Every method gives the right thing back where none of them says otherwise."""

    def __init__(self, seeded: Sequence[Seeded] = ()) -> None:
        self.seeded = tuple(seeded)
        self._by: dict[str, list[Seeded]] = {}
        for one in seeded:
            for hook in overridden(type(one.fault)):
                self._by.setdefault(hook, []).append(one)

    def has(self, hook: str) -> bool:
        """Whether anybody overrides it: what is costly to prepare need not be where nobody does."""
        return hook in self._by

    def blame(self, hook: str, what: str) -> None:
        """What the faults made of a hook cannot be done."""
        self.failed(self._by[hook][-1].failure(f"{hook}: {what}"))

    def failed(self, error: FaultFailed) -> None:
        self.seeded[0].context.failed(error)

    def tried(self, make: Callable[[], T]) -> T | None:
        """What ``make`` gives; None where faults made something of which nothing can be made, and are blamed for it."""
        if not self.seeded:
            return make()
        try:
            return make()
        except (ValueError, TypeError, AttributeError, struct.error) as error:
            self.failed(self.seeded[-1].failure(f"what it gave cannot be sent: {one_line(error)}"))
            return None

    def keeps(self, hook: str, *arguments: object) -> bool:
        """Whether all of them keep it; each one is asked."""
        kept = [self._one(one, hook, True, bool, arguments) for one in self._by.get(hook, ())]
        return all(kept)

    def changed(self, hook: str, right: T, *more: object, kind: Kind) -> T:
        """One thing for another of its kind, one fault after the other."""
        for one in self._by.get(hook, ()):
            right = self._one(one, hook, right, kind, (right, *more))
        return right

    def seconds(self, hook: str, *arguments: object, low: float = 0.0, high: float = LONGEST_S) -> float:
        """The sum of what they say, each within ``low..high``."""
        total = 0.0
        for one in self._by.get(hook, ()):
            said = float(self._one(one, hook, 0.0, float, arguments))
            if not low <= said <= high:
                self.failed(one.wrong(hook, said, f"seconds of {low:g} to {high:g}"))
                said = 0.0
            total += said
        return total

    def several(
        self, hook: str, right: T, *more: object, kind: Kind, allowed: Collection[object] = ()
    ) -> list[tuple[int, T]]:
        """What becomes of one thing: (delay in ns, thing) pairs, none where it is lost."""
        return self.all_of(hook, (right,), *more, kind=kind, allowed=allowed, each=True)

    def all_of(
        self,
        hook: str,
        right: Sequence[T],
        *more: object,
        kind: Kind,
        allowed: Collection[object] = (),
        each: bool = False,
    ) -> list[tuple[int, T]]:
        """What becomes of several things: the hook is asked with all of them, last (``each``: by itself, first)."""
        found: list[tuple[int, T]] = [(0, thing) for thing in right]
        for one in self._by.get(hook, ()):
            if each:
                found = [
                    (before + delay, thing)
                    for before, asked in found
                    for delay, thing in self._timed(one, hook, [(0, asked)], (asked, *more), kind, allowed)
                ]
            else:
                now = tuple(thing for _, thing in found)
                found = self._timed(one, hook, found, (*more, now), kind, allowed)
        return found

    def plain(self, hook: str, right: tuple[T, ...], *more: object, kind: Kind) -> tuple[T, ...]:
        """Like ``all_of``, where time does not matter; the things stand last among the arguments."""
        for one in self._by.get(hook, ()):
            answer = self._timed(one, hook, [(0, thing) for thing in right], (*more, right), kind, ())
            right = tuple(thing for _, thing in answer)
        return right

    def words(self, hook: str, allowed: Collection[str], *arguments: object) -> list[str]:
        """All words that they say."""
        found: list[str] = []
        for one in self._by.get(hook, ()):
            found += [str(word) for _, word in self._timed(one, hook, [], arguments, str, allowed)]
        return found

    def carried(self, hook: str, *arguments: object) -> float | None:
        """The sum of delays, None where one of them loses it."""
        total: float | None = 0.0
        for one in self._by.get(hook, ()):
            said = self._one(one, hook, 0.0, (float, int, type(None)), arguments)
            if said is not None and not 0 <= said <= LONGEST_S:
                self.failed(one.wrong(hook, said, "seconds of 0 or more, or None"))
                said = 0.0
            total = None if total is None or said is None else total + said
        return total

    def tell(self, hook: str) -> None:
        """Nothing is asked, only told."""
        for one in self._by.get(hook, ()):
            try:
                one.ask(hook)
            except FaultFailed as error:
                self.failed(error)

    def _one(self, one: Seeded, hook: str, right: Any, kind: Kind, arguments: tuple[object, ...]) -> Any:
        before = one.fired
        try:
            answer = one.ask(hook, *arguments)
            if not _fits(answer, kind):
                raise one.wrong(hook, answer, _expected(kind))
        except FaultFailed as error:
            self.failed(error)
            return right
        if answer != right and one.fired == before:
            one.mark(hook)
        return answer

    def _timed(
        self,
        one: Seeded,
        hook: str,
        right: list[tuple[int, Any]],
        arguments: tuple[object, ...],
        kind: Kind,
        allowed: Collection[object],
    ) -> list[tuple[int, Any]]:
        before = one.fired
        try:
            answer = one.timed(hook, one.ask(hook, *arguments), kind, allowed)
        except FaultFailed as error:
            self.failed(error)
            return right
        if answer != right and one.fired == before:
            one.mark(hook)
        return answer


NO_FAULTS: Final = Hooks()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _fits(value: object, kind: Kind) -> bool:
    if kind is float:
        return _is_number(value)
    if isinstance(value, bool) and kind is not bool:
        return False
    return isinstance(value, kind)


def _is_pair(value: object, kind: Kind) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and _is_number(value[0]) and _fits(value[1], kind)


def _expected(kind: Kind) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    names = " or ".join("a number" if one is float else "None" if one is type(None) else one.__name__ for one in kinds)
    return names if len(kinds) < 4 else "a message"
